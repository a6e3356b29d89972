/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "b2b_rig_private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sip_msg parsed;

static const struct sip_listener listeners[2] = {
	{.id = 0, .transport = SIP_UDP, .realm = "access"},
	{.id = 1, .transport = SIP_UDP, .realm = "peering"},
};
struct sip_listener rig_bound[2];

struct ipaddr rig_addr(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse_port(view_of(text), 5060, &a), 0);
	return a;
}

uint32_t rig_random(struct rig *r, uint32_t n)
{
	r->rng = r->rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((r->rng >> 33) % n);
}

/* ---- configuration ---- */

static void trunk_set(struct cfg_trunk *t, const char *name, const char *target)
{
	memset(t, 0, sizeof(*t));
	snprintf(t->name, sizeof(t->name), "%s", name);
	snprintf(t->realm, sizeof(t->realm), "peering");
	t->target.addr = rig_addr(target);
	t->transport = SIP_UDP;
	t->options_down_after = 2;
	t->srtp = CFG_SRTP_REALM;
	t->srtp_keying = CFG_KEYING_REALM;
}

static void peer_set(struct cfg_dial_peer *p, uint32_t tag, const char *pattern, const char *trunk,
	uint32_t pref)
{
	memset(p, 0, sizeof(*p));
	p->tag = tag;
	p->preference = pref;
	snprintf(p->destination_pattern, sizeof(p->destination_pattern), "%s", pattern);
	snprintf(p->trunk, sizeof(p->trunk), "%s", trunk);
}

static void realm_set(struct cfg_realm *realm, const char *name, uint8_t class, const char *ip)
{
	memset(realm, 0, sizeof(*realm));
	snprintf(realm->name, sizeof(realm->name), "%s", name);
	realm->class = class;
	realm->admission = class == CFG_REALM_ACCESS ? CFG_ADMIT_ANY : CFG_ADMIT_TRUNKS;
	realm->media_ipv4 = rig_addr(ip);
	realm->media_ipv4.port_be16 = 0;
	realm->media_timeout_s = 60;
	realm->listen[0] = (struct cfg_listen){CFG_TRANSPORT_UDP, rig_addr(ip)};
	realm->n_listen = 1;
}

static struct cfg *config_new(void)
{
	struct cfg *cfg = cfg_new();

	assert_non_null(cfg);
	cfg->max_forwards = 70;
	cfg->timer_no_answer_s = 180;
	cfg->n_realms = 2;
	cfg->realms = calloc(2, sizeof(*cfg->realms));
	realm_set(&cfg->realms[0], "access", CFG_REALM_ACCESS, "10.0.0.1");
	realm_set(&cfg->realms[1], "peering", CFG_REALM_PEERING, "10.0.1.1");
	cfg->n_trunks = 3;
	cfg->trunks = calloc(3, sizeof(*cfg->trunks));
	trunk_set(&cfg->trunks[0], "t0", "10.0.1.60:5060");
	trunk_set(&cfg->trunks[1], "t1", "10.0.1.61:5060");
	trunk_set(&cfg->trunks[2], "t2", "10.0.1.62:5060");
	cfg->n_dial_peers = 4;
	cfg->dial_peers = calloc(4, sizeof(*cfg->dial_peers));
	peer_set(&cfg->dial_peers[0], 10, "1T", "t0", 0);
	peer_set(&cfg->dial_peers[1], 20, "2T", "t0", 0);
	peer_set(&cfg->dial_peers[2], 21, "2T", "t1", 1);
	peer_set(&cfg->dial_peers[3], 22, "2T", "t2", 2);
	return cfg;
}

/* ---- network ---- */

void rig_enqueue(struct rig *r, unsigned int from, const struct ipaddr *src,
	const struct ipaddr *dst, const char *bytes, size_t n)
{
	struct rig_packet *p;
	unsigned int to;

	if (dst->ip[3] == 1)
		to = RIG_BOX;
	else
		to = dst->ip[2] == 0 ? RIG_CALLER : RIG_CALLEE;
	if (from == RIG_CALLEE && r->side[RIG_CALLEE].mute_trunk == src->ip[3])
		return;
	if (to == RIG_CALLEE && n < sizeof(r->last_invite) && memcmp(bytes, "INVITE ", 7) == 0) {
		memcpy(r->last_invite, bytes, n);
		r->last_invite[n] = '\0';
	}
	assert_true(r->n_queue < RIG_QUEUE);
	p = &r->queue[r->n_queue++];
	*p = (struct rig_packet){
		.to = (uint8_t)to, .from = (uint8_t)from, .dst = *dst, .src = *src};
	p->bytes = malloc(n);
	p->n = n;
	memcpy(p->bytes, bytes, n);
	if (r->trace)
		fprintf(stderr, "%7llu %u>%u %.*s%.*s\n",
			(unsigned long long)(twheel_now(r->wheel) - RIG_START_MS), from, to,
			(int)strcspn(bytes, "\r"), bytes,
			(int)strcspn(strstr(bytes, "\r\nCall-ID: ") + 2, "\r") + 1,
			strstr(bytes, "\r\nCall-ID: ") + 1);
	/* Nothing of one side may be in what goes to the other. */
	if (from == RIG_BOX && !r->allow_inner) {
		const char *other = to == RIG_CALLER ? "10.0.1." : "10.0.0.";
		const char *body = memmem(bytes, n, "\r\n\r\n", 4);

		if (r->body_passes && body)
			n = (size_t)(body - bytes);

		if (memmem(bytes, n, other, strlen(other)) || memmem(bytes, n, "secret", 6) ||
			(to == RIG_CALLEE && memmem(bytes, n, "phone-", 6)) ||
			(to == RIG_CALLER && memmem(bytes, n, "trunk-", 6)))
			fail_msg("the other side shows in\n%.*s", (int)n, bytes);
	}
}

static int box_send(
	void *ctx, const struct sip_path *path, const char *bytes, size_t n, uint64_t origin)
{
	struct rig *r = ctx;

	trace_put_sent(r->kept, &(struct trace_msg){.wall_us = ++r->n_kept,
					.local = path->local,
					.remote = path->remote,
					.sent = 1,
					.bytes = {bytes, n}});
	if (r->box_send_error && path->remote.ip[2] == 1)
		return r->box_send_error;
	if (r->answer_error && path->remote.ip[2] == 0)
		return r->answer_error;
	rig_enqueue(r, RIG_BOX, &path->local, &path->remote, bytes, n);
	r->stats.tx_requests++;
	return 0;
}

static void packet_take(struct rig *r, unsigned int which, struct rig_packet *ret)
{
	*ret = r->queue[which];
	memmove(&r->queue[which], &r->queue[which + 1],
		(r->n_queue - which - 1) * sizeof(r->queue[0]));
	r->n_queue--;
}

void rig_drop(struct rig *r, unsigned int which)
{
	struct rig_packet p;

	packet_take(r, which, &p);
	free(p.bytes);
}

bool rig_deliver(struct rig *r, int which)
{
	struct rig_packet p;
	struct sip_path path;

	if (r->n_queue == 0)
		return false;
	packet_take(r, which < 0 ? 0 : (unsigned int)which, &p);
	if (r->deaf && p.to == r->deaf) {
		free(p.bytes);
		return true;
	}
	path = (struct sip_path){.transport = SIP_UDP, .local = p.dst, .remote = p.src};
	if (p.to == RIG_BOX)
		path.listener = p.dst.ip[2] == 0 ? 0 : 1;
	if (sip_msg_parse(&parsed, p.bytes, p.n, false) < 0)
		fail_msg("%s in\n%.*s", parsed.error, (int)p.n, p.bytes);
	if (p.to == RIG_BOX)
		trace_put(r->kept,
			&(struct trace_msg){.wall_us = ++r->n_kept,
				.local = path.local,
				.remote = path.remote,
				.bytes = parsed.raw},
			parsed.call_id,
			parsed.is_request &&
				(parsed.method == SIP_M_INVITE || parsed.method == SIP_M_BYE ||
					parsed.method == SIP_M_ACK));
	sip_txns_receive(p.to == RIG_BOX ? r->txns : r->side[p.to].txns, &parsed, &path);
	free(p.bytes);
	return true;
}

struct b2b_spot *rig_spot(struct rig *r, const char *trunk)
{
	for (unsigned int i = 0; i < r->shared.n_spots; i++) {
		if (strcmp(r->shared.spots[i].trunk, trunk) == 0)
			return &r->shared.spots[i];
	}
	fail_msg("no target of trunk %s", trunk);
	return NULL;
}

void rig_raw(struct rig *r, unsigned int side, const char *text)
{
	rig_raw_from(r, side, side == RIG_CALLER ? 50 : 60, text);
}

void rig_raw_from(struct rig *r, unsigned int side, unsigned int host, const char *text)
{
	struct ipaddr src = rig_addr(side == RIG_CALLER ? "10.0.0.50" : "10.0.1.60");

	src.ip[3] = (uint8_t)host;
	rig_enqueue(r, side, &src, &rig_bound[side == RIG_CALLER ? 0 : 1].addr, text, strlen(text));
}

/* ---- limen-control ---- */

static struct rig_call *call_of(struct rig *r, uint64_t id, bool make)
{
	for (unsigned int i = 0; i < r->n_calls; i++) {
		if (r->calls[i].id == id)
			return &r->calls[i];
	}
	if (!make)
		return NULL;
	assert_true(r->n_calls < RIG_CALLS);
	r->calls[r->n_calls].id = id;
	return &r->calls[r->n_calls++];
}

static void reply_add(struct rig *r, uint16_t type, uint32_t seq, int32_t status,
	const struct ctl_media_opened *opened)
{
	struct rig_reply *reply;

	assert_true(r->n_replies < RIG_QUEUE);
	reply = &r->replies[r->n_replies++];
	*reply = (struct rig_reply){.type = type, .seq = seq, .status = status};
	if (opened)
		reply->media = *opened;
}

static void control_media(struct rig *r, uint32_t seq, const struct ctl_media *media)
{
	struct ctl_media_opened out = {0};
	struct rig_call *call = call_of(r, media->call_id, true);
	int status = r->media_status;

	assert_true(media->media_index < CTL_MEDIA_MAX);
	if (!r->any_realm) {
		assert_string_equal(media->realm[0], "access");
		assert_string_equal(media->realm[1], ctl_media_n_legs(media) == 1 ? "" : "peering");
	}
	assert_false(call->ended);
	if (media->media_index == 0) {
		call->conf = *media;
		call->n_sets++;
	}
	r->media_status = 0;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct ctl_play *play = &media->play[leg];

		if (play->kind == CTL_PLAY_PROMPT && !(play->flags & CTL_PLAY_LOOP)) {
			out.prompt[leg].serial = play->serial;
			out.prompt[leg].length_ms = 1000;
		}
	}
	for (unsigned int leg = 0; status == 0 && leg < ctl_media_n_legs(media); leg++) {
		out.local[leg] = media->leg[leg].local;
		if (out.local[leg].port_be16 != 0)
			continue;
		out.local[leg] = rig_addr(
			strcmp(media->realm[leg], "access") == 0 ? "10.0.0.1" : "10.0.1.1");
		out.local[leg].port_be16 = htons((uint16_t)(r->next_port += 2));
	}
	if (status == 0)
		call->media |= 1u << media->media_index;
	reply_add(r, CTL_MEDIA_SET, seq, status, &out);
}

/* part1: struct ctl_reg, which begins with its key, or that alone. */
static void reg_take(struct rig *r, uint16_t type, const void *part1, const void *state, size_t len)
{
	const struct ctl_reg_key *key = part1;
	unsigned int i = 0;

	while (i < r->n_regs && r->regs[i].shown.key.id != key->id)
		i++;
	if (type == CTL_REG_DEL) {
		assert_true(i < r->n_regs);
		r->regs[i] = r->regs[--r->n_regs];
		return;
	}
	assert_true(i < RIG_REGS && len <= sizeof(r->regs[0].state));
	r->n_regs += i == r->n_regs;
	r->regs[i].shown = *(const struct ctl_reg *)part1;
	r->regs[i].len = len;
	memcpy(r->regs[i].state, state, len);
}

/* len 0: it is over. */
static void control_sub(struct rig *r, const struct ctl_sub *head, const void *state, size_t len)
{
	struct rig_sub *at = NULL;

	for (unsigned int i = 0; i < RIG_SUBS; i++) {
		struct rig_sub *sub = &r->subs[i];

		if (sub->len > 0 && sub->head.id == head->id) {
			at = sub;
			break;
		}
		if (sub->len == 0 && !at && len > 0)
			at = sub;
	}
	assert_true(head->id != 0 && len <= sizeof(at->state));
	if (!at)
		return;
	at->head = *head;
	at->len = len;
	if (len > 0)
		memcpy(at->state, state, len);
}

static int control_send(void *ctx, uint16_t type, uint32_t seq, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	struct rig *r = ctx;
	struct rig_call *call;

	if (r->control_away)
		return -EPIPE;
	switch (type) {
	case CTL_REG_STATUS:
		r->reg_status = *(const struct ctl_reg_status *)part1;
		break;
	case CTL_REG_PUT:
	case CTL_REG_DEL:
		reg_take(r, type, part1, part2, len2);
		break;
	case CTL_MEDIA_SET:
		assert_int_equal(len1, sizeof(struct ctl_media));
		control_media(r, seq, part1);
		break;
	case CTL_MEDIA_CLOSE:
		call = call_of(r, ((const struct ctl_media_id *)part1)->call_id, true);
		call->media &= ~(1u << ((const struct ctl_media_id *)part1)->media_index);
		break;
	case CTL_CALL_PUT:
		call = call_of(r, ((const struct ctl_call *)part1)->id, true);
		assert_false(call->ended);
		call->put = true;
		call->rec = *(const struct ctl_call *)part1;
		call->checkpoint_len = len2;
		assert_true(len2 <= sizeof(call->checkpoint));
		if (len2)
			memcpy(call->checkpoint, part2, len2);
		break;
	case CTL_CALL_END:
		call = call_of(r, ((const struct ctl_call *)part1)->id, true);
		call->rec = *(const struct ctl_call *)part1;
		assert_int_equal(call->rec.state, CTL_CALL_ENDED);
		assert_true(call->rec.reason[0] != '\0');
		assert_true(call->rec.sip_status >= 200);
		call->ended = true;
		call->media = 0;
		reply_add(r, CTL_CALL_END, seq, 0, NULL);
		break;
	case CTL_SUB_PUT:
	case CTL_SUB_DEL:
		assert_int_equal(len1, sizeof(struct ctl_sub));
		control_sub(r, part1, part2, len2);
		break;
	case CTL_TARGETS:
		assert_int_equal(len1, sizeof(struct ctl_targets));
		assert_int_equal(
			len2, ((const struct ctl_targets *)part1)->n * sizeof(struct ctl_target));
		break;
	case CTL_TRUNK_STATUS:
		r->n_trunk_status++;
		r->trunk_status = *(const struct ctl_trunk_status *)part1;
		break;
	case CTL_HOOK_STATUS:
		assert_int_equal(len1, sizeof(struct ctl_hook_status));
		r->hook_status = *(const struct ctl_hook_status *)part1;
		break;
	case CTL_ATTEMPT:
		assert_int_equal(len1, sizeof(struct ctl_attempt));
		r->n_attempts++;
		r->attempt = *(const struct ctl_attempt *)part1;
		break;
	case CTL_REPLAY_DONE:
		r->replay_done = true;
		break;
	default:
		fail_msg("message %d to limen-control", type);
	}
	return 0;
}

static uint32_t control_seq(void *ctx)
{
	return ++((struct rig *)ctx)->seq;
}

bool rig_reply(struct rig *r)
{
	struct rig_reply reply;

	if (r->n_replies == 0)
		return false;
	reply = r->replies[0];
	memmove(&r->replies[0], &r->replies[1], (--r->n_replies) * sizeof(reply));
	if (reply.type == CTL_MEDIA_SET)
		b2b_media_reply(
			r->b, reply.seq, reply.status, reply.status == 0 ? &reply.media : NULL);
	else
		b2b_call_end_reply(r->b, reply.seq, reply.status);
	return true;
}

void rig_control_down(struct rig *r)
{
	r->control_away = true;
	r->n_replies = 0;
	b2b_control_down(r->b);
}

void rig_control_up(struct rig *r, bool forgetful)
{
	for (unsigned int i = 0; forgetful && i < r->n_calls; i++) {
		r->calls[i].put = false;
		r->calls[i].media = 0;
	}
	r->control_away = false;
	r->replay_done = false;
	b2b_control_up(r->b);
	assert_true(r->replay_done);
	/* Calls that nobody claimed again are no longer there: their ends come later, or never will
	 * because they had been acknowledged. */
	for (unsigned int i = 0; forgetful && i < r->n_calls; i++) {
		if (!r->calls[i].put && !r->calls[i].ended)
			r->calls[i].swept = true;
	}
}

/* ---- the box ---- */

static const struct sip_listener *env_listener(void *ctx, uint16_t id)
{
	return id < 2 ? &rig_bound[id] : NULL;
}

static const struct sip_listener *env_find(
	void *ctx, const char *realm, uint8_t transport, uint8_t family)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (strcmp(rig_bound[i].realm, realm) == 0 && rig_bound[i].transport == transport)
			return &rig_bound[i];
	}
	return NULL;
}

static void env_conn_watch(void *ctx, uint64_t conn)
{
}

static void env_flow_timer(void *ctx, const struct sip_path *path, uint32_t silent_ms)
{
}

static unsigned int env_own_vias(void *ctx, const struct sip_msg *msg)
{
	struct rig *r = ctx;
	struct sip_values it;
	struct view value;
	unsigned int n = 0;

	sip_values_start(&it, msg, SIP_H_VIA);
	while (sip_values_next(&it, &value)) {
		struct sip_token token;
		struct sip_via via;

		n += sip_via_parse(value, &via) == 0 &&
		     sip_token_parse_branch(&r->key, via.branch, &token) == 0;
	}
	return n;
}

static int env_ask(void *ctx, const struct b2b_ask *ask, uint64_t id)
{
	struct rig *r = ctx;

	if (r->ask_error)
		return r->ask_error;
	snprintf(r->asked_body, sizeof(r->asked_body), "%s", ask->body);
	r->asked_ms = ask->timeout_ms;
	r->asked_id = id;
	r->n_asked++;
	return 0;
}

static int env_fetch(void *ctx, const char *url, const char *ca_file, bool plain, uint64_t id)
{
	struct rig *r = ctx;

	snprintf(r->fetch_url, sizeof(r->fetch_url), "%s", url);
	r->fetch_id = id;
	r->n_fetches++;
	return 0;
}

static uint64_t env_wall_ms(void *ctx)
{
	return 1700000000000u + twheel_now(((struct rig *)ctx)->wheel);
}

static uint64_t env_mono_us(void *ctx)
{
	return twheel_now(((struct rig *)ctx)->wheel) * 1000;
}

static struct locate_look env_look(void *ctx, const char *name, uint16_t type)
{
	struct rig *r = ctx;

	return r->look ? r->look(r, name, type)
		       : (struct locate_look){.found = LOCATE_FAILED, .why = "nobody answers"};
}

static int env_worker_tell(void *ctx, unsigned int worker, const void *msg, size_t n)
{
	struct rig *r = ctx;

	assert_in_range(worker, 0, r->n_others);
	assert_int_not_equal(worker, r->worker);
	assert_in_range(n, 1, sizeof(r->told));
	if (r->tell_error)
		return r->tell_error;
	memcpy(r->told, msg, n);
	r->told_len = n;
	r->n_told++;
	return 0;
}

static void env_proof(void *ctx, const struct sip_path *path, bool good)
{
	struct rig *r = ctx;

	if (good)
		r->n_good_proofs++;
	else
		r->n_bad_proofs++;
}

static const struct b2b_env_ops env_ops = {
	.worker_tell = env_worker_tell,
	.listener = env_listener,
	.find = env_find,
	.own_vias = env_own_vias,
	.conn_watch = env_conn_watch,
	.flow_timer = env_flow_timer,
	.control_send = control_send,
	.control_seq = control_seq,
	.fetch = env_fetch,
	.ask = env_ask,
	.wall_ms = env_wall_ms,
	.mono_us = env_mono_us,
	.look = env_look,
	.proof = env_proof,
};

static void box_request(
	void *ctx, struct sip_stxn *stxn, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_request(((struct rig *)ctx)->b, stxn, msg, path);
}

static void box_ack(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_ack(((struct rig *)ctx)->b, msg, path);
}

static void box_stray(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_stray(((struct rig *)ctx)->b, msg, path);
}

static void box_start(struct rig *r)
{
	static const struct sip_txn_user user = {
		.send = box_send, .request = box_request, .ack = box_ack, .stray = box_stray};
	struct b2b_env env = {
		.ops = &env_ops,
		.ctx = r,
		.wheel = r->wheel,
		.key = &r->key,
		.stats = &r->stats,
		.shared = &r->shared,
		.worker = r->worker,
		.n_workers = 1 + r->n_others,
	};
	char error[CFG_ERROR_MAX];

	/* Another process remembers nothing. */
	trace_free(r->kept);
	r->kept = env.trace = trace_new();
	assert_non_null(r->kept);
	assert_int_equal(trace_limit(r->kept, 2 * RIG_KEPT), 0);
	r->txns = sip_txns_new(r->wheel, &r->key, r->worker, 4096, &user, r);
	assert_non_null(r->txns);
	env.txns = r->txns;
	env.seed = r->seed++;
	assert_int_equal(b2b_new(&env, &r->b), 0);
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	if (!r->control_away)
		b2b_control_up(r->b);
}

void rig_restart_sip(struct rig *r)
{
	b2b_free(r->b);
	sip_txns_free(r->txns);
	memset(&r->stats, 0, sizeof(r->stats));
	r->n_replies = 0;
	r->control_away = false;
	box_start(r);
	for (unsigned int i = 0; i < RIG_SUBS; i++) {
		if (r->subs[i].len > 0)
			b2b_sub_restore(r->b, &r->subs[i].head, r->subs[i].state, r->subs[i].len);
	}
	for (unsigned int i = 0; i < r->n_calls; i++) {
		struct rig_call *call = &r->calls[i];

		if (call->ended || !call->put)
			continue;
		if (call->checkpoint_len > 0) {
			b2b_call_restore(r->b, &call->rec, call->checkpoint, call->checkpoint_len);
		} else {
			call->ended = true; /* limen-control writes that record itself */
			call->media = 0;
		}
	}
}

/* ---- the whole ---- */

struct rig *rig_new(uint64_t seed)
{
	static const uint8_t secret[SIP_TOKEN_KEY] = "rig";
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->rng = r->seed = seed;
	r->next_port = 20000;
	rig_bound[0] = listeners[0];
	rig_bound[1] = listeners[1];
	rig_bound[0].addr = rig_addr("10.0.0.1");
	rig_bound[1].addr = rig_addr("10.0.1.1");
	r->wheel = twheel_new(RIG_START_MS);
	sip_token_key_set(&r->key, secret);
	b2b_shared_init(&r->shared);
	r->cfg = config_new();
	rig_sides_new(r);
	box_start(r);
	return r;
}

void rig_free(struct rig *r)
{
	for (unsigned int side = RIG_CALLER; side < RIG_N; side++) {
		for (unsigned int i = 0; i < RIG_UAS; i++) {
			if (r->side[side].ua[i].used)
				rig_forget(r, &r->side[side].ua[i]);
		}
		sip_txns_free(r->side[side].txns);
	}
	while (r->n_queue)
		rig_drop(r, 0);
	b2b_free(r->b);
	sip_txns_free(r->txns);
	trace_free(r->kept);
	b2b_shared_clear(&r->shared);
	cfg_free(r->cfg);
	twheel_free(r->wheel);
	free(r);
}

void rig_settle(struct rig *r)
{
	unsigned int n = 0;

	while (rig_reply(r) || rig_deliver(r, -1))
		assert_true(++n < 100000);
}

void rig_pass(struct rig *r, uint64_t ms)
{
	uint64_t end = twheel_now(r->wheel) + ms;

	while (twheel_now(r->wheel) < end) {
		uint64_t step = twheel_next_ms(r->wheel, end - twheel_now(r->wheel));

		twheel_advance(r->wheel, twheel_now(r->wheel) + (step ? step : 1));
		while (r->n_queue > 0 || r->n_replies > 0) {
			if (rig_reply(r))
				continue;
			if (rig_random(r, 100) < r->loss_percent)
				rig_drop(r, 0);
			else
				rig_deliver(r, -1);
		}
	}
}

struct rig_call *rig_last_call(struct rig *r)
{
	assert_true(r->n_calls > 0);
	return &r->calls[r->n_calls - 1];
}

void rig_expect_sane(struct rig *r)
{
	const struct sip_txn_counters *c = sip_txns_counters(r->txns);
	uint32_t slots = b2b_n_slots(r->b), calls = b2b_n_calls(r->b);

	assert_true(calls <= slots);
	assert_int_equal(atomic_load(&r->shared.n_calls), calls);
	/* at most one early dialog per fork and the two of the call */
	assert_true(b2b_n_dialogs(r->b) <= slots * (2 + B2B_FORKS_MAX));
	assert_true(c->n_clients < 4096);
}

void rig_expect_empty(struct rig *r)
{
	for (uint32_t i = 0; i < atomic_load(&r->shared.budgets.n); i++) {
		struct budget *budget = budget_at(&r->shared.budgets, i);

		if (atomic_load(&budget->n_calls) != 0 || atomic_load(&budget->bps) != 0)
			fail_msg("%u calls and %llu bit/s are still counted in %s",
				atomic_load(&budget->n_calls),
				(unsigned long long)atomic_load(&budget->bps), budget->key);
	}
	const struct sip_txn_counters *c = sip_txns_counters(r->txns);

	assert_int_equal(b2b_n_calls(r->b), 0);
	assert_int_equal(b2b_n_slots(r->b), 0);
	assert_int_equal(b2b_n_dialogs(r->b), 0);
	assert_int_equal(b2b_n_unacked_ends(r->b), 0);
	assert_int_equal(atomic_load(&r->shared.n_calls), 0);
	assert_int_equal(c->n_clients, 0);
	assert_int_equal(c->n_servers, 0);
	for (unsigned int i = 0; i < r->shared.n_spots; i++)
		assert_int_equal(atomic_load(&r->shared.spots[i].n_active), 0);
	for (unsigned int i = 0; i < r->n_calls; i++) {
		if (r->calls[i].swept && !r->calls[i].ended)
			continue;
		assert_true(r->calls[i].ended);
		assert_int_equal(r->calls[i].media, 0);
	}
}
