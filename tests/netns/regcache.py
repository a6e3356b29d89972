# SPDX-License-Identifier: GPL-3.0-or-later
"""In front of a registrar (Kamailio with digest and usrloc), two workers of limen-sip: phones behind NAT refresh
often and Kamailio sees one of it, which is so after a killed limen-sip, too; calls of Kamailio reach phones, and phones
call with their identity; phones that vanish are removed there; a storm of new ones is smoothed while the others
feel nothing; when Kamailio is gone, registered phones stay."""
import os
import re

from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.regcase import credentials
from limenlab.sipcase import conf, counters
from limenlab.ua import Endpoint, hang_up, token

DOMAIN, ALICE, N = "core.example", "+49304001", 20


def configuration():
    c = conf()
    boxconf.find(c["realms"], name="access").update(admission="users")
    boxconf.remove_trunk(c, "pbx")  # else the phones' address is a trunk's
    c["registrars"] = [dict(name="phones", realm="access", expires_nat_s=60, expires_min_s=1,
                            registration_passthrough="kamailio", registration_timeout_s=1)]
    c["voice_service"] = dict(defence_challenges=N // 2)  # all phones are at one address
    return c


class Phone:
    """One user on an Endpoint; its Contact is an address that nobody reaches, as behind NAT."""

    def __init__(self, ua, user):
        self.ua, self.user, self.call_id, self.cseq, self.challenge = ua, user, token("inner-reg-"), 0, None

    def send(self, expires=3600, call_id=None):
        self.cseq += 1
        uri, auth = f"sip:{DOMAIN}", []
        if self.challenge:
            auth = ["Authorization: " + credentials(self.challenge, self.user, f"pw-{self.user}", "REGISTER", uri)]
        self.ua.send_raw("\r\n".join([
            f"REGISTER {uri} SIP/2.0", self.ua.via(), "Max-Forwards: 70", f"From: <sip:{self.user}@{DOMAIN}>;tag=1",
            f"To: <sip:{self.user}@{DOMAIN}>", f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} REGISTER",
            f"Contact: <sip:{self.user}@10.9.9.9:5090>", f"Expires: {expires}", *auth, "Content-Length: 0", "", ""]))

    def ask(self, status=200, **options):
        self.send(**options)
        return self.ua.expect((status, "REGISTER"), self.call_id)

    def register(self, **options):
        self.challenge = self.ask(401, **options).get("www-authenticate")
        return self.ask(**options)


def at_core(t, user=None):
    """REGISTERs that the box sent to Kamailio (each once)."""
    sent = {}
    for m in t.sip_messages("peering"):
        if m.is_request and m.method == "REGISTER" and m.src == net.BOX_B4 and (user is None or f"<sip:{user}@" in m.get("to")):
            sent[m.get("via")] = m
    return list(sent.values())


def in_call(a, b):
    """The called side answers, and hangs up."""
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(b, a)


def calls(t, far, alice):
    a = far.call(ALICE)
    b = alice.ua.answer_to()
    t.check(f"sip:{ALICE}@10.9.9.9:5090" in b.invite.start, b.invite.start)
    in_call(a, b)
    a = alice.ua.call("+49304555", from_user=ALICE, from_host=DOMAIN)
    in_call(a, far.answer_to())


def run(t):
    t.capture()
    core = t.core()
    box = t.box(configuration(), sip_workers=2)
    far = Endpoint(t, "peering", net.FAR4, 5060, remote=net.KAMAILIO4)
    alice = Phone(Endpoint(t, "access", net.PHONE4, 5090), ALICE)
    ok = alice.register()
    t.check(";expires=60" in ok.get("contact") and ok.get("p-associated-uri") == f"<sip:id{ALICE}@{DOMAIN}>" and
            not ok.get("service-route"), f"{ok.raw}")
    for _ in range(5):
        alice.ask()
    path = os.path.join(t.dir, "users.csv")
    with open(path, "w") as f:
        f.write("SEQUENTIAL\n" + "".join(f"u{i};[authentication username=u{i} password=pw-u{i}]\n" for i in range(N)))
    t.phone("", scenario="register_refresh.xml", calls=N, keys={"domain": DOMAIN}, rate=2 * N, extra=("-inf", path)).wait_ok()
    t.baresip(registrar=net.BOX_A4, domain=DOMAIN, user="bruno", password="pw-bruno", answer="auto")
    wait_for("baresip should be registered", lambda: len(box.json("show registration cache")) == N + 2, 10)
    wait_for("the core should be asked twice a phone, and no more", lambda: len(at_core(t)) == 2 * (N + 2))
    row = box.json(f"show registration cache user {ALICE}@{DOMAIN}")[0]
    t.check(row["shielded"] == 5 and row["forwarded"] == 1 and row["expires_s"] <= 60 < row["core_expires_s"], f"{row}")
    inner = [m for m in at_core(t) if b"10.9." in m.raw or net.PHONE4.encode() in m.raw or b"inner-" in m.raw]
    t.check(not inner, f"the core sees the phone: {inner and inner[0].raw}")

    calls(t, far, alice)
    a = far.call("bruno")
    a.expect((200, "INVITE"))
    a.ack()
    a.bye()
    a.expect((200, "BYE"))
    # From phone to phone by way of the core: two calls of the box.
    other = Endpoint(t, "access", net.PHONE4, 5092)
    carl = Phone(other, "carl")
    carl.register()
    a = other.call(ALICE, from_user="carl", from_host=DOMAIN)
    b = alice.ua.answer_to()
    t.check("carl@" in b.invite.get("from"), b.invite.get("from"))
    in_call(a, b)
    stranger = Endpoint(t, "access", net.PHONE4, 5094).call("+49304555", from_user=ALICE, from_host=DOMAIN)
    stranger.ack(message=stranger.expect(403))

    before = len(at_core(t))
    old = box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    wait_for("the bindings should be back", lambda: counters(box)["bindings"] == N + 3, 10)
    alice.ask()
    calls(t, far, alice)
    t.equal(len(at_core(t)), before, "REGISTERs to the core by a restart")

    # Who vanishes is removed from the core, who goes tells it himself.
    carl.ask(expires=0)
    vanished = Phone(other, "vera")
    vanished.register(expires=1)
    wait_for("the core should be told that vera has gone", lambda: "expires=0" in at_core(t, "vera")[-1].get("contact"), 10)
    wait_for("both should be counted", lambda: counters(box)["reg_core_removed"] == 1)
    for user in ("carl", "vera"):
        a = far.call(user)
        a.ack(message=a.expect(480))

    storm(t, box, other, alice)
    silent(t, box, core, other, alice)
    reasons = [r["reason"] for r in box.wait_records(8)]
    t.check(any(r.startswith(f"{ALICE} is not registered from {net.PHONE4}:5094") for r in reasons), f"{reasons}")
    pai = {m.get("p-asserted-identity") for m in t.sip_messages("peering")
           if m.is_request and m.method == "INVITE" and m.src == net.BOX_B4}
    t.equal(pai, {f"<sip:id{ALICE}@{DOMAIN}>", f"<sip:idcarl@{DOMAIN}>"}, "identities")


def storm(t, box, ua, alice):
    """Forty phones at once, where five a second may go to the core and none may wait."""
    box.cli("configure terminal", "registrar phones", "registration rate-limit 5", "registration queue 0", "end")
    phones = [Phone(ua, f"new{i}") for i in range(40)]
    for phone in phones:
        phone.send()
    alice.ask()
    answers = [ua.expect_one_of((401, 503), phone.call_id) for phone in phones]
    later = [int(m.get("retry-after")) for m in answers if m.status == 503]
    t.check(len(later) >= 20 and min(later) >= 5 and max(later) <= 30 and len(set(later)) > 5, f"Retry-After {later}")
    t.check(len(later) < 40, "the limit lets nobody in")
    wait_for("they should be counted", lambda: counters(box)["reg_put_off"] >= len(later))
    box.cli("configure terminal", "registrar phones", "no registration rate-limit", "end")


def silent(t, box, core, ua, alice):
    phone = Phone(ua, "short1")
    contact = phone.register().get("contact")
    t.check(re.search(r";expires=[1-6]$", contact), f"the core's time was not kept to: {contact}")
    core.stop()
    # Half of its time later the core is asked, in vain.
    def survives():
        phone.ask()
        return counters(box)["reg_survived"] > 0
    wait_for("a registered phone should stay", survives, 20, 0.5)
    row = box.json(f"show registration cache user short1@{DOMAIN}")[0]
    t.check(row["registrar"].startswith("no answer for"), f"{row}")
    alice.ask()
    stranger = Phone(ua, "late")
    t.check(5 <= int(stranger.ask(503).get("retry-after")) <= 30, "Retry-After")
    box.cli("clear registration cache all")
    wait_for("all should be gone", lambda: box.json("show registration cache") == [])
