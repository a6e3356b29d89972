# SPDX-License-Identifier: GPL-3.0-or-later
"""Duplex channels between two codecs that one core can serve. transcode.PAIR: payload to payload and
with resampling (tests/perf/codec_channels), against the bare encode and decode of the dearer codec
(codec_bench of the reference folder). transcode.system.PAIR: through worker and media core, against
the same codecs payload to payload, both of one run of tests/perf/system_channels."""
import os
import re

from .common import BenchError, median, run, say
from .relay import eal
from .table import row

ROUNDS = 5
CHANNELS = 16
# name: (codec, codec, what codec_bench calls its bare cost)
PAIRS = {
    "transcode.pcmu-pcma": ("PCMU/8000", "PCMA/8000", None),
    "transcode.pcmu-g722": ("PCMU/8000", "G722/8000", "g722 64k (spandsp)"),
    "transcode.pcmu-g726": ("PCMU/8000", "G726-32/8000", None),
    "transcode.pcmu-g729": ("PCMU/8000", "G729/8000", "g729a (bcg729)"),
    "transcode.pcmu-opus": ("PCMU/8000", "opus/48000/2", "opus 16k 24kbps cx5"),
    "transcode.pcmu-gsm": ("PCMU/8000", "GSM/8000", "gsm fr"),
    "transcode.pcmu-amr": ("PCMU/8000", "AMR/8000", "amr-nb 12.2"),
    "transcode.pcmu-amrwb": ("PCMU/8000", "AMR-WB/16000", "amr-wb 12.65"),
    # Wide band at both ends: nothing is saved by a lower rate.
    "transcode.l16-g722": ("L16/16000", "G722/8000", "g722 64k (spandsp)"),
    "transcode.l16-opus": ("L16/16000", "opus/48000/2", "opus 16k 24kbps cx5"),
}

SYSTEM_PREFIX = "transcode.system."
SYSTEM_CHANNELS = 64
SYSTEM = [SYSTEM_PREFIX + pair for pair in ("pcmu-g722", "pcmu-g729", "pcmu-opus", "pcmu-amrwb")]


def _own(bench, program, name):
    a, b, _ = PAIRS[name]
    speech = os.path.join(bench.top, "tests", "data", "audio", "speech-16k.raw")
    text = run([program, speech, a, b, f"channels={CHANNELS}"])
    found = re.search(r"channels/core ([0-9.]+)", text)
    if not found:
        raise BenchError(f"codec_channels printed no figure:\n{text.strip()}")
    return float(found[1])


def _reference(bench, program, label):
    folder = os.path.join(bench.top, "tests", "data", "audio")
    # Its filter is a part of the name, and some names begin another: the line decides.
    text = run([program, os.path.join(folder, "speech-8k.raw"), os.path.join(folder, "speech-16k.raw"),
                f"channels={CHANNELS}", "runs=1", f"only={label}"])
    for line in text.splitlines():
        found = re.match(re.escape(label) + r"\s.*channels/core ([0-9.]+)", line)
        if found:
            return float(found[1])
    raise BenchError(f"codec_bench has no '{label}'")


def channels(bench, names):
    program = bench.program("tests", "perf", "codec_channels")
    reference = bench.reference_program(
        "codec_bench", ["codec_bench.c"],
        ["-O3", "-march=native", "-lspandsp", "-lopus", "-lbcg729", "-lopencore-amrnb", "-lopencore-amrwb",
         "-lvo-amrwbenc", "-lgsm", "-lspeex", "-lspeexdsp", "-lm"])
    rows = []
    for name in names:
        label = PAIRS[name][2]
        own, bare = [], []
        for _ in range(1 if bench.quick else ROUNDS):
            own.append(_own(bench, program, name))
            if reference and label:
                bare.append(_reference(bench, reference, label))
        rows.append(row(name, median(own), "channels/core", median(bare) if bare else None))
        say(f"{name}: {median(own):.0f} channels a core" + (f", {label} alone {median(bare):.0f}" if bare else ""))
    return rows


def system(bench, names):
    program = bench.program("tests", "perf", "system_channels")
    speech = os.path.join(bench.top, "tests", "data", "audio", "speech-16k.raw")
    rows = []
    for name in names:
        a, b, _ = PAIRS["transcode." + name[len(SYSTEM_PREFIX):]]
        text = run([program, *eal(bench.huge), speech, a, b, f"channels={SYSTEM_CHANNELS}",
                    f"rounds={4 if bench.quick else 12}"])
        found = re.search(r"system us \S+ channels/core (\S+) codecs us \S+ channels/core (\S+)", text)
        if not found:
            raise BenchError(f"system_channels printed no figure:\n{text.strip()}")
        whole, codecs = float(found[1]), float(found[2])
        rows.append(row(name, whole, "channels/core", codecs))
        say(f"{name}: {whole:.0f} channels a core, the codecs alone {codecs:.0f}")
    return rows
