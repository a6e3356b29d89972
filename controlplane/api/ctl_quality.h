/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the last calls to trunks went: what limen-sip tells limen-control of attempts, and what
 * limen-control tells every worker of limen-sip of trunks (controlplane/quality/windows.h).
 */
#pragma once

#include "controlplane/api/ctl_api.h"

/* What a voice class quality bounds. X(symbol, name in show and in sentences). */
#define CTL_QUALITY_METRICS(X) \
	X(ASR, "ASR")          \
	X(NER, "NER")          \
	X(ACD, "ACD")          \
	X(PDD, "PDD")          \
	X(MOS, "MOS")
enum ctl_quality_metric {
#define X(sym, name) CTL_QUALITY_##sym,
	CTL_QUALITY_METRICS(X)
#undef X
		CTL_QUALITY_N_METRICS,
};

#define CTL_QUALITY_CLASSES 16	/* as CFG_QUALITIES_MAX */
#define CTL_QUALITY_UNTRIED 100 /* the score of a trunk with too few calls: it is to be tried */

/* A trunk is beyond a bound of a class. Values in percent, seconds, ms, hundredths of MOS. */
struct ctl_quality_breach {
	uint32_t tag;	 /* of the voice class quality */
	uint32_t metric; /* enum ctl_quality_metric */
	uint32_t value, bound;
	uint32_t calls; /* that the value is of */
	uint32_t zero;
	uint64_t since_ms; /* wall clock */
};

/* control -> sip: after HELLO, and at each change. */
struct ctl_quality {
	char trunk[CTL_NAME_MAX];
	uint32_t score; /* 0 to 100, in steps of 5 */
	uint32_t n;
	struct ctl_quality_breach breach[CTL_QUALITY_CLASSES];
};
_Static_assert(sizeof(struct ctl_quality) == 40 + CTL_QUALITY_CLASSES * 32, "wire struct");

/* sip -> control: a call was tried at a trunk in vain and went on; its last trunk is in ctl_call. */
struct ctl_attempt {
	char trunk[CTL_NAME_MAX];
	uint32_t status; /* final answer, as the caller would get it */
	uint32_t zero;
};
_Static_assert(sizeof(struct ctl_attempt) == 40, "wire struct");
