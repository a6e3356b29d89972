/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See mixer.h. */
#include "dataplane/transcode/mixer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/vp.h"

#define LINEAR	  24576 /* 3/4 of full scale: until here a sum is left alone */
#define KEEP	  4	/* in power: the place of who talks */
#define LOUD_KEEP 8 /* loudness falls by an eighth a frame, so that gaps in words do not count */

struct party {
	bool present; /* has put samples in this frame */
	bool mixed;   /* is heard in this frame */
	bool talks;   /* was heard in the last frame */
	uint64_t loudness;
};

struct vp_mixer {
	uint32_t n_parties, n_talkers, frame_n;
	bool summed;
	struct party parties[VP_MIXER_PARTIES_MAX];
	int32_t *sum;
	int16_t pcm[]; /* frame_n of each party */
};

int vp_mixer_new(
	uint32_t n_parties, uint32_t n_talkers, uint32_t frame_n, struct vp_mixer **ret_mixer)
{
	struct vp_mixer *m;
	size_t pcm_len = ((size_t)n_parties * frame_n * sizeof(int16_t) + 15) & ~(size_t)15;

	if (!n_parties || n_parties > VP_MIXER_PARTIES_MAX || n_talkers > n_parties || !frame_n ||
		frame_n > VP_FRAME_MAX)
		return -EINVAL;
	m = calloc(1, sizeof(*m) + frame_n * sizeof(int32_t) + pcm_len + 16);
	if (!m)
		return -ENOMEM;
	m->n_parties = n_parties;
	m->n_talkers = n_talkers ? n_talkers : n_parties;
	m->frame_n = frame_n;
	m->sum = (int32_t *)(((uintptr_t)m->pcm + pcm_len + 3) & ~(uintptr_t)3);
	*ret_mixer = m;
	return 0;
}

void vp_mixer_free(struct vp_mixer *m)
{
	free(m);
}

void vp_mixer_begin(struct vp_mixer *m)
{
	m->summed = false;
	for (uint32_t i = 0; i < m->n_parties; i++) {
		m->parties[i].talks = m->parties[i].mixed;
		m->parties[i].present = false;
		m->parties[i].mixed = false;
		m->parties[i].loudness -= m->parties[i].loudness / LOUD_KEEP;
	}
}

int vp_mixer_put(struct vp_mixer *m, uint32_t party, const int16_t *pcm, uint32_t n)
{
	int16_t *own;
	struct party *p;
	uint64_t power;

	if (party >= m->n_parties || n > m->frame_n)
		return -EINVAL;
	p = &m->parties[party];
	own = m->pcm + (size_t)party * m->frame_n;
	memcpy(own, pcm, n * sizeof(*pcm));
	memset(own + n, 0, (m->frame_n - n) * sizeof(*pcm));
	p->present = n > 0;
	power = n ? vp_power(pcm, n) : 0;
	if (power > p->loudness)
		p->loudness = power;
	m->summed = false;
	return 0;
}

static uint64_t rank(const struct party *p)
{
	return p->talks ? p->loudness * KEEP : p->loudness;
}

/* The n_talkers loudest that are present. Their number is small, so the next is looked for again. */
static void choose(struct vp_mixer *m)
{
	for (uint32_t i = 0; i < m->n_parties; i++)
		m->parties[i].mixed = m->n_talkers == m->n_parties && m->parties[i].present;
	if (m->n_talkers == m->n_parties)
		return;
	for (uint32_t n = 0; n < m->n_talkers; n++) {
		struct party *best = NULL;
		for (uint32_t i = 0; i < m->n_parties; i++) {
			struct party *p = &m->parties[i];
			if (p->present && !p->mixed && (!best || rank(p) > rank(best)))
				best = p;
		}
		if (!best)
			return;
		best->mixed = true;
	}
}

static void sum_up(struct vp_mixer *m)
{
	if (m->summed)
		return;
	choose(m);
	memset(m->sum, 0, m->frame_n * sizeof(*m->sum));
	for (uint32_t i = 0; i < m->n_parties; i++) {
		const int16_t *own = m->pcm + (size_t)i * m->frame_n;
		for (uint32_t k = 0; m->parties[i].mixed && k < m->frame_n; k++)
			m->sum[k] += own[k];
	}
	m->summed = true;
}

/* Above LINEAR the rest of the scale is approached: x -> LINEAR + rest * over / (over + rest). */
static int16_t limit(int32_t sample)
{
	int32_t rest = INT16_MAX - LINEAR, size = abs(sample), over = size - LINEAR;

	if (over <= 0)
		return (int16_t)sample;
	size = LINEAR + (int32_t)((int64_t)rest * over / (over + rest));
	return (int16_t)(sample < 0 ? -size : size);
}

int vp_mixer_get(struct vp_mixer *m, uint32_t party, int16_t *pcm)
{
	const int16_t *own;

	if (party >= m->n_parties)
		return -EINVAL;
	sum_up(m);
	own = m->pcm + (size_t)party * m->frame_n;
	for (uint32_t k = 0; k < m->frame_n; k++)
		pcm[k] = limit(m->sum[k] - (m->parties[party].mixed ? own[k] : 0));
	return 0;
}

void vp_mixer_get_all(struct vp_mixer *m, int16_t *pcm)
{
	sum_up(m);
	for (uint32_t k = 0; k < m->frame_n; k++)
		pcm[k] = limit(m->sum[k]);
}
