/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages from worker to worker: a ring per pair and an eventfd per receiver. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sip-b2bua/core/worker_private.h"

static struct handover_ring *ring_of(
	const struct sip_workers *group, unsigned int to, unsigned int from)
{
	return &group->rings[to * group->opts.n_workers + from];
}

void handover_wake(struct sip_worker *to)
{
	uint64_t one = 1;
	/* Whoever finds it unset writes; the owner unsets it before it looks into the rings, so
	 * that a push after its look always wakes it again. seq_cst orders that with the head. */
	if (atomic_exchange_explicit(&to->wake_pending, true, memory_order_seq_cst))
		return;
	/* Only an overflow of the counter could fail, and then the receiver is awake. */
	(void)!write(to->wake_fd, &one, sizeof(one));
}

int handover_push(struct sip_worker *w, unsigned int to, enum handover_kind kind,
	const struct sip_path *path, const char *bytes, size_t n, uint64_t origin, int err)
{
	struct handover_ring *r = ring_of(w->group, to, w->id);
	unsigned int head = atomic_load_explicit(&r->head, memory_order_relaxed);
	/* acquire: the slot's last reader is done with it */
	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) == HANDOVER_RING)
		return -ENOBUFS;
	struct handover *h = malloc(sizeof(*h) + n);
	if (h == NULL)
		return -ENOMEM;
	*h = (struct handover){.kind = (uint8_t)kind, .err = err, .origin = origin, .n = n};
	if (path != NULL)
		h->path = *path;
	if (n > 0)
		memcpy(h->bytes, bytes, n);
	r->slots[head % HANDOVER_RING] = h;
	/* release: block and slot are written before the reader sees them */
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	handover_wake(w->group->workers[to]);
	return 0;
}

static struct handover *pop(struct handover_ring *r)
{
	unsigned int tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	if (tail == atomic_load_explicit(&r->head, memory_order_acquire))
		return NULL;
	struct handover *h = r->slots[tail % HANDOVER_RING];
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return h;
}

static void send_for(struct sip_worker *w, unsigned int from, struct handover *h)
{
	/* The worker that asked stands in the upper bits, for the way back of a failure. */
	uint64_t origin = h->origin != 0 ? h->origin | (uint64_t)(from + 1) << 56 : 0;
	int rc = sip_transport_send(w->transport, &h->path, h->bytes, h->n, origin);
	if (rc != 0 && h->origin != 0)
		(void)handover_push(w, from, HANDOVER_SEND_FAILED, NULL, NULL, 0, h->origin, rc);
}

static void take(struct sip_worker *w, unsigned int from, struct handover *h)
{
	switch (h->kind) {
	case HANDOVER_RECEIVED:
		worker_receive(w, &h->path, h->bytes, h->n, true);
		break;
	case HANDOVER_SEND:
		send_for(w, from, h);
		break;
	case HANDOVER_SEND_FAILED:
		sip_txns_send_failed(w->txns, h->origin, h->err);
		break;
	case HANDOVER_CONN_GONE:
		worker_conn_gone(w, from, h->path.conn);
		break;
	case HANDOVER_FLOW_TIMER:
		sip_transport_conn_silent(w->transport, h->path.conn, (uint32_t)h->err);
		break;
	case HANDOVER_APP:
		w->ops->told(w->app, from, h->bytes, h->n);
		break;
	default:
		break;
	}
	free(h);
}

void handover_readable(evutil_socket_t fd, short what, void *arg)
{
	struct sip_worker *w = arg;
	struct handover *h;
	uint64_t count;
	(void)!read(fd, &count, sizeof(count));
	atomic_store_explicit(&w->wake_pending, false, memory_order_seq_cst);
	worker_time(w);
	for (unsigned int from = 0; from < w->group->opts.n_workers; from++) {
		/* One ring's worth each, so that a busy neighbour cannot keep the loop here. */
		for (unsigned int i = 0; i < HANDOVER_RING; i++) {
			h = pop(ring_of(w->group, w->id, from));
			if (h == NULL)
				break;
			take(w, from, h);
			if (i == HANDOVER_RING - 1)
				handover_wake(w);
		}
	}
}

/* After all threads have ended. */
void handover_free_all(struct sip_workers *group)
{
	unsigned int n = group->opts.n_workers;
	struct handover *h;
	if (group->rings == NULL)
		return;
	for (unsigned int i = 0; i < n * n; i++) {
		while ((h = pop(&group->rings[i])) != NULL)
			free(h);
	}
	free(group->rings);
}
