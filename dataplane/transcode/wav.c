/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See wav.h. All numbers in the file are little endian. */
#include "dataplane/transcode/wav.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/transcode/g711.h"
#include "dataplane/transcode/vp.h"

#define CHUNK_LEN      8
#define RIFF_LEN       12
#define FMT_LEN	       16
#define DS64_LEN       28
#define EXTENSIBLE     0xfffe
#define EXTENSIBLE_LEN 40
#define UNKNOWN	       UINT32_MAX /* a length that stands in ds64, or was never written */
#define PIECE	       2048	  /* octets that are made ready for one write */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* ---- reading ---- */

/* What is known of the file while its chunks are walked over. */
struct walk {
	struct vp_wav wav;
	bool rf64, have_fmt, have_ds64;
	uint64_t ds64_data_len;
	uint16_t align;
};

static const char *read_fmt(struct walk *w, const uint8_t *p, uint64_t len)
{
	uint16_t format, bits;

	if (w->have_fmt)
		return "it has two fmt chunks";
	if (len < FMT_LEN)
		return "its fmt chunk is too short";
	format = get16(p);
	bits = get16(p + 14);
	if (format == EXTENSIBLE) {
		/* the format is the head of a GUID whose rest is always the same */
		static const uint8_t rest[14] = {
			0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};
		if (len < EXTENSIBLE_LEN || memcmp(p + 26, rest, sizeof(rest)) != 0)
			return "its extensible format is not one that we read";
		format = get16(p + 24);
	}
	w->wav.format = format;
	w->wav.n_channels = get16(p + 2);
	w->wav.rate_hz = get32(p + 4);
	w->align = get16(p + 12);
	if (format != VP_WAV_PCM16 && format != VP_WAV_ALAW && format != VP_WAV_ULAW)
		return "its format is not PCM, A-law or u-law";
	if (bits != (format == VP_WAV_PCM16 ? 16 : 8))
		return "its samples do not have 16 bits (PCM) or 8 (A-law, u-law)";
	if (w->wav.n_channels != 1 && w->wav.n_channels != 2)
		return "it has neither one nor two channels";
	if (!vp_rate_is_valid(w->wav.rate_hz))
		return "its rate is not 8000, 16000 or 48000 Hz";
	if (w->align != w->wav.n_channels * bits / 8 || get32(p + 8) != w->wav.rate_hz * w->align)
		return "its fmt chunk contradicts itself";
	w->have_fmt = true;
	return NULL;
}

/* The data chunk: p is its content, of which left octets are in the file. */
static const char *read_data(struct walk *w, const uint8_t *p, uint32_t len32, uint64_t left)
{
	uint64_t len = len32;

	if (!w->have_fmt)
		return "its data comes before its fmt chunk";
	if (len32 == UNKNOWN) {
		/* in ds64; or the recorder did not live to write it, then all there is counts */
		len = w->rf64 ? w->ds64_data_len : left - left % w->align;
		if (w->rf64 && !w->have_ds64)
			return "it is RF64 without a ds64 chunk";
	}
	if (len > left)
		return "it is shorter than it says";
	if (len % w->align)
		return "its data ends inside a sample";
	w->wav.data = p;
	w->wav.n_samples = len / w->align;
	return NULL;
}

static const char *walk(struct walk *w, const uint8_t *file, uint64_t len)
{
	uint64_t at = RIFF_LEN;

	while (len - at >= CHUNK_LEN) {
		const uint8_t *p = file + at + CHUNK_LEN;
		uint32_t chunk_len = get32(file + at + 4);
		uint64_t left = len - at - CHUNK_LEN;
		const char *why = NULL;

		if (memcmp(file + at, "data", 4) == 0)
			return read_data(w, p, chunk_len, left);
		if (chunk_len > left)
			return "a chunk is longer than the file";
		if (memcmp(file + at, "fmt ", 4) == 0)
			why = read_fmt(w, p, chunk_len);
		if (memcmp(file + at, "ds64", 4) == 0 && chunk_len >= DS64_LEN) {
			w->have_ds64 = true;
			w->ds64_data_len = get64(p + 8);
		}
		if (why)
			return why;
		/* chunks begin at even places */
		at += CHUNK_LEN + (uint64_t)chunk_len + chunk_len % 2;
		if (at > len)
			break;
	}
	return "it has no data chunk";
}

int vp_wav_open(const uint8_t *file, size_t len, struct vp_wav *ret_wav, const char **ret_why)
{
	struct walk w = {.wav = {0}};
	const char *why = NULL;

	if (len < RIFF_LEN || memcmp(file + 8, "WAVE", 4) != 0)
		why = "it is not a WAV file";
	else if (memcmp(file, "RF64", 4) == 0)
		w.rf64 = true;
	else if (memcmp(file, "RIFF", 4) != 0)
		why = "it is not a WAV file";
	if (!why)
		why = walk(&w, file, len);
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	*ret_wav = w.wav;
	return 0;
}

static int32_t linear(const struct vp_wav *w, uint64_t i)
{
	switch (w->format) {
	case VP_WAV_ALAW:
		return G711_ALAW_LINEAR((int32_t)w->data[i]);
	case VP_WAV_ULAW:
		return G711_ULAW_LINEAR((int32_t)w->data[i]);
	default:
		return (int16_t)get16(w->data + 2 * i);
	}
}

uint32_t vp_wav_read(const struct vp_wav *w, uint64_t at, int16_t *pcm, uint32_t n)
{
	uint64_t left = at < w->n_samples ? w->n_samples - at : 0;

	n = n < left ? n : (uint32_t)left;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t k = at + i;
		if (w->n_channels == 2)
			pcm[i] = (int16_t)((linear(w, 2 * k) + linear(w, 2 * k + 1)) / 2);
		else
			pcm[i] = (int16_t)linear(w, k);
	}
	return n;
}

/* ---- writing ---- */

void vp_wav_header(uint32_t rate_hz, uint16_t n_channels, uint64_t data_len,
	uint8_t ret_header[VP_WAV_HEADER_LEN])
{
	uint8_t *h = ret_header, *fmt = h + RIFF_LEN + CHUNK_LEN + DS64_LEN, *data;
	uint64_t riff_len = VP_WAV_HEADER_LEN - CHUNK_LEN + data_len;
	bool rf64 = riff_len >= UNKNOWN;

	memset(h, 0, VP_WAV_HEADER_LEN);
	memcpy(h, rf64 ? "RF64" : "RIFF", 4);
	put32(h + 4, rf64 ? UNKNOWN : (uint32_t)riff_len);
	memcpy(h + 8, "WAVE", 4);
	/* until it is needed, the room for ds64 is a chunk that readers skip */
	memcpy(h + RIFF_LEN, rf64 ? "ds64" : "JUNK", 4);
	put32(h + RIFF_LEN + 4, DS64_LEN);
	if (rf64) {
		put64(h + RIFF_LEN + CHUNK_LEN, riff_len);
		put64(h + RIFF_LEN + CHUNK_LEN + 8, data_len);
		put64(h + RIFF_LEN + CHUNK_LEN + 16, data_len / (2u * n_channels));
	}
	memcpy(fmt, "fmt ", 4);
	put32(fmt + 4, FMT_LEN);
	put16(fmt + 8, VP_WAV_PCM16);
	put16(fmt + 10, n_channels);
	put32(fmt + 12, rate_hz);
	put32(fmt + 16, rate_hz * n_channels * 2);
	put16(fmt + 20, n_channels * 2u);
	put16(fmt + 22, 16);
	data = fmt + CHUNK_LEN + FMT_LEN;
	memcpy(data, "data", 4);
	put32(data + 4, rf64 ? UNKNOWN : (uint32_t)data_len);
}

static int write_at(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		bytes += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int vp_wav_start(struct vp_wav_writer *w, int fd, uint32_t rate_hz, uint16_t n_channels)
{
	if (!vp_rate_is_valid(rate_hz) || n_channels < 1 || n_channels > 2)
		return -EINVAL;
	*w = (struct vp_wav_writer){.fd = fd, .rate_hz = rate_hz, .n_channels = n_channels};
	return vp_wav_finish(w);
}

int vp_wav_write(struct vp_wav_writer *w, const int16_t *pcm, uint32_t n)
{
	uint64_t left = (uint64_t)n * w->n_channels;
	uint8_t piece[PIECE];

	while (left) {
		uint32_t k = left < PIECE / 2 ? (uint32_t)left : PIECE / 2;
		int err;
		for (uint32_t i = 0; i < k; i++)
			put16(piece + 2 * i, (uint16_t)pcm[i]);
		err = write_at(w->fd, piece, 2 * (size_t)k, VP_WAV_HEADER_LEN + w->data_len);
		if (err < 0)
			return err;
		w->data_len += 2 * (uint64_t)k;
		pcm += k;
		left -= k;
	}
	if (w->data_len - w->fixed_len >= (uint64_t)VP_WAV_FIX_S * w->rate_hz * w->n_channels * 2)
		return vp_wav_finish(w);
	return 0;
}

int vp_wav_finish(struct vp_wav_writer *w)
{
	uint8_t header[VP_WAV_HEADER_LEN];
	int err;

	vp_wav_header(w->rate_hz, w->n_channels, w->data_len, header);
	err = write_at(w->fd, header, sizeof(header), 0);
	if (err == 0)
		w->fixed_len = w->data_len;
	return err;
}
