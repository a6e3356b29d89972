# SPDX-License-Identifier: GPL-3.0-or-later
"""SRTP to SRTP: every suite on each side, another one or the same with other keys on the other.
Both ends are libsrtp2. Packets in the clear and packets under a wrong key go nowhere, and do not
disturb the call."""
from limenlab import srtp
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import PCMA, rtp_bytes, start
from limenlab.srtpcase import SrtpCall, boxconf, legs, no_key_is_told, secure

TALK_S = 1.5


def run(t):
    box, phone, carrier = start(t, secure(boxconf.standard(), access="require", peering="require"))
    names = list(srtp.SUITES)
    pairs = list(zip(names, names[1:] + names[:1])) + [(names[3], names[3])]
    calls = []
    for pair in pairs:
        calls.append(SrtpCall(t, phone, carrier, *pair, talk=False))
        phone.media_port, carrier.media_port = phone.media_port + 100, carrier.media_port + 100
    shown = [tuple(leg["srtp"] for leg in c["legs"]) for c in t.wait_active(len(pairs))]
    t.equal(sorted(shown), sorted(pairs), "suites in show")
    for call in calls:
        call.talk()
    sleep_while_talking(TALK_S)
    words = strangers(t, box, calls[0])
    for call in calls:
        call.silence()
    captures = tuple(srtp.opened(p) for p in t.packets())
    for call in calls:
        call.captures = captures
        call.nothing_lost()
        call.hang_up()
    calls[0].never_in_the_clear()
    t.equal(sum(word in p.payload for word in words for p in captures[1]), 0, "packets of strangers that went on")
    records = box.wait_records(len(calls))
    t.equal(sorted(tuple(s for s, _ in legs(r)) for r in records), sorted(pairs), "suites in the records")
    for record in records:
        for leg in record["legs"]:
            t.check(leg["media"]["packets"] >= 50, f"{leg['media']['packets']} packets in the record")
    no_key_is_told(t, box)


def strangers(t, box, call):
    """From the very socket of the phone: in the clear, and under a key that was never agreed."""
    wrong = srtp.Context(call.suites[0], srtp.new_key(call.suites[0]), outbound=True)
    before = sum(box.drops().values())
    words = [bytes([0xd5 ^ i]) * 160 for i in range(10)]
    call.strange = {20000 + i for i in range(len(words))}
    for i, word in enumerate(words):
        packet = rtp_bytes(20000 + i, 160 * i, call.ssrc_a, word, PCMA)
        call.sock_a.sendto(packet, call.media_a)
        call.sock_a.sendto(wrong.seal(packet), call.media_a)
    wait_for("the packets of strangers to be dropped", lambda: sum(box.drops().values()) >= before + 2 * len(words))
    return words
