# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of RFC 4475 and RFC 5118 sent to the running box over UDP and over TCP: each gets the
answer that its section asks for, or none where there is nobody to answer; the box serves on."""
import os
import re
import time

from limenlab import boxconf, net
from limenlab.sipcase import NUMBER, conf, finish, start
from limenlab.ua import answered_call, hang_up

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "sip")
PORTS = (5050, 6050, 19823, 5060)  # sent-by of the messages; they are sent from the last
SILENT = None
MTU = 1400

# What is answered. An INVITE of the box's own number plan is none of these: 404 is acceptance.
RFC4475 = {
    # 3.1.1 valid
    "wsinv": 481,       # a To tag that is not ours
    "intmeth": 501, "esc01": 404, "escnull": 405, "esc02": 501, "lwsdisp": 200, "longreq": 404, "dblreq": 405,
    "semiuri": 200, "transports": 200, "mpart01": (404, 405), "unreason": SILENT, "noreason": SILENT,
    # 3.1.2 invalid
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": SILENT, "quotbal": 400, "ltgtruri": 400,
    "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": 400, "regbadct": 400, "badaspec": 400,
    "baddn": 400, "badvers": 505, "mismatch01": 400, "mismatch02": 400, "bigcode": SILENT,
    # 3.2 to 3.4
    "badbranch": 200, "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 405, "bext01": 420, "invut": 415,
    "regaut01": 405, "multi01": 400, "mcl01": 400, "bcast": SILENT, "zeromf": 483, "cparam01": 405, "cparam02": 405,
    "regescrt": 405, "sdp01": 406, "inv2543": 404,
}
# Sent to the box's IPv6 address.
RFC5118 = {
    "reference": 405, "bad-reference": 400, "port-ambiguous": 405, "port": 405, "received": 200, "received-bare": 200,
    "sdp": 404, "two-families": 481, "sdp-two-families": 404, "mapped": 404, "colons": 200, "colons-right": 200,
}
# Over a stream: these do not say where they end. clerr waits for octets that never come.
TCP = {"clerr": SILENT, "inv2543": 400}


def run(t):
    c = conf()
    boxconf.find(c["realms"], name="access")["defence"] = "never"  # the parser is asked here; else see sip_defence
    box, phone, carrier = start(t, c)
    statuses = torture(t, "rfc4475", RFC4475, net.ATTACKER4, net.BOX_A4)
    statuses.append(400)  # the INVITE behind dblreq, which on a stream is a message: it has no Contact
    statuses += torture(t, "rfc5118", RFC5118, net.PHONE6, net.BOX_A6)
    a, b = answered_call(phone, carrier, NUMBER)
    hang_up(a, b)
    finish(t, box, statuses + [200])


def torture(t, folder, wanted, local, remote):
    """Every message over both transports. Returns the final statuses of those that are calls."""
    socks = [net.udp_socket(t.net.access, local, port) for port in PORTS]
    t._cleanup += [s.close for s in socks]
    names = sorted(f[:-4] for f in os.listdir(os.path.join(DATA, folder)))
    t.equal(names, sorted(wanted), "the messages that are there and those that are expected")
    calls = []
    for name in names:
        with open(os.path.join(DATA, folder, name + ".dat"), "rb") as f:
            raw = f.read()
        for transport in ("udp", "tcp"):
            if transport == "udp" and len(raw) > MTU:
                continue  # net_af_packet asks the kernel for whole datagrams, and has no room for them
            want = TCP.get(name, wanted[name]) if transport == "tcp" else wanted[name]
            message = fresh(raw, f"{transport}-{name}")
            if transport == "udp":
                got = over_udp(socks, message, remote, want)
            else:
                got = over_tcp(t.net.access, message, local, remote, want)
            fits = got in want if isinstance(want, tuple) else got == want
            t.check(fits, f"{name} over {transport} was answered with {got}, expected {want}")
            if raw.startswith(b"INVITE ") and got in (404, 406, 415):
                calls.append(got)
    return calls


def fresh(raw, word):
    """A transaction of its own: some of the messages have the branch of another."""
    raw = re.sub(rb"(branch=(?:z9hG4bK)?[^;\s]{4,})", rb"\1" + word.encode(), raw, count=1)
    return re.sub(rb"(?im)^((?:Call-ID|i)\s*:\s*)", rb"\g<1>" + word.encode(), raw)


def final(data, raw):
    """The status when data is a final answer to raw."""
    if not data.startswith(b"SIP/2.0 ") or data.startswith(b"SIP/2.0 100"):
        return None
    call_id = re.search(rb"(?im)^(?:Call-ID|i)\s*:\s*(.*?)\s*$", data)
    asked = re.search(rb"(?im)^(?:Call-ID|i)\s*:\s*(.*?)\s*$", raw)
    if bool(call_id) != bool(asked) or (asked and call_id.group(1) != asked.group(1)):
        return None
    return int(data.split()[1])


def over_udp(socks, raw, remote, want):
    socks[-1].sendto(raw, (remote, 5060))
    got, deadline = None, time.monotonic() + (8 if want is not SILENT else 0.1)
    while got is None and time.monotonic() < deadline:
        for s in socks:
            s.settimeout(0.02)
            try:
                got = got or final(s.recv(65536), raw)
            except OSError:
                pass
    return got


def over_tcp(ns, raw, local, remote, want):
    data = b""
    with net.tcp_connect(ns, local, remote, 5060) as s:
        s.sendall(raw)
        s.settimeout(8 if want is not SILENT else 0.1)
        while True:
            try:
                more = s.recv(65536)
            except OSError:
                return None
            data += more
            for part in re.split(rb"(?=SIP/2\.0 )", data):
                got = final(part, raw) if b"\r\n\r\n" in part else None
                if got or not more:
                    return got
