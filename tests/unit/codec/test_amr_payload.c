/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/transcode/amr_payload.c against the figures of RFC 4867 section 4. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/amr_payload.h"

#define N_MAX 600

static const struct row {
	const char *what;
	const struct amr_kind *kind;
	bool octet_align;
	uint8_t head[8]; /* first octets; the rest are 0 */
	size_t len;
	int rc;
	uint8_t request, n_frames, types[4], bad; /* bad: bit i for frame i without Q */
} rows[] = {
	{"RFC 4867 4.3.5.1: 7.4 kbit/s, no request", &amr_narrow, false, {0xf2, 0x40}, 20, 0, 15, 1,
		{4}},
	{"the same, one octet more", &amr_narrow, false, {0xf2, 0x40}, 21, -EBADMSG},
	{"the same, one octet less", &amr_narrow, false, {0xf2, 0x40}, 19, -EBADMSG},
	{"RFC 4867 4.3.5.2: four frames wide band, mode 8 asked", &amr_wide, false,
		/* 1000 1 0000 1 1 1001 1 1 1111 1 0 0001 1 */
		{0x88, 0x73, 0xfc, 0x30}, 48, 0, 8, 4, {0, 9, 15, 1}},
	{"nothing", &amr_narrow, false, {0}, 0, -EBADMSG},
	{"a request and half an entry", &amr_narrow, false, {0xf7}, 1, -EBADMSG},
	{"no data", &amr_narrow, false, {0xf7, 0xc0}, 2, 0, 15, 1, {15}},
	{"reserved type 9", &amr_narrow, false, {0xf4, 0xc0}, 2, -EBADMSG},
	{"reserved type 14", &amr_narrow, false, {0xf7, 0x40}, 2, -EBADMSG},
	{"wide band: type 14 is speech lost", &amr_wide, false, {0xf7, 0x40}, 2, 0, 15, 1, {14}},
	{"wide band: type 10 is reserved", &amr_wide, false, {0xf5, 0x40}, 2, -EBADMSG},
	{"request 8 means nothing in narrow band", &amr_narrow, false, {0x82, 0x40}, 20, 0, 15, 1,
		{4}},
	{"request 9 means nothing in wide band", &amr_wide, false, {0x97, 0xc0}, 2, 0, 15, 1, {15}},
	{"Q is 0", &amr_narrow, false, {0xf2, 0x00}, 20, 0, 15, 1, {4}, .bad = 1},
	{"the list never ends", &amr_narrow, false, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 6,
		-EBADMSG},
	{"octet-aligned: 12.2", &amr_narrow, true, {0xf0, 0x3c}, 33, 0, 15, 1, {7}},
	{"octet-aligned: 12.2, too long", &amr_narrow, true, {0xf0, 0x3c}, 34, -EBADMSG},
	{"octet-aligned: two frames, mode 0 asked", &amr_narrow, true, {0x00, 0xbc, 0x04},
		3 + 31 + 12, 0, 0, 2, {7, 0}},
	{"octet-aligned: request alone", &amr_narrow, true, {0xf0}, 1, -EBADMSG},
	{"octet-aligned: SID and no data", &amr_narrow, true, {0xf0, 0xc4, 0x7c}, 3 + 5, 0, 15, 2,
		{8, 15}},
	{"octet-aligned: reserved bits are not looked at", &amr_narrow, true, {0xff, 0x3f}, 33, 0,
		15, 1, {7}},
};

static void test_vectors(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		uint8_t payload[N_MAX] = {0};
		struct amr_toc toc;
		int rc;

		memcpy(payload, row->head, sizeof(row->head));
		rc = amr_toc_parse(row->kind, row->octet_align, payload, row->len, &toc);
		if (rc != row->rc)
			fail_msg("%s: %d, not %d", row->what, rc, row->rc);
		if (rc != 0)
			continue;
		if (toc.request != row->request || toc.n_frames != row->n_frames ||
			memcmp(toc.type, row->types, row->n_frames) != 0)
			fail_msg("%s: request %u, %u frames", row->what, toc.request, toc.n_frames);
		for (uint32_t k = 0; k < toc.n_frames; k++) {
			if (toc.good[k] == (row->bad >> k & 1))
				fail_msg("%s: quality of frame %u", row->what, k);
		}
	}
}

/* The first bit of speech is the first after the list, the last one the last before padding. */
static void test_bits(void **state)
{
	uint8_t payload[20] = {0xf2, 0x40 | 0x20};
	struct amr_toc toc;
	struct amr_frame frame;

	payload[19] = 0x04; /* bit 147 of 148: bit 157 of the payload */
	assert_int_equal(amr_toc_parse(&amr_narrow, false, payload, 20, &toc), 0);
	amr_frame_get(&amr_narrow, &toc, 0, payload, &frame);
	assert_int_equal(frame.octets[0], 4 << 3 | 4);
	assert_int_equal(frame.octets[1], 0x80);
	assert_int_equal(frame.octets[1 + 18], 0x10);
	assert_int_equal(frame.octets[1 + 19], 0);
	for (int i = 2; i < 18; i++)
		assert_int_equal(frame.octets[1 + i], 0);
	payload[19] |= 0x03; /* padding is no speech */
	amr_frame_get(&amr_narrow, &toc, 0, payload, &frame);
	assert_int_equal(frame.octets[1 + 18], 0x10);
}

/* What is written is read back, for each type, number of frames and form. */
static void test_written_is_read(void **state)
{
	static const struct amr_kind *const kinds[] = {&amr_narrow, &amr_wide};
	uint32_t seed = 1;

	for (uint32_t k = 0; k < 2 * 2 * 16 * AMR_FRAMES_MAX; k++) {
		const struct amr_kind *kind = kinds[k & 1];
		bool octet_align = k & 2;
		uint32_t n = k / 64 % AMR_FRAMES_MAX + 1;
		struct amr_frame frames[AMR_FRAMES_MAX] = {0}, got;
		uint8_t payload[1000];
		struct amr_toc toc;
		size_t len;

		for (uint32_t i = 0; i < n; i++) {
			uint32_t type = (k / 4 + i) % 16;
			uint32_t bits;
			while (kind->bits[type] < 0)
				type = (type + 1) % 16;
			bits = (uint32_t)kind->bits[type];
			frames[i].octets[0] = (uint8_t)(type << 3 | (i & 1 ? 0 : 4));
			for (uint32_t b = 0; b < bits; b++) {
				seed = seed * 1664525 + 1013904223;
				if (seed >> 31)
					frames[i].octets[1 + b / 8] |= (uint8_t)(0x80 >> b % 8);
			}
		}
		memset(payload, 0xff, sizeof(payload));
		len = amr_payload_write(kind, octet_align, 2, frames, n, payload);
		assert_true(len <= amr_payload_max(kind, octet_align, n));
		assert_int_equal(payload[len], 0xff);
		assert_int_equal(amr_toc_parse(kind, octet_align, payload, len, &toc), 0);
		assert_int_equal(toc.request, 2);
		assert_int_equal(toc.n_frames, n);
		for (uint32_t i = 0; i < n; i++) {
			amr_frame_get(kind, &toc, i, payload, &got);
			assert_memory_equal(&got, &frames[i], sizeof(got));
		}
		/* The last frame ends within the last octet: without it there is too little. */
		assert_int_equal(
			amr_toc_parse(kind, octet_align, payload, len - 1, &toc), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_written_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
