/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/cli/session_box.h"
#include "tests/unit/cli/fake_source.h"
#include "controlplane/config/datastore.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

char session_box_dir[64];

static void out(void *arg, const char *text, size_t len)
{
	buf_add(&((struct session_box *)arg)->output, text, len);
}

static void done(void *arg, const struct cli_result *result)
{
	struct session_box *box = arg;

	box->n_done++;
	box->status = result->status;
	box->caret = result->caret;
	box->closed = result->close;
}

static void started(void *arg, int status, const char *text)
{
	if (status < 0)
		fail_msg("%s", text);
}

void session_box_login(struct session_box *box, bool admin)
{
	static const struct cli_session_ops ops = {out, done};
	struct cli_identity identity = {.uid = admin ? 0 : 1000,
		.pid = 4711,
		.admin = admin,
		.interactive = true,
		.width = 80,
		.height = 24};

	snprintf(identity.user, sizeof(identity.user), "%s", admin ? "anna" : "bert");
	cli_session_free(box->session);
	box->session = cli_session_new(box->engine, &identity, &ops, box);
	assert_non_null(box->session);
	box->closed = false;
}

void session_box_open(struct session_box *box, const char *dir, const char *config)
{
	char error[CFG_ERROR_MAX];

	*box = (struct session_box){0};
	if (cfg_store_open(dir, fake_source.now_ms(NULL), &box->store, error) < 0)
		fail_msg("%s", error);
	cfg_store_start(box->store, config, started, NULL);
	box->engine = cli_engine_new(box->store, &fake_source);
	assert_non_null(box->engine);
	session_box_login(box, true);
}

void session_box_close(struct session_box *box)
{
	cli_session_free(box->session);
	cli_engine_free(box->engine);
	cfg_store_close(box->store);
	buf_free(&box->output);
}

void session_box_line(struct session_box *box, const char *line, size_t len)
{
	int before = box->n_done;

	buf_free(&box->output);
	cli_session_line(box->session, line, len);
	assert_int_equal(box->n_done, before + 1);
}

int session_box_setup(void **state)
{
	strcpy(session_box_dir, "/tmp/limen-test-XXXXXX");
	return mkdtemp(session_box_dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int session_box_teardown(void **state)
{
	return nftw(session_box_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *session_box_file(const char *name)
{
	char path[512], chunk[4096];
	struct buf text = {0};
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, name);
	FILE *file = fopen(path, "r");
	if (!file)
		fail_msg("no %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), file)))
		buf_add(&text, chunk, n);
	fclose(file);
	buf_add(&text, "", 0);
	return buf_take(&text, NULL);
}
