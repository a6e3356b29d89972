/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SIP messages of a worker's calls, as they came and left, in two rings of bounded memory: one of
 * all calls, and one that takes over what the first would forget of calls that failed, so that these
 * are there for longer. One copy of each message; the oldest ones make room.
 *
 * A message belongs to a dialog by its Call-ID, a dialog to a call of the B2BUA once trace_name() said
 * so. What is no message of a call (registrations, OPTIONS) is not kept. One thread per object; time is
 * an input. What leaves the process goes through trace_mask().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/view.h"

struct trace;

enum { TRACE_LEG_A, TRACE_LEG_B, TRACE_LEG_UNKNOWN };

#define TRACE_LIMIT_MIN (512u * 1024) /* octets: several of the longest messages */

/* Keeps nothing until trace_limit(). NULL: memory is short. */
struct trace *trace_new(void);
void trace_free(struct trace *t);
/*
 * Octets of memory for messages, half of it for calls that failed; at least TRACE_LIMIT_MIN, 0: keep
 * nothing. Another limit than before forgets all messages. -ENOMEM: as if 0.
 */
int trace_limit(struct trace *t, size_t octets) __attribute__((warn_unused_result));

/* A message that came or left. */
struct trace_msg {
	uint64_t wall_us;
	struct ipaddr local, remote;
	uint8_t sent;	   /* 1: by us */
	uint8_t transport; /* enum sip_transport_kind */
	uint8_t leg;	   /* TRACE_LEG_; trace_read() says it */
	struct view bytes;
};
/* begins: the message may be the first one of a call (INVITE, ACK, BYE); else its Call-ID must be known. */
void trace_put(struct trace *t, const struct trace_msg *msg, struct view call_id, bool begins);
/* The same for octets of our own making: Call-ID and method are found in them. */
void trace_put_sent(struct trace *t, const struct trace_msg *msg);

/* The Call-ID of a message of our own making; empty: none. */
struct view trace_call_id(struct view msg);

/* A Call-ID is that of a leg of the call; id is the call's number (not 0). */
void trace_name(struct trace *t, struct view call_id, uint64_t id, unsigned int leg);
/* The messages of that call are to be kept for longer. */
void trace_failed(struct trace *t, uint64_t id);

/*
 * The messages of a call, oldest first, at most max of them; the octets are valid until the next
 * trace_put(). Returns how many there are in all.
 */
unsigned int trace_read(
	const struct trace *t, uint64_t id, struct trace_msg *ret_msgs, unsigned int max);

/* Makes keys, answers to challenges and digits unreadable in place; the length stays. */
void trace_mask(char *msg, size_t n);

struct trace_stats {
	uint64_t n_messages;		/* since the start */
	uint64_t n_now, n_calls;	/* kept: messages, calls */
	uint64_t octets, octets_failed; /* of the rings that are in use */
};
void trace_stats(const struct trace *t, struct trace_stats *ret);
