# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody answers: the called side that only rings gets a CANCEL, the caller a final answer after
the configured time; one that says nothing at all is given up after timer B."""
import time

from limenlab.sipcase import NUMBER, conf, finish, start

NO_ANSWER_S = 5


def run(t):
    box, phone, carrier = start(t, conf(timer_no_answer_s=NO_ANSWER_S))
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    began = time.monotonic()
    b.ok(b.expect("CANCEL", timeout_s=NO_ANSWER_S + 3))
    b.reply(b.invite, 487, "Request Terminated")
    b.expect("ACK")
    final = a.expect_one_of((408, 480, 487))
    a.ack(message=final)
    took = time.monotonic() - began
    t.check(NO_ANSWER_S - 1 < took < NO_ANSWER_S + 2, f"the call rang for {took:.1f} s, set are {NO_ANSWER_S}")

    a = phone.call(NUMBER)
    b = carrier.answer_to()
    silent = a.expect_one_of((408, 480, 503, 504), timeout_s=12)
    a.ack(message=silent)
    carrier.drain()
    t.check(carrier.again >= 3, f"the INVITE was sent again {carrier.again} times only (timer A)")
    records = finish(t, box, [final.status, silent.status])
    t.equal({r["released_by"] for r in records}, {"box"}, "who ended the calls")
