/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop of a worker: mail, ports, packets from other workers, frames from Linux, and sleep
 * when there was nothing of it for a while.
 *
 * Time: one reading of the TSC a turn. The cycles between two readings belong to the earlier
 * turn, which was busy when it handled anything; sleeps are measured apart, so that
 * total = busy + asleep + polling for nothing.
 */
#include "dataplane/core/worker_priv.h"
#include "dataplane/stages/digits.h"
#include "dataplane/stages/stages.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SLEEP_US	 50
#define TIMER_SLACK_NS	 1000
#define MADE_BACKLOG	 512 /* of a media core; older packets are shed */
#define MEDIA_SLEEP_PART 8   /* of the longest sleep, while media flows */
#define QUIET_SLEEPS	 4   /* longest sleeps at a time, after a second without any packet */
#define TAKEN_NAP_NS	 5000
#define REST_US		 150 /* where each burst costs a system call, */
#define REST_BELOW	 16  /* and the last turn had fewer packets than this */

static __rte_noinline void trace_call(struct worker *w, const struct batch *b, enum dp_stage stage)
{
	struct rte_mbuf *frames[WORKER_BURST];

	for (unsigned int i = 0; i < b->n; i++)
		frames[i] = b->pkt[i].m;
	w->trace(w->trace_arg, w->id, stage, frames, b->n);
}

/* After a stage: its figures, and the hook. since: TSC at its start, 0: not sampled. */
static inline uint64_t stage_end(struct worker *w, const struct batch *b, enum dp_stage stage,
	unsigned int n, uint64_t since)
{
	struct dp_stage_stats *stats = &w->stats->stages[stage];

	stats->packets += n;
	if (unlikely(since)) {
		uint64_t now = rte_rdtsc();
		stats->cycles += now - since;
		stats->sampled += n;
		since = now;
	}
	if (unlikely(w->trace != NULL))
		trace_call(w, b, stage);
	return since;
}

/* From guard on, for streams with SRTP: sealed where the other leg has it. */
static uint64_t leave_srtp(struct worker *w, uint64_t t)
{
	struct batch *b = &w->srtp_batch;
	unsigned int n_in;

	if (unlikely(b->flags & (PACKET_EDIT | PACKET_VOICE)))
		stage_edit(w, b);
	n_in = b->n;
	stage_seal(w, b);
	t = stage_end(w, b, DP_STAGE_SEAL, n_in, t);
	n_in = b->n;
	stage_rewrite(w, b);
	t = stage_end(w, b, DP_STAGE_REWRITE, n_in, t);
	b->n = 0;
	return t;
}

/*
 * What the guard has set aside, from being opened to having new headers. It was counted as the
 * guard's when it came there; what the guard does with it now adds to the time of that.
 */
static __rte_noinline uint64_t pipeline_srtp(struct worker *w, uint64_t t)
{
	struct batch *b = &w->srtp_batch;
	unsigned int n_in = b->n;

	b->now = w->now;
	stage_open(w, b);
	t = stage_end(w, b, DP_STAGE_OPEN, n_in, t);
	stage_guard_opened(w, b);
	t = stage_end(w, b, DP_STAGE_GUARD, 0, t);
	return leave_srtp(w, t);
}

/* One burst through all stages. */
static void pipeline(struct worker *w, struct rte_mbuf **frames, unsigned int n, uint8_t in_port)
{
	struct batch *b = &w->batch;
	bool sample = (w->n_batches++ & STAGE_SAMPLE_MASK) == 0;
	uint64_t t = unlikely(sample) ? rte_rdtsc() : 0;
	unsigned int n_in = n, n_punt;

	b->now = w->now;
	stage_classify(w, b, frames, n, in_port);
	t = stage_end(w, b, DP_STAGE_CLASSIFY, n_in, t);
	n_punt = w->n_punt;
	if (likely(b->n)) {
		n_in = b->n;
		stage_lookup(w, b);
		t = stage_end(w, b, DP_STAGE_LOOKUP, n_in, t);
		n_in = b->n;
		stage_guard(w, b);
		t = stage_end(w, b, DP_STAGE_GUARD, n_in, t);
		n_in = b->n + w->srtp_batch.n;
		w->whole = w->srtp_batch.n || (b->flags & PACKET_LAW);
		if (unlikely(w->srtp_batch.n))
			t = pipeline_srtp(w, t);
		if (unlikely(b->flags & (PACKET_EDIT | PACKET_VOICE)))
			stage_edit(w, b);
		stage_rewrite(w, b);
		t = stage_end(w, b, DP_STAGE_REWRITE, b->n, t);
		stage_transmit(w);
		t = stage_end(w, b, DP_STAGE_TRANSMIT, n_in, t);
		w->media_tsc = w->now;
	}
	if (unlikely(n_punt)) {
		b->n = 0;
		stage_punt(w);
		stage_end(w, b, DP_STAGE_PUNT, n_punt, t);
	}
}

static unsigned int poll_ports(struct worker *w)
{
	struct rte_mbuf *frames[WORKER_BURST];
	unsigned int total = 0;

	for (uint32_t i = 0; i < w->n_polls; i++) {
		const struct poll *poll = &w->polls[i];
		unsigned int n = rte_eth_rx_burst(poll->ethdev, poll->queue, frames, WORKER_BURST);
		if (!n)
			continue;
		pipeline(w, frames, n, poll->port);
		w->stats->rx_packets += n;
		w->stats->rx_bytes += w->batch.bytes;
		total += n;
	}
	return total;
}

/* Sheds the oldest when the ring has fallen behind, so that what is served is fresh. */
static unsigned int take(struct worker *w, struct rte_ring *ring, struct rte_mbuf **frames)
{
	unsigned int n, backlog = rte_ring_count(ring);

	if (likely(backlog == 0))
		return 0;
	while (unlikely(backlog > WORKER_BACKLOG)) {
		unsigned int shed = RTE_MIN(backlog - WORKER_BACKLOG, (unsigned int)WORKER_BURST);
		n = rte_ring_sc_dequeue_burst(ring, (void **)frames, shed, NULL);
		w->stats->taken_over += n;
		for (unsigned int i = 0; i < n; i++)
			drop(w, frames[i], DP_DROP_RING_FULL);
		backlog -= shed;
	}
	return rte_ring_sc_dequeue_burst(ring, (void **)frames, WORKER_BURST, NULL);
}

/* Frames that are ready to leave by a port whose queue is this worker's. */
static void send_frames(struct worker *w, struct rte_mbuf **frames, unsigned int n, uint32_t slot)
{
	for (unsigned int i = 0; i < n; i++) {
		struct port *port = &w->ports[frames[i]->port];
		if (likely(port->attached))
			transmit_queue(w, port, frames[i], slot);
		else
			drop(w, frames[i], DP_DROP_NO_PORT);
	}
	stage_transmit(w);
}

static unsigned int poll_others(struct worker *w)
{
	struct rte_mbuf *frames[WORKER_BURST];
	unsigned int n, total = 0;

	for (uint32_t i = 0; i < w->n_workers; i++) {
		if (i == w->id)
			continue;
		n = take(w, w->from_rx[i], frames);
		if (n) {
			w->stats->taken_over += n;
			pipeline(w, frames, n, WORKER_PORT_ANY);
			total += n;
		}
		n = take(w, w->from_tx[i], frames);
		if (n) {
			w->stats->taken_over += n;
			send_frames(w, frames, n, SLOT_NONE);
			total += n;
		}
	}
	return total;
}

/* Sheds the oldest, as take() does. */
static unsigned int poll_mcores(struct worker *w)
{
	struct voice_packet made[WORKER_BURST];
	struct batch *b = &w->batch;
	unsigned int total = 0;

	for (uint32_t i = 0; i < w->n_mcores; i++) {
		unsigned int backlog = rte_ring_count(w->from_mcore[i]);
		unsigned int n = RTE_MIN(backlog, (unsigned int)WORKER_BURST);
		if (likely(n == 0))
			continue;
		n = rte_ring_sc_dequeue_burst_elem(
			w->from_mcore[i], made, sizeof(made[0]), n, NULL);
		b->now = w->now;
		w->srtp_batch.now = w->now;
		stage_made(w, b, made, n, backlog > MADE_BACKLOG);
		if (w->srtp_batch.n)
			leave_srtp(w, 0);
		stage_edit(w, b);
		stage_rewrite(w, b);
		stage_transmit(w);
		w->media_tsc = w->now;
		total += n;
	}
	return total;
}

static unsigned int poll_linux(struct worker *w)
{
	struct rte_mbuf *frames[WORKER_BURST];
	unsigned int n;

	if (likely(rte_ring_empty(w->inject)))
		return 0;
	n = rte_ring_sc_dequeue_burst(w->inject, (void **)frames, WORKER_BURST, NULL);
	w->stats->injected_packets += n;
	send_frames(w, frames, n, SLOT_LINUX);
	return n;
}

/* The doorbell, once for each time the control thread lies down: see worker_doorbell_arm(). */
void doorbell_ring(struct doorbell_use *use)
{
	uint32_t seq;
	uint64_t one = 1;

	use->ring = false;
	/* What was put into the rings must be visible before asleep_seq is read (store, load). */
	atomic_thread_fence(memory_order_seq_cst);
	seq = atomic_load_explicit(&use->bell->asleep_seq, memory_order_relaxed);
	if (!(seq & 1) || seq == use->seq)
		return;
	use->seq = seq;
	/* Can only fail when the counter is at its end, and then the control thread wakes anyway. */
	if (write(use->bell->fd, &one, sizeof(one)) < 0)
		use->seq = 0;
}

unsigned int turn(struct worker *w, uint64_t now)
{
	unsigned int mail = 0, work = 0;

	if (likely(w->turn_tsc)) {
		uint64_t cycles = now - w->turn_tsc;
		w->stats->cycles_total += cycles;
		if (w->turn_busy)
			w->stats->cycles_busy += cycles;
	}
	w->turn_tsc = now;
	w->now = now;
	w->stats->loops++;

	if (unlikely(!rte_ring_empty(w->mailbox)))
		mail = mailbox_run(w);
	work += poll_ports(w);
	if (w->n_workers > 1)
		work += poll_others(w);
	if (w->n_mcores)
		work += poll_mcores(w);
	work += poll_linux(w);
	if (unlikely(digits_wait(w)))
		digits_turn(w);
	if (unlikely(w->bell.ring))
		doorbell_ring(&w->bell);
	w->turn_packets = work > 0;
	w->turn_busy = work + mail > 0;
	return work + mail;
}

/*
 * A worker that will sleep for a while lends its mailbox, and with it the tables that mail is
 * about, to the control thread. There is still one writer at a time: release and acquire of
 * mail_hands hand all of it over and back. Without it each session that comes or goes while no
 * packet is near would wait for this sleep to end, and wake the control thread a second time.
 */
static void mail_lend(struct worker *w)
{
	atomic_store_explicit(&w->mail_hands, MAIL_LENT, memory_order_release);
}

static void mail_take_back(struct worker *w)
{
	static const struct timespec nap = {.tv_nsec = TAKEN_NAP_NS};
	uint32_t lent = MAIL_LENT;

	while (!atomic_compare_exchange_strong_explicit(
		&w->mail_hands, &lent, MAIL_OWN, memory_order_acquire, memory_order_relaxed)) {
		lent = MAIL_LENT;
		nanosleep(&nap, NULL); /* both may share a CPU */
	}
}

/* The longest sleep that is allowed now. */
static uint32_t sleep_longest(const struct worker *w, uint64_t now, bool *ret_media)
{
	*ret_media = now - w->media_tsc < w->tsc_hz;
	if (*ret_media)
		return RTE_MAX(w->max_sleep_us / MEDIA_SLEEP_PART, 1u);
	return now - w->idle_tsc < w->tsc_hz ? w->max_sleep_us : QUIET_SLEEPS * w->max_sleep_us;
}

static void slept(struct worker *w, uint64_t before)
{
	uint64_t after = rte_rdtsc();

	w->stats->sleeps++;
	w->stats->cycles_asleep += after - before;
	w->stats->cycles_total += after - w->turn_tsc;
	w->turn_tsc = after;
}

/*
 * After a turn with few packets, where a burst costs a system call whatever is in it (net_af_packet):
 * more of them share the next one. While packets come fast there is no rest.
 */
static void rest(struct worker *w)
{
	static const struct timespec ts = {.tv_nsec = REST_US * 1000};
	uint64_t before = rte_rdtsc();

	w->stats->cycles_busy += before - w->turn_tsc;
	w->stats->cycles_total += before - w->turn_tsc;
	w->turn_tsc = before;
	nanosleep(&ts, NULL);
	slept(w, before);
}

/* Sleeps longer each time, from FIRST_SLEEP_US on. */
static void back_off(struct worker *w)
{
	uint64_t before = rte_rdtsc();
	uint32_t longest;
	bool media;

	if (!w->idle_tsc) {
		w->idle_tsc = before;
		w->sleep_us = FIRST_SLEEP_US;
	}
	if (before - w->idle_tsc < w->spin_cycles) {
		rte_pause();
		return;
	}
	longest = sleep_longest(w, before, &media);
	struct timespec ts = {.tv_nsec = (long)RTE_MIN(w->sleep_us, longest) * 1000};
	/* While media flows nobody may keep the worker from it, and sleeps are short. */
	if (!media)
		mail_lend(w);
	nanosleep(&ts, NULL);
	if (!media)
		mail_take_back(w);
	slept(w, before);
	w->sleep_us = RTE_MIN(w->sleep_us * 2, QUIET_SLEEPS * w->max_sleep_us);
}

int worker_main(void *arg)
{
	struct worker *w = arg;

	/* Without this the kernel adds 50 us to each sleep. */
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	w->turn_tsc = 0;
	w->idle_tsc = 0;
	while (!w->stop) {
		unsigned int work = turn(w, rte_rdtsc());

		/* Mail does not end a pause: sessions come and go without a packet near. */
		if (w->turn_packets)
			w->idle_tsc = 0;
		if (w->max_sleep_us == UINT32_MAX)
			continue;
		if (!work)
			back_off(w);
		else if (w->turn_packets && w->rests && work < REST_BELOW)
			rest(w);
	}
	return 0;
}
