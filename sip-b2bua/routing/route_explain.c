/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a look-up found, in words and as the status of a refusal; see route.h. */
#include <stdio.h>

#include "sip-b2bua/routing/route_private.h"
#include "sip-b2bua/routing/timerange.h"

char *route_target_text(const struct cfg_dial_peer *peer, char buf[ROUTE_TARGET_MAX])
{
	if (peer->announcement[0])
		snprintf(buf, ROUTE_TARGET_MAX, "announcement %s", peer->announcement);
	else if (peer->conference[0])
		snprintf(buf, ROUTE_TARGET_MAX, "conference %s", peer->conference);
	else if (peer->tone != CFG_TONE_NONE)
		snprintf(buf, ROUTE_TARGET_MAX, "tone %s", cfg_tone_word(peer->tone));
	else if (peer->route_table)
		snprintf(buf, ROUTE_TARGET_MAX, "route-table %u", peer->route_table);
	else if (peer->route_hook)
		snprintf(buf, ROUTE_TARGET_MAX, "route-hook %u", peer->route_hook);
	else if (peer->registrar)
		snprintf(buf, ROUTE_TARGET_MAX, "registrar");
	else
		snprintf(buf, ROUTE_TARGET_MAX, "trunk %s", peer->trunk);
	return buf;
}

char *route_row_target(const struct route_row *row, char buf[ROUTE_TARGET_MAX])
{
	if (!row->table_trunk && row->hook_rank && row->trunk) {
		snprintf(buf, ROUTE_TARGET_MAX, "trunk %.31s", row->trunk->name);
		return buf;
	}
	if (!row->table_trunk)
		return route_target_text(row->peer, buf);
	snprintf(buf, ROUTE_TARGET_MAX, "trunk %.31s", row->table_trunk);
	return buf;
}

char *route_row_explain(
	const struct route_row *row, const char *in_realm, char buf[ROUTE_REASON_MAX])
{
	const struct cfg_dial_peer *p = row->peer;
	const char *trunk = row->table_trunk ? row->table_trunk
			    : row->trunk     ? row->trunk->name
					     : p->trunk;
	char target[ROUTE_TARGET_MAX], clock[16];

	switch (row->verdict) {
	case ROUTE_USE:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u to %s", p->tag,
			route_row_target(row, target));
		break;
	case ROUTE_REJECTED:
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u: voice translation-rule %u rule %u rejects the numbers",
			p->tag, row->rejected_tag, row->rejected_rank);
		break;
	case ROUTE_NO_MAP:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u: voice class %s %u is not loaded",
			p->tag, row->peer->route_table ? "route-table" : "e164-pattern-map",
			row->peer->route_table ? p->route_table : p->destination_map);
		break;
	case ROUTE_SHUTDOWN:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u is shut down", p->tag);
		break;
	case ROUTE_OTHER_REALM:
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u is for calls from realm %s, this one comes from %s", p->tag,
			p->incoming_realm, in_realm);
		break;
	case ROUTE_OTHER_TRUNK:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u is for calls from trunk %s", p->tag,
			p->incoming_trunk);
		break;
	case ROUTE_OTHER_TIME:
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u is for time-range %s, by whose clock it is %s", p->tag,
			p->time_range, timeranges_clock(row->local_minutes, clock));
		break;
	case ROUTE_ASK:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u: route-hook %u is asked first",
			p->tag, p->route_hook);
		break;
	case ROUTE_NOT_ASKED:
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u: route-hook %u is not asked: a call asks one, an emergency "
			"call none",
			p->tag, p->route_hook);
		break;
	case ROUTE_NO_ANSWER:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u: route-hook %u: %.100s", p->tag,
			p->route_hook, row->hook_why);
		break;
	case ROUTE_REFUSED:
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u: the call is refused for a route-hook", p->tag);
		break;
	case ROUTE_NO_WAY:
		if (p->route_hook) {
			snprintf(buf, ROUTE_REASON_MAX,
				"dial-peer %u: route-hook %u has no way for the call", p->tag,
				p->route_hook);
			break;
		}
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u: voice class route-table %u has no trunk for the number now",
			p->tag, p->route_table);
		break;
	case ROUTE_NO_TRUNK:
		if (row->table_trunk)
			snprintf(buf, ROUTE_REASON_MAX,
				"dial-peer %u: voice class route-table %u names trunk %.31s, which "
				"does not exist",
				p->tag, p->route_table, trunk);
		else if (row->hook_rank)
			snprintf(buf, ROUTE_REASON_MAX,
				"dial-peer %u: target %u of route-hook %u is nothing that exists",
				row_by(row)->tag, row->hook_rank, row_by(row)->route_hook);
		else
			snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u has no trunk", p->tag);
		break;
	case ROUTE_TRUNK_SHUTDOWN:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u: trunk %s is shut down", p->tag,
			trunk);
		break;
	case ROUTE_NO_LISTENER:
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u: the realm of trunk %s has no listener of its transport and "
			"family (sip listen)",
			p->tag, trunk);
		break;
	case ROUTE_TOO_MANY:
		snprintf(buf, ROUTE_REASON_MAX,
			"dial-peer %u comes after %u others, the most "
			"that a call tries",
			p->tag, ROUTE_TRIES_MAX);
		break;
	case ROUTE_TRUNK_BUSYOUT:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u: trunk %s is busied out", p->tag,
			trunk);
		break;
	case ROUTE_EXCLUDED: {
		char why[ROUTE_REASON_MAX];

		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u: trunk %.31s is too bad: %.90s",
			p->tag, trunk, route_breach_text(row->breach, why));
		break;
	}
	case ROUTE_HUNTSTOP:
		snprintf(buf, ROUTE_REASON_MAX, "dial-peer %u comes after the huntstop of %u",
			p->tag, row->huntstop_tag);
		break;
	}
	return buf;
}

char *route_result_explain(
	const struct route_result *result, const char *in_realm, char buf[ROUTE_REASON_MAX])
{
	if (result->rejected[0])
		snprintf(buf, ROUTE_REASON_MAX, "%s", result->rejected);
	else if (!result->number[0])
		snprintf(buf, ROUTE_REASON_MAX, "the called party is not a number");
	else if (result->n_rows == 0)
		snprintf(buf, ROUTE_REASON_MAX, "no dial-peer matches %s", result->number);
	else
		route_row_explain(&result->rows[0], in_realm, buf);
	return buf;
}

unsigned int route_result_status(const struct route_result *result)
{
	if (result->n_use > 0)
		return 0;
	if (result->rejected[0])
		return result->rejected_status;
	if (result->n_rows > 0 && result->rows[0].verdict == ROUTE_REJECTED)
		return 403;
	/* A way that exists but is out of service may be back soon; no way at all will not. */
	return result->n_rows > 0 ? 503 : 404;
}

bool route_is_redirected(const struct cfg_realm *realm, const struct cfg_trunk *trunk,
	const struct route_result *result)
{
	if (!(realm && realm->redirect_server) && !(trunk && trunk->redirect_server))
		return false;
	for (uint32_t i = 0; i < result->n_rows; i++) {
		if (result->rows[i].verdict == ROUTE_USE)
			return !cfg_dial_peer_is_local(result->rows[i].peer);
	}
	return false;
}
