/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Getters: one for each figure, whoever shows it; see status.h. */
#include "controlplane/core/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "controlplane/maps/maps.h"

static uint64_t now_ms(void *ctx)
{
	return clock_wall_ms();
}

static void totals(void *ctx, struct cli_totals *ret)
{
	const struct control *c = ctx;
	struct spool_counts spool;
	struct calls_counts calls;
	struct sessions_counts sessions;
	const struct call *call;

	spool_counts(c->spool, &spool);
	calls_counts(c->calls, &calls);
	sessions_counts(c->sessions, &sessions);
	memset(ret, 0, sizeof(*ret));
	ret->boot_ms = c->boot_ms;
	ret->generation = c->generation;
	ret->calls_active = calls.live;
	ret->calls_attempted = spool.total.n + calls.live + calls.ending;
	ret->calls_answered = spool.total.by_outcome[RECORD_ANSWERED];
	ret->calls_failed = spool.total.n - spool.total.by_outcome[RECORD_ANSWERED];
	TAILQ_FOREACH(call, calls_list(c->calls), link)
		ret->calls_answered += call->info.answer_ms != 0;
	ret->answered_ms = spool.total.answered_ms;
	ret->records_written = spool.total.n;
	ret->records_failed = spool.waiting + spool.refused;
	ret->sessions = sessions.sessions;
}

static void calls(void *ctx, cli_call_fn row, void *arg)
{
	const struct control *c = ctx;
	const struct call *call;
	struct ctl_call info;

	TAILQ_FOREACH(call, calls_list(c->calls), link) {
		if (call->phase != CALL_LIVE)
			continue;
		calls_info(call, &info);
		if (row(&info, arg) != 0)
			return;
	}
}

static int media_of(const struct control *c, const struct call *call, cli_media_fn row, void *arg)
{
	uint32_t n_workers = sessions_n_workers(c->sessions);
	int ret = 0;

	for (uint32_t i = 0; i < CTL_MEDIA_MAX && ret == 0; i++) {
		const struct media_session *s = call->media[i];
		struct cli_media m;
		if (s == NULL || !s->wanted)
			continue;
		memset(&m, 0, sizeof(m));
		m.session_id = s->id;
		m.call_id = s->call_id;
		m.index = i;
		m.worker = n_workers == 0
				   ? 0
				   : dp_port_owner(ipaddr_port(&s->conf.leg[0].local), n_workers);
		sessions_sum(c->sessions, s, m.from);
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			m.local[leg] = s->conf.leg[leg].local;
			m.remote[leg] = ipaddr_is_set(&s->latched[leg])
						? s->latched[leg]
						: s->conf.leg[leg].remote_rtp;
		}
		ret = row(&m, arg);
	}
	return ret;
}

static void media(void *ctx, uint64_t call_id, cli_media_fn row, void *arg)
{
	const struct control *c = ctx;
	const struct call *call;

	if (call_id != 0) {
		call = calls_find(c->calls, call_id);
		if (call != NULL)
			media_of(c, call, row, arg);
		return;
	}
	TAILQ_FOREACH(call, calls_list(c->calls), link) {
		if (media_of(c, call, row, arg) != 0)
			return;
	}
}

static struct cli_record show_record(const struct record *r)
{
	struct cli_record record = {.call = r->call, .n_media = r->n_media, .quality = r->quality};

	memcpy(record.from, r->from, sizeof(record.from));
	return record;
}

static void records(void *ctx, unsigned int n, cli_record_fn row, void *arg)
{
	const struct control *c = ctx;

	while (n > 0 && spool_recent(c->spool, n - 1) == NULL)
		n = n > SPOOL_RECENT_MAX ? SPOOL_RECENT_MAX : n - 1;
	while (n-- > 0) {
		struct cli_record record = show_record(spool_recent(c->spool, n));
		if (row(&record, arg) != 0)
			return;
	}
}

static bool one_call(void *ctx, uint64_t call_id, struct cli_record *ret)
{
	const struct control *c = ctx;
	const struct call *call = calls_find(c->calls, call_id);
	const struct record *r;

	if (call != NULL) {
		struct record record;
		calls_record(c->calls, call, now_ms(ctx), &record);
		*ret = show_record(&record);
		return true;
	}
	for (unsigned int i = 0; (r = spool_recent(c->spool, i)) != NULL; i++) {
		if (r->call.id == call_id) {
			*ret = show_record(r);
			return true;
		}
	}
	return false;
}

static void outcomes(void *ctx, cli_outcome_fn row, void *arg)
{
	const struct control *c = ctx;
	struct spool_counts counts;

	spool_counts(c->spool, &counts);
	for (unsigned int i = 0; i < RECORD_OUTCOME_N; i++) {
		if (row(record_outcome_word((enum record_outcome)i), counts.total.by_outcome[i],
			    arg) != 0)
			return;
	}
}

static bool trunk(void *ctx, const char *name, struct ctl_trunk_status *ret)
{
	const struct control *c = ctx;
	return peers_trunk(c->peers, name, ret);
}

static bool trunk_targets(
	void *ctx, const char *name, struct ctl_targets *ret, const struct ctl_target **ret_list)
{
	const struct control *c = ctx;
	return target_store_trunk(c->targets, name, ret, ret_list);
}

static bool trunk_quality(void *ctx, const char *name, struct cli_trunk_quality *ret)
{
	const struct control *c = ctx;
	struct windows_figures figures;

	if (!windows_figures(c->windows, name, clock_wall_ms(), &figures))
		return false;
	*ret = (struct cli_trunk_quality){.told = windows_told(c->windows, name),
		.window_min = figures.window_min,
		.calls = figures.sum.calls,
		.answered = figures.sum.answered,
		.trial_calls = figures.trial_calls,
		.trial_of = figures.trial_of};
	for (unsigned int m = 0; m < CTL_QUALITY_N_METRICS; m++)
		if (!window_value(&figures.sum, m, &ret->value[m], &ret->n[m]))
			ret->n[m] = 0;
	return true;
}

static bool trunk_quality_clear(void *ctx, const char *name)
{
	return windows_clear(((struct control *)ctx)->windows, name, clock_wall_ms());
}

static bool route_hook(void *ctx, uint32_t tag, struct ctl_hook_status *ret)
{
	return hook_store_sum(((const struct control *)ctx)->hooks, tag, ret);
}

static void hosts(void *ctx, struct ctl_dns_hosts *ret, const struct ctl_dns_host **ret_list)
{
	const struct control *c = ctx;
	target_store_hosts(c->targets, ret, ret_list);
}

/* Names are kept in lower case. */
static int host_clear(void *ctx, const char *name)
{
	const struct control *c = ctx;
	struct ctl_dns_clear clear = {.name = ""};
	int rc = -ENOTCONN;

	if (view_copy(view_of(name), clear.name, sizeof(clear.name)) < 0)
		return -EINVAL;
	for (char *p = clear.name; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++) {
		if (peers_sip_send(c->peers, i, CTL_DNS_CLEAR, &clear, sizeof(clear), NULL, 0))
			rc = 0;
	}
	return rc;
}

static const struct ctl_capacity *capacity(void *ctx, uint32_t i)
{
	const struct control *c = ctx;
	return capacity_store_budget(c->capacity, i);
}

static const struct ctl_toll *toll(void *ctx, uint32_t i)
{
	const struct control *c = ctx;
	return capacity_store_toll(c->capacity, i);
}

static const struct ctl_overload *overload(void *ctx, uint32_t i)
{
	const struct control *c = ctx;
	return capacity_store_load(c->capacity, i);
}

/* All workers count in the same: one of them is told. */
static int limits_clear(const struct control *c, uint16_t type, const char *key)
{
	struct ctl_capacity_clear clear = {.key = ""};

	_Static_assert(sizeof(clear) == sizeof(struct ctl_toll_clear), "the same name");
	if (view_copy(view_of(key), clear.key, sizeof(clear.key)) < 0)
		return -EINVAL;
	return peers_sip_send(c->peers, 0, type, &clear, sizeof(clear), NULL, 0) ? 0 : -ENOTCONN;
}

static int capacity_clear(void *ctx, const char *key)
{
	return limits_clear(ctx, CTL_CAPACITY_CLEAR, key);
}

static int toll_clear(void *ctx, const char *subject)
{
	return limits_clear(ctx, CTL_TOLL_CLEAR, subject);
}

static bool port_stats(const struct control *c, const char *name, struct dp_port_stats *ret)
{
	struct dpclient_state state;

	dpclient_state(c->dp, &state);
	for (uint32_t i = 0; state.connected && i < DP_PORTS_MAX; i++) {
		if (segment_port(dpclient_segment(c->dp), i, ret) && strcmp(ret->name, name) == 0)
			return true;
	}
	return false;
}

static bool link_state(void *ctx, const char *name, struct cli_link *ret)
{
	const struct control *c = ctx;
	struct nlw_link link;

	memset(ret, 0, sizeof(*ret));
	nlw_link(c->nlw, name, &link);
	ret->known = link.known;
	ret->up = link.up;
	ret->carrier = link.carrier;
	ret->mtu = link.mtu;
	memcpy(ret->mac, link.mac, sizeof(ret->mac));
	ret->has_port = port_stats(c, name, &ret->port);
	return ret->known || ret->has_port;
}

static bool ports(void *ctx, const char *realm_name, unsigned int family, struct cli_ports *ret)
{
	const struct control *c = ctx;
	const struct media_realm *realm = media_realm_find(c->realms, realm_name);
	const struct pool *pool = realm != NULL ? media_realm_pool(realm, family) : NULL;
	struct pool_counts counts;
	uint16_t lo, hi;

	if (pool == NULL)
		return false;
	pool_counts(pool, &counts);
	pool_range(pool, &lo, &hi);
	*ret = (struct cli_ports){.addr = *pool_addr(pool),
		.port_min = lo,
		.port_max = hi,
		.available = 2 * (counts.pairs - counts.in_use),
		.in_use = 2 * counts.in_use};
	return true;
}

/* The counters of a worker over all its lives; the gauges of the present one. */
static void sip(void *ctx, cli_sip_fn row, void *arg)
{
	const struct control *c = ctx;

	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		const struct peer_sip *peer = peers_sip(c->peers, w);
		struct ctl_sip_stats sum = peer->before;
		if (!peer->known)
			continue;
#define X(field, name, help) sum.field += peer->stats.field;
		CTL_SIP_COUNTERS(X)
#undef X
		if (row(w, &sum, arg) != 0)
			return;
	}
}

static void nat(void *ctx, struct ctl_nat_info *ret)
{
	*ret = *nat_peer_info(((const struct control *)ctx)->nat);
}

static void transcoder(void *ctx, struct ctl_transcoder *ret)
{
	*ret = ((const struct control *)ctx)->transcoder;
}

static bool recorder(void *ctx, struct ctl_rec_info *ret)
{
	const struct control *c = ctx;

	*ret = *recordings_info(c->recordings);
	return recordings_here(c->recordings);
}

static void recordings(void *ctx, cli_recording_fn row, void *arg)
{
	const struct control *c = ctx;
	const struct ctl_rec_status *s;

	for (unsigned int i = 0; (s = recordings_at(c->recordings, i)) != NULL; i++)
		if (row(s, arg) != 0)
			return;
}

static void registrations(void *ctx, const char *user, cli_registration_fn row, void *arg)
{
	registrations_each(((const struct control *)ctx)->registrations, user, row, arg);
}

static const char *registrations_state(void *ctx, uint64_t *ret_n)
{
	const struct control *c = ctx;

	*ret_n = registrations_count(c->registrations);
	return registrations_problem(c->registrations);
}

static int registration_clear(void *ctx, const char *user, bool cached)
{
	struct registrations *r = ((const struct control *)ctx)->registrations;

	return user ? registrations_clear(r, user, cached) : registrations_clear_cache(r);
}

static int record(void *ctx, uint64_t call_id, bool on)
{
	return recordings_demand(((const struct control *)ctx)->recordings, call_id, on);
}

static void fill_stats(struct cli_process *p, const struct ipc_stats *stats)
{
	p->rx_msgs = stats->rx_msgs;
	p->tx_msgs = stats->tx_msgs;
	p->rx_malformed = stats->rx_malformed + stats->rx_refused;
	p->tx_dropped = stats->tx_dropped;
}

static int process_row(const char *name, const struct process *from, cli_process_fn row, void *arg)
{
	struct cli_process p = {.pid = from->pid,
		.connected = from->peer != NULL,
		.since_ms = from->since_ms,
		.restarts = from->restarts};

	if (!from->known)
		return 0;
	snprintf(p.name, sizeof(p.name), "%s", name);
	if (from->peer != NULL)
		fill_stats(&p, ipc_peer_stats(from->peer));
	return row(&p, arg);
}

static void processes(void *ctx, cli_process_fn row, void *arg)
{
	const struct control *c = ctx;
	struct dpclient_state dp;
	struct cli_process p = {.name = "limen-control", .pid = getpid(), .connected = true};

	p.since_ms = c->boot_ms;
	if (row(&p, arg) != 0)
		return;
	dpclient_state(c->dp, &dp);
	p = (struct cli_process){.name = "limen-dataplane",
		.pid = dp.pid,
		.connected = dp.connected,
		.since_ms = dp.since_ms,
		.restarts = dp.restarts};
	fill_stats(&p, &dp.stats);
	if (row(&p, arg) != 0)
		return;
	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		const struct peer_sip *sip_peer = peers_sip(c->peers, w);
		struct ipc_stats stats = peers_sip_stats(c->peers, w);
		if (!sip_peer->known)
			continue;
		p = (struct cli_process){.pid = sip_peer->pid,
			.connected = sip_peer->peer != NULL,
			.since_ms = sip_peer->since_ms,
			.restarts = sip_peer->restarts};
		snprintf(p.name, sizeof(p.name), "limen-sip %u", w);
		fill_stats(&p, &stats);
		if (row(&p, arg) != 0)
			return;
	}
	if (process_row("limen-nat", nat_peer_process(c->nat), row, arg) == 0)
		(void)process_row("limen-rec", recordings_process(c->recordings), row, arg);
}

static const struct dp_stats_header *dp_stats(void *ctx)
{
	const struct control *c = ctx;
	struct dpclient_state state;

	dpclient_state(c->dp, &state);
	return state.connected ? dpclient_segment(c->dp)->header : NULL;
}

static int acl_clear(void *ctx, const char *name, uint32_t family)
{
	struct control *c = ctx;

	return dpclient_acl_clear(c->dp, name, family);
}

static bool registration(void *ctx, const char *name, struct ctl_reg_status *ret)
{
	const struct control *c = ctx;

	return peers_registration(c->peers, name, ret);
}

struct conn_walk {
	cli_conn_fn row;
	void *arg;
};

static int conn_row(const struct conns_row *row, void *arg)
{
	const struct conn_walk *walk = arg;
	const struct cli_conn conn = {
		.number = row->number, .since_ms = row->since_ms, .conn = row->conn};

	return walk->row(&conn, walk->arg);
}

static void conns(void *ctx, cli_conn_fn row, void *arg)
{
	const struct control *c = ctx;
	struct conn_walk walk = {row, arg};

	conns_each(peers_conns(c->peers), conn_row, &walk);
}

static int conn_end(void *ctx, uint32_t number, uint8_t transport)
{
	const struct control *c = ctx;

	return peers_conn_end(c->peers, number, transport);
}

static void blocks(void *ctx, cli_block_fn row, void *arg)
{
	const struct control *c = ctx;

	blocks_each(c->blocks, false, clock_mono_ms(), row, arg);
}

static int block(void *ctx, const struct ctl_block *source)
{
	return peers_block(((struct control *)ctx)->peers, source);
}

static int unblock(void *ctx, const struct ctl_block *source)
{
	return peers_unblock(((struct control *)ctx)->peers, source);
}

static int call_clear(void *ctx, uint64_t call_id, uint32_t q850, const char *reason)
{
	const struct control *c = ctx;
	return calls_clear(c->calls, call_id, q850, CTL_BY_OPERATOR, reason);
}

static bool one_prompt(void *ctx, const char *name, struct cli_prompt *ret)
{
	const struct control *c = ctx;
	const struct prompt *p = prompts_find(c->prompts, name);

	if (p == NULL)
		return false;
	*ret = (struct cli_prompt){
		.length_ms = prompt_sound_ms(&p->sound), .rate_hz = p->sound.rate_hz};
	if (p->sound.fd < 0)
		snprintf(ret->why, sizeof(ret->why), "%s", p->why);
	return true;
}

static bool one_map(void *ctx, bool table, uint32_t tag, struct cli_map *ret)
{
	const struct control *c = ctx;
	struct map_status s;

	if (!maps_status(c->maps, table ? NUMBERS_TABLE : NUMBERS_MAP, tag, &s))
		return false;
	*ret = (struct cli_map){.loaded = s.loaded,
		.loading = s.loading,
		.n_patterns = s.n_patterns,
		.bytes = s.bytes,
		.build_ms = s.build_ms,
		.loaded_ms = s.loaded_ms};
	snprintf(ret->why, sizeof(ret->why), "%s", s.why);
	return true;
}

static int map_reload(void *ctx, bool table, uint32_t tag)
{
	return maps_reload(((struct control *)ctx)->maps, table ? NUMBERS_TABLE : NUMBERS_MAP, tag);
}

static const struct numbers *numbers(void *ctx)
{
	return maps_numbers(((const struct control *)ctx)->maps);
}

static int plays_of(const struct call *call, cli_play_fn row, void *arg)
{
	struct ctl_call info;
	int ret = 0;

	calls_info(call, &info);
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		const struct media_session *s = call->media[i];
		for (unsigned int leg = 0; s != NULL && s->wanted && leg < DP_LEGS; leg++) {
			const struct ctl_play *play = &s->play[leg];
			struct cli_play out = {&info, leg, play->kind, play->name};
			if (ret == 0 && play->kind != CTL_PLAY_NONE)
				ret = row(&out, arg);
		}
	}
	return ret;
}

static void plays(void *ctx, cli_play_fn row, void *arg)
{
	const struct control *c = ctx;
	const struct call *call;

	TAILQ_FOREACH(call, calls_list(c->calls), link) {
		if (call->phase == CALL_LIVE && plays_of(call, row, arg) != 0)
			return;
	}
}

static int call_play(void *ctx, uint64_t call_id, uint32_t legs, const char *prompt)
{
	const struct control *c = ctx;

	if (c->transcoder.state != CTL_TRANSCODER_READY)
		return -EAGAIN; /* no media cores, or they are busy */
	return calls_play(c->calls, call_id, legs, prompt);
}

static int trace(void *ctx, uint64_t call_id, cli_trace_fn done, void *arg)
{
	const struct control *c = ctx;

	return traces_ask(c->traces, call_id, done, arg);
}

void status_source(struct control *control, struct cli_source *ret_source)
{
	*ret_source = (struct cli_source){.ctx = control,
		.now_ms = now_ms,
		.totals = totals,
		.calls = calls,
		.media = media,
		.call = one_call,
		.records = records,
		.outcomes = outcomes,
		.trunk = trunk,
		.targets = trunk_targets,
		.trunk_quality = trunk_quality,
		.route_hook = route_hook,
		.trunk_quality_clear = trunk_quality_clear,
		.hosts = hosts,
		.host_clear = host_clear,
		.capacity = capacity,
		.toll = toll,
		.overload = overload,
		.capacity_clear = capacity_clear,
		.toll_clear = toll_clear,
		.link = link_state,
		.ports = ports,
		.sip = sip,
		.nat = nat,
		.prompt = one_prompt,
		.map = one_map,
		.map_reload = map_reload,
		.numbers = numbers,
		.plays = plays,
		.transcoder = transcoder,
		.recorder = recorder,
		.recordings = recordings,
		.registrations = registrations,
		.registrations_state = registrations_state,
		.registration_clear = registration_clear,
		.record = record,
		.processes = processes,
		.dp_stats = dp_stats,
		.call_play = call_play,
		.acl_clear = acl_clear,
		.trace = trace,
		.registration = registration,
		.conns = conns,
		.conn_end = conn_end,
		.blocks = blocks,
		.block = block,
		.unblock = unblock,
		.call_clear = call_clear};
}
