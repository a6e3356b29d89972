# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows of phones (RFC 5626), over two workers of limen-sip. A baresip with outbound is called along its flow
and gone with its connection. A phone with two flows is called along the
latest, and along the other one when that ends before it has answered; requests in the call take the flow, none goes to
the private Contact; one whose flow has gone is told so. A flow that is silent for
longer than Flow-Timer says is closed, one with CRLFs is not. Temporary GRUUs (RFC 5627) lead to their phone alone, until
its registration has ended. Phones of a lower q ring when
those of a higher one refuse or are silent."""
import re
import signal

from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.regcase import register, users
from limenlab.sipcase import conf, counters
from limenlab.streamua import INNER, NatPhone
from limenlab.ua import Endpoint, hang_up

BRUNO, CLARA, DORA = "+49401002", "+49401010", "+49401020"
INSTANCE = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'


def start(t):
    c = conf(timer_connection_receive_s=30)
    boxconf.remove_trunk(c, "pbx")  # else the phones' address is a trunk's
    c["registrars"] = [dict(name="phones", realm="access", domain="lab.example", authentication_hash="md5",
                            flow_timer_s=60, fork_timeout_s=1)]
    c["pools"] = users(("bruno", BRUNO), ("clara", CLARA), ("dora", DORA))
    c["dial_peers"] += [dict(tag=50, destination_pattern="+49401T", registrar=True)]
    t.capture()
    return t.box(c, sip_workers=2)


def flow(t, reg_id, timer_s=60):
    """Clara's phone by a connection of its own."""
    phone = NatPhone(t, params=";ob")
    answer = register(phone, "clara", contact=f"{phone.contact_uri()};reg-id={reg_id};{INSTANCE}",
                      headers=["Supported: outbound, path"])
    t.equal((answer.get("require"), answer.get("flow-timer")), ("outbound", str(timer_s)), "answer to a flow")
    return phone


def bindings(box, user):
    return [row for row in box.json("show sip-ua registrations") if row["user"] == user]


def refused(carrier, number, status):
    a = carrier.call(number)
    a.ack(message=a.expect(status))


def baresip_and_its_flow(t, box, carrier):
    phone = t.baresip(registrar=net.BOX_A4, password="pw-bruno", answer="auto", transport="tcp",
                      account=f'sipnat=outbound;outbound="sip:{net.BOX_A4}:5060;transport=tcp"',
                      config=("module_tmp uuid.so",))
    wait_for("bruno should be registered", lambda: bindings(box, "bruno"), 15)
    t.equal([row["reg_id"] for row in bindings(box, "bruno")], [1], "flow of baresip")
    a = carrier.call(BRUNO)
    a.expect((200, "INVITE"))
    a.ack()
    a.bye()
    a.expect((200, "BYE"))
    phone.proc.send(signal.SIGKILL)
    wait_for("bruno should go with its connection", lambda: not bindings(box, "bruno"), 5)
    refused(carrier, BRUNO, 480)


def gruu_of(answer):
    """The user part of the temporary GRUU."""
    return re.search(r'temp-gruu="sip:([^@"]+)@lab.example;gr"', ";".join(answer.get_all("contact"))).group(1)


def answered(a, b):
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")


def temporary_gruus(t, box, carrier):
    phone = NatPhone(t)
    options = dict(contact=f"{phone.contact_uri()};{INSTANCE}", headers=["Supported: gruu"])
    old, new = (gruu_of(register(phone, "clara", call_id="one", cseq=cseq, **options)) for cseq in (1, 3))
    t.check(old != new, "the same GRUU twice")
    other = Endpoint(t, "access", net.PHONE4, 5092)
    register(other, "clara")
    for gruu in (old, new):  # of two phones of the user one is called
        a = carrier.call(gruu, params=";gr")
        answered(a, b := phone.answer_to())
        hang_up(a, b)
    other.nothing_left()
    wait_for("calls to GRUUs should be counted", lambda: counters(box)["temp_gruu_calls"] == 2)
    register(phone, "clara", call_id="two", **options)
    a = carrier.call(new, params=";gr")
    a.ack(message=a.expect(404))
    phone.close()
    register(other, "clara", expires=0)
    wait_for("clara should be gone", lambda: not bindings(box, "clara"))


def two_flows(t, box, carrier):
    first, second = flow(t, 1), flow(t, 2)
    t.equal(sorted(row["reg_id"] for row in bindings(box, "clara")), [1, 2], "flows")
    # The latest is called; it ends before anything was said, and the other one gets the INVITE.
    a = carrier.call(CLARA)
    second.answer_to()
    second.close()
    b = first.answer_to()
    t.check(INNER in b.invite.start, f"Request-URI {b.invite.start}")
    answered(a, b)
    wait_for("a fail-over of flows should be counted", lambda: counters(box)["flow_failovers"] == 1)
    hang_up(a, b)
    wait_for("one flow should be left", lambda: [row["reg_id"] for row in bindings(box, "clara")] == [1])
    # A call is up when its flow ends: it goes on along the other one.
    second = flow(t, 2)
    a = carrier.call(CLARA)
    answered(a, b := second.answer_to())
    second.close()
    wait_for("one flow should be left", lambda: [row["reg_id"] for row in bindings(box, "clara")] == [1])
    b.ua = first
    hang_up(a, b)
    wait_for("fail-overs of flows should be counted", lambda: counters(box)["flow_failovers"] == 2)
    # It was the only one: a re-INVITE is refused at once, the call goes on.
    a = carrier.call(CLARA)
    answered(a, b := first.answer_to())
    first.close()
    wait_for("clara should be gone", lambda: not bindings(box, "clara"))
    a.send_invite()
    a.ack(message=a.expect((480, "INVITE"), timeout_s=2))
    a.bye()
    a.expect((200, "BYE"))


def silence(t, box):
    box.cli("configure terminal", "registrar phones", "flow-timer 2", "end")
    quiet, alive = flow(t, 1, 2), flow(t, 2, 2)

    def closed():
        if alive.n_pongs == alive.n_pings:
            alive.send_raw("\r\n\r\n")
            alive.n_pings += 1
        return alive.poll((), None, 0.3) or quiet.poll((), None, 0.05) or quiet.closed
    alive.n_pings = 0
    wait_for("a silent flow should be closed", closed, 10)
    wait_for("its registration should go, too", lambda: closed() and [row["reg_id"] for row in bindings(box, "clara")] == [2])
    wait_for("it should be counted", lambda: closed() and counters(box)["flows_silent"] == 1)
    t.check(alive.n_pings >= 5 and not alive.closed, f"a flow with {alive.n_pings} keep-alives was closed")


def q_order(t, carrier):
    desk, mobile = (Endpoint(t, "access", net.PHONE4, port) for port in (5090, 5091))
    for phone, q in ((desk, 1), (mobile, 0.4)):
        register(phone, "dora", contact=f"<sip:dora@{net.PHONE4}:{phone.port}>;q={q}")
    a = carrier.call(DORA)
    b = desk.answer_to()
    t.check(mobile.poll(("INVITE",), None, 0.3) is None, "a phone with a lower q rang at once")
    b.reply(b.invite, 486, "Busy Here")
    b.expect("ACK")
    answered(a, c := mobile.answer_to())
    hang_up(a, c)
    # Nobody answers at the desk.
    a = carrier.call(DORA)
    b = desk.answer_to()
    b.reply(b.invite, 180, "Ringing")
    cancel = b.expect("CANCEL", timeout_s=4)
    b.ok(cancel)
    b.reply(b.invite, 487, "Request Terminated")
    c = mobile.answer_to()
    c.reply(c.invite, 480, "Away")
    c.expect("ACK")
    a.ack(message=a.expect(480))


def run(t):
    box = start(t)
    carrier = Endpoint(t, "peering", net.CARRIER4, 5060)
    baresip_and_its_flow(t, box, carrier)
    temporary_gruus(t, box, carrier)
    two_flows(t, box, carrier)
    silence(t, box)
    q_order(t, carrier)
    t.equal(counters(box)["connections_opened"], 0, "connections that the box opened to phones")
    records = box.wait_records(10)
    t.equal([r["sip_status"] for r in records], [200, 480, 200, 200, 404, 200, 200, 200, 200, 480], "status in the records")
    wait_for("no call and no dialog should be left", lambda: not counters(box)["calls_active"] and not counters(box)["dialogs"], 10)
