# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold in its three styles and resume by re-INVITE from both sides (sendonly, inactive: RFC 3264 8.4; the
address 0.0.0.0: RFC 2543), and a re-INVITE that is refused: the call goes on as it was (RFC 3261 14.1)."""
from limenlab import sip
from limenlab.sipcase import NUMBER, finish, start
from limenlab.ua import answered_call, box_media, hang_up


def run(t):
    box, phone, carrier = start(t)
    a, b = answered_call(phone, carrier, NUMBER)
    for holder, held in ((a, b), (b, a)):
        reoffer(t, holder, held, "sendonly", "recvonly")
        reoffer(t, holder, held, "sendrecv", "sendrecv")
        reoffer(t, holder, held, "inactive", "inactive")
        zero_address(t, holder, held)
        reoffer(t, holder, held, "sendrecv", "sendrecv")
        refused(t, holder, held)
    versions(t)
    hang_up(b, a)
    finish(t, box, [200])
    for side in (phone, carrier):
        side.nothing_left()


def direction(message):
    return message.media()[2]


def reoffer(t, holder, held, offered, answered):
    holder.send_invite(direction=offered)
    offer = held.expect("INVITE")
    t.equal(direction(offer), offered, f"direction of the offer, {offered} was sent")
    held.ok(offer, body=True, direction=answered)
    answer = holder.expect((200, "INVITE"))
    t.equal(direction(answer), answered, "direction of the answer")
    holder.ack()
    held.expect("ACK")


def zero_address(t, holder, held):
    """What the oldest phones send reaches the other side in today's words, at the box's address."""
    lines = holder._body(True).split("\r\n")
    holder.send_invite(body="\r\n".join("c=IN IP4 0.0.0.0" if x.startswith("c=") else x for x in lines))
    offer = held.expect("INVITE")
    t.equal(direction(offer), "sendonly", "direction of the offer, 0.0.0.0 was sent")
    t.check(box_media(offer)[0] != "0.0.0.0", "the address of a hold by RFC 2543 went on")
    held.ok(offer, body=True, direction="recvonly")
    t.equal(direction(holder.expect((200, "INVITE"))), "recvonly", "direction of the answer")
    holder.ack()
    held.expect("ACK")


def refused(t, asker, other):
    asker.send_invite()
    offer = other.expect("INVITE")
    other.reply(offer, 488, "Not Acceptable Here")
    other.expect("ACK")
    asker.ack(message=asker.expect((488, "INVITE")))


def versions(t):
    """o= towards each side keeps its session id; its version only grows (RFC 3264 section 8), and
    the media address and port stay."""
    for packets, box_addrs in zip(t.packets(), (("192.0.2.1",), ("198.51.100.1",))):
        seen, media = [], set()
        for m in sip.messages(packets):
            if m.src in box_addrs and b"\r\no=" in b"\r\n" + m.body:
                line = m.body.split(b"o=", 1)[1].split(b"\r\n", 1)[0].split()
                seen.append((line[1], int(line[2])))
                media.add(box_media(m))
        t.check(len(seen) > 3, f"only {len(seen)} descriptions came from {box_addrs[0]}")
        t.equal(len({s for s, _ in seen}), 1, "session ids of one dialog")
        t.check(all(x[1] <= y[1] for x, y in zip(seen, seen[1:])), f"session versions {seen}")
        t.check(seen[-1][1] > seen[0][1], f"the session version never grew: {seen}")
        t.equal(len(media), 1, "media addresses given for one call")
