# SPDX-License-Identifier: GPL-3.0-or-later
"""The called side forks: provisional answers with several tags, a 2xx of the second branch, and a
later 2xx of the first, which the box acknowledges and ends (RFC 3261 13.2.2.4)."""
from limenlab.sipcase import NUMBER, finish, start
from limenlab.ua import hang_up, tag_of, token


def run(t):
    box, phone, carrier = start(t)
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    tags = [token("core-fork") for _ in range(3)]
    b.reply(b.invite, 180, "Ringing", tag=tags[0])
    a.expect(180)
    b.reply(b.invite, 183, "Session Progress", body=True, tag=tags[1])
    a.expect(183)
    b.reply(b.invite, 180, "Ringing", tag=tags[2])
    b.local = f"{b.invite.get('to')};tag={tags[1]}"
    b.ok(b.invite, body=True, tag=tags[1])
    a.expect((200, "INVITE"))
    a.ack()
    t.equal(tag_of(b.expect("ACK").get("to")), tags[1], "tag in the ACK of the first 2xx")

    b.ok(b.invite, body=True, tag=tags[0])
    t.equal(tag_of(b.expect("ACK").get("to")), tags[0], "tag in the ACK of the second 2xx")
    bye = b.expect("BYE")
    t.equal(tag_of(bye.get("to")), tags[0], "tag in the BYE of the second 2xx")
    b.ok(bye)
    hang_up(b, a)
    finish(t, box, [200])
    t.check(not [m for m in phone.queue if m.status == 200], "the second 2xx reached the caller")
