# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-dataplane is killed with SIGKILL in mid-call: everything is put back without anybody's help, the
same call is audible again within 3 s, hangs up as ever and has its record."""
import time

from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import TalkingCall, start

BACK_S = 3.0


def run(t):
    box, phone, carrier = start(t)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(1.0)
    before = [len(call.flow(d)[1]) for d in ("a>b", "b>a")]
    killed = time.time()
    old = box.kill("limen-dataplane")
    box.wait_restarted("limen-dataplane", old)

    def audible():
        return all(any(p.ts > killed + 0.1 for p in call.flow(d)[1]) for d in ("a>b", "b>a"))
    wait_for("audio should come back in both directions", audible, 10)
    sleep_while_talking(1.0)
    call.silence()
    for number, direction in enumerate(("a>b", "b>a")):
        sent, arrived = call.flow(direction)
        t.check(before[number] > 30, f"{direction}: only {before[number]} packets before the kill")
        back = min(p.ts for p in arrived if p.ts > killed + 0.1) - killed
        t.check(back < BACK_S, f"{direction}: audio came back after {back:.2f} s")
        late = [p.seq for p in sent if p.ts > killed + back + 0.2]
        got = {p.seq for p in arrived}
        t.check(late and all(seq in got for seq in late), f"{direction}: packets were lost after the audio was back")
    box.wait_serving()
    call.hang_up()
    record, = box.wait_records(1)
    t.equal(record["sip_status"], 200, "status in the record")
