/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The start-up file: whatever is read can be written, and what is written reads back as the same
 * configuration and the same text; lines and JSON of it can be printed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "controlplane/config/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 loses the string that a syntax error interrupts. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static void through_json(const struct cfg *cfg)
{
	struct json_t *json = cfg_to_json(cfg, false);
	char error[CFG_ERROR_MAX];
	struct cfg *back;

	if (cfg_from_json(json, &back, error) < 0 || !cfg_equal(cfg, back))
		abort();
	cfg_free(back);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[CFG_ERROR_MAX], *text, *again;
	struct cfg *cfg, *back;
	struct buf lines = {0};
	size_t len, len2;

	if (cfg_from_text((const char *)data, size, "fuzz", &cfg, error) < 0) {
		if (!error[0] || memchr(error, 0, sizeof(error)) == NULL)
			abort();
		return 0;
	}
	if (cfg_to_text(cfg, &text, &len) < 0 ||
		cfg_from_text(text, len, "again", &back, error) < 0 || !cfg_equal(cfg, back) ||
		cfg_to_text(back, &again, &len2) < 0 || len != len2 ||
		memcmp(text, again, len) != 0)
		abort();
	if (cfg_validate(cfg, error) < 0 && !error[0])
		abort();
	cfg_print_cli(cfg, true, &lines);
	lines.n = 0;
	cfg_print_diff(cfg, back, &lines);
	if (lines.n)
		abort();
	through_json(cfg);
	buf_free(&lines);
	free(text);
	free(again);
	cfg_free(cfg);
	cfg_free(back);
	return 0;
}
