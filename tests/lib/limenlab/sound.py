# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it the same speech? Compares what was said with what was heard after codecs have had their way
with it: the loudness of each 10 ms, at the delay where both fit best."""
import math
import struct

from .proc import LabError

STEP_MS = 10


def alaw_linear(code):
    """ITU-T G.711: the value of an octet of A-law."""
    code ^= 0x55
    segment, value = code >> 4 & 7, (code & 15) << 4
    value = value + 8 if segment == 0 else (value + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


_ALAW = [alaw_linear(code) for code in range(256)]


def alaw_samples(data):
    return [_ALAW[octet] for octet in data]


def wav_samples(path):
    """(samples, rate) of a mono 16-bit WAV file, also of one whose header was never finished."""
    with open(path, "rb") as f:
        head, data = f.read(44), f.read()
    if head[:4] != b"RIFF":
        raise LabError(f"{path} is no WAV file")
    return list(struct.unpack(f"<{len(data) // 2}h", data[:len(data) // 2 * 2])), struct.unpack_from("<I", head, 24)[0]


def amplitude(samples, hz, rate=8000):
    """Of one frequency (Goertzel with a Hann window)."""
    n, factor, last, before = len(samples), 2 * math.cos(2 * math.pi * hz / rate), 0.0, 0.0
    for i, s in enumerate(samples):
        last, before = s * (1 - math.cos(2 * math.pi * i / n)) + factor * last - before, last
    return 2 / n * math.sqrt(max(0.0, last * last + before * before - factor * last * before))


def envelope(samples, rate=8000):
    step = rate * STEP_MS // 1000
    return [sum(map(abs, samples[i:i + step])) / step for i in range(0, len(samples) - step + 1, step)]


def _correlation(a, b):
    n = len(a)
    mean_a, mean_b = sum(a) / n, sum(b) / n
    a, b = [x - mean_a for x in a], [x - mean_b for x in b]
    power = (sum(x * x for x in a) * sum(x * x for x in b)) ** 0.5
    return sum(x * y for x, y in zip(a, b)) / power if power else 0.0


def alike(said, heard, max_delay_ms=1000):
    """(correlation, delay in ms, loudness ratio) of two envelopes; heard may have gaps at its ends."""
    best = (0.0, 0, 0.0)
    for lag in range(max_delay_ms // STEP_MS):
        n = min(len(said), len(heard) - lag)
        if n < 50:
            break
        a, b = said[:n], heard[lag:lag + n]
        c = _correlation(a, b)
        if c > best[0]:
            best = (c, lag * STEP_MS, sum(b) / max(1.0, sum(a)))
    return best
