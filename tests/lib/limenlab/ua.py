# SPDX-License-Identifier: GPL-3.0-or-later
"""A SIP user agent that does nothing by itself: a scenario decides each message, its order and its
moment, which SIPp cannot (two messages that cross, answers with foreign tags, repeated ACKs).
UDP only, one thread; retransmissions of what was already seen are swallowed and counted."""
import itertools
import os
import re
import socket
import time

from . import net, sip
from .proc import LabError

_serial = itertools.count(1)
FINAL = object()  # any final response
SDP_OTHER = ("a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15",
             "a=ptime:20")


def token(prefix):
    return f"{prefix}{os.getpid():x}-{next(_serial):x}"


def sdp(addr, port, direction="sendrecv", version=1, formats="8 101", word="inner"):
    """An offer or answer with one G.711 line."""
    kind = "IP6" if ":" in addr else "IP4"
    lines = ["v=0", f"o={word}-user 4711 {version} IN {kind} {addr}", f"s={word}-session",
             f"c=IN {kind} {addr}", "t=0 0", f"m=audio {port} RTP/AVP {formats}", *SDP_OTHER,
             f"a={direction}"]
    return "\r\n".join(lines) + "\r\n"


def box_media(message):
    """(address, port) in the SDP of a message, which must have one."""
    found = message.media()
    if not found:
        raise LabError(f"'{message.start}' has no SDP:\n{message.raw.decode(errors='replace')}")
    return found[:2]


def tag_of(value):
    found = re.search(r";\s*tag=([^;>\s]+)", value)
    return found.group(1) if found else ""


def uri_of(value):
    found = re.search(r"<([^>]+)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


class Endpoint:
    """A socket of one side and the dialogs on it. side: "access" or "peering"."""

    def __init__(self, t, side, local, port=5060, remote=None, ns=None):
        self.t, self.local, self.port = t, local, port
        ns = ns or (t.net.access if side == "access" else t.net.peering)
        if remote is None:
            v6 = ":" in local
            remote = {"access": net.BOX_A6 if v6 else net.BOX_A4,
                      "peering": net.BOX_B6 if v6 else net.BOX_B4}[side]
        self.box = (remote, 5060)
        self.name = side
        self.word = "inner" if side == "access" else "core"  # what the leak scan looks for
        self.sock = net.udp_socket(ns, local, port)
        t._cleanup.append(self.sock.close)
        self.media_port = 7000 + 2 * next(_serial) % 2000
        self.queue, self.seen, self.history, self.again = [], set(), [], 0
        self.last = b""  # that was sent

    def where(self, addr):
        return f"[{addr}]" if ":" in addr else addr

    # ---- the wire ----

    def send_raw(self, text, to=None):
        data = text if isinstance(text, bytes) else text.encode()
        self.sock.sendto(data, to or self.box)
        self.last = data
        self.history.append("> " + data.split(b"\r\n", 1)[0].decode(errors="replace"))

    def _pump(self, timeout_s):
        self.sock.settimeout(max(timeout_s, 0.001))
        try:
            data, src = self.sock.recvfrom(65536)
        except (TimeoutError, socket.timeout):
            return False
        if data in self.seen:
            self.again += 1
            return True
        self.seen.add(data)
        message = sip.parse(time.monotonic(), src[0], src[1], self.local, self.port, "udp", data)
        self.history.append("< " + message.label)
        self.queue.append(message)
        return True

    @staticmethod
    def _fits(message, want, call_id):
        if call_id and message.call_id != call_id:
            return False
        if want is FINAL:
            return message.status >= 200
        if isinstance(want, str):
            return message.is_request and message.method == want
        status, method = want if isinstance(want, tuple) else (want, None)
        return not message.is_request and message.status == status and \
            (method is None or message.method == method)

    def expect(self, want, call_id=None, timeout_s=6.0):
        """The next message that is a request of that method ("BYE"), or a response with that status
        (180, or (200, "BYE")). Other messages stay for later."""
        return self.expect_one_of((want,), call_id, timeout_s)

    def poll(self, wants, call_id=None, timeout_s=0.02):
        """The next message that is one of these, or None when there is none within the time."""
        deadline = time.monotonic() + timeout_s
        while True:
            for i, message in enumerate(self.queue):
                if any(self._fits(message, w, call_id) for w in wants):
                    return self.queue.pop(i)
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._pump(left)

    def expect_one_of(self, wants, call_id=None, timeout_s=6.0):
        """As poll(), but it must come."""
        found = self.poll(wants, call_id, timeout_s)
        if found:
            return found
        raise LabError(f"{self.name}: waited {timeout_s:g} s in vain for {wants}; so far:\n  " +
                       "\n  ".join(self.history[-25:]))

    def repeated(self, timeout_s=3.0):
        """Waits until the box sends something again that it had sent before."""
        before, deadline = self.again, time.monotonic() + timeout_s
        while self.again == before:
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: nothing was retransmitted within {timeout_s:g} s")
            self._pump(0.1)

    def drain(self, timeout_s=0.05):
        """Reads what has arrived; nothing more may have come for that time."""
        while self._pump(timeout_s):
            pass

    def nothing_left(self, but=(100,)):
        """Fails when a message came that the scenario did not ask for."""
        self.drain()
        rest = [m.label for m in self.queue if m.status not in but]
        self.t.check(not rest, f"{self.name}: unexpected messages from the box: {rest}")

    # ---- dialogs ----

    def call(self, number, **options):
        """Sends an INVITE; the dialog as its caller."""
        return Dialog.caller(self, number, **options)

    def answer_to(self, timeout_s=6.0):
        """Waits for an INVITE; the dialog as its called side (nothing is answered yet)."""
        return Dialog.called(self, self.expect("INVITE", timeout_s=timeout_s))

    def options(self, extra=(), method="OPTIONS", max_forwards=70):
        """A request outside of any dialog; returns the final response."""
        return self.expect_one_of((FINAL,), self.send_options(extra, method, max_forwards))

    def send_options(self, extra=(), method="OPTIONS", max_forwards=70):
        """The same without waiting; returns its Call-ID."""
        call_id = token(f"{self.word}-opt-")
        uri = f"sip:{self.where(self.box[0])}"
        self.send_raw("\r\n".join([
            f"{method} {uri} SIP/2.0", self.via(), f"Max-Forwards: {max_forwards}",
            f"From: <sip:{self.word}@{self.where(self.local)}>;tag={token('f')}", f"To: <{uri}>",
            f"Call-ID: {call_id}", f"CSeq: 1 {method}", *extra, "Content-Length: 0", "", ""]))
        return call_id

    def contact(self):
        return f"Contact: <sip:{self.word}-user@{self.where(self.local)}:{self.port}>"

    def via(self, branch=None):
        return (f"Via: SIP/2.0/UDP {self.where(self.local)}:{self.port};rport;"
                f"branch={branch or token('z9hG4bK' + self.word)}")


class Dialog:
    """One Call-ID of an endpoint. Tags, CSeq and target follow RFC 3261 section 12."""

    def __init__(self, ua, call_id):
        self.ua, self.call_id = ua, call_id
        self.local = self.remote = ""       # From and To values of requests that we send
        self.target = ""                    # request URI
        self.routes = []                    # of a proxy behind the box
        self.seq, self.version = 1, 0
        self.invite = self.request = None   # INVITE of the far end; text of our own last INVITE
        self.branch = ""

    # ---- as caller ----

    @classmethod
    def caller(cls, ua, number, body=True, headers=(), max_forwards=70, from_user="+49305550001",
               call_id=None, params="", from_host=None):
        d = cls(ua, call_id or token(f"{ua.word}-call-"))
        d.target = f"sip:{number}@{ua.where(ua.box[0])}:{ua.box[1]}{params}"
        d.local = f'"Anna" <sip:{from_user}@{from_host or f"{ua.where(ua.local)}:{ua.port}"}>;tag={token("ft")}'
        d.remote = f"<{d.target}>"
        d.seq = 0
        d.send_invite(body=body, headers=headers, max_forwards=max_forwards)
        return d

    def send_invite(self, body=True, headers=(), direction="sendrecv", max_forwards=70):
        """INVITE or re-INVITE. body: True makes an offer, None sends none, text is sent as it is."""
        self.seq += 1
        self.branch = token("z9hG4bK" + self.ua.word)
        self.invite_seq = self.seq
        self.request = self._request("INVITE", self.seq, self.branch, self._body(body, direction),
                                     headers, max_forwards)
        self.ua.send_raw(self.request)

    def _body(self, body, direction="sendrecv"):
        if body is not True:
            return body or ""
        self.version += 1
        return sdp(self.ua.local, self.ua.media_port, direction, self.version, word=self.ua.word)

    def _request(self, method, seq, branch, body="", headers=(), max_forwards=70):
        contact = [self.ua.contact()]
        kind = ["Content-Type: application/sdp"] if body else []
        return "\r\n".join([
            f"{method} {self.target} SIP/2.0", self.ua.via(branch), f"Max-Forwards: {max_forwards}",
            f"From: {self.local}", f"To: {self.remote}", f"Call-ID: {self.call_id}",
            f"CSeq: {seq} {method}", *(contact if method == "INVITE" else []), *headers,
            *(f"Route: {r}" for r in self.routes), f"User-Agent: {self.ua.word}-agent", *kind, f"Content-Length: {len(body)}", "", body])

    def again(self):
        """The last INVITE once more, as a retransmission."""
        self.ua.send_raw(self.request)

    def expect(self, want, timeout_s=6.0):
        message = self.ua.expect(want, self.call_id, timeout_s)
        self._learn(message)
        return message

    def expect_one_of(self, wants, timeout_s=6.0):
        message = self.ua.expect_one_of(wants, self.call_id, timeout_s)
        self._learn(message)
        return message

    def _learn(self, message):
        if message.is_request:
            if message.method == "INVITE":
                self.invite = message
                if message.get("contact"):
                    self.target = uri_of(message.get("contact"))
            return
        if message.method == "INVITE" and 100 < message.status < 300:
            self.remote = message.get("to")
            if message.get("contact"):
                self.target = uri_of(message.get("contact"))

    def ack(self, body=None, message=None):
        """For a 2xx: a new branch. message: a final error, whose ACK is part of its transaction."""
        if message is not None and message.status >= 300:
            saved, self.remote = self.remote, message.get("to")
            start = self.request.split(" ", 2)[1]
            text = self._request("ACK", self.invite_seq, self.branch)
            self.ua.send_raw(text.replace(text.split(" ", 2)[1], start, 1))
            self.remote = saved
            return None
        text = self._request("ACK", self.invite_seq, token("z9hG4bK" + self.ua.word), self._body(body))
        self.ua.send_raw(text)
        return text

    def cancel(self):
        """CANCEL of our own INVITE (RFC 3261 section 9.1: the same branch, To without tag)."""
        lines = self.request.split("\r\n")
        keep = ("via:", "max-forwards:", "from:", "to:", "call-id:")
        self.ua.send_raw("\r\n".join(
            [lines[0].replace("INVITE", "CANCEL", 1)] +
            [line for line in lines[1:] if line.lower().startswith(keep)] +
            [f"CSeq: {self.invite_seq} CANCEL", "Content-Length: 0", "", ""]))

    def bye(self):
        self.seq += 1
        self.ua.send_raw(self._request("BYE", self.seq, token("z9hG4bK" + self.ua.word)))

    def send(self, method, body="", headers=()):
        self.seq += 1
        self.ua.send_raw(self._request(method, self.seq, token("z9hG4bK" + self.ua.word), body, headers))

    # ---- as called side ----

    @classmethod
    def called(cls, ua, invite):
        d = cls(ua, invite.call_id)
        d.invite = invite
        d.tag = token("tt")
        d.local = f"{invite.get('to')};tag={d.tag}"
        d.remote = invite.get("from")
        d.target = uri_of(invite.get("contact"))
        d.routes = invite.get_all("record-route")
        d.seq = 100
        return d

    def reply(self, request, status, reason="Because", body=None, tag=None, headers=(),
              direction="sendrecv", contact=True):
        """Answers a request; tag: another To tag than the dialog's (a forked far end)."""
        to = request.get("to")
        if not tag_of(to) and status > 100:
            to = f"{to};tag={tag or getattr(self, 'tag', None) or token('tt')}"
        text = self._body(body, direction)
        extra = [self.ua.contact()] if contact and request.method == "INVITE" and status < 300 else []
        kind = ["Content-Type: application/sdp"] if text else []
        self.ua.send_raw("\r\n".join(
            [f"SIP/2.0 {status} {reason}"] + [f"Via: {v}" for v in request.get_all("via")] +
            [f"Record-Route: {v}" for v in request.get_all("record-route")] +
            [f"From: {request.get('from')}", f"To: {to}", f"Call-ID: {request.call_id}",
             f"CSeq: {request.get('cseq')}", *extra, *headers,
             f"Server: {self.ua.word}-agent", *kind, f"Content-Length: {len(text)}", "", text]))

    def ok(self, request, body=None, **options):
        self.reply(request, 200, "OK", body, **options)

    def expect_bye(self, timeout_s=6.0):
        """Waits for a BYE and answers it."""
        self.ok(self.expect("BYE", timeout_s))


def answered_call(phone, carrier, number):
    """A plain call up to its ACK on both sides; returns both dialogs."""
    a = phone.call(number)
    b = carrier.answer_to()
    b.reply(b.invite, 180, "Ringing")
    a.expect(180)
    b.ok(b.invite, body=True)
    a.expect((200, "INVITE"))
    a.ack()
    b.expect("ACK")
    return a, b


def hang_up(by, other):
    """BYE from one side to the end on both."""
    by.bye()
    other.expect_bye()
    by.expect((200, "BYE"))
