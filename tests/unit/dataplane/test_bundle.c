/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose a packet is that came to a port which several media lines share: bundle.h. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/session/bundle.h"

enum { AUDIO = 10, VIDEO = 20, SCREEN = 30, NOBODY = -1 };

#define SSRC_A 0xa0000001u
#define SSRC_V 0xb0000001u
#define SSRC_X 0xc0000001u

static struct dp_bundle conf_of(const char *mid, uint8_t ext, uint8_t pt, uint32_t ssrc)
{
	struct dp_bundle c = {.mid_len = (uint8_t)strlen(mid), .mid_ext = ext};

	memcpy(c.mid, mid, c.mid_len);
	c.pts[pt / 8] |= (uint8_t)(1 << pt % 8);
	c.pts[101 / 8] |= 1 << 101 % 8; /* all lines have it: it tells nothing */
	if (ssrc)
		c.ssrc[c.n_ssrcs++] = ssrc;
	return c;
}

/* Audio and two videos; the second one is told by its SSRC as well. */
static struct bundle three(void)
{
	struct bundle b = {0};
	struct dp_bundle a = conf_of("0", 3, 0, 0), v = conf_of("video", 3, 96, 0),
			 s = conf_of("s", 4, 97, SSRC_X);

	assert_int_equal(bundle_join(&b, AUDIO, &a), 0);
	assert_int_equal(bundle_join(&b, VIDEO, &v), 0);
	assert_int_equal(bundle_join(&b, SCREEN, &s), 0);
	return b;
}

/* Octets behind the fixed header are hex; its first two are given, the SSRC is the row's. */
static uint32_t packet(uint8_t first, uint8_t pt, uint32_t ssrc, const char *hex, uint8_t *ret)
{
	uint32_t len = 12;

	memset(ret, 0, 12);
	ret[0] = first;
	ret[1] = pt;
	for (unsigned int i = 0; i < 4; i++)
		ret[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	for (; hex[0]; hex += hex[2] == ' ' ? 3 : 2) {
		const char two[3] = {hex[0], hex[1], 0};
		ret[len++] = (uint8_t)strtoul(two, NULL, 16);
		if (!hex[2])
			break;
	}
	return len;
}

#define ONE "be de 00 01 " /* RFC 8285 4.2, one word */
#define TWO "10 05 00 02 " /* 4.3, two words */

static void test_rtp(void **state)
{
	static const struct {
		int whose;
		uint8_t first, pt;
		uint32_t ssrc;
		const char *rest;
	} rows[] = {
		/* by payload type */
		{AUDIO, 0x80, 0, 1, ""}, {VIDEO, 0x80, 96 | 0x80, 2, ""}, {NOBODY, 0x80, 98, 2, ""},
		{NOBODY, 0x80, 101, 2, ""},
		/* by SSRC, whatever the payload type */
		{SCREEN, 0x80, 0, SSRC_X, ""}, {SCREEN, 0x80, 101, SSRC_X, ""},
		/* by MID before anything else; with CSRCs, padding, behind other elements */
		{AUDIO, 0x90, 96, SSRC_X, ONE "30 30 00 00"},
		{AUDIO, 0x90, 98, 5, ONE "00 30 30 00"},
		{AUDIO, 0x92, 98, 5, "00 00 00 01 00 00 00 02 " ONE "10 aa 30 30"},
		{VIDEO, 0x90, 0, 5, "be de 00 02 34 76 69 64 65 6f 00 00"},
		{VIDEO, 0x90, 0, 5, TWO "03 05 76 69 64 65 6f 00"},
		{AUDIO, 0x90, 98, 5, TWO "00 01 00 03 01 30 00 00"},
		{SCREEN, 0x90, 98, 5, ONE "40 73 00 00"},
		/* a MID of nobody is nobody's, though SSRC or payload type are known */
		{NOBODY, 0x90, 0, SSRC_X, ONE "30 31 00 00"},
		{NOBODY, 0x90, 0, 5, ONE "31 30 30 00"},
		{NOBODY, 0x90, 0, 5, ONE "40 30 00 00"}, /* audio has another id */
		/* no MID: another element, another profile, the end mark, lengths that do not fit */
		{AUDIO, 0x90, 0, 5, ONE "50 30 00 00"},
		{AUDIO, 0x90, 0, 5, "12 34 00 01 34 76 69 64"},
		{AUDIO, 0x90, 0, 5, ONE "f0 00 40 73"}, {AUDIO, 0x90, 0, 5, ONE "34 76 69 64"},
		{AUDIO, 0x90, 0, 5, TWO "03 ff 76 69 64 65 6f 00"},
		{AUDIO, 0x90, 0, 5, TWO "00 00 00 00 00 00 00 03"},
		{AUDIO, 0x90, 0, 5, "be de 00 02 40 73 00 00"}, {AUDIO, 0x90, 0, 5, "be de"},
		{AUDIO, 0x90, 0, 5, "be de 00 00"}, {AUDIO, 0x9f, 0, 5, ONE "40 73 00 00"},
		/* what is too short is the first line's guard's */
	};
	struct bundle b = three();
	uint8_t p[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t len = packet(rows[i].first, rows[i].pt, rows[i].ssrc, rows[i].rest, p);
		int got = (int)bundle_of_rtp(&b, p, len);
		if (got != rows[i].whose)
			fail_msg("row %zu: %d instead of %d", i, got, rows[i].whose);
	}
	assert_int_equal(bundle_of_rtp(&b, p, 11), AUDIO);
}

/* An SSRC is remembered for its line, and moves with a MID. */
static void test_heard(void **state)
{
	struct bundle b = three();
	uint8_t p[32];
	uint32_t len = packet(0x80, 101, SSRC_V, "", p);

	assert_int_equal((int)bundle_of_rtp(&b, p, len), NOBODY);
	bundle_heard(&b, SSRC_V, VIDEO);
	assert_int_equal(bundle_of_rtp(&b, p, len), VIDEO);
	bundle_heard(&b, SSRC_V, AUDIO);
	assert_int_equal(bundle_of_rtp(&b, p, len), AUDIO);
	/* any number of them: what was told stays */
	for (uint32_t i = 0; i < 1000; i++)
		bundle_heard(&b, 1000 + i, VIDEO);
	assert_int_equal(bundle_of_ssrc(&b, 1999), VIDEO);
	assert_int_equal((int)bundle_of_ssrc(&b, SSRC_V), NOBODY);
	assert_int_equal(bundle_of_ssrc(&b, SSRC_X), SCREEN);
	assert_int_equal(b.n_heard, BUNDLE_HEARD);
}

static void test_join_and_leave(void **state)
{
	struct bundle b = three();
	struct dp_bundle v = conf_of("w", 3, 99, SSRC_V);
	uint8_t p[32];

	/* the same line says something else of itself */
	bundle_heard(&b, 7, VIDEO);
	assert_int_equal(bundle_join(&b, VIDEO, &v), 0);
	assert_int_equal(b.n_lines, 3);
	assert_int_equal((int)bundle_of_rtp(&b, p, packet(0x80, 96, 1, "", p)), NOBODY);
	assert_int_equal((int)bundle_of_rtp(&b, p, packet(0x80, 99, 1, "", p)), VIDEO);
	assert_int_equal(bundle_of_ssrc(&b, 7), VIDEO);
	assert_int_equal(bundle_of_ssrc(&b, SSRC_V), VIDEO);
	v.n_ssrcs = 0;
	assert_int_equal(bundle_join(&b, VIDEO, &v), 0);
	assert_int_equal((int)bundle_of_ssrc(&b, SSRC_V), NOBODY);
	bundle_leave(&b, AUDIO);
	bundle_leave(&b, AUDIO);
	assert_false(bundle_has(&b, AUDIO));
	assert_true(bundle_has(&b, SCREEN));
	assert_int_equal((int)bundle_of_rtp(&b, p, packet(0x80, 0, 1, "", p)), NOBODY);
	/* a payload type that two had is the other one's now */
	bundle_leave(&b, VIDEO);
	assert_int_equal(bundle_of_rtp(&b, p, packet(0x80, 101, 1, "", p)), SCREEN);
	assert_int_equal((int)bundle_of_ssrc(&b, 7), NOBODY);
	for (uint32_t i = 1; i < DP_BUNDLE_LINES; i++)
		assert_int_equal(bundle_join(&b, 100 + i, &v), 0);
	assert_int_equal(bundle_join(&b, 200, &v), -ENOSPC);
	assert_int_equal(bundle_join(&b, 101, &v), 0);
}

static void test_rtcp(void **state)
{
	/* the far end is sent 1 by audio, 2 by video, 3 by the screen; it sends b0000001 as video */
	static const struct {
		int whose;
		const char *hex;
	} rows[] = {
		{VIDEO, "80 c8 00 06 b0 00 00 01 0000000000000000000000000000000000000000"},
		{VIDEO, "81 ca 00 01 b0 00 00 01"},
		{VIDEO, "81 cb 00 01 b0 00 00 01"},
		/* a receiver alone: by what it hears */
		{AUDIO, "81 c9 00 07 00 00 00 09 00000001 "
			"0000000000000000000000000000000000000000"},
		{SCREEN, "81 c9 00 07 00 00 00 09 00000003 "
			 "0000000000000000000000000000000000000000"},
		/* feedback goes to whom it is for, though the sender is known as another */
		{AUDIO, "81 cd 00 03 b0 00 00 01 00000001 00010000"},
		{VIDEO, "80 c9 00 01 00 00 00 09 81 ce 00 02 00000009 00000002"},
		{SCREEN, "8f ce 00 05 00 00 00 09 00000000 52454d42 01000000 00000003"},
		{VIDEO, "8f ce 00 06 00 00 00 09 00000000 52454d42 02000000 00000008 00000002"},
		/* REMB that says it has more than it has; lengths that do not fit */
		{NOBODY, "8f ce 00 04 00 00 00 09 00000000 52454d42 ff000000"},
		{NOBODY, "80 c9 00 02 b0 00 00 01"},
		{NOBODY, "80 c9 00 01 00 00 00 09"},
		{NOBODY, "80 c9 00 00"},
		{NOBODY, ""},
	};
	struct bundle b = three();
	struct bundle_sent sent = {.n = 3, .of = {{1, AUDIO}, {2, VIDEO}, {3, SCREEN}}};

	bundle_heard(&b, SSRC_V, VIDEO);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t p[128], *exact;
		uint32_t n = 0;
		for (const char *h = rows[i].hex; *h; h++) {
			const char two[3] = {h[0], h[1], 0};
			if (*h == ' ')
				continue;
			p[n++] = (uint8_t)strtoul(two, NULL, 16);
			h++;
		}
		/* so that the sanitizer sees a step too far */
		exact = malloc(n ? n : 1);
		memcpy(exact, p, n);
		int got = (int)bundle_of_rtcp(&b, &sent, exact, n);
		if (got != rows[i].whose)
			fail_msg("row %zu: %d instead of %d", i, got, rows[i].whose);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rtp),
		cmocka_unit_test(test_heard),
		cmocka_unit_test(test_join_and_leave),
		cmocka_unit_test(test_rtcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
