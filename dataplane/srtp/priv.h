/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Engines and contexts from the inside. Private to dataplane/srtp. */
#pragma once

#include "dataplane/srtp/backend.h"

#define SRTP_SEEN_MAX  64 /* SSRCs besides the present one that a context remembers */
#define SRTP_SEEN_RTCP 16 /* of them those of SRTCP, when opening */

enum srtp_kind { SRTP_RTP, SRTP_RTCP, SRTP_KINDS };

/* An SSRC that was the present one before, and how far it came. */
struct srtp_seen {
	uint64_t next;
	uint32_t ssrc;
};

struct srtp_ctx {
	struct srtp_key *key[SRTP_KINDS]; /* behind this struct, RTP first */
	const struct srtp_backend *backend;
	uint8_t class;
	uint8_t tag_len[SRTP_KINDS];
	/*
	 * The key is new to a stream that had another one, and no packet has proven it yet: the
	 * index may go on or begin anew.
	 */
	bool careful[SRTP_KINDS];
	bool old_is_over; /* old is not tried any more */
	struct srtp_ctx *old;
	uint64_t old_until;	  /* by the engine's clock */
	struct srtp_share *share; /* NULL: nobody else seals with this key */
	uint32_t owner;
	uint32_t size;
	uint8_t n_seen[SRTP_KINDS];    /* entries in use */
	uint8_t next_seen[SRTP_KINDS]; /* the next to be overwritten, when opening */
	struct srtp_seen seen[SRTP_SEEN_MAX];
} __attribute__((aligned(64)));

struct srtp_engine {
	struct srtp_choice choice;
	uint64_t now;
	void *self[SRTP_CLASSES];
	struct srtp_job jobs[SRTP_BURST];
	uint8_t copy[SRTP_PKT_MAX]; /* of a packet that is tried with more than one key */
};

static inline const struct srtp_backend *engine_backend(
	const struct srtp_engine *e, enum srtp_class class)
{
	return class == SRTP_CM ? e->choice.cm : e->choice.gcm;
}

/* share.c: whether owner may seal with the SSRC; it goes on with ret_next (0: where it likes). */
bool srtp_share_claim(struct srtp_share *share, uint32_t owner, uint32_t ssrc, uint64_t *ret_next);

/* Memory for contexts, see memory.c. Control thread. */
void *srtp_memory_get(size_t size);
void srtp_memory_put(void *p, size_t size);
