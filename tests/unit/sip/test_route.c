/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dial-peer routing: patterns, order, rejection reasons, sources; each by a table. */
#include "sip-b2bua/routing/route.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/base/flash.h"

enum { T_A, T_B, T_BUSY, T_DOWN, N_TRUNKS };

static struct cfg_trunk trunks[N_TRUNKS] = {
	[T_A] = {.name = "a", .realm = "peering"},
	[T_B] = {.name = "b", .realm = "peering"},
	[T_BUSY] = {.name = "busy", .realm = "peering"},
	[T_DOWN] = {.name = "down", .realm = "peering", .shutdown = true},
};

#define PEER(t, pat, tr, ...)                                                    \
	{                                                                        \
		.tag = (t), .destination_pattern = pat, .trunk = tr, __VA_ARGS__ \
	}

static struct cfg_dial_peer peers[] = {
	PEER(10, "+49T", "a"),
	PEER(11, "+4989T", "b"),
	PEER(12, "+4989......", "a"),
	PEER(20, "0T", "a", .preference = 2),
	PEER(21, "0T", "b", .preference = 1),
	PEER(22, "0T", "busy", .preference = 0),
	PEER(30, "112", "a", .incoming_realm = "access"),
	PEER(31, "112", "b", .incoming_realm = "core"),
	PEER(40, "7..", "a"),
	PEER(41, "71.", "busy", .huntstop = true),
	PEER(42, "711", "down"),
	PEER(50, "8T", "a", .shutdown = true, .huntstop = true),
	PEER(51, "8T", "b", .preference = 1, .huntstop = true),
	PEER(52, "8T", "a", .preference = 2),
	PEER(60, "*21#", "a"),
	PEER(61, "9AbcD", "a"),
	PEER(62, "95", "nosuch"),
	PEER(63, "96", ""),
	PEER(70, "", "a"),
	PEER(80, "6T", "busy"),
	PEER(81, "6T", "", .preference = 1, .announcement = "sorry"),
	PEER(82, "61", "", .conference = "sales"),
	PEER(83, "62", "", .tone = CFG_TONE_BUSY),
	PEER(84, "63", "", .tone = CFG_TONE_DIAL, .shutdown = true),
};

static const struct cfg cfg = {
	.trunks = trunks,
	.n_trunks = N_TRUNKS,
	.dial_peers = peers,
	.n_dial_peers = sizeof(peers) / sizeof(peers[0]),
};

static bool trunk_up(void *arg, uint32_t index)
{
	return index != T_BUSY;
}

static struct route_table *table_new(const struct cfg *c)
{
	char error[ROUTE_REASON_MAX];
	struct route_table *t = NULL;

	assert_int_equal(route_table_new(c, &t, error), 0);
	return t;
}

static int lookup(const struct route_table *t, const char *number, const char *realm,
	struct route_result *res)
{
	return route_lookup(t,
		&(struct route_query){.realm = realm, .called = view_of(number), .up = trunk_up},
		res);
}

static const char *const verdicts[] = {
	[ROUTE_SHUTDOWN] = "shut",
	[ROUTE_OTHER_REALM] = "realm",
	[ROUTE_OTHER_TRUNK] = "from",
	[ROUTE_OTHER_TIME] = "time",
	[ROUTE_NO_TRUNK] = "none",
	[ROUTE_TRUNK_SHUTDOWN] = "tshut",
	[ROUTE_TRUNK_BUSYOUT] = "busy",
	[ROUTE_HUNTSTOP] = "stop",
	[ROUTE_REJECTED] = "rejected",
	[ROUTE_NO_LISTENER] = "listen",
	[ROUTE_TOO_MANY] = "many",
	[ROUTE_NO_MAP] = "map",
	[ROUTE_NO_WAY] = "way",
	[ROUTE_EXCLUDED] = "bad",
};

/* "tag" is usable, "tag:verdict" is not; in order. */
static void result_print(const struct route_result *res, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < res->n_rows; i++) {
		n += (size_t)snprintf(
			out + n, size - n, "%s%u", i ? " " : "", res->rows[i].peer->tag);
		if (res->rows[i].verdict != ROUTE_USE)
			n += (size_t)snprintf(
				out + n, size - n, ":%s", verdicts[res->rows[i].verdict]);
	}
}

static void test_order(void **state)
{
	static const struct {
		const char *number, *realm, *want;
	} rows[] = {
		{"+4930123", "access", "10"},
		{"+49", "access", "10"},
		{"+4", "access", ""},
		{"49301", "access", ""},
		{"+49891234", "access", "11 10"},
		{"+4989123456", "access",
			"12 11 10"}, /* as explicit as 11, more characters matched */
		{"+49891234567", "access", "11 10"},
		{"+49 (89) 12-34.56", "access", "12 11 10"},
		{"0123", "access", "22:busy 21 20"},
		{"0", "access", "22:busy 21 20"},
		{"112", "access", "30 31:realm"},
		{"112", "core", "30:realm 31"},
		{"112", "peering", "30:realm 31:realm"},
		{"112", NULL, "30 31"},
		{"1121", "access", ""},
		{"11", "access", ""},
		{"711", "access", "42:tshut 41:busy 40:stop"},
		{"712", "access", "41:busy 40:stop"},
		{"721", "access", "40"},
		{"7", "access", ""},
		{"81", "access", "50:shut 51 52:stop"},
		{"*21#", "access", "60"},
		{"9abCd", "access", "61"},
		{"95", "access", "62:none"},
		{"96", "access", "63:none"},
		{"6", "access", "80:busy 81"},
		{"61", "access", "82 80:busy 81"},
		{"62", "access", "83 80:busy 81"},
		{"63", "access", "84:shut 80:busy 81"},
	};
	struct route_table *t = table_new(&cfg);
	struct route_result res;
	char got[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lookup(t, rows[i].number, rows[i].realm, &res), 0);
		result_print(&res, got, sizeof(got));
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s from %s: got \"%s\", want \"%s\"", rows[i].number,
				rows[i].realm, got, rows[i].want);
	}
	route_table_free(t);
}

static void test_not_a_number(void **state)
{
	static const char *const rows[] = {"", "+", "alice", "12+3", "12 x", "-12", "--", "()",
		"12345678901234567890123456789012345678901234567890123456789012345"};
	struct route_table *t = table_new(&cfg);
	struct route_result res;
	char buf[ROUTE_REASON_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lookup(t, rows[i], "access", &res), -EINVAL);
		assert_int_equal(res.n_rows, 0);
		assert_string_equal(route_result_explain(&res, "access", buf),
			"the called party is not a number");
	}
	route_table_free(t);
}

static void test_explain(void **state)
{
	static const struct {
		const char *number, *want;
	} rows[] = {
		{"711", "dial-peer 42: trunk down is shut down"},
		{"712", "dial-peer 41: trunk busy is busied out"},
		{"113", "no dial-peer matches 113"},
		{"95", "dial-peer 62 has no trunk"},
	};
	static const struct {
		const char *number, *want;
	} local[] = {
		{"60", "dial-peer 81 to announcement sorry"},
		{"61", "dial-peer 82 to conference sales"},
		{"62", "dial-peer 83 to tone busy"},
	};
	struct route_table *t = table_new(&cfg);
	struct route_result res;
	char buf[ROUTE_REASON_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lookup(t, rows[i].number, "access", &res), 0);
		assert_int_equal(res.n_use, 0);
		assert_string_equal(route_result_explain(&res, "access", buf), rows[i].want);
	}
	assert_int_equal(lookup(t, "81", "access", &res), 0);
	assert_string_equal(
		route_row_explain(&res.rows[0], "access", buf), "dial-peer 50 is shut down");
	assert_string_equal(
		route_row_explain(&res.rows[1], "access", buf), "dial-peer 51 to trunk b");
	assert_string_equal(route_row_explain(&res.rows[2], "access", buf),
		"dial-peer 52 comes after the huntstop of 51");
	assert_int_equal(lookup(t, "112", "access", &res), 0);
	assert_string_equal(route_row_explain(&res.rows[1], "access", buf),
		"dial-peer 31 is for calls from realm core, this one comes from access");
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		assert_int_equal(lookup(t, local[i].number, "access", &res), 0);
		assert_string_equal(
			route_row_explain(&res.rows[i == 0], "access", buf), local[i].want);
	}
	route_table_free(t);
}

static void test_pattern(void **state)
{
	static const struct {
		const char *pattern;
		int want;
	} rows[] = {
		{"+49T", 0},
		{"T", 0},
		{".T", 0},
		{"...", 0},
		{"*#ABCDabcd", 0},
		{"+", 0},
		{"", -EINVAL},
		{"4+9", -EINVAL},
		{"T4", -EINVAL},
		{"TT", -EINVAL},
		{"4 9", -EINVAL},
		{"E", -EINVAL},
		{"49$", -EINVAL},
		{"12345678901234567890123456789012345678901234567890123456789012345", -EINVAL},
	};
	char error[ROUTE_REASON_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (route_pattern_check(view_of(rows[i].pattern), error) != rows[i].want)
			fail_msg("\"%s\": want %d", rows[i].pattern, rows[i].want);
	}
	struct cfg_dial_peer bad[] = {PEER(7, "1T1", "a")};
	struct cfg c = {.dial_peers = bad, .n_dial_peers = 1};
	struct route_table *t = NULL;

	assert_int_equal(route_table_new(&c, &t, error), -EINVAL);
	assert_null(t);
	assert_string_equal(
		error, "dial-peer 7: 'T' stands only at the end of a destination pattern");
}

/* More matches than a result holds: the best ones stay, in order. */
static void test_many(void **state)
{
	enum { N = 100 };
	struct cfg_dial_peer *many = calloc(N, sizeof(*many));
	struct cfg c = {
		.trunks = trunks, .n_trunks = N_TRUNKS, .dial_peers = many, .n_dial_peers = N};
	struct route_result res;
	struct route_table *t;

	for (uint32_t i = 0; i < N; i++) {
		many[i] = (struct cfg_dial_peer)PEER(i + 1, "T", "a");
		many[i].preference = N - i;
	}
	t = table_new(&c);
	assert_int_equal(lookup(t, "5", "x", &res), 0);
	assert_int_equal(res.n_rows, ROUTE_ROWS_MAX);
	assert_int_equal(res.n_use, ROUTE_TRIES_MAX);
	assert_int_equal(res.rows[ROUTE_TRIES_MAX].verdict, ROUTE_TOO_MANY);
	assert_int_equal(res.n_left_off, N - ROUTE_ROWS_MAX);
	for (uint32_t i = 0; i < ROUTE_ROWS_MAX; i++)
		assert_int_equal(res.rows[i].peer->tag, N - i);
	route_table_free(t);
	free(many);
}

/* Dots and digits side by side at every depth: the walk sees both without running out of room. */
static void test_deep(void **state)
{
	struct cfg_dial_peer deep[ROUTE_NUMBER_MAX + 1];
	struct cfg c = {.trunks = trunks,
		.n_trunks = N_TRUNKS,
		.dial_peers = deep,
		.n_dial_peers = ROUTE_NUMBER_MAX + 1};
	char number[ROUTE_NUMBER_MAX + 1];
	struct route_result res;
	struct route_table *t;

	memset(deep, 0, sizeof(deep));
	memset(number, '5', ROUTE_NUMBER_MAX);
	number[ROUTE_NUMBER_MAX] = '\0';
	for (uint32_t i = 0; i <= ROUTE_NUMBER_MAX; i++) {
		deep[i].tag = i;
		memcpy(deep[i].destination_pattern, number, sizeof(number));
		memset(deep[i].destination_pattern + i, '.', ROUTE_NUMBER_MAX - i);
	}
	t = table_new(&c);
	assert_int_equal(lookup(t, number, "x", &res), 0);
	assert_int_equal(res.n_rows + res.n_left_off, ROUTE_NUMBER_MAX + 1);
	assert_int_equal(res.rows[0].peer->tag, ROUTE_NUMBER_MAX);
	route_table_free(t);
}

static struct numbers *map_of(uint32_t tag, const char *const *patterns)
{
	struct numtrie_builder *b = numtrie_builder_new();
	struct numbers *numbers = numbers_new();
	void *image;
	size_t len;
	int fd;

	for (; *patterns; patterns++)
		assert_int_equal(numtrie_add(b, view_of(*patterns), false), 0);
	assert_int_equal(numtrie_build(b, &image, &len, NULL, NULL), 0);
	assert_int_equal(flash_seal("test", image, len, &fd), 0);
	assert_int_equal(numbers_set(numbers, NUMBERS_MAP, tag, fd, len), 0);
	close(fd);
	free(image);
	numtrie_builder_free(b);
	return numbers;
}

/* A dial-peer with a map competes as if it had the pattern of the map that matches best. */
static void test_maps(void **state)
{
	static const char *const patterns[] = {"+49T", "+49891T", "0....", NULL};
	static struct cfg_dial_peer mapped[] = {
		PEER(1, "+4989T", "a"),
		PEER(2, "", "b", .destination_map = 5),
		PEER(3, "", "a", .destination_map = 5, .preference = 1),
		PEER(4, "", "a", .destination_map = 6, .huntstop = true),
		PEER(5, "T", "a"),
	};
	static const struct {
		const char *number, *with, *without;
	} rows[] = {
		{"+49301", "2 3 4:map 5", "2:map 4:map 5 3:map"},
		{"+49891", "2 3 1 4:map 5", "1 2:map 4:map 5 3:map"},
		{"+49892", "1 2 3 4:map 5", "1 2:map 4:map 5 3:map"},
		{"01234", "2 3 4:map 5", "2:map 4:map 5 3:map"},
		{"012345", "4:map 5", "2:map 4:map 5 3:map"},
	};
	struct cfg c = {
		.trunks = trunks, .n_trunks = N_TRUNKS, .dial_peers = mapped, .n_dial_peers = 5};
	struct numbers *numbers = map_of(5, patterns);
	struct route_table *t = table_new(&c);
	struct route_result res;
	char got[256], why[ROUTE_REASON_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct route_query q = {.called = view_of(rows[i].number), .numbers = numbers};

		assert_int_equal(route_lookup(t, &q, &res), 0);
		result_print(&res, got, sizeof(got));
		assert_string_equal(got, rows[i].with);
		q.numbers = NULL;
		assert_int_equal(route_lookup(t, &q, &res), 0);
		result_print(&res, got, sizeof(got));
		assert_string_equal(got, rows[i].without);
	}
	assert_string_equal(route_row_explain(&res.rows[1], NULL, why),
		"dial-peer 4: voice class e164-pattern-map 6 is not loaded");
	route_table_free(t);
	numbers_free(numbers);
}

/* ---- sources, times, weights ---- */

#define UTC(h, m) (INT64_C(1798070400) + (h)*3600 + (m)*60) /* 2026-12-24, a Thursday */

static void test_times(void **state)
{
	static const struct {
		int64_t now_s;
		const char *want;
	} rows[] = {
		/* Berlin is one hour ahead. */
		{UTC(7, 59), "1:time 2:time 3 4 5:time"}, {UTC(8, 0), "1:time 2 3 4 5:time"},
		{UTC(16, 59), "1:time 2 3 4:time 5:time"},
		{UTC(17, 0), "1:time 2:time 3 4:time 5:time"},
		{UTC(20, 59), "1:time 2:time 3 4:time 5:time"},
		{UTC(21, 0), "1 2:time 3 4:time 5:time"},
		{UTC(24 + 4, 59), "1 2:time 3 4:time 5:time"}, /* the night of Thursday */
		{UTC(24 + 5, 0), "1:time 2:time 3 4:time 5:time"},
		{UTC(24 + 21, 0), "1:time 2:time 3 4:time 5:time"}, /* Friday has none */
		{UTC(48 + 11, 0), "1:time 2:time 3 4:time 5"},	    /* Saturday */
		/* A summer day, when Berlin is two hours ahead: 2026-06-25, a Thursday. */
		{INT64_C(1782370740), "1:time 2:time 3 4 5:time"}, /* 06:59 UTC */
		{INT64_C(1782370800), "1:time 2 3 4 5:time"},	   /* 07:00 UTC, 09:00 there */
	};
	static struct cfg_time_range ranges[] = {
		{.name = "night",
			.timezone = "Europe/Berlin",
			.n_periodic = 1,
			.periodic = {{.days = 0x08, .start = 22 * 60, .end = 6 * 60}}},
		{.name = "office",
			.timezone = "Europe/Berlin",
			.n_periodic = 1,
			.periodic = {{.days = 0x1f, .start = 9 * 60, .end = 18 * 60}}},
		{.name = "until", .timezone = "UTC", .end = {2026, 12, 24, 12 * 60}},
		{.name = "weekend",
			.timezone = "UTC",
			.n_periodic = 2,
			.periodic = {{.days = 0x20, .start = 0, .end = 24 * 60},
				{.days = 0x40, .start = 0, .end = 24 * 60}}},
	};
	static struct cfg_dial_peer timed[] = {
		PEER(1, "T", "a", .time_range = "night"),
		PEER(2, "T", "a", .time_range = "office"),
		PEER(3, "T", "a"),
		PEER(4, "T", "a", .time_range = "until"),
		PEER(5, "T", "a", .time_range = "weekend"),
	};
	struct cfg c = {.trunks = trunks,
		.n_trunks = N_TRUNKS,
		.dial_peers = timed,
		.n_dial_peers = 5,
		.time_ranges = ranges,
		.n_time_ranges = 4};
	struct route_table *t = table_new(&c);
	char got[256], why[ROUTE_REASON_MAX];
	struct route_result res;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(route_lookup(t,
					 &(struct route_query){
						 .called = view_of("5"), .now_s = rows[i].now_s},
					 &res),
			0);
		result_print(&res, got, sizeof(got));
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
	}
	assert_int_equal(
		route_lookup(t, &(struct route_query){.called = view_of("5"), .now_s = UTC(17, 2)},
			&res),
		0);
	assert_string_equal(route_row_explain(&res.rows[1], NULL, why),
		"dial-peer 2 is for time-range office, by whose clock it is Thu 18:02");
	route_table_free(t);
	ranges[0].timezone[0] = 'X';
	assert_int_equal(route_table_new(&c, &t, why), -ENOENT);
	assert_string_equal(why,
		"time-range night: \"timezone Xurope/Berlin\": the time zone "
		"database has no such zone");
	ranges[0].timezone[0] = 'E';
}

static void test_incoming(void **state)
{
	static struct cfg_dial_peer peers_in[] = {
		PEER(1, "", "", .incoming_called = "T"),
		PEER(2, "", "", .incoming_called = "1T", .incoming_trunk = "a"),
		PEER(3, "", "", .incoming_called = "12T", .incoming_realm = "core"),
		PEER(4, "", "", .incoming_called = "2T", .shutdown = true),
		PEER(5, "T", "b", .incoming_trunk = "a"),
		PEER(6, "T", "b", .incoming_called = "13T", .preference = 1),
	};
	static const struct {
		const char *number, *realm, *trunk;
		uint32_t want;
		const char *ways;
	} rows[] = {
		{"123", "peering", "a", 2, "5 6"}, {"123", "peering", "b", 1, "5:from 6"},
		{"123", "peering", NULL, 1, "5:from 6"}, {"123", "core", "b", 3, "5:from 6"},
		{"13", "core", "b", 6, "5:from 6"}, {"22", "core", "b", 1, "5:from 6"},
		{"+1", "core", "a", 1, "5 6"}, {"123", NULL, NULL, 3, "5 6"}, /* from anywhere */
	};
	struct cfg c = {
		.trunks = trunks, .n_trunks = N_TRUNKS, .dial_peers = peers_in, .n_dial_peers = 6};
	struct route_table *t = table_new(&c);
	struct route_result res;
	char got[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(route_lookup(t,
					 &(struct route_query){.called = view_of(rows[i].number),
						 .realm = rows[i].realm,
						 .trunk = rows[i].trunk},
					 &res),
			0);
		result_print(&res, got, sizeof(got));
		if (strcmp(got, rows[i].ways) != 0 || !res.peer_in ||
			res.peer_in->tag != rows[i].want)
			fail_msg("row %zu: incoming %u, ways %s", i,
				res.peer_in ? res.peer_in->tag : 0, got);
	}
	route_table_free(t);
}

/* An incoming dial-peer with a group: its members in the order of the group, whatever they match. */
static void test_groups(void **state)
{
	static struct cfg_dpg groups[] = {
		{.tag = 4, .n_dial_peers = 4, .dial_peers = {5, 3, 9, 4}},
	};
	static struct cfg_dial_peer grouped[] = {
		PEER(1, "", "", .incoming_called = "1T", .destination_dpg = 4),
		PEER(2, "T", "a"),
		PEER(3, "99", "b", .shutdown = true),
		PEER(4, "99", "a", .preference = 0),
		PEER(5, "99", "b", .preference = 5),
	};
	struct cfg c = {.trunks = trunks,
		.n_trunks = N_TRUNKS,
		.dial_peers = grouped,
		.n_dial_peers = 5,
		.dpgs = groups,
		.n_dpgs = 1};
	struct route_table *t = table_new(&c);
	struct route_result res;
	char got[256];

	assert_int_equal(lookup(t, "123", "access", &res), 0);
	result_print(&res, got, sizeof(got));
	assert_string_equal(got, "5 3:shut 4");
	assert_int_equal(lookup(t, "223", "access", &res), 0);
	result_print(&res, got, sizeof(got));
	assert_string_equal(got, "2");
	route_table_free(t);
}

static void test_weights(void **state)
{
	static struct cfg_dial_peer weighed[] = {
		PEER(1, "5", "a", .weight = 1),
		PEER(2, "5", "b", .weight = 3),
		PEER(3, "5", "a"),
		PEER(4, "5", "b", .weight = 6),
		PEER(5, "5", "b", .weight = 9, .preference = 1),
		PEER(6, "T", "b", .weight = 9),
	};
	struct cfg c = {
		.trunks = trunks, .n_trunks = N_TRUNKS, .dial_peers = weighed, .n_dial_peers = 6};
	struct route_table *t = table_new(&c);
	unsigned int first[7] = {0}, second_of_4[7] = {0};
	struct route_query q = {.called = view_of("5")};
	struct route_result res;
	char got[256];

	assert_int_equal(route_lookup(t, &q, &res), 0);
	result_print(&res, got, sizeof(got));
	assert_string_equal(got, "4 2 1 3 5 6");
	assert_int_equal(res.rows[0].weight_total, 10);
	assert_int_equal(res.rows[4].weight_total, 0);
	for (q.random = 1; q.random <= 20000; q.random++) {
		assert_int_equal(route_lookup(t, &q, &res), 0);
		first[res.rows[0].peer->tag]++;
		if (res.rows[0].peer->tag == 4)
			second_of_4[res.rows[1].peer->tag]++;
		assert_int_equal(res.rows[3].peer->tag, 3);
		assert_int_equal(res.rows[4].peer->tag, 5);
		assert_int_equal(res.rows[5].peer->tag, 6);
	}
	/* 10, 30 and 60 percent, within five standard deviations. */
	assert_in_range(first[1], 1790, 2210);
	assert_in_range(first[2], 5680, 6320);
	assert_in_range(first[4], 11650, 12350);
	/* Of the rest 1 : 3. */
	assert_in_range(second_of_4[1] * 4, first[4] - 950, first[4] + 950);
	route_table_free(t);
}

/* ---- quality ---- */

static struct ctl_quality told[N_TRUNKS];

static const struct ctl_quality *quality_of(void *arg, uint32_t index)
{
	return told[index].trunk[0] ? &told[index] : NULL;
}

static void tell(unsigned int trunk, uint32_t score, uint32_t tag)
{
	told[trunk] = (struct ctl_quality){.trunk = "x", .score = score, .n = tag != 0};
	told[trunk].breach[0] = (struct ctl_quality_breach){
		.tag = tag, .metric = CTL_QUALITY_ASR, .value = 12, .bound = 40, .calls = 25};
}

static void test_quality(void **state)
{
	static struct cfg_dial_peer ways[] = {
		PEER(1, "5", "a", .order_quality = true),
		PEER(2, "5", "b", .order_quality = true),
		PEER(3, "5", "a", .quality = 2),
		PEER(4, "6T", "a", .quality = 1),
		PEER(5, "6T", "b", .preference = 1),
		PEER(6, "T", "b", .huntstop = true),
		PEER(7, "7", "a", .quality = 1, .huntstop = true),
		PEER(8, "7", "b", .preference = 1),
	};
	static struct cfg_quality classes[] = {
		{.tag = 1, .action = CFG_QUALITY_DEMOTE, .probe_percent = 10},
		{.tag = 2, .action = CFG_QUALITY_EXCLUDE, .probe_percent = 0},
	};
	static const struct {
		uint32_t score_a, score_b, breach_a;
		const char *number, *want;
	} rows[] = {
		{100, 100, 0, "5", "1 2 3 6"}, /* equals keep their order */
		{90, 95, 0, "5", "2 1 3 6"},
		{90, 95, 1, "5", "2 1 3 6"}, /* no class there names it */
		{90, 95, 2, "5", "2 1 3:bad 6"},
		{90, 95, 0, "6", "4 5 6"}, /* preference goes before order */
		{90, 95, 2, "6", "4 5 6"},
		{90, 95, 1, "6", "5 6 4"}, /* after the less good matches, too */
		{90, 95, 1, "7", "7 8:stop 6:stop"},
	};
	struct cfg c = {.trunks = trunks,
		.n_trunks = N_TRUNKS,
		.dial_peers = ways,
		.n_dial_peers = 8,
		.qualities = classes,
		.n_qualities = 2};
	struct route_table *t = table_new(&c);
	struct route_query q = {.up = trunk_up, .quality = quality_of};
	struct route_result res;
	unsigned int probes = 0;
	char got[256], why[ROUTE_REASON_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tell(T_A, rows[i].score_a, rows[i].breach_a);
		tell(T_B, rows[i].score_b, 0);
		q.called = view_of(rows[i].number);
		assert_int_equal(route_lookup(t, &q, &res), 0);
		result_print(&res, got, sizeof(got));
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
	}
	/* A tenth of the calls tries the demoted way in its place; the same call always does. */
	tell(T_A, 20, 1);
	q.called = view_of("6");
	for (q.random = 1; q.random <= 10000; q.random++) {
		assert_int_equal(route_lookup(t, &q, &res), 0);
		assert_int_equal(res.n_use, 3);
		assert_int_equal(res.rows[0].peer->tag == 4, res.rows[0].probe);
		assert_int_equal(res.rows[2].demoted, !res.rows[0].probe);
		probes += res.rows[0].probe;
	}
	assert_in_range(probes, 850, 1150);
	tell(T_A, 20, 2);
	q.called = view_of("5");
	assert_int_equal(route_lookup(t, &q, &res), 0);
	assert_string_equal(route_row_explain(&res.rows[2], NULL, why),
		"dial-peer 3: trunk a is too bad: ASR 12 % over 25 calls, at least 40 % (voice "
		"class quality 2)");
	route_table_free(t);
}

static void test_breach_text(void **state)
{
	static const struct {
		struct ctl_quality_breach breach;
		const char *want;
	} rows[] = {
		{{.tag = 1, .metric = CTL_QUALITY_NER, .value = 80, .bound = 90, .calls = 10},
			"NER 80 % over 10 calls, at least 90 % (voice class quality 1)"},
		{{.tag = 2, .metric = CTL_QUALITY_ACD, .value = 8, .bound = 30, .calls = 10},
			"ACD 8 s over 10 calls, at least 30 s (voice class quality 2)"},
		{{.tag = 3, .metric = CTL_QUALITY_PDD, .value = 5000, .bound = 4000, .calls = 6},
			"PDD 5000 ms over 6 calls, at most 4000 ms (voice class quality 3)"},
		{{.tag = 4, .metric = CTL_QUALITY_MOS, .value = 305, .bound = 350, .calls = 6},
			"MOS 3.05 over 6 calls, at least 3.50 (voice class quality 4)"},
	};
	char got[ROUTE_REASON_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(route_breach_text(&rows[i].breach, got), rows[i].want);
}

/* ---- route tables ---- */

static const char rates[] =
	"prefix;rate;trunk;valid-from;valid-to\r\n"
	"! the usual decks\r\n"
	"+49;0.02;a;;\r\n"
	"+49;0.015;b;;2027-01-01\r\n"
	"+4930;0.03;b;;\r\n"
	"+49;0.01;busy;2026-12-24T12:00;\r\n"
	"+49;1;nobody;;\r\n"
	"+1;0.5;a;;2026-01-01\r\n";
static const char dids[] =
	"number,trunk,backup,backup2\n"
	"4930555,a,b,down\n"
	"4930556,b,,\n";

static void table_set(struct numbers *numbers, uint32_t tag, const char *csv)
{
	char error[RATETABLE_ERROR_MAX];
	uint32_t n_rows;
	void *image;
	size_t len;
	int fd;

	if (ratetable_build(view_of(csv), &image, &len, &n_rows, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(flash_seal("test", image, len, &fd), 0);
	assert_int_equal(numbers_set(numbers, NUMBERS_TABLE, tag, fd, len), 0);
	close(fd);
	free(image);
}

/* "tag>trunk" or with ":verdict", in order. */
static void ways_print(const struct route_result *res, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < res->n_rows; i++) {
		const struct route_row *row = &res->rows[i];

		n += (size_t)snprintf(out + n, size - n, "%s%u>%s%s%s", i ? " " : "",
			row->peer->tag, row->table_trunk ? row->table_trunk : row->peer->trunk,
			row->verdict == ROUTE_USE ? "" : ":",
			row->verdict == ROUTE_USE ? "" : verdicts[row->verdict]);
	}
}

static void test_tables(void **state)
{
	static struct cfg_dial_peer tabled[] = {
		PEER(1, "+T", "", .route_table = 7, .huntstop = true, .weight = 5),
		PEER(2, "+T", "a", .preference = 1),
		PEER(3, "4T", "", .route_table = 8),
		PEER(4, "4T", "a", .preference = 1),
		PEER(5, "9T", "", .route_table = 9),
	};
	static const struct {
		const char *number;
		int64_t now_s;
		const char *want;
	} rows[] = {
		/* Cheapest first; of each trunk the longest prefix counts. */
		{"+4940", UTC(0, 0), "1>b 1>a 1>nobody:none 2>a:stop"},
		{"+4930", UTC(0, 0), "1>a 1>b 1>nobody:none 2>a:stop"},
		{"+4940", UTC(12, 0), "1>busy:busy 1>b 1>a 1>nobody:none 2>a:stop"},
		{"+4940", UTC(8 * 24, 0), "1>busy:busy 1>a 1>nobody:none 2>a:stop"}, /* 2027 */
		{"+1", UTC(0, 0), "1>:way 2>a"},
		{"4930555", UTC(0, 0), "3>a 3>b 3>down:tshut 4>a"},
		{"4930556", UTC(0, 0), "3>b 4>a"},
		{"49305550", UTC(0, 0), "3>:way 4>a"}, /* numbers are whole */
		{"9", UTC(0, 0), "5>:map"},
	};
	struct cfg c = {
		.trunks = trunks, .n_trunks = N_TRUNKS, .dial_peers = tabled, .n_dial_peers = 5};
	struct numbers *numbers = numbers_new();
	struct route_table *t = table_new(&c);
	struct route_result res;
	char got[256], why[ROUTE_REASON_MAX];

	table_set(numbers, 7, rates);
	table_set(numbers, 8, dids);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct route_query q = {.called = view_of(rows[i].number),
			.now_s = rows[i].now_s,
			.numbers = numbers,
			.random = i + 1,
			.up = trunk_up};

		assert_int_equal(route_lookup(t, &q, &res), 0);
		ways_print(&res, got, sizeof(got));
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
	}
	assert_string_equal(route_row_explain(&res.rows[0], NULL, why),
		"dial-peer 5: voice class route-table 9 is not loaded");
	route_table_free(t);
	numbers_free(numbers);
}

static void test_not_a_table(void **state)
{
	static const struct {
		const char *csv, *error;
	} rows[] = {
		{"", "line 0: the first line names"},
		{"prefix,rate\n", "line 1: the first line names"},
		{"prefix,number,trunk\n", "line 1: the first line names"},
		{"prefix,trunk,price\n", "line 1: the columns are"},
		{"prefix,trunk,trunk\n", "line 1: the columns are"},
		{"prefix,trunk\n49,a,b\n", "line 2: it has another number of fields"},
		{"prefix,trunk\n\n49x,a\n", "line 3: a prefix or number"},
		{"prefix,trunk\n49T,a\n", "line 2: a prefix or number"},
		{"prefix,trunk\n,a\n", "line 2: a prefix or number"},
		{"prefix,trunk\n49,\n", "line 2: a trunk has a name"},
		{"prefix,trunk\n49,\"a\"\n", "line 2: a trunk has a name"},
		{"prefix,trunk,rate\n49,a,1.1234567\n", "line 2: a rate"},
		{"prefix,trunk,rate\n49,a,5000\n", "line 2: a rate"},
		{"prefix,trunk,rate\n49,a,-1\n", "line 2: a rate"},
		{"prefix,trunk,valid-to\n49,a,2026-02-30\n", "line 2: valid-to"},
		{"prefix,trunk,valid-from\n49,a,2026-2-3\n", "line 2: valid-from"},
		{"prefix,trunk,valid-from\n49,a,2026-02-03T24:00\n", "line 2: valid-from"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[RATETABLE_ERROR_MAX];
		uint32_t n_rows;
		void *image;
		size_t len;

		if (ratetable_build(view_of(rows[i].csv), &image, &len, &n_rows, error) !=
				-EINVAL ||
			strncmp(error, rows[i].error, strlen(rows[i].error)) != 0)
			fail_msg("row %zu: %s", i, error);
	}
}

static void test_admit(void **state)
{
	const struct cfg_realm only = {.name = "peering", .admission = CFG_ADMIT_TRUNKS};
	const struct cfg_realm any = {.name = "peering", .admission = CFG_ADMIT_ANY};
	const struct cfg_trunk trunk = {.name = "p1"}, shut = {.name = "p3", .shutdown = true};

	assert_int_equal(route_admit(&only, &trunk), ROUTE_ADMITTED);
	assert_int_equal(route_admit(&any, &trunk), ROUTE_ADMITTED);
	assert_int_equal(route_admit(&only, &shut), ROUTE_SOURCE_SHUTDOWN);
	assert_int_equal(route_admit(&any, &shut), ROUTE_SOURCE_SHUTDOWN);
	assert_int_equal(route_admit(&only, NULL), ROUTE_UNKNOWN_SOURCE);
	assert_int_equal(route_admit(&any, NULL), ROUTE_ADMITTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_not_a_number),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_pattern),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_incoming),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_quality),
		cmocka_unit_test(test_breach_text),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_not_a_table),
		cmocka_unit_test(test_admit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
