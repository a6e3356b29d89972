/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See process.h. */
#include "controlplane/core/process.h"

void process_up(struct process *p, struct ipc_peer *peer, uint64_t now_ms)
{
	pid_t pid = 0;
	uid_t uid;

	ipc_peer_cred(peer, &uid, &pid);
	p->restarts += p->known && p->pid != pid;
	p->peer = peer;
	p->known = true;
	p->pid = pid;
	p->since_ms = now_ms;
}

void process_down(struct process *p, uint64_t now_ms)
{
	p->peer = NULL;
	p->since_ms = now_ms;
}
