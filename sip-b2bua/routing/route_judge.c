/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which dial-peers can be used, and what becomes of a call's numbers; see route.h. */
#include <errno.h>
#include <string.h>

#include "controlplane/config/cfg.h"
#include "sip-b2bua/routing/route_private.h"

/* The number without separators, and its symbols. */
int route_number_read(struct view number, char ret[ROUTE_NUMBER_MAX + 1],
	uint8_t sym[ROUTE_NUMBER_MAX], uint32_t *ret_n)
{
	uint32_t n = 0;

	for (size_t i = 0; i < number.n; i++) {
		char c = number.p[i];
		int s;

		if (n > 0 && (c == '-' || c == '.' || c == '(' || c == ')' || c == ' '))
			continue;
		if (n == 0 && c == '(')
			continue;
		s = numtrie_symbol(c);
		if (s < 0 || (s == NUMTRIE_PLUS && n > 0) || n == ROUTE_NUMBER_MAX)
			return -EINVAL;
		ret[n] = c;
		sym[n++] = (uint8_t)s;
	}
	if (n == 0 || (n == 1 && sym[0] == NUMTRIE_PLUS))
		return -EINVAL;
	ret[n] = '\0';
	*ret_n = n;
	return 0;
}

/* Has the trunk's realm an address from which the trunk can be spoken to? */
static bool has_listener(const struct cfg *cfg, const struct cfg_trunk *trunk)
{
	const struct cfg_realm *realm = cfg_find_realm(cfg, trunk->realm);

	for (uint32_t i = 0; realm && i < realm->n_listen; i++) {
		if ((realm->listen[i].transport == trunk->transport ||
			    trunk->transport == CFG_TRANSPORT_DNS) &&
			(trunk->target.addr.family == 0 ||
				realm->listen[i].addr.family == trunk->target.addr.family))
			return true;
	}
	return !realm; /* a configuration of a test; cfg_validate() wants one */
}

static enum route_verdict row_judge(
	const struct route_table *t, const struct route_query *q, struct route_row *row)
{
	char why[ROUTE_REASON_MAX];
	struct translate_steps steps;

	enum route_verdict source = route_source_judge(
		row_by(row), t->ranges, q, &row->local_minutes);

	if (source == ROUTE_USE && row->via)
		source = route_source_judge(row->peer, t->ranges, q, &row->local_minutes);
	if (source != ROUTE_USE)
		return source;
	if (row_by(row)->destination_map && !numbers_find(q->numbers, row_by(row)->destination_map))
		return ROUTE_NO_MAP;
	if (row->verdict != ROUTE_USE) /* its table or its hook said so */
		return row->verdict;
	if (!cfg_dial_peer_is_local(row->peer) && !row->peer->registrar) {
		if (!row->trunk)
			return ROUTE_NO_TRUNK;
		if (row->trunk->shutdown)
			return ROUTE_TRUNK_SHUTDOWN;
		if (!has_listener(t->cfg, row->trunk))
			return ROUTE_NO_LISTENER;
		if (q->up && !q->up(q->arg, row->trunk_index))
			return ROUTE_TRUNK_BUSYOUT;
		if (row->breach && !row->probe && row->class->action == CFG_QUALITY_EXCLUDE)
			return ROUTE_EXCLUDED;
	}
	steps.n = 0;
	if (route_numbers_out(t, row->peer, row->trunk, &row->out, &steps, why))
		return ROUTE_USE;
	row->rejected_tag = steps.step[steps.n - 1].tag;
	row->rejected_rank = steps.step[steps.n - 1].rank;
	return ROUTE_REJECTED;
}

/* Is a dial-peer with this verdict meant for the call, whether it can be used or not? */
static bool is_meant(enum route_verdict verdict)
{
	return verdict != ROUTE_SHUTDOWN && verdict != ROUTE_OTHER_REALM &&
	       verdict != ROUTE_OTHER_TRUNK && verdict != ROUTE_OTHER_TIME &&
	       verdict != ROUTE_NO_MAP && verdict != ROUTE_NO_WAY && verdict != ROUTE_NO_ANSWER &&
	       verdict != ROUTE_NOT_ASKED;
}

void route_numbers_hook(
	const struct route_asked *asked, unsigned int hook_rank, struct numbers *numbers)
{
	const struct hook_target *target;

	if (hook_rank == 0 || !asked || !asked->answer || hook_rank > asked->answer->n)
		return;
	target = &asked->answer->target[hook_rank - 1];
	if (target->called[0])
		memcpy(numbers->called, target->called, sizeof(numbers->called));
	if (target->calling[0])
		memcpy(numbers->calling, target->calling, sizeof(numbers->calling));
}

/* A hook that is meant for the call is to be asked, refuses the call, or is not there to allow it. */
static void hook_judge(const struct route_table *t, const struct route_query *q,
	struct route_result *res, const struct route_row *row)
{
	const struct cfg_route_hook *hook = cfg_find_route_hook(t->cfg, row->peer->route_hook);

	if (row->verdict == ROUTE_ASK && !res->ask)
		res->ask = row->peer;
	if (row->verdict == ROUTE_REFUSED) {
		res->rejected_status = q->asked->answer->reject;
		snprintf(res->rejected, ROUTE_REASON_MAX, "route-hook %u refuses the call: %s",
			q->asked->tag,
			q->asked->answer->reason[0] ? q->asked->answer->reason : "no reason given");
	} else if (row->verdict == ROUTE_NO_ANSWER && hook && hook->fallback == CFG_HOOK_REJECT) {
		res->rejected_status = 503;
		snprintf(res->rejected, ROUTE_REASON_MAX, "route-hook %u: %s (fallback reject)",
			q->asked->tag, q->asked->why);
	}
}

/* Nobody gets a call that a hook refuses. */
static void refuse_all(struct route_result *res)
{
	for (uint32_t i = 0; i < res->n_rows; i++) {
		if (res->rows[i].verdict == ROUTE_USE)
			res->rows[i].verdict = ROUTE_REFUSED;
	}
	res->n_use = 0;
}

void route_rows_judge(
	const struct route_table *t, const struct route_query *q, struct route_result *res)
{
	const struct cfg_dial_peer *stop = NULL;

	for (uint32_t i = 0; i < res->n_rows; i++) {
		struct route_row *row = &res->rows[i];

		row->out = res->in;
		route_numbers_hook(q->asked, row->hook_rank, &row->out);
		row->verdict = row_judge(t, q, row);
		if (!stop || stop == row_by(row))
			hook_judge(t, q, res, row);
		if (stop && stop != row_by(row) && row->verdict == ROUTE_USE) {
			row->verdict = ROUTE_HUNTSTOP;
			row->huntstop_tag = stop->tag;
		}
		if (row->verdict == ROUTE_USE && res->n_use == ROUTE_TRIES_MAX)
			row->verdict = ROUTE_TOO_MANY;
		res->n_use += row->verdict == ROUTE_USE;
		/*
		 * A dial-peer that is meant for this call stops the hunt also when its trunk is
		 * down: that is what the operator asks for with it.
		 */
		if (!stop && row_by(row)->huntstop && is_meant(row->verdict))
			stop = row_by(row);
	}
	if (res->rejected[0])
		refuse_all(res);
}

bool route_numbers_in(const struct route_table *table, const struct route_query *query,
	struct numbers *numbers, const struct cfg_dial_peer **ret_peer,
	struct translate_steps *steps, char why[ROUTE_REASON_MAX])
{
	const struct cfg_trunk *from = query->trunk ? cfg_find_trunk(table->cfg, query->trunk)
						    : NULL;
	char number[ROUTE_NUMBER_MAX + 1];
	uint8_t sym[ROUTE_NUMBER_MAX];
	uint32_t n;

	*ret_peer = NULL;
	if (from && !translate_profile(table->translate, from->translation_incoming,
			    "incoming of its trunk", numbers, steps, why))
		return false;
	if (route_number_read(view_of(numbers->called), number, sym, &n) == 0)
		*ret_peer = route_in_find(table->cfg, &table->in, table->ranges, query, sym, n);
	return !*ret_peer || translate_profile(table->translate, (*ret_peer)->translation_incoming,
				     "incoming of the dial-peer", numbers, steps, why);
}

bool route_numbers_out(const struct route_table *table, const struct cfg_dial_peer *peer,
	const struct cfg_trunk *to, struct numbers *numbers, struct translate_steps *steps,
	char why[ROUTE_REASON_MAX])
{
	return translate_profile(table->translate, peer->translation_outgoing,
		       "outgoing of the dial-peer", numbers, steps, why) &&
	       (!to || translate_profile(table->translate, to->translation_outgoing,
			       "outgoing of the trunk", numbers, steps, why));
}

bool route_number_redirecting(const struct route_table *table, const struct cfg_trunk *from,
	const struct cfg_dial_peer *in, const struct cfg_dial_peer *out, const struct cfg_trunk *to,
	char number[TRANSLATE_NUMBER_MAX])
{
	const char *const profiles[] = {from ? from->translation_incoming : "",
		in ? in->translation_incoming : "", out ? out->translation_outgoing : "",
		to ? to->translation_outgoing : ""};

	for (unsigned int i = 0; i < 4; i++) {
		if (!translate_redirecting(table->translate, profiles[i], number))
			return false;
	}
	return true;
}

enum route_admit route_admit(const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	if (trunk && trunk->shutdown)
		return ROUTE_SOURCE_SHUTDOWN;
	if (!trunk && realm->admission == CFG_ADMIT_TRUNKS)
		return ROUTE_UNKNOWN_SOURCE;
	return ROUTE_ADMITTED;
}
