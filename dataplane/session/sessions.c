/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See sessions.h. What a request changes is decided and written here at once; the workers follow,
 * in the order of the letters. A row whose session was removed keeps its slots until both of its
 * streams came back, so a slot never has two users.
 */
#include "dataplane/session/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "dataplane/session/check.h"
#include "dataplane/session/keys.h"
#include "dataplane/session/placing.h"
#include "dataplane/session/store.h"
#include "dataplane/session/voices.h"

LOG_TOPIC("session");

#define SWEEPS_MAX     8
#define ROWS_PER_TURN  256
#define LETTERS_SPARED 1024 /* background work leaves these to requests */
#define LETTERS_MAX    (DP_LEGS + 1)

/* A request under way: one letter for each stream, and one for the media core. */
struct op {
	struct session_ticket ticket;
	struct sessions *ss;
	struct row *row;
	bool answer; /* false: background work, nobody waits */
	bool removes;
	unsigned int n_left;
	int status;
	struct dp_session_final final;
	struct op *next;
};

TAILQ_HEAD(row_queue, row);

struct sessions {
	struct sessions_conf conf;
	struct store *store;
	struct twheel *wheel;
	struct op *ops, *free_ops; /* as many as there are letters: one has one or two of those */
	uint32_t next_epoch, next_tag, next_voice;
	struct placing placing;
	struct row_queue dirty, doomed;
	bool walk; /* routes changed: look at every row */
	uint32_t walk_next;
	struct session_ticket sweeps[SWEEPS_MAX];
	unsigned int n_sweeps;
	uint32_t n_doomed;
	uint64_t now_ms, now_tsc;
	struct reports reports;
};

static void silence_fire(struct twheel_timer *timer, void *arg);

int sessions_new(const struct sessions_conf *conf, uint64_t now_ms, struct sessions **ret_sessions)
{
	struct sessions *ss = calloc(1, sizeof *ss);
	if (!ss)
		return -ENOMEM;
	ss->conf = *conf;
	ss->next_epoch = 1;
	ss->next_tag = 1;
	placing_init(&ss->placing, conf->n_mcores, conf->mcore_loads);
	ss->now_ms = now_ms;
	TAILQ_INIT(&ss->dirty);
	TAILQ_INIT(&ss->doomed);
	unsigned int n_ops = mail_n_free(conf->mail);
	ss->store = store_new(conf->max_sessions);
	ss->wheel = twheel_new(now_ms);
	ss->ops = calloc(n_ops, sizeof *ss->ops);
	if (!ss->store || !ss->wheel || !ss->ops) {
		sessions_free(ss);
		return -ENOMEM;
	}
	reports_init(&ss->reports, &(struct reports_conf){.mail = conf->mail,
					   .wheel = ss->wheel,
					   .frame = conf->ops->frame,
					   .ntp = conf->ops->ntp,
					   .arg = conf->arg,
					   .seed = conf->seed});
	for (unsigned int i = 0; i < n_ops; i++) {
		ss->ops[i].next = ss->free_ops;
		ss->free_ops = &ss->ops[i];
	}
	*ret_sessions = ss;
	return 0;
}

void sessions_free(struct sessions *ss)
{
	if (!ss)
		return;
	for (uint32_t i = 0; ss->store && i < store_n_used(ss->store); i++)
		keys_free(store_row(ss->store, i));
	store_free(ss->store);
	twheel_free(ss->wheel);
	free(ss->ops);
	free(ss);
}

uint32_t sessions_n(const struct sessions *ss)
{
	return store_n_live(ss->store);
}

static uint32_t slot_of(const struct sessions *ss, const struct row *row, unsigned int leg)
{
	return store_index(ss->store, row) * DP_LEGS + leg;
}

/* ---- ways: where to send, and by which next hop ---- */

/* What was learned goes before what was configured; an address that is derived (RTP port + 1) is
 * left to stream_build(). */
static struct ipaddr way_remote(const struct row *row, unsigned int leg, unsigned int kind)
{
	const struct dp_leg *conf = &row->conf.leg[leg];
	const struct row_leg *rl = &row->leg[leg];
	/* Before the far end said where it is, nobody is sent anything on the strength of having sent. */
	if (conf->flags & DP_LEG_LATCH && ipaddr_is_set(&conf->remote_rtp)) {
		if (ipaddr_is_set(&rl->learned[kind]))
			return rl->learned[kind];
		/* Where RTP came from, RTCP is next to it and not where SDP said. */
		if (kind == STREAM_RTCP && ipaddr_is_set(&rl->learned[STREAM_RTP]))
			return (struct ipaddr){0};
	}
	return kind == STREAM_RTP ? conf->remote_rtp : conf->remote_rtcp;
}

static struct stream_hop way_hop(const struct sessions *ss, const struct mirror_hop *from)
{
	struct stream_hop hop = {0};
	if (!from || !from->resolved)
		return hop;
	if (!ss->conf.ops->egress(ss->conf.arg, from->ifindex, &hop.port, hop.src_mac))
		return (struct stream_hop){0};
	memcpy(hop.dst_mac, from->mac, sizeof hop.dst_mac);
	hop.ready = true;
	return hop;
}

/* Looks up everything towards a leg anew. True when the workers must hear of it. */
static bool leg_resolve(struct sessions *ss, struct row *row, unsigned int leg)
{
	bool changed = false;
	for (unsigned int kind = 0; kind < STREAM_KINDS; kind++) {
		struct row_way *w = &row->leg[leg].way[kind];
		struct ipaddr remote = way_remote(row, leg, kind);
		if (ipaddr_is_set(&remote))
			/* Without a way the hop is not ready, and packets are counted so. */
			(void)mirror_user_set(ss->conf.mirror, &w->user, &remote);
		else
			mirror_user_clear(ss->conf.mirror, &w->user);
		struct stream_hop hop = way_hop(ss, w->user.hop);
		if (memcmp(&hop, &w->hop, sizeof hop) != 0 || !ipaddr_equal(&remote, &w->remote))
			changed = true;
		w->hop = hop;
		w->remote = remote;
	}
	return changed;
}

static void row_clear_ways(struct sessions *ss, struct row *row)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		for (unsigned int kind = 0; kind < STREAM_KINDS; kind++)
			mirror_user_clear(ss->conf.mirror, &row->leg[leg].way[kind].user);
}

/* ---- letters ---- */

static struct op *op_new(struct sessions *ss, struct row *row, const struct session_ticket *ticket,
	unsigned int n_letters)
{
	struct op *op = ss->free_ops;
	ss->free_ops = op->next;
	*op = (struct op){.ss = ss, .row = row, .n_left = n_letters, .answer = ticket != NULL};
	if (ticket)
		op->ticket = *ticket;
	op->final.id = row->conf.id;
	return op;
}

static void op_free(struct op *op)
{
	op->next = op->ss->free_ops;
	op->ss->free_ops = op;
}

static void op_answer(struct op *op, const void *body, size_t len)
{
	const struct sessions_conf *c = &op->ss->conf;
	if (op->answer)
		c->ops->done(c->arg, &op->ticket, op->status, op->status ? NULL : body,
			op->status ? 0 : len);
}

static void row_doom(struct sessions *ss, struct row *row)
{
	if (row->doomed)
		return;
	row->doomed = true;
	TAILQ_INSERT_TAIL(&ss->doomed, row, doomed_link);
	ss->n_doomed++;
}

static void op_set_done(struct op *op)
{
	if (op->status && op->row->state == ROW_LIVE)
		row_doom(op->ss, op->row);
	struct dp_session_reply reply = {.id = op->row->conf.id};
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		reply.stream[leg] = slot_of(op->ss, op->row, leg);
	op_answer(op, &reply, sizeof reply);
}

/* One of its letters came back. */
static void op_step(struct op *op)
{
	if (--op->n_left)
		return;
	if (op->removes) {
		store_release(op->ss->store, op->row);
		op_answer(op, &op->final, sizeof op->final);
	} else {
		op_set_done(op);
	}
	op_free(op);
}

static void on_set(struct letter *l, void *arg)
{
	struct op *op = arg;
	keys_returned(op->row, l->msg.set.returned);
	if (l->msg.result) {
		/* Both sides keep the same books; a difference is ours to repair. */
		log_err("session %llu: a worker refused its stream: %s",
			(unsigned long long)op->row->conf.id, strerror(-l->msg.result));
		op->status = l->msg.result;
	}
	op_step(op);
}

static void on_unlinked(struct letter *l, void *arg)
{
	struct op *op = arg;
	struct sessions *ss = op->ss;
	unsigned int leg = l->msg.unlink.slot % DP_LEGS;
	stream_sum(&l->msg.unlink.stats, &l->msg.unlink.rare, ss->now_tsc, ss->conf.tsc_hz,
		&op->final.from[leg]);
	op->final.from[leg].latched = l->msg.unlink.learned[STREAM_RTP];
	const struct dp_stream_srtp *srtp = &l->msg.unlink.srtp;
	op->final.srtp_rx[leg] = dp_srtp_state_of(&srtp->rx, &srtp->rx_rtcp);
	op->final.srtp_tx[!leg] = dp_srtp_state_of(&srtp->tx, &srtp->tx_rtcp);
	keys_returned(op->row, l->msg.unlink.returned);
	op_step(op);
}

/* The media core has taken the new directions, and given back what it had. */
static void on_voice(struct letter *l, void *arg)
{
	struct op *op = arg;
	if (l->msg.result) {
		log_err("session %llu: a media core refused it: %s",
			(unsigned long long)op->row->conf.id, strerror(-l->msg.result));
		if (!op->removes)
			op->status = l->msg.result;
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		voice_free(l->msg.voice.from[leg]);
	op_step(op);
}

/* Room for the letters was reserved. */
static void post_stream(
	struct sessions *ss, struct row *row, unsigned int leg, bool relearn, struct op *op)
{
	struct letter *l = mail_letter(ss->conf.mail, WORKER_STREAM_SET, on_set, op);
	struct stream_args args = {
		.session = &row->conf,
		.leg = leg,
		.addr_index = row->leg[leg].addr_index,
		.epoch = row->leg[leg].epoch,
		.tsc_hz = ss->conf.tsc_hz,
		.voice = {.tag = row->voice.tag,
			.core = row->voice.core,
			.ssrc = row->voice.ssrc[leg],
			.ts = row->voice.ts,
			.seq = row->voice.seq},
	};
	for (unsigned int kind = 0; kind < STREAM_KINDS; kind++) {
		args.out[kind].remote = row->leg[!leg].way[kind].remote;
		args.out[kind].hop = row->leg[!leg].way[kind].hop;
	}
	l->msg.set.slot = slot_of(ss, row, leg);
	l->msg.set.relearn = relearn;
	l->msg.set.srtp = (struct stream_srtp){row->leg[leg].rx, row->leg[!leg].tx};
	l->msg.set.rx_state = row->conf.srtp_rx[leg];
	l->msg.set.tx_state = row->conf.srtp_tx[!leg];
	l->msg.set.tx_anew = row->leg[!leg].tx_anew;
	row->leg[!leg].tx_anew = false;
	if (stream_build(&args, &l->msg.set.conf))
		abort(); /* session_check() is stricter */
	mail_post(ss->conf.mail, row->worker, l);
}

static void post_unlink(struct sessions *ss, struct row *row, struct op *op)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct letter *l = mail_letter(
			ss->conf.mail, WORKER_STREAM_UNLINK, on_unlinked, op);
		l->msg.unlink.slot = slot_of(ss, row, leg);
		mail_post(ss->conf.mail, row->worker, l);
	}
}

/* To which legs the box reports by itself. */
static void follow_reports(struct sessions *ss, struct row *row, bool live)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		reports_follow(&ss->reports, &row->leg[leg].report, row->worker,
			slot_of(ss, row, leg), live && row->conf.leg[leg].flags & DP_LEG_RTCP_OWN);
}

static int refuse(const struct dp_session *conf, int err, const char *why)
{
	log_debug("session %llu refused: %s", (unsigned long long)conf->id,
		why ? why : strerror(-err));
	return err;
}

/* ---- voice ---- */

/* For a session whose present one is old (NULL: none). ret->from is all NULL when nothing is
 * to be told to a media core. */
static int voices_prepare(struct sessions *ss, const struct dp_session *old,
	const struct dp_session *conf, struct voices *ret)
{
	*ret = (struct voices){0};
	if (!voices_needed(conf) || !voices_differ(old, conf))
		return 0;
	int err = voices_new(conf, &ss->next_voice, ret);
	return err ? refuse(conf, err, "its codecs cannot be set up like that") : 0;
}

/* How many letters voice_post() will write. */
static unsigned int voice_letters(const struct row *row, const struct voices *v)
{
	bool ends = row->voice.live && !voices_needed(&row->conf);
	return v->from[0] || v->from[1] || ends;
}

static void voice_letter(
	struct sessions *ss, struct row *row, enum worker_op what, struct voices *v, struct op *op)
{
	struct letter *l = mail_letter(ss->conf.mail, what, on_voice, op);
	l->msg.voice.row = store_index(ss->store, row);
	l->msg.voice.tag = row->voice.tag;
	l->msg.voice.worker = row->worker;
	for (unsigned int leg = 0; leg < DP_LEGS && v; leg++)
		l->msg.voice.from[leg] = v->from[leg];
	mail_post(ss->conf.mail, ss->conf.n_workers + row->voice.core, l);
}

static void voice_begin(struct sessions *ss, struct row *row)
{
	row->voice = (struct row_voice){.live = true, .core = placing_take(&ss->placing)};
	row->voice.tag = ss->next_tag++;
	if (!row->voice.tag)
		row->voice.tag = ss->next_tag++; /* 0 is none */
	secret_random(row->voice.ssrc, sizeof row->voice.ssrc);
	secret_random(&row->voice.ts, sizeof row->voice.ts);
	secret_random(&row->voice.seq, sizeof row->voice.seq);
}

/* Before the streams are told: then the media core knows the first packet of theirs. */
static void voice_post(struct sessions *ss, struct row *row, struct voices *v, struct op *op)
{
	if (!v->from[0] && !v->from[1])
		return;
	if (!row->voice.live)
		voice_begin(ss, row);
	voice_letter(ss, row, MCORE_VOICE_SET, v, op);
}

/* After they were told. */
static void voice_end(struct sessions *ss, struct row *row, struct op *op)
{
	if (!row->voice.live)
		return;
	row->voice.live = false;
	placing_release(&ss->placing, row->voice.core);
	voice_letter(ss, row, MCORE_VOICE_END, NULL, op);
}

/* ---- requests ---- */

/* The local ends: known addresses, ports in range and not another session's (self may be NULL). */
static int locals_check(const struct sessions *ss, const struct dp_session *conf,
	const struct row *self, uint8_t ret_index[DP_LEGS])
{
	uint8_t index[DP_LEGS];
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct dp_leg *l = &conf->leg[leg];
		uint16_t port = ipaddr_port(&l->local);
		uint16_t last = port + !(l->flags & DP_LEG_RTCP_MUX);
		if (addrs_find(ss->conf.addrs, &l->local, &index[leg]) ||
			!addrs_port_ok(ss->conf.addrs, index[leg], port) ||
			!addrs_port_ok(ss->conf.addrs, index[leg], last))
			return -EADDRNOTAVAIL;
		uint32_t slot = addrs_port_owner(ss->conf.addrs, index[leg], port);
		if (slot != ADDRS_SLOT_NONE &&
			(!self || slot / DP_LEGS != store_index(ss->store, self)))
			return -EADDRINUSE;
	}
	memcpy(ret_index, index, sizeof index);
	return 0;
}

static void locals_take(struct sessions *ss, struct row *row, const uint8_t index[DP_LEGS])
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		row->leg[leg].addr_index = index[leg];
		addrs_port_take(ss->conf.addrs, index[leg], ipaddr_port(&row->conf.leg[leg].local),
			slot_of(ss, row, leg));
	}
}

static void locals_release(struct sessions *ss, struct row *row)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		addrs_port_release(ss->conf.addrs, row->leg[leg].addr_index,
			ipaddr_port(&row->conf.leg[leg].local));
}

/* The first moment at which a leg can be called silent; UINT64_MAX: it cannot. */
static uint64_t silence_due_ms(
	const struct sessions *ss, const struct row *row, unsigned int leg, uint64_t *ret_last_tsc)
{
	const struct dp_leg *c = &row->conf.leg[leg];
	if (!(c->flags & DP_LEG_RECV) || !c->timeout_ms)
		return UINT64_MAX;
	uint32_t slot = slot_of(ss, row, leg);
	uint64_t rtp = __atomic_load_n(&ss->conf.stream_stats[slot].last_rx_tsc, __ATOMIC_RELAXED);
	uint64_t rtcp = __atomic_load_n(
		&ss->conf.stream_rare[slot].last_rtcp_tsc, __ATOMIC_RELAXED);
	uint64_t last_tsc = rtp > rtcp ? rtp : rtcp;
	*ret_last_tsc = last_tsc;
	uint64_t since_ms = row->leg[leg].recv_since_ms;
	if (last_tsc) {
		/* A packet may have come since now_tsc was read. */
		uint64_t ago_tsc = ss->now_tsc > last_tsc ? ss->now_tsc - last_tsc : 0;
		uint64_t ago_ms = ago_tsc / (ss->conf.tsc_hz / 1000);
		uint64_t last_ms = ss->now_ms > ago_ms ? ss->now_ms - ago_ms : 0;
		if (last_ms > since_ms)
			since_ms = last_ms;
	}
	return since_ms + c->timeout_ms;
}

static void silence_tell(struct sessions *ss, struct row *row, unsigned int leg)
{
	const struct row_leg *rl = &row->leg[leg];
	struct dp_event event = {
		.session_id = row->conf.id,
		.call_id = row->conf.call_id,
		.leg = leg,
		.addr = rl->learned[STREAM_RTP],
	};
	ss->conf.ops->event(ss->conf.arg, DP_EVENT_TIMEOUT, &event);
}

/* Looks at both legs, tells what is silent (once a silence), and comes back when it may change. */
static void silence_check(struct sessions *ss, struct row *row)
{
	uint64_t next_ms = UINT64_MAX;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct row_leg *rl = &row->leg[leg];
		uint64_t last_tsc = 0;
		uint64_t due_ms = silence_due_ms(ss, row, leg, &last_tsc);
		if (due_ms == UINT64_MAX)
			continue;
		if (rl->silent_told && last_tsc != rl->told_tsc)
			rl->silent_told = false;
		if (due_ms <= ss->now_ms && !rl->silent_told) {
			rl->silent_told = true;
			rl->told_tsc = last_tsc;
			silence_tell(ss, row, leg);
		}
		if (due_ms <= ss->now_ms)
			due_ms = ss->now_ms + row->conf.leg[leg].timeout_ms;
		if (due_ms < next_ms)
			next_ms = due_ms;
	}
	if (next_ms == UINT64_MAX)
		twheel_stop(ss->wheel, &row->timer);
	else
		twheel_start(ss->wheel, &row->timer, next_ms - ss->now_ms);
}

static void silence_fire(struct twheel_timer *timer, void *arg)
{
	struct sessions *ss = arg;
	silence_check(ss, (struct row *)((char *)timer - offsetof(struct row, timer)));
}

/* A leg that begins to receive, or gets another time, starts a new silence. */
static void silence_restart(struct sessions *ss, struct row *row, const struct dp_session *old)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct dp_leg *now = &row->conf.leg[leg];
		if (!old || ((now->flags & ~old->leg[leg].flags) & DP_LEG_RECV) ||
			now->timeout_ms != old->leg[leg].timeout_ms) {
			row->leg[leg].recv_since_ms = ss->now_ms;
			row->leg[leg].silent_told = false;
		}
	}
	silence_check(ss, row);
}

/* A slot may be on its way back from the workers. */
static struct row *row_take(struct sessions *ss, uint64_t id)
{
	uint32_t n_live = store_n_live(ss->store);
	while (!store_n_free(ss->store) && n_live < store_capacity(ss->store)) {
		unsigned int n_free = mail_n_free(ss->conf.mail);
		if (mail_reserve(ss->conf.mail, n_free + 1))
			return NULL;
	}
	return store_take(ss->store, id);
}

static int row_create(
	struct sessions *ss, const struct dp_session *conf, const struct session_ticket *ticket)
{
	uint8_t index[DP_LEGS];
	struct voices voices;
	int err = locals_check(ss, conf, NULL, index);
	if (err)
		return refuse(conf, err, NULL);
	static const struct dp_session plain;
	struct keys keys;
	err = voices_prepare(ss, NULL, conf, &voices);
	if (err)
		return err;
	err = keys_make(ss->conf.srtp, conf, &plain, &keys);
	if (err) {
		voices_free(&voices);
		return refuse(conf, err, "no memory for its keys");
	}
	struct row *row = row_take(ss, conf->id);
	if (!row) {
		keys_drop(&keys);
		voices_free(&voices);
		return refuse(conf, -ENOSPC, "all sessions are in use");
	}
	row->conf = *conf;
	keys_take(row, &keys, (const bool[DP_LEGS]){false, false});
	row->generation = ticket->generation;
	row->worker = dp_port_owner(ipaddr_port(&conf->leg[0].local), ss->conf.n_workers);
	locals_take(ss, row, index);
	twheel_timer_init(&row->timer, silence_fire, ss);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		row->leg[leg].epoch = ss->next_epoch++;
		leg_resolve(ss, row, leg);
	}
	struct op *op = op_new(ss, row, ticket, DP_LEGS + voice_letters(row, &voices));
	voice_post(ss, row, &voices, op);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		post_stream(ss, row, leg, false, op);
	silence_restart(ss, row, NULL);
	follow_reports(ss, row, true);
	return 0;
}

/* What was learned from a leg holds as long as what it was learned in place of. */
static bool leg_relearns(const struct dp_leg *old, const struct dp_leg *now)
{
	return !ipaddr_equal(&old->remote_rtp, &now->remote_rtp) ||
	       !ipaddr_equal(&old->remote_rtcp, &now->remote_rtcp) ||
	       !ipaddr_equal(&old->local, &now->local) ||
	       ((old->flags ^ now->flags) & (DP_LEG_LATCH | DP_LEG_RTCP_MUX));
}

static int row_change(struct sessions *ss, struct row *row, const struct dp_session *conf,
	uint32_t generation, const struct session_ticket *ticket)
{
	uint8_t index[DP_LEGS];
	int err = locals_check(ss, conf, row, index);
	if (err)
		return refuse(conf, err, NULL);
	if (dp_port_owner(ipaddr_port(&conf->leg[0].local), ss->conf.n_workers) != row->worker)
		return refuse(conf, -EXDEV, "the new ports belong to another worker");
	struct voices voices;
	err = voices_prepare(ss, row->voice.live ? &row->conf : NULL, conf, &voices);
	if (err)
		return err;
	struct keys keys;
	err = keys_make(ss->conf.srtp, conf, &row->conf, &keys);
	if (err) {
		voices_free(&voices);
		return refuse(conf, err, "no memory for its keys");
	}
	if (row->doomed) {
		row->doomed = false;
		TAILQ_REMOVE(&ss->doomed, row, doomed_link);
		ss->n_doomed--;
	}
	struct dp_session old = row->conf;
	locals_release(ss, row);
	row->conf = *conf;
	row->generation = generation;
	locals_take(ss, row, index);
	bool relearn[DP_LEGS], moved[DP_LEGS];
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		moved[leg] = !ipaddr_equal(&old.leg[leg].local, &conf->leg[leg].local);
	keys_take(row, &keys, moved);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		relearn[leg] = leg_relearns(&old.leg[leg], &conf->leg[leg]);
		if (relearn[leg]) {
			memset(row->leg[leg].learned, 0, sizeof row->leg[leg].learned);
			row->leg[leg].epoch = ss->next_epoch++;
		}
		leg_resolve(ss, row, leg);
	}
	struct op *op = op_new(ss, row, ticket, DP_LEGS + voice_letters(row, &voices));
	voice_post(ss, row, &voices, op);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		post_stream(ss, row, leg, relearn[leg], op);
	if (!voices_needed(conf))
		voice_end(ss, row, op);
	silence_restart(ss, row, &old);
	follow_reports(ss, row, true);
	secret_wipe(&old, sizeof old);
	return 0;
}

static int put_prepare(struct sessions *ss, const struct dp_session *conf)
{
	const char *why;
	int err = session_check(conf, ss->conf.n_workers, ss->conf.codecs, &why);
	if (err)
		return refuse(conf, err, why);
	return mail_reserve(ss->conf.mail, LETTERS_MAX);
}

/* How far SRTP had come says nothing about what is wanted. */
static bool same_session(const struct dp_session *a, const struct dp_session *b)
{
	return a->call_id == b->call_id && secret_equal(a->leg, b->leg, sizeof a->leg);
}

int sessions_add(
	struct sessions *ss, const struct dp_session *conf, const struct session_ticket *ticket)
{
	int err = put_prepare(ss, conf);
	if (err)
		return err;
	struct row *row = store_find(ss->store, conf->id);
	if (!row)
		return row_create(ss, conf, ticket);
	if (!same_session(&row->conf, conf) && ticket->generation <= row->generation)
		return refuse(conf, -EEXIST, "it exists with other content");
	/* An old control process that says the same does not make the session older. */
	uint32_t generation = ticket->generation > row->generation ? ticket->generation
								   : row->generation;
	return row_change(ss, row, conf, generation, ticket);
}

int sessions_modify(
	struct sessions *ss, const struct dp_session *conf, const struct session_ticket *ticket)
{
	int err = put_prepare(ss, conf);
	if (err)
		return err;
	struct row *row = store_find(ss->store, conf->id);
	if (!row)
		return refuse(conf, -ENOENT, NULL);
	if (ticket->generation < row->generation)
		return refuse(conf, -EEXIST, "a newer control process has it");
	return row_change(ss, row, conf, ticket->generation, ticket);
}

/* The letters were reserved. */
static void row_remove(struct sessions *ss, struct row *row, const struct session_ticket *ticket)
{
	if (row->dirty)
		TAILQ_REMOVE(&ss->dirty, row, dirty_link);
	if (row->doomed) {
		TAILQ_REMOVE(&ss->doomed, row, doomed_link);
		ss->n_doomed--;
	}
	row->dirty = row->doomed = false;
	twheel_stop(ss->wheel, &row->timer);
	follow_reports(ss, row, false);
	row_clear_ways(ss, row);
	locals_release(ss, row);
	store_unlink(ss->store, row);
	struct op *op = op_new(ss, row, ticket, DP_LEGS + row->voice.live);
	op->removes = true;
	post_unlink(ss, row, op);
	voice_end(ss, row, op);
}

int sessions_remove(struct sessions *ss, uint64_t id, const struct session_ticket *ticket)
{
	int err = mail_reserve(ss->conf.mail, LETTERS_MAX);
	if (err)
		return err;
	struct row *row = store_find(ss->store, id);
	if (!row)
		return -ENOENT;
	row_remove(ss, row, ticket);
	return 0;
}

int sessions_sweep(struct sessions *ss, const struct session_ticket *ticket)
{
	if (ss->n_sweeps == SWEEPS_MAX)
		return -EAGAIN;
	for (uint32_t i = 0; i < store_n_used(ss->store); i++) {
		struct row *row = store_row(ss->store, i);
		if (row->state == ROW_LIVE && row->generation < ticket->generation)
			row_doom(ss, row);
	}
	ss->sweeps[ss->n_sweeps++] = *ticket;
	return 0;
}

/* ---- looking ---- */

static void dump_row(
	struct sessions *ss, struct row *row, uint64_t now_tsc, struct dp_dump_row *ret)
{
	*ret = (struct dp_dump_row){
		.session = row->conf,
		.generation = row->generation,
		.worker = row->worker,
	};
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		secret_wipe(ret->session.leg[leg].rx.key, DP_SRTP_KEY_MAX);
		secret_wipe(ret->session.leg[leg].tx.key, DP_SRTP_KEY_MAX);
		uint32_t slot = slot_of(ss, row, leg);
		ret->stream[leg] = slot;
		stream_sum(&ss->conf.stream_stats[slot], &ss->conf.stream_rare[slot], now_tsc,
			ss->conf.tsc_hz, &ret->from[leg]);
		ret->from[leg].latched = row->leg[leg].learned[STREAM_RTP];
	}
}

uint32_t sessions_dump(struct sessions *ss, uint64_t after_id, uint32_t max, uint64_t now_tsc,
	struct dp_dump_row *ret_rows, uint32_t *ret_more)
{
	struct row *rows[IPC_MSG_MAX / sizeof(struct dp_dump_row)];
	bool more;
	if (max > sizeof rows / sizeof rows[0])
		max = sizeof rows / sizeof rows[0];
	uint32_t n = store_page(ss->store, after_id, max, rows, &more);
	for (uint32_t i = 0; i < n; i++)
		dump_row(ss, rows[i], now_tsc, &ret_rows[i]);
	*ret_more = more;
	return n;
}

bool sessions_slot(struct sessions *ss, uint32_t slot, uint64_t *ret_id, unsigned int *ret_leg)
{
	if (slot / DP_LEGS >= store_capacity(ss->store))
		return false;
	const struct row *row = store_row(ss->store, slot / DP_LEGS);
	*ret_id = row->conf.id;
	*ret_leg = slot % DP_LEGS;
	return row->state == ROW_LIVE;
}

const struct dp_leg *sessions_leg(struct sessions *ss, uint64_t id, unsigned int leg)
{
	const struct row *row = store_find(ss->store, id);
	return row && leg < DP_LEGS ? &row->conf.leg[leg] : NULL;
}

/* ---- what happens by itself ---- */

static void row_touch(struct sessions *ss, struct row *row)
{
	if (row->dirty)
		return;
	row->dirty = true;
	TAILQ_INSERT_TAIL(&ss->dirty, row, dirty_link);
}

void sessions_learned(struct sessions *ss, const struct worker_event *event)
{
	unsigned int leg = event->slot % DP_LEGS;
	if (event->slot / DP_LEGS >= store_capacity(ss->store) || event->kind >= STREAM_KINDS)
		return;
	struct row *row = store_row(ss->store, event->slot / DP_LEGS);
	/* Told by a stream that was replaced meanwhile. */
	if (row->state != ROW_LIVE || row->leg[leg].epoch != event->epoch)
		return;
	row->leg[leg].learned[event->kind] = event->learned;
	row_touch(ss, row);
	if (event->kind != STREAM_RTP)
		return;
	struct dp_event told = {
		.session_id = row->conf.id,
		.call_id = row->conf.call_id,
		.leg = leg,
		.addr = event->learned,
	};
	ss->conf.ops->event(ss->conf.arg, DP_EVENT_LATCH, &told);
}

/* The row of an embedded way: rows are one array. */
static struct row *row_of_user(struct sessions *ss, const struct mirror_user *user)
{
	size_t off = (size_t)((const char *)user - (const char *)store_row(ss->store, 0));
	return store_row(ss->store, (uint32_t)(off / sizeof(struct row)));
}

void sessions_hop_changed(struct sessions *ss, struct mirror_hop *hop)
{
	const struct mirror_user *user;
	LIST_FOREACH(user, &hop->users, link)
		row_touch(ss, row_of_user(ss, user));
}

void sessions_routes_changed(struct sessions *ss)
{
	ss->walk = true;
	ss->walk_next = 0;
}

static void row_follow(struct sessions *ss, struct row *row)
{
	bool changed[DP_LEGS];
	unsigned int n = 0;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		n += changed[leg] = leg_resolve(ss, row, leg);
	if (!n)
		return;
	struct op *op = op_new(ss, row, NULL, n);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (changed[leg])
			post_stream(ss, row, !leg, false, op);
}

static bool letters_to_spare(const struct sessions *ss)
{
	return mail_n_free(ss->conf.mail) > LETTERS_SPARED;
}

static bool turn_dirty(struct sessions *ss)
{
	struct row *row;
	for (unsigned int i = 0; i < ROWS_PER_TURN && letters_to_spare(ss); i++) {
		row = TAILQ_FIRST(&ss->dirty);
		if (!row)
			return false;
		TAILQ_REMOVE(&ss->dirty, row, dirty_link);
		row->dirty = false;
		row_follow(ss, row);
	}
	return !TAILQ_EMPTY(&ss->dirty);
}

static bool turn_walk(struct sessions *ss)
{
	for (unsigned int i = 0; ss->walk && i < ROWS_PER_TURN && letters_to_spare(ss); i++) {
		if (ss->walk_next >= store_n_used(ss->store)) {
			ss->walk = false;
			break;
		}
		struct row *row = store_row(ss->store, ss->walk_next++);
		if (row->state == ROW_LIVE)
			row_follow(ss, row);
	}
	return ss->walk;
}

static bool turn_doomed(struct sessions *ss)
{
	struct row *row;
	for (unsigned int i = 0; i < ROWS_PER_TURN && letters_to_spare(ss); i++) {
		row = TAILQ_FIRST(&ss->doomed);
		if (!row)
			break;
		row_remove(ss, row, NULL);
	}
	if (ss->n_doomed)
		return true;
	for (unsigned int i = 0; i < ss->n_sweeps; i++)
		ss->conf.ops->done(ss->conf.arg, &ss->sweeps[i], 0, NULL, 0);
	ss->n_sweeps = 0;
	return false;
}

bool sessions_turn(struct sessions *ss, uint64_t now_ms, uint64_t now_tsc)
{
	ss->now_ms = now_ms;
	ss->now_tsc = now_tsc;
	placing_turn(&ss->placing, now_ms);
	twheel_advance(ss->wheel, now_ms);
	bool more = turn_dirty(ss);
	more |= turn_walk(ss);
	more |= turn_doomed(ss);
	return more;
}
