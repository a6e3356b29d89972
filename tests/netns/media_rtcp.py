# SPDX-License-Identifier: GPL-3.0-or-later
"""RTCP passes byte for byte but for the names in it, on the port above RTP and on the RTP port when both sides agree on
rtcp-mux (RFC 5761); what is no RTCP does not."""
import struct

from limenlab import net
from limenlab.net import udp_socket
from limenlab.proc import wait_for
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import TalkingCall, arrived_from, start
from limenlab.ua import sdp


def report(ssrc, count, name):
    """A sender report and a source description (RFC 3550 6.4.1, 6.5)."""
    sr = struct.pack("!BBHIIIIII", 0x80, 200, 6, ssrc, 0x11111111, 0x22222222, 160 * count, count, 160 * count)
    cname = name.encode()
    chunk = struct.pack("!I", ssrc) + bytes([1, len(cname)]) + cname
    chunk += b"\0" * (4 - len(chunk) % 4)
    return sr + struct.pack("!BBH", 0x81, 202, len(chunk) // 4) + chunk


def run(t):
    box, phone, carrier = start(t)
    separate(t, phone, carrier)
    muxed(t, phone, carrier)
    records = box.wait_records(2)
    for record in records:
        t.equal([leg["media"]["rtcp_packets"] for leg in record["legs"]], [3, 3], "RTCP packets in the record")


def reports_from(t, side, source, data):
    """How many copies of a report came out of the box, the same in all but the letters of its name."""
    packets = t.packets()[0 if side == "access" else 1]
    head, at = 28 + 4 + 4 + 2, data.index(b"@")
    copies = [p.payload for p in packets if (p.src, p.sport) == source and p.payload[:head] == data[:head]]
    for copy in copies:
        end = head + data[head - 1]
        t.equal(copy[end:], data[end:], "what stands after the name")
        t.check(copy[head:end].isalnum() and copy[at:end] != data[at:end], f"a name left the box: {copy[head:end]}")
    return len(copies)


def exchange(t, call, sock_a, sock_b, to_a, to_b, add):
    for n in range(1, 4):
        data_a = report(call.ssrc_a, n, f"phone@{net.PHONE4}")
        data_b = report(call.ssrc_b, n, f"carrier@{net.CARRIER4}")
        sock_a.sendto(data_a, to_a)
        sock_b.sendto(data_b, to_b)
        for side, source, data in (("peering", (call.media_b[0], call.media_b[1] + add), data_a),
                                   ("access", (call.media_a[0], call.media_a[1] + add), data_b)):
            wait_for(f"RTCP report {n} should reach {side}", lambda s=side, f=source, d=data: reports_from(t, s, f, d) == 1, 5)


def separate(t, phone, carrier):
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(0.3)
    up_a, up_b = ((m[0], m[1] + 1) for m in (call.media_a, call.media_b))
    rtcp_a = udp_socket(t.net.access, net.PHONE4, phone.media_port + 1)
    rtcp_b = udp_socket(t.net.peering, net.CARRIER4, carrier.media_port + 1)
    with rtcp_a, rtcp_b:
        exchange(t, call, rtcp_a, rtcp_b, up_a, up_b, 1)
        rtcp_a.sendto(b"\x80\xc8\x00\x63" + b"\0" * 24, up_a)  # longer than the packet
        rtcp_a.sendto(b"\x00" * 28, up_a)
        sleep_while_talking(0.2)
        for junk in (b"\x80\xc8\x00\x63" + b"\0" * 24, b"\x00" * 28):
            t.equal(arrived_from(t, "peering", (call.media_b[0], call.media_b[1] + 1), junk), 0, "broken RTCP that passed")
    call.silence()
    call.nothing_lost(at_least=10)
    call.hang_up()


def muxed(t, phone, carrier):
    bodies = [sdp(u.local, u.media_port) + "a=rtcp-mux\r\n" for u in (phone, carrier)]
    call = TalkingCall(t, phone, carrier, body_a=bodies[0], body_b=bodies[1])
    t.check(b"a=rtcp-mux" in call.b.invite.body, "the offer to the carrier has lost rtcp-mux")
    t.check(b"a=rtcp-mux" in call.answer.body, "the answer to the phone has lost rtcp-mux")
    sleep_while_talking(0.3)
    exchange(t, call, call.sock_a, call.sock_b, call.media_a, call.media_b, 0)
    call.silence()
    call.nothing_lost(at_least=10)
    call.hang_up()
