# SPDX-License-Identifier: GPL-3.0-or-later
"""PASSporTs as a far end of its own makes and reads them, with the openssl program, and the server that
their certificates come from."""
import base64
import json
import os
import subprocess
import sys

from .proc import Proc

SERVER = """
import http.server, os, socketserver, ssl, sys
os.chdir(sys.argv[1])
server = socketserver.ThreadingTCPServer(  # HTTPServer would ask DNS for its own name
    (sys.argv[2], int(sys.argv[3])), http.server.SimpleHTTPRequestHandler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[4])
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def serve(t, ns, folder, addr, port, both):
    """An HTTPS server of that folder; both: its certificate and key in one file."""
    proc = Proc("certificates", [sys.executable, "-c", SERVER, folder, addr, str(port), both],
                os.path.join(t.dir, "certificates.log"), ns=ns)
    t._cleanup.append(lambda: proc.stop(9))
    proc.wait_socket("tcp", port)
    return proc


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _openssl(*argv, stdin=b""):
    return subprocess.run(["openssl", *argv], input=stdin, check=True, capture_output=True, timeout=20).stdout


def _raw(der):
    """r and s of a signature in DER, 32 octets each."""
    def number(at):
        size = der[at + 1]
        return int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big"), at + 2 + size
    r, at = number(2)
    return r + number(at)[0]


def _der(raw):
    def number(data):
        body = data.lstrip(b"\0") or b"\0"
        body = (b"\0" if body[0] & 0x80 else b"") + body
        return bytes([2, len(body)]) + body
    body = number(raw[:32]) + number(raw[32:])
    return bytes([0x30, len(body)]) + body


def token(key_path, url, orig, dest, iat, attest="A"):
    """The value of an Identity header field."""
    header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": url}
    claims = {"attest": attest, "dest": {"tn": [dest]}, "iat": iat, "orig": {"tn": orig}, "origid": "far-end"}
    text = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    signature = _raw(_openssl("dgst", "-sha256", "-sign", key_path, stdin=text.encode()))
    return f"{text}.{b64(signature)};info=<{url}>;alg=ES256;ppt=shaken"


def read(value, cert_path, folder):
    """Header and claims of a good Identity; raises when the certificate's key has not signed it."""
    header, claims, signature = value.split(";")[0].split(".")
    public, sig = os.path.join(folder, "public.pem"), os.path.join(folder, "signature.der")
    with open(public, "wb") as f:
        f.write(_openssl("x509", "-in", cert_path, "-pubkey", "-noout"))
    with open(sig, "wb") as f:
        f.write(_der(unb64(signature)))
    _openssl("dgst", "-sha256", "-verify", public, "-signature", sig, stdin=f"{header}.{claims}".encode())
    return json.loads(unb64(header)), json.loads(unb64(claims))
