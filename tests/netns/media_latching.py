# SPDX-License-Identifier: GPL-3.0-or-later
"""A phone behind NAT sends from another address than its SDP names: where latching is on, the carrier's
audio follows it; where it is off, audio from a wrong source does not pass."""
from limenlab import net, rtp
from limenlab.net import udp_socket
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import Talker, TalkingCall, start


def run(t):
    box, phone, carrier = start(t)
    outside = udp_socket(t.net.access, net.ATTACKER4, 33333)  # the NAT's outside
    call = TalkingCall(t, phone, carrier, sock_a=outside)
    sleep_while_talking(1.5)
    call.silence()
    sent, arrived = call.flow("a>b")
    t.equal(rtp.compare(sent, arrived), [], "audio from behind the NAT")
    # What the carrier said before the first packet from behind the NAT went to the SDP's address.
    packets_a, _ = t.packets()
    to_nat = [p for s in rtp.streams(packets_a, src=call.media_a, dst=(net.ATTACKER4, 33333)) for p in s.packets]
    t.check(len(to_nat) > 60, f"only {len(to_nat)} packets of the carrier went to the learned address")
    elsewhere = udp_socket(t.net.peering, net.CARRIER4, 9990)  # peering does not latch
    t._cleanup += [outside.close, elsewhere.close]
    wrong = Talker(elsewhere, call.media_b, 0xe15e)
    sleep_while_talking(0.5)
    t.check(wrong.stop() > 10, "the wrong source did not talk")
    t.equal([s for s in rtp.streams(t.packets()[0], src=call.media_a) if s.ssrc == 0xe15e], [],
            "streams from a wrong source in a realm without latching")
    call.hang_up()
    record, = box.wait_records(1)
    t.equal(record["legs"][0]["media"]["latched"], f"{net.ATTACKER4}:33333", "learned address in the record")
    t.equal(record["legs"][1]["media"]["dropped"], wrong.sent, "dropped packets of the carrier in the record")
