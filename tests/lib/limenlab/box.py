# SPDX-License-Identifier: GPL-3.0-or-later
"""The box itself: its real programs in the box namespace, kept running by tools/dev/supervise."""
import glob
import json
import os
import shutil
import signal
import time

from . import boxconf, net
from .proc import LabError, Proc, cpu_seconds, run, socket_bound, tail, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
SIP_UID = 64042  # ordinary users that own nothing; they need no entry in /etc/passwd
NAT_UID = 64043
REC_UID = 64044

PROGRAMS = {"limen-dataplane": "dataplane/limen-dataplane",
            "limen-control": "controlplane/limen-control",
            "limen-sip": "sip-b2bua/limen-sip",
            "limen-nat": "controlplane/nat/limen-nat",
            "limen-rec": "controlplane/rec/limen-rec",
            "limen": "cli/shell/limen"}


def build_dir():
    return os.environ.get("LIMEN_BUILD") or os.path.join(ROOT, "build")


def program(name):
    """Path of a built program; says how to build when it is not there."""
    path = os.path.join(build_dir(), PROGRAMS[name])
    if not os.path.exists(path):
        raise LabError(f"{path} is missing: build with 'meson setup build && ninja -C build'")
    return path


class Box:
    """run_dir: for sockets, short because Unix socket paths are; state_dir and logs: below workdir."""

    def __init__(self, network, workdir, run_dir, conf=None, workers=1, sip_workers=1, no_huge=False,
                 max_sessions=2048, memory_mb=256, control_args=(), nat_args=()):
        self.network, self.run_dir = network, run_dir
        self.conf = conf if conf is not None else boxconf.standard()
        self.workers, self.sip_workers, self.no_huge = workers, sip_workers, no_huge
        self.max_sessions, self.memory_mb = max_sessions, memory_mb
        self.control_args, self.nat_args = list(control_args), list(nat_args)
        self.state_dir = os.path.join(workdir, "state")
        self.log_dir = os.path.join(workdir, "logs")
        self.recordings_dir = os.path.join(self.run_dir, "recordings")
        self.killed = []  # (program, how it must have ended): kills that a scenario did on purpose
        self.proc = None

    def programs(self):
        dataplane = [program("limen-dataplane"), "--run-dir", self.run_dir, "--workers", str(self.workers),
                     "--max-sessions", str(self.max_sessions), "--memory", str(self.memory_mb),
                     "--nat-uid", str(NAT_UID), "--rec-uid", str(REC_UID)]
        if self.no_huge:
            dataplane.append("--no-huge")
        return [
            {"name": "limen-dataplane", "ns": self.network.box, "argv": dataplane},
            {"name": "limen-control", "ns": self.network.box,
             "argv": [program("limen-control"), "--run-dir", self.run_dir, "--state-dir", self.state_dir,
                      "--sip-uid", str(SIP_UID), "--nat-uid", str(NAT_UID),
                      "--rec-uid", str(REC_UID)] + self.control_args},
            {"name": "limen-sip", "ns": self.network.box, "uid": SIP_UID,
             "argv": [program("limen-sip"), "--run-dir", self.run_dir, "--workers", str(self.sip_workers)]},
            {"name": "limen-nat", "ns": self.network.box, "uid": NAT_UID,
             "argv": [program("limen-nat"), "--run-dir", self.run_dir] + self.nat_args},
            {"name": "limen-rec", "ns": self.network.box, "uid": REC_UID,
             "argv": [program("limen-rec"), "--run-dir", self.run_dir, "--dir", self.recordings_dir]},
        ]

    def start(self, wait=True, detached=False):
        for folder in (self.run_dir, self.state_dir, self.log_dir, self.recordings_dir):
            os.makedirs(folder, exist_ok=True)
        os.chmod(self.recordings_dir, 0o750)
        os.chown(self.recordings_dir, REC_UID, REC_UID)
        os.chmod(self.run_dir, 0o755)
        startup = os.path.join(self.state_dir, "startup.cfg")
        if not os.path.exists(startup):
            with open(startup, "w") as f:
                f.write(boxconf.text(self.conf))
        spec = os.path.join(self.run_dir, "programs.json")
        with open(spec, "w") as f:
            json.dump({"dir": self.run_dir, "log_dir": self.log_dir, "programs": self.programs()}, f)
        state = os.path.join(self.run_dir, "state.json")
        if os.path.exists(state):
            os.unlink(state)
        self.proc = Proc("supervise", [os.path.join(ROOT, "tools/dev/supervise"), spec],
                         os.path.join(self.log_dir, "supervise.log"), detached=detached)
        if wait:
            self.wait_ready()
        return self

    def state(self):
        try:
            with open(os.path.join(self.run_dir, "state.json")) as f:
                return {p["name"]: p for p in json.load(f)["programs"]}
        except (OSError, ValueError):
            return {}

    def pid(self, name):
        found = self.state().get(name, {}).get("pid")
        if not found:
            raise LabError(f"{name} is not running (log: {self.log_path(name)})\n{tail(self.log_path(name))}")
        return found

    def log_path(self, name):
        return os.path.join(self.log_dir, name + ".log")

    def log(self, name):
        with open(self.log_path(name), errors="replace") as f:
            return f.read()

    def wait_ready(self, timeout_s=40.0):
        """Until every program is ready and the box answers on both sides."""
        def ready():
            state = self.state()
            for name, p in state.items():
                if p["state"] in ("failed", "not ready"):
                    raise LabError(f"{name} does not start (log: {p['log']})\n{tail(p['log'])}")
            if self.proc and not self.proc.running():
                raise LabError(f"the supervisor ended:\n{tail(self.proc.log_path)}")
            return state and all(p["ready"] for p in state.values())
        wait_for(f"the box's programs should be ready (logs: {self.log_dir})", ready, timeout_s)
        self.wait_serving(timeout_s)

    def wait_serving(self, timeout_s=20.0):
        """Until addresses answer through DPDK and TAP twins, and SIP sockets are open."""
        for iface in self.conf.get("interfaces", []):
            for prefix in iface.get("address", []):
                addr = prefix.split("/")[0]
                side = self.network.side_of(iface["name"])
                self.network.wait_reachable(side, addr, timeout_s)
        wait_for("limen-sip should open UDP port 5060 "
                 f"(log: {self.log_path('limen-sip')})", lambda: socket_bound(self.pid("limen-sip"), "udp", 5060), timeout_s)

    # ---- what a scenario does to it ----

    def kill(self, name, sig=signal.SIGKILL):
        """Kills one program and returns its pid; the supervisor starts it again."""
        pid = self.pid(name)
        self.killed.append((name, f"signal {int(sig)}"))
        os.kill(pid, sig)
        return pid

    def wait_restarted(self, name, old_pid, timeout_s=20.0):
        def back():
            p = self.state().get(name, {})
            if p.get("state") == "failed":
                raise LabError(f"{name} does not come back (log: {p['log']})\n{tail(p['log'])}")
            return p.get("ready") and p.get("pid") not in (None, old_pid)
        wait_for(f"{name} should be started again and ready (log: {self.log_path(name)})", back, timeout_s)

    def cli(self, *lines, check=True, timeout_s=20):
        """Runs lines through the command line program, as `limen -c`; returns its output."""
        argv = ["ip", "netns", "exec", self.network.box, program("limen"), "--run-dir", self.run_dir]
        argv += ["-c", "\n".join(lines)]
        status, out = run(argv, timeout_s=timeout_s, check=False)
        if check and status != 0:
            raise LabError(f"'{'; '.join(lines)}' was refused (exit status {status}):\n{out}")
        return out

    def json(self, command):
        out = self.cli(f"{command} | json")
        try:
            return json.loads(out)
        except ValueError as exc:
            raise LabError(f"'{command} | json' is not JSON: {exc}\n{out[:500]}") from exc

    def active_calls(self):
        """Calls that are not over, a dict each."""
        return self.json("show call active voice brief")

    def drops(self):
        """Packets that the data plane dropped so far, by the name of the reason."""
        return {row["reason"]: row["packets"] for row in self.json("show media drops")}

    def worker_rows(self):
        """The data plane's workers with their counters."""
        return self.json("show platform")["workers"]

    def records(self):
        """All call records so far, oldest first."""
        out = []
        files = glob.glob(os.path.join(self.state_dir, "records", "*.jsonl"))
        for path in sorted(files, key=lambda p: (p.endswith("current.jsonl"), p)):
            with open(path) as f:
                for number, line in enumerate(f, 1):
                    if not line.endswith("\n"):
                        continue  # being written
                    try:
                        out.append(json.loads(line))
                    except ValueError as exc:
                        raise LabError(f"{path} line {number} is not JSON: {exc}") from exc
        return out

    def wait_records(self, n, timeout_s=10.0):
        def enough():
            got = self.records()
            return got if len(got) >= n else None
        try:
            return wait_for(f"{n} call records", enough, timeout_s)
        except LabError as exc:
            raise LabError(f"{exc}; there are {len(self.records())} (log: {self.log_path('limen-control')})") from exc

    def cpu_fraction(self, seconds=5.0):
        """What all programs together use of one core, measured over that time."""
        pids = [p["pid"] for p in self.state().values() if p["pid"]]
        before, t0 = {pid: cpu_seconds(pid) for pid in pids}, time.monotonic()
        time.sleep(seconds)  # the measurement itself
        used = {name: cpu_seconds(p["pid"]) - before[p["pid"]] for name, p in self.state().items() if p["pid"] in before}
        span = time.monotonic() - t0
        return sum(used.values()) / span, {k: v / span for k, v in used.items()}

    # ---- the end ----

    def stop(self):
        if self.proc and self.proc.running():
            status = self.proc.stop(signal.SIGTERM, 25)
            if status != 0:
                raise LabError(f"a program did not stop cleanly on SIGTERM:\n{tail(self.proc.log_path)}\n{self.exits()}")

    def exits(self):
        return {name: p["exits"] for name, p in self.state().items() if p["exits"]}

    def faults(self):
        """Sentences about every program that ended without being told to, and every sanitizer
        report and core file."""
        out, allowed = [], list(self.killed)
        for name, exits in self.exits().items():
            for e in exits:
                if e["asked"] and e["how"] == "status 0":
                    continue
                if (name, e["how"]) in allowed:
                    allowed.remove((name, e["how"]))
                    continue
                out.append(f"{name} ended on its own: {e['how']} (log: {self.log_path(name)})\n{tail(self.log_path(name))}")
        for path in glob.glob(os.path.join(self.log_dir, "*.log")):
            with open(path, errors="replace") as f:
                text = f.read()
            for mark in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer"):
                if mark in text:
                    out.append(f"sanitizer report in {path}:\n{text[text.index(mark):][:1500]}")
        out += [f"core file {path}" for path in glob.glob(os.path.join(self.log_dir, "*.cwd", "core*"))
                if not self.killed]
        return out

    def remove(self):
        """Takes the run directory away; logs and records stay."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
