# SPDX-License-Identifier: GPL-3.0-or-later
"""Look-ups of a call's way per CPU-second, one thread, in a route-table of a million prefixes with two of 100
carriers each (tests/perf/routing_bench). The reference, in the same process and of the same answers, is a sorted
array of the prefixes with a binary search for each length."""
import json

from .common import median, run, say
from .table import row


def lookups(bench, _names):
    own = bench.program("tests", "perf", "routing_bench")
    seconds, rounds = ("0.2", 1) if bench.quick else ("1", 3)
    runs = [json.loads(run([own, seconds])) for _ in range(rounds)]

    def figure(key):
        return median([r[key] for r in runs])
    say(f"routing.lookups: {figure('own'):.0f} a CPU-second with verdicts and numbers, {figure('table'):.0f} of the "
        f"table alone, {figure('e164'):.0f} of an e164-pattern-map of the same prefixes; loaded in "
        f"{figure('load_s'):.2f} CPU-seconds, {runs[0]['bytes'] / 1e6:.0f} MB for {runs[0]['ways']} ways")
    return [row("routing.lookups", figure("own"), "look-ups per CPU-second", figure("sorted")),
            row("routing.lookups.table", figure("table"), "look-ups per CPU-second", figure("sorted"))]
