# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves the box is marked as the realm says: media EF and signalling CS3 by default, other
marks when configured, whatever mark it arrived with."""
from limenlab import boxconf, media, net, rtp
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import TalkingCall, start

EF, CS3, AF41, CS5 = 46, 24, 34, 40


def run(t):
    conf = boxconf.standard()
    boxconf.find(conf["realms"], name="peering").update(dscp_media="af41", dscp_signaling="cs5")
    _, phone, carrier = start(t, conf)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(1.0)
    call.silence()
    call.nothing_lost(at_least=25)
    call.hang_up()
    a, b = t.packets()
    for packets, box_addrs, want_media, want_sip in ((a, media.BOX_A, EF, CS3), (b, media.BOX_B, AF41, CS5)):
        from_box = [p for p in packets if p.src in box_addrs and p.proto == "udp"]
        t.equal({p.dscp for p in from_box if rtp.parse_rtp(p) and p.sport != 5060}, {want_media},
                f"marks of media from {box_addrs[0]}")
        t.equal({p.dscp for p in from_box if p.sport == 5060}, {want_sip}, f"marks of SIP from {box_addrs[0]}")
    t.equal({p.dscp for p in a if p.src == net.PHONE4 and rtp.parse_rtp(p)}, {0}, "marks of what the phone sent")
