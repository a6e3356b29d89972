# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls between real phones are recorded: by rule with SRTP on the caller's side, by hand in the midst of another.
limen-rec is killed, its disk is full, and it stands still meanwhile: calls go on, and what could be written is right: the
caller's tone, the called party's and both. Who is not asked for is not recorded."""
import glob
import math
import os
import signal
import stat
import wave

from limenlab import audio, boxconf, net, peers
from limenlab.box import REC_UID
from limenlab.peers import sleep_while_talking
from limenlab.proc import run as run_command, wait_for
from limenlab.srtpcase import secure

CALLER_HZ, CALLED_HZ = 440, 1100


def run_tone(phone, hz, seconds=30):
    """What a baresip says from its next call on: it reads its file then."""
    n = int(seconds * audio.RATE_HZ)
    audio.wav(os.path.join(phone.dir, "voice.wav"),
              [int(8000 * math.sin(2 * math.pi * hz * i / audio.RATE_HZ)) for i in range(n)], audio.RATE_HZ)


def level(samples, rate, hz):
    """Amplitude of a tone."""
    step = 2 * math.pi * hz / rate
    re = sum(s * math.cos(step * i) for i, s in enumerate(samples))
    im = sum(s * math.sin(step * i) for i, s in enumerate(samples))
    return 2 * math.hypot(re, im) / max(1, len(samples))


def read(path):
    with wave.open(path) as w:
        raw = w.readframes(w.getnframes())
        return w.getframerate(), w.getnchannels(), memoryview(raw).cast("h").tolist()


def heard(t, path, tones, seconds):
    """The file is long enough, and its loudest second has these tones and the others not."""
    rate, channels, samples = read(path)
    name = os.path.basename(path)
    t.equal((rate, channels), (8000, 1), f"rate and channels of {name}")
    t.check(len(samples) >= seconds * rate, f"{name} has {len(samples) / rate:.2f} s, not {seconds}")
    middle = len(samples) // 2
    part = samples[max(0, middle - rate // 4):middle + rate // 4]
    for hz in (CALLER_HZ, CALLED_HZ):
        amplitude = level(part, rate, hz)
        wrong = amplitude < 5500 or amplitude > 9500 if hz in tones else amplitude > 400
        t.check(not wrong, f"{name}: {hz} Hz has an amplitude of {amplitude:.0f}")


def row(box, ident):
    return next((r for r in box.json("show recordings")["recordings"] if r["call"] == ident), None)


def wait_state(box, ident, state, parts):
    def there():
        r = row(box, ident)
        return r if r and r["state"] == state and r["parts"] == parts else None
    return wait_for(f"call {ident} should be {state} in part {parts}", there, 8)


def run_disk(t, box, ident):
    """Its disk is full, then it is not."""
    junk = os.path.join(box.recordings_dir, "junk")
    with open(junk, "wb", buffering=0) as f:
        try:
            while f.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
    waiting = wait_state(box, ident, "waiting", 2)
    t.equal(waiting["note"], "the disk is full", "why it is not recorded")
    os.unlink(junk)
    wait_state(box, ident, "recording", 3)


def small_disk(t):
    """Recordings of their own few megabytes."""
    folder = os.path.join(t.run_dir, "recordings")
    os.makedirs(folder)
    run_command(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder])
    t._cleanup.append(lambda: run_command(["umount", "-l", folder]))


def run(t):
    c = secure(boxconf.standard(), access="prefer", pbx="never")
    c["media_recording"] = {"min_free_mb": 0}
    boxconf.find(c["trunks"], name="carrier")["media_record"] = True
    small_disk(t)
    box = t.box(c)
    carrier = peers.Baresip(t.dir, "carrier", t.net.peering, net.CARRIER4, port=5060, answer="auto", user="+49301555")
    t._cleanup.append(carrier.stop)
    caller = t.baresip(mediaenc="srtp-mand", port=5070, control=4446)
    other = t.baresip(local=net.PHONE4, port=5080, control=4447, answer="auto", user="+49401")
    asked = t.baresip(port=5074, control=4448)
    for phone, hz in ((carrier, CALLED_HZ), (caller, CALLER_HZ), (other, CALLED_HZ), (asked, CALLER_HZ)):
        run_tone(phone, hz)

    caller.call(f"sip:+49301555@{net.BOX_A4}")
    first = t.wait_active(1)[0]["id"]
    sleep_while_talking(1.3)
    t.equal(row(box, first)["by"], "rule", "who wants it recorded")
    pid = box.kill("limen-rec")
    asked.call(f"sip:+49401@{net.BOX_A4}")
    second = next(call["id"] for call in t.wait_active(2) if call["id"] != first)
    box.wait_restarted("limen-rec", pid)
    wait_state(box, first, "recording", 2)
    t.check(row(box, second) is None, "a call that nobody asked for is recorded")
    box.cli("enable", f"record call {second}")
    wait_state(box, second, "recording", 1)
    sleep_while_talking(1.3)
    run_disk(t, box, first)
    sleep_while_talking(0.8)
    box.cli("enable", f"no record call {second}")
    wait_for("its recording should end", lambda: row(box, second)["state"] == "ended", 5)
    caller.hangup()
    asked.hangup()
    records = {r["id"]: r for r in box.wait_records(2)}
    wait_for("nothing should be recorded any more", lambda: box.json("show recordings")["recording_now"] == 0, 5)

    judge(t, box, records[first]["recording"], 3, (0.4, 0.5, 0.6))
    judge(t, box, records[second]["recording"], None, (0.5,))
    figures = {r["counter"]: r["value"] for r in box.json("show recordings statistics")["counters"]}
    t.equal([figures[k] for k in ("no-codec", "undecodable", "late")], [0, 0, 0], f"what could not be recorded in {figures}")
    t.check(figures["lost"] < 200, f"more was lost than came while limen-rec was away: {figures}")
    t.check(figures["repaired"] == 3 and figures["played"] > 200, f"figures {figures}")
    run_standstill(t, box, caller)


def run_standstill(t, box, caller):
    """A whole call while limen-rec does not get to read: afterwards it is in the files."""
    pid = box.kill("limen-rec", signal.SIGSTOP)
    caller.call(f"sip:+49301555@{net.BOX_A4}")
    ident = t.wait_active(1)[0]["id"]
    sleep_while_talking(1.5)
    caller.hangup()
    box.wait_records(3)
    os.kill(pid, signal.SIGCONT)
    wait_for("the recording should end", lambda: (row(box, ident) or {}).get("state") == "ended", 8)
    for end, tones in (("caller", (CALLER_HZ,)), ("called", (CALLED_HZ,))):
        found = glob.glob(os.path.join(box.recordings_dir, "*", f"*{ident}*-{end}.wav"))
        t.equal(len(found), 1, f"files of {ident}, {end}")
        heard(t, found[0], tones, 1.2)


def judge(t, box, recording, parts, seconds):
    """The files of a record, each with who is to be heard in it."""
    files = recording["files"]
    t.check(recording["note"] is None or parts != 3, f"note of the record: {recording['note']}")
    if parts:
        t.equal(len(files), 3 * parts, f"files in the record {files}")
    for i, name in enumerate(files):
        path = os.path.join(box.recordings_dir, name)
        st = os.stat(path)
        t.equal((st.st_uid, stat.S_IMODE(st.st_mode)), (REC_UID, 0o640), f"owner and mode of {name}")
        tones = {"caller": (CALLER_HZ,), "called": (CALLED_HZ,), "mix": (CALLER_HZ, CALLED_HZ)}[name[:-4].rsplit("-", 1)[1]]
        if i // 3 < len(seconds):
            heard(t, path, tones, seconds[i // 3])
    left = [f for _, _, names in os.walk(box.recordings_dir) for f in names if f.endswith(".part")]
    t.equal(left, [], "files that nobody finished")
