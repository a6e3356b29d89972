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
#include "dataplane/session/priv.h"

LOG_TOPIC("session");

#define ROWS_PER_TURN 256
#define LETTERS_MAX   (DP_LEGS + 2 * DP_LEGS) /* each direction from one core to another */

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
	ss->rooms = rooms_new(&ss->placing);
	ss->ops = calloc(n_ops, sizeof *ss->ops);
	if (!ss->store || !ss->wheel || !ss->ops || !ss->rooms) {
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
	for (uint32_t i = 0; ss->store && i < store_n_used(ss->store); i++) {
		struct row *row = store_row(ss->store, i);
		keys_free(row);
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			bundle_port_put(row->leg[leg].bundle);
	}
	store_free(ss->store);
	twheel_free(ss->wheel);
	rooms_free(ss->rooms);
	free(ss->ops);
	free(ss);
}

uint32_t sessions_n(const struct sessions *ss)
{
	return store_n_live(ss->store);
}

/* To which legs the box reports by itself. */
static void follow_reports(struct sessions *ss, struct row *row, bool live)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		reports_follow(&ss->reports, &row->leg[leg].report, row->worker,
			row_slot(ss, row, leg), live && row->conf.leg[leg].flags & DP_LEG_RTCP_OWN);
}

int session_refuse(const struct dp_session *conf, int err, const char *why)
{
	log_debug("session %llu refused: %s", (unsigned long long)conf->id,
		why ? why : strerror(-err));
	return err;
}

/* ---- requests ---- */

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
	struct locals locals;
	struct voices voices;
	struct voices_mail mail;
	int err = locals_prepare(ss, conf, NULL, &locals);
	if (err)
		return session_refuse(conf, err, NULL);
	static const struct dp_session plain;
	struct keys keys;
	err = voices_prepare(ss, NULL, conf, &voices);
	if (err) {
		locals_drop(&locals);
		return err;
	}
	err = keys_make(ss->conf.srtp, conf, &plain, &keys);
	if (err) {
		locals_drop(&locals);
		voices_undo(&voices);
		return session_refuse(conf, err, "no memory for its keys");
	}
	struct row *row = row_take(ss, conf->id);
	if (!row) {
		locals_drop(&locals);
		keys_drop(&keys);
		voices_undo(&voices);
		return session_refuse(conf, -ENOSPC, "all sessions are in use");
	}
	row->conf = *conf;
	keys_take(row, &keys, (const bool[DP_LEGS]){false, false});
	voices_seed(row);
	row->generation = ticket->generation;
	row->worker = dp_port_owner(ipaddr_port(&conf->leg[0].local), ss->conf.n_workers);
	locals_take(ss, row, &locals);
	twheel_timer_init(&row->timer, silence_fire, ss);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		row->leg[leg].epoch = ss->next_epoch++;
		ways_resolve(ss, row, leg);
	}
	unsigned int n_voice = voices_commit(ss, row, &voices, &mail);
	struct op *op = op_new(ss, row, ticket, DP_LEGS + n_voice);
	voices_post(ss, row, &voices, &mail, op);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		op_post_stream(ss, row, leg, false, op);
	voices_clean(ss, row, &mail, op);
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
	struct locals locals;
	int err = locals_prepare(ss, conf, row, &locals);
	if (err)
		return session_refuse(conf, err, NULL);
	if (dp_port_owner(ipaddr_port(&conf->leg[0].local), ss->conf.n_workers) != row->worker) {
		locals_drop(&locals);
		return session_refuse(conf, -EXDEV, "the new ports belong to another worker");
	}
	struct voices voices;
	struct voices_mail mail;
	err = voices_prepare(ss, row, conf, &voices);
	if (err) {
		locals_drop(&locals);
		return err;
	}
	struct keys keys;
	err = keys_make(ss->conf.srtp, conf, &row->conf, &keys);
	if (err) {
		locals_drop(&locals);
		voices_undo(&voices);
		return session_refuse(conf, err, "no memory for its keys");
	}
	if (row->doomed) {
		row->doomed = false;
		TAILQ_REMOVE(&ss->doomed, row, doomed_link);
		ss->n_doomed--;
	}
	struct dp_session old = row->conf;
	struct bundle_port *left[DP_LEGS];
	row->conf = *conf;
	row->generation = generation;
	locals_change(ss, row, &old, &locals, left);
	bool relearn[DP_LEGS], moved[DP_LEGS];
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		moved[leg] = !ipaddr_equal(&old.leg[leg].local, &conf->leg[leg].local);
	keys_take(row, &keys, moved);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct dp_play *was = &old.leg[leg].play;
		if (memcmp(was, &conf->leg[leg].play, sizeof *was) != 0)
			row->leg[leg].play_done = false;
		relearn[leg] = leg_relearns(&old.leg[leg], &conf->leg[leg]);
		if (relearn[leg]) {
			memset(row->leg[leg].learned, 0, sizeof row->leg[leg].learned);
			row->leg[leg].epoch = ss->next_epoch++;
		}
		ways_resolve(ss, row, leg);
	}
	unsigned int n_voice = voices_commit(ss, row, &voices, &mail);
	struct op *op = op_new(ss, row, ticket, DP_LEGS + n_voice);
	memcpy(op->left, left, sizeof left);
	voices_post(ss, row, &voices, &mail, op);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		op_post_stream(ss, row, leg, relearn[leg], op);
	voices_clean(ss, row, &mail, op);
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
		return session_refuse(conf, err, why);
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
		return session_refuse(conf, -EEXIST, "it exists with other content");
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
		return session_refuse(conf, -ENOENT, NULL);
	if (ticket->generation < row->generation)
		return session_refuse(conf, -EEXIST, "a newer control process has it");
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
	ways_clear(ss, row);
	struct bundle_port *left[DP_LEGS];
	locals_release(ss, row, left);
	store_unlink(ss->store, row);
	struct op *op = op_new(ss, row, ticket, DP_LEGS + voices_n_ends(row));
	memcpy(op->left, left, sizeof left);
	op->removes = true;
	op_post_unlink(ss, row, op);
	voices_end(ss, row, op);
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
	prompts_sweep(ss->conf.prompts, ticket->generation);
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
		uint32_t slot = row_slot(ss, row, leg);
		ret->stream[leg] = slot;
		ret->play_done[leg] = row->leg[leg].play_done;
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

uint32_t sessions_n_rooms(const struct sessions *ss)
{
	return rooms_n(ss->rooms);
}

void sessions_played(struct sessions *ss, const struct worker_played *played)
{
	unsigned int leg = !(played->slot % DP_LEGS);
	if (played->slot / DP_LEGS >= store_capacity(ss->store))
		return;
	struct row *row = store_row(ss->store, played->slot / DP_LEGS);
	const struct dp_play *play = &row->conf.leg[leg].play;
	/* Told of a session that is gone, or of what was replaced meanwhile. */
	if (row->state != ROW_LIVE || row->voice.tag != played->tag || !play->kind ||
		play->serial != played->serial)
		return;
	row->leg[leg].play_done = true;
	const struct dp_event_play event = {
		.session_id = row->conf.id,
		.call_id = row->conf.call_id,
		.leg = leg,
		.serial = played->serial,
	};
	if (ss->conf.ops->played)
		ss->conf.ops->played(ss->conf.arg, &event);
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

void sessions_rating(struct sessions *ss, const struct dp_rating *rating)
{
	struct row *row = store_find(ss->store, rating->session_id);

	if (row && row->leg[rating->leg].report.on)
		row->leg[rating->leg].report.rating = (struct rtcp_rating){
			rating->r_factor, rating->mos_lq, rating->mos_cq};
}

const struct dp_leg *sessions_leg(struct sessions *ss, uint64_t id, unsigned int leg)
{
	const struct row *row = store_find(ss->store, id);
	return row && leg < DP_LEGS ? &row->conf.leg[leg] : NULL;
}

/* ---- what happens by itself ---- */

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
	bool more = ways_turn(ss);
	more |= turn_doomed(ss);
	return more;
}
