# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls, at the border: a believed phone towards a trusted carrier (all that it says, in the
carrier's words) and one that is outside of trust (the same, and with Privacy: id nothing). Session-ID is one on both legs and in the records; no inner host crosses."""
from limenlab import boxconf, net
from limenlab.sipcase import conf, finish

UUID = "ab30317f1a784dc48ff824d0d3715d86"


def run(t):
    c = conf()
    c["tenants"] = [
        {"tag": 1, "trust": "in"},
        {"tag": 2, "trust": "both", "asserted_id": "remote-party-id", "redirecting": "history-info"},
        {"tag": 3, "trust": "none", "asserted_id": "pai", "redirecting": "passthru", "reason_q850": True}]
    boxconf.find(c["realms"], name="access")["tenant"] = 1
    boxconf.find(c["trunks"], name="carrier")["tenant"] = 2
    c["trunks"].append(boxconf.trunk("outside", f"ipv4:{net.CARRIER4}:5062", tenant=3))
    c["dial_peers"] += [boxconf.peer(305, "+49305T", "outside")]
    box = t.box(c)
    t.capture()
    t.carrier("answer_quiet.xml")
    t.carrier("answer_quiet.xml", port=5062, media_port=6200)
    for number, privacy in (("+49301555", "id"), ("+49305555", "none"), ("+49305556", "id")):
        t.phone(number, scenario="call_identity.xml", keys={"privacy": privacy}, hold_ms=50).wait_ok()
    records = {r["legs"][0]["called"]: r for r in finish(t, box, [200, 200, 200])}
    invites = {m.get("to").split("sip:")[1].split("@")[0]: m for m in t.sip_messages("peering")
               if m.is_request and m.method == "INVITE"}

    trusted = invites["+49301555"]
    t.equal(trusted.get_all("remote-party-id"),
            [f'"Anna" <sip:+4930500@{net.BOX_B4}>;party=calling;screen=yes;privacy=full'], "Remote-Party-ID")
    t.equal(trusted.get_all("history-info"), [
        f"<sip:+4930600@{net.BOX_B4}>;index=1", f"<sip:+49301555@{net.BOX_B4};cause=486>;index=1.1;mp=1"], "History-Info")
    t.equal(trusted.get("privacy"), "id", "Privacy inside of trust")
    t.check("+4930500" in trusted.get("from"), f"From inside of trust: {trusted.get('From')}")

    public = invites["+49305555"]
    t.equal(public.get_all("p-asserted-identity"),
            [f'"Anna" <sip:+4930500@{net.BOX_B4}>', "<tel:+4930500>"], "P-Asserted-Identity")
    t.equal(public.get_all("diversion"),
            [f"<sip:+4930600@{net.BOX_B4}>;reason=user-busy;counter=1;privacy=off"], "Diversion")

    hidden = invites["+49305556"]
    t.check(hidden.get("from").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>'), f"From: {hidden.get('From')}")
    t.check(b"+4930500" not in hidden.raw and b"Anna" not in hidden.raw, f"the caller shows in\n{hidden.raw}")

    for number, record in records.items():
        ids = [leg["session_id"] for leg in record["legs"]]
        t.equal(ids[0], UUID, "Session-ID of the caller in the record")
        t.check(len(ids[1]) == 32 and ids[1] != UUID, f"Session-ID of the called side: {ids[1]}")
        for side, leg in (("access", 0), ("peering", 1)):
            sent = [m for m in t.sip_messages(side) if m.call_id == record["legs"][leg]["sip_call_id"]
                    and m.src in (net.BOX_A4, net.BOX_B4) and m.status != 100 and "200 (BYE)" not in m.label]
            want = {f"{ids[1 - leg]};remote={ids[leg]}", f"{ids[1 - leg]};remote={'0' * 32}"}
            got = {m.get("session-id") for m in sent if m.get("cseq").endswith("INVITE") or m.is_request}
            t.check(got and got <= want, f"Session-ID towards {side}: {got}, expected of {want}")
    for m in t.sip_messages("peering"):
        if m.src == net.BOX_B4:
            t.check(not m.get("p-preferred-identity") and not m.get("identity"), f"an untold field in\n{m.raw}")
    byes = [m for m in t.sip_messages("peering") if m.is_request and m.method == "BYE" and m.dport == 5062]
    t.check(len(byes) == 2 and all("Q.850;cause=16" in m.get("reason") for m in byes), "a BYE without its cause")
