/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of the codecs: fmtp text, and payloads through each decoder of the table. The input
 * is: codec, flags, length of the text, text, then packets, each behind an octet with its length;
 * length 0 is a lost packet. Decoders live on between packets, as they do in a call.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/api/dp_fmtp.h"
#include "dataplane/transcode/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GUARD 0x5a5a

static int16_t pcm[CODEC_SAMPLES_MAX + 1];

/* What is read is printed and read again as the same; answers agree with what they answer. */
static void fmtp(uint32_t id, struct view text)
{
	struct dp_codec_params p, again, local, ours, leg;
	char printed[DP_FMTP_MAX];
	size_t n;

	if (dp_fmtp_parse(id, text, &p) != 0)
		return;
	n = dp_fmtp_print(id, &p, printed);
	if (n >= DP_FMTP_MAX || strlen(printed) != n ||
		dp_fmtp_parse(id, (struct view){printed, n}, &again) != 0)
		abort();
	if (p.modes != again.modes || p.bitrate_bps != again.bitrate_bps)
		abort();
	dp_fmtp_local(id, &local);
	if (dp_fmtp_answer(id, &p, &local, &ours) != 0)
		return;
	if (dp_fmtp_agree(id, &ours, &p, &leg) != 0 ||
		!dp_codec_ptime_ok(dp_codec_row(id), leg.ptime_ms))
		abort();
	(void)dp_fmtp_relayable(id, &ours, &p);
}

static void one_packet(struct codec_decoder *dec, const uint8_t *data, size_t len)
{
	/* On its own, so that a sanitizer sees what is read beyond it. */
	uint8_t *payload = malloc(len ? len : 1);
	int want, got;

	if (payload == NULL)
		abort();
	memcpy(payload, data, len);
	pcm[CODEC_SAMPLES_MAX] = GUARD;
	if (len == 0) {
		got = codec_conceal(dec, pcm, dec->rate_hz / 50, NULL, 0);
		if (got != -ENOTSUP && got != (int)dec->rate_hz / 50)
			abort();
	} else {
		/* Before a packet is heard it may serve to repair the one before. */
		if (dec->codec->flags & CODEC_HAS_FEC)
			(void)!codec_conceal(dec, pcm, dec->rate_hz / 50, payload, len);
		want = codec_samples(dec, payload, len);
		got = codec_decode(dec, payload, len, pcm, CODEC_SAMPLES_MAX);
		if (got != want || got > CODEC_SAMPLES_MAX || (got < 0 && got != -EBADMSG))
			abort();
	}
	if (pcm[CODEC_SAMPLES_MAX] != GUARD)
		abort();
	free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_config config = {.params = {.zero = {0}}};
	const struct codec *codec;
	struct codec_decoder *dec;
	size_t at, text_len;

	if (size < 3)
		return 0;
	text_len = data[2] < size - 3 ? data[2] : size - 3;
	fmtp(data[0] % (DP_CODEC_END + 1), (struct view){(const char *)data + 3, text_len});
	codec = codec_by_id(data[0] % DP_CODEC_END);
	if (codec == NULL)
		return 0;
	config.params.flags = data[1];
	config.rate_hz = codec->rates_hz[0];
	if (codec->rates_hz[1] != 0 && data[1] & 1)
		config.rate_hz = codec->rates_hz[1];
	if (codec_decoder_new(codec, &config, &dec) != 0)
		abort();
	for (at = 3 + text_len; at < size;) {
		size_t len = data[at++];
		len = len < size - at ? len : size - at;
		one_packet(dec, data + at, len);
		at += len;
	}
	codec_decoder_free(dec);
	return 0;
}
