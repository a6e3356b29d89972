# SPDX-License-Identifier: GPL-3.0-or-later
"""Building with meson and ninja, with progress and with the compiler's words when it fails."""
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time

from .proc import LabError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def say(text):
    print(text, flush=True)


def build(name, options=(), env=None, targets=(), quiet=False, setup_only=False):
    """Sets up build folder `name` when it is not there, and brings it up to date."""
    folder = os.path.join(ROOT, name)
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    log_path = os.path.join(ROOT, "build", f"{name}.log")
    env_changes = env or {}
    env = dict(os.environ, **env_changes)
    t0 = time.monotonic()
    # ./lab and ./check may be started side by side: one builds, the other waits.
    with open(os.path.join(ROOT, "build", ".lock-" + name), "w") as lock, open(log_path, "w") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A folder of our own that was set up with other options is set up anew; build/ may be the
        # developer's, with options of theirs.
        wanted, noted = repr((list(options), env_changes)), os.path.join(folder, ".limen-options")
        if name != "build" and os.path.isdir(folder) and (not os.path.exists(noted) or open(noted).read() != wanted):
            shutil.rmtree(folder)
        if not os.path.exists(os.path.join(folder, "build.ninja")):
            argv = ["meson", "setup", folder, ROOT] + list(options)
            if subprocess.run(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, check=False).returncode:
                raise LabError(f"'{' '.join(argv)}' failed, see {log_path}\n{_end_of(log_path)}")
            with open(noted, "w") as f:
                f.write(wanted)
        if setup_only:  # as the meson.build files are now, not as they were
            _ninja(name, folder, ["build.ninja"], log, env, True)
            return
        _ninja(name, folder, targets, log, env, quiet)
    if not quiet:
        say(f"{time.monotonic() - t0:7.1f} s  built {name}")


def _ninja(name, folder, targets, log, env, quiet):
    env = dict(env, NINJA_STATUS="[%f/%t] ")
    argv = ["ninja", "-C", folder] + list(targets)
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                         errors="replace", env=env)
    shown, tty = time.monotonic(), sys.stdout.isatty()
    for line in p.stdout:
        log.write(line)
        progress = re.match(r"\[(\d+)/(\d+)\] ", line)
        if progress and not quiet and time.monotonic() - shown > (0.2 if tty else 15):
            shown = time.monotonic()
            print(f"           building {name} {progress[1]} of {progress[2]}", end="\r" if tty else "\n", flush=True)
    if p.wait():
        log.flush()
        raise LabError(f"building {name} failed, see {log.name}\n{_end_of(log.name, 40)}")


def _end_of(path, lines=20):
    with open(path, errors="replace") as f:
        return "".join(f.readlines()[-lines:]).strip()
