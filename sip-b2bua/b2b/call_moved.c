/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The called side answers 300, 301 or 302 (RFC 3261 8.1.3.4, 21.3). By the setting of its side the box
 * takes the next dial-peer, looks for the new numbers itself, or tells the caller. A new number is
 * routed as if the caller had called it: no place that a far end names is called, and no name of a
 * place reaches the caller.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"

LOG_TOPIC("redirect");

#define REDIRECTIONS_MAX 5 /* of a call; more are a loop */
#define NUMBERS_MAX	 8 /* that wait to be tried */

struct call_redirect {
	uint32_t n_followed;
	uint32_t n; /* in number[], the next one first */
	char number[NUMBERS_MAX][CTL_NUMBER_MAX];
};

struct contact {
	char number[CTL_NUMBER_MAX];
	unsigned int q; /* in thousandths */
};

/* "0.5" in thousandths; without one, or with nonsense: 1. */
static unsigned int q_of(struct view params)
{
	struct view v;
	unsigned int q = 0, digit = 100;

	if (!sip_params_get(params, VIEW("q"), &v) || v.n == 0 || v.p[0] != '0')
		return 1000;
	for (size_t i = 2; i < v.n && i < 5 && v.p[i] >= '0' && v.p[i] <= '9'; i++, digit /= 10)
		q += (unsigned int)(v.p[i] - '0') * digit;
	return q;
}

/* The numbers of a redirection, the most wanted first. */
static unsigned int contacts_read(const struct sip_msg *msg, struct contact ret[NUMBERS_MAX])
{
	struct sip_values it;
	struct view value;
	unsigned int n = 0;

	sip_values_start(&it, msg, SIP_H_CONTACT);
	while (n < NUMBERS_MAX && sip_values_next(&it, &value)) {
		struct contact c;
		struct sip_addr addr;
		unsigned int at = n;

		if (sip_addr_parse(value, &addr) < 0 || addr.star ||
			policy_user_text(&addr.uri, c.number, sizeof(c.number)) < 0)
			continue;
		c.q = q_of(addr.params);
		while (at > 0 && ret[at - 1].q < c.q)
			at--;
		memmove(&ret[at + 1], &ret[at], (n - at) * sizeof(ret[0]));
		ret[at] = c;
		n++;
	}
	return n;
}

/* The numbers go in front of those that wait. */
static int follow(struct call *call, const struct contact *contacts, unsigned int n)
{
	struct call_redirect *r = call->redirect;
	char keep[NUMBERS_MAX][CTL_NUMBER_MAX];
	uint32_t n_keep;

	if (!r)
		r = call->redirect = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	if (r->n_followed == REDIRECTIONS_MAX)
		return -ELOOP;
	r->n_followed++;
	n_keep = r->n < NUMBERS_MAX - n ? r->n : NUMBERS_MAX - n;
	memcpy(keep, r->number, sizeof(keep));
	for (unsigned int i = 0; i < n; i++)
		memcpy(r->number[i], contacts[i].number, CTL_NUMBER_MAX);
	if (n_keep > 0)
		memcpy(r->number[n], keep, n_keep * sizeof(keep[0]));
	r->n = n + n_keep;
	return 0;
}

bool call_redirect_next(struct call *call)
{
	struct call_redirect *r = call->redirect;
	char number[CTL_NUMBER_MAX];

	while (r && r->n > 0) {
		memcpy(number, r->number[0], sizeof(number));
		memmove(r->number[0], r->number[1], (--r->n) * sizeof(r->number[0]));
		if (call_route_again(call, number))
			return true;
	}
	return false;
}

/* Contacts for the caller: the numbers, at our address. */
static void tell_caller(struct call *call, const struct sip_msg *msg,
	const struct contact *contacts, unsigned int n, const char *reason)
{
	const struct dialog *d = call->leg[LEG_A].dialog;
	char text[CALL_HEADERS_MAX], user[POLICY_USER_MAX];
	struct sip_buf headers;

	sip_buf_init(&headers, text, sizeof(text));
	for (unsigned int i = 0; i < n; i++) {
		size_t before = headers.n;

		sip_put_hdr_start(&headers, SIP_H_CONTACT);
		sip_put_lit(&headers, "<sip:");
		sip_put(&headers, policy_user_escape(contacts[i].number, user));
		sip_put_char(&headers, '@');
		sip_put_host(&headers, &d->path.local, true);
		sip_put_lit(&headers, ">;q=");
		sip_put(&headers, contacts[i].q >= 1000 ? VIEW("1.0") : VIEW("0."));
		for (unsigned int digit = 100; contacts[i].q < 1000 && digit; digit /= 10)
			sip_put_char(&headers, (char)('0' + contacts[i].q / digit % 10));
		sip_put_crlf(&headers);
		/* Those that are wanted less may find no room. */
		if (headers.overflow) {
			headers.n = before;
			headers.overflow = false;
			break;
		}
	}
	call_end(call, &(struct call_why){.by = CTL_BY_CALLED,
			       .status = msg->status,
			       .q850 = 23,
			       .headers = sip_buf_view(&headers),
			       .reason = reason});
}

bool call_redirected(struct call *call, const struct sip_msg *msg, const char *reason)
{
	const struct ctl_call *rec = &call->rec;
	const struct cfg_realm *realm = cfg_find_realm(call->b->cfg, rec->realm[LEG_B]);
	const struct cfg_trunk *trunk = cfg_find_trunk(call->b->cfg, rec->trunk[LEG_B]);
	struct contact contacts[NUMBERS_MAX];
	unsigned int way = trunk ? trunk->redirection : CFG_REDIRECTION_REALM, n;
	int rc;

	if (way == CFG_REDIRECTION_REALM)
		way = realm ? realm->redirection : CFG_REDIRECTION_HUNT;
	/* A transfer has no caller who could follow it. */
	if (way == CFG_REDIRECTION_RELAY && call_is_transfer(call))
		way = CFG_REDIRECTION_HUNT;
	if (msg->status > 302 || (way != CFG_REDIRECTION_FOLLOW && way != CFG_REDIRECTION_RELAY))
		return false;
	n = contacts_read(msg, contacts);
	if (n == 0)
		return false;
	call->b->env.stats->redirected++;
	if (way == CFG_REDIRECTION_RELAY) {
		tell_caller(call, msg, contacts, n, reason);
		return true;
	}
	rc = follow(call, contacts, n);
	if (rc < 0 || !call_redirect_next(call)) {
		log_info("call %016" PRIx64 ": its redirection is not followed: %s", rec->id,
			rc == -ELOOP ? "there were too many" : "no dial-peer takes its numbers");
		return false;
	}
	call_hunt(call);
	return true;
}

void call_redirect_free(struct call *call)
{
	free(call->redirect);
	call->redirect = NULL;
}
