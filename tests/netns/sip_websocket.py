# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP over WebSocket and secure WebSocket: calls of web clients to a carrier on UDP with audio both ways,
requests to a client over the connection that it opened, keep-alives; and clients that get the handshake
or a frame wrong, among them the frame of 14 octets that announces nearly 2^64."""
import os
import ssl

import websocket
from limenlab import boxconf, net
from limenlab.certs import Authority
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, relayed
from limenlab.ua import Endpoint, answered_call, box_media, hang_up
from limenlab.websip import WebEndpoint, handshake

ABSURD = b"\x81\xff" + b"\xff" * 8 + b"\x11\x22\x33\x44"
SITE = "https://phone.example.com"


def run(t):
    ca = Authority(os.path.join(t.run_dir, "tls"))
    ca.leaf("box", f"IP:{net.BOX_A4}")
    c = conf()
    c["tls_profiles"] = [{"tag": 1, "certificate": ca.path("box.pem"), "private_key": ca.path("box.key")}]
    realm = boxconf.find(c["realms"], name="access")
    realm["listen"] += [f"ws {net.BOX_A4} 8080", f"wss {net.BOX_A4} 8443"]
    realm.update(tls_profile=1, websocket_origins=[SITE])
    box = t.box(c)
    t.capture()
    carrier = Endpoint(t, "peering", net.CARRIER4, 5060)

    refused(t)
    first = call(t, carrier, WebEndpoint(t, 8080, origin=SITE), "ws")
    broken(t)
    tls = ssl.create_default_context(cafile=ca.path("ca.pem"))
    call(t, carrier, WebEndpoint(t, 8443, tls=tls, origin=SITE), "wss")
    keep_alive(t, first)

    records = finish(t, box, [200, 200])
    t.equal(sorted(r["legs"][0]["transport"] for r in records), ["ws", "wss"], "transports in the records")
    wait_for("refusals should be counted", lambda: (
        counters(box)["websocket_refused"], counters(box)["websocket_broken"]) == (3, 2))
    shown = box.cli("show running-config")
    for line in (f"sip listen ws {net.BOX_A4} 8080", f"sip listen wss {net.BOX_A4} 8443", f"websocket origin {SITE}"):
        t.check(line in shown, f"'{line}' is missing in\n{shown}")


def call(t, carrier, web, transport):
    """Answered, with audio; each side sends a request within the call; the carrier hangs up."""
    a, b = answered_call(web, carrier, NUMBER)
    t.check(";transport=ws" in a.target, f"the box's Contact is {a.target}")
    answer = next(m for m in reversed(web.seen_all) if m.status == 200)
    relayed(t, web, carrier, box_media(answer), box_media(b.invite))
    b.send_invite(direction="sendonly")
    hold = a.expect("INVITE")
    t.check(hold.get("via").startswith(f"SIP/2.0/{transport.upper()} {net.BOX_A4}:"), f"Via: {hold.get('via')}")
    t.check(web.host in hold.start and hold.media()[2] == "sendonly", f"{hold.start}: {hold.media()}")
    a.ok(hold, body=True, direction="recvonly")
    a.expect("ACK")
    b.expect((200, "INVITE"))
    b.ack()
    hang_up(b, a)
    web.nothing_left()
    return web


def refused(t):
    for changes, status in (({"Sec_WebSocket_Version": "8"}, 426), ({"Sec_WebSocket_Protocol": None}, 400),
                            ({"Origin": "https://evil.example"}, 403)):
        answer, sock = handshake(t, 8080, **{"Origin": SITE, **changes})
        t.check(answer.startswith(f"HTTP/1.1 {status} "), f"{changes} was answered with {answer}")
        t.equal(sock.recv(1), b"", "after a refusal the connection")


def broken(t):
    """Both are told why (close code 1002) and cut off."""
    for octets in (ABSURD, b"\x81\x05hello"):
        answer, sock = handshake(t, 8080, Origin=SITE)
        t.check(answer.startswith("HTTP/1.1 101 "), f"a good handshake was answered with {answer}")
        sock.sendall(octets)
        said = b""
        while more := sock.recv(64):
            said += more
        t.equal(said, b"\x88\x02\x03\xea", "said to a broken frame")


def keep_alive(t, web):
    web.web.ping("here")
    opcode, frame = web.web.recv_data_frame(control_frame=True)
    t.equal((opcode, frame.data), (websocket.ABNF.OPCODE_PONG, b"here"), "answer to a ping")
    web.web.send("\r\n\r\n")
    t.equal(web.web.recv(), "\r\n", "answer to a keep-alive of RFC 5626")
    web.web.send_close()
    opcode, frame = web.web.recv_data_frame(control_frame=True)
    t.equal((opcode, frame.data), (websocket.ABNF.OPCODE_CLOSE, b"\x03\xe8"), "answer to a close")
