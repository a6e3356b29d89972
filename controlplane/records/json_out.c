/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON text straight into a buffer; see json_out.h. */
#include "controlplane/records/json_out.h"

#include <string.h>

#include "controlplane/base/view.h"

void jout_init(struct json_out *out, char *buf, size_t cap)
{
	*out = (struct json_out){.buf = buf, .cap = cap};
}

/* Where n octets go; NULL: they do not fit. */
static char *room(struct json_out *out, size_t n)
{
	char *p = out->buf + out->n;

	if (n > out->cap - out->n) {
		out->overflow = true;
		return NULL;
	}
	out->n += n;
	return p;
}

static void put(struct json_out *out, const char *p, size_t n)
{
	char *to = room(out, n);

	if (to != NULL)
		memcpy(to, p, n);
}

static void put_c(struct json_out *out, char c)
{
	char *to = room(out, 1);

	if (to != NULL)
		*to = c;
}

static void before_value(struct json_out *out)
{
	if (out->comma)
		put_c(out, ',');
	out->comma = true;
}

void jout_open(struct json_out *out, char bracket)
{
	before_value(out);
	put_c(out, bracket);
	out->comma = false;
}

void jout_close(struct json_out *out, char bracket)
{
	put_c(out, bracket);
	out->comma = true;
}

void jout_key_n(struct json_out *out, const char *key, size_t n)
{
	char *to = room(out, n + 3 + out->comma);

	if (to != NULL) {
		if (out->comma)
			*to++ = ',';
		*to++ = '"';
		memcpy(to, key, n);
		to[n] = '"';
		to[n + 1] = ':';
	}
	out->comma = false;
}

static void put_escape(struct json_out *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	put(out, escape, sizeof(escape));
}

void jout_str(struct json_out *out, const char *text)
{
	struct view v = view_of(text);
	const char *plain = v.p; /* begin of what needs no change */

	before_value(out);
	put_c(out, '"');
	for (;;) {
		size_t n = view_plain_len(v);
		v.p += n;
		v.n -= n;
		if (v.n == 0)
			break;
		uint8_t c = (uint8_t)*v.p;
		size_t len = view_utf8_len(v);
		if (len > 1) {
			v.p += len;
			v.n -= len;
			continue;
		}
		put(out, plain, (size_t)(v.p - plain));
		if (len == 0) {
			put(out, "\\ufffd", 6);
		} else if (c == '"' || c == '\\') {
			put_c(out, '\\');
			put_c(out, (char)c);
		} else {
			put_escape(out, c);
		}
		plain = ++v.p;
		v.n--;
	}
	put(out, plain, (size_t)(v.p - plain));
	put_c(out, '"');
}

static void put_u64(struct json_out *out, uint64_t value)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	put(out, digits + i, sizeof(digits) - i);
}

void jout_u64(struct json_out *out, uint64_t value)
{
	before_value(out);
	put_u64(out, value);
}

void jout_i64(struct json_out *out, int64_t value)
{
	before_value(out);
	if (value < 0)
		put_c(out, '-');
	put_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void jout_milli(struct json_out *out, uint64_t value)
{
	uint64_t rest = value % 1000;
	char decimals[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
		(char)('0' + rest % 10)};

	before_value(out);
	put_u64(out, value / 1000);
	put(out, decimals, sizeof(decimals));
}

void jout_null(struct json_out *out)
{
	before_value(out);
	put(out, "null", 4);
}

void jout_bool(struct json_out *out, bool value)
{
	before_value(out);
	put(out, value ? "true" : "false", value ? 4 : 5);
}

void jout_newline(struct json_out *out)
{
	put_c(out, '\n');
	out->comma = false;
}
