# SPDX-License-Identifier: GPL-3.0-or-later
"""Early media: 183 with a description opens the way for RTP before the call is answered, 180 without
one does not close it, and the 200 with the same description changes nothing (RFC 3960)."""
import socket
import struct

from limenlab import net
from limenlab.sipcase import NUMBER, finish, start
from limenlab.proc import wait_for
from limenlab.ua import box_media, hang_up


def run(t):
    box, phone, carrier = start(t)
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 183, "Session Progress", body=True)
    early = a.expect(183)
    t.equal(box_media(early)[0], net.BOX_A4, "media address in the 183")
    relayed(t, phone, carrier, box_media(early), box_media(b.invite))
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.version -= 1
    b.ok(b.invite, body=True)
    answer = a.expect((200, "INVITE"))
    if answer.body:
        t.equal(box_media(answer), box_media(early), "media of 183 and 200")
    a.ack()
    b.expect("ACK")
    relayed(t, phone, carrier, box_media(early), box_media(b.invite), first=500)
    hang_up(b, a)
    finish(t, box, [200])


def relayed(t, phone, carrier, box_a, box_b, first=1):
    """A few packets from the carrier arrive at the phone as they were, and the reverse."""
    a = net.udp_socket(t.net.access, phone.local, phone.media_port)
    b = net.udp_socket(t.net.peering, carrier.local, carrier.media_port)
    with a, b:
        for src, dst, to, ssrc in ((b, a, box_b, 0x1111), (a, b, box_a, 0x2222)):
            state = {"seq": first, "got": set()}

            def through(src=src, dst=dst, to=to, ssrc=ssrc, state=state):
                packet = struct.pack("!BBHII", 0x80, 8, state["seq"], state["seq"] * 160, ssrc) + b"\xd5" * 160
                state["seq"] += 1
                src.sendto(packet, to)
                dst.settimeout(0.1)
                try:
                    data = dst.recv(2048)
                except (TimeoutError, socket.timeout):
                    return False
                t.check(data[12:] == b"\xd5" * 160 and data[8:12] == struct.pack("!I", ssrc),
                        "an RTP packet was changed on the way")
                state["got"].add(data[2:4])
                return len(state["got"]) >= 5
            wait_for("five RTP packets should pass in each direction", through, 8)
