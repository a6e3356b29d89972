# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo ./lab [COMMAND]

  (none)     build, put the box between phones and carriers, place calls, show what happened,
             take everything down; exit status 0 only if all was well
  up         the same without the calls, and keep it standing
  call       place the calls through a standing lab and show what happened
  cli [ARG]  the box's command line, for example: ./lab cli -c 'show call active voice brief'
  status     what runs where, with commands to try
  down       take a standing lab down

Logs, captures and call records are kept in build/lab/."""
import fcntl
import json
import os
import shutil
import signal
import sys
import time

from . import boxconf, media, net, pcap, peers
from .box import Box, program
from .build import ROOT, build, say
from .proc import LabError, Proc, socket_bound, tail, wait_for

WORK = os.path.join(ROOT, "build", "lab")
RUN = "/run/limen-lab"
PEERS_RUN = os.path.join(RUN, "peers")
STANDING = os.path.join(RUN, "standing")  # exists while ./lab up stands
LOCK = "/run/limen-lab.lock"
HOLD_MS = int(peers.talk_time() * 1000) + 500

#        name             calls  dialled   transport  phone      box          port  RTP port
CALLS = [("udp",              4, "+49301555", "udp", net.PHONE4, net.BOX_A4, 5062, 6000),
         ("tcp",              1, "+49302555", "tcp", net.PHONE4, net.BOX_A4, 5064, 6020),
         ("ipv6",             1, "+49303555", "udp", net.PHONE6, net.BOX_A6, 5066, 6040),
         ("kamailio",         1, "+49304555", "udp", net.PHONE4, net.BOX_A4, 5068, 6060)]
BARESIP_NUMBER, BARESIP_TALK_S = "+49304777", 5.0


class Lab:
    def __init__(self):
        self.net = net.Network("limen")
        self.box = Box(self.net, WORK, RUN)
        self.t0 = time.monotonic()

    def step(self, text):
        say(f"{time.monotonic() - self.t0:7.1f} s  {text}")

    # ---- up and down ----

    def up(self):
        shutil.rmtree(WORK, ignore_errors=True)
        os.makedirs(WORK)
        os.makedirs(PEERS_RUN, exist_ok=True)
        self.step(f"network: namespaces {', '.join(self.net.all)}")
        self.net.up()
        self.step("box: limen-dataplane, limen-control, limen-sip, limen-nat, limen-rec")
        self.box.start(wait=False, detached=True)
        self.step("carriers: SIPp over UDP, TCP and IPv6; Kamailio with an echoing far end behind it")
        self.start_peers()
        self.box.wait_ready()
        self.step("box: serves")

    def start_peers(self):
        """The called side, under a supervisor of its own so that it stands as long as the lab."""
        def uas(name, scenario, local, **options):
            folder = os.path.join(WORK, name)
            return {"name": name, "ns": self.net.peering, "notify": False, "cwd": folder,
                    "argv": peers.sipp_command(folder, scenario, local, 5060, **options)}
        folder = os.path.join(WORK, "kamailio")
        programs = [uas("carrier-udp", "answer.xml", net.CARRIER4, media_port=6000),
                    uas("carrier-tcp", "answer.xml", net.CARRIER4, transport="tcp", media_port=6020),
                    uas("carrier-ipv6", "answer.xml", net.CARRIER6, media_port=6000),
                    uas("far-end", "answer_echo.xml", net.FAR4, media_port=6000, echo=True),
                    {"name": "kamailio", "ns": self.net.peering, "notify": False,
                     "argv": peers.kamailio_command(folder, net.KAMAILIO4, f"{net.FAR4}:5060")}]
        spec = os.path.join(PEERS_RUN, "programs.json")
        with open(spec, "w") as f:
            json.dump({"dir": PEERS_RUN, "log_dir": os.path.join(WORK, "logs"), "programs": programs}, f)
        self.peers_proc = Proc("peers", [os.path.join(ROOT, "tools/dev/supervise"), spec],
                               os.path.join(WORK, "peers.log"), detached=True)

        def listening():
            state = read_state(PEERS_RUN)
            for p in state:
                if p["state"] == "failed":
                    raise LabError(f"{p['name']} does not run (log: {p['log']})\n{tail(p['log'])}")
            pid = next((p["pid"] for p in state if p["name"] == "kamailio"), None)
            return pid and socket_bound(pid, "udp", 5060) and socket_bound(pid, "tcp", 5060)
        wait_for(f"the carriers should listen (logs: {WORK}/logs)", listening)

    def down(self):
        """Stops what this lab started, whatever state it is in. The last words of a program that
        does not end as it should are an error."""
        problem = None
        for run_dir in (PEERS_RUN, RUN):
            pid = supervisor_pid(run_dir)
            if pid:
                os.kill(pid, signal.SIGTERM)
                try:
                    wait_for("the supervisor should end", lambda pid=pid: not supervisor_pid(run_dir), 30)
                except LabError as exc:
                    problem = exc
        faults = self.box.faults() if os.path.exists(os.path.join(RUN, "state.json")) else []
        self.net.down()
        shutil.rmtree(RUN, ignore_errors=True)
        if faults:
            raise LabError("\n".join(faults))
        if problem:
            raise problem

    def clean_up(self):
        """down(), for when something else has gone wrong already."""
        try:
            self.down()
        except LabError as exc:
            say(f"clean-up: {exc}")

    # ---- calls ----

    def call(self):
        """Places the calls. Returns what report() wants."""
        folder = os.path.join(WORK, "calls")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        known = {r["id"] for r in self.box.records()}
        captures = [pcap.Capture(self.net.access, self.net.access_if, os.path.join(folder, "access.pcap")),
                    pcap.Capture(self.net.peering, self.net.peering_if, os.path.join(folder, "peering.pcap"))]
        problems = []
        try:
            total = sum(c[1] for c in CALLS) + 1
            self.step(f"calls: {total} at a time, {HOLD_MS / 1000:g} s each")
            self.place_calls(folder, problems)
            records = self.new_records(known, total, problems)
            packets = [c.packets() for c in captures]
        finally:
            for c in captures:
                c.stop()
        return total, records, packets, problems

    def place_calls(self, folder, problems):
        phones = [peers.Sipp(folder, f"phone-{name}", self.net.access, "call.xml", phone, port, remote=box,
                             number=number, calls=n, transport=transport, media_port=rtp_port, hold_ms=HOLD_MS)
                  for name, n, number, transport, phone, box, port, rtp_port in CALLS]
        try:
            self.call_with_baresip(folder)
        except LabError as exc:
            problems.append(str(exc))
        for phone in phones:
            try:
                phone.wait_ok()
            except LabError as exc:
                problems.append(str(exc))
                phone.stop()

    def call_with_baresip(self, folder):
        phone = peers.Baresip(folder, "phone-baresip", self.net.access, net.PHONE2_4, seconds=60.0)
        try:
            phone.call(f"sip:{BARESIP_NUMBER}@{net.BOX_A4}")
            peers.sleep_while_talking(BARESIP_TALK_S)
            phone.hangup()
        finally:
            phone.stop()

    def new_records(self, known, total, problems):
        def fresh():
            return [r for r in self.box.records() if r["id"] not in known]
        try:
            wait_for(f"{total} call records (log: {self.box.log_path('limen-control')})",
                     lambda: len(fresh()) >= total)
        except LabError as exc:
            problems.append(f"{exc}; there are {len(fresh())}")
        return fresh()

    # ---- showing ----

    def report(self, total, records, packets, problems):
        calls = media.join(records, *packets)
        calls.sort(key=lambda c: c.leg_a.messages[0].ts if c.leg_a.messages else 0)
        completed = 0
        for c in calls:
            if c.record["sip_status"] != 200:
                problems.append(f"call {c.leg_a.call_id} ended with {c.record['sip_status']}: {c.record.get('reason')}")
            problems += c.faults
            completed += c.record["sip_status"] == 200 and not c.faults
        shown = next((c for c in calls if c.leg_b.messages), None)
        if shown:
            say("\nOne call, both legs\n")
            say(media.ladder(shown))
            say("\nIts record\n")
            say(json.dumps(shown.record, indent=2))
        say("\nAudio of all calls, as captured on both sides of the box\n")
        say(media.table(calls))
        sums = [sum(len(p) for p in column) for column in zip(*[(c.a2b.sent, c.a2b.received, c.b2a.sent, c.b2a.received)
                                                                for c in calls])] or [0, 0, 0, 0]
        if problems:
            say("\nNot well:")
            for p in problems:
                say("- " + p.replace("\n", "\n  "))
            say(f"\nLogs of the box: {self.box.log_dir}\nOf phones and carriers, and captures: {WORK}")
        say("")
        say(f"{total} calls: {completed} completed, {total - completed} failed; "
            f"RTP a>b {sums[0]}/{sums[1]} b>a {sums[2]}/{sums[3]}")
        return not problems and completed == total and sums[0] == sums[1] and sums[2] == sums[3]

    def status(self):
        for what, run_dir in (("box", RUN), ("carriers", PEERS_RUN)):
            say(f"{what}:")
            for p in read_state(run_dir):
                age = f"for {time.time() - p['since']:.0f} s" if p["pid"] else ""
                say(f"  {p['name']:16s} {p['state']:9s} pid {p['pid'] or '-':<8} started {p['starts']} times {age}  log {p['log']}")
        say(f"""
addresses:
  {self.net.access:14s} phones {net.PHONE4}, {net.PHONE2_4}, {net.PHONE6}
  {self.net.box:14s} access {net.BOX_A4}, {net.BOX_A6}   peering {net.BOX_B4}, {net.BOX_B6}
  {self.net.peering:14s} SIPp {net.CARRIER4}, {net.CARRIER6}   Kamailio {net.KAMAILIO4}   behind a router {net.FAR4}
  +49301... carrier, UDP   +49302... TCP   +49303... IPv6   +49304... Kamailio

try:
  ./lab cli
  ./lab cli -c 'show interfaces'
  ./lab call
  ip netns exec {self.net.access} tcpdump -ni {self.net.access_if} udp
  ip netns exec {self.net.box} ip addr
  kill -9 {next((p['pid'] for p in read_state(RUN) if p['name'] == 'limen-sip'), 'PID')}        # in mid-call
  ./lab down""")


def read_state(run_dir):
    try:
        with open(os.path.join(run_dir, "state.json")) as f:
            return json.load(f)["programs"]
    except (OSError, ValueError):
        return []


def supervisor_pid(run_dir):
    """The pid in state.json when that process is there and is our supervisor (pids come again)."""
    try:
        with open(os.path.join(run_dir, "state.json")) as f:
            pid = json.load(f)["pid"]
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            ours = run_dir.encode() in f.read()
        with open(f"/proc/{pid}/stat") as f:
            return pid if ours and f.read().rsplit(")", 1)[1].split()[0] != "Z" else None
    except (OSError, ValueError, KeyError):
        return None


def take_lock():
    lock = open(LOCK, "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise LabError("another ./lab is at work on this machine; wait for its end (./lab status shows a "
                       "standing one)") from exc
    return lock


def give_back_build():
    """After sudo: the build folder belongs to who called, so that 'ninja -C build' works."""
    uid, gid = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if not uid or not gid:
        return
    top = os.path.join(ROOT, "build")
    for folder, dirs, files in os.walk(top):
        for name in dirs + files:
            os.lchown(os.path.join(folder, name), int(uid), int(gid))
    os.lchown(top, int(uid), int(gid))


def interrupted(*_):
    raise KeyboardInterrupt


def must_stand(lab):
    if not os.path.exists(STANDING) or not supervisor_pid(RUN):
        raise LabError("no lab is standing: ./lab up")
    return lab


def command_run(lab):
    if os.path.exists(STANDING) and supervisor_pid(RUN):
        raise LabError("a lab is standing (./lab up): ./lab call places calls through it, ./lab down removes it")
    build("build")
    lab.t0 = time.monotonic()
    lab.clean_up()  # what an interrupted run left
    try:
        lab.up()
        happened = lab.call()
    except BaseException:
        lab.clean_up()
        give_back_build()
        raise
    try:
        lab.down()
        lab.step("everything is taken down")
    except LabError as exc:
        happened[-1].append(str(exc))
    give_back_build()
    return lab.report(*happened)


def command_up(lab):
    if os.path.exists(STANDING) and supervisor_pid(RUN):
        raise LabError("the lab is standing already: ./lab status")
    build("build")
    lab.t0 = time.monotonic()
    lab.clean_up()
    try:
        lab.up()
        with open(STANDING, "w"):
            pass
    except BaseException:
        lab.clean_up()
        raise
    finally:
        give_back_build()
    lab.status()


def main(argv):
    command = argv[0] if argv else "run"
    if command in ("help", "--help", "-h"):
        print(__doc__)
        return 0
    if command not in ("run", "up", "call", "cli", "status", "down"):
        print(f"lab: unknown command '{command}'\n\n{__doc__}", file=sys.stderr)
        return 2
    lab = Lab()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    try:
        if command == "cli":
            must_stand(lab)
            os.execvp("ip", ["ip", "netns", "exec", lab.net.box, program("limen"), "--run-dir", RUN] + argv[1:])
        if command == "status":
            must_stand(lab).status()
            return 0
        lock = take_lock()  # until the end of this process
        if command == "call":
            return 0 if lab.report(*must_stand(lab).call()) else 1
        if command == "up":
            command_up(lab)
        elif command == "down":
            lab.down()
            lab.step("everything is taken down")
        else:
            return 0 if command_run(lab) else 1
        lock.close()
        return 0
    except LabError as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
