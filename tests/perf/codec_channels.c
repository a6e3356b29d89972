/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What transcoding costs: duplex channels between two codecs that one core can serve, through the
 * product's codec table and resampler. Each channel has both directions; for each 20 ms it decodes
 * a packet, resamples where the rates differ and encodes a packet. Channels take turns frame by
 * frame, so that no state stays in the first-level cache for free. Thread CPU time.
 *
 *   codec_channels speech16k.raw A B [channels=16] [complexity=5]
 *
 * A and B as in rtpmap with clock and channels ("PCMU/8000", "opus/48000/2"). Prints the
 * microseconds of a channel for 20 ms and the channels per core. What comes out must be as loud
 * as what went in, or the program fails.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/resample.h"

#define CHANNELS_MAX 256
#define FRAMES_MAX   200
#define FRAME_MS     20

/* One direction of a channel. */
struct direction {
	struct codec_decoder *dec;
	struct vp_resample *resample;
	struct codec_encoder *enc;
};

struct packet {
	int len;
	uint8_t payload[CODEC_PAYLOAD_MAX];
};

static struct packet packets[2][FRAMES_MAX];

static void fail(const char *what)
{
	(void)fprintf(stderr, "codec_channels: %s\n", what);
	exit(1);
}

static const struct codec *codec_named(const char *text)
{
	const char *slash = strchr(text, '/');
	unsigned int clock_hz = 0, channels = 1;
	const struct codec *c;

	if (slash == NULL || sscanf(slash + 1, "%u/%u", &clock_hz, &channels) < 1)
		fail("a codec is NAME/CLOCK or NAME/CLOCK/CHANNELS");
	c = codec_find((struct view){text, (size_t)(slash - text)}, clock_hz, channels);
	if (c == NULL)
		fail("this build does not have the codec");
	return c;
}

static struct codec_encoder *encoder(
	const struct codec *c, uint32_t rate_hz, const struct dp_codec_params *params)
{
	struct codec_config config = {.params = *params, .rate_hz = rate_hz, .ptime_ms = FRAME_MS};
	struct codec_encoder *enc;

	if (codec_encoder_new(c, &config, &enc) != 0)
		fail("no encoder");
	return enc;
}

static struct direction direction(const struct codec *from, uint32_t from_hz,
	const struct codec *to, uint32_t to_hz, const struct dp_codec_params *params)
{
	struct codec_config config = {.params = *params, .rate_hz = from_hz};
	struct direction d = {.resample = NULL};

	if (codec_decoder_new(from, &config, &d.dec) != 0)
		fail("no decoder");
	if (from_hz != to_hz &&
		vp_resample_new(from_hz, to_hz, VP_RESAMPLE_QUALITY, &d.resample) != 0)
		fail("no resampler");
	d.enc = encoder(to, to_hz, params);
	return d;
}

static int pass(struct direction *d, const struct packet *in, uint8_t *out)
{
	int16_t pcm[CODEC_SAMPLES_MAX], other[CODEC_SAMPLES_MAX];
	int16_t *samples = pcm;
	int n = codec_decode(d->dec, in->payload, (size_t)in->len, pcm, CODEC_SAMPLES_MAX);

	if (n > 0 && d->resample != NULL) {
		n = vp_resample_run(d->resample, pcm, (uint32_t)n, other, CODEC_SAMPLES_MAX);
		samples = other;
	}
	if (n != (int)d->enc->n_samples)
		fail("a packet holds another number of samples");
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
	const struct dp_codec_params *params, struct packet *ret, double *ret_level)
{
	uint32_t rate_hz = codec_rate_fit(c, params, 16000);
	struct codec_encoder *enc = encoder(c, rate_hz, params);
	int16_t *pcm = malloc(n_speech * sizeof(*pcm));
	size_t n = n_speech * rate_hz / 16000;
	uint32_t n_frames = 0;

	if (pcm == NULL)
		fail("no memory");
	/* The mean of two samples is filter enough for a measurement of time. */
	for (size_t i = 0; i < n; i++)
		pcm[i] = rate_hz == 16000 ? speech[i]
					  : (int16_t)((speech[2 * i] + speech[2 * i + 1]) / 2);
	while (n_frames < FRAMES_MAX && (n_frames + 1) * enc->n_samples <= n) {
		struct packet *p = &ret[n_frames];
		p->len = codec_encode(
			enc, pcm + n_frames * enc->n_samples, p->payload, sizeof(p->payload));
		if (p->len <= 0)
			fail("a frame is not encoded");
		n_frames++;
	}
	*ret_level = level(pcm, n);
	codec_encoder_free(enc);
	free(pcm);
	return n_frames;
}

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Decodes what the last channel made, and compares how loud it is. */
static double heard_level(const struct codec *c, const struct packet *made, uint32_t n_frames,
	const struct dp_codec_params *params)
{
	struct codec_config config = {.params = *params, .rate_hz = c->rates_hz[0]};
	struct codec_decoder *dec;
	double sum = 0;

	if (codec_decoder_new(c, &config, &dec) != 0)
		fail("no decoder");
	for (uint32_t i = 0; i < n_frames; i++) {
		int16_t pcm[CODEC_SAMPLES_MAX];
		int n = codec_decode(
			dec, made[i].payload, (size_t)made[i].len, pcm, CODEC_SAMPLES_MAX);
		if (n <= 0)
			fail("what came out is not understood");
		sum += level(pcm, (size_t)n) * level(pcm, (size_t)n);
	}
	codec_decoder_free(dec);
	return sqrt(sum / n_frames);
}

static size_t load(const char *path, int16_t **ret)
{
	FILE *f = fopen(path, "rb");
	size_t n = (size_t)FRAMES_MAX * 320;

	*ret = malloc(n * sizeof(**ret));
	if (f == NULL || *ret == NULL)
		fail("cannot read the speech");
	n = fread(*ret, sizeof(**ret), n, f);
	(void)fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	static struct direction channels[CHANNELS_MAX][2];
	static struct packet made[2][FRAMES_MAX];
	struct dp_codec_params params = {.complexity = 5};
	unsigned int n_channels = 16, complexity;
	const struct codec *end[2];
	double began_us, us, levels[2];
	uint32_t n_frames, rate_hz[2];
	int16_t *speech;
	size_t n;

	if (argc < 4)
		fail("usage: codec_channels speech16k.raw A B [channels=16] [complexity=5]");
	for (int i = 4; i < argc; i++) {
		if (sscanf(argv[i], "complexity=%u", &complexity) == 1)
			params.complexity = (uint8_t)complexity;
		else if (sscanf(argv[i], "channels=%u", &n_channels) != 1)
			fail("an argument is not understood");
	}
	if (n_channels < 1 || n_channels > CHANNELS_MAX)
		fail("1 to 256 channels");
	n = load(argv[1], &speech);
	for (int k = 0; k < 2; k++) {
		end[k] = codec_named(argv[2 + k]);
		n_frames = make_packets(end[k], speech, n, &params, packets[k], &levels[k]);
	}
	/* Rates as the transcoder picks them. */
	rate_hz[0] = codec_rate_fit(end[0], &params, codec_rate_fit(end[1], &params, 16000));
	rate_hz[1] = codec_rate_fit(end[1], &params, rate_hz[0]);
	for (unsigned int i = 0; i < n_channels; i++) {
		for (int k = 0; k < 2; k++)
			channels[i][k] = direction(
				end[k], rate_hz[k], end[!k], rate_hz[!k], &params);
	}
	began_us = now_us();
	for (uint32_t f = 0; f < n_frames; f++) {
		for (unsigned int i = 0; i < n_channels; i++) {
			for (int k = 0; k < 2; k++) {
				struct packet *out = &made[k][f];
				out->len = pass(&channels[i][k], &packets[k][f], out->payload);
				if (out->len <= 0)
					fail("a frame is not encoded");
			}
		}
	}
	us = (now_us() - began_us) / n_frames / n_channels;
	for (int k = 0; k < 2; k++) {
		double heard = heard_level(end[!k], made[k], n_frames, &params);
		if (heard < 0.7 * levels[k] || heard > 1.4 * levels[k])
			fail("what came out is not as loud as what went in");
	}
	for (unsigned int i = 0; i < 2 * n_channels; i++) {
		codec_decoder_free(channels[i / 2][i % 2].dec);
		vp_resample_free(channels[i / 2][i % 2].resample);
		codec_encoder_free(channels[i / 2][i % 2].enc);
	}
	free(speech);
	printf("us %.3f channels/core %.1f rates %u %u\n", us, FRAME_MS * 1e3 / us, rate_hz[0],
		rate_hz[1]);
	return 0;
}
