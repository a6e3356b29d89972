/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See trace.h. A ring is a piece of address space whose pages come with their first use. Positions only
 * grow; a record never wraps. Records of a call are chained from the oldest to the newest in each ring,
 * and since the oldest record of a ring is the oldest of its call, forgetting takes a chain's first.
 */
#include "sip-b2bua/trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

#define NONE	    UINT32_MAX
#define NOWHERE	    UINT64_MAX
#define BUCKETS_MIN 1024
#define BUCKETS_MAX (1u << 20)

enum { ALL, FAILED, N_RINGS };

struct record {
	uint32_t len; /* of the whole record, a multiple of 8; 0: nothing more before the wrap */
	uint32_t n;   /* octets of the message */
	uint64_t wall_us;
	uint64_t next; /* of its call in this ring; NOWHERE: none */
	uint32_t call, dialog;
	struct ipaddr local, remote;
	uint8_t sent, transport;
	uint8_t zero[6];
	char bytes[];
};
_Static_assert(sizeof(struct record) % 8 == 0, "records are aligned");

struct ring {
	char *base;
	size_t size;
	uint64_t head, tail;
};

struct entry_call {
	uint64_t id; /* 0: not known (yet) */
	uint64_t first[N_RINGS], last[N_RINGS];
	uint32_t dialogs; /* list */
	uint32_t next;	  /* of its bucket, or of the free list */
	bool failed;
	bool held; /* a record of it is being written: it is not empty */
};

struct entry_dialog {
	uint64_t hash;
	uint32_t call;
	uint32_t sibling; /* of its call */
	uint32_t next;	  /* of its bucket, or of the free list */
	uint8_t leg;
};

struct trace {
	size_t limit;
	struct ring ring[N_RINGS];
	uint64_t key[2];
	struct entry_call *calls;
	uint32_t n_calls, free_call;
	struct entry_dialog *dialogs;
	uint32_t n_dialogs, free_dialog;
	uint32_t *by_hash, *by_id; /* n_buckets of each, in one block */
	uint32_t n_buckets;
	uint64_t n_messages, n_now, calls_now;
};

/* ---- calls and dialogs ---- */

static void forget_all(struct trace *t)
{
	if (t->by_hash)
		memset(t->by_hash, 0xff, 2 * t->n_buckets * sizeof(*t->by_hash));
	t->n_calls = t->n_dialogs = 0;
	t->free_call = t->free_dialog = NONE;
	t->n_now = t->calls_now = 0;
	for (unsigned int i = 0; i < N_RINGS; i++)
		t->ring[i].head = t->ring[i].tail = 0;
}

/* Room for another element behind the n used ones: the arrays grow by doubling. */
static int grow(void *array, uint32_t n, size_t size)
{
	void **p = array, *more;

	if (n & (n - 1) || (n && n < 64))
		return 0;
	more = realloc(*p, (n ? 2 * (size_t)n : 64) * size);
	if (!more)
		return -ENOMEM;
	*p = more;
	return 0;
}

static uint32_t call_new(struct trace *t)
{
	uint32_t i = t->free_call;

	if (i != NONE) {
		t->free_call = t->calls[i].next;
	} else {
		if (grow(&t->calls, t->n_calls, sizeof(*t->calls)) < 0)
			return NONE;
		i = t->n_calls++;
	}
	t->calls[i] = (struct entry_call){.first = {NOWHERE, NOWHERE},
		.last = {NOWHERE, NOWHERE},
		.dialogs = NONE,
		.next = NONE};
	t->calls_now++;
	return i;
}

static uint32_t *id_bucket(struct trace *t, uint64_t id)
{
	return &t->by_id[id & (t->n_buckets - 1)]; /* pseudo-random already */
}

static void unlink_from(uint32_t *link, void *array, size_t size, size_t next_offset, uint32_t i)
{
	while (*link != i)
		link = (uint32_t *)((char *)array + *link * size + next_offset);
	*link = *(uint32_t *)((char *)array + i * size + next_offset);
}

static void call_drop(struct trace *t, uint32_t i)
{
	struct entry_call *call = &t->calls[i];

	while (call->dialogs != NONE) {
		uint32_t d = call->dialogs;
		struct entry_dialog *dialog = &t->dialogs[d];

		call->dialogs = dialog->sibling;
		unlink_from(&t->by_hash[dialog->hash & (t->n_buckets - 1)], t->dialogs,
			sizeof(*dialog), offsetof(struct entry_dialog, next), d);
		dialog->next = t->free_dialog;
		t->free_dialog = d;
	}
	if (call->id)
		unlink_from(id_bucket(t, call->id), t->calls, sizeof(*call),
			offsetof(struct entry_call, next), i);
	call->next = t->free_call;
	t->free_call = i;
	t->calls_now--;
}

static uint32_t dialog_find(const struct trace *t, uint64_t hash)
{
	uint32_t d = t->by_hash[hash & (t->n_buckets - 1)];

	while (d != NONE && t->dialogs[d].hash != hash)
		d = t->dialogs[d].next;
	return d;
}

static uint32_t dialog_new(struct trace *t, uint64_t hash, uint32_t call)
{
	uint32_t d = t->free_dialog, *bucket = &t->by_hash[hash & (t->n_buckets - 1)];

	if (d != NONE) {
		t->free_dialog = t->dialogs[d].next;
	} else {
		if (grow(&t->dialogs, t->n_dialogs, sizeof(*t->dialogs)) < 0)
			return NONE;
		d = t->n_dialogs++;
	}
	t->dialogs[d] = (struct entry_dialog){.hash = hash,
		.call = call,
		.sibling = t->calls[call].dialogs,
		.next = *bucket,
		.leg = TRACE_LEG_UNKNOWN};
	t->calls[call].dialogs = d;
	*bucket = d;
	return d;
}

static bool is_empty(const struct entry_call *call)
{
	return call->first[ALL] == NOWHERE && call->first[FAILED] == NOWHERE;
}

static uint64_t hash_of(const struct trace *t, struct view call_id)
{
	return siphash13(t->key, call_id.p, call_id.n);
}

void trace_name(struct trace *t, struct view call_id, uint64_t id, unsigned int leg)
{
	uint32_t d, of_id;
	struct entry_call *call;
	uint64_t hash;

	if (t->limit == 0)
		return;
	hash = hash_of(t, call_id);
	d = dialog_find(t, hash);
	of_id = *id_bucket(t, id);
	while (of_id != NONE && t->calls[of_id].id != id)
		of_id = t->calls[of_id].next;
	/* A leg that has no message yet goes to those of the other leg. */
	if (d == NONE && of_id != NONE)
		d = dialog_new(t, hash, of_id);
	if (d == NONE)
		return;
	t->dialogs[d].leg = (uint8_t)leg;
	call = &t->calls[t->dialogs[d].call];
	if (call->id)
		return;
	call->id = id;
	call->failed = of_id != NONE && t->calls[of_id].failed;
	call->next = *id_bucket(t, id);
	*id_bucket(t, id) = t->dialogs[d].call;
}

void trace_failed(struct trace *t, uint64_t id)
{
	if (t->limit == 0)
		return;
	for (uint32_t i = *id_bucket(t, id); i != NONE; i = t->calls[i].next) {
		if (t->calls[i].id == id)
			t->calls[i].failed = true;
	}
}

/* ---- rings ---- */

static struct record *record_at(const struct ring *ring, uint64_t pos)
{
	return (struct record *)(ring->base + pos % ring->size);
}

static void ring_append(
	struct trace *t, unsigned int which, const struct record *head, const char *bytes);

/* Forgets the oldest record of a ring, or the gap before the wrap. */
static void ring_evict(struct trace *t, unsigned int which)
{
	struct ring *ring = &t->ring[which];
	struct record *r = record_at(ring, ring->tail);
	struct entry_call *call;

	if (r->len == 0) {
		ring->tail += ring->size - ring->tail % ring->size;
		return;
	}
	call = &t->calls[r->call];
	call->first[which] = r->next;
	if (r->next == NOWHERE)
		call->last[which] = NOWHERE;
	ring->tail += r->len;
	t->n_now--;
	if (which == ALL && call->failed)
		ring_append(t, FAILED, r, r->bytes);
	else if (is_empty(call) && !call->held)
		call_drop(t, r->call);
}

/* Copies a record to the end of a ring; there is room for it in any ring. */
static void ring_append(
	struct trace *t, unsigned int which, const struct record *head, const char *bytes)
{
	struct ring *ring = &t->ring[which];
	struct entry_call *call = &t->calls[head->call];
	size_t to_wrap = ring->size - ring->head % ring->size;
	uint64_t pos = ring->head;
	bool held = call->held;
	struct record *r;

	/* The room that is made may be that of the call itself. */
	call->held = true;

	if (to_wrap < head->len) {
		while (ring->head + to_wrap + head->len - ring->tail > ring->size)
			ring_evict(t, which);
		record_at(ring, pos)->len = 0;
		pos += to_wrap;
	} else {
		while (ring->head + head->len - ring->tail > ring->size)
			ring_evict(t, which);
	}
	r = record_at(ring, pos);
	*r = *head;
	r->next = NOWHERE;
	memcpy(r->bytes, bytes, head->n);
	ring->head = pos + head->len;
	if (call->last[which] == NOWHERE)
		call->first[which] = pos;
	else
		record_at(ring, call->last[which])->next = pos;
	call->last[which] = pos;
	call->held = held;
	t->n_now++;
}

void trace_put(struct trace *t, const struct trace_msg *msg, struct view call_id, bool begins)
{
	struct record head;
	uint64_t hash;
	uint32_t d, c;

	if (t->limit == 0)
		return;
	hash = hash_of(t, call_id);
	d = dialog_find(t, hash);
	if (d == NONE) {
		if (!begins)
			return;
		c = call_new(t);
		if (c == NONE)
			return;
		d = dialog_new(t, hash, c);
		if (d == NONE) {
			call_drop(t, c);
			return;
		}
	}
	head = (struct record){.len = (uint32_t)((sizeof(head) + msg->bytes.n + 7) & ~(size_t)7),
		.n = (uint32_t)msg->bytes.n,
		.wall_us = msg->wall_us,
		.call = t->dialogs[d].call,
		.dialog = d,
		.local = msg->local,
		.remote = msg->remote,
		.sent = msg->sent,
		.transport = msg->transport};
	t->n_messages++;
	ring_append(t, ALL, &head, msg->bytes.p);
}

/* "Call-ID: value" in a message of our own, which has it in a line of its own and in full. */
struct view trace_call_id(struct view msg)
{
	static const char name[] = "\r\nCall-ID:";
	const char *p = msg.p, *end = msg.p + msg.n;

	while ((p = memchr(p, '\r', (size_t)(end - p)))) {
		size_t left = (size_t)(end - p);
		const char *stop;

		if (left < sizeof(name) || (p[2] == '\r' && p[1] == '\n'))
			break;
		if (memcmp(p, name, sizeof(name) - 1) == 0) {
			p += sizeof(name) - 1;
			stop = memchr(p, '\r', (size_t)(end - p));
			return view_trim((struct view){p, (size_t)((stop ? stop : end) - p)});
		}
		p += 2;
	}
	return (struct view){NULL, 0};
}

static bool starts_with(struct view v, struct view start)
{
	return v.n >= start.n && memcmp(v.p, start.p, start.n) == 0;
}

void trace_put_sent(struct trace *t, const struct trace_msg *msg)
{
	struct view call_id;

	if (t->limit == 0)
		return;
	call_id = trace_call_id(msg->bytes);
	if (call_id.n > 0)
		trace_put(t, msg, call_id,
			starts_with(msg->bytes, VIEW("INVITE ")) ||
				starts_with(msg->bytes, VIEW("BYE ")) ||
				starts_with(msg->bytes, VIEW("ACK ")));
}

/* ---- reading ---- */

static int by_time(const void *a, const void *b)
{
	const struct trace_msg *x = a, *y = b;

	return x->wall_us < y->wall_us ? -1 : x->wall_us > y->wall_us;
}

unsigned int trace_read(
	const struct trace *t, uint64_t id, struct trace_msg *ret_msgs, unsigned int max)
{
	unsigned int n = 0, n_calls = 0;

	if (t->limit == 0)
		return 0;
	for (uint32_t c = t->by_id[id & (t->n_buckets - 1)]; c != NONE; c = t->calls[c].next) {
		if (t->calls[c].id != id)
			continue;
		n_calls++;
		for (int which = FAILED; which >= ALL; which--) {
			uint64_t pos = t->calls[c].first[which];

			while (pos != NOWHERE) {
				const struct record *r = record_at(&t->ring[which], pos);

				if (n++ < max)
					ret_msgs[n - 1] = (struct trace_msg){.wall_us = r->wall_us,
						.local = r->local,
						.remote = r->remote,
						.sent = r->sent,
						.transport = r->transport,
						.leg = t->dialogs[r->dialog].leg,
						.bytes = {r->bytes, r->n}};
				pos = r->next;
			}
		}
	}
	if (n_calls > 1)
		qsort(ret_msgs, n < max ? n : max, sizeof(*ret_msgs), by_time);
	return n;
}

/* ---- making ---- */

struct trace *trace_new(void)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	secret_random(t->key, sizeof(t->key));
	forget_all(t);
	return t;
}

static void rings_free(struct trace *t)
{
	for (unsigned int i = 0; i < N_RINGS; i++) {
		if (t->ring[i].base)
			munmap(t->ring[i].base, t->ring[i].size);
		t->ring[i] = (struct ring){0};
	}
	free(t->calls);
	free(t->dialogs);
	free(t->by_hash);
	t->by_hash = t->by_id = NULL;
	t->calls = NULL;
	t->dialogs = NULL;
	t->limit = 0;
	forget_all(t);
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	rings_free(t);
	free(t);
}

int trace_limit(struct trace *t, size_t octets)
{
	if (octets == t->limit)
		return 0;
	rings_free(t);
	if (octets == 0)
		return 0;
	if (octets < TRACE_LIMIT_MIN)
		octets = TRACE_LIMIT_MIN;
	t->n_buckets = BUCKETS_MIN;
	while (t->n_buckets < octets / 4096 && t->n_buckets < BUCKETS_MAX)
		t->n_buckets *= 2;
	t->by_hash = malloc(2 * t->n_buckets * sizeof(*t->by_hash));
	if (!t->by_hash)
		return -ENOMEM;
	t->by_id = t->by_hash + t->n_buckets;
	forget_all(t);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		size_t size = octets / N_RINGS & ~(size_t)7;
		void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (base == MAP_FAILED) {
			rings_free(t);
			return -ENOMEM;
		}
		/* Signalling that ends by SIGSEGV or SIGABRT leaves no strangers' calls in its core. */
		(void)madvise(base, size, MADV_DONTDUMP);
		t->ring[i] = (struct ring){.base = base, .size = size};
	}
	t->limit = octets;
	return 0;
}

void trace_stats(const struct trace *t, struct trace_stats *ret)
{
	*ret = (struct trace_stats){.n_messages = t->n_messages,
		.n_now = t->n_now,
		.n_calls = t->calls_now,
		.octets = t->ring[ALL].head - t->ring[ALL].tail,
		.octets_failed = t->ring[FAILED].head - t->ring[FAILED].tail};
}
