/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a CSV file to the image of ratetable.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/config/cfg_model.h"
#include "controlplane/config/times.h"
#include "sip-b2bua/routing/ratetable_image.h"
#include "sip-b2bua/routing/route.h"

enum column { PREFIX, NUMBER, TRUNK, BACKUP, BACKUP2, RATE, FROM, TO, N_COLUMNS };
static const char *const column_names[N_COLUMNS] = {
	"prefix", "number", "trunk", "backup", "backup2", "rate", "valid-from", "valid-to"};

#define FIELDS_MAX 32
#define HASH_SIZE  16384 /* a power of two, larger than RATETABLE_NAMES_MAX */

struct builder {
	struct numtrie_builder *trie;
	struct rate_row *rows; /* in the order of adding */
	uint32_t n_rows, cap_rows;
	char (*names)[RATETABLE_NAME_MAX];
	uint32_t n_names;
	uint16_t *hash; /* index + 1 of a name */
	char separator;
	int at[N_COLUMNS]; /* place of a column; -1: it is not there */
	unsigned int n_fields;
	uint32_t n_line;
	char *error;
};

static int refuse(struct builder *b, const char *what)
{
	snprintf(b->error, RATETABLE_ERROR_MAX, "line %u: %s", b->n_line, what);
	return -EINVAL;
}

static unsigned int split(const struct builder *b, struct view line, struct view *fields)
{
	unsigned int n = 0;

	while (n < FIELDS_MAX) {
		const char *end = line.n ? memchr(line.p, b->separator, line.n) : NULL;
		size_t len = end ? (size_t)(end - line.p) : line.n;

		fields[n++] = view_trim((struct view){line.p, len});
		if (!end)
			return n;
		line.p += len + 1;
		line.n -= len + 1;
	}
	return n;
}

static int read_header(struct builder *b, struct view line)
{
	struct view fields[FIELDS_MAX];

	b->separator = memchr(line.p, ';', line.n) ? ';' : ',';
	b->n_fields = split(b, line, fields);
	for (unsigned int c = 0; c < N_COLUMNS; c++)
		b->at[c] = -1;
	for (unsigned int i = 0; i < b->n_fields; i++) {
		unsigned int c = 0;

		while (c < N_COLUMNS && !view_eq_nocase(fields[i], view_of(column_names[c])))
			c++;
		if (c == N_COLUMNS || b->at[c] >= 0)
			return refuse(b,
				"the columns are prefix or number, trunk, backup, "
				"backup2, rate, valid-from, valid-to, each once");
		b->at[c] = (int)i;
	}
	if ((b->at[PREFIX] < 0) == (b->at[NUMBER] < 0) || b->at[TRUNK] < 0)
		return refuse(b, "the first line names the columns: prefix or number, and trunk");
	return 0;
}

/* "0.0125" in millionths. */
static bool read_rate(struct view text, uint32_t *ret)
{
	uint64_t value = 0;
	unsigned int places = 0;
	bool point = false;

	if (text.n == 0 || text.n > 12)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (text.p[i] < '0' || text.p[i] > '9' || (point && places == 6))
			return false;
		value = value * 10 + (unsigned int)(text.p[i] - '0');
		places += point;
	}
	for (; places < 6; places++)
		value *= 10;
	*ret = (uint32_t)value;
	return value <= UINT32_MAX;
}

/* "2026-12-24" or "2026-12-24T08:30" as seconds since 1970. */
static bool read_date(struct view text, uint32_t *ret)
{
	struct cfg_date date = {0};
	uint64_t year, month, day, hour = 0, minute = 0;
	char as_typed[32], error[CFG_ERROR_MAX];
	struct cfg_date checked;
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	if ((text.n != 10 && text.n != 16) || text.p[4] != '-' || text.p[7] != '-' ||
		view_to_u64((struct view){text.p, 4}, 2099, &year) < 0 ||
		view_to_u64((struct view){text.p + 5, 2}, 12, &month) < 0 || month == 0 ||
		view_to_u64((struct view){text.p + 8, 2}, 31, &day) < 0)
		return false;
	if (text.n == 16 && (text.p[10] != 'T' || text.p[13] != ':' ||
				    view_to_u64((struct view){text.p + 11, 2}, 23, &hour) < 0 ||
				    view_to_u64((struct view){text.p + 14, 2}, 59, &minute) < 0))
		return false;
	/* Whether there is such a day is known in one place. */
	snprintf(as_typed, sizeof(as_typed), "00:00 %u %s %u", (unsigned int)day, months[month - 1],
		(unsigned int)year);
	if (cfg_date_parse(view_of(as_typed), &checked, error) < 0)
		return false;
	date = checked;
	date.minute = (uint16_t)(hour * 60 + minute);
	*ret = (uint32_t)(cfg_date_minutes(&date) * 60);
	return true;
}

static bool name_ok(struct view name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '"')
			return false;
	}
	return name.n > 0 && name.n < RATETABLE_NAME_MAX;
}

/* The index of a trunk's name; -ENOSPC. */
static int name_index(struct builder *b, struct view name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (uint8_t)name.p[i]) * 16777619u;
	for (h &= HASH_SIZE - 1; b->hash[h]; h = (h + 1) & (HASH_SIZE - 1)) {
		if (view_eq(view_of(b->names[b->hash[h] - 1]), name))
			return b->hash[h] - 1;
	}
	if (b->n_names == RATETABLE_NAMES_MAX)
		return -ENOSPC;
	memset(b->names[b->n_names], 0, RATETABLE_NAME_MAX);
	memcpy(b->names[b->n_names], name.p, name.n);
	b->hash[h] = (uint16_t)++b->n_names;
	return (int)b->n_names - 1;
}

static int add_row(struct builder *b, struct view pattern, const struct rate_row *row)
{
	int rc;

	if (b->n_rows == b->cap_rows) {
		uint32_t cap = b->cap_rows ? b->cap_rows * 2 : 1024;
		struct rate_row *rows = reallocarray(b->rows, cap, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		b->rows = rows;
		b->cap_rows = cap;
	}
	rc = numtrie_add(b->trie, pattern, b->at[PREFIX] >= 0);
	if (rc == 0)
		b->rows[b->n_rows++] = *row;
	return rc;
}

static int read_row(struct builder *b, struct view line)
{
	static const uint8_t trunks[] = {TRUNK, BACKUP, BACKUP2};
	int key = b->at[PREFIX] >= 0 ? b->at[PREFIX] : b->at[NUMBER];
	struct view fields[FIELDS_MAX];
	char why[ROUTE_REASON_MAX];
	struct rate_row row = {0};

	if (split(b, line, fields) != b->n_fields)
		return refuse(b, "it has another number of fields than the first line");
	if (route_pattern_check(fields[key], why) < 0 || fields[key].p[fields[key].n - 1] == 'T')
		return refuse(b, "a prefix or number consists of digits, with '+' first or not");
	if (b->at[RATE] >= 0 && !read_rate(fields[b->at[RATE]], &row.rate))
		return refuse(b, "a rate is a decimal number up to 4294, with at most six places");
	if (b->at[FROM] >= 0 && fields[b->at[FROM]].n &&
		!read_date(fields[b->at[FROM]], &row.from_s))
		return refuse(b, "valid-from is YYYY-MM-DD or YYYY-MM-DDTHH:MM");
	if (b->at[TO] >= 0 && fields[b->at[TO]].n && !read_date(fields[b->at[TO]], &row.to_s))
		return refuse(b, "valid-to is YYYY-MM-DD or YYYY-MM-DDTHH:MM");
	for (unsigned int i = 0; i < 3; i++) {
		int at = b->at[trunks[i]], rc;

		if (at < 0 || (i > 0 && fields[at].n == 0))
			continue;
		if (!name_ok(fields[at]))
			return refuse(b, "a trunk has a name of 1 to 31 characters");
		rc = name_index(b, fields[at]);
		if (rc < 0)
			return rc;
		row.trunk = (uint16_t)rc;
		row.order = (uint8_t)i;
		rc = add_row(b, fields[key], &row);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_lines(struct builder *b, struct view text)
{
	bool header = true;
	int rc = 0;

	while (rc == 0 && text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		struct view line = view_trim((struct view){text.p, n});

		b->n_line++;
		text.p += n + (end != NULL);
		text.n -= n + (end != NULL);
		if (line.n == 0 || line.p[0] == '!')
			continue;
		rc = header ? read_header(b, line) : read_row(b, line);
		header = false;
	}
	if (rc == 0 && header)
		rc = refuse(b, "the first line names the columns: prefix or number, and trunk");
	return rc;
}

/* Head, trie, rows, names, first: the larger alignment comes first. */
static int put_image(struct builder *b, void **ret_image, size_t *ret_len)
{
	uint32_t *first = NULL, *ids = NULL;
	size_t trie_len, rows = (size_t)b->n_rows * sizeof(*b->rows);
	size_t names = (size_t)b->n_names * RATETABLE_NAME_MAX;
	struct numtrie trie;
	void *image;
	char *p, *out;
	int rc = numtrie_build(b->trie, &image, &trie_len, &first, &ids);

	if (rc < 0)
		return rc;
	rc = numtrie_open(image, trie_len, &trie, NULL);
	size_t firsts = ((size_t)trie.n_values + 1) * sizeof(*first);
	struct rates_head head = {RATES_MAGIC, RATES_VERSION, b->n_rows, b->n_names, trie_len};
	p = out = rc == 0 ? malloc(sizeof(head) + trie_len + rows + names + firsts) : NULL;
	if (out) {
		memcpy(p, &head, sizeof(head));
		p += sizeof(head);
		memcpy(p, image, trie_len);
		p += trie_len;
		for (uint32_t i = 0; i < b->n_rows; i++, p += sizeof(*b->rows))
			memcpy(p, &b->rows[ids[i]], sizeof(*b->rows));
		memcpy(p, b->names, names);
		memcpy(p + names, first, firsts);
		*ret_image = out;
		*ret_len = sizeof(head) + trie_len + rows + names + firsts;
	}
	free(image);
	free(first);
	free(ids);
	return out ? 0 : -ENOMEM;
}

int ratetable_build(struct view csv, void **ret_image, size_t *ret_len, uint32_t *ret_rows,
	char error[RATETABLE_ERROR_MAX])
{
	struct builder b = {.error = error};
	int rc = -ENOMEM;

	snprintf(error, RATETABLE_ERROR_MAX, "memory is short");
	b.trie = numtrie_builder_new();
	b.names = calloc(RATETABLE_NAMES_MAX, RATETABLE_NAME_MAX);
	b.hash = calloc(HASH_SIZE, sizeof(*b.hash));
	if (b.trie && b.names && b.hash) {
		rc = read_lines(&b, csv);
		if (rc == -ENOSPC)
			snprintf(error, RATETABLE_ERROR_MAX,
				"it has more than %u ways or %u trunks", NUMTRIE_MAX,
				RATETABLE_NAMES_MAX);
		if (rc == 0)
			rc = put_image(&b, ret_image, ret_len);
		if (rc == 0)
			*ret_rows = b.n_rows;
	}
	numtrie_builder_free(b.trie);
	free(b.names);
	free(b.hash);
	free(b.rows);
	return rc;
}
