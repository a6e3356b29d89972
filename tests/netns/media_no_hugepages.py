# SPDX-License-Identifier: GPL-3.0-or-later
"""Without hugepages the box starts, says so, and carries calls all the same."""


def run(t):
    box = t.box(no_huge=True)
    t.capture()
    t.carrier("answer.xml")
    t.phone("+49301555", calls=2).wait_ok()
    t.judge(2)
    t.equal(box.json("show platform")["hugepages"], False, "hugepages in 'show platform'")
