# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers. Blind: the carrier's REFER reaches the phone with the box's address, the phone calls a third
party (SIPp) and its NOTIFYs go back. Attended: the phone brings two far ends together, whose dialogs
have other names on each side of the box (RFC 5589 7.3)."""
from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, finish, start
from limenlab.ua import Endpoint, answered_call, hang_up, tag_of, token


def run(t):
    c = conf()
    for realm in c["realms"]:
        realm.update(refer="relay", handle_replaces=True)
    c["trunks"] += [boxconf.trunk("third", f"ipv4:{net.CARRIER4}:5064"),
                    boxconf.trunk("other", f"ipv4:{net.CARRIER4}:5062")]
    c["dial_peers"] += [boxconf.peer(305, "+49305T", "third"), boxconf.peer(306, "+49306T", "other")]
    box, phone, carrier = start(t, c)
    third = t.carrier("answer_quiet.xml", port=5064)
    blind(t, phone, carrier)
    third.stop()
    other = Endpoint(t, "peering", net.CARRIER4, 5062)
    attended(t, phone, carrier, other)
    finish(t, box, [200] * 5)
    for side in (phone, carrier, other):
        side.nothing_left()


def blind(t, phone, carrier):
    a, b = answered_call(phone, carrier, NUMBER)
    b.send("REFER", headers=[f"Refer-To: <sip:+493055@{net.CARRIER4}>", f"Contact: <sip:core-user@{net.CARRIER4}>"])
    refer = a.expect("REFER")
    t.equal(refer.get("refer-to"), f"<sip:+493055@{net.BOX_A4}:5060>".replace(":5060", ""), "Refer-To")
    a.reply(refer, 202, "Accepted")
    b.expect((202, "REFER"))
    new = phone.call("+493055")
    notify(t, a, b, "active;expires=60", "SIP/2.0 100 Trying")
    new.expect(180)
    new.expect((200, "INVITE"))
    new.ack()
    notify(t, a, b, "terminated;reason=noresource", "SIP/2.0 200 OK")
    hang_up(b, a)
    new.bye()
    new.expect((200, "BYE"))


def notify(t, sender, taker, state, fragment):
    sender.seq += 1
    text = sender._request("NOTIFY", sender.seq, token("z9hG4bKinner"), fragment + "\r\n",
                           ["Event: refer", f"Subscription-State: {state}"])
    sender.ua.send_raw(text.replace("application/sdp", "message/sipfrag"))
    got = taker.expect("NOTIFY")
    t.equal((got.get("subscription-state"), got.body.decode().strip()), (state, fragment), "the NOTIFY that came back")
    taker.ok(got)
    sender.expect((200, "NOTIFY"))


def attended(t, phone, carrier, other):
    a1, b1 = answered_call(phone, carrier, NUMBER)
    a2 = phone.call("+493066")
    b2 = other.answer_to()
    b2.ok(b2.invite, body=True, headers=["Supported: replaces"])
    a2.expect((200, "INVITE"))
    a2.ack()
    b2.expect("ACK")
    name = f"{a2.call_id}%3Bto-tag%3D{tag_of(a2.remote)}%3Bfrom-tag%3D{tag_of(a2.local)}"
    a1.send("REFER", headers=[f"Refer-To: <{a2.target}?Replaces={name}>"])
    refer = b1.expect("REFER")
    b1.reply(refer, 202, "Accepted")
    a1.expect((202, "REFER"))
    target, _, header = refer.get("refer-to").strip("<>").partition("?Replaces=")
    t.check(a2.call_id not in header, "the Call-ID of the phone's dialog shows")
    replaces = header.replace("%3B", ";").replace("%3D", "=")
    c = carrier.call(target.partition("@")[0].partition(":")[2],
                     headers=[f"Replaces: {replaces}", "Require: replaces"])
    d = other.answer_to()
    t.equal(d.invite.get("replaces"),
            f"{b2.call_id};to-tag={tag_of(b2.local)};from-tag={tag_of(b2.remote)}", "Replaces at the far end")
    d.ok(d.invite, body=True)
    c.expect((200, "INVITE"))
    c.ack()
    d.expect("ACK")
    hang_up(b2, a2)
    hang_up(a1, b1)
    hang_up(c, d)
