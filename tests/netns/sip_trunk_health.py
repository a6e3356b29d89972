# SPDX-License-Identifier: GPL-3.0-or-later
"""OPTIONS keep-alive: a trunk that stops answering is busied out, calls go to the next dial-peer,
and it serves again once it answers. Rules of the trunk give its requests the name that a carrier knows the box by."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import conf, finish, start
from limenlab.ua import Dialog, Endpoint, hang_up

TIMEOUT_S = 120


def run(t):
    c = conf()
    boxconf.find(c["trunks"], name="carrier").update(options_interval_s=1, options_down_after=2)
    c["trunks"].append(boxconf.trunk("spare", f"ipv4:{net.SPARE4}:5060"))
    c["dial_peers"] += [boxconf.peer(310, "+49310T", "carrier", preference=1),
                        boxconf.peer(311, "+49310T", "spare", preference=2)]
    box, phone, carrier = start(t, c)
    spare = Endpoint(t, "peering", net.SPARE4, 5060)
    alive(carrier)
    wait_for("the trunk should be up", lambda: trunk(box) == "active")
    taken_by(phone, carrier, carrier)
    silent_until_down(box, carrier)
    taken_by(phone, spare, None)
    alive(carrier)
    wait_for("the trunk should be up again", lambda: pong(carrier) and trunk(box) == "active", 20, 0.2)
    taken_by(phone, carrier, carrier)
    named(t, box, carrier)
    finish(t, box, [200, 200, 200])


def named(t, box, carrier):
    box.cli("configure terminal", "voice class sip-profiles 20", 'request OPTIONS sip-header Contact modify "<sip:[^>;]*" "<sip:sbc.example.org:5061"',
            'request OPTIONS sip-header From modify "<sip:[^>;]*" "<sip:sbc.example.org"', "trunk carrier", "voice-class sip profiles 20", "end")
    carrier.queue.clear()

    def asked():
        m = carrier.poll(("OPTIONS",), timeout_s=0.2)
        if m:
            Dialog(carrier, m.call_id).ok(m)
        return m and "<sip:sbc.example.org>" in m.get("from") and m
    ping = wait_for("OPTIONS should come from the name of the box", asked, 10)
    t.check("<sip:sbc.example.org:5061>" in ping.get("contact"), f"Contact of the OPTIONS: {ping.get('contact')}")


def trunk(box):
    """active, busyout or unknown."""
    return box.json("show trunk carrier")[0]["keepalive"]


def pong(carrier):
    """Answers what OPTIONS have come by now."""
    carrier.drain(0.02)
    for m in [m for m in carrier.queue if m.method == "OPTIONS" and m.is_request]:
        carrier.queue.remove(m)
        Dialog(carrier, m.call_id).ok(m)
    return True


def alive(carrier):
    m = carrier.expect("OPTIONS", timeout_s=15)
    Dialog(carrier, m.call_id).ok(m)


def silent_until_down(box, carrier):
    def down():
        carrier.drain(0.02)
        return trunk(box) == "busyout"
    wait_for("a silent trunk should be busied out", down, 40, 0.2)


def taken_by(phone, far, health):
    a = phone.call("+49310555")
    if health:
        pong(health)
    b = far.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(a, b)
