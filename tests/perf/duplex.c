/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See duplex.h. */
#include "tests/perf/duplex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void duplex_fail(const char *what)
{
	(void)fprintf(stderr, "%s\n", what);
	exit(1);
}

static const struct codec *codec_named(const char *text)
{
	const char *slash = strchr(text, '/');
	unsigned int clock_hz = 0, channels = 1;
	const struct codec *c;

	if (slash == NULL || sscanf(slash + 1, "%u/%u", &clock_hz, &channels) < 1)
		duplex_fail("a codec is NAME/CLOCK or NAME/CLOCK/CHANNELS");
	c = codec_find((struct view){text, (size_t)(slash - text)}, clock_hz, channels);
	if (c == NULL)
		duplex_fail("this build does not have the codec");
	return c;
}

static struct codec_encoder *encoder(
	const struct codec *c, uint32_t rate_hz, const struct dp_codec_params *params)
{
	struct codec_config config = {
		.params = *params, .rate_hz = rate_hz, .ptime_ms = DUPLEX_FRAME_MS};
	struct codec_encoder *enc;

	if (codec_encoder_new(c, &config, &enc) != 0)
		duplex_fail("no encoder");
	return enc;
}

static struct duplex_direction direction(const struct codec *from, uint32_t from_hz,
	const struct codec *to, uint32_t to_hz, const struct dp_codec_params *params)
{
	struct codec_config config = {.params = *params, .rate_hz = from_hz};
	struct duplex_direction d = {.resample = NULL};

	if (codec_decoder_new(from, &config, &d.dec) != 0)
		duplex_fail("no decoder");
	if (from_hz != to_hz &&
		vp_resample_new(from_hz, to_hz, VP_RESAMPLE_QUALITY, &d.resample) != 0)
		duplex_fail("no resampler");
	d.enc = encoder(to, to_hz, params);
	return d;
}

int duplex_pass(struct duplex_direction *d, const struct duplex_packet *in, uint8_t *out)
{
	int16_t pcm[CODEC_SAMPLES_MAX], other[CODEC_SAMPLES_MAX];
	int16_t *samples = pcm;
	int n = codec_decode(d->dec, in->payload, (size_t)in->len, pcm, CODEC_SAMPLES_MAX);

	if (n > 0 && d->resample != NULL) {
		n = vp_resample_run(d->resample, pcm, (uint32_t)n, other, CODEC_SAMPLES_MAX);
		samples = other;
	}
	if (n != (int)d->enc->n_samples)
		duplex_fail("a packet holds another number of samples");
	return codec_encode(d->enc, samples, out, CODEC_PAYLOAD_MAX);
}

static double level(const int16_t *pcm, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)pcm[i] * pcm[i];
	return sqrt(sum / (double)n);
}

/* The speech as packets of a codec at its highest rate up to 16 kHz; its level in *ret_level. */
static uint32_t make_packets(const struct codec *c, const int16_t *speech, size_t n_speech,
	const struct dp_codec_params *params, struct duplex_packet *ret, double *ret_level)
{
	uint32_t rate_hz = codec_rate_fit(c, params, 16000);
	struct codec_encoder *enc = encoder(c, rate_hz, params);
	int16_t *pcm = malloc(n_speech * sizeof(*pcm));
	size_t n = n_speech * rate_hz / 16000;
	uint32_t n_frames = 0;

	if (pcm == NULL)
		duplex_fail("no memory");
	/* The mean of two samples is filter enough for a measurement of time. */
	for (size_t i = 0; i < n; i++)
		pcm[i] = rate_hz == 16000 ? speech[i]
					  : (int16_t)((speech[2 * i] + speech[2 * i + 1]) / 2);
	while (n_frames < DUPLEX_FRAMES_MAX && (n_frames + 1) * enc->n_samples <= n) {
		struct duplex_packet *p = &ret[n_frames];
		p->len = codec_encode(
			enc, pcm + n_frames * enc->n_samples, p->payload, sizeof(p->payload));
		if (p->len <= 0)
			duplex_fail("a frame is not encoded");
		n_frames++;
	}
	*ret_level = level(pcm, n);
	codec_encoder_free(enc);
	free(pcm);
	return n_frames;
}

/* Decodes what the last channel made, and compares how loud it is. */
static double heard_level(const struct codec *c, const struct duplex_packet *made,
	uint32_t n_frames, const struct dp_codec_params *params)
{
	struct codec_config config = {.params = *params, .rate_hz = c->rates_hz[0]};
	struct codec_decoder *dec;
	double sum = 0;

	if (codec_decoder_new(c, &config, &dec) != 0)
		duplex_fail("no decoder");
	for (uint32_t i = 0; i < n_frames; i++) {
		int16_t pcm[CODEC_SAMPLES_MAX];
		int n = codec_decode(
			dec, made[i].payload, (size_t)made[i].len, pcm, CODEC_SAMPLES_MAX);
		if (n <= 0)
			duplex_fail("what came out is not understood");
		sum += level(pcm, (size_t)n) * level(pcm, (size_t)n);
	}
	codec_decoder_free(dec);
	return sqrt(sum / n_frames);
}

static size_t load(const char *path, int16_t **ret)
{
	FILE *f = fopen(path, "rb");
	size_t n = (size_t)DUPLEX_FRAMES_MAX * 320;

	*ret = malloc(n * sizeof(**ret));
	if (f == NULL || *ret == NULL)
		duplex_fail("cannot read the speech");
	n = fread(*ret, sizeof(**ret), n, f);
	(void)fclose(f);
	return n;
}

void duplex_ends(const char *path, char *const names[2], const struct dp_codec_params *params,
	struct duplex_end ret[2])
{
	int16_t *speech;
	size_t n = load(path, &speech);

	for (int k = 0; k < 2; k++) {
		ret[k].codec = codec_named(names[k]);
		ret[k].n_frames = make_packets(
			ret[k].codec, speech, n, params, ret[k].packets, &ret[k].level);
	}
	free(speech);
	if (ret[0].n_frames == 0 || ret[0].n_frames != ret[1].n_frames)
		duplex_fail("the ends say different lengths of speech");
	/* Rates as the transcoder picks them. */
	ret[0].rate_hz = codec_rate_fit(
		ret[0].codec, params, codec_rate_fit(ret[1].codec, params, 16000));
	ret[1].rate_hz = codec_rate_fit(ret[1].codec, params, ret[0].rate_hz);
}

void duplex_new(const struct duplex_end ends[2], const struct dp_codec_params *params,
	struct duplex_direction ret[2])
{
	for (int k = 0; k < 2; k++)
		ret[k] = direction(
			ends[k].codec, ends[k].rate_hz, ends[!k].codec, ends[!k].rate_hz, params);
}

void duplex_free(struct duplex_direction channel[2])
{
	for (int k = 0; k < 2; k++) {
		codec_decoder_free(channel[k].dec);
		vp_resample_free(channel[k].resample);
		codec_encoder_free(channel[k].enc);
	}
}

void duplex_check_level(const struct duplex_end *hears, const struct duplex_end *said,
	const struct duplex_packet *made, const struct dp_codec_params *params)
{
	double heard = heard_level(hears->codec, made, said->n_frames, params);

	if (heard < 0.7 * said->level || heard > 1.4 * said->level)
		duplex_fail("what came out is not as loud as what went in");
}

double duplex_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}
