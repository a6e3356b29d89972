# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP over one TCP or TLS connection that the phone opens: a user agent as in ua.py. Its Contact names an
address that nobody reaches, as behind a NAT, so that only the connection leads to it."""
import socket
import time

from . import net, sip
from .ua import Endpoint, token

INNER = "10.99.9.9"


class TcpEndpoint(Endpoint):
    """tls: an ssl.SSLContext; name: the server that it asks for (SNI). contact: parameters of its Contact's URI."""

    def __init__(self, t, local=net.PHONE4, box=net.BOX_A4, port=5060, tls=None, name=None, contact=""):
        super().__init__(t, "access", local, 0, remote=box)
        self.sock.close()
        self.sock = net.tcp_connect(t.net.access, local, box, port)
        self.port = self.sock.getsockname()[1]
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name)
        self.transport = "tls" if tls else "tcp"
        self.params = contact
        t._cleanup.append(self.sock.close)
        self.buffer, self.closed, self.n_pongs = b"", False, 0

    @classmethod
    def accepted(cls, t, side, server):
        """The box's connection to a listening socket of that side."""
        self = cls.__new__(cls)
        local, port = server.getsockname()[:2]
        Endpoint.__init__(self, t, side, local, 0)
        self.sock.close()
        self.sock, (remote, remote_port) = server.accept()
        self.box, self.port = (remote, remote_port), port
        self.transport, self.params = "tcp", ""
        t._cleanup.append(self.sock.close)
        self.buffer, self.closed, self.n_pongs = b"", False, 0
        return self

    def send_raw(self, text, to=None):
        data = text if isinstance(text, bytes) else text.encode()
        self.sock.sendall(data)
        self.history.append("> " + data.split(b"\r\n", 1)[0].decode(errors="replace"))

    def _pump(self, timeout_s):
        self.sock.settimeout(max(timeout_s, 0.001))
        try:
            data = self.sock.recv(65536)
        except (TimeoutError, socket.timeout):
            return False
        except OSError:
            data = b""
        if not data:
            self.closed = True
            time.sleep(min(timeout_s, 0.05))
            return False
        self.buffer += data
        self._take()
        return True

    def _take(self):
        while self.buffer:
            if self.buffer.startswith(b"\r\n"):
                self.buffer = self.buffer[2:]
                self.n_pongs += 1
                continue
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            size = int(next((line.split(b":", 1)[1] for line in head.split(b"\r\n")
                             if line.lower().startswith(b"content-length:")), b"0"))
            if len(rest) < size:
                return
            raw, self.buffer = head + end + rest[:size], rest[size:]
            message = sip.parse(time.monotonic(), self.box[0], self.box[1], self.local, self.port, self.transport, raw)
            self.history.append("< " + message.label)
            self.queue.append(message)

    def where_contact(self):
        return f"<sip:{self.word}-user@{INNER}:5060;transport={self.transport}{self.params}>"

    def contact(self):
        return f"Contact: {self.where_contact()}"

    def via(self, branch=None):
        return (f"Via: SIP/2.0/{self.transport.upper()} {INNER}:5060;rport;"
                f"branch={branch or token('z9hG4bK' + self.word)}")

    def close(self):
        self.sock.close()
