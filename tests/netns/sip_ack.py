# SPDX-License-Identifier: GPL-3.0-or-later
"""Retransmissions: an INVITE sent again makes no second call, a 200 is repeated until the ACK, a
late copy of an old ACK does not pass for a newer one (RFC 3261 13.3.1.4, RFC 6026). Each message that stays
without answer is sent again at the times of timers A, E and G; a 2xx without its ACK ends with BYE after 64 * T1."""
from limenlab import net
from limenlab.sipcase import NUMBER, T1_MS, finish, start
from limenlab.ua import Endpoint, hang_up


def run(t):
    box, phone, carrier = start(t)
    deaf, deaf_far = never_acknowledged(Endpoint(t, "access", net.PHONE2_4, 5090), carrier)
    old_acks(phone, carrier)
    copies(phone, carrier)
    refused_copies(phone, carrier)
    deaf.ok(deaf.expect("BYE", timeout_s=10))
    deaf_far.expect("ACK")
    deaf_far.expect_bye()
    finish(t, box, [200, 200, 486, 200])
    for side in (phone, carrier):
        side.nothing_left()
    times(t)


def never_acknowledged(phone, carrier):
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    return a, b


def repeated(side, n):
    for _ in range(n):
        side.repeated()


def copies(phone, carrier):
    """Two copies of the INVITE, the 200, the ACK and the BYE are lost at whom they are for."""
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    repeated(carrier, 3)
    b.ok(b.invite, body=True)
    answer = carrier.last
    a.expect((200, "INVITE"))
    repeated(phone, 3)
    a.ack()
    b.expect("ACK")
    carrier.send_raw(answer)  # as who did not see the ACK
    carrier.repeated()
    a.bye()
    bye = b.expect("BYE")
    repeated(carrier, 3)
    b.ok(bye)
    a.expect((200, "BYE"))


def refused_copies(phone, carrier):
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 486, "Busy Here")
    refusal = carrier.last
    b.expect("ACK")
    carrier.send_raw(refusal)
    carrier.repeated()
    final = a.expect(486)
    repeated(phone, 3)
    a.ack(message=final)


def times(t):
    """No copy came before its time: T1, 2 * T1, 4 * T1 and so on after the one before."""
    seen = {}
    for side in ("access", "peering"):
        for m in t.sip_messages(side):
            if m.src in (net.BOX_A4, net.BOX_B4) and m.method != "ACK" and (m.is_request or m.status >= 200):
                seen.setdefault(m.raw, []).append(m.ts)
    kinds = set()
    for raw, at in seen.items():
        if len(at) < 3:
            continue
        kinds.add(raw.split(b" ", 2)[0 if not raw.startswith(b"SIP/2.0") else 1].decode())
        for n, (one, two) in enumerate(zip(at, at[1:])):
            t.check(two - one >= 0.8 * T1_MS / 1000 * 2 ** n, f"copy {n + 1} came after {two - one:.3f} s: {raw[:60]!r}")
    t.equal(kinds, {"INVITE", "BYE", "200", "486"}, "messages of which there were three copies")


def old_acks(phone, carrier):
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
