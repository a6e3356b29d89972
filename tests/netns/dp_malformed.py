# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile or broken limen-control cannot hurt the media: malformed messages of every kind, a
user who may not speak, thousands of connections, and a storm of requests; a session that is there
goes on, and afterwards everything is served as before."""
import os
import socket
import struct
import time

from limenlab import dp_client as dpc
from limenlab import net
from limenlab.box import program
from limenlab.proc import wait_for

STORM = 12000
A, B = (net.BOX_A4, 16384), (net.BOX_B4, 16384)


def rtp(seq):
    return struct.pack("!BBHII", 0x80, 8, seq & 0xffff, 160 * seq & 0xffffffff, 7) + bytes(160)


class Media:
    def __init__(self, t):
        self.src = net.udp_socket(t.net.access, net.PHONE4, 4000)
        self.dst = net.udp_socket(t.net.peering, net.CARRIER4, 6000)
        self.dst.settimeout(0.5)
        self.seq = 0

    def one(self):
        self.seq += 1
        self.src.sendto(rtp(self.seq), A)
        try:
            return self.dst.recv(2048) == rtp(self.seq)
        except TimeoutError:
            return False


def hdr(mtype, body, version=dpc.IPC_VERSION, length=None, status=0, zero=0):
    length = dpc.HDR.size + len(body) if length is None else length
    return dpc.HDR.pack(version, mtype, length, 1, status, 1, zero) + body


SESSION = dpc.session(9, dpc.leg(net.BOX_A4, 17000), dpc.leg(net.BOX_B4, 17000))
BAD = [  # (what, message, HELLO before it)
    ("nothing but a byte", b"x", True),
    ("a header cut short", hdr(dpc.SWEEP, b"")[:23], True),
    ("another version", hdr(dpc.SWEEP, b"", version=9), True),
    ("a length that lies", hdr(dpc.ADD, SESSION, length=24), True),
    ("a length of 4 GiB", hdr(dpc.ADD, SESSION, length=0xffffffff), True),
    ("an unknown type", hdr(4711, b""), True),
    ("a reply", hdr(dpc.ADD | dpc.REPLY, bytes(16)), True),
    ("a status in a request", hdr(dpc.SWEEP, b"", status=-1), True),
    ("reserved bits", hdr(dpc.SWEEP, b"", zero=1), True),
    ("a short session", hdr(dpc.ADD, SESSION[:-1]), True),
    ("a long session", hdr(dpc.ADD, SESSION + b"x"), True),
    ("HELLO again", hdr(dpc.HELLO, struct.pack("=II", 1, 1)), True),
    ("a session before HELLO", hdr(dpc.ADD, SESSION), False),
    ("the longest message there is", hdr(dpc.ADD, bytes(65000)), True),
]


def malformed(t, box, media):
    for what, message, with_hello in BAD:
        c = box.client(hello=with_hello)
        c.sock.send(message)
        try:
            while c.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            t.check(False, f"{what}: the connection was not closed")
        c.close()
        t.check(media.one(), f"{what}: the media stopped")


def forbidden(t, box):
    """Another user may open the socket file only with --control-uid, and then is sent away."""
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            s.connect(box.path)
            s.settimeout(5)
            s.send(hdr(dpc.HELLO, struct.pack("=II", 1, 1)))
            os._exit(0 if s.recv(100) == b"" else 1)
        except (PermissionError, ConnectionResetError, BrokenPipeError):
            os._exit(0)
        except OSError:
            os._exit(2)
    t.equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "outcome for a user who may not speak")


def crowd(t, box, dp, media):
    """Connections that never speak take no place from the one that does."""
    idle = [box.client(hello=False) for _ in range(200)]
    t.check(media.one(), "a crowd of connections stopped the media")
    t.equal(len(dp.dump()), 1, "sessions seen by the client that was there before")
    for c in idle:
        c.close()


def storm(t, dp, media):
    """Light, heavy, light: requests without waiting for answers, media beside them."""
    def light():
        began = time.monotonic()
        dp.add(5, dpc.leg(net.BOX_A4, 18000), dpc.leg(net.BOX_B4, 18000))
        dp.remove(5)
        return time.monotonic() - began
    light()
    waiting, refused, good = 0, 0, 0
    for i in range(STORM):
        ident = 100 + i % 3000  # more than there is room for
        leg_a, leg_b = (dpc.leg(ip, 20000 + 2 * (i % 3000)) for ip in (net.BOX_A4, net.BOX_B4))
        dp.send(dpc.ADD if i // 3000 % 2 == 0 else dpc.REMOVE,
                dpc.session(ident, leg_a, leg_b) if i // 3000 % 2 == 0 else struct.pack("=Q", ident))
        waiting += 1
        if waiting == 500:
            for _ in range(waiting):
                status = dp.reply()[1]
                refused, good = refused + (status != 0), good + (status == 0)
            waiting = 0
            t.check(media.one(), "the media stopped in the storm")
    for _ in range(waiting):
        dp.reply()
    t.check(refused > 1000 and good > STORM // 2, f"the storm was none: {good} served, {refused} refused")
    took = light()
    t.check(took < 1.0, f"after the storm a session takes {took:.2f} s")
    dp.generation += 1
    dp.add(1, dpc.leg(*A, net.PHONE4, 4000), dpc.leg(*B, net.CARRIER4, 6000))
    dp.sweep(dp.generation)
    t.equal([r["id"] for r in dp.dump()], [1], "sessions after the storm")


def run(t):
    box = dpc.Dataplane(t, program("limen-dataplane"), "--control-uid", "64099")
    dp = box.client()
    dpc.ports_up(t, dp)
    dp.add(1, dpc.leg(*A, net.PHONE4, 4000), dpc.leg(*B, net.CARRIER4, 6000))
    media = Media(t)
    wait_for("media should flow", media.one)
    malformed(t, box, media)
    forbidden(t, box)
    dp = box.client()
    t.equal(dp.info["n_sessions"], 1, "sessions after malformed messages")
    crowd(t, box, dp, media)
    storm(t, dp, media)
    # The segment's header is written once a second.
    wait_for("malformed messages should be counted", lambda: dp.header()["api_malformed"] >= len(BAD))
    wait_for("refusals should be counted", lambda: dp.header()["api_refused"] > 1000)
    wait_for("every packet buffer should be back", lambda: dp.header()["mbufs_in_use"] == 0)
    box.stop(t)
