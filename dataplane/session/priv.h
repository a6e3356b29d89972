/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sessions from the inside; private to dataplane/session, control thread only.
 *
 *   sessions.c    requests: what they change
 *   op.c          the letters that follow from one, until the last has come back
 *   ways.c        next hops towards the legs, and how they follow far ends and routes
 *   locals.c      UDP ports of media addresses
 *   silence.c     legs that send nothing
 *   voice_mail.c  what media cores are told
 *   digits.c      digits that come and digits that are sent
 */
#pragma once

#include "dataplane/session/placing.h"
#include "dataplane/session/sessions.h"
#include "dataplane/session/store.h"
#include "dataplane/session/voices.h"

#define SWEEPS_MAX     8
#define LETTERS_SPARED 1024 /* background work leaves these to requests */

/* A request under way: one letter for each stream, and those to media cores. */
struct op {
	struct session_ticket ticket;
	struct sessions *ss;
	struct row *row;
	bool answer; /* false: background work, nobody waits */
	bool removes;
	unsigned int n_left;
	int status;
	struct bundle_port *left[DP_LEGS]; /* that the worker may still know */
	struct dp_session_final final;
	struct op *next;
};

TAILQ_HEAD(row_queue, row);

struct sessions {
	struct sessions_conf conf;
	struct store *store;
	struct twheel *wheel;
	struct op *ops, *free_ops; /* as many as there are letters: one has some of those */
	uint32_t next_epoch, next_tag, next_voice;
	struct placing placing;
	struct rooms *rooms;
	struct row_queue dirty, doomed;
	bool walk; /* routes changed: look at every row */
	uint32_t walk_next;
	struct session_ticket sweeps[SWEEPS_MAX];
	unsigned int n_sweeps;
	uint32_t n_doomed;
	uint64_t now_ms, now_tsc;
	struct reports reports;
};

static inline uint32_t row_slot(const struct sessions *ss, const struct row *row, unsigned int leg)
{
	return store_index(ss->store, row) * DP_LEGS + leg;
}

static inline bool letters_to_spare(const struct sessions *ss)
{
	return mail_n_free(ss->conf.mail) > LETTERS_SPARED;
}

/* Says why in the log; returns err. */
int session_refuse(const struct dp_session *conf, int err, const char *why);

/* ---- op.c ---- */

/* The letters were reserved. ticket NULL: nobody waits. */
struct op *op_new(struct sessions *ss, struct row *row, const struct session_ticket *ticket,
	unsigned int n_letters);
/* Room for the letters was reserved. */
void op_post_stream(
	struct sessions *ss, struct row *row, unsigned int leg, bool relearn, struct op *op);
void op_post_unlink(struct sessions *ss, struct row *row, struct op *op);
/* The media core has taken the new directions, and given back what it had. */
void op_on_voice(struct letter *l, void *arg);
/* To be removed as soon as there is time. */
void row_doom(struct sessions *ss, struct row *row);

/* ---- ways.c ---- */

/* Looks up everything towards a leg anew. True when the workers must hear of it. */
bool ways_resolve(struct sessions *ss, struct row *row, unsigned int leg);
void ways_clear(struct sessions *ss, struct row *row);
/* Follows what has changed; true: there is more to do at once. */
bool ways_turn(struct sessions *ss);

/* ---- locals.c ---- */

/* What a session needs to have its local ends. */
struct locals {
	uint8_t index[DP_LEGS];		     /* of the media address */
	struct bundle_port *bundle[DP_LEGS]; /* NULL: the port is the leg's own */
};

/*
 * Known addresses, ports in range and not another session's (self may be NULL), unless both share
 * it. -EADDRNOTAVAIL, -EADDRINUSE, -ENOSPC (too many share it), -ENOMEM. What is prepared is to be
 * taken or dropped.
 */
int locals_prepare(const struct sessions *ss, const struct dp_session *conf, const struct row *self,
	struct locals *ret);
void locals_drop(struct locals *locals);
/* For a new row with its conf. */
void locals_take(struct sessions *ss, struct row *row, const struct locals *locals);
/*
 * For a row that becomes conf, which is in place already. What it leaves goes with the letters: to
 * be put into the op.
 */
void locals_change(struct sessions *ss, struct row *row, const struct dp_session *old,
	const struct locals *locals, struct bundle_port *ret_left[DP_LEGS]);
void locals_release(struct sessions *ss, struct row *row, struct bundle_port *ret_left[DP_LEGS]);

/* ---- silence.c ---- */

void silence_fire(struct twheel_timer *timer, void *arg);
/* A leg that begins to receive, or gets another time, starts a new silence. old NULL: new row. */
void silence_restart(struct sessions *ss, struct row *row, const struct dp_session *old);

/* ---- voice_mail.c ---- */

/* Directions that are told to one core: bit n of set for what makes of leg n. */
struct voices_group {
	uint32_t set;
	uint8_t core;
};

/* What is to be told, in groups that are filled from the first. */
struct voices_mail {
	uint32_t tag;
	struct voices_group before[DP_LEGS], after[DP_LEGS];
	struct rooms_row *left[DP_LEGS]; /* rooms, when all is told */
};

/* With what a new row's streams begin, where they are not the far end's. */
void voices_seed(struct row *row);
/* What conf makes of row (NULL: of nothing). Given back by voices_undo() when nothing comes of it. */
int voices_prepare(struct sessions *ss, const struct row *row, const struct dp_session *conf,
	struct voices *ret);
/* It comes to that: the row has it. How many letters voices_post() and voices_clean() will write. */
unsigned int voices_commit(
	struct sessions *ss, struct row *row, struct voices *v, struct voices_mail *mail);
/* Before the streams are told. */
void voices_post(struct sessions *ss, struct row *row, struct voices *v,
	const struct voices_mail *mail, struct op *op);
/* After they were told. */
void voices_clean(
	struct sessions *ss, struct row *row, const struct voices_mail *mail, struct op *op);
/* The end of all of it, in so many letters. */
unsigned int voices_n_ends(const struct row *row);
void voices_end(struct sessions *ss, struct row *row, struct op *op);
/* The media core for what a leg sends. */
uint8_t voices_core(const struct row *row, unsigned int leg);
