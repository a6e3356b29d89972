# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ./lab itself, run by ./check:  python3 -m limenlab.labtest NAME

It is what newcomers see first, and its calls are those of real peers over UDP, TCP and IPv6."""
import os
import re
import signal
import subprocess
import sys
import time

from .build import ROOT

LAST_LINE = re.compile(r"(\d+) calls: (\d+) completed, 0 failed; RTP a>b (\d+)/(\d+) b>a (\d+)/(\d+)")
NAMESPACES = ("limen-access", "limen-box", "limen-peering")


class Wrong(Exception):
    pass


def lab(*argv, env=None, timeout_s=150):
    done = subprocess.run([os.path.join(ROOT, "lab"), *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout_s, check=False,
                          env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout


def need(condition, what, out=""):
    if not condition:
        raise Wrong(f"{what}\n{out}")


def all_well(status, out):
    need(status == 0, f"exit status {status}", out)
    last = LAST_LINE.fullmatch(out.rstrip("\n").split("\n")[-1])
    need(last, "the last line is not the promised one", out)
    n = [int(g) for g in last.groups()]
    need(n[0] == n[1] >= 8 and n[2] == n[3] > 0 and n[4] == n[5] > 0, "not everything was well", out)
    for word in ("INVITE + SDP", "200 OK (INVITE) + SDP", "BYE", '"legs"', "jitter ms", "identical"):
        need(word in out, f"'{word}' is not shown", out)


def nothing_left():
    left = [n for n in NAMESPACES if os.path.exists(f"/run/netns/{n}")]
    need(not left and not os.path.exists("/run/limen-lab"), f"the lab left something behind: {left}")


def twice():
    """./lab, and again: all calls complete, nothing is left."""
    all_well(*lab())
    nothing_left()
    all_well(*lab())
    nothing_left()


def standing():
    """up, status, cli, call, down; a second lab is refused with a sentence meanwhile."""
    try:
        status, out = lab("up")
        need(status == 0, "./lab up failed", out)
        status, out = lab()
        need(status == 1 and "./lab down" in out, "a second lab was not refused", out)
        status, out = lab("status")
        need(status == 0 and out.count(" running ") >= 8, "./lab status does not show the programs", out)
        status, out = lab("cli", "-c", "show version")
        need(status == 0 and "limen" in out.lower(), "./lab cli failed", out)
        all_well(*lab("call"))
    finally:
        status, out = lab("down")
    need(status == 0, "./lab down failed", out)
    nothing_left()


def interrupted():
    """SIGTERM in the middle of the calls: nothing is left, and the next run is as good as ever."""
    p = subprocess.Popen([os.path.join(ROOT, "lab")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, start_new_session=True)
    seen = ""
    for line in p.stdout:
        seen += line
        if "calls: " in line:
            break
    need("calls: " in seen, "the lab ended before its calls", seen)
    status, out = lab()
    need(status == 1 and "another ./lab" in out, "a second lab was not refused while one ran", out)
    p.send_signal(signal.SIGTERM)
    p.stdout.read()
    need(p.wait(60) != 0, "an interrupted lab ended with status 0", seen)
    nothing_left()


TESTS = {"interrupted": interrupted, "standing": standing, "twice": twice}


def main(name):
    t0 = time.monotonic()
    try:
        TESTS[name]()
    except (Wrong, subprocess.TimeoutExpired) as exc:
        print(exc)
        subprocess.run([os.path.join(ROOT, "lab"), "down"], stdin=subprocess.DEVNULL, check=False)
        return 1
    print(f"{name}: {time.monotonic() - t0:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
