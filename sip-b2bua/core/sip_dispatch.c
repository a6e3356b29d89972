/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the transport to the worker that owns the message, and to its transactions; and back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/core/worker_private.h"
#include "sip-b2bua/parser/sip_oc.h"

LOG_TOPIC("sip-worker");

#define SENT_ON_MS 300000 /* longer than any INVITE waits for its answer */

#define TOLD_MS	   1000 /* that a peer is to keep to what it was told */

/* Keyed, so that nobody can choose Call-IDs that all meet in one worker. */
static uint64_t call_id_hash(const struct sip_worker *w, const struct sip_msg *msg)
{
	return siphash24(w->key.mac, msg->call_id.p, msg->call_id.n);
}

static unsigned int owner_by_call_id(const struct sip_worker *w, const struct sip_msg *msg)
{
	return (unsigned int)(call_id_hash(w, msg) % w->group->opts.n_workers);
}

/* The sealed token of a request's To tag or a response's branch. */
static bool token_of(const struct sip_worker *w, const struct sip_msg *msg, struct sip_token *token)
{
	if (msg->is_request)
		return msg->to.tag.p != NULL && sip_token_parse(&w->key, msg->to.tag, token) == 0;
	return sip_token_parse_branch(&w->key, msg->via.branch, token) == 0;
}

/* ret_known: it names something of ours. Of a response nobody asks that. */
static unsigned int owner_of(const struct sip_worker *w, const struct sip_msg *msg,
	const struct sip_path *path, bool *ret_known)
{
	unsigned int n_workers = w->group->opts.n_workers;
	struct sip_token token;
	uint64_t number;
	*ret_known = false;
	if (n_workers == 1 && !msg->is_request)
		return 0;
	/* After a restart with fewer workers the old numbers still fall on somebody. */
	*ret_known = token_of(w, msg, &token);
	if (n_workers == 1)
		return 0;
	if (*ret_known)
		return token.worker % n_workers;
	/* All registrations of a user meet in one worker. */
	if (msg->is_request && msg->method == SIP_M_REGISTER && path && w->ops->register_owner &&
		w->ops->register_owner(w->app, msg, path, &number))
		return (unsigned int)(number % n_workers);
	return owner_by_call_id(w, msg);
}

unsigned int sip_worker_owner(const struct sip_worker *w, const struct sip_msg *msg)
{
	bool known;
	return owner_of(w, msg, NULL, &known);
}

/* The worker of the dialog that an INVITE wants to replace (RFC 3891); -1: it wants none of ours. */
static int replaced_owner(const struct sip_worker *w, const struct sip_msg *msg)
{
	struct view value = sip_msg_value(msg, SIP_H_REPLACES), tag;
	const char *semi = value.n ? memchr(value.p, ';', value.n) : NULL;
	struct sip_token token;

	if (msg->method != SIP_M_INVITE || semi == NULL)
		return -1;
	value = (struct view){semi + 1, value.n - (size_t)(semi + 1 - value.p)};
	if (!sip_params_get(value, VIEW("to-tag"), &tag) ||
		sip_token_parse(&w->key, tag, &token) != 0)
		return -1;
	return (int)(token.worker % w->group->opts.n_workers);
}

/*
 * A request that belongs to this worker by its Call-ID or tag, and yet to another one: its dialog has
 * moved, or it is about one that lives there. -1: it is for this one.
 */
static int home_of(struct sip_worker *w, const struct sip_msg *msg)
{
	uint64_t hash, now_ms = twheel_now(w->wheel);
	struct sip_token token;
	int home = -1;

	if (!msg->is_request || w->group->opts.n_workers == 1)
		return -1;
	if (msg->to.tag.n > 0 && sip_token_parse(&w->key, msg->to.tag, &token) == 0) {
		if (w->ops->moved_to != NULL && token.worker % w->group->opts.n_workers == w->id)
			home = w->ops->moved_to(w->app, &token);
		return home == (int)w->id ? -1 : home;
	}
	if (msg->method != SIP_M_INVITE && msg->method != SIP_M_CANCEL && msg->method != SIP_M_ACK)
		return -1;
	hash = call_id_hash(w, msg);
	if (hash % w->group->opts.n_workers != w->id)
		return -1; /* it has come from there */
	typeof(w->sent_on[0]) *note = &w->sent_on[hash % SENT_ON];
	if (msg->method == SIP_M_INVITE) {
		home = replaced_owner(w, msg);
		if (home < 0 || home == (int)w->id)
			return -1;
		note->hash = hash;
		note->until_ms = now_ms + SENT_ON_MS;
		note->worker = (unsigned int)home;
		return home;
	}
	return note->hash == hash && now_ms < note->until_ms ? (int)note->worker : -1;
}

unsigned int sip_worker_own_vias(const struct sip_worker *w, const struct sip_msg *msg)
{
	struct sip_values it;
	struct sip_via via;
	struct sip_token token;
	struct view value;
	unsigned int n = 0;
	sip_values_start(&it, msg, SIP_H_VIA);
	while (sip_values_next(&it, &value)) {
		if (sip_via_parse(value, &via) == 0 &&
			sip_token_parse_branch(&w->key, via.branch, &token) == 0)
			n++;
	}
	return n;
}

/* A request in no dialog of ours may be anybody's, so it is the one to be let in or not. */
static bool is_let_in(
	struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path, bool known)
{
	if (!msg->is_request || w->ops->admit == NULL || known)
		return true;
	switch (w->ops->admit(w->app, msg, path)) {
	case SIP_ADMIT_YES:
		return true;
	case SIP_ADMIT_ANSWERED:
		return false;
	case SIP_ADMIT_NO:
		break;
	}
	w->stats.rx_refused++;
	if (msg->method != SIP_M_ACK)
		(void)sip_txns_reply_stateless(w->txns, msg, path, 403, VIEW(""), VIEW(""));
	return false;
}

/*
 * New calls beyond what the thread can finish are refused before there is any state of them. One that was
 * let in and is sent again, as it must wait for its answer, is not judged a second time.
 */
static bool is_too_much(
	struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path)
{
	char text[40];
	if (!msg->is_request || msg->method != SIP_M_INVITE || msg->to.tag.n > 0 ||
		(w->overload.share < 1 && sip_txns_knows(w->txns, msg)) ||
		overload_admit(&w->overload) ||
		(w->ops->urgent != NULL && w->ops->urgent(w->app, msg)))
		return false;
	w->stats.overload_refused++;
	int n = snprintf(text, sizeof(text), "Retry-After: %u\r\n", overload_retry_s(&w->overload));
	(void)sip_txns_reply_stateless(
		w->txns, msg, path, 503, VIEW(""), (struct view){text, (size_t)n});
	return true;
}

static void malformed(struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path)
{
	char addr[IPADDR_TEXT_MAX];
	w->stats.rx_malformed++;
	if (!defence_malformed(w, path))
		return;
	log_debug("malformed message from %s: %s", ipaddr_print_port(&path->remote, addr),
		msg->error);
	if (msg->answerable)
		(void)sip_txns_reply_stateless(
			w->txns, msg, path, msg->error_status, VIEW(""), VIEW(""));
}

/* What a request says of the connection that it came by. */
static void conn_learn(struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path)
{
	struct ipaddr sent_by;
	struct view value;
	if (!msg->is_request || !sip_transport_is_stream(path->transport))
		return;
	if (msg->method == SIP_M_REGISTER)
		sip_transport_conn_watch(w->transport, path->conn);
	if (path->transport == SIP_TLS && sip_params_get(msg->via.params, VIEW("alias"), &value) &&
		ipaddr_parse(msg->via.host, msg->via.port ? msg->via.port : 5061, &sent_by) == 0)
		sip_transport_conn_alias(w->transport, path->conn, &sent_by);
}

void worker_receive(struct sip_worker *w, const struct sip_path *path, const char *bytes, size_t n,
	bool handed_over)
{
	struct sip_msg *msg = &w->msg;
	/* A message that was framed on a stream and then handed over is parsed the same way. */
	if (sip_msg_parse(msg, bytes, n, sip_transport_is_framed(path->transport)) != 0) {
		malformed(w, msg, path);
		return;
	}
	bool known;
	unsigned int owner = owner_of(w, msg, path, &known);
	if (!handed_over && msg->is_request && !known && !defence_request(w, msg, path))
		return;
	if (!handed_over) {
		conn_learn(w, msg, path);
		if (msg->is_request)
			w->stats.rx_requests++;
		else
			w->stats.rx_responses++;
		if (owner != w->id) {
			/* A full ring is a lost message; the peer sends it again. */
			if (handover_push(w, owner, HANDOVER_RECEIVED, path, bytes, n, 0, 0) == 0)
				w->stats.handed_over++;
			return;
		}
	}
	int home = home_of(w, msg);
	if (home >= 0 && (unsigned int)home < w->group->opts.n_workers) {
		if (handover_push(w, (unsigned int)home, HANDOVER_RECEIVED, path, bytes, n, 0, 0) ==
			0)
			w->stats.handed_over++;
		return;
	}
	if (!is_let_in(w, msg, path, known) || is_too_much(w, msg, path))
		return;
	worker_trace_received(w, msg, path);
	struct view changed;
	/* What comes out of the rules has been parsed, so this one cannot fail. */
	if (w->ops->rules_in != NULL && w->ops->rules_in(w->app, path, msg->raw, &changed) &&
		sip_msg_parse(
			msg, changed.p, changed.n, sip_transport_is_framed(path->transport)) != 0)
		return;
	sip_txns_receive(w->txns, msg, path);
}

/* ---- callbacks of the transport ---- */

static void on_receive(void *ctx, const struct sip_path *path, const char *bytes, size_t n)
{
	worker_time(ctx);
	if (defence_octets(ctx, path))
		worker_receive(ctx, path, bytes, n, false);
}

static void on_send_failed(void *ctx, uint64_t origin, int err)
{
	struct sip_worker *w = ctx;
	unsigned int from = (unsigned int)(origin >> 56);
	origin &= ((uint64_t)1 << 56) - 1;
	if (from == 0)
		sip_txns_send_failed(w->txns, origin, err);
	else
		(void)handover_push(w, from - 1, HANDOVER_SEND_FAILED, NULL, NULL, 0, origin, err);
}

static void on_before_flush(void *ctx)
{
	control_flush(ctx);
}

static int on_send_elsewhere(
	void *ctx, const struct sip_path *path, const char *bytes, size_t n, uint64_t origin)
{
	struct sip_worker *w = ctx;
	if (path->conn_worker >= w->group->opts.n_workers)
		return -ENOTCONN;
	return handover_push(w, path->conn_worker, HANDOVER_SEND, path, bytes, n, origin, 0);
}

void worker_conn_gone(struct sip_worker *w, unsigned int conn_worker, uint64_t conn)
{
	sip_txns_conn_gone(w->txns, (uint8_t)conn_worker, conn);
	if (w->ops->conn_gone != NULL)
		w->ops->conn_gone(w->app, (uint8_t)conn_worker, conn);
}

static void on_conn_gone(void *ctx, uint64_t conn)
{
	struct sip_worker *w = ctx;
	struct sip_path path = {.conn = conn};
	worker_time(w);
	for (unsigned int i = 0; i < w->group->opts.n_workers; i++) {
		if (i == w->id)
			worker_conn_gone(w, w->id, conn);
		else /* a full ring: it learns when it sends */
			(void)handover_push(w, i, HANDOVER_CONN_GONE, &path, NULL, 0, 0, 0);
	}
}

const struct sip_transport_ops worker_transport_ops = {
	.conn_gone = on_conn_gone,
	.admits = defence_admits,
	.misbehaved = defence_misbehaved,
	.receive = on_receive,
	.send_failed = on_send_failed,
	.before_flush = on_before_flush,
	.send_elsewhere = on_send_elsewhere,
};

/* ---- callbacks of the transactions ---- */

/*
 * A peer whose Via offers to be told is told how much of what it sends is refused now (RFC 7339 4), of all
 * workers together: its next requests may go to any.
 */
static bool tell_load(
	struct sip_worker *w, struct view msg, char buf[SIP_MSG_MAX], struct view *ret)
{
	unsigned int sum = 0, n = w->group->opts.n_workers;
	struct sip_oc oc = {.algo = SIP_OC_LOSS};
	struct sip_buf out;
	uint64_t ms;

	if (!w->cfg || w->cfg->overload_target == 0 || msg.n < 8 ||
		memcmp(msg.p, "SIP/2.0 ", 8) != 0 || !sip_oc_offered(msg))
		return false;
	ms = clock_wall_ms();
	oc.seq = ms / 1000 * 100000 + ms % 1000 * 100;
	for (unsigned int i = 0; i < n; i++)
		sum += atomic_load_explicit(&w->group->refuses[i], memory_order_relaxed);
	oc.value = sum / n;
	oc.validity_ms = oc.value ? TOLD_MS : 0;
	sip_buf_init(&out, buf, SIP_MSG_MAX);
	if (!sip_oc_answer(msg, &oc, &out))
		return false;
	w->stats.oc_told += oc.value != 0;
	*ret = sip_buf_view(&out);
	return true;
}

static int on_send(
	void *ctx, const struct sip_path *path, const char *bytes, size_t n, uint64_t origin)
{
	struct sip_worker *w = ctx;
	struct view msg = {bytes, n}, changed;
	static _Thread_local char told[SIP_MSG_MAX];
	if (w->ops->rules_out != NULL && w->ops->rules_out(w->app, path, msg, &changed))
		msg = changed;
	if (tell_load(w, msg, told, &changed))
		msg = changed;
	worker_trace_sent(w, path, msg.p, msg.n);
	return sip_transport_send(w->transport, path, msg.p, msg.n, origin);
}

static void on_request(
	void *ctx, struct sip_stxn *stxn, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_worker *w = ctx;
	w->ops->request(w->app, stxn, msg, path);
}

static void on_ack(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_worker *w = ctx;
	w->ops->ack(w->app, msg, path);
}

static void on_stray(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_worker *w = ctx;
	w->ops->stray(w->app, msg, path);
}

static void on_answered(
	void *ctx, const struct sip_path *path, const struct ipaddr *source, unsigned int status)
{
	defence_answered(ctx, path, source, status);
}

static int on_locate(void *ctx, const struct sip_path *path, const struct sip_uri *hop,
	struct sip_path ret_ways[SIP_WAYS_MAX], unsigned int *ret_n)
{
	struct sip_worker *w = ctx;
	return w->ops->locate != NULL ? w->ops->locate(w->app, path, hop, ret_ways, ret_n)
				      : -EOPNOTSUPP;
}

static bool on_stream_way(void *ctx, const struct sip_path *path, struct sip_path *ret_way)
{
	struct sip_worker *w = ctx;
	return w->ops->stream_way != NULL && w->ops->stream_way(w->app, path, ret_way);
}

const struct sip_txn_user worker_txn_user = {
	.answered = on_answered,
	.locate = on_locate,
	.stream_way = on_stream_way,
	.send = on_send,
	.request = on_request,
	.ack = on_ack,
	.stray = on_stray,
};
