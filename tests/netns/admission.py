# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits with real ends, and two workers of limen-sip: a link without room for a second call (SIPp), ports that only
an emergency number may have, a toll-limit whose window lives on when signalling is killed, and a carrier (SIPp) that
asks by RFC 7339 that calls stay away. What show capacity tells of it, and nothing is left at the end."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, start
from limenlab.ua import Dialog, hang_up

EMERGENCY, TOLL, NARROW, BUSY = "112", "+493019001", "+493055", "+493066"
PAIRS, RESERVED = 8, 2


def configure():
    c = conf()
    c["voice_service"] = {"emergency_numbers": [EMERGENCY], "emergency_ports": RESERVED}
    c["links"] = [dict(name="hub", bandwidth_kbps=150), dict(name="WAN1", bandwidth_kbps=1000, uplink="hub")]
    boxconf.find(c["realms"], name="access").update(media_ports=f"20000 {20000 + 2 * PAIRS - 1}", tenant=7)
    c["e164_pattern_maps"] = [dict(tag=1, e164=["+4930190T"])]
    c["toll_limits"] = [dict(tag=3, destinations=[1], calls=2, period_s=600)]
    c["tenants"] = [dict(tag=7, toll_limits=[3])]
    c["trunks"] += [boxconf.trunk("narrow", f"ipv4:{net.CARRIER4}:5062", link="WAN1"),
                    boxconf.trunk("busy", f"ipv4:{net.CARRIER4}:5064", overload_control="loss")]
    c["dial_peers"] += [boxconf.peer(350, EMERGENCY, "carrier"), boxconf.peer(351, "+493055T", "narrow"),
                        boxconf.peer(352, "+493066T", "busy")]
    return c


def run(t):
    box, phone, carrier = start(t, configure(), sip_workers=2)
    bandwidth(t, box)
    peer_load(t, box, phone)
    toll(t, box, phone, carrier)
    ports(t, box, phone, carrier)
    own_load(t, phone)
    wait_for("all counts should be zero", lambda: all(not r["calls"] and not r["kbps"] for r in capacity(box).values()), 10)
    told = counters(box)
    t.equal((told["toll_refused"], told["peer_load_dropped"], told["bandwidth_refused"]), (1, 1, 1), "refusals")


def capacity(box):
    return {(row["of"], row["name"]): row for row in box.json("show capacity")}


def hub_refused(rows):
    """The rows, once limen-sip has told of the refusal."""
    return rows if rows.get(("link", "hub"), {}).get("refused_bandwidth") else None


def records_of(box, n, status):
    return [r for r in box.wait_records(n, 10) if r["sip_status"] == status]


def bandwidth(t, box):
    t.carrier("answer_quiet.xml", port=5062)
    first = t.phone(NARROW, "call_quiet.xml", hold_ms=3000)
    t.wait_active(1)
    t.phone(NARROW, "call_no_room.xml", media_port=6010).wait_ok()
    used = wait_for("the refusal should be shown", lambda: hub_refused(capacity(box)), 5)
    # G.711, 20 ms, IPv4: 87.2 kbit/s; of the caller's two codecs both are that wide
    t.equal([(used["link", n]["kbps"], used["link", n]["bandwidth"]) for n in ("WAN1", "hub")], [(88, 1000), (88, 150)], "kbit/s")
    first.wait_ok()
    refused = records_of(box, 2, 503)
    t.equal([(r["limit"], r["q850"], r["reason"]) for r in refused],
            [("bandwidth", 49, "link hub has no room for 88 kbit/s: 88 of its 150 are in use (bandwidth)")], "the record")


def peer_load(t, box, phone):
    t.carrier("answer_overload.xml", port=5064, media_port=6020)
    a = phone.call(BUSY)
    a.ack(message=a.expect(486))
    a = phone.call(BUSY)
    a.ack(message=a.expect(503))
    row = wait_for("the target's wish should be shown", lambda: box.json("show sip-ua overload-control"), 5)[0]
    t.equal((row["trunk"], row["algorithm"], row["value"], row["ignored"], row["dropped"]), ("busy", "loss", 100, 0, 1), "the target")
    refused = records_of(box, 4, 503)[-1]
    t.equal((refused["limit"], refused["reason"]),
            ("overload-control", f"trunk busy: {net.CARRIER4}:5064 is overloaded and wants 100 percent of the calls to stay away (oc)"),
            "the record")


def toll(t, box, phone, carrier):
    for _ in range(2):
        hang_up(*up(phone, carrier, TOLL))
    wait_for("limen-control should know the window", lambda: [r["window_calls"] for r in box.json("show toll-limit")] == [2], 5)
    wait_for("and the counters", lambda: counters(box)["bandwidth_refused"] and counters(box)["peer_load_dropped"], 5)
    old = box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    a = phone.call(TOLL)
    a.ack(message=a.expect(403))
    row = wait_for("the refusal should be shown", lambda: [r for r in box.json("show toll-limit") if r["refused"]], 5)[0]
    t.equal((row["of"], row["state"], row["refused"], row["alarms"]), ("tenant 7", "full", 1, 0), "the limit")
    refused = records_of(box, 7, 403)
    t.equal([(r["limit"], r["q850"], r["reason"]) for r in refused],
            [("toll-limit", 21, "tenant 7 has begun the 2 calls in 600 s that voice class toll-limit 3 lets it (calls)")], "the record")
    box.cli("clear toll-limit tenant 7")
    wait_for("the window should begin anew", lambda: [r["window_calls"] for r in box.json("show toll-limit")] == [0], 5)
    hang_up(*up(phone, carrier, TOLL))


def ports(t, box, phone, carrier):
    calls = []
    while True:
        a = phone.call(NUMBER)
        b = served(phone, carrier, a)
        if b is None:
            break
        calls.append(answered(a, b))
    t.equal(len(calls), PAIRS - RESERVED, "calls that got ports")
    row = [r for r in box.json("show capacity ports") if r["realm"] == "access" and r["address"] == net.BOX_A4][0]
    t.equal((row["pairs"], row["in_use"], row["reserved"]), (PAIRS, PAIRS - RESERVED, RESERVED), "ports")
    calls += [up(phone, carrier, EMERGENCY) for _ in range(RESERVED)]
    for a, b in calls:
        hang_up(a, b)


def served(phone, carrier, a):
    """The called side of a call, or None: it is refused with 503."""
    while True:
        invite = carrier.poll(("INVITE",), None, 0.05)
        if invite:
            return Dialog.called(carrier, invite)
        refusal = phone.poll((503, 408, 500), a.call_id, 0.05)
        if refusal:
            a.ack(message=refusal)
            return None


def own_load(t, phone):
    """Who offers to be told is told that there is nothing to tell (RFC 7339 5)."""
    via = phone.via
    phone.via = lambda branch=None: via(branch) + ";oc;oc-algo=\"loss\""
    answer = phone.options()
    phone.via = via
    t.check(";oc=0;" in answer.get("via") and ";oc-validity=0;" in answer.get("via") and ";oc-seq=" in answer.get("via"),
            f"Via of the answer: {answer.get('via')}")


def up(phone, far, number):
    a = phone.call(number)
    return answered(a, far.answer_to())


def answered(a, b):
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    b.expect("ACK")
    a.ack()
    return a, b
