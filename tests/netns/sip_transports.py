# SPDX-License-Identifier: GPL-3.0-or-later
"""Every transport to every other: phones by UDP, TCP, TLS, WebSocket and secure WebSocket call carriers by UDP, TCP and
TLS, each side over IPv4 and IPv6: sixty calls with voice both ways, of which nothing is left."""
import os
import ssl

from limenlab import boxconf, net
from limenlab.certs import Authority
from limenlab.sipcase import conf, finish, relayed
from limenlab.streamua import StreamEndpoint
from limenlab.ua import Endpoint, box_media, hang_up
from limenlab.websip import WebEndpoint

NEAR, FAR, FAMILIES = ("udp", "tcp", "tls", "ws", "wss"), ("udp", "tcp", "tls"), (4, 6)
PHONE, CARRIER = {4: net.PHONE4, 6: net.PHONE6}, {4: net.CARRIER4, 6: net.CARRIER6}
BOX_A, BOX_B = {4: net.BOX_A4, 6: net.BOX_A6}, {4: net.BOX_B4, 6: net.BOX_B6}
PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
FARS = [(transport, family) for transport in FAR for family in FAMILIES]


def number(transport, family):
    return f"+4931{FARS.index((transport, family))}555"


def configuration(ca):
    c = conf()
    c["tls_profiles"] = [{"tag": 1, "certificate": ca.path("box.pem"), "private_key": ca.path("box.key"), "trust": ca.path("ca.pem")}]
    access, peering = (boxconf.find(c["realms"], name=name) for name in ("access", "peering"))
    for family in FAMILIES:
        access["listen"] += [f"{kind} {BOX_A[family]} {port}" for kind, port in (("tls", 5061), ("ws", 8080), ("wss", 8443))]
        peering["listen"].append(f"tls {BOX_B[family]} 5061")
    access["tls_profile"] = peering["tls_profile"] = 1
    c["trunks"], c["dial_peers"] = [], []
    for n, (transport, family) in enumerate(FARS):
        addr = {4: CARRIER[4], 6: f"[{CARRIER[6]}]"}[family]
        more = dict(tls_name="carrier.example") if transport == "tls" else {}
        c["trunks"].append(boxconf.trunk(f"{transport}-{family}", f"ipv{family}:{addr}:{PORTS[transport]}", transport=transport, **more))
        c["dial_peers"].append(boxconf.peer(310 + n, f"+4931{n}T", f"{transport}-{family}"))
    return c


def phone(t, transport, family, client):
    if transport in ("ws", "wss"):
        return WebEndpoint(t, 8443 if transport == "wss" else 8080, tls=client if transport == "wss" else None,
                           local=PHONE[family], box=BOX_A[family])
    if transport == "udp":
        return Endpoint(t, "access", PHONE[family], 5090)
    return StreamEndpoint(t, "access", PHONE[family], transport, tls=client if transport == "tls" else None)


def carrier(t, transport, family, server):
    if transport == "udp":
        return Endpoint(t, "peering", CARRIER[family], PORTS["udp"])
    return StreamEndpoint(t, "peering", CARRIER[family], transport, PORTS[transport], tls=server if transport == "tls" else None)


def run(t):
    ca = Authority(os.path.join(t.run_dir, "tls"))
    ca.leaf("box", f"IP:{net.BOX_A4},IP:{net.BOX_A6},IP:{net.BOX_B4},IP:{net.BOX_B6}")
    ca.leaf("carrier", "DNS:carrier.example")
    client = ssl.create_default_context(cafile=ca.path("ca.pem"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(ca.path("carrier.pem"), ca.path("carrier.key"))
    t.capture()
    carriers = {far: carrier(t, *far, server) for far in FARS}
    box = t.box(configuration(ca))
    want = []
    for transport in NEAR:
        for family in FAMILIES:
            near = phone(t, transport, family, client)
            for far in FARS:
                call(t, near, carriers[far], number(*far), len(want) % 2)
                want.append((transport, far[0]))
    records = finish(t, box, [200] * len(want))
    t.equal(sorted(tuple(leg["transport"] for leg in r["legs"]) for r in records), sorted(want), "transports in the records")
    t.check(all(leg["media"]["packets"] >= 5 for r in records for leg in r["legs"]), "packets in the records")


def call(t, near, far, called, by_carrier):
    """Answered, with voice both ways, hung up by either side in turn."""
    a = near.call(called)
    b = far.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    answer = a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    relayed(t, near, far, box_media(answer), box_media(b.invite))
    hang_up(*((b, a) if by_carrier else (a, b)))
