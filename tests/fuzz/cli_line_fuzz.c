/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A session of an administrator: each line of the input is run; one that begins with '?' asks for
 * help, one with a tab for completion. Every line must be answered exactly once, and whatever was
 * typed, the running configuration is valid and survives its own text form.
 */
#include "tests/unit/cli/fake_source.h"
#include "tests/unit/config/samples.h"
#include "cli/grammar/session.h"
#include "controlplane/base/log.h"
#include "controlplane/config/datastore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int n_done;
static bool closed;

static void out(void *arg, const char *text, size_t len)
{
	if (memchr(text, 0, len))
		abort();
}

static void done(void *arg, const struct cli_result *result)
{
	n_done++;
	closed = result->close;
	if (result->status > 0 || !result->prompt[0])
		abort();
}

static void started(void *arg, int status, const char *text)
{
	if (status < 0)
		abort();
}

static void run_line(struct cli_session *session, const char *line, size_t len)
{
	unsigned int before = n_done;

	if (len && (*line == '?' || *line == '\t')) {
		char *text = *line == '?' ? cli_session_help(session, line + 1, len - 1)
					  : cli_session_complete(session, line + 1, len - 1);
		if (!text)
			abort();
		free(text);
		return;
	}
	cli_session_line(session, line, len);
	if (n_done != before + 1)
		abort();
}

static void check_running(const struct cfg *running)
{
	char error[CFG_ERROR_MAX], *text;
	struct cfg *back;
	size_t len;

	if (cfg_validate(running, error) < 0 || cfg_to_text(running, &text, &len) < 0 ||
		cfg_from_text(text, len, "running", &back, error) < 0 || !cfg_equal(running, back))
		abort();
	cfg_free(back);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cli_session_ops ops = {out, done};
	static const struct cli_identity who = {.user = "anna", .admin = true};
	const char *p = (const char *)data, *end = p + size;
	static struct cli_engine *engine;
	static struct cfg_store *store;
	struct cli_session *session;
	char error[CFG_ERROR_MAX];

	if (!engine) {
		log_init("fuzz", LOG_L_ERR);
		if (cfg_store_open(NULL, fake_source.now_ms(NULL), &store, error) < 0)
			abort();
		cfg_store_start(store, sample_config, started, NULL);
		engine = cli_engine_new(store, &fake_source);
	}
	session = cli_session_new(engine, &who, &ops, NULL);
	closed = false;
	while (p < end && !closed) {
		const char *next = memchr(p, '\n', (size_t)(end - p));
		run_line(session, p, (size_t)((next ? next : end) - p));
		p = next ? next + 1 : end;
	}
	cli_session_free(session);
	check_running(cfg_store_running(store));
	return 0;
}
