/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A view is a pointer and a length into text that somebody else owns, usually a message buffer.
 * It is not NUL-terminated. Parsers hand out views; nobody copies text until it must outlive the
 * buffer. Thread-safe (no state).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
	const char *p;
	size_t n;
};

#define VIEW(literal) ((struct view){(literal), sizeof(literal) - 1})
/* For printf("%.*s"): the length is clamped to what an int can say. */
#define VIEW_ARG(v) ((v).n > 0x7fffffff ? 0x7fffffff : (int)(v).n), ((v).p ? (v).p : "")

static inline struct view view_of(const char *str)
{
	return (struct view){str, str ? strlen(str) : 0};
}

static inline bool view_eq(struct view a, struct view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool view_eq_nocase_same_len(struct view a, struct view b);

/* ASCII case-insensitive comparison, independent of the locale. */
static inline bool view_eq_nocase(struct view a, struct view b)
{
	if (a.n != b.n)
		return false;
	/* Most that differ do so in their first character, by more than the bit of its case. */
	return a.n == 0 || (((a.p[0] ^ b.p[0]) & ~0x20) == 0 && view_eq_nocase_same_len(a, b));
}

/*
 * Length of the UTF-8 character that v begins with (RFC 3629: shortest form, no surrogates);
 * 0 when v is empty or broken there.
 */
size_t view_utf8_len(struct view v);

/* How many octets v begins with that are printable ASCII and neither " nor \: eight at a time. */
size_t view_plain_len(struct view v);

/* Without leading and trailing SP, HTAB, CR and LF. */
struct view view_trim(struct view v);

/* Decimal digits only. 0, or -EINVAL (empty, other characters) or -ERANGE (above max). */
int view_to_u64(struct view v, uint64_t max, uint64_t *ret_value)
	__attribute__((warn_unused_result));

/*
 * Copies v into dst with a terminating NUL. 0, or -ENAMETOOLONG when it does not fit (dst then
 * holds the empty string), or -EINVAL when v has a NUL inside.
 */
int view_copy(struct view v, char *dst, size_t dst_size) __attribute__((warn_unused_result));
