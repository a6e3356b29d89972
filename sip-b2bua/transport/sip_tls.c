/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles of TLS: two OpenSSL contexts each, made of files, renewed when those are; see sip_tls.h. */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/transport/sip_tls.h"

LOG_TOPIC("sip-tls");

/* With forward secrecy and authenticated encryption only (RFC 9325 4.2). */
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"

struct stamp {
	struct timespec mtime;
	ino_t inode;
};

struct profile {
	struct sip_tls_profile conf;
	SSL_CTX *server, *client;
	struct stamp seen[3]; /* certificate, key, trust as they were read, or tried */
};

struct tls_set {
	struct profile *profiles;
	unsigned int n_profiles;
	struct sip_tls_far *far_ends;
	unsigned int n_far_ends;
};

/* ---- contexts ---- */

static int fault(char *error, size_t size, const struct sip_tls_profile *conf, const char *what,
	const char *file)
{
	unsigned long code = ERR_peek_error();
	const char *why = ERR_reason_error_string(code);
	int rc = -EINVAL;

	if (ERR_SYSTEM_ERROR(code)) {
		why = strerror(ERR_GET_REASON(code));
		rc = -ERR_GET_REASON(code);
	}
	snprintf(error, size, "voice class tls-profile %u: %s %s: %s", conf->tag, what, file,
		why ? why : "it cannot be used");
	ERR_clear_error();
	return rc;
}

static SSL_CTX *context_new(const struct sip_tls_profile *conf, const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx)
		return NULL;
	SSL_CTX_set_options(ctx,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_set_min_proto_version(
		    ctx, conf->only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
		SSL_CTX_set_cipher_list(ctx, CIPHERS_TLS12) == 1 &&
		SSL_CTX_set_session_id_context(
			ctx, (const unsigned char *)&conf->tag, sizeof(conf->tag)) == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static int context_fill(
	SSL_CTX *ctx, const struct sip_tls_profile *conf, char *error, size_t error_size)
{
	ERR_clear_error();
	if (conf->certificate[0] && SSL_CTX_use_certificate_chain_file(ctx, conf->certificate) != 1)
		return fault(error, error_size, conf, "certificate", conf->certificate);
	if (conf->certificate[0] &&
		(SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM) != 1 ||
			SSL_CTX_check_private_key(ctx) != 1))
		return fault(error, error_size, conf, "private-key", conf->key);
	if (conf->trust[0] && SSL_CTX_load_verify_file(ctx, conf->trust) != 1)
		return fault(error, error_size, conf, "trust", conf->trust);
	return 0;
}

static int server_fill(
	SSL_CTX *ctx, const struct sip_tls_profile *conf, char *error, size_t error_size)
{
	int mode = SSL_VERIFY_NONE;

	if (conf->client == SIP_TLS_CLIENT_OPTIONAL)
		mode = SSL_VERIFY_PEER;
	else if (conf->client == SIP_TLS_CLIENT_REQUIRE)
		mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	if (mode == SSL_VERIFY_NONE)
		return 0;
	/* Whose certificates we take, as a hint to those who have several. */
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(conf->trust);
	if (!names)
		return fault(error, error_size, conf, "trust", conf->trust);
	SSL_CTX_set_client_CA_list(ctx, names);
	return 0;
}

static void stamps_take(const struct sip_tls_profile *conf, struct stamp stamps[3])
{
	const char *const files[] = {conf->certificate, conf->key, conf->trust};

	memset(stamps, 0, 3 * sizeof(stamps[0]));
	for (unsigned int i = 0; i < 3; i++) {
		struct stat st;
		if (files[i][0] && stat(files[i], &st) == 0)
			stamps[i] = (struct stamp){st.st_mtim, st.st_ino};
	}
}

static bool stamps_differ(const struct stamp a[3], const struct stamp b[3])
{
	for (unsigned int i = 0; i < 3; i++) {
		if (a[i].mtime.tv_sec != b[i].mtime.tv_sec ||
			a[i].mtime.tv_nsec != b[i].mtime.tv_nsec || a[i].inode != b[i].inode)
			return true;
	}
	return false;
}

/* Both contexts anew from the files; on failure the profile has those that it had. */
static int profile_load(struct profile *p, char *error, size_t error_size)
{
	SSL_CTX *server, *client;
	int rc = 0;

	stamps_take(&p->conf, p->seen);
	server = context_new(&p->conf, TLS_server_method());
	client = context_new(&p->conf, TLS_client_method());
	if (!server || !client) {
		snprintf(error, error_size, "voice class tls-profile %u: out of memory",
			p->conf.tag);
		rc = -ENOMEM;
	}
	if (rc == 0)
		rc = context_fill(server, &p->conf, error, error_size);
	if (rc == 0)
		rc = server_fill(server, &p->conf, error, error_size);
	if (rc == 0)
		rc = context_fill(client, &p->conf, error, error_size);
	if (rc == 0) {
		SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
		SSL_CTX *old_server = p->server, *old_client = p->client;
		p->server = server;
		p->client = client;
		server = old_server;
		client = old_client;
	}
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	return rc;
}

/* ---- sets ---- */

int tls_set_new(
	const struct sip_tls_conf *conf, struct tls_set **ret_set, char *error, size_t error_size)
{
	struct tls_set *set = calloc(1, sizeof(*set));
	int rc = 0;

	if (!set)
		goto no_memory;
	set->profiles = calloc(conf->n_profiles + 1, sizeof(set->profiles[0]));
	if (!set->profiles)
		goto no_memory;
	for (; rc == 0 && set->n_profiles < conf->n_profiles; set->n_profiles++) {
		struct profile *p = &set->profiles[set->n_profiles];
		p->conf = conf->profiles[set->n_profiles];
		rc = profile_load(p, error, error_size);
	}
	if (rc != 0) {
		tls_set_free(set);
		return rc;
	}
	*ret_set = set;
	return 0;
no_memory:
	tls_set_free(set);
	snprintf(error, error_size, "out of memory");
	return -ENOMEM;
}

int tls_set_far_ends(struct tls_set *set, const struct sip_tls_far *far_ends, unsigned int n)
{
	struct sip_tls_far *fresh = calloc(n + 1, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		fresh[i] = far_ends[i];
	free(set->far_ends);
	set->far_ends = fresh;
	set->n_far_ends = n;
	return 0;
}

void tls_set_inherit(struct tls_set *set, struct tls_set *from)
{
	set->far_ends = from->far_ends;
	set->n_far_ends = from->n_far_ends;
	from->far_ends = NULL;
	from->n_far_ends = 0;
}

void tls_set_free(struct tls_set *set)
{
	if (!set)
		return;
	for (unsigned int i = 0; i < set->n_profiles; i++) {
		SSL_CTX_free(set->profiles[i].server);
		SSL_CTX_free(set->profiles[i].client);
	}
	free(set->profiles);
	free(set->far_ends);
	free(set);
}

unsigned int tls_set_refresh(struct tls_set *set)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < set->n_profiles; i++) {
		struct profile *p = &set->profiles[i];
		struct stamp now[3];
		char error[256];

		stamps_take(&p->conf, now);
		if (!stamps_differ(now, p->seen))
			continue;
		if (profile_load(p, error, sizeof(error)) != 0) {
			log_warning("renewed files are not used, the ones before stay: %s", error);
			continue;
		}
		log_notice(
			"voice class tls-profile %u: certificate renewed; connections that are "
			"open keep theirs",
			p->conf.tag);
		n++;
	}
	return n;
}

static const struct profile *profile_find(const struct tls_set *set, uint32_t tag)
{
	for (unsigned int i = 0; set && i < set->n_profiles; i++) {
		if (set->profiles[i].conf.tag == tag)
			return &set->profiles[i];
	}
	return NULL;
}

/* ---- connections ---- */

static SSL *ssl_new(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl && SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

SSL *tls_server(const struct tls_set *set, uint32_t tag, int fd)
{
	const struct profile *p = profile_find(set, tag);
	SSL *ssl = p ? ssl_new(p->server, fd) : NULL;

	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

/* Whom the certificate has to name; without wildcards (RFC 5922 7.2). */
static bool name_expect(SSL *ssl, const struct ipaddr *remote, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_WILDCARDS);
	if (name && name[0])
		return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
		       SSL_set_tlsext_host_name(ssl, name) == 1;
	return X509_VERIFY_PARAM_set1_ip(param, remote->ip, remote->family == 6 ? 16 : 4) == 1;
}

static const struct sip_tls_far *far_find(const struct tls_set *set, const struct ipaddr *addr)
{
	for (unsigned int i = 0; set && i < set->n_far_ends; i++) {
		if (ipaddr_equal(&set->far_ends[i].addr, addr))
			return &set->far_ends[i];
	}
	return NULL;
}

bool tls_names(const struct tls_set *set, SSL *ssl, const struct ipaddr *addr)
{
	const struct sip_tls_far *far_end = far_find(set, addr);
	X509 *cert = SSL_get0_peer_certificate(ssl);

	if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
		return false;
	if (far_end && far_end->name[0])
		return X509_check_host(
			       cert, far_end->name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
	return X509_check_ip(cert, addr->ip, addr->family == 6 ? 16 : 4, 0) == 1;
}

SSL *tls_client(
	const struct tls_set *set, uint32_t default_tag, const struct ipaddr *remote, int fd)
{
	const struct sip_tls_far *far_end = far_find(set, remote);
	const struct profile *p = profile_find(set, far_end ? far_end->tag : default_tag);
	SSL *ssl = p ? ssl_new(p->client, fd) : NULL;
	if (ssl && !name_expect(ssl, remote, far_end ? far_end->name : NULL)) {
		SSL_free(ssl);
		return NULL;
	}
	if (ssl)
		SSL_set_connect_state(ssl);
	return ssl;
}

enum tls_want tls_want(SSL *ssl, int rc)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		return TLS_FAILED;
	}
}

const char *tls_reason(SSL *ssl, char *buf, size_t size)
{
	long verified = SSL_get_verify_result(ssl);
	const char *why = ERR_reason_error_string(ERR_peek_error());

	if (verified != X509_V_OK)
		snprintf(buf, size, "its certificate is refused: %s",
			X509_verify_cert_error_string(verified));
	else
		snprintf(buf, size, "%s", why ? why : "the far end closed the connection");
	ERR_clear_error();
	return buf;
}
