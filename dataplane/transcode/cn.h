/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Comfort noise by RFC 3389: the payload, a generator, and the sending side's decision what to
 * send (DTX). Reflection coefficients belong to the inverse filter 1 + k1/z of the first order,
 * as usual (low-frequency noise has a negative k1).
 *
 * Owner: one thread. Memory: the caller's; vp_noise_gen 120 bytes, vp_dtx 260 bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/transcode/vad.h"

#define VP_NOISE_ORDER_MAX 12 /* coefficients behind it are left out, as RFC 3389 3.2 allows */
#define VP_NOISE_ORDER	   8  /* of what we send */
#define VP_NOISE_LEN	   (1 + VP_NOISE_ORDER)
#define VP_NOISE_LEVEL_MAX 127

struct vp_noise {
	uint8_t level; /* 0 to 127: so many dB below overload (-dBov) */
	uint8_t order;
	float k[VP_NOISE_ORDER_MAX]; /* reflection coefficients, |k| < 1 */
};

/* -EINVAL: empty, or a coefficient that RFC 3389 does not define. */
int vp_noise_parse(const uint8_t *payload, size_t len, struct vp_noise *ret_noise);

/* Octets written: 1 + order. -ENOSPC. */
int vp_noise_build(const struct vp_noise *noise, uint8_t *payload, size_t max);

struct vp_noise_gen {
	struct vp_noise noise;
	float gain, gain_step, gain_end; /* of the excitation, on its way to gain_end */
	float back[VP_NOISE_ORDER_MAX];	 /* of the lattice */
	uint32_t seed;
};

/* Starts with silence. */
void vp_noise_gen_init(struct vp_noise_gen *g);

/* Another noise from now on; the level gets there within 20 ms of 8 kHz. */
void vp_noise_gen_set(struct vp_noise_gen *g, const struct vp_noise *noise);

void vp_noise_gen_run(struct vp_noise_gen *g, int16_t *pcm, uint32_t n);

/* ---- sending ---- */

enum vp_dtx_what {
	VP_DTX_SPEECH,	/* send the frame */
	VP_DTX_NOISE,	/* send a noise packet */
	VP_DTX_NOTHING, /* send nothing */
};

#define VP_DTX_CHANGE_DB 3    /* another level of the noise is told at once, but ... */
#define VP_DTX_GAP_MS	 200  /* ... not sooner than so long after the last one */
#define VP_DTX_REPEAT_MS 1000 /* what did not change is told again */

struct vp_dtx {
	struct vp_vad vad;
	uint32_t rate_hz;
	bool silent;	  /* the last frame was */
	uint8_t level;	  /* told last */
	uint32_t since_n; /* samples since then */
	float power;	  /* of the noise, smoothed */
	float corr[VP_NOISE_ORDER + 1];
};

void vp_dtx_init(struct vp_dtx *d, uint32_t rate_hz);

/*
 * What to send in place of these n samples (10 to 60 ms). *ret_noise is set with VP_DTX_NOISE. The
 * first VP_DTX_SPEECH after anything else starts a talk spurt: its packet has the marker bit.
 */
enum vp_dtx_what vp_dtx_run(
	struct vp_dtx *d, const int16_t *pcm, uint32_t n, struct vp_noise *ret_noise);
