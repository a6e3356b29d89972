/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Profiles of TLS: OpenSSL contexts made of files, renewed when those are; see sip_tls.h. A connection
 * keeps its context, and a context its table of names, whatever becomes of the set. A table refers to
 * contexts without one, so they never refer to each other in a ring.
 */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controlplane/base/log.h"
#include "controlplane/base/view.h"
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
	SSL_CTX *server; /* of a listener: with a table of names */
	SSL_CTX *chosen; /* for who asks another profile's listener for this one's name */
	SSL_CTX *client;
	struct stamp seen[3]; /* certificate, key, trust as they were read, or tried */
};

struct tls_set {
	struct profile *profiles;
	unsigned int n_profiles;
	struct sip_tls_far *far_ends;
	unsigned int n_far_ends;
};

/* ---- names that clients ask for ---- */

struct sni_name {
	char name[SIP_TLS_NAME_MAX];
	SSL_CTX *ctx; /* NULL: the listener's own */
	int verify;
	int min_version;
};

struct sni_table {
	bool strict;
	unsigned int n;
	struct sni_name names[];
};

static void table_free(struct sni_table *table)
{
	for (unsigned int i = 0; table && i < table->n; i++)
		SSL_CTX_free(table->names[i].ctx);
	free(table);
}

static void table_drop(
	void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	table_free(ptr);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int table_index;

static void index_make(void)
{
	table_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, table_drop);
}

/* "*.example.com" is one label in front (RFC 6125 6.4.3). */
static bool name_fits(const char *pattern, struct view name)
{
	struct view rest = view_of(pattern);
	const char *dot = name.n ? memchr(name.p, '.', name.n) : NULL;

	if (pattern[0] != '*')
		return view_eq_nocase(rest, name);
	rest = (struct view){pattern + 1, rest.n - 1};
	return dot && dot > name.p &&
	       view_eq_nocase(rest, (struct view){dot, name.n - (size_t)(dot - name.p)});
}

/* A name is before a pattern, whatever their order. */
static const struct sni_name *table_find(const struct sni_table *table, struct view name)
{
	const struct sni_name *found = NULL;

	for (unsigned int i = 0; name.n > 0 && i < table->n; i++) {
		if (!name_fits(table->names[i].name, name))
			continue;
		if (table->names[i].name[0] != '*')
			return &table->names[i];
		if (!found)
			found = &table->names[i];
	}
	return found;
}

/* host_name of the extension (RFC 6066 3); empty: none, or one that OpenSSL refuses itself. */
static struct view name_asked(SSL *ssl)
{
	const unsigned char *p;
	size_t n, len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5)
		return (struct view){NULL, 0};
	len = (size_t)p[3] << 8 | p[4];
	if (p[2] != TLSEXT_NAMETYPE_host_name || len != n - 5)
		return (struct view){NULL, 0};
	return (struct view){(const char *)p + 5, len};
}

/* Before anything of the context is used: certificate, trust, versions, sessions. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
	const struct sni_table *table = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), table_index);
	const struct sni_name *name = table ? table_find(table, name_asked(ssl)) : NULL;

	if (!table || (!name && !table->strict))
		return SSL_CLIENT_HELLO_SUCCESS;
	if (!name) {
		SSL_set_app_data(ssl, (void *)&table_index);
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (!name->ctx)
		return SSL_CLIENT_HELLO_SUCCESS;
	SSL_set_verify(ssl, name->verify, NULL);
	if (!SSL_set_SSL_CTX(ssl, name->ctx) ||
		SSL_set_min_proto_version(ssl, name->min_version) != 1) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

bool tls_is_no_server(const SSL *ssl)
{
	return SSL_get_app_data(ssl) == &table_index;
}

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

static int verify_mode(const struct sip_tls_profile *conf)
{
	if (conf->client == SIP_TLS_CLIENT_REQUIRE)
		return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	return conf->client == SIP_TLS_CLIENT_OPTIONAL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
}

static int min_version(const struct sip_tls_profile *conf)
{
	return conf->only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
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
	if (SSL_CTX_set_min_proto_version(ctx, min_version(conf)) == 1 &&
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
	int mode = verify_mode(conf);

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

/* A context anew from the files. NULL: error says why. */
static SSL_CTX *context_load(const struct sip_tls_profile *conf, bool server, int *ret_rc,
	char *error, size_t error_size)
{
	SSL_CTX *ctx = context_new(conf, server ? TLS_server_method() : TLS_client_method());

	if (!ctx) {
		snprintf(error, error_size, "voice class tls-profile %u: out of memory", conf->tag);
		*ret_rc = -ENOMEM;
		return NULL;
	}
	*ret_rc = context_fill(ctx, conf, error, error_size);
	if (*ret_rc == 0 && server)
		*ret_rc = server_fill(ctx, conf, error, error_size);
	if (*ret_rc != 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (server)
		SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
	else
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

static void contexts_free(struct profile *p)
{
	SSL_CTX_free(p->server);
	SSL_CTX_free(p->chosen);
	SSL_CTX_free(p->client);
}

/* All contexts anew; on failure the profile has those that it had. */
static int profile_load(struct profile *p, char *error, size_t error_size)
{
	struct profile fresh = {.conf = p->conf};
	int rc = 0;

	stamps_take(&p->conf, p->seen);
	fresh.server = context_load(&p->conf, true, &rc, error, error_size);
	if (rc == 0)
		fresh.chosen = context_load(&p->conf, true, &rc, error, error_size);
	if (rc == 0)
		fresh.client = context_load(&p->conf, false, &rc, error, error_size);
	if (rc != 0) {
		contexts_free(&fresh);
		return rc;
	}
	contexts_free(p);
	p->server = fresh.server;
	p->chosen = fresh.chosen;
	p->client = fresh.client;
	return 0;
}

/* ---- sets ---- */

static const struct profile *profile_find(const struct tls_set *set, uint32_t tag)
{
	for (unsigned int i = 0; set && i < set->n_profiles; i++) {
		if (set->profiles[i].conf.tag == tag)
			return &set->profiles[i];
	}
	return NULL;
}

static void names_add(struct sni_table *table, const struct profile *p, bool own)
{
	for (unsigned int i = 0; i < p->conf.n_names; i++) {
		struct sni_name *name = &table->names[table->n++];

		*name = (struct sni_name){
			.verify = verify_mode(&p->conf), .min_version = min_version(&p->conf)};
		snprintf(name->name, sizeof(name->name), "%s", p->conf.names[i]);
		if (own)
			continue;
		SSL_CTX_up_ref(p->chosen);
		name->ctx = p->chosen;
	}
}

/* The names that the listeners of a profile serve: its own, then those of others. */
static int table_make(struct tls_set *set, struct profile *p)
{
	struct sni_table *table = calloc(1,
		sizeof(*table) + sizeof(table->names[0]) * SIP_TLS_SNI_MAX * (SIP_TLS_SNI_MAX + 1));

	if (!table)
		return -ENOMEM;
	table->strict = p->conf.strict;
	names_add(table, p, true);
	for (unsigned int i = 0; i < p->conf.n_sni; i++) {
		const struct profile *other = profile_find(set, p->conf.sni[i]);

		if (other && other != p)
			names_add(table, other, false);
	}
	table_free(SSL_CTX_get_ex_data(p->server, table_index));
	if (SSL_CTX_set_ex_data(p->server, table_index, table) == 1)
		return 0;
	(void)SSL_CTX_set_ex_data(p->server, table_index, NULL);
	table_free(table);
	return -ENOMEM;
}

static int tables_make(struct tls_set *set)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < set->n_profiles; i++) {
		if (set->profiles[i].conf.n_names + set->profiles[i].conf.n_sni > 0)
			rc = table_make(set, &set->profiles[i]);
	}
	return rc;
}

int tls_set_new(
	const struct sip_tls_conf *conf, struct tls_set **ret_set, char *error, size_t error_size)
{
	struct tls_set *set = calloc(1, sizeof(*set));
	int rc = 0;

	pthread_once(&once, index_make);
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
	if (tables_make(set) != 0)
		goto no_memory;
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
		contexts_free(&set->profiles[i]);
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
	/* Others may have served its names by the old certificate. */
	if (n > 0 && tables_make(set) != 0)
		log_err("names of servers lead to certificates of before: memory is short");
	return n;
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

	if (tls_is_no_server(ssl))
		snprintf(buf, size, "it asks for no server-name of ours (sni strict)");
	else if (verified != X509_V_OK)
		snprintf(buf, size, "its certificate is refused: %s",
			X509_verify_cert_error_string(verified));
	else
		snprintf(buf, size, "%s", why ? why : "the far end closed the connection");
	ERR_clear_error();
	return buf;
}
