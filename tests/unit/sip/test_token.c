/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens (SipHash against the reference vectors of its paper) and slabs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <cmocka.h>

#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/core/sip_token.h"
#include "controlplane/base/siphash.h"

/* Key 00..0f, input 00..(n-1): of 2-4 the vectors that Aumasson and Bernstein publish. */
static void test_siphash(void **state)
{
	static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
	static const struct {
		size_t n;
		uint64_t hash24, hash13;
	} rows[] = {{0, 0x726fdb47dd0e0e31u, 0xabac0158050fc4dcu},
		{1, 0x74f839c593dc67fdu, 0xc9f49bf37d57ca93u},
		{7, 0xab0200f58b01d137u, 0xd3927d989bb11140u},
		{8, 0x93f5f5799a932462u, 0x369095118d299a8eu},
		{15, 0xa129ca6149be45e5u, 0xd320d86d2a519956u},
		{63, 0x958a324ceb064572u, 0x9d199062b7bbb3a8u}};
	uint8_t in[64];
	for (unsigned int i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(siphash24(key, in, rows[i].n) == rows[i].hash24);
		assert_true(siphash13(key, in, rows[i].n) == rows[i].hash13);
	}
}

static void key_fill(struct sip_token_key *key, uint8_t first)
{
	uint8_t secret[SIP_TOKEN_KEY];
	for (unsigned int i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(first + i);
	sip_token_key_set(key, secret);
}

static const struct sip_token tokens[] = {
	{SIP_TOKEN_CLIENT, 0, 0, 0},
	{SIP_TOKEN_DIALOG, 3, 70000, 123456789},
	{15, 255, SIP_TOKEN_INDEX_MAX, SIP_TOKEN_GEN_MASK},
};

static void is_same(const struct sip_token *a, const struct sip_token *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->worker, b->worker);
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->generation, b->generation);
}

static void test_round_trip(void **state)
{
	struct sip_token_key key;
	key_fill(&key, 1);
	for (unsigned int i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		char buf[SIP_TOKEN_LEN], branch[SIP_BRANCH_LEN];
		struct sip_token t;
		struct view text = sip_token_print(&key, &tokens[i], buf);
		assert_int_equal(text.n, SIP_TOKEN_LEN);
		assert_int_equal(sip_token_parse(&key, text, &t), 0);
		is_same(&t, &tokens[i]);
		/* A peer may have changed the case. */
		for (unsigned int j = 0; j < SIP_TOKEN_LEN; j += 2)
			buf[j] = (char)(buf[j] >= 'a' ? buf[j] - 32 : buf[j]);
		assert_int_equal(sip_token_parse(&key, text, &t), 0);
		text = sip_token_branch(&key, &tokens[i], branch);
		assert_int_equal(sip_token_parse_branch(&key, text, &t), 0);
		is_same(&t, &tokens[i]);
		branch[0] = 'y';
		assert_int_equal(sip_token_parse_branch(&key, text, &t), -EINVAL);
	}
}

static void test_forged(void **state)
{
	struct sip_token_key key, other;
	char buf[SIP_TOKEN_LEN], good[SIP_TOKEN_LEN];
	struct sip_token t;
	key_fill(&key, 1);
	key_fill(&other, 2);
	struct view text = sip_token_print(&key, &tokens[1], buf);
	memcpy(good, buf, sizeof(good));
	assert_int_equal(sip_token_parse(&other, text, &t), -EINVAL);
	for (unsigned int i = 0; i < SIP_TOKEN_LEN; i++) {
		for (const char *c = "abcdefghijklmnopqrstuvwxyz234567018-%"; *c; c++) {
			memcpy(buf, good, sizeof(good));
			buf[i] = *c;
			int rc = sip_token_parse(&key, text, &t);
			assert_int_equal(rc, *c == good[i] ? 0 : -EINVAL);
		}
	}
	assert_int_equal(sip_token_parse(&key, (struct view){good, 25}, &t), -EINVAL);
	assert_int_equal(sip_token_parse(&key, VIEW(""), &t), -EINVAL);
	assert_int_equal(sip_token_parse_branch(&key, (struct view){NULL, 0}, &t), -EINVAL);
}

static void test_slab(void **state)
{
	struct sip_slab *slab = sip_slab_new(40, 600, 77);
	uint32_t index[600], gen[600], i, g, pos = 0, n = 0;
	assert_non_null(slab);
	for (i = 0; i < 600; i++) {
		uint32_t *p = sip_slab_get(slab, &index[i], &gen[i]);
		assert_non_null(p);
		assert_int_equal(gen[i], 77);
		*p = i;
	}
	assert_null(sip_slab_get(slab, &i, &g));
	assert_int_equal(sip_slab_n_used(slab), 600);
	for (i = 0; i < 600; i++)
		assert_int_equal(*(uint32_t *)sip_slab_find(slab, index[i], gen[i]), i);
	assert_null(sip_slab_find(slab, 600, 77));
	assert_null(sip_slab_find(slab, UINT32_MAX, 77));
	sip_slab_put(slab, index[300]);
	assert_null(sip_slab_find(slab, index[300], gen[300]));
	uint32_t *p = sip_slab_get(slab, &i, &g);
	assert_int_equal(i, index[300]);
	assert_int_equal(g, 78);
	assert_int_equal(*p, 0);
	while (sip_slab_next(slab, &pos) != NULL)
		n++;
	assert_int_equal(n, 600);
	sip_slab_free(slab);
}

/* After a restart dialogs come back under their old numbers, in any order. */
static void test_claim(void **state)
{
	struct sip_slab *slab = sip_slab_new(8, 1000, 5);
	bool seen[1000] = {false};
	uint32_t i, g;
	assert_non_null(sip_slab_claim(slab, 700, 1234));
	assert_non_null(sip_slab_claim(slab, 3, 9));
	assert_null(sip_slab_claim(slab, 3, 10));
	assert_null(sip_slab_claim(slab, 1000, 1));
	assert_non_null(sip_slab_find(slab, 700, 1234));
	assert_null(sip_slab_find(slab, 700, 5));
	/* Put and claimed again while it stands in the free list all the time */
	sip_slab_put(slab, 3);
	assert_non_null(sip_slab_claim(slab, 3, 11));
	seen[3] = seen[700] = true;
	for (unsigned int n = 0; n < 998; n++) {
		assert_non_null(sip_slab_get(slab, &i, &g));
		assert_false(seen[i]);
		seen[i] = true;
	}
	assert_null(sip_slab_get(slab, &i, &g));
	sip_slab_put(slab, 3);
	assert_non_null(sip_slab_get(slab, &i, &g));
	assert_int_equal(i, 3);
	assert_int_equal(g, 12);
	sip_slab_free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_slab),
		cmocka_unit_test(test_claim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
