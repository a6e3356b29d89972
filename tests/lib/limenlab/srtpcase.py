# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios tests/netns/srtp_*.py share: descriptions with keys, calls whose ends speak
SRTP, and the judgement that no word of them was on the wire in the clear."""
import base64

from . import boxconf, srtp
from .rtpcase import NUMBER, TalkingCall, frames
from .ua import sdp


def secure(c, **policies):
    """Policies of realms and trunks by name: secure(c, access="require", carrier="prefer")."""
    for row in c["realms"] + c["trunks"]:
        if row["name"] in policies:
            row["srtp"] = policies.pop(row["name"])
    if policies:
        raise ValueError(f"no realm or trunk {list(policies)}")
    return c


def body(ua, lines=(), proto="RTP/SAVP", direction="sendrecv", version=1, port=None):
    """A description with a=crypto lines."""
    text = sdp(ua.local, ua.media_port if port is None else port, direction, version, word=ua.word)
    return text.replace("RTP/AVP", proto) + "".join(line + "\r\n" for line in lines)


def answer_lines(invite, suite, key):
    """The a=crypto line that answers an offer with this suite of it."""
    tags = [tag for tag, name, _ in srtp.crypto_lines(invite.body) if name == suite]
    if not tags:
        raise ValueError(f"{suite} is not offered:\n{invite.body.decode()}")
    return [srtp.crypto_line(tags[0], suite, key)]


class SrtpCall(TalkingCall):
    """A TalkingCall with SRTP on one side or both; suite None: RTP there."""

    captures = None  # both sides opened, where a scenario has done that for all its calls

    def __init__(self, t, phone, carrier, suite_a=None, suite_b=None, number=NUMBER, talk=True):
        self.phone, self.carrier, self.suites = phone, carrier, (suite_a, suite_b)
        self.keys = [suite and srtp.new_key(suite) for suite in self.suites]
        self.version, self.strange = 1, set()
        super().__init__(t, phone, carrier, number, talk=False, body_a=self.offer() if suite_a else True,
                         body_b=self.answer if suite_b else True)
        self.seals = [self.context(side) for side in (0, 1)]
        if talk:
            self.talk()

    def context(self, side):
        return srtp.Context(self.suites[side], self.keys[side], outbound=True).seal if self.suites[side] else None

    def offer(self, direction="sendrecv"):
        """The caller's offer with its present key."""
        lines = [srtp.crypto_line(1, self.suites[0], self.keys[0])]
        return body(self.phone_of(0), lines, direction=direction, version=self.version)

    def answer(self, invite, direction="sendrecv"):
        """The called side's answer with its present key."""
        return body(self.phone_of(1), answer_lines(invite, self.suites[1], self.keys[1]), direction=direction,
                    version=self.version)

    def phone_of(self, side):
        return (self.phone, self.carrier)[side]

    def packets(self):
        return self.captures or tuple(srtp.opened(p) for p in self.t.packets())

    def flow(self, direction):
        """As ever, without what strangers sent in place of the talkers."""
        return tuple([p for p in packets if p.seq not in self.strange] for packets in super().flow(direction))

    def never_in_the_clear(self):
        """No frame of either voice on a side that is encrypted."""
        both = frames("voice-a.pcap") + frames("voice-b.pcap")
        for name, suite, packets in zip(("access", "peering"), self.suites, self.t.packets()):
            clear = srtp.in_the_clear(packets, both)
            if suite:
                self.t.check(not clear, f"{len(clear)} packets on the {name} side hold the voice in the clear")
            else:
                self.t.check(clear, f"the scan finds no voice on the {name} side, which is not encrypted")


def no_key_is_told(t, box):
    """Keys that were in anybody's SDP are in no log, no record and no output of show."""
    texts = {f"log of {name}": box.log(name) for name in ("limen-dataplane", "limen-control", "limen-sip")}
    for command in ("show call active voice brief | json", "show call history voice brief | json",
                    "show voip rtp connections | json", "show running-config", "show platform | json"):
        texts[command] = box.cli(command)
    texts["records"] = str(box.records())
    told = {key for packets in t.packets() for _, key in srtp.keys_told(packets)}
    t.check(told, "no key was in any SDP")
    for key in told:
        for form in (base64.b64encode(key).decode().rstrip("="), key.hex(), key.hex(" "), key.hex(":")):
            for where, text in texts.items():
                t.check(form[:24].lower() not in text.lower(), f"a key is in {where}")


def legs(record):
    """(suite or "off", note) of both legs of a record."""
    return [(leg["srtp"], leg["srtp_note"]) for leg in record["legs"]]


__all__ = ["NUMBER", "SrtpCall", "answer_lines", "body", "boxconf", "frames", "legs", "no_key_is_told", "secure", "srtp"]
