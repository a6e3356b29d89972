/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See recordings.h. */
#include "controlplane/core/recordings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/core/calls.h"

LOG_TOPIC("recordings");

#define MB	  (UINT64_C(1) << 20)
#define ENDED_MAX 100
#define TOLD_MAX  4096 /* of calls that limen-sip has not told yet, after our start */

/* What limen-rec tells of recordings whose call is not known (yet). */
struct told {
	struct ctl_rec_status status;
};

/* Of one call; made when it is first recorded. */
struct call_recording {
	uint64_t start_ms;
	bool told[CTL_MEDIA_MAX];	    /* limen-rec was told to record that line, */
	struct ctl_rec sent[CTL_MEDIA_MAX]; /* this */
	struct ctl_rec_status status[CTL_MEDIA_MAX];
};

struct recordings {
	struct recordings_ops ops;
	struct sessions *sessions;
	struct process process;
	struct ctl_rec_info info;
	struct idmap told;			/* struct told by call id */
	struct ctl_rec_status ended[ENDED_MAX]; /* a ring */
	uint32_t n_ended;
};

struct recordings *recordings_new(const struct recordings_ops *ops)
{
	struct recordings *rs = calloc(1, sizeof(*rs));

	if (rs == NULL)
		return NULL;
	rs->ops = *ops;
	idmap_init(&rs->told);
	return rs;
}

static void told_clear(struct recordings *rs)
{
	size_t pos = 0;

	for (struct told *t; (t = idmap_next(&rs->told, &pos)) != NULL;)
		free(t);
	idmap_wipe(&rs->told);
	idmap_init(&rs->told);
}

void recordings_free(struct recordings *rs)
{
	if (rs == NULL)
		return;
	told_clear(rs);
	idmap_wipe(&rs->told);
	free(rs);
}

void recordings_bind(struct recordings *rs, struct sessions *sessions)
{
	rs->sessions = sessions;
}

/* ---- rules ---- */

static bool by_rule(const struct cfg *cfg, const struct ctl_call *call)
{
	for (uint32_t i = 0; i < cfg->n_realms; i++)
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			if (cfg->realms[i].record &&
				strcmp(cfg->realms[i].name, call->realm[leg]) == 0)
				return true;
	for (uint32_t i = 0; i < cfg->n_trunks; i++)
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			if (cfg->trunks[i].record &&
				strcmp(cfg->trunks[i].name, call->trunk[leg]) == 0)
				return true;
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		uint32_t tag = cfg->dial_peers[i].tag;
		if (cfg->dial_peers[i].record &&
			(tag == call->dial_peer_in || tag == call->dial_peer_out))
			return true;
	}
	return false;
}

/* ---- what limen-rec is told ---- */

static void send_policy(const struct recordings *rs, const struct cfg *cfg)
{
	static const uint32_t files[] = {[CFG_REC_ALL] = CTL_REC_FILES_ALL,
		[CFG_REC_SEPARATE] = CTL_REC_FILES_SEPARATE,
		[CFG_REC_MIX] = CTL_REC_FILES_MIX,
		[CFG_REC_STEREO] = CTL_REC_FILES_STEREO};
	struct ctl_rec_policy policy = {.quota_bytes = cfg->rec_quota_mb * MB,
		.min_free_bytes = cfg->rec_min_free_mb * MB,
		.files = files[cfg->rec_files],
		.when_full = cfg->rec_when_full == CFG_REC_DELETE_OLDEST
				     ? CTL_REC_FULL_DELETE_OLDEST
				     : CTL_REC_FULL_STOP};

	if (rs->process.peer != NULL)
		ipc_send(rs->process.peer, CTL_REC_POLICY, 0, 0, 0, &policy, sizeof(policy), NULL,
			0);
}

/* The times are said, since limen-rec may read it late: disks make it wait. */
static void send_set(const struct recordings *rs, struct ctl_rec *msg)
{
	msg->since_us = clock_mono_us();
	if (rs->process.peer != NULL)
		ipc_send(rs->process.peer, CTL_REC_SET, 0, 0, 0, msg, sizeof(*msg), NULL, 0);
}

static void send_end(const struct recordings *rs, uint64_t session_id)
{
	struct ctl_rec_end end = {.session_id = session_id, .at_us = clock_mono_us()};

	if (rs->process.peer != NULL)
		ipc_send(rs->process.peer, CTL_REC_END, 0, 0, 0, &end, sizeof(end), NULL, 0);
}

static bool is_audio(const struct media_session *s)
{
	return !((s->conf.leg[0].flags | s->conf.leg[1].flags) & DP_LEG_ANY_PT);
}

static void describe(
	const struct call *call, const struct media_session *s, struct ctl_rec *ret_msg)
{
	struct ctl_rec msg;

	memset(&msg, 0, sizeof(msg)); /* it is compared byte by byte */
	msg.session_id = s->id;
	msg.call_id = s->call_id;
	msg.start_ms = call->recording->start_ms;
	msg.media_index = s->index;
	msg.demand = call->record_wish == CALL_RECORD_DEMAND;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		msg.n_payloads[leg] = s->conf.leg[leg].n_payloads;
		memcpy(msg.payloads[leg], s->conf.leg[leg].payloads, sizeof(msg.payloads[leg]));
	}
	*ret_msg = msg;
}

static void line_on(struct recordings *rs, struct call *call, struct media_session *s)
{
	struct call_recording *r = call->recording;
	struct ctl_rec msg;

	sessions_tap(rs->sessions, s, true);
	describe(call, s, &msg);
	msg.since_us = r->sent[s->index].since_us;
	if (r->told[s->index] && memcmp(&r->sent[s->index], &msg, sizeof(msg)) == 0)
		return;
	r->sent[s->index] = msg;
	r->told[s->index] = true;
	send_set(rs, &r->sent[s->index]);
}

static void line_off(struct recordings *rs, struct call *call, unsigned int i)
{
	struct call_recording *r = call->recording;

	if (call->media[i] != NULL)
		sessions_tap(rs->sessions, call->media[i], false);
	if (r != NULL && r->told[i])
		send_end(rs, r->sent[i].session_id);
	if (r != NULL)
		r->told[i] = false;
}

/* ---- calls ---- */

static bool make(struct recordings *rs, struct call *call)
{
	if (call->recording == NULL) {
		call->recording = calloc(1, sizeof(*call->recording));
		if (call->recording == NULL) {
			log_err("call %016llx is not recorded: memory is short",
				(unsigned long long)call->info.id);
			return false;
		}
		call->recording->start_ms = rs->ops.wall_ms(rs->ops.arg);
	}
	return true;
}

/* What a life of ours before this one had begun: its name, and that an operator wanted it. */
static void adopt(struct recordings *rs, struct call *call)
{
	struct told *t = idmap_del(&rs->told, call->info.id);

	if (t == NULL)
		return;
	if (call->record_wish == CALL_RECORD_NONE && t->status.demand && make(rs, call))
		call->record_wish = CALL_RECORD_DEMAND;
	if (call->recording != NULL || (call->record_wish != CALL_RECORD_NONE && make(rs, call))) {
		call->recording->start_ms = t->status.start_ms;
		call->recording->status[t->status.media_index] = t->status;
	}
	free(t);
}

void recordings_call(struct recordings *rs, struct call *call)
{
	bool on;

	if (call->phase != CALL_LIVE || !call->described || call->info.state != CTL_CALL_ACTIVE)
		return;
	if (!call->record_decided) {
		call->record_decided = true;
		if (call->record_wish == CALL_RECORD_NONE &&
			by_rule(rs->ops.running(rs->ops.arg), &call->info))
			call->record_wish = CALL_RECORD_RULE;
	}
	adopt(rs, call);
	on = (call->record_wish == CALL_RECORD_RULE || call->record_wish == CALL_RECORD_DEMAND) &&
	     make(rs, call);
	if (!on && call->recording == NULL)
		return;
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		struct media_session *s = call->media[i];
		if (on && s != NULL && s->wanted && is_audio(s))
			line_on(rs, call, s);
		else
			line_off(rs, call, i);
	}
}

void recordings_call_end(struct recordings *rs, struct call *call)
{
	for (unsigned int i = 0; call->recording != NULL && i < CTL_MEDIA_MAX; i++) {
		if (call->recording->told[i])
			send_end(rs, call->recording->sent[i].session_id);
		call->recording->told[i] = false;
	}
}

void recordings_call_free(struct call *call)
{
	free(call->recording);
	call->recording = NULL;
}

int recordings_demand(struct recordings *rs, uint64_t call_id, bool on)
{
	struct call *call = rs->ops.find(rs->ops.arg, call_id);
	bool is_on;

	if (call == NULL || call->phase != CALL_LIVE)
		return -ENOENT;
	is_on = call->record_wish == CALL_RECORD_RULE || call->record_wish == CALL_RECORD_DEMAND;
	if (is_on == on)
		return -EALREADY;
	if (on && !make(rs, call))
		return -ENOMEM;
	call->record_wish = on ? CALL_RECORD_DEMAND : CALL_RECORD_STOPPED;
	log_notice("call %016llx: an operator %s its recording", (unsigned long long)call_id,
		on ? "started" : "stopped");
	recordings_call(rs, call);
	return rs->process.peer != NULL || !on ? 0 : -ENOTCONN;
}

void recordings_record(const struct call *call, struct record_recording *ret_recording)
{
	struct record_recording *out = ret_recording;

	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; call->recording != NULL && i < CTL_MEDIA_MAX; i++) {
		const struct ctl_rec_status *s = &call->recording->status[i];
		bool asked = s->session_id != 0 || call->recording->told[i];

		if (!asked || out->n >= RECORD_RECORDINGS_MAX)
			continue;
		out->line[out->n] = *s;
		if (s->session_id == 0)
			strcpy(out->line[out->n].note, "limen-rec did not answer");
		out->n++;
	}
}

/* ---- limen-rec ---- */

void recordings_policy(struct recordings *rs, const struct cfg *cfg)
{
	send_policy(rs, cfg);
}

void recordings_up(struct recordings *rs, struct ipc_peer *peer)
{
	struct call *call;

	if (rs->process.peer != NULL)
		ipc_peer_close(rs->process.peer, "another limen-rec took its place");
	process_up(&rs->process, peer, rs->ops.wall_ms(rs->ops.arg));
	told_clear(rs);
	log_notice("limen-rec is connected");
	send_policy(rs, rs->ops.running(rs->ops.arg));
	TAILQ_FOREACH(call, rs->ops.list(rs->ops.arg), link) {
		for (unsigned int i = 0; call->recording != NULL && i < CTL_MEDIA_MAX; i++)
			if (call->recording->told[i])
				send_set(rs, &call->recording->sent[i]);
	}
}

void recordings_down(struct recordings *rs, struct ipc_peer *peer)
{
	if (rs->process.peer != peer)
		return;
	process_down(&rs->process, rs->ops.wall_ms(rs->ops.arg));
	log_warning("limen-rec is gone: nothing is recorded until it is back");
}

static bool status_ok(const struct ctl_rec_status *s)
{
	return s->session_id != 0 && s->call_id != 0 && s->media_index < CTL_MEDIA_MAX &&
	       s->state <= CTL_REC_ENDED && s->parts <= 9999 &&
	       s->tracks < 1u << CTL_REC_N_TRACKS && s->demand <= 1 &&
	       ipc_str_ok(s->name, sizeof(s->name)) && ipc_str_ok(s->note, sizeof(s->note));
}

static void remember(struct recordings *rs, const struct ctl_rec_status *status)
{
	struct told *t = idmap_get(&rs->told, status->call_id);

	if (t == NULL && rs->told.n < TOLD_MAX && (t = calloc(1, sizeof(*t))) != NULL &&
		idmap_put(&rs->told, status->call_id, t) < 0) {
		free(t);
		t = NULL;
	}
	if (t != NULL)
		t->status = *status;
}

static void on_status(struct recordings *rs, const struct ctl_rec_status *status)
{
	struct call *call = rs->ops.find(rs->ops.arg, status->call_id);

	if (status->state == CTL_REC_ENDED) {
		rs->ended[rs->n_ended++ % ENDED_MAX] = *status;
		free(idmap_del(&rs->told, status->call_id));
	}
	if (call != NULL && call->recording != NULL) {
		call->recording->status[status->media_index] = *status;
		return;
	}
	if (status->state == CTL_REC_ENDED)
		return;
	remember(rs, status);
	if (call != NULL)
		recordings_call(rs, call);
}

int recordings_message(struct recordings *rs, const struct ipc_hdr *hdr, const void *body)
{
	if (hdr->type == CTL_REC_STATUS) {
		if (!status_ok(body))
			return -EPROTO;
		on_status(rs, body);
	} else {
		const struct ctl_rec_info *info = body;
		if (!ipc_str_ok(info->note, sizeof(info->note)))
			return -EPROTO;
		rs->info = *info;
	}
	return 0;
}

const struct process *recordings_process(const struct recordings *rs)
{
	return &rs->process;
}

bool recordings_here(const struct recordings *rs)
{
	return rs->process.peer != NULL;
}

const struct ctl_rec_info *recordings_info(const struct recordings *rs)
{
	return &rs->info;
}

const struct ctl_rec_status *recordings_at(const struct recordings *rs, unsigned int i)
{
	const struct call *call;

	TAILQ_FOREACH(call, rs->ops.list(rs->ops.arg), link) {
		for (unsigned int k = 0; call->recording != NULL && k < CTL_MEDIA_MAX; k++) {
			const struct ctl_rec_status *s = &call->recording->status[k];
			if (s->session_id != 0 && s->state != CTL_REC_ENDED && i-- == 0)
				return s;
		}
	}
	return i < rs->n_ended && i < ENDED_MAX ? &rs->ended[(rs->n_ended - 1 - i) % ENDED_MAX]
						: NULL;
}
