/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sip_oc.h. */
#include "sip-b2bua/parser/sip_oc.h"

#include <errno.h>

#define FRACTION_DIGITS 5
#define SECONDS_MAX	UINT64_C(999999999999) /* 12 digits */

/* 1*12DIGIT "." 1*5DIGIT */
static int seq_read(struct view text, uint64_t *ret_seq)
{
	const char *dot = text.n ? memchr(text.p, '.', text.n) : NULL;
	struct view fraction;
	uint64_t seconds, parts;

	if (!dot)
		return -EINVAL;
	fraction = (struct view){dot + 1, text.n - (size_t)(dot - text.p) - 1};
	if (fraction.n > FRACTION_DIGITS || view_to_u64(fraction, 99999, &parts) < 0 ||
		view_to_u64((struct view){text.p, (size_t)(dot - text.p)}, SECONDS_MAX, &seconds) <
			0)
		return -EINVAL;
	for (size_t i = fraction.n; i < FRACTION_DIGITS; i++)
		parts *= 10;
	*ret_seq = seconds * 100000 + parts;
	return 0;
}

/* Whether a list in quotes, or a bare word, names the algorithm. */
static bool names(struct view list, struct view algo)
{
	if (list.n >= 2 && list.p[0] == '"' && list.p[list.n - 1] == '"')
		list = (struct view){list.p + 1, list.n - 2};
	while (list.n > 0) {
		const char *comma = memchr(list.p, ',', list.n);
		size_t n = comma ? (size_t)(comma - list.p) : list.n;

		if (view_eq_nocase(view_trim((struct view){list.p, n}), algo))
			return true;
		n = comma ? n + 1 : n;
		list = (struct view){list.p + n, list.n - n};
	}
	return false;
}

int sip_oc_read(struct view via_params, bool rate_offered, struct sip_oc *ret_oc)
{
	struct sip_oc oc = {.algo = SIP_OC_LOSS, .validity_ms = SIP_OC_VALIDITY_MS};
	struct view text;
	uint64_t value;

	if (!sip_params_get(via_params, VIEW("oc"), &text) || text.n == 0)
		return -ENOENT;
	if (view_to_u64(text, UINT32_MAX, &value) < 0)
		return -EINVAL;
	if (sip_params_get(via_params, VIEW("oc-algo"), &text)) {
		if (names(text, VIEW("rate")) && rate_offered)
			oc.algo = SIP_OC_RATE;
		else if (!names(text, VIEW("loss")))
			return -EINVAL;
	}
	if (oc.algo == SIP_OC_LOSS && value > 100)
		return -EINVAL;
	oc.value = (uint32_t)(value > SIP_OC_RATE_MAX ? SIP_OC_RATE_MAX : value);
	if (!sip_params_get(via_params, VIEW("oc-seq"), &text) || seq_read(text, &oc.seq) < 0)
		return -EINVAL;
	if (sip_params_get(via_params, VIEW("oc-validity"), &text)) {
		if (view_to_u64(text, UINT32_MAX, &value) < 0)
			return -EINVAL;
		oc.validity_ms = (uint32_t)(value > SIP_OC_VALIDITY_MAX_MS ? SIP_OC_VALIDITY_MAX_MS
									   : value);
	}
	*ret_oc = oc;
	return 0;
}

/* The value of the first Via line; .p NULL: there is none. */
static struct view via_line(struct view msg)
{
	const char *p = msg.p, *end = msg.p + msg.n;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = lf ? (size_t)(lf - p) : (size_t)(end - p);

		if (n <= 1)
			break;
		if (n > 5 && view_eq_nocase((struct view){p, 4}, VIEW("Via:")))
			return view_trim((struct view){p + 4, n - 4});
		if (!lf)
			break;
		p = lf + 1;
	}
	return (struct view){NULL, 0};
}

bool sip_oc_offered(struct view response)
{
	struct view line = via_line(response);

	return line.n > 0 && memmem(line.p, line.n, ";oc", 3);
}

static bool is_oc(struct view name)
{
	return view_eq_nocase(name, VIEW("oc")) || view_eq_nocase(name, VIEW("oc-algo")) ||
	       view_eq_nocase(name, VIEW("oc-validity")) || view_eq_nocase(name, VIEW("oc-seq"));
}

static void own_put(struct sip_buf *out, const struct sip_oc *own)
{
	uint64_t fraction = own->seq % 100000;

	sip_put_lit(out, ";oc=");
	sip_put_u64(out, own->value);
	sip_put_lit(out, ";oc-algo=\"loss\";oc-validity=");
	sip_put_u64(out, own->validity_ms);
	sip_put_lit(out, ";oc-seq=");
	sip_put_u64(out, own->seq / 100000);
	sip_put_char(out, '.');
	for (uint64_t digit = 10000; digit > 0; digit /= 10)
		sip_put_char(out, (char)('0' + fraction / digit % 10));
}

bool sip_oc_answer(struct view response, const struct sip_oc *own, struct sip_buf *out)
{
	struct view line = via_line(response), rest = line, top, params, name, value;
	const char *semicolon;

	if (!line.p || !sip_list_next(&rest, &top))
		return false;
	semicolon = memchr(top.p, ';', top.n);
	if (!semicolon)
		return false;
	params = (struct view){semicolon + 1, top.n - (size_t)(semicolon - top.p) - 1};
	if (!sip_params_get(params, VIEW("oc"), &value))
		return false;
	/* Who understands something else alone cannot be told anything. */
	if (sip_params_get(params, VIEW("oc-algo"), &value) && !names(value, VIEW("loss")))
		return false;
	sip_put(out, (struct view){response.p, (size_t)(semicolon - response.p)});
	while (sip_params_next(&params, &name, &value)) {
		if (is_oc(name))
			continue;
		sip_put_char(out, ';');
		sip_put(out, name);
		if (value.p) {
			sip_put_char(out, '=');
			sip_put(out, value);
		}
	}
	own_put(out, own);
	sip_put(out,
		(struct view){top.p + top.n, response.n - (size_t)(top.p + top.n - response.p)});
	return !out->overflow;
}
