/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The offer/answer machine: every flow that INVITE allows, and what must be refused. */
#include "sip-b2bua/sdp/offer_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/*
 * A flow in short hand, one step a pair: direction and message, with '+' when it carries a
 * description. < from the peer, > from us; I INVITE, P provisional, R reliable one,
 * K PRACK, S success, A ACK, F failure.
 * Events: - nothing, O offer, A answer, E early answer, K kept, W wanted, ! violation.
 */
struct flow {
	const char *steps, *events;
	enum oa_state end;
	bool established;
};

static const struct flow flows[] = {
	/* the peer calls */
	{"<I+ >P >S+ <A", "O---", OA_REST, true},
	{"<I+ >P+ >S+ <A", "O---", OA_REST, true},
	{"<I >P >S+ <A+", "W--A", OA_REST, true},
	{"<I >P+", "W!", OA_MUST_OFFER, false},
	{"<I >S", "W!", OA_MUST_OFFER, false},
	{"<I >S+ <A", "W-!", OA_WE_OFFERED, false},
	{"<I+ >A", "O!", OA_PEER_OFFERED, false},
	{"<I+ <I+", "O!", OA_PEER_OFFERED, false},
	{"<I+ >F", "O-", OA_REST, false},
	{"<I+ >S+ <A+", "O--", OA_REST, true}, /* a description too much is ignored */
	/* we call */
	{">I+ <P <S+ >A", "--A-", OA_REST, true},
	{">I+ <P+ <P+ <S+ >A", "-EEA-", OA_REST, true},
	{">I+ <P+ <P <S >A", "-E-K-", OA_REST, true},
	{">I+ <S", "-!", OA_WE_OFFERED, false},
	{">I <P+ <S+ >A+", "--O-", OA_REST, true},
	{">I <S", "-!", OA_ASKED, false},
	{">I <S+ >A", "-O!", OA_PEER_OFFERED, false},
	{">I+ >I+", "-!", OA_WE_OFFERED, false},
	{">I+ <I+", "-!", OA_WE_OFFERED, false},
	{">I+ <P+ >F", "-E-", OA_REST, false},
	/* again, in an established session */
	{"<I+ >S+ <A >I+ <S+ >A <I >S+ <A+", "O---A-W-A", OA_REST, true},
	{"<I+ >S+ <A <I+ >F <A", "O--O--", OA_REST, true},
	{"<S+ <P+ <A+", "---", OA_REST, false}, /* late copies */
	/* reliable provisionals */
	{"<I+ >R+ >R >S <A", "O----", OA_REST, true},
	{">I+ <R+ <S >A", "-EK-", OA_REST, true},
	{">I+ <R+ <P+ <S+ >A", "-EEA-", OA_REST, true},
	{"<I >R >R+ <K+ >R >S <A", "W--A---", OA_REST, true},
	{"<I >R+ >S+", "W-!", OA_WE_OFFERED, false},
	{">I <R <R+ >K+ <R <S >A", "--O----", OA_REST, true},
	{">I <R+ <S", "-O!", OA_PEER_OFFERED, false},
	{">I <R+ >K", "-O!", OA_PEER_OFFERED, false},
	{">I <R+ <R+ <P >K+", "-O---", OA_REST, true},
};

static char event_char(enum oa_event event)
{
	static const char chars[] = "-OAEKW!";

	return chars[event];
}

static char step_run(struct oa *oa, const char *step)
{
	static const char msgs[] = "IPRKSA";
	const char *at = strchr(msgs, step[1]);
	bool sdp = step[2] == '+';

	if (step[1] == 'F') {
		oa_fail(oa);
		return '-';
	}
	if (step[0] == '<')
		return event_char(oa_receive(oa, (enum oa_msg)(at - msgs), sdp));
	return oa_send(oa, (enum oa_msg)(at - msgs), sdp) ? '-' : '!';
}

static void test_flows(void **state)
{
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		const char *p = flows[i].steps;
		struct oa oa = {0};

		for (size_t k = 0; *p; k++) {
			char got = step_run(&oa, p);

			if (got != flows[i].events[k])
				fail_msg("%s: step %zu gives %c, want %c", flows[i].steps, k + 1,
					got, flows[i].events[k]);
			p += strcspn(p, " ");
			p += strspn(p, " ");
		}
		if (oa.state != flows[i].end || oa.established != flows[i].established)
			fail_msg("%s: ends in state %d (%d)", flows[i].steps, oa.state,
				oa.established);
	}
}

/* No sequence of messages leads out of the table. */
static void test_any_order(void **state)
{
	uint32_t x = 12345;
	struct oa oa = {0};

	for (unsigned int i = 0; i < 200000; i++) {
		x = x * 1664525 + 1013904223;
		if (x >> 31)
			oa_receive(&oa, (enum oa_msg)((x >> 20 & 63) % OA_N_MSGS), x >> 24 & 1);
		else
			oa_send(&oa, (enum oa_msg)((x >> 20 & 63) % OA_N_MSGS), x >> 24 & 1);
		assert_true(oa.state < OA_N_STATES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
