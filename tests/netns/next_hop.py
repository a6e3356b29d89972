# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway dies in the middle of a call, as Linux sees it: first its neighbour entry fails, then a
routing daemon withdraws the route, then the cable is pulled. While there is no way out, packets
are counted as no-neighbour and the rest of the call goes on; as soon as Linux has another route,
the media follows it."""
from limenlab import boxconf, net
from limenlab.proc import run as sh
from limenlab.proc import wait_for
from limenlab.rtpcase import TalkingCall
from limenlab.ua import Endpoint

FAR_NET = "203.0.113.0/24"


def box_ip(t, *args, check=True):
    return sh(["ip", "-n", t.net.box, *args], check=check)


def far_ip(t, *args):
    sh(["ip", "-n", t.net.peering, *args])


def arrives(call):
    """Whether a packet comes that was sent from now on."""
    call.sock_b.setblocking(False)
    try:
        while True:
            call.sock_b.recv(2048)
    except BlockingIOError:
        pass
    call.sock_b.settimeout(0.2)
    try:
        return len(call.sock_b.recv(2048)) > 0
    except TimeoutError:
        return False


def silent(call):
    return not any(arrives(call) for _ in range(2))


def homeless(box):
    return box.drops()["no-neighbour"]


def counted(t, box, what):
    before = homeless(box)
    wait_for(f"{what}: packets without a way out should be counted", lambda: homeless(box) > before + 5)


def run(t):
    conf = boxconf.standard()
    conf["routes"] = [r for r in conf["routes"] if r["dest"] != FAR_NET]  # a routing daemon's, today
    conf["trunks"].append(boxconf.trunk("far", f"ipv4:{net.FAR4}:5060"))
    conf["dial_peers"].append(boxconf.peer(305, "+49305T", "far"))
    box = t.box(conf)
    box_ip(t, "route", "add", FAR_NET, "via", net.GATEWAY4, "metric", "10")
    phone = Endpoint(t, "access", net.PHONE4, 5090)
    carrier = Endpoint(t, "peering", net.FAR4, 5060)
    call = TalkingCall(t, phone, carrier, number="+49305555")
    wait_for("media should reach the far end by the first gateway", lambda: arrives(call))
    t.equal(homeless(box), 0, "packets without a way out before anything happened")
    # The gateway is dead: nobody answers ARP for it any more.
    far_ip(t, "addr", "del", f"{net.GATEWAY4}/24", "dev", t.net.peering_if)
    box_ip(t, "neigh", "del", net.GATEWAY4, "dev", "peering0", check=False)  # it may be there again already
    wait_for("media should stop with its next hop", lambda: silent(call))
    counted(t, box, "the gateway does not answer")
    # The daemon finds out, and withdraws the route; there is a worse one by another gateway.
    box_ip(t, "route", "add", FAR_NET, "via", net.SPARE4, "metric", "20")
    t.check(silent(call), "a worse route was used while there was a better one")
    box_ip(t, "route", "del", FAR_NET, "via", net.GATEWAY4, "metric", "10")
    wait_for("media should move to the second route", lambda: arrives(call))
    # No route at all, and back.
    box_ip(t, "route", "del", FAR_NET, "via", net.SPARE4)
    wait_for("media should stop without a route", lambda: silent(call))
    counted(t, box, "there is no route")
    box_ip(t, "route", "add", FAR_NET, "via", net.SPARE4)
    wait_for("media should flow by the route that is back", lambda: arrives(call))
    # The cable.
    box_ip(t, "link", "set", t.net.wire_b, "down")
    wait_for("the interface should be shown as down",
             lambda: box.cli("show interfaces peering0").startswith("peering0 is down, line protocol is down"))
    box_ip(t, "link", "set", t.net.wire_b, "up")
    wait_for("the interface should be shown as up",
             lambda: box.cli("show interfaces peering0").startswith("peering0 is up, line protocol is up"))
    wait_for("media should flow when the cable is back", lambda: arrives(call))
    call.silence()
    call.hang_up()
    record, = box.wait_records(1)
    t.equal(record["sip_status"], 200, "status of the call")
    a, b = (leg["media"] for leg in record["legs"])
    t.check(a["sent_packets"] < a["packets"], "packets of the caller that had no way out count as sent")
    t.equal(b["sent_packets"], b["packets"], "packets to the caller")
