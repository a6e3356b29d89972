/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A WAV file becomes a sealed memfd with mono samples, which the data plane can map. A file comes
 * from an operator and is trusted in nothing: every fault is a sentence. Used by prompts.c, at a
 * commit, in limen-control's one thread: it waits for the disk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/flash.h"

#define PROMPT_SECONDS_MAX 600
#define PROMPT_WHY_MAX	   160

struct prompt_sound {
	int fd; /* -1: none. Samples of 16 bits in host byte order; sealed */
	uint32_t rate_hz;
	uint64_t n_samples;
	struct flash_stamp stamp;
};

/*
 * path: below the open directory dir_fd, of parts that do not begin with a dot; no link is followed.
 * 0, or a negative errno and why.
 */
int prompt_file_load(int dir_fd, const char *path, struct prompt_sound *ret_sound,
	char why[PROMPT_WHY_MAX]) __attribute__((warn_unused_result));
void prompt_sound_free(struct prompt_sound *sound);

static inline uint64_t prompt_sound_ms(const struct prompt_sound *sound)
{
	return sound->rate_hz ? sound->n_samples * 1000 / sound->rate_hz : 0;
}
