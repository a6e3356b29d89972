/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See trunk_quality.h. */
#include "sip-b2bua/b2b/trunk_quality.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct told {
	STAILQ_ENTRY(told) link;
	struct ctl_quality quality;
};

struct trunk_quality {
	STAILQ_HEAD(, told) list;
	const struct cfg *cfg;
	struct told **by_trunk; /* by the index in cfg->trunks */
};

struct trunk_quality *trunk_quality_new(void)
{
	struct trunk_quality *tq = calloc(1, sizeof(*tq));

	if (tq)
		STAILQ_INIT(&tq->list);
	return tq;
}

void trunk_quality_clear(struct trunk_quality *tq)
{
	struct told *told;

	while ((told = STAILQ_FIRST(&tq->list)) != NULL) {
		STAILQ_REMOVE_HEAD(&tq->list, link);
		free(told);
	}
	if (tq->by_trunk)
		memset(tq->by_trunk, 0, tq->cfg->n_trunks * sizeof(struct told *));
}

void trunk_quality_free(struct trunk_quality *tq)
{
	if (!tq)
		return;
	trunk_quality_clear(tq);
	free(tq->by_trunk);
	free(tq);
}

static void place(struct trunk_quality *tq, struct told *told)
{
	const struct cfg_trunk *trunk = tq->cfg ? cfg_find_trunk(tq->cfg, told->quality.trunk)
						: NULL;

	if (trunk && tq->by_trunk)
		tq->by_trunk[trunk - tq->cfg->trunks] = told;
}

int trunk_quality_config(struct trunk_quality *tq, const struct cfg *cfg)
{
	struct told *told;

	free(tq->by_trunk);
	tq->cfg = cfg;
	tq->by_trunk = calloc(cfg->n_trunks ? cfg->n_trunks : 1, sizeof(struct told *));
	if (!tq->by_trunk)
		return -ENOMEM;
	STAILQ_FOREACH(told, &tq->list, link)
		place(tq, told);
	return 0;
}

static bool message_ok(const struct ctl_quality *msg)
{
	if (!msg->trunk[0] || !ipc_str_ok(msg->trunk, sizeof(msg->trunk)) ||
		msg->score > CTL_QUALITY_UNTRIED || msg->n > CTL_QUALITY_CLASSES)
		return false;
	for (uint32_t i = 0; i < msg->n; i++) {
		if (msg->breach[i].tag == 0 || msg->breach[i].metric >= CTL_QUALITY_N_METRICS)
			return false;
	}
	return true;
}

int trunk_quality_set(struct trunk_quality *tq, const struct ctl_quality *msg)
{
	struct told *told;

	if (!message_ok(msg))
		return -EPROTO;
	STAILQ_FOREACH(told, &tq->list, link) {
		if (strcmp(told->quality.trunk, msg->trunk) == 0)
			break;
	}
	if (!told) {
		told = calloc(1, sizeof(*told));
		if (!told)
			return -ENOMEM;
		STAILQ_INSERT_TAIL(&tq->list, told, link);
	}
	told->quality = *msg;
	place(tq, told);
	return 0;
}

const struct ctl_quality *trunk_quality_of(void *arg, uint32_t trunk_index)
{
	const struct trunk_quality *tq = arg;
	const struct told *told = tq->by_trunk ? tq->by_trunk[trunk_index] : NULL;

	return told ? &told->quality : NULL;
}
