# SPDX-License-Identifier: GPL-3.0-or-later
"""The box's peers: SIPp and baresip as phones, SIPp and Kamailio as carriers."""
import json
import os
import signal
import socket
import time

from . import audio
from .net import in_namespace
from .proc import LabError, Proc, tail, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(os.path.dirname(HERE))
SCENARIOS = os.path.join(TESTS, "netns", "sipp")
AUDIO = os.path.join(TESTS, "data", "audio")

TRANSPORTS = {"udp": "u1", "tcp": "t1"}


def bracket(addr):
    return f"[{addr}]" if ":" in addr else addr


def sipp_command(folder, scenario, local, port, remote=None, remote_port=5060, number="", calls=None,
                 transport="udp", media_port=6000, rate=10, hold_ms=0, echo=False, keys=None, extra=()):
    """Command line of a SIPp that works in that folder. Without remote it is the called side."""
    os.makedirs(folder, exist_ok=True)
    path = scenario if os.path.isabs(scenario) else os.path.join(SCENARIOS, scenario)
    for voice in audio.VOICES:  # SIPp looks for what it plays in its working folder
        link = os.path.join(folder, voice)
        if not os.path.lexists(link):
            os.symlink(os.path.join(AUDIO, voice), link)
    argv = ["sipp", "-sf", path, "-i", local, "-p", port, "-mi", local, "-mp", media_port,
            "-t", TRANSPORTS[transport], "-nostdin", "-trace_err", "-error_file", os.path.join(folder, "errors.log"),
            "-trace_stat", "-stf", os.path.join(folder, "stat.csv"), "-fd", "1", "-max_socket", "1000",
            "-cid_str", "inner-%u-%p@%s"]
    if remote:
        argv += [f"{bracket(remote)}:{remote_port}", "-s", number, "-r", rate, "-d", hold_ms,
                 "-recv_timeout", "20000"]
    if calls:
        argv += ["-m", calls]
    if echo:
        argv += ["-rtp_echo"]
    for key, value in (keys or {}).items():
        argv += ["-key", key, value]
    return [str(a) for a in argv + list(extra)]


class Sipp:
    """One SIPp process. Without remote it is the called side and runs until it is stopped, or
    until it has had `calls` calls. Options are those of sipp_command()."""

    def __init__(self, workdir, name, ns, scenario, local, port, remote=None, calls=None, transport="udp",
                 **options):
        self.name, self.calls = name, calls
        self.dir = os.path.join(workdir, name)
        self.stat_path, self.error_path = os.path.join(self.dir, "stat.csv"), os.path.join(self.dir, "errors.log")
        argv = sipp_command(self.dir, scenario, local, port, remote=remote, calls=calls, transport=transport, **options)
        self.proc = Proc(name, argv, os.path.join(self.dir, "sipp.log"), ns=ns, cwd=self.dir)
        if not remote:
            self.proc.wait_socket(transport, port)

    def stats(self):
        """The last row of SIPp's statistics, by column name."""
        try:
            with open(self.stat_path) as f:
                rows = [line.rstrip("\n").split(";") for line in f]
        except OSError:
            return {}
        return dict(zip(rows[0], rows[-1])) if len(rows) > 1 else {}

    def successful(self):
        return int(self.stats().get("SuccessfulCall(C)") or 0)

    def failed(self):
        return int(self.stats().get("FailedCall(C)") or 0)

    def problem(self):
        """SIPp's own words about what went wrong, shortened."""
        return (tail(self.error_path, 12) or tail(self.proc.log_path, 12)).strip()

    def wait_ok(self, timeout_s=40.0):
        """Waits until all calls are over; raises when one failed."""
        status = self.proc.wait(timeout_s)
        if status != 0:
            raise LabError(f"{self.name}: {self.failed()} of {self.calls} calls failed "
                           f"(SIPp status {status}, logs in {self.dir})\n{self.problem()}")

    def stop(self):
        """SIGTERM: SIPp ends at once; its open calls count as failed."""
        self.proc.stop(signal.SIGTERM)


def kamailio_command(folder, local, far, secret=None, script="kamailio.cfg", tls=None, defines=None):
    """A proxy at each address of local, port 5060 (UDP and TCP), that sends every call on to far. secret: the
    password that it wants. script: kamailio.cfg, itsp.cfg with a registrar, core.cfg with one behind the box, or
    front.cfg, a registrar that has far for calls to elsewhere. tls: files of a certificate and its key, for port 5061. defines: more texts for the script."""
    os.makedirs(os.path.join(folder, "run"), exist_ok=True)
    listen, more = [], []
    for addr in local if isinstance(local, (list, tuple)) else [local]:
        listen += ["-l", f"udp:{bracket(addr)}:5060", "-l", f"tcp:{bracket(addr)}:5060"]
        if tls:
            listen += ["-l", f"tls:{bracket(addr)}:5061"]
    for name, value in (defines or {}).items():
        more += ["-A", f'{name}="{value}"']
    if tls:
        more += ["-A", "TLS", "-A", f'TLS_CERTIFICATE="{tls[0]}"', "-A", f'TLS_KEY="{tls[1]}"']
    return ["kamailio", "-DD", "-E", "-m", "64", "-f", os.path.join(TESTS, "netns", script),
            "-Y", os.path.join(folder, "run"), "-P", os.path.join(folder, "run", "pid"),
            "-A", f'FAR="sip:{far}"', "-A", f'FAR_HOST="{far.rpartition(":")[0] or far}"'] + \
        (["-A", f'SECRET="{secret}"'] if secret else []) + more + listen


class Kamailio:
    """A carrier's proxy, see kamailio_command()."""

    def __init__(self, workdir, name, ns, local, far, secret=None, **options):
        self.dir = os.path.join(workdir, name)
        self.proc = Proc(name, kamailio_command(self.dir, local, far, secret, **options), os.path.join(self.dir, "kamailio.log"), ns=ns)
        self.proc.wait_socket("udp", 5060)

    def stop(self):
        self.proc.stop(signal.SIGTERM)


class Dnsmasq:
    """A name server in a namespace; options are dnsmasq's own, as "srv-host=...". It knows these names
    and no others."""

    def __init__(self, workdir, name, ns, local, options, ttl_s=5):
        os.makedirs(os.path.join(workdir, name), exist_ok=True)
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--local=/example/",
                "--user=root", "--pid-file", "--log-queries", "--log-facility=-", "--bind-interfaces",
                f"--listen-address={local}", f"--local-ttl={ttl_s}", *(f"--{o}" for o in options)]
        self.proc = Proc(name, argv, os.path.join(workdir, name, "dnsmasq.log"), ns=ns)
        self.proc.wait_socket("udp", 53)

    def stop(self):
        self.proc.stop(signal.SIGKILL)


class Baresip:
    """A phone that speaks from a WAV file; commands over its own control connection. mediaenc: as
    in baresip's accounts, "srtp" (RTP/AVP with keys), "srtp-mand" (RTP/SAVP), "srtp-mandf" (RTP/SAVPF),
    "dtls_srtp" (UDP/TLS/RTP/SAVPF, with a=rtcp-mux). codecs, modules, config: of the account, loaded besides, and
    more lines of its configuration; rate_hz: of the codec, at which its WAV file has to be. registrar: where it registers
    as user, with password. domain: of its address, when registrar is only the way
    there. account: more parameters of it."""

    def __init__(self, workdir, name, ns, local, port=5070, transport="udp", seconds=5.0, answer="manual",
                 mediaenc=None, control=4444, user="bruno", codecs="PCMA/8000/1", modules=(), config=(),
                 rate_hz=8000, registrar=None, password="", account="", domain=None):
        self.dir = os.path.join(workdir, name)
        self.ns, self.registrar = ns, registrar
        os.makedirs(self.dir, exist_ok=True)
        wav = os.path.join(self.dir, "voice.wav")
        talk = audio.talk(seconds, 160.0, 37)
        audio.wav(wav, [s for s in talk for _ in range(rate_hz // audio.RATE_HZ)], rate_hz)
        with open(os.path.join(self.dir, "config"), "w") as f:
            f.write("\n".join([
                "poll_method epoll", f"sip_listen {bracket(local)}:{port}", "call_max_calls 4",
                f"audio_source aufile,{wav}", "audio_player aubridge,none", "audio_alert aubridge,none",
                f"audio_srate 8000-{rate_hz}", "audio_channels 1-1", "rtp_tos 184", "rtp_ports 7000-7100",
                "rtp_stats yes", "jitter_buffer_delay 1-5",
                f"module_path {module_path()}", "module g711.so", "module aufile.so", "module aubridge.so",
                *(["module srtp.so"] if mediaenc and mediaenc != "dtls_srtp" else []),
                *(["module dtls_srtp.so", "rtcp_mux yes"] if mediaenc == "dtls_srtp" else []),
                *(f"module {name}.so" for name in modules), *config,
                "module_app account.so", "module_app menu.so", "module_app ctrl_tcp.so",
                f"ctrl_tcp_listen 127.0.0.1:{control}", ""]))
        with open(os.path.join(self.dir, "accounts"), "w") as f:
            where = f"{domain or bracket(registrar)};transport={transport}>;regint=60;auth_user={user};auth_pass={password};" \
                if registrar else f"{bracket(local)}:{port};transport={transport}>;regint=0;"
            outbound = f';outbound="sip:{bracket(registrar)};transport={transport}"' if domain else ""
            f.write(f'<sip:{user}@{where}'
                    f'audio_codecs={codecs};answermode={answer};ptime=20'
                    f'{f";mediaenc={mediaenc}" if mediaenc else ""}{f";{account}" if account else ""}{outbound}\n')
        self.proc = Proc(name, ["baresip", "-4" if ":" not in local else "-6", "-f", self.dir, "-v"],
                         os.path.join(self.dir, "baresip.log"), ns=ns)
        self.proc.wait_socket("tcp", control)
        self._ctrl = in_namespace(ns, lambda: socket.create_connection(("127.0.0.1", control), 5))
        self._buffer = b""
        self.events = []

    def command(self, name, params=""):
        body = json.dumps({"command": name, "params": params, "token": "lab"}).encode()
        self._ctrl.sendall(b"%d:%s," % (len(body), body))

    def _pump(self):
        self._ctrl.settimeout(0.05)
        try:
            data = self._ctrl.recv(65536)
        except (TimeoutError, OSError):
            return
        self._buffer += data
        while b":" in self._buffer:
            size, _, rest = self._buffer.partition(b":")
            length = int(size)
            if len(rest) < length + 1:
                return
            self.events.append(json.loads(rest[:length]))
            self._buffer = rest[length + 1:]

    def wait_event(self, kind, timeout_s=15.0):
        """kind as in baresip's events: CALL_ESTABLISHED, CALL_CLOSED, CALL_INCOMING, ..."""
        def seen():
            self._pump()
            return next((e for e in self.events if e.get("type") == kind), None)
        try:
            return wait_for(f"{self.proc.name} should report {kind}", seen, timeout_s)
        except LabError as exc:
            said = [e.get("type") or e.get("data") for e in self.events]
            raise LabError(f"{exc}; it reported {said} (log: {self.proc.log_path})\n{tail(self.proc.log_path)}") from exc

    def wait_registered(self):
        self.proc.wait_log(r"200 OK .* binding")

    def call(self, uri):
        self.command("dial", uri)
        return self.wait_event("CALL_ESTABLISHED")

    def hangup(self):
        self.command("hangup")
        return self.wait_event("CALL_CLOSED")

    def stop(self):
        self._ctrl.close()
        # Else it would unregister and wait for the answer of a box that may be gone.
        self.proc.stop(signal.SIGKILL if self.registrar else signal.SIGTERM)


def module_path():
    for path in ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"):
        if os.path.isdir(path):
            return path
    raise LabError("baresip's modules were not found (package baresip-core)")


def talk_time(voice="voice-a.pcap"):
    """Seconds that a voice file plays."""
    return audio.VOICES[voice][0]


def sleep_while_talking(seconds):
    """Audio runs in real time: this is the one wait that no event can replace."""
    time.sleep(seconds)
