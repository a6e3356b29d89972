# SPDX-License-Identifier: GPL-3.0-or-later
"""SRTP of the tests' own ends, by libsrtp2 (an implementation that the box does not use), keys in
SDP, and opening of captured SRTP with the keys that the captured SIP tells."""
import base64
import ctypes
import dataclasses
import os
import re

from . import rtp, sip

# name in SDP: octets of key and salt, function of libsrtp2 that fills in the policy
SUITES = {
    "AEAD_AES_256_GCM": (44, "srtp_crypto_policy_set_aes_gcm_256_16_auth"),
    "AEAD_AES_128_GCM": (28, "srtp_crypto_policy_set_aes_gcm_128_16_auth"),
    "AES_256_CM_HMAC_SHA1_80": (46, "srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80"),
    "AES_CM_128_HMAC_SHA1_80": (30, "srtp_crypto_policy_set_rtp_default"),
    "AES_256_CM_HMAC_SHA1_32": (46, "srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32"),
    "AES_CM_128_HMAC_SHA1_32": (30, "srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32"),
}
_RTCP_OF = {  # RFC 4568 6.2: SRTCP keeps its tag of 80 bits
    "srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32": "srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80",
    "srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32": "srtp_crypto_policy_set_rtp_default",
}
_SPECIFIC, _ANY_INBOUND, _ANY_OUTBOUND = 1, 2, 3
_ROOM = 64  # behind a packet, for the tag


class _CryptoPolicy(ctypes.Structure):
    _fields_ = [("cipher_type", ctypes.c_uint32), ("cipher_key_len", ctypes.c_int), ("auth_type", ctypes.c_uint32),
                ("auth_key_len", ctypes.c_int), ("auth_tag_len", ctypes.c_int), ("sec_serv", ctypes.c_int)]


class _Policy(ctypes.Structure):
    _fields_ = [("ssrc_type", ctypes.c_int), ("ssrc", ctypes.c_uint), ("rtp", _CryptoPolicy), ("rtcp", _CryptoPolicy),
                ("key", ctypes.c_char_p), ("keys", ctypes.c_void_p), ("num_master_keys", ctypes.c_ulong),
                ("deprecated_ekt", ctypes.c_void_p), ("window_size", ctypes.c_ulong), ("allow_repeat_tx", ctypes.c_int),
                ("enc_xtn_hdr", ctypes.c_void_p), ("enc_xtn_hdr_count", ctypes.c_int), ("next", ctypes.c_void_p)]


_lib = None


def _library():
    global _lib
    if _lib is None:
        lib = ctypes.CDLL("libsrtp2.so.1")
        if lib.srtp_init() != 0:
            raise OSError("libsrtp2 does not start")
        _lib = lib
    return _lib


class Context:
    """One direction of one key. roc: where the roll-over counter of that SSRC is to begin."""

    def __init__(self, suite, key, outbound, ssrc=None, roc=0):
        size, setter = SUITES[suite]
        if len(key) != size:
            raise ValueError(f"{suite} has keys of {size} octets, not {len(key)}")
        lib = _library()
        self.suite, self.key = suite, key
        kind = _SPECIFIC if ssrc is not None else _ANY_OUTBOUND if outbound else _ANY_INBOUND
        policy = _Policy(ssrc_type=kind, ssrc=ssrc or 0, key=key, window_size=128)
        getattr(lib, setter)(ctypes.byref(policy.rtp))
        getattr(lib, _RTCP_OF.get(setter, setter))(ctypes.byref(policy.rtcp))
        self._session = ctypes.c_void_p()
        if lib.srtp_create(ctypes.byref(self._session), ctypes.byref(policy)) != 0:
            raise OSError("libsrtp2 made no session")
        if ssrc is not None and lib.srtp_set_stream_roc(self._session, ssrc, roc) != 0:
            raise OSError("libsrtp2 does not know the SSRC")

    def _run(self, function, data):
        buffer = ctypes.create_string_buffer(bytes(data), len(data) + _ROOM)
        size = ctypes.c_int(len(data))
        status = getattr(_library(), function)(self._session, buffer, ctypes.byref(size))
        return buffer.raw[:size.value] if status == 0 else None

    def seal(self, data):
        out = self._run("srtp_protect_rtcp" if is_rtcp(data) else "srtp_protect", data)
        if out is None:
            raise OSError("libsrtp2 did not seal a packet")
        return out

    def open(self, data):
        """The packet in the clear, or None when it is not authentic (or a replay)."""
        return self._run("srtp_unprotect_rtcp" if is_rtcp(data) else "srtp_unprotect", data)


def is_rtcp(data):
    return len(data) >= 2 and 192 <= data[1] <= 223


# ---- keys in SDP ----

def new_key(suite):
    return os.urandom(SUITES[suite][0])


def crypto_line(tag, suite, key, more=""):
    return f"a=crypto:{tag} {suite} inline:{base64.b64encode(key).decode()}{more}"


_LINE = re.compile(r"^a=crypto:(\d+) (\S+) inline:([A-Za-z0-9+/]+)(=*)(\S*)", re.M)


def crypto_lines(body):
    """[(tag, suite, key)] of a description whose suites are known."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    return [(int(tag), suite, base64.b64decode(key + "=" * (-len(key) % 4)))
            for tag, suite, key, _, _ in _LINE.findall(text) if suite in SUITES]


def profile(body):
    """"RTP/SAVP" of the first audio line."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    found = re.search(r"^m=audio \d+ (\S+)", text, re.M)
    return found.group(1) if found else None


# ---- captures ----

def keys_told(packets):
    """All (suite, key) in the SIP of a capture, as they came."""
    found = {}
    for m in sip.messages(packets):
        for _, suite, key in crypto_lines(m.body):
            found.setdefault((suite, key))
    return list(found)


def opened(packets):
    """The capture with every SRTP packet that one of its keys opens in the clear; the rest as it was.
    Under a new key the roll-over counter may begin at 0 (RFC 4568 7.1.4) or go on (RFC 3711 3.3.1)."""
    tries = [(suite, key, roc) for suite, key in keys_told(packets) for roc in (0, 1)]
    contexts, out = {}, []
    for p in packets:
        plain = rtp.parse_rtp(p) if tries else None
        if plain is None:
            out.append(p)
            continue
        flow = contexts.setdefault((p.src, p.sport, p.dst, p.dport, plain.ssrc), {})
        clear = None
        # What opened the last packet first.
        for one in sorted(tries, key=lambda k: k != flow.get("last")):
            if one not in flow:
                suite, key, roc = one
                flow[one] = Context(suite, key, outbound=False, ssrc=plain.ssrc, roc=roc)
            clear = flow[one].open(p.payload)
            if clear is not None:
                flow["last"] = one
                break
        out.append(p if clear is None else dataclasses.replace(p, payload=clear))
    return out


def in_the_clear(packets, frames):
    """Packets of a capture that hold one of these audio frames as they are."""
    want = set(frames)
    return [p for p in packets if p.proto == "udp" and len(p.payload) >= 12 + 160 and
            (p.payload[12:172] in want or any(f in p.payload for f in want))]
