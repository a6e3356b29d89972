# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures: taking them with tcpdump, reading and writing pcap files, taking frames apart."""
import os
import signal
import socket
import struct
from dataclasses import dataclass

from .net import in_namespace
from .proc import LabError, Proc, wait_for

_MARK_ETHERTYPE = 0x88b5  # IEEE 802: local experimental
_ETH_P_IP, _ETH_P_IPV6, _ETH_P_VLAN = 0x0800, 0x86dd, 0x8100


@dataclass
class Packet:
    """One frame that holds UDP or TCP. Addresses are text; ts in seconds."""
    ts: float
    proto: str  # "udp" or "tcp"
    src: str
    sport: int
    dst: str
    dport: int
    payload: bytes
    dscp: int
    ttl: int
    seq: int = 0    # TCP
    flags: int = 0  # TCP
    frame: bytes = b""
    checksum_ok: bool = True


def read_frames(path):
    """Yields (ts, frame) of a classic pcap file with Ethernet frames, either byte order."""
    with open(path, "rb") as f:
        head = f.read(24)
        if len(head) < 24:
            return
        magic = head[:4]
        if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
            order = "<"
        elif magic in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
            order = ">"
        else:
            raise LabError(f"{path} is not a pcap file")
        scale = 1e-9 if magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
        if struct.unpack(order + "I", head[20:24])[0] != 1:
            raise LabError(f"{path} does not hold Ethernet frames")
        while True:
            rec = f.read(16)
            if len(rec) < 16:
                return
            sec, frac, caplen, _ = struct.unpack(order + "IIII", rec)
            frame = f.read(caplen)
            if len(frame) < caplen:
                return  # the last record of a capture that is still being written
            yield sec + frac * scale, frame


def write_frames(path, frames):
    """frames: iterable of (ts, bytes)."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for ts, frame in frames:
            usec = round(ts * 1e6)
            f.write(struct.pack("<IIII", usec // 1000000, usec % 1000000, len(frame), len(frame)))
            f.write(frame)


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def parse_frame(ts, frame):
    """A Packet, or None for anything but UDP and TCP in IPv4 or IPv6 (fragments are left out)."""
    if len(frame) < 14:
        return None
    off, kind = 14, struct.unpack_from("!H", frame, 12)[0]
    if kind == _ETH_P_VLAN and len(frame) >= 18:
        off, kind = 18, struct.unpack_from("!H", frame, 16)[0]
    if kind == _ETH_P_IP and len(frame) >= off + 20:
        ihl = (frame[off] & 15) * 4
        total, frag = struct.unpack_from("!H2xH", frame, off + 2)
        if frag & 0x3fff or len(frame) < off + total:
            return None
        number, tos, ttl = frame[off + 9], frame[off + 1], frame[off + 8]
        src_raw, dst_raw = frame[off + 12:off + 16], frame[off + 16:off + 20]
        src, dst = socket.inet_ntop(socket.AF_INET, src_raw), socket.inet_ntop(socket.AF_INET, dst_raw)
        good = ones_sum(frame[off:off + ihl]) == 0xffff
        l4 = frame[off + ihl:off + total]
    elif kind == _ETH_P_IPV6 and len(frame) >= off + 40:
        total, number, ttl = struct.unpack_from("!HBB", frame, off + 4)
        tos = struct.unpack_from("!H", frame, off)[0] >> 4 & 0xff
        src_raw, dst_raw = frame[off + 8:off + 24], frame[off + 24:off + 40]
        src, dst = socket.inet_ntop(socket.AF_INET6, src_raw), socket.inet_ntop(socket.AF_INET6, dst_raw)
        good = True
        l4 = frame[off + 40:off + 40 + total]
    else:
        return None
    pseudo = src_raw + dst_raw + struct.pack("!II", len(l4), number)
    if number == 17 and len(l4) >= 8:
        sport, dport, length, check = struct.unpack_from("!HHHH", l4)
        if check or kind == _ETH_P_IPV6:
            good = good and check != 0 and ones_sum(pseudo + l4) == 0xffff
        return Packet(ts, "udp", src, sport, dst, dport, l4[8:length], tos >> 2, ttl,
                      frame=frame, checksum_ok=good)
    if number == 6 and len(l4) >= 20:
        sport, dport, seq = struct.unpack_from("!HHI", l4)
        good = good and ones_sum(pseudo + l4) == 0xffff
        return Packet(ts, "tcp", src, sport, dst, dport, l4[(l4[12] >> 4) * 4:], tos >> 2, ttl,
                      seq=seq, flags=l4[13], frame=frame, checksum_ok=good)
    return None


def read_packets(path):
    """All UDP and TCP packets of a capture, in order."""
    return [p for p in (parse_frame(ts, frame) for ts, frame in read_frames(path)) if p]


class Capture:
    """tcpdump on one interface of one side: what that side sends and what reaches it."""

    def __init__(self, ns, interface, path):
        self.ns, self.interface, self.path = ns, interface, path
        self._marks = 0
        if os.path.exists(path):
            os.unlink(path)
        self.proc = Proc(f"tcpdump {interface}",
                         ["tcpdump", "-i", interface, "-n", "-s", "0", "-U", "-B", "16384", "-Z", "root",
                          "--immediate-mode", "-w", path], path + ".log", ns=ns)
        self.proc.wait_log("listening on", 15)
        self.sync()

    def sync(self):
        """Returns when everything on the wire so far is in the file: sends a frame that no box
        cares for and waits until it has been written."""
        self._marks += 1
        body = f"limen-lab mark {os.getpid()} {self._marks}".encode().ljust(46, b"\0")
        s = in_namespace(self.ns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        with s:
            s.bind((self.interface, 0))
            s.send(b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x01" + struct.pack("!H", _MARK_ETHERTYPE) + body)

        def written():
            try:
                with open(self.path, "rb") as f:
                    f.seek(max(0, os.path.getsize(self.path) - 262144))
                    return body in f.read()
            except OSError:
                return False
        wait_for(f"tcpdump should have written the mark to {self.path}", written, 10)

    def packets(self):
        self.sync()
        return read_packets(self.path)

    def stop(self):
        if self.proc.running():
            self.proc.stop(signal.SIGINT)

    def dropped_by_kernel(self):
        """What tcpdump says it missed; call after stop()."""
        for line in self.proc.log().splitlines():
            if "dropped by kernel" in line:
                return int(line.split()[0])
        return 0
