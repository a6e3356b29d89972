# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of trunks and dial-peers: a full one is passed over for the next, nobody left is 503 with Retry-After
and the limit's name in the record, emergency calls pass, and a restart of signalling keeps the counts."""
from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, start
from limenlab.ua import Endpoint, hang_up

EMERGENCY = "112"


def run(t):
    c = conf()
    c["voice_service"] = {"emergency_numbers": [EMERGENCY]}
    boxconf.find(c["trunks"], name="carrier")["max_conn"] = 1
    c["trunks"].append(boxconf.trunk("spare", f"ipv4:{net.SPARE4}:5060", max_conn=1))
    c["dial_peers"] += [boxconf.peer(350, "+49301T", "spare", preference=5), boxconf.peer(351, EMERGENCY, "carrier")]
    box, phone, carrier = start(t, c, sip_workers=2)
    spare = Endpoint(t, "peering", net.SPARE4, 5060)
    first, second = up(phone, carrier, NUMBER), up(phone, spare, NUMBER)
    refused(t, phone)
    old = box.pid("limen-sip")
    box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    refused(t, phone)
    shown = {row["name"]: row for row in box.json("show call threshold")}
    t.equal([(shown[n]["calls"], shown[n]["max_conn"]) for n in ("carrier", "spare")], [(1, 1), (1, 1)], "calls and limits")
    third = up(phone, carrier, EMERGENCY)
    for a, b in (first, second, third):
        hang_up(a, b)
    last = up(phone, carrier, NUMBER)
    hang_up(*last)
    records = [r for r in box.wait_records(6, 10) if r["sip_status"] == 503]
    t.equal([r["reason"] for r in records], ["trunk spare has the 1 calls that it may have (max-conn)"] * 2, "reasons")


def up(phone, far, number):
    a = phone.call(number)
    b = far.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    b.expect("ACK")
    a.ack()
    return a, b


def refused(t, phone):
    a = phone.call(NUMBER)
    answer = a.expect(503)
    a.ack(message=answer)
    t.check(answer.get("retry-after"), "a 503 without Retry-After")
