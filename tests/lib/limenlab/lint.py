# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that a machine can judge. Each function returns a list of sentences, empty when all is
well:  python3 -m limenlab.lint [NAME...]"""
import glob
import os
import re
import subprocess
import sys

from .build import ROOT

C_FILES, HEADERS = (".c", ".h"), (".h",)


def tracked():
    """Files of the project: what git knows, or everything outside build folders in a tarball."""
    git = subprocess.run(["git", "-C", ROOT, "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached",
                          "--others", "--exclude-standard"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if git.returncode == 0:
        names = [n for n in git.stdout.decode().split("\0") if n]
    else:
        names = []
        for folder, dirs, files in os.walk(ROOT):
            dirs[:] = [d for d in dirs if not d.startswith(("build", ".git", "__pycache__"))]
            names += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return sorted(n for n in names if os.path.isfile(os.path.join(ROOT, n)))


def text_of(name):
    with open(os.path.join(ROOT, name), "rb") as f:
        data = f.read()
    return None if b"\0" in data[:8192] else data.decode("utf-8", "replace")


def is_script(name, kind):
    if name.endswith({"python": ".py", "shell": ".sh"}[kind]):
        return True
    if "." in os.path.basename(name):
        return False
    first = (text_of(name) or "").split("\n", 1)[0]
    return first.startswith("#!") and {"python": "python", "shell": "sh"}[kind] in first


def commands(argv, cwd=ROOT, env=None):
    """Sentences from a program that prints its findings and ends with a status."""
    done = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, env=env, check=False)
    return [done.stdout.strip()[-4000:] or f"{argv[0]}: status {done.returncode}"] if done.returncode else []


def spdx():
    """Each source file names its licence in its first lines."""
    out = []
    for name in tracked():
        is_source = name.endswith(C_FILES + (".py", ".sh", ".xml", ".cfg", ".service", ".target", "meson.build")) or \
            is_script(name, "python") or is_script(name, "shell")
        # The corpus and reference configurations are data.
        if is_source and not name.startswith("tests/data/"):
            head = "\n".join((text_of(name) or "").split("\n")[:4])
            if "SPDX-License-Identifier: GPL-3.0-or-later" not in head:
                out.append(f"{name}: no SPDX-License-Identifier in the first lines")
    return out


def layout():
    """clang-format 14 has nothing to change."""
    files = [n for n in tracked() if n.endswith(C_FILES)]
    return commands(["clang-format", "--dry-run", "-Werror"] + files) if files else []


def headers():
    """Each header compiles alone, and says #pragma once."""
    flags = subprocess.run(["pkg-config", "--cflags", "libdpdk", "libnl-3.0", "libnl-route-3.0", "libevent"],
                           stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    out, running = [], []

    def finish(name, p):
        text = p.communicate()[0]
        if p.returncode:
            out.append(f"{name} does not compile alone:\n{text.strip()[:800]}")
    for name in [n for n in tracked() if n.endswith(".h")]:
        if "#pragma once" not in (text_of(name) or ""):
            out.append(f"{name}: no #pragma once")
        # A header of the data plane's insides may use DPDK; the others must do without.
        extra = flags if name.startswith(("dataplane/", "tests/")) else []
        argv = ["gcc", "-std=gnu17", "-fsyntax-only", "-Wall", "-Werror", "-Wno-unused-function", "-Wno-pragma-once-outside-header",
                "-D_GNU_SOURCE", "-DLIMEN_VERSION=\"0\"", "-I", ROOT] + extra + ["-x", "c", "-include", name, "/dev/null"]
        running.append((name, subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)))
        if len(running) >= 2:
            finish(*running.pop(0))
    for pair in running:
        finish(*pair)
    return out


def cppcheck():
    """Errors that cppcheck proves (uninitialised, out of bounds, leaked)."""
    # It knows the C library, but not the lists of sys/queue.h.
    queue = [f"--include={path}" for path in glob.glob("/usr/include/*/sys/queue.h")[:1]]
    return commands(["cppcheck", "--quiet", "--inline-suppr", "-j2", "--std=c11", "-I.", "-D_GNU_SOURCE", "-D__x86_64__",
                     "--error-exitcode=1", "--suppress=missingIncludeSystem", "--suppress=legacyUninitvar",
                     *queue, "controlplane", "dataplane", "sip-b2bua", "cli"])


def paths():
    """No path of one developer's machine, in any file."""
    bad = re.compile(r"/(?:home|Users)/[a-z]\w*/|/root/")
    out = []
    for name in tracked():
        if name.startswith("tests/data/") or name.endswith("lint.py"):
            continue
        for number, line in enumerate((text_of(name) or "").split("\n"), 1):
            if bad.search(line):
                out.append(f"{name} line {number}: {line.strip()[:120]}")
    return out


def documented():
    """Each setting of the schema stands in docs/CONFIGURATION.md, by its line and its name in the file."""
    rows = "".join(text_of(n) for n in tracked() if re.fullmatch(r"controlplane/config/schema_\w+\.c", n))
    docs = text_of("docs/CONFIGURATION.md")
    fields = re.findall(r'\.(?:syntax|name) = "([^"$|]+)', rows)
    for name, words_of_class in re.findall(r'CLASS_ROW\(\w+, \w+, (\w+), "([\w-]+)"', rows):
        fields += [name, "voice-class " + words_of_class]
    out = []
    for field in fields:
        if field.strip() not in docs and field not in ("name", "dest", "next_hop", "tag"):
            out.append(f"docs/CONFIGURATION.md does not mention {field}")
    return out


def words():
    """Nothing in the product is left for later without an issue."""
    bad = re.compile(r"\b(?:TODO|FIXME|XXX|not implemented)\b")
    out = []
    for name in tracked():
        if name.endswith(C_FILES):
            for number, line in enumerate((text_of(name) or "").split("\n"), 1):
                if bad.search(line):
                    out.append(f"{name} line {number}: {line.strip()[:120]}")
    return out


def includes():
    """Folders include each other only downwards (docs/ARCHITECTURE.md, section 1)."""
    allowed = {"controlplane/base/": ("controlplane/base/",),
               "dataplane/api/": ("controlplane/base/", "dataplane/api/"),
               "dataplane/": ("controlplane/base/", "dataplane/"),
               "sip-b2bua/": ("controlplane/base/", "controlplane/api/", "controlplane/config/", "dataplane/api/", "sip-b2bua/"),
               "cli/": ("controlplane/base/", "controlplane/api/", "controlplane/config/", "dataplane/api/", "cli/",
                        # "show dialplan" must say what a call would do: it asks the router itself, and "test voice
                        # class sip-profiles" what a message would become; "test call" what a route-hook would be asked
                        "sip-b2bua/routing/", "sip-b2bua/profiles/", "sip-b2bua/hook/")}
    out = []
    for name in [n for n in tracked() if n.endswith(C_FILES)]:
        rule = next((allowed[k] for k in sorted(allowed, key=len, reverse=True) if name.startswith(k)), None)
        if rule is None:
            continue
        for number, line in enumerate((text_of(name) or "").split("\n"), 1):
            m = re.match(r'#include "([^"]+/[^"]+)"', line)
            if m and not m[1].startswith(rule):
                out.append(f"{name} line {number} includes {m[1]}")
    return out


def shell():
    """Shell scripts parse."""
    out = []
    for name in [n for n in tracked() if is_script(n, "shell")]:
        out += commands(["bash", "-n", name])
        if "set -e" not in (text_of(name) or ""):
            out.append(f"{name}: no 'set -eu'")
    return out


def python():
    """Python files compile, without leaving anything behind."""
    out = []
    for name in [n for n in tracked() if is_script(n, "python")]:
        try:
            compile(text_of(name), name, "exec")
        except SyntaxError as exc:
            out.append(f"{name} line {exc.lineno}: {exc.msg}")
    return out


def sleeps():
    """Scenarios wait for events; the clock is only for audio and for measuring."""
    out = []
    for name in [n for n in tracked() if n.startswith("tests/netns/") and n.endswith(".py")]:
        for number, line in enumerate((text_of(name) or "").split("\n"), 1):
            if re.search(r"\btime\.sleep\(", line):
                out.append(f"{name} line {number}: {line.strip()}")
    return out


def drops():
    """Each reason for which the data plane drops is provoked by a test: a unit test of the data
    plane looks at its counter by the symbol, or a scenario by the name."""
    header = text_of("dataplane/api/dp_stats.h") or ""
    table = re.search(r"#define DP_DROPS\(X\)(.*?)\n\nenum", header, re.S)
    rows = re.findall(r'X\((\w+),\s*"([\w-]+)"', table[1]) if table else []
    if not rows:
        return ["dataplane/api/dp_stats.h: the table DP_DROPS is not found"]
    names = [n for n in tracked() if n.startswith(("tests/unit/dataplane/test_", "tests/netns/"))]
    tests = {n: text_of(n) or "" for n in names}
    out = []
    for symbol, name in rows:
        looked = rf"\bDP_DROP_{symbol}\b"
        by_unit = any(re.search(looked, t) for n, t in tests.items() if n.endswith(".c"))
        by_scenario = any(re.search(rf"[\"']{re.escape(name)}[\"']", t) for n, t in tests.items() if n.endswith(".py"))
        if not by_unit and not by_scenario:
            out.append(f"no test provokes the drop reason {name} (DP_DROP_{symbol})")
    return out


def named_tests():
    """A test that a page names is there."""
    groups = {"netns": lambda n: f"tests/netns/{n}.py", "fuzz": lambda n: f"tests/fuzz/{n}_fuzz.c",
              "unit": lambda n: "tests/unit/{}/test_{}.c".format(*n.split("/", 1))}
    files = set(tracked())
    out = []
    for page in sorted(n for n in files if n == "README" or n.startswith("docs/") and n.endswith(".md")):
        for group, name in re.findall(r"`(unit|netns|fuzz)/([a-z0-9_/]+)`", text_of(page) or ""):
            if group == "unit" and "/" not in name or groups[group](name) not in files:
                out.append(f"{page} names the test {group}/{name}, which is not there")
    return out


RULES = {"spdx": spdx, "format": layout, "headers": headers, "cppcheck": cppcheck, "paths": paths, "documented": documented, "words": words,
         "includes": includes, "shell": shell, "python": python, "sleeps": sleeps, "drops": drops, "named-tests": named_tests}


def main(names):
    bad = 0
    for name in names or RULES:
        faults = RULES[name]()
        bad += len(faults)
        print(f"{name}: {'ok' if not faults else ''}", *faults, sep="\n" if faults else "", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
