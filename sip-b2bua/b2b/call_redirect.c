/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Redirect server: a call from a side that wants it is not carried but answered with 302 (RFC 3261
 * 8.3, 21.3.3), whose Contacts are the ways that the call has, in their order.
 */
#include "sip-b2bua/b2b/call.h"

#include <stdio.h>

#define CONTACTS_MAX 10 /* q=0.9 to q=0.0 */

static void put_host(struct sip_buf *b, const struct cfg_target *target)
{
	if (target->addr.family != 0) {
		sip_put_host(b, &target->addr, ipaddr_port(&target->addr) != 5060);
		return;
	}
	sip_put(b, view_of(target->name));
	if (target->port) {
		sip_put_char(b, ':');
		sip_put_u64(b, target->port);
	}
}

/* "Contact: <sip:+4930123@192.0.2.1;transport=tcp>;q=0.9" */
static void put_contact(struct sip_buf *b, const struct call *call, const struct sip_msg *invite,
	const struct route_row *row, const struct cfg_target *target, unsigned int order)
{
	bool same = strcmp(row->out.called, call->rec.called[LEG_A]) == 0;
	char user[POLICY_USER_MAX];

	sip_put_hdr_start(b, SIP_H_CONTACT);
	sip_put_lit(b, "<sip:");
	sip_put(b, same ? invite->uri.user : policy_user_escape(row->out.called, user));
	sip_put_char(b, '@');
	put_host(b, target);
	if (row->trunk->transport == CFG_TRANSPORT_TCP)
		sip_put_lit(b, ";transport=tcp");
	else if (row->trunk->transport == CFG_TRANSPORT_TLS)
		sip_put_lit(b, ";transport=tls");
	sip_put_lit(b, ">;q=0.");
	sip_put_u64(b, 9 - order);
	sip_put_crlf(b);
}

/* The Contacts of a row: its trunk's target, or the members of its group; how many fitted. */
static unsigned int put_row(struct sip_buf *b, const struct call *call,
	const struct sip_msg *invite, const struct route_row *row, unsigned int order)
{
	const struct cfg_server_group *group = cfg_find_server_group(
		call->b->cfg, row->trunk->server_group);
	unsigned int n = group ? group->n_members : 1;

	for (unsigned int i = 0; i < n; i++) {
		size_t before = b->n;

		if (order + i < CONTACTS_MAX)
			put_contact(b, call, invite, row,
				group ? &group->members[i].target : &row->trunk->target, order + i);
		if (!b->overflow && order + i < CONTACTS_MAX)
			continue;
		b->n = before; /* those that fit are the better ones */
		b->overflow = true;
		return i;
	}
	return n;
}

bool call_redirect(
	struct call *call, const struct sip_msg *invite, const struct route_result *result)
{
	const struct cfg *cfg = call->b->cfg;
	char text[CALL_HEADERS_MAX], reason[160] = "";
	struct sip_buf b;
	unsigned int n = 0;

	if (!route_is_redirected(cfg_find_realm(cfg, call->rec.realm[LEG_A]),
		    cfg_find_trunk(cfg, call->rec.trunk[LEG_A]), result))
		return false;
	sip_buf_init(&b, text, sizeof(text));
	for (uint32_t i = 0; i < result->n_rows && !b.overflow; i++) {
		const struct route_row *row = &result->rows[i];

		if (row->verdict != ROUTE_USE)
			continue;
		if (cfg_dial_peer_is_local(row->peer) || !row->trunk)
			break;
		if (n == 0)
			snprintf(reason, sizeof(reason), "redirected, first to trunk %.31s",
				row->trunk->name);
		n += put_row(&b, call, invite, row, n);
	}
	b.overflow = false;
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = 302,
			       .headers = sip_buf_view(&b),
			       .reason = reason});
	return true;
}
