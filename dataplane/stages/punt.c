/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is not media goes to the control thread, which writes it to the port's TAP twin: what comes from
 * no source that is blocked, the access list of its interface lets in, and as much of that as the policer lets pass. The ring is served within milliseconds, and what it holds is within
 * the limits; so when it is full the newest go: who waits for an answer to the others has been
 * waiting for longer, and all that matters is sent again.
 */
#include "dataplane/stages/acl.h"
#include "dataplane/stages/stages.h"

struct judged {
	unsigned int n;
	uint8_t place[WORKER_BURST]; /* in the punt list */
	struct acl_key keys[WORKER_BURST];
	const struct acl_key *refs[WORKER_BURST];
};

/* All that come in by one list; the others in the burst, if any, are by another. */
static uint32_t judge(const struct worker *w, const struct judged *j, uint8_t list)
{
	uint64_t *counts = w->acl_counts + (size_t)(list - 1) * DP_ACL_ROWS;
	uint32_t let_in = acl_match(w->acls[list - 1], j->refs, j->n, counts), denied = 0;

	for (unsigned int i = 0; i < j->n; i++)
		denied |= let_in >> i & 1 ? 0 : 1u << j->place[i];
	return denied;
}

/* Packets of the punt list that have the list, as bits of those that it denies. */
static uint32_t denied_by(struct worker *w, unsigned int v6, uint8_t list)
{
	struct judged j = {.n = 0};
	uint32_t denied = 0;

	for (unsigned int i = 0; i < w->n_punt; i++) {
		const struct rte_mbuf *m = w->punt[i];
		if (w->access.list[v6][m->port] != list)
			continue;
		enum acl_read result = acl_key_read(rte_pktmbuf_mtod(m, const uint8_t *),
			m->data_len, v6 ? 6 : 4, &j.keys[j.n]);
		if (result == ACL_READ_UNREADABLE) {
			w->acl_counts[(size_t)(list - 1) * DP_ACL_ROWS + DP_ACL_ROW_UNREADABLE]++;
			denied |= 1u << i;
		} else if (result == ACL_READ_OK) {
			j.place[j.n] = (uint8_t)i;
			j.refs[j.n] = &j.keys[j.n];
			j.n++;
		}
	}
	return j.n ? denied | judge(w, &j, list) : denied;
}

static __rte_noinline void access_check(struct worker *w)
{
	uint32_t denied = 0;
	unsigned int n = 0;

	for (unsigned int v6 = 0; v6 < 2; v6++) {
		uint64_t seen = 0;
		for (unsigned int i = 0; i < w->n_punt; i++) {
			uint8_t list = w->access.list[v6][w->punt[i]->port];
			if (!list || seen >> list & 1)
				continue;
			seen |= UINT64_C(1) << list;
			denied |= denied_by(w, v6, list);
		}
	}
	for (unsigned int i = 0; i < w->n_punt; i++) {
		if (denied >> i & 1)
			drop(w, w->punt[i], DP_DROP_ACL);
		else
			w->punt[n++] = w->punt[i];
	}
	w->n_punt = n;
}

/* Before all else: who is blocked shall cost as little as can be. */
static __rte_noinline void blocks_check(struct worker *w)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < w->n_punt; i++) {
		const struct rte_mbuf *m = w->punt[i];
		block_prefetch(&w->blocks, w->block_scopes[m->port],
			rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	}
	for (unsigned int i = 0; i < w->n_punt; i++) {
		struct rte_mbuf *m = w->punt[i];
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
		uint8_t scope = w->block_scopes[m->port];
		uint32_t row = BLOCK_NO_ROW;
		if (scope && police_is_for_sip(&w->police, frame, m->data_len))
			row = block_source(&w->blocks, scope, frame, m->data_len, w->now);
		if (row == BLOCK_NO_ROW) {
			w->punt[n++] = m;
			continue;
		}
		w->block_counts[row]++;
		drop(w, m, DP_DROP_BLOCKED);
	}
	w->n_punt = n;
}

static unsigned int police(struct worker *w)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < w->n_punt; i++) {
		struct rte_mbuf *m = w->punt[i];
		enum dp_drop reason = police_frame(
			&w->police, rte_pktmbuf_mtod(m, uint8_t *), m->data_len, w->now);
		if (reason == DP_DROP_N)
			w->punt[n++] = m;
		else
			drop(w, m, reason);
	}
	return n;
}

void stage_punt(struct worker *w)
{
	unsigned int n, n_good;

	if (likely(w->n_punt == 0))
		return;
	if (w->blocks.n)
		blocks_check(w);
	if (w->has_access)
		access_check(w);
	n_good = police(w);
	n = rte_ring_sp_enqueue_burst(w->punt_ring, (void **)w->punt, n_good, NULL);
	w->stats->punted_packets += n;
	w->bell.ring |= n > 0;
	for (unsigned int i = n; i < n_good; i++)
		drop(w, w->punt[i], DP_DROP_PUNT_FULL);
	w->n_punt = 0;
}
