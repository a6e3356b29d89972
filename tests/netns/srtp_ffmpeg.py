# SPDX-License-Identifier: GPL-3.0-or-later
"""ffmpeg, which has its own SRTP, Opus and G.722, as the far ends of limen-dataplane: speech goes through
the box from SRTP to RTP and back, from Opus to G.722 and back, and from SRTP to SRTP with another key and
suite; what the far end decodes is that speech."""
import array
import base64
import os
import sys

from limenlab import audio, net, sound, srtp
from limenlab import dp_client as dpc
from limenlab.box import program
from limenlab.proc import Proc, wait_for

SAID_S, HEARD_S = 4, 2.2
CM80, CM32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
# codec: payload type and clock in RTP, ffmpeg's encoder, line of SDP
CODECS = {"PCMA": (8, 8000, ["pcm_alaw", "-ar", "8000"], ""),
          "G722": (9, 8000, ["g722", "-ar", "16000"], ""),
          "opus": (111, 48000, ["libopus", "-ar", "48000", "-b:a", "32k"], "a=rtpmap:111 opus/48000/2\r\n")}
IDS = {"PCMA": dpc.PCMA, "G722": dpc.G722, "opus": dpc.OPUS}
FFMPEG = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning"]


class Way:
    """One direction through the box: who speaks, who hears; each (side, codec, suite or None)."""

    def __init__(self, t, dp, number, speaker, hearer):
        self.t, self.number, self.speaker, self.hearer = t, number, speaker, hearer
        self.keys = [suite and (srtp.new_key(suite), srtp.new_key(suite)) for _, _, suite in (speaker, hearer)]
        self.port = 20000 + 4 * number
        boxes, peers = (net.BOX_A4, net.BOX_B4), (net.PHONE4, net.CARRIER4)
        self.box, self.here = boxes[speaker[0]], (peers[hearer[0]], 7000 + 4 * number)
        # Speaker's leg: ffmpeg sends from a port of its own choice, so the source is learned.
        legs = [None, None]
        legs[speaker[0]] = self.leg(self.box, (peers[speaker[0]], 6000 + 4 * number), speaker, hearer, self.keys[0],
                                    dpc.SEND | dpc.RECV | dpc.LATCH)
        legs[hearer[0]] = self.leg(boxes[hearer[0]], self.here, hearer, speaker, self.keys[1], dpc.SEND | dpc.RECV)
        dp.add(number, *legs)
        self.out = os.path.join(t.dir, f"heard-{number}.raw")
        self.ns = [t.net.access, t.net.peering]
        self.procs = []

    def leg(self, box, peer, mine, other, keys, flags):
        pt, clock = CODECS[mine[1]][:2]
        coded = mine[1] != other[1]
        secret = {"rx": dpc.srtp(mine[2], keys[0]), "tx": dpc.srtp(mine[2], keys[1])} if mine[2] else {}
        pts = [dpc.payload(pt, clock, dpc.TRANSCODE, IDS[mine[1]])] if coded else [(pt, clock)]
        return dpc.leg(box, self.port, *peer, flags=flags, payloads=pts,
                       send=dpc.send_to(IDS[mine[1]], pt) if coded else b"", **secret)

    def start(self, name, argv, side):
        proc = Proc(name, argv, os.path.join(self.t.dir, f"{name}-{self.number}.log"), ns=self.ns[side])
        self.t._cleanup.append(proc.stop)
        return proc

    def listen(self):
        side, codec, suite = self.hearer
        pt, _, _, line = CODECS[codec]
        text = f"v=0\r\no=- 1 1 IN IP4 {self.here[0]}\r\ns=-\r\nc=IN IP4 {self.here[0]}\r\nt=0 0\r\n" \
               f"m=audio {self.here[1]} RTP/{'SAVP' if suite else 'AVP'} {pt}\r\n{line}"
        if suite:
            text += srtp.crypto_line(1, suite, self.keys[1][1]) + "\r\n"
        path = os.path.join(self.t.dir, f"hear-{self.number}.sdp")
        with open(path, "w") as f:
            f.write(text)
        self.ear = self.start("hear", FFMPEG + ["-protocol_whitelist", "file,udp,rtp,srtp,crypto", "-analyzeduration", "0",
                                                "-probesize", "32", "-i", path, "-t", str(HEARD_S), "-ar", "8000", "-ac", "1",
                                                "-f", "s16le", "-y", self.out], side)

    def speak(self, wav):
        side, codec, suite = self.speaker
        pt, _, encoder, _ = CODECS[codec]
        secret = ["-srtp_out_suite", suite, "-srtp_out_params", base64.b64encode(self.keys[0][0]).decode()] if suite else []
        # By itself it fills the MTU, and then there is no room for a tag.
        url = f"{'srtp' if suite else 'rtp'}://{self.box}:{self.port}?pkt_size=300"
        self.start("speak", FFMPEG + ["-re", "-i", wav, "-ac", "1", "-c:a"] + encoder + ["-payload_type", str(pt), "-f", "rtp"] +
                   secret + [url], side)

    def judge(self, said):
        wait_for(f"ffmpeg should have heard {HEARD_S} s ({self.ear.log_path})", lambda: not self.ear.running(), 12)
        heard = array.array("h")
        with open(self.out, "rb") as f:
            heard.frombytes(f.read())
        if sys.byteorder == "big":
            heard.byteswap()
        likeness, delay_ms, loudness = sound.alike(sound.envelope(heard), said, 2000)
        what = f"{self.speaker[1:]} to {self.hearer[1:]}"
        self.t.check(len(heard) >= 8000 * HEARD_S * 0.9, f"{what}: only {len(heard)} samples were heard")
        # Through Opus and G.722 it is about 0.85; other speech, or this one backwards, 0.35 to 0.65.
        least = 0.75 if self.speaker[1] != self.hearer[1] else 0.999
        self.t.check(likeness > least, f"{what}: what was heard is like what was said by {likeness:.3f} (at {delay_ms} ms)")
        self.t.check(0.6 < loudness < 1.6, f"{what}: loudness is another by {loudness:.2f}")


def run(t):
    box = dpc.Dataplane(t, program("limen-dataplane"))
    dp = box.client()
    dpc.ports_up(t, dp)
    samples = audio.talk(SAID_S, 140, 7)
    wav = os.path.join(t.dir, "said.wav")
    audio.wav(wav, samples)
    ways = [Way(t, dp, i + 1, *ends) for i, ends in enumerate((
        ((0, "PCMA", CM80), (1, "PCMA", None)),    # SRTP to RTP
        ((1, "PCMA", None), (0, "PCMA", CM32)),    # and back
        ((0, "PCMA", CM32), (1, "PCMA", CM80)),    # other suite and key
        ((0, "opus", CM80), (1, "G722", None)),    # decoded by the box, and again by ffmpeg
        ((1, "G722", None), (0, "opus", CM80))))]
    for way in ways:
        way.listen()
    for way in ways:
        wait_for("ffmpeg should listen", lambda way=way: listens(way), 10)
    for way in ways:
        way.speak(wav)
    said = sound.envelope(samples)
    for way in ways:
        way.judge(said)
    for way in ways:
        sums = dp.remove(way.number)
        # Its first report comes before any RTP has told whose it is.
        t.check(sums[way.speaker[0]]["dropped"] <= 1, f"{sums[way.speaker[0]]['dropped']} packets were dropped")
    wait_for("every packet buffer should be back", lambda: dp.header()["mbufs_in_use"] == 0)
    box.stop(t)


def listens(way):
    with open(f"/proc/{way.ear.pid}/net/udp") as f:
        return any(int(line.split()[1].split(":")[1], 16) == way.here[1] for line in f.readlines()[1:])
