# SPDX-License-Identifier: GPL-3.0-or-later
"""Early media: 183 with a description opens the way for RTP before the call is answered, 180 without
one does not close it, and the 200 with the same description changes nothing (RFC 3960). Another branch of the
called side may answer with another description: voice is that of who answered."""
from limenlab import net
from limenlab.sipcase import NUMBER, finish, relayed, start
from limenlab.ua import box_media, hang_up, token


def run(t):
    box, phone, carrier = start(t)
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 183, "Session Progress", body=True)
    early = a.expect(183)
    t.equal(box_media(early)[0], net.BOX_A4, "media address in the 183")
    relayed(t, phone, carrier, box_media(early), box_media(b.invite))
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.version -= 1
    b.ok(b.invite, body=True)
    answer = a.expect((200, "INVITE"))
    if answer.body:
        t.equal(box_media(answer), box_media(early), "media of 183 and 200")
    a.ack()
    b.expect("ACK")
    relayed(t, phone, carrier, box_media(early), box_media(b.invite), first=500)
    hang_up(b, a)
    other_branch(t, phone, carrier)
    finish(t, box, [200, 200])


def other_branch(t, phone, carrier):
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    early, ringing, answers = (token("core-branch") for _ in range(3))
    b.reply(b.invite, 183, "Session Progress", body=True, tag=early)
    first = a.expect(183)
    relayed(t, phone, carrier, box_media(first), box_media(b.invite))
    b.reply(b.invite, 180, "Ringing", tag=ringing)
    a.expect(180)
    carrier.media_port += 100  # it speaks from elsewhere
    b.local = f"{b.invite.get('to')};tag={answers}"
    b.ok(b.invite, body=True, tag=answers)
    answer = a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    relayed(t, phone, carrier, box_media(answer if answer.body else first), box_media(b.invite), first=500)
    hang_up(b, a)
