# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the session API (dataplane/api/dp_api.h) in the place of limen-control, for
scenarios that try limen-dataplane alone. Blocking; struct layouts are those of the C headers.

    dp = Client("/run/x/dataplane.sock")
    dp.port("acc0", "net_af_packet,iface=w-access")
    dp.media_addr("192.0.2.1", 16384, 32767)
    dp.add(1, leg("192.0.2.1", 16384, "192.0.2.10", 4000), leg("198.51.100.1", 16384, ...))
"""
import array
import errno
import fcntl
import ipaddress
import mmap
import os
import socket
import struct
import time

from .proc import LabError, Proc, wait_for

API_VERSION, ROLE_CONTROL, IPC_VERSION = 3, 1, 2
HELLO, PORT_SET, PORT_DEL, MEDIA_ADDR_SET, MEDIA_ADDR_DEL = 1, 2, 3, 4, 5
PROMPT_SET, PROMPT_DEL = 7, 8
ADD, MODIFY, REMOVE, DUMP, SWEEP, DTMF_SEND = 10, 11, 12, 13, 14, 15
EVENT_TIMEOUT, EVENT_LATCH, EVENT_PORT, EVENT_PLAY_DONE, EVENT_DTMF = 20, 21, 22, 23, 24
RATING = 44
REPLY = 0x8000
SEND, RECV, RTCP_MUX, LATCH, ANY_PT = 1, 2, 4, 8, 16
RTCP_OWN, RTCP_STRICT, BUNDLED, DTMF, TONES = 64, 128, 512, 1024, 2048

HDR = struct.Struct("=HHIIiII")
HELLO_REPLY = struct.Struct("=IIQIIII")
PORT = struct.Struct("=16s160sHHHH64s")
MEDIA_ADDR = struct.Struct("=20sHH16s")
LEG = struct.Struct("=20s20s20sIIBBH384s48s48s24s72s48s")
RX = 9  # in LEG; tx follows
BUNDLE = struct.Struct("=8IBBB5x16s16s")
PLAY = struct.Struct("=BBBxIII32s")
TONE_STEP = struct.Struct("=HHHxx")
PLAY_NONE, PLAY_PROMPT, PLAY_TONE, PLAY_ROOM = range(4)
PLAY_LOOP = 1
PAYLOAD = struct.Struct("=BBBBI16s")
SEND_TO = struct.Struct("=BBBBBB2x16s")
CODEC_PARAMS = struct.Struct("=BBBBBB2xII")
# enum dp_codec_id and enum dp_pt_action
(PCMU, PCMA, L16_8K, L16_16K, G722, G726_32, AAL2_G726_32, G729, OPUS, GSM, AMR, AMR_WB) = range(1, 13)
RELAY, RENUMBER, TRANSCODE, RFC4733, RFC3389 = range(5)
SESSION_HEAD = struct.Struct("=QQ")
SESSION_REPLY = struct.Struct("=QII")
SUM = struct.Struct("=QQQQQIIIIIIQ20sIQIIIIIIII" + "IIiIIII4B4H4B4x")
SUM_FIELDS = ("rx_packets rx_octets tx_packets tx_octets lost jitter_us max_jitter_us rtcp_packets dropped ssrc "
              "ssrc_changes last_rx_ago_ms latched frame_us first_rx_ago_ms duplicates reordered too_late bursts burst_packets "
              "burst_lost gap_lost loss_runs far_reports far_fraction far_lost far_jitter_us rtt_us max_rtt_us xr_reports loss_rate "
              "discard_rate burst_density gap_density burst_ms gap_ms end_rtt_ms end_delay_ms r_factor mos_lq mos_cq "
              "zero").split()
EVENT = struct.Struct("=QQII20sI")
EVENT_PORT_S = struct.Struct("=16sII")
EVENT_DTMF_S = struct.Struct("=QQIIIcB2x")
DTMF_SOURCES = ("rfc4733", "inband")
PRESS = struct.Struct("=QIIIc3x")
SRTP_STATE = struct.Struct("=QIIII")
SRTP_STATE_FIELDS = "rtp_next rtp_ssrc rtcp_ssrc rtcp_next".split()
SESSION_LEN = SESSION_HEAD.size + 2 * LEG.size + 4 * SRTP_STATE.size
# DP_SRTP_SUITES: (name, bytes of master key and salt); the place is the number
SRTP_SUITES = (("", 0), ("AES_CM_128_HMAC_SHA1_80", 30), ("AES_CM_128_HMAC_SHA1_32", 30),
               ("AES_256_CM_HMAC_SHA1_80", 46), ("AES_256_CM_HMAC_SHA1_32", 46),
               ("AEAD_AES_128_GCM", 28), ("AEAD_AES_256_GCM", 44))
EVENT_PLAY = struct.Struct("=QQIIII")
PROMPT = struct.Struct("=IIQ")
ROW_LEN = SESSION_LEN + 16 + 2 * SUM.size + 8
STATS_HEAD = struct.Struct("=IIQQQIIIIIIQQIIQQQQQQQ24s24sIIIIQIIQQQQQII")
STATS_FIELDS = ("magic version boot_id tsc_hz heartbeat_ms n_workers n_ports n_streams n_drops off_workers off_ports "
                "off_streams off_rare hugepages n_sessions api_requests api_refused api_malformed api_overflows "
                "mbufs_total mbufs_in_use off_srtp srtp_cm srtp_gcm n_mcores off_mcores off_loads codecs prompt_bytes "
                "n_prompts n_rooms tap_packets tap_lost off_acls off_acl_counts "
                "off_block_counts n_blocks zero").split()


def ipaddr(ip, port=0):
    if ip is None:
        return bytes(20)
    a = ipaddress.ip_address(ip)
    return bytes([a.version, 0]) + port.to_bytes(2, "big") + a.packed.ljust(16, b"\0")


def parse_ipaddr(raw):
    """(text, port), or None when the family is 0."""
    if raw[0] == 0:
        return None
    ip = ipaddress.ip_address(raw[4:8] if raw[0] == 4 else raw[4:20])
    return str(ip), int.from_bytes(raw[2:4], "big")


def params(flags=0, ptime_ms=0, max_ptime_ms=0, max_rate_khz=0, complexity=0, mode_period=0, modes=0, bitrate=0):
    return CODEC_PARAMS.pack(flags, ptime_ms, max_ptime_ms, max_rate_khz, complexity, mode_period, modes, bitrate)


def payload(pt, clock_hz=0, action=RELAY, codec=0, pt_out=0, fmtp=b""):
    """struct dp_payload; fmtp: of params()."""
    return PAYLOAD.pack(pt, pt_out, action, codec, clock_hz, fmtp)


def send_to(codec=0, pt=0, event_pt=0, noise_pt=0, event_khz=0, fmtp=b"", digits=0):
    """struct dp_send: what is made for a leg."""
    return SEND_TO.pack(codec, pt, event_pt, noise_pt, event_khz, digits, fmtp)


def leg(local, port, remote=None, remote_port=0, flags=SEND | RECV, timeout_ms=0, dscp=0,
        payloads=((8, 8000),), rtcp=(None, 0), max_pps=0, rx=b"", tx=b"", send=b"", bundle=b"",
        play=b""):
    """payloads: pairs of payload type and clock that pass as they are, or of payload()."""
    pts = b"".join(p if isinstance(p, bytes) else payload(*p) for p in payloads)
    return LEG.pack(ipaddr(local, port), ipaddr(remote, remote_port), ipaddr(*rtcp), flags, timeout_ms, dscp,
                    len(payloads), max_pps, pts, rx, tx, send, bundle, play)


def bundle(mid="", mid_ext=0, ssrcs=(), pts=()):
    """struct dp_bundle of a leg with the flag BUNDLED."""
    bits = sum(1 << pt for pt in pts).to_bytes(16, "little")
    return BUNDLE.pack(*(list(ssrcs) + [0] * 8)[:8], len(ssrcs), mid_ext, len(mid), mid.encode(), bits)


def play(kind=PLAY_NONE, ident=0, serial=0, flags=0, level=0, max_ms=0, steps=()):
    """struct dp_play; steps of a tone: (first frequency, second or 0, ms)."""
    return PLAY.pack(kind, flags, level, ident, serial, max_ms, b"".join(TONE_STEP.pack(*s) for s in steps))


def srtp(suite, key):
    """struct dp_srtp: suite by its name in SDP, key and salt together."""
    number = [name for name, _ in SRTP_SUITES].index(suite)
    if len(key) != SRTP_SUITES[number][1]:
        raise LabError(f"{suite} has {SRTP_SUITES[number][1]} bytes of key and salt, not {len(key)}")
    return struct.pack("=BB46s", number, 0, key)


NO_LEG = bytes(LEG.size)


def srtp_state(rtp_next=0, rtp_ssrc=0, rtcp_ssrc=0, rtcp_next=0):
    return SRTP_STATE.pack(rtp_next, rtp_ssrc, rtcp_ssrc, rtcp_next, 0)


def session(ident, leg_a, leg_b=NO_LEG, call_id=0, state=()):
    """leg_b NO_LEG: leg A alone. state: up to four of srtp_state(): rx of both legs, tx of both legs."""
    return (SESSION_HEAD.pack(ident, call_id or ident) + leg_a + leg_b +
            b"".join(state).ljust(4 * SRTP_STATE.size, b"\0"))


def parse_sum(raw):
    s = dict(zip(SUM_FIELDS, SUM.unpack(raw)))
    s["latched"] = parse_ipaddr(s["latched"])
    return s


class Refused(Exception):
    def __init__(self, status):
        super().__init__(errno.errorcode.get(-status, str(status)))
        self.errno = -status


class Client:
    def __init__(self, path, generation=1, hello=True):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(path)  # blocking: with a time-out a full backlog would be an error
        self.sock.settimeout(10)
        self.seq, self.generation, self.events, self.stats = 0, generation, [], None
        self.rest = b""  # of the packet that is being read
        if hello:
            self.hello()

    def close(self):
        self.sock.close()

    # ---- framing ----

    def send(self, mtype, body=b"", generation=None, fds=()):
        self.seq += 1
        gen = self.generation if generation is None else generation
        socket.send_fds(self.sock, [HDR.pack(IPC_VERSION, mtype, HDR.size + len(body), self.seq, 0, gen, 0) + body], fds)
        return self.seq

    def _receive(self):
        anc = []
        if not self.rest:
            self.rest, anc, _, _ = self.sock.recvmsg(65536, 64)
        if not self.rest:
            raise ConnectionError("limen-dataplane closed the connection")
        length = HDR.unpack_from(self.rest)[2]
        raw, self.rest = self.rest[:length], self.rest[(length + 7) & ~7:]
        fds = array.array("i")
        for level, kind, data in anc:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[:len(data) - len(data) % 4])
        _, mtype, _, seq, status, _, _ = HDR.unpack_from(raw)
        if not mtype & REPLY:
            self.events.append(self._event(mtype, raw[HDR.size:]))
        return mtype, seq, status, raw[HDR.size:], list(fds)

    @staticmethod
    def _event(mtype, body):
        if mtype == EVENT_PORT:
            name, up, speed = EVENT_PORT_S.unpack(body)
            return {"type": mtype, "name": name.rstrip(b"\0").decode(), "up": up, "speed": speed}
        if mtype == EVENT_PLAY_DONE:
            ident, call, n, lost, serial, _ = EVENT_PLAY.unpack(body)
            return {"type": mtype, "id": ident, "call_id": call, "leg": n, "lost": lost, "serial": serial}
        if mtype == EVENT_DTMF:
            ident, call, n, lost, ms, digit, source = EVENT_DTMF_S.unpack(body)
            return {"type": mtype, "id": ident, "call_id": call, "leg": n, "lost": lost, "ms": ms,
                    "digit": digit.decode(), "source": DTMF_SOURCES[source]}
        ident, call, n, lost, addr, _ = EVENT.unpack(body)
        return {"type": mtype, "id": ident, "call_id": call, "leg": n, "lost": lost, "addr": parse_ipaddr(addr)}

    def reply(self, seq=None):
        """(seq, status, body) of the reply with that number, or of the next one."""
        while True:
            mtype, got, status, body, fds = self._receive()
            for fd in fds:
                if self.stats is None and mtype == HELLO | REPLY:
                    self._map(fd, HELLO_REPLY.unpack(body)[5])
                os.close(fd)
            if mtype & REPLY and (seq is None or got == seq):
                return got, status, body

    def ask(self, mtype, body=b"", generation=None, fds=()):
        _, status, answer = self.reply(self.send(mtype, body, generation, fds))
        if status:
            raise Refused(status)
        return answer

    def wait_event(self, mtype, timeout_s=5.0, **want):
        """The first event (kept or to come) of that type and with these fields; it is taken away."""
        deadline = time.monotonic() + timeout_s
        while True:
            for e in self.events:
                if e["type"] == mtype and all(e[k] == v for k, v in want.items()):
                    self.events.remove(e)
                    return e
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self._receive()
            except TimeoutError as exc:
                raise LabError(f"no event {mtype} with {want} within {timeout_s:g} s") from exc
            finally:
                self.sock.settimeout(10)

    # ---- requests ----

    def hello(self, version=API_VERSION, role=ROLE_CONTROL):
        raw = self.ask(HELLO, struct.pack("=II", version, role))
        names = "api_version n_workers boot_id max_sessions n_sessions stats_len zero".split()
        self.info = dict(zip(names, HELLO_REPLY.unpack(raw)))

    def port(self, name, devargs, mtu=0, vlan=0, pcp=bytes(64)):
        self.ask(PORT_SET, PORT.pack(name.encode(), devargs.encode(), mtu, vlan, 0, 0, pcp))

    def port_del(self, name):
        self.ask(PORT_DEL, name.encode().ljust(16, b"\0"))

    def media_addr(self, ip, lo, hi, port=""):
        self.ask(MEDIA_ADDR_SET, MEDIA_ADDR.pack(ipaddr(ip), lo, hi, port.encode()))

    def media_addr_del(self, ip):
        self.ask(MEDIA_ADDR_DEL, MEDIA_ADDR.pack(ipaddr(ip), 1, 1, b""))

    def prompt(self, ident, rate_hz, samples, generation=None):
        """samples: numbers, 16 bits each."""
        raw = array.array("h", samples).tobytes()
        fd = os.memfd_create("prompt", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.write(fd, raw)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
            self.ask(PROMPT_SET, PROMPT.pack(ident, rate_hz, len(samples)), generation, fds=(fd,))
        finally:
            os.close(fd)

    def prompt_del(self, ident):
        self.ask(PROMPT_DEL, struct.pack("=II", ident, 0))

    def add(self, ident, leg_a, leg_b=NO_LEG, state=(), **kw):
        return SESSION_REPLY.unpack(self.ask(ADD, session(ident, leg_a, leg_b, state=state), **kw))[1:]

    def modify(self, ident, leg_a, leg_b=NO_LEG, **kw):
        return SESSION_REPLY.unpack(self.ask(MODIFY, session(ident, leg_a, leg_b), **kw))[1:]

    def remove(self, ident):
        """The final sums of both directions."""
        raw = self.ask(REMOVE, struct.pack("=Q", ident))
        return [parse_sum(raw[8 + i * SUM.size:8 + (i + 1) * SUM.size]) for i in range(2)]

    def rating(self, ident, leg_index, r_factor, mos_lq, mos_cq):
        """How voice from a leg is rated; there is no reply."""
        self.send(RATING, struct.pack("=QIBBBB", ident, leg_index, r_factor, mos_lq, mos_cq, 0))

    def remove_with_state(self, ident):
        """How far SRTP had come: rx of both legs, tx of both legs; for add(state=...)."""
        raw = self.ask(REMOVE, struct.pack("=Q", ident))[8 + 2 * SUM.size:]
        return [dict(zip(SRTP_STATE_FIELDS, SRTP_STATE.unpack_from(raw, i * SRTP_STATE.size))) for i in range(4)]

    def press(self, ident, to_leg, digit, duration_ms=100, serial=0):
        self.ask(DTMF_SEND, PRESS.pack(ident, to_leg, serial, duration_ms, digit.encode()))

    def sweep(self, generation):
        self.ask(SWEEP, generation=generation)

    def dump(self, page=1000):
        rows, after, more = [], 0, 1
        while more:
            raw = self.ask(DUMP, struct.pack("=QII", after, page, 0))
            n, more = struct.unpack_from("=II", raw)
            for i in range(n):
                row = raw[8 + i * ROW_LEN:8 + (i + 1) * ROW_LEN]
                after = SESSION_HEAD.unpack_from(row)[0]
                gen, worker = struct.unpack_from("=II", row, SESSION_LEN)
                sums = [parse_sum(row[SESSION_LEN + 16 + j * SUM.size:][:SUM.size]) for j in range(2)]
                legs = [LEG.unpack_from(row, SESSION_HEAD.size + j * LEG.size) for j in range(2)]
                rows.append({"id": after, "generation": gen, "worker": worker, "from": sums,
                             "srtp": [[raw[0] for raw in fields[RX:RX + 2]] for fields in legs],
                             "keys": b"".join(raw[2:] for fields in legs for raw in fields[RX:RX + 2])})
        return rows

    # ---- statistics ----

    def _map(self, fd, length):
        self.stats = mmap.mmap(fd, length, prot=mmap.PROT_READ)

    def header(self):
        return dict(zip(STATS_FIELDS, STATS_HEAD.unpack_from(self.stats)))


class Dataplane:
    """limen-dataplane alone in the box namespace of a case."""

    def __init__(self, t, program, *options):
        os.makedirs(t.run_dir, exist_ok=True)
        self.path = os.path.join(t.run_dir, "dataplane.sock")
        self.ns = t.net.box
        self.proc = Proc("limen-dataplane", [program, "--run-dir", t.run_dir, "--max-sessions", "2000",
                                             "--mbufs", "8192", *options],
                         os.path.join(t.dir, f"dataplane-{len(t._cleanup)}.log"), ns=self.ns)
        t._cleanup.append(self.proc.stop)
        self.proc.wait_log("ready:", 20)

    def client(self, **kw):
        return Client(self.path, **kw)

    def stop(self, t):
        t.equal(self.proc.stop(), 0, "exit status of limen-dataplane")


def ports_up(t, dp):
    """Both cables become ports, with addresses on their TAP twins as limen-control would set them."""
    from . import net
    from .proc import run
    for name, wire, addrs in (("acc0", t.net.wire_a, (f"{net.BOX_A4}/24", f"{net.BOX_A6}/64")),
                              ("peer0", t.net.wire_b, (f"{net.BOX_B4}/24", f"{net.BOX_B6}/64"))):
        dp.port(name, f"net_af_packet,iface={wire}")
        for addr in addrs:
            run(["ip", "-n", t.net.box, "addr", "add", addr, "dev", name] + (["nodad"] if ":" in addr else []))
    for addr in (net.BOX_A4, net.BOX_A6, net.BOX_B4, net.BOX_B6):
        dp.media_addr(addr, 16384, 32767)


__all__ = ["Client", "Dataplane", "LabError", "Refused", "leg", "ports_up", "session", "wait_for"]
