/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Character classes of RFC 3261 25.1 as one table, and scanners over them. */
#include <errno.h>

#include "sip-b2bua/parser/sip_char.h"

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c) (((c) | 0x20) >= 'a' && ((c) | 0x20) <= 'z')
#define IS_ALNUM(c) (IS_DIGIT(c) || IS_ALPHA(c))
#define IS_HEX(c)   (IS_DIGIT(c) || (((c) | 0x20) >= 'a' && ((c) | 0x20) <= 'f'))
/* mark and so unreserved of RFC 3261 25.1 */
#define IS_MARK(c)                                                                           \
	((c) == '-' || (c) == '_' || (c) == '.' || (c) == '!' || (c) == '~' || (c) == '*' || \
		(c) == '\'' || (c) == '(' || (c) == ')')
#define IS_UNRES(c) (IS_ALNUM(c) || IS_MARK(c))
#define IS_TOKEN(c)                                                                           \
	(IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '!' || (c) == '%' || (c) == '*' || \
		(c) == '_' || (c) == '+' || (c) == '`' || (c) == '\'' || (c) == '~')
#define IS_PASS(c) \
	(IS_UNRES(c) || (c) == '&' || (c) == '=' || (c) == '+' || (c) == '$' || (c) == ',')
/* '#' is not in the grammar, but dialled numbers carry it unescaped all over the field. */
#define IS_USER(c) (IS_PASS(c) || (c) == ';' || (c) == '?' || (c) == '/' || (c) == '#')
#define IS_PARAM(c)                                                                           \
	(IS_UNRES(c) || (c) == '[' || (c) == ']' || (c) == '/' || (c) == ':' || (c) == '&' || \
		(c) == '+' || (c) == '$')
#define IS_HEADER(c)                                                                          \
	(IS_UNRES(c) || (c) == '[' || (c) == ']' || (c) == '/' || (c) == '?' || (c) == ':' || \
		(c) == '+' || (c) == '$')
/* '_' is no host name character, but names of machines in private networks have it. */
#define IS_HOST(c) (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_')
#define IS_WORD(c)                                                                            \
	(IS_TOKEN(c) || (c) == '(' || (c) == ')' || (c) == '<' || (c) == '>' || (c) == ':' || \
		(c) == '\\' || (c) == '"' || (c) == '/' || (c) == '[' || (c) == ']' ||        \
		(c) == '?' || (c) == '{' || (c) == '}')
#define IS_TEL(c)                                                                           \
	(IS_HEX(c) || (c) == '-' || (c) == '.' || (c) == '(' || (c) == ')' || (c) == '+' || \
		(c) == '*' || (c) == '#')
#define IS_WS(c)     ((c) == ' ' || (c) == '\t' || (c) == '\r' || (c) == '\n')
#define IS_QUOTED(c) (IS_WS(c) || ((c) >= ' ' && (c) != '"' && (c) != '\\' && (c) != 0x7f))
#define IS_VALUE(c)  ((c) > ' ' && (c) != ';' && (c) != '"' && (c) != 0x7f)

#define C1(c)                                                                       \
	((IS_TOKEN(c) ? SIP_C_TOKEN : 0) | (IS_USER(c) ? SIP_C_USER : 0) |          \
		(IS_PASS(c) ? SIP_C_PASS : 0) | (IS_PARAM(c) ? SIP_C_PARAM : 0) |   \
		(IS_HEADER(c) ? SIP_C_HEADER : 0) | (IS_HOST(c) ? SIP_C_HOST : 0) | \
		(IS_DIGIT(c) ? SIP_C_DIGIT : 0) | (IS_ALPHA(c) ? SIP_C_ALPHA : 0) | \
		(IS_HEX(c) ? SIP_C_HEX : 0) | (IS_WORD(c) ? SIP_C_WORD : 0) |       \
		(IS_TEL(c) ? SIP_C_TEL : 0) | (IS_WS(c) ? SIP_C_WS : 0) |           \
		(IS_QUOTED(c) ? SIP_C_QUOTED : 0) | (IS_VALUE(c) ? SIP_C_VALUE : 0))
#define C4(c)  C1(c), C1((c) + 1), C1((c) + 2), C1((c) + 3)
#define C16(c) C4(c), C4((c) + 4), C4((c) + 8), C4((c) + 12)
#define C64(c) C16(c), C16((c) + 16), C16((c) + 32), C16((c) + 48)

/* Octets above 127 belong to no class but SIP_C_QUOTED and SIP_C_VALUE. */
const uint16_t sip_char_class[256] = {C64(0), C64(64), C64(128), C64(192)};

const char *sip_skip_escaped(const char *p, const char *end, unsigned int classes)
{
	for (;;) {
		p = sip_skip(p, end, classes);
		if (p == end || *p != '%')
			return p;
		if (end - p < 3 || !sip_char_is(p[1], SIP_C_HEX) || !sip_char_is(p[2], SIP_C_HEX))
			return NULL;
		p += 3;
	}
}

const char *sip_skip_quoted(const char *p, const char *end)
{
	for (p++;; p += 2) {
		p = sip_skip(p, end, SIP_C_QUOTED);
		if (p < end && *p == '"')
			return p + 1;
		if (end - p < 2 || *p != '\\')
			return NULL;
	}
}

int sip_param_take(const char **p, const char *end, struct view *ret_name, struct view *ret_value)
{
	const char *name = sip_skip_ws(*p, end);
	/* Names of URI parameters may have more characters than a token; both are let in. */
	const char *q = sip_skip(name, end, SIP_C_TOKEN | SIP_C_PARAM);
	if (q == name)
		return -EINVAL;
	struct view value = {NULL, 0};
	const char *name_end = q;
	q = sip_skip_ws(q, end);
	if (q < end && *q == '=') {
		const char *v = q = sip_skip_ws(q + 1, end);
		if (q < end && *q == '"') {
			q = sip_skip_quoted(q, end);
			if (q == NULL)
				return -EINVAL;
		} else {
			q = sip_skip(q, end, SIP_C_VALUE);
		}
		if (q == v)
			return -EINVAL;
		value = sip_between(v, q);
		q = sip_skip_ws(q, end);
	}
	if (q < end && *q != ';')
		return -EINVAL;
	*ret_name = sip_between(name, name_end);
	*ret_value = value;
	*p = q;
	return 0;
}
