# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers that the box makes. Blind: a baresip brings the phone that called it (baresip) to a third one (SIPp
with voice); both hear each other by the new call's ports. Attended: a phone brings two far ends of a carrier
together, whose audio passes after it has gone. A target that is busy leaves the call as it was."""
import socket
import struct

from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.ua import Endpoint, answered_call, hang_up, tag_of


def run(t):
    c = conf()
    for realm in c["realms"]:
        realm["refer"] = "local"
    c["trunks"] += [boxconf.trunk("third", f"ipv4:{net.CARRIER4}:5064"), boxconf.trunk("boss", f"ipv4:{net.KAMAILIO4}:5070"),
                    boxconf.trunk("other", f"ipv4:{net.CARRIER4}:5062")]
    c["dial_peers"] += [boxconf.peer(305, "+49305T", "third"), boxconf.peer(306, "+49306T", "other"),
                        boxconf.peer(307, "+49307T", "boss")]
    box, phone, carrier = start(t, c)
    blind(t, box)
    busy(t, phone, carrier)
    other = Endpoint(t, "peering", net.CARRIER4, 5062)
    attended(t, box, phone, carrier, other)
    records = finish(t, box, [200] * 6 + [486])
    t.equal(sorted(r["transfer"]["what"] for r in records if r["transfer"]),
            ["a transfer of it failed"] * 2 + ["comes of a transfer"] * 2 + ["was transferred"] * 3, "transfers in the records")
    shown = {k: counters(box)[k] for k in ("refer_in", "transfers", "transfers_failed")}
    t.equal(shown, {"refer_in": 3, "transfers": 2, "transfers_failed": 1}, "counters")
    for side in (phone, carrier, other):
        side.nothing_left()


def active(box):
    return [c for c in box.active_calls() if c["state"] == "active"]


def made(box):
    """The call that came of the transfer, once it is the only one."""
    rows = active(box)
    return rows[0] if len(rows) == 1 and rows[0]["transfer"] == "comes of a transfer" else None


def blind(t, box):
    third = t.carrier("answer.xml", port=5064)
    boss = t.baresip("peering", net.KAMAILIO4, seconds=30.0, answer="auto", user="+49307555", port=5070, control=4455)
    caller = t.baresip(seconds=30.0, port=5071, control=4456, user="+49305550002")
    caller.call(f"sip:+49307555@{net.BOX_A4}")
    first = t.wait_active(1)[0]
    boss.command("transfer", f"sip:+49305555@{net.BOX_B4}")
    call = wait_for("the transfer should be made", lambda: made(box), 8)
    boss.wait_event("CALL_CLOSED")
    t.check(call["id"] != first["id"], "the old call is still there")
    t.equal(call["transfer_call"], first["id"], "the call that it comes of")
    t.equal([leg["trunk"] for leg in call["legs"]], ["", "third"], "trunks of the new call")

    def both_talk():
        legs = made(box)["legs"]
        return all(leg["rx_packets"] > 50 and leg["tx_packets"] > 50 for leg in legs)
    wait_for("a second of audio should pass in both directions", both_talk, 8)
    caller.hangup()
    records = {r["id"]: r for r in box.wait_records(2)}
    t.equal(records[first["id"]]["reason"], "the called party transferred it to +49305555 (REFER)", "reason of the old call")
    t.check(records[call["id"]]["legs"][0]["media"]["packets"] > 50, "audio of the caller in the record")
    third.stop()


def busy(t, phone, carrier):
    a, b = answered_call(phone, carrier, NUMBER)
    b.send("REFER", headers=[f"Refer-To: <sip:+493015556@{net.BOX_B4}>", carrier.contact()])
    b.expect((202, "REFER"))
    notified(t, b, "SIP/2.0 100 Trying", "active")
    target = carrier.answer_to()
    target.reply(target.invite, 486, "Busy")
    target.expect("ACK")
    notified(t, b, "SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    hang_up(a, b)


def notified(t, who, fragment, state):
    got = who.expect("NOTIFY")
    who.ok(got)
    t.equal((got.body.decode().strip(), got.get("event")), (fragment, "refer"), "NOTIFY")
    t.check(got.get("subscription-state").startswith(state), f"Subscription-State {got.get('subscription-state')}")


def attended(t, box, phone, carrier, other):
    a1, b1 = answered_call(phone, carrier, NUMBER)
    a2, b2 = answered_call(phone, other, "+493066")
    name = f"{a2.call_id}%3Bto-tag%3D{tag_of(a2.remote)}%3Bfrom-tag%3D{tag_of(a2.local)}"
    a1.send("REFER", headers=[f"Refer-To: <{a2.target}?Replaces={name}>", phone.contact()])
    a1.expect((202, "REFER"))
    notified(t, a1, "SIP/2.0 100 Trying", "active")
    reinvite = b2.expect("INVITE")
    t.equal(reinvite.body, b"", "description in the re-INVITE that asks for an offer")
    b2.ok(reinvite, body=True)
    offered = b1.expect("INVITE")
    b1.ok(offered, body=True)
    b1.expect("ACK")
    answered = b2.expect("ACK")
    notified(t, a1, "SIP/2.0 200 OK", "terminated;reason=noresource")
    a1.expect_bye()
    a2.expect_bye()
    relayed(t, carrier, other, media_port(offered), media_port(answered))
    call = made(box)
    t.check(call and all(leg["rx_packets"] >= 5 for leg in call["legs"]), f"audio of the joined call: {call}")
    t.check("Transfer: comes of a transfer, call " in box.cli("show call active voice brief"), "no transfer is shown")
    hang_up(b1, b2)


def media_port(message):
    return int(next(line for line in message.body.decode().splitlines() if line.startswith("m=audio")).split()[1])


def relayed(t, one, two, to_one, to_two):
    """Packets of each arrive at the other, through the ports that each was told."""
    with net.udp_socket(t.net.peering, one.local, one.media_port) as a, net.udp_socket(t.net.peering, two.local, two.media_port) as b:
        for src, dst, port, ssrc in ((a, b, to_one, 0x1111), (b, a, to_two, 0x2222)):
            got = set()

            def through(src=src, dst=dst, port=port, ssrc=ssrc, got=got, state={"seq": 1}):
                state["seq"] += 1
                src.sendto(struct.pack("!BBHII", 0x80, 8, state["seq"], state["seq"] * 160, ssrc) + b"\xd5" * 160, (net.BOX_B4, port))
                dst.settimeout(0.1)
                try:
                    data = dst.recv(2048)
                except (TimeoutError, socket.timeout):
                    return False
                t.check(data[12:] == b"\xd5" * 160, "an RTP packet was changed on the way")
                got.add(data[2:4])
                return len(got) >= 5
            wait_for("five RTP packets should pass in each direction", through, 8)
