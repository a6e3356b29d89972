# SPDX-License-Identifier: GPL-3.0-or-later
"""linphonec, the phone of Debian's linphone-cli, without a sound card: it speaks from a WAV file and answers by itself."""
import os
import signal
import subprocess

from . import audio
from .peers import bracket
from .proc import LabError, Proc, wait_for


class Linphone:
    """Registers as user (password pw-USER) at registrar by a transport, which is the one of its calls, too. It listens
    at any address of its namespace, of the registrar's family. ca: PEM file of who signed the registrar; its TLS library knows no addresses in certificates, so the name is not looked at.
    domain: of its address, when registrar is only the way there."""

    def __init__(self, workdir, name, ns, registrar, user, port, transport="udp", ca=None, seconds=5.0, domain=None):
        self.name, self.registrar, self.transport, self.domain = name, registrar, transport, domain
        self.dir = os.path.join(workdir, name)
        self.wav = os.path.join(self.dir, "voice.wav")
        os.makedirs(os.path.join(self.dir, ".local/share/linphone"), exist_ok=True)
        audio.wav(self.wav, audio.talk(seconds, 160.0, 37), audio.RATE_HZ)
        with open(os.path.join(self.dir, "rc"), "w") as f:
            f.write(self._config(user, port, ca))
        self.proc = Proc(name, ["linphonec", "-a", "-c", os.path.join(self.dir, "rc"), "-d", "5", "-l", os.path.join(self.dir, "linphone.log")],
                         os.path.join(self.dir, "out.log"), ns=ns, cwd=self.dir, env={"HOME": self.dir}, stdin=subprocess.PIPE)
        self.command("soundcard use files")
        self.command(f"play {self.wav}")
        self.proc.wait_log("Using wav files")

    def wait_registered(self, timeout_s=15.0):
        def registered():
            with open(os.path.join(self.dir, "linphone.log"), errors="replace") as f:
                return "LinphoneRegistrationOk" in f.read()
        wait_for(f"{self.name} should be registered (log: {self.dir})", registered, timeout_s, 0.1)

    def _config(self, user, port, ca):
        ports = {"udp": (port, -1, -1), "tcp": (-1, port, -1), "tls": (-1, -1, port)}[self.transport]
        host = bracket(self.registrar)
        way = f"<sip:{host};transport={self.transport}>"
        sections = {
            "sip": {"use_ipv6": int(":" in self.registrar), "sip_port": ports[0], "sip_tcp_port": ports[1], "sip_tls_port": ports[2],
                    "guess_hostname": 0, "default_proxy": 0, "media_encryption": "none",
                    "verify_server_certs": 1, "verify_server_cn": 0, **({"root_ca": ca} if ca else {})},
            "rtp": {"audio_rtp_port": "7200-7299"},
            "video": {"enabled": 0, "capture": 0, "display": 0},
            "sound": {"echocancellation": 0},
            "auth_info_0": {"username": user, "passwd": f"pw-{user}"},
            "proxy_0": {"reg_proxy": way, "reg_identity": f"sip:{user}@{self.domain or host}",
                        **({"reg_route": way.replace(">", ";lr>")} if self.domain else {}),
                        "reg_sendregister": 1, "reg_expires": 600},
        }
        return "".join(f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in rows.items()) + "\n" for name, rows in sections.items())

    def command(self, text):
        try:
            self.proc.popen.stdin.write(text.encode() + b"\n")
            self.proc.popen.stdin.flush()
        except OSError as exc:
            raise LabError(f"{self.name} has ended (log: {self.proc.log_path})") from exc

    def call(self, number):
        self.command(f"call sip:{number}@{self.domain or f'{bracket(self.registrar)};transport={self.transport}'}")

    def hangup(self):
        self.command("terminate all")

    def stop(self):
        self.proc.stop(signal.SIGKILL)  # it would unregister and wait for that
