# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs built with address and undefined-behaviour sanitizers carry calls, survive kills of their
neighbours, and end on SIGTERM without a report and without a leak."""
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import TalkingCall, start

BUILD = "build-asan"
TIMEOUT_S = 150


def run(t):
    box, phone, carrier = start(t, no_huge=True)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(1.0)
    for name in ("limen-sip", "limen-control"):
        old = box.kill(name)
        box.wait_restarted(name, old, 40)
    t.wait_active(1)
    call.silence()
    call.nothing_lost()
    call.hang_up()
    phone.call("+4999000").expect(404)
    t.equal(sorted(r["sip_status"] for r in box.wait_records(2)), [200, 404], "status in the records")
