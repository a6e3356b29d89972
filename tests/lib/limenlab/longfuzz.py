# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/dev/fuzz: many executions of fuzz targets, in slices, the targets in turn. What they find goes
on in the next run: build/fuzz/TARGET/ has the corpus, the findings and the log of the last slice,
build/fuzz/totals.json the executions of all runs. The table at the end is Markdown."""
import argparse
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

from .build import ROOT, build, say
from .check import BUILDS, SANITIZER_ENV, corpora, fuzz_names
from .proc import LabError, die_with_parent

HOME = os.path.join(ROOT, "build", "fuzz")
# What parses the octets of strangers in the signalling: messages, SDP, URIs, WebSocket, digest of both sides.
DEFAULT = ["sip_msg", "sdp", "sip_uri", "sip_ws", "sip_digest", "sip_auth"]
SLICE = 500_000
MAX_LEN = 4096
TIMEOUT_S = 10
RSS = "-rss_limit_mb=1024"
CLOCKED = ("slow-unit-", "timeout-")
FINDINGS_MAX = 5  # of one target; then it is left alone
# Comparisons are traced by the targets of ./check; here their cost buys less than executions do.
FOLDER = "build-fuzz-long"
# A small quarantine stays in the cache; it still sees a use after free within one execution.
LONG_ENV = dict(SANITIZER_ENV, ASAN_OPTIONS=SANITIZER_ENV["ASAN_OPTIONS"] + ":quarantine_size_mb=8:malloc_context_size=8")


def options():
    opts, env = BUILDS["build-fuzz"]
    return [o + " -fno-sanitize-coverage=trace-cmp" if o.startswith("-Dc_args=") else o for o in opts], env


class Target:
    def __init__(self, name, total):
        self.name, self.total = name, total
        self.home = os.path.join(HOME, name)
        self.corpus, self.findings = os.path.join(self.home, "corpus"), os.path.join(self.home, "findings")
        os.makedirs(self.corpus, exist_ok=True)
        os.makedirs(self.findings, exist_ok=True)
        self.done, self.cpu_s = 0, 0.0  # of this run

    def found(self):
        return sorted(os.listdir(self.findings))

    def program(self):
        return os.path.join(ROOT, FOLDER, "tests/fuzz", self.name + "_fuzz")

    def drop_fast(self):
        """A process that is stopped (SIGSTOP) finds the input slow at which it stood, as its clock goes on: what takes
        no such time when it runs again is no finding. Returns the names of what is dropped."""
        dropped = set()
        for name in [n for n in self.found() if n.startswith(CLOCKED)]:
            before = os.times()
            again = subprocess.run([self.program(), f"-timeout={TIMEOUT_S}", RSS, f"-artifact_prefix={self.home}/again-",
                                    os.path.join(self.findings, name)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=dict(os.environ, **LONG_ENV), preexec_fn=die_with_parent)
            after = os.times()
            cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
            for left in glob.glob(os.path.join(self.home, "again-*")):
                os.unlink(left)
            if again.returncode == 0 and cpu_s < TIMEOUT_S / 2:
                os.unlink(os.path.join(self.findings, name))
                say(f"{self.name}: {name} takes {cpu_s:.1f} s when it runs again, no finding")
                dropped.add(name)
        return dropped

    def argv(self, runs, max_s):
        return [self.program(), f"-runs={runs}", f"-max_len={MAX_LEN}",
                f"-max_total_time={max(1, int(max_s))}", f"-timeout={TIMEOUT_S}", RSS, "-entropic=0", "-verbosity=1",
                "-print_final_stats=1", f"-artifact_prefix={self.findings}/", self.corpus] + corpora(self.name)

    def slice(self, runs, max_s):
        """False when it found something."""
        log = os.path.join(self.home, "log")
        before = os.times()
        with open(log, "w") as out:
            child = subprocess.Popen(self.argv(runs, max_s), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.home,
                                     env=dict(os.environ, **LONG_ENV), preexec_fn=die_with_parent)
            try:
                status = child.wait()
            except KeyboardInterrupt:
                child.send_signal(signal.SIGINT)
                child.wait()
                raise
        after = os.times()
        with open(log, errors="replace") as f:
            text = f.read()
        units = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
        n = int(units[1]) if units else 0
        self.done += n
        self.total["executions"] += n
        self.cpu_s += after.children_user + after.children_system - before.children_user - before.children_system
        if status == 0 and n == 0:
            raise LabError(f"{self.name} executed nothing, see {log}")
        written = {os.path.basename(p) for p in re.findall(r"Test unit written to (\S+)", text)}
        if status != 0 and not written:
            raise LabError(f"{self.name} ended with {status} and left no input, see {log}")
        written -= self.drop_fast()
        if written:
            say("\n".join(text.strip().split("\n")[-30:]))
        return not written


def totals_load(path):
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        return json.load(f)


def totals_save(path, totals):
    with open(path + ".new", "w") as f:
        json.dump(totals, f, indent=1, sort_keys=True)
    os.replace(path + ".new", path)


def table(targets):
    lines = ["", "| target | executions now | in all | per CPU-second | corpus | findings |", "|---|---|---|---|---|---|"]
    for t in targets:
        rate = f"{t.done / t.cpu_s:,.0f}" if t.cpu_s > 0 else "-"
        lines.append(f"| {t.name} | {t.done:,} | {t.total['executions']:,} | {rate} | {len(os.listdir(t.corpus)):,} | {len(t.found())} |")
    now, ever = sum(t.done for t in targets), sum(t.total["executions"] for t in targets)
    cpu = sum(t.cpu_s for t in targets)
    lines.append(f"| all | {now:,} | {ever:,} | {f'{now / cpu:,.0f}' if cpu > 0 else '-'} | | {sum(len(t.found()) for t in targets)} |")
    return "\n".join(lines)


def fuzz(targets, totals_path, totals, wanted, seconds):
    """Slices in turn until each target has its share, or the time is over."""
    share, t0, shown = -(-wanted // len(targets)), time.monotonic(), time.monotonic()
    while True:
        left = [t for t in targets if t.done < share and len(t.found()) < FINDINGS_MAX]
        if not left or time.monotonic() - t0 >= seconds:
            return
        for t in left:
            rest = seconds - (time.monotonic() - t0)
            if rest <= 0:
                return
            if not t.slice(min(SLICE, share - t.done), rest):
                say(f"{t.name}: a finding, see {t.findings}")
            totals_save(totals_path, totals)
            if time.monotonic() - shown >= 30:
                shown = time.monotonic()
                done = sum(t.done for t in targets)
                say(f"{shown - t0:7.0f} s  {done:,} of {wanted:,} executions, {sum(len(t.found()) for t in targets)} findings")


def main(argv):
    parser = argparse.ArgumentParser(prog="tools/dev/fuzz", description=__doc__)
    parser.add_argument("--executions", type=lambda s: int(float(s)), default=1_000_000, help="of all targets together, e.g. 1e8")
    parser.add_argument("--seconds", type=float, default=86400.0, help="end after this time at the latest (a day)")
    parser.add_argument("targets", nargs="*", default=DEFAULT, help=f"default: {' '.join(DEFAULT)}")
    args = parser.parse_args(argv)
    unknown = [t for t in args.targets if t not in fuzz_names()]
    if unknown or args.executions < 1:
        print(f"fuzz: no target is called {' '.join(unknown)}" if unknown else "fuzz: at least one execution", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        build(FOLDER, *options(), [f"tests/fuzz/{t}_fuzz" for t in args.targets])
        os.makedirs(HOME, exist_ok=True)
        path = os.path.join(HOME, "totals.json")
        totals = totals_load(path)
        targets = [Target(t, totals.setdefault(t, {"executions": 0})) for t in args.targets]
        try:
            fuzz(targets, path, totals, args.executions, args.seconds)
        except KeyboardInterrupt:
            say("fuzz: interrupted; what was found is kept")
        totals_save(path, totals)
    except (LabError, OSError) as exc:  # a build folder of root's, too
        print(f"fuzz: {exc}", file=sys.stderr)
        return 1
    say(table(targets))
    return 1 if any(t.found() for t in targets) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
