/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mixer rooms that there are: made when the first leg enters, gone with the last one; all members
 * of one are on one media core. Control thread only.
 */
#pragma once

#include "dataplane/session/placing.h"
#include "dataplane/transcode/room.h"

struct rooms;

/* One of them. */
struct rooms_row {
	struct rooms *rooms;
	struct room *room; /* NULL: the row is free */
	uint32_t id;
	uint32_t n_members; /* legs */
	uint32_t n_refs;    /* struct member, with those on their way back */
	uint8_t core;
};

/* NULL when memory is short. placing must stay. */
struct rooms *rooms_new(struct placing *placing);
/* Members may still be at their media cores, which are about to be freed. */
void rooms_free(struct rooms *rs);

/* A leg enters. -EUSERS: the room is full, or there are DP_ROOMS_MAX; -ENOMEM. */
int rooms_enter(struct rooms *rs, uint32_t id, struct rooms_row **ret_row)
	__attribute__((warn_unused_result));
/* It leaves, or does not enter after all. NULL is fine. */
void rooms_leave(struct rooms_row *row);
/* For the released of member_new(). */
void rooms_ref(struct rooms_row *row);
void rooms_unref(void *row);

uint32_t rooms_n(const struct rooms *rs);
