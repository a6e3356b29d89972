# SPDX-License-Identifier: GPL-3.0-or-later
"""SRTP policy of realms and trunks as the peers see it: what is offered, what is taken, the second
offer after a refusal, and that wrong answers and downgrades end a call with a reason."""
from limenlab import net
from limenlab.sipcase import conf, counters, finish, start
from limenlab.srtpcase import answer_lines, body, boxconf, legs, no_key_is_told, secure, srtp
from limenlab.ua import Endpoint, hang_up

CM80, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"
PREFER, REQUIRE, NEVER = "+49301555", "+49310555", "+49320555"
EVERYTHING = ["AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80",
              "AES_256_CM_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_32"]


def run(t):
    c = conf()
    c["srtp_cryptos"] = [{"tag": 1, "crypto": [f"1 {GCM}", f"2 {CM80}"]}]
    c["trunks"] += [boxconf.trunk("strict", f"ipv4:{net.CARRIER4}:5062", srtp="require", srtp_crypto=1),
                    boxconf.trunk("plain", f"ipv4:{net.CARRIER4}:5064", srtp="never")]
    c["dial_peers"] += [boxconf.peer(310, "+49310T", "strict"), boxconf.peer(320, "+49320T", "plain")]
    boxconf.find(c["trunks"], name="pbx")["target"] = f"ipv4:{net.PHONE2_4}:5080"
    secure(c, access="prefer", peering="prefer", pbx="require")
    box, phone, carrier = start(t, c)
    strict, plain = (Endpoint(t, "peering", net.CARRIER4, port) for port in (5062, 5064))
    pbx = Endpoint(t, "access", net.PHONE2_4, 5080)  # a trunk of the access side
    plan = [refused_then_plain, no_line_then_plain, profile_left, taken]
    plan = [(step, phone, carrier) for step in plan]
    plan += [(step, phone, strict) for step in (wrong_tag, wrong_suite, no_key, no_encryption, refused)]
    plan += [(step, phone, plain) for step in (never, optional, bad_lines)]
    plan += [(plain_offer, pbx, strict), (useless_offer, pbx, strict)]
    wanted, statuses = [], []
    for step, a, b in plan:
        status, want = step(t, a, b)
        statuses.append(status)
        wanted.append((step.__name__, status, want))
    records = finish(t, box, statuses, scan=False)
    records.sort(key=lambda r: r["invite_ms"])
    for record, (name, status, (notes, reason)) in zip(records, wanted):
        t.equal(record["sip_status"], status, f"{name}: status in the record")
        t.equal([n for n, _ in legs(record)], notes[:2], f"{name}: suites in the record")
        t.check(notes[2] in legs(record)[1][1], f"{name}: note {legs(record)[1][1]!r}, expected {notes[2]!r}")
        t.check(reason in record["reason"], f"{name}: reason {record['reason']!r}, expected {reason!r}")
    c = counters(box)
    t.equal((c["srtp_fallback"], c["crypto_ignored"]), (2, 7), "offers made again, lines ignored")
    t.equal(c["srtp_refused"], 7, "offers and answers refused")
    no_key_is_told(t, box)
    for side in (phone, carrier, strict, plain, pbx):
        side.nothing_left()


OFF, NOT_THERE = ["off", "off", ""], ["off", "off", ""]


def offered(t, invite, suites):
    t.equal([s for _, s, _ in srtp.crypto_lines(invite.body)], suites, "suites offered")
    t.equal(srtp.profile(invite.body), "RTP/SAVP", "profile offered")


def up(a, b, answer, invite=None):
    b.ok(invite or b.invite, body=answer)
    ok = a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    return ok


def refused_then_plain(t, phone, carrier):
    """488, and the same call again as a new INVITE with RTP."""
    number = PREFER
    a = phone.call(number)
    first = carrier.answer_to()
    offered(t, first.invite, EVERYTHING)
    first.reply(first.invite, 488, "Not Acceptable Here")
    first.expect("ACK")
    b = carrier.answer_to()
    t.check(b.call_id != first.call_id, "the second INVITE has the Call-ID of the first")
    t.equal((srtp.profile(b.invite.body), srtp.crypto_lines(b.invite.body)), ("RTP/AVP", []), "second offer")
    up(a, b, True)
    row, = [c for c in t.the_box.active_calls() if c["state"] == "active"]
    t.check("refused SRTP" in row["legs"][1]["srtp_note"], f"show says {row['legs'][1]['srtp_note']!r}")
    text = t.the_box.cli("show call active voice brief")
    t.check("SRTP: the far end refused SRTP" in text and "SRTP: on" not in text, text)
    hang_up(a, b)
    return 200, (["off", "off", "refused SRTP"], "hung up")


def no_line_then_plain(t, phone, carrier):
    """A 200 that takes no line: a re-INVITE with RTP, of which the caller hears nothing."""
    a = phone.call(PREFER)
    b = carrier.answer_to()
    b.ok(b.invite, body=body(carrier, port=0))
    b.expect("ACK")
    again = b.expect("INVITE")
    t.equal(srtp.profile(again.body), "RTP/AVP", "profile of the re-INVITE")
    ok = up(a, b, True, again)
    t.equal(srtp.profile(ok.body), "RTP/AVP", "profile of the caller's answer")
    hang_up(a, b)
    return 200, (["off", "off", "refused SRTP"], "hung up")


def ends(a, b, answer, status=502):
    """The answer ends the call: ACK and BYE there, a failure here."""
    b.ok(b.invite, body=answer)
    b.expect("ACK")
    b.expect_bye()
    a.ack(message=a.expect(status))
    return status


def profile_left(t, phone, carrier):
    """RTP/AVP as the answer to RTP/SAVP takes the encryption away."""
    a = phone.call(PREFER)
    return ends(a, carrier.answer_to(), True), (NOT_THERE, "does not keep to the profile")


def taken(t, phone, carrier):
    a = phone.call(PREFER)
    b = carrier.answer_to()
    ok = up(a, b, body(carrier, answer_lines(b.invite, CM80, srtp.new_key(CM80))))
    t.equal((srtp.profile(ok.body), srtp.crypto_lines(ok.body)), ("RTP/AVP", []), "answer to the caller")
    text = t.the_box.cli("show call active voice brief")
    t.equal((text.count("SRTP: on"), text.count("SRTP: off")), (1, 1), "legs that are on and off")
    hang_up(a, b)
    return 200, (["off", CM80, ""], "hung up")


def strict_call(t, phone, strict, answer, reason):
    a = phone.call(REQUIRE)
    b = strict.answer_to()
    offered(t, b.invite, [GCM, CM80])
    return ends(a, b, body(strict, answer)), (NOT_THERE, reason)


def wrong_tag(t, phone, strict):
    return strict_call(t, phone, strict, [srtp.crypto_line(7, CM80, srtp.new_key(CM80))], "the tag of the answer's")


def wrong_suite(t, phone, strict):
    return strict_call(t, phone, strict, [srtp.crypto_line(1, CM80, srtp.new_key(CM80))], "is not the one that was offered")


def no_key(t, phone, strict):
    return strict_call(t, phone, strict, [], "must have one a=crypto line")


def no_encryption(t, phone, strict):
    line = srtp.crypto_line(2, CM80, srtp.new_key(CM80), " UNENCRYPTED_SRTP")
    return strict_call(t, phone, strict, [line], "cannot be used")


def refused(t, phone, strict):
    """No second try where SRTP is required."""
    a = phone.call(REQUIRE)
    b = strict.answer_to()
    b.reply(b.invite, 488, "Not Acceptable Here")
    b.expect("ACK")
    a.ack(message=a.expect(488))
    return 488, (NOT_THERE, "SRTP, which is required there")


def never(t, phone, plain):
    """The caller has SRTP, the trunk gets RTP and no key."""
    key = srtp.new_key(GCM)
    a = phone.call(NEVER, body=body(phone, [srtp.crypto_line(4, GCM, key, "|2^31")]))
    b = plain.answer_to()
    t.check(b"crypto" not in b.invite.raw and b"inline" not in b.invite.raw, "a key went to the other side")
    t.equal(srtp.profile(b.invite.body), "RTP/AVP", "profile offered")
    ok = up(a, b, True)
    (tag, suite, ours), = srtp.crypto_lines(ok.body)
    t.equal((srtp.profile(ok.body), tag, suite), ("RTP/SAVP", 4, GCM), "answer to the caller")
    t.check(ours != key, "the caller got its own key back")
    hang_up(a, b)
    return 200, ([GCM, "off", ""], "hung up")


def optional(t, phone, plain):
    """RTP/AVP with a key (RFC 8643) becomes SRTP."""
    a = phone.call(NEVER, body=body(phone, [srtp.crypto_line(1, CM80, srtp.new_key(CM80))], proto="RTP/AVP"))
    b = plain.answer_to()
    ok = up(a, b, True)
    t.equal((srtp.profile(ok.body), len(srtp.crypto_lines(ok.body))), ("RTP/AVP", 1), "answer to the caller")
    hang_up(b, a)
    return 200, ([CM80, "off", ""], "hung up")


def bad_lines(t, phone, plain):
    """Of many lines the one that can be used is."""
    key = srtp.new_key(CM80)
    lines = [srtp.crypto_line(1, CM80, key, "|2^20|1:4"), srtp.crypto_line(2, CM80, key, " KDR=4"),
             srtp.crypto_line(3, CM80, key[:20]), "a=crypto:4 F8_128_HMAC_SHA1_80 inline:" + "A" * 40,
             srtp.crypto_line(5, CM80, key, " UNAUTHENTICATED_SRTP"), srtp.crypto_line(6, CM80, key, " WSH=128")]
    a = phone.call(NEVER, body=body(phone, lines))
    b = plain.answer_to()
    ok = up(a, b, True)
    t.equal([(tag, suite) for tag, suite, _ in srtp.crypto_lines(ok.body)], [(6, CM80)], "line of the answer")
    hang_up(a, b)
    return 200, ([CM80, "off", ""], "hung up")


def plain_offer(t, pbx, strict):
    """The trunk of the caller requires SRTP, whatever its realm says."""
    a = pbx.call(REQUIRE)
    a.ack(message=a.expect(488))
    return 488, (NOT_THERE, "srtp require")


def useless_offer(t, pbx, strict):
    line = srtp.crypto_line(1, CM80, srtp.new_key(CM80), " UNENCRYPTED_SRTCP")
    a = pbx.call(REQUIRE, body=body(pbx, [line]))
    a.ack(message=a.expect(488))
    return 488, (NOT_THERE, "no a=crypto line of the offer can be used")
