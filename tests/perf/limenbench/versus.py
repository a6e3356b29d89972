# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's rtpengine (userspace, one thread) and limen-dataplane (one worker, one media core) behind
the same veth pair, one after the other, with the same load: rtpload of the reference folder plays both
ends of all calls in a network namespace of its own, on the other CPU.

Packets per CPU-second: all CPU time that the kernel has written down for the relay, of the box without
what its worker and media core polled for nothing. What the kernel does for a packet that a relay sends
is in both."""
import base64
import json
import os
import struct
import subprocess
import sys
import time

from limenlab import dp_client
from limenlab.proc import LabError, Proc, die_with_parent, tail, wait_for
from limenlab.proc import run as lab_run

from .common import BenchError, median, run, say
from .table import row

RELAY, FAR_END = "10.0.0.1", "10.0.0.2"
NETS = ("10.1.0.0/16", "10.2.0.0/16")  # of the callers, of the called
FAR_PORT, PORT_LO, PORT_HI = 5004, 20000, 59999
NG = "127.0.0.1:2223"
SUITE = "AES_CM_128_HMAC_SHA1_80"
WARM_S, MEASURE_S, ROUNDS = 2, 4, 3
CALLS_MAX = 1000
# Threads that poll: where in the segment cycles_total, cycles_busy and cycles_asleep are; memif_gen.c asserts them.
POLLERS = (("lcore-worker-1", "off_workers", 10), ("lcore-worker-2", "off_mcores", 8))
# name: (mode of ngctl.py, calls that rtpengine serves on one core with room to spare)
KINDS = {"versus.rtpengine.rtp": ("plain", 500),
         "versus.rtpengine.srtp": ("srtp", 250),
         "versus.rtpengine.transcode": ("g722", 75)}


def far_end(leg, call):
    """As ngctl.py gives them out."""
    return f"10.{leg + 1}.{1 + call // 250}.{1 + call % 250}"


class _Wire:
    """Two namespaces, of the load and of the relay, and the veth pair between them."""

    def __init__(self):
        pid = os.getpid()
        self.load, self.relay = f"limen-vl-{pid}", f"limen-vr-{pid}"
        self.far, self.near = "far0", "near0"
        for ns in (self.load, self.relay):
            lab_run(["ip", "netns", "add", ns])
            self.in_ns(ns, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
            lab_run(["ip", "-n", ns, "link", "set", "lo", "up"])
        lab_run(["ip", "link", "add", self.far, "netns", self.load, "type", "veth", "peer", "name", self.near,
                 "netns", self.relay])
        for ns, name in ((self.load, self.far), (self.relay, self.near)):
            lab_run(["ip", "-n", ns, "link", "set", name, "up"])
            self.in_ns(ns, "ethtool", "-K", name, "tx", "off")
            self.in_ns(ns, "sysctl", "-qw", "net.core.rmem_max=8388608", check=False)
        lab_run(["ip", "-n", self.load, "addr", "add", f"{FAR_END}/24", "dev", self.far])
        for net in NETS:
            lab_run(["ip", "-n", self.load, "route", "add", "local", net, "dev", "lo"])

    @staticmethod
    def in_ns(ns, *argv, check=True):
        return lab_run(["ip", "netns", "exec", ns, *argv], check=check)

    @staticmethod
    def mac(ns, name):
        return json.loads(lab_run(["ip", "-j", "-n", ns, "link", "show", name])[1])[0]["address"]

    def own_address(self, name):
        """The relay's address and its way to the far ends, at the given interface."""
        lab_run(["ip", "-n", self.relay, "addr", "add", f"{RELAY}/24", "dev", name])
        for net in NETS:
            lab_run(["ip", "-n", self.relay, "route", "add", net, "via", FAR_END, "dev", name])
        lab_run(["ip", "-n", self.relay, "neigh", "replace", FAR_END, "lladdr", self.mac(self.load, self.far),
                 "nud", "permanent", "dev", name])
        lab_run(["ip", "-n", self.load, "neigh", "replace", RELAY, "lladdr", self.mac(self.relay, name),
                 "nud", "permanent", "dev", self.far])

    def no_address(self, name):
        lab_run(["ip", "-n", self.relay, "addr", "flush", "dev", name], check=False)

    def close(self):
        for ns in (self.load, self.relay):
            lab_run(["ip", "netns", "del", ns], check=False)


def _programs(bench):
    """(rtpload, folder with frames, folder with ngctl.py for addresses of this wire)."""
    if bench.reference is None:
        raise BenchError("needs relaybench of the reference folder; say where with --reference FOLDER")
    folder = os.path.join(bench.reference, "relaybench")
    rtpload = bench.reference_program("rtpload", ["relaybench/rtpload.c"],
                                      ["-O2", "-std=gnu11", "-Wno-deprecated-declarations", "-lcrypto", "-lpthread", "-lm"])
    mkframes = bench.reference_program("mkframes", ["relaybench/mkframes.c"],
                                       ["-O2", "-DWITH_CODECS", "-I/usr/include/opus", "-lopus", "-lspandsp", "-lm"])
    work = os.path.join(bench.work, "versus")
    os.makedirs(work, exist_ok=True)
    for codec in ("pcmu", "g722"):
        with open(os.path.join(work, f"{codec}.frm"), "wb") as f:
            subprocess.run([mkframes, codec, "4"], stdout=f, check=True)
    with open(os.path.join(folder, "ngctl.py")) as f:
        text = f.read()  # its parties are on loopback, ours on a wire
    if "f'127." not in text:
        raise BenchError("ngctl.py of the reference folder is not the one that this was written for")
    with open(os.path.join(work, "ngctl.py"), "w") as f:
        f.write(text.replace("f'127.", "f'10."))
    return rtpload, work


class _Rtpengine:
    """Started and programmed by its own protocol; the stream list comes from that."""

    def __init__(self, wire, work, cpu):
        self.wire, self.work = wire, work
        wire.own_address(wire.near)
        self.log = os.path.join(work, "rtpengine.log")
        argv = ["taskset", "-c", str(cpu), "rtpengine", "--config-file=none", "--table=-1", f"--interface={RELAY}",
                f"--listen-ng={NG}", f"--port-min={PORT_LO}", f"--port-max={PORT_HI}", "--timeout=7200",
                "--silent-timeout=7200", "--num-threads=1", "--foreground", "--log-stderr", "--log-level=3",
                f"--pidfile={work}/rtpengine.pid"]
        self.proc = Proc("rtpengine", argv, self.log, ns=wire.relay)
        try:
            wait_for(f"rtpengine should answer; its log: {self.log}", lambda: self._ng("cmd", "ping")[0] == 0, 20)
        except LabError:
            self.close()
            raise

    def _ng(self, *args):
        return self.wire.in_ns(self.wire.relay, sys.executable, os.path.join(self.work, "ngctl.py"), *args,
                               "--ng", NG, check=False)

    def program(self, mode, calls, path):
        code, out = self._ng("setup", "-n", str(calls), "--mode", mode, "-o", path, "--frames", self.work)
        if code:
            raise BenchError(f"rtpengine took no calls: {out.strip()[-400:]}\n{tail(self.log)}")

    def cpu_mark(self):
        """CPU time so far, in seconds."""
        total = 0
        task = f"/proc/{self.proc.popen.pid}/task"
        for thread in os.listdir(task):
            with open(f"{task}/{thread}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e9

    @staticmethod
    def cpu_between(before, after):
        return after - before

    def close(self):
        self.proc.stop()
        self.wire.no_address(self.wire.near)


class _Limen:
    """limen-dataplane with the same calls; keys and ports are ours to choose."""

    def __init__(self, bench, wire, work, cpu):
        self.wire = wire
        run_dir = os.path.join(work, "run")
        os.makedirs(run_dir, exist_ok=True)
        self.log = os.path.join(work, "limen-dataplane.log")
        argv = [bench.program("dataplane", "limen-dataplane"), "--run-dir", run_dir, "--workers", "1",
                "--worker-cpus", str(cpu), "--media-cores", "1", "--media-cpus", str(cpu),
                "--max-sessions", str(4 * CALLS_MAX)]
        if not bench.huge:
            argv.append("--no-huge")
        self.proc = Proc("limen-dataplane", argv, self.log, ns=wire.relay)
        self.client = None
        try:
            path = os.path.join(run_dir, "dataplane.sock")
            wait_for(f"limen-dataplane should open {path}; its log: {self.log}", lambda: os.path.exists(path), 20)
            self.client = dp_client.Client(path)
            self.client.port("vs0", f"net_af_packet0,iface={wire.near},blocksz=65536,framesz=2048,framecnt=4096")
            wait_for("the data plane should make the TAP twin",
                     lambda: lab_run(["ip", "-n", wire.relay, "link", "show", "vs0"], check=False)[0] == 0)
            lab_run(["ip", "-n", wire.relay, "link", "set", "vs0", "up"])
            wire.own_address("vs0")
            self.client.media_addr(RELAY, PORT_LO, PORT_HI, "vs0")
        except (LabError, OSError, dp_client.Refused) as e:
            self.close()
            raise BenchError(f"limen-dataplane cannot be set up: {e}\n{tail(self.log)}") from None
        self.next_id = 1

    def program(self, mode, calls, path):
        lines = []
        for n in range(calls):
            ports = [PORT_LO + 4 * (self.next_id - 1) + 2 * leg for leg in range(2)]
            far = [far_end(leg, n) for leg in range(2)]
            args = [dict(payloads=((0, 8000),)), dict(payloads=((0, 8000),))]
            pts, extra = (0, 0), ("", "")
            if mode == "srtp":
                ours, theirs = os.urandom(30), os.urandom(30)
                args[1].update(rx=dp_client.srtp(SUITE, theirs), tx=dp_client.srtp(SUITE, ours))
                extra = tuple(f" {which}={base64.b64encode(key).decode()}"
                              for which, key in (("rxkey", ours), ("txkey", theirs)))
            elif mode == "g722":
                pts = (0, 9)
                for side, pt, codec in ((0, 0, dp_client.PCMU), (1, 9, dp_client.G722)):
                    args[side] = dict(payloads=(dp_client.payload(pt, 8000, dp_client.TRANSCODE, codec),),
                                      send=dp_client.send_to(codec, pt))
            legs = [dp_client.leg(RELAY, ports[i], far[i], FAR_PORT, **args[i]) for i in range(2)]
            self.client.add(self.next_id, *legs)
            self.next_id += 1
            for leg in range(2):
                frames = "g722" if pts[leg] == 9 else "pcmu"
                lines.append(f"src={far[leg]}:{FAR_PORT} dst={RELAY}:{ports[leg]} rcv={far[1 - leg]}:{FAR_PORT} "
                             f"pt={pts[leg]} rpt={pts[1 - leg]} tsinc=160 rtsinc=160 "
                             f"frames={os.path.dirname(path)}/{frames}.frm{extra[leg]}")
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")

    def cpu_mark(self):
        """CPU time so far in seconds, without what worker and media core polled for nothing. Of theirs the
        kernel knows how long they ran, and they themselves what part of that was work: their own clock
        goes on while others have the CPU."""
        header, threads = self.client.header(), {}
        task = f"/proc/{self.proc.popen.pid}/task"
        for thread in os.listdir(task):
            with open(f"{task}/{thread}/comm") as f:
                comm = f.read().strip()
            with open(f"{task}/{thread}/schedstat") as f:
                threads[comm] = threads.get(comm, 0) + int(f.read().split()[0]) / 1e9
        cycles = {thread: struct.unpack_from("=3Q", self.client.stats, header[where] + 8 * field)
                  for thread, where, field in POLLERS}
        return threads, cycles

    def cpu_between(self, before, after):
        total = 0
        for thread, seconds in after[0].items():
            ran = seconds - before[0].get(thread, 0)
            if thread in after[1]:
                everything, busy, asleep = (b - a for a, b in zip(before[1][thread], after[1][thread]))
                ran *= busy / max(everything - asleep, 1)
            total += ran
        return total

    def close(self):
        if self.client:
            self.client.close()
        self.proc.stop()


def _load(wire, rtpload, relay, path, calls, cpu, quick):
    """(packets per CPU-second, what rtpload said)."""
    measure = 2 if quick else MEASURE_S
    argv = ["ip", "netns", "exec", wire.load, rtpload, "-s", path, "-n", str(2 * calls), "-w", str(WARM_S),
            "-d", str(measure), "-v", "64", "-c", str(cpu)]
    popen = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             preexec_fn=die_with_parent)
    time.sleep(WARM_S + 0.3)
    t0, before = time.monotonic(), relay.cpu_mark()
    time.sleep(measure - 0.6)
    t1, after = time.monotonic(), relay.cpu_mark()
    out, err = popen.communicate(timeout=60)
    if popen.returncode:
        raise BenchError(f"rtpload: {err.strip()[-400:]}")
    result = json.loads(out)
    share = relay.cpu_between(before, after) / (t1 - t0)
    if not result["rx_pps"] or share <= 0:
        raise BenchError(f"nothing came through: {out.strip()[:400]}")
    if result["bad_pt"] or result["bad_payload"] or result["srtp_bad"]:
        raise BenchError(f"packets came out wrong: {out.strip()[:900]}")
    if result["loss_pct"] > 1:
        raise BenchError(f"{result['loss_pct']:.2f} % lost at {result['offered_pps']:.0f} packets/s: the machine "
                         "is too busy for a figure")
    return result["rx_pps"] / share, result


def _kind(bench, wire, programs, name, cpus):
    mode, calls = KINDS[name]
    rtpload, work = programs
    figures = {}
    for label, make in (("rtpengine", lambda: _Rtpengine(wire, work, cpus[0])),
                        ("limen", lambda: _Limen(bench, wire, work, cpus[0]))):
        relay = make()
        try:
            path = os.path.join(work, f"{label}-{mode}.txt")
            relay.program(mode, calls, path)
            values, last = [], None
            for _ in range(1 if bench.quick else ROUNDS):
                value, last = _load(wire, rtpload, relay, path, calls, cpus[1], bench.quick)
                values.append(value)
        finally:
            relay.close()
        figures[label] = median(values)
        say(f"{name} {label}: {figures[label]:,.0f} packets/CPU-second at {last['rx_pps']:,.0f} packets/s, "
            f"latency p50 {last['lat_us']['p50']:.0f} p99 {last['lat_us']['p99']:.0f} us, lost {last['loss_pct']:.3f} %")
    return row(name, figures["limen"], "packets/CPU-second", figures["rtpengine"])


def versus(bench, names):
    cpus = sorted(os.sched_getaffinity(0), reverse=True)
    if len(cpus) < 2:
        raise BenchError("needs two CPUs, one for the relay and one for the load")
    if os.geteuid() != 0:
        raise BenchError("needs root for network namespaces; run it with sudo")
    try:
        run(["rtpengine", "--version"])
        programs = _programs(bench)
        wire = _Wire()
        try:
            return [_kind(bench, wire, programs, name, cpus) for name in names]
        finally:
            wire.close()
    except LabError as e:
        raise BenchError(str(e)) from None
