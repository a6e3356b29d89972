# SPDX-License-Identifier: GPL-3.0-or-later
"""Instructions that voice processing spends on a frame of 20 ms at 8 kHz (tests/perf/voice_bench),
under callgrind: two runs of different length, so that the start does not count."""
import re
import subprocess

from .common import BenchError, say
from .table import row

FRAMES = (1000, 3000)


def collected(command):
    """Instructions of a program from start to end."""
    argv = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise BenchError("valgrind is not installed; run tools/dev/packages bench") from None
    except subprocess.TimeoutExpired:
        raise BenchError("callgrind did not end within 120 s") from None
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise BenchError(f"callgrind counted nothing:\n{done.stderr[-600:]}")
    return int(found.group(1))


def frames(bench, names):
    own = bench.program("tests", "perf", "voice_bench")
    rows = []
    for name in names:
        few, many = (collected([own, name.split(".", 1)[1], str(n)]) for n in FRAMES)
        value = round((many - few) / (FRAMES[1] - FRAMES[0]))
        say(f"{name}: {value} instructions a frame")
        rows.append(row(name, value, "instructions/frame (callgrind)"))
    return rows
