# SPDX-License-Identifier: GPL-3.0-or-later
"""UPDATE (RFC 3311) from both sides before the 200 and after it, to a side that does not take it (a
re-INVITE then), two at once (491), and a caller that cannot be told before its 200."""
from limenlab.sipcase import NUMBER, counters, finish, start
from limenlab.ua import box_media, hang_up

ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"


def run(t):
    box, phone, carrier = start(t)
    a, b = ringing(t, phone, carrier, [ALLOW, "Supported: 100rel"])
    for sender, taker in ((a, b), (b, a)):
        update(t, sender, taker, "sendonly", "recvonly")
        update(t, sender, taker, "sendrecv", "sendrecv")
    b.ok(b.invite)
    t.equal(a.expect((200, "INVITE")).body, b"", "body of the 200 after a reliable answer")
    a.ack()
    b.expect("ACK")
    update(t, b, a, "sendonly", "recvonly")
    crossing(t, a, b)
    hang_up(a, b)

    # This caller knows none of it.
    a, b = ringing(t, phone, carrier, [])
    b.send("UPDATE", b._body(True, "sendonly"))
    t.equal(b.expect((200, "UPDATE")).media()[2], "recvonly", "direction of the box's own answer")
    b.ok(b.invite)
    answer = a.expect((200, "INVITE"))
    t.equal(answer.media()[2], "sendonly", "direction in the 200, from the UPDATE before")
    a.ack()
    b.expect("ACK")
    as_reinvite(t, b, a)
    hang_up(b, a)
    finish(t, box, [200, 200])
    t.equal(counters(box)["update_local"], 1, "offers that the box answered by itself")
    phone.nothing_left()
    carrier.nothing_left()


def ringing(t, phone, carrier, headers):
    """A reliable 183 with an answer, with its PRACKs on both sides."""
    a = phone.call(NUMBER, headers=headers)
    b = carrier.answer_to()
    b.reply(b.invite, 183, "Session Progress", body=True, headers=[ALLOW, "Require: 100rel", "RSeq: 1"])
    b.ok(b.expect("PRACK"))
    early = a.expect(183)
    if headers:
        a.send("PRACK", headers=[f"RAck: {early.get('rseq')} {a.invite_seq} INVITE"])
        a.expect((200, "PRACK"))
    return a, b


def update(t, sender, taker, offered, answered):
    sender.send("UPDATE", sender._body(True, offered))
    offer = taker.expect("UPDATE")
    t.equal(offer.media()[2], offered, "direction of the offer in an UPDATE")
    taker.ok(offer, body=True, direction=answered)
    answer = sender.expect((200, "UPDATE"))
    t.equal(answer.media()[2], answered, "direction of the answer to an UPDATE")
    box_media(answer)


def crossing(t, a, b):
    a.send("UPDATE", a._body(True))
    offer = b.expect("UPDATE")
    b.send("UPDATE", b._body(True))
    b.expect((491, "UPDATE"))
    a.send("UPDATE", a._body(True))
    t.check(a.expect((500, "UPDATE")).get("retry-after"), "a 500 to a second UPDATE has no Retry-After")
    b.ok(offer, body=True)
    a.expect((200, "UPDATE"))


def as_reinvite(t, sender, taker):
    sender.send("UPDATE", sender._body(True))
    offer = taker.expect("INVITE")
    taker.ok(offer, body=True)
    sender.expect((200, "UPDATE"))
    taker.expect("ACK")
