# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-dataplane alone, with libsrtp2 as both far ends: every suite to RTP, to itself and to another,
both ways, with SRTCP; strangers, replays and floods of forged packets move nothing; new keys in mid-call
leave no gap; what the box reports by itself is sealed; a session that is added again after a restart goes on with its index."""
import signal
import struct

from limenlab import dp_client as dpc
from limenlab import net, srtp
from limenlab.box import program

SUITES = [name for name, _ in dpc.SRTP_SUITES if name]
FIRST = 65530  # sequence numbers wrap in each flow


def rtp(seq, ssrc, word=b"v"):
    return struct.pack("!BBHII", 0x80, 8, seq & 0xffff, 160 * seq & 0xffffffff, ssrc) + word * 160


def report(ssrc):
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1 << 32, 0, 1, 160)


class Side:
    """A far end: its sockets, and libsrtp2 with its keys when it speaks SRTP."""

    def __init__(self, ns, ip, port, suite):
        self.ip, self.port, self.suite = ip, port, suite
        self.socks = [net.udp_socket(ns, ip, port + k) for k in (0, 1)]
        for s in self.socks:
            s.settimeout(2)
        self.rekey()

    def rekey(self):
        self.keys = [self.suite and srtp.new_key(self.suite) for _ in range(2)]
        self.tx, self.rx = (self.suite and srtp.Context(self.suite, k, out) for k, out in zip(self.keys, (True, False)))

    def structs(self):
        """rx and tx as the box sees them."""
        return {"rx": dpc.srtp(self.suite, self.keys[0]), "tx": dpc.srtp(self.suite, self.keys[1])} if self.suite else {}

    def seal(self, data):
        return self.tx.seal(data) if self.suite else data

    def open(self, data):
        return self.rx.open(data) if self.suite else data

    def close(self):
        for s in self.socks:
            s.close()


class Session:
    def __init__(self, t, dp, ident, suites, timeout_ms=0):
        self.t, self.dp, self.ident, self.timeout_ms = t, dp, ident, timeout_ms
        self.port = 16384 + 12 * ident
        self.boxes = (net.BOX_A4, net.BOX_B4)
        self.sides = (Side(t.net.access, net.PHONE4, 4000 + 4 * ident, suites[0]),
                      Side(t.net.peering, net.CARRIER4, 6000 + 4 * ident, suites[1]))

    def legs(self):
        return [dpc.leg(box, self.port, s.ip, s.port, timeout_ms=self.timeout_ms, **s.structs())
                for box, s in zip(self.boxes, self.sides)]

    def add(self, state=()):
        self.slots = self.dp.add(self.ident, *self.legs(), state=state)

    def modify(self):
        self.dp.modify(self.ident, *self.legs())

    def send(self, side, data, rtcp=0, sock=None):
        (sock or self.sides[side].socks[rtcp]).sendto(data, (self.boxes[side], self.port + rtcp))

    def hears(self, side, plain, rtcp=0):
        """What the far end of a side gets next, opened by it."""
        data = self.sides[side].socks[rtcp].recv(2048)
        if self.sides[side].suite:
            self.t.check(plain[12:] not in data, "the voice is in the clear")
        opened = self.sides[side].open(data)
        self.t.check(opened is not None, "a far end does not authenticate a packet")
        self.t.check(opened == plain, "a packet changed on its way")

    def talk(self, seq, n=10):
        for i in range(seq, seq + n):
            for side in (0, 1):
                plain = rtp(i, 7 + side)
                self.send(side, self.sides[side].seal(plain))
                self.hears(1 - side, plain)

    def end(self):
        sums = self.dp.remove(self.ident)
        for s in self.sides:
            s.close()
        return sums


def neighbours_known(t, dp):
    """Until the box has both far ends' MAC addresses it sends them nothing."""
    s = Session(t, dp, 99, ("", ""))
    s.add()
    for side in (0, 1):
        sock = s.sides[1 - side].socks[0]
        sock.settimeout(0.1)
        for seq in range(100):
            s.send(side, rtp(seq, 5))
            try:
                sock.recv(2048)
                break
            except TimeoutError:
                t.check(seq < 99, "the box sends nothing to a far end")
    s.end()


def suites(t, dp):
    ident = 1
    for i, suite in enumerate(SUITES):
        for other in ("", suite, SUITES[(i + 1) % len(SUITES)]):
            s = Session(t, dp, ident, (suite, other))
            s.add()
            s.talk(FIRST)
            for side in (0, 1):
                plain = report(7 + side)
                s.send(side, s.sides[side].seal(plain), rtcp=1)
                s.hears(1 - side, plain, rtcp=1)
            sums = s.end()
            t.equal([x["tx_packets"] for x in sums], [10, 10], f"{suite} to {other or 'RTP'}: packets sent on")
            t.equal([x["dropped"] for x in sums], [0, 0], "packets dropped")
            ident += 1


def drained(s, side):
    """Nothing waits at a far end: the box has answered what came after all that."""
    for sock in s.sides[side].socks:
        sock.setblocking(False)
        try:
            s.t.check(False, f"{len(sock.recv(2048))} octets arrived that should not")
        except BlockingIOError:
            pass
        sock.settimeout(2)


def attacks(t, dp):
    s = Session(t, dp, 50, (SUITES[0], SUITES[0]), timeout_ms=700)
    s.add()
    s.talk(FIRST)
    # plain RTP in a call that is SRTP on both sides; forged; replayed; from elsewhere
    old = s.sides[0].seal(rtp(FIRST + 10, 7))
    s.send(0, old)
    s.hears(1, rtp(FIRST + 10, 7))
    stranger = net.udp_socket(t.net.access, net.PHONE4, 9998)
    fresh = s.sides[0].seal(rtp(FIRST + 11, 7))
    for i in range(200):
        s.send(0, rtp(FIRST + 11 + i, 7))
        s.send(0, old)
        s.send(0, fresh[:-1] + bytes([fresh[-1] ^ 1]))
        s.send(0, fresh, sock=stranger)
        s.send(0, rtp(FIRST, 7)[:14])
    # The storm may have filled the box's queue: the right packet comes until it is heard, once.
    s.sides[1].socks[0].settimeout(0.2)
    for attempt in range(20):
        s.send(0, fresh)
        try:
            s.hears(1, rtp(FIRST + 11, 7))
            break
        except TimeoutError:
            t.check(attempt < 19, "the right packet does not pass after a storm of forged ones")
    drained(s, 1)
    # a flood keeps no call alive: the silence of both legs is told although packets come
    event = None
    while event is None:
        for _ in range(20):
            s.send(0, rtp(FIRST + 300, 7))
            s.send(0, old)
        try:
            event = dp.wait_event(dpc.EVENT_TIMEOUT, 0.05, id=50, leg=0)
        except dpc.LabError:
            continue
    stranger.close()
    sums = s.end()
    t.equal(sums[0]["rx_packets"], 12, "packets counted as media")
    t.check(sums[0]["dropped"] >= 1000, f"only {sums[0]['dropped']} packets dropped")


def new_keys(t, dp):
    s = Session(t, dp, 60, (SUITES[0], SUITES[4]))
    s.add()
    s.talk(FIRST)
    late = s.sides[0].seal(rtp(FIRST + 10, 7))
    s.sides[0].rekey()
    s.modify()
    s.send(0, late)
    s.hears(1, rtp(FIRST + 10, 7))
    # new contexts of libsrtp2 begin at roll-over counter 0; the box's goes on with 1 (RFC 3711)
    for i in range(11, 21):
        plain = rtp(FIRST + i, 7)
        s.send(0, s.sides[0].seal(plain))
        s.hears(1, plain)
    t.equal(s.end()[0]["dropped"], 0, "packets dropped")


class Reported(Session):
    """The box is the end of RTCP on both sides, and reports to them."""

    def legs(self):
        return [dpc.leg(box, self.port, s.ip, s.port, flags=dpc.SEND | dpc.RECV | dpc.RTCP_OWN, **s.structs())
                for box, s in zip(self.boxes, self.sides)]

    def judge(self):
        """libsrtp2 opens the first report to each far end: on what came from it, of what it was sent."""
        for side in (0, 1):
            sock = self.sides[side].socks[1]
            sock.settimeout(8)
            sealed = sock.recv(2048)
            plain = self.sides[side].open(sealed)
            self.t.check(plain is not None, f"libsrtp2 does not authenticate the box's report ({sealed[:12].hex()})")
            self.t.check(plain[8:] not in sealed and len(sealed) >= len(plain) + 14, "the report is in the clear")
            kind, sender, count, about = struct.unpack("!xBxxI12xI4xI", plain[:32])
            self.t.equal((kind, sender, count, about), (200, 7 + (1 - side), 10, 7 + side), "type, sender, packets, subject")


def restart(t, program_path):
    """The index of both directions is given back at the end, and taken up by another data plane."""
    plane = dpc.Dataplane(t, program_path)
    dp = plane.client()
    dpc.ports_up(t, dp)
    neighbours_known(t, dp)
    s = Session(t, dp, 1, (SUITES[0], SUITES[5]))
    s.add()
    s.talk(FIRST)
    state = dp.remove_with_state(1)
    t.equal([x["rtp_next"] for x in state], [65536 + 4] * 4, "packet indices at the end")
    plane.proc.stop(signal.SIGKILL)
    plane = dpc.Dataplane(t, program_path)
    s.dp = dp = plane.client()
    dpc.ports_up(t, dp)
    neighbours_known(t, dp)
    s.add(state=[dpc.srtp_state(**x) for x in state])
    s.talk(FIRST + 10)
    t.equal([x["dropped"] for x in s.end()], [0, 0], "packets dropped")
    plane.stop(t)


def run(t):
    path = program("limen-dataplane")
    plane = dpc.Dataplane(t, path, "--workers", "2")
    dp = plane.client()
    dpc.ports_up(t, dp)
    neighbours_known(t, dp)
    reported = Reported(t, dp, 70, (SUITES[0], SUITES[5]))
    reported.add()
    reported.talk(FIRST)
    suites(t, dp)
    attacks(t, dp)
    new_keys(t, dp)
    reported.judge()
    reported.end()
    rows = dp.dump()
    t.equal(rows, [], "sessions left")
    plane.stop(t)
    restart(t, path)
