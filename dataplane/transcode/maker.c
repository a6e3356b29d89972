/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See maker.h. */
#include "dataplane/transcode/maker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/vp.h"

#define PTIME_DEFAULT_MS 20

int maker_init(struct maker *m, const struct dp_send *send, uint32_t source_hz, uint32_t ssrc,
	uint32_t backlog_ms)
{
	const struct codec *codec = codec_by_id(send->codec);
	const struct dp_codec *row = dp_codec_row(send->codec);
	uint32_t hz, ptime_ms;
	int r;

	*m = (struct maker){.send = *send, .ssrc = ssrc, .marker = true};
	if (!codec || !row)
		return -ENOTSUP;
	hz = codec_rate_fit(codec, &send->params, source_hz);
	if (!vp_rate_is_valid(hz))
		hz = hz > 16000 ? 16000 : 8000;
	ptime_ms = send->params.ptime_ms ? send->params.ptime_ms
					 : dp_codec_ptime_fit(row, PTIME_DEFAULT_MS);
	struct codec_config config = {.params = send->params, .rate_hz = hz, .ptime_ms = ptime_ms};
	r = codec_encoder_new(codec, &config, &m->enc);
	if (r < 0)
		return r;
	m->rate_hz = hz;
	m->n_packet = m->enc->n_samples;
	m->ptime_us = ptime_ms * 1000;
	m->ptime_ts = row->clock_hz / 1000 * ptime_ms;
	m->fifo_max = m->n_packet + hz / 1000 * backlog_ms;
	m->fifo = calloc(m->fifo_max, sizeof(*m->fifo));
	return m->fifo ? 0 : -ENOMEM;
}

void maker_close(struct maker *m)
{
	codec_encoder_free(m->enc);
	free(m->fifo);
}

static void consume(struct maker *m)
{
	uint32_t n = m->n_fifo < m->n_packet ? m->n_fifo : m->n_packet;

	m->n_fifo -= n;
	memmove(m->fifo, m->fifo + n, m->n_fifo * sizeof(*m->fifo));
	m->ts += m->ptime_ts;
}

void maker_append(struct maker *m, const int16_t *pcm, uint32_t n)
{
	n = n < m->fifo_max ? n : m->fifo_max;
	while (m->fifo_max - m->n_fifo < n)
		maker_skip(m);
	memcpy(m->fifo + m->n_fifo, pcm, n * sizeof(*pcm));
	m->n_fifo += n;
}

bool maker_is_full(const struct maker *m)
{
	return m->n_fifo >= m->n_packet;
}

uint32_t maker_make(struct maker *m, uint8_t *rtp, uint32_t max, struct dp_mcore_stats *stats)
{
	uint32_t ts = m->ts;
	int n = codec_encode(m->enc, m->fifo, rtp + RTP_HDR_LEN, max - RTP_HDR_LEN);

	stats->encoded++;
	consume(m);
	if (n <= 0) {
		m->marker = true;
		return 0;
	}
	rtp[0] = 0x80;
	rtp[1] = (uint8_t)(m->marker << 7 | m->send.pt);
	rtp[2] = (uint8_t)(m->seq >> 8);
	rtp[3] = (uint8_t)m->seq;
	for (int i = 0; i < 4; i++) {
		rtp[4 + i] = (uint8_t)(ts >> (24 - 8 * i));
		rtp[8 + i] = (uint8_t)(m->ssrc >> (24 - 8 * i));
	}
	m->seq++;
	m->marker = false;
	return RTP_HDR_LEN + (uint32_t)n;
}

void maker_skip(struct maker *m)
{
	consume(m);
	m->marker = true;
}
