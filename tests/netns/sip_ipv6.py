# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv6 on both sides, and IPv6 to IPv4 and back: signalling, descriptions and audio."""
from limenlab import net
from limenlab.sipcase import conf, finish, start

CALLS = 2


def run(t):
    box, phone, carrier = start(t, conf())
    carrier.sock.close()
    t.carrier("answer.xml", local=net.CARRIER6)
    t.carrier("answer.xml")
    cases = ((net.PHONE6, net.BOX_A6, "+49303555"), (net.PHONE6, net.BOX_A6, "+49301555"),
             (net.PHONE4, net.BOX_A4, "+49303556"))
    phones = [t.phone(number, local=local, remote=remote, calls=CALLS, media_port=6000 + 100 * n)
              for n, (local, remote, number) in enumerate(cases)]
    for near in phones:
        near.wait_ok()
    records = finish(t, box, [200] * CALLS * len(cases))
    for call in t.judge(len(records), None, None):
        t.check(call.a2b.received and call.b2a.received, "no audio in one of the directions")
