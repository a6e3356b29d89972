# SPDX-License-Identifier: GPL-3.0-or-later
"""OPTIONS keep-alive: a trunk that stops answering is busied out, calls go to the next dial-peer,
and it serves again once it answers."""
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
    finish(t, box, [200, 200, 200])


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
