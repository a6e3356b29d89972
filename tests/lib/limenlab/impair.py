# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad network between a sender and the box, made in the sender: what goes through a Bad socket is lost,
doubled, swapped or held up, as a seeded random generator says, and written down.

    bad = Bad(sock, seed=1, loss=0.1, burst=0.5, duplicate=0.05, reorder=0.05, jitter_s=0.01)
    Talker(bad, ...); ...; bad.calm()        # what is still held goes out
    bad.lost, bad.duplicated, bad.reordered

Reordering is by place, not by time: a packet goes out after the next one or few, so that it stays so on
any machine. The first packets pass untouched, and the last that passes is followed by nothing that is lost."""
import random
import time


class Bad:
    def __init__(self, sock, seed, loss=0.0, burst=0.0, duplicate=0.0, reorder=0.0, jitter_s=0.0, places=1, untouched=5):
        """loss: share that is lost; burst: how likely the next one goes too when one was lost;
        reorder: share that is held until `places` later ones were due; jitter_s: each may wait so
        long, in its order."""
        self.sock, self.rng = sock, random.Random(seed)
        self.loss, self.burst, self.duplicate, self.reorder, self.jitter_s = loss, burst, duplicate, reorder, jitter_s
        self.places, self.untouched = places, untouched
        self.n = 0                  # packets given to us
        self.gone = []              # numbers of those that were lost
        self.last_sent = -1         # the highest number that went out
        self.duplicated = self.reordered = 0
        self._held = []             # [packets to wait for, number, data, to]
        self._was_lost = False

    def sendto(self, data, to):
        number, self.n = self.n, self.n + 1
        roll = [self.rng.random() for _ in range(4)]  # as many for each, whatever becomes of it
        if self.jitter_s:
            time.sleep(roll[3] * self.jitter_s)
        self._pass(number, data, to, roll)
        for held in [h for h in self._held if h[1] < number]:
            held[0] -= 1
            if held[0] <= 0:
                self._release(held)

    def _pass(self, number, data, to, roll):
        if number >= self.untouched:
            if roll[0] < (max(self.loss, self.burst) if self._was_lost else self.loss):
                self._was_lost = True
                self.gone.append(number)
                return
            self._was_lost = False
            if roll[1] < self.reorder:
                self._held.append([self.places, number, data, to])
                return
        self._out(number, data, to)
        if number >= self.untouched and roll[2] < self.duplicate:
            self.sock.sendto(data, to)
            self.duplicated += 1

    def _out(self, number, data, to):
        self.sock.sendto(data, to)
        if number < self.last_sent:
            self.reordered += 1
        self.last_sent = max(self.last_sent, number)

    def _release(self, held):
        self._held.remove(held)
        self._out(*held[1:])

    def calm(self):
        """What is held goes out; losses behind the last packet are ones that nobody can know of."""
        for held in list(self._held):
            self._release(held)

    @property
    def lost(self):
        return sum(1 for number in self.gone if number < self.last_sent)

    def bursts(self, gmin=16):
        """(number, packets in them, lost in them, lost alone) by RFC 3611 4.7.2, from what was done."""
        clusters = []
        for number in (g for g in self.gone if g < self.last_sent):
            if clusters and number - clusters[-1][-1] <= gmin:
                clusters[-1].append(number)
            else:
                clusters.append([number])
        big = [c for c in clusters if len(c) > 1]
        return (len(big), sum(c[-1] - c[0] + 1 for c in big), sum(map(len, big)), len(clusters) - len(big))

    # what a Talker and a call want of a socket
    def getsockname(self):
        return self.sock.getsockname()

    def close(self):
        self.sock.close()
