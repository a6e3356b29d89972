# SPDX-License-Identifier: GPL-3.0-or-later
"""Where requests in a dialog go when the far end's Contact or Record-Route names a host (dnsmasq): to what DNS says,
the ACK too; on to the next server when the first is silent; where the far end's own come from when nobody knows the
name. And long ones go by TCP (RFC 3261 18.1.1) where somebody takes it, else by UDP."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER, conf, counters, finish, start
from limenlab.streamua import StreamEndpoint
from limenlab.ua import Endpoint, sdp

ZONE = ["host-record=pbx.example," + net.SPARE4, "host-record=edge.example," + net.SPARE4,
        "srv-host=_sip._udp.two.example,pbx.example,5999,10,0", "srv-host=_sip._udp.two.example,pbx.example,5062,20,0"]


def call(phone, carrier, contact=None, record_route=None):
    """An answered call whose far end says that it is somewhere else; its ACK is still to come."""
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    normal = carrier.contact
    if contact:
        carrier.contact = lambda: f"Contact: <{contact}>"
    if record_route:
        carrier.send_raw(answer(b, record_route))
    else:
        b.ok(b.invite, body=True)
    carrier.contact = normal
    a.expect((200, "INVITE"))
    a.ack()
    return a, b


def answer(b, record_route):
    """200 with a Record-Route of its own."""
    sent = []
    send, b.ua.send_raw = b.ua.send_raw, sent.append
    b.ok(b.invite, body=True, headers=(f"Record-Route: <{record_route}>",))
    b.ua.send_raw = send
    return sent[0]


def hang_up(a, b, at):
    """The BYE arrives there."""
    a.bye()
    bye = at.expect("BYE", b.call_id)
    b.ua = at
    b.ok(bye)
    a.expect((200, "BYE"))
    return bye


def names(t, box, phone, carrier, other, edge):
    a, b = call(phone, carrier, contact="sip:core-user@pbx.example:5062")
    ack = other.expect("ACK", b.call_id)
    t.check(ack.start.startswith("ACK sip:core-user@pbx.example:5062 "), ack.start)
    bye = hang_up(a, b, other)
    t.check(bye.get("via").startswith(f"SIP/2.0/UDP {net.BOX_B4}:5060"), bye.get("via"))
    a, b = call(phone, carrier, record_route="sip:edge.example;lr")
    edge.expect("ACK", b.call_id)
    bye = hang_up(a, b, edge)
    t.equal(bye.get("route"), "<sip:edge.example;lr>", "Route of the BYE")
    # Nobody is at the first server.
    a, b = call(phone, carrier, contact="sip:core-user@two.example")
    hang_up(a, b, other)
    wait_for("a fail-over should be counted", lambda: counters(box)["failovers"] == 1)
    a, b = call(phone, carrier, contact="sip:core-user@nobody.example")
    carrier.expect("ACK", b.call_id)
    hang_up(a, b, carrier)
    wait_for("names should be counted", lambda: (counters(box)["hops_by_name"], counters(box)["hops_unknown"]) == (8, 2))


def long_sdp(phone):
    text = sdp(phone.local, phone.media_port, formats="8 101 " + " ".join(map(str, range(102, 122))), version=2)
    return text + "".join(f"a=rtpmap:{n} a-long-codec-{n}/8000\r\n" for n in range(102, 122))


def reinvite(a, b, at):
    """A long re-INVITE arrives there; its answer and ACK."""
    a.send_invite(body=long_sdp(a.ua))
    b.ua = at
    again = at.expect("INVITE", b.call_id)
    b.ok(again, body=True, contact=False)
    a.expect((200, "INVITE"))
    a.ack()
    return again


def lengths(t, box, phone, carrier, other):
    by_tcp = StreamEndpoint(t, "peering", net.SPARE4, port=5062)
    a, b = call(phone, carrier, contact=f"sip:core-user@{net.SPARE4}:5062")
    other.expect("ACK", b.call_id)
    a.send_invite(body=long_sdp(phone))
    again = by_tcp.expect("INVITE", b.call_id)
    t.check(len(again.raw) > 1300, f"a re-INVITE of {len(again.raw)} octets by TCP")
    t.check(again.get("via").startswith("SIP/2.0/TCP "), again.get("via"))
    b.ua = by_tcp
    b.ok(again, body=True, contact=False)
    a.expect((200, "INVITE"))
    a.ack()
    other.expect("ACK", b.call_id)  # a short one
    hang_up(a, b, other)
    # Nobody takes TCP there; then it is not tried again.
    a, b = call(phone, carrier)
    carrier.expect("ACK", b.call_id)
    again = reinvite(a, b, carrier)
    t.check(len(again.raw) > 1300 and again.get("via").startswith("SIP/2.0/UDP "), "a long re-INVITE by UDP")
    carrier.expect("ACK", b.call_id)
    reinvite(a, b, carrier)
    carrier.expect("ACK", b.call_id)
    hang_up(a, b, carrier)
    wait_for("long requests should be counted", lambda: (counters(box)["large_by_tcp"], counters(box)["large_by_udp"]) == (2, 1))


def run(t):
    c = conf(timer_next_target_s=1)
    c.update(name_servers=[net.KAMAILIO4], domain_timeout_s=1)
    boxconf.find(c["realms"], name="peering")["large_requests_tcp"] = True
    t.dnsmasq(ZONE)
    box, phone, carrier = start(t, c)
    other, edge = (Endpoint(t, "peering", net.SPARE4, port) for port in (5062, 5060))
    names(t, box, phone, carrier, other, edge)
    lengths(t, box, phone, carrier, other)
    finish(t, box, [200] * 6)
