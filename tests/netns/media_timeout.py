# SPDX-License-Identifier: GPL-3.0-or-later
"""A call whose audio stops is ended by the box on both sides, with a record that says so; a call that
talks is left alone."""
from limenlab import boxconf
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import TalkingCall, start

SILENCE_S = 5


def run(t):
    conf = boxconf.standard()
    for realm in conf["realms"]:
        realm["media_timeout_s"] = SILENCE_S
    box, phone, carrier = start(t, conf)
    silent = TalkingCall(t, phone, carrier)
    phone.media_port, carrier.media_port = phone.media_port + 100, carrier.media_port + 100
    talking = TalkingCall(t, phone, carrier)
    sleep_while_talking(1.0)
    silent.silence()
    silent.a.expect_bye(timeout_s=SILENCE_S + 3)
    silent.b.expect_bye(timeout_s=3)
    record, = box.wait_records(1)
    t.equal(record["released_by"], "box", "released_by of the silent call")
    t.check("media" in record["reason"].lower(), f"the reason does not speak of media: {record['reason']}")
    t.check(record["duration_ms"] >= SILENCE_S * 1000, f"ended after {record['duration_ms']} ms, too early")
    t.equal(len(box.active_calls()), 1, "calls that go on")
    talking.silence()
    talking.nothing_lost()
    talking.hang_up()
    t.equal(len(box.wait_records(2)), 2, "records")
