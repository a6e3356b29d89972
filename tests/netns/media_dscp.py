# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves the box is marked as the realm says: audio EF, video AF41 and signalling CS3 by
default, other marks when configured, whatever mark it arrived with."""
import re

from limenlab import boxconf, media, net, rtp
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import TalkingCall, rtp_bytes, start
from limenlab.ua import sdp

EF, CS3, AF41, AF42, CS5 = 46, 24, 34, 36, 40
H264, VIDEO_A, VIDEO_B = 96, 9100, 9200


def with_video(addr, port, video):
    return sdp(addr, port) + f"m=video {video} RTP/AVP {H264}\r\na=rtpmap:{H264} H264/90000\r\n"


def video_port(message):
    return int(re.search(r"^m=video (\d+)", message.body.decode(), re.M).group(1))


def show(t, ns, local, to):
    """Some frames of video from a phone."""
    with net.udp_socket(ns, *local) as s:
        for n in range(5):
            s.sendto(rtp_bytes(n, 3000 * n, 0x51de0, bytes(500), pt=H264), to)


def run(t):
    conf = boxconf.standard()
    boxconf.find(conf["realms"], name="peering").update(dscp_media="af41", dscp_video="af42", dscp_signaling="cs5")
    _, phone, carrier = start(t, conf)
    call = TalkingCall(t, phone, carrier, body_a=with_video(net.PHONE4, phone.media_port, VIDEO_A),
                       body_b=with_video(net.CARRIER4, carrier.media_port, VIDEO_B))
    show(t, t.net.access, (net.PHONE4, VIDEO_A), (net.BOX_A4, video_port(call.answer)))
    show(t, t.net.peering, (net.CARRIER4, VIDEO_B), (net.BOX_B4, video_port(call.b.invite)))
    sleep_while_talking(1.0)
    call.silence()
    call.nothing_lost(at_least=25)
    call.hang_up()
    a, b = t.packets()
    for packets, box_addrs, want_media, want_video, want_sip in ((a, media.BOX_A, EF, AF41, CS3),
                                                                 (b, media.BOX_B, AF41, AF42, CS5)):
        from_box = [p for p in packets if p.src in box_addrs and p.proto == "udp"]
        rtps = [(p, rtp.parse_rtp(p)) for p in from_box if p.sport != 5060 and rtp.parse_rtp(p)]
        t.equal({p.dscp for p, r in rtps if r.pt != H264}, {want_media}, f"marks of audio from {box_addrs[0]}")
        t.equal({p.dscp for p, r in rtps if r.pt == H264}, {want_video}, f"marks of video from {box_addrs[0]}")
        t.equal({p.dscp for p in from_box if p.sport == 5060}, {want_sip}, f"marks of SIP from {box_addrs[0]}")
    t.equal({p.dscp for p in a if p.src == net.PHONE4 and rtp.parse_rtp(p)}, {0}, "marks of what the phone sent")
