# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls per CPU-second of all processes of the box together, against Kamailio as a stateful proxy
at the same rate, alternately. The load comes from sipbench (../shared/reference/sipbench); where
that folder is absent, from load.py, which has shorter messages, and there is no ratio."""
import json
import os
import shutil
import subprocess
import sys

from .common import BenchError, median, run, say
from .table import row

RATE, CALLS, ROUNDS = 400, 6000, 3
SOAK_RATE, SOAK_S = 1000, 60
WARM_S = 4  # the box replays its configuration and opens its sockets
HERE = os.path.dirname(os.path.abspath(__file__))


def _sipbench(bench, name, calls):
    return [os.path.join(bench.reference, "sipbench", "bench.py"), "call", "--rate", str(RATE),
            "--calls", str(calls), "--hold", "0", "--warm", str(WARM_S),
            "--max", str(calls / RATE * 3 + 30), "--name", name]


def _load(bench, clock, name, command, calls, tls=False):
    """One run in a network namespace of its own; the JSON object that the load script prints."""
    script = _sipbench(bench, name, calls) if bench.reference and not tls else \
        [os.path.join(HERE, "load.py"), *(["--tls"] if tls else []), str(RATE), str(calls), str(WARM_S)]
    argv = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *script,
            "--", *command]
    env = dict(os.environ, FINECLOCK=clock) if clock else None
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=calls / RATE * 4 + 90, env=env)
    except subprocess.TimeoutExpired:
        raise BenchError(f"the run with {name} did not end") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchError(f"no figure from the run with {name}:\n{(done.stderr or done.stdout)[-1500:]}")
    result = json.loads(lines[-1])
    say(f"b2bua.calls{'.tls' if tls else ''} {name}: {result['ok']} calls, {result['failed']} failed, "
        f"{result['sut_cpu_s']} CPU-seconds, {result['per_cpu_second']} calls per CPU-second, "
        f"{result['retrans']} retransmissions")
    if result["failed"] or result["ok"] < calls:
        raise BenchError(f"{result['failed']} of {calls} calls through {name} failed, "
                         f"{calls - result['ok'] - result['failed']} did not end:\n"
                         f"{done.stderr[-1500:]}")
    return result


def _box_command(bench, *more):
    work = os.path.join(bench.work, "calls")
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, os.path.join(HERE, "box.py"), bench.release, work, *more]
    return command if bench.huge else command + ["--no-huge"]


def _kamailio_command(bench):
    config = os.path.join(bench.reference, "sipbench", "kamailio", "proxy.cfg")
    return ["kamailio", "-DD", "-E", "-m", "512", "-x", "tlsf", "-X", "tlsf", "-A", "CHILDREN=1",
            "-f", config]


def _cpu_counts():
    """Whether this machine's CPU counts instructions (many virtual ones do not)."""
    try:
        done = subprocess.run(["perf", "stat", "-x", ",", "-e", "instructions", "true"], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0 and done.stderr.split(",")[0].isdigit()


def _instructions(bench, clock, name, command, count):
    """Instructions per call, kernel included, of a whole process tree after its start."""
    out = os.path.join(bench.work, f"perf-{name}")
    _load(bench, clock, name, ["perf", "stat", "-D", str(WARM_S * 1000), "-x", ",", "-e", "instructions",
                               "-o", out, "--", *command], count)
    with open(out) as f:
        for line in f:
            if "instructions" in line and line.split(",")[0].isdigit():
                return round(int(line.split(",")[0]) / count)
    raise BenchError(f"perf counted nothing in the run with {name}")


def _certificate(bench):
    """Of its own authority; both systems show the same."""
    paths = [os.path.join(bench.work, name) for name in ("box.pem", "box.key")]
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=box", "-keyout", paths[1], "-out", paths[0]])
    return paths


def _kamailio_tls(bench, certificate, key):
    config = os.path.join(bench.work, "tls.cfg")
    with open(config, "w") as f:
        f.write(f"[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n"
                f"certificate = {certificate}\nprivate_key = {key}\n")
    return ["kamailio", "-DD", "-E", "-m", "512", "-x", "tlsf", "-X", "tlsf", "-A", f"TLSCFG=\"{config}\"",
            "-f", os.path.join(HERE, "kamailio_tls.cfg")]


def _prepare(bench):
    if os.geteuid() != 0:
        raise BenchError("needs root for a network namespace; run it with sudo")
    for path in (("dataplane", "limen-dataplane"), ("controlplane", "limen-control"),
                 ("sip-b2bua", "limen-sip")):
        bench.program(*path)


def calls_tls(bench, names):
    """Callers by TLS on one connection, the called side by UDP."""
    _prepare(bench)
    certificate = _certificate(bench)
    own, reference = [], []
    rounds, count = (1, RATE) if bench.quick else (ROUNDS, CALLS)
    for _ in range(rounds):
        own.append(_load(bench, None, "limen", _box_command(bench, "--tls", *certificate), count, tls=True))
        reference.append(_load(bench, None, "kamailio", _kamailio_tls(bench, *certificate), count, tls=True))
    return [row("b2bua.calls.tls", median([r["per_cpu_second"] for r in own]), "calls per CPU-second",
                median([r["per_cpu_second"] for r in reference]))]


def soak(bench, names):
    """A minute at the rate that a carrier asks for, and whether everything is given back."""
    _prepare(bench)
    clock = _clock(bench)
    rate, seconds = (100, 5) if bench.quick else (SOAK_RATE, SOAK_S)
    work = os.path.join(bench.work, "soak")
    argv = [sys.executable, os.path.join(HERE, "soak.py"), str(rate), str(seconds), bench.release, work,
            *([] if bench.huge else ["--no-huge"])]
    out = run(["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv], seconds * 4 + 400,
              dict(os.environ, FINECLOCK=clock) if clock else None)
    result = json.loads(out)
    say(f"b2bua.soak: {result}")
    left = {name: n for name, n in result["left"].items() if n}
    if left:
        raise BenchError(f"after the last call there is left: {left}")
    return [row("b2bua.soak", round(result["ok"] / result["wall_s"], 1), "calls/s", rate),
            row("b2bua.soak.failed", result["failed"], "calls", None),
            row("b2bua.soak.setup.p50", result["setup_ms"]["p50"], "ms", result["direct_ms"]["p50"]),
            row("b2bua.soak.setup.p99", result["setup_ms"]["p99"], "ms", result["direct_ms"]["p99"]),
            row("b2bua.soak.grown", result["grown_mb"], "MB", None)]


def overload(bench, names):
    """What is finished of twice and four times as many calls as the box can finish, as a share of what it can."""
    _prepare(bench)
    clock = _clock(bench)
    work = os.path.join(bench.work, "overload")
    seconds = 3 if bench.quick else 10
    argv = [sys.executable, os.path.join(HERE, "overload.py"), str(seconds), bench.release, work,
            *([] if bench.huge else ["--no-huge"])]
    out = run(["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv], seconds * 60 + 300,
              dict(os.environ, FINECLOCK=clock) if clock else None)
    result = json.loads(out)
    say(f"b2bua.overload: {result}")
    capacity = result["capacity"]["goodput"]
    return [row("b2bua.overload", result["x2"]["goodput"], "calls/s finished of twice the capacity", capacity),
            row("b2bua.overload.x4", result["x4"]["goodput"], "calls/s finished of four times", capacity),
            row("b2bua.overload.failed", result["x2"]["failed"] + result["x4"]["failed"], "calls", None)]


def _clock(bench):
    """SIPp's own clock has steps of 4 ms; a library of the reference folder makes them finer."""
    return bench.reference_program("fineclock.so", ["sipbench/fineclock.c"], ["-O2", "-shared", "-fPIC", "-ldl"])


def calls(bench, names):
    _prepare(bench)
    clock = _clock(bench)
    own, reference = [], []
    rounds, count = (1, RATE) if bench.quick else (ROUNDS, CALLS)
    for _ in range(rounds):
        own.append(_load(bench, clock, "limen", _box_command(bench), count))
        if bench.reference:
            reference.append(_load(bench, clock, "kamailio", _kamailio_command(bench), count))

    def figure(runs, key):
        return median([r[key] for r in runs]) if runs else None
    rows = [row("b2bua.calls", figure(own, "per_cpu_second"), "calls per CPU-second",
                figure(reference, "per_cpu_second")),
            row("b2bua.memory", figure(own, "sut_pss_mb"), "MB", figure(reference, "sut_pss_mb"))]
    if not _cpu_counts():
        say("b2bua.calls: no instructions per call, because this CPU counts none (or perf is missing)")
        return rows
    per_call = _instructions(bench, clock, "limen", _box_command(bench), count)
    reference_per_call = _instructions(bench, clock, "kamailio", _kamailio_command(bench), count) \
        if bench.reference else None
    return rows + [row("b2bua.calls.instructions", per_call, "instructions/call", reference_per_call)]
