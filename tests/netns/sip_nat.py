# SPDX-License-Identifier: GPL-3.0-or-later
"""A phone behind a NAT (nftables, one public address, other ports): it says nothing but its private address, and is
registered, called and heard at what the box sees of it. Signalling, media and the short refresh of RFC 5853 3.4."""
from limenlab import boxconf, net
from limenlab.proc import run as command
from limenlab.regcase import credentials, register, users
from limenlab.sipcase import NUMBER, conf, finish, relayed, start
from limenlab.ua import Endpoint, box_media, hang_up

PRIVATE = "10.9.9.9"
ALICE = "+49401002"


def behind_nat(t):
    """Its packets leave as those of ATTACKER4, from ports that the router chooses."""
    inside = ["ip", "netns", "exec", t.net.access]
    command([*inside, "ip", "addr", "add", f"{PRIVATE}/32", "dev", "lo"])
    command([*inside, "nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100 ; }; "
             f"add rule ip nat out ip saddr {PRIVATE} meta l4proto udp snat to {net.ATTACKER4}:40000-49999"])


def run(t):
    c = conf()
    boxconf.find(c["realms"], name="access").update(admission="users")
    boxconf.remove_trunk(c, "pbx")  # else the phones' address is a trunk's
    c["registrars"] = [dict(name="phones", realm="access", domain="lab.example", expires_nat_s=90, authentication_hash="md5")]
    c["pools"] = users(("alice", ALICE))
    c["dial_peers"] += [dict(tag=50, destination_pattern="+49401T", registrar=True)]
    behind_nat(t)
    box, _, carrier = start(t, c)
    phone = Endpoint(t, "access", PRIVATE, 5060, remote=net.BOX_A4)
    answer = register(phone, "alice", expires=3600)
    via, seen = answer.get("via"), f"received={net.ATTACKER4}"
    t.check(seen in via and "rport=4" in via, f"Via of the answer: {via}")
    t.check("expires=90" in answer.get("contact"), f"a phone behind NAT should come again after 90 s: {answer.get('contact')}")
    row, = box.json("show sip-ua registrations")
    t.equal(row["nat"], "yes", "what is shown of the phone")

    # Called: the INVITE comes to where it registered from.
    a = carrier.call(ALICE)
    b = phone.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    answer = a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    relayed(t, phone, carrier, box_media(b.invite), box_media(answer), phone_first=True)
    hang_up(a, b)

    # Calling: what the carrier asks in the call comes back the same way.
    a = phone.call(NUMBER, from_user="alice")
    challenge = a.expect(401)
    a.ack(message=challenge)
    proof = credentials(challenge.get("www-authenticate"), "alice", "pw-alice", "INVITE", a.target)
    a.send_invite(headers=[f"Authorization: {proof}"])
    b = carrier.answer_to()
    b.ok(b.invite, body=True)
    answer = a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    relayed(t, phone, carrier, box_media(answer), box_media(b.invite), phone_first=True)
    b.send_invite(direction="sendonly")
    hold = a.expect("INVITE")
    a.ok(hold, body=True, direction="recvonly")
    a.expect("ACK")
    b.expect((200, "INVITE"))
    b.ack()
    hang_up(b, a)

    finish(t, box, [200, 200])
    wire = [m for m in t.sip_messages("access") if m.src == net.BOX_A4]
    t.check(all(m.dst == net.ATTACKER4 for m in wire), "something was sent to a private address")
