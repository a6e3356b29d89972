# SPDX-License-Identifier: GPL-3.0-or-later
"""A trunk with a server group: its servers take calls in turn; one that says 503 with Retry-After is left
alone by the calls that follow, which the operator sees."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.ua import Endpoint, hang_up


def run(t):
    c = conf()
    c["server_groups"] = [{"tag": 4, "hunt_scheme": "round-robin",
                           "servers": [f"ipv4 {net.CARRIER4} port 5060", f"ipv4 {net.SPARE4} port 5060 weight 2"]}]
    trunk = boxconf.find(c["trunks"], name="carrier")
    del trunk["target"]
    trunk["server_group"] = 4
    box, phone, first = start(t, c)
    second = Endpoint(t, "peering", net.SPARE4, 5060)
    for far in (first, second, first):
        taken(phone.call(NUMBER), far)
    a = phone.call(NUMBER)
    refused = second.answer_to()
    refused.reply(refused.invite, 503, "Later", headers=["Retry-After: 60"])
    refused.expect("ACK")
    taken(a, first)
    for _ in range(2):
        taken(phone.call(NUMBER), first)
    wait_for("the breaker should be shown", lambda: states(box) == ["active", "open"])
    rows = box.json("show targets carrier")
    t.equal([(r["calls"], r["calls_failed"], r["opened"]) for r in rows], [(5, 0, 0), (2, 1, 1)], "calls of the targets")
    t.equal([r["state"] for r in box.json("show voice class server-group 4")], ["active", "down"], "state of the servers")
    t.equal({k: counters(box)[k] for k in ("failovers", "breaker_opened")}, {"failovers": 1, "breaker_opened": 1}, "counters")
    second.nothing_left()
    finish(t, box, [200] * 6)


def states(box):
    return [r["state"] for r in box.json("show targets carrier")]


def taken(a, far):
    b = far.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(a, b)
