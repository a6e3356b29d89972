/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker's connection to limen-control: connect and HELLO for ever, the configuration in its
 * three phases, and the rest of the messages to the app.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/api/ctl_quality.h"
#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "sip-b2bua/core/worker_private.h"

LOG_TOPIC("sip-control");

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000
#define CONFIG_MAX     (16 * 1024 * 1024)
#define CONNS_TOLD_MAX 1000  /* connections in a second */
#define QUEUE_MAX      65536 /* messages that may wait for limen-control */

/* ---- configuration ---- */

static void config_forget(struct sip_worker *w)
{
	struct control_link *c = &w->control;
	free(c->text);
	c->text = NULL;
	c->text_n = c->text_total = 0;
	if (c->prepared == NULL)
		return;
	sip_transport_abort(w->transport);
	if (w->ops->config_abort != NULL)
		w->ops->config_abort(w->app);
	cfg_free(c->prepared);
	c->prepared = NULL;
}

_Static_assert((int)CFG_TRANSPORT_WSS == (int)SIP_WSS && CFG_ORIGIN_MAX == WS_ORIGIN_MAX,
	"the same numbers");

static unsigned int listeners_list(
	const struct cfg *cfg, struct sip_listener *list, unsigned int max)
{
	unsigned int n = 0;
	for (uint32_t r = 0; r < cfg->n_realms; r++) {
		const struct cfg_realm *realm = &cfg->realms[r];
		for (uint32_t i = 0; i < realm->n_listen; i++, n++) {
			if (n >= max)
				continue;
			list[n] = (struct sip_listener){.transport = realm->listen[i].transport,
				.dscp = realm->dscp_signaling,
				.tls = realm->tls_profile,
				.origins = {realm->n_ws_origins, realm->ws_origins},
				.scope = defence_scope(cfg, realm),
				.defended = cfg_realm_defends(realm),
				.addr = realm->listen[i].addr};
			snprintf(list[n].realm, sizeof(list[n].realm), "%s", realm->name);
		}
	}
	return n;
}

static void tls_profile_of(const struct cfg_tls_profile *class, struct sip_tls_profile *ret)
{
	_Static_assert((int)CFG_TLS_CLIENT_REQUIRE == (int)SIP_TLS_CLIENT_REQUIRE &&
			       (int)CFG_TLS_CLIENT_OPTIONAL == (int)SIP_TLS_CLIENT_OPTIONAL,
		"the same numbers");
	_Static_assert(SIP_TLS_SNI_MAX == CFG_LIST_MAX && SIP_TLS_NAME_MAX == CFG_HOST_MAX,
		"the same sizes");
	*ret = (struct sip_tls_profile){.tag = class->tag,
		.client = class->client,
		.n_names = class->n_server_names,
		.n_sni = class->n_sni_profiles,
		.strict = class->sni_strict,
		.only_tls13 = class->min_version == CFG_TLS_1_3};
	memcpy(ret->names, class->server_names, sizeof(ret->names));
	memcpy(ret->sni, class->sni_profiles, sizeof(ret->sni));
	snprintf(ret->certificate, sizeof(ret->certificate), "%s", class->certificate);
	snprintf(ret->key, sizeof(ret->key), "%s", class->private_key);
	snprintf(ret->trust, sizeof(ret->trust), "%s", class->trust);
}

static int tls_prepare(struct sip_worker *w, const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	struct sip_tls_profile *profiles = calloc(cfg->n_tls_profiles + 1, sizeof(*profiles));
	struct sip_tls_conf conf = {.profiles = profiles};
	if (profiles == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < cfg->n_tls_profiles; i++)
		tls_profile_of(&cfg->tls_profiles[i], &profiles[conf.n_profiles++]);
	int rc = sip_transport_prepare_tls(w->transport, &conf, error, CFG_ERROR_MAX);
	free(profiles);
	return rc;
}

static int config_try(struct sip_worker *w, struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	struct sip_listener list[SIP_LISTENERS_MAX];
	unsigned int n = listeners_list(cfg, list, SIP_LISTENERS_MAX);
	int rc = cfg_validate(cfg, error);
	if (rc != 0)
		return rc;
	if (n > SIP_LISTENERS_MAX) {
		snprintf(error, CFG_ERROR_MAX, "%u sip listen lines, limen-sip takes %u", n,
			SIP_LISTENERS_MAX);
		return -ENOSPC;
	}
	rc = tls_prepare(w, cfg, error);
	if (rc == 0)
		rc = sip_transport_prepare(w->transport, list, n, error, CFG_ERROR_MAX);
	if (rc != 0)
		return rc;
	rc = w->ops->config_prepare != NULL ? w->ops->config_prepare(w->app, cfg, error) : 0;
	if (rc != 0)
		sip_transport_abort(w->transport);
	return rc;
}

static int config_refuse(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, int rc, const char *error)
{
	struct {
		struct ctl_text head;
		char text[CFG_ERROR_MAX];
	} reply = {.head = {.n = (uint32_t)strnlen(error, CFG_ERROR_MAX - 1)}};
	memcpy(reply.text, error, reply.head.n);
	return ipc_reply(peer, hdr, rc, &reply, sizeof(reply.head) + reply.head.n);
}

/* The text is complete. */
static int config_prepare(struct sip_worker *w, struct ipc_peer *peer, const struct ipc_hdr *hdr)
{
	struct control_link *c = &w->control;
	char error[CFG_ERROR_MAX] = "";
	struct cfg *cfg;
	int rc = cfg_from_text(c->text, c->text_n, "configuration", &cfg, error);
	free(c->text);
	c->text = NULL;
	if (rc == 0) {
		rc = config_try(w, cfg, error);
		if (rc != 0)
			cfg_free(cfg);
	}
	if (rc != 0) {
		log_warning("configuration %llu refused: %s", (unsigned long long)c->revision,
			error[0] ? error : strerror(-rc));
		return config_refuse(peer, hdr, rc, error[0] ? error : strerror(-rc));
	}
	c->prepared = cfg;
	return ipc_reply(peer, hdr, 0, NULL, 0);
}

static int config_chunk(struct sip_worker *w, struct ipc_peer *peer, const struct ipc_hdr *hdr,
	const struct ctl_config *msg)
{
	struct control_link *c = &w->control;
	if (msg->offset == 0) {
		config_forget(w);
		if (msg->total > CONFIG_MAX)
			return -EPROTO;
		c->text = malloc(msg->total > 0 ? msg->total : 1);
		if (c->text == NULL)
			return -ENOMEM;
		c->revision = msg->revision;
		c->text_total = msg->total;
	}
	if (c->text == NULL || msg->revision != c->revision || msg->total != c->text_total ||
		msg->offset != c->text_n || msg->n > c->text_total - c->text_n)
		return -EPROTO;
	memcpy(c->text + c->text_n, msg->bytes, msg->n);
	c->text_n += msg->n;
	return c->text_n == c->text_total ? config_prepare(w, peer, hdr) : 0;
}

/* The box's connections are spread over the workers by the kernel. */
static void limits_set(struct sip_worker *w, const struct cfg *cfg)
{
	struct sip_transport_limits limits = SIP_TRANSPORT_LIMITS_DEFAULT;
	uint32_t n = w->group->opts.n_workers;
	limits.max_conns = (cfg->conn_max + n - 1) / n;
	limits.max_conns_per_peer = cfg->conn_max_source;
	limits.idle_ms = cfg->conn_idle_s * 1000;
	limits.partial_ms = cfg->conn_receive_s * 1000;
	limits.ws_ping_ms = cfg->ws_ping_s * 1000;
	sip_transport_set_limits(w->transport, &limits);
}

static void config_apply(struct sip_worker *w)
{
	struct control_link *c = &w->control;
	struct cfg *old = w->cfg;
	struct sip_timers timers = SIP_TIMERS_DEFAULT;
	sip_transport_apply(w->transport);
	limits_set(w, c->prepared);
	w->cfg = c->prepared;
	w->cfg_revision = c->revision;
	c->prepared = NULL;
	if (w->cfg->timer_t1_ms != 0)
		timers.t1 = w->cfg->timer_t1_ms;
	if (timers.t2 < timers.t1)
		timers.t2 = timers.t1;
	sip_txns_set_timers(w->txns, &timers);
	worker_trace_config(w);
	resolver_config(w->resolver, w->cfg);
	overload_target(&w->overload, w->cfg->overload_target);
	if (w->cfg->overload_target == 0) {
		twheel_stop(w->wheel, &w->overload_timer);
		atomic_store_explicit(&w->group->refuses[w->id], 0, memory_order_relaxed);
	} else if (!twheel_pending(&w->overload_timer)) {
		twheel_start(w->wheel, &w->overload_timer, OVERLOAD_PERIOD_MS);
	}
	w->ops->config_apply(w->app, old, w->cfg);
	defence_config(w);
	cfg_free(old);
	log_notice("worker %u: configuration %llu applied", w->id,
		(unsigned long long)w->cfg_revision);
	if (w->was_ready)
		return;
	w->was_ready = true;
	/* relaxed: the count alone matters */
	unsigned int n = atomic_fetch_add_explicit(&w->group->n_ready, 1, memory_order_relaxed) + 1;
	if (n == w->group->opts.n_workers && w->group->opts.ready != NULL)
		w->group->opts.ready(w->group->opts.app_arg);
}

static int on_config(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_config *msg = body;
	worker_time(w);
	if (msg->n != len - sizeof(*msg))
		return -EPROTO;
	switch (msg->phase) {
	case CTL_CONFIG_PREPARE:
		return config_chunk(w, peer, hdr, msg);
	case CTL_CONFIG_APPLY:
		/* What was prepared can be gone only by a fault of the sender. */
		if (w->control.prepared == NULL || msg->revision != w->control.revision)
			return -EPROTO;
		config_apply(w);
		return 0;
	case CTL_CONFIG_ABORT:
		if (msg->revision == w->control.revision)
			config_forget(w);
		return 0;
	default:
		return -EPROTO;
	}
}

/* ---- the other messages ---- */

static int on_hello_reply(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_hello_reply *reply = body;
	struct sip_token_key key;
	worker_time(w);
	if (hdr->status != 0)
		return hdr->status < 0 ? hdr->status : -EPROTO;
	if (reply->api_version != CTL_API_VERSION)
		return -EPROTONOSUPPORT;
	sip_token_key_set(&key, reply->token_key);
	if (w->key_known && memcmp(&key, &w->key, sizeof(key)) != 0)
		log_warning(
			"limen-control has another token key: messages in dialogs made before "
			"are not known any more");
	w->key = key;
	w->key_known = true;
	secret_wipe(&key, sizeof(key));
	w->control.up = true;
	sip_transport_report_again(w->transport);
	w->control.backoff_ms = BACKOFF_MIN_MS;
	w->control.generation = reply->generation;
	ipc_peer_set_role(peer, IPC_ROLE_CONTROL);
	log_notice("worker %u: limen-control is there, generation %u", w->id, reply->generation);
	w->hosts_told = 0;
	defence_tell_all(w); /* before the configuration's answer: then all is claimed */
	w->ops->control_up(w->app, reply, w->control.n_hellos++ > 0);
	return 0;
}

static int on_media_reply(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	worker_time(w);
	w->ops->media_reply(w->app, hdr->seq, hdr->status,
		len == sizeof(struct ctl_media_opened) ? body : NULL);
	return 0;
}

static int on_nat_info(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_nat_info *info = body;
	struct sip_worker *w = ipc_peer_ctx(peer);

	if (!fingerprint_valid(&info->own))
		return -EPROTO;
	worker_time(w);
	w->ops->nat_info(w->app, info);
	return 0;
}

static int on_transcoder(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_transcoder *transcoder = body;
	struct sip_worker *w = ipc_peer_ctx(peer);

	if (transcoder->state >= CTL_TRANSCODER_N_STATES)
		return -EPROTO;
	worker_time(w);
	w->ops->transcoder(w->app, transcoder);
	return 0;
}

static int on_numbers(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	int fd = hdr->type == CTL_NUMBERS_SET ? ipc_take_fd(peer) : -1;

	if (hdr->type == CTL_NUMBERS_SET && fd < 0)
		return -EPROTO;
	worker_time(w);
	w->ops->numbers(w->app, body, fd);
	return 0;
}

static int on_dtmf(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_dtmf *msg = body;
	struct sip_worker *w = ipc_peer_ctx(peer);

	if (msg->leg >= DP_LEGS)
		return -EPROTO;
	worker_time(w);
	w->ops->dtmf(w->app, msg);
	return 0;
}

static int on_call_end_reply(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	worker_time(w);
	w->ops->call_end_reply(w->app, hdr->seq, hdr->status);
	return 0;
}

static bool call_is_text(const struct ctl_call *call)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (!ipc_str_ok(call->calling[leg], sizeof(call->calling[leg])) ||
			!ipc_str_ok(call->called[leg], sizeof(call->called[leg])) ||
			!ipc_str_ok(call->realm[leg], sizeof(call->realm[leg])) ||
			!ipc_str_ok(call->codec[leg], sizeof(call->codec[leg])) ||
			!ipc_str_ok(call->trunk[leg], sizeof(call->trunk[leg])) ||
			!ipc_str_ok(call->sip_call_id[leg], sizeof(call->sip_call_id[leg])) ||
			!ipaddr_valid(&call->peer_sig[leg]))
			return false;
	}
	return ipc_str_ok(call->target, sizeof(call->target)) &&
	       ipc_str_ok(call->reason, sizeof(call->reason));
}

static int on_call_restore(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_call *call = body;
	worker_time(w);
	if (!call_is_text(call))
		return -EPROTO;
	w->ops->call_restore(w->app, call, call + 1, len - sizeof(*call));
	return 0;
}

static int on_sub_restore(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_sub *sub = body;
	worker_time(w);
	if (w->ops->sub_restore != NULL)
		w->ops->sub_restore(w->app, sub, sub + 1, len - sizeof(*sub));
	return 0;
}

static int on_restore_done(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	worker_time(w);
	w->ops->restore_done(w->app);
	return 0;
}

static int on_call_clear(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_call_clear *clear = body;
	worker_time(w);
	if (!ipc_str_ok(clear->reason, sizeof(clear->reason)))
		return -EPROTO;
	w->ops->call_clear(w->app, clear);
	return 0;
}

static int on_conn_end(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_conn_id *conn = body;

	worker_time(w);
	if (sip_transport_conn_end(w->transport, conn->id) != 0)
		log_info("the connection that an operator wants to end has gone already");
	return 0;
}

static int on_play_done(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);

	worker_time(w);
	w->ops->play_done(w->app, body);
	return 0;
}

static int on_call_play(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_call_play *play = body;

	if (!ipc_str_ok(play->prompt, sizeof(play->prompt)) || !play->prompt[0])
		return -EPROTO;
	worker_time(w);
	w->ops->call_play(w->app, play);
	return 0;
}

static int on_trace_get(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	worker_time(ipc_peer_ctx(peer));
	return worker_trace_get(ipc_peer_ctx(peer), peer, body);
}

static int on_dns_clear(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	const struct ctl_dns_clear *clear = body;

	if (!ipc_str_ok(clear->name, sizeof(clear->name)))
		return -EPROTO;
	worker_time(w);
	resolver_clear(w->resolver, clear->name[0] ? clear->name : NULL);
	return 0;
}

static int on_registration(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);

	worker_time(w);
	return w->ops->registration(w->app, hdr->type, body, len);
}

static int on_routing(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);

	worker_time(w);
	return w->ops->routing(w->app, hdr->type, body, len);
}

static int on_limits(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct sip_worker *w = ipc_peer_ctx(peer);

	worker_time(w);
	return w->ops->limits(w->app, hdr->type, body);
}

static int on_blocks(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	return defence_message(ipc_peer_ctx(peer), hdr, body, len);
}

#define BODY_MAX (IPC_MSG_MAX - sizeof(struct ipc_hdr))
#define SIZED(t) sizeof(t), sizeof(t)
static const struct ipc_row rows[] = {
	{CTL_HELLO | IPC_TYPE_REPLY, 0, 0, SIZED(struct ctl_hello_reply), "CTL_HELLO reply",
		on_hello_reply},
	{CTL_CONFIG, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_config), BODY_MAX, "CTL_CONFIG",
		on_config},
	{CTL_MEDIA_SET | IPC_TYPE_REPLY, 0, IPC_ROLE_CONTROL, 0, sizeof(struct ctl_media_opened),
		"CTL_MEDIA_SET reply", on_media_reply},
	{CTL_NAT_INFO, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_nat_info), "CTL_NAT_INFO",
		on_nat_info},
	{CTL_TRANSCODER, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_transcoder), "CTL_TRANSCODER",
		on_transcoder},
	{CTL_NUMBERS_SET, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_numbers), "CTL_NUMBERS_SET",
		on_numbers},
	{CTL_NUMBERS_DEL, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_numbers), "CTL_NUMBERS_DEL",
		on_numbers},
	{CTL_QUALITY, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_quality), "CTL_QUALITY", on_routing},
	{CTL_DTMF, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_dtmf), "CTL_DTMF", on_dtmf},
	{CTL_CALL_END | IPC_TYPE_REPLY, 0, IPC_ROLE_CONTROL, 0, 0, "CTL_CALL_END reply",
		on_call_end_reply},
	{CTL_CALL_RESTORE, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_call), BODY_MAX,
		"CTL_CALL_RESTORE", on_call_restore},
	{CTL_SUB_RESTORE, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_sub) + 1, BODY_MAX,
		"CTL_SUB_RESTORE", on_sub_restore},
	{CTL_RESTORE_DONE, 0, IPC_ROLE_CONTROL, 0, 0, "CTL_RESTORE_DONE", on_restore_done},
	{CTL_CALL_PLAY, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_call_play), "CTL_CALL_PLAY",
		on_call_play},
	{CTL_PLAY_DONE, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_play_done), "CTL_PLAY_DONE",
		on_play_done},
	{CTL_CONN_END, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_conn_id), "CTL_CONN_END", on_conn_end},
	{CTL_CALL_CLEAR, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_call_clear), "CTL_CALL_CLEAR",
		on_call_clear},
	{CTL_TRACE_GET, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_trace_get), "CTL_TRACE_GET",
		on_trace_get},
	{CTL_DNS_CLEAR, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_dns_clear), "CTL_DNS_CLEAR",
		on_dns_clear},
	{CTL_BLOCKS_PUT, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_blocks), BODY_MAX, "CTL_BLOCKS_PUT",
		on_blocks},
	{CTL_BLOCKS_DEL, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_blocks), BODY_MAX, "CTL_BLOCKS_DEL",
		on_blocks},
	{CTL_REG_ACK, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_reg_ack), "CTL_REG_ACK",
		on_registration},
	{CTL_REG_RESTORE, 0, IPC_ROLE_CONTROL, 1, CTL_REG_STATE_MAX, "CTL_REG_RESTORE",
		on_registration},
	{CTL_TOLL, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_toll), "CTL_TOLL", on_limits},
	{CTL_CAPACITY_CLEAR, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_capacity_clear),
		"CTL_CAPACITY_CLEAR", on_limits},
	{CTL_TOLL_CLEAR, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_toll_clear), "CTL_TOLL_CLEAR",
		on_limits},
	{CTL_REG_CLEAR, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_reg_clear), "CTL_REG_CLEAR",
		on_registration},
};

static void on_closed(struct ipc_peer *peer, const char *why);
static const struct ipc_table table = {rows, sizeof(rows) / sizeof(rows[0]), on_closed};

/* What may be thrown away when limen-control does not read. */
static const struct ipc_row tx_rows[] = {
	{CTL_SIP_STATS, IPC_DROPPABLE, 0, SIZED(struct ctl_sip_stats), "CTL_SIP_STATS", NULL},
};
static const struct ipc_table tx_table = {tx_rows, 1, NULL};

/* ---- connection ---- */

static void retry_later(struct sip_worker *w)
{
	struct control_link *c = &w->control;
	twheel_start(w->wheel, &c->retry, c->backoff_ms);
	c->backoff_ms = 2 * c->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : 2 * c->backoff_ms;
}

static void on_closed(struct ipc_peer *peer, const char *why)
{
	struct sip_worker *w = ipc_peer_ctx(peer);
	bool was_up = w->control.up;
	worker_time(w);
	w->control.peer = NULL;
	w->control.up = false;
	config_forget(w);
	if (was_up) {
		log_warning("worker %u: limen-control is gone: %s", w->id, why);
		w->ops->control_down(w->app);
	} else {
		log_info("worker %u: limen-control did not take HELLO: %s", w->id, why);
	}
	retry_later(w);
}

static void connect_try(struct twheel_timer *timer, void *arg)
{
	struct sip_worker *w = arg;
	struct control_link *c = &w->control;
	struct ctl_hello hello = {.api_version = CTL_API_VERSION,
		.role = IPC_ROLE_SIP,
		.worker = w->id,
		.n_workers = w->group->opts.n_workers,
		.boot_id = w->group->boot_id,
		.config_revision = w->cfg_revision,
		.n_calls = w->ops->n_calls != NULL ? w->ops->n_calls(w->app) : 0};
	int fd = ipc_connect(w->group->opts.control_path);
	if (fd < 0) {
		log_debug("cannot connect to %s: %s", w->group->opts.control_path, strerror(-fd));
		retry_later(w);
		return;
	}
	c->peer = ipc_peer_new(w->base, fd, &table, QUEUE_MAX, w);
	if (c->peer == NULL) {
		close(fd);
		retry_later(w);
		return;
	}
	ipc_peer_set_tx_table(c->peer, &tx_table);
	/* A failed send closes the peer, and on_closed() tries again. */
	if (ipc_send(c->peer, CTL_HELLO, ipc_next_seq(c->peer), 0, 0, &hello, sizeof(hello), NULL,
		    0) != 0)
		ipc_peer_close(c->peer, "HELLO cannot be sent");
}

void control_start(struct sip_worker *w)
{
	w->control.backoff_ms = BACKOFF_MIN_MS;
	twheel_timer_init(&w->control.retry, connect_try, w);
	connect_try(NULL, w);
}

void control_stop(struct sip_worker *w)
{
	struct control_link *c = &w->control;
	twheel_stop(w->wheel, &c->retry);
	config_forget(w);
	if (c->peer != NULL) {
		ipc_flush(c->peer);
		ipc_peer_free(c->peer);
	}
	c->peer = NULL;
	c->up = false;
}

void control_flush(struct sip_worker *w)
{
	if (w->control.peer != NULL)
		ipc_flush(w->control.peer);
}

bool control_wait(struct sip_worker *w, uint64_t us)
{
	return w->control.peer != NULL && ipc_wait(w->control.peer, us);
}

void control_stats_send(struct sip_worker *w, const struct ctl_sip_stats *stats)
{
	if (w->control.up)
		(void)ipc_send(w->control.peer, CTL_SIP_STATS, 0, 0, w->control.generation, stats,
			sizeof(*stats), NULL, 0);
}

static bool conn_send(void *ctx, const struct sip_conn *conn)
{
	struct sip_worker *w = ctx;
	struct ctl_conn msg = {.id = conn->id,
		.local = conn->local,
		.remote = conn->remote,
		.transport = conn->transport,
		.accepted = conn->accepted};
	_Static_assert(sizeof(msg.realm) == sizeof(conn->realm), "the same names");
	memcpy(msg.realm, conn->realm, sizeof(msg.realm));
	return ipc_send(w->control.peer, CTL_CONN, 0, 0, w->control.generation, &msg, sizeof(msg),
		       NULL, 0) == 0;
}

static bool conn_gone_send(void *ctx, uint64_t id)
{
	struct sip_worker *w = ctx;
	const struct ctl_conn_id msg = {id};
	return ipc_send(w->control.peer, CTL_CONN_GONE, 0, 0, w->control.generation, &msg,
		       sizeof(msg), NULL, 0) == 0;
}

void control_conns_send(struct sip_worker *w)
{
	if (w->control.up)
		sip_transport_report(w->transport, CONNS_TOLD_MAX, conn_send, conn_gone_send, w);
}

struct ipc_peer *sip_worker_control(const struct sip_worker *w)
{
	return w->control.up ? w->control.peer : NULL;
}

uint32_t sip_worker_control_generation(const struct sip_worker *w)
{
	return w->control.generation;
}
