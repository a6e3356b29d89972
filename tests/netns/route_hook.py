# SPDX-License-Identifier: GPL-3.0-or-later
"""The route-hook: an operator's HTTPS server says where calls go, with other numbers, by trunk, dial-peer or URI, or
refuses them; slow, broken, huge and wrong answers leave the call to the other dial-peers, or end it where the
configuration says so, and no other call waits meanwhile. A server that is not trusted is not asked; one that is dead
is left alone. `test call` says what would be asked and, with the answer, does what the call did."""
import json

from limenlab import boxconf, hook, net
from limenlab.certs import Authority
from limenlab.proc import wait_for
from limenlab.sipcase import conf, counters, finish

PORT = 8443
URL = f"https://{net.CARRIER4}:{PORT}/way"
ANSWERS = {
    "+4930110": {"targets": [{"trunk": "spare", "called": "+49777", "calling": "+49888"}]},
    "+4930111": {"targets": [{"trunk": "nobody"}, {"dial_peer": 399}]},
    "+4930112": {"targets": [{"uri": f"sip:0800@{net.SPARE4}:5060"}]},
    "+4930113": {"reject": {"status": 603, "reason": "number blocked"}},
    "+4930114": "garbage", "+4930115": "huge", "+4930116": "broken", "+4930117": {"targets": []},
    "+4930118": "slow",
}


def configuration(ca):
    c = conf()
    c["route_hooks"] = [
        {"tag": 1, "url": URL, "trust": ca.path("ca.pem"), "bearer": "secret-token", "timeout_ms": 2500,
         "breaker_failures": 0},
        {"tag": 2, "url": URL, "timeout_ms": 2500, "fallback": "reject"},  # nobody vouches for the server
        {"tag": 3, "url": f"http://{net.CARRIER4}:1/", "timeout_ms": 2500, "breaker_failures": 2, "breaker_hold_s": 600}]
    c["trunks"].append(boxconf.trunk("spare", f"ipv4:{net.SPARE4}:5060"))
    boxconf.find(c["dial_peers"], tag=301)["preference"] = 1
    c["dial_peers"] += [{"tag": 300, "destination_pattern": "+49301T", "route_hook": 1},
                        {"tag": 307, "destination_pattern": "+49307T", "route_hook": 2},
                        {"tag": 308, "destination_pattern": "+49308T", "route_hook": 3},
                        boxconf.peer(309, "+49308T", "spare", preference=1),
                        boxconf.peer(399, "+4999", "spare")]
    return c


class Calls:
    def __init__(self, t, box):
        self.t, self.box, self.statuses = t, box, []

    def place(self, number, status=200):
        caller = self.t.phone(number, scenario="call_quiet.xml", hold_ms=1)
        if status == 200:
            caller.wait_ok()
        else:
            self.t.check(caller.proc.wait(20) != 0, f"the call to {number} was answered")
        self.statuses.append(status)
        record = [r for r in self.box.wait_records(len(self.statuses)) if r["legs"][0]["called"] == number][-1]
        self.t.equal(record["sip_status"], status, f"status of the call to {number}")
        return record


def run(t):
    ca = Authority(t.dir + "/ca")
    ca.leaf("web", "IP:" + net.CARRIER4)
    t.capture()
    box = t.box(configuration(ca))
    questions = hook.serve(t, t.net.peering, net.CARRIER4, PORT, ca.path("web-both.pem"), ANSWERS)
    t.carrier("answer_quiet.xml")
    t.carrier("answer_quiet.xml", local=net.SPARE4)
    calls = Calls(t, box)

    for number, trunk, called in (("+4930110", "spare", "+49777"), ("+4930111", "spare", "+4930111"),
                                  ("+4930112", "spare", "0800"), ("+4930114", "carrier", "+4930114"),
                                  ("+4930115", "carrier", "+4930115"), ("+4930116", "carrier", "+4930116"),
                                  ("+4930117", "carrier", "+4930117")):
        leg = calls.place(number)["legs"][1]
        t.equal((leg["trunk"], leg["called"]), (trunk, called), f"trunk and number of the call to {number}")
        foretold(t, box, number, trunk, called)
    record = calls.place("+4930113", 603)
    t.equal(record["reason"], "route-hook 1 refuses the call: number blocked", "the reason of a refused call")
    asked = questions()
    t.equal((asked[0]["path"], asked[0]["type"], asked[0]["auth"]), ("/way", "application/json", "Bearer secret-token"),
            "the head of a question")
    first = asked[0]["question"]
    t.equal((first["called"], first["realm"], first["dial_peer"]), ("+4930110", "access", 300), "a question")
    t.check(first["call_id"] in [r["id"] for r in box.records()], f"no record has the id of the question {first}")
    slow(t, box, calls)
    untrusted(t, calls)
    dead(t, box, calls)
    finish(t, box, calls.statuses)


def foretold(t, box, number, trunk, called):
    """`test call` with the answer of the hook has the trunk and number that the call had."""
    answer = ANSWERS[number]
    if not isinstance(answer, dict):
        said = box.json(f"test call from 1 to {number} realm access")
        t.equal(said["hook"]["url"], URL, "whom test call would ask")
        way = next(c for c in said["candidates"] if c["order"] == 1)
        t.equal((way["target"], way["called"]), (f"trunk {trunk}", called), f"the first way of test call to {number}")
        return
    text = box.cli(f"test call from 1 to {number} realm access answer {json.dumps(answer)}")
    t.check(f"to trunk {trunk}, " in text and f"called {called} (" in text, f"test call says\n{text}")


def slow(t, box, calls):
    """A call that waits for the hook keeps nobody else waiting."""
    waiting = t.phone("+4930118", scenario="call_quiet.xml", hold_ms=1, media_port=6400)
    wait_for("the hook should be asked", lambda: box.json("show voice class route-hook 1")[0]["pending"] == 1, 10, 0.05)
    quick = calls.place("+4930110")
    waiting.wait_ok()
    calls.statuses.append(200)
    record = next(r for r in box.wait_records(len(calls.statuses)) if r["legs"][0]["called"] == "+4930118")
    t.equal(record["legs"][1]["trunk"], "carrier", "trunk of the call whose hook is too slow")
    t.check(quick["answer_ms"] < record["answer_ms"], "a call waited for the hook of another one")


def untrusted(t, calls):
    record = calls.place("+4930755", 503)
    t.check("certificate" in record["reason"] and record["reason"].endswith("(fallback reject)"), record["reason"])


def dead(t, box, calls):
    for _ in range(4):
        t.phone("+4930855", scenario="call_quiet.xml", hold_ms=1).wait_ok()
        calls.statuses.append(200)

    def left_alone():
        row = box.json("show voice class route-hook 3")[0]
        return row if row["asked"] == 2 and row["left_out"] == 2 else None
    row = wait_for("two calls should have asked, two not", left_alone, 5)
    t.equal((row["state"], row["failed"]), ("left-alone", 2), "the hook that is dead")
    t.check(row["problem"].startswith("it did not answer: "), row["problem"])
    c = counters(box)
    t.equal((c["hook_left_out"], c["hook_refused"]), (2, 2), "counters")
