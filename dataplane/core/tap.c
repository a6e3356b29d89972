/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See tap.h. Positions are counted up for ever and wrap at 2^32, a multiple of the size. Packets
 * are multiples of 8 octets, so what is left before the end holds at least a session id: 0 there
 * says that the next packet is at the start.
 */
#include "dataplane/core/tap.h"

#include <rte_branch_prediction.h>
#include <stdlib.h>

#define MASK (TAP_RING_SIZE - 1)

struct tap_ring *tap_ring_new(void)
{
	struct tap_ring *ring = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*ring));

	/* Touched now, so that the packet path meets no page fault. */
	if (ring)
		memset(ring, 0, sizeof(*ring));
	return ring;
}

void tap_ring_free(struct tap_ring *ring)
{
	free(ring);
}

static bool has_room(struct tap_ring *ring, uint32_t head, uint32_t len)
{
	if (likely(head + len - ring->tail_seen <= TAP_RING_SIZE))
		return true;
	/* What was taken may be written over: its reading is before this. */
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return head + len - ring->tail_seen <= TAP_RING_SIZE;
}

struct dp_tap_packet *tap_ring_reserve(struct tap_ring *ring, uint32_t n)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t len = dp_tap_packet_len(n), at = head & MASK, end = TAP_RING_SIZE - at;

	if (likely(len <= end))
		return has_room(ring, head, len) ? (void *)(ring->bytes + at) : NULL;
	if (!has_room(ring, head, end + len))
		return NULL;
	memset(ring->bytes + at, 0, sizeof(uint64_t));
	return (void *)ring->bytes;
}

void tap_ring_commit(struct tap_ring *ring, const struct dp_tap_packet *packet)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t at = (uint32_t)((const uint8_t *)packet - ring->bytes);

	/* over what is left before the end, too */
	head += (at - head) & MASK;
	atomic_store_explicit(
		&ring->head, head + dp_tap_packet_len(packet->n), memory_order_release);
}

const struct dp_tap_packet *tap_ring_first(struct tap_ring *ring)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const struct dp_tap_packet *packet = (const void *)(ring->bytes + (tail & MASK));

	if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail)
		return NULL;
	return packet->session_id ? packet : (const void *)ring->bytes;
}

void tap_ring_take(struct tap_ring *ring, const struct dp_tap_packet *packet)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t at = (uint32_t)((const uint8_t *)packet - ring->bytes);

	tail += (at - tail) & MASK;
	atomic_store_explicit(
		&ring->tail, tail + dp_tap_packet_len(packet->n), memory_order_release);
}
