/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Concealment of lost packets for codecs that have none of their own, in the manner of G.711
 * appendix I: the last pitch period is repeated, fading after 10 ms and silent after 60 ms. What
 * is made joins what was heard without a step and without delay; the first good samples after it
 * are cross-faded with it.
 *
 * Owner: one thread. Memory: allocated by _new alone, 6.4 KB at 48 kHz, 1.1 KB at 8 kHz.
 */
#pragma once

#include <stdint.h>

struct vp_plc;

#define VP_PLC_SILENT_MS 60 /* of concealment in a row: nothing is left */

/* -EINVAL: not one of the rates; -ENOMEM. */
int vp_plc_new(uint32_t rate_hz, struct vp_plc **ret_plc);
void vp_plc_free(struct vp_plc *p);

/* Forgets the past, for another talker. */
void vp_plc_reset(struct vp_plc *p);

/* Good samples: they are remembered; after a loss the first of them are changed (up to 10 ms). */
void vp_plc_good(struct vp_plc *p, int16_t *pcm, uint32_t n);

/* Makes n samples in place of those that are missing. */
void vp_plc_lost(struct vp_plc *p, int16_t *pcm, uint32_t n);

/*
 * Two pieces of n samples that follow each other become one: fades from the first to the second,
 * into it (the jitter buffer's merge, and other joints).
 */
void vp_merge(const int16_t *first, int16_t *second, uint32_t n);
