# SPDX-License-Identifier: GPL-3.0-or-later
"""How calls sound: over a network that loses, doubles, swaps and holds up packets the figures of the box are
what was done to them; reports of the far end are read, its round trip measured; a call with audio one way, and
one without any, is called so. Live, in the record, and in words."""
import struct

from limenlab import net
from limenlab.impair import Bad
from limenlab.net import udp_socket
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import Talker, TalkingCall, start

TALK_S = 3.5
LYING_S = 0.25  # a report is answered after so long, which is no part of the round trip


def sender_report(ssrc, mid):
    return struct.pack("!BBHIHIHIII", 0x80, 200, 6, ssrc, 0x1111, mid, 0x2222, 1600, 10, 1600)


def answer(ssrc, on, mid, lost, jitter):
    """A receiver report and VoIP metrics (RFC 3611 4.7) on a stream."""
    report = struct.pack("!BBHII", 0x81, 201, 7, ssrc, on) + struct.pack("!BBHIIII", 64, 0, lost, 100, jitter, mid,
                                                                         int(LYING_S * 65536))
    voip = struct.pack("!BBHI", 7, 0, 8, on) + bytes([20, 2, 128, 1]) + struct.pack("!HHHH", 120, 3000, 60, 80) + \
        bytes([127, 127, 127, 16, 78, 127, 39, 38]) + struct.pack("!BBHHH", 0, 0, 40, 80, 120)
    return report + struct.pack("!BBHI", 0x80, 207, 10, ssrc) + voip


def run(t):
    box, phone, carrier = start(t)
    bad_call, bad = impaired(t, phone, carrier)
    one_way = TalkingCall(t, phone, carrier, number="+49301556", talk=False)
    t._cleanup += [one_way.silence]
    one_way.talkers = [Talker(one_way.sock_a, one_way.media_a, one_way.ssrc_a)]
    next_ports(phone, carrier)
    silent = TalkingCall(t, phone, carrier, number="+49301557", talk=False)
    reports(t, bad_call)
    sleep_while_talking(TALK_S)
    for call in (bad_call, one_way):
        call.silence()
    bad.calm()
    sent_b = bad_call.talkers[1].sent
    live = figures(t, box, bad, sent_b)
    for call in (bad_call, one_way, silent):
        call.hang_up()
    judge_records(t, box, bad, sent_b, live)


def next_ports(phone, carrier):
    phone.media_port += 20
    carrier.media_port += 20


def impaired(t, phone, carrier):
    """A call whose caller sits behind a bad network; the others get ports of their own."""
    sock = udp_socket(t.net.access, phone.local, phone.media_port)
    bad = Bad(sock, seed=7, loss=0.06, burst=0.4, duplicate=0.05, reorder=0.05, jitter_s=0.008)
    call = TalkingCall(t, phone, carrier, sock_a=bad)
    next_ports(phone, carrier)
    return call, bad


def reports(t, call):
    """The caller's sender report passes, and the called side answers it."""
    rtcp_a = udp_socket(t.net.access, net.PHONE4, call.talkers[0].sock.getsockname()[1] + 1)
    rtcp_b = udp_socket(t.net.peering, net.CARRIER4, call.sock_b.getsockname()[1] + 1)
    rtcp_b.settimeout(5)
    with rtcp_a, rtcp_b:
        mid = 0x77aa55bb
        rtcp_a.sendto(sender_report(call.ssrc_a, mid), (call.media_a[0], call.media_a[1] + 1))
        t.equal(rtcp_b.recv(2048), sender_report(call.ssrc_a, mid), "the sender report")
        sleep_while_talking(LYING_S + 0.04)  # 40 ms more than it says that it took
        rtcp_b.sendto(answer(call.ssrc_b, call.ssrc_a, mid, lost=21, jitter=160), (call.media_b[0], call.media_b[1] + 1))
        t.check(wait_for("the report should reach the caller", lambda: rtcp_a.recv(2048), 5)[1] == 201, "no report came")


def figures(t, box, bad, sent_b):
    """What is shown while the call lasts."""
    def row(call):
        return next(r for r in box.json("show call quality") if r["call_id"] == call)
    active = {c["legs"][0]["called"]: c for c in box.active_calls()}
    ident = active["+49301555"]["id"]
    one = box.json(f"show call quality {ident}")
    a, b = one["legs"]
    t.check(bad.lost > 5 and bad.duplicated > 2 and bad.reordered > 2, f"too little was done: {vars(bad)}")
    t.equal((a["lost"], a["duplicates"], a["reordered"]), (bad.lost, bad.duplicated, bad.reordered),
            "lost, duplicated and reordered packets of the caller")
    t.equal((b["packets"], b["lost"], b["duplicates"], b["reordered"]), (sent_b, 0, 0, 0), "packets of the called side")
    t.equal(row(f"{ident}.0")["mos_source"], "measured-rtp", "source of the caller's MOS")
    t.equal(row(f"{ident}.1")["far_mos_source"], "rtcp-xr", "source of the called side's MOS")
    t.equal(b["far"], {"source": "rtcp-xr", "r": 78.0, "mos_lq": 3.9, "mos_cq": 3.8}, "rating of the called side's end")
    t.equal((b["far_reports"], b["far_lost"], b["far_jitter_ms"]), (1, 21, 20.0), "report of the called side's end")
    t.check(35 < b["rtt_ms"] < 1000, f"round trip of the called side is {b['rtt_ms']} ms")
    t.equal(a["rtt_ms"], None, "round trip of the caller, whom nobody asked")
    t.check(1.0 < a["heard"]["mos_lq"] < 4.3, f"MOS of a call with {a['loss_percent']} % loss: {a['heard']}")
    t.equal(b["heard"]["mos_lq"], 4.41, "MOS of a call without loss")
    brief = box.cli("show call active voice brief")
    t.check(f"LostPacketRate:{a['loss_percent']:.2f}" in brief, f"'show call active voice brief' has no loss:\n{brief}")
    t.check("nothing came from the called side" in box.cli("show call quality"), "no word about audio one way")
    t.check("Verdict: high loss" in box.cli(f"show call quality {ident}"), "no word about the loss")
    return one


def judge_records(t, box, bad, sent_b, live):
    records = {r["legs"][0]["called"]: r for r in box.wait_records(3)}
    call = records["+49301555"]
    media, other = (leg["media"] for leg in call["legs"])
    t.equal((media["lost"], media["duplicates"], media["reordered"]), (bad.lost, bad.duplicated, bad.reordered),
            "lost, duplicated and reordered packets in the record")
    n, packets, lost, alone = bad.bursts()
    t.equal(media["too_late"], 0, "packets that came too late")  # one place is 20 ms
    t.equal(media["packet_ms"], 20.0, "time of a packet")
    t.equal((media["bursts"]["n"], media["bursts"]["mean_ms"]), (n, packets * 20 // n), "bursts")
    t.check(abs(media["bursts"]["loss_percent"] - 100 * lost / packets) < 0.01, f"loss in bursts {media['bursts']}, {lost}")
    expected = media["packets"] - media["duplicates"] + media["lost"]
    t.check(abs(media["bursts"]["gap_loss_percent"] - 100 * alone / (expected - packets)) < 0.01, f"alone {alone}")
    t.check(abs(media["loss_percent"] - 100 * bad.lost / expected) < 0.01, f"loss {media['loss_percent']} %")
    # half of the greatest wait apart on average (uniform: a third), and what the machine adds
    t.check(1.3 < media["max_jitter_ms"], f"jitter of at most {media['max_jitter_ms']} ms was seen")
    t.check(0.5 < media["mean_jitter_ms"] <= media["max_jitter_ms"], f"mean jitter {media['mean_jitter_ms']} ms")
    t.equal([media["mos_source"], other["far_end"]["mos_source"]], ["measured-rtp", "rtcp-xr"], "sources of the ratings")
    t.equal(media["mos_lq"], live["legs"][0]["heard"]["mos_lq"], "MOS, live and in the record")
    t.equal([other["packets"], other["lost"], other["far_end"]["lost"]], [sent_b, 0, 21], "the other direction")
    t.check(call["verdict"].startswith("high loss from the caller: "), f"verdict {call['verdict']!r}")
    t.equal(records["+49301556"]["verdict"], "one-way audio: nothing came from the called side", "verdict")
    t.equal(records["+49301556"]["legs"][1]["media"]["mos_lq"], None, "MOS of what never came")
    t.equal(records["+49301557"]["verdict"], "no audio in either direction", "verdict")
    t.equal(records["+49301557"]["legs"][0]["media"]["mos_source"], "unknown", "source of a MOS that nobody knows")
