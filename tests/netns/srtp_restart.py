# SPDX-License-Identifier: GPL-3.0-or-later
"""limen-sip and limen-control are killed with SIGKILL in an encrypted call: it stays encrypted, no
packet is lost, and after that it can be held and ended from either side. The keys are in no file."""
import glob
import os

from limenlab import srtp
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import start
from limenlab.srtpcase import SrtpCall, answer_lines, body, boxconf, legs, no_key_is_told, secure

CM80, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"


def run(t):
    box, phone, carrier = start(t, secure(boxconf.standard(), access="require", peering="require"))
    call = SrtpCall(t, phone, carrier, GCM, CM80)
    sleep_while_talking(0.5)
    for name in ("limen-sip", "limen-control"):
        old = box.kill(name)
        box.wait_restarted(name, old)
        sleep_while_talking(1.0)
    row, = t.wait_active()
    t.equal([leg["srtp"] for leg in row["legs"]], [GCM, CM80], "suites in show after the restarts")
    call.silence()
    call.nothing_lost()
    call.never_in_the_clear()
    hold(t, call)
    call.hang_up(by_caller=False)
    record, = box.wait_records(1)
    t.equal(legs(record), [(GCM, ""), (CM80, "")], "suites in the record")
    no_key_is_told(t, box)
    nothing_on_disk(t, box)


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
