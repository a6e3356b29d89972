# SPDX-License-Identifier: GPL-3.0-or-later
"""Trunks with server groups. One whose servers take calls in turn; one that says 503 with Retry-After is left
alone by the calls that follow, which the operator sees. And one whose servers ring at a time: the first
answer wins, the best refusal is the caller's."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.ua import Endpoint, hang_up


def run(t):
    c = conf()
    c["server_groups"] = [{"tag": 4, "hunt_scheme": "round-robin",
                           "servers": [f"ipv4 {net.CARRIER4} port 5060", f"ipv4 {net.SPARE4} port 5060 weight 2"]}]
    c["server_groups"].append({"tag": 5, "hunt_scheme": "parallel",
                               "servers": [f"ipv4 {net.CARRIER4} port 5062", f"ipv4 {net.SPARE4} port 5062"]})
    c["trunks"].append({**boxconf.trunk("both", ""), "server_group": 5})
    del c["trunks"][-1]["target"]
    c["dial_peers"].append(boxconf.peer(306, "+49306T", "both"))
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
    desks = [Endpoint(t, "peering", host, 5062) for host in (net.CARRIER4, net.SPARE4)]
    parallel(t, phone, *desks)
    refused_by_all(phone, *desks)
    finish(t, box, [200] * 7 + [486])
    for desk in desks:
        desk.nothing_left()


def parallel(t, phone, one, two):
    a = phone.call("+493061")
    b, loser = two.answer_to(), one.answer_to()
    for far in (b, loser):
        far.reply(far.invite, 180, "Ringing")
    b.ok(b.invite, body=True)
    cancel = loser.expect("CANCEL")
    t.equal(cancel.get("reason"), 'SIP;cause=200;text="Call completed elsewhere"', "Reason of the CANCEL")
    loser.ok(cancel)
    loser.reply(loser.invite, 487, "Terminated")
    loser.expect("ACK")
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(a, b)


def refused_by_all(phone, one, two):
    a = phone.call("+493062")
    for far, status in ((one.answer_to(), 486), (two.answer_to(), 503)):
        far.reply(far.invite, status, "No")
        far.expect("ACK")
    a.ack(message=a.expect((486, "INVITE")))


def states(box):
    return [r["state"] for r in box.json("show targets carrier")]


def taken(a, far):
    b = far.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(a, b)
