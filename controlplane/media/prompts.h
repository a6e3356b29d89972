/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can be played: the prompts of the configuration with their sound, as the data plane is to
 * have them, and what limen-sip's words for playing (struct ctl_play) mean there. dpclient.c does
 * the talking, as with sessions.h. limen-control's one thread.
 *
 * A commit that names a prompt anew needs its file, or fails. What was loaded stays when its file
 * is gone or damaged later; a file that has changed is read again at the next commit. At the start
 * of the box a prompt without its file is only missing: it is tried again at each commit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/config/cfg.h"
#include "controlplane/media/prompt_file.h"

#define PROMPTS_LINGER_MS 10000 /* after its removal, for calls that are being set up with it */
#define PROMPTS_RETRY_MS  1000

struct prompt {
	char name[CFG_NAME_MAX];
	char path[CFG_TEXT_MAX];
	uint32_t id; /* in the data plane; the same after a restart of limen-control */
	struct prompt_sound sound;
	char why[PROMPT_WHY_MAX]; /* sound.fd -1: what is wrong */
	/* private */
	bool wanted, known, failed;
	bool fresh;	   /* the data plane has another sound of that id */
	uint16_t inflight; /* enum dp_msg */
	uint64_t retry_ms, gone_ms;
};

struct prompts;

/* dir: of the files; it is made when it is not there. -ENOMEM. */
int prompts_new(const char *dir, struct prompts **ret_prompts) __attribute__((warn_unused_result));
void prompts_free(struct prompts *prompts);

/* Phases of a commit. first: at the start of the box, when missing files are forgiven. */
int prompts_prepare(struct prompts *prompts, const struct cfg *cfg, bool first,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
void prompts_apply(struct prompts *prompts, uint64_t now_ms);
void prompts_abort(struct prompts *prompts);

/* Those of the configuration, in its order; NULL behind the last. */
const struct prompt *prompts_at(const struct prompts *prompts, unsigned int i);
const struct prompt *prompts_find(const struct prompts *prompts, const char *name);

/*
 * What the data plane is told of a wish. -ENODATA: the prompt is not there (the name is unknown, or
 * its file could not be read).
 */
int prompts_resolve(const struct prompts *prompts, const struct ctl_play *play,
	struct dp_play *ret_play) __attribute__((warn_unused_result));
uint32_t prompts_room_id(const char *room);

/* ---- for dpclient.c ---- */

void prompts_reset(struct prompts *prompts); /* a new connection */
/* The next request, or false. type: PROMPT_SET with *ret_fd, or PROMPT_DEL. */
bool prompts_next(struct prompts *prompts, uint64_t now_ms, uint16_t *ret_type,
	struct dp_prompt *ret_prompt, int *ret_fd);
void prompts_done(
	struct prompts *prompts, uint32_t id, uint16_t type, int32_t status, uint64_t now_ms);
