# SPDX-License-Identifier: GPL-3.0-or-later
"""Session timers of each leg (RFC 4028): too short an interval gets 422 and the next try its 200, a
called side that answers 422 is asked again, and each side refreshes its own. What happens when an
interval runs out is in unit sip/b2b_timer: none is shorter than 90 seconds."""
from limenlab.sipcase import NUMBER, conf, finish, start
from limenlab.ua import hang_up


def run(t):
    c = conf()
    for trunk in c["trunks"]:
        if trunk["name"] == "carrier":
            trunk.update(session_refresh=True, session_expires_s=600, min_se_s=120)
    box, phone, carrier = start(t, c)
    short = phone.call(NUMBER, headers=["Supported: timer", "Session-Expires: 60"])
    refused = short.expect((422, "INVITE"))
    t.equal(refused.get("min-se"), "90", "Min-SE of the 422")
    short.ack(message=refused)

    a = phone.call(NUMBER, headers=["Supported: timer", "Session-Expires: 1800;refresher=uas"])
    first = carrier.answer_to()
    t.equal((first.invite.get("session-expires"), first.invite.get("min-se")), ("600", "120"), "what the box asks for")
    t.check("timer" in first.invite.get("supported"), "the INVITE to the carrier does not support timer")
    first.reply(first.invite, 422, "Session Interval Too Small", headers=["Min-SE: 3600"])
    first.expect("ACK")
    b = carrier.answer_to()
    t.equal((b.invite.get("session-expires"), b.invite.get("min-se")), ("3600", "3600"), "the second INVITE")
    t.equal(b.call_id, first.call_id, "Call-ID of the second INVITE")
    b.ok(b.invite, body=True, headers=["Require: timer", "Session-Expires: 3600;refresher=uac",
                                       "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"])
    answer = a.expect((200, "INVITE"))
    t.equal(answer.get("session-expires"), "1800;refresher=uas", "what the caller is granted")
    a.ack()
    b.expect("ACK")

    # The far ends keep the timers alive by themselves, each for its own leg.
    b.send("UPDATE", headers=["Supported: timer", "Session-Expires: 3600;refresher=uac"])
    t.equal(b.expect((200, "UPDATE")).get("session-expires"), "3600;refresher=uac", "what an UPDATE is granted")
    a.send_invite(headers=["Supported: timer", "Session-Expires: 80"])
    a.ack(message=a.expect((422, "INVITE")))
    hang_up(a, b)
    finish(t, box, [422, 200])
    phone.nothing_left()
    carrier.nothing_left()
