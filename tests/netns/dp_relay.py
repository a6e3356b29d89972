# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-dataplane alone, with one worker and with three: sessions over IPv4, IPv6 and between the
two are relayed byte for byte with DSCP and counters; sources are learned and told; silence is told
once; sums at removal; no packet buffer is lost; a client that vanishes leaves the media alone."""
import socket
import struct
import time

from limenlab import dp_client as dpc
from limenlab import net
from limenlab.box import program
from limenlab.proc import wait_for

N = 50


def rtp(seq, ssrc, pt=8, size=160):
    return struct.pack("!BBHII", 0x80, pt, seq & 0xffff, 160 * seq & 0xffffffff, ssrc) + bytes([seq & 255]) * size


def sender_report(ssrc):
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1 << 32, 0, 1, 160)


class Ends:
    """The two far ends of a session: RTP and RTCP sockets on both sides."""

    def __init__(self, t, a, b, port_a, port_b):
        self.socks = [[net.udp_socket(ns, ip, port + k) for k in (0, 1)]
                      for ns, ip, port in ((t.net.access, a, port_a), (t.net.peering, b, port_b))]
        for pair in self.socks:
            for s in pair:
                s.settimeout(2)
        if "." in b:
            self.socks[1][0].setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)

    def close(self):
        for pair in self.socks:
            for s in pair:
                s.close()


def relay(t, ends, side, box_addr, other_addr, ssrc, first=1, count=N, dscp=46):
    """Sends count packets from a side and wants each at the other, from the box's other port."""
    src, dst = ends.socks[side][0], ends.socks[1 - side][0]
    for i in range(first, first + count):
        src.sendto(rtp(i, ssrc), box_addr)
        data, anc, _, frm = dst.recvmsg(2048, 256)
        t.check(data == rtp(i, ssrc), f"packet {i} changed on its way")
        t.equal(frm[:2], other_addr, "source of a relayed packet")
        for level, kind, raw in anc:
            if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
                t.equal(raw[0] >> 2, dscp, "DSCP")


def one_session(t, dp, ident, a, b, box_a, box_b, latch):
    """a, b: far ends; box_a, box_b: the box's media addresses."""
    port = 16384 + 12 * ident  # owner: any worker, the same for both legs
    flags = dpc.SEND | dpc.RECV | (dpc.LATCH if latch else 0)
    leg_a = dpc.leg(box_a, port, a, 4000 + 2 * ident, flags)
    leg_b = dpc.leg(box_b, port, b, 6000 + 2 * ident, flags, dscp=46)
    slots = dp.add(ident, leg_a, leg_b)
    t.equal(dp.add(ident, leg_a, leg_b), slots, "slots of the same session again")
    # A latched leg really sends from somewhere else than it said.
    off = 1000 if latch else 0
    ends = Ends(t, a, b, 4000 + 2 * ident + off, 6000 + 2 * ident + off)
    at_a, at_b = (box_a, port), (box_b, port)
    if latch:
        for side, (sock, at) in enumerate(((ends.socks[0][0], at_a), (ends.socks[1][0], at_b))):
            sock.sendto(rtp(0, 7 + side), at)
            event = dp.wait_event(dpc.EVENT_LATCH, id=ident, leg=side)
            t.equal(event["addr"][1], (5000 if side == 0 else 7000) + 2 * ident, "learned port")
        # What arrived before the other end was known went to where SDP said, or is still coming.
        settle(ends.socks[0][0]), settle(ends.socks[1][0])
    relay(t, ends, 0, at_a, at_b, 7)
    relay(t, ends, 1, at_b, at_a, 8)
    report = sender_report(7)
    ends.socks[0][1].sendto(report, (box_a, port + 1))
    if latch:  # RTCP towards a latched leg goes next to its RTP
        t.equal(ends.socks[1][1].recv(2048), report, "RTCP")
    else:
        data, frm = ends.socks[1][1].recvfrom(2048)
        t.equal((data, frm[:2]), (report, (box_b, port + 1)), "RTCP and its source")
    return ends, (at_a, at_b)


def settle(sock):
    sock.settimeout(0.05)
    try:
        while sock.recv(2048):
            pass
    except TimeoutError:
        pass
    sock.settimeout(2)


def judge_sums(t, sums, extra):
    for side, s in enumerate(sums):
        t.equal(s["rx_packets"], N + extra, f"received from leg {side}")
        t.equal(s["rx_octets"], (N + extra) * 160, f"octets from leg {side}")
        t.equal(s["lost"], 0, f"lost from leg {side}")
        t.equal(s["dropped"], 0, f"dropped by the guards from leg {side}")
        t.equal(s["ssrc"], 7 + side, f"SSRC of leg {side}")
    t.equal(sums[0]["rtcp_packets"], 1, "RTCP from leg 0")


def strangers(t, dp, at):
    """Another source reaches nothing and is counted."""
    before = dp.dump()[0]["from"][0]["dropped"]
    stranger = t.attacker()
    for i in range(10):
        stranger.sendto(rtp(i, 99), at)
    wait_for("packets of a stranger should be counted as dropped",
             lambda: dp.dump()[0]["from"][0]["dropped"] == before + 10)


def silence(t, dp):
    leg_a = dpc.leg(net.BOX_A4, 30000, net.PHONE4, 9000, timeout_ms=400)
    leg_b = dpc.leg(net.BOX_B4, 30000, net.CARRIER4, 9000)
    started = time.monotonic()
    dp.add(90, leg_a, leg_b)
    dp.wait_event(dpc.EVENT_TIMEOUT, id=90, leg=0)
    t.check(0.35 < time.monotonic() - started < 1.5, "silence was told after "
            f"{time.monotonic() - started:.2f} s in place of 0.4 s")
    ends = Ends(t, net.PHONE4, net.CARRIER4, 9000, 9000)
    relay(t, ends, 0, (net.BOX_A4, 30000), (net.BOX_B4, 30000), 5, count=3, dscp=0)
    dp.wait_event(dpc.EVENT_TIMEOUT, id=90, leg=0)
    # Told once: nothing more comes for the silence that goes on.
    dp.sock.settimeout(1.2)
    try:
        dp.wait_event(dpc.EVENT_TIMEOUT, timeout_s=1.2, id=90)
    except dpc.LabError:
        pass
    else:
        t.check(False, "one silence was told twice")
    ends.close()
    dp.remove(90)


def run_with(t, workers):
    box = dpc.Dataplane(t, program("limen-dataplane"), "--workers", str(workers))
    dp = box.client()
    dpc.ports_up(t, dp)
    dp.wait_event(dpc.EVENT_PORT, name="peer0", up=1)
    wires = [(net.PHONE4, net.CARRIER4, net.BOX_A4, net.BOX_B4), (net.PHONE6, net.CARRIER6, net.BOX_A6, net.BOX_B6),
             (net.PHONE4, net.CARRIER6, net.BOX_A4, net.BOX_B6), (net.PHONE6, net.CARRIER4, net.BOX_A6, net.BOX_B4),
             (net.PHONE4, net.FAR4, net.BOX_A4, net.BOX_B4)]
    net.run(["ip", "-n", t.net.box, "route", "add", "203.0.113.0/24", "via", net.GATEWAY4])
    live = {}
    for ident, (a, b, box_a, box_b) in enumerate(wires * 2, 1):
        latch = ident > len(wires)
        warm(t, dp, ident, a, b, box_a, box_b)
        warm(t, dp, ident, b, a, box_b, box_a)
        live[ident] = one_session(t, dp, ident, a, b, box_a, box_b, latch)
    t.equal([r["id"] for r in dp.dump(page=3)], list(range(1, 2 * len(wires) + 1)), "dump in pages")
    strangers(t, dp, live[1][1][0])
    silence(t, dp)
    # The client goes; media stays; the next one finds the sessions.
    dp.close()
    relay(t, live[1][0], 0, *live[1][1], 7, first=N + 1)
    dp = box.client(generation=2)
    t.equal(dp.info["n_sessions"], len(live), "sessions after a reconnect")
    leg_a = dpc.leg(net.BOX_A4, 16384 + 12, net.PHONE4, 4002)
    leg_b = dpc.leg(net.BOX_B4, 16384 + 12, net.CARRIER4, 6002, dscp=46)
    dp.add(1, leg_a, leg_b)
    sums = dp.remove(2)
    judge_sums(t, sums, 0)
    dp.sweep(2)
    t.equal([r["id"] for r in dp.dump()], [1], "sessions after the sweep")
    relay(t, live[1][0], 0, *live[1][1], 7, first=2 * N + 1)
    sums = dp.remove(1)
    t.equal((sums[0]["rx_packets"], sums[0]["dropped"], sums[0]["lost"]), (3 * N, 10, 0), "sums of session 1")
    for ends, _ in live.values():
        ends.close()
    written = dp.header()["heartbeat_ms"]  # the header is written once a second
    wait_for("the statistics segment should be written again", lambda: dp.header()["heartbeat_ms"] > written)
    t.equal(dp.header()["n_sessions"], 0, "sessions in the statistics segment")
    wait_for("every packet buffer should be back", lambda: dp.header()["mbufs_in_use"] == 0)
    box.stop(t)


def warm(t, dp, ident, a, b, box_a, box_b):
    """Sends from a until the next hop towards b is resolved, which the data plane has to ask for."""
    leg_a = dpc.leg(box_a, 31000, a, 8000)
    leg_b = dpc.leg(box_b, 31000, b, 8000)
    dp.add(1000 + ident, leg_a, leg_b)
    ns_a = t.net.access if a in (net.PHONE4, net.PHONE6) else t.net.peering
    ns_b = t.net.peering if ns_a == t.net.access else t.net.access
    seq = 0
    with net.udp_socket(ns_a, a, 8000) as src, net.udp_socket(ns_b, b, 8000) as dst:
        dst.settimeout(0.05)

        def through():
            nonlocal seq
            seq += 1
            src.sendto(rtp(seq, 1), (box_a, 31000))
            try:
                return dst.recv(2048)
            except TimeoutError:
                return None
        wait_for(f"media to {b} should find its next hop", through)
    dp.remove(1000 + ident)


def run(t):
    t.capture()
    run_with(t, 1)
    run_with(t, 3)
    t.equal(t.bad_frames(), [], "frames from the box with wrong checksums")
