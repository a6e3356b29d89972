# SPDX-License-Identifier: GPL-3.0-or-later
"""Light, heavy, light: a storm of RTP at media ports, with and without a call, may cost packets while
it lasts; one second after it, everything is relayed again, without a restart of anything."""
from limenlab import net, rtp
from limenlab.peers import sleep_while_talking
from limenlab.rtpcase import Flood, TalkingCall, start

EXCLUSIVE = True
STORM_S = 2


def run(t):
    box, phone, carrier = start(t)
    call = TalkingCall(t, phone, carrier)
    sleep_while_talking(1.0)
    call.silence()
    call.nothing_lost(at_least=40)
    ports = [call.media_a[1]] + [call.media_a[1] + 2 * n for n in range(1, 8)]
    before = box.drops()
    call.talk()
    storm = Flood(t, t.net.access, net.ATTACKER4, net.BOX_A4, ports, STORM_S)
    sent = storm.wait()
    call.silence()
    t.check(sent > 20000, f"the storm was only {sent} packets")
    after = box.drops()
    dropped = sum(after[r] - before[r] for r in after)
    t.check(dropped > 1000, f"of {sent} packets of the storm only {dropped} were counted as dropped")
    leaked = [s for s in rtp.streams(t.packets()[1], src=call.media_b) if s.ssrc == 0xf100d]
    t.check(not leaked, "packets of the storm reached the carrier")
    sleep_while_talking(1.0)
    call.ssrc_a, call.ssrc_b = call.ssrc_a + 1, call.ssrc_b + 1  # what is sent now is judged alone
    call.talk()
    sleep_while_talking(2.0)
    call.silence()
    call.nothing_lost()
    call.hang_up()
    record, = box.wait_records(1)
    t.equal(record["sip_status"], 200, "status of the call")
