# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the data plane's session API (dataplane/api/dp_api.h) and a reader of its statistics
segment (dp_stats.h), so that ./bench can drive limen-dataplane without limen-control."""
import array
import ipaddress
import mmap
import os
import socket
import struct

from .common import BenchError

API_VERSION = 3
IPC_VERSION = 2
REPLY = 0x8000
HELLO, PORT_SET, MEDIA_ADDR_SET, SESSION_ADD, SESSION_REMOVE = 1, 2, 4, 10, 12
FIRST_EVENT = 20
ROLE_CONTROL = 1
LEG_SEND, LEG_RECV = 1, 2
STATS_MAGIC = 0x4c494d53
MESSAGE_MAX = 65536
SRTP_STATES = 4 * 24  # of dp_session, behind the legs

_HEADER = struct.Struct("=HHIIiII")
_HELLO_REPLY = struct.Struct("=IIQIIII")
_PORT = struct.Struct("=16s160sH70x")
_MEDIA_ADDR = struct.Struct("=20sHH16s")
_PAYLOAD = struct.Struct("=B3xI16x")
_PAYLOADS = 16
# The beginnings of dp_stats_header and dp_worker_stats; memif_gen.c asserts that they are so.
_STATS_HEADER = struct.Struct("=IIQQQIIIIII")
_WORKER_FIELDS = ("rx_packets", "rx_bytes", "relayed_packets", "relayed_bytes", "rtcp_packets",
                  "punted_packets", "injected_packets", "sent_for_linux", "handed_over",
                  "taken_over", "cycles_total", "cycles_busy", "cycles_asleep")


def address(text, port=0):
    """struct ipaddr; text None: not set."""
    if text is None:
        return bytes(20)
    ip = ipaddress.ip_address(text)
    return struct.pack("=BB", ip.version, 0) + struct.pack("!H", port) + ip.packed.ljust(16, b"\0")


def leg(local, remote, payload_type=8, clock_hz=8000):
    """struct dp_leg; local and remote are (address, port)."""
    payloads = _PAYLOAD.pack(payload_type, clock_hz).ljust(_PAYLOAD.size * _PAYLOADS, b"\0")
    return (address(*local) + address(*remote) + address(None) +
            struct.pack("=IIBB2x", LEG_SEND | LEG_RECV, 0, 46, 1) + payloads + bytes(2 * 48 + 24 + 72 + 48))


class Client:
    """One connection, used as limen-control uses it. Requests wait for their reply."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(15)
        try:
            self.sock.connect(path)
        except OSError as e:
            raise BenchError(f"cannot connect to limen-dataplane at {path}: {e.strerror}") from None
        self.seq = 0
        self.rest = b""  # of the packet that is being read
        body, fds = self.request(HELLO, struct.pack("=II", API_VERSION, ROLE_CONTROL))
        (_, self.n_workers, _, self.max_sessions, _, stats_len,
         _) = _HELLO_REPLY.unpack_from(body)
        if len(fds) != 1:
            raise BenchError("limen-dataplane sent no statistics segment with its HELLO")
        self.stats = Stats(fds[0], stats_len)

    def close(self):
        self.sock.close()

    def request(self, kind, body, generation=1):
        self._send(kind, body, generation)
        return self._reply(kind)

    def sessions_add(self, bodies, window=64):
        """Many SESSION_ADD with some in flight at a time; raises at the first refusal."""
        waiting = 0
        for body in bodies:
            self._send(SESSION_ADD, body, 1)
            waiting += 1
            if waiting == window:
                self._reply(SESSION_ADD)
                waiting -= 1
        for _ in range(waiting):
            self._reply(SESSION_ADD)

    def port_set(self, name, devargs):
        self.request(PORT_SET, _PORT.pack(name.encode(), devargs.encode(), 0))

    def media_addr_set(self, addr, port_lo, port_hi, port_name):
        self.request(MEDIA_ADDR_SET,
                     _MEDIA_ADDR.pack(address(addr), port_lo, port_hi, port_name.encode()))

    def _send(self, kind, body, generation):
        self.seq += 1
        self.sock.send(_HEADER.pack(IPC_VERSION, kind, _HEADER.size + len(body), self.seq, 0,
                                    generation, 0) + body)

    def _message(self, kind):
        """The next message and its descriptors; a packet may hold several."""
        fds = []
        if not self.rest:
            try:
                self.rest, fds, _, _ = socket.recv_fds(self.sock, MESSAGE_MAX, 1)
            except TimeoutError:
                raise BenchError(f"limen-dataplane does not answer request {kind}") from None
        if len(self.rest) < _HEADER.size:
            raise BenchError("limen-dataplane closed the connection; its log says why")
        length = _HEADER.unpack_from(self.rest)[2]
        message, self.rest = self.rest[:length], self.rest[(length + 7) & ~7:]
        return message, fds

    def _reply(self, kind):
        while True:
            message, fds = self._message(kind)
            _, got, _, _, status, _, _ = _HEADER.unpack_from(message)
            if got & REPLY == 0 and got >= FIRST_EVENT:
                continue
            if got != kind | REPLY:
                raise BenchError(f"limen-dataplane sent message {got:#x} as the reply to {kind}")
            if status < 0:
                raise BenchError(f"limen-dataplane refused request {kind}: {os.strerror(-status)}")
            return message[_HEADER.size:], fds


class Stats:
    """The segment, read-only. Numbers of two reads may be subtracted."""

    def __init__(self, fd, length):
        self.map = mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)
        head = _STATS_HEADER.unpack_from(self.map)
        if head[0] != STATS_MAGIC:
            raise BenchError("the statistics segment of limen-dataplane has another layout")
        self.tsc_hz, n_workers, self.off_workers, off_ports = head[3], head[5], head[9], head[10]
        self.row = (off_ports - self.off_workers) // n_workers

    def worker(self, n=0):
        at = self.off_workers + n * self.row
        return dict(zip(_WORKER_FIELDS, array.array("Q", self.map[at:at + 8 * len(_WORKER_FIELDS)])))
