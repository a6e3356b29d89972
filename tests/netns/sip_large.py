# SPDX-License-Identifier: GPL-3.0-or-later
"""An INVITE that is too long for a packet goes by TCP to a carrier that is said to take it (RFC 3261
18.1.1), a short one by UDP; where nobody takes TCP it goes by UDP all the same."""
from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, finish, start
from limenlab.ua import Endpoint, hang_up, sdp


def run(t):
    c = conf()
    boxconf.find(c["trunks"], name="carrier")["large_requests_tcp"] = True
    c["trunks"].append(boxconf.trunk("udp-only", f"ipv4:{net.SPARE4}:5060", large_requests_tcp=True))
    c["dial_peers"].append(boxconf.peer(310, "+49310T", "udp-only"))
    box, phone, carrier = start(t, c)
    by_tcp = t.carrier("answer_quiet.xml", local=net.CARRIER4, transport="tcp")
    spare = Endpoint(t, "peering", net.SPARE4, 5060)
    a = phone.call(NUMBER)
    taken(a, carrier)
    a = phone.call(NUMBER, body=long_sdp(phone))
    a.expect((200, "INVITE"))
    a.ack()
    a.bye()
    a.expect((200, "BYE"))
    a = phone.call("+49310555", body=long_sdp(phone))
    b = taken(a, spare)
    t.check(len(b.invite.raw) > 1300, "the INVITE by UDP is a short one")
    finish(t, box, [200, 200, 200])
    t.equal(by_tcp.failed(), 0, "calls that failed at the carrier's TCP side")
    sent = [m for m in t.sip_messages("peering") if m.method == "INVITE" and m.is_request and m.src == net.BOX_B4]
    t.equal([(m.dst, m.proto) for m in sent if m.proto == "tcp"], [(net.CARRIER4, "tcp")], "INVITEs by TCP")
    t.check(all(m.get("via").startswith("SIP/2.0/TCP ") == (m.proto == "tcp") for m in sent), "a Via names another transport")


def long_sdp(phone):
    """A description with so many codecs that little room is left in the phone's own packet, too."""
    codecs = range(102, 122)
    text = sdp(phone.local, phone.media_port, formats="8 101 " + " ".join(map(str, codecs)))
    return text + "".join(f"a=rtpmap:{n} codec-{n}/8000\r\n" for n in codecs)


def taken(a, far):
    b = far.answer_to()
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    hang_up(a, b)
    return b
