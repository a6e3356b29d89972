# SPDX-License-Identifier: GPL-3.0-or-later
"""Real SRTP ends: a phone calls a carrier without SRTP, a carrier calls a phone, and two phones with
SRTP of their own on both sides. Audio of both directions byte for byte once it is opened with the
keys that SDP told, and none of it in the clear where it is encrypted."""
from limenlab import media, net, rtp
from limenlab.peers import sleep_while_talking
from limenlab.sipcase import NUMBER
from limenlab.srtpcase import boxconf, frames, legs, no_key_is_told, secure, srtp

TALK_S = 3.0
GCM, CM80 = "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"


def run(t):
    c = boxconf.standard()
    c["srtp_cryptos"] = [{"tag": 7, "crypto": [f"1 {CM80}"]}]
    c["trunks"].append(boxconf.trunk("far", f"ipv4:{net.KAMAILIO4}:5070", srtp="require", srtp_crypto=7))
    c["dial_peers"].append(boxconf.peer(310, "+49310T", "far"))
    boxconf.find(c["trunks"], name="pbx")["target"] = f"ipv4:{net.PHONE2_4}:5072"
    secure(c, access="require")
    box = t.box(c)
    t.capture()
    t.carrier("answer.xml")
    caller = t.baresip(mediaenc="srtp-mandf", port=5070, control=4444)
    called = t.baresip(mediaenc="srtp-mand", port=5072, control=4445, answer="auto", user="+49401")
    both = t.baresip(mediaenc="srtp", port=5074, control=4446)
    far = t.baresip("peering", net.KAMAILIO4, mediaenc="srtp-mand", answer="auto", user="+49310555")
    incoming = t.phone("+49401", local=net.CARRIER4, remote=net.BOX_B4, side="peering", media_port=6100,
                       hold_ms=int(TALK_S * 1000) + 1500)
    caller.call(f"sip:{NUMBER}@{net.BOX_A4}")
    both.call(f"sip:+49310555@{net.BOX_A4}")
    t.wait_active(3)
    sleep_while_talking(TALK_S)
    shown = {c["legs"][1]["trunk"]: [leg["srtp"] for leg in c["legs"]] for c in box.active_calls()}
    text = box.cli("show call active voice brief")
    t.equal(text.count("SRTP: on"), 4, f"legs shown as encrypted in\n{text}")
    caller.hangup()
    both.hangup()
    incoming.wait_ok()
    opened = tuple(srtp.opened(p) for p in t.packets())
    calls = media.join(box.wait_records(3), *opened)
    for call in calls:
        t.check(not call.faults, "\n".join(call.faults))
        for leg, direction in zip(call.record["legs"], (call.a2b, call.b2a)):
            # A phone talks on until it has the answer to its BYE.
            t.check(abs(leg["media"]["packets"] - len(direction.sent)) < 3,
                    f"{leg['media']['packets']} packets {direction.name} in the record, {len(direction.sent)} were sent")
    suites = {call.record["legs"][1]["trunk"]: [suite for suite, _ in legs(call.record)] for call in calls}
    t.equal(shown, suites, "suites in show and in the records")
    t.equal(suites, {"carrier": [CM80, "off"], "far": [CM80, CM80], "pbx": ["off", GCM]}, "suites")
    clear(t, opened)
    no_key_is_told(t, box)


def clear(t, opened):
    """Every audio packet that was sent anywhere, and its payload in no packet of a side that is encrypted."""
    own, far = t.packets()
    spoken = [p.payload for packets in opened for s in rtp.streams(packets, pts=[8]) for p in s.packets]
    t.check(len(spoken) > 300, f"only {len(spoken)} packets of audio")
    t.equal(len(srtp.in_the_clear(own, spoken)), 0, "packets with audio in the clear on the access side")
    t.check(srtp.in_the_clear(far, spoken), "the scan does not find the audio where it is in the clear")
    phones = [p for p in far if net.KAMAILIO4 in (p.src, p.dst)]
    t.equal(len(srtp.in_the_clear(phones, spoken)), 0, "packets with audio in the clear towards the far phone")
