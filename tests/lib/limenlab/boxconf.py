# SPDX-License-Identifier: GPL-3.0-or-later
"""The box's start-up configuration in the lab, as Python values and as the text of startup.cfg.

Numbers that the phones dial, and where they end up:

    +49301...  trunk carrier    SIPp, UDP        +49304...  trunk kamailio  Kamailio, UDP, and on
    +49302...  trunk carrier-t  SIPp, TCP                                   to a far end behind a router
    +49303...  trunk carrier-6  SIPp, IPv6       +4940...   trunk pbx       the phones' side (from carriers)
"""
from . import net


def standard():
    """A new configuration; scenarios change it before they start the box."""
    return {
        "format": 1,
        "hostname": "limen-lab",
        "interfaces": [
            {"name": "access0", "device": f"net_af_packet,iface={net.Network.wire_a}",
             "address": [f"{net.BOX_A4}/24", f"{net.BOX_A6}/64"]},
            {"name": "peering0", "device": f"net_af_packet,iface={net.Network.wire_b}",
             "address": [f"{net.BOX_B4}/24", f"{net.BOX_B6}/64"]},
        ],
        "routes": [
            {"dest": "203.0.113.0/24", "next_hop": net.GATEWAY4},
            {"dest": "2001:db8:3::/64", "next_hop": net.GATEWAY6},
        ],
        "realms": [
            {"name": "access", "class": "access", "listen": listen(net.BOX_A4, net.BOX_A6), "interface": "access0",
             "media_ipv4": net.BOX_A4, "media_ipv6": net.BOX_A6, "media_latching": True, "admission": "any"},
            {"name": "peering", "class": "peering", "listen": listen(net.BOX_B4, net.BOX_B6),
             "interface": "peering0", "media_ipv4": net.BOX_B4, "media_ipv6": net.BOX_B6},
        ],
        "trunks": [
            trunk("carrier", f"ipv4:{net.CARRIER4}:5060"),
            trunk("carrier-t", f"ipv4:{net.CARRIER4}:5060", transport="tcp"),
            trunk("carrier-6", f"ipv6:[{net.CARRIER6}]:5060"),
            trunk("kamailio", f"ipv4:{net.KAMAILIO4}:5060"),
            trunk("pbx", f"ipv4:{net.PHONE4}:5080", realm="access"),
        ],
        "dial_peers": [
            peer(301, "+49301T", "carrier"),
            peer(302, "+49302T", "carrier-t"),
            peer(303, "+49303T", "carrier-6"),
            peer(304, "+49304T", "kamailio"),
            peer(40, "+4940T", "pbx"),
        ],
    }


def listen(*addrs):
    return [f"{transport} {addr}" for addr in addrs for transport in ("udp", "tcp")]


def trunk(name, target, realm="peering", transport="udp", **more):
    return dict(name=name, realm=realm, target=target, transport=transport, **more)


def peer(tag, pattern, trunk_name, **more):
    return dict(tag=tag, destination_pattern=pattern, trunk=trunk_name, **more)


def find(items, **key):
    """The one element with that name or tag, to change it."""
    (name, value), = key.items()
    return next(i for i in items if i[name] == value)


def remove_trunk(conf, name):
    """With the dial-peers that lead to it."""
    conf["trunks"] = [x for x in conf["trunks"] if x["name"] != name]
    conf["dial_peers"] = [x for x in conf["dial_peers"] if x["trunk"] != name]


def text(conf):
    """The file (libconfig): lists of groups in parentheses, arrays of strings in brackets."""
    return "".join(f"{name} = {_value(value, 0)};\n" for name, value in conf.items())


def _value(value, depth):
    pad = "\t" * (depth + 1)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        inner = "".join(f"{pad}{k} = {_value(v, depth + 1)};\n" for k, v in value.items())
        return "{\n" + inner + "\t" * depth + "}"
    if value and isinstance(value[0], dict):
        return "(\n" + ",\n".join(pad + _value(v, depth + 1) for v in value) + "\n" + "\t" * depth + ")"
    return "[" + ", ".join(_value(v, depth) for v in value) + "]"
