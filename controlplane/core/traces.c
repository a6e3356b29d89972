/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See traces.h. */
#include "controlplane/core/traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/core/calls.h"

_Static_assert(CALLS_WORKERS_MAX <= 64, "a bit for each worker");

struct request {
	LIST_ENTRY(request) link;
	uint32_t ticket;
	uint64_t waits_for; /* bit i: worker i */
	unsigned int age_s;
	cli_trace_fn done;
	void *arg;
	struct cli_trace trace;
	size_t octets;
};

struct traces {
	struct traces_ops ops;
	LIST_HEAD(, request) list;
	unsigned int n;
	uint32_t last_ticket;
};

struct traces *traces_new(const struct traces_ops *ops)
{
	struct traces *ts = calloc(1, sizeof(*ts));

	if (ts == NULL)
		return NULL;
	ts->ops = *ops;
	LIST_INIT(&ts->list);
	return ts;
}

static void request_free(struct traces *ts, struct request *r)
{
	LIST_REMOVE(r, link);
	ts->n--;
	for (unsigned int i = 0; i < r->trace.n; i++)
		free((void *)r->trace.msgs[i].bytes);
	free(r->trace.msgs);
	free(r);
}

static int by_time(const void *a, const void *b)
{
	const struct cli_trace_msg *x = a, *y = b;

	return x->wall_us < y->wall_us ? -1 : x->wall_us > y->wall_us;
}

static void finish(struct traces *ts, struct request *r)
{
	uint32_t before = r->trace.n ? r->trace.msgs[0].worker : 0;
	bool mixed = false;

	for (unsigned int i = 1; i < r->trace.n; i++)
		mixed |= r->trace.msgs[i].worker != before;
	/* One worker tells in order, also where its clock was set back meanwhile. */
	if (mixed)
		qsort(r->trace.msgs, r->trace.n, sizeof(*r->trace.msgs), by_time);
	r->done(r->arg, &r->trace);
	request_free(ts, r);
}

void traces_free(struct traces *ts)
{
	struct request *r;

	if (ts == NULL)
		return;
	while ((r = LIST_FIRST(&ts->list)) != NULL) {
		r->trace.incomplete = true;
		finish(ts, r);
	}
	free(ts);
}

int traces_ask(struct traces *ts, uint64_t call_id, cli_trace_fn done, void *arg)
{
	struct ctl_trace_get get = {.call_id = call_id};
	struct request *r;

	if (ts->n >= TRACES_REQUESTS_MAX)
		return -EBUSY;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->ticket = get.ticket = ++ts->last_ticket;
	r->trace.call_id = call_id;
	r->done = done;
	r->arg = arg;
	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		if (ts->ops.send(ts->ops.arg, w, CTL_TRACE_GET, &get, sizeof(get), NULL, 0))
			r->waits_for |= UINT64_C(1) << w;
	}
	if (r->waits_for == 0) {
		free(r);
		return -ENOTCONN;
	}
	LIST_INSERT_HEAD(&ts->list, r, link);
	ts->n++;
	return 0;
}

static struct request *find(struct traces *ts, uint32_t ticket, uint32_t worker)
{
	struct request *r;

	LIST_FOREACH(r, &ts->list, link) {
		if (r->ticket == ticket && r->waits_for >> worker & 1)
			return r;
	}
	return NULL;
}

static void add(struct request *r, uint32_t worker, const struct ctl_trace_msg *msg)
{
	struct cli_trace *t = &r->trace;
	char *bytes = NULL;
	struct cli_trace_msg *more;

	if (r->octets + msg->n <= TRACES_OCTETS_MAX)
		bytes = malloc(msg->n + 1u);
	if ((t->n & (t->n - 1)) == 0 && bytes != NULL) {
		more = realloc(t->msgs, (t->n ? 2 * (size_t)t->n : 1) * sizeof(*more));
		if (more == NULL) {
			free(bytes);
			bytes = NULL;
		} else {
			t->msgs = more;
		}
	}
	if (bytes == NULL) {
		t->n_missing++;
		return;
	}
	memcpy(bytes, msg + 1, msg->n);
	bytes[msg->n] = '\0';
	r->octets += msg->n;
	t->msgs[t->n++] = (struct cli_trace_msg){.wall_us = msg->wall_us,
		.worker = worker,
		.local = msg->local,
		.remote = msg->remote,
		.sent = msg->sent,
		.transport = msg->transport,
		.leg = msg->leg,
		.n = msg->n,
		.total = msg->total,
		.bytes = bytes};
}

static int on_msg(struct traces *ts, uint32_t worker, const struct ctl_trace_msg *msg, size_t len)
{
	struct request *r;

	if (msg->n != len - sizeof(*msg) || msg->total < msg->n || msg->leg > 2 || msg->sent > 1 ||
		!ipaddr_valid(&msg->local) || !ipaddr_valid(&msg->remote))
		return -EPROTO;
	r = find(ts, msg->ticket, worker);
	if (r != NULL)
		add(r, worker, msg);
	return 0;
}

int traces_message(
	struct traces *ts, uint32_t worker, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_trace_end *end = body;
	struct request *r;

	if (hdr->type == CTL_TRACE_MSG)
		return on_msg(ts, worker, body, len);
	if (end->n_sent > end->n_all)
		return -EPROTO;
	r = find(ts, end->ticket, worker);
	if (r == NULL)
		return 0; /* nobody waits any more */
	r->trace.n_missing += end->n_all - end->n_sent;
	r->waits_for &= ~(UINT64_C(1) << worker);
	if (r->waits_for == 0)
		finish(ts, r);
	return 0;
}

void traces_worker_gone(struct traces *ts, uint32_t worker)
{
	struct request *r, *next;

	for (r = LIST_FIRST(&ts->list); r != NULL; r = next) {
		next = LIST_NEXT(r, link);
		if (!(r->waits_for >> worker & 1))
			continue;
		r->trace.incomplete = true;
		r->waits_for &= ~(UINT64_C(1) << worker);
		if (r->waits_for == 0)
			finish(ts, r);
	}
}

void traces_tick(struct traces *ts)
{
	struct request *r, *next;

	for (r = LIST_FIRST(&ts->list); r != NULL; r = next) {
		next = LIST_NEXT(r, link);
		if (++r->age_s <= TRACES_WAIT_S)
			continue;
		r->trace.incomplete = true;
		finish(ts, r);
	}
}
