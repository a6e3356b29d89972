# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing at the running box, with SIPp on both sides: translated numbers, a map of a million numbers from a
file, its reload without a commit and without a failed call, a least-cost table, and what `test call` says before each call
beside what the record says after it. limen-sip and limen-control are killed in between: the map is there again."""
import os

from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import conf, finish

N, FEW = 1000000, 20000


def write_map(t, name, numbers):
    folder = os.path.join(t.dir, "state", "maps")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".new"), "w") as f:
        f.write("\n".join(numbers) + "\n")
    os.replace(os.path.join(folder, name + ".new"), os.path.join(folder, name))


def configuration():
    c = conf()
    c["translation_rules"] = [
        {"tag": 1, "rules": ["1 /^00/ /+/", "2 reject /^0900/", "3 /^0\\(.*\\)/ /+49\\1/"]},
        {"tag": 2, "rules": ["1 /^+49/ /0/"]}]
    c["translation_profiles"] = [{"name": "national-in", "called": 1}, {"name": "national-out", "calling": 2, "called": 2}]
    c["e164_pattern_maps"] = [{"tag": 1, "url": "flash:/million"}]
    c["route_tables"] = [{"tag": 1, "url": "flash:/rates.csv"}]
    # The phones are a trunk, so that what they dial can be translated.
    c["trunks"].append(boxconf.trunk("phones", f"ipv4:{net.PHONE4}:5099", realm="access", translation_incoming="national-in"))
    c["dial_peers"].append({"tag": 700, "destination_map": 1, "trunk": "carrier", "translation_outgoing": "national-out"})
    c["dial_peers"].append({"tag": 800, "destination_pattern": "+498T", "route_table": 1})
    return c


def tested(box, number):
    return box.json(f"test call from +4930500 to {number} trunk phones")


def map_has(box, n):
    wait_for(f"map 1 should have {n} patterns",
             lambda: box.json("show voice class e164-pattern-map 1")[0]["patterns"] == n, 30, 0.1)


class Calls:
    def __init__(self, t, box):
        self.t, self.box, self.statuses = t, box, []

    def place(self, number):
        """A call as `test call` foretells it."""
        said = tested(self.box, number)
        caller = self.t.phone(number, scenario="call_quiet.xml", port=5099, hold_ms=50)
        if said["status"]:
            self.t.check(caller.proc.wait(20) != 0, f"the call to {number} was answered")
        else:
            caller.wait_ok()
        self.statuses.append(said["status"] or 200)
        record = self.box.wait_records(len(self.statuses))[-1]
        self.t.equal(record["sip_status"], said["status"] or 200, f"status of the call to {number}")
        if said["status"]:
            self.t.equal(record["reason"], said["reason"], "what the record and test call say")
            return record
        first = next(c for c in said["candidates"] if c["order"] == 1)
        self.t.equal((f"trunk {record['legs'][1]['trunk']}", record["legs"][1]["called"]),
                     (first["target"], first["called"]), "trunk and number of the record and of test call")
        return record


def run(t):
    write_map(t, "million", (f"+497{i * 97:08d}" for i in range(N)))
    write_map(t, "rates.csv", ["prefix;trunk;rate;valid-to", "+498;kamailio;0.02;", "+498;carrier;0.01;",
                               "+498;carrier-t;0.001;2020-01-01"])
    box = t.box(configuration())
    t.carrier("answer_quiet.xml")
    calls = Calls(t, box)
    map_has(box, N)
    record = calls.place("0700000097")
    t.equal([leg["called"] for leg in record["legs"]], ["0700000097", "0700000097"], "national, E.164 inside, national")
    t.check(record["legs"][1]["calling"].startswith("030500"), f"calling number sent: {record['legs'][1]['calling']}")
    calls.place("0700000098")      # not in the map
    calls.place("0900123")         # rejected by a rule
    calls.place("0049301555")      # another dial-peer
    record = calls.place("0800123")
    t.equal(record["legs"][1]["trunk"], "carrier", "the cheapest trunk that is valid")

    reloaded(t, box, calls)
    finish(t, box, calls.statuses, scan=False)
    old = {name: box.kill(name) for name in ("limen-sip", "limen-control")}
    for name, pid in old.items():
        box.wait_restarted(name, pid)
    box.wait_serving()
    map_has(box, FEW + 1)
    calls.place("0700000098")


def reloaded(t, box, calls):
    """Calls go on while a file is read; its numbers count as soon as they are there, if it is good."""
    write_map(t, "million", [f"+497{i * 97:08d}" for i in range(FEW)] + ["+4970000009T"])
    n = 20
    many = t.phone("0700000097", scenario="call_quiet.xml", port=5099, calls=n, rate=20, hold_ms=10)
    box.cli("voice class e164-pattern-map load 1")
    many.wait_ok()
    calls.statuses += [200] * n
    map_has(box, FEW + 1)
    calls.place("0700000098")
    good = os.path.join(t.dir, "state", "maps", "million")
    os.rename(good, good + ".good")
    write_map(t, "million", ["+4970000009T", "oops"])
    box.cli("voice class e164-pattern-map load 1")
    wait_for("the wrong line should be named",
             lambda: "line 2" in (box.json("show voice class e164-pattern-map 1")[0]["problem"] or ""), 10, 0.1)
    calls.place("0700000097")      # what it had stays
    os.rename(good + ".good", good)
