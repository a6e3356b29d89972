/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Redirections before the call: Diversion (RFC 5806) and History-Info (RFC 7044), each into the
 * form that the called side wants (RFC 7544). Both are read into a list of hops, oldest first, and
 * printed from it, so nothing that is not understood crosses: no hosts, texts or parameters.
 */
#include "sip-b2bua/identity/identity.h"

#include <string.h>

#define HOPS_MAX 12

/* Who was asked, and for what reason the call went on to the next one. */
struct hop {
	struct sip_addr addr;
	unsigned int cause; /* RFC 4458 2, 404: unknown; 0: it did not go on from here by one */
	unsigned int counter;
	bool private;
};

struct hops {
	struct hop hop[HOPS_MAX];
	unsigned int n;
};

static const struct {
	const char *reason;
	unsigned int cause;
} reasons[] = {
	/* From a cause the first one is taken. */
	{"unknown", 404},
	{"unconditional", 302},
	{"user-busy", 486},
	{"no-answer", 408},
	{"unavailable", 503},
	{"deflection", 480},
	{"deflection", 487},
	{"time-of-day", 404},
	{"do-not-disturb", 404},
	{"follow-me", 404},
	{"out-of-service", 404},
	{"away", 404},
};
#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

static unsigned int cause_of(struct view reason)
{
	for (size_t i = 0; i < N_REASONS; i++) {
		if (view_eq_nocase(reason, view_of(reasons[i].reason)))
			return reasons[i].cause;
	}
	return 404;
}

static const char *reason_of(unsigned int cause)
{
	for (size_t i = 0; i < N_REASONS; i++) {
		if (reasons[i].cause == cause)
			return reasons[i].reason;
	}
	return "unknown";
}

static bool addr_usable(const struct sip_addr *addr)
{
	return !addr->star &&
	       (addr->uri.scheme == SIP_SCHEME_SIP || addr->uri.scheme == SIP_SCHEME_SIPS ||
		       addr->uri.scheme == SIP_SCHEME_TEL);
}

/* ---- reading ---- */

/* The topmost Diversion is of the last redirection. */
static void read_diversion(struct hops *hops, const struct sip_msg *msg)
{
	struct sip_values it;
	struct view value, text;

	sip_values_start(&it, msg, SIP_H_DIVERSION);
	while (hops->n < HOPS_MAX && sip_values_next(&it, &value)) {
		struct hop *hop = &hops->hop[hops->n];
		uint64_t counter = 1;

		*hop = (struct hop){.cause = 404};
		if (sip_addr_parse(value, &hop->addr) < 0 || !addr_usable(&hop->addr))
			continue;
		if (sip_params_get(hop->addr.params, VIEW("reason"), &text))
			hop->cause = cause_of(text);
		if (sip_params_get(hop->addr.params, VIEW("counter"), &text) &&
			view_to_u64(text, 99, &counter) < 0)
			counter = 1;
		hop->counter = (unsigned int)counter;
		hop->private = sip_params_get(hop->addr.params, VIEW("privacy"), &text) &&
			       !view_eq_nocase(text, VIEW("off"));
		hops->n++;
	}
	for (unsigned int i = 0; i < hops->n / 2; i++) {
		struct hop other = hops->hop[i];

		hops->hop[i] = hops->hop[hops->n - 1 - i];
		hops->hop[hops->n - 1 - i] = other;
	}
}

/* "Privacy=history" among the headers of an entry's URI. */
static bool entry_private(const struct sip_uri *uri)
{
	static const char words[] = "privacy=";
	struct view rest = uri->headers;

	while (rest.n > 0) {
		const char *amp = memchr(rest.p, '&', rest.n);
		size_t n = amp ? (size_t)(amp - rest.p) : rest.n;

		if (n >= sizeof(words) - 1 &&
			view_eq_nocase((struct view){rest.p, sizeof(words) - 1}, VIEW("privacy=")))
			return !view_eq_nocase(
				(struct view){rest.p + sizeof(words) - 1, n - (sizeof(words) - 1)},
				VIEW("none"));
		rest.p += n < rest.n ? n + 1 : n;
		rest.n -= n < rest.n ? n + 1 : n;
	}
	return false;
}

/* An entry's cause says why the one before it (RFC 7544: the one that mp names) was left. */
static void read_history(struct hops *hops, const struct sip_msg *msg)
{
	struct sip_values it;
	struct view value, text;

	sip_values_start(&it, msg, SIP_H_HISTORY_INFO);
	while (hops->n < HOPS_MAX && sip_values_next(&it, &value)) {
		struct hop *hop = &hops->hop[hops->n];
		uint64_t cause = 0;

		*hop = (struct hop){.counter = 1};
		if (sip_addr_parse(value, &hop->addr) < 0 || !addr_usable(&hop->addr))
			continue;
		hop->private = entry_private(&hop->addr.uri);
		if (hops->n > 0 && sip_params_get(hop->addr.uri.params, VIEW("cause"), &text) &&
			view_to_u64(text, 699, &cause) == 0)
			hops->hop[hops->n - 1].cause = (unsigned int)cause;
		hops->n++;
	}
}

/* ---- writing ---- */

/* The user, with our address; of a private one nothing but that somebody was there. */
static void put_hop_uri(
	struct sip_buf *b, const struct identity *id, const struct hop *hop, bool hide)
{
	char before[IDENTITY_NUMBER_MAX], number[IDENTITY_NUMBER_MAX], user[POLICY_USER_MAX];
	struct sip_uri uri = hop->addr.uri;

	if (!hide && id->redirecting_number &&
		policy_user_text(&uri, before, sizeof(before)) == 0) {
		memcpy(number, before, sizeof(number));
		hide = !id->redirecting_number(id->arg, number);
		if (strcmp(before, number) != 0)
			uri.user = policy_user_escape(number, user);
	}
	if (hide)
		sip_put_lit(b, "<sip:anonymous@anonymous.invalid>");
	else
		identity_put_uri(b, id, &uri);
}

static void put_diversion(struct sip_buf *b, const struct identity *id, const struct hops *hops)
{
	for (unsigned int i = hops->n; i-- > 0;) {
		const struct hop *hop = &hops->hop[i];

		if (hop->cause == 0)
			continue;
		sip_put_hdr_start(b, SIP_H_DIVERSION);
		put_hop_uri(b, id, hop, hop->private && !id->told);
		sip_put_lit(b, ";reason=");
		sip_put(b, view_of(reason_of(hop->cause)));
		sip_put_lit(b, ";counter=");
		sip_put_u64(b, hop->counter ? hop->counter : 1);
		sip_put(b, hop->private ? VIEW(";privacy=full") : VIEW(";privacy=off"));
		sip_put_crlf(b);
	}
}

static void put_index(struct sip_buf *b, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++)
		sip_put(b, i == 0 ? VIEW("1") : VIEW(".1"));
}

/* cause: why the entry before was left; 0: not known, or there is none. */
static void put_entry(struct sip_buf *b, const struct identity *id, const struct hop *hop,
	unsigned int cause, unsigned int depth)
{
	char text[512];
	struct sip_buf uri;

	sip_buf_init(&uri, text, sizeof(text));
	put_hop_uri(&uri, id, hop, hop->private && !id->told);
	if (uri.overflow)
		return;
	sip_put_hdr_start(b, SIP_H_HISTORY_INFO);
	sip_put(b, (struct view){uri.p, uri.n - 1}); /* without '>' */
	if (cause) {
		sip_put_lit(b, ";cause=");
		sip_put_u64(b, cause);
	}
	if (hop->private && id->told)
		sip_put_lit(b, "?Privacy=history");
	sip_put_lit(b, ">;index=");
	put_index(b, depth);
	if (cause) {
		sip_put_lit(b, ";mp=");
		put_index(b, depth - 1);
	}
	sip_put_crlf(b);
}

/* target: the present Request-URI, when the list ends with who sent the call on to it. */
static void put_history(struct sip_buf *b, const struct identity *id, const struct hops *hops,
	const struct sip_msg *target)
{
	unsigned int cause = 0, depth = 0;

	for (unsigned int i = 0; i < hops->n; i++) {
		put_entry(b, id, &hops->hop[i], cause, ++depth);
		cause = hops->hop[i].cause;
	}
	if (target) {
		struct hop last = {.addr = {.uri = target->uri}};

		put_entry(b, id, &last, cause, ++depth);
	}
}

void identity_put_redirecting(
	struct sip_buf *b, const struct identity *id, const struct sip_msg *msg)
{
	unsigned int privacy = identity_privacy(id, msg);
	bool diversion = msg->first[SIP_H_DIVERSION] != SIP_NONE;
	uint8_t how = id->redirecting;
	struct hops hops = {.n = 0};

	if (how == CFG_REDIRECTING_NONE || !id->believed)
		return;
	/* RFC 7044 10.1.1: the whole list is private. */
	if (!id->told && !(privacy & PRIVACY_NONE) &&
		(privacy & (PRIVACY_HISTORY | PRIVACY_HEADER | PRIVACY_SESSION)))
		return;
	if (diversion)
		read_diversion(&hops, msg);
	else
		read_history(&hops, msg);
	if (hops.n == 0)
		return;
	if (how == CFG_REDIRECTING_PASS)
		how = diversion ? CFG_REDIRECTING_DIVERSION : CFG_REDIRECTING_HISTORY;
	if (how == CFG_REDIRECTING_DIVERSION)
		put_diversion(b, id, &hops);
	else
		put_history(b, id, &hops, diversion ? msg : NULL);
}
