# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that must be refused: Max-Forwards 0 (483), a loop (482), unknown
extensions (420), unknown methods (405, 501), dialogs that are not there (481); OPTIONS is answered."""
from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, finish, start
from limenlab.ua import Dialog, answered_call, hang_up


def run(t):
    c = conf()
    # A carrier that sends the call straight back: its number comes round to the same trunk.
    c["dial_peers"].append(boxconf.peer(350, "+49350T", "carrier"))
    box, phone, carrier = start(t, c)
    statuses = [max_forwards(t, phone), extension(t, phone)]
    statuses += circle(t, phone, carrier)
    answers(t, phone)
    in_dialog(t, phone, carrier)
    statuses.append(200)
    finish(t, box, statuses)


def max_forwards(t, phone):
    a = phone.call(NUMBER, max_forwards=0)
    a.ack(message=a.expect(483))
    status = phone.options(max_forwards=0).status
    t.check(status in (200, 483), f"answer to OPTIONS with Max-Forwards 0: {status}")  # RFC 3261 16.3
    return 483


def extension(t, phone):
    a = phone.call(NUMBER, headers=["Require: inner-nonsense"])
    refusal = a.expect(420)
    t.equal(refusal.get("unsupported"), "inner-nonsense", "Unsupported in the 420")
    a.ack(message=refusal)
    return 420


def circle(t, phone, carrier):
    """The carrier sends our INVITE back with our Via in it. Either the box sees that it was here
    before (482), or Max-Forwards ends it (483); in both cases the caller gets a final answer."""
    a = phone.call("+49350555")
    rounds = 0
    while True:
        m = carrier.expect_one_of(("INVITE", 482, 483))
        if not m.is_request:
            break
        rounds += 1
        t.check(rounds < 75, "a call that came round was never stopped")
        back = Dialog.called(carrier, m)
        vias = [f"Via: {v}" for v in m.get_all("via")]
        hops = int(m.get("max-forwards")) - 1
        t.check(hops >= 0, "the box sent Max-Forwards 0 on")
        carrier.send_raw("\r\n".join(
            [f"INVITE sip:+49350555@{net.BOX_B4} SIP/2.0", carrier.via(), *vias, f"Max-Forwards: {hops}",
             f"From: {m.get('from')}", f"To: {m.get('to')}", f"Call-ID: {m.call_id}", f"CSeq: {m.get('cseq')}",
             f"Contact: {m.get('contact')}", "Content-Type: application/sdp",
             f"Content-Length: {len(m.body)}", "", m.body.decode()]))
    t.equal(rounds, 1, "INVITEs that came back before the box said stop")
    carrier.send_raw("\r\n".join(
        [f"ACK sip:+49350555@{net.BOX_B4} SIP/2.0", f"Via: {m.get_all('via')[0]}", "Max-Forwards: 70",
         f"From: {m.get('from')}", f"To: {m.get('to')}", f"Call-ID: {m.call_id}",
         f"CSeq: {m.get('cseq').split()[0]} ACK", "Content-Length: 0", "", ""]))
    back.reply(back.invite, m.status, "Loop")
    back.expect("ACK")
    final = a.expect_one_of((482, 483, 500, 502, 503))
    a.ack(message=final)
    return [m.status, final.status]


def answers(t, phone):
    pong = phone.options()
    t.equal(pong.status, 200, "answer to OPTIONS")
    t.check("INVITE" in pong.get("allow") and "BYE" in pong.get("allow"), "OPTIONS without Allow")
    t.equal(phone.options(method="PUBLISH").status, 405, "answer to a known method that is not taken")
    t.equal(phone.options(method="FROBNICATE").status, 501, "answer to an unknown method")
    t.equal(phone.options(method="BYE").status, 481, "answer to a BYE outside of a dialog")


def in_dialog(t, phone, carrier):
    """What nobody may do to a call that is not his: wrong tags, an old CSeq."""
    a, b = answered_call(phone, carrier, NUMBER)
    real = a.remote
    a.remote = real.split(";tag=")[0] + ";tag=forged-inner-tag"
    a.bye()
    t.equal(a.expect(481).method, "BYE", "answer to a BYE with a forged tag")
    a.remote = real
    a.seq = 0
    a.send("OPTIONS")  # CSeq 1 was used by the INVITE: 12.2.2 asks for 500
    t.equal(a.expect(500).method, "OPTIONS", "answer to a CSeq that goes back")
    a.seq = 10
    hang_up(a, b)
