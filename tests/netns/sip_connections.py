# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of SIP as an operator sees them: listed with who opened them, ended by their number, refused
beyond a limit, closed in the middle of a message; and keep-alives: CRLF on a connection, and STUN on the UDP
port as coturn's client asks for it."""
from limenlab import net, proc
from limenlab.proc import wait_for
from limenlab.sipcase import conf, counters, finish, start


def run(t):
    box, _, carrier = start(t, conf(connections_max_per_source=3, timer_connection_receive_s=1))
    carrier.sock.close()
    t.carrier("answer_quiet.xml", transport="tcp")
    for local, remote in ((net.PHONE6, net.BOX_A6), (net.PHONE4, net.BOX_A4)):
        _, said = proc.run(["ip", "netns", "exec", t.net.access, "turnutils_stunclient", "-p", "5060", "-L", local, remote])
        t.check(f"UDP reflexive addr: {local}:" in said, said)
    wait_for("STUN should be counted", lambda: counters(box)["stun_answers"] == 2)

    mine = [connect(t) for _ in range(3)]
    t.equal(net.tcp_connect(t.net.access, net.ATTACKER4, net.BOX_A4, 5060).recv(1), b"", "a connection beyond the limit")
    near = t.phone("+49302555", scenario="call_quiet.xml", transport="tcp", calls=1, hold_ms=2500)
    t.wait_active(1)

    def all_of_them():
        rows = box.json("show sip-ua connections tcp")["connections"]
        return rows if {row["opened_by"] for row in rows} == {"far-end", "box"} and len(rows) >= 5 else None
    rows = wait_for("five connections should be shown", all_of_them)
    trunk = next(row for row in rows if row["opened_by"] == "box")
    t.equal((trunk["remote"], trunk["realm"]), (f"{net.CARRIER4}:5060", "peering"), "the connection to the carrier")
    name = "{}:{}".format(*mine[0].getsockname())
    number = next(row["id"] for row in rows if row["remote"] == name)
    box.cli(f"clear sip-ua tcp connection id {number}")
    t.equal(mine[0].recv(1), b"", "a connection that was cleared")
    mine[1].sendall(b"OPTIONS sip:x SIP/2.0\r\n")
    t.equal(mine[1].recv(1), b"", "a connection in the middle of a message")
    near.wait_ok()

    def counted():
        totals = box.json("show sip-ua connections")["totals"]
        return (totals["refused"], totals["slow_senders"], totals["keepalives"]) == (1, 1, 3)
    wait_for("what has ended should be counted", counted)
    wait_for("ended connections should not be shown any more", lambda: number not in [
        row["id"] for row in box.json("show sip-ua connections")["connections"]])
    finish(t, box, [200])


def connect(t):
    sock = net.tcp_connect(t.net.access, net.ATTACKER4, net.BOX_A4, 5060)
    t._cleanup.append(sock.close)
    sock.sendall(b"\r\n\r\n")
    t.equal(sock.recv(2), b"\r\n", "answer to a keep-alive")
    return sock
