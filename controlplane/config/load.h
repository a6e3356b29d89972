/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What reading a start-up file and reading JSON have in common: a scalar goes into a setting,
 * with its type checked. Private to controlplane/config.
 */
#pragma once

#include "controlplane/config/schema.h"

/* Version of the text form; another one is refused. */
#define CFG_FORMAT 1

struct load_scalar {
	enum { LOAD_OTHER, LOAD_BOOL, LOAD_INT, LOAD_STRING } type;
	bool boolean;
	long long number;
	struct view string;
};

/* Sets (or adds to) a setting. error says what is wrong, without the place. */
int load_leaf(const struct cfg_leaf *leaf, void *obj, const struct load_scalar *scalar,
	char error[CFG_ERROR_MAX]);
/* The text form of an object's key. */
int load_key(enum cfg_kind kind, const struct load_scalar *scalar, char ret[CFG_VALUE_MAX],
	char error[CFG_ERROR_MAX]);
/* The kind of object that a name at the top level stands for; CFG_NO_KIND when there is none. */
enum cfg_kind load_kind(const char *name);
