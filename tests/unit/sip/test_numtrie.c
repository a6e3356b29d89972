/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Number maps: the image against a plain list of the same patterns, sizes, damaged images, files,
 * and images in sealed memory.
 */
#include "sip-b2bua/routing/numbers.h"
#include "sip-b2bua/routing/numlist.h"
#include "sip-b2bua/routing/route.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t rng;

static uint32_t random_below(uint32_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((rng >> 33) % n);
}

/* What a pattern says of a number, read character by character. */
static bool pattern_matches(const char *pattern, const char *number, struct numtrie_hit *ret)
{
	unsigned int n = 0, n_explicit = 0;

	for (; pattern[n] && pattern[n] != 'T'; n++) {
		if (!number[n])
			return false;
		if (pattern[n] == '.' ? number[n] == '+' : pattern[n] != number[n])
			return false;
		n_explicit += pattern[n] != '.';
	}
	ret->n_explicit = (uint16_t)n_explicit;
	ret->n_matched = (uint16_t)n;
	return pattern[n] == 'T' || number[n] == '\0';
}

static unsigned int symbols(const char *number, uint8_t *ret)
{
	unsigned int n = 0;

	for (; number[n]; n++)
		ret[n] = (uint8_t)numtrie_symbol(number[n]);
	return n;
}

struct hits {
	unsigned int n;
	struct numtrie_hit hit[4096];
};

static void take(void *arg, const struct numtrie_hit *hit)
{
	struct hits *hits = arg;

	assert_true(hits->n < 4096);
	hits->hit[hits->n++] = *hit;
}

static void random_text(char *p, unsigned int n, const char *alphabet)
{
	for (unsigned int i = 0; i < n; i++)
		p[i] = alphabet[random_below((uint32_t)strlen(alphabet))];
	p[n] = '\0';
}

static void random_pattern(char *p, unsigned int max, const char *alphabet)
{
	unsigned int n = 0;

	if (random_below(4) == 0)
		p[n++] = '+';
	random_text(p + n, 1 + random_below(max), alphabet);
	if (random_below(2) == 0)
		strcat(p, "T");
}

#define PATTERNS 2000

/* Every number finds the same patterns, with the same figures, as reading the list does. */
static void against_list(uint64_t seed, unsigned int max, const char *alphabet, const char *digits)
{
	static char list[PATTERNS][32];
	static struct hits hits;
	struct numtrie_builder *b = numtrie_builder_new();
	uint32_t *first, *ids;
	struct numtrie trie;
	void *image;
	size_t len;

	rng = seed;
	for (unsigned int i = 0; i < PATTERNS; i++) {
		if (i == 7)
			strcpy(list[i], "T");
		else
			random_pattern(list[i], max, alphabet);
		assert_int_equal(numtrie_add(b, view_of(list[i]), false), 0);
	}
	assert_int_equal(numtrie_build(b, &image, &len, &first, &ids), 0);
	assert_int_equal(numtrie_open(image, len, &trie, NULL), 0);
	assert_int_equal(first[trie.n_values], PATTERNS);
	for (unsigned int i = 0; i < 1000; i++) {
		char number[40] = "";
		uint8_t sym[40];
		struct numtrie_hit want, best;
		unsigned int n, found = 0, wanted = 0;

		if (random_below(3) == 0)
			strcat(number, "+");
		random_text(number + strlen(number), 1 + random_below(max + 3), digits);
		n = symbols(number, sym);
		hits.n = 0;
		numtrie_walk(&trie, sym, n, take, &hits);
		for (unsigned int k = 0; k < hits.n; k++) {
			uint32_t v = hits.hit[k].value;

			for (uint32_t id = first[v]; id < first[v + 1]; id++, found++) {
				if (!pattern_matches(list[ids[id]], number, &want) ||
					want.n_explicit != hits.hit[k].n_explicit ||
					want.n_matched != hits.hit[k].n_matched)
					fail_msg("%s does not match %s so", list[ids[id]], number);
			}
		}
		best = (struct numtrie_hit){0};
		for (unsigned int k = 0; k < PATTERNS; k++) {
			if (!pattern_matches(list[k], number, &want))
				continue;
			wanted++;
			if (want.n_explicit > best.n_explicit ||
				(want.n_explicit == best.n_explicit &&
					want.n_matched > best.n_matched))
				best = want;
		}
		if (found != wanted)
			fail_msg("%s: %u patterns found of %u", number, found, wanted);
		assert_int_equal(numtrie_best(&trie, sym, n, &want), wanted > 0);
		assert_true(wanted == 0 || (want.n_explicit == best.n_explicit &&
						   want.n_matched == best.n_matched));
	}
	free(first);
	free(ids);
	free(image);
	numtrie_builder_free(b);
}

static void test_against_list(void **state)
{
	against_list(1, 4, "012.", "012");
	against_list(2, 25, "01", "01");
	against_list(3, 25, "0.", "0");
	against_list(4, 6, "0123456789*#ABCD.", "0123456789*#ABCD");
	against_list(5, 28, "0123456789", "0123456789");
}

/* A million prefixes of six digits, or a fifth of that of long numbers. */
static struct numtrie_builder *many(unsigned int digits, void **ret_image, size_t *ret_len)
{
	struct numtrie_builder *b = numtrie_builder_new();
	char text[24];

	rng = 42;
	for (unsigned int i = 0; i < (digits == 6 ? 1000000 : 200000); i++) {
		uint64_t number = (uint64_t)random_below(1000000000) * 1000 + i % 1000;

		if (digits == 6)
			snprintf(text, sizeof(text), "%06uT", i);
		else
			snprintf(text, sizeof(text), "+49%012llu", (unsigned long long)number);
		assert_int_equal(numtrie_add(b, view_of(text), false), 0);
	}
	assert_int_equal(numtrie_build(b, ret_image, ret_len, NULL, NULL), 0);
	return b;
}

/* What docs/ROUTING.md says of memory: bytes a pattern. */
static void test_size(void **state)
{
	static const struct {
		unsigned int digits, bytes;
	} rows[] = {{6, 2}, {12, 24}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct numtrie_builder *b;
		struct numtrie trie;
		void *image;
		size_t len;

		b = many(rows[i].digits, &image, &len);
		assert_int_equal(numtrie_open(image, len, &trie, NULL), 0);
		print_message("%u digits: %.2f bytes a pattern\n", rows[i].digits,
			(double)len / trie.n_values);
		assert_true(len < (size_t)trie.n_values * rows[i].bytes);
		free(image);
		numtrie_builder_free(b);
	}
}

/* Any bytes behind a good head: no access outside, no endless walk. */
static void test_damaged(void **state)
{
	static struct hits hits;
	enum { NODES = 200 };
	struct {
		struct numtrie_head head;
		struct numtrie_node nodes[NODES];
	} * image;
	struct numtrie_builder *b = numtrie_builder_new();
	struct numtrie trie;
	void *good;
	size_t len;

	assert_int_equal(numtrie_add(b, VIEW("1"), false), 0);
	assert_int_equal(numtrie_build(b, &good, &len, NULL, NULL), 0);
	image = malloc(sizeof(*image));
	memcpy(&image->head, good, sizeof(image->head));
	image->head.n_nodes = NODES;
	image->head.n_values = 50;
	rng = 9;
	for (unsigned int round = 0; round < 300; round++) {
		uint8_t number[NUMTRIE_DEPTH_MAX];

		for (unsigned int i = 0; i < NODES; i++) {
			image->nodes[i].bits = (uint64_t)random_below(UINT32_MAX) << 32 |
					       random_below(UINT32_MAX);
			image->nodes[i].child = random_below(NODES + 20);
			image->nodes[i].value = random_below(60);
		}
		for (unsigned int i = 0; i < sizeof(number); i++)
			number[i] = (uint8_t)random_below(10);
		assert_int_equal(numtrie_open(image, sizeof(*image), &trie, NULL), 0);
		hits.n = 0;
		numtrie_walk(&trie, number, sizeof(number), take, &hits);
	}
	assert_int_equal(numtrie_open(image, sizeof(*image) - 1, &trie, NULL), -EINVAL);
	assert_int_equal(numtrie_open(image, 10, &trie, NULL), -EINVAL);
	image->head.version++;
	assert_int_equal(numtrie_open(image, sizeof(*image), &trie, NULL), -EINVAL);
	free(image);
	free(good);
	numtrie_builder_free(b);
}

static void test_list(void **state)
{
	static const struct {
		const char *text, *error; /* NULL: it is good */
		uint32_t n;
	} rows[] = {
		{"", NULL, 0},
		{"4930T\n 4940 \r\n\n! a comment\n+49", NULL, 3},
		{"4930T\n49x\n", "line 2: ", 0},
		{"1T1", "line 1: ", 0},
		{"12345678901234567890123456789012345678901234567890123456789012345\n",
			"line 1: ", 0},
		{"1\n1\n1T\n", NULL, 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct numtrie_builder *b = numtrie_builder_new();
		char error[NUMLIST_ERROR_MAX] = "";
		int rc = numlist_read(b, view_of(rows[i].text), error);
		struct numtrie trie;
		void *image;
		size_t len;

		assert_int_equal(rc, rows[i].error ? -EINVAL : 0);
		if (rows[i].error) {
			assert_memory_equal(error, rows[i].error, strlen(rows[i].error));
		} else {
			assert_int_equal(numtrie_build(b, &image, &len, NULL, NULL), 0);
			assert_int_equal(numtrie_open(image, len, &trie, NULL), 0);
			assert_int_equal(trie.n_values, rows[i].n);
			free(image);
		}
		numtrie_builder_free(b);
	}
}

static int sealed(const void *bytes, size_t len, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void test_numbers(void **state)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	struct numtrie_builder *b = numtrie_builder_new();
	struct numbers *numbers = numbers_new();
	uint8_t sym[8];
	struct numtrie_hit hit;
	void *image;
	size_t len;
	int fd;

	assert_int_equal(numtrie_add(b, VIEW("12T"), false), 0);
	assert_int_equal(numtrie_build(b, &image, &len, NULL, NULL), 0);
	fd = sealed(image, len, F_SEAL_SHRINK);
	assert_int_equal(
		numbers_set(numbers, NUMBERS_MAP, 5, fd, len), -EINVAL); /* it can be written */
	close(fd);
	fd = sealed(image, len, seals);
	assert_int_equal(numbers_set(numbers, NUMBERS_MAP, 5, fd, len + 1), -EINVAL);
	assert_int_equal(numbers_set(numbers, NUMBERS_MAP, 5, fd, len - 1), -EINVAL);
	assert_null(numbers_find(numbers, 5));
	assert_int_equal(numbers_set(numbers, NUMBERS_MAP, 5, fd, len), 0);
	assert_int_equal(numbers_set(numbers, NUMBERS_MAP, 3, fd, len), 0);
	assert_int_equal(numbers_set(numbers, NUMBERS_MAP, 5, fd, len), 0);
	close(fd);
	assert_non_null(numbers_find(numbers, 3));
	assert_null(numbers_find(numbers, 4));
	assert_true(numtrie_best(numbers_find(numbers, 5), sym, symbols("123", sym), &hit));
	assert_int_equal(hit.n_matched, 2);
	assert_false(numtrie_best(numbers_find(numbers, 5), sym, symbols("13", sym), &hit));
	numbers_del(numbers, NUMBERS_MAP, 3);
	numbers_del(numbers, NUMBERS_MAP, 3);
	assert_null(numbers_find(numbers, 3));
	assert_non_null(numbers_find(numbers, 5));
	numbers_free(numbers);
	free(image);
	numtrie_builder_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_list),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
