# SPDX-License-Identifier: GPL-3.0-or-later
"""Forged packets with the right source address and another SSRC do not silence the caller."""
from limenlab import net
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import TalkingCall, rtp_bytes, spoof, start

FORGED = 40


def run(t):
    _, phone, carrier = start(t)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(0.5)
    for n in range(FORGED):
        forged = rtp_bytes(5000 + 777 * n, 99 * n, 0xdead0000 + n, b"\x55" * 160)
        spoof(t.net.access, net.PHONE4, phone.media_port, *call.media_a, forged)
        sleep_while_talking(0.03)
    sleep_while_talking(0.3)
    call.silence()
    call.nothing_lost()
    call.hang_up()
