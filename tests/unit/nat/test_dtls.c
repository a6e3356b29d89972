/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DTLS-SRTP between two endpoints of ours over a wire in memory that loses, doubles and reorders,
 * and what strangers can do to an association: nothing.
 */
#include "controlplane/nat/dtls.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE	   64
#define ALL_SUITES ((1u << DP_SRTP_N) - 1)
#define SUITE(s)   (1u << DP_SRTP_##s)

struct datagram {
	struct ipaddr from, to;
	size_t len;
	uint8_t bytes[2048];
};

/* One end: an endpoint with one association at one address. */
struct end {
	struct wire *wire;
	struct ipaddr addr;
	struct dtls_endpoint *endpoint;
	struct dtls_assoc *assoc;
	unsigned int n_done, n_timeout;
	struct ipaddr source;
	struct dp_srtp rx, tx;
};

struct wire {
	uint64_t now_ms;
	unsigned int n_sent, n_queued;
	size_t longest;
	struct datagram queue[QUEUE];
	struct end server, client, stranger;
};

static struct ipaddr address(uint8_t last)
{
	struct ipaddr a = {.family = 4, .port_be16 = htons(4000), .ip = {192, 0, 2, last}};
	return a;
}

static void on_send(void *arg, const struct ipaddr *to, const uint8_t *bytes, size_t len)
{
	struct end *end = arg;
	struct wire *wire = end->wire;
	struct datagram *d = &wire->queue[wire->n_queued];

	assert_in_range(len, 1, sizeof(d->bytes));
	wire->n_sent++;
	if (len > wire->longest)
		wire->longest = len;
	assert_in_range(wire->n_queued, 0, QUEUE - 1);
	wire->n_queued++;
	d->from = end->addr;
	d->to = *to;
	d->len = len;
	memcpy(d->bytes, bytes, len);
}

static void on_done(
	void *arg, const struct ipaddr *source, const struct dp_srtp *rx, const struct dp_srtp *tx)
{
	struct end *end = arg;

	end->n_done++;
	end->source = *source;
	end->rx = *rx;
	end->tx = *tx;
}

static void on_timeout(void *arg)
{
	((struct end *)arg)->n_timeout++;
}

static const struct dtls_ops ops = {.send = on_send, .done = on_done, .timeout = on_timeout};

static void end_open(struct wire *wire, struct end *end, uint8_t last)
{
	end->wire = wire;
	end->addr = address(last);
	assert_int_equal(dtls_endpoint_new(&end->endpoint), 0);
}

static int associate(
	struct end *end, enum ctl_dtls_role role, const struct end *expected, uint32_t suites)
{
	struct dtls_conf conf = {.role = role, .suites = suites};

	dtls_endpoint_fingerprint(expected->endpoint, &conf.peer);
	if (role == CTL_DTLS_CLIENT)
		conf.remote = end->wire->server.addr;
	return dtls_assoc_new(end->endpoint, &conf, &ops, end, end->wire->now_ms, &end->assoc);
}

static void deliver(struct wire *wire, const struct datagram *d)
{
	struct end *ends[] = {&wire->server, &wire->client, &wire->stranger};

	for (unsigned int i = 0; i < 3; i++)
		if (ends[i]->assoc && ipaddr_equal(&ends[i]->addr, &d->to))
			dtls_assoc_input(ends[i]->assoc, &d->from, d->bytes, d->len, wire->now_ms);
}

/* Delivers what is queued, as the wire's habit is; what this sends waits for the next round. */
static void round_trip(struct wire *wire, unsigned int loss_percent, bool mix)
{
	struct datagram batch[QUEUE];
	unsigned int n = wire->n_queued;

	memcpy(batch, wire->queue, sizeof(batch));
	wire->n_queued = 0;
	for (unsigned int i = 0; i < n; i++) {
		const struct datagram *d = &batch[mix ? n - 1 - i : i];
		if ((unsigned int)rand() % 100 < loss_percent)
			continue;
		deliver(wire, d);
		if (mix && rand() % 4 == 0)
			deliver(wire, d);
	}
}

/* OpenSSL's timer runs on the wall clock: make its time-outs due. */
static void expire(struct wire *wire)
{
	struct end *ends[] = {&wire->server, &wire->client};
	struct timespec rest = {.tv_nsec = 2000000};

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t at = dtls_assoc_deadline(ends[i]->assoc, wire->now_ms);
		if (at != UINT64_MAX && at - wire->now_ms < 50)
			nanosleep(&rest, NULL);
		dtls_assoc_timer(ends[i]->assoc, wire->now_ms);
	}
}

static int setup(void **state)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	wire->now_ms = 1000000;
	srand(7);
	end_open(wire, &wire->server, 1);
	end_open(wire, &wire->client, 2);
	end_open(wire, &wire->stranger, 3);
	*state = wire;
	return 0;
}

static int teardown(void **state)
{
	struct wire *wire = *state;
	struct end *ends[] = {&wire->server, &wire->client, &wire->stranger};

	for (unsigned int i = 0; i < 3; i++) {
		dtls_assoc_free(ends[i]->assoc);
		dtls_endpoint_free(ends[i]->endpoint);
	}
	free(wire);
	return 0;
}

static void check_keys(const struct wire *wire, unsigned int suite)
{
	const struct end *s = &wire->server, *c = &wire->client;

	assert_int_equal(s->n_done, 1);
	assert_int_equal(c->n_done, 1);
	assert_int_equal(s->rx.suite, suite);
	assert_true(dp_srtp_valid(&s->rx) && dp_srtp_valid(&s->tx));
	assert_memory_equal(&s->rx, &c->tx, sizeof(s->rx));
	assert_memory_equal(&s->tx, &c->rx, sizeof(s->rx));
	assert_memory_not_equal(&s->tx, &s->rx, sizeof(s->rx));
	assert_true(ipaddr_equal(&s->source, &c->addr));
}

static void handshake(struct wire *wire, uint32_t server_suites, uint32_t client_suites)
{
	assert_int_equal(
		associate(&wire->server, CTL_DTLS_SERVER, &wire->client, server_suites), 0);
	assert_int_equal(
		associate(&wire->client, CTL_DTLS_CLIENT, &wire->server, client_suites), 0);
	for (unsigned int i = 0; i < 12; i++)
		round_trip(wire, 0, false);
}

static void test_keys(void **state)
{
	static const struct {
		uint32_t server, client;
		unsigned int suite;
	} cases[] = {
		{ALL_SUITES, ALL_SUITES, DP_SRTP_GCM_256},
		{ALL_SUITES, SUITE(GCM_128) | SUITE(CM_128_SHA1_80), DP_SRTP_GCM_128},
		{SUITE(CM_128_SHA1_80) | SUITE(CM_128_SHA1_32), ALL_SUITES, DP_SRTP_CM_128_SHA1_80},
		{SUITE(CM_128_SHA1_32), ALL_SUITES, DP_SRTP_CM_128_SHA1_32},
	};
	struct wire *wire = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		handshake(wire, cases[i].server, cases[i].client);
		check_keys(wire, cases[i].suite);
		assert_true(dtls_assoc_established(wire->server.assoc));
		assert_int_equal(dtls_assoc_deadline(wire->server.assoc, wire->now_ms), UINT64_MAX);
		assert_in_range(wire->longest, 100, DTLS_DATAGRAM_MAX);
		dtls_assoc_free(wire->server.assoc);
		dtls_assoc_free(wire->client.assoc);
		wire->server.assoc = wire->client.assoc = NULL;
		wire->server.n_done = wire->client.n_done = 0;
	}
	assert_int_equal(dtls_endpoint_counts(wire->server.endpoint)->established, 4);
}

static void test_no_common_profile(void **state)
{
	struct wire *wire = *state;

	handshake(wire, SUITE(CM_128_SHA1_80), SUITE(GCM_128));
	assert_int_equal(wire->server.n_done + wire->client.n_done, 0);
	assert_true(dtls_endpoint_counts(wire->server.endpoint)->no_profile > 0);
}

static void test_conf(void **state)
{
	struct wire *wire = *state;
	struct dtls_conf conf = {.role = CTL_DTLS_SERVER, .suites = ALL_SUITES};
	struct dtls_assoc *assoc;

	/* No fingerprint, no profile for the suites, a client that knows nobody, no role. */
	assert_int_equal(
		dtls_assoc_new(wire->server.endpoint, &conf, &ops, NULL, 0, &assoc), -EINVAL);
	dtls_endpoint_fingerprint(wire->client.endpoint, &conf.peer);
	conf.suites = SUITE(CM_256_SHA1_80);
	assert_int_equal(
		dtls_assoc_new(wire->server.endpoint, &conf, &ops, NULL, 0, &assoc), -EINVAL);
	conf.suites = ALL_SUITES;
	conf.role = CTL_DTLS_CLIENT;
	assert_int_equal(
		dtls_assoc_new(wire->server.endpoint, &conf, &ops, NULL, 0, &assoc), -EINVAL);
	conf.role = 0;
	assert_int_equal(
		dtls_assoc_new(wire->server.endpoint, &conf, &ops, NULL, 0, &assoc), -EINVAL);
}

/* Loss, duplicates and reversed flights: it takes longer and ends with the same keys. */
static void test_bad_wire(void **state)
{
	struct wire *wire = *state;

	assert_int_equal(associate(&wire->server, CTL_DTLS_SERVER, &wire->client, ALL_SUITES), 0);
	assert_int_equal(associate(&wire->client, CTL_DTLS_CLIENT, &wire->server, ALL_SUITES), 0);
	for (unsigned int i = 0; i < 12; i++)
		round_trip(wire, i == 0 || i == 3 ? 100 : 20, true);
	for (unsigned int i = 0; i < 2000 && !(wire->client.n_done && wire->server.n_done); i++) {
		struct timespec rest = {.tv_nsec = 5000000};
		nanosleep(&rest, NULL); /* OpenSSL's timers run on the wall clock */
		expire(wire);
		round_trip(wire, 0, false);
	}
	check_keys(wire, DP_SRTP_GCM_256);
}

/* A certificate that nobody announced never gets keys, and the announced one still does. */
static void test_stranger_first(void **state)
{
	struct wire *wire = *state;
	const struct ctl_nat_counts *counts = dtls_endpoint_counts(wire->server.endpoint);

	assert_int_equal(associate(&wire->server, CTL_DTLS_SERVER, &wire->client, ALL_SUITES), 0);
	assert_int_equal(associate(&wire->stranger, CTL_DTLS_CLIENT, &wire->server, ALL_SUITES), 0);
	for (unsigned int i = 0; i < 12; i++)
		round_trip(wire, 0, false);
	assert_int_equal(wire->server.n_done, 0);
	assert_int_equal(wire->stranger.n_done, 0);
	assert_int_equal(counts->bad_fingerprint, 1);
	assert_int_equal(associate(&wire->client, CTL_DTLS_CLIENT, &wire->server, ALL_SUITES), 0);
	for (unsigned int i = 0; i < 12; i++)
		round_trip(wire, 0, false);
	check_keys(wire, DP_SRTP_GCM_256);
}

/* As client we do not take another server's certificate, and try again until the time is up. */
static void test_wrong_server(void **state)
{
	struct wire *wire = *state;
	const struct ctl_nat_counts *counts = dtls_endpoint_counts(wire->client.endpoint);

	assert_int_equal(associate(&wire->server, CTL_DTLS_SERVER, &wire->client, ALL_SUITES), 0);
	assert_int_equal(associate(&wire->client, CTL_DTLS_CLIENT, &wire->stranger, ALL_SUITES), 0);
	for (unsigned int i = 0; i < 12; i++)
		round_trip(wire, 0, false);
	assert_int_equal(wire->client.n_done + wire->server.n_done, 0);
	assert_int_equal(counts->bad_fingerprint, 1);
	wire->now_ms += 1000;
	dtls_assoc_timer(wire->client.assoc, wire->now_ms);
	for (unsigned int i = 0; i < 12; i++)
		round_trip(wire, 0, false);
	assert_int_equal(counts->bad_fingerprint, 2);
	wire->now_ms += DTLS_HANDSHAKE_MS;
	dtls_assoc_timer(wire->client.assoc, wire->now_ms);
	dtls_assoc_timer(wire->client.assoc, wire->now_ms + 5000);
	assert_int_equal(wire->client.n_timeout, 1);
	assert_int_equal(counts->timed_out, 1);
}

/* A ClientHello from a source that does not hear us costs one answer, no longer than itself. */
static void test_spoofed_hello(void **state)
{
	struct wire *wire = *state;
	struct datagram hello;

	assert_int_equal(associate(&wire->client, CTL_DTLS_CLIENT, &wire->server, ALL_SUITES), 0);
	hello = wire->queue[0];
	wire->n_queued = 0;
	assert_int_equal(associate(&wire->server, CTL_DTLS_SERVER, &wire->client, ALL_SUITES), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		struct ipaddr from = address(9);
		from.port_be16 = htons((uint16_t)(1024 + i));
		wire->longest = 0;
		dtls_assoc_input(wire->server.assoc, &from, hello.bytes, hello.len, wire->now_ms);
		assert_int_equal(wire->n_queued, 1);
		assert_true(wire->longest <= hello.len);
		wire->n_queued = 0;
	}
	/* and the client, whose first hello was lost, is served at once with another */
	dtls_assoc_free(wire->client.assoc);
	assert_int_equal(associate(&wire->client, CTL_DTLS_CLIENT, &wire->server, ALL_SUITES), 0);
	for (unsigned int i = 0; i < 12; i++)
		round_trip(wire, 0, false);
	check_keys(wire, DP_SRTP_GCM_256);
}

/* Nonsense, cut and changed records, alerts in the clear: at any point of the handshake. */
static void test_noise(void **state)
{
	static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
	struct wire *wire = *state;
	uint8_t bytes[600];

	assert_int_equal(associate(&wire->server, CTL_DTLS_SERVER, &wire->client, ALL_SUITES), 0);
	assert_int_equal(associate(&wire->client, CTL_DTLS_CLIENT, &wire->server, ALL_SUITES), 0);
	for (unsigned int i = 0; i < 12; i++) {
		struct ipaddr from = address(20);
		struct datagram last = wire->queue[0];
		dtls_assoc_input(wire->server.assoc, &from, alert, sizeof(alert), wire->now_ms);
		dtls_assoc_input(wire->client.assoc, &from, alert, sizeof(alert), wire->now_ms);
		for (unsigned int j = 0; j < 50; j++) {
			size_t len = (size_t)rand() % sizeof(bytes);
			for (size_t k = 0; k < len; k++)
				bytes[k] = (uint8_t)rand();
			if (len)
				bytes[0] = (uint8_t)(15 + rand() % 52);
			dtls_assoc_input(wire->server.assoc, &from, bytes, len, wire->now_ms);
		}
		for (size_t len = 0; last.len && len < last.len; len += 7)
			dtls_assoc_input(wire->server.assoc, &from, last.bytes, len, wire->now_ms);
		round_trip(wire, 0, false);
	}
	check_keys(wire, DP_SRTP_GCM_256);
	assert_true(dtls_endpoint_counts(wire->server.endpoint)->not_dtls > 0);
}

/* Sources beyond the limit are ignored and counted; time gives the rows back. */
static void test_crowd(void **state)
{
	struct wire *wire = *state;
	const struct ctl_nat_counts *counts = dtls_endpoint_counts(wire->server.endpoint);
	struct dtls_assoc *crowd[DTLS_PEERS_MAX + 1];

	assert_int_equal(associate(&wire->server, CTL_DTLS_SERVER, &wire->client, ALL_SUITES), 0);
	for (uint8_t i = 0; i <= DTLS_PEERS_MAX; i++) {
		/* each completes the cookie exchange from its own address and then falls silent */
		wire->stranger.addr = address((uint8_t)(100 + i));
		assert_int_equal(
			associate(&wire->stranger, CTL_DTLS_CLIENT, &wire->server, ALL_SUITES), 0);
		for (unsigned int j = 0; j < 3; j++)
			round_trip(wire, 0, false);
		wire->n_queued = 0;
		crowd[i] = wire->stranger.assoc;
		wire->stranger.assoc = NULL;
	}
	assert_true(counts->ignored > 0);
	for (uint8_t i = 0; i <= DTLS_PEERS_MAX; i++)
		dtls_assoc_free(crowd[i]);
	wire->now_ms += DTLS_HANDSHAKE_MS;
	dtls_assoc_timer(wire->server.assoc, wire->now_ms);
	assert_int_equal(wire->server.n_timeout, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_keys),
		T(test_no_common_profile),
		T(test_conf),
		T(test_bad_wire),
		T(test_stranger_first),
		T(test_wrong_server),
		T(test_spoofed_hello),
		T(test_noise),
		T(test_crowd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
