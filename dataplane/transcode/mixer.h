/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mixer of N parties: each hears the sum of the others and not itself. A frame begins with
 * vp_mixer_begin(); each party that has samples puts them in; then each takes its own mix. Who put
 * nothing was silent. The sum is exact in 32 bits; what is above 3/4 of full scale is bent into
 * the rest of it instead of being cut or wrapped.
 *
 * With n_talkers below the number of parties, only the loudest are mixed, so that a hundred noises
 * do not add up. Who talks keeps its place against somebody less than twice as loud.
 *
 * Owner: one thread. Memory: allocated by _new alone: 2 octets a sample and party, and 4 a sample;
 * 65 KB for 32 parties and 20 ms at 48 kHz.
 */
#pragma once

#include <stdint.h>

#define VP_MIXER_PARTIES_MAX 32

struct vp_mixer;

/*
 * frame_n samples (1 to VP_FRAME_MAX) of one frame; n_talkers 0: everybody is mixed. -EINVAL,
 * -ENOMEM.
 */
int vp_mixer_new(
	uint32_t n_parties, uint32_t n_talkers, uint32_t frame_n, struct vp_mixer **ret_mixer);
void vp_mixer_free(struct vp_mixer *m);

/* A new frame: everybody is silent. */
void vp_mixer_begin(struct vp_mixer *m);

/*
 * The party's samples of this frame; frame_n, or fewer (then silence). Once a frame: more replace
 * what was there. -EINVAL: no such party, or too many samples.
 */
int vp_mixer_put(struct vp_mixer *m, uint32_t party, const int16_t *pcm, uint32_t n);

/* What the party hears; all are to be put before the first is taken. -EINVAL: no such party. */
int vp_mixer_get(struct vp_mixer *m, uint32_t party, int16_t *pcm);

/* Of everybody who is heard, for recording. */
void vp_mixer_get_all(struct vp_mixer *m, int16_t *pcm);
