/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Media sessions as limen-control holds them; see sessions.h. Their ports: session_ports.c. */
#include "controlplane/media/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/media/session_ports.h"
#include "controlplane/records/record.h"

LOG_TOPIC("media");

#define SAMPLE_FRESH_MS 1000 /* an older packet's jitter was counted already */
#define SAMPLE_MOST	4096 /* at once, so that nobody waits for long */

struct media_waiter {
	STAILQ_ENTRY(media_waiter) link;
	struct media_ticket ticket;
	uint32_t rev; /* of the session that is to be acknowledged */
};

struct sessions {
	struct media_realms *realms;
	struct sessions_ops ops;
	struct idmap by_id;
	TAILQ_HEAD(, media_session) dirty;
	uint32_t n_inflight, n_workers, rotor;
	size_t sample_pos; /* of by_id: where sessions_sample() goes on */
	uint32_t n_dtls;   /* sessions with a leg that has a role */
	bool keys_told;
	bool up;
	struct sessions_counts counts;
};

struct sessions *sessions_new(struct media_realms *realms, const struct sessions_ops *ops)
{
	struct sessions *ss = calloc(1, sizeof(*ss));

	if (ss == NULL)
		return NULL;
	ss->realms = realms;
	ss->ops = *ops;
	idmap_init(&ss->by_id);
	TAILQ_INIT(&ss->dirty);
	return ss;
}

static void waiters_free(struct media_session *s)
{
	struct media_waiter *w;

	while ((w = STAILQ_FIRST(&s->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->waiters, link);
		free(w);
	}
}

static void session_free(struct media_session *s)
{
	secret_wipe(&s->conf, sizeof(s->conf)); /* SRTP keys */
	secret_free(s->dtls_keys, sizeof(*s->dtls_keys));
	free(s);
}

void sessions_free(struct sessions *ss)
{
	size_t pos = 0;

	if (ss == NULL)
		return;
	for (struct media_session *s; (s = idmap_next(&ss->by_id, &pos)) != NULL;) {
		waiters_free(s);
		session_free(s);
	}
	idmap_wipe(&ss->by_id);
	free(ss);
}

/*
 * The same after every restart, so that a data plane that kept its sessions recognises them. The
 * finalizer of splitmix64: two calls whose ids differ a little get ids that differ a lot.
 */
static uint64_t session_id(uint64_t call_id, uint32_t index)
{
	uint64_t h = call_id + UINT64_C(0x9e3779b97f4a7c15) * (index + 1u);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	h ^= h >> 31;
	return h != 0 ? h : 1;
}

struct media_session *sessions_by_id(const struct sessions *ss, uint64_t id)
{
	return idmap_get(&ss->by_id, id);
}

struct media_session *sessions_find(const struct sessions *ss, uint64_t call_id, uint32_t index)
{
	struct media_session *s = idmap_get(&ss->by_id, session_id(call_id, index));
	return s != NULL && s->call_id == call_id && s->index == index ? s : NULL;
}

struct media_session *sessions_walk(const struct sessions *ss, size_t *pos)
{
	return idmap_next(&ss->by_id, pos);
}

static void mark_dirty(struct sessions *ss, struct media_session *s)
{
	if (!s->queued && s->inflight == 0) {
		TAILQ_INSERT_TAIL(&ss->dirty, s, dirty_link);
		s->queued = true;
	}
	if (ss->up)
		ss->ops.dirty(ss->ops.arg);
}

static void answer_waiters(struct sessions *ss, struct media_session *s, uint32_t rev, int status)
{
	struct media_waiter *w;

	while ((w = STAILQ_FIRST(&s->waiters)) != NULL && (int32_t)(w->rev - rev) <= 0) {
		STAILQ_REMOVE_HEAD(&s->waiters, link);
		ss->ops.answer(ss->ops.arg, s, &w->ticket, status);
		free(w);
	}
}

/* ---- wishes ---- */

/* What the data plane is to have of a leg whose keys come from a handshake. */
static void leg_dtls(struct media_session *s, unsigned int i)
{
	struct media_dtls_keys *keys = s->dtls_keys;
	struct dp_leg *leg = &s->conf.leg[i];

	if (s->dtls[i].role == CTL_DTLS_NONE)
		return;
	leg->flags = keys->flags[i] | DP_LEG_NAT;
	leg->rx = leg->tx = (struct dp_srtp){0};
	if (keys->keyed[i]) {
		leg->rx = keys->rx[i];
		leg->tx = keys->tx[i];
	} else {
		leg->flags &= ~(uint32_t)(DP_LEG_SEND | DP_LEG_RECV | DP_LEG_EARLY);
	}
}

static bool has_dtls(const struct ctl_dtls dtls[DP_LEGS])
{
	return dtls[0].role != CTL_DTLS_NONE || dtls[1].role != CTL_DTLS_NONE;
}

static bool dtls_room(struct media_session *s, const struct ctl_media *media)
{
	if (s->dtls_keys == NULL && has_dtls(media->dtls))
		s->dtls_keys = calloc(1, sizeof(*s->dtls_keys));
	return s->dtls_keys != NULL || !has_dtls(media->dtls);
}

/* Takes what limen-sip says of handshakes; its keys hold as long as the association is the same. */
static void take_dtls(struct sessions *ss, struct media_session *s, const struct ctl_media *media,
	const struct ipaddr old_remote[DP_LEGS])
{
	bool had = has_dtls(s->dtls), tell[DP_LEGS] = {false, false};

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		const struct ctl_dtls *dtls = &media->dtls[i];
		struct media_dtls_keys *keys = s->dtls_keys;
		bool other = memcmp(&s->dtls[i], dtls, sizeof(*dtls)) != 0;

		if (other && keys != NULL) {
			keys->keyed[i] = false;
			secret_wipe(&keys->rx[i], sizeof(keys->rx[i]));
			secret_wipe(&keys->tx[i], sizeof(keys->tx[i]));
		}
		if (dtls->role != CTL_DTLS_NONE)
			keys->flags[i] = s->conf.leg[i].flags;
		/* A client that has not been heard yet calls where the far end is now. */
		tell[i] = other ||
			  (dtls->role == CTL_DTLS_CLIENT && !keys->keyed[i] &&
				  !ipaddr_equal(&old_remote[i], &s->conf.leg[i].remote_rtp));
		s->dtls[i] = *dtls;
		leg_dtls(s, i);
	}
	ss->n_dtls += has_dtls(s->dtls);
	ss->n_dtls -= had;
	for (unsigned int i = 0; i < DP_LEGS; i++)
		if (tell[i])
			ss->ops.dtls(ss->ops.arg, s, i);
}

static void drop_dtls(struct sessions *ss, struct media_session *s)
{
	ss->n_dtls -= has_dtls(s->dtls);
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (s->dtls[i].role == CTL_DTLS_NONE)
			continue;
		s->dtls[i] = (struct ctl_dtls){0};
		ss->ops.dtls(ss->ops.arg, s, i);
	}
}

bool sessions_keyed(const struct media_session *session, unsigned int leg)
{
	return session->dtls_keys != NULL && session->dtls_keys->keyed[leg];
}

int sessions_keys(struct sessions *ss, const struct ctl_nat_keys *keys)
{
	struct media_session *s = sessions_by_id(ss, keys->id.session_id);
	unsigned int leg = keys->id.leg;

	if (s == NULL || !s->wanted || leg >= DP_LEGS || s->dtls[leg].role == CTL_DTLS_NONE ||
		s->dtls[leg].association != keys->id.association ||
		!(s->dtls[leg].suites & 1u << keys->rx.suite))
		return -ENOENT;
	s->dtls_keys->keyed[leg] = true;
	s->dtls_keys->rx[leg] = keys->rx;
	s->dtls_keys->tx[leg] = keys->tx;
	leg_dtls(s, leg);
	s->rev++;
	mark_dirty(ss, s);
	return 0;
}

void sessions_keys_told(struct sessions *ss)
{
	size_t pos = 0;

	if (ss->keys_told)
		return;
	ss->keys_told = true;
	for (struct media_session *s; (s = idmap_next(&ss->by_id, &pos)) != NULL;)
		if (has_dtls(s->dtls))
			mark_dirty(ss, s);
}

/*
 * What is played to each leg. s: the session as it is, or NULL. Music for a call that goes on is not
 * worth ending it: where a prompt is missing, there is silence.
 */
static int plays_resolve(const struct sessions *ss, const struct media_session *s,
	const struct ctl_media *media, struct dp_play ret_plays[DP_LEGS])
{
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		const struct ctl_play *play = &media->play[i];
		int ret = ss->ops.play(ss->ops.arg, play, &ret_plays[i]);

		if (ret == 0)
			continue;
		if (s != NULL && memcmp(&s->play[i], play, sizeof(*play)) == 0) {
			ret_plays[i] = s->conf.leg[i].play;
			continue;
		}
		if (ctl_media_n_legs(media) == 1)
			return ret;
		log_warning("call %016llx: prompt %s is not there: silence is played for it",
			(unsigned long long)media->call_id, play->name);
		ret_plays[i] = (struct dp_play){.kind = DP_PLAY_TONE, .serial = play->serial};
	}
	return 0;
}

static void conf_from_media(struct media_session *s, const struct ctl_media *media,
	const struct session_ports *ports, const struct dp_play plays[DP_LEGS])
{
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		const struct media_realm *realm = ports->realm[i];
		struct dp_leg *leg = &s->conf.leg[i];
		*leg = media->leg[i];
		leg->play = plays[i];
		s->play[i] = media->play[i];
		s->realm[i] = ports->realm[i];
		memcpy(s->realm_name[i], media->realm[i], CTL_NAME_MAX);
		if (realm == NULL)
			continue;
		leg->local = ports->local[i];
		/* What the realm says is control's business; limen-sip does not know it. */
		leg->dscp = leg->flags & DP_LEG_ANY_PT ? realm->dscp_video : realm->dscp;
		/* Who listens to the box while a call waits need not talk. */
		leg->timeout_ms = plays[i].kind != DP_PLAY_NONE && ports->realm[1] != NULL
					  ? 0
					  : realm->timeout_ms;
		leg->max_pps = leg->flags & DP_LEG_ANY_PT ? realm->other_pps : realm->audio_pps;
		leg->flags &= ~(uint32_t)DP_LEG_LATCH;
		leg->flags |= realm->latch ? DP_LEG_LATCH : 0;
		leg->flags &= ~(uint32_t)DP_LEG_RTCP_STRICT;
		leg->flags |= realm->rtcp_strict ? DP_LEG_RTCP_STRICT : 0;
		leg->flags |= s->tap ? DP_LEG_TAP : 0;
	}
}

static struct media_session *session_new(struct sessions *ss, const struct ctl_media *media)
{
	struct media_session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->id = session_id(media->call_id, media->media_index);
	s->call_id = media->call_id;
	s->index = media->media_index;
	s->conf.id = s->id;
	s->conf.call_id = s->call_id;
	for (unsigned int i = 0; i < DP_LEGS; i++)
		s->carried[i].last_rx_ago_ms = s->carried[i].first_rx_ago_ms = UINT64_MAX;
	STAILQ_INIT(&s->waiters);
	if (idmap_put(&ss->by_id, s->id, s) < 0) {
		free(s);
		return NULL;
	}
	ss->counts.sessions++;
	return s;
}

static void session_drop(struct sessions *ss, struct media_session *s)
{
	idmap_del(&ss->by_id, s->id);
	ss->counts.sessions--;
	session_free(s);
}

static bool same_local(const struct dp_session *conf, const struct session_ports *ports)
{
	return ipaddr_equal(&conf->leg[0].local, &ports->local[0]) &&
	       ipaddr_equal(&conf->leg[1].local, &ports->local[1]);
}

int sessions_set(struct sessions *ss, const struct ctl_media *media,
	const struct media_ticket *ticket, void *owner, uint64_t now_ms,
	struct media_session **ret_session)
{
	struct media_session *s = sessions_find(ss, media->call_id, media->media_index);
	struct media_waiter *w = malloc(sizeof(*w));
	struct ipaddr old_remote[DP_LEGS] = {0};
	struct dp_play plays[DP_LEGS];
	struct session_ports ports;
	int ret = -ENOMEM;

	if (w == NULL)
		return ret;
	ret = ss->n_workers == 0 ? -EAGAIN : plays_resolve(ss, s, media, plays);
	if (ret == 0)
		ret = session_ports_take(
			&ports, ss, ss->realms, media, s, ss->n_workers, &ss->rotor, now_ms);
	bool fresh = s == NULL;
	if (ret == 0 && fresh)
		s = session_new(ss, media);
	if (ret == 0 && (s == NULL || !dtls_room(s, media))) {
		session_ports_undo(&ports, now_ms);
		if (fresh && s != NULL)
			session_drop(ss, s);
		ret = -ENOMEM;
	}
	if (ret < 0) {
		ss->counts.refused++;
		ss->counts.exhausted += ret == -ENOSPC;
		free(w);
		return ret;
	}
	if ((s->known || s->inflight != 0) && !same_local(&s->conf, &ports))
		s->reset = true;
	session_ports_commit(&ports, ss, s, now_ms);
	for (unsigned int i = 0; i < DP_LEGS; i++)
		old_remote[i] = s->conf.leg[i].remote_rtp;
	conf_from_media(s, media, &ports, plays);
	s->cookie = media->cookie;
	take_dtls(ss, s, media, old_remote);
	s->owner = owner;
	s->wanted = true;
	s->error = 0;
	s->set_ms = now_ms;
	w->rev = ++s->rev;
	w->ticket = *ticket;
	STAILQ_INSERT_TAIL(&s->waiters, w, link);
	*ret_session = s;
	mark_dirty(ss, s);
	if (!ss->up)
		answer_waiters(ss, s, s->rev, 0);
	return 0;
}

void sessions_tap(struct sessions *ss, struct media_session *s, bool on)
{
	if (s->tap == on)
		return;
	s->tap = on;
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		uint32_t *flags = &s->conf.leg[i].flags;

		if (s->realm[i] == NULL)
			continue; /* that leg is not there */
		*flags = (*flags & ~(uint32_t)DP_LEG_TAP) | (on ? DP_LEG_TAP : 0);
		if (s->dtls[i].role != CTL_DTLS_NONE)
			s->dtls_keys->flags[i] = (s->dtls_keys->flags[i] & ~(uint32_t)DP_LEG_TAP) |
						 (on ? DP_LEG_TAP : 0);
	}
	if (!s->wanted)
		return;
	s->rev++;
	mark_dirty(ss, s);
}

/* The counters of a life in the data plane that is over, or whose end nobody will tell. */
static void carry(
	struct media_session *s, const struct dp_stream_sum from[DP_LEGS], uint32_t source)
{
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		struct dp_stream_sum sum = from[i];
		if (!ipaddr_is_set(&sum.latched))
			sum.latched = s->latched[i];
		record_sum_add(&s->carried[i], &sum);
	}
	s->source = record_source_add(s->source, source);
}

static void carry_from_segment(struct sessions *ss, struct media_session *s)
{
	struct dp_stream_sum from[DP_LEGS];

	if (!s->has_streams)
		return; /* it never got there */
	if (ss->ops.sums(ss->ops.arg, s, from))
		carry(s, from, RECORD_MEDIA_SEGMENT);
	else
		s->source = record_source_add(s->source, RECORD_MEDIA_UNKNOWN);
	s->has_streams = false;
}

bool sessions_is_gone(const struct media_session *s)
{
	return !s->wanted && !s->known && s->inflight == 0;
}

static void session_gone(struct sessions *ss, struct media_session *s)
{
	s->known = false;
	s->has_streams = false;
	ss->ops.gone(ss->ops.arg, s);
}

void sessions_close(struct sessions *ss, struct media_session *s, uint64_t now_ms)
{
	if (!s->wanted)
		return;
	drop_dtls(ss, s);
	s->wanted = false;
	s->rev++;
	s->set_ms = now_ms;
	answer_waiters(ss, s, s->rev, -ECANCELED);
	if (!ss->up || (!s->known && s->inflight == 0)) {
		/* A data plane that comes back with it will be swept. */
		carry_from_segment(ss, s);
		session_gone(ss, s);
		return;
	}
	mark_dirty(ss, s);
}

void sessions_forget(struct sessions *ss, struct media_session *s, uint64_t now_ms)
{
	if (s->queued)
		TAILQ_REMOVE(&ss->dirty, s, dirty_link);
	if (s->inflight != 0)
		ss->n_inflight--;
	session_ports_give(ss, s, now_ms);
	waiters_free(s);
	session_drop(ss, s);
}

uint32_t sessions_sum(const struct sessions *ss, const struct media_session *s,
	struct dp_stream_sum ret_sums[DP_LEGS])
{
	struct dp_stream_sum from[DP_LEGS];

	memcpy(ret_sums, s->carried, sizeof(s->carried));
	if (!s->has_streams)
		return s->source;
	if (!ss->ops.sums(ss->ops.arg, s, from))
		return record_source_add(s->source, RECORD_MEDIA_UNKNOWN);
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		from[i].latched = s->latched[i];
		record_sum_add(&ret_sums[i], &from[i]);
	}
	return record_source_add(s->source, RECORD_MEDIA_SEGMENT);
}

static void sample(struct sessions *ss, struct media_session *s)
{
	struct dp_stream_sum from[DP_LEGS];

	if (!s->has_streams || !ss->ops.sums(ss->ops.arg, s, from))
		return;
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (from[i].last_rx_ago_ms > SAMPLE_FRESH_MS)
			continue;
		s->jitter_sum_us[i] += from[i].jitter_us;
		s->n_jitter[i]++;
	}
}

void sessions_sample(struct sessions *ss, uint32_t n_parts)
{
	uint64_t n = ss->by_id.n / n_parts + 1;

	if (n > SAMPLE_MOST)
		n = SAMPLE_MOST;
	while (n-- > 0) {
		struct media_session *s = idmap_next(&ss->by_id, &ss->sample_pos);
		if (s == NULL) {
			ss->sample_pos = 0;
			return;
		}
		sample(ss, s);
	}
}

/* ---- what the data plane is told ---- */

/* See sessions_keys_told(). */
static bool waits_for_keys(const struct sessions *ss, const struct media_session *s)
{
	if (ss->keys_told || !s->wanted)
		return false;
	for (unsigned int i = 0; i < DP_LEGS; i++)
		if (s->dtls[i].role != CTL_DTLS_NONE && !s->dtls_keys->keyed[i])
			return true;
	return false;
}

/* 0: it has what is wanted. */
static uint16_t request_for(const struct sessions *ss, const struct media_session *s)
{
	if (waits_for_keys(ss, s))
		return 0;

	if (s->known && (!s->wanted || s->reset))
		return DP_SESSION_REMOVE;
	if (!s->wanted || s->error != 0)
		return 0;
	if (!s->known)
		return DP_SESSION_ADD;
	return s->acked_rev != s->rev ? DP_SESSION_MODIFY : 0;
}

bool sessions_next(struct sessions *ss, uint16_t *ret_type, struct media_session **ret_session)
{
	struct media_session *s;

	while ((s = TAILQ_FIRST(&ss->dirty)) != NULL) {
		TAILQ_REMOVE(&ss->dirty, s, dirty_link);
		s->queued = false;
		uint16_t type = request_for(ss, s);
		if (type == 0)
			continue;
		s->inflight = type;
		s->sent_rev = s->rev;
		ss->n_inflight++;
		*ret_type = type;
		*ret_session = s;
		return true;
	}
	return false;
}

bool sessions_idle(const struct sessions *ss)
{
	return TAILQ_EMPTY(&ss->dirty) && ss->n_inflight == 0 && (ss->keys_told || ss->n_dtls == 0);
}

static int done_set(struct sessions *ss, struct media_session *s, uint16_t type, int32_t status,
	const struct dp_session_reply *reply)
{
	if (status == -EEXIST && type == DP_SESSION_ADD) {
		/* It is there with other content: the same as MODIFY from now on. */
		s->known = true;
		s->acked_rev = s->rev - 1;
		return 0;
	}
	if (status == -ENOENT && type == DP_SESSION_MODIFY) {
		carry_from_segment(ss, s);
		s->known = false;
		return 0;
	}
	if (status < 0) {
		/* A refused MODIFY leaves the session as it was; a refused ADD leaves none. */
		if (type == DP_SESSION_MODIFY)
			s->acked_rev = s->sent_rev;
		else if (s->rev == s->sent_rev)
			s->error = status;
		bool asked = !STAILQ_EMPTY(&s->waiters);
		answer_waiters(ss, s, s->sent_rev, status);
		/* Without its media address it waits for that, see sessions_retry(). */
		if (!asked && s->wanted && s->error != 0 && s->error != -EADDRNOTAVAIL)
			ss->ops.lost(ss->ops.arg, s, status);
		return 0;
	}
	if (type == DP_SESSION_ADD)
		ss->counts.added++;
	s->known = true;
	s->has_streams = true;
	s->acked_rev = s->sent_rev;
	memcpy(s->stream, reply->stream, sizeof(s->stream));
	answer_waiters(ss, s, s->sent_rev, 0);
	return 0;
}

static void done_remove(struct sessions *ss, struct media_session *s, int32_t status,
	const struct dp_session_final *final)
{
	if (status == 0) {
		carry(s, final->from, RECORD_MEDIA_DATAPLANE);
		/* when it is added again, at other ports, it goes on from there */
		memcpy(s->conf.srtp_rx, final->srtp_rx, sizeof(s->conf.srtp_rx));
		memcpy(s->conf.srtp_tx, final->srtp_tx, sizeof(s->conf.srtp_tx));
	} else if (s->has_streams)
		s->source = record_source_add(s->source, RECORD_MEDIA_UNKNOWN);
	s->known = false;
	s->has_streams = false;
	s->reset = false;
	if (!s->wanted)
		session_gone(ss, s);
}

int sessions_done(struct sessions *ss, uint64_t id, uint16_t type, int32_t status, const void *body,
	size_t len, uint64_t now_ms)
{
	struct media_session *s = sessions_by_id(ss, id);
	size_t want = type == DP_SESSION_REMOVE ? sizeof(struct dp_session_final)
						: sizeof(struct dp_session_reply);

	if (s == NULL || s->inflight != type)
		return 0; /* forgotten meanwhile */
	if (status == 0 && (len != want || memcmp(body, &id, sizeof(id)) != 0))
		return -EPROTO;
	s->inflight = 0;
	ss->n_inflight--;
	/* The callbacks may close or forget it; by its id it is found again, or not. */
	if (type == DP_SESSION_REMOVE)
		done_remove(ss, s, status, body);
	else
		done_set(ss, s, type, status, body);
	s = sessions_by_id(ss, id);
	if (s == NULL || s->inflight != 0)
		return 0;
	if (!s->wanted && !s->known && type != DP_SESSION_REMOVE) {
		session_gone(ss, s); /* closed while its ADD was refused */
		return 0;
	}
	if (request_for(ss, s) != 0)
		mark_dirty(ss, s);
	return 0;
}

void sessions_up(struct sessions *ss, uint32_t n_workers, bool same_boot)
{
	size_t pos = 0;

	if (n_workers != ss->n_workers)
		media_realms_set_workers(ss->realms, n_workers);
	ss->n_workers = n_workers;
	ss->up = true;
	for (struct media_session *s; (s = idmap_next(&ss->by_id, &pos)) != NULL;) {
		if (!same_boot && s->has_streams)
			ss->ops.srtp(ss->ops.arg, s, &s->conf);
		if (!same_boot)
			carry_from_segment(ss, s);
		s->known = false;
		s->reset = false;
		s->error = 0;
		s->acked_rev = s->rev - 1;
		if (s->wanted)
			mark_dirty(ss, s);
	}
}

void sessions_down(struct sessions *ss, uint64_t now_ms)
{
	struct media_session **closing = NULL;
	size_t pos = 0, n_closing = 0;

	ss->up = false;
	ss->n_inflight = 0;
	/* gone() may free sessions and change the map, so those are collected first. */
	closing = malloc((ss->by_id.n + 1) * sizeof(struct media_session *));
	for (struct media_session *s; (s = idmap_next(&ss->by_id, &pos)) != NULL;) {
		bool is_closing = !s->wanted && !sessions_is_gone(s);
		s->inflight = 0;
		if (s->queued) {
			TAILQ_REMOVE(&ss->dirty, s, dirty_link);
			s->queued = false;
		}
		if (is_closing && closing != NULL)
			closing[n_closing++] = s;
		answer_waiters(ss, s, s->rev, 0);
	}
	for (size_t i = 0; i < n_closing; i++) {
		carry_from_segment(ss, closing[i]);
		session_gone(ss, closing[i]);
	}
	free(closing);
}

void sessions_retry(struct sessions *ss)
{
	size_t pos = 0;

	for (struct media_session *s; (s = idmap_next(&ss->by_id, &pos)) != NULL;) {
		if (s->error == 0 || !s->wanted)
			continue;
		s->error = 0;
		mark_dirty(ss, s);
	}
}

void sessions_counts(const struct sessions *ss, struct sessions_counts *ret_counts)
{
	*ret_counts = ss->counts;
}

uint32_t sessions_n_workers(const struct sessions *ss)
{
	return ss->n_workers;
}
