# SPDX-License-Identifier: GPL-3.0-or-later
"""Five of a hundred messages are lost, on each side and in each direction: timers A, B, E, F, G and
H bring every call through, and nothing is left over afterwards."""
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, start

CALLS = 60
EXCLUSIVE = True  # the retransmissions of both ends run by the clock
TIMEOUT_S = 150


def run(t):
    box, phone, carrier = start(t, conf())
    carrier.sock.close()
    far = t.carrier("answer_quiet.xml", extra=["-lost", "5"])
    near = t.phone(NUMBER, scenario="call_quiet.xml", calls=CALLS, rate=20, hold_ms=200, extra=["-lost", "5"])
    near.proc.wait(90)
    far.stop()
    t.check(near.successful() >= CALLS * 95 // 100,
            f"only {near.successful()} of {CALLS} calls went through: {near.problem()}")
    records = box.wait_records(CALLS, 40)
    finish(t, box, [r["sip_status"] for r in records], timeout_s=45)
    wait_for("all transactions should be gone", lambda: counters(box)["transactions"] == 0, 40)
    t.check(counters(box)["tx_retransmissions"] > 0, "with such losses the box must have retransmitted")
    t.check(counters(box)["rx_retransmissions"] > 0, "with such losses the box must have seen repetitions")
