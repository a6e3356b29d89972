/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIP messages of a call on request: every worker of limen-sip is asked, as nobody knows any more who
 * had a call that is over; what they send is put together. limen-control's one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/grammar/source.h"
#include "controlplane/api/ctl_api.h"

#define TRACES_REQUESTS_MAX 8
#define TRACES_WAIT_S	    3 /* whoever has not answered by then is left out */
#define TRACES_OCTETS_MAX   (8u * 1024 * 1024)

struct traces;

struct traces_ops {
	/* As peers_sip_send(). */
	bool (*send)(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
		const void *part2, size_t len2);
	void *arg;
};

struct traces *traces_new(const struct traces_ops *ops); /* NULL: memory is short */
void traces_free(struct traces *ts);			 /* who waits is called back */

/*
 * done is called once, later. -ENOTCONN: no worker is there; -EBUSY: too many command lines ask;
 * -ENOMEM.
 */
int traces_ask(struct traces *ts, uint64_t call_id, cli_trace_fn done, void *arg)
	__attribute__((warn_unused_result));

/* CTL_TRACE_MSG, CTL_TRACE_END of a worker, of at least their size. Negative errno: malformed. */
int traces_message(struct traces *ts, uint32_t worker, const struct ipc_hdr *hdr, const void *body,
	size_t len) __attribute__((warn_unused_result));
void traces_worker_gone(struct traces *ts, uint32_t worker);
void traces_tick(struct traces *ts); /* once a second */
