# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-dataplane plays: a prompt in place of the other leg, in one stream with what was relayed before and
after, and its end is told; a tone to a leg that is alone and has SRTP, with reports; a room of three far ends
in two codecs, each of which hears the two others and not itself; a prompt that is deleted while it plays."""
import errno
import math
import select
import struct
import time

from limenlab import audio, net, sound, srtp
from limenlab import dp_client as dpc
from limenlab.box import program
from limenlab.proc import wait_for
from limenlab.rtpcase import rtp_bytes

PTIME_S = 0.02
LEVEL = 6000
SUITE = "AES_CM_128_HMAC_SHA1_80"


def tone(hz, n, rate=8000, at=0):
    return [round(LEVEL * math.sin(2 * math.pi * hz * (at + i) / rate)) for i in range(n)]


def pcma(samples):
    return bytes(audio.alaw(s) for s in samples)


def l16(samples):
    return struct.pack(f"!{len(samples)}h", *samples)


def exchange(talkers, seconds, seq=0):
    """talkers: (socket, box address, packet k -> RTP) each; what each socket heard meanwhile."""
    heard = {t[0]: [] for t in talkers}
    start = time.monotonic()
    for k in range(round(seconds / PTIME_S)):
        for sock, to, make in talkers:
            if make:
                sock.sendto(make(seq + k), to)
        due = start + (k + 1) * PTIME_S
        while (left := due - time.monotonic()) > 0:
            for sock in select.select(list(heard), [], [], left)[0]:
                heard[sock].append(sock.recv(2048))
    return [heard[t[0]] for t in talkers]


def heads(packets):
    return [struct.unpack("!BBHII", p[:12]) for p in packets if not srtp.is_rtcp(p)]


def follows(t, what, packets):
    rows = heads(packets)
    t.equal(len({r[4] for r in rows}), 1, f"{what}: SSRCs")
    for a, b in zip(rows, rows[1:]):
        t.equal((b[2] - a[2]) & 0xffff, 1, f"{what}: step of the sequence number")
        t.check(0 < (b[3] - a[3]) & 0xffffffff < 8000, f"{what}: step of the timestamp {b[3] - a[3]}")


def in_place(t, dp):
    """B talks all the time; A hears B, the prompt, B."""
    prompt = tone(440, 4000)
    dp.prompt(7, 8000, prompt)
    relay = [dpc.leg(net.BOX_A4, 16384, net.PHONE4, 4000), dpc.leg(net.BOX_B4, 16384, net.CARRIER4, 6000)]
    played = [dpc.leg(net.BOX_A4, 16384, net.PHONE4, 4000, send=dpc.send_to(dpc.PCMA, 8),
                      play=dpc.play(dpc.PLAY_PROMPT, 7, serial=3)), relay[1]]
    dp.add(1, *relay)
    silence = pcma([0] * 160)
    with net.udp_socket(t.net.access, net.PHONE4, 4000) as a, net.udp_socket(t.net.peering, net.CARRIER4, 6000) as b:
        talkers = [(a, None, None), (b, (net.BOX_B4, 16384), lambda k: rtp_bytes(65500 + k, 160 * k, 0xb0b, silence))]
        before = exchange(talkers, 0.3)[0]
        dp.modify(1, *played)
        heard = exchange(talkers, 0.7, 15)[0]
        done = dp.wait_event(dpc.EVENT_PLAY_DONE, id=1)
        t.equal((done["leg"], done["serial"]), (0, 3), "what is told at the end of the prompt")
        dp.modify(1, *relay)
        after = exchange(talkers, 0.3, 50)[0]
    t.check(len(before) >= 13 and len(after) >= 12, f"relayed: {len(before)} and {len(after)} packets")
    follows(t, "before, prompt, after", before + heard + after)
    t.equal({h[4] for h in heads(before)}, {0xb0b}, "SSRC of what was relayed")
    got = [s for p in heard for s in sound.alaw_samples(p[12:])]
    want = sound.alaw_samples(pcma(prompt))
    at = next((i for i in range(0, len(got), 160) if got[i:i + 160] == want[:160]), None)
    t.check(at is not None and got[at:at + len(want)] == want, "the prompt, octet by octet")
    sums = dp.remove(1)
    t.check(sums[1]["tx_packets"] >= 45 and sums[1]["rx_packets"] >= 60, f"packets to A: {sums[1]}")


def one_leg_srtp(t, dp):
    """A tone, sealed, to a far end that says nothing; the box reports about it."""
    keys = [srtp.new_key(SUITE) for _ in range(2)]
    leg = dpc.leg(net.BOX_A4, 16400, net.PHONE4, 4010, flags=dpc.SEND | dpc.RECV | dpc.RTCP_OWN | dpc.RTCP_MUX,
                  rx=dpc.srtp(SUITE, keys[0]), tx=dpc.srtp(SUITE, keys[1]), send=dpc.send_to(dpc.PCMA, 8),
                  play=dpc.play(dpc.PLAY_TONE, level=10, steps=((425, 0, 0),)))
    rx = srtp.Context(SUITE, keys[1], False)
    with net.udp_socket(t.net.access, net.PHONE4, 4010) as sock:
        sock.settimeout(5)
        dp.add(2, leg)
        media, report = [], None
        while not report:
            data = rx.open(sock.recv(2048))
            if srtp.is_rtcp(data):
                report = data
            else:
                media.append(data)
    follows(t, "tone by SRTP", media)
    t.equal(report[1], 200, "type of the first report")
    t.equal(struct.unpack_from("!I", report, 4)[0], heads(media)[0][4], "SSRC in the sender report")
    t.check(abs(struct.unpack_from("!I", report, 20)[0] - len(media)) <= 2, "packets in the sender report")
    got = [s for p in media[5:30] for s in sound.alaw_samples(p[12:])]
    want = 32767 * 10 ** ((-10 - 3.14) / 20)
    t.check(0.9 < sound.amplitude(got, 425) / want < 1.1, f"level of the tone: {sound.amplitude(got, 425):.0f} instead of {want:.0f}")
    dp.remove(2)


def room(t, dp):
    """Three legs alone; the media cores are two, the room has one of them."""
    #            n, namespace, box, far end, port, codec, pt, rate, coder, tone
    parties = [(11, t.net.access, net.BOX_A4, net.PHONE4, 4020, dpc.PCMA, 8, 8000, pcma, 500),
               (12, t.net.peering, net.BOX_B4, net.CARRIER4, 6020, dpc.L16_16K, 97, 16000, l16, 900),
               (13, t.net.access, net.BOX_A4, net.PHONE4, 4024, dpc.PCMA, 8, 8000, pcma, 1700)]
    talkers = []
    for n, ns, box, ip, port, codec, pt, rate, coder, hz in parties:
        dp.add(n, dpc.leg(box, 16384 + 4 * n, ip, port, payloads=[dpc.payload(pt, rate, codec=codec)],
                          send=dpc.send_to(codec, pt), play=dpc.play(dpc.PLAY_ROOM, 5)))
        step = rate // 50
        talkers.append((net.udp_socket(ns, ip, port), (box, 16384 + 4 * n),
                        lambda k, pt=pt, step=step, coder=coder, hz=hz, rate=rate, n=n:
                        rtp_bytes(k, step * k, n, coder(tone(hz, step, rate, step * k)), pt=pt)))
    t.equal(wait_for("the room should be counted", lambda: dp.header()["n_rooms"]), 1, "rooms")
    heard = exchange(talkers, 1.5)
    for (n, *_, rate, coder, hz), packets in zip(parties, heard):
        follows(t, f"member {n}", packets)
        body = b"".join(p[12:] for p in packets[-40:])
        got = sound.alaw_samples(body) if coder is pcma else struct.unpack(f"!{len(body) // 2}h", body)
        for *_, other in parties:
            level = sound.amplitude(got, other, rate) / LEVEL
            t.check(level < 0.05 if other == hz else 0.8 < level < 1.2, f"member {n} hears {other} Hz: {level:.3f}")
    for sock, _, _ in talkers:
        sock.close()
    for n, *_ in parties:
        dp.remove(n)
    wait_for("the room should be gone", lambda: dp.header()["n_rooms"] == 0)


def prompts(t, dp):
    """One that is deleted is heard to its end, and found by nobody else."""
    leg = dpc.leg(net.BOX_A4, 16500, net.PHONE4, 4030, send=dpc.send_to(dpc.PCMA, 8),
                  play=dpc.play(dpc.PLAY_PROMPT, 8, serial=1, flags=dpc.PLAY_LOOP))
    dp.prompt(8, 8000, tone(440, 800))
    dp.add(3, leg)
    dp.prompt_del(8)
    with net.udp_socket(t.net.access, net.PHONE4, 4030) as sock:
        t.check(len(exchange([(sock, None, None)], 0.4)[0]) >= 15, "packets of a prompt that was deleted")
    try:
        dp.add(4, dpc.leg(net.BOX_A4, 16504, net.PHONE4, 4034, send=dpc.send_to(dpc.PCMA, 8), play=dpc.play(dpc.PLAY_PROMPT, 8)))
        t.check(False, "a prompt that is not there was played")
    except dpc.Refused as e:
        t.equal(e.errno, errno.ENODATA, "refusal of a prompt that is not there")
    dp.remove(3)
    dp.prompt_del(7)
    wait_for("the memory of prompts should be given back", lambda: dp.header()["prompt_bytes"] == 0)


def run(t):
    box = dpc.Dataplane(t, program("limen-dataplane"), "--workers", "1", "--media-cores", "2")
    dp = box.client()
    dpc.ports_up(t, dp)
    dp.wait_event(dpc.EVENT_PORT, name="peer0", up=1)
    in_place(t, dp)
    one_leg_srtp(t, dp)
    room(t, dp)
    prompts(t, dp)
    wait_for("every packet buffer should be back", lambda: dp.header()["mbufs_in_use"] == 0)
    box.stop(t)
