/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS 1.2 and 1.3 under SIP (RFC 3261 26.3, RFC 5922): certificates and whom to believe, by
 * profile. A set of profiles is made of one configuration; connections keep what they began with,
 * so a new set, or files that were renewed, touch none that is open.
 *
 * One owner: a transport, in its worker's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"

#define SIP_TLS_PATH_MAX 160
#define SIP_TLS_NAME_MAX 128
#define SIP_TLS_SNI_MAX	 16

/* Whether a server asks who connects for a certificate. */
enum sip_tls_client { SIP_TLS_CLIENT_NONE, SIP_TLS_CLIENT_OPTIONAL, SIP_TLS_CLIENT_REQUIRE };

/* Files in PEM. */
struct sip_tls_profile {
	uint32_t tag;
	char certificate[SIP_TLS_PATH_MAX]; /* our certificate, then those that lead to its root */
	char key[SIP_TLS_PATH_MAX];
	char trust[SIP_TLS_PATH_MAX]; /* certificates of those who may vouch for a far end; may be
				       * empty: no far end is believed */
	uint8_t client;		      /* enum sip_tls_client; with one, trust is needed */
	bool only_tls13;
	/*
	 * Where it is a server: names of its own, and profiles whose names are served as well. A client
	 * that asks for one of theirs (SNI, RFC 6066 3) gets that profile whole: certificate, trust,
	 * client-certificate and versions. strict: who asks for none of all these is refused.
	 */
	unsigned int n_names, n_sni;
	char names[SIP_TLS_SNI_MAX][SIP_TLS_NAME_MAX]; /* "*." stands for one label */
	uint32_t sni[SIP_TLS_SNI_MAX];		       /* tags */
	bool strict;
};

/* A far end that we connect to. */
struct sip_tls_far {
	struct ipaddr addr;
	uint32_t tag; /* of the profile */
	/* What its certificate has to name (RFC 5922 7.1), also our SNI. Empty: its IP address. */
	char name[SIP_TLS_NAME_MAX];
};

struct sip_tls_conf {
	const struct sip_tls_profile *profiles;
	unsigned int n_profiles;
};

struct tls_set;
struct ssl_st; /* OpenSSL's SSL */

/* -EINVAL, -ENOMEM, or what reading a file gave; error holds a sentence that names the file. */
int tls_set_new(const struct sip_tls_conf *conf, struct tls_set **ret_set, char *error,
	size_t error_size) __attribute__((warn_unused_result));
void tls_set_free(struct tls_set *set);

/*
 * Files that changed since they were read are read again; ones that do not fit together leave the
 * profile as it was, and are told once. Number of profiles that were renewed.
 */
unsigned int tls_set_refresh(struct tls_set *set);

/* Replaces the far ends that are known; the list is copied. -ENOMEM: they stay as they are. */
int tls_set_far_ends(struct tls_set *set, const struct sip_tls_far *far_ends, unsigned int n)
	__attribute__((warn_unused_result));
/* The far ends of one set become another's, which has none yet. */
void tls_set_inherit(struct tls_set *set, struct tls_set *from);

/* For a connection that came in, and one to a far end. NULL: no such profile, or no memory. */
struct ssl_st *tls_server(const struct tls_set *set, uint32_t tag, int fd);
struct ssl_st *tls_client(
	const struct tls_set *set, uint32_t default_tag, const struct ipaddr *remote, int fd);

/* Whether the far end has shown a certificate that is believed, and is what tls_client() would expect of
 * addr. */
bool tls_names(const struct tls_set *set, struct ssl_st *ssl, const struct ipaddr *addr);

/* What became of an operation on ssl that gave rc <= 0. */
enum tls_want { TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED, TLS_FAILED };
enum tls_want tls_want(struct ssl_st *ssl, int rc);
/* The handshake failed because the client asked for a server that we are not (strict). */
bool tls_is_no_server(const struct ssl_st *ssl);
/* Why a handshake failed, in words. */
const char *tls_reason(struct ssl_st *ssl, char *buf, size_t size);
