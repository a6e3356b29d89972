/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See prompt_file.h. */
#include "controlplane/media/prompt_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dataplane/transcode/wav.h"

/* The largest kind of file with PROMPT_SECONDS_MAX: 16 bits, stereo, 48 kHz, and chunks beside. */
#define FILE_BYTES_MAX (PROMPT_SECONDS_MAX * UINT64_C(192000) + 65536)
#define PIECE	       4096 /* samples at a time */

static int fault(char *why, int rc, const char *text)
{
	snprintf(why, PROMPT_WHY_MAX, "%s", text);
	return rc;
}

static int make_memfd(const struct vp_wav *wav, int *ret_fd)
{
	int16_t pcm[PIECE];
	uint32_t n;
	int fd = -1, rc = flash_memory_new("limen-prompt", &fd);

	for (uint64_t at = 0; rc == 0 && (n = vp_wav_read(wav, at, pcm, PIECE)) > 0; at += n)
		rc = flash_memory_write(fd, pcm, n * sizeof(pcm[0]));
	if (rc == 0)
		rc = flash_memory_seal(fd);
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

static int convert(const uint8_t *bytes, size_t len, struct prompt_sound *sound, char *why)
{
	const char *text;
	struct vp_wav wav;
	int rc;

	if (vp_wav_open(bytes, len, &wav, &text) < 0)
		return fault(why, -EINVAL, text);
	if (wav.n_samples == 0)
		return fault(why, -EINVAL, "there is no sound in it");
	if (wav.n_samples > PROMPT_SECONDS_MAX * (uint64_t)wav.rate_hz) {
		snprintf(why, PROMPT_WHY_MAX, "it is longer than %u seconds", PROMPT_SECONDS_MAX);
		return -EFBIG;
	}
	rc = make_memfd(&wav, &sound->fd);
	if (rc < 0)
		return fault(why, rc, "memory is short");
	sound->rate_hz = wav.rate_hz;
	sound->n_samples = wav.n_samples;
	return 0;
}

int prompt_file_load(
	int dir_fd, const char *path, struct prompt_sound *ret_sound, char why[PROMPT_WHY_MAX])
{
	struct prompt_sound sound = {.fd = -1};
	char *bytes;
	size_t len;
	int rc;

	_Static_assert((int)PROMPT_WHY_MAX >= (int)FLASH_WHY_MAX, "the sentences of files fit");
	rc = flash_read(dir_fd, path, FILE_BYTES_MAX, &bytes, &len, &sound.stamp, why);
	if (rc < 0)
		return rc;
	rc = convert((const uint8_t *)bytes, len, &sound, why);
	free(bytes);
	if (rc == 0)
		*ret_sound = sound;
	return rc;
}

void prompt_sound_free(struct prompt_sound *sound)
{
	if (sound->fd >= 0)
		close(sound->fd);
	sound->fd = -1;
}
