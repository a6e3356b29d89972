/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prompt store: what files are refused with which sentence, commits, and the data plane's view. */
#include "controlplane/media/prompts.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/base/log.h"
#include "dataplane/transcode/wav.h"

static char dir[64];
static struct prompts *ps;

static void path_of(const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", dir, name);
}

/* n samples that count up from first. */
static void wav_write(const char *name, uint32_t rate_hz, uint32_t n, int16_t first)
{
	struct vp_wav_writer w;
	char path[128];
	int16_t *pcm = malloc(n * sizeof(*pcm) + 1);
	int fd;

	for (uint32_t i = 0; i < n; i++)
		pcm[i] = (int16_t)(first + (int16_t)(i % 1000));
	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(vp_wav_start(&w, fd, rate_hz, 1), 0);
	assert_int_equal(vp_wav_write(&w, pcm, n), 0);
	assert_int_equal(vp_wav_finish(&w), 0);
	close(fd);
	free(pcm);
}

static void text_write(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	path_of(name, path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/limen-prompts-XXXXXX");
	return mkdtemp(dir) && prompts_new(dir, &ps) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	prompts_free(ps);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int commit(const struct cfg_prompt *list, uint32_t n, bool first, char *error)
{
	struct cfg cfg = {.prompts = (struct cfg_prompt *)(uintptr_t)list, .n_prompts = n};
	int rc;

	error[0] = '\0';
	rc = prompts_prepare(ps, &cfg, first, error);
	if (rc == 0)
		prompts_apply(ps, 1000);
	return rc;
}

static void test_files(void **state)
{
	static const struct {
		const char *file, *error;
	} cases[] = {
		{"flash:/good.wav", NULL},
		{"flash:good.wav", NULL},
		{"flash:/de/good.wav", NULL},
		{"flash:/none.wav", "there is no such file in its directory"},
		{"flash:/de/none.wav", "there is no such file"},
		{"flash:/good.wav/x", "Not a directory"},
		{"flash:/link.wav", "it is a symbolic link"},
		{"flash:/out/good.wav", "cannot be opened"},
		{"flash:/de", "it is no file"},
		{"flash:/text.wav", "it is not a WAV file"},
		{"flash:/rate.wav", "its rate is not 8000, 16000 or 48000 Hz"},
		{"flash:/empty.wav", "there is no sound in it"},
		{"flash:/long.wav", "it is longer than 600 seconds"},
	};
	char path[128], error[CFG_ERROR_MAX];
	FILE *file;

	wav_write("good.wav", 8000, 800, 1);
	path_of("de", path);
	assert_int_equal(mkdir(path, 0755), 0);
	wav_write("de/good.wav", 16000, 800, 1);
	path_of("link.wav", path);
	assert_int_equal(symlink("good.wav", path), 0);
	path_of("out", path);
	assert_int_equal(symlink("/tmp", path), 0);
	text_write("text.wav", "no sound at all, only letters");
	wav_write("rate.wav", 8000, 10, 1);
	path_of("rate.wav", path);
	file = fopen(path, "r+");
	/* 44100 where the header says 8000, in both places that must agree */
	wav_write("empty.wav", 8000, 0, 1);
	wav_write("long.wav", 8000, 600 * 8000 + 1, 1);
	fseek(file, 60, SEEK_SET);
	fwrite("\x44\xac\0\0\x88\x58\1\0", 1, 8, file);
	fclose(file);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cfg_prompt prompt = {.name = "x"};
		int rc;

		snprintf(prompt.file, sizeof(prompt.file), "%s", cases[i].file);
		rc = commit(&prompt, 1, false, error);
		if ((rc < 0) != (cases[i].error != NULL) ||
			(cases[i].error && !strstr(error, cases[i].error)))
			fail_msg("%s: %d, %s", cases[i].file, rc, error);
		if (cases[i].error)
			assert_non_null(strstr(error, "voice class prompt x: \"file flash:/"));
		assert_int_equal(commit(NULL, 0, false, error), 0);
	}
}

static void test_sound(void **state)
{
	struct cfg_prompt prompt = {.name = "x", .file = "flash:/x.wav"};
	const int fd_seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	char error[CFG_ERROR_MAX];
	struct dp_prompt dp;
	const int16_t *pcm;
	struct stat st;
	uint16_t type;
	int fd;

	wav_write("x.wav", 16000, 5000, 7);
	assert_int_equal(commit(&prompt, 1, false, error), 0);
	assert_true(prompts_next(ps, 0, &type, &dp, &fd));
	assert_int_equal(type, DP_PROMPT_SET);
	assert_int_equal(dp.rate_hz, 16000);
	assert_int_equal(dp.n_samples, 5000);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 10000);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & fd_seals, fd_seals);
	pcm = mmap(NULL, 10000, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(pcm, MAP_FAILED);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(pcm[i], 7 + i % 1000);
	munmap((void *)(uintptr_t)pcm, 10000);
	assert_int_equal(prompt_sound_ms(&prompts_find(ps, "x")->sound), 312);
}

/* What is loaded stays while a commit fails or a file goes; a changed file is read again. */
static void test_commits(void **state)
{
	struct cfg_prompt list[] = {
		{.name = "a", .file = "flash:/a.wav"}, {.name = "b", .file = "flash:/b.wav"}};
	char error[CFG_ERROR_MAX], path[128];
	struct dp_prompt dp;
	uint16_t type;
	uint32_t id;
	int fd;

	wav_write("a.wav", 8000, 100, 1);
	assert_int_equal(commit(list, 1, false, error), 0);
	assert_int_equal(commit(list, 2, false, error), -ENOENT);
	assert_non_null(prompts_find(ps, "a"));
	assert_null(prompts_find(ps, "b"));
	assert_true(prompts_next(ps, 0, &type, &dp, &fd));
	id = dp.id;
	assert_false(prompts_next(ps, 0, &type, &dp, &fd)); /* under way */
	prompts_done(ps, id, DP_PROMPT_SET, 0, 0);
	assert_false(prompts_next(ps, 0, &type, &dp, &fd));

	/* The file is gone: the sound stays, and the commit of something else works. */
	path_of("a.wav", path);
	unlink(path);
	wav_write("b.wav", 8000, 200, 1);
	assert_int_equal(commit(list, 2, false, error), 0);
	assert_int_equal(prompts_find(ps, "a")->sound.n_samples, 100);
	assert_true(prompts_next(ps, 0, &type, &dp, &fd));
	assert_int_equal(dp.n_samples, 200);
	prompts_done(ps, dp.id, DP_PROMPT_SET, -ENOMEM, 0);
	assert_false(prompts_next(ps, PROMPTS_RETRY_MS - 1, &type, &dp, &fd));
	assert_true(prompts_next(ps, PROMPTS_RETRY_MS, &type, &dp, &fd));
	prompts_done(ps, dp.id, DP_PROMPT_SET, 0, 0);

	/* Another file: the same id, another sound. */
	wav_write("a.wav", 8000, 300, 1);
	assert_int_equal(commit(list, 2, false, error), 0);
	assert_true(prompts_next(ps, 0, &type, &dp, &fd));
	assert_int_equal(dp.id, id);
	assert_int_equal(dp.n_samples, 300);
	/* and one more while the answer is still to come */
	wav_write("a.wav", 8000, 400, 1);
	assert_int_equal(commit(list, 2, false, error), 0);
	prompts_done(ps, id, DP_PROMPT_SET, 0, 0);
	assert_true(prompts_next(ps, 0, &type, &dp, &fd));
	assert_int_equal(dp.n_samples, 400);
	prompts_done(ps, id, DP_PROMPT_SET, 0, 0);

	/* Removed: for calls that are being set up it lingers. */
	assert_int_equal(commit(list + 1, 1, false, error), 0);
	assert_false(prompts_next(ps, 1000 + PROMPTS_LINGER_MS - 1, &type, &dp, &fd));
	assert_non_null(prompts_find(ps, "a"));
	assert_null(prompts_at(ps, 1));
	assert_true(prompts_next(ps, 1000 + PROMPTS_LINGER_MS, &type, &dp, &fd));
	assert_int_equal(type, DP_PROMPT_DEL);
	assert_int_equal(dp.id, id);
	prompts_done(ps, id, DP_PROMPT_DEL, 0, 0);
	assert_null(prompts_find(ps, "a"));

	prompts_reset(ps); /* another data plane */
	assert_true(prompts_next(ps, 0, &type, &dp, &fd));
	assert_int_equal(dp.n_samples, 200);
	assert_false(prompts_next(ps, 0, &type, &dp, &fd));
}

/* The box starts without the file; it is taken at the next commit. */
static void test_start(void **state)
{
	struct cfg_prompt prompt = {.name = "a", .file = "flash:/a.wav"};
	struct ctl_play play = {.kind = CTL_PLAY_PROMPT, .name = "a"};
	char error[CFG_ERROR_MAX];
	struct dp_play dp;

	assert_int_equal(commit(&prompt, 1, true, error), 0);
	assert_non_null(strstr(prompts_at(ps, 0)->why, "no such file"));
	assert_int_equal(prompts_resolve(ps, &play, &dp), -ENODATA);
	assert_int_equal(commit(&prompt, 1, false, error), 0);
	wav_write("a.wav", 8000, 100, 1);
	assert_int_equal(commit(&prompt, 1, false, error), 0);
	assert_int_equal(prompts_resolve(ps, &play, &dp), 0);
}

static void test_resolve(void **state)
{
	struct cfg_prompt prompt = {.name = "a", .file = "flash:/a.wav"};
	char error[CFG_ERROR_MAX];
	struct ctl_play play = {0};
	struct dp_play dp;

	wav_write("a.wav", 8000, 100, 1);
	assert_int_equal(commit(&prompt, 1, false, error), 0);
	assert_int_equal(prompts_resolve(ps, &play, &dp), 0);
	assert_int_equal(dp.kind, DP_PLAY_NONE);
	play = (struct ctl_play){.kind = CTL_PLAY_PROMPT,
		.flags = CTL_PLAY_LOOP,
		.serial = 4,
		.max_ms = 9,
		.name = "a"};
	assert_int_equal(prompts_resolve(ps, &play, &dp), 0);
	assert_int_equal(dp.kind, DP_PLAY_PROMPT);
	assert_int_equal(dp.id, prompts_find(ps, "a")->id);
	assert_int_equal(dp.flags, DP_PLAY_LOOP);
	assert_int_equal(dp.serial, 4);
	assert_int_equal(dp.max_ms, 9);
	strcpy(play.name, "b");
	assert_int_equal(prompts_resolve(ps, &play, &dp), -ENODATA);
	for (unsigned int country = 0; country < CFG_N_CPTONES; country++) {
		for (unsigned int tone = CFG_TONE_NONE + 1; tone < CFG_N_TONES; tone++) {
			play = (struct ctl_play){.kind = CTL_PLAY_TONE,
				.tone = (uint8_t)tone,
				.country = (uint8_t)country};
			assert_int_equal(prompts_resolve(ps, &play, &dp), 0);
			assert_int_equal(dp.kind, DP_PLAY_TONE);
			assert_int_not_equal(dp.steps[0].hz[0], 0);
		}
	}
	play.tone = CFG_TONE_NONE;
	assert_int_equal(prompts_resolve(ps, &play, &dp), -ENODATA);
	play = (struct ctl_play){.kind = CTL_PLAY_ROOM, .name = "sales"};
	assert_int_equal(prompts_resolve(ps, &play, &dp), 0);
	assert_int_equal(dp.kind, DP_PLAY_ROOM);
	assert_int_equal(dp.id, prompts_room_id("sales"));
	assert_int_not_equal(dp.id, prompts_room_id("support"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_files),
		TEST(test_sound),
		TEST(test_commits),
		TEST(test_start),
		TEST(test_resolve),
	};

	log_init("test_prompts", LOG_L_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
