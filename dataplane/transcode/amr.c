/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AMR around its libraries (amr.h). Modes change as RFC 4867 8.1 has agreed: within mode-set, only
 * each mode-change-period frames, only to a neighbour when mode-change-neighbor=1.
 */
#include "dataplane/transcode/amr.h"

struct amr_encoder {
	struct codec_encoder base;
	const struct amr_library *library;
	void *state;
	uint32_t modes; /* allowed, bit i for mode i */
	uint8_t mode, wanted;
	uint8_t period, phase; /* in frames */
	uint8_t ask;	       /* CMR of what we send */
	bool dtx, neighbor, octet_align;
	uint32_t n_frames; /* of a packet */
	struct amr_frame frames[AMR_FRAMES_MAX];
};

struct amr_decoder {
	struct codec_decoder base;
	const struct amr_library *library;
	void *state;
	bool octet_align;
};

/* The highest mode of the set that is not above the one wanted, else the lowest of the set. */
static uint8_t mode_fit(uint32_t modes, uint8_t wanted)
{
	uint32_t not_above = modes & ((UINT32_C(2) << wanted) - 1);

	return (uint8_t)(not_above ? 31 - __builtin_clz(not_above) : __builtin_ctz(modes));
}

/* The next mode of the set on the way from one to another. */
static uint8_t mode_step(uint32_t modes, uint8_t from, uint8_t to)
{
	if (to > from)
		return (uint8_t)__builtin_ctz(modes & ~((UINT32_C(2) << from) - 1));
	return (uint8_t)(31 - __builtin_clz(modes & ((UINT32_C(1) << from) - 1)));
}

static uint8_t next_mode(struct amr_encoder *enc)
{
	/* Changes lie a multiple of the period apart; where that begins is ours to choose. */
	enc->phase = (uint8_t)((enc->phase + 1) % enc->period);
	if (enc->mode != enc->wanted && enc->phase == 0)
		enc->mode = enc->neighbor ? mode_step(enc->modes, enc->mode, enc->wanted)
					  : enc->wanted;
	return enc->mode;
}

int amr_encoder_new(const struct amr_library *library, const struct codec_config *config,
	struct codec_encoder **ret)
{
	const struct dp_codec_params *p = &config->params;
	uint32_t all = (UINT32_C(1) << library->kind->n_modes) - 1;
	struct amr_encoder *enc;

	if (p->modes & ~all || p->mode_period > 2)
		return -EINVAL;
	enc = calloc(1, sizeof(*enc));
	if (enc == NULL)
		return -ENOMEM;
	enc->dtx = p->flags & DP_CODEC_DTX;
	enc->state = library->encoder_init(enc->dtx);
	if (enc->state == NULL) {
		free(enc);
		return -ENOMEM;
	}
	enc->library = library;
	enc->modes = p->modes ? p->modes : all;
	enc->mode = enc->wanted = mode_fit(enc->modes, library->default_mode);
	enc->period = p->mode_period ? p->mode_period : 1;
	enc->neighbor = p->flags & DP_CODEC_NEIGHBOR;
	enc->octet_align = p->flags & DP_CODEC_OCTET_ALIGN;
	enc->ask = AMR_NO_REQUEST;
	enc->n_frames = codec_packet_samples(config) / library->frame_samples;
	enc->base.payload_max = (uint32_t)amr_payload_max(
		library->kind, enc->octet_align, enc->n_frames);
	*ret = &enc->base;
	return 0;
}

void amr_encoder_free(struct codec_encoder *base)
{
	struct amr_encoder *enc = (struct amr_encoder *)base;

	enc->library->encoder_exit(enc->state);
	free(enc);
}

int amr_encode(struct codec_encoder *base, const int16_t *pcm, uint8_t *payload)
{
	struct amr_encoder *enc = (struct amr_encoder *)base;
	const struct amr_library *library = enc->library;
	uint32_t n_sent = 0;

	for (uint32_t i = 0; i < enc->n_frames; i++) {
		struct amr_frame *frame = &enc->frames[i];
		uint8_t type;
		if (library->encode(enc->state, next_mode(enc), enc->dtx,
			    pcm + i * library->frame_samples, frame->octets) < 1)
			return -EIO;
		type = amr_frame_type(frame);
		if (library->kind->bits[type] < 0)
			return -EIO;
		/* Frames without data at the end are left out, RFC 4867 4.3.2. */
		if (type != AMR_NO_DATA)
			n_sent = i + 1;
	}
	if (n_sent == 0)
		return 0;
	return (int)amr_payload_write(
		library->kind, enc->octet_align, enc->ask, enc->frames, n_sent, payload);
}

void amr_request(struct codec_encoder *base, uint8_t mode)
{
	struct amr_encoder *enc = (struct amr_encoder *)base;

	if (mode < enc->library->kind->n_modes)
		enc->wanted = mode_fit(enc->modes, mode);
}

void amr_ask(struct codec_encoder *base, uint8_t mode)
{
	struct amr_encoder *enc = (struct amr_encoder *)base;

	enc->ask = mode < enc->library->kind->n_modes ? mode_fit(enc->modes, mode) : AMR_NO_REQUEST;
}

int amr_decoder_new(const struct amr_library *library, const struct codec_config *config,
	struct codec_decoder **ret)
{
	struct amr_decoder *dec = calloc(1, sizeof(*dec));

	if (dec == NULL)
		return -ENOMEM;
	dec->state = library->decoder_init();
	if (dec->state == NULL) {
		free(dec);
		return -ENOMEM;
	}
	dec->library = library;
	dec->octet_align = config->params.flags & DP_CODEC_OCTET_ALIGN;
	*ret = &dec->base;
	return 0;
}

void amr_decoder_free(struct codec_decoder *base)
{
	struct amr_decoder *dec = (struct amr_decoder *)base;

	dec->library->decoder_exit(dec->state);
	free(dec);
}

int amr_samples(const struct codec_decoder *base, const uint8_t *payload, size_t len)
{
	const struct amr_decoder *dec = (const struct amr_decoder *)base;
	struct amr_toc toc;
	int rc = amr_toc_parse(dec->library->kind, dec->octet_align, payload, len, &toc);

	return rc != 0 ? rc : (int)(toc.n_frames * dec->library->frame_samples);
}

int amr_decode(struct codec_decoder *base, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	struct amr_decoder *dec = (struct amr_decoder *)base;
	const struct amr_kind *kind = dec->library->kind;
	struct amr_toc toc;
	int rc = amr_toc_parse(kind, dec->octet_align, payload, len, &toc);

	if (rc != 0)
		return rc;
	base->mode_request = toc.request;
	for (uint32_t i = 0; i < toc.n_frames; i++) {
		struct amr_frame frame;
		amr_frame_get(kind, &toc, i, payload, &frame);
		/* The libraries do not look at Q: what was damaged on the way is lost. */
		if (!toc.good[i] || toc.type[i] > kind->sid)
			frame.octets[0] = AMR_NO_DATA << 3;
		else if (toc.type[i] < kind->n_modes)
			base->mode = toc.type[i];
		dec->library->decode(dec->state, frame.octets, pcm);
		pcm += dec->library->frame_samples;
	}
	return (int)n_samples;
}

int amr_conceal(struct codec_decoder *base, int16_t *pcm, uint32_t n_samples, const uint8_t *next,
	size_t next_len)
{
	struct amr_decoder *dec = (struct amr_decoder *)base;
	static const struct amr_frame lost = {{AMR_NO_DATA << 3}};

	if (n_samples % dec->library->frame_samples != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < n_samples; i += dec->library->frame_samples)
		dec->library->decode(dec->state, lost.octets, pcm + i);
	return (int)n_samples;
}
