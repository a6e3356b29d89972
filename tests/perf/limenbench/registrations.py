# SPDX-License-Identifier: GPL-3.0-or-later
"""Registrations with digest (MD5, two requests each) per CPU-second of all processes of the box together,
the copy on disk included, against Kamailio's registrar with its bindings in memory, at the same rate,
alternately; and what a binding takes: in limen-sip by its allocator (tests/perf/registrar_bench.c; what grows
beside it, as the ring of messages does, is more than the bindings), in Kamailio by the memory of its processes."""
import json
import os
import sys

from .calls import _box_command, _prepare
from .common import BenchError, median, run, say
from .table import row

RATE, USERS, FEW, ROUNDS = 1000, 20000, 1000, 2
BINDINGS = 100000
WARM_S = 6  # the box reads its users
HERE = os.path.dirname(os.path.abspath(__file__))


def _load(name, command, users, count):
    argv = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, os.path.join(HERE, "load.py"),
            "--register", str(RATE), str(count), str(WARM_S), "--", *command]
    lines = [x for x in run(argv, timeout_s=count / RATE * 4 + 90).splitlines() if x.startswith("{")]
    result = json.loads(lines[-1]) if lines else {"ok": 0}
    if result["ok"] < count:
        raise BenchError(f"{count - result['ok']} of {count} registrations with {name} failed")
    say(f"registrar.digest {name}: {result['ok']} registrations of {users} users, {result['sut_cpu_s']} CPU-seconds, "
        f"{result['per_cpu_second']} registrations per CPU-second, {result['sut_pss_mb']} MB, {result['retrans']} retransmissions")
    return result


def digest(bench, names):
    _prepare(bench)
    users = FEW if bench.quick else USERS
    systems = {"limen": _box_command(bench, "--users", str(users)),
               "kamailio": ["kamailio", "-DD", "-E", "-m", "512", "-x", "tlsf", "-X", "tlsf",
                            "-f", os.path.join(HERE, "kamailio_registrar.cfg")]}
    runs = {name: [] for name in systems}
    for _ in range(1 if bench.quick else ROUNDS):
        for name, command in systems.items():
            runs[name].append(_load(name, command, users, users))

    def figure(name, key):
        return median([r[key] for r in runs[name]])
    rows = [row("registrar.digest", figure("limen", "per_cpu_second"), "registrations per CPU-second",
                figure("kamailio", "per_cpu_second"))]
    if bench.quick:
        return rows
    own = json.loads(run([bench.program("tests", "perf", "registrar_bench"), str(BINDINGS)]))["bytes_per_binding"]
    # The same users, few of them registered: what the others took is the memory of their bindings.
    few = _load("kamailio", systems["kamailio"], users, FEW)["sut_pss_mb"]
    reference = round((figure("kamailio", "sut_pss_mb") - few) * 1048576 / (users - FEW))
    return rows + [row("registrar.digest.memory", own, "octets/binding", reference)]
