/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a transcoded call costs beyond its codecs: the product's own worker and media core (rings,
 * jitter buffer, decoder, resampler, encoder, wheel, and the stages of the worker before and
 * after), turned by hand on ports made of rings, beside the same codecs from payload to payload.
 *
 * Both take turns of 200 ms of speech in one process, so that what disturbs one disturbs both. The
 * clock of the data plane is the program's, a millisecond at a time, and each channel's packets come
 * in a millisecond of their own; making and taking the frames is not timed. Thread CPU time, medians
 * of rounds of one second of speech.
 *
 *   system_channels EAL-OPTIONS -- speech16k.raw A B [channels=64] [rounds=8]
 *
 * Prints microseconds of a channel for 20 ms and channels per core, of the system and of the codecs
 * alone. What comes out must be complete and as loud as what went in, or the program fails.
 */
#include "tests/perf/duplex.h"
#include "tests/unit/dataplane/rig.h"

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS_MAX 256
#define ROUNDS_MAX   64
#define ROUND_FRAMES 50
#define TURN_FRAMES  10
#define PORT_FIRST   10000
#define RTP_AT	     (14 + 20 + 8) /* in a frame */
#define RTP_HEADER   12
#define PT_FIRST     96

static const char *const local[2] = {"192.0.2.1", "203.0.113.1"};
static const char *const remote[2] = {"198.51.100.7", "203.0.113.99"};

static struct rig *rig;
static struct dp_codec_params params = {.complexity = 5};
static struct duplex_end ends[2];
static struct duplex_direction channels[CHANNELS_MAX][2];
static struct duplex_packet made[2][DUPLEX_FRAMES_MAX]; /* of the last channel, what end k said */
static uint32_t n_channels = 64, n_rounds = 8;

static uint16_t local_port(uint32_t channel)
{
	return (uint16_t)(PORT_FIRST + 2 * channel);
}

static void session_new(uint32_t i)
{
	struct dp_session s = {.id = i + 1};

	for (uint32_t k = 0; k < DP_LEGS; k++) {
		uint8_t pt = (uint8_t)(PT_FIRST + k), codec = (uint8_t)ends[k].codec->id;
		s.leg[k] = (struct dp_leg){.local = rig_ip(local[k], local_port(i)),
			.remote_rtp = rig_ip(remote[k], (uint16_t)(20000 + 2 * i)),
			.flags = DP_LEG_SEND | DP_LEG_RECV,
			.n_payloads = 1,
			.payloads = {{.pt = pt,
				.action = DP_PT_TRANSCODE,
				.codec = codec,
				.clock_hz = dp_codec_row(codec)->clock_hz,
				.params = params}},
			.send = {.codec = codec, .pt = pt, .params = params}};
	}
	if (rig_voice(rig, 2 * i, &s) != 0 || rig_session(rig, 2 * i, &s, 0, 1, 0, 1, false) != 0)
		duplex_fail("a session is not taken");
}

static void talk(uint32_t i, uint32_t k, uint32_t frame)
{
	const struct duplex_packet *p = &ends[k].packets[frame % ends[k].n_frames];
	uint32_t step = dp_codec_row(ends[k].codec->id)->clock_hz / 1000 * DUPLEX_FRAME_MS;
	uint8_t rtp[RTP_HEADER + CODEC_PAYLOAD_MAX], bytes[RIG_FRAME];
	struct rig_frame f = {.src = remote[k],
		.dst = local[k],
		.sport = (uint16_t)(20000 + 2 * i),
		.dport = local_port(i),
		.payload = rtp};

	memcpy(f.dst_mac, rig->mac[k], sizeof(f.dst_mac));
	f.payload_len = rig_rtp(rtp, (uint8_t)(PT_FIRST + k), (uint16_t)frame, frame * step,
		0x1000 + 2 * i + k, (uint16_t)p->len);
	memcpy(rtp + RTP_HEADER, p->payload, (size_t)p->len);
	rig_put(rig, (uint8_t)k, bytes, rig_build(&f, bytes));
}

/* Takes what was sent to both ends; how many packets. */
static uint32_t hear(uint32_t frame)
{
	uint8_t bytes[RIG_FRAME];
	uint32_t n = 0, len;

	for (uint32_t k = 0; k < 2; k++) {
		while ((len = rig_get(rig, (uint8_t)k, bytes)) > 0) {
			struct duplex_packet *p = &made[!k][frame % ends[!k].n_frames];
			n++;
			if ((bytes[34] << 8 | bytes[35]) != local_port(n_channels - 1))
				continue;
			if (rig_checksums(bytes, len))
				duplex_fail("a checksum is wrong");
			p->len = (int)(len - RTP_AT - RTP_HEADER);
			memcpy(p->payload, bytes + RTP_AT + RTP_HEADER, (size_t)p->len);
		}
	}
	return n;
}

/* One packet of each direction of all channels, through the data plane. Returns microseconds. */
static double system_frame(uint32_t frame, uint32_t *n_out)
{
	double us = 0, began_us;

	for (uint32_t ms = 0; ms < DUPLEX_FRAME_MS; ms++) {
		for (uint32_t i = ms; i < n_channels; i += DUPLEX_FRAME_MS) {
			talk(i, 0, frame);
			talk(i, 1, frame);
		}
		rig->now_tsc += RIG_TSC_HZ / 1000;
		began_us = duplex_now_us();
		rig_run(rig);
		us += duplex_now_us() - began_us;
		*n_out += hear(frame);
	}
	return us;
}

static double codecs_frame(uint32_t frame)
{
	static uint8_t out[CODEC_PAYLOAD_MAX];
	double began_us = duplex_now_us();

	for (uint32_t i = 0; i < n_channels; i++)
		for (uint32_t k = 0; k < 2; k++)
			if (duplex_pass(&channels[i][k], &ends[k].packets[frame % ends[k].n_frames],
				    out) <= 0)
				duplex_fail("a frame is not encoded");
	return duplex_now_us() - began_us;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, n_rounds, sizeof(*values), by_value);
	return (values[(n_rounds - 1) / 2] + values[n_rounds / 2]) / 2;
}

static void check(uint32_t n_in, uint32_t n_out)
{
	const struct dp_mcore_stats *stats = &rig->mcore_stats[0];

	if (stats->skipped || n_out < n_in - n_in / 100 || n_out > n_in + n_in / 100 ||
		stats->concealed > n_in / 100) {
		(void)fprintf(stderr, "%u packets in, %u out, %llu skipped, %llu concealed\n", n_in,
			n_out, (unsigned long long)stats->skipped,
			(unsigned long long)stats->concealed);
		duplex_fail("the data plane did not make what it was given");
	}
	for (uint32_t k = 0; k < 2; k++)
		duplex_check_level(&ends[!k], &ends[k], made[k], &params);
}

static void measure(void)
{
	double system_us[ROUNDS_MAX] = {0}, codecs_us[ROUNDS_MAX] = {0}, system, codecs;
	uint32_t n_in, n_out = 0, frame = 0, n_warm = 0;

	/* the first second fills jitter buffers, and is not counted */
	for (; frame < ROUND_FRAMES; frame++) {
		(void)system_frame(frame, &n_warm);
		(void)codecs_frame(frame);
	}
	for (uint32_t end = frame + n_rounds * ROUND_FRAMES; frame < end; frame += TURN_FRAMES) {
		uint32_t r = frame / ROUND_FRAMES - 1;
		for (uint32_t f = 0; f < TURN_FRAMES; f++)
			system_us[r] += system_frame(frame + f, &n_out);
		for (uint32_t f = 0; f < TURN_FRAMES; f++)
			codecs_us[r] += codecs_frame(frame + f);
	}
	n_in = n_rounds * ROUND_FRAMES * n_channels * 2;
	check(n_in, n_out);
	system = median(system_us) / ROUND_FRAMES / n_channels;
	codecs = median(codecs_us) / ROUND_FRAMES / n_channels;
	printf("system us %.3f channels/core %.1f codecs us %.3f channels/core %.1f\n", system,
		DUPLEX_FRAME_MS * 1e3 / system, codecs, DUPLEX_FRAME_MS * 1e3 / codecs);
}

static void parse(int argc, char **argv)
{
	if (argc < 3)
		duplex_fail(
			"usage: system_channels EAL-OPTIONS -- speech16k.raw A B [channels=64]"
			" [rounds=8]");
	for (int i = 3; i < argc; i++)
		if (sscanf(argv[i], "channels=%u", &n_channels) != 1 &&
			sscanf(argv[i], "rounds=%u", &n_rounds) != 1)
			duplex_fail("an argument is not understood");
	if (n_channels < 1 || n_channels > CHANNELS_MAX)
		duplex_fail("1 to 256 channels");
	duplex_ends(argv[0], argv + 1, &params, ends);
	/* all of the speech must have been said before it is listened to */
	if (n_rounds * ROUND_FRAMES < ends[0].n_frames || n_rounds > ROUNDS_MAX)
		duplex_fail("rounds: seconds of the speech, to 64");
}

int main(int argc, char **argv)
{
	struct rig_conf conf = {.n_workers = 1, .n_mcores = 1, .n_ports = 2, .n_mbufs = 8191};
	int n = rte_eal_init(argc, argv);

	if (n < 0)
		rte_exit(1, "EAL does not start\n");
	parse(argc - n - 1, argv + n + 1);
	conf.n_streams = 2 * n_channels;
	rig = rig_new(&conf);
	rig->now_tsc = 1000 * RIG_TSC_HZ;
	for (uint8_t k = 0; k < 2; k++)
		rig_addr(rig, k, local[k], PORT_FIRST, PORT_FIRST + 2 * CHANNELS_MAX, k);
	for (uint32_t i = 0; i < n_channels; i++) {
		session_new(i);
		duplex_new(ends, &params, channels[i]);
	}
	measure();
	for (uint32_t i = 0; i < n_channels; i++) {
		if (rig_voice_end(rig, 2 * i) != 0)
			duplex_fail("a session does not end");
		duplex_free(channels[i]);
	}
	rig_free(rig);
	return 0;
}
