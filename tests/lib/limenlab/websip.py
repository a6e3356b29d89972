# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP over WebSocket (RFC 7118): a user agent as in ua.py on a connection of Debian's python3-websocket,
and a plain HTTP request for those who get the handshake wrong."""
import socket
import time

import websocket

from . import net, sip
from .ua import Endpoint, token


class WebEndpoint(Endpoint):
    """Behind one WebSocket; like a browser it cannot say where it is. tls: an ssl.SSLContext for wss."""

    def __init__(self, t, port, tls=None, origin=None, local=net.PHONE4, box=net.BOX_A4):
        super().__init__(t, "access", local, 0, remote=box)
        self.sock.close()
        self.port = 5060
        sock = net.tcp_connect(t.net.access, local, box, port)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=box)
        self.scheme = "wss" if tls else "ws"
        self.web = websocket.create_connection(f"{self.scheme}://{self.where(box)}:{port}/", socket=sock, subprotocols=["sip"],
                                               suppress_origin=origin is None, origin=origin)
        t.equal(self.web.getsubprotocol(), "sip", "subprotocol")
        t._cleanup.append(self.web.close)
        self.host = token("web") + ".invalid"
        self.seen_all = []  # every message, in order

    def send_raw(self, text, to=None):
        self.web.send(text)
        self.history.append("> " + text.split("\r\n", 1)[0])

    def _pump(self, timeout_s):
        self.web.settimeout(max(timeout_s, 0.001))
        try:
            data = self.web.recv()
        except (websocket.WebSocketTimeoutException, socket.timeout):
            return False
        data = data.encode() if isinstance(data, str) else data
        message = sip.parse(time.monotonic(), self.box[0], 0, self.local, 0, self.scheme, data)
        self.history.append("< " + message.label)
        self.queue.append(message)
        self.seen_all.append(message)
        return True

    def contact(self):
        return f"Contact: <sip:{self.word}-user@{self.host};transport=ws>"

    def via(self, branch=None):
        return f"Via: SIP/2.0/{self.scheme.upper()} {self.host};branch={branch or token('z9hG4bK' + self.word)}"


def handshake(t, port, local=net.ATTACKER4, box=net.BOX_A4, **changes):
    """The answer to an opening handshake with some fields changed (None: left out; "_" for "-"), and its
    connection."""
    fields = {"Host": box, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "sip",
              **{name.replace("_", "-"): value for name, value in changes.items()}}
    sock = net.tcp_connect(t.net.access, local, box, port)
    t._cleanup.append(sock.close)
    sock.sendall(("GET / HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None) +
                  "\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = sock.recv(4096)
        if not more:
            break
        answer += more
    return answer.decode(), sock
