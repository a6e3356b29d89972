/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small files by HTTP(S) without waiting: libcurl's multi interface on a worker's event loop. Bounded
 * in time, size and number; no redirects, no other schemes. One object per worker, all functions and
 * callbacks in its thread.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/view.h"

#define HTTP_FETCH_MAX 64 /* at a time */
/* Why an address of the box, of its links, or of nobody is not asked: strangers choose the URLs. */
#define HTTP_FETCH_FORBIDDEN "the address is not one that may be asked"

struct http_fetch;

struct http_fetch_opts {
	uint32_t timeout_ms; /* of the whole */
	uint32_t max_bytes;  /* of the body */
	bool plain;	     /* also http:, else https: alone */
	const char *ca_file; /* authorities in PEM; empty or NULL: those of the system */
};

/* body.p NULL: it failed, reason says why in a few words. max_age_s: of Cache-Control; 0: not said. */
typedef void (*http_fetch_fn)(
	void *arg, uint64_t id, struct view body, uint32_t max_age_s, const char *reason);

/* NULL when memory is short. done: called once for each get, never from inside it. */
struct http_fetch *http_fetch_new(struct event_base *base, http_fetch_fn done, void *arg);
void http_fetch_free(struct http_fetch *fetch); /* without callbacks */

/* -ENOBUFS: as many as there may be are under way; -ENOMEM, -EINVAL. */
int http_fetch_get(struct http_fetch *fetch, const char *url, const struct http_fetch_opts *opts,
	uint64_t id) __attribute__((warn_unused_result));
