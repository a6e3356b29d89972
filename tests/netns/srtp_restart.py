# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-sip, limen-control and limen-dataplane are killed with SIGKILL in an encrypted call whose packet
index has passed 65535 on both sides: it stays encrypted, no packet is lost but those of the time that
limen-dataplane is away, and after that it can be held and ended from either side. The keys are in no file."""
import glob
import os
import time

from limenlab import srtp
from limenlab.peers import sleep_while_talking
from limenlab.proc import wait_for
from limenlab.rtpcase import start
from limenlab.srtpcase import SrtpCall, answer_lines, body, boxconf, legs, no_key_is_told, secure

BACK_S = 3.0
CM80, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"


def run(t):
    box, phone, carrier = start(t, secure(boxconf.standard(), access="require", peering="require"))
    call = SrtpCall(t, phone, carrier, GCM, CM80, talk=False)
    call.talk((65500, 65500))
    sleep_while_talking(0.5)
    for name in ("limen-sip", "limen-control"):
        old = box.kill(name)
        box.wait_restarted(name, old)
        sleep_while_talking(1.0)
    row, = t.wait_active()
    t.equal([leg["srtp"] for leg in row["legs"]], [GCM, CM80], "suites in show after the restarts")
    call.silence()
    call.nothing_lost()
    dataplane(t, box, call)
    call.never_in_the_clear()
    hold(t, call)
    call.hang_up(by_caller=False)
    record, = box.wait_records(1)
    t.equal(legs(record), [(GCM, ""), (CM80, "")], "suites in the record")
    no_key_is_told(t, box)
    nothing_on_disk(t, box)


def dataplane(t, box, call):
    """The index goes on where it was (roll-over counter 1): each packet that arrives is opened and is one that was
    sent, and from the moment of the first one on none is missing."""
    call.talk([talker.seq + talker.sent for talker in call.talkers])
    sleep_while_talking(0.3)
    killed = time.time()
    old = box.kill("limen-dataplane")
    box.wait_restarted("limen-dataplane", old)

    def heard():
        return [[p for p in call.flow(d)[1] if p.ts > killed + 0.1] for d in ("a>b", "b>a")]
    wait_for("audio should come back in both directions", lambda: all(heard()), 10)
    sleep_while_talking(0.7)
    call.silence()
    for direction, arrived in zip(("a>b", "b>a"), heard()):
        sent = {p.seq: p for p in call.flow(direction)[0]}
        back = min(p.ts for p in arrived)
        t.check(back - killed < BACK_S, f"{direction}: audio came back after {back - killed:.2f} s")
        strange = [p.seq for p in arrived if p.seq not in sent or not p.same_as(sent[p.seq])]
        t.check(not strange, f"{direction}: {len(strange)} packets are not what was sent, first {strange[:3]}")
        late = {p.seq for p in sent.values() if p.ts > back + 0.2} - {p.seq for p in arrived}
        t.check(not late, f"{direction}: {len(late)} packets were lost after the audio was back")


def hold(t, call):
    call.version += 1
    call.a.send_invite(body=call.offer("sendonly"))
    offer = call.b.expect("INVITE")
    call.b.ok(offer, body=body(call.carrier, answer_lines(offer, CM80, call.keys[1]), direction="recvonly",
                               version=call.version))
    ok = call.a.expect((200, "INVITE"))
    t.equal(srtp.profile(ok.body), "RTP/SAVP", "profile after the restarts")
    call.a.ack()
    call.b.expect("ACK")


def nothing_on_disk(t, box):
    keys = {key for packets in t.packets() for _, key in srtp.keys_told(packets)}
    for path in glob.glob(os.path.join(box.state_dir, "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as f:
                data = f.read()
            t.check(not any(key[:16] in data for key in keys), f"a key is in {path}")
