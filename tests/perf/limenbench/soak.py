#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls at one rate for a while, then nothing: is everything given back? For ./bench b2bua.soak, run
in a network namespace of its own.

    soak.py RATE SECONDS BUILD-FOLDER WORK-FOLDER [--no-huge]

Prints one JSON line: how many calls there were, how many failed, their set-up times with the box
between and without it, and what is left of calls, dialogs, transactions and media sessions."""
import argparse
import csv
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import load

WARM_S = 4
LEFT_S = 90  # a transaction lives for 32 s after its last message


def cli(args, command):
    done = subprocess.run([os.path.join(args.build, "cli", "shell", "limen"), "--run-dir", os.path.join(args.work, "run"),
                           "-c", f"{command} | json"], capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


def left(args):
    counters = {row["counter"]: row["value"] for row in cli(args, "show sip-ua statistics")}
    found = {name: counters[name] for name in ("calls-active", "dialogs", "transactions")}
    found["sessions"] = cli(args, "show platform")["sessions"]
    return found


def wait_left(args):
    """What is left when nothing is, or when it does not get less any more."""
    deadline = time.monotonic() + LEFT_S
    while True:
        found = left(args)
        if not any(found.values()) or time.monotonic() > deadline:
            return found
        time.sleep(1)


def percentile(values, share):
    return round(values[min(len(values) - 1, int(len(values) * share))], 3) if values else None


def calls(folder, rate, n, port):
    """n calls to that port of this machine. SIPp's last statistics and the sorted set-up times in ms."""
    run_dir = tempfile.mkdtemp(dir=folder)
    uac = load.sipp(run_dir, "call_quiet.xml", 5090, f"127.0.0.1:{port}", "-r", str(rate), "-m", str(n), "-d", "0",
                    "-s", "+4930123456789", "-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_rtt", "-rtt_freq",
                    "50", "-l", str(int(rate * 12)))
    began = time.monotonic()
    try:
        uac.wait(n / rate * 3 + 30)
    except subprocess.TimeoutExpired:
        uac.send_signal(signal.SIGUSR1)  # SIPp's way to end with its statistics written
        uac.wait(40)
    took = time.monotonic() - began
    with open(os.path.join(run_dir, "stat.csv")) as f:
        last = list(csv.DictReader(f, delimiter=";"))[-1]
    times = []
    for path in glob.glob(os.path.join(run_dir, "*_rtt.csv")):
        with open(path) as f:
            times += [float(r[1]) for r in csv.reader(f, delimiter=";") if len(r) > 1 and r[1][:1].isdigit()]
    return {"ok": int(last["SuccessfulCall(C)"]), "failed": int(last["FailedCall(C)"]),
            "retrans": int(last["Retransmissions(C)"]), "wall_s": round(took, 2)}, sorted(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rate", type=int)
    parser.add_argument("seconds", type=int)
    parser.add_argument("build")
    parser.add_argument("work")
    parser.add_argument("--no-huge", action="store_true")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="limen-soak-")
    processes = []
    try:
        processes.append(load.sipp(folder, "answer_quiet.xml", 5080))
        time.sleep(1)  # SIPp has no sign of being ready
        _, direct = calls(folder, args.rate, args.rate * 5, 5080)
        box = subprocess.Popen([sys.executable, os.path.join(load.HERE, "box.py"), args.build, args.work,
                                *(["--no-huge"] if args.no_huge else [])], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=open(os.path.join(folder, "box.log"), "w"))
        processes.append(box)
        time.sleep(WARM_S)
        calls(folder, args.rate, args.rate, 5060)
        wait_left(args)
        before, cpu = load.memory_mb(box.pid), load.cpu_seconds(box.pid)
        result, times = calls(folder, args.rate, args.rate * args.seconds, 5060)
        result["cpu_s"] = round(load.cpu_seconds(box.pid) - cpu, 2)
        result["left"] = wait_left(args)
        result["grown_mb"] = round(load.memory_mb(box.pid) - before, 1)
        result["setup_ms"] = {"p50": percentile(times, .5), "p99": percentile(times, .99)}
        result["direct_ms"] = {"p50": percentile(direct, .5), "p99": percentile(direct, .99)}
        print(json.dumps(result))
    finally:
        load.end(processes, folder)


if __name__ == "__main__":
    main()
