# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows of RFC 3665, one act each, named by their section: the messages at each end in the order of the RFC,
with the box in the place of its proxies, ALG and registrar. Where it differs, being a user agent at both sides: it
challenges with 401 (RFC 3261 22.2), sends 100 Trying at once, and has its own Contact in place of Record-Route.
docs/CONFORMANCE.md has the table. Second proxies are Kamailio; the silent end of 3.10 is begun first."""
import re

from limenlab import boxconf, net
from limenlab.regcase import credentials, send_register, users
from limenlab.sipcase import conf, finish, relayed, start
from limenlab.ua import Endpoint, box_media, hang_up, token, uri_of

BOB = "+49301555"  # at the carrier
SECRET = "second proxy"


class Flow:
    """The messages that pass an end between two moments."""

    def __init__(self, t, section, **ends):
        self.t, self.section, self.ends = t, section, ends
        self.from_n = {name: len(end.history) for name, end in ends.items()}

    def is_as(self, **wanted):
        """wanted: "> INVITE < 100 ..." of each end, by name; retransmissions are in no history."""
        for name, want in wanted.items():
            self.ends[name].drain(0.02)
            got = " ".join(re.sub(r"(SIP/2\.0 )?([A-Z]+|\d{3})\b.*", r"\2", line)
                           for line in self.ends[name].history[self.from_n[name]:])
            self.t.equal(got, want, f"messages of {self.section} at {name}")
            self.ends[name].queue.clear()


def configuration():
    c = conf(timer_next_target_s=1)
    boxconf.find(c["realms"], name="access").update(admission="users")
    c["registrars"] = [dict(name="phones", realm="access", domain="biloxi.example", authentication_hash="md5")]
    c["pools"] = users(("alice", "+49401002"), ("bob", "+49401001"))
    boxconf.find(c["trunks"], name="pbx")["target"] = f"ipv4:{net.PHONE2_4}:5080"  # a caller without a password
    boxconf.find(c["trunks"], name="kamailio").update(auth_username="limen", auth_password=SECRET)
    c["server_groups"] = [{"tag": 4, "servers": [f"ipv4 {net.CARRIER4} port 5066 preference 1",
                                                 f"ipv4 {net.CARRIER4} port 5060 preference 2"]}]
    c["trunks"] += [boxconf.trunk("open", f"ipv6:[{net.KAMAILIO6}]:5060"),
                    boxconf.trunk("redirects", f"ipv4:{net.SPARE4}:5060", redirection="follow"),
                    boxconf.trunk("mute", f"ipv4:{net.CARRIER4}:5067"),
                    dict(name="primary", realm="peering", transport="udp", server_group=4)]
    c["dial_peers"] += [boxconf.peer(305, "+49305T", "open"), boxconf.peer(306, "+49306T", "redirects"),
                        boxconf.peer(307, "+49307T", "primary"), boxconf.peer(308, "+49308T", "mute")]
    return c


def run(t):
    t.kamailio(local=net.KAMAILIO6, far=f"[{net.FAR6}]:5060")
    t.kamailio(secret=SECRET)
    box, alice, bob = start(t, configuration())
    pbx, other = (Endpoint(t, "access", net.PHONE2_4, port) for port in (5080, 5082))
    silent, mute = (Endpoint(t, "peering", net.CARRIER4, port) for port in (5066, 5067))
    first = Endpoint(t, "peering", net.SPARE4, 5060)
    no_response = Flow(t, "3.10", alice=other, bob=mute), other.call("+49308555")
    registrations(t, alice)
    call_3_1(t, pbx, bob)
    proxies(t, alice, "3.2", "+49305555", Endpoint(t, "peering", net.FAR6, 5060, remote=net.KAMAILIO6))
    proxies(t, alice, "3.3", "+49304555", Endpoint(t, "peering", net.FAR4, 5060, remote=net.KAMAILIO4))
    proxy_failure_3_4(t, pbx, silent, bob)
    alg_3_5(t, pbx, bob)
    redirect_3_6(t, pbx, first, bob)
    moved_3_7(t, pbx, bob)
    no_answer_3_8(t, pbx, bob)
    for section, status in (("3.9", 486), ("3.11", 480)):
        refused(t, pbx, bob, section, status)
    no_response_3_10(t, *no_response)
    finish(t, box, [200] * 7 + [487, 486, 480, 408])
    t.equal(at_proxy(t, net.KAMAILIO6), "> INVITE < 100 < 180 < 200 > ACK < BYE > 200", "messages of 3.2 at the second proxy")
    t.equal(at_proxy(t, net.KAMAILIO4), "> INVITE < 407 > ACK > INVITE < 100 < 180 < 200 > ACK > BYE < 200",
            "messages of 3.3 at the second proxy")


# ---- section 2: Bob (here alice's phone with bob's name) and the registrar ----

def registrations(t, phone):
    call_id, first = token("inner-reg-"), f"<sip:bob@{net.PHONE4}:5090>"
    second = f"<sip:bob@{net.PHONE4}:5092>"

    def send(cseq, proof=None, **options):
        return send_register(phone, "bob", call_id, cseq, headers=[f"Authorization: {proof}"] if proof else [], **options)

    def proof(challenge, uri, nc=1, password="pw-bob"):
        return credentials(challenge, "bob", password, "REGISTER", uri, nc)

    flow = Flow(t, "2.1", phone=phone)
    uri = send(1, contact=first)
    challenge = phone.expect(401, call_id).get("www-authenticate")
    send(2, proof(challenge, uri), contact=first)
    t.equal(contacts(phone.expect(200, call_id)), [uri_of(first)], "contacts of 2.1")
    flow.is_as(phone="> REGISTER < 401 > REGISTER < 200")

    flow = Flow(t, "2.2", phone=phone)
    send(3, proof(challenge, uri, 2), contact=second)
    both = contacts(phone.expect(200, call_id))
    t.equal(both, sorted([uri_of(first), uri_of(second)]), "contacts of 2.2")
    flow.is_as(phone="> REGISTER < 200")

    flow = Flow(t, "2.3", phone=phone)
    phone.send_raw(without_contact(phone, call_id, 4, proof(challenge, uri, 3)))
    t.equal(contacts(phone.expect(200, call_id)), both, "contacts of 2.3")
    flow.is_as(phone="> REGISTER < 200")

    flow = Flow(t, "2.4", phone=phone)
    send(5, proof(challenge, uri, 4), contact="*", expires=0)
    t.equal(contacts(phone.expect(200, call_id)), [], "contacts of 2.4")
    flow.is_as(phone="> REGISTER < 200")

    flow = Flow(t, "2.5", phone=phone)
    call_id = token("inner-reg-")
    send(1, contact=first)
    challenge = phone.expect(401, call_id).get("www-authenticate")
    send(2, proof(challenge, uri, password="wrong"), contact=first)
    phone.expect(401, call_id)
    flow.is_as(phone="> REGISTER < 401 > REGISTER < 401")
    t.equal(t.the_box.json("show sip-ua registrations"), [], "registrations after section 2")


def contacts(answer):
    return sorted(uri_of(c) for value in answer.get_all("contact") for c in value.split(", "))


def without_contact(phone, call_id, cseq, proof):
    host = phone.box[0]
    return "\r\n".join([f"REGISTER sip:{host} SIP/2.0", phone.via(), "Max-Forwards: 70", f"From: <sip:bob@{host}>;tag=1",
                        f"To: <sip:bob@{host}>", f"Call-ID: {call_id}", f"CSeq: {cseq} REGISTER",
                        f"Authorization: {proof}", "Content-Length: 0", "", ""])


# ---- section 3 ----

ALICE = "> INVITE < 100 < 180 < 200 > ACK < BYE > 200"
BOBS = "< INVITE > 180 > 200 < ACK > BYE < 200"


def answered(a, b, **options):
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True, **options)
    a.expect((200, "INVITE"))
    a.ack()
    return b.expect("ACK")


def call_3_1(t, alice, bob):
    flow = Flow(t, "3.1", alice=alice, bob=bob)
    a = alice.call(BOB)
    b = bob.answer_to()
    answered(a, b)
    hang_up(b, a)
    flow.is_as(alice=ALICE, bob=BOBS)


def proxies(t, alice, section, number, far):
    """3.2: the first proxy, which is the box, wants a password of Alice. 3.3: so does the second one of the box."""
    flow = Flow(t, section, alice=alice, bob=far)
    a = alice.call(number, from_user="alice")
    challenge = a.expect(401)
    a.ack(message=challenge)
    proof = credentials(challenge.get("www-authenticate"), "alice", "pw-alice", "INVITE", a.target)
    a.send_invite(headers=[f"Authorization: {proof}"])
    b = far.answer_to()
    answered(a, b)
    if section == "3.2":
        hang_up(b, a)
        flow.is_as(alice="> INVITE < 100 < 401 > ACK " + ALICE, bob=BOBS)
    else:  # the proxy would want a password of Bob as well
        hang_up(a, b)
        flow.is_as(alice="> INVITE < 100 < 401 > ACK > INVITE < 100 < 180 < 200 > ACK > BYE < 200",
                   bob="< INVITE > 180 > 200 < ACK < BYE > 200")


def at_proxy(t, addr):
    """What passed between the box and a proxy, retransmissions left out."""
    out, seen = [], set()
    for m in t.sip_messages("peering"):
        if addr in (m.src, m.dst) and m.raw not in seen:
            seen.add(m.raw)
            out.append(("< " if m.src == addr else "> ") + (m.method if m.is_request else str(m.status)))
    return " ".join(out)


def proxy_failure_3_4(t, alice, silent, bob):
    flow = Flow(t, "3.4", alice=alice, bob=bob, silent=silent)
    a = alice.call("+49307555")
    silent.expect("INVITE")
    silent.repeated()
    b = bob.answer_to()
    answered(a, b)
    hang_up(b, a)
    flow.is_as(alice=ALICE, bob=BOBS,
               silent="< INVITE")


def alg_3_5(t, alice, bob):
    """Addresses of either side are replaced by the box's own, in signalling and media, and voice passes."""
    flow = Flow(t, "3.5", alice=alice, bob=bob)
    a = alice.call(BOB)
    b = bob.answer_to()
    t.equal(box_media(b.invite)[0], net.BOX_B4, "media address towards Bob")
    t.check(net.BOX_B4 in b.invite.get("contact"), f"Contact towards Bob: {b.invite.get('contact')}")
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    answer = a.expect((200, "INVITE"))
    t.equal(box_media(answer)[0], net.BOX_A4, "media address towards Alice")
    a.ack()
    b.expect("ACK")
    relayed(t, alice, bob, box_media(answer), box_media(b.invite))
    hang_up(b, a)
    flow.is_as(alice=ALICE, bob=BOBS)


def redirect_3_6(t, alice, first, bob):
    """A redirect server names Bob's other number; the description of Alice comes in the ACK."""
    flow = Flow(t, "3.6", alice=alice, bob=bob, first=first)
    a = alice.call("+49306555", body=None)
    r = first.answer_to()
    r.reply(r.invite, 302, "Moved Temporarily", headers=[f"Contact: <sip:{BOB}@{net.CARRIER4}>"], contact=False)
    r.expect("ACK")
    b = bob.answer_to()
    t.check(not b.invite.body, "an INVITE without an offer became one with an offer")
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    t.check(a.expect((200, "INVITE")).media(), "no offer in the 200")
    a.ack(body=True)
    t.check(b.expect("ACK").media(), "no answer in the ACK")
    hang_up(b, a)
    flow.is_as(alice=ALICE, first="< INVITE > 302 < ACK",
               bob=BOBS)


def moved_3_7(t, alice, bob):
    """Bob gets another address in the middle of the call: requests and media follow him there."""
    flow = Flow(t, "3.7", alice=alice, bob=bob)
    a = alice.call(BOB)
    b = bob.answer_to()
    answered(a, b)
    moved = Endpoint(t, "peering", net.SPARE4, 5068)
    b.ua = moved
    b.send_invite()
    offer = a.expect("INVITE")
    a.ok(offer, body=True)
    answer = b.expect((200, "INVITE"))
    b.ack()
    a.expect("ACK")
    relayed(t, alice, moved, box_media(offer), box_media(answer))
    hang_up(a, b)
    flow.is_as(alice="> INVITE < 100 < 180 < 200 > ACK < INVITE > 200 < ACK > BYE < 200", bob="< INVITE > 180 > 200 < ACK")


def no_answer_3_8(t, alice, bob):
    flow = Flow(t, "3.8", alice=alice, bob=bob)
    a = alice.call(BOB)
    b = bob.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    a.cancel()
    b.ok(b.expect("CANCEL"))
    b.reply(b.invite, 487, "Request Terminated")
    b.expect("ACK")
    a.expect((200, "CANCEL"))
    a.ack(message=a.expect(487))
    flow.is_as(alice="> INVITE < 100 < 180 > CANCEL < 200 < 487 > ACK", bob="< INVITE > 180 < CANCEL > 200 > 487 < ACK")


def refused(t, alice, bob, section, status):
    """3.9: busy. 3.11: temporarily unavailable, before any ringing (480)."""
    flow = Flow(t, section, alice=alice, bob=bob)
    a = alice.call(BOB)
    b = bob.answer_to()
    b.reply(b.invite, status, "Not now")
    b.expect("ACK")
    a.ack(message=a.expect(status))
    flow.is_as(alice=f"> INVITE < 100 < {status} > ACK", bob=f"< INVITE > {status} < ACK")


def no_response_3_10(t, flow, a):
    """The box gives up after 64 * T1 and says 408, where the RFC's proxy says 480."""
    a.ack(message=a.expect(408, timeout_s=12))
    flow.is_as(alice="> INVITE < 100 < 408 > ACK", bob="< INVITE")
    t.check(flow.ends["bob"].again >= 4, f"the INVITE was sent again {flow.ends['bob'].again} times only")
