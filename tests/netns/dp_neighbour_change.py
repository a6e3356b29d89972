# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out follows the kernel's tables: a neighbour that gets another card, a route that
appears, moves to another gateway, is replaced and goes, an address that leaves with its routes, and
a flood of events that overruns the netlink socket."""
import os
import signal
import struct

from limenlab import dp_client as dpc
from limenlab import net
from limenlab.box import program
from limenlab.proc import run as sh
from limenlab.proc import wait_for

PORT = 20000


def rtp(seq):
    return struct.pack("!BBHII", 0x80, 8, seq & 0xffff, 160 * seq & 0xffffffff, 7) + bytes(160)


class Flow:
    """Sends from the phone and tells whether it arrives at the far end."""

    def __init__(self, t, addr, port):
        self.src = net.udp_socket(t.net.access, net.PHONE4, 4000 + port)
        self.dst = net.udp_socket(t.net.peering, addr, 6000 + port)
        self.dst.settimeout(0.05)
        self.to, self.seq = (net.BOX_A4, PORT + port), 0

    def arrives(self):
        self.seq += 1
        self.src.sendto(rtp(self.seq), self.to)
        try:
            while self.dst.recv(2048) != rtp(self.seq):
                pass
            return True
        except TimeoutError:
            return False

    def stops(self):
        return not any(self.arrives() for _ in range(5))


def ip(t, *args):
    sh(["ip", "-n", t.net.box, *args])


def far_ip(t, *args):
    sh(["ip", "-n", t.net.peering, *args])


def overrun(t, flow):
    """More events than the socket holds, while the process cannot read; then the truth counts."""
    pid = t.dataplane.proc.pid  # "ip netns exec" replaces itself by the program
    os.kill(pid, signal.SIGSTOP)
    try:
        batch = "".join(f"route add 10.{i >> 8}.{i & 255}.0/24 via {net.GATEWAY4}\n" for i in range(20000))
        sh(["ip", "-n", t.net.box, "-batch", "-"], stdin=batch, timeout_s=60)
        ip(t, "route", "del", "203.0.113.0/24")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for("the log should tell of the overrun", lambda: "events were lost" in t.dataplane.proc.log())
    wait_for("a route that went during the overrun should be gone", flow.stops)
    ip(t, "route", "add", "203.0.113.0/24", "via", net.GATEWAY4)
    wait_for("media should flow after an overrun", flow.arrives)


def run(t):
    t.dataplane = dpc.Dataplane(t, program("limen-dataplane"))
    dp = t.dataplane.client()
    dpc.ports_up(t, dp)
    for k, remote in enumerate((net.CARRIER4, net.FAR4)):
        dp.add(k + 1, dpc.leg(net.BOX_A4, PORT + 2 * k, net.PHONE4, 4000 + 2 * k),
               dpc.leg(net.BOX_B4, PORT + 2 * k, remote, 6000 + 2 * k))
    near, far = Flow(t, net.CARRIER4, 0), Flow(t, net.FAR4, 2)
    wait_for("media to a neighbour should flow", near.arrives)
    t.check(far.stops(), "media flows to an address without a route")
    # A new card, which says so by ARP: Linux hears it on the TAP twin, we from Linux.
    t.net.sysctl(t.net.peering, f"ipv4/conf/{t.net.peering_if}/arp_notify", 1)
    far_ip(t, "link", "set", t.net.peering_if, "down")
    far_ip(t, "link", "set", t.net.peering_if, "address", "02:4c:49:4d:45:01")
    far_ip(t, "link", "set", t.net.peering_if, "up")
    wait_for("media should follow a neighbour to its new MAC", near.arrives)
    # Routes.
    ip(t, "route", "add", "203.0.113.0/24", "via", net.GATEWAY4)
    wait_for("media should use a new route", far.arrives)
    ip(t, "route", "add", "203.0.113.10/32", "via", "198.51.100.77")  # nobody there
    wait_for("a longer prefix to a dead gateway should stop media", far.stops)
    ip(t, "route", "replace", "203.0.113.10/32", "via", net.KAMAILIO4)
    wait_for("media should follow a replaced route", far.arrives)
    ip(t, "route", "replace", "unreachable", "203.0.113.10/32")
    wait_for("an unreachable route should stop media", far.stops)
    ip(t, "route", "del", "unreachable", "203.0.113.10/32")
    wait_for("media should fall back to the shorter prefix", far.arrives)
    overrun(t, far)
    # The address goes, and with it, without a word, the routes that need it.
    ip(t, "addr", "del", f"{net.BOX_B4}/24", "dev", "peer0")
    wait_for("media should stop when the routes went with the address", near.stops)
    ip(t, "addr", "add", f"{net.BOX_B4}/24", "dev", "peer0")
    wait_for("media should flow when the address is back", near.arrives)
    ip(t, "link", "set", "peer0", "down")
    wait_for("media should stop when the TAP twin is down", near.stops)
    ip(t, "link", "set", "peer0", "up")
    wait_for("media should flow when the TAP twin is up", near.arrives)
    rows = dp.dump()
    t.equal([r["from"][0]["dropped"] for r in rows], [0, 0], "drops by the guards")
    t.dataplane.stop(t)
