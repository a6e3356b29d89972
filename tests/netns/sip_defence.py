# SPDX-License-Identifier: GPL-3.0-or-later
"""A scanner at the side of the phones: sweeps of OPTIONS, REGISTER and INVITE and garbage, as tools send them. It is
dropped, in the data plane and, where a realm has no port there, by limen-sip; longer the second time; and let in again.
A registered phone and a trunk beside it do not notice. What is blocked outlives each of the processes."""
import itertools
import signal

from limenlab import boxconf, net
from limenlab.proc import LabError, wait_for
from limenlab.regcase import register, users
from limenlab.sipcase import NUMBER, conf, counters, start
from limenlab.ua import Endpoint, answered_call, hang_up

LIMIT = 12
AGENT = "User-Agent: friendly-scanner\r\n"


def defended():
    c = conf()
    access = boxconf.find(c["realms"], name="access")
    access.update(admission="users")
    # Beside it a realm of class access without a port in the data plane.
    c["realms"].append({"name": "office", "class": "access", "listen": [f"udp {net.BOX_A4} 5070"]})
    c["registrars"] = [dict(name="phones", realm="access")]
    c["pools"] = users("alice")
    c["voice_service"] = dict(defence_malformed=LIMIT, defence_unknown=LIMIT, defence_challenges=LIMIT, defence_block_s=2)
    return c


class Scanner:
    """Sends and does not care for answers; each request is another one."""

    def __init__(self, t):
        self.t, self.sock, self.n = t, t.attacker(), 0

    def send(self, method, user, agent="", port=5060):
        self.n += 1
        me, to = f"{net.ATTACKER4}:5060", f"sip:{user}@{net.BOX_A4}"
        self.sock.sendto((f"{method} {to} SIP/2.0\r\nVia: SIP/2.0/UDP {me};rport;branch=z9hG4bKscan{self.n}\r\n"
                          f"From: <{to}>;tag=s{self.n}\r\nTo: <{to}>\r\nCall-ID: scan-{self.n}\r\nCSeq: 1 {method}\r\n"
                          f"Contact: <sip:{user}@{me}>\r\nMax-Forwards: 70\r\n{agent}Content-Length: 0\r\n\r\n").encode(),
                         (net.BOX_A4, port))

    def answered(self):
        """Whether this request is; answers to others do not count."""
        self.send("OPTIONS", "100")
        self.sock.settimeout(1.0)
        try:
            while f"Call-ID: scan-{self.n}\r\n".encode() not in self.sock.recv(4096):
                pass
            return True
        except TimeoutError:
            return False

    def sweep(self, box, what, reason):
        """Until it is blocked; some more, which the data plane drops. Returns the row."""
        def step():
            what()
            return blocked(box)
        row = wait_for(f"{reason}: the scanner should be blocked", step, 10, 0.02)
        self.t.equal(row["reason"], reason, "reason")
        return row


def blocked(box):
    rows = box.json("show sip blocked-sources")
    return next((r for r in rows if r["source"] == net.ATTACKER4), None)


def dropped_by_dataplane(box, scanner, n=20):
    """It goes on, and none of that reaches Linux."""
    before = (blocked(box) or {"drops_dataplane": 0})["drops_dataplane"]

    def counted():
        for _ in range(10):
            scanner.send("OPTIONS", "100")
        row = blocked(box)
        return row and row["drops_dataplane"] >= before + n
    wait_for("the data plane should drop and count what a blocked source sends", counted, 10, 0.02)


def others_are_served(t, phone, carrier, alice):
    a, b = answered_call(phone, carrier, NUMBER)
    register(alice, "alice")
    hang_up(a, b)


def clear(box):
    box.cli(f"clear sip blocked-sources {net.ATTACKER4}")
    if blocked(box):
        raise LabError("it is still blocked after clear sip blocked-sources")


def run(t):
    box, phone, carrier = start(t, defended())
    scanner, alice = Scanner(t), Endpoint(t, "access", net.PHONE2_4, 5092)
    register(alice, "alice")

    # one request of a known tool is enough; then its time is over
    scanner.sweep(box, lambda: scanner.send("OPTIONS", "100", AGENT), "scanner")
    dropped_by_dataplane(box, scanner)
    t.check(box.drops()["blocked"] > 0, "the drops are not in show media drops")
    others_are_served(t, phone, carrier, alice)
    wait_for("a block should end by itself", lambda: not blocked(box), 10)
    wait_for("and then it should be answered", scanner.answered, 10)

    # the second time is longer
    row = scanner.sweep(box, lambda: scanner.send("REGISTER", "1000"), "unanswered-challenges")
    t.equal((row["times"], row["left_s"] > 2), (2, True), "times and time of the second block")
    dropped_by_dataplane(box, scanner)
    t.check(not connects(t), "a TCP connection of a blocked source is served")
    clear(box)
    wait_for("after clear it should be answered", scanner.answered, 10)

    row = scanner.sweep(box, lambda: scanner.send("INVITE", "+49999"), "unanswered-challenges")
    t.equal(row["times"], 1, "what was cleared is forgotten")
    clear(box)
    garbage = itertools.cycle((b"\x00\x01 no STUN", b"INVITE\r\n\r\n", b"\xff" * 900, b"SIP/2.0 200\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"))
    scanner.sweep(box, lambda: scanner.sock.sendto(next(garbage), (net.BOX_A4, 5060)), "malformed")
    others_are_served(t, phone, carrier, alice)
    clear(box)
    without_a_port(t, box, scanner)
    wait_for("blocked sources should be counted", lambda: counters(box)["sources_blocked"] == 4, 10)
    by_hand(t, box, scanner)
    t.check(f"SIP of {net.ATTACKER4} in realm access is dropped for" in box.log("limen-sip"), "no line in the log")
    others_are_served(t, phone, carrier, alice)


def connects(t):
    try:
        net.tcp_connect(t.net.access, net.ATTACKER4, net.BOX_A4, 5060, timeout_s=0.5).close()
        return True
    except OSError:
        return False


def without_a_port(t, box, scanner):
    """The realm is nowhere in the data plane: limen-sip drops, and the figures say so."""
    box.cli(f"block sip source {net.ATTACKER4} realm office seconds 600")

    def counted():
        scanner.send("OPTIONS", "100", port=5070)
        row = blocked(box)
        return row and row["drops"] >= 5 and row
    row = wait_for("limen-sip should drop where the realm has no port", counted, 10, 0.1)
    t.equal((row["realm"], row["drops_dataplane"]), ("office", 0), "realm, and drops of the data plane")
    t.check(scanner.answered(), "a block of one network counts in another")
    clear(box)


def by_hand(t, box, scanner):
    """A block of an operator, and what it outlives."""
    box.cli(f"block sip source {net.ATTACKER4} realm access seconds 600")
    dropped_by_dataplane(box, scanner)
    for name in ("limen-control", "limen-sip", "limen-dataplane"):
        if name == "limen-control":  # hangs first: nothing depends on it
            box.kill(name, signal.SIGSTOP)
            t.check(not scanner.answered(), "a blocked source is answered while limen-control hangs")
        old = box.kill(name)
        box.wait_restarted(name, old)
        box.wait_serving()
        wait_for(f"it should be blocked still after {name} was killed", lambda: blocked(box), 10)
        row = blocked(box)
        t.equal((row["reason"], row["left_s"] > 500), ("operator", True), f"the block after {name} was killed")
        dropped_by_dataplane(box, scanner)
    clear(box)
    wait_for("after clear it should be answered", scanner.answered, 10)
