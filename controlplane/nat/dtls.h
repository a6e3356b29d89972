/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DTLS-SRTP handshakes (RFC 5763, RFC 5764) for limen-nat: DTLS 1.2 by OpenSSL over datagrams that
 * somebody else carries. It yields SRTP master keys and never sees media.
 *
 * An association is one leg of a media line. Anybody can send datagrams to its port, so an
 * association believes nobody before the certificate matches the fingerprint that signalling
 * brought: as server it answers a ClientHello without a cookie from no state at all (RFC 6347
 * 4.2.1), goes on with up to DTLS_PEERS_MAX sources side by side and takes the first that
 * authenticates; as client it begins anew when a handshake was spoilt. What a stranger sends can
 * therefore neither end nor occupy it.
 *
 * One thread. Times are milliseconds of CLOCK_MONOTONIC; OpenSSL's own retransmission timer runs
 * on the wall clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/base/ipaddr.h"
#include "dataplane/api/dp_api.h"

#define DTLS_PEERS_MAX	  4
#define DTLS_DATAGRAM_MAX 1200	/* ours; fits any path with room for IPv6 and a tunnel */
#define DTLS_HANDSHAKE_MS 30000 /* unless dtls_endpoint_set_patience() says otherwise */

/* The certificate (ECDSA P-256, self-signed, made anew at each start) and what is common. */
struct dtls_endpoint;

/* -ENOMEM, -EIO: OpenSSL refuses; the reason is in its error queue and was logged. */
int dtls_endpoint_new(struct dtls_endpoint **ret) __attribute__((warn_unused_result));
void dtls_endpoint_free(struct dtls_endpoint *endpoint); /* after its associations */
void dtls_endpoint_fingerprint(
	const struct dtls_endpoint *endpoint, struct fingerprint *ret_fingerprint);
/* How long an association that is made from now on waits for somebody to authenticate. */
void dtls_endpoint_set_patience(struct dtls_endpoint *endpoint, uint64_t handshake_ms);
/* Of all its associations; the caller counts what finds none (stray). */
struct ctl_nat_counts *dtls_endpoint_counts(struct dtls_endpoint *endpoint);

struct dtls_conf {
	enum ctl_dtls_role role;
	struct fingerprint peer;
	struct ipaddr remote; /* the client's first datagram goes there */
	uint32_t suites; /* bit 1 << enum dp_srtp_suite; those without a profile are left out */
};

struct dtls_ops {
	/* Sends one datagram of at most DTLS_DATAGRAM_MAX bytes; may fail silently. */
	void (*send)(void *arg, const struct ipaddr *to, const uint8_t *bytes, size_t len);
	/* Once: both directions' keys, as dp_leg wants them, and the authenticated source. */
	void (*done)(void *arg, const struct ipaddr *source, const struct dp_srtp *rx,
		const struct dp_srtp *tx);
	/* Once, instead of done: nobody authenticated in time. */
	void (*timeout)(void *arg);
};

struct dtls_assoc;

/* -EINVAL: no usable suite, fingerprint or (client) remote. ops must stay. */
int dtls_assoc_new(struct dtls_endpoint *endpoint, const struct dtls_conf *conf,
	const struct dtls_ops *ops, void *arg, uint64_t now_ms, struct dtls_assoc **ret)
	__attribute__((warn_unused_result));
/* Wipes. NULL is fine. Not from within done or timeout. */
void dtls_assoc_free(struct dtls_assoc *assoc);
/* A datagram for this leg whose first byte is 20..63 (RFC 7983). */
void dtls_assoc_input(struct dtls_assoc *assoc, const struct ipaddr *source, const uint8_t *bytes,
	size_t len, uint64_t now_ms);
/* When dtls_assoc_timer() is to be called next; UINT64_MAX: not at all. */
uint64_t dtls_assoc_deadline(const struct dtls_assoc *assoc, uint64_t now_ms);
void dtls_assoc_timer(struct dtls_assoc *assoc, uint64_t now_ms);
bool dtls_assoc_established(const struct dtls_assoc *assoc);
