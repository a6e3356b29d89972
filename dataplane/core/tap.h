/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies of RTP on their way from a worker to the control thread, which sends them to limen-rec:
 * a ring of octets with one producer and one consumer. It holds struct dp_tap_packet one after the
 * other, each in one piece; the time in them is a TSC until the consumer makes it a time. A copy
 * that finds no room is not made: media never waits for a recorder.
 *
 * The control thread fetches at least every TAP_PERIOD_MS; the worker rings for it only when a
 * quarter of the room is used.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/api/dp_api.h"

#include <rte_common.h>

#define TAP_RING_SIZE UINT32_C(0x100000)
#define TAP_PERIOD_MS 100

struct tap_ring {
	_Atomic uint32_t head __rte_cache_aligned; /* octets ever put; written by the worker */
	uint32_t tail_seen;			   /* the worker's last look at tail */
	_Atomic uint32_t tail __rte_cache_aligned; /* octets ever taken; by the control thread */
	uint8_t bytes[TAP_RING_SIZE] __rte_cache_aligned;
};

struct tap_ring *tap_ring_new(void); /* NULL when memory is short */
void tap_ring_free(struct tap_ring *ring);

static inline uint32_t tap_ring_used(const struct tap_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_relaxed) -
	       atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

/* There is so much that it should be fetched now. */
static inline bool tap_ring_presses(const struct tap_ring *ring)
{
	return tap_ring_used(ring) > TAP_RING_SIZE / 4;
}

/* ---- the worker ---- */

/* Room for a packet of n octets of payload, or NULL. Nothing is in the ring before commit. */
struct dp_tap_packet *tap_ring_reserve(struct tap_ring *ring, uint32_t n);
/* The packet that reserve gave, filled in; its n has not grown. */
void tap_ring_commit(struct tap_ring *ring, const struct dp_tap_packet *packet);

/* ---- the control thread ---- */

/* The oldest packet, or NULL. It stays until taken. */
const struct dp_tap_packet *tap_ring_first(struct tap_ring *ring);
void tap_ring_take(struct tap_ring *ring, const struct dp_tap_packet *packet);
