/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Letters to the packet workers: a fixed pool of messages, a callback when one has taken effect.
 * The pool is no larger than one worker's mailbox, so posting cannot fail; what can is finding a
 * free letter, and then the caller waits for the workers (mail_reserve). That wait is what holds
 * back a client that sends faster than the workers apply.
 *
 * Control thread only.
 */
#pragma once

#include <stdint.h>

#include "dataplane/core/worker.h"

struct mail;
struct letter;

/*
 * The worker is done; msg.result says how. Runs inside mail_turn() and mail_reserve(), so it
 * must not post or reserve. The letter is free afterwards.
 */
typedef void (*letter_done_fn)(struct letter *letter, void *arg);

struct letter {
	struct worker_msg msg;
	letter_done_fn done;
	void *arg;
	struct letter *next;
};

/* 0 or -ENOMEM. The group must outlive the mail. */
int mail_new(struct worker_group *group, struct mail **ret_mail)
	__attribute__((warn_unused_result));
void mail_free(struct mail *mail);

/*
 * Returns when n letters are free. -ETIMEDOUT when the workers do not take theirs
 * for two seconds, which only a worker that hangs can cause.
 */
int mail_reserve(struct mail *mail, unsigned int n) __attribute__((warn_unused_result));
/* Returns when every letter is back. -ETIMEDOUT as above. */
int mail_flush(struct mail *mail) __attribute__((warn_unused_result));
unsigned int mail_n_free(const struct mail *mail);

/* A letter out of what was reserved; zeroed but for done and arg. */
struct letter *mail_letter(struct mail *mail, enum worker_op op, letter_done_fn done, void *arg);
void mail_post(struct mail *mail, uint32_t worker, struct letter *letter);

/* Collects what is done. Returns how many letters came back. */
unsigned int mail_turn(struct mail *mail);
