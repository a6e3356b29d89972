# SPDX-License-Identifier: GPL-3.0-or-later
"""A trunk by name (dnsmasq): SRV leads to two carriers, the second one takes over inside a call when
the first says 503 or nothing, and calls from either of them are the trunk's. NAPTR chooses TCP."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import conf, counters, finish, start
from limenlab.ua import Endpoint, hang_up

ZONE = ["host-record=sip1.carrier.example," + net.CARRIER4, "host-record=sip2.carrier.example," + net.SPARE4,
        "srv-host=_sip._udp.carrier.example,sip1.carrier.example,5060,10,60",
        "srv-host=_sip._udp.carrier.example,sip2.carrier.example,5070,20,0",
        "naptr-record=proxy.example,10,10,S,SIP+D2U,,_sip._udp.carrier.example",
        "naptr-record=proxy.example,10,5,S,SIP+D2T,,_sip._tcp.proxy.example",
        "srv-host=_sip._tcp.proxy.example,sip2.carrier.example,5072,0,0"]


def run(t):
    c = conf(timer_next_target_s=1)
    c.update(name_servers=[net.KAMAILIO4], domain_timeout_s=1, domain_name="carrier.example")
    c["trunks"] = [boxconf.trunk("named", "dns:carrier.example"), boxconf.trunk("proxy", "dns:proxy.example", transport="dns"),
                   boxconf.trunk("short", "dns:sip2:5075"), boxconf.trunk("gone", "dns:gone.example"),
                   boxconf.trunk("pbx", f"ipv4:{net.PHONE4}:5080", realm="access")]
    c["dial_peers"] = [boxconf.peer(301, "+49301T", "named"), boxconf.peer(302, "+49302T", "gone"),
                       boxconf.peer(40, "+4940T", "pbx")]
    t.dnsmasq(ZONE)
    box, phone, first = start(t, c)
    second = Endpoint(t, "peering", net.SPARE4, 5070)
    pbx = Endpoint(t, "access", net.PHONE4, 5080)
    known(t, box)
    plain(t, phone, first)
    next_after_503(t, phone, first, second)
    next_after_silence(phone, first, second)
    inbound(second, pbx)
    a = phone.call("+49302555")
    a.ack(message=a.expect(503))
    wait_for("fail-overs should be counted", lambda: counters(box)["failovers"] == 2)
    records = finish(t, box, [200, 200, 200, 200, 503])
    reasons = [r["reason"] for r in records if r["sip_status"] == 503]
    t.equal(reasons, ["trunk gone: DNS says that there is no name gone.example"], "reason of the failed call")
    t.equal([r["legs"][0]["trunk"] for r in records if r["legs"][0]["realm"] == "peering"], ["named"], "trunk of a call from it")


def known(t, box):
    def addresses(trunk):
        return [(r["address"], r["transport"]) for r in box.json(f"show targets {trunk}") if r["address"]]
    udp = [(f"{net.CARRIER4}:5060", "udp"), (f"{net.SPARE4}:5070", "udp")]
    wait_for("all names should be known", lambda: addresses("proxy") and addresses("short") and addresses("named") == udp)
    t.equal(addresses("proxy"), [(f"{net.SPARE4}:5072", "tcp")] + udp, "targets by NAPTR, TCP first")
    t.equal(addresses("short"), [(f"{net.SPARE4}:5075", "udp")], "target of a name without a dot")
    wait_for("a name that is not there should be told", lambda: "no-name" in box.cli("show hosts"))
    hosts = {(h["host"], h["type"]): h for h in box.json("show hosts")}
    t.check("10 60 5060 sip1.carrier.example" in box.cli("show hosts"), "an SRV record is not shown")
    t.check(hosts["sip1.carrier.example", "A"]["ttl_s"] <= 5, "a TTL is longer than the server said")


def taken(a, far):
    b = far.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(a, b)
    return b


def plain(t, phone, first):
    b = taken(phone.call("+49301555"), first)
    t.check(b.invite.raw.startswith(b"INVITE sip:+49301555@carrier.example SIP/2.0"), f"Request-URI of {b.invite.raw!r}")


def next_after_503(t, phone, first, second):
    a = phone.call("+49301555")
    refused = first.answer_to()
    refused.reply(refused.invite, 503, "Not now")
    refused.expect("ACK")
    b = taken(a, second)
    t.equal(b.call_id, refused.call_id, "Call-ID at the next target")
    t.check(b.invite.get("via") != refused.invite.get("via"), "the branch at the next target is the same")


def next_after_silence(phone, first, second):
    a = phone.call("+49301555")
    first.answer_to()
    taken(a, second)
    first.drain()
    first.queue.clear()


def inbound(second, pbx):
    taken(second.call("+4940555"), pbx)
