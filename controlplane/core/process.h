/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program that connects to limen-control, one connection at a time, for `show processes`: limen-nat, limen-rec. */
#pragma once

#include <stdbool.h>

#include "controlplane/base/ipc.h"

/* Owned by who talks to it; limen-control's one thread. */
struct process {
	struct ipc_peer *peer; /* NULL: away */
	bool known;	       /* it was here once; the rest is of then or now */
	pid_t pid;
	uint64_t since_ms, restarts; /* wall clock: when it came or went */
};

/* It said HELLO; is gone. now_ms: wall clock. */
void process_up(struct process *p, struct ipc_peer *peer, uint64_t now_ms);
void process_down(struct process *p, uint64_t now_ms);
