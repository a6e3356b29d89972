# SPDX-License-Identifier: GPL-3.0-or-later
"""Kamailio as digest registrar behind the box over UDP, TCP and TLS, IPv4 and IPv6: linphonec (IPv4) and baresip (IPv6,
with Path) register through the box, by one transport on both sides. All call a far end by way of Kamailio, and are all
called by it; voice is counted both ways. Kamailio asks each caller for his password, which the box has not: the challenge
is the phone's. Phones that are cleared are removed there, and nothing is left."""
import collections
import os
import re
import signal

from limenlab import boxconf, net
from limenlab.certs import Authority
from limenlab.linphone import Linphone
from limenlab.peers import bracket
from limenlab.phones import call_in, check_voice, numbers, wait_voice
from limenlab.proc import wait_for
from limenlab.sipcase import conf, counters, finish

DOMAIN, TRANSPORTS = "core.example", ("udp", "tcp", "tls")
ACCESS = {4: net.BOX_A4, 6: net.BOX_A6}
PEERING = {4: net.BOX_B4, 6: net.BOX_B6}
CORE = {4: net.KAMAILIO4, 6: net.KAMAILIO6}
FAR = {4: net.FAR4, 6: net.FAR6}
WAYS = [(transport, family) for family in (4, 6) for transport in TRANSPORTS]
USERS = numbers("+4940100", len(WAYS))


def at(addr, transport):
    return f"{transport} {addr}" + (" 5061" if transport == "tls" else "")


def configuration(ca):
    """Each way has a realm with its registrar, and a trunk to Kamailio by the same transport."""
    c = conf()
    c["tls_profiles"] = [{"tag": tag, "certificate": ca.path(f"box{tag}.pem"), "private_key": ca.path(f"box{tag}.key"),
                          "trust": ca.path("ca.pem")} for tag in (1, 2)]
    peering = boxconf.find(c["realms"], name="peering")
    peering["listen"] += [at(addr, "tls") for addr in PEERING.values()]
    peering["tls_profile"] = 2
    c["realms"], c["trunks"], c["dial_peers"], c["registrars"] = [peering], [], [], []
    for n, (transport, family) in enumerate(WAYS):
        name, tls = f"{transport}{family}", transport == "tls"
        c["realms"].append({
            "name": name, "class": "access", "listen": [at(ACCESS[family], transport)], "interface": "access0",
            f"media_ipv{family}": ACCESS[family], "media_ports": f"{20000 + 1000 * n} {20999 + 1000 * n}", "media_latching": True,
            "admission": "users", **(dict(tls_profile=1) if tls else {})})
        c["trunks"].append(boxconf.trunk(f"core-{name}", f"ipv{family}:{bracket(CORE[family])}:{5061 if tls else 5060}",
                                         transport=transport, **(dict(tls_name="kamailio.example") if tls else {})))
        c["dial_peers"].append(boxconf.peer(100 + n, f"+49301{n:02d}", f"core-{name}"))
        c["registrars"].append(dict(name=name, realm=name, registration_passthrough=f"core-{name}", registration_path=family == 6))
    return c


def phones(t, ca):
    """They register with their number as user."""
    out = []
    for n, ((transport, family), user) in enumerate(zip(WAYS, USERS)):
        if family == 4:
            p = Linphone(t.dir, f"linphone-{transport}", t.net.access, ACCESS[4], user, 5110 + n, transport, ca.path("ca.pem"),
                         domain=DOMAIN)
            t._cleanup.append(p.stop)
        else:
            p = t.baresip(local=net.PHONE6, port=5070 + 2 * n, control=4440 + n, user=user, transport=transport, answer="auto",
                          registrar=ACCESS[6], password=f"pw-{user}", domain=DOMAIN,
                          config=(f"sip_cafile {ca.path('ca.pem')}", "sip_verify_server yes"))
        out.append(p)
    return out


def registered(t, box):
    """Kamailio has taken each phone's own password, and knows it by the box's Contact."""
    rows = {row["user"]: row for row in box.json("show registration cache")}
    t.equal(sorted(rows), sorted(f"{user}@{DOMAIN}" for user in USERS), "users")
    seen = [m for m in t.sip_messages("peering") if m.method == "REGISTER"]
    for (transport, family), user in zip(WAYS, USERS):
        mine = [m for m in seen if m.is_request and f"<sip:{user}@" in m.get("from")]
        if transport == "tls":
            t.check(not mine, f"a REGISTER of {user} is in the clear")
            continue
        t.equal({(m.proto, m.src, m.dst) for m in mine}, {(transport, PEERING[family], CORE[family])}, f"REGISTERs of {user}")
        t.check(f'username="{user}"' in mine[-1].get("authorization"), f"{mine[-1].raw}")
        where = re.escape(f"{bracket(PEERING[family])}:5060" + (";transport=tcp" if transport == "tcp" else ""))
        t.check(re.match(rf"<sip:[^@]+@{where}>", mine[-1].get("contact")), mine[-1].get("contact"))
        t.equal(bool(mine[-1].get("path")), family == 6, f"Path of {user}")
        t.check(any(m.status == 401 and m.call_id == mine[-1].call_id for m in seen), f"no challenge for {user}")


def run(t):
    ca = Authority(os.path.join(t.run_dir, "tls"))
    ca.leaf("box1", f"DNS:{DOMAIN},IP:{net.BOX_A4},IP:{net.BOX_A6}")
    ca.leaf("box2", f"IP:{net.BOX_B4},IP:{net.BOX_B6}")
    ca.leaf("kamailio", "DNS:kamailio.example")
    t.core(tls=(ca.path("kamailio.pem"), ca.path("kamailio.key")), ca=ca.path("ca.pem"), asks=True)
    t.capture()
    box = t.box(configuration(ca))
    fars = [t.carrier("answer.xml", local=addr) for addr in FAR.values()]
    all_phones = phones(t, ca)
    for phone in all_phones:
        phone.wait_registered()
    registered(t, box)
    for phone, called in zip(all_phones, numbers("+49301", len(WAYS))):
        if isinstance(phone, Linphone):
            phone.call(called)
        else:
            phone.command("dial", f"sip:{called}@{DOMAIN}")
    wait_voice(box, len(WAYS))
    for phone in all_phones:
        phone.hangup()
    challenged = box.wait_records(2 * len(WAYS))
    t.equal(sorted(r["sip_status"] for r in challenged), [200] * len(WAYS) + [407] * len(WAYS), "calls and their challenges")
    t.equal({r["reason"] for r in challenged if r["sip_status"] == 407},
            {f"trunk core-{transport}{family} asks the phone for its password (407)" for transport, family in WAYS}, "reasons")
    # A challenge is no attempt.
    for name in (f"core-{transport}{family}" for transport, family in WAYS):
        row = box.json(f"show trunk quality {name}")[0]
        t.equal((row["calls"], row["asr_percent"]), (1, 100), f"calls to {name}")
    for family in FAR:
        call_in(t, [user for user, way in zip(USERS, WAYS) if way[1] == family], FAR[family], CORE[family])
    for far in fars:
        far.proc.stop(signal.SIGKILL)  # their calls are over; they would wait for stray messages
    box.cli("clear registration cache all")
    wait_for("Kamailio should be told that all have gone", lambda: counters(box)["reg_core_removed"] == len(WAYS), 10)
    t.equal(box.json("show registration cache"), [], "registrations")

    records = finish(t, box, [200] * 2 * len(WAYS) + [407] * len(WAYS))
    records = [r for r in records if r["sip_status"] == 200]
    check_voice(t, records)
    wanted = {(transport, transport): 2 for transport in TRANSPORTS}
    for side, way in ((0, "of"), (1, "to")):
        t.equal(collections.Counter(tuple(leg["transport"] for leg in r["legs"]) for r in records
                                    if r["legs"][side]["realm"] != "peering"), wanted, f"transports of the calls {way} phones")
