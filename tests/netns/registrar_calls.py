# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to registered users, with two workers of limen-sip, so that one asks the other where a user is: to a
baresip; to two phones of one user, of which one answers and the other is cancelled, or both refuse; after a killed
limen-sip; to users that are not there. And a call of a user, who has to prove himself."""
from limenlab import boxconf, net
from limenlab.regcase import credentials, register, users
from limenlab.sipcase import conf, counters
from limenlab.proc import wait_for
from limenlab.ua import Endpoint, hang_up

BRUNO, CLARA, NOBODY = "+49401002", "+49401010", "+49401099"


def start(t):
    c = conf()
    boxconf.find(c["realms"], name="access").update(admission="users")
    boxconf.remove_trunk(c, "pbx")  # else the phones' address is a trunk's
    c["registrars"] = [dict(name="phones", realm="access", domain="lab.example", authentication_hash="md5")]
    c["e164_pattern_maps"] = [dict(tag=1, e164=["+49301T"])]
    c["toll_limits"] = [dict(tag=3, destinations=[1], calls=1, action="refuse")]
    c["registrars"][0].update(toll_limits=[3], user_max_conn=4)
    c["pools"] = users(("bruno", BRUNO), ("clara", CLARA), ("dora", "+49401020"))
    c["dial_peers"] += [dict(tag=50, destination_pattern="+49401T", registrar=True)]
    return t.box(c, sip_workers=2)


def both_ring(carrier, phones):
    a = carrier.call(CLARA)
    legs = [p.answer_to() for p in phones]
    for leg in legs:
        leg.reply(leg.invite, 180, "Ringing")
        a.expect(180)
    return a, legs


def run(t):
    box = start(t)
    t.capture()
    carrier = Endpoint(t, "peering", net.CARRIER4, 5060)
    phones = [Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "access", net.PHONE4, 5091)]
    t.baresip(registrar=net.BOX_A4, password="pw-bruno", answer="auto")
    # One of them names an address that nobody reaches: it is called where it came from.
    register(phones[0], "clara", contact="<sip:clara@10.9.9.9:5090>")
    register(phones[1], "clara")
    wait_for("bruno and clara should be registered", lambda: len(box.json("show sip-ua registrations")) == 3, 15)

    for _ in range(2):  # the Call-IDs fall on both workers sooner or later
        a = carrier.call(BRUNO)
        a.expect((200, "INVITE"))
        a.ack()
        a.bye()
        a.expect((200, "BYE"))

    a, legs = both_ring(carrier, phones)
    legs[1].ok(legs[1].invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    legs[1].expect("ACK")
    cancel = legs[0].expect("CANCEL")
    t.check("cause=200" in cancel.get("reason"), "the CANCEL does not say that the call was answered elsewhere")
    legs[0].ok(cancel)
    legs[0].reply(legs[0].invite, 487, "Request Terminated")
    legs[0].expect("ACK")

    old = box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    hang_up(a, legs[1])  # the call that was up lives on

    a, legs = both_ring(carrier, phones)
    legs[1].reply(legs[1].invite, 486, "Busy Here")
    legs[1].expect("ACK")
    legs[0].reply(legs[0].invite, 480, "Away")
    legs[0].expect("ACK")
    a.ack(message=a.expect(486))

    # both answer: one call, the other one is hung up
    a, legs = both_ring(carrier, phones)
    for leg in legs:
        leg.ok(leg.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    for leg in legs:
        leg.expect("ACK")
    loser = legs[1] if legs[0].ua.poll(("BYE",), legs[0].call_id, 0.5) is None else legs[0]
    winner = legs[0] if loser is legs[1] else legs[1]
    if loser is legs[1]:
        loser.expect_bye()
    hang_up(a, winner)

    # a caller who gives up
    a, legs = both_ring(carrier, phones)
    a.cancel()
    a.ack(message=a.expect(487))
    for leg in legs:
        leg.ok(leg.expect("CANCEL"))
        leg.reply(leg.invite, 487, "Request Terminated")
        leg.expect("ACK")

    for number, status in ((NOBODY, 404), ("+49401020", 480)):
        a = carrier.call(number)
        a.ack(message=a.expect(status))

    # a user calls, under his name and under another
    for name, status in (("clara", 200), ("dora", 403)):
        a = phones[0].call("+49301555", from_user=name)
        challenge = a.expect(401)
        a.ack(message=challenge)
        value = credentials(challenge.get("www-authenticate"), "clara", "pw-clara", "INVITE", a.target)
        a.send_invite(headers=[f"Authorization: {value}"])
        if status != 200:
            a.ack(message=a.expect(status))
            continue
        b = carrier.answer_to()
        b.ok(b.invite, body=True)
        a.expect((200, "INVITE"))
        a.ack()
        b.expect("ACK")
        hang_up(a, b)
    # his second call to such a number is one too many; he is named
    a = phones[0].call("+49301555", from_user="clara")
    challenge = a.expect(401)
    a.ack(message=challenge)
    value = credentials(challenge.get("www-authenticate"), "clara", "pw-clara", "INVITE", a.target)
    a.send_invite(headers=[f"Authorization: {value}"])
    a.ack(message=a.expect(403))
    shown = wait_for("the user should be shown", lambda: [r for r in box.json("show toll-limit") if r["refused"]], 5)
    t.equal([(r["of"], r["state"], r["window_calls"], r["refused"]) for r in shown], [("user clara at phones", "full", 1, 1)], "toll-limit")
    peaks = {r["name"]: r["peak_calls"] for r in box.json("show capacity user")}
    t.equal((peaks["clara at phones"], peaks["bruno at phones"]), (1, 0), "peaks of users since signalling started again")
    t.check(not [m for m in t.sip_messages("peering") if b"uthorization" in m.raw], "credentials of a user crossed the box")
    records = box.wait_records(10)
    t.equal([r["sip_status"] for r in records], [200, 200, 200, 486, 200, 487, 404, 480, 200, 403], "status in the records")
    t.equal(records[-1]["reason"], "user clara at phones has begun the 1 calls in 3600 s that voice class toll-limit 3 lets it (calls)", "reason")
    wait_for("no call and no dialog should be left", lambda: not counters(box)["calls_active"] and not counters(box)["dialogs"], 10)
    reasons = {r["legs"][0]["called"]: r["reason"] for r in records}
    t.equal(reasons[NOBODY], f"no user has the number {NOBODY} (voice register pool)", "reason")
    t.equal(reasons["+49401020"], "user dora is not registered", "reason")
