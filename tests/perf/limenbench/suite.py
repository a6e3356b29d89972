# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of ./bench. One line a name; names of one function are measured together."""
from . import blocks, calls, memif, registrations, relay, routing, srtp, transcode, versus, voice

BENCHES = {
    "relay.rtp.1": relay.inproc,
    "relay.rtp.1000": relay.inproc,
    "relay.rtp.100000": relay.inproc,
    "srtp.protect.cm": srtp.inproc,
    "srtp.protect.gcm": srtp.inproc,
    "srtp.unprotect.cm": srtp.inproc,
    "srtp.unprotect.gcm": srtp.inproc,
    "path.rtp-srtp.cm": srtp.inproc,
    "path.rtp-srtp.gcm": srtp.inproc,
    "path.srtp-rtp.cm": srtp.inproc,
    "path.srtp-rtp.gcm": srtp.inproc,
    "relay.memif": memif.relay,
    "latency.worker.half-load": memif.relay,
    **{name: transcode.channels for name in transcode.PAIRS},
    **{name: transcode.system for name in transcode.SYSTEM},
    **{name: versus.versus for name in versus.KINDS},
    "blocks.none": blocks.packets,
    "blocks.full.pass": blocks.packets,
    "blocks.full.drop": blocks.packets,
    "voice.jitter": voice.frames,
    "voice.dtmf-detect": voice.frames,
    "voice.mixer": voice.frames,
    "voice.plc": voice.frames,
    "voice.resample": voice.frames,
    "b2bua.calls": calls.calls,
    "b2bua.calls.tls": calls.calls_tls,
    "b2bua.soak": calls.soak,
    "b2bua.overload": calls.overload,
    "routing.lookups": routing.lookups,
    "registrar.digest": registrations.digest,
}
# A name may have further rows, for example relay.memif.busy: they follow it in the file.
ORDER = list(BENCHES)


def grouped(wanted):
    """(function, names) in the order of BENCHES."""
    groups = {}
    for name in BENCHES:
        if name in wanted:
            groups.setdefault(BENCHES[name], []).append(name)
    return groups.items()
