/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can be played: samples that limen-control has given (DP_PROMPT_SET), mapped read-only and
 * shared by all sessions. A prompt that was replaced or deleted is there until nobody plays it any
 * more. Number and size are bounded.
 *
 * Control thread only; media cores read the samples of prompts that are held for them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"

struct prompts;

struct prompt {
	struct prompts *prompts;
	const int16_t *pcm; /* [n_samples] */
	uint64_t n_samples;
	uint32_t id, rate_hz;
	uint32_t generation;
	uint32_t n_refs; /* the table's, and of who plays it */
};

/* NULL when memory is short. */
struct prompts *prompts_new(void);
/* Nothing is played any more. */
void prompts_free(struct prompts *ps);

/*
 * fd stays the caller's. -EINVAL: a field is out of its range, or fd is not what dp_prompt says;
 * the log has a sentence. -ENOSPC: too many, or too large all together; -ENOMEM.
 */
int prompts_set(struct prompts *ps, const struct dp_prompt *conf, int fd, uint32_t generation)
	__attribute__((warn_unused_result));
/* -ENOENT. */
int prompts_del(struct prompts *ps, uint32_t id) __attribute__((warn_unused_result));
/* Deletes what is of an older generation. */
void prompts_sweep(struct prompts *ps, uint32_t generation);

/* Held until it is given back; NULL: there is none. */
struct prompt *prompts_get(struct prompts *ps, uint32_t id);
struct prompt *prompt_ref(struct prompt *p); /* NULL is fine */
void prompt_unref(struct prompt *p);	     /* NULL is fine */

uint32_t prompts_n(const struct prompts *ps);
/* Of all that are mapped, with those that were replaced and are played yet. */
uint64_t prompts_bytes(const struct prompts *ps);
