# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones that register: SIPp's by the hundred and baresip's, with passwords; what is shown of them, what survives
a killed limen-sip and a killed limen-control, what a wrong password and an operator's clear do."""
import hashlib
import os
import re

from limenlab import boxconf, net
from limenlab.sipcase import counters
from limenlab.proc import wait_for
from limenlab.ua import Endpoint

N = 100


def conf():
    c = boxconf.standard()
    boxconf.find(c["realms"], name="access").update(admission="users")
    c["registrars"] = [dict(name="phones", realm="access", domain="lab.example", expires_nat_s=90,
                            authentication_hash="md5")]  # the only one that SIPp and baresip know
    c["pools"] = [dict(tag=1, registrar="phones", username="bruno", password="s3cret", number="+49401002")]
    c["pools"] += [dict(tag=100 + i, registrar="phones", username=f"u{i}", password=f"p{i}") for i in range(N)]
    return c


def register(t, name, users, expires=600, ok=True, transport="udp", port=None):
    path = os.path.join(t.dir, f"{name}.csv")
    with open(path, "w") as f:
        f.write("SEQUENTIAL\n" + "".join(f"{u};[authentication username={u} password={p}]\n" for u, p in users))
    sipp = t.phone("", scenario="register.xml", calls=len(users), keys={"expires": expires}, rate=len(users) * 2,
                   transport=transport, port=port, extra=("-inf", path))
    if ok:
        sipp.wait_ok()
    else:
        t.check(sipp.proc.wait(20) != 0, f"{name} was accepted")


def strong(t, box):
    """With all hashes offered the strongest stands first; a phone that takes it is shown with it."""
    box.cli("configure terminal", "registrar phones", "authentication hash any", "end")
    phone = Endpoint(t, "access", net.PHONE4, 5092)

    def send(cseq, fields=""):
        phone.send_raw(f"REGISTER sip:lab.example SIP/2.0\r\nVia: SIP/2.0/UDP {net.PHONE4}:5092;branch=z9hG4bKs{cseq};rport\r\n"
                       f"From: <sip:u9@lab.example>;tag=1\r\nTo: <sip:u9@lab.example>\r\nCall-ID: strong\r\n"
                       f"CSeq: {cseq} REGISTER\r\nContact: <sip:u9@{net.PHONE4}:5092>\r\n{fields}Content-Length: 0\r\n\r\n")
    send(1)
    offers = phone.expect(401).get_all("www-authenticate")
    t.equal([re.search("algorithm=([^,]+)", o).group(1) for o in offers], ["SHA-512-256", "SHA-256", "MD5"], "offers")
    nonce = re.search('nonce="([^"]+)"', offers[0]).group(1)

    def h(text):
        return hashlib.new("sha512_256", text.encode()).hexdigest()
    proof = h(f"{h('u9:lab.example:p9')}:{nonce}:00000001:abc:auth:{h('REGISTER:sip:lab.example')}")
    fields = f'Authorization: Digest username="u9", realm="lab.example", nonce="{nonce}", uri="sip:lab.example", ' \
             f'response="{proof}", algorithm=SHA-512-256, qop=auth, nc=00000001, cnonce="abc"\r\n'
    send(2, fields)
    phone.expect(200)
    send(3, fields)
    t.check("stale=true" in phone.expect(401).get("www-authenticate"), "a count was taken twice")
    wait_for("u9 should be shown with its hash", lambda: any(
        r["digest"] == "SHA-512-256" for r in box.json("show sip-ua registrations user u9")), 10)


def users(box):
    return {row["user"] for row in box.json("show sip-ua registrations")}


def run(t):
    box = t.box(conf(), sip_workers=2)
    register(t, "crowd", [(f"u{i}", f"p{i}") for i in range(N)], port=5160)
    register(t, "again", [("u1", "p1")], transport="tcp")
    t.baresip(registrar=net.BOX_A4, password="s3cret")
    want = {f"u{i}" for i in range(N)} | {"bruno"}
    wait_for("all users should be shown", lambda: users(box) == want, 10)
    row, = box.json("show sip-ua registrations user bruno")
    t.equal((row["realm"], row["nat"], row["transport"]), ("access", "no", "udp"), "what is shown of bruno")
    t.equal(len(box.json("show sip-ua registrations user u1")), 2, "contacts of u1")
    sums = {r["name"]: r["contacts"] for r in box.json("show sip-ua registrations summary")}
    t.equal((sums["all"], sums["users"], sums["tcp"]), (N + 2, N + 1, 1), "summary")

    for name in ("limen-sip", "limen-control"):
        old = box.kill(name)
        box.wait_restarted(name, old)
        wait_for(f"limen-sip should have all bindings after {name} was killed",
                 lambda: counters(box)["bindings"] == N + 2, 10)
        t.equal(users(box), want, f"users shown after {name} was killed")

    register(t, "stranger", [("u1", "guess")], ok=False)
    wait_for("the wrong password should be counted", lambda: counters(box)["auth_wrong"] >= 1, 10)
    box.cli("clear sip-ua registration u7")
    register(t, "leaves", [("u8", "p8")], expires=0, port=5160)  # the contact that crowd gave
    wait_for("u7 and u8 should be gone", lambda: users(box) == want - {"u7", "u8"}, 10)
    text = box.cli("show running-config")
    t.check("username bruno" in text and "s3cret" not in text, f"a password is shown in\n{text[-800:]}")
    strong(t, box)
