# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends RTP as fast as one process can:  python3 -m limenlab.flood NAMESPACE SRC DST PORTS SECONDS

PORTS is a list with commas; the packets go to them in turn. Prints how many were sent."""
import itertools
import struct
import sys
import time

from .net import udp_socket


def main(ns, src, dst, ports, seconds):
    targets = itertools.cycle([(dst, int(p)) for p in ports.split(",")])
    end, sent = time.monotonic() + float(seconds), 0
    payload = b"\xd5" * 160
    with udp_socket(ns, src) as s:
        while time.monotonic() < end:
            for _ in range(64):
                try:
                    s.sendto(struct.pack("!BBHII", 0x80, 8, sent & 0xffff, sent & 0xffffffff, 0xf100d) + payload, next(targets))
                    sent += 1
                except OSError:  # the queue of the sender is full, or a port was refused
                    pass
    print(sent)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:6]))
