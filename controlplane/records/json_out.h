/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes one JSON text into a buffer, without a tree in between (a record costs a few
 * microseconds so). The caller keeps the order of keys and values right; commas come by
 * themselves. What does not fit marks the whole text as overflown. One thread per object.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json_out {
	char *buf;
	size_t cap, n;
	bool overflow;
	bool comma; /* the next value or key needs one before it */
};

void jout_init(struct json_out *out, char *buf, size_t cap);
void jout_open(struct json_out *out, char bracket);		  /* '{' or '[' */
void jout_close(struct json_out *out, char bracket);		  /* '}' or ']' */
void jout_key_n(struct json_out *out, const char *key, size_t n); /* plain ASCII of ours */
/* Any bytes: control characters and quotes are escaped, broken UTF-8 becomes U+FFFD. */
void jout_str(struct json_out *out, const char *text);
void jout_u64(struct json_out *out, uint64_t value);
void jout_i64(struct json_out *out, int64_t value);
void jout_null(struct json_out *out);
void jout_bool(struct json_out *out, bool value);
/* value / 1000 with three decimals. */
void jout_milli(struct json_out *out, uint64_t value);
void jout_newline(struct json_out *out);

/* Inline, so that the length of a literal is not counted. */
static inline void jout_key(struct json_out *out, const char *key)
{
	jout_key_n(out, key, strlen(key));
}

static inline void jout_key_str(struct json_out *out, const char *key, const char *text)
{
	jout_key(out, key);
	jout_str(out, text);
}

static inline void jout_key_u64(struct json_out *out, const char *key, uint64_t value)
{
	jout_key(out, key);
	jout_u64(out, value);
}
