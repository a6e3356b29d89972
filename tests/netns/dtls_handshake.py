# SPDX-License-Identifier: GPL-3.0-or-later
"""DTLS-SRTP with a phone that has its own implementation (baresip): it calls through the box, the
handshake gives a suite, and nothing of one side's handshake is told to the other. limen-nat killed in
a call: the call goes on, and the next one works when it is back."""
import re

from limenlab import net
from limenlab.proc import wait_for
from limenlab.sipcase import conf
from limenlab.srtpcase import secure


def run(t):
    c = conf()
    secure(c, access="require")
    for realm in c["realms"]:
        if realm["name"] == "access":
            realm["srtp_keying"] = "dtls"
    box = t.box(c)
    t.capture()
    t.carrier("answer_quiet.xml")
    phone = t.baresip(mediaenc="dtls_srtp", seconds=60.0)
    certificate = statistics(box)["fingerprint"]
    t.check(certificate.startswith("sha-256 "), f"certificate {certificate!r}")
    phone.call(f"sip:+49301555@{net.BOX_A4}")
    keyed(t, box, 0)
    wait_for("the handshake in 'show dtls statistics'", lambda: statistics(box)["counters"]["established"] == 1)
    # limen-nat dies: the call stays as it is, the certificate is another one
    old = box.kill("limen-nat")
    box.wait_restarted("limen-nat", old)
    wait_for("another certificate", lambda: statistics(box)["fingerprint"] not in ("", certificate))
    keyed(t, box, 0)
    phone.hangup()
    box.wait_records(1)
    phone.events.clear()
    phone.call(f"sip:+49301555@{net.BOX_A4}")
    keyed(t, box, 0)
    phone.hangup()
    records = box.wait_records(2)
    for record in records:
        t.equal([leg["srtp_keying"] for leg in record["legs"]], ["dtls", ""], "keying in the record")
        t.equal(record["legs"][0]["srtp"] != "off", True, "suite in the record")
        t.equal(record["legs"][1]["srtp"], "off", "SRTP of the called side in the record")
    nothing_crosses(t, certificate)


def statistics(box):
    got = box.json("show dtls statistics")
    got["counters"] = {row["counter"]: row["value"] for row in got["counters"]}
    return got


def keyed(t, box, side):
    def seen():
        rows = box.active_calls()
        return rows and rows[0]["legs"][side]["srtp"] != "off" and rows[0]
    row = wait_for("the suite of the handshake in 'show call active voice brief'", seen)
    t.equal(row["legs"][side]["srtp_keying"], "dtls", "keying")
    t.equal(row["legs"][1 - side]["srtp"], "off", "SRTP of the other side")
    t.check("SRTP: on" in box.cli("show call active voice brief"), "no 'SRTP: on'")


def nothing_crosses(t, certificate):
    a, b = t.packets()
    said = [set(re.findall(rb"a=(?:fingerprint|setup|tls-id):[^\r]*", b"".join(p.payload for p in side))) for side in (a, b)]
    t.check(any(certificate.encode() in line for line in said[0]), f"our certificate was not announced: {said[0]}")
    t.equal(said[1], set(), "attributes of the handshake on the other side")
