# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet of SIP for Linux costs the worker with no blocked source and with as many as there may be
(tests/perf/block_inproc): instructions under callgrind, from two runs of different length; nanoseconds by the TSC."""
import re

from .common import BenchError, run, say
from .table import row
from .voice import collected

BURST, BURSTS = 32, (200, 1200)
KINDS = {"blocks.none": ("0", "pass"), "blocks.full.pass": ("65536", "pass"), "blocks.full.drop": ("65536", "drop")}


def packets(bench, names):
    own = bench.program("tests", "perf", "block_inproc")
    rows = []
    for name in names:
        few, many = (collected([own, *KINDS[name], str(n)]) for n in BURSTS)
        value = round((many - few) / (BURSTS[1] - BURSTS[0]) / BURST)
        found = re.search(r"([0-9.]+) ns/packet", run([own, *KINDS[name], "20000"]))
        if not found:
            raise BenchError("block_inproc printed no figure")
        say(f"{name}: {value} instructions and {found.group(1)} ns a packet")
        rows += [row(name, value, "instructions/packet (callgrind)"), row(name + ".ns", float(found.group(1)), "ns/packet")]
    return rows
