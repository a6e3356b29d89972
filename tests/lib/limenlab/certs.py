# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for SIP over TLS, made by the openssl program: an authority and what it signs."""
import os

from .proc import run


class Authority:
    """Keys and certificates in a folder that the box's ordinary users may read. PEM files:
    ca.pem; NAME.pem, NAME.key and, for programs that want both in one, NAME-both.pem."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", "/CN=Lab authority", "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *argv):
        run(["openssl", *argv], timeout_s=20)

    def leaf(self, name, alt):
        """alt: subjectAltName, such as "DNS:sip.example,IP:192.0.2.1"."""
        request, ext = self.path(name + ".csr"), self.path(name + ".ext")
        with open(ext, "w") as f:
            f.write(f"subjectAltName={alt}\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", self.path(name + ".key"), "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
                      "-CAcreateserial", "-days", "2", "-extfile", ext, "-out", self.path(name + ".new"))
        os.chmod(self.path(name + ".key"), 0o644)
        os.replace(self.path(name + ".new"), self.path(name + ".pem"))
        with open(self.path(name + "-both.pem"), "w") as f:
            for part in (name + ".pem", name + ".key"):
                with open(self.path(part)) as p:
                    f.write(p.read())
        os.unlink(request)
        os.unlink(ext)
