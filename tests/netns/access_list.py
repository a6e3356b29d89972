# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists of an interface: who is permitted calls and is answered, who is not gets nothing, also
as fast as this machine can send, while a call loses nothing. Matches are counted, lists replaced and
removed by commits, and in force again from the first frame after a restart of the data plane."""
import re

from limenlab import boxconf, net
from limenlab.proc import LabError, wait_for
from limenlab.proc import run as sh
from limenlab.rtpcase import TalkingCall
from limenlab.spray import Spray
from limenlab.ua import Endpoint

EXCLUSIVE = True
SECONDS = 0.8
PHONES4 = ["10 remark the phone, and who asks whether the box is there",
           f"20 permit udp host {net.PHONE4} host {net.BOX_A4} eq 5060",
           "30 permit icmp any any echo",
           "40 permit tcp any any established"]


def config():
    conf = boxconf.standard()
    conf["access_lists"] = [{"name": "phones", "rules": PHONES4}]
    conf["access_lists_ipv6"] = [{"name": "phones", "rules": ["10 permit icmp any any echo"]}]
    conf["interfaces"][0].update(access_list="phones", access_list_ipv6="phones")
    return conf


def shown(box, family=4):
    row, = box.json("show ip access-lists phones" if family == 4 else "show ipv6 access-list phones")
    return row, {r["number"]: r["matches"] for r in row["rules"]}


def asks(phone):
    """OPTIONS, once; whether an answer came."""
    return bool(phone.poll((200,), phone.send_options(), 0.6))


def mac_of(t):
    return re.search(r"link/ether (\S+)", sh(["ip", "-n", t.net.box, "link", "show", t.net.wire_a])[1])[1]


def refused(t, box, *lines):
    try:
        box.cli("configure private", *lines, "commit")
    except LabError as exc:
        return str(exc)
    return t.check(False, f"{lines} was taken")


def run(t):
    box = t.box(config())
    phone, carrier = Endpoint(t, "access", net.PHONE4, 5090), Endpoint(t, "peering", net.CARRIER4, 5060)
    other = Endpoint(t, "access", net.PHONE2_4, 5090)
    call = TalkingCall(t, phone, carrier)
    before = box.drops()["acl"]
    t.check(not asks(other), "OPTIONS of a phone without a rule are answered")
    t.equal(box.drops()["acl"] - before, 1, "dropped as acl")
    row, matches = shown(box)
    t.check(matches[20] >= 2 and matches[30] >= 1, f"matches of a call and of pings: {matches}")
    t.check(row["denied_by_no_rule"] >= 1 and row["interfaces"] == ["access0"], f"{row}")
    t.check(shown(box, 6)[1][10] >= 1, "no ping over IPv6 was counted")

    # A flood of what is denied costs the call nothing, and each packet is counted.
    before, denied = box.drops(), shown(box)[0]["denied_by_no_rule"]
    spray = Spray(t.net.access, t.net.access_if, mac_of(t), SECONDS, "sip")
    sent = spray.wait()
    after = box.drops()
    t.check(sent > 3000, f"{sent} frames are no flood")
    t.check(after["acl"] - before["acl"] > sent // 10, f"of {sent} frames {after['acl'] - before['acl']} were dropped as acl")
    t.equal(shown(box)[0]["denied_by_no_rule"] - denied, after["acl"] - before["acl"], "denied by no rule in the flood")
    # Each packet ends in one place: what the box took of the call went on.
    t.equal({r for r in after if after[r] > before[r]}, {"acl"}, "what was dropped while it came")
    spoken = call.silence()
    t.check(min(spoken) > 40, f"the call spoke {spoken} packets")

    # Another list: permitted from the commit on, and the other rules keep their counters.
    kept = shown(box)[1][20]
    box.cli("configure private", "ip access-list extended phones",
            f"25 permit udp {net.PHONE2_4} 0.0.0.0 any eq 5060", "commit")
    t.check(asks(other) or asks(other), "OPTIONS of a permitted phone are not answered")
    matches = shown(box)[1]
    t.check(matches[25] >= 1 and matches[20] >= kept, f"{matches}, and 20 had {kept}")
    box.cli("clear ip access-list counters")
    wait_for("counters should be cleared", lambda: shown(box)[1][25] == 0)
    text = refused(t, box, "interface access0", "ip access-group nobody in")
    t.check("there is no access list of that name" in text, text)
    text = refused(t, box, "no ip access-list extended phones")
    t.check("there is no access list of that name" in text, text)
    box.cli("configure terminal", "ip access-list extended phones", "no 25", "end")
    # The commit does not wait for the packet workers.
    wait_for("OPTIONS should not be answered after their rule was removed", lambda: not asks(other), 5)

    # After a restart of either program the list is the same, and no frame slips through before it is.
    box.wait_restarted("limen-control", box.kill("limen-control"))
    t.check(not asks(other), "OPTIONS are answered after a restart of limen-control")
    box.wait_restarted("limen-dataplane", box.kill("limen-dataplane"))
    wait_for("the phone should be served again", lambda: asks(phone), 10)
    row, matches = shown(box)
    t.check(matches[20] >= 1, f"{matches} after a restart of limen-dataplane")
    t.check(not asks(other), "OPTIONS are answered after a restart of limen-dataplane")

    # Without the group everybody is let in.
    box.cli("configure private", "interface access0", "no ip access-group phones in",
            "no ipv6 traffic-filter phones in", "commit")
    t.check(asks(other) or asks(other), "OPTIONS are not answered without a list")
    t.equal(shown(box)[0]["denied_by_no_rule"], None, "a list that nobody uses is not counted")
    call.hang_up()
    record, = box.wait_records(1)
    t.check(record["legs"][0]["media"]["packets"] > 40, f"{record['legs'][0]['media']}")
