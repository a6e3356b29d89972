# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet worker and three give the same results."""
import os

CALLS = 6
TIMEOUT_S = 150


def run(t):
    top, seen = t.dir, []
    for workers in (1, 3):
        t.dir = os.path.join(top, f"workers-{workers}")
        os.makedirs(t.dir)
        box = t.box(workers=workers)
        t.capture()
        carrier = t.carrier("answer.xml")
        t.phone("+49301555", calls=CALLS).wait_ok()
        calls = t.judge(CALLS)
        seen.append(sorted((len(c.a2b.received), len(c.b2a.received)) for c in calls))
        carrier.stop()
        used = [w for w in box.worker_rows() if w["relayed_packets"] > 0]
        t.equal(len(used), workers, f"workers of {workers} that relayed packets")
        box.stop()
        t.equal(box.faults(), [], f"faults with {workers} workers")
        box.remove()
    t.check(seen[0] == seen[1], f"not the same packets: {seen}")
