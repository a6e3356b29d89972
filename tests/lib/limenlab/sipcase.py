# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios tests/netns/sip_*.py share: a configuration with short timers, user agents on
both sides, and the judgement after the last call that every one of them ends with."""
from . import boxconf, net
from .proc import LabError, wait_for
from .ua import Endpoint

NUMBER = "+49301555"
T1_MS = 100  # the box's; so that 64 * T1 is 6.4 s


def conf(**settings):
    """The lab's configuration with T1 shortened; settings of sip-ua may be added."""
    c = boxconf.standard()
    c["sip_ua"] = dict(timer_t1_ms=T1_MS, **settings)
    return c


def start(t, c=None, **options):
    """Starts the box and captures; returns it with a user agent on each side."""
    box = t.box(c if c is not None else conf(), **options)
    t.capture()
    return box, Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "peering", net.CARRIER4, 5060)


def counters(box):
    return box.json("show sip-ua statistics")


def finish(t, box, statuses, answered=None, timeout_s=10.0, scan=True):
    """After the last call: one record for each attempt with these final statuses (in any order), no
    call, dialog or media session left, counters that equal the sums of the records, nothing
    inner on either side's wire. Returns the records."""
    n = len(statuses)
    if answered is None:
        answered = sum(1 for s in statuses if s == 200)
    records = box.wait_records(n, timeout_s)
    t.equal(sorted(r["sip_status"] for r in records), sorted(statuses), "status in the records")

    def settled():
        c = counters(box)
        return c if not c["calls_active"] and not c["dialogs"] and not box.active_calls() else None
    try:
        c = wait_for("calls and dialogs should be gone", settled, timeout_s)
    except LabError as exc:
        raise LabError(f"{exc}; counters: {counters(box)}; calls: {box.active_calls()}") from exc
    t.equal(c["calls_attempted"], n, "counter of attempted calls")
    t.equal(c["calls_answered"], answered, "counter of answered calls")
    t.equal(c["calls_failed"], n - answered, "counter of failed calls")
    t.equal(len(box.records()), n, "call records")
    platform = box.json("show platform")
    t.equal(platform["media_sessions"], 0, "media sessions after the last call")
    if scan:
        t.no_leaks()
    return records
