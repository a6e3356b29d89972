#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp -> system under test -> SIPp on loopback, for ./bench b2bua.calls where the reference folder
is absent, and for b2bua.calls.tls. Run in a network namespace of its own.

    load.py [--tls|--register] RATE CALLS WARM-SECONDS -- COMMAND...

With --tls the calls come by TLS at port 5061, all on one connection, which stunnel makes: SIPp of
Debian has no TLS. With --register they are registrations of users u000000, u000001, ... with the password
"secret", and there is no called side. Prints one JSON line with the fields that sipbench's bench.py has for the same."""
import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(HERE, "..", "..", "netns", "sipp")
TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and all that descend from it."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(name))
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


def cpu_seconds(pid):
    ticks = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/stat") as f:
                cols = f.read().rsplit(")", 1)[1].split()
            ticks += int(cols[11]) + int(cols[12])
        except OSError:
            pass
    return ticks / TICKS


def memory_mb(pid):
    kb = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup") as f:
                kb += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except OSError:
            pass
    return kb / 1024


def sipp(folder, scenario, port, *more):
    env = dict(os.environ, TERM="dumb")
    if "FINECLOCK" in env:  # a library that makes SIPp's clock finer than 4 ms
        env["LD_PRELOAD"] = env["FINECLOCK"]
    return subprocess.Popen(
        ["sipp", "-sf", os.path.join(SCENARIOS, scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin",
         "-buff_size", "1000000", *more], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=env)


def stunnel(folder):
    """Takes TCP at 6061 and speaks TLS to 5061."""
    path = os.path.join(folder, "stunnel.conf")
    with open(path, "w") as f:
        f.write("foreground = yes\npid =\n[sip]\nclient = yes\naccept = 127.0.0.1:6061\nconnect = 127.0.0.1:5061\n")
    return subprocess.Popen(["stunnel", path], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL)


def end(processes, folder):
    """Ends them, the last one first, and removes their folder."""
    for p in reversed(processes):
        if p.poll() is None:
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(8)
            except subprocess.TimeoutExpired:
                p.kill()
    shutil.rmtree(folder, ignore_errors=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--register", action="store_true")
    parser.add_argument("rate", type=float)
    parser.add_argument("calls", type=int)
    parser.add_argument("warm", type=float)
    split = sys.argv.index("--")
    return parser.parse_args(sys.argv[1:split]), sys.argv[split + 1:]


def main():
    args, command = arguments()
    rate, calls, warm = args.rate, args.calls, args.warm
    folder = tempfile.mkdtemp(prefix="limen-load-")
    log = os.path.join(folder, "sut.log")
    processes = []
    try:
        with open(log, "w") as f:
            sut = subprocess.Popen(command, stdout=f, stderr=f, stdin=subprocess.DEVNULL)
        processes.append(sut)
        if not args.register:
            processes.append(sipp(folder, "answer_quiet.xml", 5080))
        if args.tls:
            processes.append(stunnel(folder))
        time.sleep(warm)
        if sut.poll() is not None:
            with open(log) as f:
                sys.exit(f"the system under test did not start:\n{f.read()[-1500:]}")
        before, began = cpu_seconds(sut.pid), time.monotonic()
        where = ["127.0.0.1:6061", "-t", "t1"] if args.tls else ["127.0.0.1:5060"]
        what = ["call_quiet.xml", 5090, "-d", "0", "-s", "+4930123456789"]
        if args.register:
            with open(os.path.join(folder, "users.csv"), "w") as f:
                f.write("SEQUENTIAL\n" + "".join(
                    f"u{i:06};[authentication username=u{i:06} password=secret]\n" for i in range(calls)))
            what = ["register.xml", 5090, "-inf", "users.csv", "-key", "expires", "3600"]
        uac = sipp(folder, *what, *where, "-r", str(rate), "-m", str(calls), "-trace_stat", "-stf", "stat.csv", "-fd", "1",
                   "-l", str(int(rate * 12)))
        processes.append(uac)
        uac.wait(calls / rate * 3 + 30)
        used, took = cpu_seconds(sut.pid) - before, time.monotonic() - began
        with open(os.path.join(folder, "stat.csv")) as f:
            last = list(csv.DictReader(f, delimiter=";"))[-1]
        ok = int(last["SuccessfulCall(C)"])
        print(json.dumps({
            "ok": ok, "failed": int(last["FailedCall(C)"]), "retrans": int(last["Retransmissions(C)"]),
            "wall_s": round(took, 2), "sut_cpu_s": round(used, 2), "sut_pss_mb": round(memory_mb(sut.pid), 1),
            "per_cpu_second": round(ok / max(used, 0.01))}))
    finally:
        end(processes, folder)


if __name__ == "__main__":
    main()
