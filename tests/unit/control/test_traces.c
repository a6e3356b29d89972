/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of a call from several workers: put together in time, bounded, and never waited for in vain. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/core/traces.h"

static uint64_t here;	   /* workers that are there, a bit each */
static uint32_t ticket;	   /* of the last CTL_TRACE_GET */
static unsigned int asked; /* workers */

static bool send_get(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	const struct ctl_trace_get *get = part1;

	if (!(here >> worker & 1))
		return false;
	assert_int_equal(type, CTL_TRACE_GET);
	assert_int_equal(len1, sizeof(*get));
	assert_int_equal(get->call_id, 77);
	ticket = get->ticket;
	asked++;
	return true;
}

static unsigned int n_done, n_msgs;
static uint64_t n_missing;
static bool incomplete;
static char texts[256];

static void on_done(void *arg, const struct cli_trace *trace)
{
	n_done++;
	n_msgs = trace->n;
	n_missing = trace->n_missing;
	incomplete = trace->incomplete;
	texts[0] = '\0';
	for (unsigned int i = 0; i < trace->n && i < 8; i++)
		strncat(texts, trace->msgs[i].bytes, 8);
}

static struct traces *start(uint64_t workers)
{
	static const struct traces_ops ops = {send_get, NULL};
	struct traces *ts = traces_new(&ops);

	assert_non_null(ts);
	here = workers;
	asked = n_done = 0;
	return ts;
}

static int tell(struct traces *ts, uint32_t worker, uint64_t us, const char *text, size_t n)
{
	static struct {
		struct ctl_trace_msg head;
		char text[CTL_TRACE_OCTETS];
	} msg;
	struct ipc_hdr hdr = {.type = CTL_TRACE_MSG};

	msg.head = (struct ctl_trace_msg){
		.wall_us = us, .ticket = ticket, .n = (uint32_t)n, .total = (uint32_t)n};
	memcpy(msg.text, text, n);
	return traces_message(ts, worker, &hdr, &msg, sizeof(msg.head) + n);
}

static int end(struct traces *ts, uint32_t worker, uint32_t sent, uint32_t all)
{
	struct ctl_trace_end msg = {.ticket = ticket, .n_sent = sent, .n_all = all};
	struct ipc_hdr hdr = {.type = CTL_TRACE_END};

	return traces_message(ts, worker, &hdr, &msg, sizeof(msg));
}

static void test_together(void **state)
{
	struct traces *ts = start(0x5);

	assert_int_equal(traces_ask(ts, 77, on_done, NULL), 0);
	assert_int_equal(asked, 2);
	assert_int_equal(tell(ts, 2, 30, "c", 1), 0);
	assert_int_equal(tell(ts, 0, 10, "a", 1), 0);
	assert_int_equal(tell(ts, 1, 1, "no", 2), 0); /* it was not asked */
	assert_int_equal(end(ts, 0, 1, 4), 0);
	assert_int_equal(tell(ts, 0, 11, "late", 4), 0);
	assert_int_equal(tell(ts, 2, 20, "b", 1), 0);
	assert_int_equal(n_done, 0);
	assert_int_equal(end(ts, 2, 2, 2), 0);
	assert_int_equal(n_done, 1);
	assert_int_equal(n_msgs, 3);
	assert_int_equal(n_missing, 3);
	assert_false(incomplete);
	assert_string_equal(texts, "abc");
	assert_int_equal(end(ts, 2, 0, 0), 0); /* nobody waits */
	traces_free(ts);
}

/* Of one worker the order is that in which it tells, whatever its clock did. */
static void test_clock(void **state)
{
	struct traces *ts = start(0x1);

	assert_int_equal(traces_ask(ts, 77, on_done, NULL), 0);
	assert_int_equal(tell(ts, 0, 30, "a", 1), 0);
	assert_int_equal(tell(ts, 0, 10, "b", 1), 0);
	assert_int_equal(end(ts, 0, 2, 2), 0);
	assert_string_equal(texts, "ab");
	traces_free(ts);
}

static void test_absent(void **state)
{
	struct traces *ts = start(0);

	assert_int_equal(traces_ask(ts, 77, on_done, NULL), -ENOTCONN);
	here = 0x3;
	assert_int_equal(traces_ask(ts, 77, on_done, NULL), 0);
	assert_int_equal(end(ts, 0, 0, 0), 0);
	traces_worker_gone(ts, 1);
	assert_int_equal(n_done, 1);
	assert_true(incomplete);
	/* one that is there and says nothing */
	assert_int_equal(traces_ask(ts, 77, on_done, NULL), 0);
	for (unsigned int i = 0; i <= TRACES_WAIT_S; i++)
		traces_tick(ts);
	assert_int_equal(n_done, 2);
	assert_true(incomplete);
	assert_int_equal(end(ts, 0, 0, 0), 0);
	/* too many, and an end with all of them open */
	for (unsigned int i = 0; i < TRACES_REQUESTS_MAX; i++)
		assert_int_equal(traces_ask(ts, 77, on_done, NULL), 0);
	assert_int_equal(traces_ask(ts, 77, on_done, NULL), -EBUSY);
	traces_free(ts);
	assert_int_equal(n_done, 2 + TRACES_REQUESTS_MAX);
}

static void test_bounds(void **state)
{
	static char big[CTL_TRACE_OCTETS];
	struct traces *ts = start(0x1);
	struct ctl_trace_msg bad = {.n = 5, .total = 5};
	struct ipc_hdr hdr = {.type = CTL_TRACE_MSG};

	assert_int_equal(traces_ask(ts, 77, on_done, NULL), 0);
	for (unsigned int i = 0; i < 200; i++)
		assert_int_equal(tell(ts, 0, i, big, sizeof(big)), 0);
	assert_int_equal(end(ts, 0, 200, 200), 0);
	assert_int_equal(n_msgs, TRACES_OCTETS_MAX / CTL_TRACE_OCTETS);
	assert_int_equal(n_msgs + n_missing, 200);
	/* what no worker of ours would say */
	assert_int_equal(traces_message(ts, 0, &hdr, &bad, sizeof(bad)), -EPROTO);
	bad = (struct ctl_trace_msg){.leg = 3};
	assert_int_equal(traces_message(ts, 0, &hdr, &bad, sizeof(bad)), -EPROTO);
	bad = (struct ctl_trace_msg){.local.family = 9};
	assert_int_equal(traces_message(ts, 0, &hdr, &bad, sizeof(bad)), -EPROTO);
	assert_int_equal(end(ts, 0, 2, 1), -EPROTO);
	traces_free(ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
