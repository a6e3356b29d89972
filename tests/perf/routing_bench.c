/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Look-ups per CPU-second of a call's way, one thread: PREFIXES random prefixes, each with two of 100
 * carriers at random rates.
 *
 *   routing_bench [SECONDS [CSV]]
 *
 * own: route_lookup() of one dial-peer with that route-table, verdicts and numbers included. table:
 * its ratetable_find() alone. sorted: the same answer from a plain array of prefixes, sorted, with a
 * binary search for each length; what each finds is compared first. e164: numtrie_best() in a map of
 * the same prefixes. Prints JSON. CSV: the table is also written there ("prefix,trunk,rate").
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/base/flash.h"
#include "controlplane/config/schema.h"
#include "sip-b2bua/routing/route.h"

#define PREFIXES 1000000
#define CARRIERS 100
#define WAYS	 2
#define NUMBERS	 4096 /* asked in turn; a power of two */
#define DIGITS	 13

static uint64_t rng = 1;

static uint32_t below(uint32_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((rng >> 33) % n);
}

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "routing_bench: %s\n", what);
	exit(1);
}

/* ---- the plain way ---- */

struct plain {
	uint64_t key; /* digits as nibbles 1..10, from the top */
	uint32_t rate;
	uint16_t trunk;
};
static struct plain *plain;
static uint32_t n_plain;

static uint64_t key_of(const char *digits, unsigned int n)
{
	uint64_t key = 0;

	for (unsigned int i = 0; i < n; i++)
		key |= (uint64_t)(digits[i] - '0' + 1) << (60 - 4 * i);
	return key;
}

static int compare_plain(const void *a, const void *b)
{
	uint64_t ka = ((const struct plain *)a)->key, kb = ((const struct plain *)b)->key;

	return ka < kb ? -1 : ka > kb;
}

static uint32_t lower_bound(uint64_t key)
{
	uint32_t lo = 0, hi = n_plain;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (plain[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Of each trunk the longest prefix; then by rate. */
static unsigned int plain_find(const char *digits, struct plain *ret, unsigned int max)
{
	struct plain found[CARRIERS];
	unsigned int n = 0, n_ret = 0;

	for (unsigned int len = DIGITS; len > 0; len--) {
		uint64_t key = key_of(digits, len);

		for (uint32_t i = lower_bound(key); i < n_plain && plain[i].key == key; i++) {
			unsigned int k = 0;

			while (k < n && found[k].trunk != plain[i].trunk)
				k++;
			if (k == n)
				found[n++] = plain[i];
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = n_ret;

		while (at > 0 && found[i].rate < ret[at - 1].rate)
			at--;
		if (at == max)
			continue;
		n_ret -= n_ret == max;
		memmove(&ret[at + 1], &ret[at], (n_ret - at) * sizeof(*ret));
		ret[at] = found[i];
		n_ret++;
	}
	return n_ret;
}

/* ---- what is measured ---- */

static char numbers[NUMBERS][DIGITS + 1];
static uint8_t symbols[NUMBERS][DIGITS];
static struct numbers *images;
static struct route_table *table;
static struct numtrie map;
static volatile uint32_t sink;

static void ask_own(unsigned int i)
{
	struct route_result res;
	struct route_query q = {.realm = "access",
		.calling = "4711",
		.called = {numbers[i], DIGITS},
		.numbers = images,
		.now_s = 1800000000};

	if (route_lookup(table, &q, &res) < 0)
		die("a look-up failed");
	sink += res.n_use;
}

static void ask_table(unsigned int i)
{
	struct rate_hit hits[ROUTE_TRIES_MAX];

	sink += ratetable_find(numbers_find_table(images, 1), symbols[i], DIGITS, 1800000000, hits,
		ROUTE_TRIES_MAX);
}

static void ask_sorted(unsigned int i)
{
	struct plain found[ROUTE_TRIES_MAX];

	sink += plain_find(numbers[i], found, ROUTE_TRIES_MAX);
}

static void ask_map(unsigned int i)
{
	struct numtrie_hit hit;

	sink += numtrie_best(&map, symbols[i], DIGITS, &hit);
}

static double per_second(void (*ask)(unsigned int i), double seconds)
{
	double start = cpu_s(), used = 0;
	uint64_t n = 0;

	while (used < seconds) {
		for (unsigned int i = 0; i < 1024; i++, n++)
			ask(n & (NUMBERS - 1));
		used = cpu_s() - start;
	}
	return (double)n / used;
}

/* ---- making it ---- */

#define SEEN (1u << 22)

/* 5 to 9 digits, each prefix once; several of them fit a number. */
static unsigned int random_prefix(char *prefix)
{
	static uint64_t seen[SEEN]; /* open addressing */
	unsigned int n;
	uint64_t key;
	uint32_t at;

	do {
		n = 5 + below(5);
		for (unsigned int i = 0; i < n; i++)
			prefix[i] = (char)('0' + below(10));
		prefix[n] = '\0';
		key = key_of(prefix, n);
		for (at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 42); seen[at] && seen[at] != key;)
			at = (at + 1) & (SEEN - 1);
	} while (seen[at] == key);
	seen[at] = key;
	return n;
}

static char *make_csv(size_t *ret_len, struct numtrie_builder *builder)
{
	char *csv = malloc((size_t)PREFIXES * WAYS * 48);
	size_t n = 0;

	plain = calloc((size_t)PREFIXES * WAYS, sizeof(*plain));
	if (!csv || !plain)
		die("memory is short");
	n += (size_t)sprintf(csv, "prefix,trunk,rate\n");
	for (unsigned int i = 0; i < PREFIXES; i++) {
		char prefix[16];
		unsigned int len = random_prefix(prefix), trunk = below(CARRIERS);

		if (numtrie_add(builder, view_of(prefix), true) < 0)
			die("a map is not made");
		if (i % (PREFIXES / NUMBERS) == 0 && i / (PREFIXES / NUMBERS) < NUMBERS) {
			char *number = numbers[i / (PREFIXES / NUMBERS)];

			memcpy(number, prefix, len);
			for (unsigned int k = len; k < DIGITS; k++)
				number[k] = (char)('0' + below(10));
		}
		for (unsigned int w = 0; w < WAYS; w++) {
			struct plain *p = &plain[n_plain++];

			*p = (struct plain){key_of(prefix, len), 1 + below(UINT16_MAX),
				(uint16_t)((trunk + w * 37) % CARRIERS)};
			n += (size_t)sprintf(
				csv + n, "%s,carrier%02u,0.%06u\n", prefix, p->trunk, p->rate);
		}
	}
	qsort(plain, n_plain, sizeof(*plain), compare_plain);
	*ret_len = n;
	return csv;
}

static struct cfg *make_cfg(void)
{
	struct cfg *cfg = cfg_new();
	char error[CFG_ERROR_MAX], text[64];
	struct cfg_trunk *trunk;
	void *obj;

	if (!cfg || cfg_object_add(cfg, CFG_REALM, VIEW("peering"), &obj, error) < 0 ||
		cfg_leaf_set(
			cfg_leaf_find(CFG_REALM, "listen"), obj, VIEW("udp 192.0.2.1"), error) < 0)
		die("no realm");
	for (unsigned int i = 0; i < CARRIERS; i++) {
		snprintf(text, sizeof(text), "carrier%02u", i);
		if (cfg_object_add(cfg, CFG_TRUNK, view_of(text), &obj, error) < 0)
			die(error);
		trunk = obj;
		snprintf(trunk->realm, sizeof(trunk->realm), "peering");
		snprintf(text, sizeof(text), "ipv4:192.0.2.%u:5060", 100 + i);
		if (cfg_leaf_set(cfg_leaf_find(CFG_TRUNK, "target"), obj, view_of(text), error) < 0)
			die(error);
	}
	if (cfg_object_add(cfg, CFG_DIAL_PEER, VIEW("1"), &obj, error) < 0 ||
		cfg_leaf_set(cfg_leaf_find(CFG_DIAL_PEER, "destination_pattern"), obj, VIEW("T"),
			error) < 0 ||
		cfg_leaf_set(cfg_leaf_find(CFG_DIAL_PEER, "route_table"), obj, VIEW("1"), error) <
			0)
		die(error);
	return cfg;
}

static void compare_answers(void)
{
	for (unsigned int i = 0; i < NUMBERS; i++) {
		struct rate_hit hits[ROUTE_TRIES_MAX];
		struct plain found[ROUTE_TRIES_MAX];
		unsigned int n = ratetable_find(numbers_find_table(images, 1), symbols[i], DIGITS,
			1800000000, hits, ROUTE_TRIES_MAX);

		if (n == 0 || n != plain_find(numbers[i], found, ROUTE_TRIES_MAX))
			die("the two ways find another number of trunks");
		for (unsigned int k = 0; k < n; k++) {
			if (hits[k].rate != found[k].rate)
				die("the two ways find other rates");
		}
	}
}

static void load(const char *path, size_t *ret_bytes, double *ret_s)
{
	struct numtrie_builder *builder = numtrie_builder_new();
	char error[RATETABLE_ERROR_MAX];
	uint32_t n_rows;
	void *image;
	size_t len, n;
	char *csv = make_csv(&n, builder);
	FILE *file = path ? fopen(path, "w") : NULL;
	int fd;

	if (path && (!file || fwrite(csv, 1, n, file) != n || fclose(file) != 0))
		die("the CSV file cannot be written");
	if (numtrie_build(builder, &image, &len, NULL, NULL) < 0 ||
		numtrie_open(image, len, &map, NULL) < 0)
		die("no map");
	numtrie_builder_free(builder);
	*ret_s = cpu_s();
	if (ratetable_build((struct view){csv, n}, &image, &len, &n_rows, error) < 0)
		die(error);
	*ret_s = cpu_s() - *ret_s;
	images = numbers_new();
	if (!images || flash_seal("bench", image, len, &fd) < 0 ||
		numbers_set(images, NUMBERS_TABLE, 1, fd, len) < 0)
		die("no image");
	close(fd);
	free(image);
	free(csv);
	*ret_bytes = len;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1.0, load_s;
	char error[ROUTE_REASON_MAX];
	size_t bytes;

	load(argc > 2 ? argv[2] : NULL, &bytes, &load_s);
	for (unsigned int i = 0; i < NUMBERS; i++)
		for (unsigned int k = 0; k < DIGITS; k++)
			symbols[i][k] = (uint8_t)(numbers[i][k] - '0');
	if (route_table_new(make_cfg(), &table, error) < 0)
		die(error);
	compare_answers();
	printf("{\"own\": %.0f, ", per_second(ask_own, seconds));
	printf("\"table\": %.0f, ", per_second(ask_table, seconds));
	printf("\"sorted\": %.0f, ", per_second(ask_sorted, seconds));
	printf("\"e164\": %.0f, ", per_second(ask_map, seconds));
	printf("\"load_s\": %.2f, \"bytes\": %zu, \"ways\": %u}\n", load_s, bytes, n_plain);
	return 0;
}
