# SPDX-License-Identifier: GPL-3.0-or-later
"""SRTP of 160-byte payloads on one core, bursts of 32 of 200 streams: the library alone
(srtp.protect.*, srtp.unprotect.*) and the whole path of a worker from port to port
(path.rtp-srtp.* seals, path.srtp-rtp.* opens), by tests/perf/srtp_inproc. The reference is
srtp_bench's best multi-buffer figure. Row NAME.versus-libsrtp2 is the ratio over Debian's libsrtp2,
which this machine has in any case. All of a round run in turn, so that what disturbs one disturbs all."""
import re

from .common import BenchError, median, run, say
from .relay import eal
from .table import row

ROUNDS = 5
MODES = {"srtp.protect": "seal", "srtp.unprotect": "open", "path.rtp-srtp": "path-seal",
         "path.srtp-rtp": "path-open"}
MANAGERS = ("imb-sse", "imb-avx2")  # of the reference; the better one counts


def _own(bench, own, mode, suite):
    text = run([own, *eal(bench.huge), f"mode={mode}", f"suite={suite}", "runs=1",
                f"seconds={0.1 if bench.quick else 0.4}"])
    found = re.search(r"Mpps\(med\) ([0-9.]+)", text)
    if not found:
        raise BenchError(f"srtp_inproc printed no figure:\n{text.strip()}")
    return float(found.group(1))


def _reference(bench, reference, direction, suite):
    best = 0
    for manager in MANAGERS:
        text = run([reference, f"impl={manager}", f"suite={suite}", "payload=160", "streams=200", "runs=1",
                    f"seconds={0.1 if bench.quick else 0.3}"])
        figures = re.findall(r"\(([0-9.]+) Mpps\)", text)
        if len(figures) != 2:
            raise BenchError(f"srtp_bench printed no figures:\n{text.strip()}")
        best = max(best, float(figures[direction == "open"]))
    return best


def inproc(bench, names):
    own = bench.program("tests", "perf", "srtp_inproc")
    reference = bench.reference_program("srtp_bench", ["srtp_bench.c"], [
        "-O3", "-march=native", "-Wno-deprecated-declarations", "-lsrtp2", "-lcrypto", "-lIPSec_MB", "-lpthread"])
    rows = []
    for name in names:
        kind, suite = name.rsplit(".", 1)
        mode = MODES[kind]
        direction = mode.rsplit("-", 1)[-1]
        values, references, others = [], [], []
        for n in range(1 if bench.quick else ROUNDS):
            values.append(_own(bench, own, mode, suite))
            others.append(_own(bench, own, f"libsrtp-{direction}", suite))
            text = f"{name} round {n + 1}: {values[-1]:.2f} M packets/s, libsrtp2 {others[-1]:.3f}"
            if reference:
                references.append(_reference(bench, reference, direction, suite))
                text += f", reference {references[-1]:.2f}"
            say(text)
        best = median(references) * 1e6 if reference else None
        rows.append(row(name, median(values) * 1e6, "packets/s", best))
        rows.append(row(name + ".versus-libsrtp2", round(median(values) / median(others), 1), "times"))
    return rows
