# SPDX-License-Identifier: GPL-3.0-or-later
"""Floods of SIP, ARP, SYN, stray RTP and broken frames, as fast as this machine can send them,
while a call talks, a TCP connection to the box is in use and another phone asks OPTIONS: what is
over a limit is dropped by name before it costs anything, every packet of the call that the box
received goes on, and the others are served."""
import json
import re
import socket
import threading
import time

from limenlab import boxconf, net
from limenlab.peers import sleep_while_talking
from limenlab.proc import run as sh
from limenlab.proc import wait_for
from limenlab.rtpcase import TalkingCall
from limenlab.spray import Spray
from limenlab.ua import Endpoint

EXCLUSIVE = True
SECONDS = 1.2
KINDS = {"sip": ("police-source",), "spoofed": ("police-sip-udp",), "arp": ("police-source", "police-arp"),
         "syn": ("police-tcp-new",), "rtp": ("no-stream", "source"), "broken": ("malformed", "police-source")}
LIMITS = dict(police_sip_udp=2000, police_sip_udp_source=1000, police_tcp_new=200, police_tcp_new_source=100,
              police_arp=500, police_arp_source=50)


def mac_of(t):
    return re.search(r"link/ether (\S+)", sh(["ip", "-n", t.net.box, "link", "show", t.net.wire_a])[1])[1]


class Echo(threading.Thread):
    """A server in the box, as sshd would be, and a client that talks to it over one connection."""

    def __init__(self, t):
        super().__init__(daemon=True)
        self.listener = net.in_namespace(t.net.box, self.listen)
        self.client = net.tcp_connect(t.net.access, net.PHONE2_4, net.BOX_A4, 22)
        self.conn, _ = self.listener.accept()
        t._cleanup += [self.client.close, self.conn.close, self.listener.close]
        self.start()

    @staticmethod
    def listen():
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((net.BOX_A4, 22))
        s.listen()
        s.settimeout(10)
        return s

    def run(self):
        try:
            while data := self.conn.recv(1000):
                self.conn.sendall(data)
        except OSError:
            pass

    def ask(self):
        self.client.settimeout(5)
        self.client.sendall(b"ping")
        return self.client.recv(100) == b"ping"


class Ear(threading.Thread):
    """Counts the packets of one talker that arrive at a socket, each once. (A capture would miss
    some of so many frames.)"""

    def __init__(self, sock, ssrc):
        super().__init__(daemon=True)
        self.sock, self.ssrc, self.seqs, self.over = sock, ssrc.to_bytes(4, "big"), [], False
        sock.settimeout(0.1)
        self.start()

    def run(self):
        while not self.over:
            try:
                data = self.sock.recv(2048)
            except TimeoutError:
                continue
            if data[8:12] == self.ssrc:
                self.seqs.append(data[2:4])

    def stop(self):
        self.over = True
        self.join()
        return len(set(self.seqs)), len(self.seqs)


def served(phone):
    """OPTIONS, sent again as RFC 3261 has it: the card may miss one, a limit would take them all."""
    for _ in range(4):
        call_id = phone.send_options()
        if phone.poll((200,), call_id, 0.5):
            return True
    return False


def offered(t, wire):
    out = sh(["ip", "-n", t.net.box, "-s", "-j", "link", "show", wire])[1]
    return json.loads(out)[0]["stats64"]["rx"]["packets"]


def missed(t, box):
    """Frames that the kernel had for the cards and the box did not take out of their rings in time."""
    taken = sum(w["rx_packets"] for w in box.worker_rows())
    return offered(t, t.net.wire_a) + offered(t, t.net.wire_b) - taken


def attack(t, box, kind, other, echo):
    before, punted = box.drops(), sum(w["punted_packets"] for w in box.worker_rows())
    t0 = time.monotonic()
    spray = Spray(t.net.access, t.net.access_if, mac_of(t), SECONDS, kind)
    n = 0
    while spray.running():
        t.check(echo.ask(), f"{kind}: the TCP connection is dead")
        t.check(served(other), f"{kind}: OPTIONS of another phone are not answered")
        n += 1
    sent, took = spray.wait(), time.monotonic() - t0
    after = box.drops()
    dropped = {r: after[r] - before[r] for r in after if after[r] > before[r]}
    t.check(n > 0 and sent > 5000, f"{kind}: {n} questions, {sent} frames: that was no flood")
    for reason in KINDS[kind]:
        t.check(dropped.get(reason, 0) > sent // 1000, f"{kind}: of {sent} frames only {dropped} were dropped as {reason}")
    # What passed is within the limits: the rate, the burst, and what the rest of the box says.
    passed = sum(w["punted_packets"] for w in box.worker_rows()) - punted
    t.check(passed < 3000 * (took + 1) + 100 * n, f"{kind}: {passed} frames reached Linux in {took:.1f} s")


def run(t):
    conf = boxconf.standard()
    conf["control_plane"] = LIMITS
    box = t.box(conf)
    phone, carrier = Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "peering", net.CARRIER4, 5060)
    shown = box.json("show control-plane")
    t.equal({r["class"]: (r["rate"], r["source_rate"]) for r in shown}["sip-udp"], (2000, 1000), "limits shown")
    call = TalkingCall(t, phone, carrier)
    ears = Ear(call.sock_b, call.ssrc_a), Ear(call.sock_a, call.ssrc_b)
    other, echo = Endpoint(t, "access", net.PHONE2_4, 5090), Echo(t)
    t.equal(other.options().status, 200, "OPTIONS of another phone")
    sleep_while_talking(2.2)  # so long until a source is known
    for kind in KINDS:
        attack(t, box, kind, other, echo)
    spoken = call.silence()
    call.hang_up()
    record, = box.wait_records(1)
    # The kernel's ring before the box may overflow, as any card's may: what it missed is not ours.
    not_ours = missed(t, box)
    for direction, leg, ear, sent in zip(("a>b", "b>a"), record["legs"], ears, spoken):
        heard, arrived = ear.stop()
        t.equal((heard, arrived), (leg["media"]["packets"],) * 2, f"{direction}: packets that left, of those that were taken")
        t.check(sent - heard <= not_ours, f"{direction}: {sent - heard} of {sent} packets were lost, the cards missed {not_ours}")
    rows = {r["class"]: r for r in box.json("show control-plane")}
    t.check(rows["sip-udp"]["dropped"] > 1000 and rows["arp"]["dropped"] + rows["source"]["dropped"] > 1000, f"{rows}")
    wait_for("every packet buffer should be back", lambda: box.json("show platform")["mbufs_in_use"] == 0)
