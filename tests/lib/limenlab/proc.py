# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes with a log and a deadline, and waiting for events instead of sleeping."""
import ctypes
import os
import re
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
TICK_S = 0.02


class LabError(Exception):
    """Something did not happen. The text is a sentence for the person at the terminal."""


def wait_for(what, predicate, timeout_s=10.0, tick_s=TICK_S):
    """Calls predicate until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(tick_s)


def run(argv, timeout_s=30, check=True, stdin=None):
    """Runs a short command; returns (exit status, output). Raises LabError with the output."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout_s, input=stdin,
                              stdin=None if stdin is not None else subprocess.DEVNULL)
    except FileNotFoundError as exc:
        raise LabError(f"{argv[0]} is not installed (tools/dev/packages lists what is needed)") from exc
    except subprocess.TimeoutExpired as exc:
        raise LabError(f"no end after {timeout_s} s: {' '.join(argv)}") from exc
    if check and done.returncode != 0:
        raise LabError(f"exit status {done.returncode} of: {' '.join(argv)}\n{done.stdout.strip()}")
    return done.returncode, done.stdout


def die_with_parent():
    """In a child before exec: ends it when the harness dies, whatever the reason."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def tail(path, lines=15):
    try:
        with open(path, errors="replace") as f:
            return "".join(f.readlines()[-lines:])
    except OSError:
        return ""


class Proc:
    """One program of the lab. Its output goes to log_path. It ends with this process, unless it is
    detached."""

    def __init__(self, name, argv, log_path, ns=None, cwd=None, env=None, stdin=subprocess.DEVNULL,
                 detached=False):
        self.name = name
        self.log_path = log_path
        self.argv = (["ip", "netns", "exec", ns] if ns else []) + [str(a) for a in argv]
        full_env = dict(os.environ, TERM="dumb", LC_ALL="C.UTF-8")
        full_env.update(env or {})
        with open(log_path, "ab") as log:
            try:
                self.popen = subprocess.Popen(self.argv, stdin=stdin, stdout=log, stderr=log, cwd=cwd,
                                              env=full_env, start_new_session=True,
                                              preexec_fn=None if detached else die_with_parent)
            except FileNotFoundError as exc:
                raise LabError(f"{self.argv[0]} is not installed (tools/dev/packages lists what is needed)") from exc
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, timeout_s=10.0):
        """Waits until the log holds the regular expression; fails at once when the program ends."""
        rx = re.compile(pattern)

        def seen():
            hit = rx.search(self.log())
            if not hit and not self.running() and not rx.search(self.log()):
                raise LabError(f"{self.name} ended with status {self.popen.returncode} before it said "
                               f"'{pattern}':\n{tail(self.log_path)}")
            return hit
        return wait_for(f"{self.name} should say '{pattern}' (log: {self.log_path})", seen, timeout_s)

    def wait_socket(self, proto, port, timeout_s=10.0):
        """Waits until a socket is bound in the program's network namespace ('udp' or 'tcp')."""
        def bound():
            if not self.running():
                raise LabError(f"{self.name} ended with status {self.popen.returncode}:\n{tail(self.log_path)}")
            return socket_bound(self.pid, proto, port)
        return wait_for(f"{self.name} should open {proto} port {port} (log: {self.log_path})", bound, timeout_s)

    def wait(self, timeout_s=30.0):
        """Waits for the end; returns the exit status."""
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass
        raise LabError(f"{self.name} did not end within {timeout_s:g} s (log: {self.log_path})\n{tail(self.log_path)}")

    def send(self, sig):
        if self.running():
            self.popen.send_signal(sig)

    def stop(self, sig=signal.SIGTERM, timeout_s=5.0):
        """Asks, waits, then insists. Returns the exit status."""
        if self.running():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                try:
                    os.killpg(self.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                self.popen.wait(5)
        return self.popen.returncode


def socket_bound(pid, proto, port):
    """True when any address of the process's network namespace has the port bound."""
    for name in (proto, proto + "6"):
        try:
            with open(f"/proc/{pid}/net/{name}") as f:
                rows = f.readlines()[1:]
        except OSError:
            continue
        for row in rows:
            cols = row.split()
            if int(cols[1].rsplit(":", 1)[1], 16) == port and (proto == "udp" or cols[3] == "0A"):
                return True
    return False


def cpu_seconds(pid):
    """User and system time of a process and of all its threads so far; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            cols = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(cols[11]) + int(cols[12])) / os.sysconf("SC_CLK_TCK")
