# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios tests/netns/sip_*.py share: a configuration with short timers, user agents on
both sides, and the judgement after the last call that every one of them ends with."""
import collections
import socket
import struct

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
    """Captures and starts the box, in this order: it may send by itself. Returns it with a user agent on each side."""
    t.capture()
    box = t.box(c if c is not None else conf(), **options)
    return box, Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "peering", net.CARRIER4, 5060)


def counters(box):
    """The SIP counters, summed over the workers."""
    return {row["counter"].replace("-", "_"): row["value"] for row in box.json("show sip-ua statistics")}


def finish(t, box, statuses, timeout_s=10.0, scan=True):
    """After the last call: one record for each attempt with these final statuses (in any order), no
    call, dialog or media session left, counters that equal the sums of the records, nothing
    inner on either side's wire. Returns the records."""
    n = len(statuses)
    records = box.wait_records(n, timeout_s)
    t.equal(sorted(r["sip_status"] for r in records), sorted(statuses), "status in the records")
    outcomes = collections.Counter(r["outcome"] for r in records)

    def gone():
        c, s = counters(box), box.json("show call history stats")
        return not (c["calls_active"] or c["dialogs"] or s["calls_active"] or
                    box.json("show platform")["sessions"])

    def reported():  # the workers report once a second
        c = counters(box)
        return (c["calls_attempted"], c["calls_answered"], c["calls_failed"]) == \
            (n, outcomes["answered"], n - outcomes["answered"])
    for what, judge in (("calls, dialogs and media sessions should be gone", gone),
                        ("the counters should equal the sums of the records", reported)):
        try:
            wait_for(what, judge, timeout_s, 0.1)
        except LabError as exc:
            raise LabError(f"{exc}\nrecords: {dict(outcomes)}\ncounters: {counters(box)}\ncalls: "
                           f"{box.active_calls()}\nmedia sessions: {box.json('show platform')['sessions']}") from exc
    stats = box.json("show call history stats")
    t.equal({k: v for k, v in stats["outcomes"].items() if v}, dict(outcomes), "sums by outcome")
    t.equal(stats["records_failed"], 0, "records that were lost")
    t.equal(len(box.records()), n, "call records")
    if scan:
        t.no_leaks()
    return records


def relayed(t, phone, carrier, box_a, box_b, first=1, phone_first=False):
    """A few packets from the carrier arrive at the phone as they were, and the reverse. phone_first: as it is
    behind NAT, nothing can reach it before it has spoken."""
    a = net.udp_socket(t.net.access, phone.local, phone.media_port)
    b = net.udp_socket(t.net.peering, carrier.local, carrier.media_port)
    with a, b:
        ways = (b, a, box_b, 0x1111), (a, b, box_a, 0x2222)
        for src, dst, to, ssrc in reversed(ways) if phone_first else ways:
            state = {"seq": first, "got": set()}

            def through(src=src, dst=dst, to=to, ssrc=ssrc, state=state):
                packet = struct.pack("!BBHII", 0x80, 8, state["seq"], state["seq"] * 160, ssrc) + b"\xd5" * 160
                state["seq"] += 1
                src.sendto(packet, to)
                dst.settimeout(0.1)
                try:
                    data = dst.recv(2048)
                except (TimeoutError, socket.timeout):
                    return False
                t.check(data[12:] == b"\xd5" * 160 and data[8:12] == struct.pack("!I", ssrc),
                        "an RTP packet was changed on the way")
                state["got"].add(data[2:4])
                return len(state["got"]) >= 5
            wait_for("five RTP packets should pass in each direction", through, 8)
