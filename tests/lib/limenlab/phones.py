# SPDX-License-Identifier: GPL-3.0-or-later
"""What scenarios with real phones share: numbers, voice that is counted, calls of the carrier, the judgement."""
import os

from . import net, peers
from .proc import LabError, wait_for

PACKETS = 20  # that must have passed in each direction of a call


def numbers(prefix, n):
    return [f"{prefix}{i:02d}" for i in range(n)]


def wait_voice(box, n):
    """Until so many calls are up and voice passes in both directions of each."""
    def talking():
        calls = [c for c in box.active_calls() if c["state"] == "active"]
        return len(calls) == n and all(leg["rx_packets"] >= PACKETS for c in calls for leg in c["legs"])
    try:
        wait_for("voice should pass in all calls", talking, 15, 0.1)
    except LabError as exc:
        rows = [f"{c['legs'][0]['calling']} to {c['legs'][0]['called']}: {c['state']}, packets {[leg['rx_packets'] for leg in c['legs']]}"
                for c in box.active_calls()] + [f"{r['legs'][0]['called']}: {r['reason']}" for r in box.records()]
        raise LabError("\n".join([str(exc), *rows])) from exc


def call_in(t, called, local=net.CARRIER4, remote=net.BOX_B4):
    """The carrier calls all of them at a time; SIPp takes the numbers from a file."""
    with open(os.path.join(peers.SCENARIOS, "call.xml")) as f:
        scenario = f.read().replace("[service]", "[field0]").replace("inner", "core")
    v = 6 if ":" in local else 4
    paths = [os.path.join(t.dir, name) for name in (f"call_in{v}.xml", f"numbers{v}.csv")]
    for path, text in zip(paths, (scenario, "SEQUENTIAL\n" + "\n".join(called) + "\n")):
        with open(path, "w") as f:
            f.write(text)
    t.phone("", side="peering", scenario=paths[0], local=local, remote=remote, port=5070, calls=len(called), rate=20,
            media_port=6400, hold_ms=1500, extra=("-inf", paths[1], "-cid_str", "core-%u-%p@%s")).wait_ok()


def check_voice(t, records):
    for r in records:
        heard = [leg["media"]["packets"] for leg in r["legs"]]
        t.check(min(heard) >= PACKETS, f"{r['legs'][0]['calling']} to {r['legs'][0]['called']}: packets of the legs {heard}")
