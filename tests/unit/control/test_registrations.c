/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-control's copy of the bindings: what was put is acknowledged once stored, survives its end, goes
 * to the worker it belongs to, in portions; a broken file is put aside; after a failure everything is
 * wanted again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <time.h>

#include "controlplane/core/registrations.h"

static struct event_base *base;
static struct registrations *r;
static char dir[64];
static unsigned int room, n_restored[2], n_cleared;
static struct ctl_reg_ack acked;
static time_t skew_s;

/* libevent's clock, too: what waits for seconds is due at once. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += skew_s;
	return (int)rc;
}

static bool far_send(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	if (type == CTL_REG_ACK) {
		memcpy(&acked, part1, sizeof(acked));
	} else if (type == CTL_REG_RESTORE) {
		assert_int_equal(len1, 5);
		assert_memory_equal(part1, "state", 5);
		n_restored[worker]++;
		room--;
	} else {
		n_cleared++;
	}
	return true;
}

static unsigned int far_room(void *arg, uint32_t worker)
{
	return room;
}

static uint64_t far_wall(void *arg)
{
	return 1000000;
}

static void start(void)
{
	static const struct registrations_ops ops = {far_send, far_room, far_wall, NULL};

	assert_int_equal(registrations_new(base, dir, &ops, &r), 0);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/limen-test-reg-XXXXXX");
	(void)!mkdtemp(dir);
	base = event_base_new();
	room = 100000;
	n_restored[0] = n_restored[1] = n_cleared = 0;
	acked = (struct ctl_reg_ack){0};
	start();
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"registrations.db", "registrations.db-wal",
		"registrations.db-shm", "registrations.db.bad", "registrations.db.bad-wal"};
	char path[128];

	registrations_free(r);
	event_base_free(base);
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static void put(unsigned int i, uint64_t expires_ms)
{
	struct ctl_reg reg = {.key = {.id = i + 1, .owner = i, .seq = i + 1},
		.since_ms = 5,
		.expires_ms = expires_ms,
		.remote = {.family = 4, .ip = {192, 0, 2, 1}},
		.reg_id = 3,
		.q = 500,
		.transport = 2,
		.flags = CTL_REG_NAT,
		.digest = 1,
		.realm = "access",
		.contact = "sip:x",
		.agent = "P"};

	snprintf(reg.user, sizeof(reg.user), "u%u", i);
	assert_int_equal(registrations_put(r, 0, &reg, "state", 5), 0);
}

static int row(const struct ctl_reg *reg, void *arg)
{
	assert_string_equal(reg->realm, "access");
	assert_string_equal(reg->contact, "sip:x");
	assert_int_equal(reg->reg_id, 3);
	assert_int_equal(reg->q, 500);
	assert_int_equal(reg->transport, 2);
	assert_int_equal(reg->flags, CTL_REG_NAT);
	assert_int_equal(reg->remote.ip[0], 192);
	++*(unsigned int *)arg;
	return 0;
}

static unsigned int count(const char *user)
{
	unsigned int n = 0;

	registrations_each(r, user, row, &n);
	return n;
}

static void wait_ack(uint64_t seq)
{
	for (unsigned int i = 0; i < 1000 && acked.seq < seq; i++)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(acked.seq, seq);
}

static void test_store(void **state)
{
	struct ctl_reg_key key = {.id = 2, .seq = 4};
	uint64_t store_id;

	registrations_worker_up(r, 0, 1, true);
	store_id = acked.store_id;
	assert_true(store_id != 0);
	assert_int_equal(acked.seq, 0);
	for (unsigned int i = 0; i < 3; i++)
		put(i, 2000000);
	wait_ack(3);
	assert_int_equal(count(NULL), 3);
	assert_int_equal(registrations_del(r, 0, &key), 0);
	put(2, 3000000); /* the same once more */
	assert_int_equal(registrations_count(r), 2);
	/* what was not acknowledged is written at the end */
	registrations_free(r);
	start();
	assert_int_equal(count("u2"), 1);
	assert_int_equal(count("u1"), 0);
	assert_int_equal(count(NULL), 2);
	registrations_worker_up(r, 0, 1, true);
	assert_int_equal(acked.store_id, store_id);
	assert_int_equal(n_restored[0], 2);
	assert_string_equal(registrations_problem(r), "");
}

static void test_restore(void **state)
{
	for (unsigned int i = 0; i < 1000; i++)
		put(i, i < 900 ? 2000000 : 900000); /* a hundred have ended */
	room = 100;
	registrations_worker_up(r, 0, 2, true);
	assert_int_equal(n_restored[0], 100);
	room = 10000;
	registrations_more(r, 0);
	assert_int_equal(n_restored[0], 450);
	registrations_worker_up(r, 1, 2, false);
	assert_int_equal(n_restored[1], 0);
	registrations_worker_up(r, 1, 2, true);
	assert_int_equal(n_restored[1], 450);
	/* cut off, it begins again */
	room = 10;
	registrations_worker_up(r, 1, 2, true);
	registrations_worker_down(r, 1);
	room = 10000;
	registrations_more(r, 1);
	assert_int_equal(n_restored[1], 460);
	registrations_worker_up(r, 1, 2, false);
	assert_int_equal(n_restored[1], 910);
}

static void test_queue(void **state)
{
	static const char large[CTL_REG_STATE_MAX] = "state";
	struct ctl_reg reg = {.realm = "access", .user = "u"};
	struct ctl_reg_key key = {.id = 7, .seq = 901};

	registrations_worker_up(r, 0, 1, false);
	/* What fills the queue is written without waiting for its time. */
	for (unsigned int i = 1; i <= 100; i++) {
		reg.key.id = reg.key.seq = i;
		assert_int_equal(registrations_put(r, 0, &reg, large, sizeof(large)), 0);
	}
	assert_in_range(acked.seq, 50, 99);
	for (unsigned int i = 101; i <= 900; i++) {
		reg.key.id = reg.key.seq = i;
		assert_int_equal(registrations_put(r, 0, &reg, large, 5), 0);
	}
	assert_in_range(acked.seq, 500, 899);
	/* In their order. */
	assert_int_equal(registrations_del(r, 0, &key), 0);
	reg.key.id = 8;
	reg.key.seq = 902;
	assert_int_equal(registrations_put(r, 0, &reg, large, 5), 0);
	key.id = 8;
	key.seq = 903;
	assert_int_equal(registrations_del(r, 0, &key), 0);
	/* Who asks sees all of it, and it is acknowledged. */
	assert_int_equal(registrations_count(r), 898);
	assert_int_equal(acked.seq, 903);
	reg.key.id = 7;
	reg.key.seq = 904;
	assert_int_equal(registrations_put(r, 0, &reg, large, 5), 0);
	registrations_worker_up(r, 0, 1, true);
	assert_int_equal(n_restored[0], 0); /* their time is over */
	assert_int_equal(registrations_count(r), 899);
}

/* A disk that fails for a while. */
static void test_failure(void **state)
{
	uint64_t store_id;
	char path[128];
	sqlite3 *other;

	registrations_worker_up(r, 0, 1, false);
	put(0, 2000000);
	wait_ack(1);
	store_id = acked.store_id;
	snprintf(path, sizeof(path), "%s/registrations.db", dir);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	put(1, 2000000);
	assert_int_equal(registrations_count(r), 1);
	assert_int_equal(acked.seq, 1);
	put(2, 2000000);
	assert_int_equal(registrations_count(r), 1);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	put(3, 2000000);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(acked.store_id, store_id);
	assert_int_equal(registrations_count(r), 1);
	/* Another store: it knows nothing, and limen-sip tells everything again. */
	skew_s += 6;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(acked.store_id != store_id);
	store_id = acked.store_id;
	for (unsigned int i = 4; i < 8; i++) /* their numbers go on */
		put(i, 2000000);
	wait_ack(8);
	assert_int_equal(acked.store_id, store_id);
	assert_int_equal(registrations_count(r), 5);
}

static void test_clear(void **state)
{
	assert_int_equal(registrations_clear(r, "u1", false), -ENOENT);
	put(1, 2000000);
	assert_int_equal(registrations_clear(r, "u1", false), -ENOTCONN);
	registrations_worker_up(r, 0, 1, false);
	assert_int_equal(registrations_clear(r, "u1", true), -ENOENT);
	assert_int_equal(registrations_clear(r, "u1", false), 0);
	assert_int_equal(n_cleared, 1);
}

static void test_broken(void **state)
{
	struct ctl_reg reg = {.key = {.id = 1}, .user = "u", .remote = {.family = 9}};
	struct ctl_reg_key key = {0};
	char path[128];
	FILE *f;

	assert_int_equal(registrations_put(r, 0, &reg, "state", 5), -EPROTO);
	reg.remote.family = 0;
	assert_int_equal(registrations_put(r, 0, &reg, "", 0), -EPROTO);
	memset(reg.user, 'x', sizeof(reg.user));
	assert_int_equal(registrations_put(r, 0, &reg, "state", 5), -EPROTO);
	assert_int_equal(registrations_del(r, 0, &key), -EPROTO);
	put(1, 2000000);
	registrations_free(r);
	snprintf(path, sizeof(path), "%s/registrations.db", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned int i = 0; i < 5000; i++)
		fputs("no database ", f);
	fclose(f);
	start();
	assert_string_equal(registrations_problem(r), "");
	assert_int_equal(registrations_count(r), 0);
	put(1, 2000000);
	assert_int_equal(registrations_count(r), 1);
	snprintf(path, sizeof(path), "%s/registrations.db.bad", dir);
	assert_int_equal(access(path, F_OK), 0);
	/* no file at all: memory */
	registrations_free(r);
	char keep[sizeof(dir)];
	memcpy(keep, dir, sizeof(keep));
	strcpy(dir, "/nonexistent");
	start();
	assert_true(registrations_problem(r)[0] != '\0');
	put(1, 2000000);
	assert_int_equal(registrations_count(r), 1);
	memcpy(dir, keep, sizeof(dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clear, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
