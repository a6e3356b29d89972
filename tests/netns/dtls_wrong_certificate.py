# SPDX-License-Identifier: GPL-3.0-or-later
"""A handshake with another certificate than the one that signalling announced (openssl s_client): it is
counted, nobody gets keys, no packet of either side ever passes, and the call ends with the reason (after
less time than usual, as limen-nat is told)."""
import os
import subprocess

from limenlab import net
from limenlab.proc import run as run_program
from limenlab.proc import wait_for
from limenlab.rtpcase import NUMBER, Talker, start
from limenlab.sipcase import conf
from limenlab.srtpcase import body, frames, secure, srtp
from limenlab.ua import box_media

TIMEOUT_S = 120
ANNOUNCED = "AB:" * 31 + "AB"


def run(t):
    c = conf()
    secure(c, access="require")
    for realm in c["realms"]:
        if realm["name"] == "access":
            realm["srtp_keying"] = "dtls"
    box, phone, carrier = start(t, c, nat_args=["--handshake-time", "4"])
    lines = [f"a=fingerprint:sha-256 {ANNOUNCED}", "a=setup:active", "a=rtcp-mux"]
    a = phone.call(NUMBER, body=body(phone, lines, proto="UDP/TLS/RTP/SAVP"))
    b = carrier.answer_to()
    b.ok(b.invite, body=True)
    answer = a.expect((200, "INVITE"))
    t.check("a=setup:passive" in answer.body.decode(), f"role of our answer:\n{answer.body.decode()}")
    a.ack()
    b.expect("ACK")
    handshake(t, phone, box_media(answer))
    wait_for("the handshake to be counted", lambda: counters(box)["bad-fingerprint"] >= 1)
    sock_a = net.udp_socket(t.net.access, phone.local, phone.media_port)
    sock_b = net.udp_socket(t.net.peering, carrier.local, carrier.media_port)
    talkers = [Talker(sock_a, box_media(answer), 1, "voice-a.pcap"), Talker(sock_b, box_media(b.invite), 2, "voice-b.pcap")]
    t._cleanup += [sock_a.close, sock_b.close] + [talker.stop for talker in talkers]
    a.expect_bye(timeout_s=15)
    b.expect_bye()
    for talker in talkers:
        talker.stop()
    record, = box.wait_records(1)
    t.check("no DTLS handshake with the caller" in record["reason"], f"reason {record['reason']!r}")
    t.equal([leg["srtp"] for leg in record["legs"]], ["off", "off"], "suites in the record")
    t.equal([leg["media"]["sent_packets"] for leg in record["legs"]], [0, 0], "packets that were relayed")
    own, far = t.packets()
    for packets, voice, source in ((far, "voice-a.pcap", net.BOX_B4), (own, "voice-b.pcap", net.BOX_A4)):
        passed = [p for p in srtp.in_the_clear(packets, frames(voice)) if p.src == source]
        t.equal(len(passed), 0, f"packets of {voice} that passed")
    t.equal(counters(box)["established"], 0, "handshakes with keys")


def counters(box):
    return {row["counter"]: row["value"] for row in box.json("show dtls statistics")["counters"]}


def handshake(t, phone, to):
    """openssl calls with a certificate of its own from where the phone's media is."""
    key, cert = (os.path.join(t.dir, name) for name in ("key.pem", "cert.pem"))
    run_program(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                 "-subj", "/CN=stranger", "-keyout", key, "-out", cert])
    argv = ["ip", "netns", "exec", t.net.access, "openssl", "s_client", "-dtls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80",
            "-cert", cert, "-key", key, "-bind", f"{phone.local}:{phone.media_port}", "-connect", f"{to[0]}:{to[1]}"]
    log = open(os.path.join(t.dir, "s_client.log"), "w")
    proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        proc.wait(10)
    finally:
        proc.kill()
        proc.wait()
        log.close()
