/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a route-hook (an HTTP server of the operator) said of a call, as the router takes it. It is
 * made by sip-b2bua/hook/hook_answer.h, and stands in struct route_query: a look-up without it says
 * which hook is to be asked first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/config/cfg_model.h"
#include "sip-b2bua/routing/numbers.h"
#include "sip-b2bua/routing/translate.h"

#define HOOK_TARGETS_MAX 8
#define HOOK_REASON_MAX	 96
#define HOOK_TTL_UNSAID	 UINT32_MAX

enum hook_kind {
	HOOK_TRUNK,	/* name */
	HOOK_DIAL_PEER, /* tag */
	HOOK_URI,	/* addr or name, and port: that of a trunk */
};

struct hook_target {
	uint8_t kind; /* enum hook_kind */
	uint32_t tag;
	char name[CFG_HOST_MAX];
	struct ipaddr addr; /* with its port; family 0: the host is a name */
	uint32_t port;	    /* of a name; 0: not given */
	/* Numbers in place of those that the call has; empty: as they are. */
	char called[TRANSLATE_NUMBER_MAX], calling[TRANSLATE_NUMBER_MAX];
};

struct hook_answer {
	uint16_t reject; /* status with which the call is refused; 0: it is not */
	char reason[HOOK_REASON_MAX];
	uint32_t ttl_s; /* how long it may be kept; HOOK_TTL_UNSAID */
	uint32_t n;	/* 0: the hook has no way for the call */
	struct hook_target target[HOOK_TARGETS_MAX];
};

struct route_asked {
	uint32_t tag;			  /* of the voice class */
	const struct hook_answer *answer; /* NULL: there is none */
	const char *why;		  /* then: why not, a part of a sentence */
};
