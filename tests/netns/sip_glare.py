# SPDX-License-Identifier: GPL-3.0-or-later
"""Both sides at once: re-INVITE meets re-INVITE (491, RFC 3261 14.2), BYE meets BYE (both get 200)."""
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, finish, start
from limenlab.ua import answered_call, hang_up


def run(t):
    box, phone, carrier = start(t)
    a, b = answered_call(phone, carrier, NUMBER)
    pending(a, b)
    pending(b, a)
    at_once(t, a, b)
    goes_through(b, a)
    goes_through(a, b)
    hang_up(a, b)

    a, b = answered_call(phone, carrier, NUMBER)
    a.bye()
    b.bye()
    a.expect((200, "BYE"))
    b.expect((200, "BYE"))
    for d in (a, b):  # the box may have sent its BYE before it had ours
        for bye in [m for m in d.ua.queue if m.method == "BYE" and m.is_request]:
            d.ua.queue.remove(bye)
            d.ok(bye)
    finish(t, box, [200, 200])


def pending(first, second):
    """second has an INVITE of the box unanswered and sends its own."""
    first.send_invite()
    offer = second.expect("INVITE")
    second.send_invite()
    second.ack(message=second.expect((491, "INVITE")))
    second.ok(offer, body=True)
    first.expect((200, "INVITE"))
    first.ack()
    second.expect("ACK")


def goes_through(first, second):
    """Refused with 491 it is tried again (RFC 3261 14.1), and then taken."""
    def taken():
        first.send_invite()
        while not (offer := second.ua.poll(("INVITE",), second.call_id)):
            if refused := first.ua.poll(((491, "INVITE"),), first.call_id):
                first.ack(message=refused)
                return None
        second._learn(offer)
        return offer
    second.ok(wait_for("a re-INVITE should be taken after the others", taken, 6, 0.2), body=True)
    first.expect((200, "INVITE"))
    first.ack()
    second.expect("ACK")


def at_once(t, a, b):
    """Neither knows of the other's: at least one is refused, nobody hangs, the call stays."""
    a.send_invite()
    b.send_invite()
    finals = {}

    def settled():
        for d in (a, b):
            m = d.ua.poll(("INVITE", (491, "INVITE"), (200, "INVITE")), d.call_id)
            if m and m.is_request:
                d.reply(m, 491, "Request Pending")
            elif m:
                finals[d] = m.status
                d.ack(message=m)
        return len(finals) == 2
    wait_for("both re-INVITEs should have a final answer", settled, 8)
    t.check(491 in finals.values(), "two re-INVITEs crossed and both were taken")
    for d in (a, b):  # the ACK of what was refused here
        d.ua.poll(("ACK",), d.call_id, 0.5)
