/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In which order servers are tried: RFC 2782 for SRV records, and the hunt schemes of server groups.
 * Chance is an input, so that tests can go through every one. Any thread (no state).
 */
#pragma once

#include <stdint.h>

#define SELECT_MAX 32 /* servers, or members */

/* A number from 0 to below-1, each equally likely. below is at least 1. */
typedef uint32_t (*select_random_fn)(void *arg, uint32_t below);

struct select_server {
	uint32_t priority; /* the lowest first */
	uint32_t weight;
	uint32_t load; /* what it carries now; SELECT_LEAST_LOAD */
};

/*
 * RFC 2782, "Usage rules": ascending priority; among equals each next one is drawn with a chance
 * proportional to its weight. Servers of weight 0 have a chance of 1 in the sum of weights plus 1
 * beside others, and are in random order among themselves. n up to SELECT_MAX; ret_order gets n
 * indices into servers.
 */
void select_by_weight(const struct select_server *servers, unsigned int n, select_random_fn random,
	void *arg, uint8_t *ret_order);

/* Ascending priority; equals stay in the order that they have. */
void select_by_priority(const struct select_server *servers, unsigned int n, uint8_t *ret_order);

/* All in turn, whatever their priority: turn is one more with each call. */
void select_round_robin(unsigned int n, uint32_t turn, uint8_t *ret_order);

/*
 * Ascending priority; among equals the one that carries the least for its weight (a weight of 0
 * counts as 1). Who is still equal is in random order.
 */
void select_least_load(const struct select_server *servers, unsigned int n, select_random_fn random,
	void *arg, uint8_t *ret_order);
