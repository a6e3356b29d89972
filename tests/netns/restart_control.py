# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-control is killed with SIGKILL in mid-call: no packet is lost, the call is known again after the
restart, hangs up as ever and has its record with all its packets; new calls get other ports."""
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import TalkingCall, start


def run(t):
    box, phone, carrier = start(t)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(1.0)
    old = box.kill("limen-control")
    box.wait_restarted("limen-control", old)
    t.wait_active(1)
    phone.media_port, carrier.media_port = phone.media_port + 100, carrier.media_port + 100
    second = TalkingCall(t, phone, carrier)
    t.check(second.media_a != call.media_a and second.media_b != call.media_b, "media ports were given out twice")
    sleep_while_talking(1.0)
    sent = call.silence()
    call.nothing_lost()
    second.silence()
    second.nothing_lost(at_least=30)
    call.hang_up(by_caller=False)
    second.hang_up()
    records = box.wait_records(2)
    t.equal([r["sip_status"] for r in records], [200, 200], "status in the records")
    t.equal([leg["media"]["packets"] for leg in records[0]["legs"]], list(sent), "packets of the first call in its record")
    t.equal(box.active_calls(), [], "calls at the end")
