# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals: the called user's pass as they are, 404 without a route, 503 hunts for the next
dial-peer, as does a far end that takes no connection, 486 and 603 do not, and huntstop ends the hunt."""
from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, finish, start
from limenlab.ua import Endpoint, hang_up


def run(t):
    c = conf()
    c["trunks"].append(boxconf.trunk("spare", f"ipv4:{net.SPARE4}:5060"))
    c["trunks"].append(boxconf.trunk("closed", f"ipv4:{net.SPARE4}:5999"))
    c["trunks"].append(boxconf.trunk("closed-t", f"ipv4:{net.SPARE4}:5999", transport="tcp"))
    c["dial_peers"] += [boxconf.peer(340, "+49340T", "closed-t", preference=1),
                        boxconf.peer(341, "+49340T", "spare", preference=2),
                        boxconf.peer(310, "+49310T", "carrier", preference=1),
                        boxconf.peer(311, "+49310T", "spare", preference=2),
                        boxconf.peer(320, "+49320T", "carrier", preference=1, huntstop=True),
                        boxconf.peer(321, "+49320T", "spare", preference=2),
                        boxconf.peer(330, "+49330T", "closed", preference=1),
                        boxconf.peer(331, "+49330T", "spare", preference=2)]
    box, phone, carrier = start(t, c)
    spare = Endpoint(t, "peering", net.SPARE4, 5060)
    statuses = []
    for status in (486, 404, 403, 480, 603):
        statuses += [refused(t, phone, carrier, NUMBER, status)]
    statuses += [no_route(t, phone)]
    statuses += [hunted(phone, carrier, spare, "+49310555", 503)]
    statuses += [taken(phone.call("+49340555"), spare)]
    for status in (486, 603):
        statuses += [refused(t, phone, carrier, "+49310555", status)]
    statuses += [refused(t, phone, carrier, "+49320555", 503)]
    statuses += [unreachable(phone, spare)]
    records = finish(t, box, statuses, timeout_s=20)
    by_status = {r["sip_status"]: r for r in records}
    t.equal(by_status[486]["q850"], 17, "cause of 486 in the record")
    t.equal(by_status[404]["q850"], 1, "cause of 404 in the record")
    for side in (phone, carrier, spare):
        side.nothing_left()


def refused(t, phone, carrier, number, status):
    a = phone.call(number)
    b = carrier.answer_to()
    b.reply(b.invite, status, "Refused")
    b.expect("ACK")
    a.ack(message=a.expect(status))
    return status


def no_route(t, phone):
    a = phone.call("+1555")
    a.ack(message=a.expect(404))
    return 404


def hunted(phone, carrier, spare, number, status):
    a = phone.call(number)
    first = carrier.answer_to()
    first.reply(first.invite, status, "Not now")
    first.expect("ACK")
    return taken(a, spare)


def taken(a, spare, timeout_s=6.0):
    b = spare.answer_to(timeout_s)
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(b, a)
    return 200


def unreachable(phone, spare):
    """Nobody listens at the first trunk: an ICMP error or the end of timer B, then the next."""
    return taken(phone.call("+49330555"), spare, timeout_s=12)
