/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * g711_map_payload() by the widest instructions of the CPU, for the packet path. Packet workers
 * call it; pure, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum g711_way { G711_PLAIN, G711_AVX2, G711_AVX512, G711_WAYS };

/* Whether this CPU has what it takes. */
bool g711_way_works(enum g711_way way);

/* As g711_map_payload(), in one of the ways that work; exposed for tests. */
uint64_t g711_map_by(enum g711_way way, uint8_t *payload, uint32_t len, bool to_alaw);

/* The same in the best way; chosen before main(). */
extern uint64_t (*g711_map_packet)(uint8_t *payload, uint32_t len, bool to_alaw);
