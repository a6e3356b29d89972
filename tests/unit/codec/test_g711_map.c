/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/transcode/g711_map.h and g711_packet.c against the tables in spandsp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <spandsp.h>

#include "dataplane/transcode/g711_map.h"
#include "dataplane/transcode/g711_packet.h"

#define HEAD	20 /* UDP and RTP */
#define LEN_MAX 330
#define CSUM_AT 6

static void test_every_code(void **state)
{
	for (int i = 0; i < 256; i++) {
		uint8_t code = (uint8_t)i;
		if (g711_ulaw_to_alaw(code) != ulaw_to_alaw(code))
			fail_msg("u-law %02x: A-law %02x, not %02x", i, g711_ulaw_to_alaw(code),
				ulaw_to_alaw(code));
		if (g711_alaw_to_ulaw(code) != alaw_to_ulaw(code))
			fail_msg("A-law %02x: u-law %02x, not %02x", i, g711_alaw_to_ulaw(code),
				alaw_to_ulaw(code));
	}
}

/* The checksum of UDP over the whole of it, from nothing. */
static uint16_t checksum(const uint8_t *datagram, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? datagram[i] : (uint32_t)datagram[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Every length and content: the payload is mapped, nothing beside it, and the checksum fits. */
static void check_payloads(enum g711_way way)
{
	uint32_t seed = 1;

	for (uint32_t len = 0; len <= LEN_MAX; len++) {
		for (int to_alaw = 0; to_alaw <= 1; to_alaw++) {
			uint8_t before[HEAD + LEN_MAX + 1], after[HEAD + LEN_MAX + 1];
			uint64_t difference;
			uint16_t csum;
			for (uint32_t i = 0; i < sizeof(before); i++) {
				seed = seed * 1664525 + 1013904223;
				before[i] = len % 7 == 0 ? 0xff : (uint8_t)(seed >> 24);
			}
			memset(before + CSUM_AT, 0, 2);
			csum = checksum(before, HEAD + len);
			before[CSUM_AT] = (uint8_t)(csum >> 8);
			before[CSUM_AT + 1] = (uint8_t)csum;
			memcpy(after, before, sizeof(after));

			difference = g711_map_by(way, after + HEAD, len, to_alaw);
			memcpy(&csum, after + CSUM_AT, 2);
			csum = csum_udp_update(csum, difference);
			memcpy(after + CSUM_AT, &csum, 2);

			for (uint32_t i = 0; i < len; i++)
				assert_int_equal(
					after[HEAD + i], to_alaw ? ulaw_to_alaw(before[HEAD + i])
								 : alaw_to_ulaw(before[HEAD + i]));
			assert_memory_equal(after, before, CSUM_AT);
			assert_memory_equal(
				after + CSUM_AT + 2, before + CSUM_AT + 2, HEAD - CSUM_AT - 2);
			assert_int_equal(after[HEAD + len], before[HEAD + len]);
			/* A right checksum makes the sum of all 0xffff. */
			if (checksum(after, HEAD + len) != 0)
				fail_msg("way %d, %u octets: the checksum is off by %04x", way, len,
					checksum(after, HEAD + len));
		}
	}
}

static void test_payload(void **state)
{
	for (enum g711_way way = 0; way < G711_WAYS; way++)
		if (g711_way_works(way))
			check_payloads(way);
		else
			print_message("this CPU does not have what way %d takes\n", way);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code),
		cmocka_unit_test(test_payload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
