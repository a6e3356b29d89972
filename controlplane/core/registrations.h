/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The copy of all bindings that limen-control keeps in STATE/registrations.db (SQLite): taken from
 * limen-sip, acknowledged once stored, given back to a worker that starts again, and asked by show
 * commands. A file that cannot be used is put aside; without any the copy is in memory, and only a
 * restart of limen-control loses it. limen-control's one thread.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"

struct registrations;

struct registrations_ops {
	bool (*send)(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
		const void *part2, size_t len2);
	unsigned int (*room)(void *arg, uint32_t worker); /* messages that may be sent now */
	uint64_t (*wall_ms)(void *arg);
	void *arg;
};

/* dir: STATE. -ENOMEM, -EIO when not even memory can be used. */
int registrations_new(struct event_base *base, const char *dir, const struct registrations_ops *ops,
	struct registrations **ret_registrations) __attribute__((warn_unused_result));
void registrations_free(struct registrations *r); /* what waits is written */

/* A worker has its configuration. restore: it has just started, and gets what it had. */
void registrations_worker_up(
	struct registrations *r, uint32_t worker, uint32_t n_workers, bool restore);
void registrations_worker_down(struct registrations *r, uint32_t worker);
void registrations_more(struct registrations *r, uint32_t worker); /* there is room again */

/* Messages of limen-sip. 0, or -EPROTO. */
int registrations_put(struct registrations *r, uint32_t worker, const struct ctl_reg *reg,
	const void *state, size_t len) __attribute__((warn_unused_result));
int registrations_del(struct registrations *r, uint32_t worker, const struct ctl_reg_key *key)
	__attribute__((warn_unused_result));

/* ---- for show commands and operators ---- */

typedef int (*registrations_fn)(const struct ctl_reg *reg, void *arg);

/* By realm, user, and age; user: only this one, or NULL. A non-zero return of row ends the walk. */
void registrations_each(struct registrations *r, const char *user, registrations_fn row, void *arg);
uint64_t registrations_count(struct registrations *r);
/*
 * Has limen-sip remove the bindings of a user, in every realm; cached: only those of registrars behind
 * the box. -ENOENT; -ENOTCONN: not all could be.
 */
int registrations_clear(struct registrations *r, const char *user, bool cached);
/* The same of all bindings of registrars behind the box. -ENOTCONN. */
int registrations_clear_cache(struct registrations *r);
/* Where the copy is: empty, or a sentence that says why it is in memory only. */
const char *registrations_problem(const struct registrations *r);
