# SPDX-License-Identifier: GPL-3.0-or-later
"""RTCP of real phones: what two baresips report on a call is read, the round trip to one that answers a sender
report is measured, and the record has what they say with its source."""
from limenlab import net, peers
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for


def run(t):
    box = t.box()
    t.capture()
    carrier = peers.Baresip(t.dir, "carrier", t.net.peering, net.CARRIER4, port=5060, seconds=30.0, answer="auto", user="+49301555")
    t._cleanup.append(carrier.stop)
    phone = t.baresip(seconds=30.0)
    phone.call(f"sip:+49301555@{net.BOX_A4}")
    ident = box.active_calls()[0]["id"]

    def reported():
        legs = box.json(f"show call quality {ident}")["legs"]
        return legs if all(leg["far_reports"] for leg in legs) and any(leg["rtt_ms"] for leg in legs) else None
    legs = wait_for("both phones should report, and answer a sender report", reported, 25)
    for leg in legs:
        t.check(abs(leg["far_lost"]) <= 5, f"the {leg['side']} says that {leg['far_lost']} packets were lost")
        t.check(leg["rtt_ms"] is None or 0 < leg["rtt_ms"] < 1000, f"round trip to the {leg['side']}: {leg['rtt_ms']} ms")
        t.equal(leg["far"]["source"], "rtcp-far-end", "source of the rating of what it hears")
    phone.hangup()
    record, = box.wait_records(1)
    for leg in record["legs"]:
        t.check(leg["media"]["far_end"]["reports"] >= 1, "no report in the record")
