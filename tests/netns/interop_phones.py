# SPDX-License-Identifier: GPL-3.0-or-later
"""linphonec and baresip, each over UDP, TCP and TLS and over IPv4 and IPv6: they register with a password, all call
the carrier at a time, and are all called by it; voice is counted both ways, and nothing is left of it."""
import collections
import os
import signal

from limenlab import boxconf, net, peers
from limenlab.certs import Authority
from limenlab.linphone import Linphone
from limenlab.phones import call_in, check_voice, numbers, wait_voice
from limenlab.proc import wait_for
from limenlab.regcase import users
from limenlab.sipcase import conf, finish

TRANSPORTS, BOX = ("udp", "tcp", "tls"), {4: net.BOX_A4, 6: net.BOX_A6}
KINDS = [(phone, transport, family) for phone in ("baresip", "linphone") for transport in TRANSPORTS for family in BOX]


def name(kind):
    return "-".join(str(part) for part in kind)


def configuration(ca):
    c = conf()
    c["tls_profiles"] = [{"tag": 1, "certificate": ca.path("box.pem"), "private_key": ca.path("box.key")}]
    realm = boxconf.find(c["realms"], name="access")
    realm["listen"] += [f"tls {addr} 5061" for addr in BOX.values()]
    realm.update(admission="users", tls_profile=1)
    boxconf.remove_trunk(c, "pbx")  # else the phones' address is a trunk's
    c["registrars"] = [dict(name="phones", realm="access", domain="lab.example", authentication_hash="md5")]
    c["pools"] = users(*((name(kind), f"+4940100{n:02d}") for n, kind in enumerate(KINDS)))
    c["dial_peers"] += [dict(tag=50, destination_pattern="+49401T", registrar=True)]
    return c


def phones(t, ca):
    out = {}
    for n, kind in enumerate(KINDS):
        phone, transport, family = kind
        if phone == "linphone":
            p = Linphone(t.dir, name(kind), t.net.access, BOX[family], name(kind), 5110 + n, transport, ca.path("ca.pem"))
            t._cleanup.append(p.stop)
        else:
            p = t.baresip(local={4: net.PHONE2_4, 6: net.PHONE6}[family], port=5070 + 2 * n, control=4440 + n, user=name(kind),
                          transport=transport, answer="auto", registrar=BOX[family], password=f"pw-{name(kind)}", config=(
                              f"sip_cafile {ca.path('ca.pem')}", "sip_verify_server yes"))
        out[kind] = p
    return out


def run(t):
    ca = Authority(os.path.join(t.run_dir, "tls"))
    ca.leaf("box", f"IP:{net.BOX_A4},IP:{net.BOX_A6}")
    box = t.box(configuration(ca))
    t.capture()
    carrier = t.carrier("answer.xml")
    all_phones = phones(t, ca)
    wait_for("all phones should be registered", lambda: len(box.json("show sip-ua registrations")) == len(KINDS), 20)
    for (kind, phone), number in zip(all_phones.items(), numbers("+493010", len(KINDS))):
        if kind[0] == "linphone":
            phone.call(number)
        else:
            phone.command("dial", f"sip:{number}@{peers.bracket(BOX[kind[2]])};transport={kind[1]}")
    wait_voice(box, len(KINDS))
    for phone in all_phones.values():
        phone.hangup()
    box.wait_records(len(KINDS))
    call_in(t, numbers("+4940100", len(KINDS)))
    carrier.proc.stop(signal.SIGKILL)  # its calls are over; it would wait for stray messages of them

    records = finish(t, box, [200] * 2 * len(KINDS))
    check_voice(t, records)
    for side in (0, 1):  # out: the phone is leg 0; in: leg 1
        t.equal(collections.Counter(r["legs"][side]["transport"] for r in records if r["legs"][side]["realm"] == "access"),
                {transport: 4 for transport in TRANSPORTS}, f"transports of the phones as leg {side}")
