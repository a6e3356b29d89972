# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP in captures: messages over UDP and TCP, their SDP, and the ladder of a call."""
import re
from dataclasses import dataclass, field

_START = re.compile(rb"^(?:SIP/2\.0 \d{3} |[A-Z]{3,12} (?:sips?|tel):[^\r\n]* SIP/2\.0\r\n)")
_COMPACT = {"v": "via", "f": "from", "t": "to", "m": "contact", "i": "call-id", "l": "content-length",
            "c": "content-type", "k": "supported"}


@dataclass
class Message:
    ts: float
    src: str
    sport: int
    dst: str
    dport: int
    proto: str
    raw: bytes
    start: str = ""
    headers: list = field(default_factory=list)  # (lower-case name, value)
    body: bytes = b""

    def get(self, name, default=""):
        for key, value in self.headers:
            if key == name:
                return value
        return default

    def get_all(self, name):
        return [value for key, value in self.headers if key == name]

    @property
    def call_id(self):
        return self.get("call-id")

    @property
    def is_request(self):
        return not self.start.startswith("SIP/2.0")

    @property
    def method(self):
        return self.start.split(" ", 1)[0] if self.is_request else self.get("cseq").split(" ")[-1]

    @property
    def status(self):
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def label(self):
        text = self.start.split(" ", 1)[0] if self.is_request else self.start.split(" ", 1)[1]
        if not self.is_request:
            text = f"{text[:20].strip()} ({self.method})"
        return text + (" + SDP" if b"m=audio" in self.body else "")

    def media(self):
        """(address, port, direction) of the first audio line, or None without SDP."""
        if b"m=audio" not in self.body:
            return None
        text = self.body.decode("utf-8", "replace")
        port = int(re.search(r"^m=audio (\d+)", text, re.M).group(1))
        head, tail = text.split("m=audio", 1)
        conn = re.search(r"^c=IN IP[46] (\S+)", tail, re.M) or re.search(r"^c=IN IP[46] (\S+)", head, re.M)
        direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", tail, re.M)
        return conn.group(1) if conn else "", port, direction.group(1) if direction else "sendrecv"


def parse(ts, src, sport, dst, dport, proto, raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = re.sub(rb"\r\n[ \t]+", b" ", head).decode("utf-8", "replace").split("\r\n")
    msg = Message(ts, src, sport, dst, dport, proto, raw, start=lines[0], body=body)
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        msg.headers.append((_COMPACT.get(name, name), value.strip()))
    return msg


class _TcpSide:
    """One direction of one connection: bytes in order, cut into messages by Content-Length."""

    def __init__(self):
        self.next, self.ahead, self.buffer = None, {}, b""

    def add(self, packet):
        if packet.flags & 2:  # SYN
            self.next = packet.seq + 1 & 0xffffffff
            return
        if self.next is None:
            self.next = packet.seq
        if packet.payload:
            self.ahead[packet.seq] = packet.payload
        while self.next in self.ahead:
            data = self.ahead.pop(self.next)
            self.buffer += data
            self.next = self.next + len(data) & 0xffffffff

    def take(self):
        while True:
            self.buffer = self.buffer.lstrip(b"\r\n")
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = re.search(rb"\r\n(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", self.buffer[:end + 2], re.I)
            total = end + 4 + (int(length.group(1)) if length else 0)
            if len(self.buffer) < total:
                return
            raw, self.buffer = self.buffer[:total], self.buffer[total:]
            yield raw


def messages(packets):
    """All SIP messages of a capture in order, without UDP retransmissions taken out."""
    out, sides = [], {}
    for p in packets:
        if p.proto == "udp":
            if _START.match(p.payload):
                out.append(parse(p.ts, p.src, p.sport, p.dst, p.dport, "udp", p.payload))
        else:
            side = sides.setdefault((p.src, p.sport, p.dst, p.dport), _TcpSide())
            side.add(p)
            for raw in side.take():
                if _START.match(raw):
                    out.append(parse(p.ts, p.src, p.sport, p.dst, p.dport, "tcp", raw))
    return out


@dataclass
class Leg:
    """One dialog of a call as a side's capture shows it."""
    call_id: str
    messages: list
    box: str = ""         # the box's signalling address on that side
    peer: str = ""
    peer_media: tuple = None
    box_media: tuple = None


def leg(all_messages, call_id, box_addrs):
    """The messages of one Call-ID, and both ends' last media addresses from their SDP."""
    found = Leg(call_id, [m for m in all_messages if m.call_id == call_id])
    for m in found.messages:
        from_box = m.src in box_addrs
        found.box, found.peer = (m.src, m.dst) if from_box else (m.dst, m.src)
        media = m.media()
        if media and media[1] and media[0] not in ("0.0.0.0", "::"):
            if from_box:
                found.box_media = media[:2]
            else:
                found.peer_media = media[:2]
    return found


def ladder(leg_a, leg_b, notes=(), names=("phone", "Limen", "carrier"), width=34):
    """Text with one row per message of both legs in order of time; notes are (ts, side, text)."""
    rows = []
    for side, one in (("a", leg_a), ("b", leg_b)):
        seen = set()
        for m in one.messages:
            again = (m.src, m.raw) in seen
            seen.add((m.src, m.raw))
            rows.append((m.ts, side, m.src == one.box, m.label + (" again" if again else "")))
    rows += [(ts, side, None, text) for ts, side, text in notes]
    rows.sort(key=lambda r: r[0])
    if not rows:
        return "(no messages)"
    start = rows[0][0]

    def arrow(text, right):
        line = f" {text[:width - 5]} ".center(width - 2, "-")
        return line + "->" if right else "<-" + line
    out = ["           " + names[0].center(8) + " " * (width - 6) + names[1].center(8) +
           " " * (width - 6) + names[2].center(8)]
    for ts, side, from_box, text in rows:
        blank = " " * width
        if from_box is None:
            cell = f" {text} ".center(width, ".")
        else:
            cell = arrow(text, right=(side == "a") != from_box)
        left, right = (cell, blank) if side == "a" else (blank, cell)
        out.append(f"{(ts - start) * 1000:9.1f} ms  |{left}|{right}|")
    return "\n".join(out)
