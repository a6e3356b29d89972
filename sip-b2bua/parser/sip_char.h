/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Character classes of RFC 3261 25.1, and small scanners shared by the parser's files. Private. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/view.h"

enum {
	SIP_C_TOKEN = 1 << 0,
	SIP_C_USER = 1 << 1,   /* unreserved, user-unreserved */
	SIP_C_PASS = 1 << 2,   /* password without escapes */
	SIP_C_PARAM = 1 << 3,  /* paramchar without escapes */
	SIP_C_HEADER = 1 << 4, /* hnv-unreserved, unreserved */
	SIP_C_HOST = 1 << 5,
	SIP_C_DIGIT = 1 << 6,
	SIP_C_ALPHA = 1 << 7,
	SIP_C_HEX = 1 << 8,
	SIP_C_WORD = 1 << 9,	/* of a Call-ID */
	SIP_C_TEL = 1 << 10,	/* RFC 3966: digits, visual separators, '+', '*', '#' */
	SIP_C_WS = 1 << 11,	/* SP, HTAB, and CR and LF, which inside a value are a fold */
	SIP_C_QUOTED = 1 << 12, /* qdtext and LWS */
	/* Of an unquoted value of a parameter: more than a token, as addresses and worse stand there;
	 * nothing invisible. */
	SIP_C_VALUE = 1 << 13,
};

extern const uint16_t sip_char_class[256];

static inline bool sip_char_is(char c, unsigned int classes)
{
	return (sip_char_class[(uint8_t)c] & classes) != 0;
}

static inline const char *sip_skip(const char *p, const char *end, unsigned int classes)
{
	while (p < end && sip_char_is(*p, classes))
		p++;
	return p;
}

static inline const char *sip_skip_ws(const char *p, const char *end)
{
	return sip_skip(p, end, SIP_C_WS);
}

/* The same, where "%" and two hex digits stand for a character too. NULL for a broken escape. */
const char *sip_skip_escaped(const char *p, const char *end, unsigned int classes);
/* p stands on '"'; returns the character behind the closing one, or NULL: there is none, or what may not
 * stand in quoted-string (a control character without backslash) comes before it. */
const char *sip_skip_quoted(const char *p, const char *end);

/* The end of a view that may be empty with a NULL pointer. */
static inline const char *sip_view_end(struct view v)
{
	return v.n > 0 ? v.p + v.n : v.p;
}

static inline struct view sip_between(const char *p, const char *end)
{
	return (struct view){p, (size_t)(end - p)};
}

/*
 * One parameter "name [= value]" at *p, which is moved behind it and the white space that follows
 * (to ';' or the end). 0, or -EINVAL.
 */
int sip_param_take(const char **p, const char *end, struct view *ret_name, struct view *ret_value);
