# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls whose audio the scenario itself sends: to talk from the wrong place, to talk on while a
program of the box is killed, to stop talking. Signalling by limenlab.ua."""
import os
import socket
import struct
import subprocess
import sys
import threading
import time

from . import media, net, rtp
from .net import in_namespace, udp_socket
from .proc import LabError, die_with_parent
from .ua import Endpoint, box_media, hang_up

NUMBER = "+49301555"
PTIME_S = 0.02
PCMA = 8
_FRAMES = {}


def frames(name):
    """The 160-octet payloads of a voice file."""
    if name not in _FRAMES:
        audio = media.voice(name)
        _FRAMES[name] = [audio[i:i + 160] for i in range(0, len(audio), 160)]
    return _FRAMES[name]


def rtp_bytes(seq, timestamp, ssrc, payload, pt=PCMA, marker=False):
    return struct.pack("!BBHII", 0x80, pt | (0x80 if marker else 0), seq & 0xffff, timestamp & 0xffffffff, ssrc) + payload


class Talker(threading.Thread):
    """Speaks a voice file round and round, a packet each 20 ms, from its start until stop()."""

    def __init__(self, sock, to, ssrc, voice="voice-a.pcap", seq=100, seal=None):
        super().__init__(daemon=True)
        self.sock, self.to, self.ssrc, self.seq = sock, to, ssrc, seq
        self.seal = seal  # makes SRTP of a packet; may be changed while it talks
        self.voice, self.sent = frames(voice), 0
        self._over = threading.Event()
        self.start()

    def run(self):
        due = time.monotonic()
        while not self._over.is_set():
            packet = rtp_bytes(self.seq + self.sent, 160 * self.sent, self.ssrc,
                               self.voice[self.sent % len(self.voice)], marker=self.sent == 0)
            seal = self.seal
            self.sock.sendto(seal(packet) if seal else packet, self.to)
            self.sent += 1
            due += PTIME_S
            self._over.wait(max(0.0, due - time.monotonic()))

    def stop(self):
        self._over.set()
        self.join()
        return self.sent


class TalkingCall:
    """An answered call with a Talker on each side. media_a, media_b: where the box takes audio on
    that side. body_b may be a function that makes an answer of the INVITE."""

    seals = (None, None)

    def __init__(self, t, phone, carrier, number=NUMBER, talk=True, sock_a=None, body_a=True, body_b=True):
        self.t, self.phone, self.carrier = t, phone, carrier
        self.a = phone.call(number, body=body_a)
        self.b = carrier.answer_to()
        self.media_b = box_media(self.b.invite)
        self.b.reply(self.b.invite, 180, "Ringing")
        self.a.expect(180)
        self.b.ok(self.b.invite, body=body_b(self.b.invite) if callable(body_b) else body_b)
        self.answer = self.a.expect((200, "INVITE"))
        self.media_a = box_media(self.answer)
        self.a.ack()
        self.b.expect("ACK")
        self.sock_a = sock_a or udp_socket(t.net.access, phone.local, phone.media_port)
        self.sock_b = udp_socket(t.net.peering, carrier.local, carrier.media_port)
        t._cleanup += [self.sock_a.close, self.sock_b.close]
        self.ssrc_a, self.ssrc_b = 0xa0000000 | phone.media_port, 0xb0000000 | carrier.media_port
        self.talkers = []
        if talk:
            self.talk()

    def talk(self, first=(100, 65500)):
        """first: the sequence numbers that they begin with."""
        self.t._cleanup += [self.silence]  # before its sockets are closed
        self.talkers = [Talker(self.sock_a, self.media_a, self.ssrc_a, "voice-a.pcap", seq=first[0], seal=self.seals[0]),
                        Talker(self.sock_b, self.media_b, self.ssrc_b, "voice-b.pcap", seq=first[1], seal=self.seals[1])]

    def packets(self):
        """The captures of both sides as flow() looks at them."""
        return self.t.packets()

    def silence(self):
        """Both stop; returns how many packets they sent."""
        return tuple(talker.stop() for talker in self.talkers)

    def flow(self, direction):
        """(sent, arrived) packets of the talkers as the captures show them; "a>b" or "b>a"."""
        packets_a, packets_b = self.packets()
        if direction == "a>b":
            sent = rtp.streams(packets_a, self.talks_from(self.sock_a), self.media_a, [PCMA])
            arrived, ssrc = rtp.streams(packets_b, src=self.media_b), self.ssrc_a
        else:
            sent = rtp.streams(packets_b, self.talks_from(self.sock_b), self.media_b, [PCMA])
            arrived, ssrc = rtp.streams(packets_a, src=self.media_a), self.ssrc_b
        return tuple([p for s in streams for p in s.packets if s.ssrc == ssrc] for streams in (sent, arrived))

    @staticmethod
    def talks_from(sock):
        return sock.getsockname()[:2]

    def nothing_lost(self, at_least=50):
        """Everything that the talkers sent arrived, byte for byte. Returns packets per direction."""
        counts = []
        for direction in ("a>b", "b>a"):
            sent, arrived = self.flow(direction)
            faults = rtp.compare(sent, arrived)
            self.t.check(not faults, f"{direction}: {'; '.join(faults)}")
            self.t.check(len(sent) >= at_least, f"{direction}: only {len(sent)} packets were sent")
            counts.append(len(sent))
        return counts

    def hang_up(self, by_caller=True):
        if by_caller:
            hang_up(self.a, self.b)
        else:
            hang_up(self.b, self.a)


def start(t, conf=None, **options):
    """A box, captures and a user agent on each side."""
    box = t.box(conf, **options)
    t.capture()
    return box, Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "peering", net.CARRIER4, 5060)


def arrived_from(t, side, source, data):
    """How many packets with that payload came out of the box's socket `source` on a side."""
    packets = t.packets()[0 if side == "access" else 1]
    return sum(1 for p in packets if (p.src, p.sport) == source and p.payload == data)


def spoof(ns, src, sport, dst, dport, payload):
    """Sends UDP with a forged source (IPv4); the kernel routes and resolves as ever."""
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    with in_namespace(ns, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)) as s:
        s.sendto(head + udp + payload, (dst, 0))


class Flood:
    """A process of its own that sends as fast as it can: RTP from one address to many ports."""

    def __init__(self, t, ns, src, dst, ports, seconds):
        argv = [sys.executable, "-m", "limenlab.flood", ns, src, dst, ",".join(map(str, ports)), str(seconds)]
        env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self.seconds = seconds
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env, preexec_fn=die_with_parent)

    def wait(self):
        """Returns the number of packets sent."""
        out, _ = self.popen.communicate(timeout=self.seconds + 20)
        if self.popen.returncode:
            raise LabError("the flood did not run")
        return int(out)
