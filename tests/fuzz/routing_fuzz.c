/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What routing reads of operators and of other processes: files of number maps and route-tables,
 * translation rules, images. The first byte says which. What was taken must be found again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config/schema.h"
#include "controlplane/config/translation.h"
#include "sip-b2bua/routing/numlist.h"
#include "sip-b2bua/routing/ratetable.h"
#include "sip-b2bua/routing/translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int symbols(const char *text, size_t n, uint8_t sym[NUMTRIE_DEPTH_MAX])
{
	unsigned int k = 0;

	for (size_t i = 0; i < n && k < NUMTRIE_DEPTH_MAX; i++) {
		int s = numtrie_symbol(text[i]);

		if (s >= 0 && (s != NUMTRIE_PLUS || k == 0))
			sym[k++] = (uint8_t)s;
	}
	return k;
}

/* A line without dots is a number that its map knows. */
static void expect_lines(const struct numtrie *trie, struct view text)
{
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		struct view line = view_trim((struct view){text.p, n});
		uint8_t sym[NUMTRIE_DEPTH_MAX];
		struct numtrie_hit hit;

		text.p += n + (end != NULL);
		text.n -= n + (end != NULL);
		if (line.n == 0 || line.p[0] == '!' || memchr(line.p, '.', line.n))
			continue;
		line.n -= line.p[line.n - 1] == 'T';
		if (line.n && !numtrie_best(trie, sym, symbols(line.p, line.n, sym), &hit))
			abort();
	}
}

static void map_text(struct view text)
{
	struct numtrie_builder *b = numtrie_builder_new();
	char error[NUMLIST_ERROR_MAX];
	struct numtrie trie;
	void *image;
	size_t len;

	if (!b)
		return;
	if (numlist_read(b, text, error) == 0 && numtrie_build(b, &image, &len, NULL, NULL) == 0) {
		if (numtrie_open(image, len, &trie, NULL) < 0)
			abort();
		expect_lines(&trie, text);
		free(image);
	}
	numtrie_builder_free(b);
}

static void ask_table(const struct ratetable *table)
{
	static const char *const numbers[] = {"4930123", "+4930", "1", "0*#"};
	struct rate_hit hits[8];
	uint8_t sym[NUMTRIE_DEPTH_MAX];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		unsigned int n = symbols(numbers[i], strlen(numbers[i]), sym);

		if (ratetable_find(table, sym, n, 1800000000, hits, 8) > 8)
			abort();
	}
}

static void table_text(struct view text)
{
	char error[RATETABLE_ERROR_MAX];
	struct ratetable table;
	uint32_t n_rows;
	void *image;
	size_t len;

	if (ratetable_build(text, &image, &len, &n_rows, error) < 0)
		return;
	if (ratetable_open(image, len, &table) < 0 || table.n_rows != n_rows)
		abort();
	ask_table(&table);
	free(image);
}

/* "RULE\nNUMBER": what is taken prints as itself, and PCRE2 takes it, too. */
static void rule(struct view text)
{
	const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	size_t n = end ? (size_t)(end - text.p) : text.n;
	static struct cfg_translation_rule list = {.tag = 1, .n_rules = 1};
	struct cfg cfg = {.translation_rules = &list, .n_translation_rules = 1};
	char printed[CFG_VALUE_MAX], number[TRANSLATE_NUMBER_MAX], got[TRANSLATE_NUMBER_MAX];
	char error[CFG_ERROR_MAX];
	struct cfg_translation again;
	struct translate *t;
	uint32_t rank;

	if (cfg_translation_parse(100, (struct view){text.p, n}, &list.rules[0], error) < 0)
		return;
	cfg_translation_print(&list.rules[0], printed);
	if (cfg_translation_parse(100, view_of(printed), &again, error) < 0 ||
		memcmp(&again, &list.rules[0], sizeof(again)) != 0 ||
		translate_new(&cfg, &t, error) < 0)
		abort();
	if (end && view_copy((struct view){end + 1, text.n - n - 1}, number, sizeof(number)) == 0)
		(void)translate_number(t, 1, number, got, &rank);
	translate_free(t);
}

static void images(const uint8_t *data, size_t size, bool is_table)
{
	void *copy = malloc(size ? size : 1);
	uint8_t sym[NUMTRIE_DEPTH_MAX] = {1, 2, 3, 1, 2, 3};
	struct numtrie_hit hit;
	struct ratetable table;
	struct numtrie trie;

	if (!copy)
		return;
	memcpy(copy, data, size);
	if (is_table && ratetable_open(copy, size, &table) == 0)
		ask_table(&table);
	if (!is_table && numtrie_open(copy, size, &trie, NULL) == 0)
		(void)numtrie_best(&trie, sym, NUMTRIE_DEPTH_MAX, &hit);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = {(const char *)data + 1, size ? size - 1 : 0};

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'm':
		map_text(text);
		break;
	case 't':
		table_text(text);
		break;
	case 'r':
		rule(text);
		break;
	case 'i':
	case 'j':
		images(data + 1, size - 1, data[0] == 'j');
		break;
	default:
		break;
	}
	return 0;
}
