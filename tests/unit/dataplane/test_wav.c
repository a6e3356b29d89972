/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/transcode/wav.c: what is read, what is refused and why, what is written. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/transcode/wav.h"

/* ---- files from rows ---- */

struct file {
	uint8_t bytes[4096];
	size_t len;
};

static void add(struct file *f, const void *bytes, size_t len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void add32(struct file *f, uint32_t v)
{
	add(f, &v, 4);
}

static void add16(struct file *f, uint16_t v)
{
	add(f, &v, 2);
}

static void chunk(struct file *f, const char *id, uint32_t len)
{
	add(f, id, 4);
	add32(f, len);
}

static void fmt(struct file *f, uint16_t format, uint16_t n_channels, uint32_t rate, uint16_t bits)
{
	chunk(f, "fmt ", 16);
	add16(f, format);
	add16(f, n_channels);
	add32(f, rate);
	add32(f, rate * n_channels * (bits / 8));
	add16(f, (uint16_t)(n_channels * (bits / 8)));
	add16(f, bits);
}

static void head(struct file *f, const char *riff)
{
	f->len = 0;
	add(f, riff, 4);
	add32(f, 0xffffffff);
	add(f, "WAVE", 4);
}

static void check(const struct file *f, const char *want_why, struct vp_wav *ret)
{
	/* a copy of exactly its length: reading behind it is seen by sanitizers */
	uint8_t *bytes = malloc(f->len ? f->len : 1);
	const char *why = NULL;
	int err;

	memcpy(bytes, f->bytes, f->len);
	err = vp_wav_open(bytes, f->len, ret, &why);
	if (want_why ? err != -EINVAL || !why || !strstr(why, want_why) : err != 0)
		fail_msg("%d, %s instead of %s", err, why ? why : "nothing wrong",
			want_why ? want_why : "nothing wrong");
	if (!want_why) { /* the caller reads from f */
		ret->data = f->bytes + (ret->data - bytes);
	}
	free(bytes);
}

static void test_formats(void **state)
{
	static const struct {
		uint16_t format, n_channels;
		uint32_t rate;
		uint16_t bits;
		const char *why;
	} rows[] = {
		{1, 1, 8000, 16, NULL},
		{1, 2, 16000, 16, NULL},
		{1, 1, 48000, 16, NULL},
		{6, 1, 8000, 8, NULL},
		{7, 2, 8000, 8, NULL},
		{1, 1, 44100, 16, "rate"},
		{1, 0, 8000, 16, "channels"},
		{1, 3, 8000, 16, "channels"},
		{1, 1, 8000, 8, "16 bits"},
		{1, 1, 8000, 24, "16 bits"},
		{7, 1, 8000, 16, "16 bits"},
		{3, 1, 8000, 32, "format"},
		{17, 1, 8000, 4, "format"},
	};
	struct file f;
	struct vp_wav w;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		head(&f, "RIFF");
		fmt(&f, rows[i].format, rows[i].n_channels, rows[i].rate, rows[i].bits);
		chunk(&f, "data", 24);
		add(&f, "................................", 24);
		check(&f, rows[i].why, &w);
		if (rows[i].why)
			continue;
		assert_int_equal(w.rate_hz, rows[i].rate);
		assert_int_equal(w.n_channels, rows[i].n_channels);
		assert_int_equal(w.n_samples, 24 / rows[i].n_channels / (rows[i].bits / 8));
	}
}

/* Each of these files has one fault, or something that is none. */
static void test_structure(void **state)
{
	static const uint8_t guid[] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};
	struct file f = {.len = 0}, good;
	struct vp_wav w;

	check(&f, "not a WAV", &w);
	head(&f, "RIFX");
	check(&f, "not a WAV", &w);
	head(&f, "RIFF");
	memcpy(f.bytes + 8, "AVI ", 4);
	check(&f, "not a WAV", &w);
	head(&f, "RIFF");
	check(&f, "no data", &w);
	chunk(&f, "data", 0);
	check(&f, "before its fmt", &w);

	head(&f, "RIFF");
	chunk(&f, "fmt ", 14);
	add(&f, "..............", 14);
	check(&f, "too short", &w);
	head(&f, "RIFF");
	fmt(&f, 1, 1, 8000, 16);
	fmt(&f, 1, 1, 8000, 16);
	check(&f, "two fmt", &w);
	head(&f, "RIFF");
	fmt(&f, 1, 1, 8000, 16);
	f.bytes[32] = 4; /* octets of a sample of all channels */
	check(&f, "contradicts", &w);
	head(&f, "RIFF");
	fmt(&f, 1, 1, 8000, 16);
	f.bytes[28]++; /* octets a second */
	check(&f, "contradicts", &w);

	/* unknown chunks are skipped, odd ones with their padding */
	head(&f, "RIFF");
	chunk(&f, "LIST", 5);
	add(&f, "hello.", 6);
	fmt(&f, 1, 1, 8000, 16);
	chunk(&f, "fact", 4);
	add32(&f, 2);
	chunk(&f, "data", 4);
	add(&f, "abcd", 4);
	check(&f, NULL, &w);
	assert_int_equal(w.n_samples, 2);
	assert_memory_equal(w.data, "abcd", 4);
	good = f;
	/* cut anywhere it is refused */
	for (size_t len = 0; len < good.len; len++) {
		const char *why = NULL;
		uint8_t *cut = malloc(len ? len : 1);
		memcpy(cut, good.bytes, len);
		assert_int_equal(vp_wav_open(cut, len, &w, &why), -EINVAL);
		assert_non_null(why);
		free(cut);
	}
	f.bytes[12 + 4 + 3] = 0xff;
	check(&f, "longer than the file", &w);

	head(&f, "RIFF");
	fmt(&f, 1, 2, 8000, 16);
	chunk(&f, "data", 6);
	add(&f, "abcdef", 6);
	check(&f, "inside a sample", &w);
	/* a recorder that died: all whole samples there are */
	head(&f, "RIFF");
	fmt(&f, 1, 2, 8000, 16);
	chunk(&f, "data", 0xffffffff);
	add(&f, "abcdefghij", 10);
	check(&f, NULL, &w);
	assert_int_equal(w.n_samples, 2);

	head(&f, "RIFF");
	chunk(&f, "fmt ", 40);
	add16(&f, 0xfffe);
	add16(&f, 1);
	add32(&f, 8000);
	add32(&f, 8000);
	add16(&f, 1);
	add16(&f, 8);
	add(&f, "\x16\0\0\0\0\0\0\0\x06\0", 10);
	add(&f, guid, sizeof(guid));
	chunk(&f, "data", 2);
	add(&f, "ab", 2);
	check(&f, NULL, &w);
	assert_int_equal(w.format, VP_WAV_ALAW);
	f.bytes[50]++;
	check(&f, "extensible", &w);
}

static void test_rf64(void **state)
{
	struct file f;
	struct vp_wav w;

	head(&f, "RF64");
	fmt(&f, 1, 1, 8000, 16);
	chunk(&f, "data", 0xffffffff);
	add(&f, "abcd", 4);
	check(&f, "without a ds64", &w);
	head(&f, "RF64");
	chunk(&f, "ds64", 28);
	add(&f, "\x54\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0", 28);
	fmt(&f, 1, 1, 8000, 16);
	chunk(&f, "data", 0xffffffff);
	add(&f, "abcd", 4);
	check(&f, NULL, &w);
	assert_int_equal(w.n_samples, 2);
	f.bytes[20 + 8 + 7] = 0xff;
	check(&f, "shorter than it says", &w);
	f.bytes[20 + 8 + 7] = 0;
	f.bytes[20 + 8 + 4] = 1;
	check(&f, "shorter than it says", &w);
}

static void test_samples(void **state)
{
	static const int16_t pcm[] = {0, 1, -1, 32767, -32768, 1000, -1000, 7};
	struct file f;
	struct vp_wav w;
	int16_t got[10];

	head(&f, "RIFF");
	fmt(&f, 1, 1, 8000, 16);
	chunk(&f, "data", sizeof(pcm));
	add(&f, pcm, sizeof(pcm));
	check(&f, NULL, &w);
	assert_int_equal(vp_wav_read(&w, 0, got, 10), 8);
	assert_memory_equal(got, pcm, sizeof(pcm));
	assert_int_equal(vp_wav_read(&w, 6, got, 10), 2);
	assert_int_equal(got[0], -1000);
	assert_int_equal(vp_wav_read(&w, 8, got, 10), 0);
	assert_int_equal(vp_wav_read(&w, UINT64_MAX, got, 10), 0);

	head(&f, "RIFF");
	fmt(&f, 1, 2, 8000, 16);
	chunk(&f, "data", sizeof(pcm));
	add(&f, pcm, sizeof(pcm));
	check(&f, NULL, &w);
	assert_int_equal(vp_wav_read(&w, 1, got, 10), 3);
	assert_int_equal(got[0], 16383);
	assert_int_equal(got[1], (-32768 + 1000) / 2);
	assert_int_equal(got[2], (-1000 + 7) / 2);

	/* ITU-T G.711: the ends of the scale, and next to nothing */
	head(&f, "RIFF");
	fmt(&f, 7, 1, 8000, 8);
	chunk(&f, "data", 4);
	add(&f, "\x80\x00\xff\x7f", 4);
	check(&f, NULL, &w);
	assert_int_equal(vp_wav_read(&w, 0, got, 10), 4);
	assert_int_equal(got[0], 32124);
	assert_int_equal(got[1], -32124);
	assert_int_equal(got[2], 0);
	head(&f, "RIFF");
	fmt(&f, 6, 1, 8000, 8);
	chunk(&f, "data", 3);
	add(&f, "\xaa\x2a\xd5", 3);
	check(&f, NULL, &w);
	assert_int_equal(vp_wav_read(&w, 0, got, 10), 3);
	assert_int_equal(got[0], 32256);
	assert_int_equal(got[1], -32256);
	assert_int_equal(got[2], 8);
}

/* ---- writing ---- */

static int temporary(void)
{
	char name[] = "/tmp/test-wav-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	return fd;
}

static struct vp_wav look(int fd, uint8_t **ret_file, size_t *ret_len)
{
	struct stat st;
	struct vp_wav w = {0};
	const char *why = "";

	assert_int_equal(fstat(fd, &st), 0);
	*ret_len = (size_t)st.st_size;
	*ret_file = mmap(NULL, *ret_len, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(*ret_file, MAP_FAILED);
	if (vp_wav_open(*ret_file, *ret_len, &w, &why) < 0)
		fail_msg("the file that was written is refused: %s", why);
	return w;
}

/* What is written is read again; without its end, all but the last seconds. */
static void test_written(void **state)
{
	for (uint16_t channels = 1; channels <= 2; channels++) {
		int fd = temporary();
		struct vp_wav_writer wr;
		struct vp_wav w;
		int16_t pcm[2 * 3000], got[3000];
		uint8_t *file;
		size_t len;

		for (int i = 0; i < 3000 * channels; i++)
			pcm[i] = (int16_t)(i * 17);
		assert_int_equal(vp_wav_start(&wr, fd, 44100, 1), -EINVAL);
		assert_int_equal(vp_wav_start(&wr, fd, 8000, 3), -EINVAL);
		assert_int_equal(vp_wav_start(&wr, fd, 8000, channels), 0);
		for (uint64_t n = 0; n < 90000; n += 3000) {
			w = look(fd, &file, &len);
			assert_int_equal(w.rate_hz, 8000);
			assert_int_equal(w.n_channels, channels);
			assert_true(w.n_samples <= n && n - w.n_samples < VP_WAV_FIX_S * 8000);
			munmap(file, len);
			assert_int_equal(vp_wav_write(&wr, pcm, 3000), 0);
		}
		assert_int_equal(vp_wav_finish(&wr), 0);
		w = look(fd, &file, &len);
		assert_int_equal(w.n_samples, 90000);
		assert_int_equal(len, VP_WAV_HEADER_LEN + 90000 * 2 * channels);
		for (uint64_t n = 0; n < 90000; n += 3000) {
			assert_int_equal(vp_wav_read(&w, n, got, 3000), 3000);
			for (int i = 0; i < 3000; i++)
				assert_int_equal(got[i],
					channels == 1 ? pcm[i] : (pcm[2 * i] + pcm[2 * i + 1]) / 2);
		}
		munmap(file, len);
		close(fd);
	}
}

/* Beyond 4 GB: a hole with a few samples behind it. */
static void test_large(void **state)
{
	int fd = temporary();
	struct vp_wav_writer wr;
	struct vp_wav w;
	int16_t pcm[2] = {1234, -99}, got[3];
	uint64_t n = UINT64_C(2500000000);
	uint8_t *file;
	size_t len;

	assert_int_equal(vp_wav_start(&wr, fd, 48000, 1), 0);
	wr.data_len = 2 * n;
	assert_int_equal(vp_wav_write(&wr, pcm, 2), 0);
	w = look(fd, &file, &len);
	assert_memory_equal(file, "RF64", 4);
	assert_int_equal(w.n_samples, n + 2);
	assert_int_equal(vp_wav_read(&w, n - 1, got, 3), 3);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], 1234);
	assert_int_equal(got[2], -99);
	munmap(file, len);
	close(fd);
	/* the last one that RIFF can tell, and the next */
	uint8_t h[VP_WAV_HEADER_LEN];
	vp_wav_header(8000, 1, UINT32_MAX - 73, h);
	assert_memory_equal(h, "RIFF", 4);
	vp_wav_header(8000, 1, UINT32_MAX - 71, h);
	assert_memory_equal(h, "RF64", 4);
}

static void test_write_fails(void **state)
{
	int fd = open("/dev/full", O_WRONLY);
	struct vp_wav_writer wr;

	assert_true(fd >= 0);
	/* /dev/full knows no places, a closed descriptor nothing at all */
	assert_true(vp_wav_start(&wr, fd, 8000, 1) < 0);
	close(fd);
	assert_int_equal(vp_wav_start(&wr, fd, 8000, 1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_rf64),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_write_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
