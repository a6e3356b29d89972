# SPDX-License-Identifier: GPL-3.0-or-later
"""An administrator logs in over SSH, whose login shell is the command line of the box: by hand at a
terminal (help, Tab, abbreviations, a change, logout), with a single command, and never further.

The SSH server runs in the box's network namespace with keys and configuration of its own, and with
conf/ssh/limen.conf; the account exists in its mount namespace only, where /mnt is a folder that it
can reach (the source tree may be in somebody's home)."""
import os
import pty
import re
import select
import signal
import time

from limenlab import net
from limenlab.box import ROOT, program
from limenlab.proc import LabError, Proc, run as sh
from limenlab.case import Skip

PORT = 2222
SHELL = "/mnt/limen"
USER, UID, GROUP, GID = "limen-test-admin", 64050, "limen-admin", 64051


def run(t):
    if not os.path.exists("/usr/sbin/sshd"):
        raise Skip("no SSH server here (package openssh-server)")
    t.box(control_args=["--cli-uid", str(UID), "--cli-admin", str(UID)])
    keys = server(t)
    ssh = client(t, keys)
    by_hand(t, ssh)
    single(t, ssh)
    nothing_else(t, ssh)


def server(t):
    folder = os.path.join(t.dir, "ssh")
    os.makedirs(folder, mode=0o700)
    for name in ("host", "user"):
        sh(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, name)])
    for name, line in (("passwd", f"{USER}:x:{UID}:{GID}::/:{SHELL}"),
                       ("group", f"{GROUP}:x:{GID}:{USER}"), ("shadow", f"{USER}:*:19000:0:99999:7:::"),
                       ("shells", SHELL)):
        with open(f"/etc/{name}") as f, open(os.path.join(folder, name), "w") as out:
            out.write(f.read() + line + "\n")
    os.chmod(os.path.join(folder, "shadow"), 0o600)
    with open(os.path.join(folder, "sshd_config"), "w") as f:
        f.write("\n".join([
            f"Port {PORT}", f"ListenAddress {net.BOX_A4}", f"HostKey {folder}/host",
            "AuthorizedKeysFile /mnt/user.pub", "StrictModes no", "UsePAM no",
            "PasswordAuthentication no", "PidFile none", "PrintMotd no", "PrintLastLog no", "LogLevel VERBOSE",
            f"Include {ROOT}/conf/ssh/limen.conf", ""]))
    # The account, and the run directory where a login shell without arguments looks for it.
    script = [f"mount --bind {folder}/{name} /etc/{name}" for name in ("passwd", "group", "shadow", "shells")]
    script += ["mount -t tmpfs -o mode=755 tmpfs /mnt", "mkdir -p /mnt/sshd /run/limen /run/sshd",
               f"cp {program('limen')} {folder}/user.pub /mnt/", "chmod 755 /mnt/limen /mnt/sshd",
               f"mount --bind {t.run_dir} /run/limen", "mount --bind /mnt/sshd /run/sshd", f"exec /usr/sbin/sshd -D -e -f {folder}/sshd_config"]
    made = [d for d in ("/run/limen", "/run/sshd") if not os.path.exists(d)]
    daemon = Proc("sshd", ["unshare", "-m", "sh", "-ec", "\n".join(script)], os.path.join(folder, "sshd.log"),
                  ns=t.net.box)

    def clean():
        daemon.stop(signal.SIGTERM)
        for d in made:
            os.rmdir(d)
    t._cleanup.append(clean)
    daemon.wait_socket("tcp", PORT)
    return folder


def client(t, folder):
    return ["ip", "netns", "exec", t.net.access, "ssh", "-F", "none", "-i", f"{folder}/user", "-p", str(PORT),
            "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known", "-o", "LogLevel=ERROR",
            "-o", "IdentitiesOnly=yes", f"{USER}@{net.BOX_A4}"]


class Terminal:
    """A person at a terminal: types, and waits until something can be read on it."""

    def __init__(self, argv):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "vt100"
            os.execvp(argv[0], argv)

    def read(self, pattern, timeout_s=10.0):
        """Waits for the regular expression; returns what came up to its end and forgets that."""
        deadline = time.monotonic() + timeout_s
        while True:
            hit = re.search(pattern, self.seen)
            if hit:
                text, self.seen = self.seen[:hit.end()], self.seen[hit.end():]
                return text
            if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise LabError(f"the terminal should show '{pattern}' within {timeout_s:g} s; it shows:\n{self.seen}")
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                raise LabError(f"the session ended before it showed '{pattern}':\n{self.seen}")
            self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode(errors="replace"))

    def type(self, text):
        os.write(self.fd, text.encode())

    def ended(self, timeout_s=10.0):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    pass
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise LabError(f"the session did not end:\n{self.seen}")


def by_hand(t, ssh):
    term = Terminal(ssh[:5] + ["-tt"] + ssh[5:])
    prompt = r"limen-lab[>#] ?$"
    term.read(prompt)
    term.type("show ?")
    t.check("interfaces" in term.read(r"version[^\n]*\n[\s\S]*limen-lab[>#] ?show $"), "no help after '?'")
    term.type("ver\t\r")
    t.check("0.1" in term.read(r"\n[\s\S]*" + prompt), "'show ver<Tab>' does not show the version")
    term.type("sh int\r")
    t.check("access0" in term.read(r"\n[\s\S]*" + prompt), "the abbreviation 'sh int' shows no interfaces")
    term.type("show nonsense\r")
    t.check("^" in term.read(r"%[^\n]*\n[\s\S]*" + prompt), "no caret at a word that is not known")
    term.type("exit\r")
    t.equal(term.ended(), 0, "exit status of the session")


def single(t, ssh):
    status, out = sh(ssh + ["show version"], check=False)
    t.equal(status, 0, f"exit status of 'show version' ({out})")
    t.check("0.1" in out, f"'show version' says: {out}")
    status, out = sh(ssh + ["show nonsense"], check=False)
    t.check(status != 0, f"a wrong command ended with status 0: {out}")


def nothing_else(t, ssh):
    """No shell of the system, no files, no other hosts."""
    for command in ("/bin/sh -c id", "; id", "$(id)", "scp -f /etc/passwd"):
        status, out = sh(ssh + [command], check=False)
        t.check(status != 0 and "uid=" not in out and "root:" not in out, f"'{command}' gave: {out}")
    status, out = sh(ssh[:5] + ["-W", "127.0.0.1:22"] + ssh[5:], check=False, timeout_s=10)
    t.check(status != 0, f"the box forwarded a TCP connection: {out}")
