# SPDX-License-Identifier: GPL-3.0-or-later
"""Attended transfers with four workers of limen-sip. The two calls of a phone are seldom of one worker: the
second one moves to that of the first, and goes on there, also after a restart. An INVITE with Replaces reaches
the worker of the dialog that it names, and so does its CANCEL."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.ua import Endpoint, answered_call, hang_up, tag_of

TRIES = 5


def run(t):
    c = conf()
    for realm in c["realms"]:
        realm.update(refer="local", handle_replaces=True)
    c["trunks"].append(boxconf.trunk("other", f"ipv4:{net.CARRIER4}:5062"))
    c["dial_peers"].append(boxconf.peer(306, "+49306T", "other"))
    box, phone, carrier = start(t, c, sip_workers=4)
    other = Endpoint(t, "peering", net.CARRIER4, 5062)
    pairs = [attended(t, phone, carrier, other) for _ in range(TRIES)]
    # Both calls of each pair may be of one worker, once in a thousand runs; what was not counted yet dies with limen-sip.
    while not counted(box, pairs)["calls_moved"] and len(pairs) < 4 * TRIES:
        pairs.append(attended(t, phone, carrier, other))
    t.check(counters(box)["calls_moved"] > 0, "no call has moved")
    box.wait_restarted("limen-sip", box.kill("limen-sip"))
    box.wait_serving()
    for i, (b1, b2) in enumerate(pairs):
        hang_up(*((b1, b2) if i % 2 else (b2, b1)))
    for _ in range(TRIES):
        replaced(t, phone, other)
        cancelled(t, phone, other)
    finish(t, box, [200] * 3 * (len(pairs) + TRIES) + [487] * TRIES)
    for side in (phone, carrier, other):
        side.nothing_left()


def counted(box, pairs):
    """Counters, when they have the three calls of each pair."""
    def all_there():
        now = counters(box)
        return now["calls_answered"] == 3 * len(pairs) and now
    return wait_for("all calls should be counted", all_there)


def name_of(dialog):
    return f"{dialog.call_id};to-tag={tag_of(dialog.remote)};from-tag={tag_of(dialog.local)}"


def attended(t, phone, carrier, other):
    a1, b1 = answered_call(phone, carrier, NUMBER)
    a2, b2 = answered_call(phone, other, "+493066")
    name = name_of(a2).replace(";", "%3B").replace("=", "%3D")
    a1.send("REFER", headers=[f"Refer-To: <{a2.target}?Replaces={name}>", phone.contact()])
    a1.expect((202, "REFER"))
    a1.ok(a1.expect("NOTIFY"))
    b2.ok(b2.expect("INVITE"), body=True)
    b1.ok(b1.expect("INVITE"), body=True)
    b1.expect("ACK")
    b2.expect("ACK")
    last = a1.expect("NOTIFY")
    a1.ok(last)
    t.equal(last.body.decode().strip(), "SIP/2.0 200 OK", "what came of the transfer")
    a1.expect_bye()
    a2.expect_bye()
    return b1, b2


def knows_replaces(phone, other):
    a = phone.call("+493066")
    b = other.answer_to()
    b.ok(b.invite, body=True, headers=["Supported: replaces"])
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    return a, b


def replaced(t, phone, other):
    a, b = knows_replaces(phone, other)
    c = phone.call("+493066", headers=[f"Replaces: {name_of(a)}", "Require: replaces"])
    d = other.answer_to()
    t.check(b.call_id in d.invite.get("replaces"), "Replaces at the far end")
    d.ok(d.invite, body=True)
    c.expect((200, "INVITE"))
    c.ack()
    d.expect("ACK")
    hang_up(b, a)
    hang_up(c, d)


def cancelled(t, phone, other):
    a, b = knows_replaces(phone, other)
    c = phone.call("+493066", headers=[f"Replaces: {name_of(a)}"])
    d = other.answer_to()
    d.reply(d.invite, 180, "Ringing")
    c.expect(180)
    c.cancel()
    c.expect((200, "CANCEL"))
    d.ok(d.expect("CANCEL"))
    d.reply(d.invite, 487, "Terminated")
    d.expect("ACK")
    c.ack(message=c.expect((487, "INVITE")))
    hang_up(a, b)
