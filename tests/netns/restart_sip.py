# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-sip is killed with SIGKILL in mid-call: no packet of the call is lost, after its restart a BYE
from either side ends the call, and each call has its record. A call that was not answered yet ends
with a record that says so; new calls work."""
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import NUMBER, TalkingCall, start


def run(t):
    box, phone, carrier = start(t)
    calls = []
    for _ in range(2):
        calls.append(TalkingCall(t, phone, carrier))
        phone.media_port, carrier.media_port = phone.media_port + 100, carrier.media_port + 100
    ringing = phone.call(NUMBER)
    far = carrier.answer_to()
    far.reply(far.invite, 180, "Ringing")
    ringing.expect(180)
    sleep_while_talking(1.0)
    old = box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    sleep_while_talking(1.0)
    for call in calls:
        call.silence()
        call.nothing_lost()
    t.equal(len(box.active_calls()), 2, "calls after the restart")
    calls[0].hang_up()
    calls[1].hang_up(by_caller=False)
    fresh = TalkingCall(t, phone, carrier)
    sleep_while_talking(0.5)
    fresh.silence()
    fresh.nothing_lost(at_least=10)
    fresh.hang_up()
    records = box.wait_records(4)
    t.equal(len({r["id"] for r in records}), 4, "different records")
    t.equal(sorted(r["outcome"] == "answered" for r in records), [False, True, True, True], "answered")
    lost, = [r for r in records if r["outcome"] != "answered"]
    t.equal(lost["released_by"], "box", "released_by of the call that was ringing")
    t.check(lost["reason"], "the record of the call that was ringing gives no reason")
    t.equal({r["released_by"] for r in records if r is not lost}, {"caller", "called"}, "released_by")
