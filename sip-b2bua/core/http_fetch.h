/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small answers by HTTP(S) without waiting: libcurl's multi interface on a worker's event loop, for
 * files that strangers name and for servers of the operator. Bounded in time, size and number; no
 * redirects, no other schemes. All functions and callbacks of an object in one worker's thread.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/view.h"

/* Why an address of the box, of its links, or of nobody is not asked: strangers choose the URLs. */
#define HTTP_FETCH_FORBIDDEN "the address is not one that may be asked"

struct http_fetch;

struct http_fetch_opts {
	uint32_t timeout_ms; /* of the whole */
	uint32_t max_bytes;  /* of the body */
	bool plain;	     /* also http:, else https: alone */
	bool loopback;	     /* also this box: the URL is the operator's own */
	const char *ca_file; /* authorities in PEM; empty or NULL: those of the system */
	const char *post;    /* JSON that is posted, copied; NULL: it is a GET */
	const char *bearer;  /* token of an Authorization (RFC 6750 2.1); empty or NULL: none */
};

/* body.p NULL: it failed, reason says why in a few words. max_age_s: of Cache-Control; 0: not said. */
typedef void (*http_fetch_fn)(
	void *arg, uint64_t id, struct view body, uint32_t max_age_s, const char *reason);

/* max: at a time. NULL when memory is short. done: called once for each get, never from inside it. */
struct http_fetch *http_fetch_new(
	struct event_base *base, uint32_t max, http_fetch_fn done, void *arg);
void http_fetch_free(struct http_fetch *fetch); /* without callbacks */

/* -ENOBUFS: as many as there may be are under way; -ENOMEM, -EINVAL. */
int http_fetch_get(struct http_fetch *fetch, const char *url, const struct http_fetch_opts *opts,
	uint64_t id) __attribute__((warn_unused_result));
