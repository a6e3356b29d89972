# SPDX-License-Identifier: GPL-3.0-or-later
"""The name server falls silent in mid run: the trunk's calls go on with its last answer, which is shown
as stale and counted; a name that was never known holds up nobody; a new server's answer counts."""
import signal

from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import conf, counters, finish, start
from limenlab.ua import Endpoint, hang_up


def zone(addr):
    return ["host-record=sip.carrier.example," + addr, "srv-host=_sip._udp.carrier.example,sip.carrier.example,5060,10,0"]


def run(t):
    c = conf()
    c.update(name_servers=[net.KAMAILIO4], domain_timeout_s=1, domain_retry=0)
    c["trunks"] = [boxconf.trunk("named", "dns:carrier.example"), boxconf.trunk("never", "dns:never.example")]
    c["dial_peers"] = [boxconf.peer(301, "+49301T", "named"), boxconf.peer(302, "+49302T", "never")]
    server = t.dnsmasq(zone(net.CARRIER4))
    box, phone, carrier = start(t, c)
    spare = Endpoint(t, "peering", net.SPARE4, 5060)
    wait_for("the name should be known", lambda: address(box) == f"{net.CARRIER4}:5060")
    taken(phone, carrier)
    server.proc.send(signal.SIGSTOP)
    box.cli("clear host never.example")
    wait_for("answers should be past their time", lambda: "stale" in states(box), 20, 0.2)
    wait_for("a name should be lost", lambda: "failed" in states(box), 20, 0.2)
    taken(phone, carrier)
    wait_for("stale answers should be counted", lambda: counters(box)["dns_stale"] == 1)
    a = phone.call("+49302555")
    taken(phone, carrier)
    a.ack(message=a.expect(503))
    server.stop()
    t.dnsmasq(zone(net.SPARE4))
    box.cli("clear host *")
    wait_for("the new answer should count", lambda: address(box) == f"{net.SPARE4}:5060")
    taken(phone, spare)
    records = finish(t, box, [200, 200, 200, 200, 503])
    t.equal([r["reason"] for r in records if r["sip_status"] == 503],
            ["trunk never: DNS of _sip._udp.never.example: no name server answered in time"], "reason of the failed call")


def address(box):
    rows = box.json("show targets named")
    return rows[0]["address"] if rows else None


def states(box):
    return {h["state"] for h in box.json("show hosts")}


def taken(phone, far):
    a = phone.call("+49301555")
    b = far.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(a, b)
