/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See taplink.h. */
#include "dataplane/server/taplink.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/tap.h"

#define BATCH_MAX   (IPC_MSG_MAX - sizeof(struct ipc_hdr) - sizeof(struct dp_tap))
#define BATCHES_MAX 16 /* at a turn: others wait for the control thread, too */

struct taplink {
	struct taplink_conf conf;
	uint64_t next_us; /* when it is time again */
	uint64_t packets, lost;
	uint64_t lost_told; /* to limen-rec, of all that is lost */
	uint32_t n;	    /* in the batch */
	size_t len;
	uint8_t batch[BATCH_MAX] __attribute__((aligned(8)));
};

struct taplink *taplink_new(const struct taplink_conf *conf)
{
	struct taplink *link = calloc(1, sizeof(*link));

	if (link)
		link->conf = *conf;
	return link;
}

void taplink_free(struct taplink *link)
{
	free(link);
}

void taplink_counts(const struct taplink *link, uint64_t *ret_packets, uint64_t *ret_lost)
{
	*ret_packets = link->packets;
	*ret_lost = link->lost;
	for (uint32_t i = 0; i < link->conf.n_workers; i++)
		*ret_lost += __atomic_load_n(&link->conf.stats[i].tap_full, __ATOMIC_RELAXED);
}

static void flush(struct taplink *link)
{
	struct dp_tap head = {.n = link->n};
	uint64_t packets, lost;

	if (!link->n)
		return;
	taplink_counts(link, &packets, &lost);
	if (link->conf.ops->ready(link->conf.arg)) {
		uint64_t more = lost - link->lost_told;
		head.lost = more < UINT32_MAX ? (uint32_t)more : UINT32_MAX;
		link->lost_told = lost;
		link->packets += link->n;
		link->conf.ops->packets(link->conf.arg, &head, link->batch, link->len);
	} else {
		link->lost += link->n;
	}
	link->n = 0;
	link->len = 0;
}

static void add(
	struct taplink *link, const struct dp_tap_packet *packet, uint64_t now_us, uint64_t now_tsc)
{
	uint32_t len = dp_tap_packet_len(packet->n);
	struct dp_tap_packet *copy;
	uint64_t ago = now_tsc > packet->time_us ? now_tsc - packet->time_us : 0;

	if (link->len + len > BATCH_MAX)
		flush(link);
	copy = (void *)(link->batch + link->len);
	memcpy(copy, packet, len);
	copy->time_us = now_us - (uint64_t)((unsigned __int128)ago * 1000000u / link->conf.tsc_hz);
	link->len += len;
	link->n++;
}

/* One worker's ring, up to so many octets; false: it is empty. */
static bool drain(
	struct taplink *link, struct tap_ring *ring, uint64_t now_us, uint64_t now_tsc, size_t max)
{
	const struct dp_tap_packet *packet;

	while ((packet = tap_ring_first(ring)) != NULL) {
		uint32_t len = dp_tap_packet_len(packet->n);
		if (len > max)
			return true;
		max -= len;
		add(link, packet, now_us, now_tsc);
		tap_ring_take(ring, packet);
	}
	return false;
}

bool taplink_collect(struct taplink *link, uint64_t now_us, uint64_t now_tsc)
{
	bool time = now_us >= link->next_us, more = false;

	for (uint32_t i = 0; i < link->conf.n_workers; i++) {
		struct tap_ring *ring = worker_tap(link->conf.group, i);
		if (time || tap_ring_presses(ring))
			more |= drain(link, ring, now_us, now_tsc,
				BATCHES_MAX * BATCH_MAX / link->conf.n_workers);
	}
	flush(link);
	if (time && !more)
		link->next_us = now_us + TAP_PERIOD_MS * 1000 / 2;
	return more;
}
