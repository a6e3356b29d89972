# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration by an Endpoint (ua.py), and the credentials of RFC 7616 that go with it."""
import hashlib
import re

from .ua import token

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def users(*names, registrar="phones", first=1):
    """Pools of a configuration: users with the password pw-NAME; a name may be (name, number)."""
    out = []
    for tag, name in enumerate(names, first):
        name, number = name if isinstance(name, tuple) else (name, None)
        out.append(dict(tag=tag, registrar=registrar, username=name, password=f"pw-{name}",
                        **({"number": number} if number else {})))
    return out


def credentials(challenge, user, password, method, uri, nc=1):
    """The value of Authorization for a challenge (the value of WWW-Authenticate)."""
    param = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
    algorithm = param.get("algorithm", "MD5")

    def h(text):
        return hashlib.new(HASHES[algorithm], text.encode()).hexdigest()
    a1, a2 = h(f"{user}:{param['realm']}:{password}"), h(f"{method}:{uri}")
    proof = h(f"{a1}:{param['nonce']}:{nc:08x}:abc:auth:{a2}")
    return (f'Digest username="{user}", realm="{param["realm"]}", nonce="{param["nonce"]}", uri="{uri}", '
            f'response="{proof}", algorithm={algorithm}, qop=auth, nc={nc:08x}, cnonce="abc"')


def send_register(phone, user, call_id, cseq, contact=None, expires=600, headers=()):
    host = phone.where(phone.box[0])
    uri = f"sip:{host}"
    contact = contact or f"<sip:{user}@{phone.where(phone.local)}:{phone.port}>"
    phone.send_raw("\r\n".join([
        f"REGISTER {uri} SIP/2.0", phone.via(), "Max-Forwards: 70", f"From: <sip:{user}@{host}>;tag=1",
        f"To: <sip:{user}@{host}>", f"Call-ID: {call_id}", f"CSeq: {cseq} REGISTER",
        f"Contact: {contact}", f"Expires: {expires}", *headers, "Content-Length: 0", "", ""]))
    return uri


def register(phone, user, password=None, choose=-1, cseq=1, call_id=None, **options):
    """401, then 200, which is returned. choose: which of the challenges is answered."""
    call_id = call_id or token(f"{phone.word}-reg-")
    uri = send_register(phone, user, call_id, cseq, **options)
    offers = phone.expect(401, call_id).get_all("www-authenticate")
    value = credentials(offers[choose], user, password or f"pw-{user}", "REGISTER", uri)
    send_register(phone, user, call_id, cseq + 1, **dict(options, headers=[f"Authorization: {value}", *options.get("headers", ())]))
    return phone.expect((200, "REGISTER"), call_id)
