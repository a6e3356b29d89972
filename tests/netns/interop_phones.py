# SPDX-License-Identifier: GPL-3.0-or-later
"""linphonec and baresip, each over UDP, TCP and TLS and over IPv4 and IPv6: they register with a password, all call
the carrier at a time, and are all called by it; voice is counted both ways, and nothing is left of it."""
import collections
import os
import signal

from limenlab import boxconf, net, peers
from limenlab.certs import Authority
from limenlab.linphone import Linphone
from limenlab.proc import wait_for
from limenlab.regcase import users
from limenlab.sipcase import conf, finish

TRANSPORTS, BOX = ("udp", "tcp", "tls"), {4: net.BOX_A4, 6: net.BOX_A6}
KINDS = [(phone, transport, family) for phone in ("baresip", "linphone") for transport in TRANSPORTS for family in BOX]
PACKETS = 20  # that must have passed in each direction of a call


def name(kind):
    return "-".join(str(part) for part in kind)


def configuration(ca):
    c = conf()
    c["tls_profiles"] = [{"tag": 1, "certificate": ca.path("box.pem"), "private_key": ca.path("box.key")}]
    realm = boxconf.find(c["realms"], name="access")
    realm["listen"] += [f"tls {addr} 5061" for addr in BOX.values()]
    realm.update(admission="users", tls_profile=1)
    c["trunks"] = [x for x in c["trunks"] if x["name"] != "pbx"]  # else the phones' address is a trunk's
    c["dial_peers"] = [x for x in c["dial_peers"] if x["trunk"] != "pbx"]
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


def numbers(prefix):
    return [f"{prefix}{n:02d}" for n in range(len(KINDS))]


def talking(box):
    """All calls are up, and voice passes in both directions of each."""
    calls = [c for c in box.active_calls() if c["state"] == "active"]
    return len(calls) == len(KINDS) and all(leg["rx_packets"] >= PACKETS for c in calls for leg in c["legs"])


def call_in(t):
    """The carrier calls all of them; SIPp takes the numbers from a file."""
    with open(os.path.join(peers.SCENARIOS, "call.xml")) as f:
        scenario = f.read().replace("[service]", "[field0]").replace("inner", "core")
    paths = [os.path.join(t.dir, name) for name in ("call_in.xml", "numbers.csv")]
    for path, text in zip(paths, (scenario, "SEQUENTIAL\n" + "\n".join(numbers("+4940100")) + "\n")):
        with open(path, "w") as f:
            f.write(text)
    t.phone("", side="peering", scenario=paths[0], local=net.CARRIER4, remote=net.BOX_B4, port=5070, calls=len(KINDS), rate=20,
            media_port=6400, hold_ms=1500, extra=("-inf", paths[1], "-cid_str", "core-%u-%p@%s")).wait_ok()


def run(t):
    ca = Authority(os.path.join(t.run_dir, "tls"))
    ca.leaf("box", f"IP:{net.BOX_A4},IP:{net.BOX_A6}")
    box = t.box(configuration(ca))
    t.capture()
    carrier = t.carrier("answer.xml")
    all_phones = phones(t, ca)
    wait_for("all phones should be registered", lambda: len(box.json("show sip-ua registrations")) == len(KINDS), 20)
    for (kind, phone), number in zip(all_phones.items(), numbers("+493010")):
        if kind[0] == "linphone":
            phone.call(number)
        else:
            phone.command("dial", f"sip:{number}@{peers.bracket(BOX[kind[2]])};transport={kind[1]}")
    wait_for("voice should pass in all calls", lambda: talking(box), 15, 0.1)
    for phone in all_phones.values():
        phone.hangup()
    box.wait_records(len(KINDS))
    call_in(t)
    carrier.proc.stop(signal.SIGKILL)  # its calls are over; it would wait for stray messages of them

    records = finish(t, box, [200] * 2 * len(KINDS))
    for r in records:
        heard = [leg["media"]["packets"] for leg in r["legs"]]
        t.check(min(heard) >= PACKETS, f"{r['legs'][0]['calling']} to {r['legs'][0]['called']}: packets of the legs {heard}")
    for side in (0, 1):  # out: the phone is leg 0; in: leg 1
        t.equal(collections.Counter(r["legs"][side]["transport"] for r in records if r["legs"][side]["realm"] == "access"),
                {transport: 4 for transport in TRANSPORTS}, f"transports of the phones as leg {side}")
