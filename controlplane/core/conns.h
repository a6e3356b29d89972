/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections of limen-sip's workers as they tell them: for show, and so that an operator can end one
 * by a short number. limen-control's one thread. Nothing depends on it, so what does not fit is left
 * out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"

struct conns;

struct conns *conns_new(void); /* NULL when memory is short */
void conns_free(struct conns *conns);

/* now_ms: wall clock. */
void conns_put(struct conns *conns, uint32_t worker, const struct ctl_conn *conn, uint64_t now_ms);
void conns_remove(struct conns *conns, uint32_t worker, uint64_t id);
/* The worker has come or gone. */
void conns_forget(struct conns *conns, uint32_t worker);

/* In the order of their numbers; a non-zero return ends the walk. */
struct conns_row {
	uint32_t number; /* unique since our start */
	uint32_t worker;
	uint64_t since_ms; /* wall clock */
	struct ctl_conn conn;
};
void conns_each(
	const struct conns *conns, int (*row)(const struct conns_row *row, void *arg), void *arg);
bool conns_find(const struct conns *conns, uint32_t number, struct conns_row *ret_row);
