/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See mcore.h. */
#include "dataplane/core/mcore.h"

#include "dataplane/stages/csum.h"
#include "dataplane/transcode/keys.h"
#include "dataplane/transcode/player.h"
#include "dataplane/transcode/room.h"
#include "dataplane/transcode/voice.h"

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

/* ---- when ---- */

static uint64_t due_of(const struct mcore_maker *maker)
{
	if (maker->voice)
		return voice_due_us(maker->voice);
	if (maker->player)
		return player_due_us(maker->player);
	return maker->member ? member_due_us(maker->member) : UINT64_MAX;
}

static void dir_queue(struct mcore *m, struct mcore_dir *d)
{
	mwheel_queue(&m->wheel, &d->item, due_of(&d->maker));
}

static void dir_leave(struct mcore *m, struct mcore_dir *d)
{
	mwheel_leave(&m->wheel, &d->item);
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

	while (unlikely(voice_told(d->maker.voice, &told))) {
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

/* Octets of the RTP packet that is due, or 0. */
static uint32_t tick(struct mcore *m, struct mcore_maker *maker, uint8_t *rtp, uint32_t max)
{
	if (maker->voice)
		return voice_tick(maker->voice, m->now_us, rtp, max, m->stats);
	if (maker->player)
		return player_tick(maker->player, m->now_us, rtp, max, m->stats);
	return member_tick(maker->member, rtp, max, m->stats);
}

static void skip(struct mcore *m, struct mcore_maker *maker)
{
	if (maker->voice)
		voice_skip(maker->voice, m->now_us);
	else if (maker->player)
		player_skip(maker->player, m->now_us);
	else
		member_skip(maker->member);
}

/* The packet that a direction has due. */
static void make(struct mcore *m, struct mcore_dir *d)
{
	const struct mcore_session *s = &m->sessions[d->row];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(m->pool);
	struct voice_packet out = {.m = mbuf, .slot = d->row * DP_LEGS + d->leg, .tag = s->tag};

	if (unlikely(!mbuf)) {
		m->stats->drops[DP_DROP_NO_MBUF]++;
		skip(m, &d->maker);
		return;
	}
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t len = tick(
		m, &d->maker, frame + VOICE_HEADERS, rte_pktmbuf_tailroom(mbuf) - VOICE_HEADERS);
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

/* The end of what was played; without room in the ring it is told a packet time later. */
static void tell_played(struct mcore *m, const struct mcore_dir *d)
{
	struct worker_played played = {
		.slot = d->row * DP_LEGS + d->leg, .tag = m->sessions[d->row].tag};

	if (likely(!player_is_done(d->maker.player, &played.serial)))
		return;
	if (rte_ring_sp_enqueue_elem(m->played, &played, sizeof(played)) != 0)
		return;
	m->bell.ring = true;
	player_told(d->maker.player);
}

static bool is_behind(const struct mcore *m, uint64_t due_us)
{
	/* 0: at once, for the first time */
	return due_us && m->now_us - due_us > MCORE_LAG_US;
}

static void serve_dir(struct mcore *m, struct mcore_dir *d)
{
	uint64_t due_us = due_of(&d->maker);

	if (due_us <= m->now_us) {
		if (unlikely(is_behind(m, due_us))) {
			m->stats->skipped++;
			skip(m, &d->maker);
		} else {
			make(m, d);
		}
		if (d->maker.voice)
			tell_digits(m, d);
		if (d->maker.player)
			tell_played(m, d);
	}
	dir_queue(m, d);
}

/* A frame of a room, after which some of its members have a packet due. */
static void serve_room(struct mcore *m, struct mcore_room *r)
{
	uint64_t due_us = room_due_us(r->room);

	if (due_us <= m->now_us) {
		if (unlikely(is_behind(m, due_us))) {
			m->stats->skipped++;
			room_skip(r->room, m->now_us);
		} else {
			room_tick(r->room, m->now_us, m->stats);
		}
		for (uint32_t i = 0; i < room_n_members(r->room); i++)
			dir_queue(m, member_owner(room_member(r->room, i)));
	}
	mwheel_queue(&m->wheel, &r->item, room_due_us(r->room));
}

/* What is due, a little of it at a time. Returns how many were served. */
static unsigned int serve_due(struct mcore *m)
{
	struct mwheel_item *item;
	unsigned int n = 0;

	while (n < MCORE_TICKS && (item = mwheel_take(&m->wheel, m->now_us))) {
		if (likely(item->kind == MCORE_DIR))
			serve_dir(m, container_of(item, struct mcore_dir, item));
		else
			serve_room(m, container_of(item, struct mcore_room, item));
		n++;
	}
	return n;
}

/* ---- mail ---- */

static struct mcore_room *room_find(struct mcore *m, const struct room *room)
{
	struct mcore_room *r = NULL;

	for (uint32_t i = 0; i < DP_ROOMS_MAX && !r; i++)
		if (m->rooms[i].room == room)
			r = &m->rooms[i];
	return r;
}

/* -ENOSPC: the control thread counts rooms and members, so that there is one too many nowhere. */
static int enter(struct mcore *m, struct mcore_dir *d)
{
	struct room *room = member_room(d->maker.member);
	struct mcore_room *r = room_find(m, room);

	if (!r)
		r = room_find(m, NULL);
	if (!r || room_join(d->maker.member, m->now_us) < 0)
		return -ENOSPC;
	r->room = room;
	mwheel_queue(&m->wheel, &r->item, room_due_us(room));
	return 0;
}

static void leave(struct mcore *m, struct member *member)
{
	struct room *room = member_room(member);
	struct mcore_room *r = room_find(m, room);

	room_leave(member);
	if (room_n_members(room) || !r)
		return;
	mwheel_leave(&m->wheel, &r->item);
	r->room = NULL;
}

static int adopt(struct mcore *m, struct mcore_dir *d, const struct mcore_maker *old)
{
	struct mcore_maker *now = &d->maker;
	bool same_room = now->member && old->member &&
			 member_room(now->member) == member_room(old->member);

	if (now->voice && old->voice)
		voice_adopt(now->voice, old->voice);
	if (now->player && old->player)
		player_adopt(now->player, old->player);
	if (now->member)
		member_set_owner(now->member, d);
	if (same_room)
		room_replace(now->member, old->member);
	else if (old->member)
		leave(m, old->member);
	return now->member && !same_room ? enter(m, d) : 0;
}

static bool is_maker(const struct mcore_maker *maker)
{
	return maker->voice || maker->player || maker->member;
}

/* What the message brings for one direction, for what is there, which the message takes back. */
static int dir_set(struct mcore *m, struct mcore_dir *d, struct mcore_maker *maker)
{
	struct mcore_maker old = d->maker;
	int r;

	dir_leave(m, d);
	m->stats->streams += is_maker(maker);
	m->stats->streams -= is_maker(&old);
	d->maker = *maker;
	*maker = old;
	r = adopt(m, d, &old);
	dir_queue(m, d);
	return r;
}

static int voice_set(struct mcore *m, struct worker_voice *v)
{
	struct mcore_session *s = &m->sessions[v->row];
	int r = 0;

	if (v->worker >= m->n_workers)
		return -EINVAL;
	s->tag = v->tag;
	s->worker = v->worker;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		int one = v->set & 1u << leg ? dir_set(m, &s->dir[leg], &v->from[leg]) : 0;
		r = r ? r : one;
	}
	return r;
}

static int voice_end(struct mcore *m, struct worker_voice *v)
{
	struct mcore_session *s = &m->sessions[v->row];

	if (!s->tag)
		return -ENOENT;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		v->from[leg] = (struct mcore_maker){0};
		(void)dir_set(m, &s->dir[leg], &v->from[leg]);
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
	if (s->tag != press->tag || !d->maker.voice)
		return -ENOENT;
	r = voice_press(d->maker.voice, press->code, press->duration_ms, m->now_us);
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

static void drop_voice(struct mcore *m, struct rte_mbuf *mbuf, enum dp_drop reason)
{
	m->stats->drops[reason]++;
	rte_pktmbuf_free(mbuf);
}

static uint64_t in_us(const struct mcore *m, uint64_t tsc)
{
	return tsc / m->tsc_hz * MICROS + tsc % m->tsc_hz * MICROS / m->tsc_hz;
}

/* To whom a packet is to be given: a member, or else a direction; false: there is nobody. */
static bool give(struct mcore *m, const struct voice_packet *p)
{
	uint32_t row = p->slot / DP_LEGS, leg = p->slot % DP_LEGS;
	struct mcore_session *s = row < m->n_rows ? &m->sessions[row] : NULL;
	const uint8_t *rtp = rte_pktmbuf_mtod(p->m, const uint8_t *);
	uint64_t at_us = in_us(m, p->tsc);

	if (!s || s->tag != p->tag)
		return false;
	struct member *member = s->dir[!leg].maker.member;
	if (member) {
		member_put(member, rtp, p->m->data_len, at_us, m->stats);
		return true;
	}
	struct mcore_dir *d = &s->dir[leg];
	if (!d->maker.voice)
		return false;
	voice_put(d->maker.voice, rtp, p->m->data_len, at_us, m->stats);
	/* what it put there may be due before the rest */
	dir_leave(m, d);
	dir_queue(m, d);
	return true;
}

static void take_one(struct mcore *m, const struct voice_packet *p)
{
	/* The letter about a session is posted before the worker hears of it, so it is here. */
	if (unlikely(!give(m, p)) && !(mail_run(m) && give(m, p))) {
		drop_voice(m, p->m, DP_DROP_VOICE_GONE);
		return;
	}
	m->stats->taken_packets++;
	rte_pktmbuf_free(p->m);
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

	m->sleep_us = m->wheel.n_queued ? NAP_US : RTE_MIN(m->sleep_us * 2, longest);
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
	mwheel_init(&m->wheel);
	for (unsigned int i = 0; i < DP_ROOMS_MAX; i++)
		m->rooms[i].item.kind = MCORE_ROOM;
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
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			struct mcore_maker *maker = &m->sessions[i].dir[leg].maker;
			if (maker->member)
				leave(m, maker->member);
			mcore_maker_free(maker);
		}
	rte_ring_free(m->played);
	rte_free(m->sessions);
	rte_free(m);
}
