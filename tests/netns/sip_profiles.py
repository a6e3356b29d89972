# SPDX-License-Identifier: GPL-3.0-or-later
"""voice class sip-profiles as they are pasted from other boxes: of a realm on what comes, of a trunk and of a
dial-peer on what leaves; rules that would break a message change nothing; the same rules tried out without a call."""
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.ua import hang_up

PASTED = """configure terminal
voice class sip-profiles 10
 request INVITE sip-header From modify "sip:(.*)@" "sip:0\\1@"
voice class sip-profiles 20
 request ANY sip-header User-Agent modify "Limen" "Box of the trunk"
 request ANY sip-header Contact modify "@[^>;]*" "@sbc.example.org:5060"
 request INVITE sdp-header Audio-Attribute add "a=maxptime:40"
 response 180 sip-header Server remove
voice class sip-profiles 30
 rule 5 request INVITE sip-header To copy "sip:(.*)@" u01
 rule 6 request INVITE sip-header X-Dialled add "<tel:\\u01>"
 rule 7 request INVITE sip-header Subject remove
voice class sip-profiles 40
 request ANY sip-header From modify ";tag=.*" ""
realm access
 voice-class sip profiles 10 inbound
trunk carrier
 voice-class sip profiles 20
end"""


def run(t):
    box, phone, carrier = start(t, conf())
    box.cli(*PASTED.splitlines())
    shown = box.cli("show running-config | section sip-profiles 30")
    t.check(' rule 6 request INVITE sip-header X-Dialled add "<tel:\\u01>"' in shown, f"running configuration\n{shown}")
    statuses = [trunk_rules(t, phone, carrier)]
    box.cli("configure terminal", "dial-peer voice 301 voip", "voice-class sip profiles 30", "end")
    statuses.append(peer_rules(t, phone, carrier))
    # Every message would lose the tag that its dialog is found by.
    box.cli("configure terminal", "dial-peer voice 301 voip", "voice-class sip profiles 40", "end")
    statuses.append(broken_rules(t, phone, carrier))
    records = sorted(finish(t, box, statuses), key=lambda r: r["invite_ms"])
    t.equal([r["legs"][0]["calling"][:2] for r in records], ["0+"] * 3, "callers as the inbound rule made them")
    wait_for("the workers should report", lambda: counters(box)["sip_profiles_refused"] > 2, 5)
    t.check(counters(box)["sip_profiles_changed"] > 4, "changed messages are counted")
    tried_out(t, box, records[1])
    refused = box.cli("configure terminal", "voice class sip-profiles 50", ' request ANY sip-header X modify "(" ""',
                      "realm access", " voice-class sip profiles 50", "end", check=False)
    t.check("is no regular expression" in refused, f"a bad expression was taken\n{refused}")


def call(phone, carrier, by_carrier=False):
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    b.expect("ACK")
    a.ack()
    hang_up(*((b, a) if by_carrier else (a, b)))
    return b.invite


def trunk_rules(t, phone, carrier):
    # The BYE of the carrier has the name of the rule as its host.
    invite = call(phone, carrier, by_carrier=True)
    t.equal(invite.get("user-agent"), "Box of the trunk", "User-Agent")
    t.check(invite.get("contact").endswith("@sbc.example.org:5060>"), f"Contact {invite.get('contact')}")
    t.check("a=maxptime:40\r\n" in invite.raw.decode(), "no a=maxptime in the offer")
    return 200


def peer_rules(t, phone, carrier):
    invite = call(phone, carrier)
    t.equal(invite.get("x-dialled"), f"<tel:{NUMBER}>", "a field of the dial-peer's rules")
    t.equal(invite.get("user-agent"), "Limen", "User-Agent: the dial-peer's rules stand in place of the trunk's")
    return 200


def broken_rules(t, phone, carrier):
    invite = call(phone, carrier)
    t.check(";tag=" in invite.get("from"), f"From {invite.get('from')}")
    return 200


def tried_out(t, box, record):
    out = box.cli(f"test voice class sip-profiles 20 call {record['id']} message 3")
    t.check("- User-Agent: Limen" in out and "+ User-Agent: Box of the trunk" in out, out)
    text = "INVITE sip:1@h SIP/2.0\\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\\nFrom: <sip:a@b>;tag=1\\nTo: <sip:1@h>\\n" \
        "Call-ID: x\\nCSeq: 1 INVITE\\nMax-Forwards: 9\\n"
    out = box.cli(f"test voice class sip-profiles 30 message \"{text}\"")
    t.check("+ X-Dialled: <tel:1>" in out, out)
    out = box.cli(f"test voice class sip-profiles 40 message \"{text}\"", check=False)
    t.check("% The message stays as it is: a tag of From or To would be another one" in out, out)
