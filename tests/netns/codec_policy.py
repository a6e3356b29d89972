# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls whose ends share no codec: a G.711 talker with an Opus phone that wants SRTP and with a G.722
phone (baresip), heard on both sides, with DTMF across, held and resumed, while limen-sip and then
limen-dataplane are killed. Then what each side is offered and told: filters, order,
other codecs by re-INVITE, late offers, forks, and refusals in words."""
import glob
import os
import re
import select
import struct
import threading
import time

from limenlab import audio, boxconf, net, sound
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import rtp_bytes
from limenlab.sipcase import counters
from limenlab.ua import Endpoint, box_media, hang_up

SECONDS = 30.0
PTIME_S = 0.02
SSRC = 0xc0dec000
#          number, trunk, codec of the phone, its modules and rate, its keys
PHONES = (("+49310555", "secure", "opus/48000/1", ("opus",), 48000, "srtp-mand"),
          ("+49320555", "wide", "G722/16000/1", ("g722",), 16000, None))
NAMES = ("opus", "G722")
ALAW = ["a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=ptime:20"]


def conf():
    c = boxconf.standard()
    c["voice_codecs"] = [{"tag": 1, "codec": ["1 opus", "2 g722-64", "3 g711ulaw"]},
                         {"tag": 2, "codec": ["1 g711alaw"]},
                         {"tag": 3, "codec": ["2 g711ulaw", "5 g729br8"], "packet_ms": 40},
                         {"tag": 4, "codec": ["1 opus"]}]
    boxconf.find(c["realms"], name="peering")["voice_codec"] = 1
    c["trunks"] += [boxconf.trunk("secure", f"ipv4:{net.CARRIER4}:5072", srtp="require"),
                    boxconf.trunk("wide", f"ipv4:{net.CARRIER4}:5074"),
                    boxconf.trunk("far", f"ipv4:{net.CARRIER4}:5080", voice_codec=3),
                    boxconf.trunk("strict", f"ipv4:{net.CARRIER4}:5082", voice_codec=2, transcoding="never"),
                    boxconf.trunk("opus-only", f"ipv4:{net.CARRIER4}:5084", voice_codec=4, transcoding="never")]
    c["dial_peers"] += [boxconf.peer(310, "+49310T", "secure"), boxconf.peer(320, "+49320T", "wide"),
                        boxconf.peer(330, "+49330T", "far"), boxconf.peer(340, "+49340T", "strict"),
                        boxconf.peer(350, "+49350T", "opus-only")]
    return c


def body(ua, formats, lines, direction="sendrecv", port=None):
    return "\r\n".join(["v=0", f"o=- 1 {next(body.version)} IN IP4 {ua.local}", "s=-", f"c=IN IP4 {ua.local}", "t=0 0",
                        f"m=audio {ua.media_port if port is None else port} RTP/AVP {formats}", *lines, f"a={direction}", ""])


body.version = iter(range(1, 10000))


def audio_line(message):
    """(formats, {payload type: rtpmap}) of the first m= line."""
    lines = message.body.replace("\r\n", "\n").split("\n") if isinstance(message.body, str) else \
        message.body.decode().replace("\r\n", "\n").split("\n")
    m = next(line for line in lines if line.startswith("m=audio"))
    maps = dict(line[9:].split(" ", 1) for line in lines if line.startswith("a=rtpmap:"))
    return [f for f in m.split()[3:]], maps, lines


class Talker(threading.Thread):
    """Says G.711 A-law to the box and keeps what comes back; dtmf() puts an event in between."""

    def __init__(self, t, ua, to, said):
        super().__init__(daemon=True)
        self.sock, self.to, self.said = net.udp_socket(t.net.access, ua.local, ua.media_port), to, said
        t._cleanup += [self.sock.close, self.stop]
        self.heard, self.over, self.event, self.digits = [], threading.Event(), None, 0
        self.ssrc = SSRC + ua.media_port
        self.start()

    def run(self):
        start, n, seq = time.monotonic(), 0, 700
        while not self.over.is_set():
            if self.event is None:
                self.sock.sendto(rtp_bytes(seq, 160 * n, self.ssrc, self.said[n % len(self.said)]), self.to)
            else:
                digit, first, left = self.event
                payload = struct.pack("!BBH", digit, 10 | (0x80 if left <= 3 else 0), 160 * (min(n, first + 5) - first + 1))
                self.sock.sendto(rtp_bytes(seq, 160 * first, self.ssrc, payload, pt=101, marker=n == first), self.to)
                self.event = (digit, first, left - 1) if left > 1 else None
            n, seq = n + 1, seq + 1
            due = start + n * PTIME_S
            while (left := due - time.monotonic()) > 0:
                if select.select([self.sock], [], [], left)[0]:
                    self.heard.append((time.monotonic(), self.sock.recv(2048)))
            if self.digits:
                self.event, self.digits = (self.digits, n, 8), 0

    def stop(self):
        self.over.set()
        if self.is_alive():
            self.join()

    def voice(self, since=0.0):
        """The samples heard since then, and all payload types."""
        packets = [(p[1] & 0x7f, p[12:]) for at, p in list(self.heard) if at >= since]
        return sound.alaw_samples(b"".join(d for pt, d in packets if pt == 8)), {pt for pt, _ in packets}


def run(t):
    box = t.box(conf())
    t.capture()
    talk(t, box)
    offers(t, box)


# ---- audio ----

def talk(t, box):
    said = audio.talk(6.0, 205.0, 23)
    frames = [bytes(audio.alaw(s) for s in said[i:i + 160]) for i in range(0, len(said), 160)]
    callers, phones = [], []
    for n, (number, _, codecs, modules, rate, keys) in enumerate(PHONES):
        dump = os.path.join(t.dir, f"heard-{n}")
        os.makedirs(dump)
        phones.append(t.baresip("peering", net.CARRIER4, port=(5072, 5074)[n], control=4450 + n, answer="auto",
                                user=number, codecs=codecs, modules=(*modules, "sndfile"), rate_hz=rate, mediaenc=keys,
                                seconds=SECONDS, config=(f"snd_path {dump}", "opus_stereo no", "opus_sprop_stereo no")))
    for n, (number, *_) in enumerate(PHONES):
        ua = Endpoint(t, "access", net.PHONE4, 5090 + 2 * n)
        a = ua.call(number, body=body(ua, "8 101", ALAW))
        ok = a.expect((200, "INVITE"), timeout_s=10)
        t.equal(audio_line(ok)[0], ["8", "101"], f"answer to the caller of {number}")
        a.ack()
        callers.append((ua, a, Talker(t, ua, box_media(ok), frames)))
    sleep_while_talking(1.3)
    shown(t, box)
    for _, _, talker in callers:
        talker.digits = 5
    old = box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    for ua, a, talker in callers:
        wait_for("the digit to be sent", lambda talker=talker: not talker.event and not talker.digits)
        hold(t, ua, a)
    back(t, callers, time.monotonic(), "after the hold")
    old = box.kill("limen-dataplane")
    box.wait_restarted("limen-dataplane", old)
    back(t, callers, time.monotonic(), "after the data plane came back")
    resumed = time.monotonic()
    spoken = sound.envelope(audio.talk(16.0, 160.0, 37))
    sleep_while_talking(1.5)
    for n, (ua, a, talker) in enumerate(callers):
        talker.stop()
        heard_here(t, n, talker, resumed, spoken)
        a.bye()
        a.expect((200, "BYE"))
    for n, phone in enumerate(phones):
        heard_there(t, n, os.path.join(t.dir, f"heard-{n}"), said)
        received(t, n, phone)
    digits(t)
    records(t, box)


def shown(t, box):
    rows = {c["legs"][1]["trunk"]: c for c in t.wait_active(2)}
    for (_, trunk, *_), name in zip(PHONES, NAMES):
        row = rows[trunk]
        t.equal([leg["codec"] for leg in row["legs"]], ["PCMA", name], f"codecs of the call to {trunk}")
        t.equal(row["transcoded"], True, f"the call to {trunk} is transcoded")
    t.equal(box.cli("show call active voice brief").count("Transcoded: Yes"), 4, "legs shown as transcoded")
    t.check(rows["secure"]["legs"][1]["srtp"] != "off", "the leg to the trunk secure is not encrypted")
    cores = box.json("show platform")["media_cores"]
    t.equal(sum(core["streams"] for core in cores), 4, "directions on media cores")


def hold(t, ua, a):
    """The caller holds and comes back, as if nothing had happened to the box meanwhile."""
    for direction, answer in (("sendonly", "recvonly"), ("sendrecv", "sendrecv")):
        a.send_invite(body=body(ua, "8 101", ALAW, direction))
        ok = a.expect((200, "INVITE"))
        formats, _, lines = audio_line(ok)
        t.equal((formats, f"a={answer}" in lines), (["8", "101"], True), f"answer to {direction}")
        a.ack()


def back(t, callers, since, when):
    wait_for(f"everybody to be heard {when}", lambda: all(
        len([1 for at, p in list(talker.heard) if at > since and p[1] & 0x7f == 8]) > 20 for *_, talker in callers), 10)


def note(t, text):
    with open(os.path.join(t.dir, "figures.txt"), "a") as f:
        f.write(text + "\n")


def likest(heard, spoken):
    """The part of 1.1 s that is most like what was spoken at some time: a busy machine leaves gaps in the rest."""
    parts = [heard[k:k + 110] for k in range(0, max(1, len(heard) - 109), 30)]
    return max(sound.alike(part, spoken, 10 * len(spoken)) for part in parts if len(part) == 110)


def heard_here(t, n, talker, since, spoken):
    """What the phone says, in G.711; of its voice file it may be at any place."""
    samples, types = talker.voice(since)
    t.check(types <= {8}, f"payload types to the caller of {PHONES[n][0]}: {types}")
    best = likest(sound.envelope(samples), spoken[150:1500])
    note(t, f"{PHONES[n][1]}, heard by the caller: likeness {best[0]:.3f}, loudness {1 / max(best[2], 0.01):.2f}")
    t.check(best[0] > 0.92, f"what the caller of {PHONES[n][0]} heard is {best[0]:.3f} like what was said")


def heard_there(t, n, dump, said):
    """What the phone heard until it was held: it writes that much."""
    files = wait_for("baresip should have written what it heard", lambda: glob.glob(os.path.join(dump, "*dec.wav")))
    samples, rate = sound.wav_samples(files[0])
    best = likest(sound.envelope(samples, rate), sound.envelope(said)[:250])
    note(t, f"{PHONES[n][1]}, heard by the phone: likeness {best[0]:.3f}, loudness {1 / max(best[2], 0.01):.2f}")
    t.check(best[0] > 0.92, f"what the phone of {PHONES[n][0]} heard is {best[0]:.3f} like what was said")


def received(t, n, phone):
    """It counts what it could open and read, also after the data plane was another one."""
    def figure():
        with open(phone.proc.log_path, errors="replace") as f:
            return re.search(r"^packets:\s+\d+\s+(\d+)", f.read(), re.M)
    found = int(wait_for("the phone's figures of the call", figure).group(1))
    note(t, f"{PHONES[n][1]}, received by the phone: {found} packets")
    t.check(found > 150, f"the phone of {PHONES[n][0]} received {found} packets")


def digits(t):
    """The digit arrived as an event at the phone without SRTP."""
    _, far = t.packets()
    events = [p for p in far if p.src == net.BOX_B4 and len(p.payload) == 16 and p.payload[1] & 0x7f in range(96, 128)
              and p.payload[12] == 5]
    ends = {p.dport for p in events if p.payload[13] & 0x80}
    t.equal(len(ends), 1, f"phones without SRTP that got the whole digit (of {len(events)} event packets)")


def records(t, box):
    rows = {r["legs"][1]["trunk"]: r for r in box.wait_records(2)}
    for (_, trunk, *_), name in zip(PHONES, NAMES):
        r = rows[trunk]
        t.equal(([leg["codec"] for leg in r["legs"]], r["transcoded"], r["sip_status"]), (["PCMA", name], True, 200),
                f"record of the call to {trunk}")


# ---- what is offered and told ----

def offers(t, box):
    phone = Endpoint(t, "access", net.PHONE4, 5098)
    far, strict, opus = (Endpoint(t, "peering", net.CARRIER4, port) for port in (5080, 5082, 5084))
    for step, ua in ((by_class, far), (changes, far), (late, far), (fork, far), (no_audio_codec, far), (strictly, strict),
                     (never, opus)):
        step(t, phone, ua)
    wait_for("the counter of refusals", lambda: counters(box)["codec_refused"] == 3)
    reasons = [r["reason"] for r in box.wait_records(9)[2:]]
    t.check("a side does not allow transcoding" in reasons[-1], f"reason of the last record: {reasons[-1]}")
    for ua in (phone, far, strict, opus):
        ua.nothing_left()


def by_class(t, phone, far):
    """Filtered, ordered, and what could be made at the end; the table does PCMA to PCMU."""
    a = phone.call("+49330555", body=body(phone, "9 8 97 101", [*ALAW, "a=rtpmap:97 iLBC/8000", "a=fmtp:97 mode=30"]))
    b = far.answer_to()
    formats, maps, lines = audio_line(b.invite)
    t.equal(formats, ["0", "18", "101"], "formats offered")
    t.check("a=ptime:40" in lines and "a=fmtp:18 annexb=yes" in lines, f"lines of the offer: {lines}")
    t.check(maps.get("18") == "G729/8000" and "97" not in maps, f"rtpmap lines of the offer: {maps}")
    b.ok(b.invite, body=body(far, "0 101", ["a=rtpmap:101 telephone-event/8000"]))
    ok = a.expect((200, "INVITE"))
    t.equal(audio_line(ok)[0], ["9", "101"], "answer to the caller")
    a.ack()
    b.expect("ACK")
    hang_up(a, b)


def changes(t, phone, far):
    """From a codec that both have to one that only one has, by a re-INVITE of either side, and back."""
    pcmu = ["a=rtpmap:101 telephone-event/8000"]
    a = phone.call("+49330555", body=body(phone, "0 8 101", ALAW))
    b = far.answer_to()
    t.equal(audio_line(b.invite)[0], ["0", "18", "101"], "formats offered")
    b.ok(b.invite, body=body(far, "0 101", pcmu))
    t.equal(audio_line(a.expect((200, "INVITE")))[0], ["0", "101"], "relayed")
    a.ack()
    b.expect("ACK")
    t.equal(transcoded(t), [False], "transcoded")
    b.send_invite(body=body(far, "18 101", ["a=rtpmap:18 G729/8000", "a=fmtp:18 annexb=no", *pcmu]))
    again = a.expect("INVITE")
    formats, maps, _ = audio_line(again)
    t.equal(formats, ["18", "0", "8", "101"], "formats offered to the caller in mid-call")
    a.ok(again, body=body(phone, "8 101", ALAW))
    formats, _, lines = audio_line(b.expect((200, "INVITE")))
    t.equal((formats, "a=fmtp:18 annexb=no" in lines), (["18", "101"], True), "answer to the far end")
    b.ack()
    a.expect("ACK")
    t.equal(transcoded(t), [True], "transcoded")
    a.send_invite(body=body(phone, "0", []))
    again = b.expect("INVITE")
    t.equal(audio_line(again)[0][0], "0", "first format offered to the far end")
    b.ok(again, body=body(far, "0", []))
    t.equal(audio_line(a.expect((200, "INVITE")))[0], ["0"], "relayed again")
    a.ack()
    b.expect("ACK")
    t.equal(transcoded(t), [False], "transcoded")
    a.send_invite(body=body(phone, "97", ["a=rtpmap:97 iLBC/8000"]))
    refused = a.expect(488)
    t.check("305 limen" in (refused.get("warning") or ""), f"Warning of the refusal: {refused.get('warning')}")
    a.ack(message=refused)
    hang_up(b, a)


def transcoded(t):
    return [c["transcoded"] for c in t.the_box.active_calls()]


def late(t, phone, far):
    """The far end offers in its 200, in a codec that the caller does not have."""
    a = phone.call("+49330555", body=None)
    b = far.answer_to()
    b.ok(b.invite, body=body(far, "18", ["a=rtpmap:18 G729/8000"]))
    ok = a.expect((200, "INVITE"))
    t.equal(audio_line(ok)[0], ["18"], "formats of the offer in the 200")
    a.ack(body=body(phone, "18", ["a=rtpmap:18 G729/8000"]))
    b.expect("ACK")
    hang_up(a, b)


def fork(t, phone, far):
    """Two early answers, one to be relayed and one to be transcoded; a third answer counts."""
    a = phone.call("+49330555", body=body(phone, "0 101", ["a=rtpmap:101 telephone-event/8000"]))
    b = far.answer_to()
    g729 = ["a=rtpmap:18 G729/8000"]
    b.reply(b.invite, 183, "Session Progress", body=body(far, "18", g729), tag="one")
    t.equal(audio_line(a.expect(183))[0], ["0"], "early answer, transcoded")
    b.reply(b.invite, 183, "Session Progress", body=body(far, "0", []), tag="two")
    t.equal(audio_line(a.expect(183))[0], ["0"], "early answer, relayed")
    b.ok(b.invite, body=body(far, "18", g729), tag="one")
    b.tag = "one"
    b.local = f"{b.invite.get('to')};tag=one"
    t.equal(audio_line(a.expect((200, "INVITE")))[0], ["0"], "answer")
    a.ack()
    b.expect("ACK")
    t.equal(transcoded(t), [True], "transcoded")
    hang_up(a, b)


def no_audio_codec(t, phone, far):
    """A codec that can neither pass nor be decoded."""
    a = phone.call("+49330555", body=body(phone, "97", ["a=rtpmap:97 iLBC/8000"]))
    refused = a.expect(488)
    t.check("305 limen" in (refused.get("warning") or ""), f"Warning of the refusal: {refused.get('warning')}")
    a.ack(message=refused)


def strictly(t, phone, strict):
    """Never: only what both have."""
    a = phone.call("+49340555", body=body(phone, "0 8", ALAW))
    b = strict.answer_to()
    t.equal(audio_line(b.invite)[0], ["8"], "formats offered")
    b.ok(b.invite, body=body(strict, "8", []))
    t.equal(audio_line(a.expect((200, "INVITE")))[0], ["8"], "answer")
    a.ack()
    b.expect("ACK")
    hang_up(a, b)


def never(t, phone, opus):
    a = phone.call("+49350555", body=body(phone, "0 8", ALAW))
    refused = a.expect(488)
    t.check("does not allow transcoding" in (refused.get("warning") or ""), f"Warning: {refused.get('warning')}")
    a.ack(message=refused)
