/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers changed by voice translation rules (controlplane/config/translation.h says how a rule is
 * written). Compiled once for a configuration. One thread at a time: the room for a match is the
 * object's. A number never runs an expression for long: steps and memory are limited, and a rule
 * that meets the limit refuses the number instead of leaving it as it is.
 */
#pragma once

#include <stdint.h>

#include "controlplane/base/view.h"
#include "controlplane/config/cfg_model.h"

#define TRANSLATE_NUMBER_MAX 64 /* of a number's text, with its NUL */
#define TRANSLATE_REASON_MAX 160

enum translate_outcome {
	TRANSLATE_SAME = 0, /* no rule fits */
	TRANSLATE_CHANGED,
	TRANSLATE_REJECTED, /* a rule says so */
	TRANSLATE_FAILED,   /* the limit of steps was met, or the new number is too long */
};

/* The calling and the called number of a call, as text (RFC 3261 user parts without escapes). */
struct numbers {
	char calling[TRANSLATE_NUMBER_MAX];
	char called[TRANSLATE_NUMBER_MAX];
};

/* What was done, for who wants it explained. */
#define TRANSLATE_STEPS_MAX 8
struct translate_step {
	const char *profile; /* the configuration's */
	const char *whose;   /* "trunk pbx incoming": who applied the profile; the caller's text */
	bool calling;	     /* else: called */
	enum translate_outcome outcome;
	uint32_t tag, rank; /* of the rule that fitted */
	char before[TRANSLATE_NUMBER_MAX], after[TRANSLATE_NUMBER_MAX];
};
struct translate_steps {
	uint32_t n;
	struct translate_step step[TRANSLATE_STEPS_MAX];
};

struct translate;

/* cfg must outlive the object. -ENOMEM, or -EINVAL with a sentence. */
int translate_new(const struct cfg *cfg, struct translate **ret_translate,
	char error[TRANSLATE_REASON_MAX]) __attribute__((warn_unused_result));
void translate_free(struct translate *translate);

/*
 * One number by the rules of a voice translation-rule. ret holds the new number, or number again;
 * ret_rank the rule that fitted, 0: none. An unknown tag changes nothing.
 */
enum translate_outcome translate_number(struct translate *translate, uint32_t tag,
	const char *number, char ret[TRANSLATE_NUMBER_MAX], uint32_t *ret_rank);

/*
 * Both numbers by a profile of that name; an empty name changes nothing. false: a rule rejects the
 * call or failed, and why says so. steps may be NULL.
 */
bool translate_profile(struct translate *translate, const char *profile, const char *whose,
	struct numbers *numbers, struct translate_steps *steps, char why[TRANSLATE_REASON_MAX]);

/* The number of somebody who redirected the call, by a profile; in place. false: a rule rejects it. */
bool translate_redirecting(
	struct translate *translate, const char *profile, char number[TRANSLATE_NUMBER_MAX]);
