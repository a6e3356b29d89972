# SPDX-License-Identifier: GPL-3.0-or-later
"""Two and three SIP workers give what one gives: the messages of a dialog find their owner wherever
the kernel delivers them."""
import os

from limenlab import net
from limenlab.sipcase import NUMBER, conf, counters, finish
from limenlab.ua import Endpoint, answered_call, hang_up

CALLS = 40
TIMEOUT_S = 120


def run(t):
    handed, top = 0, t.dir
    for n in (2, 3):
        t.dir = os.path.join(top, f"workers-{n}")
        os.makedirs(t.dir)
        box = t.box(conf(), sip_workers=n)
        t.capture()
        far = t.carrier("answer_quiet.xml")
        near = t.phone(NUMBER, scenario="call_quiet.xml", calls=CALLS, rate=40, hold_ms=200)
        near.wait_ok()
        far.stop()
        # From many source ports, so that each worker's socket gets some.
        carrier = Endpoint(t, "peering", net.CARRIER4, 5060)
        for i in range(12):
            phone = Endpoint(t, "access", net.PHONE4, 5200 + 2 * i)
            a, b = answered_call(phone, carrier, NUMBER)
            hang_up(b, a)
        carrier.sock.close()
        finish(t, box, [200] * (CALLS + 12))
        handed += counters(box)["handed_over"]
        box.stop()
        t.equal(box.faults(), [], f"faults with {n} workers")
        box.remove()
    t.check(handed > 0, "no message was handed over: this run did not test what it is for")
