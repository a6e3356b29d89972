#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives the program limen through a real terminal (a pty), and without one.

usage: shell_pty.py TESTBOX LIMEN

Each wait is for a text with a deadline, never for a time.
"""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

DEADLINE_S = 20


class Terminal:
    """A limen behind a pty of a given size."""

    def __init__(self, limen, run_dir, rows=24, columns=80):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "vt100"
            os.environ["LC_ALL"] = "C.UTF-8"
            os.environ.pop("SSH_ORIGINAL_COMMAND", None)
            # libedit never frees the names of functions that were added to it
            os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(limen, ["limen", "--run-dir", run_dir])

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern, what=None):
        """Returns everything up to and with the pattern; removes it from what was seen."""
        end = time.monotonic() + DEADLINE_S
        while True:
            match = re.search(pattern, self.seen, re.S)
            if match:
                text, self.seen = self.seen[: match.end()], self.seen[match.end():]
                return text
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no {what or pattern!r} in {self.seen!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"ended without {pattern!r}: {self.seen!r}")
            self.seen += data.decode(errors="replace")

    def status(self):
        """Waits for the end of the program."""
        end = time.monotonic() + DEADLINE_S
        while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Box:
    def __init__(self, testbox, limen):
        self.testbox, self.limen = testbox, limen
        self.dir = tempfile.mkdtemp(prefix="limen-test-")
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.testbox, self.dir, self.dir + "/state"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline() == b"ready\n"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE_S) == 0
        self.process.stdout.close()

    def run(self, *args, stdin=None):
        env = {k: v for k, v in os.environ.items() if k != "SSH_ORIGINAL_COMMAND"}
        return subprocess.run([self.limen, "--run-dir", self.dir, *args], input=stdin, text=True,
                              capture_output=True, timeout=DEADLINE_S, env=env,
                              stdin=None if stdin is not None else subprocess.DEVNULL)

    def close(self):
        self.stop()
        shutil.rmtree(self.dir)


def test_commands(box):
    r = box.run("-c", "show clock")
    assert (r.returncode, r.stdout, r.stderr) == (0, "18:40:00.000 UTC Nov 22 2026\n", ""), r
    r = box.run("-c", "show clock", "-c", "show trunk | include carrier")
    assert r.returncode == 0 and len(r.stdout.splitlines()) == 2, r
    # the first error ends it
    r = box.run("-c", "show clock; show clokc; show clock")
    assert r.returncode == 1 and r.stdout.count("UTC") == 1, r
    assert "% Invalid input detected at '^' marker." in r.stdout, r
    assert "column" in r.stderr, r
    # quotes protect a semicolon; changes stay
    r = box.run("-c", 'conf t; interface access0; description "a;b"; end; '
                      'show run | inc description "a')
    assert r.returncode == 0 and 'description "a;b"' in r.stdout, r
    r = box.run("-c", "exit; show clock")
    assert r.returncode == 0 and r.stdout == "", r


def test_stdin(box):
    r = box.run(stdin="configure terminal\nrealm access\n media timeout 77\nend\n"
                      "show running-config | include timeout 77\n")
    assert r.returncode == 0 and r.stdout == " media timeout 77\n" and r.stderr == "", r
    r = box.run(stdin="show clock\n!\n\nshow nothing\nshow clock\n")
    assert r.returncode == 1 and r.stdout.count("UTC") == 1, r
    assert r.stderr == "% line 4, column 6: show nothing\n", r
    # a printed configuration can be pasted back
    text = box.run("-c", "show running-config").stdout
    body = text[text.index("!"):]
    r = box.run(stdin="configure terminal\n" + body)
    assert r.returncode == 0 and r.stdout == "", r
    assert box.run("-c", "show running-config").stdout == text


def test_redirect(box):
    ladder, path = "show call ladder 5f00000000000011", box.dir + "/out"
    r = box.run("-c", f"{ladder} | include BYE | redirect {path}; show clock")
    assert r.returncode == 0 and r.stdout.count("\n") == 1 and "UTC" in r.stdout, r
    with open(path, encoding="utf-8") as f:
        assert f.read().count("BYE") == 3
    assert os.stat(path).st_mode & 0o777 == 0o600
    # an error leaves the file as it was
    for line in (f"show nothing | redirect {path}", f"show call ladder 99 | red {path}",
                 f"show clock | redirect {path} | include x"):
        r = box.run("-c", line)
        assert r.returncode == 1 and "%" in r.stdout, r
        assert os.path.getsize(path) > 0
    for name in (box.dir + "/.hidden", ".ssh/x", box.dir + "/none/x", "../.x"):
        r = box.run("-c", f"show clock | redirect {name}")
        assert r.returncode == 1 and "%" in r.stdout and not os.path.exists(name), r
    # elsewhere than behind show a bar is text
    r = box.run("-c", f"configure terminal; interface access0; description a | redirect {path}2; end; "
                      "show running-config | include description a")
    assert r.returncode == 0 and f"redirect {path}2" in r.stdout and not os.path.exists(path + "2"), r
    # a capture file: not on a terminal, whole behind a pipe or in a file, also of IPv6
    t = Terminal(box.limen, box.dir)
    t.read_until(r"box#")
    t.type(f"{ladder} pcapng\r")
    t.read_until(r"not for a terminal.*box#")
    t.type(f"show call ladder 6 pcapng | redirect {path}.pcapng\r")
    t.read_until(r"pcapng\r\n.*box#")
    t.type("\x04")
    assert t.status() == 0
    done = subprocess.run(["tshark", "-n", "-r", path + ".pcapng", "-o", "udp.check_checksum:TRUE", "-T", "fields", "-e",
                           "ipv6.src", "-e", "udp.checksum.status", "-e", "sip.CSeq"], text=True, capture_output=True,
                          timeout=DEADLINE_S, check=False)
    rows = done.stdout.splitlines()
    assert done.returncode == 0 and len(rows) == 7, done
    assert rows[0] == "2001:db8::2\t1\t1 INVITE" and rows[4] == "2001:db8::1\t1\t1 BYE", rows


def test_usage(box):
    assert box.run("--help").returncode == 0
    assert box.run("--version").stdout.startswith("limen ")
    assert box.run("--nonsense").returncode == 2
    assert box.run("stray").returncode == 2
    r = subprocess.run([box.limen, "--run-dir", box.dir + "/none", "-c", "show clock"], text=True,
                       capture_output=True, timeout=DEADLINE_S)
    assert r.returncode == 1 and "limen-control is not running" in r.stderr, r
    env = dict(os.environ, SSH_ORIGINAL_COMMAND="show clock")
    r = subprocess.run([box.limen, "--run-dir", box.dir], text=True, capture_output=True,
                       timeout=DEADLINE_S, env=env, stdin=subprocess.DEVNULL)
    assert r.returncode == 0 and "UTC" in r.stdout, r


def test_editing(box):
    t = Terminal(box.limen, box.dir)
    t.read_until(r"box#")
    t.type("sh?")
    t.read_until(r"\?\r\n  show +Show what the box does")
    t.read_until(r"box#sh$", "the half-typed line again")
    t.type(" ver\t")
    t.read_until(r"sion $", "the rest of version")
    t.type("| inc License\r")
    t.read_until(r"\r\nLicense GPL-3.0-or-later\r\n")
    t.read_until(r"box#")
    # Tab: a common part, then a list, then an object's name
    t.type("show cl\t")
    t.read_until(r"ock $", "the rest of clock")
    t.type("\x03")
    t.read_until(r"\^C\r\n.*box#")
    t.type("show c\t")
    t.read_until(r"\r\ncall  capacity  clock  conference  configuration  control-plane  \r\n.*box#show c$")
    t.type("\x15show trunk c\t\r")
    t.read_until(r"carrier +peering")
    t.read_until(r"box#")
    # the caret stands under the wrong word
    t.type("show clokc\r")
    t.read_until(r"\r\n {9}\^\r\n% Invalid input detected at '\^' marker\.\r\n")
    t.read_until(r"box#")
    t.type("configure terminal\r")
    t.read_until(r"box\(config\)#")
    t.type("realm access\r")
    t.read_until(r"box\(config-realm\)#")
    t.type("descr")
    t.type("\x1a")
    t.read_until(r"\^Z.*box#", "Ctrl-Z")
    # Ctrl-R finds an earlier line, Ctrl-V makes '?' a character
    t.type("\x12trunk c")
    t.read_until(r"show trunk carrier")
    t.type("\r")
    t.read_until(r"carrier +peering")
    t.read_until(r"box#")
    t.type("show interfaces \x16?\r")
    t.read_until(r"There is no interface \?")
    t.read_until(r"box#")
    t.type("exit\r")
    assert t.status() == 0


def test_paging(box):
    t = Terminal(box.limen, box.dir, rows=10)
    t.read_until(r"box#")
    t.type("show running-config\r")
    page = t.read_until(r" --More-- ")
    assert page.count("\r\n") == 1 + 9, repr(page)
    t.type("\r")
    line = t.read_until(r" --More-- ")
    assert line.count("\r\n") == 1, repr(line)
    t.type(" ")
    page = t.read_until(r" --More-- ")
    assert page.count("\r\n") == 9, repr(page)
    t.type("q")
    t.read_until(r"box#")
    t.type("terminal length 0\r")
    t.read_until(r"box#")
    t.type("show running-config\r")
    text = t.read_until(r"\r\nend\r\nbox#")
    assert "--More--" not in text
    t.type("\x04")
    assert t.status() == 0


def test_monitor(box):
    t = Terminal(box.limen, box.dir)
    t.read_until(r"box#")
    t.type("terminal monitor\r")
    t.read_until(r"box#")
    t.type("show ver")
    t.read_until(r"show ver")
    box.process.send_signal(signal.SIGUSR1)
    t.read_until(r"notice trunk carrier is busied out\r\n.*box#show ver")
    t.type("sion | inc License\r")
    t.read_until(r"License GPL.*box#")
    t.type("\x04")
    assert t.status() == 0


def test_reconnect(box):
    t = Terminal(box.limen, box.dir)
    t.read_until(r"box#")
    t.type("configure terminal\r")
    t.read_until(r"box\(config\)#")
    box.stop()
    t.read_until(r"% Connection to limen-control lost: .*\r\n")
    t.type("show clock\r")
    t.read_until(r"% limen-control is not there; trying again")
    box.start()
    t.read_until(r"% Connected again; configuration mode was left\r\n.*box#")
    t.type("show clock\r")
    t.read_until(r"18:40:00.000 UTC.*box#")
    t.type("\x04")
    assert t.status() == 0


def main():
    box = Box(sys.argv[1], sys.argv[2])
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test(box)
            print(f"ok {name}")
        except AssertionError as error:
            failed += 1
            print(f"not ok {name}: {error}")
    box.close()
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
