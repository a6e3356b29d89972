/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-nat's associations: two of them, as if at both ends of a call, with a wire in between;
 * what limen-control asks for, and what it is told.
 */
#include "controlplane/nat/nat.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/nat/dtls.h"

#define QUEUE 64
#define NOW   1000000

struct datagram {
	struct dp_nat_packet head;
	uint8_t bytes[DP_NAT_BYTES_MAX];
};
_Static_assert(offsetof(struct datagram, bytes) == sizeof(struct dp_nat_packet), "one message");

/* One limen-nat; the other one is at the far end of its wire. */
struct end {
	struct nat *nat;
	struct ipaddr addr;
	struct end *far;
	struct datagram queue[QUEUE];
	unsigned int n_queue, n_keys, n_failed;
	struct ctl_nat_keys keys;
	struct ctl_nat_id failed;
};

struct world {
	struct end a, b;
};

static void on_keys(void *arg, const struct ctl_nat_keys *keys)
{
	struct end *end = arg;

	end->n_keys++;
	end->keys = *keys;
}

static void on_failed(void *arg, const struct ctl_nat_id *id)
{
	struct end *end = arg;

	end->n_failed++;
	end->failed = *id;
}

static void on_send(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes)
{
	struct end *end = arg;
	struct datagram *d = &end->queue[end->n_queue];

	assert_true(end->n_queue < QUEUE);
	assert_true(ipaddr_equal(&head->remote, &end->far->addr));
	end->n_queue++;
	d->head = *head;
	memcpy(d->bytes, bytes, head->n);
}

static const struct nat_ops ops = {on_keys, on_failed, on_send};

/* What an end sent arrives at the other one. */
static void carry(struct end *from, struct end *to, uint64_t session, uint32_t leg)
{
	unsigned int n = from->n_queue;

	for (unsigned int i = 0; i < n; i++) {
		struct datagram d = from->queue[i];
		d.head.session_id = session;
		d.head.leg = leg;
		d.head.remote = from->addr;
		nat_packet(to->nat, &d.head, NOW);
	}
	from->n_queue = 0;
}

static void end_open(struct end *end, struct end *far, uint8_t last)
{
	end->far = far;
	end->addr = (struct ipaddr){.family = 4, .port_be16 = htons(4000), .ip = {192, 0, 2, last}};
	assert_int_equal(nat_new(&ops, end, &end->nat), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	end_open(&w->a, &w->b, 1);
	end_open(&w->b, &w->a, 2);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	nat_free(w->a.nat);
	nat_free(w->b.nat);
	free(w);
	return 0;
}

static struct ctl_nat wanted(
	const struct end *of, uint8_t role, uint64_t session, uint32_t leg, uint32_t association)
{
	struct ctl_nat msg = {
		.id = {.session_id = session, .leg = leg, .association = association}};
	struct ctl_nat_info info;

	nat_info(of->far->nat, &info);
	msg.dtls = (struct ctl_dtls){.role = role,
		.suites = 1u << DP_SRTP_CM_128_SHA1_80,
		.peer = info.own,
		.association = association};
	if (role == CTL_DTLS_CLIENT)
		msg.remote = of->far->addr;
	return msg;
}

static void handshake(struct world *w, uint32_t association)
{
	struct ctl_nat a = wanted(&w->a, CTL_DTLS_SERVER, 70, 1, association);
	struct ctl_nat b = wanted(&w->b, CTL_DTLS_CLIENT, 80, 0, association);

	assert_int_equal(nat_set(w->a.nat, &a, NOW), 0);
	assert_int_equal(nat_set(w->b.nat, &b, NOW), 0);
	for (unsigned int i = 0; i < 12; i++) {
		carry(&w->b, &w->a, 70, 1);
		carry(&w->a, &w->b, 80, 0);
	}
}

static void test_keys(void **state)
{
	struct world *w = *state;
	struct ctl_nat_info info;

	assert_int_equal(nat_timer(w->a.nat, NOW), UINT64_MAX);
	handshake(w, 3);
	assert_int_equal(w->a.n_keys, 1);
	assert_int_equal(w->b.n_keys, 1);
	assert_int_equal(w->a.keys.id.session_id, 70);
	assert_int_equal(w->a.keys.id.leg, 1);
	assert_int_equal(w->a.keys.id.association, 3);
	assert_int_equal(w->b.keys.id.session_id, 80);
	assert_memory_equal(&w->a.keys.rx, &w->b.keys.tx, sizeof(struct dp_srtp));
	assert_memory_equal(&w->a.keys.tx, &w->b.keys.rx, sizeof(struct dp_srtp));
	assert_true(ipaddr_equal(&w->a.keys.source, &w->b.addr));
	assert_int_equal(nat_timer(w->a.nat, NOW), UINT64_MAX);
	nat_info(w->a.nat, &info);
	assert_int_equal(info.n_associations, 1);
	assert_int_equal(info.counts.established, 1);

	/* The same wish again changes nothing and tells the keys; limen-control that starts again is told. */
	struct ctl_nat again = wanted(&w->a, CTL_DTLS_SERVER, 70, 1, 3);
	assert_int_equal(nat_set(w->a.nat, &again, NOW), 0);
	assert_int_equal(w->a.n_keys, 2);
	nat_replay(w->a.nat);
	assert_int_equal(w->a.n_keys, 3);
	assert_int_equal(w->a.keys.id.association, 3);

	/* Another association has other keys. */
	struct ctl_nat_keys before = w->a.keys;
	handshake(w, 4);
	assert_int_equal(w->a.n_keys, 4);
	assert_int_equal(w->a.keys.id.association, 4);
	assert_memory_not_equal(&w->a.keys.rx, &before.rx, sizeof(before.rx));
	assert_memory_equal(&w->a.keys.rx, &w->b.keys.tx, sizeof(struct dp_srtp));

	nat_del(w->a.nat, &w->a.keys.id);
	nat_del(w->a.nat, &w->a.keys.id);
	nat_replay(w->a.nat);
	assert_int_equal(w->a.n_keys, 4);
	nat_info(w->a.nat, &info);
	assert_int_equal(info.n_associations, 0);
}

static void test_timeout(void **state)
{
	struct world *w = *state;
	struct ctl_nat b = wanted(&w->b, CTL_DTLS_CLIENT, 80, 0, 9);

	assert_int_equal(nat_set(w->b.nat, &b, NOW), 0);
	assert_int_equal(w->b.n_queue, 1);
	assert_true(nat_timer(w->b.nat, NOW) <= NOW + 1000);
	assert_int_equal(nat_timer(w->b.nat, NOW + DTLS_HANDSHAKE_MS), UINT64_MAX);
	assert_int_equal(w->b.n_failed, 1);
	assert_int_equal(w->b.failed.association, 9);
	assert_int_equal(nat_timer(w->b.nat, NOW + 2 * DTLS_HANDSHAKE_MS), UINT64_MAX);
	assert_int_equal(w->b.n_failed, 1);
}

/* A client whose far end moved calls there. */
static void test_moved(void **state)
{
	struct world *w = *state;
	struct ctl_nat b = wanted(&w->b, CTL_DTLS_CLIENT, 80, 0, 9);

	assert_int_equal(nat_set(w->b.nat, &b, NOW), 0);
	w->b.n_queue = 0;
	w->a.addr.ip[3] = 77;
	b.remote = w->a.addr;
	assert_int_equal(nat_set(w->b.nat, &b, NOW), 0);
	assert_int_equal(w->b.n_queue, 1);
}

static void test_refused(void **state)
{
	struct world *w = *state;
	const struct ctl_nat good = wanted(&w->a, CTL_DTLS_SERVER, 70, 1, 3);
	struct ctl_nat bad[6] = {good, good, good, good, good, good};
	struct datagram d = {.head = {.session_id = 70, .leg = 1, .remote = w->b.addr, .n = 20}};
	struct ctl_nat_info info;

	bad[0].id.leg = 2;
	bad[1].id.association = 4;
	bad[2].dtls.role = 9;
	bad[3].dtls.suites = 1u << DP_SRTP_CM_256_SHA1_80;
	bad[4].dtls.peer.len = 1;
	bad[5].remote.family = 7;
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(nat_set(w->a.nat, &bad[i], NOW), -EINVAL);
	nat_info(w->a.nat, &info);
	assert_int_equal(info.n_associations, 0);

	/* Datagrams that nobody waits for, of STUN, and of the second port. */
	d.bytes[0] = 22;
	nat_packet(w->a.nat, &d.head, NOW);
	assert_int_equal(nat_set(w->a.nat, &good, NOW), 0);
	d.bytes[0] = 1;
	nat_packet(w->a.nat, &d.head, NOW);
	d.bytes[0] = 22;
	d.head.rtcp = 1;
	nat_packet(w->a.nat, &d.head, NOW);
	nat_info(w->a.nat, &info);
	assert_int_equal(info.counts.stray, 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_keys),
		T(test_timeout),
		T(test_moved),
		T(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
