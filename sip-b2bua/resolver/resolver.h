/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names, for one worker of limen-sip: a cache that is kept warm by c-ares on the worker's own event
 * loop. Nobody ever waits in it: a look-up says what is known now, and changed() tells when there
 * is more. What is looked up again and again is asked for before its time is over.
 *
 * All functions and callbacks: the worker's thread.
 */
#pragma once

#include <event2/event.h>

#include "controlplane/base/twheel.h"
#include "controlplane/config/cfg_model.h"
#include "sip-b2bua/resolver/dns_cache.h"
#include "sip-b2bua/resolver/locate.h"

#define RESOLVER_ASKING_MAX 128 /* questions that are open at a time */

struct resolver;

struct resolver_counters {
	uint64_t queries, answers; /* an answer may be that there is nothing */
	uint64_t failed;	   /* questions without an answer, whatever the reason */
};

/* changed: some look-up would say something else now; from the loop, never from inside a function
 * that the user called. NULL: memory is short. */
struct resolver *resolver_new(
	struct event_base *base, struct twheel *wheel, void (*changed)(void *arg), void *arg);
void resolver_free(struct resolver *r); /* NULL is fine; no callback comes */

/* Takes "ip name-server", "ip domain ..." of a configuration. Open questions are asked again when
 * the servers are others. */
void resolver_config(struct resolver *r, const struct cfg *cfg);

/* As locate_look_fn; arg is the struct resolver. name: as of dns_name_copy(). */
struct locate_look resolver_look(void *arg, const char *name, uint16_t type);

/* "clear host": NULL is all names. They are asked for again when they are looked up. */
void resolver_clear(struct resolver *r, const char *name);

const struct dns_cache *resolver_cache(const struct resolver *r);
const struct resolver_counters *resolver_counters(const struct resolver *r);
