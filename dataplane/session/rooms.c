/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rooms.h. */
#include "dataplane/session/rooms.h"

#include <errno.h>
#include <stdlib.h>

struct rooms {
	struct placing *placing;
	uint32_t n;
	bool closed;
	struct rooms_row rows[DP_ROOMS_MAX];
};

struct rooms *rooms_new(struct placing *placing)
{
	struct rooms *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return NULL;
	rs->placing = placing;
	for (uint32_t i = 0; i < DP_ROOMS_MAX; i++)
		rs->rows[i].rooms = rs;
	return rs;
}

/* Nobody is in it, and none of its members is anywhere any more. */
static bool is_over(const struct rooms_row *row)
{
	return row->room && !row->n_refs && (!row->n_members || row->rooms->closed);
}

static void settle(struct rooms_row *row)
{
	struct rooms *rs = row->rooms;

	if (!is_over(row))
		return;
	if (!rs->closed)
		placing_release(rs->placing, row->core);
	room_free(row->room);
	*row = (struct rooms_row){.rooms = rs};
	rs->n--;
	if (rs->closed && !rs->n)
		free(rs);
}

void rooms_free(struct rooms *rs)
{
	if (!rs)
		return;
	rs->closed = true;
	rs->n++; /* is there until the end of this function */
	for (uint32_t i = 0; i < DP_ROOMS_MAX; i++)
		settle(&rs->rows[i]);
	if (!--rs->n)
		free(rs);
}

static struct rooms_row *find(struct rooms *rs, uint32_t id)
{
	struct rooms_row *row = NULL;

	for (uint32_t i = 0; i < DP_ROOMS_MAX && !row; i++)
		if (id ? rs->rows[i].room && rs->rows[i].id == id : !rs->rows[i].room)
			row = &rs->rows[i];
	return row;
}

int rooms_enter(struct rooms *rs, uint32_t id, struct rooms_row **ret_row)
{
	struct rooms_row *row = find(rs, id);

	if (row && row->n_members == DP_ROOM_MEMBERS_MAX)
		return -EUSERS;
	if (!row) {
		row = find(rs, 0);
		if (!row)
			return -EUSERS;
		if (room_new(&row->room))
			return -ENOMEM;
		row->id = id;
		row->core = placing_take(rs->placing);
		rs->n++;
	}
	row->n_members++;
	*ret_row = row;
	return 0;
}

void rooms_leave(struct rooms_row *row)
{
	if (!row)
		return;
	row->n_members--;
	settle(row);
}

void rooms_ref(struct rooms_row *row)
{
	row->n_refs++;
}

void rooms_unref(void *arg)
{
	struct rooms_row *row = arg;

	row->n_refs--;
	settle(row);
}

uint32_t rooms_n(const struct rooms *rs)
{
	return rs->n;
}
