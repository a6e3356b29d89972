# SPDX-License-Identifier: GPL-3.0-or-later
"""RTCP of the box's own, where it ends RTCP: reports to both legs in time, read by an independent decoder
(tshark); nobody's reports pass; the answer gives a round trip; BYE ends it."""
import os
import struct
import subprocess

from limenlab import dp_client as dpc
from limenlab import net
from limenlab.box import program
from limenlab.proc import wait_for

PORT = 20000
SSRC_A, SSRC_B = 0xaaaa0001, 0xbbbb0001
FIELDS = ["ip.dst", "rtcp.pt", "rtcp.senderssrc", "rtcp.ssrc.identifier", "rtcp.ssrc.cum_nr", "rtcp.sender.packetcount",
          "rtcp.sender.octetcount", "rtcp.sdes.text", "rtcp.xr.bt", "rtcp.xr.voipmetrics.gmin", "rtcp.xr.voipmetrics.rfactor",
          "_ws.malformed"]


def rtp(seq, ssrc):
    return struct.pack("!BBHII", 0x80, 8, seq, 160 * seq, ssrc) + bytes(160)


def decode(t, path):
    """One dict per RTCP packet of a capture, as tshark reads it; a field that occurs twice is a list in text."""
    argv = ["tshark", "-n", "-r", path, "-d", f"udp.port=={PORT + 1},rtcp", "-Y", "rtcp", "-T", "fields", "-E", "separator=|"]
    done = subprocess.run(argv + [a for f in FIELDS for a in ("-e", f)], capture_output=True, text=True, check=False, timeout=60,
                          env=dict(os.environ, HOME=t.dir))
    t.equal(done.returncode, 0, f"exit status of tshark ({done.stderr[-300:]})")
    return [dict(zip(FIELDS, line.split("|"))) for line in done.stdout.splitlines()]


def run(t):
    box = dpc.Dataplane(t, program("limen-dataplane"))
    dp = box.client()
    dpc.ports_up(t, dp)
    t.capture()
    flags = dpc.SEND | dpc.RECV | dpc.RTCP_OWN
    dp.add(1, dpc.leg(net.BOX_A4, PORT, net.PHONE4, 4000, flags), dpc.leg(net.BOX_B4, PORT, net.CARRIER4, 6000, flags))
    dp.rating(1, 0, 93, 44, 43)
    rtp_a, rtcp_a = (net.udp_socket(t.net.access, net.PHONE4, 4000 + k) for k in (0, 1))
    rtp_b, rtcp_b = (net.udp_socket(t.net.peering, net.CARRIER4, 6000 + k) for k in (0, 1))
    for s in (rtp_a, rtcp_a, rtp_b, rtcp_b):
        t._cleanup.append(s.close)
        s.settimeout(8)
    talk(t, dp, rtp_a, rtp_b)
    # What the far ends say is read and goes no further.
    foreign = struct.pack("!BBHIIIIII", 0x80, 200, 6, SSRC_A, 0x1111, 0x22223333, 0, 1, 160)
    rtcp_a.sendto(foreign, (net.BOX_A4, PORT + 1))
    to_b = rtcp_b.recv(2048)
    t.check(to_b != foreign, "the report of the phone has passed")
    t.equal(to_b[:2], b"\x81\xc8", "the first report to the carrier: an SR with one block")
    to_a = rtcp_a.recv(2048)
    # The carrier answers the SR: the box knows the way to it and back.
    block = struct.pack("!IIIIII", SSRC_A, 0, 20, 0, struct.unpack_from("!I", to_b, 10)[0], 0)
    rtcp_b.sendto(struct.pack("!BBHI", 0x81, 201, 7, SSRC_B) + block, (net.BOX_B4, PORT + 1))
    wait_for("the answer should give a round trip", lambda: dp.dump()[0]["from"][1]["rtt_us"])
    t.equal(dp.dump()[0]["from"][1]["far_reports"], 1, "reports of the carrier")
    dp.remove(1)
    for name, sock, first in (("carrier", rtcp_b, to_b), ("phone", rtcp_a, to_a)):
        last = first
        while last[-8:-6] != b"\x81\xcb":  # another report may have gone out before the end
            last = sock.recv(2048)
        t.equal(last[-4:], first[4:8], f"SSRC of the BYE to the {name}")
    judge(t)
    wait_for("every packet buffer should be back", lambda: dp.header()["mbufs_in_use"] == 0)
    box.stop(t)


def talk(t, dp, rtp_a, rtp_b):
    """Ten packets arrive in each direction; the first ones may go while the box looks for the next hop. One of the
    phone's is lost on its way to the box, between two that arrive."""
    for sock, to, other, ssrc in ((rtp_a, net.BOX_A4, rtp_b, SSRC_A), (rtp_b, net.BOX_B4, rtp_a, SSRC_B)):
        seq = 0

        def through():
            nonlocal seq
            seq += 1
            sock.sendto(rtp(seq, ssrc), (to, PORT))
            other.settimeout(0.05)
            try:
                return other.recv(2048)
            except TimeoutError:
                return None
        wait_for("media should find its next hop", through)
        other.settimeout(8)
        seq += ssrc == SSRC_A
        for i in range(9):
            sock.sendto(rtp(seq + 1 + i, ssrc), (to, PORT))
            other.recv(2048)
    t.equal(dp.dump()[0]["from"][0]["lost"], 1, "packets lost from the phone")


def judge(t):
    """What tshark makes of all that the box has sent."""
    for capture, dst, heard, relayed, lost in zip(t._captures, (net.PHONE4, net.CARRIER4), (SSRC_A, SSRC_B), (SSRC_B, SSRC_A),
                                                  ("1", "0")):
        capture.packets()  # all of it is in the file
        reports = [r for r in decode(t, capture.path) if r["ip.dst"] == dst]
        t.check(len(reports) >= 2, f"only {len(reports)} reports to {dst}")
        names = set()
        for r in reports:
            t.equal(r["_ws.malformed"], "", f"malformed to {dst}: {r}")
            t.check(r["rtcp.pt"].split(",")[:3] in (["200", "202", "207"], ["201", "202", "207"]), f"types {r['rtcp.pt']}")
            t.check(int(r["rtcp.senderssrc"].split(",")[0], 16) == relayed, f"sender {r['rtcp.senderssrc']}")
            t.check(f"0x{heard:08x}" in r["rtcp.ssrc.identifier"], f"reported on {r['rtcp.ssrc.identifier']}, not {heard:08x}")
            t.equal(r["rtcp.ssrc.cum_nr"].split(",")[0], lost, "packets lost")
            t.check("7" in r["rtcp.xr.bt"].split(","), f"no VoIP metrics: {r}")
            t.equal((r["rtcp.xr.voipmetrics.gmin"], r["rtcp.xr.voipmetrics.rfactor"]), ("16", "93" if dst == net.PHONE4 else "127"),
                    "Gmin, R factor")
            names.add(r["rtcp.sdes.text"])
        t.check(len(names) == 1 and len(names.pop()) == 16, f"names {names}")
        first = reports[0]
        t.check(int(first["rtcp.sender.packetcount"]) >= 10, f"packets {first['rtcp.sender.packetcount']}")
        t.equal(int(first["rtcp.sender.octetcount"]), 160 * int(first["rtcp.sender.packetcount"]), "octets")
        t.equal(reports[-1]["rtcp.pt"].split(",")[-1], "203", "the last packet")
