/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See mcore.h. */
#include "dataplane/core/mcore.h"

#include "dataplane/stages/csum.h"
#include "dataplane/transcode/keys.h"

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <errno.h>
#include <sys/prctl.h>
#include <time.h>

#define MICROS	       1000000u
#define TIMER_SLACK_NS 1000
#define NAP_US	       500   /* while something is due within milliseconds */
#define SLEEP_US_MAX   4000  /* while nothing is */
#define SLEEP_US_EMPTY 16000 /* while there is no session */
#define IPV4_PROTO_UDP 17

/* ---- the wheel ---- */

static void dir_unqueue(struct mcore *m, struct mcore_dir *d, uint64_t slot_ms)
{
	TAILQ_REMOVE(&m->wheel[slot_ms % MCORE_WHEEL], d, link);
	d->queued = false;
	m->n_queued--;
}

/* Its place follows from when it is due; what is late comes next, what is far off comes early. */
static uint64_t dir_slot_ms(const struct mcore *m, uint64_t due_us)
{
	uint64_t ms = due_us / 1000;

	if (ms < m->wheel_ms)
		ms = m->wheel_ms;
	return ms < m->wheel_ms + MCORE_WHEEL ? ms : m->wheel_ms + MCORE_WHEEL - 1;
}

static void dir_queue(struct mcore *m, struct mcore_dir *d)
{
	uint64_t due_us = d->voice ? voice_due_us(d->voice) : UINT64_MAX;

	if (d->queued || due_us == UINT64_MAX)
		return;
	d->slot_ms = dir_slot_ms(m, due_us);
	TAILQ_INSERT_TAIL(&m->wheel[d->slot_ms % MCORE_WHEEL], d, link);
	d->queued = true;
	m->n_queued++;
}

static void dir_leave(struct mcore *m, struct mcore_dir *d)
{
	if (d->queued)
		dir_unqueue(m, d, d->slot_ms);
}

/* ---- packets that are made ---- */

/* Headers as struct voice_packet wants them, before an RTP packet of len octets. */
static void put_headers(uint8_t *frame, uint16_t len)
{
	uint8_t *ip = frame + ETH_HDR_LEN, *udp = ip + IPV4_HDR_LEN;
	uint16_t udp_len = (uint16_t)(len + UDP_HDR_LEN);
	uint16_t ip_len_be = rte_cpu_to_be_16((uint16_t)(udp_len + IPV4_HDR_LEN));
	uint16_t udp_len_be = rte_cpu_to_be_16(udp_len), csum;
	uint8_t tail[4] = {0};
	uint32_t words = len & ~3u;

	memset(frame, 0, VOICE_HEADERS);
	frame[12] = 0x08;
	ip[0] = 0x45;
	memcpy(ip + 2, &ip_len_be, 2);
	ip[9] = IPV4_PROTO_UDP;
	memcpy(udp + 4, &udp_len_be, 2);
	/* of the pseudo header: protocol and length, which the UDP header has once more */
	memcpy(tail, udp + UDP_HDR_LEN + words, len - words);
	csum = csum_fold(csum_add(csum_add((uint64_t)IPV4_PROTO_UDP << 8, udp + UDP_HDR_LEN, words),
				 tail, 4) +
			 2u * udp_len_be);
	csum = (uint16_t)~csum;
	if (csum == 0)
		csum = 0xffff;
	memcpy(udp + 6, &csum, 2);
}

/* ---- digits ---- */

static void tell_digits(struct mcore *m, const struct mcore_dir *d)
{
	struct vp_keys_told told;

	while (unlikely(voice_told(d->voice, &told))) {
		struct worker_digit digit = {.slot = d->row * DP_LEGS + d->leg,
			.mark = m->sessions[d->row].tag,
			.duration_ms = told.duration_ms,
			.code = told.code,
			.core = true,
			.tone = told.tone};
		if (rte_ring_sp_enqueue_elem(m->digit_ring, &digit, sizeof(digit)) == 0)
			m->bell.ring = true;
	}
}

/* The packet that a direction has due. */
static void make(struct mcore *m, struct mcore_dir *d)
{
	const struct mcore_session *s = &m->sessions[d->row];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(m->pool);
	struct voice_packet out = {.m = mbuf, .slot = d->row * DP_LEGS + d->leg, .tag = s->tag};

	if (unlikely(!mbuf)) {
		m->stats->drops[DP_DROP_NO_MBUF]++;
		voice_skip(d->voice, m->now_us);
		return;
	}
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t len = voice_tick(d->voice, m->now_us, frame + VOICE_HEADERS,
		rte_pktmbuf_tailroom(mbuf) - VOICE_HEADERS, m->stats);
	if (len == 0) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	put_headers(frame, (uint16_t)len);
	mbuf->data_len = (uint16_t)(VOICE_HEADERS + len);
	mbuf->pkt_len = mbuf->data_len;
	if (likely(rte_ring_sp_enqueue_elem(m->to_worker[s->worker], &out, sizeof(out)) == 0)) {
		m->stats->made_packets++;
		return;
	}
	m->stats->drops[DP_DROP_VOICE_FULL]++;
	rte_pktmbuf_free(mbuf);
}

static void serve(struct mcore *m, struct mcore_dir *d)
{
	uint64_t due_us = voice_due_us(d->voice);

	if (due_us <= m->now_us) {
		if (unlikely(m->now_us - due_us > MCORE_LAG_US)) {
			m->stats->skipped++;
			voice_skip(d->voice, m->now_us);
		} else {
			make(m, d);
		}
		tell_digits(m, d);
	}
	dir_queue(m, d);
}

/*
 * What is due, a little of it at a time: slots whose time is over, so that everything in one is
 * due. Returns how many directions were served.
 */
static unsigned int serve_due(struct mcore *m)
{
	uint64_t now_ms = m->now_us / 1000;
	unsigned int n = 0;

	if (now_ms >= m->wheel_ms + MCORE_WHEEL)
		m->wheel_ms = now_ms - (MCORE_WHEEL - 1);
	while (m->wheel_ms < now_ms && m->n_queued) {
		struct mcore_dirs *slot = &m->wheel[m->wheel_ms % MCORE_WHEEL];
		struct mcore_dir *d = TAILQ_FIRST(slot);
		if (!d) {
			m->wheel_ms++;
			continue;
		}
		if (n == MCORE_TICKS)
			return n;
		/* comes back at the end of the slot when it is due again at once */
		dir_unqueue(m, d, m->wheel_ms);
		serve(m, d);
		n++;
	}
	if (!m->n_queued && m->wheel_ms < now_ms)
		m->wheel_ms = now_ms;
	return n;
}

/* ---- mail ---- */

/* The directions in the message for those of the session. */
static int voice_set(struct mcore *m, struct worker_voice *v)
{
	struct mcore_session *s = &m->sessions[v->row];

	if (v->worker >= m->n_workers)
		return -EINVAL;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct mcore_dir *d = &s->dir[leg];
		struct voice *old = d->voice;
		dir_leave(m, d);
		if (old && v->from[leg])
			voice_adopt(v->from[leg], old);
		m->stats->streams += !!v->from[leg];
		m->stats->streams -= !!old;
		d->voice = v->from[leg];
		v->from[leg] = old;
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		dir_queue(m, &s->dir[leg]);
	s->tag = v->tag;
	s->worker = v->worker;
	return 0;
}

static int voice_end(struct mcore *m, struct worker_voice *v)
{
	struct mcore_session *s = &m->sessions[v->row];

	if (!s->tag)
		return -ENOENT;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct mcore_dir *d = &s->dir[leg];
		dir_leave(m, d);
		m->stats->streams -= !!d->voice;
		v->from[leg] = d->voice;
		d->voice = NULL;
	}
	s->tag = 0;
	return 0;
}

static int press(struct mcore *m, const struct worker_press *press)
{
	struct mcore_session *s;
	struct mcore_dir *d;
	int r;

	if (press->slot / DP_LEGS >= m->n_rows)
		return -EINVAL;
	s = &m->sessions[press->slot / DP_LEGS];
	d = &s->dir[press->slot % DP_LEGS];
	if (s->tag != press->tag || !d->voice)
		return -ENOENT;
	r = voice_press(d->voice, press->code, press->duration_ms, m->now_us);
	dir_leave(m, d);
	dir_queue(m, d);
	return r;
}

/* Does what is in the mailbox; number of messages. */
static unsigned int mail_run(struct mcore *m)
{
	struct worker_msg *msg;
	unsigned int n = 0;

	while (rte_ring_sc_dequeue(m->mailbox, (void **)&msg) == 0) {
		n++;
		if (msg->op == WORKER_STOP) {
			m->stop = true;
			continue;
		}
		if (msg->op == MCORE_PRESS)
			msg->result = press(m, &msg->press);
		else if (msg->voice.row >= m->n_rows)
			msg->result = -EINVAL;
		else if (msg->op == MCORE_VOICE_SET)
			msg->result = voice_set(m, &msg->voice);
		else if (msg->op == MCORE_VOICE_END)
			msg->result = voice_end(m, &msg->voice);
		else
			msg->result = -EINVAL;
		/* Has room for every message that may be in flight, see worker_post(). */
		rte_ring_sp_enqueue(m->completions, msg);
		m->bell.ring = true;
	}
	return n;
}

/* ---- packets that come ---- */

static struct mcore_dir *find(struct mcore *m, const struct voice_packet *p)
{
	uint32_t row = p->slot / DP_LEGS;
	struct mcore_session *s = row < m->n_rows ? &m->sessions[row] : NULL;

	return s && s->tag == p->tag && s->dir[p->slot % DP_LEGS].voice ? &s->dir[p->slot % DP_LEGS]
									: NULL;
}

static void drop_voice(struct mcore *m, struct rte_mbuf *mbuf, enum dp_drop reason)
{
	m->stats->drops[reason]++;
	rte_pktmbuf_free(mbuf);
}

static uint64_t in_us(const struct mcore *m, uint64_t tsc)
{
	return tsc / m->tsc_hz * MICROS + tsc % m->tsc_hz * MICROS / m->tsc_hz;
}

static void take_one(struct mcore *m, const struct voice_packet *p)
{
	struct mcore_dir *d = find(m, p);

	/* The letter about a session is posted before the worker hears of it, so it is here. */
	if (unlikely(!d) && mail_run(m))
		d = find(m, p);
	if (unlikely(!d)) {
		drop_voice(m, p->m, DP_DROP_VOICE_GONE);
		return;
	}
	voice_put(d->voice, rte_pktmbuf_mtod(p->m, const uint8_t *), p->m->data_len,
		in_us(m, p->tsc), m->stats);
	m->stats->taken_packets++;
	rte_pktmbuf_free(p->m);
	/* what it put there may be due before the rest */
	dir_leave(m, d);
	dir_queue(m, d);
}

static unsigned int take(struct mcore *m, struct rte_ring *ring)
{
	struct voice_packet packets[WORKER_BURST];
	unsigned int n, backlog = rte_ring_count(ring);

	while (unlikely(backlog > MCORE_RING / 2)) {
		unsigned int shed = RTE_MIN(backlog - MCORE_RING / 2, (unsigned int)WORKER_BURST);
		n = rte_ring_sc_dequeue_burst_elem(ring, packets, sizeof(packets[0]), shed, NULL);
		m->stats->rx_packets += n;
		for (unsigned int i = 0; i < n; i++)
			drop_voice(m, packets[i].m, DP_DROP_VOICE_FULL);
		backlog -= shed;
	}
	if (backlog == 0)
		return 0;
	n = rte_ring_sc_dequeue_burst_elem(ring, packets, sizeof(packets[0]), WORKER_BURST, NULL);
	m->stats->rx_packets += n;
	for (unsigned int i = 0; i < n; i++)
		take_one(m, &packets[i]);
	return n;
}

/* ---- the loop ---- */

unsigned int mcore_do_turn(struct mcore *m, uint64_t now_tsc)
{
	unsigned int work = 0;

	if (likely(m->turn_tsc)) {
		uint64_t cycles = now_tsc - m->turn_tsc;
		m->stats->cycles_total += cycles;
		if (m->turn_busy)
			m->stats->cycles_busy += cycles;
	}
	m->turn_tsc = now_tsc;
	m->now_us = in_us(m, now_tsc);
	m->stats->loops++;
	work += mail_run(m);
	for (uint32_t i = 0; i < m->n_workers; i++)
		work += take(m, m->from_worker[i]);
	work += serve_due(m);
	if (unlikely(m->bell.ring))
		doorbell_ring(&m->bell);
	m->turn_busy = work > 0;
	return work;
}

static void rest(struct mcore *m)
{
	uint64_t before = m->turn_tsc, after;

	uint32_t longest = m->stats->streams ? SLEEP_US_MAX : SLEEP_US_EMPTY;

	m->sleep_us = m->n_queued ? NAP_US : RTE_MIN(m->sleep_us * 2, longest);
	struct timespec ts = {.tv_nsec = (long)m->sleep_us * 1000};
	nanosleep(&ts, NULL);
	after = rte_rdtsc();
	m->stats->sleeps++;
	m->stats->cycles_asleep += after - before;
	m->stats->cycles_total += after - before;
	m->turn_tsc = after;
}

int mcore_main(void *arg)
{
	struct mcore *m = arg;

	/* Without this the kernel adds 50 us to each sleep. */
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	m->turn_tsc = 0;
	m->sleep_us = NAP_US;
	while (!m->stop) {
		if (!mcore_do_turn(m, rte_rdtsc()))
			rest(m);
		else
			m->sleep_us = NAP_US / 2;
	}
	return 0;
}

struct mcore *mcore_new(
	const struct worker_group_conf *conf, struct worker_group *group, uint32_t id)
{
	struct mcore *m = rte_zmalloc_socket("mcore", sizeof(*m), 128, conf->socket_id);

	if (!m)
		return NULL;
	m->id = id;
	m->n_workers = conf->n_workers;
	m->n_rows = conf->n_streams / DP_LEGS;
	m->tsc_hz = rte_get_tsc_hz();
	m->pool = conf->pool;
	m->stats = &conf->mcore_stats[id];
	m->bell.bell = &group->bell;
	for (unsigned int i = 0; i < MCORE_WHEEL; i++)
		TAILQ_INIT(&m->wheel[i]);
	m->sessions = rte_zmalloc_socket("mcore_rows", sizeof(*m->sessions) * (size_t)m->n_rows,
		RTE_CACHE_LINE_SIZE, conf->socket_id);
	if (!m->sessions) {
		rte_free(m);
		return NULL;
	}
	for (uint32_t i = 0; i < m->n_rows; i++)
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			m->sessions[i].dir[leg].row = i;
			m->sessions[i].dir[leg].leg = (uint8_t)leg;
		}
	return m;
}

void mcore_free(struct mcore *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n_rows; i++)
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			voice_free(m->sessions[i].dir[leg].voice);
	rte_free(m->sessions);
	rte_free(m);
}
