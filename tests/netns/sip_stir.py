# SPDX-License-Identifier: GPL-3.0-or-later
"""STIR/SHAKEN: a call to the carrier is signed, as openssl confirms; calls from it are checked with the
certificate that an HTTPS server has, fetched once: good ones pass with verstat, one of another number is
refused with 438, one whose certificate cannot be had with 436, one without with 428."""
import time

from limenlab import boxconf, net, peers, stir
from limenlab.certs import Authority
from limenlab.sipcase import conf, counters, finish

PORT = 8443
URL = f"https://{net.CARRIER4}:{PORT}/far.pem"
NUMBER = "49405551"


def run(t):
    ca = Authority(t.dir + "/ca")
    for name in ("own", "far"):
        ca.leaf(name, "DNS:" + name)
    ca.leaf("web", "IP:" + net.CARRIER4)
    c = conf()
    c["stir_shaken"] = [
        {"tag": 1, "attestation": "A", "private_key": ca.path("own.key"), "certificate_url": "https://own.example/own.pem",
         "trust": ca.path("ca.pem"), "https_trust": ca.path("ca.pem"), "verification": "require"},
        {"tag": 2, "attestation": "B", "verstat": "both"}]
    c["tenants"] = [{"tag": 1, "stir_shaken": 1, "trust": "both"},
                    {"tag": 2, "stir_shaken": 2, "trust": "both", "asserted_id": "pai"}]
    boxconf.find(c["realms"], name="peering")["tenant"] = 1
    boxconf.find(c["realms"], name="access")["tenant"] = 2
    box = t.box(c)
    t.capture()
    server = stir.serve(t, t.net.peering, ca.folder, net.CARRIER4, PORT, ca.path("web-both.pem"))

    t.carrier("answer_quiet.xml")
    t.phone("+49301555", scenario="call_quiet.xml", hold_ms=50).wait_ok()
    sent = next(m for m in t.sip_messages("peering") if m.is_request and m.method == "INVITE")
    header, claims = stir.read(sent.get("identity"), ca.path("own.pem"), t.dir)
    t.equal(header["x5u"], "https://own.example/own.pem", "x5u")
    t.equal((claims["attest"], claims["orig"]["tn"], claims["dest"]["tn"]), ("B", "49305001", ["49301555"]), "claims")
    t.check(abs(claims["iat"] - time.time()) < 30 and sent.get("date"), "neither date nor time of the call")

    pbx = peers.Sipp(t.dir, "pbx", t.net.access, "answer_quiet.xml", net.PHONE4, 5080, media_port=6400)
    t._cleanup.append(pbx.stop)
    for _ in range(2):
        incoming(t, stir.token(ca.path("far.key"), URL, "49305001", NUMBER, int(time.time()))).wait_ok()
    server.stop(9)
    for identity in (stir.token(ca.path("far.key"), URL, "49305009", NUMBER, int(time.time())),
                     stir.token(ca.path("far.key"), URL.replace("far", "gone"), "49305001", NUMBER, int(time.time())), ""):
        t.check(incoming(t, identity).proc.wait(20) != 0, "a call that had to be refused was answered")
    # Some callers are in peering here, so names of their own stand in their answers.
    records = finish(t, box, [200, 200, 200, 428, 436, 438], scan=False)
    told = {r["sip_status"]: r["stir"] for r in records}
    t.equal({s: told[s]["verdict"] for s in (428, 436, 438)},
            {428: "no-identity", 436: "unreachable", 438: "wrong-numbers"}, "verdicts in the records")
    good = [r["stir"] for r in records if r["stir"]["verdict"] == "passed"]
    t.equal([(s["attestation"], s["signed"]) for s in good], [("A", ""), ("A", "")], "what was attested")
    t.equal(next(r["stir"]["signed"] for r in records if r["stir"]["signed"]), "B", "what the box attested")
    invites = [m for m in t.sip_messages("access") if m.is_request and m.method == "INVITE" and m.src == net.BOX_A4]
    t.check(len({m.call_id for m in invites}) == 2 and all(
        f"<sip:+49305001;verstat=TN-Validation-Passed@{net.BOX_A4}" in m.get("from") for m in invites), "verstat in From")
    t.check(all("verstat=TN-Validation-Passed" in m.get("p-asserted-identity") for m in invites), "verstat in the identity")
    c = {row["counter"]: row["value"] for row in box.json("show stir")["counters"]}
    t.equal((c["stir-signed"], c["stir-passed"], c["stir-unreachable"], c["stir-fetch-failed"]), (1, 2, 1, 1), "counters")
    t.equal(counters(box)["stir_invalid"], 1, "invalid Identities")


def incoming(t, identity):
    """A call from the carrier; an empty identity: without one."""
    return t.phone("+" + NUMBER, scenario="call_signed.xml" if identity else "call_quiet.xml", side="peering",
                   local=net.CARRIER4, remote=net.BOX_B4, hold_ms=50, media_port=6600,
                   keys={"identity": identity})
