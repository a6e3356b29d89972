# SPDX-License-Identifier: GPL-3.0-or-later
"""The box as a client of carriers' registrars (Kamailio with digest): lines are registered over UDP and TCP, calls
go out and come in, also from a host of the carrier that is no trunk, before and after limen-sip was killed;
a trunk that must be registered and is refused gets no calls, and says why."""
from limenlab import boxconf, net
from limenlab.proc import wait_for
from limenlab.sipcase import conf, start
from limenlab.ua import Endpoint, answered_call, hang_up, tag_of, uri_of

SECRET = "line seven"


def configuration():
    c = conf()
    line = dict(registrar_expires_s=600, registrar_domain="itsp.example", credentials_number="line7",
                registrar_required=True, registrar_retry_s=2, auth_username="seven")
    boxconf.remove_trunk(c, "kamailio")
    c["trunks"] += [
        boxconf.trunk("itsp", f"ipv4:{net.KAMAILIO4}:5060", auth_password=SECRET, **line),
        boxconf.trunk("itsp-t", f"ipv4:{net.KAMAILIO4}:5060", transport="tcp", auth_password=SECRET,
                      **dict(line, credentials_number="line8")),
        boxconf.trunk("wrong", f"ipv6:[{net.KAMAILIO6}]:5060", auth_password="no idea", **line)]
    c["dial_peers"] += [boxconf.peer(317, "+49317T", "itsp"), boxconf.peer(318, "+49318T", "itsp-t"),
                        boxconf.peer(319, "+49319T", "wrong")]
    return c


def lines(box):
    return {row["trunk"]: row for row in box.json("show sip-ua register status")}


def registered(box):
    wait_for("both lines should be registered", lambda: [
        lines(box)[name]["registered"] for name in ("itsp", "itsp-t")] == ["yes", "yes"])


def run(t):
    t.itsp(secret=SECRET)
    box, phone, spare = start(t, configuration())
    spare.sock.close()
    far = Endpoint(t, "peering", net.FAR4, 5060, remote=net.KAMAILIO4)
    spare = Endpoint(t, "peering", net.SPARE4, 5060)
    pbx = Endpoint(t, "access", net.PHONE4, 5080)
    registered(box)
    row = lines(box)["itsp"]
    t.check(0 < int(row["expires_s"]) <= 60 and row["line"] == "line7" and
            row["associated_uri"] == "<sip:+4930777@itsp.example>", f"{row}")
    wait_for("the wrong password should be told", lambda: lines(box)["wrong"]["status"] ==
             "REGISTER was answered with 401: it refused the credentials")
    contact = registered_contact(t)

    calls(t, phone, far, pbx)
    old = box.kill("limen-sip")
    box.wait_restarted("limen-sip", old)
    registered(box)
    t.equal(registered_contact(t), contact, "the Contact after a restart")
    calls(t, phone, far, pbx)

    # From anywhere to the Contact that was registered; to another one nothing.
    for target, status in ((contact, None), (contact.replace(contact[4:12], "aaaaaaaa", 1), 403)):
        a = spare.call("+4940556")
        a.ack(message=a.expect(403))
        a.target = target
        a.send_invite()
        if status:
            a.ack(message=a.expect(status))
            continue
        b = pbx.answer_to()
        t.check("+4940556@" in b.invite.start, b.invite.start)
        b.ok(b.invite, body=True)
        a.expect((200, "INVITE"))
        a.ack()
        b.expect("ACK")
        hang_up(a, b)
    refused = phone.call("+49319555")
    refused.ack(message=refused.expect(503))
    records = box.wait_records(11)
    t.equal(sorted(r["sip_status"] for r in records), [200] * 7 + [403] * 3 + [503], "status in the records")
    answered = {r["legs"][0]["called"]: r for r in records if r["sip_status"] == 200}
    t.equal(answered["+4940556"]["legs"][0]["trunk"], "itsp", "trunk of a call to the registered Contact")


def registered_contact(t):
    sent = [m for m in t.sip_messages("peering") if m.method == "REGISTER" and m.is_request and m.src == net.BOX_B4
            and "line7" in m.get("to")]
    return uri_of(sent[-1].get("contact"))


def calls(t, phone, far, pbx):
    """One out by each line, one in."""
    for number in ("+49317555", "+49318555"):
        a, b = answered_call(phone, far, number)
        hang_up(a, b)
    a = far.call("+4940555")
    b = pbx.answer_to()
    t.check("+4940555@" in b.invite.start, b.invite.start)
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    t.check(tag_of(a.remote), "an answer without a tag")
    a.ack()
    b.expect("ACK")
    hang_up(b, a)
