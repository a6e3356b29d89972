/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show commands about the data plane, read from its statistics segment. Counters have one writer
 * each; they are read one by one with relaxed loads, so two of them may be of different instants.
 */
#include "cli/grammar/command.h"
#include "controlplane/base/clock.h"
#include "dataplane/api/dp_codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* NULL behind the last one. */
static const struct dp_worker_stats *worker_at(const struct dp_stats_header *header, uint32_t i)
{
	if (i >= header->n_workers || i >= DP_WORKERS_MAX)
		return NULL;
	return (const void *)((const char *)header + header->off_workers +
			      i * sizeof(struct dp_worker_stats));
}

static const struct dp_mcore_stats *mcore_at(const struct dp_stats_header *header, uint32_t i)
{
	if (i >= header->n_mcores || i >= DP_MCORES_MAX)
		return NULL;
	return (const void *)((const char *)header + header->off_mcores +
			      i * sizeof(struct dp_mcore_stats));
}

/* Of worker i, or of media core i - n_workers: per cent that were free in the last second. */
static double headroom(const struct dp_stats_header *header, uint32_t i)
{
	const struct dp_core_load *loads = (const void *)((const char *)header + header->off_loads);
	uint32_t busy = __atomic_load_n(&loads[i].busy_permille, __ATOMIC_RELAXED);

	return busy < 1000 ? (1000 - busy) / 10.0 : 0.0;
}

static const struct dp_stats_header *segment(struct cli_ctx *ctx)
{
	const struct dp_stats_header *header = ctx->source->dp_stats(ctx->source->ctx);

	if (!header)
		cli_fail(ctx, 0, "limen-dataplane is not connected");
	return header;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static struct cli_table_out *worker_table(const struct dp_stats_header *header)
{
	static const struct cli_column columns[] = {
		{"WORKER", "worker", 6, true, true},
		{"FREE%", "free_percent", 6, true, false},
		{"WORK%", "work_percent", 6, true, false},
		{"POLL%", "poll_percent", 6, true, false},
		{"SLEEP%", "sleep_percent", 6, true, false},
		{"RX-PACKETS", "rx_packets", 12, true, true},
		{"RELAYED", "relayed_packets", 12, true, true},
		{"RTCP", "rtcp_packets", 8, true, true},
		{"TO-LINUX", "punted_packets", 8, true, true},
		{"TO-NAT", "nat_packets", 6, true, true},
		{"FROM-LINUX", "injected_packets", 10, true, true},
		{"HANDED-OVER", "handed_over", 11, true, true},
		{"DROPPED", "dropped", 8, true, true},
	};
	struct cli_table_out *table = cli_table_new(columns, 13);
	const struct dp_worker_stats *w;

	for (uint32_t i = 0; (w = worker_at(header, i)); i++) {
		uint64_t total = load(&w->cycles_total), busy = load(&w->cycles_busy),
			 asleep = load(&w->cycles_asleep), dropped = 0;
		/* Read one after the other: the parts may be a little more than the whole. */
		uint64_t poll = total > busy + asleep ? total - busy - asleep : 0;
		for (unsigned int d = 0; d < DP_DROP_N; d++)
			dropped += load(&w->drops[d]);
		cli_table_cell(table, "%u", i);
		cli_table_cell(table, "%.1f", headroom(header, i));
		cli_table_cell(table, "%.1f", share(busy, busy + poll + asleep));
		cli_table_cell(table, "%.1f", share(poll, busy + poll + asleep));
		cli_table_cell(table, "%.1f", share(asleep, busy + poll + asleep));
		cli_table_cell(table, "%" PRIu64, load(&w->rx_packets));
		cli_table_cell(table, "%" PRIu64, load(&w->relayed_packets));
		cli_table_cell(table, "%" PRIu64, load(&w->rtcp_packets));
		cli_table_cell(table, "%" PRIu64, load(&w->punted_packets));
		cli_table_cell(table, "%" PRIu64, load(&w->nat_packets));
		cli_table_cell(table, "%" PRIu64, load(&w->injected_packets));
		cli_table_cell(table, "%" PRIu64, load(&w->handed_over));
		cli_table_cell(table, "%" PRIu64, dropped);
	}
	return table;
}

static struct cli_table_out *mcore_table(const struct dp_stats_header *header)
{
	static const struct cli_column columns[] = {
		{"MEDIA-CORE", "media_core", 10, true, true},
		{"FREE%", "free_percent", 6, true, false},
		{"STREAMS", "streams", 8, true, true},
		{"RX-PACKETS", "rx_packets", 12, true, true},
		{"MADE", "made_packets", 12, true, true},
		{"DECODED", "decoded", 12, true, true},
		{"CONCEALED", "concealed", 10, true, true},
		{"ENCODED", "encoded", 12, true, true},
		{"SKIPPED", "skipped", 8, true, true},
		{"DROPPED", "dropped", 8, true, true},
	};
	struct cli_table_out *table = cli_table_new(columns, 10);
	const struct dp_mcore_stats *m;

	for (uint32_t i = 0; (m = mcore_at(header, i)); i++) {
		uint64_t dropped = 0;
		for (unsigned int d = 0; d < DP_DROP_N; d++)
			dropped += load(&m->drops[d]);
		cli_table_cell(table, "%u", i);
		cli_table_cell(table, "%.1f", headroom(header, header->n_workers + i));
		cli_table_cell(table, "%" PRIu64, load(&m->streams));
		cli_table_cell(table, "%" PRIu64, load(&m->rx_packets));
		cli_table_cell(table, "%" PRIu64, load(&m->made_packets));
		cli_table_cell(table, "%" PRIu64, load(&m->decoded));
		cli_table_cell(table, "%" PRIu64, load(&m->concealed));
		cli_table_cell(table, "%" PRIu64, load(&m->encoded));
		cli_table_cell(table, "%" PRIu64, load(&m->skipped));
		cli_table_cell(table, "%" PRIu64, dropped);
	}
	return table;
}

static void print_codecs(struct cli_ctx *ctx, uint32_t mask)
{
	const char *sep = "";

	buf_printf(ctx->out, "Codecs that can be transcoded: ");
	for (uint32_t id = 1; id < DP_CODEC_END; id++) {
		const struct dp_codec *codec = dp_codec_row(id);
		if (!(mask >> id & 1))
			continue;
		buf_printf(ctx->out, "%s%s", sep, codec->name);
		if (id == DP_CODEC_L16_8K || id == DP_CODEC_L16_16K)
			buf_printf(ctx->out, "/%u", codec->clock_hz);
		sep = ", ";
	}
	buf_printf(ctx->out, "%s\n", *sep ? "" : "none");
}

static json_t *json_codecs(uint32_t mask)
{
	json_t *names = json_array();

	for (uint32_t id = 1; id < DP_CODEC_END; id++)
		if (mask >> id & 1)
			json_array_append_new(names, json_string(dp_codec_row(id)->name));
	return names;
}

static int show_platform(struct cli_ctx *ctx)
{
	const struct dp_stats_header *h = segment(ctx);
	struct cli_table_out *table, *mcores;
	uint64_t now = clock_mono_ms(), beat;
	json_t *json;

	if (!h)
		return -ENOTCONN;
	table = worker_table(h);
	mcores = mcore_table(h);
	if (!table || !mcores) {
		cli_table_free(table);
		cli_table_free(mcores);
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	}
	beat = load(&h->heartbeat_ms);
	beat = now > beat ? now - beat : 0;
	if (ctx->json) {
		json = json_pack("{s:b,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "hugepages",
			(int)h->hugepages, "srtp_cm", h->srtp_cm, "srtp_gcm", h->srtp_gcm,
			"heartbeat_age_ms", (json_int_t)beat, "sessions", (json_int_t)h->n_sessions,
			"max_streams", (json_int_t)h->n_streams, "mbufs_total",
			(json_int_t)load(&h->mbufs_total), "mbufs_in_use",
			(json_int_t)load(&h->mbufs_in_use), "api_requests",
			(json_int_t)load(&h->api_requests), "api_refused",
			(json_int_t)load(&h->api_refused), "api_malformed",
			(json_int_t)load(&h->api_malformed), "api_overflows",
			(json_int_t)load(&h->api_overflows));
		json_object_set_new(json, "workers", cli_table_json(table));
		json_object_set_new(json, "media_cores", cli_table_json(mcores));
		json_object_set_new(json, "codecs", json_codecs(h->codecs));
		return cli_print_json(ctx, json);
	}
	buf_printf(ctx->out, "Data plane: %u worker%s, %u media core%s, packet memory on %s\n",
		h->n_workers, h->n_workers == 1 ? "" : "s", h->n_mcores,
		h->n_mcores == 1 ? "" : "s",
		h->hugepages ? "hugepages" : "ordinary pages (slower: no hugepages were free)");
	buf_printf(ctx->out, "Last sign of life: %" PRIu64 " ms ago%s\n", beat,
		beat > 3000 ? " (it hangs)" : "");
	buf_printf(ctx->out, "Media sessions: %u, room for %u\n", h->n_sessions, h->n_streams / 2);
	buf_printf(ctx->out, "SRTP: AES-CM by %s, GCM by %s\n", h->srtp_cm, h->srtp_gcm);
	buf_printf(ctx->out, "Packet buffers: %" PRIu64 " of %" PRIu64 " in use\n",
		load(&h->mbufs_in_use), load(&h->mbufs_total));
	buf_printf(ctx->out,
		"Session API: %" PRIu64 " requests, %" PRIu64 " refused, %" PRIu64
		" malformed, %" PRIu64 " overflows\n",
		load(&h->api_requests), load(&h->api_refused), load(&h->api_malformed),
		load(&h->api_overflows));
	print_codecs(ctx, h->codecs);
	buf_printf(ctx->out, "\n");
	cli_table_text(ctx, table);
	cli_table_free(table);
	if (h->n_mcores) {
		buf_printf(ctx->out, "\n");
		cli_table_text(ctx, mcores);
	}
	cli_table_free(mcores);
	return 0;
}

static int show_drops(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"REASON", "reason", 14, false, false},
		{"PACKETS", "packets", 12, true, true},
		{"MEANING", "meaning", 0, false, false},
	};
	static const struct {
		const char *name, *text;
	} reasons[DP_DROP_N] = {
#define X(sym, name, text) {name, text},
		DP_DROPS(X)
#undef X
	};
	const struct dp_stats_header *header = segment(ctx);
	struct cli_table_out *table;
	const struct dp_worker_stats *w;
	const struct dp_mcore_stats *m;

	if (!header)
		return -ENOTCONN;
	table = cli_table_new(columns, 3);
	for (unsigned int d = 0; d < DP_DROP_N; d++) {
		uint64_t sum = 0;
		for (uint32_t i = 0; (w = worker_at(header, i)); i++)
			sum += load(&w->drops[d]);
		for (uint32_t i = 0; (m = mcore_at(header, i)); i++)
			sum += load(&m->drops[d]);
		cli_table_cell(table, "%s", reasons[d].name);
		cli_table_cell(table, "%" PRIu64, sum);
		cli_table_cell(table, "%s", reasons[d].text);
	}
	return cli_table_print(ctx, table);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show platform", "Show what the box does and knows\nData plane: workers and memory",
		show_platform, FLAGS},
	{"show media drops", "Media\nPackets that were not relayed, by reason", show_drops, FLAGS},
};
const struct cli_table cli_show_platform = {rows, sizeof(rows) / sizeof(rows[0])};
