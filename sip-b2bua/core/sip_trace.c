/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker's memory of the SIP messages of its calls: what passes the transactions is put into it
 * (sip_dispatch.c calls), and limen-control gets those of one call when a command line asks. The
 * worker's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/core/worker_private.h"

LOG_TOPIC("sip-trace");

static uint64_t wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct trace_msg msg_of(const struct sip_path *path, bool sent, struct view bytes)
{
	return (struct trace_msg){.wall_us = wall_us(),
		.local = path->local,
		.remote = path->remote,
		.sent = sent,
		.transport = path->transport,
		.bytes = bytes};
}

void worker_trace_received(
	struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path)
{
	struct trace_msg kept = msg_of(path, false, msg->raw);
	bool begins = msg->is_request && (msg->method == SIP_M_INVITE || msg->method == SIP_M_BYE ||
						 msg->method == SIP_M_ACK);

	trace_put(w->trace, &kept, msg->call_id, begins);
}

void worker_trace_sent(
	struct sip_worker *w, const struct sip_path *path, const char *bytes, size_t n)
{
	struct trace_msg kept = msg_of(path, true, (struct view){bytes, n});

	trace_put_sent(w->trace, &kept);
}

void worker_trace_config(struct sip_worker *w)
{
	size_t octets = ((size_t)w->cfg->trace_memory_mb << 20) / w->group->opts.n_workers;

	if (trace_limit(w->trace, octets) < 0)
		log_err("worker %u keeps no SIP messages: memory is short", w->id);
}

void worker_trace_stats(const struct sip_worker *w, struct ctl_sip_stats *stats)
{
	struct trace_stats now;

	trace_stats(w->trace, &now);
	stats->trace_messages = now.n_now;
	stats->trace_calls = now.n_calls;
	stats->trace_octets = now.octets + now.octets_failed;
	stats->trace_octets_failed = now.octets_failed;
}

static int send_one(struct ipc_peer *peer, uint32_t ticket, const struct trace_msg *msg)
{
	struct ctl_trace_msg head = {.wall_us = msg->wall_us,
		.ticket = ticket,
		.total = (uint32_t)msg->bytes.n,
		.local = msg->local,
		.remote = msg->remote,
		.sent = msg->sent,
		.transport = msg->transport,
		.leg = msg->leg};
	char *copy;
	int rc;

	head.n = msg->bytes.n < CTL_TRACE_OCTETS ? (uint32_t)msg->bytes.n : CTL_TRACE_OCTETS;
	copy = malloc(msg->bytes.n + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, msg->bytes.p, msg->bytes.n);
	trace_mask(copy, msg->bytes.n);
	rc = ipc_send(peer, CTL_TRACE_MSG, 0, 0, 0, &head, sizeof(head), copy, head.n);
	free(copy);
	return rc;
}

int worker_trace_get(struct sip_worker *w, struct ipc_peer *peer, const struct ctl_trace_get *get)
{
	struct trace_msg *msgs = calloc(CTL_TRACE_MSGS, sizeof(*msgs));
	struct ctl_trace_end end = {.ticket = get->ticket};
	unsigned int n = 0;
	size_t octets = 0;

	if (msgs) {
		end.n_all = trace_read(w->trace, get->call_id, msgs, CTL_TRACE_MSGS);
		n = end.n_all < CTL_TRACE_MSGS ? end.n_all : CTL_TRACE_MSGS;
	}
	/* What is asked for is bounded, so that the answer fits the queue beside the calls' messages. */
	for (unsigned int i = 0; i < n && octets < CTL_TRACE_TOTAL; i++) {
		if (send_one(peer, get->ticket, &msgs[i]) < 0)
			break;
		octets += msgs[i].bytes.n;
		end.n_sent++;
	}
	free(msgs);
	return ipc_send(peer, CTL_TRACE_END, 0, 0, 0, &end, sizeof(end), NULL, 0);
}
