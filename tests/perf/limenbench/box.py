#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""All programs of the box as one process tree on loopback, for measuring calls: takes SIP at
127.0.0.1:5060 and sends every call to 127.0.0.1:5080. The media port is a null device.

    box.py BUILD-FOLDER WORK-FOLDER [--sip-workers N] [--no-huge] [--tls CERTIFICATE KEY] [--users N] [--target-load P]

With --tls it takes SIP at port 5061, too. With --users it is a registrar of the users u000000, u000001, ...

Ends with SIGTERM, or when one of the programs ends (then with its status).
"""
import argparse
import ctypes
import os
import signal
import subprocess
import sys
import time

CONFIG = """\
%(profiles)sinterfaces = (
  { name = "null0"; device = "net_null0,no-rx=1"; address = [ "192.0.2.1/24", "192.0.2.2/24" ]; }
);
realms = (
  { name = "access"; class = "access"; listen = [ "udp 127.0.0.1 5060"%(listen)s ]; admission = "any";%(profile)s
    interface = "null0"; media_ipv4 = "192.0.2.1"; media_ports = "16384 32767"; },
  { name = "core"; class = "core"; listen = [ "udp 127.0.0.1 5062" ]; admission = "trunks";
    interface = "null0"; media_ipv4 = "192.0.2.2"; media_ports = "16384 32767"; }
);
trunks = (
  { name = "far"; realm = "core"; target = "ipv4:127.0.0.1:5080"; }
);
dial_peers = (
  { tag = 1; destination_pattern = "+T"; trunk = "far"; }
);
"""
START_S = 20


def configuration(tls):
    """tls: certificate and key, or None."""
    words = {"profiles": "", "listen": "", "profile": ""}
    if tls:
        words = {"profiles": 'tls_profiles = ( { tag = 1; certificate = "%s"; private_key = "%s"; } );\n' % tuple(tls),
                 "listen": ', "tls 127.0.0.1 5061"', "profile": " tls_profile = 1;"}
    return CONFIG % words


def users(n):
    """A registrar as sipbench's register load wants it."""
    pools = ",\n".join(f'{{ tag = {i + 1}; registrar = "phones"; username = "u{i:06}"; password = "secret"; }}' for i in range(n))
    return 'registrars = ( { name = "phones"; realm = "access"; domain = "bench.example"; authentication_hash = "md5"; } );\n' \
           f"pools = ( {pools} );\n"


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(argv):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)


def wait_path(path, process):
    deadline = time.monotonic() + START_S
    while not os.path.exists(path):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            sys.exit(f"{process.args[0]} did not open {path} within {START_S} s")
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("work")
    parser.add_argument("--sip-workers", default="1")
    parser.add_argument("--no-huge", action="store_true")
    parser.add_argument("--target-load", type=int, default=0, help="percent of a worker's time; above it calls are refused")
    parser.add_argument("--users", type=int, default=0)
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    args = parser.parse_args()
    run_dir, state_dir = os.path.join(args.work, "run"), os.path.join(args.work, "state")
    for folder in (run_dir, state_dir):
        os.makedirs(folder, mode=0o755, exist_ok=True)
    with open(os.path.join(state_dir, "startup.cfg"), "w") as f:
        if args.target_load:
            f.write(f"voice_service = {{ overload_target = {args.target_load}; }};\n")
        f.write(configuration(args.tls) + (users(args.users) if args.users else ""))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    children = []
    try:
        dataplane = start([os.path.join(args.build, "dataplane", "limen-dataplane"),
                           "--run-dir", run_dir, "--max-sessions", "20000",
                           *(["--no-huge"] if args.no_huge else [])])
        children.append(dataplane)
        wait_path(os.path.join(run_dir, "dataplane.sock"), dataplane)
        control = start([os.path.join(args.build, "controlplane", "limen-control"),
                         "--run-dir", run_dir, "--state-dir", state_dir])
        children.append(control)
        wait_path(os.path.join(run_dir, "control.sock"), control)
        children.append(start([os.path.join(args.build, "sip-b2bua", "limen-sip"),
                               "--run-dir", run_dir, "--workers", args.sip_workers]))
        pid, status = os.wait()
        name = next(os.path.basename(c.args[0]) for c in children if c.pid == pid)
        print(f"{name} ended with status {os.waitstatus_to_exitcode(status)}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in reversed(children):
            if child.poll() is None:
                child.terminate()
        for child in children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()


if __name__ == "__main__":
    sys.exit(main())
