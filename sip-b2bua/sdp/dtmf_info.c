/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dtmf_info.h. */
#include "sip-b2bua/sdp/dtmf_info.h"

#include <errno.h>
#include <stdio.h>

#include "dataplane/api/dp_api.h"

enum dtmf_info_form dtmf_info_form(struct view type, struct view subtype)
{
	if (!view_eq_nocase(type, VIEW("application")))
		return DTMF_INFO_NONE;
	if (view_eq_nocase(subtype, VIEW("dtmf-relay")))
		return DTMF_INFO_RELAY;
	return view_eq_nocase(subtype, VIEW("dtmf")) ? DTMF_INFO_DTMF : DTMF_INFO_NONE;
}

struct view dtmf_info_type(enum dtmf_info_form form)
{
	return form == DTMF_INFO_DTMF ? VIEW("application/dtmf") : VIEW("application/dtmf-relay");
}

static int digit_of(struct view text, char *ret_digit)
{
	static const char digits[] = "0123456789*#ABCD!";
	uint64_t number;

	if (view_eq_nocase(text, VIEW("hf")) || view_eq(text, VIEW("!"))) {
		*ret_digit = '!';
		return 0;
	}
	if (text.n == 2 && view_to_u64(text, 16, &number) == 0) {
		*ret_digit = digits[number];
		return 0;
	}
	if (text.n != 1)
		return -EBADMSG;
	char c = text.p[0] >= 'a' && text.p[0] <= 'd' ? (char)(text.p[0] - 'a' + 'A') : text.p[0];
	for (size_t i = 0; digits[i]; i++) {
		if (digits[i] == c) {
			*ret_digit = c;
			return 0;
		}
	}
	return -EBADMSG;
}

/* The next line without its end; false: there is none. */
static bool line_next(struct view *rest, struct view *ret_line)
{
	size_t n = 0;

	if (rest->n == 0)
		return false;
	while (n < rest->n && rest->p[n] != '\n')
		n++;
	*ret_line = view_trim((struct view){rest->p, n > 0 && rest->p[n - 1] == '\r' ? n - 1 : n});
	n = n < rest->n ? n + 1 : n;
	*rest = (struct view){rest->p + n, rest->n - n};
	return true;
}

/* "Name = value". */
static bool setting(struct view line, struct view name, struct view *ret_value)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] != '=')
			continue;
		if (!view_eq_nocase(view_trim((struct view){line.p, i}), name))
			return false;
		*ret_value = view_trim((struct view){line.p + i + 1, line.n - i - 1});
		return true;
	}
	return false;
}

int dtmf_info_parse(enum dtmf_info_form form, struct view body, struct dtmf_info *ret_info)
{
	struct dtmf_info info = {.digit = '\0', .duration_ms = DTMF_INFO_DEFAULT_MS};
	struct view line, value;
	uint64_t ms;

	while (line_next(&body, &line)) {
		if (setting(line, VIEW("Signal"), &value)) {
			if (info.digit || digit_of(value, &info.digit) < 0)
				return -EBADMSG;
		} else if (setting(line, VIEW("Duration"), &value)) {
			if (view_to_u64(value, UINT32_MAX, &ms) < 0)
				return -EBADMSG;
			info.duration_ms = ms < DP_DTMF_MIN_MS	 ? DP_DTMF_MIN_MS
					   : ms > DP_DTMF_MAX_MS ? DP_DTMF_MAX_MS
								 : (uint32_t)ms;
		} else if (line.n > 0 && form == DTMF_INFO_DTMF) {
			if (info.digit || digit_of(line, &info.digit) < 0)
				return -EBADMSG;
		}
	}
	if (!info.digit)
		return -EBADMSG;
	*ret_info = info;
	return 0;
}

size_t dtmf_info_print(
	enum dtmf_info_form form, const struct dtmf_info *info, char text[DTMF_INFO_TEXT_MAX])
{
	int n = form == DTMF_INFO_DTMF
			? snprintf(text, DTMF_INFO_TEXT_MAX, "%c", info->digit)
			: snprintf(text, DTMF_INFO_TEXT_MAX, "Signal=%c\r\nDuration=%u\r\n",
				  info->digit, info->duration_ms);

	return n > 0 ? (size_t)n : 0;
}
