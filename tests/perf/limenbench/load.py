#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp -> system under test -> SIPp on loopback, for ./bench b2bua.calls where the reference folder
is absent. Run in a network namespace of its own:  load.py RATE CALLS WARM-SECONDS -- COMMAND...

Prints one JSON line with the fields that sipbench's bench.py has for the same things."""
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
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
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
    return subprocess.Popen(
        ["sipp", "-sf", os.path.join(SCENARIOS, scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin",
         "-buff_size", "1000000", *more], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=dict(os.environ, TERM="dumb"))


def main():
    rate, calls, warm = (float(a) for a in sys.argv[1:4])
    folder = tempfile.mkdtemp(prefix="limen-load-")
    log = os.path.join(folder, "sut.log")
    processes = []
    try:
        with open(log, "w") as f:
            sut = subprocess.Popen(sys.argv[5:], stdout=f, stderr=f, stdin=subprocess.DEVNULL)
        processes.append(sut)
        processes.append(sipp(folder, "answer_quiet.xml", 5080))
        time.sleep(warm)
        if sut.poll() is not None:
            with open(log) as f:
                sys.exit(f"the system under test did not start:\n{f.read()[-1500:]}")
        before, began = cpu_seconds(sut.pid), time.monotonic()
        uac = sipp(folder, "call_quiet.xml", 5090, "127.0.0.1:5060", "-r", str(rate), "-m", str(int(calls)),
                   "-d", "0", "-s", "+4930123456789", "-trace_stat", "-stf", "stat.csv", "-fd", "1",
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
        for p in reversed(processes):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
                try:
                    p.wait(8)
                except subprocess.TimeoutExpired:
                    p.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
