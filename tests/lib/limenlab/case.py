# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scenario of tests/netns is given. A scenario is a file with a docstring and

    def run(t): ...            # t is a Case; raise or t.check() when something is wrong
    EXCLUSIVE = True           # optional: it measures, nothing else may run beside it
    TIMEOUT_S = 90             # optional
    BUILD = "build-asan"       # optional: the programs with sanitizers in them

It gets network namespaces of its own and starts a box with t.box(). Wait for events with
wait_for(); the only waits by the clock are those for audio, which runs in real time."""
import os
import shutil

from . import boxconf, media, net, pcap, peers, rtp, sip
from .box import Box
from .proc import LabError, wait_for  # noqa: F401 (scenarios use it from here)


class Skip(Exception):
    """This machine cannot run the scenario; the text says why."""


class Failed(Exception):
    """The product does not do what the scenario asks."""


class Case:
    def __init__(self, name, workdir):
        self.name, self.dir = name, workdir
        shutil.rmtree(workdir, ignore_errors=True)
        os.makedirs(workdir)
        self.net = net.Network(f"limen-{name[:20]}-{os.getpid()}")
        self.run_dir = f"/run/limen-test-{os.getpid()}"
        self.the_box = None
        self._cleanup, self._captures, self._n = [], None, 0
        self.net.down()
        self._cleanup.append(self.net.down)
        self.net.up()

    def close(self):
        for step in reversed(self._cleanup):
            try:
                step()
            except Exception as exc:  # the other steps must still run
                print(f"clean-up: {exc}")
        self._cleanup = []
        shutil.rmtree(self.run_dir, ignore_errors=True)

    # ---- judging ----

    def check(self, condition, sentence):
        if not condition:
            raise Failed(sentence)

    def equal(self, got, want, what):
        self.check(got == want, f"{what}: {got!r}, expected {want!r}")

    # ---- building blocks ----

    def box(self, conf=None, **options):
        """Starts the box and waits until it serves. conf: boxconf.standard(), changed."""
        os.makedirs(self.run_dir, exist_ok=True)
        self.the_box = Box(self.net, self.dir, self.run_dir, conf, **options)
        self._cleanup.append(self.the_box.stop)
        return self.the_box.start()

    def capture(self):
        """Captures on both sides from now on; see packets()."""
        self._captures = (pcap.Capture(self.net.access, self.net.access_if, os.path.join(self.dir, "a.pcap")),
                          pcap.Capture(self.net.peering, self.net.peering_if, os.path.join(self.dir, "b.pcap")))
        self._cleanup += [c.stop for c in self._captures]

    def packets(self):
        """(access side, peering side): everything on the wires since capture()."""
        return tuple(c.packets() for c in self._captures)

    def _name(self, name):
        self._n += 1
        return f"{self._n:02d}-{name}"

    def carrier(self, scenario="answer.xml", local=net.CARRIER4, port=5060, **options):
        """SIPp as the called side, in peering."""
        uas = peers.Sipp(self.dir, self._name("carrier"), self.net.peering, scenario, local, port, **options)
        self._cleanup.append(uas.stop)
        return uas

    def phone(self, number, scenario="call.xml", local=net.PHONE4, remote=net.BOX_A4, port=None, calls=1,
              hold_ms=None, side="access", **options):
        """SIPp as the calling side; starts at once. hold_ms: as long as its voice."""
        if hold_ms is None:
            hold_ms = int(peers.talk_time() * 1000) + 500
        port = port or 5100 + 2 * self._n
        ns = self.net.access if side == "access" else self.net.peering
        uac = peers.Sipp(self.dir, self._name("phone"), ns, scenario, local, port, remote=remote,
                         number=number, calls=calls, hold_ms=hold_ms, **options)
        self._cleanup.append(uac.stop)
        return uac

    def baresip(self, side="access", local=net.PHONE2_4, **options):
        ns = self.net.access if side == "access" else self.net.peering
        phone = peers.Baresip(self.dir, self._name("baresip"), ns, local, **options)
        self._cleanup.append(phone.stop)
        return phone

    def kamailio(self, far=f"{net.FAR4}:5060", local=net.KAMAILIO4, secret=None, side="peering", **options):
        ns = self.net.access if side == "access" else self.net.peering
        proxy = peers.Kamailio(self.dir, self._name("kamailio"), ns, local, far, secret, **options)
        self._cleanup.append(proxy.stop)
        return proxy

    def dnsmasq(self, options, local=net.KAMAILIO4):
        """A name server in peering, see peers.Dnsmasq."""
        server = peers.Dnsmasq(self.dir, self._name("dnsmasq"), self.net.peering, local, options)
        self._cleanup.append(server.stop)
        return server

    def itsp(self, secret):
        """A carrier's registrar for far ends at FAR4, see itsp.cfg."""
        itsp = peers.Kamailio(self.dir, self._name("itsp"), self.net.peering, [net.KAMAILIO4, net.KAMAILIO6],
                              f"{net.FAR4}:5060", secret, script="itsp.cfg")
        self._cleanup.append(itsp.stop)
        return itsp

    def core(self, tls=None, ca=None, asks=False):
        """A registrar behind the box for users of core.example, calls of others go to FAR4 and FAR6; see core.cfg. tls: files
        of its certificate and key; ca: of who signed the box's; asks: who calls has to prove himself, too."""
        core = peers.Kamailio(self.dir, self._name("core"), self.net.peering, [net.KAMAILIO4, net.KAMAILIO6], f"{net.FAR4}:5060",
                              script="core.cfg", tls=tls,
                              defines=dict(BOX=net.BOX_B4, BOX6=net.BOX_B6, FAR6=f"sip:[{net.FAR6}]:5060", FAR6_HOST=net.FAR6,
                                           **({"TLS_CA": ca} if ca else {}), **({"ASKS": "yes"} if asks else {})))
        self._cleanup.append(core.stop)
        return core

    def attacker(self, local=net.ATTACKER4, port=0):
        """A UDP socket in access."""
        s = net.udp_socket(self.net.access, local, port)
        self._cleanup.append(s.close)
        return s

    # ---- whole calls ----

    def wait_active(self, n=1, timeout_s=10.0):
        """Until n calls are answered; returns what the box shows of them."""
        def active():
            rows = [c for c in self.the_box.active_calls() if c["state"] == "active"]
            return rows if len(rows) == n else None
        return wait_for(f"{n} active calls in 'show call active voice'", active, timeout_s)

    def judge(self, n, played_a="voice-a.pcap", played_b="voice-b.pcap"):
        """After n calls: a record each, audio of both directions arrived byte for byte, each as it
        stands in the file that was played (None: not compared with a file). Returns the calls."""
        records = self.the_box.wait_records(n)
        self.equal(len(records), n, "call records")
        calls = media.join(records, *self.packets())
        for call in calls:
            self.check(not call.faults, "\n".join(call.faults))
            for leg, direction in zip(call.record["legs"], (call.a2b, call.b2a)):
                self.equal(leg["media"]["packets"], len(direction.sent), f"packets {direction.name} in the record")
                self.equal(leg["media"]["sent_packets"], len(direction.received), f"sent_packets {direction.name} in the record")
                self.equal(leg["media"]["lost"], 0, f"lost {direction.name} in the record")
            for direction, name in ((call.a2b, played_a), (call.b2a, played_b)):
                self.check(name is None or media.same_as_file(direction, name),
                           f"{direction.name}: the audio is not that of {name}")
        return calls

    def no_leaks(self):
        """Scans every byte that left the box on either side for things of the other side."""
        a, b = self.packets()
        access = [net.PHONE4, net.PHONE6, net.PHONE2_4]
        peering = [net.CARRIER4, net.CARRIER6, net.KAMAILIO4, net.KAMAILIO6, net.FAR4, net.FAR6]
        secrets_a = media.secrets_of(a, access, media.BOX_A, [b"inner-", b"bruno"])
        secrets_b = media.secrets_of(b, peering, media.BOX_B, [b"core-"])
        found = media.leaks(b, media.BOX_B, secrets_a) + media.leaks(a, media.BOX_A, secrets_b)
        self.check(not found, "inner things left the box:\n" + "\n".join(found[:10]))
        return len(secrets_a), len(secrets_b)

    def sip_messages(self, side):
        """SIP on the wire of a side ("access" or "peering") since capture()."""
        return sip.messages(self.packets()[0 if side == "access" else 1])

    def bad_frames(self):
        """Packets from the box whose checksums are wrong."""
        a, b = self.packets()
        return [p for p in a if p.src in media.BOX_A and not p.checksum_ok] + \
               [p for p in b if p.src in media.BOX_B and not p.checksum_ok]


__all__ = ["Case", "Skip", "Failed", "LabError", "Box", "boxconf", "media", "net", "pcap", "peers", "rtp", "wait_for"]
