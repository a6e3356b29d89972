/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much each source of SIP has sent of what: a fixed table that all workers share, in sets of eight
 * found by a keyed hash. A count is one number (GCRA): the moment at which nothing of it is left. A
 * source that is new takes the place of the one that has been silent for longest in its set, but never
 * that of a source that is trusted: made-up sources, however many, cost a look at one set and push out
 * nothing but each other. At most six of a set are trusted, so others can always be counted.
 *
 * All fields are atomic words without order: two workers that count one source at the same moment may
 * lose a count, which is no harm, and nobody waits. Time is passed in (microseconds of a clock that does
 * not jump; where it does step back nobody is over a limit for longer than its period).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SOURCES_SETS	    8192
#define SOURCES_WAYS	    8
#define SOURCES_TRUSTED_MAX 6 /* of a set */

enum source_count {
	SOURCE_MESSAGES,
	SOURCE_CALLS,
	SOURCE_MALFORMED,
	SOURCE_UNKNOWN,	   /* what was asked for is not there, or not for it */
	SOURCE_CHALLENGES, /* without the credentials that were asked for */
	SOURCE_PASSWORDS,  /* wrong ones */
	SOURCE_N_COUNTS,
};

/* What a count costs, and how far it may run ahead of the clock; microseconds. cost 0: no limit. */
struct source_limit {
	uint64_t cost_us, burst_us;
};

/* n in period_us, all at once if they like, times the periods. */
struct source_limit source_limit_of(uint32_t n, uint64_t period_us, uint32_t periods);

struct sources;

/* seed: random. NULL when memory is short. */
struct sources *sources_new(uint64_t seed);
void sources_free(struct sources *sources);

/*
 * One more. tag: a hash of the source that nobody can choose, not 0. factor: so many times as much for
 * a source that is trusted. false: it is over the limit, and nothing has been added.
 */
bool sources_count(struct sources *sources, uint64_t tag, enum source_count what,
	const struct source_limit *limit, uint32_t factor, uint64_t now_us);
/* It is trusted for so long; challenges that it has answered do not count any more. */
void sources_trust(struct sources *sources, uint64_t tag, uint32_t seconds, uint64_t now_us);
bool sources_is_trusted(const struct sources *sources, uint64_t tag, uint64_t now_us);
/* Begins anew. */
void sources_forgive(struct sources *sources, uint64_t tag);
