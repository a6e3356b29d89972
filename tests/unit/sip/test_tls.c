/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIP over TLS between two transports on loopback, with certificates made here: who is believed and
 * who is not, both ways, messages of every size, renewal, files that are no good. Timers run on a
 * wheel that the test moves; real events have a deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "sip-b2bua/transport/sip_transport.h"

#define DEADLINE_MS 10000
#define PORT	    5061
#define MSG(id)	    "OPTIONS sip:x SIP/2.0\r\nCall-ID: " id "\r\nContent-Length: 4\r\n\r\nbody"

/* ---- certificates ---- */

struct authority {
	EVP_PKEY *key;
	X509 *cert;
};

static char folder[] = "/tmp/limen-tls-XXXXXX";
static struct authority root, stranger;

static const char *file_of(const char *name)
{
	static char paths[8][128];
	static unsigned int turn;
	char *path = paths[turn++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void extension_add(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* names: a subjectAltName such as "DNS:a.example,IP:127.0.0.1"; NULL: an authority. */
static X509 *cert_new(
	EVP_PKEY *key, const struct authority *by, const char *names, long serial, long days)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400 * 10);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400 * days);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)(names ? "leaf"
					: by  ? "other"
					      : "authority"),
		-1, -1, 0);
	X509_set_issuer_name(cert, by ? X509_get_subject_name(by->cert) : name);
	X509_set_pubkey(cert, key);
	if (names)
		extension_add(cert, NID_subject_alt_name, names);
	else
		extension_add(cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(cert, by ? by->key : key, EVP_sha256()) > 0);
	return cert;
}

static void authority_make(struct authority *a, const char *file)
{
	FILE *out = fopen(file_of(file), "w");
	a->key = EVP_EC_gen("P-256");
	a->cert = cert_new(a->key, NULL, NULL, 1, 10);
	assert_true(PEM_write_X509(out, a->cert) == 1);
	fclose(out);
}

/* NAME.pem and NAME.key */
static void leaf_make(
	const struct authority *by, const char *name, const char *names, long serial, long days)
{
	char file[64];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = cert_new(key, by, names, serial, days);
	snprintf(file, sizeof(file), "%s.pem.new", name);
	FILE *out = fopen(file_of(file), "w");
	assert_true(PEM_write_X509(out, cert) == 1);
	fclose(out);
	snprintf(file, sizeof(file), "%s.key", name);
	out = fopen(file_of(file), "w");
	assert_true(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(out);
	/* The certificate last, as a renewal does. */
	char from[128];
	snprintf(file, sizeof(file), "%s.pem.new", name);
	snprintf(from, sizeof(from), "%s", file_of(file));
	snprintf(file, sizeof(file), "%s.pem", name);
	assert_int_equal(rename(from, file_of(file)), 0);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* ---- two transports: "box" listens, "far" connects ---- */

struct end {
	struct sip_transport *t;
	unsigned int n_received, n_failed;
	size_t octets;
	struct sip_path path; /* of the last message */
	int failed_err;
};

static struct {
	struct event_base *base;
	struct twheel *wheel;
	uint64_t now;
	char host[2][32];
	struct end box, far;
} f;

static void on_receive(void *ctx, const struct sip_path *path, const char *bytes, size_t n)
{
	struct end *e = ctx;
	e->n_received++;
	e->octets += n;
	e->path = *path;
}

static void on_send_failed(void *ctx, uint64_t origin, int err)
{
	struct end *e = ctx;
	e->n_failed++;
	e->failed_err = err;
}

static const struct sip_transport_ops ops = {.receive = on_receive, .send_failed = on_send_failed};
static const struct sip_transport_limits limits = {.max_conns = 20,
	.max_conns_per_peer = 10,
	.idle_ms = 60000,
	.connect_ms = 5000,
	.partial_ms = 10000,
	.tx_queue_max = 1000000};

static int setup(void **state)
{
	unsigned int pid = (unsigned int)getpid();
	memset(&f, 0, sizeof(f));
	for (unsigned int i = 0; i < 2; i++)
		snprintf(f.host[i], sizeof(f.host[i]), "127.%u.%u.%u", 1 + (pid >> 8 & 0x7f),
			pid & 0xff, 1 + i);
	f.base = event_base_new();
	f.now = 1000;
	f.wheel = twheel_new(f.now);
	f.box.t = sip_transport_new(f.base, f.wheel, 0, &limits, &ops, &f.box);
	f.far.t = sip_transport_new(f.base, f.wheel, 1, &limits, &ops, &f.far);
	return !f.box.t || !f.far.t;
}

static int teardown(void **state)
{
	sip_transport_free(f.box.t);
	sip_transport_free(f.far.t);
	twheel_free(f.wheel);
	event_base_free(f.base);
	return 0;
}

static void turn(void)
{
	event_base_loop(f.base, EVLOOP_NONBLOCK);
	sip_transport_flush(f.box.t);
	sip_transport_flush(f.far.t);
}

#define until(condition)                                                             \
	do {                                                                         \
		uint64_t end_ms = clock_mono_ms() + DEADLINE_MS;                     \
		turn();                                                              \
		while (!(condition)) {                                               \
			if (clock_mono_ms() > end_ms)                                \
				fail_msg("not within the deadline: %s", #condition); \
			poll(NULL, 0, 1);                                            \
			turn();                                                      \
		}                                                                    \
	} while (0)

static struct ipaddr addr_of(const char *host, uint16_t port)
{
	struct ipaddr a;
	assert_int_equal(ipaddr_parse(view_of(host), port, &a), 0);
	return a;
}

static struct sip_tls_profile profile_of(const char *name, const char *trust)
{
	struct sip_tls_profile p = {.tag = 7};
	char file[64];
	snprintf(file, sizeof(file), "%s.pem", name);
	snprintf(p.certificate, sizeof(p.certificate), "%s", file_of(file));
	snprintf(file, sizeof(file), "%s.key", name);
	snprintf(p.key, sizeof(p.key), "%s", file_of(file));
	if (trust)
		snprintf(p.trust, sizeof(p.trust), "%s", file_of(trust));
	return p;
}

static int listen_tls(struct end *e, unsigned int host, const struct sip_tls_profile *profile,
	const char *name, char *error, size_t size)
{
	struct sip_tls_far far_end = {.addr = addr_of(f.host[1 - host], PORT), .tag = 7};
	struct sip_tls_conf conf = {profile, 1};
	struct sip_listener spec = {
		.transport = SIP_TLS, .addr = addr_of(f.host[host], PORT), .tls = 7, .realm = "a"};
	if (name)
		snprintf(far_end.name, sizeof(far_end.name), "%s", name);
	int rc = sip_transport_prepare_tls(e->t, &conf, error, size);
	if (rc == 0)
		rc = sip_transport_prepare(e->t, &spec, 1, error, size);
	if (rc != 0)
		return rc;
	sip_transport_apply(e->t);
	sip_transport_set_far_ends(e->t, &far_end, name ? 1 : 0);
	return 0;
}

static void listen_with(
	struct end *e, unsigned int host, struct sip_tls_profile profile, const char *name)
{
	char error[256] = "";
	if (listen_tls(e, host, &profile, name, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

static struct sip_path path_to_box(void)
{
	struct ipaddr to = addr_of(f.host[0], PORT);
	struct sip_path path;
	const struct sip_listener *l = sip_transport_find(f.far.t, "a", SIP_TLS, 4);
	assert_non_null(l);
	sip_path_to(l, &to, &path);
	return path;
}

static void send_to_box(const char *text)
{
	struct sip_path path = path_to_box();
	assert_int_equal(sip_transport_send(f.far.t, &path, text, strlen(text), 5), 0);
}

/* ---- tests ---- */

static void test_both_ways(void **state)
{
	listen_with(&f.box, 0, profile_of("box", "root.pem"), NULL);
	listen_with(&f.far, 1, profile_of("far", "root.pem"), "sip.example.com");
	send_to_box(MSG("1"));
	until(f.box.n_received == 1);
	assert_int_equal(f.box.path.transport, SIP_TLS);
	struct ipaddr far_ip = addr_of(f.host[1], 0);
	assert_true(ipaddr_same_ip(&f.box.path.remote, &far_ip));
	/* The answer takes the same connection, and so does what follows. */
	assert_int_equal(
		sip_transport_send(f.box.t, &f.box.path, MSG("2"), strlen(MSG("2")), 0), 0);
	until(f.far.n_received == 1);
	send_to_box(MSG("3"));
	until(f.box.n_received == 2);
	assert_int_equal(sip_transport_counters(f.far.t)->conns_opened, 1);
	assert_int_equal(sip_transport_counters(f.box.t)->conns_accepted, 1);
	assert_int_equal(sip_transport_counters(f.box.t)->tls_failed, 0);
}

/* Many at once and large ones: more than a record, more than the socket takes. */
static void test_volume(void **state)
{
	static char big[60000];
	int head = snprintf(big, sizeof(big),
		"OPTIONS sip:x SIP/2.0\r\nCall-ID: b\r\nContent-Length: 59000\r\n\r\n");
	size_t n = (size_t)head + 59000, sum = 0;
	listen_with(&f.box, 0, profile_of("box", "root.pem"), NULL);
	listen_with(&f.far, 1, profile_of("far", "root.pem"), NULL);
	memset(big + head, 'x', 59000);
	struct sip_path path = path_to_box();
	for (unsigned int i = 0; i < 200; i++) {
		assert_int_equal(
			sip_transport_send(f.far.t, &path, MSG("s"), strlen(MSG("s")), 0), 0);
		sum += strlen(MSG("s"));
	}
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(sip_transport_send(f.far.t, &path, big, n, 0), 0);
		sum += n;
	}
	until(f.box.n_received == 210);
	assert_int_equal(f.box.octets, sum);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(sip_transport_send(f.box.t, &f.box.path, big, n, 0), 0);
	until(f.far.n_received == 10);
	assert_int_equal(f.far.octets, 10 * n);
}

struct refusal {
	const char *what, *box, *far_trust, *name;
};

/* The far end's certificate does not do: nothing leaves, and who sent is told. */
static void test_box_refused(void **state)
{
	static const struct refusal rows[] = {
		{"another name", "box", "root.pem", "sip.example.net"},
		{"a wildcard (RFC 5922 7.2)", "wild", "root.pem", "sip.example.com"},
		{"an authority that is not trusted", "box", "stranger.pem", "sip.example.com"},
		{"out of date", "old", "root.pem", "sip.example.com"},
		{"no address in it", "named", "root.pem", NULL},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		listen_with(&f.box, 0, profile_of(rows[i].box, "root.pem"), NULL);
		listen_with(&f.far, 1, profile_of("far", rows[i].far_trust), rows[i].name);
		send_to_box(MSG("1"));
		until(f.far.n_failed == 1);
		if (f.far.failed_err != -EKEYREJECTED || f.box.n_received != 0)
			fail_msg("%s: error %d, %u messages", rows[i].what, f.far.failed_err,
				f.box.n_received);
		assert_int_equal(sip_transport_counters(f.far.t)->tls_failed, 1);
		until(sip_transport_counters(f.box.t)->n_conns == 0);
		teardown(NULL);
		setup(NULL);
	}
}

/* Mutual TLS: who connects without a certificate of a trusted authority is sent away. */
static void test_client_refused(void **state)
{
	struct sip_tls_profile box = profile_of("box", "root.pem");
	box.client = SIP_TLS_CLIENT_REQUIRE;
	listen_with(&f.box, 0, box, NULL);
	listen_with(&f.far, 1, profile_of("bad", "root.pem"), NULL);
	send_to_box(MSG("1"));
	until(sip_transport_counters(f.box.t)->tls_failed == 1);
	until(sip_transport_counters(f.far.t)->n_conns == 0);
	assert_int_equal(f.box.n_received, 0);
	teardown(NULL);
	setup(NULL);
	listen_with(&f.box, 0, box, NULL);
	listen_with(&f.far, 1, profile_of("far", "root.pem"), NULL);
	send_to_box(MSG("1"));
	until(f.box.n_received == 1);
}

/*
 * A connection that came in carries requests to the address that its Via names, if whoever opened it
 * has shown the certificate for that (RFC 5923); otherwise another one is opened.
 */
static void test_alias(void **state)
{
	static const struct {
		enum sip_tls_client client;
		const char *name; /* that the address is known by */
		unsigned int n_connects;
		bool arrives;
	} rows[] = {
		{SIP_TLS_CLIENT_REQUIRE, "far.example.com", 0, true},
		{SIP_TLS_CLIENT_REQUIRE, "sip.example.com", 1, false},
		{SIP_TLS_CLIENT_REQUIRE, NULL, 1, false},
		{SIP_TLS_CLIENT_NONE, "far.example.com", 1, true},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_tls_profile box = profile_of("box", "root.pem");
		struct ipaddr far_addr = addr_of(f.host[1], PORT), other = addr_of(f.host[0], PORT);
		box.client = rows[i].client;
		listen_with(&f.box, 0, box, rows[i].name);
		listen_with(&f.far, 1, profile_of("far", "root.pem"), NULL);
		send_to_box(MSG("1"));
		until(f.box.n_received == 1);
		sip_transport_conn_alias(f.box.t, f.box.path.conn, &other);
		sip_transport_conn_alias(f.box.t, f.box.path.conn, &far_addr);
		struct sip_path path;
		sip_path_to(sip_transport_find(f.box.t, "a", SIP_TLS, 4), &far_addr, &path);
		assert_int_equal(
			sip_transport_send(f.box.t, &path, MSG("2"), strlen(MSG("2")), 0), 0);
		/* A wrong name is found out by the handshake of the new connection. */
		until(rows[i].arrives ? f.far.n_received == 1
				      : sip_transport_counters(f.box.t)->conns_failed == 1);
		assert_int_equal(sip_transport_counters(f.box.t)->conns_opened +
					 sip_transport_counters(f.box.t)->conns_failed,
			rows[i].n_connects);
		teardown(NULL);
		setup(NULL);
	}
}

static int plain_connect(void)
{
	struct sockaddr_storage sa;
	struct ipaddr a = addr_of(f.host[0], PORT);
	socklen_t len = ipaddr_to_sockaddr(&a, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* Who speaks no TLS, only old TLS, or nothing at all. */
static void test_strangers(void **state)
{
	struct sip_tls_profile box = profile_of("box", NULL);
	char buf[64];
	box.only_tls13 = true;
	listen_with(&f.box, 0, box, NULL);
	int fd = plain_connect();
	assert_true(send(fd, MSG("1"), strlen(MSG("1")), MSG_NOSIGNAL) > 0);
	until(sip_transport_counters(f.box.t)->tls_failed == 1);
	close(fd);

	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	fd = plain_connect();
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	assert_int_equal(evutil_make_socket_nonblocking(fd), 0);
	uint64_t give_up_ms = clock_mono_ms() + DEADLINE_MS;
	int rc;
	while ((rc = SSL_do_handshake(ssl)) != 1 && SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ &&
		clock_mono_ms() < give_up_ms)
		turn();
	assert_int_not_equal(rc, 1);
	until(sip_transport_counters(f.box.t)->tls_failed == 2);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);

	fd = plain_connect();
	until(sip_transport_counters(f.box.t)->n_conns == 1);
	f.now += limits.partial_ms + 1;
	twheel_advance(f.wheel, f.now);
	until(sip_transport_counters(f.box.t)->n_conns == 0);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 0);
	close(fd);
	assert_int_equal(f.box.n_received, 0);
}

/* A handshake with the box, of TLS max_version (0: the newest), that asks for a name (NULL: for none) and brings a
 * session (NULL: none). false: the box refuses it. */
static bool shake(const char *name, int max_version, SSL_SESSION *session, SSL **ret_ssl)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int fd = plain_connect(), rc;
	uint64_t give_up_ms = clock_mono_ms() + DEADLINE_MS;
	evutil_make_socket_nonblocking(fd);
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	SSL_set_max_proto_version(ssl, max_version);
	if (name)
		SSL_set_tlsext_host_name(ssl, name);
	if (session)
		assert_int_equal(SSL_set_session(ssl, session), 1);
	while ((rc = SSL_do_handshake(ssl)) != 1 && SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ &&
		clock_mono_ms() < give_up_ms)
		turn();
	SSL_CTX_free(ctx);
	*ret_ssl = ssl;
	return rc == 1;
}

static void shaken_free(SSL *ssl)
{
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
}

/* The serial number of the certificate that the box shows to who asks for a name; -1: it refuses. */
static long serial_for(const char *name, int max_version)
{
	SSL *ssl;
	X509 *cert = shake(name, max_version, NULL, &ssl) ? SSL_get1_peer_certificate(ssl) : NULL;
	long serial = cert ? ASN1_INTEGER_get(X509_get0_serialNumber(cert)) : -1;
	X509_free(cert);
	shaken_free(ssl);
	return serial;
}

static long serial_shown(void)
{
	return serial_for(NULL, 0);
}

static void refresh_pass(void)
{
	f.now += SIP_TLS_REFRESH_MS + 1;
	twheel_advance(f.wheel, f.now);
}

static void test_renewal(void **state)
{
	char names[64];
	snprintf(names, sizeof(names), "DNS:sip.example.com,IP:%s", f.host[0]);
	leaf_make(&root, "renewed", names, 100, 10);
	listen_with(&f.box, 0, profile_of("renewed", "root.pem"), NULL);
	listen_with(&f.far, 1, profile_of("far", "root.pem"), NULL);
	send_to_box(MSG("1"));
	until(f.box.n_received == 1);
	assert_int_equal(serial_shown(), 100);
	leaf_make(&root, "renewed", names, 101, 10);
	refresh_pass();
	assert_int_equal(serial_shown(), 101);
	/* A key that is not the certificate's: what there was goes on. */
	leaf_make(&root, "another", names, 102, 10);
	char from[128];
	snprintf(from, sizeof(from), "%s", file_of("another.key"));
	assert_int_equal(rename(from, file_of("renewed.key")), 0);
	refresh_pass();
	assert_int_equal(serial_shown(), 101);
	/* The connection that was open all the while is the same one still. */
	send_to_box(MSG("2"));
	until(f.box.n_received == 2);
	assert_int_equal(sip_transport_counters(f.far.t)->conns_opened, 1);
}

static void names_set(struct sip_tls_profile *p, const char *first, const char *second)
{
	p->n_names = 1 + (second != NULL);
	snprintf(p->names[0], sizeof(p->names[0]), "%s", first);
	if (second)
		snprintf(p->names[1], sizeof(p->names[1]), "%s", second);
}

static void listen_several(struct sip_tls_profile *profiles, unsigned int n)
{
	struct sip_tls_conf conf = {profiles, n};
	struct sip_listener spec = {
		.transport = SIP_TLS, .addr = addr_of(f.host[0], PORT), .tls = 7, .realm = "a"};
	char error[256];
	assert_int_equal(sip_transport_prepare_tls(f.box.t, &conf, error, sizeof(error)), 0);
	assert_int_equal(sip_transport_prepare(f.box.t, &spec, 1, error, sizeof(error)), 0);
	sip_transport_apply(f.box.t);
}

/* The certificate by the name that the client asks for (RFC 6066 3), and whole profiles with it. */
static void test_server_names(void **state)
{
	static const struct {
		const char *asked;
		long lax, strict;
	} rows[] = {
		{NULL, 10, -1},
		{"sip.example.com", 10, 10},
		{"SIP.B.example", 200, 200},
		{"one.w.example", 201, 201},
		{"b.w.example", 200, 200}, /* a name of its own is before a pattern */
		{"w.example", 10, -1},
		{"one.two.w.example", 10, -1}, /* a star is one label */
		{"sip.b.example.net", 10, -1},
		{"127.0.0.1", 10, -1},
	};
	struct sip_tls_profile p[3] = {profile_of("box", "root.pem"),
		profile_of("sni-b", "root.pem"), profile_of("sni-w", "root.pem")};
	leaf_make(&root, "sni-b", "DNS:sip.b.example", 200, 10);
	leaf_make(&root, "sni-w", "DNS:one.w.example", 201, 10);
	p[1] = profile_of("sni-b", "root.pem");
	p[1].tag = 8;
	p[2].tag = 9;
	names_set(&p[0], "sip.example.com", NULL);
	names_set(&p[1], "sip.b.example", "b.w.example");
	names_set(&p[2], "*.w.example", NULL);
	p[0].n_sni = 3;
	p[0].sni[0] = 9;
	p[0].sni[1] = 8;
	p[0].sni[2] = 7; /* itself, and a ring: each leads to the others */
	p[1].n_sni = 1;
	p[1].sni[0] = 7;
	for (unsigned int strict = 0; strict < 2; strict++) {
		p[0].strict = strict;
		listen_several(p, 3);
		for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			long want = strict ? rows[i].strict : rows[i].lax;
			long got = serial_for(rows[i].asked, i % 2 ? TLS1_2_VERSION : 0);
			if (got != want)
				fail_msg("%s, strict %u: %ld", rows[i].asked, strict, got);
		}
	}
	assert_int_equal(sip_transport_counters(f.box.t)->tls_no_name, 5);
	/* Our own client says what it wants; else it would be shown another certificate. */
	listen_with(&f.far, 1, profile_of("far", "root.pem"), "sip.b.example");
	send_to_box(MSG("1"));
	until(f.box.n_received == 1);
	/* Renewed in a profile that another one's listener serves; what is open stays. */
	leaf_make(&root, "sni-b", "DNS:sip.b.example", 202, 10);
	refresh_pass();
	assert_int_equal(serial_for("sip.b.example", 0), 202);
	/* Names are taken away while a connection by one of them is open. */
	p[0].n_sni = 0;
	p[0].strict = false;
	listen_several(p, 1);
	assert_int_equal(serial_for("sip.b.example", 0), 10);
	send_to_box(MSG("2"));
	until(f.box.n_received == 2);
	assert_int_equal(sip_transport_counters(f.far.t)->conns_opened, 1);
	/* The profile that is chosen says whether a certificate is wanted, and by which versions. */
	p[0].n_sni = 1;
	p[0].sni[0] = 8;
	p[1].client = SIP_TLS_CLIENT_REQUIRE;
	p[1].only_tls13 = true;
	listen_several(p, 2);
	assert_int_equal(serial_for("sip.b.example", TLS1_2_VERSION), -1);
	assert_int_equal(serial_for("sip.example.com", TLS1_2_VERSION), 10);
	unsigned int before = (unsigned int)sip_transport_counters(f.box.t)->tls_failed;
	(void)serial_for("sip.b.example", 0); /* TLS 1.3: what a server thinks comes later */
	until(sip_transport_counters(f.box.t)->tls_failed == before + 1);
}

/* Where TLS 1.3 hands its sessions out after the handshake, the first of them. */
static SSL_SESSION *session_of(SSL *ssl)
{
	uint64_t give_up_ms = clock_mono_ms() + DEADLINE_MS;
	char octet;

	while (!SSL_SESSION_is_resumable(SSL_get0_session(ssl)) && clock_mono_ms() < give_up_ms) {
		turn();
		assert_true(SSL_read(ssl, &octet, 1) <= 0);
	}
	return SSL_get1_session(ssl);
}

/* A session with one profile opens none with another that wants a certificate. */
static void test_sessions(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct sip_tls_profile p[2] = {profile_of("box", "root.pem")};

	leaf_make(&root, "sni-b", "DNS:sip.b.example", 200, 10);
	p[1] = profile_of("sni-b", "root.pem");
	p[1].tag = 8;
	p[1].client = SIP_TLS_CLIENT_REQUIRE;
	names_set(&p[0], "sip.example.com", NULL);
	names_set(&p[1], "sip.b.example", NULL);
	p[0].n_sni = 1;
	p[0].sni[0] = 8;
	listen_several(p, 2);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t before = sip_transport_counters(f.box.t)->tls_failed;
		SSL_SESSION *session;
		SSL *ssl;

		assert_true(shake("sip.example.com", versions[i], NULL, &ssl));
		session = session_of(ssl);
		assert_true(SSL_SESSION_is_resumable(session));
		SSL_shutdown(ssl);
		shaken_free(ssl);
		assert_true(shake("sip.example.com", versions[i], session, &ssl));
		assert_int_equal(SSL_version(ssl), versions[i]);
		assert_true(SSL_session_reused(ssl));
		SSL_shutdown(ssl);
		shaken_free(ssl);
		(void)shake("sip.b.example", versions[i], session, &ssl);
		assert_false(SSL_session_reused(ssl));
		until(sip_transport_counters(f.box.t)->tls_failed == before + 1);
		shaken_free(ssl);
		SSL_SESSION_free(session);
	}
}

static void test_bad_files(void **state)
{
	char error[256];
	struct sip_tls_profile p = profile_of("nothing", NULL);
	assert_int_equal(listen_tls(&f.box, 0, &p, NULL, error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "voice class tls-profile 7: certificate "));
	assert_non_null(strstr(error, "No such file"));
	p = profile_of("box", NULL);
	snprintf(p.key, sizeof(p.key), "%s", file_of("far.key"));
	assert_int_equal(listen_tls(&f.box, 0, &p, NULL, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "private-key"));
	p = profile_of("box", "box.key");
	assert_int_equal(listen_tls(&f.box, 0, &p, NULL, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "trust"));
	assert_null(sip_transport_find(f.box.t, "a", SIP_TLS, 0));
}

static int certificates_make(void **state)
{
	char names[64];
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(setup(NULL), 0); /* for the addresses */
	assert_non_null(mkdtemp(folder));
	authority_make(&root, "root.pem");
	authority_make(&stranger, "stranger.pem");
	snprintf(names, sizeof(names), "DNS:sip.example.com,IP:%s", f.host[0]);
	leaf_make(&root, "box", names, 10, 10);
	leaf_make(&root, "old", names, 11, -1);
	leaf_make(&root, "wild", "DNS:*.example.com", 12, 10);
	leaf_make(&root, "named", "DNS:sip.example.com", 13, 10);
	leaf_make(&root, "far", "DNS:far.example.com", 14, 10);
	leaf_make(&stranger, "bad", "DNS:far.example.com", 15, 10);
	return teardown(NULL);
}

static int certificates_remove(void **state)
{
	static const char *const names[] = {"box", "old", "wild", "named", "far", "bad", "renewed",
		"another", "sni-b", "sni-w"};
	char file[64];
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(file, sizeof(file), "%s.pem", names[i]);
		unlink(file_of(file));
		snprintf(file, sizeof(file), "%s.key", names[i]);
		unlink(file_of(file));
	}
	unlink(file_of("root.pem"));
	unlink(file_of("stranger.pem"));
	for (struct authority *a = &root; a; a = a == &root ? &stranger : NULL) {
		X509_free(a->cert);
		EVP_PKEY_free(a->key);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_volume, setup, teardown),
		cmocka_unit_test_setup_teardown(test_box_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alias, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renewal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
	};
	return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
