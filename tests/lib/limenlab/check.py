# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo ./check [NAME...]      every test, or those whose name holds one of the words
   ./check --list             the names

Groups: lint/  unit/  asan/ (the unit tests under address and undefined-behaviour sanitizers)
fuzz/ (each parser for a short time)  netns/ (the real programs against real peers)
lab/ (./lab itself).
Logs are kept in build/check/. The last line is 'N passed, N failed'."""
import concurrent.futures
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from . import labtest, lint
from .build import ROOT, build, say
from .proc import LabError, die_with_parent, run
from .runner import DEFAULT_TIMEOUT_S, SKIPPED, load

LOGS = os.path.join(ROOT, "build", "check")
FUZZ_S = 3
NETNS_SLOTS = 3
# Lines in the reports are enough: less to write for the compiler.
SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=1", "-Ddebug=false"]
BUILDS = {  # name: (meson options, environment)
    "build": (["-Dwerror=true"], {}),
    # Sanitizers make the compiler see flows that are none: its warnings are those of "build".
    "build-asan": (SANITIZE + ["-Dc_args=-g1"], {}),
    # Objects of the programs need the fuzzer's coverage counters, not its main().
    "build-fuzz": (SANITIZE + ["-Dfuzz=true", "-Ddataplane=enabled", "-Dc_args=-g1 -fsanitize=fuzzer-no-link"], {"CC": "clang"}),
}
SANITIZER_ENV = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99", "LSAN_OPTIONS": "print_suppressions=0",
                 "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


class Results:
    def __init__(self, total):
        self.passed, self.failed, self.skipped, self.total = [], [], [], total
        self._lock = threading.Lock()

    def add(self, name, status, seconds, text="", log=None):
        """status: "ok", "FAILED" or "skipped". One line; what failed is shown below it."""
        with self._lock:
            {"ok": self.passed, "FAILED": self.failed, "skipped": self.skipped}[status].append(name)
            done = len(self.passed) + len(self.failed) + len(self.skipped)
            say(f"{seconds:7.1f} s  {status:7s} {name}   [{done}/{self.total}]")
            if status != "ok" and text.strip():
                say("             | " + "\n             | ".join(text.strip().split("\n")[-40:]))
            if status == "FAILED" and log:
                say(f"             log: {os.path.relpath(log, ROOT)}")

    def last_line(self):
        more = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"{len(self.passed)} passed, {len(self.failed)} failed{more}"


# ---- what there is ----

def netns_files():
    return {"netns/" + os.path.basename(p)[:-3]: p for p in sorted(glob.glob(os.path.join(ROOT, "tests/netns/*.py")))
            if not os.path.basename(p).startswith("_")}


def meson_names(folder):
    """Names of the tests of a build folder that is set up."""
    out = run(["meson", "introspect", "--tests", os.path.join(ROOT, folder)], timeout_s=60)[1]
    return sorted(t["name"] for t in json.loads(out))


def fuzz_names():
    with open(os.path.join(ROOT, "tests/fuzz/meson.build")) as f:
        return sorted(re.findall(r"'(\w+)':", f.read()))


def corpora(target):
    """Folders of inputs that a target begins with: its own, and what others have that it reads, too."""
    data, torture = os.path.join(ROOT, "tests/data"), ["sip/rfc4475", "sip/rfc5118"]
    more = {"sip_msg": torture, "diff_msg": torture + ["fuzz/sip_msg"], "diff_uri": ["fuzz/sip_uri"],
            "diff_digest": ["fuzz/sip_digest", "fuzz/sip_auth"]}
    return [os.path.join(data, d) for d in [os.path.join("fuzz", target)] + more.get(target, [])]


def unit_names():
    """As meson knows them; sets up the build folder where there is none yet."""
    build("build", *BUILDS["build"], setup_only=True)
    return [n for n in meson_names("build") if not n.startswith("fuzz/")]


def unregistered():
    """Test programs that no meson.build names, so that nothing ever runs them."""
    built = json.loads(run(["meson", "introspect", "--targets", os.path.join(ROOT, "build")], timeout_s=60)[1])
    sources = {s for t in built for group in t.get("target_sources", []) for s in group.get("sources", [])}
    files = [f for f in glob.glob(os.path.join(ROOT, "tests/unit/*/test_*.c")) if f not in sources]
    known = fuzz_names()
    files += [f for f in glob.glob(os.path.join(ROOT, "tests/fuzz/*_fuzz.c")) if os.path.basename(f)[:-len("_fuzz.c")] not in known]
    return [os.path.relpath(f, ROOT) for f in sorted(files)]


def everything():
    units = unit_names()
    return [f"lint/{n}" for n in list(lint.RULES) + ["registered"]] + [f"unit/{n}" for n in units] + \
        [f"asan/{n}" for n in units] + [f"fuzz/{n}" for n in fuzz_names()] + list(netns_files()) + \
        [f"lab/{n}" for n in labtest.TESTS]


# ---- running ----

def run_lint(name, results):
    t0 = time.monotonic()
    rule = name.split("/", 1)[1]
    faults = [f"{f} is in no meson.build: it is never run" for f in unregistered()] if rule == "registered" else lint.RULES[rule]()
    results.add(name, "FAILED" if faults else "ok", time.monotonic() - t0, "\n".join(faults))


def run_meson(folder, group, names, results):
    """All wanted unit tests of one build folder in one run of meson."""
    wanted = [n.split("/", 1)[1] for n in names]
    log = os.path.join(ROOT, folder, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    env = dict(os.environ, **SANITIZER_ENV)
    subprocess.run(["meson", "test", "-C", os.path.join(ROOT, folder), "--no-rebuild", "-t", "4", "--num-processes", "2"] +
                   wanted, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env,
                   check=False)
    rows = {}
    if os.path.exists(log):
        with open(log) as f:
            for line in f:
                row = json.loads(line)
                rows[row["name"].split(" / ", 1)[-1]] = row
    for meson_name in wanted:
        row = rows.get(meson_name)
        if row is None:
            results.add(f"{group}/{meson_name}", "FAILED", 0, "meson did not run it")
            continue
        text = (row.get("stdout") or "") + (row.get("stderr") or "")
        status = {"OK": "ok", "SKIP": "skipped"}.get(row["result"], "FAILED")
        path = keep_log(f"{group}/{meson_name}", text)
        results.add(f"{group}/{meson_name}", status, row.get("duration") or 0, text if status != "ok" else "", path)


def keep_log(name, text):
    path = os.path.join(LOGS, name.replace("/", "-") + ".log")
    with open(path, "w") as f:
        f.write(text)
    return path


def run_fuzz(name, results):
    """The corpus first, then inputs made of it for a while, the same each time as far as the while reaches: two checks
    of a tree agree. New ones are what tools/dev/fuzz is for. Findings stay in build/check/."""
    target = name.split("/", 1)[1]
    work = os.path.join(LOGS, f"fuzz-{target}")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "new"))
    missing = [d for d in corpora(target) if not os.path.isdir(d) or not os.listdir(d)]
    if missing:
        results.add(name, "FAILED", 0, f"no inputs to begin with in {' '.join(missing)}")
        return
    exe = os.path.join(ROOT, "build-fuzz/tests/fuzz", f"{target}_fuzz")
    seconds = int(os.environ.get("LIMEN_FUZZ_S", FUZZ_S))
    argv = [exe, "-seed=1", f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024", f"-artifact_prefix={work}/", "-print_final_stats=1",
            os.path.join(work, "new")] + corpora(target)
    t0 = time.monotonic()
    status, text = supervised(argv, seconds + 60, env=SANITIZER_ENV, cwd=work)
    path = keep_log(name, text)
    units = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    if status == 0 and units and int(units[1]) > 0:
        results.add(f"{name}", "ok", time.monotonic() - t0)
    else:
        results.add(name, "FAILED", time.monotonic() - t0, text, path)


def supervised(argv, timeout_s, env=None, cwd=None):
    """Runs a program that ends with this one and is ended when it takes too long."""
    try:
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace", env=dict(os.environ, **(env or {})), cwd=cwd, start_new_session=True,
                             preexec_fn=die_with_parent)
    except OSError as exc:
        return 127, str(exc)
    CHILDREN.add(p)
    try:
        out, _ = p.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        p.terminate()  # the runner cleans up
        try:
            out, _ = p.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            p.kill()
            out, _ = p.communicate()
        out += f"\nno end after {timeout_s} s"
        return 124, out
    finally:
        CHILDREN.discard(p)
    return p.returncode, out


CHILDREN = set()


def run_netns(name, path, results):
    work = os.path.join(LOGS, name.replace("/", "-"))
    shutil.rmtree(work, ignore_errors=True)
    try:
        limit = getattr(load(path), "TIMEOUT_S", DEFAULT_TIMEOUT_S) + 60
    except Exception as exc:
        results.add(name, "FAILED", 0, f"{path} cannot be loaded: {exc}")
        return
    t0 = time.monotonic()
    status, text = supervised([sys.executable, "-m", "limenlab.runner", path, work], limit,
                              env={"PYTHONPATH": os.path.join(ROOT, "tests/lib"),
                                   "LIMEN_BUILD": os.path.join(ROOT, build_of(path)), **SANITIZER_ENV})
    log = keep_log(name, text)
    word = {0: "ok", SKIPPED: "skipped"}.get(status, "FAILED")
    results.add(name, word, time.monotonic() - t0, text, work if os.path.isdir(work) else log)


def run_labtest(name, results):
    t0 = time.monotonic()
    status, text = supervised([sys.executable, "-m", "limenlab.labtest", name.split("/", 1)[1]], 240,
                              env={"PYTHONPATH": os.path.join(ROOT, "tests/lib")})
    log = keep_log(name, text)
    results.add(name, "ok" if status == 0 else "FAILED", time.monotonic() - t0, text, log)


def clean_leftovers():
    """Namespaces and folders of runs that were killed: their names end in the pid of the runner."""
    for path in glob.glob("/run/netns/limen-*-*"):
        m = re.fullmatch(r"limen-(.+)-(\d+)-(access|box|peering)", os.path.basename(path))
        if m and not os.path.exists(f"/proc/{m[2]}"):
            run(["ip", "netns", "del", os.path.basename(path)], check=False)
    for path in glob.glob("/run/limen-test-*"):
        if not os.path.exists(f"/proc/{path.rsplit('-', 1)[1]}"):
            shutil.rmtree(path, ignore_errors=True)


def choose(words):
    names = everything()
    if not words:
        return names
    chosen = []
    for word in words:
        hits = [n for n in names if n == word] or [n for n in names if word in n]
        if not hits:
            raise LabError(f"no test is called '{word}'; ./check --list names them")
        chosen += [n for n in hits if n not in chosen]
    return [n for n in names if n in chosen]


def group(names, prefix):
    return [n for n in names if n.startswith(prefix + "/")]


def prepare(names, results):
    """Builds what the chosen tests need; a build that fails fails all tests that stand on it."""
    need = {"build": group(names, "unit") + group(names, "lab"), "build-asan": group(names, "asan"),
            "build-fuzz": group(names, "fuzz")}
    files = netns_files()
    for name in group(names, "netns"):
        need[build_of(files[name])].append(name)
    for folder, tests in need.items():
        if not tests:
            continue
        options, env = BUILDS[folder]
        targets = [f"tests/fuzz/{n.split('/')[1]}_fuzz" for n in tests] if folder == "build-fuzz" else []
        try:
            build(folder, options, env, targets)
        except LabError as exc:
            say(str(exc))
            for name in tests:
                results.add(name, "FAILED", 0, f"{folder} does not build")
                names.remove(name)


def run_all(names, results):
    prepare(names, results)
    for name in group(names, "lint"):
        run_lint(name, results)
    if group(names, "unit"):
        run_meson("build", "unit", group(names, "unit"), results)
    if group(names, "asan"):
        run_meson("build-asan", "asan", group(names, "asan"), results)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        list(pool.map(lambda n: run_fuzz(n, results), group(names, "fuzz")))
    files = netns_files()
    alone = [n for n in group(names, "netns") if getattr(load_quietly(files[n]), "EXCLUSIVE", False)]
    with concurrent.futures.ThreadPoolExecutor(NETNS_SLOTS) as pool:
        list(pool.map(lambda n: run_netns(n, files[n], results), [n for n in group(names, "netns") if n not in alone]))
    for name in alone:
        run_netns(name, files[name], results)
    for name in group(names, "lab"):
        run_labtest(name, results)


def build_of(path):
    """The build folder whose programs a scenario runs: its BUILD, else "build"."""
    return getattr(load_quietly(path), "BUILD", "build")


def load_quietly(path):
    try:
        return load(path)
    except Exception:  # run_netns reports it
        return None


def stop_children(*_):
    for p in list(CHILDREN):
        p.terminate()
    raise KeyboardInterrupt


def main(argv):
    if "--help" in argv or "-h" in argv:
        print(__doc__)
        return 0
    if "--list" in argv:
        print("\n".join(everything()))
        return 0
    t0 = time.monotonic()
    try:
        names = choose(argv)
    except LabError as exc:
        print(f"check: {exc}", file=sys.stderr)
        return 2
    lock = open("/run/limen-check.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print("check: another ./check is running on this machine; wait for its end", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, stop_children)
    signal.signal(signal.SIGHUP, stop_children)
    os.makedirs(LOGS, exist_ok=True)
    clean_leftovers()
    results = Results(len(names))
    try:
        run_all(names, results)
    except KeyboardInterrupt:
        stop_and_wait()
        say("check: interrupted")
        results.failed.append("the rest")
    finally:
        clean_leftovers()
    if results.failed:
        say("failed: " + " ".join(results.failed))
    say(f"{time.monotonic() - t0:.0f} s, logs in build/check/")
    say(results.last_line())
    return 1 if results.failed or not results.passed else 0


def stop_and_wait():
    """The runners take their namespaces down when they are told to end."""
    for p in list(CHILDREN):
        p.terminate()
    deadline = time.monotonic() + 20
    while CHILDREN and time.monotonic() < deadline:
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
