# SPDX-License-Identifier: GPL-3.0-or-later
"""The running limen-dataplane, measured from outside: tests/perf/memif_gen plays both far ends of
many calls behind two memif ports. The rate rises until packets are lost; packets per busy-second
of the worker come from the statistics segment."""
import ipaddress
import json
import os
import subprocess
import time

from limenlab.proc import LabError, Proc, die_with_parent, tail, wait_for
from limenlab.proc import run as lab_run

from .common import BenchError, median, say
from .dpapi import SRTP_STATES, Client, leg
from .table import row

FLOWS = 1000
PORT_LO = 16384
START_PPS, MAX_PPS, STEP = 100_000, 20_000_000, 1.4
BISECTIONS = 4
STEP_MS = 1000
TRIES = 3  # a rate counts as loss-free when one of so many tries lost nothing
BUSY_SHARE, LATENCY_SHARE = 0.9, 0.5  # of the loss-free rate

#        port   our address    gateway          first far end  MAC of the generator
SIDE_A = ("mi-a", "192.0.2.1", "192.0.2.254", "198.18.0.0", "02:6c:69:6d:00:0a")
SIDE_B = ("mi-b", "198.51.100.1", "198.51.100.254", "198.19.0.0", "02:6c:69:6d:00:0b")


def _session(n):
    far = [str(ipaddress.ip_address(side[3]) + n) for side in (SIDE_A, SIDE_B)]
    port = PORT_LO + 2 * n
    return ((n + 1).to_bytes(8, "little") * 2 +
            leg((SIDE_A[1], port), (far[0], 20000)) + leg((SIDE_B[1], port), (far[1], 20000)) + bytes(SRTP_STATES))


class _Box:
    """limen-dataplane in a network namespace of its own, programmed through the session API."""

    def __init__(self, bench, cpu):
        self.ns = f"limen-bench-{os.getpid()}"
        self.run_dir = os.path.join(bench.work, "memif")
        os.makedirs(self.run_dir, exist_ok=True)
        lab_run(["ip", "netns", "add", self.ns])
        lab_run(["ip", "-n", self.ns, "link", "set", "lo", "up"])
        argv = [bench.program("dataplane", "limen-dataplane"), "--run-dir", self.run_dir,
                "--workers", "1", "--worker-cpus", str(cpu), "--max-sessions", str(2 * FLOWS)]
        if not bench.huge:
            argv.append("--no-huge")
        self.log = os.path.join(self.run_dir, "log")
        self.proc = Proc("limen-dataplane", argv, self.log, ns=self.ns)
        path = os.path.join(self.run_dir, "dataplane.sock")
        wait_for(f"limen-dataplane should open {path}; its log: {self.log}",
                 lambda: os.path.exists(path) or not self.proc.running(), 20)
        if not self.proc.running():
            raise BenchError(f"limen-dataplane ended at its start:\n{tail(self.log)}")
        self.client = Client(path)

    def program(self):
        for n, (name, addr, gateway, net, mac) in enumerate((SIDE_A, SIDE_B)):
            self.client.port_set(name, f"net_memif{n},id={n},role=server,socket=limen-bench-{n}.sock")
            wait_for(f"the data plane should make the TAP twin {name}",
                     lambda: lab_run(["ip", "-n", self.ns, "link", "show", name], check=False)[0] == 0)
            for args in (["addr", "add", f"{addr}/24", "dev", name], ["link", "set", name, "up"],
                         ["neigh", "replace", gateway, "lladdr", mac, "nud", "permanent", "dev", name],
                         ["route", "add", f"{net}/16", "via", gateway]):
                lab_run(["ip", "-n", self.ns, *args])
            self.client.media_addr_set(addr, PORT_LO, PORT_LO + 2 * FLOWS - 1, name)
        self.client.sessions_add(_session(n) for n in range(FLOWS))

    def mac(self, name):
        _, out = lab_run(["ip", "-j", "-n", self.ns, "link", "show", name])
        return json.loads(out)[0]["address"]

    def close(self):
        self.client.close()
        self.proc.stop()
        lab_run(["ip", "netns", "del", self.ns], check=False)


class _Generator:
    def __init__(self, bench, box, cpu):
        memory = ["--in-memory"] if bench.huge else ["--no-huge", "--no-shconf"]
        argv = ["ip", "netns", "exec", box.ns, bench.program("tests", "perf", "memif_gen"),
                "-l", str(cpu), "--no-pci", *memory, "-m", "128", "--no-telemetry", "--log-level=4"]
        for n, side in enumerate((SIDE_A, SIDE_B)):
            argv += ["--vdev", f"net_memif{n},id={n},role=client,socket=limen-bench-{n}.sock,"
                               f"rsize=12,mac={side[4]}"]
        argv += ["--", f"flows={FLOWS}", f"port_lo={PORT_LO}"]
        for letter, side in zip("ab", (SIDE_A, SIDE_B)):
            argv += [f"{letter}_local={side[1]}", f"{letter}_net={side[3]}",
                     f"{letter}_mac={box.mac(side[0])}"]
        self.err = open(os.path.join(box.run_dir, "generator.log"), "w+")
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.err, text=True, preexec_fn=die_with_parent)
        if self.ask("link")["up"] != 2:
            raise BenchError(f"the memif ports did not connect; see the log of the data plane:\n"
                             f"{tail(box.log)}")

    def ask(self, command):
        try:
            self.popen.stdin.write(command + "\n")
            self.popen.stdin.flush()
            line = self.popen.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.err.seek(0)
            raise BenchError(f"memif_gen ended: {self.err.read().strip()[-600:]}")
        return json.loads(line)

    def run(self, pps, ms):
        return self.ask(f"run {pps:.0f} {ms}")

    def close(self):
        self.popen.stdin.close()
        try:
            self.popen.wait(5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
        self.err.close()


def _loss_free(gen, pps, ms):
    """(True when nothing was lost, the last result). What the generator could not offer in time
    shows as "late": then the generator is the limit, and the rate counts as not reached."""
    for _ in range(TRIES):
        r = gen.run(pps, ms)
        if r["bad"]:
            raise BenchError(f"{r['bad']} of {r['received']} packets came back wrong (address, port, "
                             "SSRC, MAC or checksum): the relay has a fault")
        if r["received"] == r["sent"] and not r["unsent"] and not r["late"]:
            return True, r
    return False, r


def _search(gen, ms):
    """The highest rate without loss, in packets per second, and what limited it."""
    good, pps, bad, why = 0, START_PPS, 0, ""
    left = BISECTIONS
    while pps <= MAX_PPS:
        ok, r = _loss_free(gen, pps, ms)
        lost = r["sent"] + r["unsent"] - r["received"]
        say(f"relay.memif {pps:,.0f} packets/s: " +
            ("no loss" if ok else f"{lost} lost of {r['sent'] + r['unsent']}, {r['late']} late"))
        if ok:
            good = pps
        else:
            bad = pps
            why = "the box" if lost else "the generator"
        if not bad:
            pps *= STEP
            continue
        if not left or not good:
            break
        left -= 1
        pps = (good + bad) / 2
    if not good:
        raise BenchError(f"packets are lost even at {START_PPS:,} a second: {r}")
    return good, why


def _busy(box, gen, pps, ms):
    """Relayed packets per second that the worker spent on work."""
    before = box.client.stats.worker()
    gen.run(pps, ms)
    after = box.client.stats.worker()
    cycles = after["cycles_busy"] - before["cycles_busy"]
    relayed = after["relayed_packets"] - before["relayed_packets"]
    if not cycles or not relayed:
        raise BenchError("the statistics segment says that the worker did nothing")
    return relayed * box.client.stats.tsc_hz / cycles


def relay(bench, names):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise BenchError("needs two CPUs, one for the worker and one for the generator")
    if os.geteuid() != 0:
        raise BenchError("needs root for a network namespace; run it with sudo")
    ms = STEP_MS // 5 if bench.quick else STEP_MS
    box = gen = None
    try:
        box = _Box(bench, cpus[0])
        box.program()
        gen = _Generator(bench, box, cpus[1])
        time.sleep(0.2)  # the mirror reads the neighbours; the first packets are not counted
        gen.run(10_000, 200)
        best, why = _search(gen, ms)
        say(f"relay.memif {best:,.0f} packets/s without loss, limited by {why}")
        busy = median([_busy(box, gen, best * BUSY_SHARE, ms) for _ in range(3)])
        calm = gen.run(best * LATENCY_SHARE, ms)
    except LabError as e:
        raise BenchError(str(e)) from None
    finally:
        if gen:
            gen.close()
        if box:
            box.close()
    return [row("relay.memif", best, "packets/s without loss"),
            row("relay.memif.busy", busy, "packets per busy second"),
            row("latency.worker.half-load.p50", calm["p50_us"], "us, at half the rate of relay.memif"),
            row("latency.worker.half-load.p99", calm["p99_us"], "us"),
            row("latency.worker.half-load.p99.9", calm["p999_us"], "us")]
