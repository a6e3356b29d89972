# SPDX-License-Identifier: GPL-3.0-or-later
"""Retransmissions: an INVITE sent again makes no second call, a 200 is repeated until the ACK, a
late copy of an old ACK does not pass for a newer one (RFC 3261 13.3.1.4, RFC 6026)."""
from limenlab.sipcase import NUMBER, finish, start
from limenlab.ua import hang_up


def run(t):
    box, phone, carrier = start(t)
    a = phone.call(NUMBER)
    a.again()
    a.again()
    b = carrier.answer_to()
    a.again()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    phone.repeated()  # the box repeats its 200
    old = a.ack()
    b.expect("ACK")

    a.send_invite()
    offer = b.expect("INVITE")
    phone.send_raw(old)  # of the first INVITE, while the second is pending
    b.ok(offer, body=True)
    a.expect((200, "INVITE"))
    phone.send_raw(old)
    phone.repeated()  # still unacknowledged: the old ACK must not count
    a.ack()
    b.expect("ACK")
    phone.send_raw(old)
    hang_up(a, b)
    phone.send_raw(old)
    finish(t, box, [200])
    for side in (phone, carrier):
        side.nothing_left()
