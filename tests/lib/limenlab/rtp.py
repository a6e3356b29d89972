# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP in captures: streams, loss and jitter of RFC 3550, and comparing what was sent with what
arrived."""
import struct
from dataclasses import dataclass, field


@dataclass
class RtpPacket:
    ts: float
    seq: int
    timestamp: int
    ssrc: int
    pt: int
    marker: bool
    payload: bytes
    dscp: int = 0

    def same_as(self, other):
        return (self.seq, self.timestamp, self.ssrc, self.pt, self.marker, self.payload) == \
               (other.seq, other.timestamp, other.ssrc, other.pt, other.marker, other.payload)


@dataclass
class Stream:
    """Packets of one SSRC between two sockets, in order of arrival."""
    src: tuple
    dst: tuple
    ssrc: int
    packets: list = field(default_factory=list)

    @property
    def received(self):
        return len(self.packets)

    @property
    def expected(self):
        """RFC 3550 A.3: from the lowest to the highest extended sequence number."""
        ext = self._extended()
        return max(ext) - min(ext) + 1 if ext else 0

    @property
    def lost(self):
        return self.expected - len(set(self._extended()))

    def _extended(self):
        out, cycles, last = [], 0, None
        for p in self.packets:
            if last is not None:
                if p.seq < last and last - p.seq > 0x8000:
                    cycles += 0x10000
                elif p.seq > last and p.seq - last > 0x8000:  # a straggler from before the wrap
                    out.append(cycles - 0x10000 + p.seq)
                    continue
            last = p.seq
            out.append(cycles + p.seq)
        return out

    def jitter_ms(self, clock_hz=8000):
        """RFC 3550 6.4.1, at the end of the stream."""
        jitter, last = 0.0, None
        for p in self.packets:
            transit = p.ts * clock_hz - p.timestamp
            if last is not None:
                d = abs(transit - last)
                if d < clock_hz * 10:  # the timestamp wrapped or the talker jumped
                    jitter += (d - jitter) / 16
            last = transit
        return jitter * 1000 / clock_hz

    def audio(self):
        """The payloads in order of arrival."""
        return b"".join(p.payload for p in self.packets)


def parse_rtp(packet):
    """An RtpPacket from a UDP packet of a capture, or None when it cannot be RTP (or is RTCP)."""
    data = packet.payload
    if packet.proto != "udp" or len(data) < 12 or data[0] >> 6 != 2 or 192 <= data[1] <= 223:
        return None
    off = 12 + (data[0] & 15) * 4
    if data[0] & 0x10:
        if len(data) < off + 4:
            return None
        off += 4 + struct.unpack_from("!H", data, off + 2)[0] * 4
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    if off > end:
        return None
    seq, timestamp, ssrc = struct.unpack_from("!HII", data, 2)
    return RtpPacket(packet.ts, seq, timestamp, ssrc, data[1] & 127, bool(data[1] & 128),
                     data[off:end], packet.dscp)


def is_rtcp(packet):
    data = packet.payload
    return packet.proto == "udp" and len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


def streams(packets, src=None, dst=None, pts=None):
    """Streams between sockets; src and dst are (address, port), a bare address, or None for any."""
    def fits(want, addr, port):
        return want is None or want == (addr, port) or want == addr
    found = {}
    for p in packets:
        if not fits(src, p.src, p.sport) or not fits(dst, p.dst, p.dport):
            continue
        rtp = parse_rtp(p)
        if rtp is None or (pts is not None and rtp.pt not in pts):
            continue
        key = (p.src, p.sport, p.dst, p.dport, rtp.ssrc)
        if key not in found:
            found[key] = Stream((p.src, p.sport), (p.dst, p.dport), rtp.ssrc)
        found[key].packets.append(rtp)
    return list(found.values())


def compare(sent, arrived):
    """Sentences about every difference between two lists of RtpPacket; empty when the same packets
    arrived, each once, each byte for byte (sequence number, timestamp, SSRC, type, marker and
    payload). Order on the way is not judged."""
    faults = []
    by_key = {}
    for p in arrived:
        by_key.setdefault((p.ssrc, p.seq), []).append(p)
    missing = []
    for p in sent:
        got = by_key.pop((p.ssrc, p.seq), None)
        if got is None:
            missing.append(p.seq)
            continue
        if len(got) > 1:
            faults.append(f"packet {p.seq} arrived {len(got)} times")
        if not got[0].same_as(p):
            faults.append(f"packet {p.seq} was changed on the way")
    if missing:
        faults.append(f"{len(missing)} of {len(sent)} packets did not arrive, first {missing[:5]}")
    if by_key:
        faults.append(f"{len(by_key)} packets arrived that nobody sent, first {sorted(by_key)[:3]}")
    return faults


def pcap_audio(packets):
    """The payloads of the only stream of a capture file, as one string of bytes."""
    found = streams(packets)
    return found[0].audio() if len(found) == 1 else b""
