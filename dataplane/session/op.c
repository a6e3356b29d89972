/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests under way: letters to the workers, and what comes back. See priv.h. */
#include "dataplane/session/priv.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "dataplane/session/keys.h"

LOG_TOPIC("session");

struct op *op_new(struct sessions *ss, struct row *row, const struct session_ticket *ticket,
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
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		bundle_port_put(op->left[leg]);
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

void row_doom(struct sessions *ss, struct row *row)
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
		reply.stream[leg] = row_slot(op->ss, op->row, leg);
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

void op_on_voice(struct letter *l, void *arg)
{
	struct op *op = arg;
	if (l->msg.result) {
		log_err("session %llu: a media core refused it: %s",
			(unsigned long long)op->row->conf.id, strerror(-l->msg.result));
		if (!op->removes)
			op->status = l->msg.result;
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		mcore_maker_free(&l->msg.voice.from[leg]);
	op_step(op);
}

void op_post_stream(
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
			.core = voices_core(row, leg),
			.ssrc = row->voice.begin.ssrc[leg],
			.ts = row->voice.begin.ts,
			.seq = row->voice.begin.seq},
	};
	for (unsigned int kind = 0; kind < STREAM_KINDS; kind++) {
		args.out[kind].remote = row->leg[!leg].way[kind].remote;
		args.out[kind].hop = row->leg[!leg].way[kind].hop;
	}
	l->msg.set.slot = row_slot(ss, row, leg);
	l->msg.set.relearn = relearn;
	l->msg.set.srtp = (struct stream_srtp){row->leg[leg].rx, row->leg[!leg].tx};
	l->msg.set.rx_state = row->conf.srtp_rx[leg];
	l->msg.set.tx_state = row->conf.srtp_tx[!leg];
	l->msg.set.tx_anew = row->leg[!leg].tx_anew;
	row->leg[!leg].tx_anew = false;
	if (row->leg[leg].bundle)
		l->msg.set.bundle = row->leg[leg].bundle->shared;
	if (row->leg[!leg].bundle)
		l->msg.set.bundle_out = row->leg[!leg].bundle->shared;
	if (stream_build(&args, &l->msg.set.conf))
		abort(); /* session_check() is stricter */
	mail_post(ss->conf.mail, row->worker, l);
}

void op_post_unlink(struct sessions *ss, struct row *row, struct op *op)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct letter *l = mail_letter(
			ss->conf.mail, WORKER_STREAM_UNLINK, on_unlinked, op);
		l->msg.unlink.slot = row_slot(ss, row, leg);
		mail_post(ss->conf.mail, row->worker, l);
	}
}
