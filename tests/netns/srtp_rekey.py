# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold, resume and new keys in an encrypted call: hold and resume keep the keys on both sides, a far
end that changes its own gets new ones everywhere, also after its sequence numbers have wrapped, and
the audio goes on."""
from limenlab import rtp, sip, srtp
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import start
from limenlab.srtpcase import SrtpCall, body, boxconf, legs, no_key_is_told, secure

CM80, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
TALK_S = 0.8


def run(t):
    box, phone, carrier = start(t, secure(boxconf.standard(), access="require", peering="require"))
    call = SrtpCall(t, phone, carrier, CM80, GCM)
    sleep_while_talking(TALK_S)
    first = offered(call.b.invite), answered(call.answer)
    gaps = []
    # Hold: the phone keeps its key, and so does the box towards both.
    offer, ok = exchange(t, call, 0, gaps, "sendonly", "recvonly")
    t.equal(answered(ok), first[1], "the box's key towards a phone that kept its own")
    t.equal(srtp.crypto_lines(offer.body)[0][1], GCM, "suite that is offered first at the hold")
    t.check(offered(offer)[0] in first[0], "the carrier was offered another key at the hold")
    sleep_while_talking(TALK_S)
    exchange(t, call, 0, gaps, "sendrecv", "sendrecv")
    sleep_while_talking(TALK_S)
    # The phone takes a new key, then the carrier does.
    call.keys[0] = srtp.new_key(CM80)
    offer, ok = exchange(t, call, 0, gaps, "sendrecv", "sendrecv")
    t.check(not set(offered(offer)) & set(first[0]), "the carrier was offered a key for the second time")
    t.check(answered(ok) != first[1], "the box kept its key towards a phone that changed its own")
    call.talkers[0].seal = call.context(0)
    sleep_while_talking(TALK_S)
    call.keys[1] = srtp.new_key(GCM)
    exchange(t, call, 1, gaps, "sendrecv", "sendrecv")
    call.talkers[1].seal = call.context(1)
    sleep_while_talking(TALK_S)
    call.silence()
    call.hang_up()
    record, = box.wait_records(1)
    t.equal(legs(record), [(CM80, ""), (GCM, "")], "suites in the record")
    audio(t, call, gaps)
    call.never_in_the_clear()
    no_key_is_told(t, box)
    for side in (phone, carrier):
        side.nothing_left()


def offered(message):
    return [key for _, _, key in srtp.crypto_lines(message.body)]


def answered(message):
    (_, _, key), = srtp.crypto_lines(message.body)
    return key


def exchange(t, call, by, gaps, direction, back):
    """A re-INVITE of one side; the other one answers. Returns the offer that reached the other side and
    the answer that came back. While it is under way, packets may be lost; gaps notes when."""
    from_, to = (call.a, call.b) if by == 0 else (call.b, call.a)
    call.version += 1
    suite, other = call.suites[by], call.suites[1 - by]
    ua, far = call.phone_of(by), call.phone_of(1 - by)
    lines = [srtp.crypto_line(1, suite, call.keys[by])]
    from_.send_invite(body=body(ua, lines, direction=direction, version=call.version))
    offer = to.expect("INVITE")
    tag = next(tag for tag, name, _ in srtp.crypto_lines(offer.body) if name == other)
    to.ok(offer, body=body(far, [srtp.crypto_line(tag, other, call.keys[1 - by])], direction=back, version=call.version))
    ok = from_.expect((200, "INVITE"))
    from_.ack()
    to.expect("ACK")
    gaps.append((from_.call_id, from_.invite_seq))
    return offer, ok


def audio(t, call, gaps):
    """Each packet arrived once and unchanged, but for those that were sent during an exchange."""
    times = windows(t, gaps)
    for direction in ("a>b", "b>a"):
        sent, arrived = call.flow(direction)
        held = [w for w in times[:2]] if direction == "b>a" else []
        quiet = [(held[0][0], held[1][1])] if held else []  # the carrier was told not to send
        excused = {(p.ssrc, p.seq) for p in sent if any(a <= p.ts <= b for a, b in times + quiet)}
        got = {(p.ssrc, p.seq) for p in arrived}
        faults = rtp.compare([p for p in sent if (p.ssrc, p.seq) not in excused or (p.ssrc, p.seq) in got], arrived)
        t.check(not faults, f"{direction}: {'; '.join(faults)}")
        t.check(len(arrived) > 100, f"{direction}: only {len(arrived)} packets arrived")


def windows(t, gaps):
    """From the first INVITE to the last ACK of each exchange, on whatever side."""
    found = []
    messages = sorted((m for packets in t.packets() for m in sip.messages(packets)), key=lambda m: m.ts)
    for call_id, seq in gaps:
        own = [m.ts for m in messages if m.call_id == call_id and m.get("cseq").startswith(f"{seq} ")]
        found.append((own[0], own[-1] + 0.05))
    return found
