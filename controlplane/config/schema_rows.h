/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the schema's rows share. Private to controlplane/config/schema*.c. */
#pragma once

#include "controlplane/config/schema.h"
#include "dataplane/api/dp_api.h"

struct cfg_rows {
	const struct cfg_leaf *first, *end;
};

/* In the order of the kinds; the rows of one kind are in one of them, together. */
extern const struct cfg_rows cfg_rows_box, cfg_rows_net, cfg_rows_class, cfg_rows_profiles,
	cfg_rows_routing, cfg_rows_tenant, cfg_rows_group, cfg_rows_side, cfg_rows_users;

#define CFG_ROWS(rows_)                                               \
	{                                                             \
		(rows_), (rows_) + sizeof(rows_) / sizeof((rows_)[0]) \
	}
#define FIELD(type_, field_) \
	.offset = offsetof(struct type_, field_), .size = sizeof(((struct type_ *)0)->field_)
#define LIST(type_, field_)                                                                       \
	.offset = offsetof(struct type_, field_), .size = sizeof(((struct type_ *)0)->field_[0]), \
	.count_offset = offsetof(struct type_, n_##field_)
#define NO_REF .ref = CFG_NO_KIND
