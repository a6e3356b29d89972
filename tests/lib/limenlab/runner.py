# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one scenario in this process:  python3 -m limenlab.runner FILE WORKDIR

Exit status 0 passed, 1 failed, 77 skipped. What is printed explains a failure."""
import importlib.util
import os
import signal
import sys
import traceback

from .case import Case, Failed, LabError, Skip

SKIPPED = 77
DEFAULT_TIMEOUT_S = 90


def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def finish(case):
    """What every scenario must leave behind: programs that ran through and stop when told to,
    no sanitizer report, no core file, only frames with right checksums, no packet missed by the
    captures."""
    bad = case.bad_frames() if case._captures else []
    if bad:
        raise Failed(f"{len(bad)} packets from the box have wrong checksums, first: {bad[0]}")
    for capture in case._captures or ():
        capture.stop()
        if capture.dropped_by_kernel():
            raise Failed(f"tcpdump missed {capture.dropped_by_kernel()} packets: nothing can be said about loss")
    if case.the_box:
        case.the_box.stop()
        faults = case.the_box.faults()
        if faults:
            raise Failed("\n".join(faults))


def main(argv):
    path, workdir = argv[1], argv[2]
    name = os.path.basename(path)[:-3]
    scenario = load(path)
    timeout_s = getattr(scenario, "TIMEOUT_S", DEFAULT_TIMEOUT_S)

    def give_up(*_):
        raise Failed(f"no end after {timeout_s} s")
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.alarm(timeout_s)
    case, status = None, 1
    try:
        case = Case(name, workdir)
        scenario.run(case)
        finish(case)
        status = 0
    except Skip as exc:
        print(exc)
        status = SKIPPED
    except (Failed, LabError) as exc:
        where = [f for f in traceback.extract_tb(exc.__traceback__) if f.filename == path]
        print(f"{os.path.basename(path)} line {where[-1].lineno}: {exc}" if where else exc)
    except Exception:
        traceback.print_exc(file=sys.stdout)
    finally:
        signal.alarm(0)
        if case:
            case.close()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv))
