/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WAV files: reading prompts from memory (a mapped file), writing recordings. Reading trusts
 * nothing: every length is checked before it is used, and a file is refused with a sentence for
 * the operator.
 *
 * Read: 16-bit PCM, A-law, u-law; 8, 16 or 48 kHz; mono, or stereo whose halves are added; RIFF,
 * RF64 (EBU Tech 3306), and what a recorder left when it died. Written: 16-bit PCM; the header is
 * right at the start, every five seconds of audio and at the end, so a crash costs no more than
 * that; beyond 4 GB it becomes RF64.
 *
 * Owner: one thread. Memory: the caller's, 40 bytes to read, 48 to write. Writing makes system
 * calls and does not belong on a packet worker or a transcode core.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VP_WAV_HEADER_LEN 80 /* RIFF, room for ds64, fmt, head of data */
#define VP_WAV_FIX_S	  5

enum vp_wav_format {
	VP_WAV_PCM16 = 1,
	VP_WAV_ALAW = 6,
	VP_WAV_ULAW = 7,
};

struct vp_wav {
	const uint8_t *data; /* into the caller's memory */
	uint64_t n_samples;  /* of each channel */
	uint32_t rate_hz;
	uint16_t format; /* enum vp_wav_format */
	uint16_t n_channels;
};

/*
 * Looks at a whole file of len octets, which the caller keeps while *ret_wav is in use. -EINVAL:
 * *ret_why says what is wrong with it.
 */
int vp_wav_open(const uint8_t *file, size_t len, struct vp_wav *ret_wav, const char **ret_why);

/* Up to n mono samples from sample number at on. Returns how many there were. */
uint32_t vp_wav_read(const struct vp_wav *w, uint64_t at, int16_t *pcm, uint32_t n);

struct vp_wav_writer {
	int fd;
	uint32_t rate_hz;
	uint16_t n_channels;
	uint64_t data_len;  /* octets of samples that are in the file */
	uint64_t fixed_len; /* ... that its header knows of */
};

/* The header of a file with data_len octets of samples. */
void vp_wav_header(uint32_t rate_hz, uint16_t n_channels, uint64_t data_len,
	uint8_t ret_header[VP_WAV_HEADER_LEN]);

/*
 * Starts a file; fd is open for writing, empty, and stays the caller's. n_channels 1 or 2. -EINVAL,
 * or the errno of writing.
 */
int vp_wav_start(struct vp_wav_writer *w, int fd, uint32_t rate_hz, uint16_t n_channels);

/* Adds n samples of each channel (of two channels: left, right, left ...). errno of writing. */
int vp_wav_write(struct vp_wav_writer *w, const int16_t *pcm, uint32_t n);

/* Makes the header right. To be called at the end; also in between. errno of writing. */
int vp_wav_finish(struct vp_wav_writer *w);
