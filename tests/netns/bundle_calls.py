# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio and video on one port (BUNDLE): bundled with SRTP to ports of their own, bundled to bundled, and offered
by the box; told apart by MID and by payload type, feedback finds its line, in every restart of a program."""
import re
import struct

from limenlab import boxconf, net, srtp
from limenlab.proc import wait_for
from limenlab.rtpcase import NUMBER, start
from limenlab.ua import hang_up

SUITE = "AES_CM_128_HMAC_SHA1_80"
URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
KINDS = ("audio", "video")
PT = {"audio": 8, "video": 96}
MID = {"audio": "one", "video": "2"}


class End:
    """A far end with audio and video: on one socket, or on one each."""

    def __init__(self, t, ua, ns, bundled, first_ssrc, suite=None):
        self.t, self.ua, self.bundled, self.suite = t, ua, bundled, suite
        ports = {"audio": ua.media_port, "video": ua.media_port + (0 if bundled else 20)}
        self.ports, self.sock, self.to = ports, {}, {}
        for kind in KINDS:
            shared = bundled and kind == "video"
            self.sock[kind] = self.sock["audio"] if shared else net.udp_socket(ns, ua.local, ports[kind])
            self.sock[kind].settimeout(0.05)
            t._cleanup.append(self.sock[kind].close)
        self.ssrc = {kind: first_ssrc + i for i, kind in enumerate(KINDS)}
        self.seq = {"audio": 65533, "video": 7}
        self.key = suite and srtp.new_key(suite)
        self.tx, self.rx = suite and srtp.Context(suite, self.key, True), None

    def describe(self, crypto=(), mids=None, only=False):
        """only: an offer whose second line is bundle-only (RFC 9143 6)."""
        proto = "RTP/SAVP" if self.suite else "RTP/AVP"
        kind = "IP6" if ":" in self.ua.local else "IP4"
        lines = ["v=0", f"o=- 1 1 IN {kind} {self.ua.local}", "s=-", f"c=IN {kind} {self.ua.local}", "t=0 0"]
        mids = mids or MID
        if self.bundled:
            lines.append("a=group:BUNDLE " + " ".join(mids[k] for k in KINDS))
        for k in KINDS:
            alone = only and k == "video"
            lines.append(f"m={k} {0 if alone else self.ports[k]} {proto} {PT[k]}")
            lines += ["a=rtpmap:96 VP8/90000"] if k == "video" else []
            if self.bundled:
                lines += [f"a=mid:{mids[k]}", "a=rtcp-mux", f"a=extmap:5 {URI}"] + (["a=bundle-only"] if alone else [])
            if self.suite and (not self.bundled or k == "audio"):
                lines += crypto
        return "\r\n".join(lines) + "\r\n"

    def learn(self, message, shared):
        """Where the box takes each line."""
        text = message.body.decode()
        found = {k: int(p) for k, p in re.findall(r"^m=(audio|video) (\d+) ", text, re.M)}
        addr = re.search(r"^c=IN IP\d (\S+)", text, re.M).group(1)
        self.to = {k: (addr, found[k]) for k in KINDS}
        self.t.equal(found["audio"] == found["video"], shared, f"one port for both in\n{text}")
        self.t.equal("a=group:BUNDLE" in text, shared, f"a group in\n{text}")
        self.t.equal(text.count("a=crypto"), 0 if not self.suite else 1 if shared else 2, f"a=crypto in\n{text}")
        if self.suite:
            (_, suite, key), *_ = srtp.crypto_lines(message.body)
            self.rx = srtp.Context(suite, key, False)

    def rtp(self, kind, mid=False):
        self.seq[kind] = (self.seq[kind] + 1) & 0xffff
        ext = b""
        if mid:
            value = MID[kind].encode()
            ext = bytes([0x50 | (len(value) - 1)]) + value
            ext = struct.pack("!HH", 0xbede, (len(ext) + 3) // 4) + ext.ljust((len(ext) + 3) // 4 * 4, b"\0")
        head = struct.pack("!BBHII", 0x90 if mid else 0x80, PT[kind], self.seq[kind], 160 * self.seq[kind], self.ssrc[kind])
        return head + ext + kind.encode() * 16

    def send(self, kind, plain):
        self.sock[kind].sendto(self.tx.seal(plain) if self.suite else plain, self.to[kind])

    def hear(self, kind):
        try:
            data = self.sock[kind].recv(2048)
        except TimeoutError:
            return None
        return self.rx.open(data) if self.suite else data


def pli(sender, media):
    return struct.pack("!BBHI", 0x80, 201, 1, sender) + struct.pack("!BBHII", 0x81, 206, 2, sender, media)


def talk(t, a, b, mid=False):
    """Each line, both ways; the first packets may go while the box looks for the way."""
    for frm, to in ((a, b), (b, a)):
        for kind in KINDS:
            def through(frm=frm, to=to, kind=kind):
                plain = frm.rtp(kind, mid and frm.bundled)
                frm.send(kind, plain)
                return to.hear(kind) == plain
            wait_for(f"{kind} should pass", through, 8)
            for _ in range(3):
                t.check(through(), f"{kind} has stopped passing")


def feedback(t, a, b):
    """What a asks of b's video arrives where that is."""
    sock = b.sock["video"]
    if not b.bundled:
        sock = net.udp_socket(t.net.peering, b.ua.local, b.ports["video"] + 1)
        t._cleanup.append(sock.close)
    sock.settimeout(0.05)

    def arrives():
        a.send("video", pli(a.ssrc["audio"], b.ssrc["video"]))
        try:
            return sock.recv(2048)[-4:] == struct.pack("!I", b.ssrc["video"])
        except TimeoutError:
            return False
    wait_for("feedback should find the video", arrives, 8)


def set_up(a_end, b_end, offer, answer):
    """answer: of the INVITE that arrives."""
    a = a_end.ua.call(NUMBER, body=offer)
    b = b_end.ua.answer_to()
    b.ok(b.invite, body=answer(b.invite))
    ok = a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    a_end.learn(ok, a_end.bundled)
    return a, b


def run(t):
    c = boxconf.standard()
    boxconf.find(c["realms"], name="access")["srtp"] = "prefer"
    boxconf.find(c["realms"], name="peering")["media_bundle"] = "offer"
    box, phone, carrier = start(t, c)
    bundled_to_separate(t, box, phone, carrier)
    bundled_to_bundled(t, box, phone, carrier)
    offered(t, phone, carrier)
    drops = {row["reason"]: row["packets"] for row in box.json("show media drops")}
    t.check(drops.get("bundle", 0) >= 1, f"what is of no line was not counted: {drops}")
    box.wait_records(3)


def bundled_to_separate(t, box, phone, carrier):
    a = End(t, phone, t.net.access, True, 0xa1, SUITE)
    b = End(t, carrier, t.net.peering, False, 0xb1)
    offer = a.describe([srtp.crypto_line(1, SUITE, a.key)], only=True)

    def answer(invite):
        text = invite.body.decode()
        t.check("a=group:BUNDLE one 2" in text and "m=video 0 " not in text, f"what the carrier is offered:\n{text}")
        b.to = {k: (net.BOX_B4, int(re.search(rf"^m={k} (\d+)", text, re.M).group(1))) for k in KINDS}
        t.check(b.to["audio"] != b.to["video"], f"one port for both lines in an offer:\n{text}")
        return b.describe()
    dialogs = set_up(a, b, offer, answer)
    talk(t, a, b, mid=True)
    talk(t, a, b)
    feedback(t, a, b)
    for name in ("limen-dataplane", "limen-control"):
        old = box.kill(name)
        box.wait_restarted(name, old)
        t.wait_active()  # limen-control knows the call (again)
        talk(t, a, b)
    stranger = struct.pack("!BBHII", 0x80, 97, 1, 1, 0x99) + b"nobody's"
    a.send("audio", stranger)
    hang_up(*dialogs)


def bundled_to_bundled(t, box, phone, carrier):
    a, b = End(t, phone, t.net.access, True, 0xa3, SUITE), End(t, carrier, t.net.peering, True, 0xb3)

    def answer(invite):
        text = invite.body.decode()
        t.equal(text.count(f"a=extmap:5 {URI}"), 2, f"MIDs in\n{text}")
        return b.describe()
    crypto = [srtp.crypto_line(1, SUITE, a.key)]
    dialogs = set_up(a, b, a.describe(crypto), answer)
    # RFC 9143 7.3: the port of the first line is that of both
    b.to = {k: (net.BOX_B4, int(re.search(r"^m=audio (\d+)", dialogs[1].invite.body.decode(), re.M).group(1))) for k in KINDS}
    talk(t, a, b, mid=True)
    feedback(t, a, b)
    old = box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    t.wait_active()
    talk(t, a, b)
    # A re-INVITE changes nothing of it.
    dialogs[0].send_invite(body=a.describe(crypto))
    again = dialogs[1].expect("INVITE")
    t.check(again.body.decode().count("m=video " + str(b.to["video"][1]) + " ") == 1, f"another port:\n{again.body.decode()}")
    dialogs[1].ok(again, body=b.describe())
    ok = dialogs[0].expect((200, "INVITE"))
    dialogs[0].ack()
    dialogs[1].expect("ACK")
    t.equal((ok.body.decode().count("a=crypto"), ok.body.decode().count(f" {a.to['audio'][1]} RTP/SAVP ")), (1, 2),
            f"keys and ports of\n{ok.body.decode()}")
    talk(t, a, b)
    hang_up(*reversed(dialogs))


def offered(t, phone, carrier):
    a, b = End(t, phone, t.net.access, False, 0xa5), End(t, carrier, t.net.peering, True, 0xb5)

    def answer(invite):
        text = invite.body.decode()
        mids = dict(re.findall(r"^m=(audio|video) .*?^a=mid:(\S+)", text, re.M | re.S))
        b.to = {k: (net.BOX_B4, int(re.search(r"^m=audio (\d+)", text, re.M).group(1))) for k in KINDS}
        return re.sub(r"a=extmap.*\r\n", "", b.describe(mids=mids))
    dialogs = set_up(a, b, a.describe(), answer)
    talk(t, a, b)
    hang_up(*dialogs)
