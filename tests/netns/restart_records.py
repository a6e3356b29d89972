# SPDX-License-Identifier: GPL-3.0-or-later
"""Call records survive SIGKILL: while calls come and go, limen-control is killed again and again;
every attempt has exactly one record, and the sums of the records equal the counters."""
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.sipcase import counters

CALLS, KILLS = 120, 3
TIMEOUT_S = 120


def run(t):
    box = t.box()
    t.capture()
    t.carrier("answer_quiet.xml")
    good = t.phone("+49301555", scenario="call_quiet.xml", calls=CALLS, rate=20, hold_ms=300)
    for _ in range(KILLS):
        sleep_while_talking(1.0)
        old = box.kill("limen-control")
        box.wait_restarted("limen-control", old)
    good.proc.wait(60)
    attempts = good.successful() + good.failed()
    t.equal(attempts, CALLS, "calls that SIPp placed")
    wait_for("no active call", lambda: not box.active_calls())
    # limen-sip tells its counters once a second.
    wait_for(f"the counter of attempted calls should be {CALLS}", lambda: counters(box)["calls_attempted"] == CALLS, 5)
    stats = counters(box)
    records = box.wait_records(CALLS)
    t.equal(len(records), CALLS, "records")
    t.equal(len({r["id"] for r in records}), CALLS, "different records")
    ids = {m.call_id for m in t.sip_messages("access") if m.method == "INVITE" and m.is_request}
    t.equal({r["legs"][0]["sip_call_id"] for r in records}, ids, "Call-IDs of the records")
    answered = sum(1 for r in records if r["outcome"] == "answered")
    t.equal(answered, stats["calls_answered"], "answered calls: records and counter")
    t.equal(CALLS - answered, stats["calls_failed"], "failed calls: records and counter")
    t.check(answered >= good.successful(), f"{good.successful()} calls were answered, records say {answered}")
