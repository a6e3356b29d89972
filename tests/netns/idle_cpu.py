# SPDX-License-Identifier: GPL-3.0-or-later
"""An idle box uses under 5 % of a core, all its programs together; so does one right after a call."""
from limenlab.case import wait_for

EXCLUSIVE = True
LIMIT = 0.05


def run(t):
    box = t.box()
    t.capture()

    def idle(when):
        used, by_program = box.cpu_fraction(3.0)
        t.check(used < LIMIT, f"{when} the box uses {used * 100:.1f} % of a core: "
                + ", ".join(f"{k} {v * 100:.1f} %" for k, v in by_program.items()))
    idle("after its start")
    t.carrier("answer.xml")
    t.phone("+49301555", calls=2).wait_ok()
    t.judge(2)
    wait_for("no call", lambda: not box.active_calls())
    idle("after two calls")
