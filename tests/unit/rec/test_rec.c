/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-rec without sockets: copies of RTP in, files out. Tones stand for talkers, so that a file
 * tells who is heard in it, when and how loud. Time is passed in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/rec/dir.h"
#include "controlplane/rec/rec.h"
#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/wav.h"

#define T0	 UINT64_C(5000000000)
#define START_MS UINT64_C(1767225600000) /* 2026-01-01 00:00:00 UTC */
#define DAY	 "2026-01-01"
#define CALL	 UINT64_C(0xabcdef)
#define NAME	 DAY "/000000-0000000000abcdef"
#define FRAME_US 20000

static char root[64];
static struct rec *rec;
static struct ctl_rec_status last;
static unsigned int n_told;

static void on_status(void *arg, const struct ctl_rec_status *status)
{
	last = *status;
	n_told++;
}

static const struct rec_ops ops = {on_status};

static void rec_open(void)
{
	const struct ctl_rec_policy policy = {.files = CTL_REC_FILES_ALL};

	assert_int_equal(rec_new(root, &ops, NULL, &rec), 0);
	assert_int_equal(rec_policy(rec, &policy), 0);
}

static int set_up(void **state)
{
	snprintf(root, sizeof(root), "/tmp/limen-rec.XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	n_told = 0;
	rec_open();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	rec_free(rec, T0);
	rec = NULL;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

/* ---- talkers ---- */

struct talker {
	struct codec_encoder *encoder;
	struct dp_payload payload;
	uint32_t rate_hz, hz, n; /* n: frames so far */
	struct dp_tap_packet head;
};

static struct talker talker_new(uint8_t leg, uint8_t codec, uint8_t pt, uint32_t hz)
{
	struct talker t = {.hz = hz};
	struct codec_config config = {0};

	t.payload = (struct dp_payload){
		.pt = pt, .codec = codec, .clock_hz = dp_codec_row(codec)->clock_hz};
	t.rate_hz = codec_rate_fit(codec_by_id(codec), &config.params, 16000);
	config.rate_hz = t.rate_hz;
	config.ptime_ms = 20;
	assert_int_equal(codec_encoder_new(codec_by_id(codec), &config, &t.encoder), 0);
	t.head = (struct dp_tap_packet){.session_id = 1,
		.leg = leg,
		.pt = pt,
		.ssrc = 100u + leg,
		.seq = 65530,
		.timestamp = UINT32_MAX - 1000};
	return t;
}

union copy {
	struct dp_tap_packet head;
	uint8_t bytes[sizeof(struct dp_tap_packet) + CODEC_PAYLOAD_MAX + 8];
};

/* The next 20 ms of its tone; at: when they arrive. */
static void talk(struct talker *t, uint64_t at_us, union copy *ret)
{
	int16_t pcm[960];

	for (uint32_t i = 0; i < t->encoder->n_samples; i++) {
		double s = (double)(t->n * t->encoder->n_samples + i) / t->rate_hz;
		pcm[i] = (int16_t)lrint(8000 * sin(2 * M_PI * t->hz * s));
	}
	memset(ret, 0, sizeof(*ret));
	int n = codec_encode(t->encoder, pcm, ret->head.bytes, CODEC_PAYLOAD_MAX);
	assert_true(n > 0);
	ret->head = t->head;
	ret->head.n = (uint16_t)n;
	ret->head.time_us = at_us;
	t->n++;
	t->head.seq++;
	t->head.timestamp += t->payload.clock_hz / 50;
}

static void bring(const union copy *copy, uint64_t now_us)
{
	union {
		struct dp_tap head;
		uint8_t bytes[sizeof(struct dp_tap) + sizeof(*copy)];
	} msg __attribute__((aligned(8))) = {.head = {.n = 1}};
	uint32_t len = dp_tap_packet_len(copy->head.n);

	memcpy(msg.bytes + sizeof(msg.head), copy, len);
	assert_int_equal(rec_tap(rec, &msg, sizeof(msg.head) + len, now_us), 0);
}

/* Read at now_us, said at T0. */
static void set_at(const struct talker *a, const struct talker *b, uint64_t now_us)
{
	struct ctl_rec msg = {.session_id = 1,
		.call_id = CALL,
		.start_ms = START_MS,
		.since_us = T0,
		.n_payloads = {1, 1},
		.payloads = {{a->payload}, {b->payload}}};

	assert_int_equal(rec_set(rec, &msg, now_us), 0);
}

static void set(const struct talker *a, const struct talker *b)
{
	set_at(a, b, T0);
}

/* Both talk from from_ms to to_ms. */
static void both(struct talker *a, struct talker *b, uint32_t from_ms, uint32_t to_ms)
{
	union copy copy;

	for (uint32_t ms = from_ms; ms < to_ms; ms += 20) {
		uint64_t at = T0 + ms * 1000u;
		talk(a, at, &copy);
		bring(&copy, at);
		talk(b, at, &copy);
		bring(&copy, at);
		if (ms % 100 == 0)
			rec_tick(rec, at);
	}
}

static void finish(uint32_t ms)
{
	const struct ctl_rec_end end = {.session_id = 1, .at_us = T0 + ms * 1000u};

	rec_end(rec, &end, T0 + ms * 1000u);
	rec_tick(rec, T0 + ms * 1000u + 1000000);
	assert_int_equal(last.state, CTL_REC_ENDED);
}

static void quiet(struct talker *a, struct talker *b)
{
	codec_encoder_free(a->encoder);
	codec_encoder_free(b->encoder);
}

/* ---- listening ---- */

static int16_t heard[16000 * 60];
static uint32_t n_heard, heard_hz;

static bool listen_to(const char *name, unsigned int n_channels)
{
	static uint8_t file[4 << 20];
	const char *why = NULL;
	struct vp_wav wav;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, file, sizeof(file));
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	close(fd);
	if (vp_wav_open(file, (size_t)n, &wav, &why) < 0)
		fail_msg("%s: %s", path, why);
	assert_int_equal(wav.n_channels, n_channels);
	assert_int_equal(wav.data + 2 * n_channels * wav.n_samples - file, n);
	/* the header says it, whoever reads it */
	assert_int_equal(file[4] | file[5] << 8 | file[6] << 16 | file[7] << 24, n - 8);
	heard_hz = wav.rate_hz;
	n_heard = vp_wav_read(&wav, 0, heard, sizeof(heard) / 2);
	return true;
}

/* Amplitude of a tone between two times (Goertzel). */
static double level(uint32_t hz, uint32_t from_ms, uint32_t to_ms)
{
	uint32_t from = from_ms * (heard_hz / 1000), to = to_ms * (heard_hz / 1000);
	double re = 0, im = 0;

	assert_true(to <= n_heard);
	for (uint32_t i = from; i < to; i++) {
		re += heard[i] * cos(2 * M_PI * hz * i / heard_hz);
		im += heard[i] * sin(2 * M_PI * hz * i / heard_hz);
	}
	return 2 * sqrt(re * re + im * im) / (to - from);
}

static int loudest(uint32_t from_ms, uint32_t to_ms)
{
	int most = 0;

	for (uint32_t i = from_ms * (heard_hz / 1000); i < to_ms * (heard_hz / 1000); i++)
		most = abs(heard[i]) > most ? abs(heard[i]) : most;
	return most;
}

static void expect_tone(uint32_t hz, uint32_t other_hz, uint32_t from_ms, uint32_t to_ms)
{
	double own = level(hz, from_ms, to_ms), other = level(other_hz, from_ms, to_ms);

	if (own < 6500 || own > 9500 || other > 300)
		fail_msg("%u Hz has %.0f, %u Hz %.0f from %u to %u ms", hz, own, other_hz, other,
			from_ms, to_ms);
}

/* ---- what is written ---- */

static void test_three_files(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);

	set(&a, &b);
	both(&a, &b, 0, 3000);
	/* while it is written its names say so */
	assert_false(listen_to(NAME "-mix.wav", 1));
	finish(3000);
	assert_int_equal(last.parts, 1);
	assert_string_equal(last.name, NAME);
	assert_string_equal(last.note, "");
	assert_int_equal(last.tracks, 1 << CTL_REC_CALLER | 1 << CTL_REC_CALLED | 1 << CTL_REC_MIX);
	assert_int_equal(last.bytes, 3 * (48000 + VP_WAV_HEADER_LEN));
	assert_true(listen_to(NAME "-caller.wav", 1));
	assert_int_equal(heard_hz, 8000);
	assert_int_equal(n_heard, 24000);
	expect_tone(400, 1000, 0, 3000);
	assert_true(listen_to(NAME "-called.wav", 1));
	assert_int_equal(n_heard, 24000);
	expect_tone(1000, 400, 0, 3000);
	assert_true(listen_to(NAME "-mix.wav", 1));
	expect_tone(1000, 700, 0, 3000);
	expect_tone(400, 700, 0, 3000);
	quiet(&a, &b);
}

static void test_stereo(void **state)
{
	const struct ctl_rec_policy policy = {.files = CTL_REC_FILES_STEREO};
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);
	struct stat st;
	char path[128];

	assert_int_equal(rec_policy(rec, &policy), 0);
	set(&a, &b);
	both(&a, &b, 0, 1000);
	finish(1000);
	assert_true(listen_to(NAME "-stereo.wav", 2));
	assert_int_equal(n_heard, 8000);
	assert_in_range(level(400, 0, 1000), 3200, 4800); /* reading adds the halves */
	assert_false(listen_to(NAME "-mix.wav", 1));
	snprintf(path, sizeof(path), "%s/" DAY, root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	quiet(&a, &b);
}

/* Clocks of 8, 16 and 48 kHz, timestamps of another step than samples: all in one file. */
static void test_codecs(void **state)
{
	static const struct {
		uint8_t codec;
		uint32_t rate;
	} rows[] = {{DP_CODEC_G722, 16000}, {DP_CODEC_OPUS, 16000}, {DP_CODEC_L16_16K, 16000},
		{DP_CODEC_AMR_WB, 16000}, {DP_CODEC_GSM, 8000}, {DP_CODEC_G729, 8000},
		{DP_CODEC_G726_32, 8000}, {DP_CODEC_AMR, 8000}, {DP_CODEC_L16_8K, 8000}};
	unsigned int n = 0;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (codec_by_id(rows[i].codec) == NULL)
			continue;
		tear_down(NULL);
		set_up(NULL);
		struct talker a = talker_new(0, rows[i].codec, 96, 400);
		struct talker b = talker_new(1, DP_CODEC_PCMU, 0, 1000);
		set(&a, &b);
		both(&a, &b, 0, 2000);
		finish(2000);
		assert_true(listen_to(NAME "-mix.wav", 1));
		assert_int_equal(heard_hz, rows[i].rate);
		assert_int_equal(n_heard, 2 * rows[i].rate);
		expect_tone(1000, 700, 300, 1900);
		assert_true(listen_to(NAME "-caller.wav", 1));
		assert_true(level(400, 300, 1900) > 3000); /* speech codecs do what they can */
		quiet(&a, &b);
		n++;
	}
	assert_true(n >= 4);
}

/* ---- order and gaps ---- */

/* Packets of the caller from a script: each character is one, "." one that never comes. */
static void run_script(struct talker *a, const char *script, uint32_t from_ms)
{
	union copy copies[64];
	uint32_t n = (uint32_t)strlen(script);

	for (uint32_t i = 0; i < n; i++)
		talk(a, 0, &copies[i]);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = T0 + (from_ms + 20 * i) * 1000u;
		uint32_t k = script[i] == '<' ? i + 1 : script[i] == '>' ? i - 1 : i;
		copies[k].head.time_us = at;
		if (script[i] != '.')
			bring(&copies[k], at);
		if (script[i] == '2')
			bring(&copies[k], at);
		rec_tick(rec, at);
	}
}

static int16_t in_order[sizeof(heard) / 2];

static void play_script(const char *script)
{
	struct talker a = talker_new(0, DP_CODEC_G722, 9, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMU, 0, 1000);

	tear_down(NULL);
	set_up(NULL);
	set(&a, &b);
	run_script(&a, script, 0);
	finish(1000);
	assert_true(listen_to(NAME "-caller.wav", 1));
	assert_int_equal(n_heard, 16000);
	quiet(&a, &b);
}

static void test_order(void **state)
{
	static const char *const same[] = {
		"====2=====22==============================", /* twice */
		"==<>===<>==<>====<><><>===================", /* each before the one before */
		"=2<>==2<>=2================<>=============", /* all of it */
	};
	struct ctl_rec_info info;

	play_script("==========================================");
	memcpy(in_order, heard, sizeof(in_order));
	expect_tone(400, 1000, 40, 800);
	assert_int_equal(loudest(860, 1000), 0);
	for (unsigned int i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		play_script(same[i]);
		assert_memory_equal(heard, in_order, 2 * n_heard);
	}
	rec_info(rec, &info);
	assert_true(info.counts.late > 0 && info.counts.played == 42);
	/* what never comes is silence in its place, and what follows is in its own */
	play_script("==========.....===========================");
	expect_tone(400, 1000, 20, 200);
	assert_int_equal(loudest(200, 300), 0);
	expect_tone(400, 1000, 320, 800);
}

static void test_long_silence(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMU, 0, 1000);

	set(&a, &b);
	both(&a, &b, 0, 1000);
	/* timestamps stand still meanwhile, as with hold */
	for (uint32_t ms = 1000; ms < 31000; ms += 100)
		rec_tick(rec, T0 + ms * 1000u);
	both(&a, &b, 31000, 32000);
	finish(33000);
	assert_true(listen_to(NAME "-called.wav", 1));
	assert_int_equal(n_heard, 33 * 8000);
	expect_tone(1000, 400, 0, 1000);
	assert_int_equal(loudest(1001, 30999), 0);
	expect_tone(1000, 400, 31000, 32000);
	assert_int_equal(loudest(32001, 33000), 0);
	quiet(&a, &b);
}

/* Another SSRC, and numbers that jump: what comes lies where it arrived. */
static void test_other_talker(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMU, 0, 1000);

	set(&a, &b);
	both(&a, &b, 0, 1000);
	a.head.ssrc = 7;
	a.head.seq = 3;
	a.head.timestamp = 77;
	b.head.timestamp += 1000000;
	b.head.seq = (uint16_t)(b.head.seq + 20000);
	both(&a, &b, 2000, 3000);
	finish(3000);
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t hz = i ? 1000 : 400;
		assert_true(listen_to(i ? NAME "-called.wav" : NAME "-caller.wav", 1));
		expect_tone(hz, 700, 0, 1000);
		assert_int_equal(loudest(1001, 1999), 0);
		expect_tone(hz, 700, 2000, 3000);
	}
	quiet(&a, &b);
}

/* A re-INVITE in the call: another codec under another number. */
static void test_other_codec(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMU, 0, 1000);
	struct talker c = talker_new(0, DP_CODEC_G722, 9, 400);

	set(&a, &b);
	both(&a, &b, 0, 1000);
	set(&c, &b);
	c.head.seq = a.head.seq;
	c.head.timestamp = a.head.timestamp;
	both(&c, &b, 1000, 2000);
	finish(2000);
	assert_true(listen_to(NAME "-caller.wav", 1));
	assert_int_equal(heard_hz, 8000); /* as it began */
	assert_int_equal(n_heard, 16000);
	expect_tone(400, 1000, 0, 990);
	expect_tone(400, 1000, 1050, 1950);
	quiet(&a, &b);
	codec_encoder_free(c.encoder);
}

/* Digits are silence; a codec that nobody here knows is counted. */
static void test_not_voice(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMU, 0, 1000);
	struct ctl_rec msg = {.session_id = 1,
		.call_id = CALL,
		.start_ms = START_MS,
		.n_payloads = {3, 1},
		.payloads = {{a.payload, {.pt = 101}, {.pt = 4, .clock_hz = 8000}}, {b.payload}}};
	struct ctl_rec_info info;
	union copy copy;

	assert_int_equal(rec_set(rec, &msg, T0), 0);
	both(&a, &b, 0, 1000);
	for (unsigned int i = 0; i < 20; i++) {
		talk(&a, T0 + 1000000 + i * FRAME_US, &copy);
		copy.head.pt = i < 10 ? 101 : i < 15 ? 4 : 99;
		bring(&copy, T0 + 1000000 + i * FRAME_US);
	}
	/* of a call that nobody records */
	copy.head.session_id = 99;
	bring(&copy, T0 + 1400000);
	finish(2000);
	rec_info(rec, &info);
	assert_int_equal(info.counts.events, 10);
	assert_int_equal(info.counts.no_codec, 10);
	assert_int_equal(info.counts.stray, 1);
	assert_true(listen_to(NAME "-caller.wav", 1));
	assert_int_equal(loudest(1001, 2000), 0);
	quiet(&a, &b);
}

/* ---- what goes wrong ---- */

/* kill -9: what was written is finished by the next life, and the call goes on in another part. */
static void test_killed(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);
	struct ctl_rec_info info;
	struct rec *killed = rec;

	set(&a, &b);
	both(&a, &b, 0, 3000);
	rec_open();
	rec_info(rec, &info);
	assert_int_equal(info.counts.repaired, 3);
	assert_int_equal(info.n_files, 3);
	assert_true(listen_to(NAME "-mix.wav", 1));
	assert_in_range(n_heard, 8000 * 2, 8000 * 3);
	assert_int_equal(info.bytes, 3 * (2 * n_heard + VP_WAV_HEADER_LEN));
	expect_tone(400, 700, 0, 2000);
	set(&a, &b);
	both(&a, &b, 0, 1000);
	finish(1000);
	assert_int_equal(last.parts, 2);
	assert_string_equal(last.name, NAME);
	assert_true(listen_to(NAME "-p2-mix.wav", 1));
	expect_tone(400, 700, 0, 1000);
	rec_free(killed, T0 + 3000000); /* finds its names taken away */
	quiet(&a, &b);
}

static void put_file(const char *name, const void *bytes, size_t n)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	int fd = open(path, O_CREAT | O_WRONLY, 0640);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static bool there(const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return access(path, F_OK) == 0;
}

static void test_repair(void **state)
{
	uint8_t file[VP_WAV_HEADER_LEN + 101] = {0};
	struct ctl_rec_info info;
	char path[160];

	snprintf(path, sizeof(path), "%s/" DAY, root);
	assert_int_equal(mkdir(path, 0750), 0);
	vp_wav_header(8000, 1, 0, file);
	put_file(DAY "/a-mix.wav.part", file, sizeof(file)); /* the last sample is half */
	put_file(DAY "/b-mix.wav.part", file, VP_WAV_HEADER_LEN);
	put_file(DAY "/c-mix.wav.part", file, 10);
	file[60] ^= 1;
	put_file(DAY "/d-mix.wav.part", file, sizeof(file));
	put_file(DAY "/e.txt", file, 10);
	rec_free(rec, T0);
	rec_open();
	rec_info(rec, &info);
	assert_int_equal(info.counts.repaired, 1);
	assert_int_equal(info.n_files, 1);
	assert_int_equal(info.bytes, VP_WAV_HEADER_LEN + 100);
	assert_true(listen_to(DAY "/a-mix.wav", 1));
	assert_int_equal(n_heard, 50);
	assert_false(there(DAY "/b-mix.wav.part") || there(DAY "/c-mix.wav.part"));
	assert_true(there(DAY "/d-mix.wav.part") && there(DAY "/e.txt"));
}

static void old_files(unsigned int n, size_t size)
{
	uint8_t *file = calloc(1, size);
	char name[64], path[160];

	vp_wav_header(8000, 1, size - VP_WAV_HEADER_LEN, file);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/2025-12-%02u", root, 10 + i / 2);
		mkdir(path, 0750);
		snprintf(name, sizeof(name), "2025-12-%02u/%06u-x-mix.wav", 10 + i / 2, i);
		put_file(name, file, size);
	}
	free(file);
	rec_free(rec, T0);
	rec_open();
}

static void test_quota_deletes(void **state)
{
	struct ctl_rec_policy policy = {.quota_bytes = 450000,
		.files = CTL_REC_FILES_MIX,
		.when_full = CTL_REC_FULL_DELETE_OLDEST};
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);
	struct ctl_rec_info info;

	old_files(5, 100000);
	assert_int_equal(rec_policy(rec, &policy), 0);
	set(&a, &b);
	assert_false(there("2025-12-10/000000-x-mix.wav"));
	assert_true(there("2025-12-10/000001-x-mix.wav"));
	both(&a, &b, 0, 6000); /* 96 kB */
	assert_false(there("2025-12-10"));
	assert_true(there("2025-12-11/000002-x-mix.wav"));
	finish(6000);
	rec_info(rec, &info);
	assert_int_equal(info.counts.deleted, 2);
	assert_int_equal(info.n_files, 4);
	assert_int_equal(info.bytes, 300000 + 96000 + VP_WAV_HEADER_LEN);
	assert_true(listen_to(NAME "-mix.wav", 1));
	assert_int_equal(n_heard, 48000);
	quiet(&a, &b);
}

static void test_quota_stops(void **state)
{
	struct ctl_rec_policy policy = {.quota_bytes = 450000, .files = CTL_REC_FILES_MIX};
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);
	struct ctl_rec_info info;

	old_files(4, 100000);
	assert_int_equal(rec_policy(rec, &policy), 0);
	set(&a, &b);
	both(&a, &b, 0, 6000); /* 48 kB of them fit */
	rec_info(rec, &info);
	assert_string_equal(info.note, "the quota of recordings is used up");
	assert_int_equal(info.waiting, 1);
	assert_int_equal(last.state, CTL_REC_WAITS);
	assert_string_equal(last.note, "the quota of recordings is used up");
	assert_true(listen_to(NAME "-mix.wav", 1));
	assert_in_range(n_heard, 20000, 36000);
	expect_tone(1000, 700, 0, 2000);
	/* more is allowed: it goes on in another part */
	policy.quota_bytes = 0;
	assert_int_equal(rec_policy(rec, &policy), 0);
	both(&a, &b, 6000, 10000);
	assert_int_equal(last.state, CTL_REC_RUNS);
	assert_string_equal(last.note, "");
	finish(10000);
	assert_int_equal(last.parts, 2);
	assert_true(listen_to(NAME "-p2-mix.wav", 1));
	/* and the free space of the disk, which nobody has so much of */
	policy.min_free_bytes = UINT64_MAX;
	assert_int_equal(rec_policy(rec, &policy), 0);
	rec_tick(rec, T0 + 20000000);
	rec_info(rec, &info);
	assert_string_equal(info.note, "too little space is free on the disk");
	quiet(&a, &b);
}

/* The directory cannot be written: told, and tried again. */
static void test_cannot_write(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);
	char path[128];

	snprintf(path, sizeof(path), "%s/" DAY, root);
	put_file(DAY, "x", 1); /* a file where the day's directory belongs */
	set(&a, &b);
	assert_int_equal(last.state, CTL_REC_WAITS);
	assert_string_equal(last.note, "Not a directory");
	both(&a, &b, 0, 1000);
	assert_int_equal(unlink(path), 0);
	both(&a, &b, 1000, 4000);
	assert_int_equal(last.state, CTL_REC_RUNS);
	finish(4000);
	assert_true(listen_to(NAME "-mix.wav", 1));
	quiet(&a, &b);
}

/* limen-control started again: what it does not claim ends; what it claims goes on. */
static void test_claims(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);

	rec_control(rec, 11, T0);
	set(&a, &b);
	n_told = 0;
	rec_control(rec, 11, T0); /* only a new connection */
	assert_int_equal(n_told, 1);
	rec_tick(rec, T0 + 2 * REC_CLAIM_US);
	assert_int_equal(last.state, CTL_REC_RUNS);
	rec_control(rec, 12, T0 + 2 * REC_CLAIM_US);
	set(&a, &b);
	rec_tick(rec, T0 + 4 * REC_CLAIM_US);
	assert_int_equal(last.state, CTL_REC_RUNS);
	assert_int_equal(last.parts, 1);
	rec_control(rec, 13, T0 + 4 * REC_CLAIM_US);
	rec_tick(rec, T0 + 5 * REC_CLAIM_US - 1);
	assert_int_equal(last.state, CTL_REC_RUNS);
	rec_tick(rec, T0 + 5 * REC_CLAIM_US);
	assert_int_equal(last.state, CTL_REC_ENDED);
	quiet(&a, &b);
}

/*
 * The process stood still for the whole call and half a minute more. What limen-control and the data
 * plane said lies there: the recording has the length and the sound of the call.
 */
static void test_standstill(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);
	const struct ctl_rec_end end = {.session_id = 1, .at_us = T0 + 5000000};
	const uint64_t late = T0 + 35000000;
	struct ctl_rec_info info;
	union copy copy;

	rec_tick(rec, T0 - 1000000);
	set_at(&a, &b, late);
	rec_end(rec, &end, late);
	rec_tick(rec, late + 1);
	for (uint32_t ms = 0; ms < 5000; ms += 20) {
		talk(&a, T0 + ms * 1000u, &copy);
		bring(&copy, late + 2000);
		talk(&b, T0 + ms * 1000u, &copy);
		bring(&copy, late + 2000);
	}
	rec_tick(rec, late + 300000);
	assert_int_equal(last.state, CTL_REC_RUNS);
	rec_tick(rec, late + 400000);
	assert_int_equal(last.state, CTL_REC_ENDED);
	rec_info(rec, &info);
	assert_int_equal(info.counts.late, 0);
	assert_int_equal(info.counts.stray, 0);
	assert_true(listen_to(NAME "-mix.wav", 1));
	assert_int_equal(n_heard, 5 * 8000);
	expect_tone(400, 700, 0, 5000);
	expect_tone(1000, 700, 0, 5000);
	quiet(&a, &b);
}

/* It stands still in the middle of a call: no hole, and nothing of it twice. */
static void test_standstill_between(void **state)
{
	struct talker a = talker_new(0, DP_CODEC_PCMU, 0, 400);
	struct talker b = talker_new(1, DP_CODEC_PCMA, 8, 1000);
	union copy copy;

	set(&a, &b);
	both(&a, &b, 0, 2000);
	rec_tick(rec, T0 + 12000000);
	for (uint32_t ms = 2000; ms < 12000; ms += 20) {
		talk(&a, T0 + ms * 1000u, &copy);
		bring(&copy, T0 + 12000000);
		talk(&b, T0 + ms * 1000u, &copy);
		bring(&copy, T0 + 12000000);
	}
	both(&a, &b, 12000, 14000);
	finish(14000);
	assert_true(listen_to(NAME "-mix.wav", 1));
	assert_int_equal(n_heard, 14 * 8000);
	expect_tone(400, 700, 0, 14000);
	expect_tone(1000, 700, 0, 14000);
	quiet(&a, &b);
}

static void test_malformed(void **state)
{
	union {
		struct dp_tap head;
		uint8_t bytes[200];
	} msg __attribute__((aligned(8)));
	struct dp_tap_packet good = {.session_id = 1, .n = 9};
	static const struct {
		size_t len;
		uint32_t n;
		struct dp_tap_packet packet;
	} bad[] = {
		{4, 0, {0}},
		{8, 1, {0}},
		{56, 0, {.n = 9}},
		{48, 1, {.n = 9}},
		{39, 1, {0}},
		{56, 2, {.n = 9}},
		{64, 1, {.n = 9}},
		{56, 1, {.n = 9, .leg = 2}},
		{56, 1, {.n = 9, .pt = 128}},
		{56, 1, {.n = 17}},
		{56, 1, {.n = 9, .marker = 2}},
		{56, UINT32_MAX, {.n = 9}},
	};
	struct ctl_rec set_msg = {.session_id = 1, .call_id = 2, .n_payloads = {16, 16}};
	struct ctl_rec wrong;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&msg, 0, sizeof(msg));
		msg.head.n = bad[i].n;
		memcpy(msg.bytes + 8, &bad[i].packet, sizeof(good));
		assert_int_equal(rec_tap(rec, &msg, bad[i].len, T0), -EPROTO);
	}
	memset(&msg, 0, sizeof(msg));
	msg.head.n = 1;
	memcpy(msg.bytes + 8, &good, sizeof(good));
	assert_int_equal(rec_tap(rec, &msg, 56, T0), 0);
#define WRONG(what)      \
	wrong = set_msg; \
	wrong.what;      \
	assert_int_equal(rec_set(rec, &wrong, T0), -EINVAL)
	WRONG(session_id = 0);
	WRONG(call_id = 0);
	WRONG(media_index = CTL_MEDIA_MAX);
	WRONG(demand = 2);
	WRONG(zero = 1);
	WRONG(n_payloads[1] = 17);
	WRONG(payloads[1][15].pt = 128);
	WRONG(payloads[0][3].codec = DP_CODEC_END);
	assert_int_equal(rec_set(rec, &set_msg, T0), 0);
	assert_int_equal(rec_policy(rec, &(struct ctl_rec_policy){.files = 4}), -EINVAL);
	assert_int_equal(rec_policy(rec, &(struct ctl_rec_policy){.when_full = 2}), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(test_three_files),
		T(test_stereo),
		T(test_codecs),
		T(test_order),
		T(test_long_silence),
		T(test_other_talker),
		T(test_other_codec),
		T(test_not_voice),
		T(test_killed),
		T(test_standstill),
		T(test_standstill_between),
		T(test_repair),
		T(test_quota_deletes),
		T(test_quota_stops),
		T(test_cannot_write),
		T(test_claims),
		T(test_malformed),
	};

	umask(0027);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
