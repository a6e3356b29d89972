/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What datastore.c (transactions, files, start-up) and candidate.c share. Private to
 * controlplane/config.
 */
#pragma once

#include "controlplane/config/store_files.h"

#define SUBSCRIBERS_MAX 16

enum reply { ANSWER_NONE, ANSWER_WAITING, ANSWER_READY };

struct cfg_candidate {
	struct cfg_store *store;
	struct cfg_candidate *next;
	struct cfg *base, *cfg;
	uint64_t base_revision;
	bool exclusive;
	char user[CFG_USER_MAX];
};

struct cfg_txn {
	struct cfg *next;
	struct cfg_candidate *candidate;  /* NULL: start-up, roll-back, or freed meanwhile */
	struct cfg *cand_base, *cand_cfg; /* what the candidate gets on success */
	struct store_meta meta;
	uint64_t started_ms;
	unsigned int confirm_min;
	bool first, check, revert;
	bool known; /* the revision is on disk already: it is the one of the last process */
	enum reply answers[SUBSCRIBERS_MAX];
	cfg_done_fn done;
	void *arg;
};

struct cfg_store {
	bool on_disk;
	struct store_dir dir;
	struct cfg *running;
	bool started;
	const struct cfg_subscriber *subscribers[SUBSCRIBERS_MAX];
	unsigned int n_subscribers;
	struct cfg_candidate *candidates;
	struct cfg_txn *txn;
	bool in_prepare; /* answers that come inside prepare() are looked at afterwards */
	struct store_meta history[CFG_REVISIONS]; /* newest first; [0] is running */
	unsigned int n_history;
	uint64_t last_number;
	struct store_pending pending; /* deadline_ms 0: none */
	uint64_t now_ms;
};

/* A sentence into error[CFG_ERROR_MAX]; returns rc. */
int cfg_store_say(char *error, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Who keeps the others from committing, or NULL. */
struct cfg_candidate *cfg_candidate_exclusive(const struct cfg_store *store);
/* Takes both; the base is the revision that runs now. */
void cfg_candidate_set(struct cfg_candidate *candidate, struct cfg *base, struct cfg *cfg);
