# SPDX-License-Identifier: GPL-3.0-or-later
"""A carrier (Kamailio) that wants digest credentials for every request: calls with the right password
are answered and hung up, with a wrong one and with none they fail with a sentence that says so."""
from limenlab import boxconf, net
from limenlab.sipcase import conf, finish

SECRET = 'to "be" sure'


def run(t):
    c = conf()
    boxconf.find(c["trunks"], name="kamailio").update(auth_username="box", auth_password=SECRET)
    c["trunks"] += [boxconf.trunk("wrong", f"ipv4:{net.KAMAILIO4}:5060", transport="tcp", auth_username="box",
                                  auth_password="no idea"),
                    boxconf.trunk("none", f"ipv6:[{net.KAMAILIO6}]:5060")]
    c["dial_peers"] += [boxconf.peer(315, "+49315T", "wrong"), boxconf.peer(316, "+49316T", "none")]
    box = t.box(c)
    t.capture()
    t.kamailio(local=[net.KAMAILIO4, net.KAMAILIO6], secret=SECRET.replace('"', '\\"'))
    far = t.carrier("answer_quiet.xml", local=net.FAR4)
    t.phone("+49304555", scenario="call_quiet.xml", calls=3, hold_ms=300).wait_ok()
    t.equal(far.failed(), 0, "calls that failed at the far end")
    for number in ("+49315555", "+49316555"):
        refused = t.phone(number, scenario="call_quiet.xml")
        t.check(refused.proc.wait(20) != 0, f"the call to {number} was answered")
    by_number = {r["legs"][0]["called"]: r for r in finish(t, box, [200, 200, 200, 502, 502])}
    t.equal(by_number["+49315555"]["reason"], "trunk wrong answered 407: it refused the credentials", "reason")
    t.equal(by_number["+49316555"]["reason"], "trunk none answered 407: it wants credentials, and "
            "\"authentication username\" is not set", "reason")
    seen = [m for m in t.sip_messages("peering") if m.method == "BYE" and m.is_request]
    t.check(seen and all(b"Proxy-Authorization" in m.raw for m in seen if m.src == net.BOX_B4), "a BYE without credentials")
    shown = box.cli("show running-config")
    t.check("authentication username box" in shown and SECRET not in shown, f"a password is shown in\n{shown}")
