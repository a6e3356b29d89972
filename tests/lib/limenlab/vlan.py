# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts behind a VLAN, for a kernel without 8021q: a namespace with a TAP device, and a process
that carries its frames to one side's cable with a tag and back without it, over AF_PACKET. Real
programs and kernel sockets run in the namespace as behind any switch.

    v = Vlan(t, 100, "10.1.0.10/24", "10.1.0.1")      # then v.ns"""
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

from . import net
from .proc import die_with_parent, run, wait_for

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 0x0002, 0x1000
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
PACKET_OUTGOING = 4


def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def wire(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.bind((interface, 3))
    return s


def tagged(s):
    """(tci, frame without its tag) of the next frame; the kernel has taken the tag off. tci None:
    it had none, or went out."""
    frame, anc, _, addr = s.recvmsg(4096, 128)
    if addr[2] == PACKET_OUTGOING:
        return None, frame
    for level, kind, data in anc:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = struct.unpack_from("=IIIHHHH", data)
            if status & TP_STATUS_VLAN_VALID:
                return tci, frame
    return None, frame


def main(side, interface, ns, name, vlan):
    """The process: frames go to and fro until it is ended."""
    vlan = int(vlan)
    fd = net.in_namespace(ns, lambda: tap(name))
    s = net.in_namespace(side, lambda: wire(interface))
    tag = struct.pack("!HH", 0x8100, vlan)
    print("ready", flush=True)
    while True:
        for ready in select.select([fd, s], [], [])[0]:
            if ready == fd:
                frame = os.read(fd, 4096)
                try:
                    s.send(frame[:12] + tag + frame[12:])
                except OSError:  # the cable's queue is full
                    pass
                continue
            tci, frame = tagged(s)
            if tci is not None and tci & 0xfff == vlan:
                try:
                    os.write(fd, frame)
                except OSError:  # the device is not up yet
                    pass


class Vlan:
    """A namespace whose only interface is behind that VLAN of the access side's cable."""

    def __init__(self, t, vlan, address, gateway):
        self.ns, self.vlan, name = f"{t.net.access}-{vlan}", vlan, f"vlan{vlan}"
        run(["ip", "netns", "add", self.ns])
        t._cleanup.append(lambda: run(["ip", "netns", "del", self.ns], check=False))
        env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        argv = [sys.executable, "-m", "limenlab.vlan", t.net.access, t.net.access_if, self.ns, name, str(vlan)]
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE, env=env, preexec_fn=die_with_parent)
        t._cleanup.append(self.stop)
        self.popen.stdout.readline()
        run(["ip", "-n", self.ns, "link", "set", "lo", "up"])
        run(["ip", "-n", self.ns, "addr", "add", address, "dev", name])
        run(["ip", "-n", self.ns, "link", "set", name, "up"])
        wait_for(f"{name} should be up", lambda: "state UP" in run(["ip", "-n", self.ns, "link", "show", name])[1] or
                 "UNKNOWN" in run(["ip", "-n", self.ns, "link", "show", name])[1])
        run(["ip", "-n", self.ns, "route", "add", "default", "via", gateway])

    def stop(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:6]))
