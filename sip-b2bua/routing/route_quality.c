/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the last calls to trunks went has a say in the order of ways: the best first where the
 * configuration wants that, those beyond their bounds last. Whether a call is one that tries a bad
 * way all the same depends on query->random alone, so that the same query has the same answer.
 */
#include <stdio.h>
#include <string.h>

#include "controlplane/config/cfg.h"
#include "sip-b2bua/routing/route_private.h"

_Static_assert(CTL_QUALITY_CLASSES == CFG_QUALITIES_MAX, "each class has its place");

char *route_breach_text(const struct ctl_quality_breach *b, char buf[ROUTE_REASON_MAX])
{
	const char *bound = b->metric == CTL_QUALITY_PDD ? "at most" : "at least";

	switch ((enum ctl_quality_metric)b->metric) {
	case CTL_QUALITY_ASR:
	case CTL_QUALITY_NER:
		snprintf(buf, ROUTE_REASON_MAX,
			"%s %u %% over %u calls, at least %u %% (voice class quality %u)",
			b->metric == CTL_QUALITY_ASR ? "ASR" : "NER", b->value, b->calls, b->bound,
			b->tag);
		break;
	case CTL_QUALITY_ACD:
	case CTL_QUALITY_PDD:
		snprintf(buf, ROUTE_REASON_MAX,
			"%s %u %s over %u calls, %s %u %s (voice class quality %u)",
			b->metric == CTL_QUALITY_ACD ? "ACD" : "PDD", b->value,
			b->metric == CTL_QUALITY_ACD ? "s" : "ms", b->calls, bound, b->bound,
			b->metric == CTL_QUALITY_ACD ? "s" : "ms", b->tag);
		break;
	default:
		snprintf(buf, ROUTE_REASON_MAX,
			"MOS %u.%02u over %u calls, at least %u.%02u (voice class quality %u)",
			b->value / 100, b->value % 100, b->calls, b->bound / 100, b->bound % 100,
			b->tag);
	}
	return buf;
}

/* Trunks of one call draw independently. */
static bool is_probe(const struct route_query *q, const struct route_row *row)
{
	return q->random != 0 &&
	       route_mix(q->random ^ route_mix(row->trunk_index)) % 100 < row->class->probe_percent;
}

static void row_rate(
	const struct route_table *t, const struct route_query *q, struct route_row *row)
{
	const struct ctl_quality *told = NULL;

	row->score = CTL_QUALITY_UNTRIED;
	if (!row->trunk)
		return;
	if (q->quality)
		told = q->quality(q->arg, row->trunk_index);
	row->class = cfg_find_quality(
		t->cfg, row->peer->quality ? row->peer->quality : row->trunk->quality);
	if (!told)
		return;
	row->score = told->score;
	for (uint32_t i = 0; row->class && i < told->n; i++) {
		if (told->breach[i].tag == row->class->tag)
			row->breach = &told->breach[i];
	}
	row->probe = row->breach && is_probe(q, row);
}

void route_quality_rate(
	const struct route_table *t, const struct route_query *q, struct route_result *res)
{
	for (uint32_t i = 0; i < res->n_rows; i++)
		row_rate(t, q, &res->rows[i]);
}

static bool table_is_ordered(const struct route_table *t, const struct cfg_dial_peer *peer)
{
	const struct cfg_route_table *table = peer->route_table ? cfg_find_route_table(
									  t->cfg, peer->route_table)
								: NULL;

	return peer->order_quality || (table && table->order_quality);
}

/* Does "order quality" decide between two rows that follow each other? */
static bool are_ordered(const struct route_table *t, const struct cfg_dpg *group,
	const struct route_row *a, const struct route_row *b)
{
	if (group)
		return group->order_quality || (a->peer == b->peer && table_is_ordered(t, a->peer));
	if (row_by(a) == row_by(b))
		return a->hook_rank == b->hook_rank ? table_is_ordered(t, a->peer)
						    : row_by(a)->order_quality;
	return a->n_explicit == b->n_explicit && a->n_matched == b->n_matched &&
	       row_by(a)->preference == row_by(b)->preference && row_by(a)->order_quality &&
	       row_by(b)->order_quality;
}

/* Stable: equals keep the order that they have. */
void route_quality_order(
	const struct route_table *t, const struct cfg_dpg *group, struct route_result *res)
{
	for (uint32_t i = 1; i < res->n_rows; i++) {
		for (uint32_t k = i; k > 0; k--) {
			struct route_row *a = &res->rows[k - 1], *b = &res->rows[k], row = *b;

			if (b->score <= a->score || !are_ordered(t, group, a, b))
				break;
			*b = *a;
			*a = row;
		}
	}
}

static bool is_bad(const struct route_row *row)
{
	return row->verdict == ROUTE_USE && row->breach && !row->probe;
}

/* Behind the last good one that is used; those that are not used keep their places. */
void route_quality_demote(struct route_result *res)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < res->n_rows; i++) {
		res->rows[i].demoted = is_bad(&res->rows[i]);
		if (res->rows[i].verdict == ROUTE_USE && !res->rows[i].demoted)
			end = i + 1;
	}
	for (uint32_t left = end, i = 0; left > 0; left--) {
		const struct route_row row = res->rows[i];

		if (!row.demoted) {
			i++;
			continue;
		}
		memmove(&res->rows[i], &res->rows[i + 1], (end - 1 - i) * sizeof(row));
		res->rows[end - 1] = row;
	}
}
