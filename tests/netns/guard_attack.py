# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on the media port of a running call lose it nothing and get nothing through: RTP from other
addresses and ports, wrong payload types, garbage, and forged packets with the right source."""
import os
import struct

from limenlab import net
from limenlab.rtpcase import TalkingCall, arrived_from, rtp_bytes, spoof, start
from limenlab.peers import sleep_while_talking

ROUNDS = 25


def run(t):
    box, phone, carrier = start(t)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(0.5)  # both sides are latched by now
    before = box.drops()
    attacker = t.attacker()
    neighbour = t.attacker(local=net.PHONE4)  # the phone's address, another port
    dst, dport = call.media_a
    audio = b"\x55" * 160
    marks = {}
    for n in range(ROUNDS):
        marks[f"other address {n}"] = rtp_bytes(100 + n, 160 * n, call.ssrc_a, b"A%03d" % n + audio)
        attacker.sendto(marks[f"other address {n}"], call.media_a)
        marks[f"other port {n}"] = rtp_bytes(100 + n, 160 * n, call.ssrc_a, b"P%03d" % n + audio)
        neighbour.sendto(marks[f"other port {n}"], call.media_a)
        marks[f"wrong payload type {n}"] = rtp_bytes(100 + n, 160 * n, call.ssrc_a, b"T%03d" % n + audio, pt=77)
        spoof(t.net.access, net.PHONE4, phone.media_port, dst, dport, marks[f"wrong payload type {n}"])
        marks[f"not RTP {n}"] = bytes([0x40]) + os.urandom(40)
        spoof(t.net.access, net.PHONE4, phone.media_port, dst, dport, marks[f"not RTP {n}"])
        marks[f"short {n}"] = b"\x80\x08" + struct.pack("!H", n)
        spoof(t.net.access, net.PHONE4, phone.media_port, dst, dport, marks[f"short {n}"])
        marks[f"CSRC list beyond the end {n}"] = b"\x8f\x08" + struct.pack("!HII", n, n, call.ssrc_a) + b"\x55" * 20
        spoof(t.net.access, net.PHONE4, phone.media_port, dst, dport, marks[f"CSRC list beyond the end {n}"])
        sleep_while_talking(0.02)
    sleep_while_talking(0.5)
    call.silence()
    call.nothing_lost()
    passed = [what for what, data in marks.items() if arrived_from(t, "peering", call.media_b, data)]
    t.check(not passed, f"these went through: {passed[:8]}")
    after = box.drops()
    for reason, n in (("source", 2 * ROUNDS), ("payload-type", ROUNDS), ("not-rtp", 3 * ROUNDS)):
        got = after[reason] - before[reason]
        t.equal(got, n, f"packets dropped for '{reason}'")
    call.hang_up()
    record, = box.wait_records(1)
    t.equal(record["legs"][0]["media"]["dropped"], 6 * ROUNDS, "dropped packets in the record")
