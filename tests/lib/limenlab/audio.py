# SPDX-License-Identifier: GPL-3.0-or-later
"""The voice of the tests: a deterministic talker (formants excited by glottal pulses, with
syllables and pauses), as G.711, as a pcap of RTP packets for SIPp and as a WAV file for baresip.

    python3 -m limenlab.audio FOLDER     writes the committed voice-a.pcap and voice-b.pcap
"""
import math
import os
import random
import struct
import sys
import wave

from .pcap import ones_sum, write_frames

RATE_HZ = 8000
PTIME_MS = 20
PACKET_SAMPLES = RATE_HZ * PTIME_MS // 1000
PCMU, PCMA = 0, 8

#      file            seconds  pitch Hz  seed  first sequence number, timestamp, SSRC
VOICES = {
    "voice-a.pcap": (6.0, 118.0, 11, 65400, 0xfffff000, 0x11223344),  # wraps in mid-call
    "voice-b.pcap": (6.0, 205.0, 23, 1000, 160000, 0x55667788),
}
_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def talk(seconds, pitch_hz, seed):
    """16-bit samples. The same arguments give the same talker again."""
    rng = random.Random(seed)
    out = []
    want = int(seconds * RATE_HZ)
    while len(out) < want:
        formants = rng.choice(_VOWELS)
        length = int(RATE_HZ * rng.uniform(0.09, 0.22))
        pitch = pitch_hz * rng.uniform(0.92, 1.12)
        state = [[0.0, 0.0] for _ in formants]
        noise_until = int(length * rng.choice((0.0, 0.15, 0.25)))
        phase = 0.0
        for i in range(length):
            phase += pitch / RATE_HZ
            pulse = 1.0 if phase >= 1.0 else 0.0
            phase -= int(phase)
            drive = rng.uniform(-0.25, 0.25) if i < noise_until else pulse
            sample = 0.0
            for formant, mem, gain in zip(formants, state, (1.0, 0.6, 0.3)):
                r = math.exp(-math.pi * 90 / RATE_HZ)
                y = drive + 2 * r * math.cos(2 * math.pi * formant / RATE_HZ) * mem[0] - r * r * mem[1]
                mem[1], mem[0] = mem[0], y
                sample += gain * y
            shape = math.sin(math.pi * i / length)
            out.append(int(max(-32000, min(32000, sample * shape * 6000))))
        if rng.random() < 0.18:
            out += [int(rng.uniform(-12, 12)) for _ in range(int(RATE_HZ * rng.uniform(0.1, 0.35)))]
    return out[:want]


def alaw(sample):
    """ITU-T G.711, one 16-bit sample to one octet of A-law."""
    sign = 0x80 if sample >= 0 else 0
    value = min((sample if sample >= 0 else -sample - 1) >> 3, 0xfff)
    if value >= 32:
        segment = value.bit_length() - 5
        code = segment << 4 | (value >> segment & 0xf)
    else:
        code = value >> 1
    return (code | sign) ^ 0x55


def rtp_pcap(path, samples, seq, timestamp, ssrc, pt=PCMA):
    """A capture of the talker: one RTP packet each 20 ms, G.711 A-law."""
    src, dst = bytes((192, 0, 2, 10)), bytes((192, 0, 2, 1))
    frames = []
    for n in range(len(samples) // PACKET_SAMPLES):
        part = samples[n * PACKET_SAMPLES:(n + 1) * PACKET_SAMPLES]
        rtp = struct.pack("!BBHII", 0x80, pt | (0x80 if n == 0 else 0), seq + n & 0xffff,
                          timestamp + n * PACKET_SAMPLES & 0xffffffff, ssrc) + bytes(alaw(s) for s in part)
        udp = struct.pack("!HHHH", 6000, 6000, 8 + len(rtp), 0)
        check = ~ones_sum(src + dst + struct.pack("!II", len(udp) + len(rtp), 17) + udp + rtp) & 0xffff
        udp = udp[:6] + struct.pack("!H", check or 0xffff)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp) + len(rtp), n, 0x4000, 64, 17, 0) + src + dst
        ip = ip[:10] + struct.pack("!H", ~ones_sum(ip) & 0xffff) + ip[12:]
        eth = bytes.fromhex("020000000001020000000002") + b"\x08\x00"
        frames.append((n * PTIME_MS / 1000, eth + ip + udp + rtp))
    write_frames(path, frames)


def wav(path, samples, rate_hz=RATE_HZ):
    with wave.open(path, "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(rate_hz)
        f.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def main(folder):
    for name, (seconds, pitch, seed, seq, timestamp, ssrc) in VOICES.items():
        rtp_pcap(os.path.join(folder, name), talk(seconds, pitch, seed), seq, timestamp, ssrc)


if __name__ == "__main__":
    main(sys.argv[1])
