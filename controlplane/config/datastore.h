/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration datastore of limen-control: running, start-up, candidates, revisions.
 *
 * There is one way to change the running configuration: a commit, which is validate -> prepare on
 * every subscriber -> apply (or abort) on every subscriber. Only apply may not fail. Start-up is
 * the same transaction against an empty running configuration. One commit runs at a time.
 *
 * running is never modified: a commit replaces it whole. Pointers to it are valid until the
 * next commit is applied.
 *
 * Files below the state directory: startup.cfg; rev/NNNNNN.cfg with rev/NNNNNN.json (who, when,
 * comment), the newest CFG_REVISIONS of them; pending.json while a confirmed commit waits;
 * running.json, which revision runs. Each is replaced atomically (own temporary file, fsync,
 * rename, fsync of the directory).
 *
 * One thread. Time is an input (wall clock, because a confirmed commit outlives the process).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/config/cfg.h"

#define CFG_REVISIONS	50
#define CFG_COMMENT_MAX 128
#define CFG_USER_MAX	32

struct cfg_store;
struct cfg_candidate;
struct cfg_txn; /* a commit that runs */

/*
 * Whoever acts on the configuration. prepare checks and reserves; 0: ready, -EINPROGRESS: will
 * call cfg_txn_prepared() later, other negative errno: refused, and error says why. old is NULL
 * at start-up. abort is called on those that said 0 or -EINPROGRESS (even when they have not
 * answered yet: their later answer is ignored). After apply, old is freed.
 */
struct cfg_subscriber {
	const char *name;
	int (*prepare)(void *arg, struct cfg_txn *txn, const struct cfg *old,
		const struct cfg *next, char error[CFG_ERROR_MAX]);
	void (*apply)(void *arg, const struct cfg *old, const struct cfg *next, uint64_t revision);
	void (*abort)(void *arg, uint64_t revision);
	void *arg;
};

/* The revision that the transaction will be when it is applied. */
uint64_t cfg_txn_revision(const struct cfg_txn *txn);
/* The answer of a subscriber that said -EINPROGRESS; status 0 or a negative errno with error. */
void cfg_txn_prepared(struct cfg_store *store, const struct cfg_subscriber *subscriber,
	uint64_t revision, int status, const char *error);

/* state_dir NULL: nothing is kept on disk (tests). Creates rev/. Negative errno with error. */
int cfg_store_open(const char *state_dir, uint64_t now_ms, struct cfg_store **ret_store,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
/* A clean end: the next start takes startup.cfg. */
void cfg_store_close(struct cfg_store *store);
/* The row stays the caller's. Before cfg_store_start(). */
int cfg_store_subscribe(struct cfg_store *store, const struct cfg_subscriber *subscriber)
	__attribute__((warn_unused_result));

typedef void (*cfg_done_fn)(void *arg, int status, const char *text);

/*
 * The first commit: startup.cfg, or factory_text when there is none. When the last process was
 * killed and the machine is still up, what it ran is taken instead, because calls run on it; but
 * when a commit of it waited to be confirmed, the revision before that commit. done as for
 * cfg_store_commit(). A start-up file that cannot be read is an error, never an empty
 * configuration.
 */
void cfg_store_start(
	struct cfg_store *store, const char *factory_text, cfg_done_fn done, void *arg);

const struct cfg *cfg_store_running(const struct cfg_store *store); /* all defaults before start */
uint64_t cfg_store_revision(const struct cfg_store *store);
bool cfg_store_busy(const struct cfg_store *store); /* a commit runs */

/*
 * Candidates. A private one is merged with what was committed meanwhile; an exclusive one keeps
 * everybody else from committing (-EBUSY with error naming the holder).
 */
int cfg_candidate_new(struct cfg_store *store, const char *user, bool exclusive,
	struct cfg_candidate **ret_candidate, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
void cfg_candidate_free(struct cfg_candidate *candidate);	/* also while its commit runs */
struct cfg *cfg_candidate_cfg(struct cfg_candidate *candidate); /* to be edited in place */
const struct cfg *cfg_candidate_base(const struct cfg_candidate *candidate);
bool cfg_candidate_changed(const struct cfg_candidate *candidate);
int cfg_candidate_discard(struct cfg_candidate *candidate); /* back to running */
/* Loads an earlier configuration: 0 is the running one, 1 the one before it. */
int cfg_candidate_rollback(struct cfg_candidate *candidate, unsigned int n,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));

struct cfg_commit {
	const char *user;
	const char *comment;	  /* NULL: none */
	bool check;		  /* validate and prepare only, then abort */
	unsigned int confirm_min; /* not 0: rolled back after so many minutes without confirm */
	/*
	 * Not 0: commits in a row with the same number are one step of the history (the lines of
	 * one `configure terminal`, each of which is a commit).
	 */
	uint64_t group;
};

/*
 * Commits the candidate; done is called once, now or later, with 0 or a negative errno and a
 * sentence (several lines for -ECANCELED: a list of conflicts). -EBUSY: another commit runs;
 * -ENODATA: a required setting is missing, -EINVAL: other fault of the configuration. On success
 * the candidate equals running.
 */
void cfg_store_commit(struct cfg_store *store, struct cfg_candidate *candidate,
	const struct cfg_commit *how, uint64_t now_ms, cfg_done_fn done, void *arg);
/* -ENOENT: nothing waits for it. */
int cfg_store_confirm(struct cfg_store *store, const char *user);
/* Wall clock when the running configuration will be rolled back; 0: it is confirmed. */
uint64_t cfg_store_deadline(const struct cfg_store *store);
/* To be called about once a second: rolls back what was not confirmed in time. */
void cfg_store_tick(struct cfg_store *store, uint64_t now_ms);

/* copy running-config startup-config, write memory. Refused while a commit waits for confirm. */
int cfg_store_save(struct cfg_store *store, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
/* The start-up configuration; -ENOENT. */
int cfg_store_startup(struct cfg_store *store, struct cfg **ret_cfg, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
/* The configuration n commits ago (0: a copy of running); -ENOENT. */
int cfg_store_load(struct cfg_store *store, unsigned int n, struct cfg **ret_cfg,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));

struct cfg_revision {
	uint64_t number;
	uint64_t time_ms; /* wall clock */
	char user[CFG_USER_MAX];
	char comment[CFG_COMMENT_MAX];
};
/* Newest first; false behind the last one. n as in cfg_store_load(). */
bool cfg_store_history(const struct cfg_store *store, unsigned int n, struct cfg_revision *ret);
