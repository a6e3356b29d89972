# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's server for a route-hook: answers questions as a table says, by the called number, and writes them
down. An answer is an object, or "slow", "garbage", "huge", "broken"."""
import json
import os
import sys

from .proc import Proc

SERVER = """
import http.server, json, socketserver, ssl, sys, time
log = open(sys.argv[4], "a", buffering=1)
class Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = json.loads(body)
        log.write(json.dumps({"question": question, "path": self.path, "type": self.headers["Content-Type"],
                              "auth": self.headers["Authorization"]}) + "\\n")
        answers = json.load(open(sys.argv[5]))
        what = answers.get(question["called"], {"targets": []})
        if what == "slow":
            time.sleep(5)
            what = {"targets": []}
        text = {"garbage": "<html>no</html>", "huge": "[" + "1," * 100000 + "1]"}.get(what) if isinstance(what, str) else None
        data = (text or json.dumps(what)).encode()
        self.send_response(500 if what == "broken" else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *args):
        pass
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True
server = Server((sys.argv[1], int(sys.argv[2])), Hook)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[3])
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def serve(t, ns, addr, port, both, answers):
    """An HTTPS server; both: its certificate and key in one file. Returns a function that has the questions so far."""
    paths = {name: os.path.join(t.dir, name) for name in ("questions", "answers")}
    with open(paths["answers"], "w") as f:
        json.dump(answers, f)
    open(paths["questions"], "w").close()
    proc = Proc("hook", [sys.executable, "-c", SERVER, addr, str(port), both, paths["questions"], paths["answers"]],
                os.path.join(t.dir, "hook.log"), ns=ns)
    t._cleanup.append(lambda: proc.stop(9))
    proc.wait_socket("tcp", port)

    def questions():
        with open(paths["questions"]) as f:
            return [json.loads(line) for line in f]
    return questions
