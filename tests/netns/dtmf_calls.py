# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits from any way to any other, in calls: telephone-events to SIP INFO and back, to tones and back,
INFO to INFO in both forms, INFO to tones; each digit once, in order, with its length, end packets three times,
one SSRC and sequence whose numbers run on, and no digit in logs or records. Bad INFO is refused in words."""
import math
import os
import struct
import threading
import time

from limenlab import audio, boxconf, net
from limenlab.proc import LabError, wait_for
from limenlab.rtpcase import rtp_bytes
from limenlab.sipcase import conf, counters, finish, start
from limenlab.sound import alaw_samples
from limenlab.ua import Endpoint, box_media, hang_up

DIGITS = "5#A"
CODES = {c: i for i, c in enumerate("0123456789*#ABCD")}
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
RELAY, DTMF = "application/dtmf-relay", "application/dtmf"


def run(t):
    c = conf()
    c["trunks"] += [boxconf.trunk("info", f"ipv4:{net.CARRIER4}:5062", dtmf_relay="sip-info"),
                    boxconf.trunk("tones", f"ipv4:{net.CARRIER4}:5064", dtmf_relay="inband"),
                    boxconf.trunk("maybe", f"ipv4:{net.CARRIER4}:5066", dtmf_relay="rtp-nte",
                                  dtmf_relay_fallback="sip-info")]
    c["dial_peers"] += [boxconf.peer(310, "+49310T", "info"), boxconf.peer(320, "+49320T", "tones"),
                        boxconf.peer(330, "+49330T", "maybe")]
    boxconf.find(c["trunks"], name="pbx").update(target=f"ipv4:{net.PHONE2_4}:5080", dtmf_relay="sip-info")
    box, phone, carrier = start(t, c)
    info, tones, maybe = (Endpoint(t, "peering", net.CARRIER4, port) for port in (5062, 5064, 5066))
    pbx = Endpoint(t, "access", net.PHONE2_4, 5080)
    ways = []
    for step in ((events_and_info, phone, info), (events_and_tones, phone, tones), (info_and_info, pbx, info),
                 (info_and_tones, pbx, tones), (info_and_events, pbx, maybe), (events_pass, phone, carrier),
                 (fallback, phone, maybe)):
        ways.append(step[0](t, box, *step[1:]))
    records = finish(t, box, [200] * len(ways))
    records.sort(key=lambda r: r["invite_ms"])
    for record, (name, want, digits) in zip(records, ways):
        t.equal([leg["dtmf_relay"] for leg in record["legs"]], want, f"{name}: ways in the record")
        t.equal([leg["dtmf_digits"] for leg in record["legs"]], digits, f"{name}: digits in the record")
    c = counters(box)
    t.equal((c["dtmf_ignored"], c["dtmf_lost"]), (1, 0), "digits that were ignored, lost")
    nothing_told(t, box)
    for side in (phone, carrier, info, tones, maybe, pbx):
        side.nothing_left()


class Leg(threading.Thread):
    """The media of one end: a packet of quiet voice each 20 ms, or what is said; keeps what comes."""

    def __init__(self, t, ua, dialog, message, pt=101):
        super().__init__(daemon=True)
        self.t, self.pt, self.to = t, pt, box_media(message)
        self.sock = net.udp_socket(t.net.access if ua.name == "access" else t.net.peering, ua.local, ua.media_port)
        self.sock.settimeout(0.005)
        self.seq, self.ts, self.ssrc = 100, 8000, 0x1000 + ua.port
        self.got, self.queue, self.lock, self.over = [], [], threading.Lock(), False
        t._cleanup.append(self.stop)
        self.start()

    def run(self):
        due = time.monotonic()
        while not self.over:
            try:
                data = self.sock.recv(2048)
                if 200 > data[1] & 0x7f and not 192 <= data[1] <= 223:
                    self.got.append((data[1] & 0x7f, data[1] >> 7, *struct.unpack("!HII", data[2:12]), data[12:]))
            except OSError:
                pass
            if time.monotonic() < due:
                continue
            due += 0.02
            with self.lock:
                packets = self.queue.pop(0) if self.queue else [(8, 0, self.ts, voice(self.ts))]
            for pt, marker, ts, payload in packets:
                self.sock.sendto(rtp_bytes(self.seq, ts, self.ssrc, payload, pt=pt, marker=bool(marker)), self.to)
                self.seq += 1
            self.ts += 160

    def stop(self):
        if not self.over:
            self.over = True
            self.join()
            self.sock.close()

    def events(self, digits, ms=100):
        """As telephone-events, one after the other, with a lost first packet, doubles, and voice between."""
        with self.lock:
            ts = self.ts + 160 * len(self.queue)
            for digit in digits:
                for i in range(ms // 20 + 3):
                    end, units = i >= ms // 20, min(i + 1, ms // 20) * 160
                    payload = struct.pack("!BBH", CODES[digit], end << 7 | 10, units)
                    packet = (self.pt, i == 0, ts, payload)
                    self.queue.append([packet, packet] if i == 2 else [packet])
                ts += 160 * (ms // 20 + 3)
                self.queue += [[(8, 0, ts + 160 * k, voice(ts))] for k in range(6)]
                ts += 160 * 6

    def tones(self, digits, ms=120):
        with self.lock:
            for digit in digits:
                row = next(i for i, r in enumerate(KEYS) if digit in r)
                pair = LOW[row], HIGH[KEYS[row].index(digit)]
                for part in range((ms + 100) // 20):
                    pcm = [sum(6000 * math.sin(2 * math.pi * f * (part * 160 + n) / 8000) for f in pair)
                           if part < ms // 20 else 0 for n in range(160)]
                    self.queue.append([(8, 0, self.ts + 160 * len(self.queue), encode(pcm))])

    def wait(self, what, judge, timeout_s=6.0):
        try:
            wait_for(what, judge, timeout_s, 0.02)
        except LabError as exc:
            raise LabError(f"{exc}; packets: {[p[:5] for p in self.got[-40:]]}") from exc

    def heard_events(self, pt=None):
        """[(digit, ms)]: of each timestamp its end packets, three of them, the same."""
        out = []
        for p in [g for g in self.got if g[0] == (pt or self.pt)]:
            if not out or out[-1][0] != p[3]:
                out.append([p[3], []])
            out[-1][1].append(p)
        presses = []
        for _, packets in out:
            ends = [p for p in packets if p[5][1] & 0x80]
            presses.append(("0123456789*#ABCD"[packets[0][5][0]], struct.unpack("!H", ends[0][5][2:])[0] // 8 if ends else 0,
                            len(ends), sum(p[1] for p in packets)))
        return presses

    def heard_tones(self):
        """The keys whose tones are in the voice, by the energy at their frequencies."""
        pcm = [s for g in self.got if g[0] == 8 for s in alaw_samples(g[5])]
        keys, last, fresh = "", None, True
        for at in range(0, len(pcm) - 160, 160):
            frame = pcm[at:at + 160]
            low, high = (max(((power(frame, f), i) for i, f in enumerate(fs))) for fs in (LOW, HIGH))
            key = KEYS[low[1]][high[1]] if min(low[0], high[0]) > 4e5 else None
            if key and key == last and (not keys or keys[-1] != key or fresh):
                keys, fresh = keys + key, False
            if key is None:
                fresh = True
            last = key
        return keys

    def one_stream(self, what):
        seqs = [g[2] for g in self.got]
        self.t.equal(len({g[4] for g in self.got}), 1, f"{what}: SSRCs heard")
        self.t.check(all((b - a) & 0xffff == 1 for a, b in zip(seqs, seqs[1:])), f"{what}: sequence numbers {seqs}")


def encode(pcm):
    return bytes(audio.alaw(int(s)) for s in pcm)


def voice(ts):
    return encode([300 * math.sin(2 * math.pi * 350 * (ts + n) / 8000) for n in range(160)])


def power(frame, hz):
    k = 2 * math.cos(2 * math.pi * hz / 8000)
    a = b = 0.0
    for s in frame:
        a, b = s + k * a - b, a
    return (a * a + b * b - k * a * b) / len(frame) ** 2 * 4


def offer(ua, events):
    lines = ["v=0", f"o=- 1 1 IN IP4 {ua.local}", "s=-", f"c=IN IP4 {ua.local}", "t=0 0",
             f"m=audio {ua.media_port} RTP/AVP 8" + (f" {events}" if events else ""), "a=rtpmap:8 PCMA/8000"]
    lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-15"] if events else []
    return "\r\n".join(lines + ["a=ptime:20", ""])


def call(t, a_ua, b_ua, number, a_events, b_events, offered, answered):
    """Up; offered and answered: the payload type of telephone-event that the other side is shown, or None."""
    a = a_ua.call(number, body=offer(a_ua, a_events))
    b = b_ua.answer_to()
    t.equal(events_pt(b.invite), offered, f"{number}: telephone-event in the offer")
    b.ok(b.invite, body=offer(b_ua, b_events))
    ok = a.expect((200, "INVITE"))
    t.equal(events_pt(ok), answered, f"{number}: telephone-event in the answer")
    a.ack()
    b.expect("ACK")
    return a, b, Leg(t, a_ua, a, ok, pt=a_events or 101), Leg(t, b_ua, b, b.invite, pt=b_events or 101)


def events_pt(message):
    for line in message.body.decode().split("\r\n"):
        if "telephone-event" in line:
            return int(line.split(":")[1].split()[0])
    return None


def over(t, a, b, *legs):
    for leg in legs:
        leg.stop()
    hang_up(a, b)


def send_info(dialog, body, kind=RELAY, status=200):
    dialog.seq += 1
    text = dialog._request("INFO", dialog.seq, f"z9hG4bKinfo{dialog.seq}{dialog.call_id[-6:]}", "")
    head = text.replace("Content-Length: 0", f"Content-Type: {kind}\r\nContent-Length: {len(body)}")
    dialog.ua.send_raw(head + body)
    return dialog.expect((status, "INFO"))


def expect_info(t, dialog, digits, what, kind=RELAY, low_ms=80, high_ms=140):
    """One INFO after the other, each only when the one before was answered."""
    for digit in digits:
        m = dialog.expect("INFO")
        body = m.body.decode()
        t.equal(m.get("content-type"), kind, f"{what}: form of INFO")
        if kind == DTMF:
            t.equal(body, digit, f"{what}: body")
        else:
            fields = dict(line.split("=") for line in body.split())
            t.equal(fields["Signal"], digit, f"{what}: digit")
            t.check(low_ms <= int(fields["Duration"]) <= high_ms, f"{what}: duration {fields['Duration']}")
        dialog.ok(m)


def into_events(t, leg, sender, digits, what, ms=100, pt=None):
    for digit in digits:
        send_info(sender, f"Signal={digit}\r\nDuration={ms}\r\n")
    leg.wait(f"{what}: {len(digits)} digits should come", lambda: len(leg.heard_events(pt)) == len(digits) and
             leg.heard_events(pt)[-1][2] == 3)
    t.equal(leg.heard_events(pt), [(d, ms, 3, 1) for d in digits], f"{what}: (digit, ms, end packets, markers)")
    leg.one_stream(what)


def events_and_info(t, box, phone, info):
    a, b, leg_a, leg_b = call(t, phone, info, "+49310555", 101, None, None, 101)
    leg_b.wait("voice should come", lambda: len(leg_b.got) > 3)
    leg_a.events(DIGITS)
    expect_info(t, b, DIGITS, "events to INFO")
    into_events(t, leg_a, b, DIGITS, "INFO to events")
    t.equal({g[0] for g in leg_b.got}, {8}, "nothing but voice goes to who has INFO")
    leg_b.one_stream("events taken out")
    # a phone that sends both ways: its events count, its INFO is answered and does nothing
    send_info(a, "Signal=1\r\nDuration=100\r\n")
    for body, kind, status in (("Signal=x\r\n", RELAY, 400), ("1", "text/plain", 415), ("", RELAY, 200)):
        send_info(b, body, kind, status)
    over(t, a, b, leg_a, leg_b)
    return "events and INFO", ["rtp-nte", "sip-info"], [len(DIGITS), len(DIGITS)]


def events_and_tones(t, box, phone, tones):
    a, b, leg_a, leg_b = call(t, phone, tones, "+49320555", 101, None, None, 101)
    leg_a.wait("voice should come", lambda: len(leg_a.got) > 10)
    leg_a.events(DIGITS)
    leg_b.wait("tones should come", lambda: leg_b.heard_tones() == DIGITS)
    t.equal(leg_b.heard_tones(), DIGITS, "events to tones")
    leg_b.tones(DIGITS)
    leg_a.wait("events should come", lambda: [p[0] for p in leg_a.heard_events() if p[2] == 3] == list(DIGITS))
    t.equal([(p[0], p[2], p[3]) for p in leg_a.heard_events()], [(d, 3, 1) for d in DIGITS], "tones to events")
    t.check(all(90 <= p[1] <= 150 for p in leg_a.heard_events()), f"lengths {leg_a.heard_events()}")
    t.equal(leg_a.heard_tones(), "", "tones that are left in the voice")
    over(t, a, b, leg_a, leg_b)
    return "events and tones", ["rtp-nte", "inband"], [len(DIGITS), len(DIGITS)]


def info_and_info(t, box, pbx, info):
    a, b, leg_a, leg_b = call(t, pbx, info, "+49310555", None, None, None, None)
    for digit in DIGITS:
        send_info(a, digit, DTMF)
    expect_info(t, b, DIGITS, "INFO to INFO", low_ms=200, high_ms=200)
    send_info(b, "Signal=7\r\nDuration=90\r\n")
    expect_info(t, a, "7", "INFO back, in the form that the far end uses", kind=DTMF)
    over(t, a, b, leg_a, leg_b)
    return "INFO and INFO", ["sip-info", "sip-info"], [len(DIGITS), 1]


def info_and_tones(t, box, pbx, tones):
    a, b, leg_a, leg_b = call(t, pbx, tones, "+49320555", None, None, None, None)
    leg_b.wait("voice should come", lambda: len(leg_b.got) > 10)
    for digit in DIGITS:
        send_info(a, f"Signal={digit}\r\nDuration=100\r\n")
    leg_b.wait("tones should come", lambda: leg_b.heard_tones() == DIGITS)
    leg_b.tones(DIGITS)
    expect_info(t, a, DIGITS, "tones to INFO", low_ms=90, high_ms=150)
    t.equal(leg_a.heard_tones(), "", "tones that are left in the voice")
    over(t, a, b, leg_a, leg_b)
    return "INFO and tones", ["sip-info", "inband"], [len(DIGITS), len(DIGITS)]


def info_and_events(t, box, pbx, maybe):
    a, b, leg_a, leg_b = call(t, pbx, maybe, "+49330555", None, 101, 101, None)
    leg_b.wait("voice should come", lambda: len(leg_b.got) > 3)
    into_events(t, leg_b, a, DIGITS, "INFO to events of our own offer")
    leg_b.events(DIGITS)
    expect_info(t, a, DIGITS, "events to INFO")
    over(t, a, b, leg_a, leg_b)
    return "INFO and events", ["sip-info", "rtp-nte"], [len(DIGITS), len(DIGITS)]


def events_pass(t, box, phone, carrier):
    """Both have events, by other numbers: they pass, renumbered by nobody but as each side said."""
    a, b, leg_a, leg_b = call(t, phone, carrier, "+49301555", 96, 96, 96, 96)
    leg_b.wait("voice should come", lambda: len(leg_b.got) > 3)
    leg_a.events(DIGITS)
    leg_b.wait("events should pass", lambda: [p[0] for p in leg_b.heard_events() if p[2] >= 3] == list(DIGITS))
    line = box.cli("show call active voice brief")
    t.check(f"DTMF relay: rtp-nte digits:{len(DIGITS)}" in line, f"digits should be counted: {line}")
    over(t, a, b, leg_a, leg_b)
    return "events pass", ["rtp-nte", "rtp-nte"], [len(DIGITS), 0]


def fallback(t, box, phone, maybe):
    """A far end that is offered events and takes none gets INFO."""
    a, b, leg_a, leg_b = call(t, phone, maybe, "+49330555", 101, None, 101, 101)
    leg_a.events("9")
    expect_info(t, b, "9", "fallback to INFO")
    over(t, a, b, leg_a, leg_b)
    return "fallback", ["rtp-nte", "sip-info"], [1, 0]


def nothing_told(t, box):
    """Digits are in no log."""
    for name in (n for n in os.listdir(box.log_dir) if n.endswith(".log")):
        with open(os.path.join(box.log_dir, name), errors="replace") as f:
            told = [line for line in f if "Signal=" in line]
        t.check(not told, f"{name} tells digits: {told[:3]}")
