/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which way a call goes: dial-peers compiled into a tree of digits, and which trunk a source
 * address stands for. limen-sip asks it for each initial INVITE; limen-control asks the same code
 * for "show dialplan number", so that what is explained is what happens.
 *
 * A table is immutable after route_table_new() and refers to the configuration it was built from,
 * which must outlive it. Look-ups do not allocate. One thread at a time uses a table (its
 * translation rules have one room for a match). Trunk states are not part of it: they come through
 * a callback.
 *
 * A call's numbers are changed on its way: by the incoming profiles of the trunk it came from and of
 * its incoming dial-peer, then dial-peers are found for what the called number is now; by the
 * outgoing profiles of the dial-peer and of the trunk it goes to, in this order.
 *
 * Patterns: digits 0-9 * # A-D stand for themselves, '+' only as the first character, '.' is any
 * one digit (not '+'), a trailing 'T' is any number of further digits, also none. Without 'T' the
 * whole number must match. Visual separators "-", ".", "(", ")" and " " in a dialled number are
 * ignored (RFC 3966 5.1.1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_quality.h"
#include "controlplane/base/view.h"
#include "controlplane/config/cfg_model.h"
#include "sip-b2bua/routing/numbers.h"
#include "sip-b2bua/routing/route_hook.h"
#include "sip-b2bua/routing/translate.h"

#define ROUTE_ROWS_MAX	 32 /* dial-peers that one look-up reports */
#define ROUTE_NUMBER_MAX 63 /* digits of a number, after separators are gone */
#define ROUTE_TRIES_MAX	 8  /* dial-peers that are tried for a call */
#define ROUTE_NONE	 UINT32_MAX
#define ROUTE_REASON_MAX 160
#define ROUTE_TARGET_MAX 48

enum route_verdict {
	ROUTE_USE = 0,	      /* may be tried, in the order of the rows */
	ROUTE_SHUTDOWN,	      /* the dial-peer is shut down */
	ROUTE_OTHER_REALM,    /* for calls of another incoming realm */
	ROUTE_OTHER_TRUNK,    /* for calls of another incoming trunk */
	ROUTE_OTHER_TIME,     /* outside of its time-range */
	ROUTE_NO_TRUNK,	      /* names no trunk, or one that does not exist */
	ROUTE_TRUNK_SHUTDOWN, /* its trunk is shut down */
	ROUTE_TRUNK_BUSYOUT,  /* its trunk does not answer OPTIONS */
	ROUTE_HUNTSTOP,	      /* a dial-peer before it ends the hunt */
	ROUTE_REJECTED,	      /* an outgoing translation rejects the numbers */
	ROUTE_NO_LISTENER,    /* its trunk cannot be spoken to: no sip listen fits */
	ROUTE_TOO_MANY,	      /* it comes after ROUTE_TRIES_MAX others */
	ROUTE_NO_MAP,	      /* its e164-pattern-map or route-table is not loaded: nobody knows */
	ROUTE_NO_WAY,	      /* its route-table has no trunk for the number now */
	ROUTE_ASK,	      /* its route-hook has not been asked yet */
	ROUTE_NOT_ASKED,      /* nor will it: a call asks one, an emergency call none */
	ROUTE_NO_ANSWER,      /* its route-hook did not answer */
	ROUTE_REFUSED,	      /* the route-hook of a dial-peer refuses the call */
	ROUTE_EXCLUDED,	      /* the last calls to its trunk were too bad */
};

/* A call whose way is asked for. */
struct route_query {
	const char *realm;   /* it came from; NULL: any will do (show dialplan) */
	const char *trunk;   /* the same; NULL or empty: no trunk's */
	const char *calling; /* text; NULL: unknown */
	struct view called;
	const struct numbers *numbers;	 /* the maps; NULL: none is loaded */
	int64_t now_s;			 /* seconds since 1970 UTC */
	const struct route_asked *asked; /* what a route-hook said; NULL: none was asked */
	uint64_t random;		 /* decides between weights; 0: the largest first */
	/* May calls be sent to this trunk now? trunk_index counts in cfg->trunks. NULL: to all. */
	bool (*up)(void *arg, uint32_t trunk_index);
	/* How the last calls to it went; NULL, or a NULL function: nothing is known. */
	const struct ctl_quality *(*quality)(void *arg, uint32_t trunk_index);
	void *arg;
};

struct route_row {
	const struct cfg_dial_peer *peer;
	const struct cfg_trunk *trunk; /* NULL: none found */
	uint32_t trunk_index;	       /* in cfg->trunks, or ROUTE_NONE */
	uint16_t n_explicit;	       /* characters of the pattern that stand for themselves */
	uint16_t n_matched;	       /* the same and dots: characters matched before 'T' */
	enum route_verdict verdict;
	uint32_t huntstop_tag; /* ROUTE_HUNTSTOP: of the dial-peer that stopped */
	int64_t local_minutes; /* ROUTE_OTHER_TIME: what the range's clock says, since 1970 */
	const char
		*table_trunk; /* name in its route-table, until the table is another; NULL: none */
	uint32_t rate;	      /* of that, in millionths */
	uint8_t group_rank; /* its place in a voice class dpg, from 1; 0: it was found by number */
	uint8_t table_rank; /* its place among the ways of the table or the hook */
	uint8_t hook_rank;  /* in the hook's answer, from 1; 0: it is not of one */
	const char *hook_why;			 /* ROUTE_NO_ANSWER */
	const struct cfg_dial_peer *via;	 /* whose hook names this one; NULL: none */
	uint32_t score;				 /* of the last calls to its trunk, 0 to 100 */
	const struct cfg_quality *class;	 /* its bounds; NULL: it has none */
	const struct ctl_quality_breach *breach; /* it is beyond them; NULL: it is not */
	bool probe;   /* it stays in its place all the same, to see whether it is better now */
	bool demoted; /* ROUTE_USE: it is tried after the others */
	uint32_t weight_total; /* not 0: it has peer->weight of so many shares among its equals */
	struct numbers out;    /* ROUTE_USE: as they would be sent */
	uint32_t rejected_tag, rejected_rank; /* ROUTE_REJECTED: by this translation rule */
};

struct route_result {
	struct numbers in;		     /* after the incoming translations */
	const struct cfg_dial_peer *peer_in; /* the incoming dial-peer; NULL: none */
	/* Not empty: such a translation, or a route-hook, rejects the call, with this status. */
	char rejected[ROUTE_REASON_MAX];
	uint16_t rejected_status;
	/* The route-hook that is to be asked before the call goes anywhere, and whose it is; NULL: none. */
	const struct cfg_dial_peer *ask;
	char number[ROUTE_NUMBER_MAX + 1]; /* as looked up, without separators */
	uint32_t n_rows;     /* in the order they would be tried; rejected ones between */
	uint32_t n_use;	     /* rows with ROUTE_USE */
	uint32_t n_left_off; /* matching dial-peers beyond ROUTE_ROWS_MAX */
	struct route_row rows[ROUTE_ROWS_MAX];
};

struct route_table;

/*
 * cfg stays the caller's and must outlive the table. -ENOMEM, or -EINVAL when a pattern is none
 * (error then says which in a sentence; cfg_validate() has refused such a configuration before).
 */
int route_table_new(const struct cfg *cfg, struct route_table **ret_table,
	char error[ROUTE_REASON_MAX]) __attribute__((warn_unused_result));
void route_table_free(struct route_table *table);
const struct cfg *route_table_cfg(const struct route_table *table);

/* Is this a pattern? -EINVAL, and error says what is wrong in a sentence. */
int route_pattern_check(struct view pattern, char error[ROUTE_REASON_MAX])
	__attribute__((warn_unused_result));

/*
 * Finds the dial-peers for a call: most explicit characters first, then most matched characters,
 * then lowest preference, then lowest tag. 0, or -EINVAL when the called number has no digit or is
 * no number (then ret_result->n_rows is 0 and the number empty), or -EPERM when the incoming
 * translation rejects the call (and ret_result->rejected says why).
 */
int route_lookup(const struct route_table *table, const struct route_query *query,
	struct route_result *ret_result) __attribute__((warn_unused_result));

/*
 * The numbers of a call as they come in (ret_peer: its incoming dial-peer, or NULL), and as they go
 * out by a dial-peer to a trunk (NULL: it ends in the box); in place. false: rejected, why says so.
 * steps may be NULL.
 */
bool route_numbers_in(const struct route_table *table, const struct route_query *query,
	struct numbers *numbers, const struct cfg_dial_peer **ret_peer,
	struct translate_steps *steps, char why[ROUTE_REASON_MAX]);
bool route_numbers_out(const struct route_table *table, const struct cfg_dial_peer *peer,
	const struct cfg_trunk *to, struct numbers *numbers, struct translate_steps *steps,
	char why[ROUTE_REASON_MAX]);
/*
 * The number of somebody who redirected the call, on the same way: from a trunk, by the incoming and
 * the outgoing dial-peer, to a trunk (each may be NULL); in place. false: a rule rejects it.
 */
bool route_number_redirecting(const struct route_table *table, const struct cfg_trunk *from,
	const struct cfg_dial_peer *in, const struct cfg_dial_peer *out, const struct cfg_trunk *to,
	char number[TRANSLATE_NUMBER_MAX]);
/* The numbers with which the way of a row begins: the call's, or those that its hook says; in place. */
void route_numbers_hook(
	const struct route_asked *asked, unsigned int hook_rank, struct numbers *numbers);
/* For "test voice translation-rule". */
struct translate *route_table_translate(const struct route_table *table);

/* "ASR 12 % over 25 calls, at least 40 % (voice class quality 1)". Returns buf. */
char *route_breach_text(const struct ctl_quality_breach *breach, char buf[ROUTE_REASON_MAX]);

/* Where a dial-peer's calls go: "trunk carrier", "conference sales". Returns buf. */
char *route_target_text(const struct cfg_dial_peer *peer, char buf[ROUTE_TARGET_MAX]);

/* The same of one row: of a route-table the trunk that it has. Returns buf. */
char *route_row_target(const struct route_row *row, char buf[ROUTE_TARGET_MAX]);

/* One sentence: "dial-peer 10 to trunk carrier1: trunk is busied out". Returns buf. */
char *route_row_explain(
	const struct route_row *row, const char *in_realm, char buf[ROUTE_REASON_MAX]);

/*
 * Why no row of the result can be used, as the reason of a refused call: the best match's
 * verdict, or "no dial-peer matches +49...". Returns buf.
 */
char *route_result_explain(
	const struct route_result *result, const char *in_realm, char buf[ROUTE_REASON_MAX]);

/* With what status a call is refused for this result; 0: it has a way. */
unsigned int route_result_status(const struct route_result *result);

/*
 * Is a call of this source (trunk may be NULL) answered with 302 and its ways? Not when the first of
 * them ends in the box, which nobody else can do.
 */
bool route_is_redirected(const struct cfg_realm *realm, const struct cfg_trunk *trunk,
	const struct route_result *result);

/* Is this one of the configuration's emergency numbers, as it came? */
bool route_is_emergency(const struct cfg *cfg, struct view called);

enum route_admit {
	ROUTE_ADMITTED = 0,
	ROUTE_UNKNOWN_SOURCE,  /* the realm takes calls of its trunks only */
	ROUTE_SOURCE_SHUTDOWN, /* the trunk is shut down */
};

/* May a new call from this source (trunk: the one that the source stands for, NULL: none) come in? */
enum route_admit route_admit(const struct cfg_realm *realm, const struct cfg_trunk *trunk);
