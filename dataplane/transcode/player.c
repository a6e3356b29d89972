/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See player.h. */
#include "dataplane/transcode/player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/maker.h"
#include "dataplane/transcode/resample.h"
#include "dataplane/transcode/tone.h"
#include "dataplane/transcode/vp.h"

#define TONE_HZ 8000 /* enough for every frequency of a telephone */

struct player {
	struct player_conf conf;
	struct player_sound sound;
	struct maker maker;
	struct vp_resample *resample; /* NULL: the prompt has the right rate */
	struct vp_tone tone;
	uint64_t at;	 /* the next sample of the prompt */
	uint64_t due_us; /* 0: not begun */
	uint64_t played_us, max_us;
	bool done, told;
};

void player_conf_of(
	const struct dp_session *session, unsigned int leg, struct player_conf *ret_conf)
{
	memset(ret_conf, 0, sizeof(*ret_conf));
	ret_conf->play = session->leg[leg].play;
	ret_conf->send = session->leg[leg].send;
}

int player_new(const struct player_conf *conf, const struct player_sound *sound, uint32_t ssrc,
	struct player **ret_player)
{
	struct player *p = calloc(1, sizeof(*p));
	uint32_t source_hz = sound ? sound->rate_hz : TONE_HZ;
	int r;

	if (!p) {
		if (sound && sound->release)
			sound->release(sound->owner);
		return -ENOMEM;
	}
	p->conf = *conf;
	if (sound)
		p->sound = *sound;
	p->max_us = conf->play.max_ms ? conf->play.max_ms * UINT64_C(1000) : UINT64_MAX;
	r = maker_init(&p->maker, &conf->send, source_hz, ssrc, 0);
	if (r == 0 && sound && source_hz != p->maker.rate_hz)
		r = vp_resample_new(source_hz, p->maker.rate_hz, VP_RESAMPLE_QUALITY, &p->resample);
	if (r < 0) {
		player_free(p);
		return r;
	}
	if (!sound)
		vp_tone_start(&p->tone, p->conf.play.steps, p->maker.rate_hz,
			conf->play.level ? -(int)conf->play.level : VP_TONE_LEVEL_DBM0);
	*ret_player = p;
	return 0;
}

void player_free(struct player *p)
{
	if (!p)
		return;
	maker_close(&p->maker);
	vp_resample_free(p->resample);
	if (p->sound.release)
		p->sound.release(p->sound.owner);
	free(p);
}

void player_adopt(struct player *p, const struct player *old)
{
	if (memcmp(&p->conf.play, &old->conf.play, sizeof(p->conf.play)) != 0)
		return;
	p->at = old->at;
	p->due_us = old->due_us;
	p->played_us = old->played_us;
	p->done = old->done;
	p->told = old->told;
	if (!p->sound.pcm)
		vp_tone_follow(&p->tone, &old->tone);
}

uint64_t player_due_us(const struct player *p)
{
	return p->told ? UINT64_MAX : p->due_us;
}

/* The next n samples of the prompt, from its beginning after its end or silence. */
static void read_prompt(struct player *p, int16_t *pcm, uint32_t n)
{
	const struct player_sound *s = &p->sound;

	while (n) {
		uint64_t left = s->n_samples - p->at;
		uint32_t k = left < n ? (uint32_t)left : n;
		if (k == 0 && !(p->conf.play.flags & DP_PLAY_LOOP)) {
			memset(pcm, 0, n * sizeof(*pcm));
			return;
		}
		memcpy(pcm, s->pcm + p->at, k * sizeof(*pcm));
		p->at += k;
		pcm += k;
		n -= k;
		if (p->conf.play.flags & DP_PLAY_LOOP && p->at == s->n_samples)
			p->at = 0;
	}
}

static void fill(struct player *p)
{
	int16_t in[VP_FRAME_MAX], out[VP_FRAME_MAX];
	struct maker *m = &p->maker;
	int n;

	if (!p->sound.pcm) {
		vp_tone_run(&p->tone, out, m->n_packet);
		maker_append(m, out, m->n_packet);
		return;
	}
	if (!p->resample) {
		read_prompt(p, out, m->n_packet);
		maker_append(m, out, m->n_packet);
		return;
	}
	uint32_t n_in = m->n_packet / (m->rate_hz / 1000) * (p->sound.rate_hz / 1000);
	read_prompt(p, in, n_in);
	n = vp_resample_run(p->resample, in, n_in, out, VP_FRAME_MAX);
	maker_append(m, out, n > 0 ? (uint32_t)n : 0);
}

/* Whether there is something to play; else it is done. */
static bool go_on(struct player *p, uint64_t now_us)
{
	if (!p->due_us)
		p->due_us = now_us;
	if (p->played_us >= p->max_us)
		p->done = true;
	if (p->sound.pcm && p->at == p->sound.n_samples)
		p->done = true;
	return !p->done;
}

static void advance(struct player *p)
{
	p->due_us += p->maker.ptime_us;
	p->played_us += p->maker.ptime_us;
}

uint32_t player_tick(
	struct player *p, uint64_t now_us, uint8_t *rtp, uint32_t max, struct dp_mcore_stats *stats)
{
	bool goes_on = go_on(p, now_us);

	advance(p);
	if (!goes_on)
		return 0;
	fill(p);
	return maker_is_full(&p->maker) ? maker_make(&p->maker, rtp, max, stats) : 0;
}

void player_skip(struct player *p, uint64_t now_us)
{
	bool goes_on = go_on(p, now_us);

	advance(p);
	if (!goes_on)
		return;
	fill(p);
	maker_skip(&p->maker);
}

bool player_is_done(const struct player *p, uint32_t *ret_serial)
{
	*ret_serial = p->conf.play.serial;
	return p->done && !p->told;
}

void player_told(struct player *p)
{
	p->told = true;
}
