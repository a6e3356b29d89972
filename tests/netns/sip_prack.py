# SPDX-License-Identifier: GPL-3.0-or-later
"""Reliable provisional answers (RFC 3262): SIPp with 100rel on both sides and on one side only, a
called side that loses a PRACK, a caller that requires 100rel, and one that never sends its PRACK."""
from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.ua import box_media, hang_up

CALLS = 5


def run(t):
    c = conf()
    c["trunks"].append(boxconf.trunk("sipp", f"ipv4:{net.CARRIER4}:5062"))
    c["dial_peers"].append(boxconf.peer(305, "+49305T", "sipp"))
    box, phone, carrier = start(t, c)
    deaf, deaf_far = never_acknowledged(t, phone, carrier)
    far = t.carrier("answer_100rel.xml", port=5062)
    near = [t.phone("+493055", scenario="call_100rel.xml", calls=CALLS, rate=20, hold_ms=100),
            t.phone("+493055", scenario="call_quiet.xml", calls=CALLS, rate=20, hold_ms=100,
                    media_port=6100)]
    lost_prack(t, phone, carrier)
    required(t, phone, carrier)
    for sipp in near:
        sipp.wait_ok()
    far.stop()
    deaf.ack(message=deaf.expect((504, "INVITE"), timeout_s=15))
    deaf_far.ok(deaf_far.expect("CANCEL"))
    deaf_far.reply(deaf_far.invite, 487, "Request Terminated")
    deaf_far.expect("ACK")
    finish(t, box, [200] * (2 * CALLS + 2) + [504])
    c = counters(box)
    # of SIPp with 100rel and of the caller that requires it; of SIPp's far side and of the lost one
    t.equal((c["prack_in"], c["prack_out"], c["prack_missed"]), (CALLS + 1, 2 * CALLS + 1, 1), "PRACKs")


def never_acknowledged(t, phone, carrier):
    a = phone.call(NUMBER, headers=["Supported: 100rel"])
    b = carrier.answer_to()
    b.reply(b.invite, 183, "Session Progress", body=True)
    early = a.expect(183)
    t.equal((early.get("require"), bool(early.get("rseq"))), ("100rel", True), "the 183 to a caller with 100rel")
    phone.repeated()
    return a, b


def lost_prack(t, phone, carrier):
    """The caller knows nothing of it: it gets an ordinary 183, and the box sends its PRACK until it
    is answered. A 183 that comes again, or out of order, does nothing."""
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    t.check("100rel" in b.invite.get("supported"), "the INVITE to the carrier does not offer 100rel")
    there = f"sip:core-early@{net.CARRIER4}:5060"
    b.reply(b.invite, 183, "Session Progress", body=True, contact=False,
            headers=["Require: 100rel", "RSeq: 7", f"Contact: <{there}>"])
    early = a.expect(183)
    t.equal((early.get("require"), early.get("rseq")), ("", ""), "the 183 to a caller without 100rel")
    prack = b.expect("PRACK")
    t.equal(prack.start, f"PRACK {there} SIP/2.0", "a PRACK goes to the Contact of its early dialog")
    t.equal(prack.get("rack"), f"7 {b.invite.get('cseq')}", "RAck")
    carrier.repeated()
    b.ok(prack)
    b.reply(b.invite, 180, "Ringing", headers=["Require: 100rel", "RSeq: 9"])  # 8 is still to come
    b.ok(b.invite)
    answer = a.expect((200, "INVITE"))
    t.equal(box_media(answer), box_media(early), "media of the 183 and of the 200 made from it")
    a.ack()
    b.expect("ACK")
    t.check(not [m for m in phone.queue if m.status == 180], "a provisional out of order went on")
    hang_up(a, b)


def required(t, phone, carrier):
    """The called side knows nothing of it; the caller gets what it requires, and its 200 waits."""
    a = phone.call(NUMBER, headers=["Require: 100rel"])
    b = carrier.answer_to()
    b.reply(b.invite, 183, "Session Progress", body=True)
    early = a.expect(183)
    b.ok(b.invite, body=True)
    b.expect("ACK")
    phone.drain(0.2)
    t.check(not [m for m in phone.queue if m.status == 200], "the 200 did not wait for the PRACK")
    a.send("PRACK", headers=[f"RAck: {early.get('rseq')} {a.invite_seq} INVITE"])
    a.expect((200, "PRACK"))
    t.equal(a.expect((200, "INVITE")).body, b"", "body of the 200 after a reliable answer")
    a.ack()
    hang_up(b, a)
