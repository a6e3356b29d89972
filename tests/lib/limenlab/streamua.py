# SPDX-License-Identifier: GPL-3.0-or-later
"""User agents as in ua.py on TCP and TLS: one that connects to the box, and one that the box connects to; and a
phone behind NAT, to which only its connection leads."""
import re
import socket
import ssl
import struct
import time

from . import net, sip
from .ua import Endpoint, token

INNER = "10.99.9.9"  # that nobody reaches


class StreamEndpoint(Endpoint):
    """tls: an ssl.SSLContext; name: the server that it asks for (SNI), else the box's address. With a port it waits
    there for the box's connection, else it makes one."""

    def __init__(self, t, side, local, transport="tcp", port=0, tls=None, name=None):
        super().__init__(t, side, local, 0)
        self.sock.close()
        self.box = (self.box[0], 5061 if tls else 5060)
        self.transport, self.tls, self.name_asked, self.conn, self.server = transport, tls, name, None, None
        self.buffer, self.closed, self.n_pongs = b"", False, 0
        ns = t.net.access if side == "access" else t.net.peering
        if port:
            self.server = net.tcp_listen(ns, local, port)
            t._cleanup.append(self.server.close)
            self.port = port
        else:
            self.conn = self._wrap(net.tcp_connect(ns, local, *self.box), server_side=False)
            self.port = self.conn.getsockname()[1]

    def _wrap(self, sock, server_side):
        if self.tls:
            name = None if server_side else self.name_asked or self.box[0]
            sock = self.tls.wrap_socket(sock, server_side=server_side, server_hostname=name)
        self.t._cleanup.append(sock.close)
        return sock

    def send_raw(self, text, to=None):
        data = text if isinstance(text, bytes) else text.encode()
        self.conn.sendall(data)
        self.history.append("> " + data.split(b"\r\n", 1)[0].decode(errors="replace"))

    def _pump(self, timeout_s):
        end = time.monotonic() + max(timeout_s, 0.001)
        while not (length := self._framed()):
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                return False
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        message = sip.parse(time.monotonic(), self.box[0], 0, self.local, self.port, self.transport, data)
        self.history.append("< " + message.label)
        self.queue.append(message)
        return True

    def reset(self):
        """Ends the connection by RST; who waited at a port waits for the next one."""
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.conn.close()
        self.conn, self.buffer = None, b""

    def _framed(self):
        """The length of the first message, once it is whole."""
        while self.buffer.startswith(b"\r\n"):  # the answer to a keep-alive
            self.buffer = self.buffer[2:]
            self.n_pongs += 1
        head = self.buffer.find(b"\r\n\r\n")
        said = re.search(rb"\r\nContent-Length: *(\d+)", self.buffer[:head + 2]) if head >= 0 else None
        length = head + 4 + int(said.group(1)) if said else 0
        return length if 0 < length <= len(self.buffer) else 0

    def _read(self, timeout_s):
        try:
            if not self.conn:
                self.server.settimeout(timeout_s)
                sock, _ = self.server.accept()
                sock.settimeout(5)
                self.conn = self._wrap(sock, server_side=True)
            self.conn.settimeout(timeout_s)
            data = self.conn.recv(65536)
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            return False
        except OSError:
            data = b""
        if not data:
            self.closed = True
            time.sleep(min(timeout_s, 0.05))
        self.buffer += data
        return bool(data)

    def close(self):
        self.conn.close()

    def own(self):
        """Where it says that it is."""
        return f"{self.where(self.local)}:{self.port}"

    def contact_uri(self):
        return f"<sip:{self.word}-user@{self.own()};transport={self.transport}>"

    def contact(self):
        return f"Contact: {self.contact_uri()}"

    def via(self, branch=None):
        return f"Via: SIP/2.0/{self.transport.upper()} {self.own()};rport;branch={branch or token('z9hG4bK' + self.word)}"


class NatPhone(StreamEndpoint):
    """params: of its Contact's URI."""

    def __init__(self, t, tls=None, name=None, params=""):
        super().__init__(t, "access", net.PHONE4, transport="tls" if tls else "tcp", tls=tls, name=name)
        self.params = params

    def own(self):
        return f"{INNER}:5060"

    def contact_uri(self):
        return super().contact_uri()[:-1] + self.params + ">"
