# SPDX-License-Identifier: GPL-3.0-or-later
"""Two customers in two VLANs of one cable, with the same settings of their phones, and a third
without a VLAN: each lands in its own realm, with its own addresses, and hears nothing of the
others; what leaves is tagged with the priority of its DSCP; foreign tags and QinQ are counted."""
import re
import socket
import struct

from limenlab import boxconf, net, rtp
from limenlab.peers import sleep_while_talking
from limenlab.proc import run as sh
from limenlab.proc import wait_for
from limenlab.rtpcase import TalkingCall
from limenlab.ua import Endpoint
from limenlab.vlan import Vlan

VLANS = {100: ("10.1.0.1", "10.1.0.10"), 200: ("10.2.0.1", "10.2.0.10")}
CS3, EF = 24, 46


def config():
    conf = boxconf.standard()
    for vlan, (box, _) in VLANS.items():
        conf["interfaces"].append({"name": f"access0.{vlan}", "vlan": vlan, "address": [f"{box}/24"], "cos": ["ef 6"]})
        conf["realms"].append({"name": f"customer-{vlan}", "listen": boxconf.listen(box), "interface": f"access0.{vlan}",
                               "media_ipv4": box, "admission": "any"})
    conf["interfaces"].sort(key=lambda i: i["name"])
    conf["realms"].sort(key=lambda r: r["name"])
    return conf


def tag_of(p):
    """(VLAN, priority) of a captured packet."""
    kind, tci = struct.unpack_from("!HH", p.frame, 12)
    return (tci & 0xfff, tci >> 13) if kind == 0x8100 else (0, 0)


def strays(t, box):
    mac = re.search(r"link/ether (\S+)", sh(["ip", "-n", t.net.box, "link", "show", t.net.wire_a])[1])[1]
    head = bytes.fromhex(mac.replace(":", "")) + b"\2\0\0\0\0\1"
    before = box.drops()
    with net.in_namespace(t.net.access, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)) as s:
        s.bind((t.net.access_if, 0))
        for _ in range(5):
            s.send(head + struct.pack("!HHH", 0x8100, 300, 0x0800) + bytes(60))
            s.send(head + struct.pack("!HHHHH", 0x88a8, 100, 0x8100, 200, 0x0800) + bytes(60))
    for reason in ("vlan", "qinq"):
        wait_for(f"5 strays should be counted as {reason}", lambda r=reason: box.drops()[r] - before[r] == 5)


def run(t):
    for vlan, (box, phone) in VLANS.items():
        v = Vlan(t, vlan, f"{phone}/24", box)
        t.net.behind[f"access0.{vlan}"] = v.ns
    box = t.box(config())
    t.capture()
    carrier = Endpoint(t, "peering", net.CARRIER4, 5060)
    calls = {}
    for vlan, (addr, local) in VLANS.items():
        ns = t.net.behind[f"access0.{vlan}"]
        phone = Endpoint(t, "access", local, 5090, remote=addr, ns=ns)
        calls[vlan] = TalkingCall(t, phone, carrier, sock_a=net.udp_socket(ns, local, phone.media_port), talk=False)
        carrier.media_port += 2
    phone = Endpoint(t, "access", net.PHONE4, 5090)
    calls[0] = TalkingCall(t, phone, carrier, talk=False)
    for call in calls.values():
        call.talk()
    sleep_while_talking(1.0)
    for call in calls.values():
        call.silence()
        call.nothing_lost(at_least=25)
    for call in calls.values():
        call.hang_up()
    records = box.wait_records(3)
    t.equal(sorted(r["legs"][0]["realm"] for r in records), ["access", "customer-100", "customer-200"], "realms")
    packets, _ = t.packets()
    for vlan, addr in [(v, a) for v, (a, _) in VLANS.items()] + [(0, net.BOX_A4)]:
        own = [p for p in packets if p.src == addr]
        media = [p for p in own if rtp.parse_rtp(p) and p.sport != 5060]
        t.check(media and len(media) < len(own), f"no media or no SIP left from {addr}")
        t.equal({tag_of(p) for p in media}, {(vlan, 6 if vlan else 0)}, f"tags of media from {addr}")
        t.equal({p.dscp for p in media}, {EF}, f"DSCP of media from {addr}")
        t.equal({tag_of(p) for p in own if p.sport == 5060}, {(vlan, 3 if vlan else 0)}, f"tags of SIP from {addr}")
        t.equal({p.dscp for p in own if p.sport == 5060}, {CS3}, f"DSCP of SIP from {addr}")
    strays(t, box)
    shown = {i["name"]: i for i in box.json("show interfaces")}
    t.equal(shown["access0.100"]["vlan"], 100, "VLAN in show interfaces")
    t.check(shown["access0.100"]["rx_packets"] > 25 and shown["access0.100"]["tx_packets"] > 25, f"{shown['access0.100']}")
    # Killed, the data plane gets its sub-interfaces again, and they serve as before.
    pid = box.kill("limen-dataplane")
    box.wait_restarted("limen-dataplane", pid)
    for vlan, (addr, _) in VLANS.items():
        t.net.wait_reachable(t.net.behind[f"access0.{vlan}"], addr)
    # One is taken out of the configuration: its VLAN is nobody's, the other goes on.
    box.cli("configure terminal", "no realm customer-200", "no interface access0.200", "end")
    before = box.drops()["vlan"]
    t.check(not net.ping(t.net.behind["access0.200"], VLANS[200][0]), "a VLAN that was removed still answers")
    wait_for("its frames should be counted", lambda: box.drops()["vlan"] > before)
    t.net.wait_reachable(t.net.behind["access0.100"], VLANS[100][0])
