# SPDX-License-Identifier: GPL-3.0-or-later
"""What all measurements share: paths, the build, reference programs, hugepages, messages."""
import os
import shutil
import subprocess
import sys
import tempfile

_HUGE = "/sys/kernel/mm/hugepages/hugepages-2048kB"
RELEASE = ["-Doptimization=3", "-Db_lto=true"]  # as the README says
HUGE_PAGES_WANTED = 384  # 768 MB: 100,000 streams and their packets


class BenchError(Exception):
    """A measurement cannot be taken; the text says why and what to do."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def median(values):
    v = sorted(values)
    if not v:
        raise BenchError("no round gave a figure")
    return v[len(v) // 2] if len(v) % 2 else (v[len(v) // 2 - 1] + v[len(v) // 2]) / 2


def run(args, timeout_s=120, env=None, cwd=None):
    """Standard output of a program that must succeed."""
    try:
        done = subprocess.run(args, capture_output=True, text=True, timeout=timeout_s, env=env,
                              cwd=cwd, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise BenchError(f"{args[0]} is not there; run tools/dev/packages bench, then "
                         "ninja -C build") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{os.path.basename(args[0])} did not end within {timeout_s} s") from None
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise BenchError(f"{os.path.basename(args[0])} failed with status {done.returncode}:\n"
                         f"{tail}\n  (the command was: {' '.join(args)})")
    return done.stdout


class Hugepages:
    """Reserves what the measurement needs and puts the machine's old value back."""

    def __init__(self, pages=HUGE_PAGES_WANTED):
        self.old = None
        try:
            self.free = self._read("free_hugepages")
            if self.free < pages:
                old = self._read("nr_hugepages")
                self._write(old + pages - self.free)
                self.old = old
                self.free = self._read("free_hugepages")
        except OSError:
            self.free = 0
        self.enough = self.free >= pages
        if not self.enough:
            say(f"{self.free} free hugepages of the {pages} wanted: both sides run without them, "
                "slower (sysctl vm.nr_hugepages reserves them, best right after boot)")
            self.restore()

    def restore(self):
        if self.old is not None:
            self._write(self.old)
            self.old = None

    @staticmethod
    def _read(name):
        with open(f"{_HUGE}/{name}") as f:
            return int(f.read())

    @staticmethod
    def _write(value):
        with open(f"{_HUGE}/nr_hugepages", "w") as f:
            f.write(str(value))


class Bench:
    """One invocation of ./bench."""

    def __init__(self, top, reference=None, quick=False):
        self.top = top
        self.quick = quick
        self.build = os.path.join(top, "build")  # what is made here
        self.release = os.path.join(top, "build-release")  # the programs, as the README installs them
        self.work = tempfile.mkdtemp(prefix="limen-bench-")
        self.reference_asked = reference
        folder = reference or os.path.normpath(os.path.join(top, "..", "shared", "reference"))
        self.reference = folder if os.path.isdir(folder) else None
        self._huge = None

    def prepare(self):
        """Packages and the build, so that one command does it all."""
        packages = os.path.join(self.top, "tools", "dev", "packages")
        if os.access(packages, os.X_OK):
            say("bench: packages")
            self._visible([packages, "bench"])
        # Also where the README has made it, without benchmarks.
        again = ["--reconfigure"] if os.path.exists(os.path.join(self.release, "build.ninja")) else []
        say("bench: meson setup build-release")
        self._visible(["meson", "setup", *again, self.release, self.top, *RELEASE, "-Dtests=disabled", "-Dbench=true"])
        say("bench: ninja -C build-release")
        self._visible(["ninja", "-C", self.release])
        if self.reference is None and self.reference_asked:
            raise BenchError(f"{self.reference_asked} is not a folder")
        if self.reference is None:
            say("bench: no reference programs at ../shared/reference, so no ratios")

    def close(self):
        if self._huge:
            self._huge.restore()
        shutil.rmtree(self.work, ignore_errors=True)

    @property
    def huge(self):
        """Whether packet memory is on hugepages; reserves them at the first question."""
        if self._huge is None:
            self._huge = Hugepages()
        return self._huge.enough

    def program(self, *path):
        full = os.path.join(self.release, *path)
        if not os.access(full, os.X_OK):
            raise BenchError(f"{os.path.relpath(full, self.top)} is not built; see what "
                             "ninja -C build-release says")
        return full

    def reference_program(self, output, sources, flags):
        """Builds a reference program into build/reference; None without the folder."""
        if self.reference is None:
            return None
        paths = [os.path.join(self.reference, s) for s in sources]
        missing = [p for p in paths if not os.path.exists(p)]
        if missing:
            raise BenchError(f"the reference folder is there but not {missing[0]}")
        folder = os.path.join(self.build, "reference")
        os.makedirs(folder, exist_ok=True)
        target = os.path.join(folder, output)
        newest = max(os.path.getmtime(p) for p in paths)
        if not os.path.exists(target) or os.path.getmtime(target) < newest:
            say(f"bench: building the reference {output}")
            run(["gcc", *paths, "-o", target, *flags])
        return target

    @staticmethod
    def _visible(args):
        try:
            done = subprocess.run(args, stdout=sys.stderr, stdin=subprocess.DEVNULL)
        except FileNotFoundError:
            raise BenchError(f"{args[0]} is not installed; run tools/dev/packages bench") from None
        if done.returncode != 0:
            raise BenchError(f"'{' '.join(args)}' failed with status {done.returncode}, see above")
