/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The published vectors of RFC 3711 appendix B, RFC 6188 and RFC 7714, on every back end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/srtp/index.h"
#include "dataplane/srtp/priv.h"

#define ROOM 256

static unsigned int unhex(const char *text, uint8_t *out)
{
	unsigned int n = 0, digit[2];

	for (; *text; text++) {
		if (*text == ' ')
			continue;
		if (sscanf(text, "%1x%1x", &digit[0], &digit[1]) != 2 || n == ROOM)
			fail_msg("not hexadecimal: %s", text);
		out[n++] = (uint8_t)(digit[0] << 4 | digit[1]);
		text++;
	}
	return n;
}

static void check_hex(const uint8_t *got, const char *text)
{
	uint8_t want[ROOM];
	unsigned int n = unhex(text, want);

	assert_memory_equal(got, want, n);
}

/* RFC 3711 B.3, RFC 6188 7.2 */
static void test_derivation(void **state)
{
	static const struct {
		enum dp_srtp_suite suite;
		const char *master, *cipher, *mac, *salt;
	} rows[] = {
		{DP_SRTP_CM_128_SHA1_80,
			"e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
			"c61e7a93744f39ee10734afe3ff7a087",
			"cebe321f6ff7716b6fd4ab49af256a156d38baa4", "30cbbc08863d8c85d49db34a9ae1"},
		{DP_SRTP_CM_256_SHA1_80,
			"f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"
			"3b04803de51ee7c96423ab5b78d2",
			"5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
			"fd9c32d39ed5fbb5a9dc96b30818454d1313dc05", "fa31791685ca444a9e07c6c64e93"},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_srtp master = {.suite = (uint8_t)rows[i].suite};
		uint8_t key[32], mac[20], salt[16];
		unhex(rows[i].master, master.key);
		assert_int_equal(srtp_derive(&master, 0, key, mac, salt), 0);
		check_hex(key, rows[i].cipher);
		check_hex(mac, rows[i].mac);
		check_hex(salt, rows[i].salt);
		assert_int_equal(salt[14] | salt[15], 0);
	}
}

/* A context whose session keys are the vector's, not derived. */
static struct srtp_ctx *ctx_of(
	struct srtp_engine *e, enum dp_srtp_suite suite, const char *key, const char *salt)
{
	struct dp_srtp master = {.suite = (uint8_t)suite};
	uint8_t cipher_key[ROOM], mac_key[20] = {0};
	struct srtp_ctx *ctx;

	assert_int_equal(srtp_ctx_new(e, &master, &ctx), 0);
	unhex(key, cipher_key);
	for (unsigned int kind = 0; kind < SRTP_KINDS; kind++) {
		ctx->backend->key_drop(ctx->key[kind], ctx->class);
		assert_int_equal(ctx->backend->key_set(e->self[ctx->class], ctx->key[kind],
					 ctx->class, cipher_key, mac_key),
			0);
		memset(ctx->key[kind]->salt, 0, 16);
		unhex(salt, ctx->key[kind]->salt);
	}
	return ctx;
}

static struct srtp_engine *engine_of(const struct srtp_backend *backend)
{
	const struct srtp_choice choice = {backend, backend};
	struct srtp_engine *e;

	assert_int_equal(srtp_engine_new(&choice, &e), 0);
	return e;
}

/* RFC 3711 B.2 and RFC 6188 7.1: SSRC, index and so the initial counter block are the salt. */
static void test_counter_mode(void **state)
{
	static const struct {
		enum dp_srtp_suite suite;
		const char *key, *stream;
	} rows[] = {
		{DP_SRTP_CM_128_SHA1_80, "2b7e151628aed2a6abf7158809cf4f3c",
			"e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
			"41e95b3bb0a2e8dd477901e4fca894c0"},
		{DP_SRTP_CM_256_SHA1_32,
			"57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
			"92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac"
			"63c4868b7096d88421b563b8c94c9a31"},
	};
	for (unsigned int b = 0; srtp_backends()[b]; b++) {
		struct srtp_engine *e = engine_of(srtp_backends()[b]);
		for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct srtp_ctx *ctx = ctx_of(
				e, rows[i].suite, rows[i].key, "f0f1f2f3f4f5f6f7f8f9fafbfcfd");
			struct dp_srtp_flow flow = {0};
			/* sequence number 0 and SSRC 0 */
			uint8_t data[ROOM] = {0x80};
			struct srtp_pkt p = {
				.data = data, .len = 12 + 48, .ctx = ctx, .flow = &flow};
			srtp_seal(e, &p, 1);
			assert_int_equal(p.result, SRTP_OK);
			assert_int_equal(p.len, 60 + dp_srtp_suite(rows[i].suite)->tag_len);
			check_hex(data + 12, rows[i].stream);
			srtp_ctx_free(ctx);
		}
		srtp_engine_free(e);
	}
}

#define GCM_SALT "517569642070726f2071756f"
#define KEY_128	 "000102030405060708090a0b0c0d0e0f"
#define KEY_256	 KEY_128 "101112131415161718191a1b1c1d1e1f"
#define RTP_IN                                                                    \
	"8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e697320646976697361" \
	"20696e207061727465732074726573"
#define RTCP_IN                                                                     \
	"81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeef" \
	"deadbeefdeadbeefdeadbeefdeadbeef"

/* RFC 7714 16 and 17, to and fro. */
static const struct gcm_row {
	enum dp_srtp_suite suite;
	bool rtcp;
	uint64_t index;
	const char *key, *in, *out;
} gcm_rows[] = {
	{DP_SRTP_GCM_128, false, 0, KEY_128, RTP_IN,
		"8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f"
		"42a5f47a51c7d19b36de3adf8833 899d7f27beb16a9152cf765ee4390cce"},
	{DP_SRTP_GCM_256, false, 0, KEY_256, RTP_IN,
		"8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3"
		"b50b2a0276ffae0f1ba63799b87b 7aa3db36dfffd6b0f9bb7878d7a76c13"},
	{DP_SRTP_GCM_128, true, 0x5d4, KEY_128, RTCP_IN,
		"81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1"
		"730d6fda4ce09b4686303ded0bb9275bc84aa458 96cf4d2fc5abf87245d9eade 800005d4"},
	{DP_SRTP_GCM_256, true, 0x5d4, KEY_256, RTCP_IN,
		"81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1"
		"110555be8415f658c61de0476f1b6fad1d1eb30c 4446839f57ff6f6cb26ac3be 800005d4"},
};

static void gcm_check(struct srtp_engine *e, const struct gcm_row *row)
{
	struct srtp_ctx *seal = ctx_of(e, row->suite, row->key, GCM_SALT);
	struct srtp_ctx *open = ctx_of(e, row->suite, row->key, GCM_SALT);
	struct dp_srtp_flow to = {.next = row->index}, from = {0};
	uint8_t data[ROOM], plain[ROOM];
	uint32_t len = unhex(row->in, data);
	struct srtp_pkt p = {
		.data = data, .len = len, .is_rtcp = row->rtcp, .ctx = seal, .flow = &to};

	unhex(row->in, plain);
	srtp_seal(e, &p, 1);
	assert_int_equal(p.result, SRTP_OK);
	assert_int_equal(p.len, len + 16 + (row->rtcp ? 4 : 0));
	check_hex(data, row->out);
	p.ctx = open;
	p.flow = &from;
	srtp_open(e, &p, 1);
	assert_int_equal(p.result, SRTP_OK);
	assert_int_equal(p.len, len);
	assert_memory_equal(data, plain, len);
	srtp_ctx_free(seal);
	srtp_ctx_free(open);
}

static void test_gcm(void **state)
{
	for (unsigned int b = 0; srtp_backends()[b]; b++) {
		struct srtp_engine *e = engine_of(srtp_backends()[b]);
		for (unsigned int i = 0; i < sizeof(gcm_rows) / sizeof(gcm_rows[0]); i++)
			gcm_check(e, &gcm_rows[i]);
		srtp_engine_free(e);
	}
}

/* RFC 3711 3.3.1: every sequence number after every kind of last one. */
static void test_index_guess(void **state)
{
	static const struct {
		uint64_t last;
		uint16_t seq;
		uint64_t want;
	} rows[] = {
		{0, 1, 1},
		{0, 0xffff, 0xffff}, /* nothing is before index 0 */
		{100, 0x8063, 0x8063},
		{0xffff, 0, 0x10000},
		{0xfffe, 3, 0x10003},
		{0x10000, 0xffff, 0xffff},
		{0x10001, 0x8001, 0x18001},
		{0x10001, 0x8002, 0x8002},
		{0x18000, 0, 0x10000},
		{0x18001, 0, 0x20000},
		{0x5ffff, 0x8000, 0x58000},
		{0xffffffffffff, 0, 0x1000000000000},
	};
	assert_int_equal(srtp_index_guess(0, 54321), 54321);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (srtp_index_guess(rows[i].last + 1, rows[i].seq) != rows[i].want)
			fail_msg("row %u", i);
}

/* Against a plain array of what was seen. */
static void test_window(void **state)
{
	struct dp_srtp_flow flow = {0};
	static bool seen[4000];
	uint32_t x = 1, top = 0;

	for (unsigned int i = 0; i < 20000 && top < 3700; i++) {
		x = x * 1664525 + 1013904223;
		uint32_t index = top + 20 > (x >> 24) ? top + 20 - (x >> 24) : 0;
		bool fresh = !seen[index] && index + SRTP_WINDOW > top;
		if (!top && !seen[0])
			fresh = true;
		assert_int_equal(srtp_index_fresh(&flow, index), fresh);
		if (!fresh)
			continue;
		srtp_index_take(&flow, index);
		seen[index] = true;
		top = index > top ? index : top;
	}
	assert_true(top >= 3700);
	srtp_flow_resume(&flow, 9, 70000);
	assert_false(srtp_index_fresh(&flow, 69999));
	assert_false(srtp_index_fresh(&flow, 69999 - 127));
	assert_true(srtp_index_fresh(&flow, 70000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derivation),
		cmocka_unit_test(test_counter_mode),
		cmocka_unit_test(test_gcm),
		cmocka_unit_test(test_index_guess),
		cmocka_unit_test(test_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
