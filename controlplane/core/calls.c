/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls: description, media, end and record; see calls.h. Giving them back: call_restore.c. */
#include "controlplane/core/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/core/calls_private.h"
#include "controlplane/core/recordings.h"

LOG_TOPIC("calls");

#define Q850_TEMPORARY_FAILURE 41

struct calls *calls_new(const struct calls_ops *ops)
{
	struct calls *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return NULL;
	cs->ops = *ops;
	idmap_init(&cs->by_id);
	TAILQ_INIT(&cs->list);
	return cs;
}

void calls_bind(struct calls *cs, struct sessions *sessions, struct spool *spool)
{
	cs->sessions = sessions;
	cs->spool = spool;
}

void calls_record_with(struct calls *cs, struct recordings *recordings)
{
	cs->recordings = recordings;
}

void calls_count_in(struct calls *cs, struct windows *windows)
{
	cs->windows = windows;
}

static void call_drop(struct calls *cs, struct call *call)
{
	idmap_del(&cs->by_id, call->info.id);
	TAILQ_REMOVE(&cs->list, call, link);
	if (call->phase == CALL_LIVE)
		cs->counts.live--;
	else
		cs->counts.ending--;
	secret_free(call->checkpoint, call->checkpoint_len);
	recordings_call_free(call);
	free(call);
}

void calls_free(struct calls *cs)
{
	if (cs == NULL)
		return;
	while (!TAILQ_EMPTY(&cs->list))
		call_drop(cs, TAILQ_FIRST(&cs->list));
	idmap_wipe(&cs->by_id);
	free(cs);
}

struct call *calls_find(const struct calls *cs, uint64_t id)
{
	return idmap_get(&cs->by_id, id);
}

const struct call_list *calls_list(const struct calls *cs)
{
	return &cs->list;
}

void calls_counts(const struct calls *cs, struct calls_counts *ret_counts)
{
	*ret_counts = cs->counts;
}

bool ctl_call_ok(const struct ctl_call *c)
{
	if (c->id == 0 || c->state < CTL_CALL_SETUP || c->state > CTL_CALL_ENDED ||
		c->released_by > CTL_BY_OPERATOR || c->n_media > CTL_MEDIA_MAX ||
		c->transcoded > 1 || c->zero[0] != 0 || c->zero[1] != 0 ||
		c->stir_verdict >= CTL_STIR_N_VERDICTS || c->limit >= CTL_LIMIT_N ||
		c->toll_alarm > 1 || c->transfer >= CTL_TRANSFER_N ||
		!ipc_str_ok(c->target, sizeof(c->target)) ||
		!ipc_str_ok(c->reason, sizeof(c->reason)))
		return false;
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (c->dtmf[i] >= CTL_DTMF_N_WAYS)
			return false;
		if (c->srtp[i] >= DP_SRTP_N || c->srtp_note[i] >= CTL_SRTP_N_NOTES ||
			c->srtp_keying[i] >= CTL_N_KEYINGS)
			return false;
		if (!ipaddr_valid(&c->peer_sig[i]) || !ipc_str_ok(c->calling[i], CTL_NUMBER_MAX) ||
			!ipc_str_ok(c->called[i], CTL_NUMBER_MAX) ||
			!ipc_str_ok(c->codec[i], CTL_CODEC_MAX) ||
			!ipc_str_ok(c->realm[i], CTL_NAME_MAX) ||
			!ipc_str_ok(c->trunk[i], CTL_NAME_MAX) ||
			!ipc_str_ok(c->session_id[i], sizeof(c->session_id[i])) ||
			!ipc_str_ok(c->sip_call_id[i], sizeof(c->sip_call_id[i])))
			return false;
	}
	return true;
}

static struct call *call_new(struct calls *cs, uint64_t id, uint32_t worker)
{
	struct call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->info.id = id;
	call->info.state = CTL_CALL_SETUP;
	call->info.invite_ms = cs->ops.wall_ms(cs->ops.arg);
	call->worker = worker;
	if (idmap_put(&cs->by_id, id, call) < 0) {
		free(call);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&cs->list, call, link);
	cs->counts.live++;
	return call;
}

/* The last checkpoint counts; the one before, with its SRTP keys, is wiped. */
static int checkpoint_keep(struct call *call, const void *checkpoint, size_t len)
{
	void *p = len > 0 ? malloc(len) : NULL;

	if (len > 0 && p == NULL)
		return -ENOMEM;
	if (len > 0)
		memcpy(p, checkpoint, len);
	secret_free(call->checkpoint, call->checkpoint_len);
	call->checkpoint = p;
	call->checkpoint_len = len;
	return 0;
}

int calls_put(struct calls *cs, uint32_t worker, const struct ctl_call *info,
	const void *checkpoint, size_t len)
{
	struct call *call = calls_find(cs, info->id);

	if (call == NULL)
		call = call_new(cs, info->id, worker);
	if (call == NULL)
		return -ENOMEM;
	if (call->phase != CALL_LIVE)
		return 0; /* overtaken by its end */
	if (checkpoint_keep(call, checkpoint, len) < 0)
		return -ENOMEM;
	call->info = *info;
	call->described = true;
	call->worker = worker;
	call->restore_due = false;
	call_windows_put(cs, call);
	if (cs->recordings != NULL)
		recordings_call(cs->recordings, call);
	return 0;
}

/* What the data plane has told since limen-sip described the call. */
static void add_media(const struct call *call, struct ctl_call *info)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		info->digits[leg] += call->digits[leg];
	for (unsigned int leg = 0; call->phase == CALL_LIVE && leg < DP_LEGS; leg++) {
		uint8_t suite = DP_SRTP_NONE;

		if (info->srtp_keying[leg] != CTL_KEYING_DTLS)
			continue;
		for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
			const struct media_session *s = call->media[i];

			if (s == NULL || !s->wanted)
				continue;
			suite = s->conf.leg[leg].rx.suite;
			if (suite == DP_SRTP_NONE)
				break;
		}
		info->srtp[leg] = suite;
	}
}

void calls_info(const struct call *call, struct ctl_call *ret_info)
{
	*ret_info = call->info;
	add_media(call, ret_info);
}

/* ---- media ---- */

void calls_media_set(struct calls *cs, uint32_t worker, const struct media_ticket *ticket,
	const struct ctl_media *media)
{
	struct call *call = calls_find(cs, media->call_id);
	struct media_session *session = NULL;
	int ret = 0;

	if (call == NULL && !spool_has(cs->spool, media->call_id)) {
		call = call_new(cs, media->call_id, worker);
		ret = call == NULL ? -ENOMEM : 0;
	} else if (call == NULL || call->phase != CALL_LIVE) {
		ret = -ENOENT;
	}
	if (ret == 0) {
		call->worker = worker;
		ret = sessions_set(
			cs->sessions, media, ticket, call, cs->ops.mono_ms(cs->ops.arg), &session);
	}
	if (ret < 0) {
		log_info("call %016llx: no media between realms %s and %s: %s",
			(unsigned long long)media->call_id, media->realm[0], media->realm[1],
			strerror(-ret));
		cs->ops.reply(cs->ops.arg, ticket, CTL_MEDIA_SET, ret, NULL, 0);
		return;
	}
	call->media[media->media_index] = session;
	if (cs->recordings != NULL)
		recordings_call(cs->recordings, call);
}

void calls_media_answer(void *arg, const struct media_session *session,
	const struct media_ticket *ticket, int32_t status)
{
	struct calls *cs = arg;
	struct ctl_media_opened opened = {0};

	if (status < 0) {
		log_info("call %016llx: the data plane refuses its media: %s",
			(unsigned long long)session->call_id, strerror(-status));
		cs->ops.reply(cs->ops.arg, ticket, CTL_MEDIA_SET, status, NULL, 0);
		return;
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct ctl_play *play = &session->play[leg];

		opened.local[leg] = session->conf.leg[leg].local;
		if (play->kind != CTL_PLAY_PROMPT || (play->flags & CTL_PLAY_LOOP))
			continue;
		opened.prompt[leg].serial = play->serial;
		opened.prompt[leg].length_ms = cs->ops.prompt_ms(cs->ops.arg, play->name);
	}
	cs->ops.reply(cs->ops.arg, ticket, CTL_MEDIA_SET, 0, &opened, sizeof(opened));
}

void calls_media_close(struct calls *cs, const struct ctl_media_id *id)
{
	struct call *call = calls_find(cs, id->call_id);

	if (call == NULL || id->media_index >= CTL_MEDIA_MAX || call->phase != CALL_LIVE)
		return;
	struct media_session *session = call->media[id->media_index];
	if (session != NULL)
		sessions_close(cs->sessions, session, cs->ops.mono_ms(cs->ops.arg));
}

void calls_dtmf_heard(
	void *arg, const struct media_session *session, const struct dp_event_dtmf *event)
{
	struct calls *cs = arg;
	struct call *call = calls_find(cs, session->call_id);
	struct ctl_dtmf msg = {.call_id = session->call_id,
		.media_index = session->index,
		.leg = event->leg,
		.duration_ms = event->duration_ms,
		.digit = event->digit};

	if (call == NULL || call->phase != CALL_LIVE)
		return;
	call->digits[event->leg]++;
	msg.token = call->info.token;
	/* Elsewhere the data plane brings it on by itself. */
	if (call->described && call->info.dtmf[!event->leg] == CTL_DTMF_SIP_INFO)
		cs->ops.send(cs->ops.arg, call->worker, CTL_DTMF, &msg, sizeof(msg), NULL, 0);
}

void calls_dtmf_send(struct calls *cs, const struct ctl_dtmf *msg)
{
	const struct call *call = calls_find(cs, msg->call_id);
	const struct media_session *session = NULL;

	if (call != NULL && call->phase == CALL_LIVE && msg->media_index < CTL_MEDIA_MAX)
		session = call->media[msg->media_index];
	if (session != NULL && session->wanted && cs->ops.press != NULL)
		cs->ops.press(cs->ops.arg, session, msg);
}

void calls_media_lost(void *arg, struct media_session *session, int error)
{
	char reason[160];

	snprintf(reason, sizeof(reason), "its media could not be set up again: %s",
		strerror(-error));
	calls_clear(arg, session->call_id, Q850_TEMPORARY_FAILURE, CTL_BY_BOX, reason);
}

void calls_media_timeout(void *arg, struct media_session *session, unsigned int leg)
{
	struct calls *cs = arg;
	struct call *call = calls_find(cs, session->call_id);
	char reason[160];

	if (call == NULL || call->clear.call_id != 0)
		return;
	snprintf(reason, sizeof(reason), "no media from the %s (realm %.31s) for %u s",
		leg == 0 ? "caller" : "called side", session->realm_name[leg],
		session->conf.leg[leg].timeout_ms / 1000);
	cs->counts.cleared_for_silence++;
	calls_clear(cs, call->info.id, Q850_TEMPORARY_FAILURE, CTL_BY_BOX, reason);
}

void calls_play_done(
	void *arg, const struct media_session *session, unsigned int leg, uint32_t serial)
{
	struct calls *cs = arg;
	const struct call *call = calls_find(cs, session->call_id);
	struct ctl_play_done done = {.call_id = session->call_id,
		.media_index = session->index,
		.cookie = session->cookie,
		.leg = leg,
		.serial = serial};

	/* limen-sip that is away, or does not get it, knows how long the prompt is. */
	if (call != NULL && call->phase == CALL_LIVE &&
		!cs->ops.send(
			cs->ops.arg, call->worker, CTL_PLAY_DONE, &done, sizeof(done), NULL, 0))
		log_debug("call %016llx: nobody is told that its prompt is over",
			(unsigned long long)session->call_id);
}

void calls_media_no_keys(void *arg, const struct media_session *session, unsigned int leg)
{
	char reason[160];

	snprintf(reason, sizeof(reason),
		"no DTLS handshake with the %s (realm %.31s): nobody with the announced "
		"certificate "
		"answered",
		leg == 0 ? "caller" : "called side", session->realm_name[leg]);
	calls_clear(arg, session->call_id, Q850_TEMPORARY_FAILURE, CTL_BY_BOX, reason);
}

static bool send_clear(struct calls *cs, const struct call *call)
{
	return cs->ops.send(cs->ops.arg, call->worker, CTL_CALL_CLEAR, &call->clear,
		sizeof(call->clear), NULL, 0);
}

int calls_clear(
	struct calls *cs, uint64_t id, uint32_t q850, uint32_t released_by, const char *reason)
{
	struct call *call = calls_find(cs, id);

	if (call == NULL || call->phase != CALL_LIVE)
		return -ENOENT;
	call->clear = (struct ctl_call_clear){
		.call_id = id, .q850 = q850, .released_by = released_by};
	snprintf(call->clear.reason, sizeof(call->clear.reason), "%s", reason);
	log_info("call %016llx: to be ended: %s", (unsigned long long)id, reason);
	return send_clear(cs, call) ? 0 : -ENOTCONN;
}

int calls_play(struct calls *cs, uint64_t id, uint32_t legs, const char *prompt)
{
	const struct call *call = calls_find(cs, id);
	struct ctl_call_play play = {.call_id = id, .legs = legs};
	bool can = false;

	if (call == NULL || call->phase != CALL_LIVE)
		return -ENOENT;
	if (cs->ops.prompt_ms(cs->ops.arg, prompt) == 0)
		return -ENODATA;
	if (call->info.answer_ms == 0 || call->info.target[0] != '\0')
		return -EBUSY;
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		const struct media_session *s = call->media[i];
		for (unsigned int leg = 0; s != NULL && s->wanted && leg < DP_LEGS; leg++)
			can = can || ((legs >> leg & 1) && s->conf.leg[leg].send.codec != 0);
	}
	if (!can)
		return -ENOTSUP;
	snprintf(play.prompt, sizeof(play.prompt), "%s", prompt);
	return cs->ops.send(cs->ops.arg, call->worker, CTL_CALL_PLAY, &play, sizeof(play), NULL, 0)
		       ? 0
		       : -ENOTCONN;
}

void calls_clear_again(struct calls *cs, uint32_t worker)
{
	struct call *call;

	TAILQ_FOREACH(call, &cs->list, link) {
		if (call->worker == worker && call->clear.call_id != 0 &&
			call->phase == CALL_LIVE && !send_clear(cs, call))
			return;
	}
}

/* ---- end ---- */

static void acknowledge(struct calls *cs, struct call *call)
{
	if (call->end_ticket.connection != 0)
		cs->ops.reply(cs->ops.arg, &call->end_ticket, CTL_CALL_END, 0, NULL, 0);
	call_drop(cs, call);
}

static void write_record(struct calls *cs, struct call *call)
{
	struct record record;
	uint64_t now_ms = cs->ops.mono_ms(cs->ops.arg);

	call->phase = CALL_WRITING;
	calls_record(cs, call, cs->ops.wall_ms(cs->ops.arg), &record);
	call_windows_end(cs, call, &record.quality);
	int ret = spool_put(cs->spool, &record, cs->ops.wall_ms(cs->ops.arg));
	if (ret == -ENOSPC) {
		cs->unwritten = true; /* not even in memory: calls_tick() tries again */
		return;
	}
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		if (call->media[i] != NULL)
			sessions_forget(cs->sessions, call->media[i], now_ms);
		call->media[i] = NULL;
	}
	call->spooled = true;
	if (ret == 0)
		acknowledge(cs, call);
}

static bool all_media_gone(const struct call *call)
{
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		if (call->media[i] != NULL && !sessions_is_gone(call->media[i]))
			return false;
	}
	return true;
}

void call_finish(struct calls *cs, struct call *call)
{
	uint64_t now_ms = cs->ops.mono_ms(cs->ops.arg);

	add_media(call, &call->info);		       /* while the sessions have their keys */
	memset(call->digits, 0, sizeof(call->digits)); /* they are in info now */
	call->phase = CALL_ENDING;
	cs->counts.live--;
	cs->counts.ending++;
	call->info.state = CTL_CALL_ENDED;
	if (call->info.end_ms == 0)
		call->info.end_ms = cs->ops.wall_ms(cs->ops.arg);
	if (cs->recordings != NULL)
		recordings_call_end(cs->recordings, call);
	/* While this loop runs, gone() must not write the record and free the call. */
	cs->finishing = call;
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		if (call->media[i] != NULL)
			sessions_close(cs->sessions, call->media[i], now_ms);
	}
	cs->finishing = NULL;
	if (all_media_gone(call))
		write_record(cs, call);
}

void calls_media_gone(void *arg, struct media_session *session)
{
	struct calls *cs = arg;
	struct call *call = session->owner;

	if (call->phase == CALL_ENDING && call != cs->finishing && all_media_gone(call))
		write_record(cs, call);
}

void calls_end(struct calls *cs, uint32_t worker, const struct media_ticket *ticket,
	const struct ctl_call *info)
{
	struct call *call = calls_find(cs, info->id);

	if (call == NULL && spool_has(cs->spool, info->id)) {
		cs->ops.reply(cs->ops.arg, ticket, CTL_CALL_END, 0, NULL, 0);
		return;
	}
	if (call == NULL)
		call = call_new(cs, info->id, worker);
	if (call == NULL) {
		cs->ops.reply(cs->ops.arg, ticket, CTL_CALL_END, -ENOMEM, NULL, 0);
		return;
	}
	call->end_ticket = *ticket;
	if (call->phase != CALL_LIVE)
		return; /* said again: the first one is still being worked on */
	call->info = *info;
	call->described = true;
	call->worker = worker;
	call_finish(cs, call);
}

void calls_record_written(void *arg, uint64_t id)
{
	struct calls *cs = arg;
	struct call *call = calls_find(cs, id);

	if (call != NULL && call->phase == CALL_WRITING)
		acknowledge(cs, call);
}

void calls_tick(struct calls *cs)
{
	struct call *call, *next;

	calls_rate(cs);
	if (!cs->unwritten)
		return;
	cs->unwritten = false;
	for (call = TAILQ_FIRST(&cs->list); call != NULL && !cs->unwritten; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->phase == CALL_WRITING && !call->spooled)
			write_record(cs, call);
	}
}
