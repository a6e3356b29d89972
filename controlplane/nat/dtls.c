/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dtls.h. Each source that an association talks to has an SSL of its own (struct peer) on a
 * BIO that hands single datagrams through. As server there is one more, the listener: it answers
 * ClientHellos without a cookie and turns into a peer when one comes with the cookie.
 */
#include "controlplane/nat/dtls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

LOG_TOPIC("dtls");

#define COOKIE_LEN	 16
#define COOKIE_KEY_WORDS 4
#define RESTART_MS	 1000 /* a spoilt handshake of a client begins anew after this */
/* Between retransmissions: a call waits for this, so less than the second of RFC 6347 4.2.4.1. */
#define RETRANSMIT_FIRST_US 250000u
#define RETRANSMIT_MOST_US  4000000u
#define CERT_DAYS	    400
#define EXPORT_LABEL	    "EXTRACTOR-dtls_srtp" /* RFC 5764 4.2 */
#define RECORD_HDR_LEN	    13

/* RFC 5764 4.1.2 and RFC 7714 14.2. AES-256-CM has no DTLS profile. */
static const struct profile {
	enum dp_srtp_suite suite;
	unsigned long id;
	const char *name; /* OpenSSL's */
} profiles[] = {
	{DP_SRTP_GCM_256, SRTP_AEAD_AES_256_GCM, "SRTP_AEAD_AES_256_GCM"},
	{DP_SRTP_GCM_128, SRTP_AEAD_AES_128_GCM, "SRTP_AEAD_AES_128_GCM"},
	{DP_SRTP_CM_128_SHA1_80, SRTP_AES128_CM_SHA1_80, "SRTP_AES128_CM_SHA1_80"},
	{DP_SRTP_CM_128_SHA1_32, SRTP_AES128_CM_SHA1_32, "SRTP_AES128_CM_SHA1_32"},
};
#define N_PROFILES (sizeof(profiles) / sizeof(profiles[0]))

struct dtls_endpoint {
	SSL_CTX *ssl_ctx;
	BIO_METHOD *bio_method;
	BIO_ADDR *unused_addr; /* DTLSv1_listen() wants to write one; our BIO has none */
	struct fingerprint fingerprint;
	uint64_t cookie_key[COOKIE_KEY_WORDS];
	uint64_t handshake_ms;
	struct ctl_nat_counts counts;
};

struct peer {
	SSL *ssl; /* NULL: the row is free */
	struct ipaddr source;
	const uint8_t *in; /* the datagram that OpenSSL may read now */
	size_t in_len;
	bool bad_fingerprint;
};

struct dtls_assoc {
	struct dtls_endpoint *endpoint;
	struct dtls_conf conf;
	const struct dtls_ops *ops;
	void *arg;
	uint64_t give_up_ms;
	uint64_t restart_ms;  /* client: 0: a handshake is under way */
	struct peer listener; /* server, until established */
	struct peer peers[DTLS_PEERS_MAX];
	struct peer *winner; /* NULL: not established */
};

/* ---- datagrams as a BIO; its data is the struct peer, the peer's association is the SSL's ---- */

static int bio_write(BIO *bio, const char *bytes, int len)
{
	struct peer *peer = BIO_get_data(bio);
	struct dtls_assoc *assoc = SSL_get_app_data(peer->ssl);

	BIO_clear_retry_flags(bio);
	assoc->ops->send(assoc->arg, &peer->source, (const uint8_t *)bytes, (size_t)len);
	return len;
}

static int bio_read(BIO *bio, char *bytes, int size)
{
	struct peer *peer = BIO_get_data(bio);
	size_t n = peer->in_len;

	BIO_clear_retry_flags(bio);
	if (!n) {
		BIO_set_retry_read(bio);
		return -1;
	}
	peer->in_len = 0;
	if (n > (size_t)size)
		n = (size_t)size;
	memcpy(bytes, peer->in, n);
	return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return DTLS_DATAGRAM_MAX;
	default: /* addresses, overhead, time-outs of sockets: there is no socket */
		return 0;
	}
}

/* ---- the endpoint ---- */

static int log_openssl(const char *what)
{
	char text[160];

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	ERR_clear_error();
	log_err("DTLS: %s failed: %s", what, text);
	return -EIO;
}

static int fingerprint_of(const X509 *cert, uint8_t hash, struct fingerprint *ret)
{
	const EVP_MD *md = hash == FINGERPRINT_SHA_256	 ? EVP_sha256()
			   : hash == FINGERPRINT_SHA_384 ? EVP_sha384()
							 : EVP_sha512();
	unsigned int len = 0;

	memset(ret, 0, sizeof(*ret));
	if (X509_digest(cert, md, ret->value, &len) != 1)
		return -EIO;
	ret->hash = hash;
	ret->len = (uint8_t)len;
	return 0;
}

/* Any certificate is let in here that is the one of the fingerprint; there is no other trust. */
static int verify_peer(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls_assoc *assoc = SSL_get_app_data(ssl);
	struct peer *peer = BIO_get_data(SSL_get_rbio(ssl));
	struct fingerprint is;

	if (fingerprint_of(X509_STORE_CTX_get0_cert(store), assoc->conf.peer.hash, &is) == 0 &&
		is.len == assoc->conf.peer.len &&
		secret_equal(is.value, assoc->conf.peer.value, is.len))
		return 1;
	peer->bad_fingerprint = true;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
	return 0;
}

/* The cookie proves that the source receives what is sent to its address (RFC 6347 4.2.1). */
static void cookie_make(SSL *ssl, uint8_t cookie[COOKIE_LEN])
{
	const struct dtls_assoc *assoc = SSL_get_app_data(ssl);
	const struct peer *peer = BIO_get_data(SSL_get_rbio(ssl));
	const uint64_t *key = assoc->endpoint->cookie_key;
	uint8_t text[sizeof(peer->source) + sizeof(assoc)];
	uint64_t half;

	memcpy(text, &peer->source, sizeof(peer->source));
	memcpy(text + sizeof(peer->source), &assoc, sizeof(assoc));
	half = siphash24(key, text, sizeof(text));
	memcpy(cookie, &half, 8);
	half = siphash24(key + 2, text, sizeof(text));
	memcpy(cookie + 8, &half, 8);
}

static int cookie_generate(SSL *ssl, unsigned char *cookie, unsigned int *ret_len)
{
	cookie_make(ssl, cookie);
	*ret_len = COOKIE_LEN;
	return 1;
}

static int cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	uint8_t want[COOKIE_LEN];

	cookie_make(ssl, want);
	return len == COOKIE_LEN && secret_equal(cookie, want, COOKIE_LEN);
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	uint64_t serial;
	X509_NAME *name;

	if (!cert)
		return NULL;
	secret_random(&serial, sizeof(serial));
	/* Nothing of the box is in it: the fingerprint is all that counts (RFC 8122 5.1). */
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, X509_VERSION_3) &&
		ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) &&
		X509_gmtime_adj(X509_getm_notBefore(cert), -86400L) &&
		X509_gmtime_adj(X509_getm_notAfter(cert), CERT_DAYS * 86400L) &&
		X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_ASC, (const unsigned char *)"anonymous", -1, -1, 0) &&
		X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) &&
		X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

static int make_context(struct dtls_endpoint *endpoint)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());

	endpoint->ssl_ctx = ctx;
	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) ||
		!SSL_CTX_set_cipher_list(
			ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:!PSK:!SRP") ||
		!SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384"))
		return log_openssl("setting up");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU |
					 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify_peer, NULL);
	SSL_CTX_set_cookie_generate_cb(ctx, cookie_generate);
	SSL_CTX_set_cookie_verify_cb(ctx, cookie_verify);
	SSL_CTX_set_read_ahead(ctx, 1);
	return 0;
}

static int make_identity(struct dtls_endpoint *endpoint)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? make_certificate(key) : NULL;
	int rc = 0;

	if (!cert || SSL_CTX_use_certificate(endpoint->ssl_ctx, cert) != 1 ||
		SSL_CTX_use_PrivateKey(endpoint->ssl_ctx, key) != 1 ||
		fingerprint_of(cert, FINGERPRINT_SHA_256, &endpoint->fingerprint) < 0)
		rc = log_openssl("making a certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

void dtls_endpoint_set_patience(struct dtls_endpoint *endpoint, uint64_t handshake_ms)
{
	endpoint->handshake_ms = handshake_ms;
}

int dtls_endpoint_new(struct dtls_endpoint **ret)
{
	struct dtls_endpoint *endpoint = calloc(1, sizeof(*endpoint));
	int rc;

	if (!endpoint)
		return -ENOMEM;
	endpoint->handshake_ms = DTLS_HANDSHAKE_MS;
	secret_random(endpoint->cookie_key, sizeof(endpoint->cookie_key));
	endpoint->bio_method = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams of an association");
	endpoint->unused_addr = BIO_ADDR_new();
	if (!endpoint->unused_addr || !endpoint->bio_method ||
		!BIO_meth_set_write(endpoint->bio_method, bio_write) ||
		!BIO_meth_set_read(endpoint->bio_method, bio_read) ||
		!BIO_meth_set_ctrl(endpoint->bio_method, bio_ctrl))
		rc = log_openssl("setting up");
	else
		rc = make_context(endpoint);
	if (rc == 0)
		rc = make_identity(endpoint);
	if (rc < 0) {
		dtls_endpoint_free(endpoint);
		return rc;
	}
	*ret = endpoint;
	return 0;
}

void dtls_endpoint_free(struct dtls_endpoint *endpoint)
{
	if (!endpoint)
		return;
	SSL_CTX_free(endpoint->ssl_ctx);
	BIO_meth_free(endpoint->bio_method);
	BIO_ADDR_free(endpoint->unused_addr);
	secret_wipe(endpoint, sizeof(*endpoint));
	free(endpoint);
}

void dtls_endpoint_fingerprint(
	const struct dtls_endpoint *endpoint, struct fingerprint *ret_fingerprint)
{
	*ret_fingerprint = endpoint->fingerprint;
}

struct ctl_nat_counts *dtls_endpoint_counts(struct dtls_endpoint *endpoint)
{
	return &endpoint->counts;
}

/* ---- peers ---- */

static void peer_close(struct peer *peer)
{
	SSL_free(peer->ssl); /* and its BIO; OpenSSL wipes the keys */
	*peer = (struct peer){0};
}

/* "A:B:C" for SSL_set_tlsext_use_srtp(); empty when no suite has a profile. */
static void profile_list(uint32_t suites, char text[128])
{
	text[0] = 0;
	for (size_t i = 0; i < N_PROFILES; i++) {
		if (!(suites & 1u << profiles[i].suite))
			continue;
		if (text[0])
			strcat(text, ":");
		strcat(text, profiles[i].name);
	}
}

static unsigned int next_timeout(SSL *ssl, unsigned int last_us)
{
	if (!last_us)
		return RETRANSMIT_FIRST_US;
	return last_us < RETRANSMIT_MOST_US / 2 ? last_us * 2 : RETRANSMIT_MOST_US;
}

static int peer_open(struct dtls_assoc *assoc, struct peer *peer, const struct ipaddr *source)
{
	struct dtls_endpoint *endpoint = assoc->endpoint;
	char list[128];
	BIO *bio = BIO_new(endpoint->bio_method);

	peer->source = *source;
	peer->ssl = SSL_new(endpoint->ssl_ctx);
	profile_list(assoc->conf.suites, list);
	/* SSL_set_tlsext_use_srtp() returns 0 for success */
	if (!bio || !peer->ssl || SSL_set_tlsext_use_srtp(peer->ssl, list) != 0) {
		BIO_free(bio);
		peer_close(peer);
		return log_openssl("opening an association");
	}
	BIO_set_data(bio, peer);
	BIO_set_init(bio, 1);
	SSL_set_bio(peer->ssl, bio, bio);
	SSL_set_app_data(peer->ssl, assoc);
	DTLS_set_timer_cb(peer->ssl, next_timeout);
	SSL_set_mtu(peer->ssl, DTLS_DATAGRAM_MAX);
	if (assoc->conf.role == CTL_DTLS_CLIENT)
		SSL_set_connect_state(peer->ssl);
	else
		SSL_set_accept_state(peer->ssl);
	return 0;
}

static struct peer *peer_find(struct dtls_assoc *assoc, const struct ipaddr *source)
{
	for (unsigned int i = 0; i < DTLS_PEERS_MAX; i++)
		if (assoc->peers[i].ssl && ipaddr_equal(&assoc->peers[i].source, source))
			return &assoc->peers[i];
	return NULL;
}

static struct peer *peer_room(struct dtls_assoc *assoc)
{
	for (unsigned int i = 0; i < DTLS_PEERS_MAX; i++)
		if (!assoc->peers[i].ssl)
			return &assoc->peers[i];
	return NULL;
}

/* client keys, server keys, client salt, server salt (RFC 5764 4.2) */
static int export_keys(const struct dtls_assoc *assoc, const struct peer *peer,
	struct dp_srtp *ret_client, struct dp_srtp *ret_server)
{
	const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(peer->ssl);
	uint8_t secret[2 * sizeof(ret_client->key)];
	const struct profile *profile = NULL;
	size_t key_len, salt_len;

	for (size_t i = 0; chosen && i < N_PROFILES; i++)
		if (profiles[i].id == chosen->id)
			profile = &profiles[i];
	if (!profile || !(assoc->conf.suites & 1u << profile->suite))
		return -ENOTSUP;
	key_len = dp_srtp_suite(profile->suite)->key_len;
	salt_len = dp_srtp_suite(profile->suite)->salt_len;
	if (SSL_export_keying_material(peer->ssl, secret, 2 * (key_len + salt_len), EXPORT_LABEL,
		    strlen(EXPORT_LABEL), NULL, 0, 0) != 1)
		return log_openssl("exporting keys");
	*ret_client = *ret_server = (struct dp_srtp){.suite = (uint8_t)profile->suite};
	memcpy(ret_client->key, secret, key_len);
	memcpy(ret_server->key, secret + key_len, key_len);
	memcpy(ret_client->key + key_len, secret + 2 * key_len, salt_len);
	memcpy(ret_server->key + key_len, secret + 2 * key_len + salt_len, salt_len);
	secret_wipe(secret, sizeof(secret));
	return 0;
}

/* One of the peers is who signalling announced: the others are strangers. */
static void win(struct dtls_assoc *assoc, struct peer *winner, const struct dp_srtp *client,
	const struct dp_srtp *server)
{
	bool we_are_client = assoc->conf.role == CTL_DTLS_CLIENT;

	assoc->winner = winner;
	assoc->endpoint->counts.established++;
	peer_close(&assoc->listener);
	for (unsigned int i = 0; i < DTLS_PEERS_MAX; i++)
		if (&assoc->peers[i] != winner)
			peer_close(&assoc->peers[i]);
	assoc->ops->done(assoc->arg, &winner->source, we_are_client ? server : client,
		we_are_client ? client : server);
}

static void peer_failed(struct dtls_assoc *assoc, struct peer *peer, uint64_t now_ms)
{
	struct ctl_nat_counts *counts = &assoc->endpoint->counts;

	if (peer->bad_fingerprint)
		counts->bad_fingerprint++;
	else
		counts->failed++;
	peer_close(peer);
	if (assoc->conf.role == CTL_DTLS_CLIENT)
		assoc->restart_ms = now_ms + RESTART_MS;
}

/* Lets OpenSSL work on what has come, or on its timer. */
static void peer_step(struct dtls_assoc *assoc, struct peer *peer, uint64_t now_ms)
{
	struct dp_srtp client, server;
	int rc, error;

	ERR_clear_error();
	if (peer == assoc->winner) {
		/* Retransmissions of the last flight; no application data and no alert matters. */
		uint8_t nothing[16];
		(void)SSL_read(peer->ssl, nothing, sizeof(nothing));
		ERR_clear_error();
		return;
	}
	rc = SSL_do_handshake(peer->ssl);
	error = SSL_get_error(peer->ssl, rc);
	if (rc == 1) {
		if (export_keys(assoc, peer, &client, &server) == 0) {
			win(assoc, peer, &client, &server);
			secret_wipe(&client, sizeof(client));
			secret_wipe(&server, sizeof(server));
			return;
		}
		assoc->endpoint->counts.no_profile++;
		peer_close(peer);
		if (assoc->conf.role == CTL_DTLS_CLIENT)
			assoc->restart_ms = now_ms + RESTART_MS;
		return;
	}
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return;
	ERR_clear_error();
	peer_failed(assoc, peer, now_ms);
}

/* ---- associations ---- */

static void client_start(struct dtls_assoc *assoc, uint64_t now_ms)
{
	assoc->restart_ms = 0;
	if (peer_open(assoc, &assoc->peers[0], &assoc->conf.remote) < 0)
		assoc->restart_ms = now_ms + RESTART_MS;
	else
		peer_step(assoc, &assoc->peers[0], now_ms);
}

int dtls_assoc_new(struct dtls_endpoint *endpoint, const struct dtls_conf *conf,
	const struct dtls_ops *ops, void *arg, uint64_t now_ms, struct dtls_assoc **ret)
{
	struct dtls_assoc *assoc;
	char list[128];

	profile_list(conf->suites, list);
	if (!list[0] || !conf->peer.hash || conf->peer.hash >= FINGERPRINT_HASHES ||
		(conf->role != CTL_DTLS_SERVER && conf->role != CTL_DTLS_CLIENT) ||
		(conf->role == CTL_DTLS_CLIENT && !ipaddr_is_set(&conf->remote)))
		return -EINVAL;
	assoc = calloc(1, sizeof(*assoc));
	if (!assoc)
		return -ENOMEM;
	assoc->endpoint = endpoint;
	assoc->conf = *conf;
	assoc->ops = ops;
	assoc->arg = arg;
	assoc->give_up_ms = now_ms + endpoint->handshake_ms;
	*ret = assoc;
	if (conf->role == CTL_DTLS_CLIENT)
		client_start(assoc, now_ms);
	return 0;
}

void dtls_assoc_free(struct dtls_assoc *assoc)
{
	if (!assoc)
		return;
	peer_close(&assoc->listener);
	for (unsigned int i = 0; i < DTLS_PEERS_MAX; i++)
		peer_close(&assoc->peers[i]);
	secret_wipe(assoc, sizeof(*assoc));
	free(assoc);
}

/* A ClientHello of a source without a row. Without a cookie nothing of it is kept. */
static void meet(struct dtls_assoc *assoc, const struct ipaddr *source, const uint8_t *bytes,
	size_t len, uint64_t now_ms)
{
	struct peer *listener = &assoc->listener, *peer = peer_room(assoc);
	int rc = -1;

	if (!peer) {
		assoc->endpoint->counts.ignored++;
		return;
	}
	if (!listener->ssl && peer_open(assoc, listener, source) < 0)
		return;
	listener->source = *source;
	listener->in = bytes;
	listener->in_len = len;
	ERR_clear_error();
	rc = DTLSv1_listen(listener->ssl, assoc->endpoint->unused_addr);
	listener->in_len = 0;
	if (rc != 1) {
		ERR_clear_error();
		if (rc < 0)
			peer_close(listener);
		return;
	}
	*peer = *listener;
	*listener = (struct peer){0};
	BIO_set_data(SSL_get_rbio(peer->ssl), peer);
	peer_step(assoc, peer, now_ms);
}

void dtls_assoc_input(struct dtls_assoc *assoc, const struct ipaddr *source, const uint8_t *bytes,
	size_t len, uint64_t now_ms)
{
	struct peer *peer = peer_find(assoc, source);

	if (len < RECORD_HDR_LEN || bytes[0] < 20 || bytes[0] > 63) {
		assoc->endpoint->counts.not_dtls++;
		return;
	}
	if (peer) {
		peer->in = bytes;
		peer->in_len = len;
		peer_step(assoc, peer, now_ms);
		peer->in_len = 0;
		return;
	}
	if (assoc->conf.role == CTL_DTLS_CLIENT || assoc->winner || now_ms >= assoc->give_up_ms)
		assoc->endpoint->counts.ignored++;
	else
		meet(assoc, source, bytes, len, now_ms);
}

uint64_t dtls_assoc_deadline(const struct dtls_assoc *assoc, uint64_t now_ms)
{
	uint64_t at = UINT64_MAX;

	if (assoc->winner || !assoc->give_up_ms)
		return at;
	at = assoc->give_up_ms;
	if (assoc->restart_ms && assoc->restart_ms < at)
		at = assoc->restart_ms;
	for (unsigned int i = 0; i < DTLS_PEERS_MAX; i++) {
		struct timeval left;
		uint64_t then;

		if (!assoc->peers[i].ssl || !DTLSv1_get_timeout(assoc->peers[i].ssl, &left))
			continue;
		then = now_ms + (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1;
		if (then < at)
			at = then;
	}
	return at;
}

void dtls_assoc_timer(struct dtls_assoc *assoc, uint64_t now_ms)
{
	if (assoc->winner || !assoc->give_up_ms)
		return;
	if (now_ms >= assoc->give_up_ms) {
		peer_close(&assoc->listener);
		for (unsigned int i = 0; i < DTLS_PEERS_MAX; i++)
			peer_close(&assoc->peers[i]);
		assoc->give_up_ms = 0;
		assoc->endpoint->counts.timed_out++;
		assoc->ops->timeout(assoc->arg);
		return;
	}
	if (assoc->restart_ms && now_ms >= assoc->restart_ms)
		client_start(assoc, now_ms);
	for (unsigned int i = 0; i < DTLS_PEERS_MAX && !assoc->winner; i++) {
		struct peer *peer = &assoc->peers[i];

		if (!peer->ssl)
			continue;
		ERR_clear_error();
		if (DTLSv1_handle_timeout(peer->ssl) < 0) {
			ERR_clear_error();
			peer_failed(assoc, peer, now_ms);
		}
	}
}

bool dtls_assoc_established(const struct dtls_assoc *assoc)
{
	return assoc->winner != NULL;
}
