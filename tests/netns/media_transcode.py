# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-dataplane transcodes in real time: a talker in G.711 hears himself through every codec of
this build and back, all calls at once; numbers run on when a call is switched between relaying and
transcoding; baresip, which brings its own G.722, hears a G.711 talker and is heard."""
import glob
import os
import select
import struct
import threading
import time

from limenlab import audio, net, sound
from limenlab import dp_client as dpc
from limenlab.box import program
from limenlab.peers import Baresip
from limenlab.proc import wait_for
from limenlab.rtpcase import rtp_bytes
from limenlab.ua import Dialog, Endpoint

SECONDS = 3.0
PTIME_S = 0.02
#         codec, clock, payload type, least likeness of loudness
# The last: how like the heard is to the said at least; the talker is late at times, so less than in test_quality.
CODECS = {"G.722": (dpc.G722, 8000, 9, 0.93), "G.726": (dpc.G726_32, 8000, 96, 0.93), "GSM": (dpc.GSM, 8000, 3, 0.90),
          "L16": (dpc.L16_16K, 16000, 97, 0.93), "Opus": (dpc.OPUS, 48000, 98, 0.90),
          "G.729": (dpc.G729, 8000, 18, 0.87), "AMR": (dpc.AMR, 8000, 99, 0.87), "AMR-WB": (dpc.AMR_WB, 16000, 100, 0.87)}


def legs(n, codec, clock, pt, remote_b=None):
    """Session n: PCMA at leg A, another codec at leg B, both ways."""
    port = 16384 + 4 * n
    a = dpc.leg(net.BOX_A4, port, net.PHONE4, 4000 + 2 * n,
                payloads=[dpc.payload(8, 8000, dpc.TRANSCODE, dpc.PCMA), dpc.payload(101, 0, dpc.RFC4733)],
                send=dpc.send_to(dpc.PCMA, 8, event_pt=101))
    b = dpc.leg(net.BOX_B4, port, net.CARRIER4, remote_b or 6000 + 2 * n,
                payloads=[dpc.payload(pt, clock, dpc.TRANSCODE, codec), dpc.payload(102, 0, dpc.RFC4733)],
                send=dpc.send_to(codec, pt, event_pt=102))
    return a, b


def note(t, text):
    with open(os.path.join(t.dir, "figures.txt"), "a") as f:
        f.write(text + "\n")


class Echo(threading.Thread):
    """A far end that gives back all it hears, from sockets of many calls."""

    def __init__(self, socks):
        super().__init__(daemon=True)
        self.socks, self.over = socks, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            for sock in select.select(self.socks, [], [], 0.05)[0]:
                data, addr = sock.recvfrom(2048)
                sock.sendto(data[:8] + b"\x00\x00\xec\x40" + data[12:], addr)

    def stop(self):
        self.over.set()
        self.join()


def talk_and_listen(talkers, payloads, extra_s=0.5):
    """talkers: (socket, box address) each; says payloads to all of them, a packet each 20 ms. Returns what
    each heard: [(sequence number, timestamp, SSRC, payload type, payload)]."""
    heard = {sock: [] for sock, _ in talkers}
    start = time.monotonic()
    total = len(payloads) + int(extra_s / PTIME_S)
    for k in range(total):
        if k < len(payloads):
            for n, (sock, to) in enumerate(talkers):
                sock.sendto(rtp_bytes(500 + k, 160 * k, 0xa0000 + n, payloads[k], marker=k == 0), to)
        due = start + (k + 1) * PTIME_S
        while (left := due - time.monotonic()) > 0:
            for sock in select.select(list(heard), [], [], left)[0]:
                data = sock.recv(2048)
                _, mpt, seq, ts, ssrc = struct.unpack("!BBHII", data[:12])
                heard[sock].append((seq, ts, ssrc, mpt & 0x7f, data[12:]))
    return [heard[sock] for sock, _ in talkers]


def in_order(t, what, packets, step):
    """One SSRC, no number left out, time in step (but for marks of a pause)."""
    t.check(len(packets) > 100, f"{what}: only {len(packets)} packets came")
    t.equal(len({p[2] for p in packets}), 1, f"{what}: SSRCs")
    packets = sorted(packets, key=lambda p: (p[0] - packets[0][0]) & 0xffff)
    for a, b in zip(packets, packets[1:]):
        t.equal((b[0] - a[0]) & 0xffff, 1, f"{what}: step of the sequence number")
        t.check((b[1] - a[1]) & 0xffffffff >= step and ((b[1] - a[1]) & 0xffffffff) % step == 0,
                f"{what}: step of the timestamp: {b[1] - a[1]}")
    return packets


def every_codec(t, dp):
    said = audio.talk(SECONDS, 140.0, 5)
    payloads = [bytes(audio.alaw(s) for s in said[i:i + 160]) for i in range(0, len(said), 160)]
    talkers, far, names = [], [], []
    for n, (name, (codec, clock, pt, _)) in enumerate(CODECS.items(), 1):
        if not dp.header()["codecs"] >> codec & 1:
            continue
        dp.add(n, *legs(n, codec, clock, pt))
        names.append(name)
        talkers.append((net.udp_socket(t.net.access, net.PHONE4, 4000 + 2 * n), (net.BOX_A4, 16384 + 4 * n)))
        far.append(net.udp_socket(t.net.peering, net.CARRIER4, 6000 + 2 * n))
    t.equal(len(names), len(CODECS), "codecs in this build")
    echo = Echo(far)
    try:
        heard = talk_and_listen(talkers, payloads)
    finally:
        echo.stop()
    want = sound.envelope(said)
    for name, packets in zip(names, heard):
        packets = in_order(t, name, packets, 160)
        got = sound.envelope(sound.alaw_samples(b"".join(p[4] for p in packets)))
        likeness, delay, loud = sound.alike(want, got)
        note(t, f"{name}: likeness {likeness:.3f}, {delay} ms, loudness {loud:.2f}")
        t.check(likeness >= CODECS[name][3], f"{name}: what was heard is {likeness:.3f} like what was said")
        t.check(0.7 < loud < 1.4, f"{name}: {loud:.2f} times as loud")
        t.check(delay <= 400, f"{name}: {delay} ms behind")
    for sock, _ in talkers:
        sock.close()
    for sock in far:
        sock.close()
    for n in range(1, len(names) + 1):
        sums = dp.remove(n)
        t.check(sums[0]["tx_packets"] > 100 and sums[1]["tx_packets"] > 100, f"session {n}: packets that left: {sums}")


def with_baresip(t, dp, n, name, codec, clock, pt, rtpmap, codecs, module, rate_hz):
    """baresip calls a number that answers with the box's media address; a G.711 talker is behind it."""
    dump = os.path.join(t.dir, f"{module}-heard")
    os.makedirs(dump, exist_ok=True)
    ua = Endpoint(t, "access", net.PHONE4, 5094, remote=net.PHONE4)
    ua.box = (net.PHONE4, 5070)
    phone = Baresip(t.dir, f"baresip-{module}", t.net.access, net.PHONE4, seconds=SECONDS, answer="auto", codecs=codecs,
                    modules=(module, "sndfile"), config=(f"snd_path {dump}",), control=4450 + n, rate_hz=rate_hz)
    t._cleanup.append(phone.stop)
    phone.command("dial", f"sip:box@{net.PHONE4}:5094")
    call = Dialog.called(ua, ua.expect("INVITE", timeout_s=10))
    theirs = call.invite.media()
    port = 16384 + 4 * n
    a = dpc.leg(net.BOX_A4, port, theirs[0], theirs[1],
                payloads=[dpc.payload(pt, clock, dpc.TRANSCODE, codec)], send=dpc.send_to(codec, pt))
    b = dpc.leg(net.BOX_B4, port, net.CARRIER4, 6000 + 2 * n,
                payloads=[dpc.payload(8, 8000, dpc.TRANSCODE, dpc.PCMA)], send=dpc.send_to(dpc.PCMA, 8))
    dp.add(n, a, b)
    sdp = "\r\n".join(["v=0", f"o=box 1 1 IN IP4 {net.BOX_A4}", "s=-", f"c=IN IP4 {net.BOX_A4}", "t=0 0",
                       f"m=audio {port} RTP/AVP {pt}", f"a=rtpmap:{pt} {rtpmap}", "a=ptime:20", ""])
    call.ok(call.invite, body=sdp)
    call.expect("ACK")
    said = audio.talk(SECONDS, 210.0, 77)
    payloads = [bytes(audio.alaw(s) for s in said[i:i + 160]) for i in range(0, len(said), 160)]
    with net.udp_socket(t.net.peering, net.CARRIER4, 6000 + 2 * n) as sock:
        packets = in_order(t, f"from baresip in {name}", talk_and_listen([(sock, (net.BOX_B4, port))], payloads)[0], 160)
    phone.command("hangup")
    call.expect_bye()
    heard = sound.envelope(sound.alaw_samples(b"".join(p[4] for p in packets)))
    spoken = sound.envelope(audio.talk(SECONDS, 160.0, 37))
    likeness, _, loud = max(sound.alike(spoken, heard), sound.alike(heard, spoken))
    note(t, f"baresip in {name}, heard here: likeness {likeness:.3f}, loudness {loud:.2f}")
    t.check(likeness > 0.9, f"baresip in {name}: what was heard is {likeness:.3f} like what it said")
    files = wait_for("baresip should have written what it heard", lambda: glob.glob(os.path.join(dump, "*dec.wav")))
    samples, rate = sound.wav_samples(files[0])
    likeness, _, loud = sound.alike(sound.envelope(said), sound.envelope(samples, rate))
    note(t, f"baresip in {name}, heard there: likeness {likeness:.3f}, loudness {loud:.2f}")
    t.check(likeness > 0.9, f"baresip in {name}: what it heard is {likeness:.3f} like what was said")
    dp.remove(n)
    phone.stop()


def switch_in_mid_call(t, dp):
    """Relayed, then transcoded, then relayed: the far end sees one stream."""
    voice = legs(40, dpc.L16_8K, 8000, 96)
    relay = (dpc.leg(net.BOX_A4, 16544, net.PHONE4, 4080), dpc.leg(net.BOX_B4, 16544, net.CARRIER4, 6080))
    dp.add(40, *relay)
    got, over = [], threading.Event()
    with net.udp_socket(t.net.access, net.PHONE4, 4080) as a, net.udp_socket(t.net.peering, net.CARRIER4, 6080) as b:
        def listen():
            b.settimeout(0.1)
            while not over.is_set():
                try:
                    got.append(b.recv(2048))
                except TimeoutError:
                    pass
        ear = threading.Thread(target=listen, daemon=True)
        ear.start()
        due = time.monotonic()
        for k in range(75):
            if k in (25, 50):
                dp.modify(40, *(voice if k == 25 else relay))
            a.sendto(rtp_bytes(65500 + k, 160 * k, 0xcafe, bytes([0xd5]) * 160), (net.BOX_A4, 16544))
            due += PTIME_S
            over.wait(max(0.0, due - time.monotonic()))
        wait_for("the last packet should arrive", lambda: len(got) >= 70)
        over.set()
        ear.join()
    heads = [struct.unpack("!BBHII", p[:12]) for p in got]
    kinds = [h[1] & 0x7f for h in heads]
    t.check(kinds.count(8) >= 45 and kinds.count(96) >= 15, f"payload types: {kinds}")
    t.equal({h[4] for h in heads}, {0xcafe}, "SSRCs")
    for x, y in zip(heads, heads[1:]):
        t.equal((y[2] - x[2]) & 0xffff, 1, "step of the sequence number")
        t.check(0 < (y[3] - x[3]) & 0xffffffff < 8000, f"step of the timestamp: {y[3] - x[3]}")
    dp.remove(40)


def run(t):
    box = dpc.Dataplane(t, program("limen-dataplane"), "--workers", "2", "--media-cores", "1")
    dp = box.client()
    dpc.ports_up(t, dp)
    dp.wait_event(dpc.EVENT_PORT, name="peer0", up=1)
    every_codec(t, dp)
    switch_in_mid_call(t, dp)
    with_baresip(t, dp, 41, "G.722", dpc.G722, 8000, 9, "G722/8000", "G722/16000/1", "g722", 16000)
    wait_for("every packet buffer should be back", lambda: dp.header()["mbufs_in_use"] == 0)
    box.stop(t)
