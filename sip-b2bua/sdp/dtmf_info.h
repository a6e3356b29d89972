/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digits in the body of SIP INFO, in the two forms that are in use, neither of which is a standard:
 *
 *   application/dtmf-relay   Signal=5 CRLF Duration=160 CRLF (ms; white space around both allowed)
 *   application/dtmf         5
 *
 * A signal is 0-9, *, #, A-D, or the number of RFC 4733 for one of the last (10 is *, 11 #, 16 the
 * flash hook, which is also "!" or "hf"). Any thread (no state).
 */
#pragma once

#include <stdint.h>

#include "controlplane/base/view.h"

#define DTMF_INFO_TEXT_MAX   64
#define DTMF_INFO_DEFAULT_MS 200 /* of a body that says no duration */

enum dtmf_info_form { DTMF_INFO_NONE, DTMF_INFO_RELAY, DTMF_INFO_DTMF };

struct dtmf_info {
	char digit;	      /* '0' to '9', '*', '#', 'A' to 'D', '!' */
	uint32_t duration_ms; /* DP_DTMF_MIN_MS to DP_DTMF_MAX_MS */
};

/* By type and subtype of the body. */
enum dtmf_info_form dtmf_info_form(struct view type, struct view subtype);
struct view dtmf_info_type(enum dtmf_info_form form); /* "application/dtmf-relay", ... */

/* -EBADMSG: no digit in it. */
int dtmf_info_parse(enum dtmf_info_form form, struct view body, struct dtmf_info *ret_info)
	__attribute__((warn_unused_result));
/* Length of the body. */
size_t dtmf_info_print(
	enum dtmf_info_form form, const struct dtmf_info *info, char text[DTMF_INFO_TEXT_MAX]);
