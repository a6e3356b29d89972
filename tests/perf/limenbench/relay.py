# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets per second of one worker running the product's own stages in one process
(tests/perf/relay_inproc), against the least that such a relay must do (relay_bench)."""
import os
import re
import subprocess

from .common import BenchError, median, run, say
from .table import row

ROUNDS = 5
REFERENCE_LOOKUPS = ("direct", "bucket")
COUNT_BATCHES = (2, 22)  # of 2048 packets, under callgrind: the difference is free of the start


def _reference(bench):
    try:
        libs = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], check=True,
                              capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        raise BenchError("pkg-config does not know libdpdk; run tools/dev/packages bench") from None
    return bench.reference_program("relay_bench", ["relay_bench.c"],
                                   ["-O3", "-march=native", *libs, "-lrte_net_ring"])


def eal(huge):
    # EAL refuses --in-memory together with --no-huge.
    memory = ["--in-memory"] if huge else ["--no-huge", "--no-shconf", "-m", "700"]
    cpu = max(os.sched_getaffinity(0))
    return ["-l", str(cpu), "--no-pci", "--iova-mode=va", "--no-telemetry", "--log-level=4", *memory,
            "--"]


def _mpps(text, what):
    found = re.search(r"Mpps\(med\) ([0-9.]+)", text)
    if not found:
        raise BenchError(f"{what} printed no figure:\n{text.strip()}")
    return float(found.group(1))


def _alternate(bench, name, own, reference):
    """Medians in packets per second: (own, better reference or None)."""
    streams = name.rsplit(".", 1)[1]
    runs = f"runs={1 if bench.quick else 3}"
    rounds = 1 if bench.quick else ROUNDS
    values, references = [], {lookup: [] for lookup in REFERENCE_LOOKUPS}
    for n in range(rounds):
        values.append(_mpps(run([own, *eal(bench.huge), f"streams={streams}", runs]), own))
        text = f"{name} round {n + 1}/{rounds}: {values[-1]:.2f} M packets/s"
        for lookup in REFERENCE_LOOKUPS if reference else ():
            out = run([reference, *eal(bench.huge), f"flows={streams}", f"lookup={lookup}", "rtp=1",
                       runs])
            references[lookup].append(_mpps(out, reference))
            text += f", reference {lookup} {references[lookup][-1]:.2f}"
        say(text)
    best = max(median(v) for v in references.values()) * 1e6 if reference else None
    return median(values) * 1e6, best


def _instructions(bench, own, streams):
    """User instructions per packet: by the CPU's counter where it has one, else by callgrind."""
    text = run([own, *eal(bench.huge), f"streams={streams}", "runs=1"])
    counted = re.search(r"instructions/pkt ([0-9.]+)", text)
    if counted:
        return float(counted.group(1)), "instructions/packet (CPU counter)"
    collected = []
    for batches in COUNT_BATCHES:
        args = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                "--toggle-collect=rig_run", own, *eal(False), f"streams={streams}",
                f"runs={batches}", "seconds=0"]
        try:
            done = subprocess.run(args, capture_output=True, text=True, timeout=300,
                                  stdin=subprocess.DEVNULL)
        except FileNotFoundError:
            raise BenchError("valgrind is not installed; run tools/dev/packages bench") from None
        except subprocess.TimeoutExpired:
            raise BenchError("callgrind did not end within 300 s") from None
        found = re.search(r"Collected : (\d+)", done.stderr)
        packets = re.search(r"packets=(\d+)", done.stdout)
        if not found or not packets:
            raise BenchError(f"callgrind counted nothing:\n{done.stderr[-600:]}")
        collected.append((int(found.group(1)), int(packets.group(1))))
    (few, n_few), (many, n_many) = collected
    return round((many - few) / (n_many - n_few), 1), "instructions/packet (callgrind)"


def inproc(bench, names):
    own = bench.program("tests", "perf", "relay_inproc")
    reference = _reference(bench) if bench.reference else None
    rows = []
    for name in names:
        value, best = _alternate(bench, name, own, reference)
        rows.append(row(name, value, "packets/s", best))
        count, unit = _instructions(bench, own, name.rsplit(".", 1)[1])
        rows.append(row(name + ".instructions", count, unit))
    return rows
