/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small files of limen-control in its state directory. One thread. */
#pragma once

#include <stdint.h>

#include "controlplane/api/ctl_api.h"

/*
 * One more than the last time, written and synced before it is returned: no generation is ever
 * used twice. A file that cannot be read as a number is an error, with a sentence.
 */
int state_next_generation(const char *dir, uint32_t *ret_generation, char error[256])
	__attribute__((warn_unused_result));
/*
 * The key of limen-sip's tokens, drawn at the first start (mode 0600). It must outlive restarts:
 * dialogs of running calls carry tokens made with it.
 */
int state_token_key(const char *dir, uint8_t ret_key[CTL_TOKEN_KEY], char error[256])
	__attribute__((warn_unused_result));
