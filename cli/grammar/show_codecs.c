/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show voice class codec: the classes, who uses them, and whether voice can be transcoded now. */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdio.h>

#include "dataplane/api/dp_codec.h"

static const char *const not_now[CTL_TRANSCODER_N_STATES] = {
#define X(sym, text) text,
	CTL_TRANSCODER_STATES(X)
#undef X
};

/* What the data plane can do with a codec; with none it passes, or not at all. */
static const char *treatment(const struct ctl_transcoder *transcoder, uint8_t codec)
{
	uint8_t id = cfg_codec_id(codec);

	if (id == DP_CODEC_NONE)
		return "passes only";
	return transcoder->codecs >> id & 1 ? "transcodes" : "passes only";
}

static void class_rows(struct cli_table_out *table, const struct cfg_voice_codec *class,
	const struct ctl_transcoder *transcoder)
{
	for (uint32_t i = 0; i < class->n_codec; i++) {
		uint8_t codec = class->codec[i].value;
		const struct dp_codec *row = dp_codec_row(cfg_codec_id(codec));

		cli_table_cell(table, "%u", class->tag);
		cli_table_cell(table, "%u", class->codec[i].rank);
		cli_table_cell(table, "%s", cfg_codec_word(codec));
		if (row)
			cli_table_cell(table, "%s/%u%s", row->name, row->clock_hz,
				row->channels == 2 ? "/2" : "");
		else
			cli_table_null(table);
		cli_table_cell(table, "%s", treatment(transcoder, codec));
	}
}

static struct cli_table_out *users_table(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"User", "user", 24, false, false},
		{"Class", "class", 5, true, true},
		{"Transcoding", "transcoding", 13, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 3);
	const struct cfg *cfg = ctx->running;
	char text[CFG_VALUE_MAX];

	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];

		cli_table_cell(table, "realm %s", realm->name);
		if (realm->voice_codec)
			cli_table_cell(table, "%u", realm->voice_codec);
		else
			cli_table_null(table);
		cli_table_cell(table, "%s",
			cfg_value_print(cfg_leaf_find(CFG_REALM, "transcoding"),
				&realm->transcoding, text));
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		const struct cfg_trunk *trunk = &cfg->trunks[i];

		if (!trunk->voice_codec && trunk->transcoding == CFG_TRANSCODING_REALM)
			continue;
		cli_table_cell(table, "trunk %s", trunk->name);
		if (trunk->voice_codec)
			cli_table_cell(table, "%u", trunk->voice_codec);
		else
			cli_table_null(table);
		cli_table_cell(table, "%s",
			cfg_value_print(cfg_leaf_find(CFG_TRUNK, "transcoding"),
				&trunk->transcoding, text));
	}
	return table;
}

static int show_classes(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Class", "class", 5, true, true},
		{"Pref", "preference", 4, true, true},
		{"Codec", "codec", 12, false, false},
		{"In SDP", "rtpmap", 18, false, false},
		{"Data plane", "dataplane", 11, false, false},
	};
	struct cli_table_out *classes = cli_table_new(columns, 5), *users = users_table(ctx);
	struct ctl_transcoder transcoder;
	const char *why;

	ctx->source->transcoder(ctx->source->ctx, &transcoder);
	why = transcoder.state < CTL_TRANSCODER_N_STATES ? not_now[transcoder.state] : "?";
	if (!classes || !users) {
		cli_table_free(classes);
		cli_table_free(users);
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	}
	for (uint32_t i = 0; i < ctx->running->n_voice_codecs; i++)
		class_rows(classes, &ctx->running->voice_codecs[i], &transcoder);
	if (ctx->json) {
		json_t *json = json_pack("{s:b,s:s}", "transcoding_possible",
			transcoder.state == CTL_TRANSCODER_READY, "why_not", why);

		json_object_set_new(json, "classes", cli_table_json(classes));
		json_object_set_new(json, "users", cli_table_json(users));
		return cli_print_json(ctx, json);
	}
	if (transcoder.state == CTL_TRANSCODER_READY)
		buf_puts(ctx->out, "Transcoding of new calls: possible\n\n");
	else
		buf_printf(ctx->out, "Transcoding of new calls: not now, %s\n\n", why);
	cli_table_text(ctx, classes);
	buf_puts(ctx->out, "\n");
	cli_table_text(ctx, users);
	cli_table_free(classes);
	cli_table_free(users);
	return 0;
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show voice class codec",
		"Show what the box does and knows\nVoice\nNamed lists\nCodecs in an order of "
		"preference, "
		"and whether voice can be transcoded",
		show_classes, FLAGS},
};
const struct cli_table cli_show_codecs = {rows, sizeof(rows) / sizeof(rows[0])};
