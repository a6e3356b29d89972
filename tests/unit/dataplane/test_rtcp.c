/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names in RTCP are replaced, everything else stays, and the UDP checksum is right afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/csum.h"
#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtp.h"

static const uint64_t key_a[2] = {1, 2}, key_b[2] = {1, 3};

#define RR    "\x80\xc9\x00\x01\x01\x02\x03\x04"
#define SSRC1 "\x0a\x0b\x0c\x0d"
#define SSRC2 "\x1a\x1b\x1c\x1d"

struct row {
	const char *what;
	const char *bytes;
	uint32_t len;
	const char *mask; /* '.' stays, 'x' is a letter of a name; as long as bytes */
};

#define ROW(what, bytes, mask)                       \
	{                                            \
		what, bytes, sizeof(bytes) - 1, mask \
	}

static const struct row rows[] = {
	ROW("a report alone", RR, "........"),
	ROW("CNAME",
		RR "\x81\xca\x00\x04" SSRC1 "\x01\x08"
		   "a@1.2.3.\x00\x00",
		"........"
		"...."
		"...."
		".."
		"xxxxxxxx"
		".."),
	ROW("two chunks, CNAME and TOOL",
		"\x82\xca\x00\x08" SSRC1 "\x01\x03"
		"abc"
		"\x06\x02"
		"xy\x00\x00\x00" SSRC2 "\x01\x05"
		"abcde\x00\x00\x00\x00\x00",
		"...."
		"...."
		".."
		"xxx"
		".."
		"xx..."
		"...."
		".."
		"xxxxx"
		"....."),
	ROW("PRIV keeps the length of its prefix",
		"\x81\xca\x00\x04" SSRC1 "\x08\x06"
		"\x02"
		"ipval\x00\x00\x00\x00",
		"...."
		"...."
		".."
		"."
		"xxxxx"
		"...."),
	ROW("MID is no name",
		"\x81\xca\x00\x03" SSRC1 "\x0f\x01"
		"1\x00\x00\x00\x00\x00",
		"...."
		"...."
		".."
		"......"),
	ROW("an item longer than its packet",
		"\x81\xca\x00\x02" SSRC1 "\x01\x40"
		"ab",
		"...."
		"...."
		"xxxx"),
	ROW("BYE with a reason",
		"\x81\xcb\x00\x03" SSRC1 "\x06"
		"10.0.0\x00",
		"...."
		"...."
		"."
		"xxxxxx"
		"."),
	ROW("BYE whose reason is too long",
		"\x81\xcb\x00\x02" SSRC1 "\xff"
		"abc",
		"...."
		"...."
		"."
		"xxx"),
	ROW("BYE without a reason", "\x81\xcb\x00\x01" SSRC1, "........"),
	ROW("padding stays",
		"\xa1\xcb\x00\x03" SSRC1 "\x02"
		"ab\x00"
		"\x00\x00\x00\x04",
		"...."
		"...."
		"."
		"xx"
		"."
		"...."),
};

static uint16_t udp_sum(const uint8_t *payload, uint32_t len)
{
	return (uint16_t)~csum_fold(csum_add(0, payload, len));
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		uint8_t pkt[128];
		uint16_t sum;

		if (strlen(row->mask) != row->len)
			fail_msg("%s: mask of %zu for %u bytes", row->what, strlen(row->mask),
				row->len);
		memcpy(pkt, row->bytes, row->len);
		assert_true(rtcp_is_valid(pkt, row->len));
		sum = udp_sum(pkt, row->len);
		rtcp_hide_names(key_a, pkt, row->len, (uint8_t *)&sum);
		assert_int_equal(sum, udp_sum(pkt, row->len));
		for (uint32_t k = 0; k < row->len; k++) {
			bool letter = (pkt[k] >= 'a' && pkt[k] <= 'z') ||
				      (pkt[k] >= '2' && pkt[k] <= '7');
			if (row->mask[k] == '.' ? pkt[k] != (uint8_t)row->bytes[k] : !letter)
				fail_msg("%s: byte %u is %02x", row->what, k, pkt[k]);
		}
	}
}

static void hidden(const uint64_t key[2], const char *name, uint8_t ssrc, uint8_t out[28])
{
	uint16_t none = 0;

	memset(out, 0, 28);
	memcpy(out, "\x81\xca\x00\x06\x00\x00\x00", 7);
	out[7] = ssrc;
	out[8] = 1;
	out[9] = 16;
	memcpy(out + 10, name, 16);
	rtcp_hide_names(key, out, 28, (uint8_t *)&none);
	assert_int_equal(none, 0); /* IPv4 without a checksum stays so */
}

/* The same name is the same for every SSRC and packet, another one is not, nor by another key. */
static void test_names_stay_apart(void **state)
{
	uint8_t a[28], again[28], other[28], foreign[28];

	hidden(key_a, "phone@10.1.2.300", 1, a);
	hidden(key_a, "phone@10.1.2.300", 2, again);
	hidden(key_a, "phone@10.1.2.301", 1, other);
	hidden(key_b, "phone@10.1.2.300", 1, foreign);
	assert_memory_equal(a + 10, again + 10, 16);
	assert_memory_not_equal(a + 10, other + 10, 16);
	assert_memory_not_equal(a + 10, foreign + 10, 16);
	assert_null(memmem(a, sizeof(a), "10.1.2.", 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_names_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
