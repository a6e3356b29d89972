/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of show commands: the same cells as columns of text and as JSON objects. Columns keep
 * their names and order; a column grows when a value is wider than it is.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct cli_table_out {
	const struct cli_column *columns;
	unsigned int n_columns;
	unsigned int n_cells;
	struct buf text;   /* the cells, each with a NUL */
	struct buf places; /* size_t of each cell in text; SIZE_MAX: no value */
	unsigned int *width;
};

struct cli_table_out *cli_table_new(const struct cli_column *columns, unsigned int n)
{
	struct cli_table_out *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->n_columns = n;
	table->width = calloc(n, sizeof(*table->width));
	if (!table->width) {
		free(table);
		return NULL;
	}
	for (unsigned int i = 0; i < n; i++) {
		size_t title = columns[i].title ? strlen(columns[i].title) : 0;
		table->width[i] = columns[i].width > title ? columns[i].width : (unsigned int)title;
	}
	return table;
}

void cli_table_free(struct cli_table_out *table)
{
	if (!table)
		return;
	buf_free(&table->text);
	buf_free(&table->places);
	free(table->width);
	free(table);
}

static void add_cell(struct cli_table_out *table, size_t place, size_t len)
{
	unsigned int column = table->n_cells++ % table->n_columns;

	buf_add(&table->places, (const char *)&place, sizeof(place));
	if (len > table->width[column])
		table->width[column] = (unsigned int)len;
}

void cli_table_cell(struct cli_table_out *table, const char *fmt, ...)
{
	char text[512];
	size_t place;
	va_list ap;
	int n;

	if (!table)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	place = table->text.n;
	if (n < 0)
		n = 0;
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	buf_add(&table->text, text, (size_t)n + 1);
	add_cell(table, place, (size_t)n);
}

void cli_table_null(struct cli_table_out *table)
{
	if (table)
		add_cell(table, SIZE_MAX, 1);
}

unsigned int cli_table_rows(const struct cli_table_out *table)
{
	return table ? table->n_cells / table->n_columns : 0;
}

/* NULL: no value. */
static const char *cell(const struct cli_table_out *table, unsigned int i)
{
	size_t place;

	memcpy(&place, table->places.p + i * sizeof(place), sizeof(place));
	return place == SIZE_MAX ? NULL : table->text.p + place;
}

static json_t *number(const char *text)
{
	if (strchr(text, '.'))
		return json_real(strtod(text, NULL));
	return json_integer((json_int_t)strtoull(text, NULL, 10));
}

json_t *cli_table_json(struct cli_table_out *table)
{
	json_t *rows = json_array();

	for (unsigned int r = 0; r < cli_table_rows(table); r++) {
		json_t *row = json_object();
		for (unsigned int c = 0; c < table->n_columns; c++) {
			const char *text = cell(table, r * table->n_columns + c);
			json_t *value = !text			   ? json_null()
					: table->columns[c].number ? number(text)
								   : json_string(text);
			json_object_set_new(
				row, table->columns[c].key, value ? value : json_null());
		}
		json_array_append_new(rows, row);
	}
	cli_table_free(table);
	return rows;
}

static void print_row(const struct cli_table_out *table, struct buf *out, int row)
{
	size_t pending = 0;

	for (unsigned int c = 0; c < table->n_columns; c++) {
		const struct cli_column *column = &table->columns[c];
		const char *text;
		size_t len;
		if (!column->title)
			continue;
		text = row < 0 ? column->title
			       : cell(table, (unsigned int)row * table->n_columns + c);
		if (!text)
			text = "-";
		len = strlen(text);
		/* Blanks only before something: no line ends with them. */
		if (column->right)
			pending += table->width[c] - len;
		if (len) {
			buf_fill(out, ' ', pending);
			pending = 0;
			buf_puts(out, text);
		}
		pending += 2 + (column->right ? 0 : table->width[c] - len);
	}
	buf_puts(out, "\n");
}

void cli_table_text(struct cli_ctx *ctx, const struct cli_table_out *table)
{
	if (!table || table->text.failed || table->places.failed) {
		ctx->out->failed = true;
		return;
	}
	print_row(table, ctx->out, -1);
	for (unsigned int r = 0; r < cli_table_rows(table); r++)
		print_row(table, ctx->out, (int)r);
}

int cli_table_print(struct cli_ctx *ctx, struct cli_table_out *table)
{
	if (!table || table->text.failed || table->places.failed) {
		cli_table_free(table);
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	}
	if (ctx->json)
		return cli_print_json(ctx, cli_table_json(table));
	cli_table_text(ctx, table);
	cli_table_free(table);
	return 0;
}

int cli_print_json(struct cli_ctx *ctx, json_t *json)
{
	char *text = json ? json_dumps(json,
				    JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12))
			  : NULL;

	json_decref(json);
	if (!text)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	buf_puts(ctx->out, text);
	buf_puts(ctx->out, "\n");
	free(text);
	return 0;
}

char *cli_print_time(uint64_t wall_ms, char buf[48])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char date[12], tail[16];

	if (!gmtime_r(&seconds, &tm) || !strftime(date, sizeof(date), "%H:%M:%S", &tm) ||
		!strftime(tail, sizeof(tail), "%b %e %Y", &tm)) {
		buf[0] = 0;
		return buf;
	}
	snprintf(buf, 48, "%s.%03u UTC %s", date, (unsigned int)(wall_ms % 1000), tail);
	return buf;
}

char *cli_print_span(uint64_t ms, char buf[32])
{
	uint64_t s = ms / 1000, days = s / 86400;

	if (days >= 7)
		snprintf(buf, 32, "%lluw%llud", (unsigned long long)(days / 7),
			(unsigned long long)(days % 7));
	else if (days)
		snprintf(buf, 32, "%llud%02lluh", (unsigned long long)days,
			(unsigned long long)(s % 86400 / 3600));
	else
		snprintf(buf, 32, "%02llu:%02llu:%02llu", (unsigned long long)(s / 3600),
			(unsigned long long)(s % 3600 / 60), (unsigned long long)(s % 60));
	return buf;
}
