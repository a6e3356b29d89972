# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls over UDP: audio of both directions byte for byte, one record each, nothing inner leaks."""
CALLS = 3


def run(t):
    box = t.box()
    t.capture()
    t.carrier("answer.xml")
    phone = t.phone("+49301555", calls=CALLS)
    t.wait_active(CALLS)
    phone.wait_ok()
    calls = t.judge(CALLS)
    for call in calls:
        t.equal(call.record["sip_status"], 200, "status in the record")
    n_a, n_b = t.no_leaks()
    t.check(n_a > 20 and n_b > 20, f"the scan looked for too little: {n_a} and {n_b} things")
    t.equal(box.active_calls(), [], "calls after the last BYE")
