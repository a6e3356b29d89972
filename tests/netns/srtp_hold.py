# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold and resume towards a real phone with SRTP, which takes its keys once: it still understands
what comes afterwards, and is understood, on its side of the call and on a side of its own call."""
from limenlab import net
from limenlab.net import udp_socket
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import Talker
from limenlab.srtpcase import boxconf, legs, secure
from limenlab.ua import Endpoint, box_media

TALK_S = 0.8


def run(t):
    c = boxconf.standard()
    c["trunks"].append(boxconf.trunk("far", f"ipv4:{net.KAMAILIO4}:5070", srtp="require"))
    c["dial_peers"].append(boxconf.peer(310, "+49310T", "far"))
    box = t.box(secure(c, access="prefer"))
    t.capture()
    far = t.baresip("peering", net.KAMAILIO4, mediaenc="srtp-mand", answer="auto", user="+49310555", seconds=30.0)
    near = t.baresip(mediaenc="srtp-mand", seconds=30.0)
    phone, carrier = Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "peering", net.CARRIER4, 5060)
    # Bound before the calls, so that baresip takes no such port by chance.
    ends = [bound(t, t.net.access, phone), bound(t, t.net.peering, carrier)]
    a = phone.call("+49310555")            # the phone that holds calls the one with SRTP
    ok = a.expect((200, "INVITE"))
    a.ack()
    near.command("dial", f"sip:+49301555@{net.BOX_A4}")  # and the one with SRTP calls one that holds
    b = carrier.answer_to()
    b.ok(b.invite, body=True)
    b.expect("ACK")
    talkers = [talk(t, ends[0], phone, box_media(ok)), talk(t, ends[1], carrier, box_media(b.invite))]
    sleep_while_talking(TALK_S)
    for direction in ("sendonly", "sendrecv"):
        for dialog in (a, b):
            dialog.send_invite(direction=direction)
            dialog.expect((200, "INVITE"))
            dialog.ack()
        sleep_while_talking(TALK_S)
    for talker in talkers:
        talker.stop()
    for dialog in (a, b):
        dialog.bye()
        dialog.expect((200, "BYE"))
    for record in box.wait_records(2):
        secured = [leg for leg in record["legs"] if leg["srtp"] != "off"]
        t.equal((len(secured), [n for _, n in legs(record)]), (1, ["", ""]), "legs with SRTP, and notes")
        for leg in record["legs"]:
            t.check(leg["media"]["packets"] >= 60, f"{leg['media']['packets']} packets from a leg")
    for baresip in (far, near):
        with open(baresip.proc.log_path, errors="replace") as f:
            log = f.read()
        t.check("SRTP is Enabled" in log, f"{baresip.proc.name} had no SRTP")
        t.equal(log.count("failed to decrypt RTP"), 0, f"packets that {baresip.proc.name} did not understand")
    wrong = {name: n for name, n in box.drops().items() if name.startswith("srtp-") and n}
    # This phone says RTCP BYE in clear when its call is over; the box may still be there to drop it.
    byes = wrong.pop("srtp-clear", 0)
    t.check(byes <= 2 and not wrong, f"packets of the phones that the box did not understand: {wrong}, {byes} in clear")


def bound(t, ns, ua):
    sock = udp_socket(ns, ua.local, ua.media_port)
    t._cleanup.append(sock.close)
    return sock


def talk(t, sock, ua, to):
    talker = Talker(sock, to, 0x1000 + ua.media_port, seq=65500)
    t._cleanup.append(talker.stop)
    return talker
