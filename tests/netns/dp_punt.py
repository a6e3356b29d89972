# SPDX-License-Identifier: GPL-3.0-or-later
"""The box's own traffic passes the TAP twin once: ping, UDP and TCP, IPv4 and IPv6. Nothing has
been prepared on the cables for net_af_packet: limen-dataplane keeps the kernel off them itself,
and gives them back when it ends."""
import re
import socket
import threading

from limenlab import dp_client, net
from limenlab.box import program
from limenlab.proc import run as sh, wait_for

PINGS, DATAGRAMS, TCP_BYTES = 20, 200, 1 << 20


def unprepare(t, wire):
    for key, value in (("ipv6/conf/{}/disable_ipv6", 0), ("ipv4/conf/{}/rp_filter", 0),
                       ("ipv4/conf/{}/arp_ignore", 0)):
        t.net.sysctl(t.net.box, key.format(wire), value)


def echo_count(ns, addr):
    """(replies, duplicates) to PINGS echo requests, each with its own sequence number."""
    v6 = ":" in addr
    kind = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP

    def make():
        return socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, kind)
    seen = []
    with net.in_namespace(ns, make) as s:
        for seq in range(PINGS):
            head = bytes([128 if v6 else 8, 0, 0, 0, 0x4c, 0x49]) + seq.to_bytes(2, "big")
            if not v6:
                total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 8, 2))
                total = (total & 0xffff) + (total >> 16)
                head = head[:2] + (~total & 0xffff).to_bytes(2, "big") + head[4:]
            s.sendto(head, (addr, 0))
        s.settimeout(1.0)  # the last answer is followed by this silence
        while True:
            try:
                data = s.recv(2048)
            except TimeoutError:
                break
            body = data if v6 else data[(data[0] & 15) * 4:]
            if body[0] == (129 if v6 else 0) and body[4:6] == b"LI":
                seen.append(int.from_bytes(body[6:8], "big"))
    return len(set(seen)), len(seen) - len(set(seen))


def udp_once(t, local, remote):
    with net.udp_socket(t.net.box, remote, 5060) as server, net.udp_socket(t.net.access, local) as client:
        for i in range(DATAGRAMS):
            client.sendto(i.to_bytes(2, "big"), (remote, 5060))
        got = []
        server.settimeout(1.0)
        while True:
            try:
                got.append(server.recv(100))
            except TimeoutError:
                break
    t.equal(len(got), DATAGRAMS, f"datagrams at a socket of {remote}")
    t.equal(len(set(got)), DATAGRAMS, f"different datagrams at {remote}")


def tcp(t, local, remote):
    def make():
        s = socket.socket(socket.AF_INET6 if ":" in remote else socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((remote, 5061))
        s.listen()
        s.settimeout(10)
        return s
    with net.in_namespace(t.net.box, make) as listener:
        client = net.tcp_connect(t.net.access, local, remote, 5061)
        conn, _ = listener.accept()
        conn.settimeout(10)
        data, got = bytes(range(256)) * (TCP_BYTES // 256), 0
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        sender.start()
        received = bytearray()
        while chunk := conn.recv(65536):
            received += chunk
        sender.join()
        got = bytes(received)
        client.close()
        conn.close()
    t.check(got == data, f"TCP to {remote}: {len(got)} bytes of {len(data)}, or not the same")


def run_with(t, *options):
    box = dp_client.Dataplane(t, program("limen-dataplane"), *options)
    dp = box.client()
    dp_client.ports_up(t, dp)
    t.net.wait_reachable(t.net.access, net.BOX_A4)
    t.net.wait_reachable(t.net.access, net.BOX_A6)
    for addr in (net.BOX_A4, net.BOX_A6):
        replies, dups = echo_count(t.net.access, addr)
        t.equal((replies, dups), (PINGS, 0), f"answers and duplicates from {addr}")
    udp_once(t, net.PHONE4, net.BOX_A4)
    udp_once(t, net.PHONE6, net.BOX_A6)
    tcp(t, net.PHONE4, net.BOX_A4)
    tcp(t, net.PHONE6, net.BOX_A6)
    return box, dp


def ipv6_off(t):
    def read():
        with open(f"/proc/sys/net/ipv6/conf/{t.net.wire_a}/disable_ipv6") as f:
            return f.read().strip()
    return net.in_namespace(t.net.box, read)


def run_case(t, *options):
    for wire in (t.net.wire_a, t.net.wire_b):
        unprepare(t, wire)
    box, dp = run_with(t, *options)
    mac = re.search(r"link/ether (\S+)", sh(["ip", "-n", t.net.box, "link", "show", t.net.wire_a])[1])[1]
    twin = sh(["ip", "-n", t.net.box, "link", "show", "acc0"])[1]
    t.check(mac in twin, f"the TAP twin has not the MAC {mac} of its port:\n{twin}")
    t.equal(ipv6_off(t), "1", "disable_ipv6 on the cable while the port is open")
    dp.port_del("peer0")
    status, _ = sh(["ip", "-n", t.net.box, "link", "show", "peer0"], check=False)
    t.check(status != 0, "the TAP twin outlives its port")
    # The link: pulled and plugged again at the far end.
    sh(["ip", "-n", t.net.access, "link", "set", t.net.access_if, "down"])
    dp.wait_event(dp_client.EVENT_PORT, name="acc0", up=0)
    sh(["ip", "-n", t.net.access, "link", "set", t.net.access_if, "up"])
    dp.wait_event(dp_client.EVENT_PORT, name="acc0", up=1)
    box.stop(t)
    t.equal(ipv6_off(t), "0", "disable_ipv6 on the cable after the end")
    _, rules = sh(["ip", "netns", "exec", t.net.box, "nft", "list", "ruleset"])
    t.check("limen" not in rules, f"rules are left behind:\n{rules}")


def run_killed(t):
    """After SIGKILL the kernel has its interface back as well."""
    box = dp_client.Dataplane(t, program("limen-dataplane"), "--no-huge")
    dp_client.ports_up(t, box.client())
    _, rules = sh(["ip", "netns", "exec", t.net.box, "nft", "list", "ruleset"])
    t.check("limen-acc0" in rules, f"no ingress chain while the port is open:\n{rules}")
    box.proc.popen.kill()
    box.proc.wait()
    wait_for("the kernel should remove the ingress chain of a killed process", lambda: "limen" not in
             sh(["ip", "netns", "exec", t.net.box, "nft", "list", "ruleset"])[1])


def run(t):
    run_case(t)
    run_killed(t)
