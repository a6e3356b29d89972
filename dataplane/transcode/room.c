/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See room.h. */
#include "dataplane/transcode/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/maker.h"
#include "dataplane/transcode/mixer.h"
#include "dataplane/transcode/resample.h"
#include "dataplane/transcode/vp.h"

#define FRAME_US    (ROOM_FRAME_MS * UINT64_C(1000))
#define FRAME_N	    (ROOM_HZ / 1000 * ROOM_FRAME_MS)
#define TALKERS	    8  /* the loudest are heard: noises of all the others do not add up */
#define BACKLOG_MS  60 /* of what was mixed and is not encoded yet */
#define SKIPPED_MAX 30 /* frames of a pause that are taken out of jitter buffers */

_Static_assert(DP_ROOM_MEMBERS_MAX <= VP_MIXER_PARTIES_MAX, "a party for each member");

struct member {
	struct member_conf conf;
	struct room *room;
	struct voice *in;
	struct maker maker;
	struct vp_resample *resample; /* of the mix; NULL: it has the right rate */
	uint64_t due_us;	      /* UINT64_MAX: no packet is there */
	uint32_t party;
	uint32_t skipped_ms; /* frames that passed unheard, less than a packet of them */
	bool joined;
	void *owner;
	void (*released)(void *arg);
	void *released_arg;
};

struct room {
	struct vp_mixer *mixer;
	uint64_t due_us; /* UINT64_MAX: nobody is there */
	uint32_t n;
	struct member *members[DP_ROOM_MEMBERS_MAX]; /* the first n */
	bool taken[DP_ROOM_MEMBERS_MAX];	     /* parties of the mixer */
};

int room_new(struct room **ret_room)
{
	struct room *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->due_us = UINT64_MAX;
	if (vp_mixer_new(DP_ROOM_MEMBERS_MAX, TALKERS, FRAME_N, &r->mixer) < 0) {
		free(r);
		return -ENOMEM;
	}
	*ret_room = r;
	return 0;
}

void room_free(struct room *r)
{
	if (!r)
		return;
	vp_mixer_free(r->mixer);
	free(r);
}

/* ---- members ---- */

void member_conf_of(
	const struct dp_session *session, unsigned int leg, struct member_conf *ret_conf)
{
	const struct dp_leg *l = &session->leg[leg];
	struct voice_conf *in = &ret_conf->in;

	memset(ret_conf, 0, sizeof(*ret_conf));
	ret_conf->send = l->send;
	ret_conf->room_id = l->play.id;
	ret_conf->serial = l->play.serial;
	for (unsigned int i = 0; i < l->n_payloads && i < DP_PAYLOAD_TYPES; i++) {
		struct dp_payload p = l->payloads[i];
		if (p.action != DP_PT_EVENT && p.action != DP_PT_NOISE) {
			if (!p.codec)
				continue;
			p.action = DP_PT_TRANSCODE;
			p.pt_out = 0;
		}
		in->payloads[in->n_payloads++] = p;
	}
	/* what a frame of the mixer is made of */
	in->send = (struct dp_send){.codec = DP_CODEC_L16_16K, .params.ptime_ms = ROOM_FRAME_MS};
}

int member_new(const struct member_conf *conf, struct room *room, uint32_t ssrc,
	void (*released)(void *arg), void *arg, struct member **ret_member)
{
	struct member *m = calloc(1, sizeof(*m));
	int r;

	if (!m) {
		if (released)
			released(arg);
		return -ENOMEM;
	}
	m->conf = *conf;
	m->room = room;
	m->due_us = UINT64_MAX;
	m->released = released;
	m->released_arg = arg;
	r = maker_init(&m->maker, &conf->send, ROOM_HZ, ssrc, BACKLOG_MS);
	if (r == 0 && m->maker.rate_hz != ROOM_HZ)
		r = vp_resample_new(ROOM_HZ, m->maker.rate_hz, VP_RESAMPLE_QUALITY, &m->resample);
	if (r == 0)
		r = voice_new(&conf->in, ssrc, &m->in);
	if (r < 0) {
		member_free(m);
		return r;
	}
	*ret_member = m;
	return 0;
}

void member_free(struct member *m)
{
	if (!m)
		return;
	voice_free(m->in);
	vp_resample_free(m->resample);
	maker_close(&m->maker);
	if (m->released)
		m->released(m->released_arg);
	free(m);
}

struct room *member_room(const struct member *m)
{
	return m->room;
}

void member_set_owner(struct member *m, void *owner)
{
	m->owner = owner;
}

void *member_owner(const struct member *m)
{
	return m->owner;
}

int room_join(struct member *m, uint64_t now_us)
{
	struct room *r = m->room;
	uint32_t party = 0;

	while (party < DP_ROOM_MEMBERS_MAX && r->taken[party])
		party++;
	if (party == DP_ROOM_MEMBERS_MAX)
		return -ENOSPC;
	r->taken[party] = true;
	m->party = party;
	m->joined = true;
	r->members[r->n++] = m;
	if (r->n == 1)
		r->due_us = now_us;
	return 0;
}

static uint32_t place_of(const struct member *m)
{
	uint32_t i = 0;

	while (m->room->members[i] != m)
		i++;
	return i;
}

void room_leave(struct member *m)
{
	struct room *r = m->room;

	if (!m->joined)
		return;
	r->taken[m->party] = false;
	r->members[place_of(m)] = r->members[--r->n];
	m->joined = false;
	if (!r->n)
		r->due_us = UINT64_MAX;
}

void room_replace(struct member *m, struct member *old)
{
	if (!old->joined)
		return;
	m->party = old->party;
	m->room->members[place_of(old)] = m;
	m->joined = true;
	old->joined = false;
	voice_adopt(m->in, old->in);
}

uint32_t room_n_members(const struct room *r)
{
	return r->n;
}

struct member *room_member(const struct room *r, uint32_t i)
{
	return r->members[i];
}

uint64_t room_due_us(const struct room *r)
{
	return r->due_us;
}

/* ---- a frame ---- */

static void hear(struct room *r, struct member *m, uint64_t now_us, struct dp_mcore_stats *stats)
{
	int16_t pcm[FRAME_N];

	if (voice_hear(m->in, now_us, pcm, FRAME_N, stats))
		vp_mixer_put(r->mixer, m->party, pcm, FRAME_N);
}

/* Time that passed unheard is missing in what the member is sent, by whole packets. */
static void make_up(struct member *m)
{
	while (m->skipped_ms * 1000 >= m->maker.ptime_us) {
		m->skipped_ms -= m->maker.ptime_us / 1000;
		maker_skip(&m->maker);
	}
}

static void tell(struct room *r, struct member *m)
{
	int16_t mix[FRAME_N], out[VP_RATE_MAX_HZ / 1000 * ROOM_FRAME_MS];
	int n = FRAME_N;

	vp_mixer_get(r->mixer, m->party, mix);
	if (m->resample)
		n = vp_resample_run(m->resample, mix, FRAME_N, out, sizeof(out) / sizeof(out[0]));
	make_up(m);
	if (n > 0)
		maker_append(&m->maker, m->resample ? out : mix, (uint32_t)n);
	if (m->due_us == UINT64_MAX && maker_is_full(&m->maker))
		m->due_us = r->due_us;
}

void room_tick(struct room *r, uint64_t now_us, struct dp_mcore_stats *stats)
{
	vp_mixer_begin(r->mixer);
	for (uint32_t i = 0; i < r->n; i++)
		hear(r, r->members[i], now_us, stats);
	for (uint32_t i = 0; i < r->n; i++)
		tell(r, r->members[i]);
	r->due_us += FRAME_US;
}

void room_skip(struct room *r, uint64_t now_us)
{
	uint64_t n = now_us > r->due_us ? (now_us - r->due_us) / FRAME_US : 0;
	uint64_t n_heard = n < SKIPPED_MAX ? n : SKIPPED_MAX;

	for (uint32_t i = 0; i < r->n; i++) {
		struct member *m = r->members[i];
		m->skipped_ms += (uint32_t)(n * ROOM_FRAME_MS);
		for (uint64_t k = 0; k < n_heard; k++)
			voice_skip(m->in, now_us);
	}
	r->due_us += n * FRAME_US;
}

/* ---- packets ---- */

void member_put(struct member *m, const uint8_t *rtp, uint32_t len, uint64_t now_us,
	struct dp_mcore_stats *stats)
{
	voice_put(m->in, rtp, len, now_us, stats);
}

uint64_t member_due_us(const struct member *m)
{
	return m->due_us;
}

static void next(struct member *m)
{
	if (!maker_is_full(&m->maker))
		m->due_us = UINT64_MAX; /* else at once: what is late does not get later */
}

uint32_t member_tick(struct member *m, uint8_t *rtp, uint32_t max, struct dp_mcore_stats *stats)
{
	uint32_t len = maker_make(&m->maker, rtp, max, stats);

	next(m);
	return len;
}

void member_skip(struct member *m)
{
	maker_skip(&m->maker);
	next(m);
}
