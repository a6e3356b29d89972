# SPDX-License-Identifier: GPL-3.0-or-later
"""RTCP of real phones: what two baresips report on a call is read, each has a round trip, and the record has a
rating of the conversation with its source."""
from limenlab import net, peers
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for


def run(t):
    box = t.box()
    carrier = peers.Baresip(t.dir, "carrier", t.net.peering, net.CARRIER4, port=5060, seconds=30.0, answer="auto")
    t._cleanup.append(carrier.stop)
    phone = t.baresip(seconds=30.0)
    phone.call(f"sip:+49301555@{net.BOX_A4}")
    ident = box.active_calls()[0]["id"]

    def reported():
        legs = box.json(f"show call quality {ident}")["legs"]
        return legs if all(leg["far_reports"] and leg["rtt_ms"] for leg in legs) else None
    legs = wait_for("both phones should report, and answer a sender report", reported, 25)
    for leg in legs:
        t.check(abs(leg["far_lost"]) <= 5, f"the {leg['side']} says that {leg['far_lost']} packets were lost")
        t.check(0 < leg["rtt_ms"] < 1000, f"round trip to the {leg['side']}: {leg['rtt_ms']} ms")
        t.equal(leg["far"]["source"], "rtcp-far-end", "source of the rating of what it hears")
        t.check(leg["heard"]["mos_cq"] and leg["heard"]["mos_cq"] <= leg["heard"]["mos_lq"], f"ratings {leg['heard']}")
    phone.hangup()
    record, = box.wait_records(1)
    t.check(record["delay_ms"] is not None, "no delay in the record")
    for leg in record["legs"]:
        t.check(leg["media"]["far_end"]["reports"] >= 1, "no report in the record")
