# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: three namespaces, joined by two cables.

    access                         box                          peering
    phone0 192.0.2.0/24  ----  w-access | w-peering  ----  carrier0 198.51.100.0/24
           2001:db8:1::/64                                           2001:db8:2::/64
                                                  behind a gateway:  203.0.113.0/24, 2001:db8:3::/64

The box's ends of the cables belong to DPDK (net_af_packet); limen-dataplane keeps Linux from
answering there, because Linux has the same traffic on the TAP twins. Nothing leaves this
machine: there is no other link in these namespaces. The addresses are those kept for
documentation (RFC 5737, RFC 3849).
"""
import ctypes
import os
import signal
import socket
import time

from .proc import LabError, run, wait_for

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000

BOX_A4, BOX_A6 = "192.0.2.1", "2001:db8:1::1"
BOX_B4, BOX_B6 = "198.51.100.1", "2001:db8:2::1"
PHONE4, PHONE6 = "192.0.2.10", "2001:db8:1::10"
PHONE2_4 = "192.0.2.11"       # baresip
ATTACKER4 = "192.0.2.66"
CARRIER4, CARRIER6 = "198.51.100.10", "2001:db8:2::10"
KAMAILIO4, KAMAILIO6 = "198.51.100.20", "2001:db8:2::20"
SPARE4 = "198.51.100.30"      # a second carrier
GATEWAY4, GATEWAY6 = "198.51.100.254", "2001:db8:2::fe"
FAR4, FAR6 = "203.0.113.10", "2001:db8:3::10"

ACCESS_ADDRS = [f"{PHONE4}/24", f"{PHONE2_4}/24", f"{ATTACKER4}/24", f"{PHONE6}/64"]
PEERING_ADDRS = [f"{CARRIER4}/24", f"{KAMAILIO4}/24", f"{SPARE4}/24", f"{GATEWAY4}/24",
                 f"{CARRIER6}/64", f"{KAMAILIO6}/64", f"{GATEWAY6}/64",
                 f"{FAR4}/32", f"{FAR6}/128"]


def in_namespace(ns, make):
    """Runs make() with this thread inside the namespace; sockets opened there stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{ns}", os.O_RDONLY)
    try:
        if _libc.setns(there, _CLONE_NEWNET) != 0:
            raise LabError(f"cannot enter network namespace {ns}: {os.strerror(ctypes.get_errno())}")
        try:
            return make()
        finally:
            if _libc.setns(home, _CLONE_NEWNET) != 0:
                raise LabError("cannot return from a network namespace")
    finally:
        os.close(home)
        os.close(there)


def udp_socket(ns, addr, port=0):
    def make():
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((addr, port))
        return s
    return in_namespace(ns, make)


def tcp_connect(ns, local, remote, port, timeout_s=5.0):
    def make():
        family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        s = socket.socket(family, socket.SOCK_STREAM)
        s.settimeout(timeout_s)
        s.bind((local, 0))
        s.connect((remote, port))
        return s
    return in_namespace(ns, make)


def tcp_listen(ns, addr, port):
    def make():
        s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((addr, port))
        s.listen()
        return s
    return in_namespace(ns, make)


class Network:
    """prefix: names of the namespaces are PREFIX-access, PREFIX-box, PREFIX-peering."""

    access_if, peering_if = "phone0", "carrier0"
    wire_a, wire_b = "w-access", "w-peering"

    def __init__(self, prefix):
        self.access, self.box, self.peering = (f"{prefix}-{s}" for s in ("access", "box", "peering"))
        self.all = (self.access, self.box, self.peering)
        self.behind = {}  # further interfaces of the box: name -> namespace

    def side_of(self, interface):
        """The namespace that the box's interface of that name is joined to."""
        return self.behind.get(interface) or (self.access if interface.startswith("access") else self.peering)

    def up(self):
        for ns in self.all:
            run(["ip", "netns", "add", ns])
            run(["ip", "-n", ns, "link", "set", "lo", "up"])
        self._cable(self.access, self.access_if, self.wire_a, ACCESS_ADDRS)
        self._cable(self.peering, self.peering_if, self.wire_b, PEERING_ADDRS)
        for ns, gw4, gw6 in ((self.access, BOX_A4, BOX_A6), (self.peering, BOX_B4, BOX_B6)):
            run(["ip", "-n", ns, "route", "add", "default", "via", gw4])
            run(["ip", "-n", ns, "-6", "route", "add", "default", "via", gw6])

    def _cable(self, ns, end, wire, addrs):
        run(["ip", "link", "add", end, "netns", ns, "type", "veth", "peer", "name", wire,
             "netns", self.box])
        # The peer computes its checksums: frames leave the kernel's hands on this cable. Both ends
        # must be true wires, so nothing is merged or left for a card to cut.
        for where, dev in ((ns, end), (self.box, wire)):
            run(["ip", "netns", "exec", where, "ethtool", "-K", dev, "tx", "off", "tso", "off",
                 "gso", "off", "gro", "off"])
        self.sysctl(ns, f"ipv6/conf/{end}/accept_dad", 0)
        self.sysctl(ns, f"ipv6/conf/{end}/accept_ra", 0)
        run(["ip", "-n", self.box, "link", "set", wire, "up"])
        run(["ip", "-n", ns, "link", "set", end, "up"])
        for addr in addrs:
            run(["ip", "-n", ns, "addr", "add", addr, "dev", end] + (["nodad"] if ":" in addr else []))

    @staticmethod
    def sysctl(ns, key, value):
        def write():
            with open(f"/proc/sys/net/{key}", "w") as f:
                f.write(str(value))
        # /proc/sys/net shows the namespace of the thread that opens the file.
        in_namespace(ns, write)

    def down(self):
        """Ends what still runs inside and removes the namespaces. Safe to call twice."""
        for ns in self.all:
            if not os.path.exists(f"/run/netns/{ns}"):
                continue
            for sig in (signal.SIGTERM, signal.SIGKILL):
                deadline = time.monotonic() + 3
                while time.monotonic() < deadline:
                    pids = [int(p) for p in run(["ip", "netns", "pids", ns], check=False)[1].split()
                            if p.isdigit() and int(p) != os.getpid()]
                    if not pids:
                        break
                    for pid in pids:
                        try:
                            os.kill(pid, sig)
                        except ProcessLookupError:
                            pass
                    time.sleep(0.05)
            run(["ip", "netns", "del", ns], check=False)

    def exists(self):
        return any(os.path.exists(f"/run/netns/{ns}") for ns in self.all)

    def wait_reachable(self, ns, addr, timeout_s=10.0):
        """Until a ping from a side to the box is answered (ARP or ND, TAP twin and Linux work)."""
        def answered():
            return ping(ns, addr)
        wait_for(f"{addr} should answer ping from namespace {ns}", answered, timeout_s)


def ping(ns, addr, timeout_s=0.3):
    """One ICMP echo request by an own raw socket (package iputils-ping is not needed)."""
    v6 = ":" in addr
    ident = os.getpid() & 0xffff

    def make():
        if v6:
            return socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with in_namespace(ns, make) as s:
        head = bytes([128 if v6 else 8, 0, 0, 0]) + ident.to_bytes(2, "big") + b"\0\1"
        if not v6:  # the kernel fills in the checksum of ICMPv6 only
            total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 8, 2))
            total = (total & 0xffff) + (total >> 16)
            head = head[:2] + (~total & 0xffff).to_bytes(2, "big") + head[4:]
        try:
            s.sendto(head, (addr, 0))
        except OSError:
            return False
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            s.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = s.recv(2048)
            except (TimeoutError, OSError):
                return False
            body = data if v6 else data[(data[0] & 15) * 4:]
            if body and body[0] == (129 if v6 else 0) and body[4:6] == ident.to_bytes(2, "big"):
                return True
    return False
