# SPDX-License-Identifier: GPL-3.0-or-later
"""CANCEL before any provisional answer, after 180, and crossing with 200 (RFC 3261 section 9)."""
from limenlab.sipcase import NUMBER, finish, start


def run(t):
    box, phone, carrier = start(t)
    early(t, phone, carrier)
    ringing(phone, carrier)
    crossing(phone, carrier)
    unknown(t, phone)
    records = finish(t, box, [487, 487, 487], timeout_s=15)
    t.equal({r["released_by"] for r in records}, {"caller"}, "who ended the cancelled calls")
    for side in (phone, carrier):
        side.nothing_left()


def refuse(b):
    b.ok(b.expect("CANCEL"))
    b.reply(b.invite, 487, "Request Terminated")
    b.expect("ACK")


def caller_done(a):
    a.expect((200, "CANCEL"))
    a.ack(message=a.expect((487, "INVITE")))


def early(t, phone, carrier):
    """RFC 3261 9.1: no CANCEL may leave before a provisional answer came."""
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    a.cancel()
    a.expect((200, "CANCEL"))
    carrier.repeated()
    t.check(not any(m.method == "CANCEL" for m in carrier.queue),
            "a CANCEL left before the carrier had answered anything")
    b.reply(b.invite, 180, "Ringing")
    refuse(b)
    a.ack(message=a.expect((487, "INVITE")))


def ringing(phone, carrier):
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    a.cancel()
    refuse(b)
    caller_done(a)


def crossing(phone, carrier):
    """The carrier's 200 meets the CANCEL: the box takes the call and ends it itself (9.1, 15)."""
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    a.cancel()
    cancel = b.expect("CANCEL")
    b.ok(b.invite, body=True)
    b.ok(cancel)
    b.expect("ACK")
    b.expect_bye()
    caller_done(a)


def unknown(t, phone):
    """A CANCEL that matches nothing is refused with 481."""
    answer = phone.options(method="CANCEL")
    t.equal(answer.status, 481, "answer to a CANCEL of nothing")
