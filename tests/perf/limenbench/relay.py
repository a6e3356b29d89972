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


def _reference(bench):
    flags = ["-O3", "-march=native"]
    flags += subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], check=True,
                            capture_output=True, text=True).stdout.split()
    return bench.reference_program("relay_bench", ["relay_bench.c"], flags + ["-lrte_net_ring"])


def _eal(bench):
    # EAL refuses --in-memory together with --no-huge.
    memory = ["--in-memory"] if bench.huge else ["--no-huge", "--no-shconf", "-m", "700"]
    cpu = max(os.sched_getaffinity(0))
    return ["-l", str(cpu), "--no-pci", "--iova-mode=va", "--no-telemetry", "--log-level=4", *memory,
            "--"]


def _mpps(text, what):
    found = re.search(r"Mpps\(med\) ([0-9.]+)", text)
    if not found:
        raise BenchError(f"{what} printed no figure:\n{text.strip()}")
    return float(found.group(1))


def inproc(bench, names):
    own = bench.program("tests", "perf", "relay_inproc")
    reference = _reference(bench)
    rounds = 1 if bench.quick else ROUNDS
    rows = []
    for name in names:
        flows = name.rsplit(".", 1)[1]
        values, references = [], {lookup: [] for lookup in REFERENCE_LOOKUPS}
        for n in range(rounds):
            values.append(_mpps(run([own, *_eal(bench), f"flows={flows}", "runs=3"]), own))
            text = f"{name} round {n + 1}/{rounds}: {values[-1]:.2f} M packets/s"
            for lookup in REFERENCE_LOOKUPS if reference else ():
                out = run([reference, *_eal(bench), f"flows={flows}", f"lookup={lookup}", "rtp=1",
                           "runs=3"])
                references[lookup].append(_mpps(out, reference))
                text += f", reference {lookup} {references[lookup][-1]:.2f}"
            say(text)
        best = max(median(v) for v in references.values()) * 1e6 if reference else None
        rows.append(row(name, median(values) * 1e6, "packets/s", best))
    return rows
