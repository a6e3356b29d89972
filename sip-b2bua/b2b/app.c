/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Binds the B2BUA to the worker it runs in: struct sip_app_ops on one side, struct b2b_env on the
 * other. Nothing is decided here. */
#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/secret.h"
#include "sip-b2bua/b2b/b2b.h"
#include "sip-b2bua/core/http_fetch.h"
#include "sip-b2bua/hook/hook_answer.h"
#include "sip-b2bua/resolver/resolver.h"

#define FETCH_MS    2500  /* an INVITE waits for a certificate no longer */
#define FETCH_BYTES 32768 /* as CERT_CACHE_BYTES_MAX */
#define FETCHES	    64	  /* of certificates at a time */
#define QUESTIONS   4096  /* to route-hooks; each has a bound of its own below that */

static const struct sip_listener *env_listener(void *ctx, uint16_t id)
{
	return sip_transport_listener(sip_worker_transport(ctx), id);
}

static const struct sip_listener *env_find(
	void *ctx, const char *realm, uint8_t transport, uint8_t family)
{
	return sip_transport_find(sip_worker_transport(ctx), realm, transport, family);
}

static unsigned int env_own_vias(void *ctx, const struct sip_msg *msg)
{
	return sip_worker_own_vias(ctx, msg);
}

static void env_conn_watch(void *ctx, uint64_t conn)
{
	sip_transport_conn_watch(sip_worker_transport(ctx), conn);
}

static void env_flow_timer(void *ctx, const struct sip_path *path, uint32_t silent_ms)
{
	sip_worker_flow_timer(ctx, path, silent_ms);
}

static int env_control_send(void *ctx, uint16_t type, uint32_t seq, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	struct ipc_peer *peer = sip_worker_control(ctx);

	if (!peer)
		return -EPIPE;
	return ipc_send(
		peer, type, seq, 0, sip_worker_control_generation(ctx), part1, len1, part2, len2);
}

static uint32_t env_control_seq(void *ctx)
{
	struct ipc_peer *peer = sip_worker_control(ctx);

	return peer ? ipc_next_seq(peer) : 0;
}

/* Of this worker, whose app has no room for more than the B2BUA itself. */
static _Thread_local struct http_fetch *http, *http_ask;

static void on_fetched(
	void *arg, uint64_t id, struct view body, uint32_t max_age_s, const char *reason)
{
	b2b_fetched(arg, id, body, max_age_s, reason);
}

static int env_fetch(void *ctx, const char *url, const char *ca_file, bool plain, uint64_t id)
{
	struct http_fetch_opts opts = {.timeout_ms = FETCH_MS,
		.max_bytes = FETCH_BYTES,
		.plain = plain,
		.ca_file = ca_file};

	return http_fetch_get(http, url, &opts, id);
}

static void on_asked(
	void *arg, uint64_t id, struct view body, uint32_t max_age_s, const char *reason)
{
	b2b_asked(arg, id, body, reason);
}

static int env_ask(void *ctx, const struct b2b_ask *ask, uint64_t id)
{
	const struct http_fetch_opts opts = {.timeout_ms = ask->timeout_ms,
		.max_bytes = HOOK_BODY_MAX,
		.plain = true,
		.loopback = ask->loopback,
		.ca_file = ask->ca_file,
		.post = ask->body,
		.bearer = ask->bearer};

	return http_fetch_get(http_ask, ask->url, &opts, id);
}

static uint64_t env_wall_ms(void *ctx)
{
	return clock_wall_ms();
}

static uint64_t env_mono_us(void *ctx)
{
	return clock_mono_us();
}

static struct locate_look env_look(void *ctx, const char *name, uint16_t type)
{
	return resolver_look(sip_worker_resolver(ctx), name, type);
}

static void env_tls_far_ends(void *ctx, const struct sip_tls_far *far_ends, unsigned int n)
{
	sip_transport_set_far_ends(sip_worker_transport(ctx), far_ends, n);
}

static int env_worker_tell(void *ctx, unsigned int worker, const void *bytes, size_t n)
{
	return sip_worker_tell(ctx, worker, bytes, n);
}

static void env_proof(void *ctx, const struct sip_path *path, bool good)
{
	sip_worker_proof(ctx, path, good);
}

static const struct b2b_env_ops env_ops = {
	.proof = env_proof,
	.listener = env_listener,
	.find = env_find,
	.own_vias = env_own_vias,
	.conn_watch = env_conn_watch,
	.flow_timer = env_flow_timer,
	.control_send = env_control_send,
	.control_seq = env_control_seq,
	.fetch = env_fetch,
	.ask = env_ask,
	.wall_ms = env_wall_ms,
	.mono_us = env_mono_us,
	.look = env_look,
	.tls_far_ends = env_tls_far_ends,
	.worker_tell = env_worker_tell,
};

static int app_start(struct sip_worker *worker, void *arg, void **ret_app)
{
	struct b2b_env env = {
		.ops = &env_ops,
		.ctx = worker,
		.wheel = sip_worker_wheel(worker),
		.txns = sip_worker_txns(worker),
		.key = sip_worker_key(worker),
		.stats = sip_worker_stats(worker),
		.shared = arg,
		.trace = sip_worker_trace(worker),
		.worker = (uint8_t)sip_worker_id(worker),
		.n_workers = (uint8_t)sip_worker_n(worker),
	};
	struct b2b *b;
	int rc;

	secret_random(&env.seed, sizeof(env.seed));
	rc = b2b_new(&env, &b);
	if (rc < 0)
		return rc;
	http = http_fetch_new(sip_worker_base(worker), FETCHES, on_fetched, b);
	http_ask = http_fetch_new(sip_worker_base(worker), QUESTIONS, on_asked, b);
	if (!http || !http_ask) {
		http_fetch_free(http);
		http_fetch_free(http_ask);
		b2b_free(b);
		return -ENOMEM;
	}
	*ret_app = b;
	return 0;
}

static void app_stop(void *app)
{
	http_fetch_free(http);
	http_fetch_free(http_ask);
	http = http_ask = NULL;
	b2b_free(app);
}

static int app_config_prepare(void *app, const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	return b2b_config_prepare(app, cfg, error);
}

static void app_config_apply(void *app, const struct cfg *old, const struct cfg *cfg)
{
	struct sip_txns *txns = b2b_txns(app);
	struct sip_timers timers = *sip_txns_timers(txns);

	/*
	 * A far end that rings at once makes the 100 needless; it comes long before the caller's
	 * first retransmission (RFC 3261 17.2.1 would let it wait for 200 ms).
	 */
	timers.trying = B2B_TRYING_MS < timers.t1 / 2 ? B2B_TRYING_MS : 0;
	timers.next_way = cfg->timer_next_target_s * 1000;
	sip_txns_set_timers(txns, &timers);
	b2b_config_apply(app, cfg);
}

static void app_config_abort(void *app)
{
	b2b_config_abort(app);
}

static void app_request(
	void *app, struct sip_stxn *stxn, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_request(app, stxn, msg, path);
}

static void app_ack(void *app, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_ack(app, msg, path);
}

static void app_stray(void *app, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_stray(app, msg, path);
}

static enum sip_admit app_admit(void *app, const struct sip_msg *msg, const struct sip_path *path)
{
	return b2b_admit(app, msg, path);
}

static void app_sub_restore(
	void *app, const struct ctl_sub *sub, const void *state, size_t state_len)
{
	b2b_sub_restore(app, sub, state, state_len);
}

static int app_moved_to(void *app, const struct sip_token *token)
{
	return b2b_moved_to(app, token);
}

static bool app_register_owner(
	void *app, const struct sip_msg *msg, const struct sip_path *path, uint64_t *ret_number)
{
	return b2b_register_owner(app, msg, path, ret_number);
}

static void app_told(void *app, unsigned int from, const void *bytes, size_t n)
{
	b2b_told(app, from, bytes, n);
}

static int app_registration(void *app, uint16_t type, const void *body, size_t len)
{
	return b2b_registration(app, type, body, len);
}

static int app_routing(void *app, uint16_t type, const void *body, size_t len)
{
	return b2b_routing(app, type, body, len);
}

static bool app_rules_in(void *app, const struct sip_path *path, struct view msg, struct view *ret)
{
	return b2b_rules_in(app, path, msg, ret);
}

static bool app_rules_out(void *app, const struct sip_path *path, struct view msg, struct view *ret)
{
	return b2b_rules_out(app, path, msg, ret);
}

static bool app_trusted(void *app, const char *realm, const struct ipaddr *net, uint8_t prefix_len)
{
	return b2b_trusted(app, realm, net, prefix_len);
}

static bool app_urgent(void *app, const struct sip_msg *msg)
{
	return b2b_urgent(app, msg);
}

static void app_conn_gone(void *app, uint8_t conn_worker, uint64_t conn)
{
	b2b_conn_gone(app, conn_worker, conn);
}

static void app_control_up(void *app, const struct ctl_hello_reply *hello, bool restarted)
{
	b2b_control_up(app);
}

static void app_control_down(void *app)
{
	b2b_control_down(app);
}

static void app_media_reply(
	void *app, uint32_t seq, int32_t status, const struct ctl_media_opened *opened)
{
	b2b_media_reply(app, seq, status, opened);
}

static void app_nat_info(void *app, const struct ctl_nat_info *info)
{
	b2b_nat_info(app, info);
}

static void app_transcoder(void *app, const struct ctl_transcoder *transcoder)
{
	b2b_transcoder(app, transcoder);
}

static void app_dtmf(void *app, const struct ctl_dtmf *msg)
{
	b2b_dtmf(app, msg);
}

static void app_call_end_reply(void *app, uint32_t seq, int32_t status)
{
	b2b_call_end_reply(app, seq, status);
}

static void app_call_restore(
	void *app, const struct ctl_call *call, const void *checkpoint, size_t checkpoint_len)
{
	b2b_call_restore(app, call, checkpoint, checkpoint_len);
}

static void app_restore_done(void *app)
{
}

static void app_call_clear(void *app, const struct ctl_call_clear *clear)
{
	b2b_call_clear(app, clear);
}

static void app_play_done(void *app, const struct ctl_play_done *done)
{
	b2b_play_done(app, done);
}

static void app_call_play(void *app, const struct ctl_call_play *play)
{
	b2b_call_play(app, play);
}

static void app_numbers(void *app, const struct ctl_numbers *msg, int fd)
{
	b2b_numbers(app, msg, fd);
}

static int app_locate(void *app, const struct sip_path *path, const struct sip_uri *hop,
	struct sip_path ret_ways[SIP_WAYS_MAX], unsigned int *ret_n)
{
	return b2b_locate(app, path, hop, ret_ways, ret_n);
}

static bool app_stream_way(void *app, const struct sip_path *path, struct sip_path *ret_way)
{
	return b2b_stream_way(app, path, ret_way);
}

static void app_dns_changed(void *app)
{
	b2b_dns_changed(app);
}

static uint32_t app_n_calls(void *app)
{
	return b2b_n_calls(app);
}

static void app_gauges(void *app, struct ctl_sip_stats *stats)
{
	stats->calls_active = b2b_n_calls(app);
	stats->dialogs = b2b_n_dialogs(app);
	stats->bindings = b2b_n_bindings(app);
	b2b_limits_tell(app);
	b2b_second(app);
}

static int app_limits(void *app, uint16_t type, const void *body)
{
	return b2b_limits(app, type, body);
}

const struct sip_app_ops b2b_app_ops = {
	.start = app_start,
	.stop = app_stop,
	.config_prepare = app_config_prepare,
	.config_apply = app_config_apply,
	.config_abort = app_config_abort,
	.request = app_request,
	.ack = app_ack,
	.stray = app_stray,
	.admit = app_admit,
	.register_owner = app_register_owner,
	.moved_to = app_moved_to,
	.registration = app_registration,
	.routing = app_routing,
	.told = app_told,
	.trusted = app_trusted,
	.urgent = app_urgent,
	.rules_in = app_rules_in,
	.rules_out = app_rules_out,
	.conn_gone = app_conn_gone,
	.control_up = app_control_up,
	.control_down = app_control_down,
	.media_reply = app_media_reply,
	.nat_info = app_nat_info,
	.transcoder = app_transcoder,
	.numbers = app_numbers,
	.dtmf = app_dtmf,
	.call_end_reply = app_call_end_reply,
	.sub_restore = app_sub_restore,
	.call_restore = app_call_restore,
	.restore_done = app_restore_done,
	.call_clear = app_call_clear,
	.play_done = app_play_done,
	.locate = app_locate,
	.stream_way = app_stream_way,
	.dns_changed = app_dns_changed,
	.call_play = app_call_play,
	.n_calls = app_n_calls,
	.gauges = app_gauges,
	.limits = app_limits,
};
