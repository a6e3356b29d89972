/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sentence of a record that says why a call failed: it names the rule, header or timer at fault.
 * All of these print into one scratch text of the b2b, valid until the next one; call_end() copies it.
 * Text of far ends is bounded and escaped. Private to sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/call.h"

/* Any sentence, cut where a record has no more room. */
const char *reason_say(struct b2b *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * "trunk x answered 486 Busy Here", with the text of Warning or Reason where the far end sent one
 * (RFC 3261 20.43, RFC 3326); more: what follows, or "".
 */
const char *reason_answered(struct call *call, const struct sip_msg *msg, const char *more);
/* No final answer came from leg B: err as in struct sip_ctxn_ops.failed. */
const char *reason_unanswered(struct call *call, int err);
/* timers no-answer ran out; rang: a provisional had come. */
const char *reason_no_answer(struct call *call, bool rang);
/* What an INVITE has that is not taken; ret_status: the answer. NULL: nothing. unsupported: of a 420. */
const char *reason_of_request(const struct leg *from, const struct sip_msg *msg,
	struct sip_buf *unsupported, unsigned int *ret_status);
/* limen-control's refusal of a media line: negative errno of CTL_MEDIA_SET. */
const char *reason_media(struct call *call, int status);
/* The description of a leg does not parse; b->sdp has the fault. */
const char *reason_bad_sdp(const struct leg *from);
