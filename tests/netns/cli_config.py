# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration on the running box: a commit changes the routing of the next call, a bad one is refused
whole, roll-back takes it back, commit confirmed rolls back by itself when limen-control dies meanwhile,
and write memory survives a restart of everything."""
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import TalkingCall, start

NEW = "+4977123"
TIMEOUT_S = 180


def run(t):
    box, phone, carrier = start(t)
    refused(box, phone)
    box.cli("configure private", "dial-peer voice 77 voip", "destination-pattern +4977T", "session target trunk carrier",
            "commit comment a new route")
    answered(t, box, phone, carrier)
    t.check("a new route" in box.cli("show configuration history"), "the comment is not in the history")

    out = box.cli("configure private", "dial-peer voice 78 voip", "destination-pattern +4978T",
                  "session target trunk nobody", "commit", check=False)
    t.check("nobody" in out, f"a dial-peer to no trunk was not refused: {out!r}")
    t.check("78" not in box.cli("show dial-peer voice summary | include 4978"), "half of a refused commit is running")

    box.cli("configure private", "rollback 1", "commit")
    refused(box, phone)

    box.cli("configure private", "dial-peer voice 77 voip", "destination-pattern +4977T", "session target trunk carrier",
            "commit confirmed 1")
    answered(t, box, phone, carrier)
    old = box.kill("limen-control")  # the one who should roll back dies; its successor must do it
    box.wait_restarted("limen-control", old)
    wait_for("the unconfirmed commit should be rolled back", lambda: "+4977" not in box.cli("show running-config"), 75)
    refused(box, phone)

    box.cli("configure terminal", "dial-peer voice 77 voip", "destination-pattern +4977T", "session target trunk carrier",
            "end", "write memory")
    answered(t, box, phone, carrier)
    box.stop()
    box.start()
    answered(t, box, phone, carrier)
    t.check("+4977T" in box.cli("show startup-config"), "the start-up configuration has lost the route")


def settled(box):
    """limen-sip has the revision that runs; it takes it over a moment after the prompt is back."""
    revision = box.json("show version")["revision"]
    wait_for(f"limen-sip should have applied configuration {revision}",
             lambda: f"configuration {revision} applied" in box.log("limen-sip"), 5)


def refused(box, phone):
    settled(box)
    call = phone.call(NEW)
    call.ack(message=call.expect((404, "INVITE")))


def answered(t, box, phone, carrier):
    settled(box)
    phone.media_port, carrier.media_port = phone.media_port + 50, carrier.media_port + 50
    call = TalkingCall(t, phone, carrier, number=NEW)
    sleep_while_talking(0.3)
    call.silence()
    call.hang_up()
