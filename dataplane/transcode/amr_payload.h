/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTP payloads of AMR and AMR-WB (RFC 4867 section 4): mode request, table of contents, frames, in
 * both the bandwidth-efficient and the octet-aligned form. No CRC, interleaving, robust sorting or
 * second channel: dp_fmtp.h refuses them. Pure; any thread; needs no codec library.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AMR_FRAMES_MAX	 12 /* 240 ms */
#define AMR_FRAME_OCTETS 61 /* head and 477 bits, the longest of AMR-WB */
#define AMR_NO_REQUEST	 15
#define AMR_NO_DATA	 15

/* What differs between the two codecs. */
struct amr_kind {
	int16_t bits[16]; /* of a frame, by its type; -1: reserved */
	uint8_t n_modes;  /* types below this are speech */
	uint8_t sid;	  /* type of a comfort noise frame */
};

extern const struct amr_kind amr_narrow, amr_wide;

/*
 * A frame as the codec libraries take and give it: a head octet (type << 3 | quality << 2), then
 * the bits, first in the highest place (the storage format of RFC 4867 5.3).
 */
struct amr_frame {
	uint8_t octets[AMR_FRAME_OCTETS];
};

static inline uint8_t amr_frame_type(const struct amr_frame *frame)
{
	return frame->octets[0] >> 3 & 0x0f;
}

/* Where the frames of a payload are. */
struct amr_toc {
	uint8_t request; /* mode, or AMR_NO_REQUEST also in place of what is reserved */
	uint8_t n_frames;
	uint8_t type[AMR_FRAMES_MAX];
	bool good[AMR_FRAMES_MAX];	 /* Q: not damaged on an earlier hop */
	uint16_t bit_at[AMR_FRAMES_MAX]; /* of the frame's first bit in the payload */
};

/* 0, or -EBADMSG: a reserved type, too many frames, or another length than the frames have. */
int amr_toc_parse(const struct amr_kind *kind, bool octet_align, const uint8_t *payload, size_t len,
	struct amr_toc *ret_toc) __attribute__((warn_unused_result));

/* Frame i of a payload that amr_toc_parse() has taken. */
void amr_frame_get(const struct amr_kind *kind, const struct amr_toc *toc, uint32_t i,
	const uint8_t *payload, struct amr_frame *ret_frame);

/*
 * Writes a payload of 1 .. AMR_FRAMES_MAX frames of valid types; dst has room for
 * amr_payload_max(). Returns its length.
 */
size_t amr_payload_write(const struct amr_kind *kind, bool octet_align, uint8_t request,
	const struct amr_frame *frames, uint32_t n_frames, uint8_t *dst);

/* No payload of n_frames is longer. */
size_t amr_payload_max(const struct amr_kind *kind, bool octet_align, uint32_t n_frames);
