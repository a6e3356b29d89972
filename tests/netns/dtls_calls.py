# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio of calls that are keyed by DTLS, with phones that have their own implementation (baresip): a
phone calls a carrier that has no SRTP, and a carrier calls a phone. limen-control, limen-sip and limen-nat
are killed meanwhile: not one packet is missing, none of the audio is in the clear on the phones' side."""
import re

from limenlab import audio, net, rtp
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.sipcase import NUMBER
from limenlab.srtpcase import boxconf, frames, secure, srtp

SECONDS = 60.0


def run(t):
    c = boxconf.standard()
    boxconf.find(c["trunks"], name="pbx").update(target=f"ipv4:{net.PHONE2_4}:5072", srtp_keying="dtls")
    boxconf.find(c["realms"], name="access")["srtp_keying"] = "dtls"
    secure(c, access="require")
    box = t.box(c)
    t.capture()
    t.carrier("answer.xml")
    caller = t.baresip(mediaenc="dtls_srtp", seconds=SECONDS)
    called = t.baresip(mediaenc="dtls_srtp", seconds=SECONDS, port=5072, control=4445, answer="auto", user="+49401")
    t.phone("+49401", "call_quiet.xml", local=net.CARRIER4, remote=net.BOX_B4, side="peering", media_port=6100,
            hold_ms=60000)
    caller.call(f"sip:{NUMBER}@{net.BOX_A4}")
    wait_for("both calls to have their keys", lambda: keyed(box) == 2)
    sleep_while_talking(0.5)
    for name in ("limen-control", "limen-sip", "limen-nat"):
        old = box.kill(name)
        box.wait_restarted(name, old)
        wait_for(f"the calls to be shown with their keys after the end of {name}", lambda: keyed(box) == 2)
    sleep_while_talking(1.0)
    caller.hangup()
    called.hangup()
    records = box.wait_records(2)
    for record in records:
        phone = record["legs"][0 if record["legs"][1]["trunk"] == "carrier" else 1]
        t.check(phone["srtp"] != "off" and phone["srtp_keying"] == "dtls", f"record {phone['srtp']}, {phone['srtp_keying']}")
    heard(t, caller)
    audio_arrived(t)


def keyed(box):
    """How many calls have a leg with keys of a handshake."""
    return sum(1 for row in box.active_calls() for leg in row["legs"] if leg["srtp_keying"] == "dtls" and leg["srtp"] != "off")


def heard(t, phone):
    """The phone opened what came: it counts packets behind its SRTP."""
    def said():
        with open(phone.proc.log_path, errors="replace") as f:
            return re.search(r"^packets:\s+\d+\s+(\d+)", f.read(), re.M)
    found = wait_for("the phone's figures of the call", said)
    t.check(int(found.group(1)) > 50, f"the phone received {found.group(1)} packets")


def audio_arrived(t):
    """Each phone's audio on the carriers' side, without a gap. Both speak the same file, so what two
    handshakes' keys opened must be the same; and it is the file's, where A-law leaves no choice."""
    own, far = t.packets()
    spoken = bytes(audio.alaw(s) for s in audio.talk(SECONDS, 160.0, 37))
    known = {spoken[i:i + 160] for i in range(0, len(spoken) - 159, 160)}
    arrived = [s for s in rtp.streams(far, pts=[8]) if s.src[0] == net.BOX_B4]
    t.equal(len(arrived), 2, "streams that the box sent to the carriers")
    for stream in arrived:
        t.check(stream.received > 80, f"only {stream.received} packets of a phone arrived")
        t.equal(stream.lost, 0, "packets of a phone that are missing")
    voices = [[p.payload for p in stream.packets] for stream in arrived]
    n = min(map(len, voices))
    t.check(voices[0][:n] == voices[1][:n], "the two phones' voices differ")
    t.check(sum(frame in known for frame in voices[0]) > n // 5, "the voice is not that of the file")
    clear = srtp.in_the_clear(own, voices[0] + voices[1] + frames("voice-b.pcap"))
    t.equal(len(clear), 0, "packets with audio in the clear on the phones' side")
