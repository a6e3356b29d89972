# SPDX-License-Identifier: GPL-3.0-or-later
"""Every show command works on the running box, as text, through a pipe and as JSON; figures of a call
are those of its record; a wrong line is refused with a mark under the fault and exit status 1."""
import json
import re

from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import TalkingCall, start

COMMANDS = ["version", "clock", "users", "processes", "interfaces", "ip interface brief", "realm", "trunk",
            "dial-peer voice summary", "sip-ua statistics", "dtls statistics", "call active voice brief", "call active voice compact",
            "call active total-calls", "call history voice brief", "call history stats", "voip rtp connections",
            "platform", "media drops", "control-plane", "running-config", "startup-config", "configuration history"]


def run(t):
    box, phone, carrier = start(t)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(1.0)
    call.silence()
    call.nothing_lost(at_least=20)
    for command in COMMANDS:
        text = box.cli(f"show {command}")
        t.check(text.strip(), f"'show {command}' prints nothing")
        t.check(not re.search(r"^%", text, re.M), f"'show {command}' complains:\n{text}")
        json.loads(box.cli(f"show {command} | json"))
        counted = box.cli(f"show {command} | count .")
        t.check(re.search(r"\d", counted), f"'show {command} | count .' gives {counted!r}")
    wait_for("all processes should be shown", lambda: {row["process"] for row in box.json("show processes") if row["state"] == "up"}
             == {"limen-control", "limen-dataplane", "limen-sip 0", "limen-nat", "limen-rec"})
    shown, = box.active_calls()
    sent_a, sent_b = (talker.sent for talker in call.talkers)
    t.equal([leg["rx_packets"] for leg in shown["legs"]], [sent_a, sent_b], "packets of the call that is shown")
    t.check("+49301555" in box.cli("show call active voice brief"), "the called number is not shown")
    call.hang_up()
    record, = box.wait_records(1)
    t.equal([leg["media"]["packets"] for leg in record["legs"]], [sent_a, sent_b], "packets in the record")
    t.check("peering" in box.cli("show running-config | include peering"), "'| include' finds nothing")
    wrong = box.cli("show nonsense", check=False)
    t.check("% Invalid input" in wrong, f"a wrong line is answered with {wrong!r}")
