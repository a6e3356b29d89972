# SPDX-License-Identifier: GPL-3.0-or-later
"""MESSAGE and a subscription of message waiting between SIPp on both sides, over UDP and TCP: bodies
arrive byte for byte, no inner address or name crosses, a terminated subscription is gone at once and a
forgotten one when it expires; two outlive limen-sip; what the tenants do not let pass gets 405."""
from limenlab import boxconf, net
from limenlab.case import wait_for
from limenlab.sipcase import conf, counters

TEXT = 'Grüße, ça va? 1 < 2 && "3"'.encode()
SUMMARY = b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)"


def run(t):
    c = conf(max_subscriptions=2)
    c["tenants"] = [{"tag": 1, "relay_message": True, "relay_subscribe": True}]
    for realm in c["realms"]:
        realm["tenant"] = 1
    c["tenants"] += [{"tag": 2, "relay_subscribe": True}]
    boxconf.find(c["trunks"], name="kamailio")["tenant"] = 2
    box = t.box(c)
    t.capture()
    udp = t.carrier("take.xml")
    tcp = t.carrier("take.xml", transport="tcp", media_port=6200)
    t.phone("+49301555", scenario="message.xml", calls=5).wait_ok()
    t.phone("+49302555", scenario="message.xml", calls=5, transport="tcp").wait_ok()
    refused = t.phone("+49304555", scenario="message.xml")
    t.check(refused.proc.wait(20) != 0, "a MESSAGE passed that its trunk's tenant does not let pass")
    for far in (udp, tcp):
        t.equal(far.failed(), 0, "failed messages at the far end")
        far.stop()

    mailbox = t.carrier("notify.xml", keys={"state": "terminated;reason=timeout"})
    t.phone("+49301555", scenario="subscribe.xml", keys={"expires": "0"}, calls=2, rate=1).wait_ok()
    gone(box, "terminated subscriptions should be gone")
    t.equal(mailbox.failed(), 0, "failed subscriptions at the notifier")
    mailbox.stop()
    mailbox = t.carrier("notify.xml", keys={"state": "active"})
    t.phone("+49301555", scenario="subscribe.xml", keys={"expires": "600"}, calls=2).wait_ok()
    wait_for("two subscriptions should live on", lambda: counters(box)["subscriptions"] == 2, 10)
    t.equal(counters(box)["dialogs"], 4, "dialogs of two subscriptions")
    third = t.phone("+49301555", scenario="subscribe.xml", keys={"expires": "600"})
    t.check(third.proc.wait(20) != 0, "a third subscription was taken")
    wait_for("a refused subscription should be counted", lambda: counters(box)["subscribe_refused"] == 1, 10)
    box.wait_restarted("limen-sip", box.kill("limen-sip"))
    box.wait_serving()
    wait_for("the subscriptions should be back after a restart",
             lambda: counters(box)["subscriptions"] == 2 and counters(box)["dialogs"] == 4, 10)

    seen = {"access": t.sip_messages("access"), "peering": t.sip_messages("peering")}
    for method, body, count, side in (("MESSAGE", TEXT, 10, "peering"), ("NOTIFY", SUMMARY, 4, "access")):
        ids = {m.call_id for m in seen[side] if m.is_request and m.method == method and body in m.body
               and m.src in (net.BOX_A4, net.BOX_B4) and m.body.rstrip(b"\r\n") == body}
        t.equal(len(ids), count, f"{method} that arrived with its body")
    statuses = [m.status for m in seen["access"] if not m.is_request and m.method == "MESSAGE" and m.status >= 400]
    t.equal(statuses, [405], "refusals of MESSAGE")
    t.no_leaks()


def gone(box, what):
    wait_for(what, lambda: counters(box)["subscriptions"] == 0 and counters(box)["dialogs"] == 0, 10)
