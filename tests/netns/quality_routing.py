# SPDX-License-Identifier: GPL-3.0-or-later
"""Quality routing. A carrier begins to refuse: after as many calls as the class says the box tries the other one
first, whatever worker has the call, also after a restart of limen-sip; `test call` and `show trunk quality` give the
figures. A few calls try it in its place all the same, and when those go well the calls come back. Another one whose
voice is lost on the way is left out for its MOS."""
from limenlab import boxconf, net
from limenlab.impair import Bad
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import TalkingCall
from limenlab.sipcase import conf, counters
from limenlab.ua import Endpoint

NUMBER, VOICE = "+49301555", "+49305555"
FEW, PROBE = 6, 20


def configuration():
    c = conf()
    c["qualities"] = [
        {"tag": 1, "window_min": 5, "minimum_calls": FEW, "asr_minimum": 50, "recovery_calls": 3, "probe_percent": PROBE},
        {"tag": 2, "minimum_calls": 1, "mos_minimum": 380, "action": "exclude", "probe_percent": 0}]
    boxconf.find(c["trunks"], name="carrier")["quality"] = 1
    c["trunks"].append(boxconf.trunk("spare", f"ipv4:{net.SPARE4}:5060"))
    c["trunks"].append(boxconf.trunk("noisy", f"ipv4:{net.SPARE4}:5070"))
    c["dial_peers"] += [boxconf.peer(311, "+49301T", "spare", preference=1),
                        boxconf.peer(305, "+49305T", "noisy", quality=2)]
    return c


class Calls:
    def __init__(self, t, box):
        self.t, self.box, self.n = t, box, 0

    def place(self, n):
        """n answered calls one after the other; the trunks that they ended at."""
        caller = self.t.phone(NUMBER, scenario="call_quiet.xml", calls=n, rate=50, hold_ms=1, extra=("-l", "1"))
        caller.wait_ok()
        self.n += n
        return [r["legs"][1]["trunk"] for r in self.box.wait_records(self.n)[-n:]]


def shown(box, trunk="carrier"):
    return box.json(f"show trunk quality {trunk}")[0]


def first_way(box, number=NUMBER):
    return next((c for c in box.json(f"test call from 1 to {number} realm access")["candidates"] if c["order"] == 1), None)


def run(t):
    t.capture()
    box = t.box(configuration(), sip_workers=2)
    good, spare = t.carrier("answer_quiet.xml"), t.carrier("answer_quiet.xml", local=net.SPARE4)
    calls = Calls(t, box)
    t.equal(calls.place(3), ["carrier"] * 3, "trunks while all is well")
    good.stop()
    bad = t.carrier("refuse.xml")
    # Three were answered: with as many refused again the ratio is the bound, with the next it is below.
    t.equal(calls.place(4), ["spare"] * 4, "trunks of calls that hunt on")
    wait_for("the carrier should be found too bad", lambda: shown(box)["state"] == "bad")
    row = shown(box)
    t.equal((row["why"], row["asr_percent"], row["calls"]),
            ("ASR 42 % over 7 calls, at least 50 % (voice class quality 1)", 42, 7), "what is shown")
    t.equal(first_way(box)["target"], "trunk spare", "the first way of test call")
    told = [c for c in box.json(f"test call from 1 to {NUMBER} realm access")["candidates"] if c["demoted"]]
    t.equal([(c["target"], c["demoted"]) for c in told], [("trunk carrier", row["why"])], "the demoted way")

    pid = box.kill("limen-sip")
    box.wait_restarted("limen-sip", pid)
    box.wait_serving()
    t.equal(calls.place(40), ["spare"] * 40, "trunks after a restart of limen-sip")
    probes = shown(box)["calls"] - 7
    t.check(1 <= probes <= 20, f"{probes} of 40 calls tried the bad carrier")
    t.equal(first_way(box)["target"], "trunk spare", "the first way, still")
    bad.stop()
    t.carrier("answer_quiet.xml")
    back = []
    while shown(box)["state"] == "bad" and len(back) < 200:
        back += calls.place(10)
    # A trial may have begun with a probe that failed; which calls are probes is a matter of chance.
    t.check(back.count("carrier") >= 2, f"trunks while it recovers: {back}")
    t.equal(calls.place(3), ["carrier"] * 3, "trunks after it recovered")
    t.check(first_way(box)["demoted"] is None and first_way(box)["target"] == "trunk carrier", "test call after that")
    lossy(t, box, calls)


def lossy(t, box, calls):
    """Every fifth packet from the called side is lost."""
    phone, carrier = Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "peering", net.SPARE4, 5070)
    t.check(first_way(box, VOICE) is not None, "the way before the bad call")
    call = TalkingCall(t, phone, carrier, number=VOICE, talk=False)
    call.sock_b = Bad(call.sock_b, seed=3, loss=0.2, burst=0.4)
    call.talk()
    sleep_while_talking(1.5)
    call.silence()
    call.hang_up()
    calls.n += 1
    wait_for("its voice should be found too bad", lambda: shown(box, "noisy")["state"] == "bad")
    why = shown(box, "noisy")["why"]
    t.check(why.startswith("MOS ") and why.endswith("over 1 calls, at least 3.80 (voice class quality 2)"), why)
    refused = t.phone(VOICE, scenario="call_quiet.xml", hold_ms=1)
    t.check(refused.proc.wait(20) != 0, "the call was answered")
    calls.n += 1
    said = box.json(f"test call from 1 to {VOICE} realm access")
    record = box.wait_records(calls.n)[-1]
    t.equal((said["status"], record["sip_status"]), (503, 503), "status of a call whose only way is excluded")
    t.equal((said["reason"], record["reason"]), (f"dial-peer 305: trunk noisy is too bad: {why}",) * 2, "the reason")
    t.check(counters(box)["quality_demoted"] > 10, "counted")
    box.cli("clear trunk quality noisy")
    t.check(first_way(box, VOICE) is not None, "the way after it is cleared")
