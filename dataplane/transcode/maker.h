/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples in, RTP packets out: what a leg is sent that is not a direction of voice (voice.h), but a
 * prompt, a tone or the mix of a room. Like those its packets count from 0 under an SSRC that only
 * names the maker; the packet worker moves them to where the far end is.
 *
 * Owner: made and freed by the control thread; in between one media core's. Nothing but init
 * allocates.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"

struct codec_encoder;

struct maker {
	struct dp_send send;
	struct codec_encoder *enc;
	uint32_t ssrc;
	uint32_t rate_hz;  /* of the samples */
	uint32_t n_packet; /* samples in a packet */
	uint32_t ptime_us;
	uint32_t ptime_ts; /* by the clock of what is sent */
	uint32_t ts;
	uint16_t seq;
	bool marker; /* the next packet is the first after a pause */
	uint32_t n_fifo, fifo_max;
	int16_t *fifo; /* [fifo_max] */
};

/*
 * source_hz: of what is to be sent, a rate of vp.h; rate_hz is then the one that suits it and the
 * codec. backlog_ms: what can wait beyond one packet. -EINVAL, -ENOTSUP, -ENOMEM as in voice_new();
 * maker_close() is to be called in any case.
 */
int maker_init(struct maker *m, const struct dp_send *send, uint32_t source_hz, uint32_t ssrc,
	uint32_t backlog_ms);
void maker_close(struct maker *m);

/* n samples are added; what would not fit anymore pushes whole packets out, as maker_skip(). */
void maker_append(struct maker *m, const int16_t *pcm, uint32_t n);
/* Whether a packet is there. */
bool maker_is_full(const struct maker *m);
/* The oldest packet, which is there. Octets written to rtp, or 0: silence needs none. */
uint32_t maker_make(struct maker *m, uint8_t *rtp, uint32_t max, struct dp_mcore_stats *stats);
/* Time passes without a packet, and with it the oldest samples. */
void maker_skip(struct maker *m);
