# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP over TLS with baresip on both sides: certificates are checked both ways, nothing of SIP is in the
clear on either wire, a certificate is renewed in the middle of a call, and a trunk that shows the
wrong name gets no call. Certificates by the name that a client asks for: as openssl s_client sees them, and a
phone that believes only one of them calls."""
import os
import re
import socket
import ssl

from limenlab import boxconf, net
from limenlab.certs import Authority
from limenlab.net import in_namespace
from limenlab.peers import sleep_while_talking
from limenlab.proc import run as run_program, wait_for
from limenlab.sipcase import conf, counters, finish
from limenlab.streamua import NatPhone
from limenlab.ua import Endpoint, answered_call, hang_up

TENANT = "voice.tenant.example"


def configuration(ca):
    c = conf()
    c["tls_profiles"] = [
        {"tag": 1, "certificate": ca.path("box.pem"), "private_key": ca.path("box.key"), "trust": ca.path("ca.pem"),
         "server_names": [f"sip.{net.BOX_A4}.example"], "sni_profiles": [3]},
        {"tag": 3, "certificate": ca.path("tenant.pem"), "private_key": ca.path("tenant.key"), "server_names": ["*.tenant.example"]},
        {"tag": 2, "certificate": ca.path("box.pem"), "private_key": ca.path("box.key"), "trust": ca.path("ca.pem"),
         "client_certificate": "require"}]
    for name, addr, tag in (("access", net.BOX_A4, 1), ("peering", net.BOX_B4, 2)):
        realm = boxconf.find(c["realms"], name=name)
        realm["listen"].append(f"tls {addr} 5061")
        realm["tls_profile"] = tag
    c["trunks"] += [boxconf.trunk("secure", f"ipv4:{net.CARRIER4}:5061", transport="tls", tls_name="sip.carrier.example"),
                    boxconf.trunk("liar", f"ipv4:{net.KAMAILIO4}:5061", transport="tls", tls_name="sip.other.example")]
    c["trunks"] += [boxconf.trunk("plain", f"ipv4:{net.CARRIER4}:5090")]
    c["dial_peers"] += [boxconf.peer(313, "+49313T", "plain"), boxconf.peer(311, "+49311T", "secure"), boxconf.peer(312, "+49312T", "liar")]
    return c


def phone(t, ca, name, side, local, port, control, **options):
    """baresip listens with TLS one port above that of its configuration."""
    return t.baresip(side, local, port=port, control=control, transport="tls", config=(
        f"sip_certificate {ca.path(name + '-both.pem')}", f"sip_cafile {ca.path('ca.pem')}", "sip_verify_server yes"),
        seconds=30.0, **options)


def shown(t, ca, ns, host, source, client=None):
    """The serial number that a new connection is shown; None: it was sent away."""
    context = ssl.create_default_context(cafile=ca.path("ca.pem"))
    if client:
        context.load_cert_chain(ca.path(client + ".pem"), ca.path(client + ".key"))
    sock = in_namespace(ns, lambda: socket.create_connection((host, 5061), 5, source_address=(source, 0)))
    try:
        with context.wrap_socket(sock, server_hostname=host) as s:
            s.settimeout(5)
            # With TLS 1.3 a server that wants a certificate says so after the client's handshake.
            s.sendall(b"\r\n\r\n")
            return s.getpeercert()["serialNumber"] if s.recv(2) == b"\r\n" else None
    except OSError:
        return None


def subject(t, name):
    """Common name of the certificate that openssl's client is shown when it asks for that server; else the alert."""
    code, said = run_program(["ip", "netns", "exec", t.net.access, "openssl", "s_client", "-connect", f"{net.BOX_A4}:5061",
                              *(["-servername", name] if name else ["-noservername"])], check=False, timeout_s=10)
    found = re.search(r"subject=CN = (\S+)", said)
    return found.group(1) if found else "unrecognized name" if code and "unrecognized name" in said else said


def server_names(t, ca, box):
    for name, shown_name in ((TENANT, "tenant"), (f"sip.{net.BOX_A4}.example", "box"), ("tenant.example", "box"), (None, "box")):
        t.equal(subject(t, name), shown_name, f"certificate for {name}")
    phone = NatPhone(t, tls=ssl.create_default_context(cafile=ca.path("ca.pem")), name=TENANT)
    carrier = Endpoint(t, "peering", net.CARRIER4, 5090)
    a, b = answered_call(phone, carrier, "+49313001")
    box.cli("configure terminal", "voice class tls-profile 1", "sni strict", "end")
    wait_for("who asks for nothing should be refused", lambda: subject(t, None) == "unrecognized name")
    t.equal([subject(t, name) for name in ("tenant.example", TENANT)], ["unrecognized name", "tenant"], "certificates with sni strict")
    wait_for("refusals for the name should be counted", lambda: counters(box)["tls_no_server"] >= 2)
    hang_up(a, b)  # the connection from before
    box.cli("configure terminal", "voice class tls-profile 1", "no sni strict", "end")


def run(t):
    ca = Authority(os.path.join(t.run_dir, "tls"))
    ca.leaf("box", f"IP:{net.BOX_A4},IP:{net.BOX_B4}")
    ca.leaf("phone", f"IP:{net.PHONE2_4}")
    ca.leaf("carrier", "DNS:sip.carrier.example")
    ca.leaf("tenant", f"DNS:{TENANT}")
    box = t.box(configuration(ca))
    t.capture()
    caller = phone(t, ca, "phone", "access", net.PHONE2_4, 5070, 4444)
    phone(t, ca, "carrier", "peering", net.CARRIER4, 5060, 4445, answer="auto", user="+49311555")
    phone(t, ca, "carrier", "peering", net.KAMAILIO4, 5060, 4446, answer="auto", user="+49312555")
    caller.call(f"sip:+49311555@{net.BOX_A4}:5061;transport=tls")
    t.wait_active(1)
    sleep_while_talking(0.5)

    before = shown(t, ca, t.net.access, net.BOX_A4, net.PHONE4)
    t.check(before, "no TLS connection to the access side")
    ca.leaf("box", f"IP:{net.BOX_A4},IP:{net.BOX_B4}")
    wait_for("a renewed certificate should be shown", lambda: shown(t, ca, t.net.access, net.BOX_A4, net.PHONE4) != before, 20)
    t.equal(len(box.active_calls()), 1, "calls after the certificate was renewed")
    connections = counters(box)["connections"]
    caller.hangup()
    record, = box.wait_records(1)
    t.equal([leg["transport"] for leg in record["legs"]], ["tls", "tls"], "transports in the record")
    t.check(connections >= 2, f"the call's connections are gone ({connections}) after a renewal")

    t.check(shown(t, ca, t.net.peering, net.BOX_B4, net.CARRIER4, client="carrier"), "a carrier with a certificate is sent away")
    t.equal(shown(t, ca, t.net.peering, net.BOX_B4, net.CARRIER4), None, "a carrier without a certificate was let in")

    caller.events.clear()
    caller.command("dial", f"sip:+49312555@{net.BOX_A4}:5061;transport=tls")
    caller.wait_event("CALL_CLOSED")
    wait_for("failed handshakes should be counted", lambda: counters(box)["tls_failed"] >= 2)
    t.equal([t.sip_messages(side) for side in ("access", "peering")], [[], []], "SIP in the clear")
    server_names(t, ca, box)
    finish(t, box, [200, 503, 200])
