/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be played, and who hears what: show voice prompt, show conference. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/grammar/command.h"

#define USERS_MAX 160

static void user_add(char users[USERS_MAX], const char *what, const char *name)
{
	size_t n = strlen(users);

	snprintf(users + n, USERS_MAX - n, "%s%s %s", n ? ", " : "", what, name);
}

/* Where the configuration names it. */
static void users_of(const struct cfg *cfg, const char *name, char users[USERS_MAX])
{
	char tag[16];

	users[0] = '\0';
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];
		bool uses = strcmp(realm->music_on_hold, name) == 0 ||
			    strcmp(realm->ringback_prompt, name) == 0;

		for (uint32_t k = 0; k < realm->n_announcements; k++)
			uses = uses || strcmp(realm->announcements[k].prompt, name) == 0;
		if (uses)
			user_add(users, "realm", realm->name);
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		if (strcmp(cfg->trunks[i].music_on_hold, name) == 0)
			user_add(users, "trunk", cfg->trunks[i].name);
	}
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		if (strcmp(cfg->dial_peers[i].announcement, name) != 0)
			continue;
		snprintf(tag, sizeof(tag), "%u", cfg->dial_peers[i].tag);
		user_add(users, "dial-peer", tag);
	}
}

struct hearing {
	const char *prompt;
	uint64_t n;
};

static int count_row(const struct cli_play *play, void *arg)
{
	struct hearing *hearing = arg;

	hearing->n += play->kind == CTL_PLAY_PROMPT && strcmp(play->name, hearing->prompt) == 0;
	return 0;
}

static int show_prompts(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"PROMPT", "name", 16, false, false},
		{"FILE", "file", 24, false, false},
		{"MS", "length_ms", 7, true, true},
		{"HZ", "rate_hz", 5, true, true},
		{"HEARD-BY", "heard_by", 8, true, true},
		{"STATE", "state", 8, false, false},
		{"USED-BY", "users", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 7);

	for (uint32_t i = 0; i < ctx->running->n_prompts; i++) {
		const struct cfg_prompt *conf = &ctx->running->prompts[i];
		struct hearing hearing = {.prompt = conf->name};
		struct cli_prompt prompt = {.why = "not loaded"};
		char users[USERS_MAX];

		ctx->source->prompt(ctx->source->ctx, conf->name, &prompt);
		ctx->source->plays(ctx->source->ctx, count_row, &hearing);
		users_of(ctx->running, conf->name, users);
		cli_table_cell(table, "%s", conf->name);
		cli_table_cell(table, "%s", conf->file);
		cli_table_cell(table, "%" PRIu64, prompt.length_ms);
		cli_table_cell(table, "%u", prompt.rate_hz);
		cli_table_cell(table, "%" PRIu64, hearing.n);
		cli_table_cell(table, "%s", prompt.why[0] ? prompt.why : "loaded");
		cli_table_cell(table, "%s", users);
	}
	return cli_table_print(ctx, table);
}

struct rooms {
	struct cli_table_out *table;
	const char *room; /* NULL: all */
};

static int room_row(const struct cli_play *play, void *arg)
{
	const struct rooms *rooms = arg;
	struct cli_table_out *table = rooms->table;
	char when[48];

	if (play->kind != CTL_PLAY_ROOM || (rooms->room && strcmp(rooms->room, play->name) != 0))
		return 0;
	cli_table_cell(table, "%s", play->name);
	cli_table_cell(table, "%016" PRIx64, play->call->id);
	cli_table_cell(table, "%s", play->call->calling[play->leg]);
	cli_table_cell(table, "%s", play->call->realm[play->leg]);
	cli_table_cell(table, "%s", play->call->codec[play->leg]);
	cli_table_cell(table, "%s",
		play->call->answer_ms ? cli_print_time(play->call->answer_ms, when) : "");
	return 0;
}

static int show_conference(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"CONFERENCE", "room", 16, false, false},
		{"CALL", "id", 16, false, false},
		{"CALLING", "calling", 16, false, false},
		{"REALM", "realm", 12, false, false},
		{"CODEC", "codec", 8, false, false},
		{"SINCE", "since", 0, false, false},
	};
	struct rooms rooms = {.table = cli_table_new(columns, 6), .room = cli_arg(ctx, 0)};

	ctx->source->plays(ctx->source->ctx, room_row, &rooms);
	return cli_table_print(ctx, rooms.table);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show voice prompt",
		"Show what the box does and knows\nVoice\nSounds that can be played into calls",
		show_prompts, FLAGS},
	{"show conference",
		"Show what the box does and knows\nWho is in which conference of the box",
		show_conference, FLAGS},
};
const struct cli_table cli_show_prompts = {rows, sizeof(rows) / sizeof(rows[0])};
