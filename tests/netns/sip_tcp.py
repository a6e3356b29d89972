# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls over TCP on both sides, on one, and with the connection cut in mid-call."""
from limenlab import boxconf, net
from limenlab.sipcase import conf, finish, start
from limenlab.streamua import StreamEndpoint
from limenlab.ua import answered_call, hang_up

CALLS = 5


def run(t):
    c = conf()
    c["trunks"].append(boxconf.trunk("cut", f"ipv4:{net.SPARE4}:5060", transport="tcp"))
    c["dial_peers"].append(boxconf.peer(310, "+49310T", "cut"))
    box, phone, carrier = start(t, c)
    carrier.sock.close()
    both = t.carrier("answer_quiet.xml", transport="tcp")
    udp = t.carrier("answer_quiet.xml", media_port=6100)
    for transport, number in (("tcp", "+49302555"), ("udp", "+49302556"), ("tcp", "+49301557")):
        near = t.phone(number, scenario="call_quiet.xml", transport=transport, calls=CALLS, hold_ms=300)
        near.wait_ok()
    t.check(both.failed() == 0 and udp.failed() == 0, "the carrier counted failed calls")
    pieces(t)
    cut(t)
    finish(t, box, [200] * (3 * CALLS) + [404, 200])


def cut(t):
    """Both connections are reset in mid-call. The box opens another one to the carrier; the phone, to which it can
    open none, comes back on a new one, and hangs up."""
    near, far = StreamEndpoint(t, "access", net.PHONE4), StreamEndpoint(t, "peering", net.SPARE4, port=5060)
    a, b = answered_call(near, far, "+49310555")
    near.reset()
    far.reset()
    a.ua = StreamEndpoint(t, "access", net.PHONE4)
    a.send_invite(direction="sendonly")
    hold = b.expect("INVITE")
    b.ok(hold, body=True, direction="recvonly")
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(b, a)


def pieces(t):
    """A request that arrives octet by octet, two in one segment, and keep-alives between (18.3)."""
    s = net.tcp_connect(t.net.access, net.ATTACKER4, net.BOX_A4, 5060)
    with s:
        def options(n):
            return (f"OPTIONS sip:{net.BOX_A4} SIP/2.0\r\nVia: SIP/2.0/TCP {net.ATTACKER4};branch=z9hG4bK-in-pieces-{n}\r\n"
                    f"Max-Forwards: 70\r\nFrom: <sip:x@{net.ATTACKER4}>;tag=p{n}\r\nTo: <sip:{net.BOX_A4}>\r\n"
                    f"Call-ID: pieces-{n}\r\nContact: <sip:x@{net.ATTACKER4};transport=tcp>\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n").encode()
        for octet in options(1):
            s.send(bytes([octet]))
        s.sendall(b"\r\n\r\n" + options(2) + options(3)[:40])
        s.sendall(options(3)[40:])
        invite = options(4).replace(b"OPTIONS", b"INVITE").replace(f"sip:{net.BOX_A4}".encode(),
                                                                  f"sip:+1555@{net.BOX_A4}".encode())
        s.sendall(invite)
        data = b""
        s.settimeout(5)
        while data.count(b"SIP/2.0 200") < 3 or b"SIP/2.0 404" not in data:
            try:
                more = s.recv(65536)
            except OSError:
                more = b""
            t.check(more, f"answers on the TCP connection stopped after: {data.decode(errors='replace')}")
            data += more
