# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins what was captured on both sides of the box into calls, and judges their audio."""
import os
import socket
from dataclasses import dataclass, field

from . import net, pcap, peers, rtp, sip

BOX_A = (net.BOX_A4, net.BOX_A6)
BOX_B = (net.BOX_B4, net.BOX_B6)


@dataclass
class Direction:
    """One direction of a call's audio: what was sent into the box and what came out."""
    name: str
    sent: list
    received: list
    faults: list = field(default_factory=list)
    jitter_ms: float = 0.0

    @property
    def lost(self):
        return len(self.sent) - len(self.received)

    def line(self):
        return (f"RTP {self.name}  sent {len(self.sent)}  received {len(self.received)}  lost {self.lost}"
                f"  jitter {self.jitter_ms:.2f} ms")


@dataclass
class Call:
    record: dict
    leg_a: sip.Leg
    leg_b: sip.Leg
    a2b: Direction
    b2a: Direction

    @property
    def faults(self):
        return [f"call {self.leg_a.call_id}, {d.name}: {f}" for d in (self.a2b, self.b2a) for f in d.faults]


def record_call_ids(record):
    """SIP Call-IDs of the legs of a record: of the caller's side, of the called side."""
    return [leg.get("sip_call_id") or "" for leg in record["legs"]]


def _direction(name, over, sent_packets, sent_src, sent_dst, got_packets, got_src, got_dst):
    """Audio between the sockets that the SDP of both sides named. The far end may send from
    another port than it receives on (latching), so only its address is held to. What is sent
    after the first BYE (over) may be lost: then it does not count as sent."""
    if not (sent_src and sent_dst and got_src and got_dst):
        return Direction(name, [], [], ["no media was negotiated on one of the legs"])
    sent = [p for s in rtp.streams(sent_packets, sent_src[0], sent_dst) for p in s.packets]
    out = rtp.streams(got_packets, got_src, got_dst)
    received = [p for s in out for p in s.packets]
    arrived = {(p.ssrc, p.seq) for p in received}
    sent = [p for p in sent if p.ts <= over or (p.ssrc, p.seq) in arrived]
    jitter = max((s.jitter_ms() for s in out), default=0.0)
    return Direction(name, sent, received, rtp.compare(sent, received), jitter)


def join(records, packets_a, packets_b, need_audio=True):
    """One Call per record, from the captures of the access side (a) and the peering side (b)."""
    msgs_a, msgs_b = sip.messages(packets_a), sip.messages(packets_b)
    calls = []
    for record in records:
        ids = record_call_ids(record)
        a, b = sip.leg(msgs_a, ids[0], BOX_A), sip.leg(msgs_b, ids[1], BOX_B)
        if not a.messages and any(m.call_id == ids[0] for m in msgs_b):  # the carrier called
            a, b = sip.leg(msgs_a, ids[1], BOX_A), sip.leg(msgs_b, ids[0], BOX_B)
        over = min((m.ts for m in a.messages + b.messages if m.is_request and m.method == "BYE"), default=float("inf"))
        a2b = _direction("a>b", over, packets_a, a.peer_media, a.box_media, packets_b, b.box_media, b.peer_media)
        b2a = _direction("b>a", over, packets_b, b.peer_media, b.box_media, packets_a, a.box_media, a.peer_media)
        call = Call(record, a, b, a2b, b2a)
        if need_audio:
            for d in (a2b, b2a):
                if not d.sent and not d.faults:
                    d.faults.append("nobody sent any audio")
        calls.append(call)
    return calls


def ladder(call):
    """The ladder of both legs, with a line where the audio of each direction starts."""
    notes = []
    for d, sides in ((call.a2b, "ab"), (call.b2a, "ba")):
        for side, packets, word in ((sides[0], d.sent, "sent"), (sides[1], d.received, "received")):
            if packets:
                arrow = ">>" if d.name == "a>b" else "<<"
                notes.append((packets[0].ts, side, f"{arrow} RTP, {len(packets)} {word} {arrow}"))
    return sip.ladder(call.leg_a, call.leg_b, notes)


def table(calls):
    """One row per call and direction."""
    rows = [("call", "dialled", "over", "to", "direction", "sent", "received", "lost", "jitter ms", "audio")]
    for number, c in enumerate(calls, 1):
        legs = c.record["legs"]
        for d in (c.a2b, c.b2a):
            rows.append((str(number), legs[0]["called"], legs[0]["transport"], legs[1]["trunk"], d.name, str(len(d.sent)),
                         str(len(d.received)), str(d.lost), f"{d.jitter_ms:.2f}", "different" if d.faults else "identical"))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(v.ljust(w) if i < 5 else v.rjust(w) for i, (v, w) in enumerate(zip(r, widths))) for r in rows)


def voice(name):
    """The audio of a committed voice file, as bytes of G.711."""
    return rtp.pcap_audio(pcap.read_packets(os.path.join(peers.AUDIO, name)))


def same_as_file(direction, name):
    """True when the received payloads are those of the file, in order and byte for byte."""
    return b"".join(p.payload for p in direction.received) == voice(name)


def secrets_of(packets, own, box_addrs, words):
    """Inner things of one side, for the scan of the other: the addresses of everybody there and
    of the box on it, every Call-ID, tag and branch seen in its SIP, what its programs call
    themselves, and words that they put in. A list of (what, bytes)."""
    found = {}

    def add(what, data):
        if len(data) >= 4:  # shorter ones would be found in any audio
            found.setdefault(data, what)
    for addr in list(own) + list(box_addrs):
        add(f"address {addr}", addr.encode())
        # The same address inside a packet: not as text but as its bytes.
        raw = socket.inet_pton(socket.AF_INET6 if ":" in addr else socket.AF_INET, addr)
        add(f"address {addr} in binary", raw)
    for m in sip.messages(packets):
        add("Call-ID", m.call_id.encode())
        for name in ("from", "to"):
            if ";tag=" in m.get(name):
                add(f"tag of {name}", m.get(name).split(";tag=", 1)[1].split(";")[0].encode())
        for via in m.get_all("via"):
            for part in via.split(";"):
                if part.startswith("branch="):
                    add("Via branch", part[7:].encode())
        if m.src not in box_addrs:
            for name in ("user-agent", "server"):
                add(name, m.get(name).encode())
    for word in words:
        add("inner name", word)
    return [(what, data) for data, what in found.items()]


def leaks(packets, box_addrs, secrets):
    """Sentences about every packet that the box sent and that holds something of the other side,
    in its payload (SIP, RTP and RTCP alike) or in the addresses of its IP header."""
    out = []
    for p in packets:
        if p.src not in box_addrs:
            continue
        for what, data in secrets:
            if data in p.frame:
                out.append(f"{what} ({data[:60]!r}) left the box in: {p.payload[:80]!r}")
    return out
