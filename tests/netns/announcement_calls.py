# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that end in the box: an announcement and its hang-up, a tone and an announcement as early media
before a refusal, ring-back while the called side only rings, hold music without a break of the
stream, a prompt into a call, and a conference in which everybody hears the others and not himself. limen-sip is killed
during the hold, limen-dataplane and limen-control during the conference."""
import math
import os
import select
import struct
import time

from limenlab import audio, net, sound
from limenlab.proc import wait_for
from limenlab.rtpcase import rtp_bytes
from limenlab.sipcase import NUMBER, conf, counters, start
from limenlab.ua import box_media, hang_up

RATE = 8000
PROMPT_HZ, MUSIC_HZ, TONE_HZ = 1000, 620, 425  # 425: what ETSI recommends for most tones
MEMBER_HZ = (500, 900, 1500)


def prompt(t, name, hz, seconds):
    path = os.path.join(t.dir, "state", "prompts", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    audio.wav(path, [int(8000 * math.sin(2 * math.pi * hz * i / RATE)) for i in range(int(RATE * seconds))])


def configuration():
    c = conf()
    c["prompts"] = [{"name": "hello", "file": "flash:/hello.wav"}, {"name": "music", "file": "flash:/on/music.wav"}]
    access = c["realms"][0]
    access.update(music_on_hold="music", ringback_tone=True, announcements=["404 hello"])
    c["dial_peers"] += [
        {"tag": 500, "destination_pattern": "500", "announcement": "hello", "release_cause": 31},
        {"tag": 800, "destination_pattern": "800", "conference": "sales"},
        {"tag": 900, "destination_pattern": "900", "tone": "busy", "announcement_early": True},
    ]
    return c


def share(samples, hz):
    """How much of the power of samples is at that frequency, 0 to 1 (Goertzel)."""
    k = 2 * math.cos(2 * math.pi * hz / RATE)
    a = b = 0.0
    for s in samples:
        a, b = s + k * a - b, a
    power = a * a + b * b - k * a * b
    total = sum(s * s for s in samples) * len(samples) / 2
    return power / total if total else 0.0


class Ear:
    """An end of RTP: a socket that may say a tone, and what it heard."""

    def __init__(self, t, ns, addr, port, hz=0):
        self.sock = net.udp_socket(ns, addr, port)
        t._cleanup.append(self.sock.close)
        self.hz, self.seq, self.to, self.heard = hz, 0, None, []

    def say(self):
        pcm = [8000 * math.sin(2 * math.pi * self.hz * (160 * self.seq + i) / RATE) if self.hz else 0
               for i in range(160)]
        payload = bytes(audio.alaw(int(s)) for s in pcm)
        self.sock.sendto(rtp_bytes(self.seq, 160 * self.seq, 0x5000 + self.hz, payload), self.to)
        self.seq += 1

    def hear(self):
        data = self.sock.recv(2048)
        if data[1] & 0x7f == 8:
            _, _, seq, ts, ssrc = struct.unpack("!BBHII", data[:12])
            self.heard.append((time.monotonic(), seq, ts, ssrc, data[12:]))

    def samples(self, last_s):
        """Of the newest so many seconds."""
        return sound.alaw_samples(b"".join(p[4] for p in self.heard))[-int(last_s * RATE):]


def listen(ears, seconds):
    """Everybody talks and listens for that long."""
    end = time.monotonic() + seconds
    due = time.monotonic()
    while due < end:
        for ear in ears:
            ear.say()
        due += 0.02
        while (left := due - time.monotonic()) > 0:
            for sock in select.select([e.sock for e in ears], [], [], left)[0]:
                next(e for e in ears if e.sock is sock).hear()


def heard_well(ear, wanted):
    """The newest 0.3 s of what it heard are the wanted frequencies, each of them."""
    samples = ear.samples(0.3)
    shares = [share(samples, hz) for hz in wanted]
    return len(samples) >= 0.3 * RATE and sum(shares) > 0.8 and min(shares) > 0.25


def hear(t, ears, wanted, what, timeout_s=6.0):
    """Waits until each ear of the dict wanted hears (mostly) its frequencies; all ears talk meanwhile."""
    def judge():
        listen(ears, 0.15)
        return all(heard_well(ear, hz) for ear, hz in wanted.items())
    wait_for(f"{what} should be heard: {list(wanted.values())} Hz", judge, timeout_s, 0)


def hears(t, ears, ear, wanted, what, unwanted=()):
    hear(t, ears, {ear: wanted}, what)
    silent_at(t, ear, unwanted, what)


def silent_at(t, ear, unwanted, what):
    for hz in unwanted:
        t.check(share(ear.samples(0.3), hz) < 0.02, f"{what}: {hz} Hz is heard too")


def in_order(t, ear, what):
    """One stream without a break: one SSRC, no number left out or said twice."""
    t.equal(len({p[3] for p in ear.heard}), 1, f"{what}: SSRCs")
    for a, b in zip(ear.heard, ear.heard[1:]):
        t.equal((b[1] - a[1]) & 0xffff, 1, f"{what}: step of the sequence number")
        t.check(0 < (b[2] - a[2]) & 0xffffffff < 8 * RATE, f"{what}: timestamps")


def ear_of(t, dialog, message, hz=0):
    """The phone's ear for an answer of the box."""
    ear = Ear(t, t.net.access, dialog.ua.local, dialog.ua.media_port, hz)
    ear.to = box_media(message)
    return ear


def announcement(t, phone):
    d = phone.call("500")
    ok = d.expect((200, "INVITE"))
    d.ack()
    ear = ear_of(t, d, ok)
    hears(t, [ear], ear, [PROMPT_HZ], "the announcement")
    bye = d.expect("BYE")
    d.ok(bye)
    t.equal(bye.get("reason"), "Q.850;cause=31", "Reason of the BYE")
    in_order(t, ear, "the announcement")
    ear.sock.close()


def refused_early(t, phone):
    d = phone.call("900")
    ear = ear_of(t, d, d.expect(183))
    hears(t, [ear], ear, [TONE_HZ], "the busy tone")
    d.cancel()
    d.expect((200, "CANCEL"))
    d.ack(message=d.expect((487, "INVITE")))
    ear.sock.close()
    d = phone.call("4711")  # no dial-peer
    ear = ear_of(t, d, d.expect(183))
    hears(t, [ear], ear, [PROMPT_HZ], "the announcement before the 404")
    d.ack(message=d.expect((404, "INVITE")))
    ear.sock.close()


def ring_back_and_hold(t, box, phone, carrier):
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 180, "Ringing")
    ear = ear_of(t, a, a.expect(183), 700)
    hears(t, [ear], ear, [TONE_HZ], "ring-back")
    far = Ear(t, t.net.peering, carrier.local, carrier.media_port, 1100)
    far.to = box_media(b.invite)
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    both = [ear, far]
    hears(t, both, ear, [1100], "the called side", unwanted=[TONE_HZ])
    hears(t, both, far, [700], "the caller")
    far.heard.clear()
    listen(both, 0.2)
    hold(t, a, b, "inactive", "sendonly", "recvonly", "inactive")
    hears(t, both, far, [MUSIC_HZ], "hold music", unwanted=[700])
    old = box.kill("limen-sip")
    listen(both, 0.5)
    box.wait_restarted("limen-sip", old)
    hears(t, both, far, [MUSIC_HZ], "hold music after limen-sip")
    hold(t, a, b, "sendrecv", "sendrecv", "sendrecv", "sendrecv")
    hears(t, both, far, [700], "the caller after the hold", unwanted=[MUSIC_HZ])
    call, = box.active_calls()
    box.cli("enable", f"play call {call['id']} prompt hello called")
    hears(t, both, far, [PROMPT_HZ], "the operator's prompt", unwanted=[700])
    hears(t, both, far, [700], "the caller after the prompt", unwanted=[PROMPT_HZ])
    in_order(t, far, "voice, music, voice, prompt, voice")
    hang_up(a, b)
    for e in both:
        e.sock.close()


def hold(t, a, b, asked, offered, answered, told):
    """A re-INVITE of the caller: what the far end is offered, answers, and the caller is told."""
    a.send_invite(direction=asked)
    offer = b.expect("INVITE")
    t.equal(offer.media()[2], offered, f"what the far end is offered for {asked}")
    b.ok(offer, body=True, direction=answered)
    t.equal(a.expect((200, "INVITE")).media()[2], told, f"what the caller is told for {asked}")
    a.ack()
    b.expect("ACK")


def conference(t, box, phone):
    calls, ears = [], []
    for n, hz in enumerate(MEMBER_HZ):
        phone.media_port += 2
        d = phone.call("800", from_user=f"+4930555000{n}")
        ok = d.expect((200, "INVITE"))
        d.ack()
        calls.append(d)
        ears.append(ear_of(t, d, ok, hz))

    def all_hear(what):
        hear(t, ears, {ear: [hz for hz in MEMBER_HZ if hz != ear.hz] for ear in ears}, what)
        for ear in ears:
            silent_at(t, ear, [ear.hz], what)
    all_hear("the conference")
    shown = box.json("show conference")
    t.equal([(row["room"], row["calling"]) for row in shown],
            [("sales", f"+4930555000{n}") for n in range(3)], "show conference")
    old = box.kill("limen-dataplane")
    box.wait_restarted("limen-dataplane", old)
    all_hear("the conference after limen-dataplane")
    old = box.kill("limen-control")
    listen(ears, 0.3)
    box.wait_restarted("limen-control", old)
    all_hear("the conference after limen-control")
    box.wait_serving()
    for d in calls:
        d.bye()
        d.expect((200, "BYE"))


def ports_free(box):
    return [(row["ports_free_ipv4"], row["ports_free_ipv6"]) for row in box.json("show realm")]


def nothing_left(box, ports):
    now = counters(box)
    return not (now["calls_active"] or now["dialogs"] or box.json("show platform")["sessions"]) and \
        ports_free(box) == ports


def run(t):
    prompt(t, "hello.wav", PROMPT_HZ, 0.9)
    prompt(t, "on/music.wav", MUSIC_HZ, 1.0)
    box, phone, carrier = start(t, configuration())
    ports = ports_free(box)
    rows = {row["name"]: row for row in box.json("show voice prompt")}
    t.equal((rows["hello"]["length_ms"], rows["hello"]["rate_hz"]), (900, RATE), "show voice prompt")
    t.equal(rows["music"]["users"], "realm access", "who uses the music")
    refused = box.cli("configure terminal", "voice class prompt gone", "file flash:/gone.wav", check=False)
    t.check("there is no such file" in refused, f"a prompt without a file is not refused:\n{refused}")
    announcement(t, phone)
    refused_early(t, phone)
    ring_back_and_hold(t, box, phone, carrier)
    conference(t, box, phone)
    records = box.wait_records(7)
    t.equal(sorted(r["sip_status"] for r in records), [200, 200, 200, 200, 200, 404, 487], "status in the records")
    wait_for("calls, dialogs, media sessions and ports should be gone", lambda: nothing_left(box, ports), 10, 0.1)
    t.no_leaks()
    targets = sorted(r["target"] for r in records if r["target"])
    t.equal(targets, ["announcement hello"] * 2 + ["conference sales"] * 3 + ["tone busy"], "target in the records")
    t.check(all(len(r["legs"]) == (1 if r["target"] else 2) for r in records), "a record with a leg that was not there")
    t.equal(box.json("show conference"), [], "rooms that are left")
