# SPDX-License-Identifier: GPL-3.0-or-later
"""User agents as in ua.py on TCP and TLS: one that connects to the box, and one that the box connects to."""
import re
import socket
import ssl
import struct
import time

from . import net, sip
from .ua import Endpoint, token


class StreamEndpoint(Endpoint):
    """tls: an ssl.SSLContext. With a port it waits there for the box's connection, else it makes one."""

    def __init__(self, t, side, local, transport="tcp", port=0, tls=None):
        super().__init__(t, side, local, 0)
        self.sock.close()
        self.box = (self.box[0], 5061 if tls else 5060)
        self.transport, self.tls, self.buffer, self.conn, self.server = transport, tls, b"", None, None
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
            sock = self.tls.wrap_socket(sock, server_side=server_side, server_hostname=None if server_side else self.box[0])
        self.t._cleanup.append(sock.close)
        return sock

    def send_raw(self, text, to=None):
        self.conn.sendall(text.encode())
        self.history.append("> " + text.split("\r\n", 1)[0])

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
        self.buffer = self.buffer.lstrip(b"\r\n")
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
        self.buffer += data
        return bool(data)

    def contact(self):
        return f"Contact: <sip:{self.word}-user@{self.where(self.local)}:{self.port};transport={self.transport}>"

    def via(self, branch=None):
        return (f"Via: SIP/2.0/{self.transport.upper()} {self.where(self.local)}:{self.port};rport;"
                f"branch={branch or token('z9hG4bK' + self.word)}")
