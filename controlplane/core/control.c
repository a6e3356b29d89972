/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limen-control's modules, made and connected; see control.h. */
#include "controlplane/core/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/base/notify.h"
#include "controlplane/base/secret.h"
#include "controlplane/core/state.h"
#include "controlplane/core/status.h"
#include "controlplane/maps/maps.h"
#include "controlplane/media/transcoder.h"
#include "sip-b2bua/routing/route.h"

LOG_TOPIC("control");

#define KEYS_GRACE_S 3 /* for limen-nat to tell the keys that it has */
#define GRACE_S	     5 /* for limen-sip to come back and claim its media after our start */
#define ROTATE_BYTES (64u << 20)
#define ROTATE_MS    (24u * 3600 * 1000)

/* ---- between the modules ---- */

static uint64_t ops_wall_ms(void *arg)
{
	return clock_wall_ms();
}

static uint64_t ops_mono_ms(void *arg)
{
	return clock_mono_ms();
}

static uint32_t get_generation(void *arg)
{
	return ((struct control *)arg)->generation;
}

static uint32_t dp_generation(void *arg, bool bump)
{
	struct control *c = arg;
	char error[256];

	if (bump && state_next_generation(c->options.state_dir, &c->generation, error) < 0)
		log_err("%s; sessions that ended while the data plane was away stay there", error);
	return c->generation;
}

static bool ops_send(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	return peers_sip_send(
		((struct control *)arg)->peers, worker, type, part1, len1, part2, len2);
}

static void ops_reply(void *arg, const struct media_ticket *ticket, uint16_t type, int32_t status,
	const void *body, size_t len)
{
	peers_sip_reply(((struct control *)arg)->peers, ticket, type, status, body, len);
}

static unsigned int ops_room(void *arg, uint32_t worker)
{
	return peers_sip_room(((struct control *)arg)->peers, worker);
}

static void on_media_answer(void *arg, const struct media_session *session,
	const struct media_ticket *ticket, int32_t status)
{
	calls_media_answer(((struct control *)arg)->calls, session, ticket, status);
}

static void on_media_gone(void *arg, struct media_session *session)
{
	calls_media_gone(((struct control *)arg)->calls, session);
}

static void on_media_lost(void *arg, struct media_session *session, int error)
{
	calls_media_lost(((struct control *)arg)->calls, session, error);
}

static void on_media_dtls(void *arg, const struct media_session *session, unsigned int leg)
{
	nat_peer_dtls(((struct control *)arg)->nat, session, leg);
}

static void on_nat_changed(void *arg)
{
	peers_nat_changed(((struct control *)arg)->peers);
}

static void on_nat_failed(void *arg, const struct media_session *session, unsigned int leg)
{
	calls_media_no_keys(((struct control *)arg)->calls, session, leg);
}

/* A data plane came or went, or a second has passed. */
static void look_at_transcoder(void *arg)
{
	static const char *const words[] = {
#define X(sym, text) text,
		CTL_TRANSCODER_STATES(X)
#undef X
	};
	struct control *c = arg;
	struct dpclient_state dp;
	uint32_t was = c->transcoder.state;

	dpclient_state(c->dp, &dp);
	if (!transcoder_look(&c->transcoder, dpclient_segment(c->dp), dp.connected))
		return;
	if (c->transcoder.state == CTL_TRANSCODER_BUSY)
		log_warning("no new calls are transcoded: %s", words[c->transcoder.state]);
	else if (was == CTL_TRANSCODER_BUSY)
		log_notice("the media cores have head-room again");
	peers_transcoder_changed(c->peers);
}

static const struct cfg *get_running(void *arg)
{
	return cfg_store_running(((struct control *)arg)->store);
}

static struct call *find_call(void *arg, uint64_t call_id)
{
	return calls_find(((struct control *)arg)->calls, call_id);
}

static const struct call_list *get_calls(void *arg)
{
	return calls_list(((struct control *)arg)->calls);
}

static void on_media_dirty(void *arg)
{
	dpclient_pump_later(((struct control *)arg)->dp);
}

static uint64_t ops_block_drops(void *arg, uint32_t row)
{
	return dpclient_block_drops(((struct control *)arg)->dp, row);
}

static bool get_sums(
	void *arg, const struct media_session *session, struct dp_stream_sum ret_sums[DP_LEGS])
{
	return dpclient_sums(((struct control *)arg)->dp, session, ret_sums);
}

static bool get_srtp(void *arg, const struct media_session *session, struct dp_session *conf)
{
	return dpclient_srtp(((struct control *)arg)->dp, session, conf);
}

static int resolve_play(void *arg, const struct ctl_play *play, struct dp_play *ret_play)
{
	return prompts_resolve(((struct control *)arg)->prompts, play, ret_play);
}

static uint32_t get_prompt_ms(void *arg, const char *name)
{
	const struct prompt *prompt = prompts_find(((struct control *)arg)->prompts, name);

	return prompt != NULL ? (uint32_t)prompt_sound_ms(&prompt->sound) : 0;
}

static void on_play_done(
	void *arg, struct media_session *session, unsigned int leg, uint32_t serial)
{
	calls_play_done(((struct control *)arg)->calls, session, leg, serial);
}

static void on_media_timeout(void *arg, struct media_session *session, unsigned int leg)
{
	calls_media_timeout(((struct control *)arg)->calls, session, leg);
}

static void on_dtmf(void *arg, struct media_session *session, const struct dp_event_dtmf *event)
{
	calls_dtmf_heard(((struct control *)arg)->calls, session, event);
}

static void on_press(void *arg, const struct media_session *session, const struct ctl_dtmf *msg)
{
	dpclient_press(((struct control *)arg)->dp, session, msg);
}

static void on_written(void *arg, uint64_t id)
{
	calls_record_written(((struct control *)arg)->calls, id);
}

struct worker_ref {
	struct peers *peers;
	uint32_t worker;
};

static void tell_map(void *arg, enum numbers_kind kind, uint32_t tag, int fd, uint64_t len)
{
	const struct worker_ref *ref = arg;
	const struct ctl_numbers body = {.tag = tag, .kind = kind, .len = len};

	if (fd >= 0)
		peers_sip_send_fd(
			ref->peers, ref->worker, CTL_NUMBERS_SET, &body, sizeof(body), fd);
	else
		peers_sip_send(
			ref->peers, ref->worker, CTL_NUMBERS_DEL, &body, sizeof(body), NULL, 0);
}

/* The maps go before the configuration that refers to them. */
static void on_sip_up(void *arg, uint32_t worker)
{
	struct control *c = arg;

	maps_tell(c->maps, tell_map, &(struct worker_ref){c->peers, worker});
	sipconf_worker_up(c->sipconf, worker);
}

static void on_sip_down(void *arg, uint32_t worker)
{
	sipconf_worker_down(((struct control *)arg)->sipconf, worker);
}

static void on_sip_config(
	void *arg, uint32_t worker, uint32_t seq, int32_t status, const char *text)
{
	sipconf_reply(((struct control *)arg)->sipconf, worker, seq, status, text);
}

static int on_cli(void *arg, struct ipc_peer *peer, void **session, const struct ipc_hdr *hdr,
	const void *body, size_t len)
{
	return cli_server_message(
		((struct control *)arg)->cli_server, peer, session, hdr, body, len);
}

static void on_cli_closed(void *arg, void *session)
{
	cli_server_closed(((struct control *)arg)->cli_server, session);
}

/* For "terminal monitor"; a log line has no place to carry whose it is. */
static struct cli_server *log_reader;

static void on_log(enum log_level level, const char *line, size_t len)
{
	if (log_reader != NULL)
		cli_server_log(log_reader, line);
}

/* ---- what nobody claimed after our start ---- */

static void on_replayed(void *arg)
{
	struct control *c = arg;

	event_del(c->grace_event);
	dpclient_sweep(c->dp);
}

static void grace_cb(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	log_notice("not all of limen-sip is here; media sessions without a call are removed now");
	dpclient_sweep(c->dp);
}

/* ---- subscribers of the configuration ---- */

static int media_prepare(void *arg, struct cfg_txn *txn, const struct cfg *old,
	const struct cfg *next, char error[CFG_ERROR_MAX])
{
	struct control *c = arg;
	int ret = media_realms_check(c->realms, next, error);

	if (ret == 0)
		ret = dpclient_check(next, error);
	return ret < 0 ? ret : prompts_prepare(c->prompts, next, old == NULL, error);
}

static void media_abort(void *arg, uint64_t revision)
{
	prompts_abort(((struct control *)arg)->prompts);
}

static void media_apply(void *arg, const struct cfg *old, const struct cfg *next, uint64_t revision)
{
	struct control *c = arg;
	uint32_t n_workers = sessions_n_workers(c->sessions);

	if (media_realms_apply(c->realms, next, n_workers > 0 ? n_workers : 1) < 0)
		log_err("memory is short: not all realms have media ports");
	prompts_apply(c->prompts, clock_mono_ms());
	dpclient_apply(c->dp, next);
	blocks_config(c->blocks, next);
	spool_set_node(c->spool, next->hostname);
	recordings_policy(c->recordings, next);
	target_store_config(c->targets, next);
	windows_config(c->windows, next, clock_wall_ms());
}

static int nothing_to_prepare(void *arg, struct cfg_txn *txn, const struct cfg *old,
	const struct cfg *next, char error[CFG_ERROR_MAX])
{
	return 0;
}

static void nothing_to_abort(void *arg, uint64_t revision)
{
}

static void netlink_apply(
	void *arg, const struct cfg *old, const struct cfg *next, uint64_t revision)
{
	nlw_apply(((struct control *)arg)->nlw, old, next);
}

static void on_map_changed(void *arg, enum numbers_kind kind, uint32_t tag, int fd, uint64_t len)
{
	struct control *c = arg;

	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++)
		tell_map(&(struct worker_ref){c->peers, w}, kind, tag, fd, len);
}

static void on_maps_prepared(void *arg, uint64_t revision, int status, const char *error)
{
	struct control *c = arg;

	cfg_txn_prepared(c->store, &c->maps_subscriber, revision, status, error);
}

static int routes_prepare(void *arg, struct cfg_txn *txn, const struct cfg *old,
	const struct cfg *next, char error[CFG_ERROR_MAX])
{
	struct route_table *table;
	char why[ROUTE_REASON_MAX];
	int ret = route_table_new(next, &table, why);

	/* What limen-sip would refuse is refused also while it is away. */
	if (ret < 0) {
		snprintf(error, CFG_ERROR_MAX, "%s", why);
		return ret;
	}
	route_table_free(table);
	return maps_prepare(
		((struct control *)arg)->maps, next, cfg_txn_revision(txn), old == NULL, error);
}

static void routes_abort(void *arg, uint64_t revision)
{
	maps_abort(((struct control *)arg)->maps);
}

static void routes_apply(
	void *arg, const struct cfg *old, const struct cfg *next, uint64_t revision)
{
	maps_apply(((struct control *)arg)->maps);
}

/* ---- start ---- */

static void on_started(void *arg, int status, const char *text)
{
	struct control *c = arg;
	int ret = status;

	if (ret < 0) {
		snprintf(c->error, sizeof(c->error), "the configuration cannot be used: %.220s",
			text != NULL ? text : strerror(-ret));
	} else {
		ret = peers_listen(c->peers);
		if (ret < 0)
			snprintf(c->error, sizeof(c->error), "%s/control.sock: %s",
				c->options.run_dir,
				ret == -EADDRINUSE ? "another limen-control is running"
						   : strerror(-ret));
	}
	if (ret < 0) {
		c->failed = ret;
		event_base_loopbreak(c->base);
		return;
	}
	static const struct timeval grace = {.tv_sec = GRACE_S};
	event_add(c->grace_event, &grace);
	dpclient_start(c->dp, c->sessions, c->prompts, c->blocks);
	log_notice("running: revision %llu of the configuration, generation %u",
		(unsigned long long)cfg_store_revision(c->store), c->generation);
	notify_send("READY=1");
}

static void second_cb(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	uint64_t now_ms = clock_wall_ms();

	spool_tick(c->spool, now_ms);
	calls_tick(c->calls);
	windows_tick(c->windows, now_ms);
	traces_tick(c->traces);
	blocks_second(c->blocks, clock_mono_ms());
	look_at_transcoder(c);
	cfg_store_tick(c->store, now_ms);
	if (++c->seconds == KEYS_GRACE_S)
		sessions_keys_told(c->sessions);
}

static int open_state(struct control *c, char *error)
{
	const struct control_options *o = &c->options;
	char dir[256];
	int ret = state_next_generation(o->state_dir, &c->generation, error);

	if (ret < 0)
		return ret;
	snprintf(dir, sizeof(dir), "%s/records", o->state_dir);
	struct spool_conf spool = {.dir = dir,
		.node = "limen",
		.rotate_bytes = ROTATE_BYTES,
		.rotate_ms = ROTATE_MS,
		.written = on_written,
		.arg = c};
	ret = spool_open(&spool, clock_wall_ms(), &c->spool, error);
	return ret < 0 ? ret : cfg_store_open(o->state_dir, clock_wall_ms(), &c->store, error);
}

static void ops_rating(void *arg, const struct dp_rating *rating)
{
	dpclient_rating(((struct control *)arg)->dp, rating);
}

static int make_media(struct control *c)
{
	struct calls_ops calls_ops = {ops_send, ops_reply, ops_room, ops_wall_ms, ops_mono_ms,
		get_prompt_ms, ops_rating, c};
	struct sessions_ops sessions_ops = {on_media_answer, on_media_gone, on_media_lost,
		on_media_dtls, on_media_dirty, get_sums, resolve_play, get_srtp, c};
	struct nat_peer_ops nat_ops = {on_nat_changed, on_nat_failed, ops_wall_ms, c};
	struct dpclient_ops dp_ops = {
		dp_generation, on_media_timeout, on_play_done, look_at_transcoder, c};
	char path[108], dir[256];

	calls_ops.press = on_press;
	dp_ops.dtmf = on_dtmf;

	snprintf(dir, sizeof(dir), "%s/prompts", c->options.state_dir);
	snprintf(path, sizeof(path), "%s/dataplane.sock", c->options.run_dir);
	if (prompts_new(dir, &c->prompts) < 0)
		return -ENOMEM;
	struct maps_ops maps_ops = {on_map_changed, on_maps_prepared, ops_wall_ms, c};
	snprintf(dir, sizeof(dir), "%s/maps", c->options.state_dir);
	c->maps = maps_new(c->base, dir, &maps_ops);
	if (c->maps == NULL)
		return -ENOMEM;
	c->realms = media_realms_new();
	c->calls = calls_new(&calls_ops);
	c->dp = dpclient_new(c->base, path, &dp_ops);
	if (c->realms == NULL || c->calls == NULL || c->dp == NULL)
		return -ENOMEM;
	c->sessions = sessions_new(c->realms, &sessions_ops);
	c->nat = nat_peer_new(&nat_ops);
	if (c->sessions == NULL || c->nat == NULL)
		return -ENOMEM;
	nat_peer_bind(c->nat, c->sessions);
	struct recordings_ops recordings_ops = {get_running, find_call, get_calls, ops_wall_ms, c};
	c->recordings = recordings_new(&recordings_ops);
	if (c->recordings == NULL)
		return -ENOMEM;
	c->targets = target_store_new();
	c->windows = windows_new(peers_quality, &c->peers);
	c->capacity = capacity_store_new();
	c->hooks = hook_store_new();
	if (c->targets == NULL || c->windows == NULL || c->capacity == NULL || c->hooks == NULL)
		return -ENOMEM;
	struct blocks_ops blocks_ops = {ops_block_drops, on_media_dirty, c};
	c->blocks = blocks_new(&blocks_ops);
	if (c->blocks == NULL)
		return -ENOMEM;
	struct registrations_ops reg_ops = {ops_send, ops_room, ops_wall_ms, c};
	int ret = registrations_new(c->base, c->options.state_dir, &reg_ops, &c->registrations);
	if (ret < 0)
		return ret;
	recordings_bind(c->recordings, c->sessions);
	calls_record_with(c->calls, c->recordings);
	calls_count_in(c->calls, c->windows);
	struct traces_ops traces_ops = {ops_send, c};
	c->traces = traces_new(&traces_ops);
	if (c->traces == NULL)
		return -ENOMEM;
	calls_bind(c->calls, c->sessions, c->spool);
	return 0;
}

static int make_peers(struct control *c, char *error)
{
	char path[108];
	struct peers_conf conf = {.path = path,
		.sip_uid = c->options.sip_uid,
		.cli_uid = c->options.cli_uid,
		.nat_uid = c->options.nat_uid,
		.nat = c->nat,
		.rec_uid = c->options.rec_uid,
		.recordings = c->recordings,
		.traces = c->traces,
		.targets = c->targets,
		.windows = c->windows,
		.capacity = c->capacity,
		.hooks = c->hooks,
		.registrations = c->registrations,
		.blocks = c->blocks,
		.transcoder = &c->transcoder,
		.boot_id = c->boot_id,
		.generation = get_generation,
		.sip_up = on_sip_up,
		.sip_down = on_sip_down,
		.sip_config = on_sip_config,
		.replayed = on_replayed,
		.cli = on_cli,
		.cli_closed = on_cli_closed,
		.arg = c};
	int ret = state_token_key(c->options.state_dir, conf.token_key, error);

	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "%s/control.sock", c->options.run_dir);
	ret = peers_new(c->base, &conf, c->calls, &c->peers);
	secret_wipe(conf.token_key, sizeof(conf.token_key));
	if (ret == 0) {
		c->sipconf = sipconf_new(c->base, c->store, c->peers);
		ret = c->sipconf == NULL ? -ENOMEM : 0;
	}
	if (ret < 0)
		snprintf(error, CFG_ERROR_MAX, "%s", strerror(-ret));
	return ret;
}

static int subscribe(struct control *c)
{
	c->media_subscriber = (struct cfg_subscriber){
		"media", media_prepare, media_apply, media_abort, c};
	c->netlink_subscriber = (struct cfg_subscriber){
		"netlink", nothing_to_prepare, netlink_apply, nothing_to_abort, c};
	c->maps_subscriber = (struct cfg_subscriber){
		"maps", routes_prepare, routes_apply, routes_abort, c};
	int ret = cfg_store_subscribe(c->store, &c->media_subscriber);

	if (ret == 0) /* before limen-sip: the maps are there when it applies */
		ret = cfg_store_subscribe(c->store, &c->maps_subscriber);
	if (ret == 0)
		ret = cfg_store_subscribe(c->store, &c->netlink_subscriber);
	if (ret == 0)
		ret = cfg_store_subscribe(c->store, sipconf_subscriber(c->sipconf));
	return ret;
}

static int make_all(struct control *c, char *error)
{
	static const struct timeval second = {.tv_sec = 1};
	int ret = open_state(c, error);

	if (ret < 0)
		return ret;
	snprintf(error, CFG_ERROR_MAX, "memory is short");
	ret = make_media(c);
	if (ret == 0)
		ret = make_peers(c, error);
	if (ret < 0)
		return ret;
	ret = nlw_new(c->base, &c->nlw);
	if (ret < 0) {
		snprintf(error, CFG_ERROR_MAX, "no netlink socket: %s", strerror(-ret));
		return ret;
	}
	status_source(c, &c->source);
	c->cli = cli_engine_new(c->store, &c->source);
	if (c->cli != NULL)
		c->cli_server = cli_server_new(c->base, c->cli, c->options.cli_admin);
	ret = c->cli_server != NULL ? subscribe(c) : -ENOMEM;
	log_reader = c->cli_server;
	log_set_sink(on_log);
	c->second_event = event_new(c->base, -1, EV_PERSIST, second_cb, c);
	c->grace_event = event_new(c->base, -1, 0, grace_cb, c);
	if (ret == 0 && (c->second_event == NULL || c->grace_event == NULL))
		ret = -ENOMEM;
	if (ret < 0) {
		snprintf(error, CFG_ERROR_MAX, "%s", strerror(-ret));
		return ret;
	}
	event_add(c->second_event, &second);
	return 0;
}

int control_new(struct event_base *base, const struct control_options *options,
	struct control **ret_control, char error[CFG_ERROR_MAX])
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		snprintf(error, CFG_ERROR_MAX, "memory is short");
		return -ENOMEM;
	}
	c->options = *options;
	c->base = base;
	c->transcoder.state = CTL_TRANSCODER_AWAY;
	c->boot_ms = clock_wall_ms();
	secret_random(&c->boot_id, sizeof(c->boot_id));
	int ret = make_all(c, error);
	if (ret < 0) {
		control_free(c);
		return ret;
	}
	*ret_control = c;
	cfg_store_start(c->store, options->factory, on_started, c);
	return 0;
}

void control_free(struct control *c)
{
	if (c == NULL)
		return;
	log_set_sink(NULL);
	log_reader = NULL;
	peers_free(c->peers);
	cli_server_free(c->cli_server);
	cli_engine_free(c->cli);
	sipconf_free(c->sipconf);
	dpclient_free(c->dp);
	nlw_free(c->nlw);
	calls_free(c->calls);
	sessions_free(c->sessions);
	nat_peer_free(c->nat);
	prompts_free(c->prompts);
	maps_free(c->maps);
	recordings_free(c->recordings);
	traces_free(c->traces);
	target_store_free(c->targets);
	windows_free(c->windows);
	capacity_store_free(c->capacity);
	hook_store_free(c->hooks);
	registrations_free(c->registrations);
	blocks_free(c->blocks);
	media_realms_free(c->realms);
	spool_close(c->spool);
	cfg_store_close(c->store);
	if (c->second_event != NULL)
		event_free(c->second_event);
	if (c->grace_event != NULL)
		event_free(c->grace_event);
	free(c);
}
