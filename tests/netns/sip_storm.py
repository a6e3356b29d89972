# SPDX-License-Identifier: GPL-3.0-or-later
"""Nonsense of every kind at the SIP port, UDP and TCP, then a call as if nothing had been.

Long messages go over TCP: net_af_packet asks the kernel to put fragments together (PACKET_FANOUT
with DEFRAG in DPDK 22.11) and then has no room for the whole."""
import random

from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.proc import wait_for
from limenlab.ua import Dialog, answered_call, hang_up

ROUNDS = 400
GOOD = ("INVITE sip:+49301555@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKstorm\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:x@192.0.2.66>;tag=storm\r\nTo: <sip:+49301555@192.0.2.1>\r\n"
        "Call-ID: storm\r\nCSeq: 1 INVITE\r\nContact: <sip:x@192.0.2.66>\r\n"
        "Content-Type: application/sdp\r\nContent-Length: 9999\r\n\r\nv=0\r\n").encode()
FIXED = [
    b"", b"\r\n\r\n", b"\0" * 200, b"SIP/2.0 200 OK\r\n\r\n", b"INVITE\r\n\r\n", b"INVITE sip: SIP/2.0\r\n\r\n",
    b"INVITE sip:a@b SIP/3.0\r\n\r\n", b"\n", b":\r\n\r\n", b" " * 3000, b"Via: " * 5000,
    b"SIP/2.0 999999 x\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1\r\nCSeq: 1 INVITE\r\n\r\n",
    b"INVITE sip:a@b SIP/2.0\r\n" + b"Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n" * 500 + b"\r\n",
    b"ACK sip:a@b SIP/2.0\r\nCSeq: 99999999999 ACK\r\n\r\n", b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
    b"\xff" * 60000, GOOD[:60], GOOD.replace(b"\r\n", b"\n"), GOOD.replace(b"From", b"Fr\0m"),
    GOOD.replace(b"SIP/2.0/UDP", b"SIP/2.0/" + b"X" * 9000),
]
BAD_SDP = [b"v=0\r\nm=audio 99999 RTP/AVP 8\r\n", b"m=\r\n" * 50, b"v=0\r\n" + b"a=" + b"x" * 800 + b"\r\n",
           b"v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 7000 TCP/NOPE 8\r\n"]


def run(t):
    c = conf()
    boxconf.find(c["realms"], name="access")["defence"] = "never"  # the parser is asked here; else see sip_defence
    box, phone, carrier = start(t, c)
    udp = t.attacker()
    rng = random.Random(4475)  # the same storm each time
    for data in FIXED:
        udp.sendto(data[:65000], (net.BOX_A4, 5060))
    for n in range(ROUNDS):
        data = bytearray(GOOD)
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        udp.sendto(bytes(data[:rng.randrange(1, len(data) + 1)]), (net.BOX_A4, 5060))
    for n, body in enumerate(BAD_SDP):
        a = phone.call(NUMBER, body=body.decode())
        final = a.expect_one_of((400, 415, 488))
        a.ack(message=final)
    over_tcp(t)
    wait_for("malformed messages should be counted", lambda: counters(box)["rx_malformed"] > 50)
    before = len(box.records())
    carrier.drain(0.3)  # a mutation may still be a proper INVITE: refuse those that arrived
    for invite in [m for m in carrier.queue if m.method == "INVITE" and m.is_request]:
        carrier.queue.remove(invite)
        d = Dialog.called(carrier, invite)
        d.reply(invite, 486, "Busy Here")
        d.expect("ACK")
    a, b = answered_call(phone, carrier, NUMBER)
    hang_up(a, b)
    records = box.wait_records(before + 1)
    t.equal(sum(r["sip_status"] == 200 for r in records), 1, "answered calls in the records")
    finish(t, box, [r["sip_status"] for r in box.records()], timeout_s=15, scan=False)
    t.equal(box.exits(), {}, "programs that ended in the storm")


def over_tcp(t):
    """Garbage, a half message, a lie about the length; each on a connection of its own."""
    for data in (b"\0" * 5000, GOOD[:100], GOOD.replace(b"9999", b"4294967296"), b"A" * 200000,
                 b"\r\n" * 5000, GOOD.replace(b"9999", b"-5"),
                 GOOD.replace(b"9999", b"20005") + b"a=" + b"x" * 19998):
        s = net.tcp_connect(t.net.access, net.ATTACKER4, net.BOX_A4, 5060)
        try:
            s.sendall(data)
            s.settimeout(0.2)
            s.recv(100)
        except OSError:
            pass
        finally:
            s.close()
