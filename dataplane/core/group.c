/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control thread's side of the workers: see worker.h. */
#include "dataplane/core/mcore.h"
#include "dataplane/core/tap.h"

#include "controlplane/base/secret.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NAME_MAX_LEN	     8
#define SPIN_US_DEFAULT	     50
#define MAX_SLEEP_US_DEFAULT 2000
#define SLEEP_US_LIMIT	     100000
#define HALF_PORTS	     32768u

/* Until limen-control has said otherwise. */
static const struct dp_police police_default = {
	.class =
		{
#define X(sym, word, rate, source_rate, text) {rate, source_rate},
			DP_POLICE(X)
#undef X
		},
	.n_sip_ports = 2,
	.sip_ports = {5060, 5061},
};

static struct rte_ring *ring_new(const struct worker_group_conf *conf, const char *kind,
	uint32_t from, uint32_t to, unsigned int count, unsigned int esize)
{
	char name[RTE_RING_NAMESIZE];
	unsigned int flags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;

	snprintf(name, sizeof(name), "%s_%s_%u_%u", conf->name, kind, from, to);
	if (esize == sizeof(void *))
		return rte_ring_create(name, count, conf->socket_id, flags);
	return rte_ring_create_elem(name, esize, count, conf->socket_id, flags);
}

/* The mail of all threads, media cores after workers. */
static int mail_rings_new(const struct worker_group_conf *conf, struct worker_group *g)
{
	for (uint32_t i = 0; i < g->n_workers + g->n_mcores; i++) {
		struct thread_mail *t = &g->threads[i];
		/* one more than may be in flight: the STOP of worker_group_stop() */
		t->mailbox = ring_new(conf, "mail", 0, i, WORKER_MAILBOX + 1, sizeof(void *));
		t->completions = ring_new(conf, "done", i, 0, WORKER_MAILBOX, sizeof(void *));
		if (!t->mailbox || !t->completions)
			return -ENOMEM;
	}
	return 0;
}

static int worker_new(const struct worker_group_conf *conf, struct worker_group *g, uint32_t id)
{
	struct worker *w = rte_zmalloc_socket("worker", sizeof(*w), 128, conf->socket_id);
	uint32_t spin_us = conf->spin_us ? conf->spin_us : SPIN_US_DEFAULT;

	if (!w)
		return -ENOMEM;
	g->workers[id] = w;
	w->id = id;
	w->n_workers = g->n_workers;
	w->recip = ((UINT64_C(1) << 32) + g->n_workers - 1) / g->n_workers;
	w->tsc_hz = rte_get_tsc_hz();
	memcpy(w->name_key, g->name_key, sizeof(w->name_key));
	secret_random(w->police.key, sizeof(w->police.key));
	police_configure(&w->police, &police_default, w->tsc_hz);
	w->more = g->more;
	w->stream_stats = conf->stream_stats;
	w->stream_rare = conf->stream_rare;
	w->srtp = g->srtp;
	w->stream_srtp = conf->stream_srtp;
	w->stats = &conf->stats[id];
	if (conf->acl_counts)
		w->acl_counts = conf->acl_counts + (size_t)id * DP_ACLS_MAX * DP_ACL_ROWS;
	if (conf->block_counts)
		w->block_counts = conf->block_counts + (size_t)id * DP_BLOCKS_MAX;
	w->n_streams = conf->n_streams;
	w->n_mcores = conf->n_mcores;
	w->bell.bell = &g->bell;
	w->spin_cycles = w->tsc_hz / 1000000 * spin_us;
	w->max_sleep_us = conf->max_sleep_us ? conf->max_sleep_us : MAX_SLEEP_US_DEFAULT;
	for (uint32_t i = 0; i < DP_PORTS_MAX; i++)
		w->ports[i] = (struct port){
			.index = (uint8_t)i,
			.tx = w->queues[i].tx,
			.tx_slot = w->queues[i].tx_slot,
		};

	int r = srtp_engine_new(&conf->srtp, &w->srtp_engine);
	if (r < 0)
		return r;
	w->inject = ring_new(conf, "inj", 0, id, WORKER_INJECT, sizeof(void *));
	w->mailbox = g->threads[id].mailbox;
	w->completions = g->threads[id].completions;
	w->events = ring_new(conf, "event", id, 0, WORKER_EVENTS, sizeof(struct worker_event));
	w->punt_ring = ring_new(conf, "punt", id, 0, WORKER_PUNT, sizeof(void *));
	w->nat_ring = ring_new(conf, "nat", id, 0, WORKER_NAT, sizeof(struct worker_nat));
	w->tap = tap_ring_new();
	w->digit_ring = ring_new(conf, "digit", id, 0, WORKER_DIGITS, sizeof(struct worker_digit));
	w->pool = conf->pool;
	if (!w->inject || !w->events || !w->punt_ring || !w->nat_ring || !w->tap || !w->digit_ring)
		return -ENOMEM;
	return 0;
}

/* The limits of classes are those of all workers together. */
static void police_join(struct worker_group *g, struct worker *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n_workers; i++)
		if (g->workers[i] != w)
			w->police_others[n++] = &g->workers[i]->police_passed;
	w->police.passed = &w->police_passed;
	w->police.others = w->police_others;
	w->police.n_others = n;
}

/* The hand-over rings from one worker to another. */
static int join(const struct worker_group_conf *conf, struct worker *from, struct worker *to)
{
	from->to_rx[to->id] = to->from_rx[from->id] = ring_new(
		conf, "rx", from->id, to->id, WORKER_HANDOVER, sizeof(void *));
	from->to_tx[to->id] = to->from_tx[from->id] = ring_new(
		conf, "tx", from->id, to->id, WORKER_HANDOVER, sizeof(void *));
	return from->to_rx[to->id] && from->to_tx[to->id] ? 0 : -ENOMEM;
}

/* A media core, with its rings to and from all workers. */
static int mcore_join(const struct worker_group_conf *conf, struct worker_group *g, uint32_t id)
{
	struct mcore *m = mcore_new(conf, g, id);
	const size_t esize = sizeof(struct voice_packet);

	if (!m)
		return -ENOMEM;
	g->mcores[id] = m;
	m->mailbox = g->threads[g->n_workers + id].mailbox;
	m->completions = g->threads[g->n_workers + id].completions;
	m->digit_ring = ring_new(
		conf, "digit", g->n_workers + id, 0, WORKER_DIGITS, sizeof(struct worker_digit));
	m->played = ring_new(conf, "played", id, 0, WORKER_PLAYED, sizeof(struct worker_played));
	if (!m->digit_ring || !m->played)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->n_workers; i++) {
		struct worker *w = g->workers[i];
		m->from_worker[i] = w->to_mcore[id] = ring_new(
			conf, "vin", i, id, MCORE_RING, esize);
		m->to_worker[i] = w->from_mcore[id] = ring_new(
			conf, "vout", id, i, MCORE_RING, esize);
		if (!m->from_worker[i] || !m->to_worker[i])
			return -ENOMEM;
	}
	return 0;
}

static bool conf_ok(const struct worker_group_conf *conf)
{
	return conf->name && strlen(conf->name) <= NAME_MAX_LEN && conf->n_workers >= 1 &&
	       conf->n_workers <= DP_WORKERS_MAX && conf->n_streams >= 1 &&
	       conf->n_streams < SLOT_LINUX && conf->n_streams % DP_LEGS == 0 &&
	       conf->n_mcores <= DP_MCORES_MAX &&
	       (conf->n_mcores == 0 || (conf->mcore_stats && conf->pool)) && conf->stats &&
	       conf->stream_stats && conf->stream_rare && conf->stream_srtp && conf->srtp.cm &&
	       conf->srtp.gcm &&
	       (conf->max_sleep_us <= SLEEP_US_LIMIT || conf->max_sleep_us == UINT32_MAX);
}

int worker_group_new(const struct worker_group_conf *conf, struct worker_group **ret_group)
{
	struct worker_group *g;
	int r = -ENOMEM;

	if (!conf_ok(conf))
		return -EINVAL;
	g = rte_zmalloc_socket(
		"workers", sizeof(*g), _Alignof(struct worker_group), conf->socket_id);
	if (!g)
		return -ENOMEM;
	g->n_workers = conf->n_workers;
	g->n_mcores = conf->n_mcores;
	secret_random(g->name_key, sizeof(g->name_key));
	g->n_streams = conf->n_streams;
	g->socket_id = conf->socket_id;
	g->bell.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (g->bell.fd < 0) {
		r = -errno;
		goto out;
	}
	g->more = rte_zmalloc_socket("streams2",
		sizeof(struct stream_more) * (size_t)conf->n_streams, RTE_CACHE_LINE_SIZE,
		conf->socket_id);
	g->srtp = rte_zmalloc_socket("streams3",
		sizeof(struct stream_srtp) * (size_t)conf->n_streams, RTE_CACHE_LINE_SIZE,
		conf->socket_id);
	if (!g->more || !g->srtp)
		goto out;
	r = mail_rings_new(conf, g);
	if (r < 0)
		goto out;
	for (uint32_t i = 0; i < g->n_workers; i++) {
		r = worker_new(conf, g, i);
		if (r < 0)
			goto out;
	}
	for (uint32_t i = 0; i < g->n_workers; i++)
		police_join(g, g->workers[i]);
	for (uint32_t i = 0; i < g->n_workers; i++) {
		for (uint32_t k = 0; k < g->n_workers; k++) {
			if (i == k)
				continue;
			r = join(conf, g->workers[i], g->workers[k]);
			if (r < 0)
				goto out;
		}
	}
	for (uint32_t i = 0; i < g->n_mcores; i++) {
		r = mcore_join(conf, g, i);
		if (r < 0)
			goto out;
	}
	*ret_group = g;
	return 0;
out:
	worker_group_free(g);
	return r;
}

static void ring_free_frames(struct rte_ring *ring)
{
	void *frame;

	while (ring && rte_ring_sc_dequeue(ring, &frame) == 0)
		rte_pktmbuf_free(frame);
	rte_ring_free(ring);
}

static void ring_free_voice(struct rte_ring *ring)
{
	struct voice_packet packet;

	while (ring && rte_ring_sc_dequeue_elem(ring, &packet, sizeof(packet)) == 0)
		rte_pktmbuf_free(packet.m);
	rte_ring_free(ring);
}

static void worker_free(struct worker *w)
{
	struct worker_nat nat;

	if (!w)
		return;
	while (w->nat_ring && rte_ring_sc_dequeue_elem(w->nat_ring, &nat, sizeof(nat)) == 0)
		rte_pktmbuf_free(nat.frame);
	rte_ring_free(w->nat_ring);
	tap_ring_free(w->tap);
	rte_ring_free(w->digit_ring);
	srtp_engine_free(w->srtp_engine);
	rte_ring_free(w->events);
	ring_free_frames(w->inject);
	ring_free_frames(w->punt_ring);
	for (uint32_t i = 0; i < w->n_workers; i++) {
		ring_free_frames(w->to_rx[i]);
		ring_free_frames(w->to_tx[i]);
	}
	for (uint32_t i = 0; i < w->n_mcores; i++) {
		ring_free_voice(w->to_mcore[i]);
		ring_free_voice(w->from_mcore[i]);
	}
	for (uint32_t i = 0; i < DP_MEDIA_ADDRS_MAX; i++)
		rte_free(w->addrs[i].table);
	rte_free(w);
}

void worker_group_free(struct worker_group *group)
{
	if (!group)
		return;
	for (uint32_t i = 0; i < group->n_mcores; i++) {
		if (group->mcores[i])
			rte_ring_free(group->mcores[i]->digit_ring);
		mcore_free(group->mcores[i]);
	}
	for (uint32_t i = 0; i < group->n_workers; i++)
		worker_free(group->workers[i]);
	for (uint32_t i = 0; i < group->n_workers + group->n_mcores; i++) {
		rte_ring_free(group->threads[i].mailbox);
		rte_ring_free(group->threads[i].completions);
	}
	rte_free(group->more);
	rte_free(group->srtp);
	if (group->bell.fd >= 0)
		close(group->bell.fd);
	rte_free(group);
}

static uint32_t n_threads(const struct worker_group *group)
{
	return group->n_workers + group->n_mcores;
}

/* The first n of them. */
static void stop_threads(struct worker_group *group, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct thread_mail *t = &group->threads[i];
		t->stop_msg = (struct worker_msg){.op = WORKER_STOP, .worker = i};
		rte_ring_sp_enqueue(t->mailbox, &t->stop_msg);
	}
	for (uint32_t i = 0; i < n; i++) {
		rte_eal_wait_lcore(group->threads[i].lcore);
		if (i < group->n_workers)
			group->workers[i]->stop = false;
		else
			group->mcores[i - group->n_workers]->stop = false;
	}
	group->running = false;
}

int worker_group_start(struct worker_group *group, const unsigned int *lcores)
{
	for (uint32_t i = 0; i < n_threads(group); i++) {
		uint32_t core = i - group->n_workers;
		int r = i < group->n_workers
				? rte_eal_remote_launch(worker_main, group->workers[i], lcores[i])
				: rte_eal_remote_launch(mcore_main, group->mcores[core], lcores[i]);
		if (r < 0) {
			stop_threads(group, i);
			return r;
		}
		group->threads[i].lcore = lcores[i];
	}
	group->running = true;
	return 0;
}

void worker_group_stop(struct worker_group *group)
{
	if (group->running)
		stop_threads(group, n_threads(group));
}

unsigned int worker_turn(struct worker_group *group, uint32_t i)
{
	return turn(group->workers[i], rte_rdtsc());
}

unsigned int worker_turn_at(struct worker_group *group, uint32_t i, uint64_t now_tsc)
{
	return turn(group->workers[i], now_tsc);
}

unsigned int mcore_turn(struct worker_group *group, uint32_t i, uint64_t now_tsc)
{
	return mcore_do_turn(group->mcores[i], now_tsc);
}

int worker_post(struct worker_group *group, uint32_t i, struct worker_msg *msg)
{
	struct thread_mail *t = &group->threads[i];

	if (t->in_flight >= WORKER_MAILBOX)
		return -ENOBUFS;
	msg->worker = i;
	msg->result = 0;
	if (msg->op == WORKER_PORT_ATTACH && msg->port.index < DP_PORTS_MAX && msg->port.n_txq)
		group->port_tx_worker[msg->port.index] = msg->port.index %
							 RTE_MIN(group->n_workers,
								 (uint32_t)msg->port.n_txq);
	if (rte_ring_sp_enqueue(t->mailbox, msg) != 0)
		return -ENOBUFS;
	t->in_flight++;
	return 0;
}

/* The mail of a worker that sleeps is done here, see mail_lend(). */
static void mail_of_sleeper(struct worker *w)
{
	uint32_t lent = MAIL_LENT;

	if (rte_ring_empty(w->mailbox) ||
		!atomic_compare_exchange_strong_explicit(&w->mail_hands, &lent, MAIL_TAKEN,
			memory_order_acquire, memory_order_relaxed))
		return;
	while (mailbox_run(w))
		continue;
	w->bell.ring = false; /* who would hear it is here */
	atomic_store_explicit(&w->mail_hands, MAIL_LENT, memory_order_release);
}

unsigned int worker_completions(
	struct worker_group *group, struct worker_msg **ret_msgs, unsigned int max)
{
	unsigned int total = 0;

	for (uint32_t k = 0; k < n_threads(group) && total < max; k++) {
		uint32_t i = group->next_completion++ % n_threads(group);
		struct thread_mail *t = &group->threads[i];
		if (i < group->n_workers)
			mail_of_sleeper(group->workers[i]);
		unsigned int n = rte_ring_sc_dequeue_burst(
			t->completions, (void **)(ret_msgs + total), max - total, NULL);
		t->in_flight -= n;
		total += n;
	}
	return total;
}

uint32_t *worker_table_new(const struct worker_group *group)
{
	size_t rows = (HALF_PORTS + group->n_workers - 1) / group->n_workers;

	return rte_zmalloc_socket(
		"media_addr", rows * sizeof(uint32_t), RTE_CACHE_LINE_SIZE, group->socket_id);
}

void worker_table_free(uint32_t *table)
{
	rte_free(table);
}

struct block_bucket *worker_blocks_new(void)
{
	return rte_zmalloc(
		"blocks", BLOCK_BUCKETS * sizeof(struct block_bucket), RTE_CACHE_LINE_SIZE);
}

void worker_blocks_free(struct block_bucket *buckets)
{
	rte_free(buckets);
}

unsigned int worker_events(
	struct worker_group *group, struct worker_event *ret_events, unsigned int max)
{
	unsigned int total = 0;

	for (uint32_t k = 0; k < group->n_workers && total < max; k++) {
		uint32_t i = group->next_event++ % group->n_workers;
		total += rte_ring_sc_dequeue_burst_elem(group->workers[i]->events,
			ret_events + total, sizeof(*ret_events), max - total, NULL);
	}
	return total;
}

static struct rte_ring *digit_ring(const struct worker_group *group, uint32_t i)
{
	return i < group->n_workers ? group->workers[i]->digit_ring
				    : group->mcores[i - group->n_workers]->digit_ring;
}

unsigned int worker_digits(
	struct worker_group *group, struct worker_digit *ret_digits, unsigned int max)
{
	unsigned int total = 0;

	for (uint32_t k = 0; k < n_threads(group) && total < max; k++) {
		uint32_t i = group->next_digit++ % n_threads(group);
		total += rte_ring_sc_dequeue_burst_elem(digit_ring(group, i), ret_digits + total,
			sizeof(*ret_digits), max - total, NULL);
	}
	return total;
}

unsigned int worker_played(
	struct worker_group *group, struct worker_played *ret_played, unsigned int max)
{
	unsigned int total = 0;

	for (uint32_t k = 0; k < group->n_mcores && total < max; k++) {
		uint32_t i = group->next_played++ % group->n_mcores;
		total += rte_ring_sc_dequeue_burst_elem(group->mcores[i]->played,
			ret_played + total, sizeof(*ret_played), max - total, NULL);
	}
	return total;
}

unsigned int worker_nats(
	struct worker_group *group, struct worker_nat *ret_frames, unsigned int max)
{
	unsigned int total = 0;

	for (uint32_t k = 0; k < group->n_workers && total < max; k++) {
		uint32_t i = group->next_nat++ % group->n_workers;
		total += rte_ring_sc_dequeue_burst_elem(group->workers[i]->nat_ring,
			ret_frames + total, sizeof(*ret_frames), max - total, NULL);
	}
	return total;
}

struct tap_ring *worker_tap(const struct worker_group *group, uint32_t i)
{
	return group->workers[i]->tap;
}

unsigned int worker_punts(
	struct worker_group *group, struct rte_mbuf **ret_frames, unsigned int max)
{
	unsigned int total = 0;

	for (uint32_t k = 0; k < group->n_workers && total < max; k++) {
		uint32_t i = group->next_punt++ % group->n_workers;
		total += rte_ring_sc_dequeue_burst(group->workers[i]->punt_ring,
			(void **)(ret_frames + total), max - total, NULL);
	}
	return total;
}

int worker_inject(struct worker_group *group, uint8_t port, struct rte_mbuf *frame)
{
	struct worker *w = group->workers[group->port_tx_worker[port]];

	frame->port = port;
	return rte_ring_sp_enqueue(w->inject, frame) == 0 ? 0 : -ENOBUFS;
}

int worker_doorbell_fd(const struct worker_group *group)
{
	return group->bell.fd;
}

/*
 * Dekker's pattern with doorbell_ring(): either the worker sees the odd number and rings, or what it
 * has put into a ring before is seen here.
 */
bool worker_doorbell_arm(struct worker_group *group)
{
	uint32_t seq = atomic_load_explicit(&group->bell.asleep_seq, memory_order_relaxed);

	atomic_store_explicit(&group->bell.asleep_seq, (seq + 1) | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	bool empty = true;
	for (uint32_t i = 0; i < n_threads(group); i++)
		empty = empty && rte_ring_empty(group->threads[i].completions) &&
			rte_ring_empty(digit_ring(group, i));
	for (uint32_t i = 0; i < group->n_workers; i++)
		empty = empty && rte_ring_empty(group->workers[i]->events) &&
			rte_ring_empty(group->workers[i]->punt_ring) &&
			rte_ring_empty(group->workers[i]->nat_ring) &&
			!tap_ring_presses(group->workers[i]->tap);
	for (uint32_t i = 0; i < group->n_mcores; i++)
		empty = empty && rte_ring_empty(group->mcores[i]->played);
	if (!empty)
		worker_doorbell_disarm(group);
	return empty;
}

void worker_doorbell_disarm(struct worker_group *group)
{
	uint32_t seq = atomic_load_explicit(&group->bell.asleep_seq, memory_order_relaxed);

	if (seq & 1)
		atomic_store_explicit(&group->bell.asleep_seq, seq + 1, memory_order_relaxed);
}

void worker_group_set_trace(struct worker_group *group, worker_trace_fn trace, void *arg)
{
	for (uint32_t i = 0; i < group->n_workers; i++) {
		group->workers[i]->trace = trace;
		group->workers[i]->trace_arg = arg;
	}
}
