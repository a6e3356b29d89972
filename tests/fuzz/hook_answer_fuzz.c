/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a route-hook answers: whatever is accepted is within its bounds, the rest has a reason. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/hook/hook_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct hook_target *t)
{
	if (t->kind > HOOK_URI || memchr(t->name, '\0', sizeof(t->name)) == NULL ||
		memchr(t->called, '\0', sizeof(t->called)) == NULL ||
		memchr(t->calling, '\0', sizeof(t->calling)) == NULL)
		abort();
	if ((t->kind == HOOK_DIAL_PEER) != (t->tag != 0) ||
		(t->kind == HOOK_TRUNK && strlen(t->name) >= CFG_NAME_MAX))
		abort();
	for (const char *p = t->called; *p; p++)
		if (*p <= ' ' || *p > '~')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1), why[HOOK_REASON_MAX] = "";
	struct hook_answer answer;

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (hook_answer_read((struct view){text, size}, &answer, why) == 0) {
		if (answer.n > HOOK_TARGETS_MAX || (answer.reject && answer.n) ||
			(answer.reject && (answer.reject < 400 || answer.reject > 699)))
			abort();
		for (uint32_t i = 0; i < answer.n; i++)
			look_at(&answer.target[i]);
	} else if (!why[0] || memchr(why, '\0', sizeof(why)) == NULL) {
		abort();
	}
	free(text);
	return 0;
}
