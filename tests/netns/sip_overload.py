# SPDX-License-Identifier: GPL-3.0-or-later
"""Twice and four times as many calls as may begin (call spike) are offered by SIPp: each is either carried to its end or
gets 503 with Retry-After, once; the carrier hears of no call that is refused; and capacity is used while it rains."""
from limenlab import boxconf
from limenlab.sipcase import NUMBER, conf, finish

SPIKE, SECONDS = 20, 2


def run(t):
    c = conf()
    boxconf.find(c["trunks"], name="carrier")["call_spike"] = SPIKE
    t.capture()
    box = t.box(c)
    t.carrier("answer_quiet.xml")
    done, total = [], 0
    for times in (2, 4):
        n = times * SPIKE * SECONDS
        phone = t.phone(NUMBER, "call_or_later.xml", calls=n, rate=times * SPIKE, hold_ms=50)
        phone.wait_ok(60)  # every call came to one of the two ends
        total += n
        done = box.wait_records(total, 20)
        statuses = [r["sip_status"] for r in done[total - n:]]
        t.check(set(statuses) == {200, 503}, f"{times} times: how calls ended: {sorted(set(statuses))}")
        t.check(statuses.count(200) >= SPIKE, f"{times} times: only {statuses.count(200)} calls were let in")
    served = {m.call_id for m in t.sip_messages("peering") if m.is_request and m.method == "INVITE"}
    t.equal(len(served), sum(r["sip_status"] == 200 for r in done), "calls that the carrier heard of")
    reasons = {r["reason"] for r in done if r["sip_status"] == 503}
    t.equal(reasons, {f"more than {SPIKE} calls a second would begin at trunk carrier (call spike)"}, "reasons")
    finish(t, box, [r["sip_status"] for r in done], scan=False)
