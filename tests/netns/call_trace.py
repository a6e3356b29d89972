# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages of calls on request: both legs of an answered and of a refused call as a ladder, as text, as
a picture and as a capture file that tshark reads; keys, answers to challenges and digits are in none of them."""
import os
import subprocess
import xml.etree.ElementTree as ET

from limenlab import net
from limenlab.sipcase import NUMBER, conf, finish, start
from limenlab.ua import hang_up, sdp, token

SECRETS = ("5ecretAnswer", "5ecretKeyMaterial", "Signal=7")
MASKED = ("Authorization: Digest username=\"bob\", realm=\"r\", response=\"xxxxxxxxxxxx\"",
          "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "x" * 17 + "|2^20", "Signal=x")


def run(t):
    box, phone, carrier = start(t, conf(), sip_workers=2)
    first, second = answered(phone, carrier), refused(phone, carrier)
    good, bad = sorted(finish(t, box, [200, 486]), key=lambda r: r["invite_ms"])
    t.equal((good["legs"][0]["sip_call_id"], bad["legs"][0]["sip_call_id"]), (first, second), "Call-IDs of the records")

    trace = box.json(f"show call ladder {good['id']}")
    starts = [(m["leg"], m["direction"], m["start_line"].split(" ")[0 if m["start_line"][0] != "S" else 1])
              for m in trace["messages"] if "100 " not in m["start_line"]]
    t.equal(starts, [("caller", "received", "INVITE"), ("called", "sent", "INVITE"), ("called", "received", "180"),
                     ("caller", "sent", "180"), ("called", "received", "200"), ("called", "sent", "ACK"),
                     ("caller", "sent", "200"), ("caller", "received", "ACK"), ("caller", "received", "INFO"),
                     ("caller", "sent", "200"), ("caller", "received", "BYE"), ("caller", "sent", "200"),
                     ("called", "sent", "BYE"), ("called", "received", "200")], "messages of the answered call")
    times = [m["time_us"] for m in trace["messages"]]
    t.equal(times, sorted(times), "order of the messages")
    text = box.cli(f"show call ladder {bad['id']}")
    for part in (f"{net.PHONE4}:5090", "limen", f"{net.CARRIER4}:5060", "486 Busy (INVITE)", "INVITE (SDP)",
                 "Reason: trunk carrier answered 486 Busy (Warning: try later)"):
        t.check(part in text, f"no {part!r} in the ladder\n{text}")
    everything = [box.cli(f"show call ladder {i} {form}") for i in (good["id"], bad["id"]) for form in ("messages", "svg")]
    for secret in SECRETS:
        t.check(not any(secret in one for one in everything), f"{secret} is shown")
    for masked in MASKED:
        t.check(masked in everything[0], f"no {masked!r} in\n{everything[0]}")
    t.equal(len(list(ET.fromstring(everything[1]).iter("{http://www.w3.org/2000/svg}title"))), len(trace["messages"]),
            "messages in the picture")
    capture(t, box, good["id"], trace["messages"])
    forgotten(t, box, phone, carrier, good, bad)


def answered(phone, carrier):
    body = sdp(phone.local, phone.media_port, word=phone.word) + \
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:5ecretKeyMaterial|2^20\r\n"
    a = phone.call(NUMBER, body=body, headers=(
        "Authorization: Digest username=\"bob\", realm=\"r\", response=\"5ecretAnswer\"",))
    b = carrier.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    b.expect("ACK")
    a.ack()
    send_info(a, "Signal=7\r\nDuration=160\r\n")
    hang_up(a, b)
    return a.call_id


def send_info(dialog, body):
    dialog.seq += 1
    request = dialog._request("INFO", dialog.seq, token("z9hG4bK"), body)  # pylint: disable=protected-access
    dialog.ua.send_raw(request.replace("application/sdp", "application/dtmf-relay"))
    dialog.expect((200, "INFO"))


def refused(phone, carrier):
    a = phone.call(NUMBER)
    b = carrier.answer_to()
    b.reply(b.invite, 486, "Busy", headers=("Warning: 399 gw \"try later\"",))
    b.expect("ACK")
    a.ack(message=a.expect(486))
    return a.call_id


def capture(t, box, call_id, messages):
    """Packet by packet what tshark makes of the file."""
    path = os.path.join(t.run_dir, "call.pcapng")
    t.equal(box.cli(f"show call ladder {call_id} pcapng | redirect {path}"), "", "output beside the file")
    t.equal(os.stat(path).st_mode & 0o777, 0o600, "rights of the file")
    fields = ("ip.src", "udp.srcport", "ip.dst", "udp.dstport", "sip.Method", "sip.Status-Code", "frame.comment",
              "frame.time_epoch", "udp.checksum.status")
    argv = ["tshark", "-n", "-r", path, "-o", "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=|"]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    t.equal(done.returncode, 0, f"exit status of tshark ({done.stderr[-300:]})")
    rows = [dict(zip(fields, line.split("|"))) for line in done.stdout.splitlines()]
    t.equal(len(rows), len(messages), "packets in the capture file")
    for row, m in zip(rows, messages):
        here, there = m["local"].split(":"), m["remote"].split(":")
        src, dst = (here, there) if m["direction"] == "sent" else (there, here)
        t.equal([row["ip.src"], row["udp.srcport"], row["ip.dst"], row["udp.dstport"]], src + dst, "addresses")
        first = m["start_line"].split(" ")
        t.equal(row["sip.Status-Code"] if first[0] == "SIP/2.0" else row["sip.Method"],
                first[1] if first[0] == "SIP/2.0" else first[0], "message")
        t.check(row["frame.comment"].startswith(f"leg {m['leg']}, {m['direction']} by udp"), row["frame.comment"])
        t.equal(row["udp.checksum.status"], "1", "UDP checksum as tshark finds it")
        t.check(abs(float(row["frame.time_epoch"]) * 1e6 - m["time_us"]) < 2, f"time {row['frame.time_epoch']}")


def forgotten(t, box, phone, carrier, good, bad):
    """Another limit begins anew; none keeps nothing; a word each time there is nothing to show."""
    box.cli("configure terminal", "voice service voip", " no trace memory-limit", "end")
    for call in (good, bad):
        out = box.cli(f"show call ladder {call['id']}", check=False)
        t.equal(out.strip().splitlines()[0], f"% No SIP messages of call {call['id']} are kept", "answer")
    refused(phone, carrier)
    last = max(box.wait_records(3), key=lambda r: r["invite_ms"])
    t.check("No SIP messages" in box.cli(f"show call ladder {last['id']}", check=False), "kept without a limit")
    t.equal(box.json("show voip trace statistics")["memory_limit"], 0, "limit that is shown")
