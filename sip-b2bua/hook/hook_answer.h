/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The JSON that goes to a route-hook and comes back (docs/ROUTING.md). What comes is foreign input:
 * anything but what is described there is an error with a sentence. Any thread (no state).
 */
#pragma once

#include "controlplane/base/view.h"
#include "sip-b2bua/routing/route_hook.h"

#define HOOK_BODY_MAX 16384 /* octets of an answer */
/* Why there is none, with what hook_answer_read() says; cut to HOOK_REASON_MAX. */
#define HOOK_NOT_UNDERSTOOD "its answer is not understood: %.64s"

/* ret stays untouched on failure. -EINVAL, and why is a part of a sentence; -ENOMEM. */
int hook_answer_read(struct view body, struct hook_answer *ret, char why[HOOK_REASON_MAX])
	__attribute__((warn_unused_result));

/* What is asked. Texts may be empty, none is NULL. */
struct hook_question {
	uint64_t call_id; /* of the record; 0: a call that is only thought of */
	const char *sip_call_id;
	const char *calling, *called;	    /* after the incoming translations */
	const char *calling_in, *called_in; /* as they came */
	const char *realm, *trunk;	    /* that it came from */
	uint32_t dial_peer;		    /* that has the hook as its session target */
	const char *verdict;		    /* of its Identity: word of CTL_STIR_VERDICTS */
	char attest;			    /* 'A' to 'C', 0: none */
};

/* One line of JSON, malloc()ed; NULL when memory is short. */
char *hook_question_text(const struct hook_question *q);
