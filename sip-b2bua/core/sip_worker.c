/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers: making, the loop, ending. A turn of the loop is: wait and run what is ready, fire what
 * is due, then let the messages out, those to limen-control before those to the wire: a checkpoint
 * or record is on its way before the answer that it belongs to. Before the next turn it rests, and
 * serves once within the rest what limen-control says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "sip-b2bua/core/thread_time.h"
#include "sip-b2bua/core/worker_private.h"

LOG_TOPIC("sip-worker");

/* About 2,000 calls a second and worker: each leaves four transactions, half of them for 32 s. */
#define TRANSACTIONS_DEFAULT 262144
#define STATS_MS	     1000
#define IDLE_MAX_MS	     1000

void worker_time(struct sip_worker *w)
{
	twheel_advance(w->wheel, clock_mono_ms());
}

/* ---- counters ---- */

static void stats_send(struct twheel_timer *timer, void *arg)
{
	struct sip_worker *w = arg;
	const struct sip_txn_counters *txn = sip_txns_counters(w->txns);
	const struct sip_transport_counters *tp = sip_transport_counters(w->transport);
	struct ctl_sip_stats s = w->stats;
	s.rx_retransmissions += txn->rx_retransmissions;
	s.tx_retransmissions += txn->tx_retransmissions;
	s.tx_requests += txn->tx_requests;
	s.tx_responses += txn->tx_responses;
	s.rx_stray += txn->rx_stray;
	s.rx_malformed += tp->rx_bad_frames;
	s.rx_refused += tp->conns_refused;
	s.tx_dropped += tp->tx_dropped + tp->tx_errors;
	s.transactions = txn->n_clients + txn->n_servers;
	s.connections = tp->n_conns;
	s.tls_failed = tp->tls_failed;
	s.dns_queries += resolver_counters(w->resolver)->queries;
	s.dns_failed += resolver_counters(w->resolver)->failed;
	s.ws_refused = tp->ws_refused;
	s.ws_broken = tp->ws_broken;
	worker_trace_stats(w, &s);
	s.conns_accepted = tp->conns_accepted;
	s.conns_opened = tp->conns_opened;
	s.conns_failed = tp->conns_failed;
	s.conns_refused = tp->conns_refused;
	s.conns_aged = tp->conns_idle_closed;
	s.conns_slow = tp->conns_slow_closed;
	s.conns_far_closed = tp->conns_far_closed;
	s.keepalives = tp->rx_keepalives;
	s.stun = tp->rx_stun;
	s.flows_silent = tp->conns_silent;
	s.failovers += txn->next_ways;
	s.hops_named = txn->named;
	s.hops_unknown = txn->unnamed;
	s.large_tcp = txn->large_stream;
	s.large_udp = txn->large_back;
	s.tls_no_name = tp->tls_no_name;
	s.overload_share = (uint64_t)(w->overload.share * 100 + 0.5);
	if (w->ops->gauges != NULL)
		w->ops->gauges(w->app, &s);
	control_stats_send(w, &s);
	names_tell(w);
	control_conns_send(w);
	defence_second(w);
	twheel_start(w->wheel, &w->stats_timer, STATS_MS);
}

static void overload_fired(struct twheel_timer *timer, void *arg)
{
	struct sip_worker *w = arg;
	overload_tick(&w->overload, clock_mono_us(), thread_time_us(w->time_fd));
	atomic_store_explicit(&w->group->refuses[w->id],
		(unsigned int)((1 - w->overload.share) * 100 + 0.5), memory_order_relaxed);
	twheel_start(w->wheel, &w->overload_timer, OVERLOAD_PERIOD_MS);
}

/* ---- the loop ---- */

static void tick(evutil_socket_t fd, short what, void *arg)
{
	worker_time(arg);
}

static void flush(struct sip_worker *w)
{
	worker_time(w);
	control_flush(w);
	sip_transport_flush(w->transport);
}

/* Only the outside waits: what the turn has asked limen-control is answered within the rest. */
static void rest(struct sip_worker *w)
{
	uint64_t now_us = clock_mono_us(), us = pace_turn(&w->pace, now_us);

	if (us == 0)
		return;
	if (control_wait(w, us))
		flush(w);
	pace_until(now_us + us);
}

static void turn(struct sip_worker *w)
{
	rest(w);
	uint64_t wait_ms = twheel_next_ms(w->wheel, IDLE_MAX_MS);
	struct timeval tv = {(time_t)(wait_ms / 1000), (suseconds_t)(wait_ms % 1000) * 1000};
	event_add(w->tick, &tv);
	event_base_loop(w->base, EVLOOP_ONCE);
	flush(w);
}

static void *worker_main(void *arg)
{
	struct sip_worker *w = arg;
	struct sip_workers *group = w->group;
	char name[16];
	snprintf(name, sizeof(name), "sip-%u", w->id);
	pthread_setname_np(pthread_self(), name);
	worker_time(w);
	w->start_rc = w->ops->start(w, group->opts.app_arg, &w->app);
	int rc = w->start_rc;
	sem_post(&group->started);
	if (rc != 0)
		return NULL;
	twheel_start(w->wheel, &w->stats_timer, STATS_MS);
	w->time_fd = thread_time_open();
	overload_init(&w->overload, clock_mono_us(), thread_time_us(w->time_fd));
	pace_init(&w->pace, PACE_REST_US, clock_mono_us());
	control_start(w);
	/* acquire pairs with the release in _stop */
	while (!atomic_load_explicit(&group->stopping, memory_order_acquire))
		turn(w);
	w->ops->stop(w->app);
	control_stop(w);
	sip_transport_flush(w->transport);
	return NULL;
}

/* ---- making and ending ---- */

static void worker_free(struct sip_worker *w)
{
	if (w == NULL)
		return;
	sip_txns_free(w->txns);
	sip_transport_free(w->transport);
	trace_free(w->trace);
	resolver_free(w->resolver);
	cfg_free(w->cfg);
	if (w->tick != NULL)
		event_free(w->tick);
	if (w->wake != NULL)
		event_free(w->wake);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	if (w->time_fd >= 0)
		close(w->time_fd);
	twheel_free(w->wheel);
	if (w->base != NULL)
		event_base_free(w->base);
	secret_wipe(&w->key, sizeof(w->key));
	free(w);
}

static struct sip_worker *worker_new(struct sip_workers *group, unsigned int id)
{
	struct sip_worker *w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);
	uint32_t limit = group->opts.max_transactions;
	if (w == NULL)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->group = group;
	w->ops = group->opts.app;
	w->id = id;
	w->time_fd = -1;
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->base = event_base_new();
	w->wheel = twheel_new(clock_mono_ms());
	if (w->wake_fd < 0 || w->base == NULL || w->wheel == NULL)
		goto fail;
	twheel_timer_init(&w->stats_timer, stats_send, w);
	twheel_timer_init(&w->overload_timer, overload_fired, w);
	w->tick = event_new(w->base, -1, 0, tick, w);
	w->wake = event_new(w->base, w->wake_fd, EV_READ | EV_PERSIST, handover_readable, w);
	w->transport = sip_transport_new(w->base, w->wheel, (uint8_t)id,
		&SIP_TRANSPORT_LIMITS_DEFAULT, &worker_transport_ops, w);
	w->txns = sip_txns_new(w->wheel, &w->key, (uint8_t)id,
		limit != 0 ? limit : TRANSACTIONS_DEFAULT, &worker_txn_user, w);
	w->resolver = resolver_new(w->base, w->wheel, names_changed, w);
	w->trace = trace_new();
	if (!w->tick || !w->wake || !w->transport || !w->txns || !w->trace || !w->resolver ||
		event_add(w->wake, NULL) != 0)
		goto fail;
	return w;
fail:
	worker_free(w);
	return NULL;
}

static int threads_start(struct sip_workers *group)
{
	unsigned int n = group->opts.n_workers;
	for (unsigned int i = 0; i < n; i++) {
		struct sip_worker *w = group->workers[i];
		int rc = pthread_create(&w->thread, NULL, worker_main, w);
		if (rc != 0)
			return -rc;
		w->thread_started = true;
	}
	for (unsigned int i = 0; i < n; i++) {
		while (sem_wait(&group->started) != 0)
			;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (group->workers[i]->start_rc != 0)
			return group->workers[i]->start_rc;
	}
	return 0;
}

int sip_workers_start(const struct sip_workers_opts *opts, struct sip_workers **ret_workers)
{
	unsigned int n = opts->n_workers;
	if (n == 0 || n > SIP_WORKERS_MAX)
		return -EINVAL;
	struct sip_workers *group = calloc(1, sizeof(*group));
	if (group == NULL)
		return -ENOMEM;
	group->opts = *opts;
	secret_random(&group->boot_id, sizeof(group->boot_id));
	sem_init(&group->started, 0, 0);
	int rc = -ENOMEM;
	group->rings = aligned_alloc(64, n * n * sizeof(group->rings[0]));
	group->defence = defence_new();
	if (group->rings == NULL || group->defence == NULL)
		goto fail;
	memset(group->rings, 0, n * n * sizeof(group->rings[0]));
	for (unsigned int i = 0; i < n; i++) {
		group->workers[i] = worker_new(group, i);
		if (group->workers[i] == NULL)
			goto fail;
	}
	rc = threads_start(group);
	if (rc != 0)
		goto fail;
	*ret_workers = group;
	return 0;
fail:
	sip_workers_stop(group);
	return rc;
}

void sip_workers_stop(struct sip_workers *group)
{
	if (group == NULL)
		return;
	atomic_store_explicit(&group->stopping, true, memory_order_release);
	for (unsigned int i = 0; i < group->opts.n_workers; i++) {
		struct sip_worker *w = group->workers[i];
		if (w == NULL || !w->thread_started)
			continue;
		handover_wake(w);
		pthread_join(w->thread, NULL);
	}
	handover_free_all(group);
	for (unsigned int i = 0; i < group->opts.n_workers; i++)
		worker_free(group->workers[i]);
	sem_destroy(&group->started);
	defence_free(group->defence);
	free(group);
}

int sip_worker_tell(struct sip_worker *w, unsigned int to, const void *bytes, size_t n)
{
	return handover_push(w, to, HANDOVER_APP, NULL, bytes, n, 0, 0);
}

void sip_worker_flow_timer(struct sip_worker *w, const struct sip_path *path, uint32_t silent_ms)
{
	if (path->conn_worker == w->id)
		sip_transport_conn_silent(w->transport, path->conn, silent_ms);
	else if (path->conn_worker < w->group->opts.n_workers) /* the next REGISTER says it again */
		(void)handover_push(w, path->conn_worker, HANDOVER_FLOW_TIMER, path, NULL, 0, 0,
			(int)silent_ms);
}

/* ---- access ---- */

struct sip_worker *sip_workers_get(struct sip_workers *workers, unsigned int i)
{
	return i < workers->opts.n_workers ? workers->workers[i] : NULL;
}

unsigned int sip_worker_id(const struct sip_worker *w)
{
	return w->id;
}

unsigned int sip_worker_n(const struct sip_worker *w)
{
	return w->group->opts.n_workers;
}

uint64_t sip_worker_boot_id(const struct sip_worker *w)
{
	return w->group->boot_id;
}

struct event_base *sip_worker_base(const struct sip_worker *w)
{
	return w->base;
}

struct twheel *sip_worker_wheel(const struct sip_worker *w)
{
	return w->wheel;
}

struct sip_txns *sip_worker_txns(const struct sip_worker *w)
{
	return w->txns;
}

struct sip_transport *sip_worker_transport(const struct sip_worker *w)
{
	return w->transport;
}

struct resolver *sip_worker_resolver(const struct sip_worker *w)
{
	return w->resolver;
}

const struct cfg *sip_worker_cfg(const struct sip_worker *w)
{
	return w->cfg;
}

const struct sip_token_key *sip_worker_key(const struct sip_worker *w)
{
	return &w->key;
}

struct trace *sip_worker_trace(const struct sip_worker *w)
{
	return w->trace;
}

struct ctl_sip_stats *sip_worker_stats(struct sip_worker *w)
{
	return &w->stats;
}
