/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP and SRTCP: RFC 3711, RFC 6188 (AES-256), RFC 7714 (GCM). Packets are opened and sealed in
 * bursts of many streams at once, because one core computes several hashes side by side far
 * faster than one after the other.
 *
 * Threads: the control thread makes and frees contexts (allocation, key derivation, expanded
 * keys); the worker to which a context is lent alone uses it meanwhile. An engine belongs to one
 * thread; all engines of a process are made of one choice, as expanded keys differ by back end.
 *
 * What changes with each packet (index, replay window) is not in the context but in the flow that
 * the caller passes along: it lies in the statistics segment, from where limen-control takes it
 * to let a session go on after a restart. No DPDK here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"

#define SRTP_BURST   32
#define SRTP_GROWTH  20 /* octets that sealing adds at most: SRTCP with GCM */
#define SRTP_PKT_MAX 4096

struct srtp_ctx;
struct srtp_engine;
struct srtp_backend;

/* Which back end serves AES-CM with HMAC-SHA1, and which GCM. */
struct srtp_choice {
	const struct srtp_backend *cm, *gcm;
};

enum srtp_result {
	SRTP_OK,
	SRTP_SHORT,  /* lengths inside do not fit, or it is not version 2 */
	SRTP_AUTH,   /* not sealed by who has the key (or damaged) */
	SRTP_REPLAY, /* open: seen before; seal: this index was used before */
	SRTP_LIMIT,  /* the key has served all the packets or SSRCs it may */
	SRTP_CLEAR,  /* SRTCP that is authenticated, but not encrypted (E bit) */
	SRTP_OTHERS, /* seal: the SSRC is another one's of those that share the key */
};

/* One packet of a burst. */
struct srtp_pkt {
	uint8_t *data; /* of the RTP or RTCP header; SRTP_GROWTH octets of room behind it to seal */
	uint32_t len;  /* changed when the result is SRTP_OK */
	uint8_t is_rtcp;
	uint8_t result; /* enum srtp_result */
	struct srtp_ctx *ctx;
	struct dp_srtp_flow *flow; /* of the direction and of RTP or RTCP */
};

/* ---- back ends ---- */

/* Those that work on this CPU; the end is NULL. */
const struct srtp_backend *const *srtp_backends(void);
const char *srtp_backend_name(const struct srtp_backend *backend);
/* Measures all of them, some milliseconds, and names the fastest. -ENODEV: none works. */
int srtp_choose(struct srtp_choice *ret_choice) __attribute__((warn_unused_result));

/* -ENOMEM, -EIO. */
int srtp_engine_new(const struct srtp_choice *choice, struct srtp_engine **ret_engine)
	__attribute__((warn_unused_result));
void srtp_engine_free(struct srtp_engine *engine);
/* The time that it is, in any unit that only grows; before packets are opened. */
void srtp_engine_set_clock(struct srtp_engine *engine, uint64_t now);

/* ---- contexts ---- */

/*
 * One direction of a stream under one master key. -EINVAL: no suite, or no such; -ENOMEM, -EIO.
 * engine: the calling thread's.
 */
int srtp_ctx_new(struct srtp_engine *engine, const struct dp_srtp *key, struct srtp_ctx **ret_ctx)
	__attribute__((warn_unused_result));
/* Wipes. NULL is fine. Not the predecessor. */
void srtp_ctx_free(struct srtp_ctx *ctx);
/*
 * A context to open with takes the place of old, which stays good until the first packet under
 * the new key, the time good_until of the engine's clock, or srtp_ctx_forget(). The index goes on (RFC 3711 3.3.1), or begins anew
 * where the sender does so (RFC 4568 lets endpoints differ). old NULL: the stream was plain for a
 * while. The worker's.
 */
void srtp_ctx_succeed(struct srtp_ctx *ctx, struct srtp_ctx *old, uint64_t good_until);
/* Takes the predecessor out of ctx; NULL: there is none. It is not used any more. */
struct srtp_ctx *srtp_ctx_forget(struct srtp_ctx *ctx);
bool srtp_ctx_has_old(const struct srtp_ctx *ctx, uint64_t now);
/* A context to seal with goes on with the SSRCs that old has served. */
void srtp_ctx_inherit(struct srtp_ctx *ctx, const struct srtp_ctx *old);

/*
 * Contexts of several streams that seal with the same key, for one transport (RFC 9143). An SSRC
 * belongs to one of them, and SRTCP has one index for all, so that nothing is sealed twice with the
 * same key stream whatever the senders do. Owner: the worker that has the contexts; all zero at
 * first.
 */
#define SRTP_SHARE_MAX 64
struct srtp_share {
	uint64_t rtcp_next;
	uint32_t n;
	struct srtp_share_ssrc {
		uint64_t next; /* where it goes on, when its stream has left */
		uint32_t ssrc, owner;
	} ssrc[SRTP_SHARE_MAX];
};
/* owner: the number of the stream among them, not 0; flow: its RTP. share NULL: for itself. */
void srtp_ctx_share(
	struct srtp_ctx *ctx, struct srtp_share *share, uint32_t owner, struct dp_srtp_flow *flow);
/* The stream with that context (NULL: none now) and flow is no longer one of them. */
void srtp_share_leave(struct srtp_share *share, uint32_t owner, const struct srtp_ctx *ctx,
	const struct dp_srtp_flow *flow);

/* Fetches what the next burst will need of a context into the cache. */
void srtp_ctx_prefetch(const struct srtp_ctx *ctx);

/* ---- packets ---- */

/*
 * Opens n packets, at most SRTP_BURST: authenticates, then decrypts, in place. Whatever is not
 * SRTP_OK has changed no state; its data may be spoiled.
 */
void srtp_open(struct srtp_engine *engine, struct srtp_pkt *pkts, unsigned int n);
/* Seals n packets in place. No index is ever used twice under one key and SSRC. */
void srtp_seal(struct srtp_engine *engine, struct srtp_pkt *pkts, unsigned int n);
