# SPDX-License-Identifier: GPL-3.0-or-later
"""INVITE without an offer: the offer comes with 200, the answer with ACK (RFC 3261 13.2.1); the same
for a re-INVITE."""
from limenlab.sipcase import NUMBER, finish, start
from limenlab.ua import box_media, hang_up
from limenlab.net import BOX_A4, BOX_B4


def run(t):
    box, phone, carrier = start(t)
    a = phone.call(NUMBER, body=None)
    b = carrier.answer_to()
    t.check(not b.invite.body, "an INVITE without an offer became one with an offer")
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    exchange(t, a, b, b.invite)
    a.send_invite(body=None)
    exchange(t, a, b, b.expect("INVITE"))
    hang_up(a, b)
    finish(t, box, [200])


def exchange(t, a, b, invite):
    b.ok(invite, body=True)
    offer = a.expect((200, "INVITE"))
    t.equal(box_media(offer)[0], BOX_A4, "media address in the offer to the caller")
    a.ack(body=True)
    answer = b.expect("ACK")
    t.equal(box_media(answer)[0], BOX_B4, "media address in the answer to the carrier")
