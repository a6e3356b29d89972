/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For tests that go over all rows of the schema: values of each type that are accepted and differ
 * from the default, and values that must be refused. A new type without a row here fails.
 */
#pragma once

#include "controlplane/config/schema.h"

struct sample {
	enum cfg_type type;
	const char *good[3]; /* NULL: fewer */
	const char *bad[6];
};

/* The row for a type; fails the test when there is none. */
const struct sample *sample_of(const struct cfg_leaf *leaf);
/* A good value of a row; numbers and words are made from its bounds. i from 0. NULL: no more. */
const char *sample_good(const struct cfg_leaf *leaf, unsigned int i, char buf[CFG_VALUE_MAX]);
/* A key for an object of a kind, in its text form; NULL for single objects. */
const char *sample_key(enum cfg_kind kind);
/* A configuration that passes cfg_validate() and has an object of each kind. */
extern const char sample_config[];
