# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends raw frames as fast as the kernel takes them:

    python3 -m limenlab.spray NAMESPACE INTERFACE BOX_MAC SECONDS KIND

KIND: sip (OPTIONS of one source), spoofed (the same of made-up sources), arp, syn (to SIP and SSH),
rtp (to media ports, from made-up sources), broken (cut off, wrong lengths, fragments).
Prints how many were sent. A prepared set of frames goes round and round by sendmmsg(), so that the
rate is the kernel's and not Python's."""
import ctypes
import os
import random
import socket
import struct
import subprocess
import sys
import time

from . import net
from .proc import LabError, die_with_parent

SET = 256
_libc = ctypes.CDLL(None, use_errno=True)


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class MMsgHdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(IoVec)),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("pad", ctypes.c_int), ("sent", ctypes.c_uint64)]


def ones_sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def ether(dst, src, kind, payload):
    return bytes.fromhex(dst.replace(":", "")) + src + struct.pack("!H", kind) + payload


def ipv4(src, dst, proto, l4, fragment=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 7, fragment, 64, proto, 0, src, socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", ~ones_sum(head) & 0xffff) + head[12:] + l4


def udp(sport, dport, payload):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def tcp_syn(src, dst, sport, dport):
    head = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, 2, 1000, 0, 0)
    pseudo = src + socket.inet_aton(dst) + struct.pack("!HH", 6, len(head))
    return head[:16] + struct.pack("!H", ~ones_sum(pseudo + head) & 0xffff) + head[18:]


def options(n):
    return (f"OPTIONS sip:{net.BOX_A4} SIP/2.0\r\nVia: SIP/2.0/UDP {net.ATTACKER4}:5060;branch=z9hG4bKspray{n}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:x@{net.ATTACKER4}>;tag=s{n}\r\nTo: <sip:{net.BOX_A4}>\r\n"
            f"Call-ID: spray-{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode()


def frame(kind, mac, n, rng):
    src_mac = bytes([2, 0x66]) + (n if kind == "arp" else 1).to_bytes(4, "big")
    one, made_up = socket.inet_aton(net.ATTACKER4), bytes([192, 0, 2, rng.randrange(100, 250)])
    rtp = struct.pack("!BBHII", 0x80, 8, n & 0xffff, 160 * n, 0xbad) + bytes(160)
    if kind == "sip":
        return ether(mac, src_mac, 0x0800, ipv4(one, net.BOX_A4, 17, udp(5060, 5060, options(n))))
    if kind == "spoofed":
        far = bytes([10, rng.randrange(256), rng.randrange(256), n & 255])
        return ether(mac, src_mac, 0x0800, ipv4(far, net.BOX_A4, 17, udp(5060, 5060, options(n))))
    if kind == "arp":
        arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + src_mac + made_up + bytes(6) + socket.inet_aton(net.BOX_A4)
        return ether("ff:ff:ff:ff:ff:ff", src_mac, 0x0806, arp + bytes(18))
    if kind == "syn":
        far = bytes([10, rng.randrange(256), rng.randrange(256), n & 255])
        port = (5060, 22)[n & 1]
        return ether(mac, src_mac, 0x0800, ipv4(far, net.BOX_A4, 6, tcp_syn(far, net.BOX_A4, 1024 + n, port)))
    if kind == "rtp":
        return ether(mac, src_mac, 0x0800, ipv4(made_up, net.BOX_A4, 17, udp(4000 + n, 16384 + 2 * n, rtp)))
    if kind == "broken":
        good = ether(mac, src_mac, 0x0800, ipv4(one, net.BOX_A4, 17, udp(4000, 16384, rtp)))
        return (good[:rng.randrange(34, 60)], good[:38] + b"\xff\xff" + good[40:],
                ether(mac, src_mac, 0x0800, ipv4(one, net.BOX_A4, 17, udp(4000, 16384, rtp), 0x2000)),
                good[:14] + b"\x4f" + good[15:])[n % 4]
    raise SystemExit(f"{kind}?")


def main(ns, interface, mac, seconds, kind):
    rng = random.Random(1)
    frames = [frame(kind, mac, n, rng) for n in range(SET)]
    vecs = (IoVec * SET)(*[IoVec(f, len(f)) for f in frames])
    msgs = (MMsgHdr * SET)()
    for i in range(SET):
        msgs[i].iov, msgs[i].iovlen = ctypes.pointer(vecs[i]), 1
    s = net.in_namespace(ns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    s.bind((interface, 0))
    end, sent = time.monotonic() + float(seconds), 0
    while time.monotonic() < end:
        sent += max(0, _libc.sendmmsg(s.fileno(), msgs, SET, 0))
    print(sent)
    return 0


class Spray:
    """The same as a process beside a scenario."""

    def __init__(self, ns, interface, mac, seconds, kind):
        argv = [sys.executable, "-m", "limenlab.spray", ns, interface, mac, str(seconds), kind]
        env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self.seconds = seconds
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env, preexec_fn=die_with_parent)

    def running(self):
        return self.popen.poll() is None

    def wait(self):
        """The number of frames sent."""
        out, _ = self.popen.communicate(timeout=self.seconds + 20)
        if self.popen.returncode:
            raise LabError("the spray did not run")
        return int(out)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:6]))
