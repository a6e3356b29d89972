# SPDX-License-Identifier: GPL-3.0-or-later
"""Kamailio on both sides of the box. As the carrier: calls go through it over UDP, TCP and TLS, IPv4 and IPv6, to a far
end. In front: linphonec (IPv4) and baresip (IPv6) register at it over each transport, and it relays their calls to the
box, and those of the carrier to them, by Record-Route. Voice is counted both ways, and nothing is left."""
import collections
import os
import signal

from limenlab import boxconf, net
from limenlab.certs import Authority
from limenlab.linphone import Linphone
from limenlab.peers import bracket
from limenlab.phones import call_in, check_voice, numbers, wait_voice
from limenlab.proc import wait_for
from limenlab.sipcase import conf, finish

TRANSPORTS = ("udp", "tcp", "tls")
FRONT = {4: net.PHONE4, 6: net.PHONE6}
CARRIER = {4: net.KAMAILIO4, 6: net.KAMAILIO6}
WAYS = [(transport, family) for family in (4, 6) for transport in TRANSPORTS]


def target(addr, transport):
    return f"ipv{6 if ':' in addr else 4}:{bracket(addr)}:{5061 if transport == 'tls' else 5060}"


def configuration(ca):
    c = conf()
    c["tls_profiles"] = [{"tag": tag, "certificate": ca.path(f"box{tag}.pem"), "private_key": ca.path(f"box{tag}.key"),
                          "trust": ca.path("ca.pem")} for tag in (1, 2)]
    for tag, name, addrs in ((1, "access", (net.BOX_A4, net.BOX_A6)), (2, "peering", (net.BOX_B4, net.BOX_B6))):
        realm = boxconf.find(c["realms"], name=name)
        realm["listen"] += [f"tls {addr} 5061" for addr in addrs]
        realm["tls_profile"] = tag
    c["trunks"] = [boxconf.trunk("carrier", f"ipv4:{net.CARRIER4}:5060")]
    c["dial_peers"] = []
    for n, (transport, family) in enumerate(WAYS):
        tls = dict(tls_name="kamailio.example") if transport == "tls" else {}
        c["trunks"] += [boxconf.trunk(f"out-{n}", target(CARRIER[family], transport), transport=transport, **tls),
                        boxconf.trunk(f"front-{n}", target(FRONT[family], transport), realm="access", transport=transport, **tls)]
        c["dial_peers"] += [boxconf.peer(100 + n, f"+49301{n:02d}", f"out-{n}"), boxconf.peer(200 + n, f"+4940100{n:02d}", f"front-{n}")]
    return c


def phones(t, ca):
    """They register with their number as user."""
    out = []
    for n, ((transport, family), number) in enumerate(zip(WAYS, numbers("+4940100", len(WAYS)))):
        if family == 4:
            p = Linphone(t.dir, f"linphone-{transport}", t.net.access, FRONT[4], number, 5110 + n, transport, ca.path("ca.pem"))
            t._cleanup.append(p.stop)
        else:
            p = t.baresip(local=net.PHONE6, port=5070 + 2 * n, control=4440 + n, user=number, transport=transport, answer="auto",
                          registrar=FRONT[6], password=f"pw-{number}",
                          config=(f"sip_cafile {ca.path('ca.pem')}", "sip_verify_server yes"))
        out.append(p)
    return out


def run(t):
    ca = Authority(os.path.join(t.run_dir, "tls"))
    ca.leaf("box1", f"IP:{net.BOX_A4},IP:{net.BOX_A6}")
    ca.leaf("box2", f"IP:{net.BOX_B4},IP:{net.BOX_B6}")
    ca.leaf("kamailio", f"DNS:kamailio.example,IP:{FRONT[4]},IP:{FRONT[6]}")
    tls = ca.path("kamailio.pem"), ca.path("kamailio.key")
    t.kamailio(local=net.KAMAILIO4, tls=tls)
    t.kamailio(local=net.KAMAILIO6, far=f"[{net.FAR6}]:5060", tls=tls)
    t.kamailio(side="access", local=list(FRONT.values()), far=net.BOX_A4, script="front.cfg", tls=tls,
                       defines={"FAR6": f"sip:{bracket(net.BOX_A6)}", "FAR6_HOST": net.BOX_A6})
    t.capture()
    box = t.box(configuration(ca))
    fars = [t.carrier("answer.xml", local=addr) for addr in (net.FAR4, net.FAR6)]
    all_phones = phones(t, ca)
    for phone in all_phones:
        phone.wait_registered()
    for phone, (transport, family), called in zip(all_phones, WAYS, numbers("+49301", len(WAYS))):
        if family == 4:
            phone.call(called)
        else:
            phone.command("dial", f"sip:{called}@{bracket(FRONT[6])};transport={transport}")
    wait_voice(box, len(WAYS))
    for phone in all_phones:
        phone.hangup()
    box.wait_records(len(WAYS))
    call_in(t, numbers("+4940100", len(WAYS)))
    for far in fars:
        far.proc.stop(signal.SIGKILL)  # their calls are over; they would wait for stray messages

    records = finish(t, box, [200] * 2 * len(WAYS))
    check_voice(t, records)
    wanted = {(transport, transport): 2 for transport in TRANSPORTS}
    out = collections.Counter(tuple(leg["transport"] for leg in r["legs"]) for r in records if r["legs"][0]["realm"] == "access")
    t.equal(out, wanted, "transports of the calls through both")
    back = collections.Counter(r["legs"][1]["transport"] for r in records if r["legs"][1]["realm"] == "access")
    t.equal(back, {transport: 2 for transport in TRANSPORTS}, "transports of the calls to the phones")
