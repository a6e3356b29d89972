#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""More calls than the box can finish, for ./bench b2bua.overload; run in a network namespace of its own.

    overload.py SECONDS BUILD-FOLDER WORK-FOLDER [--no-huge]

First the rate is raised until the box refuses a quarter: the most that it finished is its capacity. Then twice and four
times that is offered. Prints one JSON line with the calls that were finished in a second each time. limen-sip is to
be busy for a fifth of a core, so that SIPp on the same machine can offer so much, and take what is let in."""
import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import load

WARM_S, TARGET = 4, 20
FIRST, STEP, RATE_MAX, REFUSED = 400, 1.3, 12000, 0.25


def offer(folder, rate, seconds):
    """Calls that were finished in a second, and those that were refused, failed and sent again."""
    run_dir = tempfile.mkdtemp(dir=folder)
    uac = load.sipp(run_dir, "call_or_later.xml", 5090, "127.0.0.1:5060", "-r", str(int(rate)), "-m",
                    str(int(rate * seconds)), "-d", "0", "-s", "+4930123456789", "-trace_stat", "-stf", "stat.csv",
                    "-fd", "1", "-trace_counts", "-l", str(int(rate * 12)))
    began = time.monotonic()
    try:
        uac.wait(seconds * 4 + 40)
    except subprocess.TimeoutExpired:
        uac.send_signal(signal.SIGUSR1)
        uac.wait(40)
    took = time.monotonic() - began
    with open(os.path.join(run_dir, "stat.csv")) as f:
        last = list(csv.DictReader(f, delimiter=";"))[-1]
    name = next(n for n in os.listdir(run_dir) if n.endswith("_counts.csv"))
    with open(os.path.join(run_dir, name)) as f:
        counts = list(csv.DictReader(f, delimiter=";"))[-1]
    refused = sum(int(v) for k, v in counts.items() if k and "_503_" in k and k.endswith("Recv") and v)
    ended = int(last["SuccessfulCall(C)"])
    return {"offered": round(ended / took if took > seconds else ended / seconds, 1),
            "goodput": round((ended - refused) / took, 1), "refused": refused, "failed": int(last["FailedCall(C)"]),
            "retrans": int(last["Retransmissions(C)"]), "wall_s": round(took, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int)
    parser.add_argument("build")
    parser.add_argument("work")
    parser.add_argument("--no-huge", action="store_true")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="limen-overload-")
    processes = []
    try:
        processes.append(load.sipp(folder, "answer_quiet.xml", 5080))
        with open(os.path.join(folder, "box.log"), "w") as log:
            processes.append(subprocess.Popen(
                [sys.executable, os.path.join(load.HERE, "box.py"), args.build, args.work, "--target-load", str(TARGET),
                 *(["--no-huge"] if args.no_huge else [])], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log))
        time.sleep(WARM_S)
        rate, capacity, steps = FIRST, None, []
        while rate < RATE_MAX:
            steps.append(offer(folder, rate, args.seconds))
            if steps[-1]["refused"] + steps[-1]["failed"] > REFUSED * rate * args.seconds:
                break
            rate *= STEP
        capacity = max(steps, key=lambda step: step["goodput"])
        result = {"rate": int(rate), "capacity": capacity}
        for times in (2, 4):
            result[f"x{times}"] = offer(folder, capacity["goodput"] * times, args.seconds)
        print(json.dumps(result))
    finally:
        load.end(processes, folder)


if __name__ == "__main__":
    main()
