/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection to limen-dataplane; see dpclient.h. */
#include "controlplane/media/dpclient.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/media/dpobjs.h"

LOG_TOPIC("dataplane");

#define QUEUE_MAX      2048
#define INFLIGHT_MAX   512  /* requests without an answer */
#define INFLIGHT_SLOTS 1024 /* power of two; numbers follow each other, so slots rarely meet */
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000
#define TICK_MS	       250
#define ANSWER_MS      10000 /* opening a port may take some seconds */

struct inflight {
	uint32_t seq; /* 0: free */
	uint16_t type;
	uint64_t id; /* of the session, or the index of the object */
	uint64_t sent_ms;
};

struct dpclient {
	struct event_base *base;
	char path[108];
	struct dpclient_ops ops;
	struct sessions *sessions;
	struct prompts *prompts;
	struct blocks *blocks;
	struct ipc_peer *peer; /* NULL: not connected */
	bool up;	       /* HELLO was answered */
	bool pump_pending, sweep_wanted, sweep_under_way;
	bool met_before;
	unsigned int backoff_ms;
	uint64_t hello_ms; /* monotonic: when it was sent */
	struct event *retry_event, *pump_event, *tick_event;
	struct segment_map segment; /* stays mapped when its data plane is gone */
	struct dpobjs objs;
	struct inflight inflight[INFLIGHT_SLOTS];
	unsigned int n_inflight;
	uint32_t generation;
	struct dpclient_state state;
};

/* ---- requests ---- */

/* fd: goes along, or -1. */
static int request_fd(
	struct dpclient *dp, uint16_t type, uint64_t id, const void *body, size_t len, int fd)
{
	uint32_t seq = ipc_next_seq(dp->peer);
	struct inflight *slot = &dp->inflight[seq % INFLIGHT_SLOTS];

	while (slot->seq != 0) { /* one old request without an answer stands in the way */
		seq = ipc_next_seq(dp->peer);
		slot = &dp->inflight[seq % INFLIGHT_SLOTS];
	}
	int ret = fd >= 0 ? ipc_send_fd(dp->peer, type, seq, 0, dp->generation, body, len, fd)
			  : ipc_send(dp->peer, type, seq, 0, dp->generation, body, len, NULL, 0);

	if (ret < 0)
		return ret;
	*slot = (struct inflight){seq, type, id, clock_mono_ms()};
	dp->n_inflight++;
	return 0;
}

static int request(struct dpclient *dp, uint16_t type, uint64_t id, const void *body, size_t len)
{
	return request_fd(dp, type, id, body, len, -1);
}

static bool may_send(const struct dpclient *dp)
{
	return dp->n_inflight < INFLIGHT_MAX;
}

static void cannot_send(struct dpclient *dp, int err)
{
	/* What was taken from the lists comes again with the next connection. */
	ipc_peer_close(dp->peer, strerror(-err));
}

static bool pump_objs(struct dpclient *dp)
{
	const void *body;
	unsigned int index;
	uint16_t type;
	size_t len;

	while (may_send(dp) &&
		dpobjs_next(&dp->objs, clock_mono_ms(), &type, &index, &body, &len)) {
		int ret = request(dp, type, index, body, len);
		if (ret < 0) {
			cannot_send(dp, ret);
			return false;
		}
	}
	return dpobjs_settled(&dp->objs);
}

/* false: there are more, and sessions may need them. */
static bool pump_prompts(struct dpclient *dp)
{
	struct dp_prompt prompt;
	uint16_t type;
	int fd;

	while (may_send(dp) && prompts_next(dp->prompts, clock_mono_ms(), &type, &prompt, &fd)) {
		struct dp_prompt_id id = {.id = prompt.id};
		bool is_del = type == DP_PROMPT_DEL;
		int ret = request_fd(dp, type, prompt.id, is_del ? (void *)&id : &prompt,
			is_del ? sizeof(id) : sizeof(prompt), is_del ? -1 : fd);
		if (ret < 0) {
			cannot_send(dp, ret);
			return false;
		}
	}
	return may_send(dp);
}

static void pump_sessions(struct dpclient *dp)
{
	struct media_session *s;
	uint16_t type;

	while (may_send(dp) && sessions_next(dp->sessions, &type, &s)) {
		struct dp_session_id id = {.id = s->id};
		bool is_remove = type == DP_SESSION_REMOVE;
		int ret = request(dp, type, s->id, is_remove ? (void *)&id : &s->conf,
			is_remove ? sizeof(id) : sizeof(s->conf));
		if (ret < 0) {
			cannot_send(dp, ret);
			return;
		}
	}
}

/* Before ports: whose port is not there yet is blocked from its first frame on. */
static bool pump_blocks(struct dpclient *dp)
{
	struct blocks_request body;
	uint16_t type = may_send(dp) ? blocks_next(dp->blocks, clock_mono_ms(), &body) : 0;

	if (type == 0)
		return true;
	int ret = request(
		dp, type, 0, &body, sizeof(body.head) + body.head.n * sizeof(body.list[0]));
	if (ret < 0)
		cannot_send(dp, ret);
	return ret == 0;
}

static void pump(struct dpclient *dp)
{
	if (!dp->up || !pump_blocks(dp) || !pump_objs(dp) || !pump_prompts(dp))
		return;
	pump_sessions(dp);
	if (dp->up && dp->sweep_wanted && !dp->sweep_under_way && sessions_idle(dp->sessions) &&
		blocks_settled(dp->blocks, clock_mono_ms())) {
		int ret = request(dp, DP_SESSION_SWEEP, 0, NULL, 0);
		dp->sweep_under_way = ret == 0;
		dp->sweep_wanted = ret < 0;
		if (ret < 0)
			cannot_send(dp, ret);
	}
}

static void pump_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dpclient *dp = arg;

	dp->pump_pending = false;
	pump(dp);
}

void dpclient_pump_later(struct dpclient *dp)
{
	if (!dp->pump_pending && dp->up) {
		dp->pump_pending = true;
		event_active(dp->pump_event, EV_WRITE, 1);
	}
}

/* ---- answers ---- */

static int block_reply(
	struct dpclient *dp, uint16_t type, int32_t status, const void *body, size_t len)
{
	const struct dp_blocks_reply *reply = body;
	size_t head = offsetof(struct dp_blocks_reply, rows);

	if (type == DP_BLOCK_SET && status >= 0 &&
		(len < head || reply->n > DP_BLOCKS_BATCH ||
			len != head + reply->n * sizeof(reply->rows[0])))
		return -EPROTO;
	bool rows = type == DP_BLOCK_SET && status >= 0;
	blocks_done(dp->blocks, status, rows ? reply->rows : NULL, rows ? reply->n : 0,
		clock_mono_ms());
	return 0;
}

static int on_reply(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dpclient *dp = ipc_peer_ctx(peer);
	struct inflight *slot = &dp->inflight[hdr->seq % INFLIGHT_SLOTS];
	uint16_t type = hdr->type & (uint16_t)~IPC_TYPE_REPLY;

	if (hdr->seq == 0 || slot->seq != hdr->seq || slot->type != type)
		return -EPROTO; /* an answer to nothing */
	uint64_t id = slot->id;
	slot->seq = 0;
	dp->n_inflight--;
	if (hdr->status < 0)
		dp->state.refused++;
	dpclient_pump_later(dp);
	if (type == DP_SESSION_SWEEP) {
		dp->sweep_under_way = false;
		dp->sweep_wanted |= hdr->status < 0; /* the tick tries again */
		return 0;
	}
	if (type == DP_PROMPT_SET || type == DP_PROMPT_DEL) {
		prompts_done(dp->prompts, (uint32_t)id, type, hdr->status, clock_mono_ms());
		return 0;
	}
	if (type == DP_DTMF_SEND) {
		if (hdr->status < 0)
			log_notice("a digit could not be put into the media of a leg: %s",
				strerror(-hdr->status));
		return 0;
	}
	if (type == DP_BLOCK_SET || type == DP_BLOCK_DEL)
		return block_reply(dp, type, hdr->status, body, len);
	if (type == DP_ACL_CLEAR)
		return 0;
	if (type < DP_SESSION_ADD || type >= DP_ACL_SET) {
		if (dpobjs_done(&dp->objs, (unsigned int)id, type, hdr->status, clock_mono_ms()))
			sessions_retry(dp->sessions);
		return 0;
	}
	return sessions_done(dp->sessions, id, type, hdr->status, body, len, clock_mono_ms());
}

static void find_old_ports(struct dpclient *dp)
{
	struct dp_port_stats port;

	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		if (segment_port(&dp->segment, i, &port))
			dpobjs_found_port(&dp->objs, port.name);
	}
	for (uint32_t i = 0; i < DP_ACLS_MAX; i++) {
		struct dp_acl_name acl;
		if (segment_acl(&dp->segment, i, &acl))
			dpobjs_found_acl(&dp->objs, acl.name, acl.family);
	}
}

static int take_segment(struct dpclient *dp, int fd, const struct dp_hello_reply *hello)
{
	struct segment_map map;
	int ret = fd < 0 ? -EPROTO : segment_map(fd, hello, &map);

	if (ret < 0) {
		log_err("the data plane's statistics segment cannot be used: %s", strerror(-ret));
		return ret;
	}
	bool same_boot = dp->segment.header != NULL && dp->segment.boot_id == hello->boot_id;
	/*
	 * The counters of a data plane that died are still in its segment: sessions take theirs
	 * over before the old one is unmapped.
	 */
	dp->generation = dp->ops.generation(dp->ops.arg, same_boot);
	dpobjs_reset(&dp->objs, same_boot);
	prompts_reset(dp->prompts);
	blocks_reset(dp->blocks);
	sessions_up(dp->sessions, hello->n_workers, same_boot);
	segment_unmap(&dp->segment);
	dp->segment = map;
	find_old_ports(dp);
	if (dp->met_before && !same_boot)
		dp->state.restarts++;
	if (same_boot)
		dp->sweep_wanted = true;
	dp->met_before = true;
	return 0;
}

static int on_hello(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dpclient *dp = ipc_peer_ctx(peer);
	struct dp_hello_reply hello;
	uid_t uid;

	if (hdr->status < 0) {
		log_err("the data plane refuses limen-control: %s", strerror(-hdr->status));
		return hdr->status;
	}
	memcpy(&hello, body, sizeof(hello));
	if (hello.api_version != DP_API_VERSION || hello.n_workers < 1 ||
		hello.n_workers > DP_WORKERS_MAX) {
		log_err("the data plane speaks version %u of the session API, and this is %u",
			hello.api_version, DP_API_VERSION);
		return -EPROTO;
	}
	int fd = ipc_take_fd(peer);
	int ret = take_segment(dp, fd, &hello);
	if (fd >= 0)
		close(fd);
	if (ret < 0)
		return ret;
	ipc_peer_set_role(peer, IPC_ROLE_DATAPLANE);
	dp->up = true;
	dp->backoff_ms = BACKOFF_MIN_MS;
	dp->state.connected = true;
	dp->state.since_ms = clock_wall_ms();
	dp->state.n_workers = hello.n_workers;
	ipc_peer_cred(peer, &uid, &dp->state.pid);
	log_notice("connected to the data plane: %u workers, %u of %u sessions", hello.n_workers,
		hello.n_sessions, hello.max_sessions);
	if (dp->ops.changed != NULL)
		dp->ops.changed(dp->ops.arg);
	dpclient_pump_later(dp);
	return 0;
}

/* ---- events ---- */

static void check_silence(struct dpclient *dp)
{
	uint64_t now_ms = clock_mono_ms();
	struct media_session *s;
	size_t pos = 0;

	while ((s = sessions_walk(dp->sessions, &pos)) != NULL) {
		struct dp_stream_sum sums[DP_LEGS];
		if (!s->wanted || !dpclient_sums(dp, s, sums))
			continue;
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			const struct dp_leg *conf = &s->conf.leg[leg];
			if (conf->timeout_ms == 0 || (conf->flags & DP_LEG_RECV) == 0 ||
				now_ms - s->set_ms < conf->timeout_ms ||
				sums[leg].last_rx_ago_ms < conf->timeout_ms)
				continue;
			dp->ops.media_timeout(dp->ops.arg, s, leg);
			break;
		}
	}
}

static int on_event(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dpclient *dp = ipc_peer_ctx(peer);
	char addr[IPADDR_TEXT_MAX];
	struct dp_event ev;

	memcpy(&ev, body, sizeof(ev));
	if (ev.leg >= DP_LEGS || !ipaddr_valid(&ev.addr))
		return -EPROTO;
	struct media_session *s = sessions_by_id(dp->sessions, ev.session_id);
	if (s != NULL && hdr->type == DP_EVENT_LATCH) {
		s->latched[ev.leg] = ev.addr;
		log_info("call %016llx: media from the %s comes from %s",
			(unsigned long long)s->call_id, ev.leg == 0 ? "caller" : "called side",
			ipaddr_print_port(&ev.addr, addr));
	} else if (s != NULL && s->wanted) {
		dp->ops.media_timeout(dp->ops.arg, s, ev.leg);
	}
	if (ev.lost_events > 0) {
		log_warning("%u events of the data plane were lost; looking for silent calls",
			ev.lost_events);
		check_silence(dp);
	}
	return 0;
}

static int on_play_done(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dpclient *dp = ipc_peer_ctx(peer);
	struct dp_event_play ev;

	memcpy(&ev, body, sizeof(ev));
	if (ev.leg >= DP_LEGS || ev.zero != 0)
		return -EPROTO;
	struct media_session *s = sessions_by_id(dp->sessions, ev.session_id);
	if (s != NULL && s->wanted)
		dp->ops.play_done(dp->ops.arg, s, ev.leg, ev.serial);
	if (ev.lost_events > 0)
		check_silence(dp);
	return 0;
}

static int on_dtmf(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dpclient *dp = ipc_peer_ctx(peer);
	const struct dp_event_dtmf *ev = body;

	if (ev->leg >= DP_LEGS)
		return -EPROTO;
	struct media_session *s = sessions_by_id(dp->sessions, ev->session_id);
	if (s != NULL && s->wanted && dp->ops.dtmf != NULL)
		dp->ops.dtmf(dp->ops.arg, s, ev);
	if (ev->lost_events > 0) {
		log_warning("%u events of the data plane were lost; looking for silent calls",
			ev->lost_events);
		check_silence(dp);
	}
	return 0;
}

static int on_port_event(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dp_event_port ev;

	memcpy(&ev, body, sizeof(ev));
	if (!ipc_str_ok(ev.name, sizeof(ev.name)))
		return -EPROTO;
	if (ev.link_up)
		log_notice("port %s: link up, %u Mbit/s", ev.name, ev.speed_mbps);
	else
		log_warning("port %s: link down", ev.name);
	return 0;
}

/* ---- connection ---- */

static void retry_later(struct dpclient *dp)
{
	struct timeval tv = {
		.tv_sec = dp->backoff_ms / 1000, .tv_usec = (long)(dp->backoff_ms % 1000) * 1000};

	event_add(dp->retry_event, &tv);
	dp->backoff_ms = dp->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : dp->backoff_ms * 2;
}

static void on_closed(struct ipc_peer *peer, const char *why)
{
	struct dpclient *dp = ipc_peer_ctx(peer);

	if (dp->up) {
		log_warning("connection to the data plane lost: %s", why);
		dp->state.since_ms = clock_wall_ms();
	}
	dp->peer = NULL;
	dp->state.connected = false;
	bool was_up = dp->up;
	dp->up = false;
	dp->sweep_wanted |= dp->sweep_under_way;
	dp->sweep_under_way = false;
	dp->n_inflight = 0;
	memset(dp->inflight, 0, sizeof(dp->inflight));
	if (was_up)
		sessions_down(dp->sessions, clock_mono_ms());
	if (was_up && dp->ops.changed != NULL)
		dp->ops.changed(dp->ops.arg);
	retry_later(dp);
}

#define REPLY(type, len)                                                                           \
	{                                                                                          \
		(type) | IPC_TYPE_REPLY, 0, IPC_ROLE_DATAPLANE, len, len, #type " reply", on_reply \
	}
static const struct ipc_row rows[] = {
	{DP_HELLO | IPC_TYPE_REPLY, 0, 0, sizeof(struct dp_hello_reply),
		sizeof(struct dp_hello_reply), "DP_HELLO reply", on_hello},
	REPLY(DP_PORT_SET, 0),
	REPLY(DP_PORT_DEL, 0),
	REPLY(DP_MEDIA_ADDR_SET, 0),
	REPLY(DP_MEDIA_ADDR_DEL, 0),
	REPLY(DP_POLICE_SET, 0),
	REPLY(DP_PROMPT_SET, 0),
	REPLY(DP_PROMPT_DEL, 0),
	REPLY(DP_ACL_SET, 0),
	REPLY(DP_ACL_DEL, 0),
	REPLY(DP_ACL_CLEAR, 0),
	REPLY(DP_ACCESS_SET, 0),
	{DP_BLOCK_SET | IPC_TYPE_REPLY, 0, IPC_ROLE_DATAPLANE, 0, sizeof(struct dp_blocks_reply),
		"DP_BLOCK_SET reply", on_reply},
	REPLY(DP_BLOCK_DEL, 0),
	REPLY(DP_SESSION_ADD, sizeof(struct dp_session_reply)),
	REPLY(DP_SESSION_MODIFY, sizeof(struct dp_session_reply)),
	REPLY(DP_SESSION_REMOVE, sizeof(struct dp_session_final)),
	REPLY(DP_SESSION_SWEEP, 0),
	REPLY(DP_DTMF_SEND, 0),
	{DP_EVENT_DTMF, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_event_dtmf),
		sizeof(struct dp_event_dtmf), "DP_EVENT_DTMF", on_dtmf},
	{DP_EVENT_TIMEOUT, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_event), sizeof(struct dp_event),
		"DP_EVENT_TIMEOUT", on_event},
	{DP_EVENT_LATCH, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_event), sizeof(struct dp_event),
		"DP_EVENT_LATCH", on_event},
	{DP_EVENT_PLAY_DONE, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_event_play),
		sizeof(struct dp_event_play), "DP_EVENT_PLAY_DONE", on_play_done},
	{DP_EVENT_PORT, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_event_port),
		sizeof(struct dp_event_port), "DP_EVENT_PORT", on_port_event},
};
static const struct ipc_table table = {rows, sizeof(rows) / sizeof(rows[0]), on_closed, NULL};

static void connect_now(struct dpclient *dp)
{
	struct dp_hello hello = {.api_version = DP_API_VERSION, .role = IPC_ROLE_CONTROL};
	int fd = ipc_connect(dp->path);

	if (fd < 0) {
		retry_later(dp);
		return;
	}
	dp->peer = ipc_peer_new(dp->base, fd, &table, QUEUE_MAX, dp);
	if (dp->peer == NULL) {
		close(fd);
		retry_later(dp);
		return;
	}
	dp->hello_ms = clock_mono_ms();
	ipc_send(dp->peer, DP_HELLO, ipc_next_seq(dp->peer), 0, 0, &hello, sizeof(hello), NULL, 0);
}

static void retry_cb(evutil_socket_t fd, short what, void *arg)
{
	connect_now(arg);
}

/* Retries what was refused, and gives up on a data plane that does not answer. */
static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dpclient *dp = arg;
	uint64_t now_ms = clock_mono_ms();

	if (!dp->up) {
		if (dp->peer != NULL && now_ms > dp->hello_ms + ANSWER_MS)
			ipc_peer_close(dp->peer, "it does not answer");
		return;
	}
	for (unsigned int i = 0; dp->n_inflight > 0 && i < INFLIGHT_SLOTS; i++) {
		if (dp->inflight[i].seq != 0 && now_ms > dp->inflight[i].sent_ms + ANSWER_MS) {
			ipc_peer_close(dp->peer, "it does not answer");
			return;
		}
	}
	pump(dp);
	sessions_sample(dp->sessions, 1000 / TICK_MS);
}

struct dpclient *dpclient_new(
	struct event_base *base, const char *path, const struct dpclient_ops *ops)
{
	struct dpclient *dp = calloc(1, sizeof(*dp));

	if (dp == NULL)
		return NULL;
	dp->base = base;
	dp->ops = *ops;
	dp->backoff_ms = BACKOFF_MIN_MS;
	snprintf(dp->path, sizeof(dp->path), "%s", path);
	dp->retry_event = event_new(base, -1, 0, retry_cb, dp);
	dp->pump_event = event_new(base, -1, 0, pump_cb, dp);
	dp->tick_event = event_new(base, -1, EV_PERSIST, tick_cb, dp);
	if (dp->retry_event == NULL || dp->pump_event == NULL || dp->tick_event == NULL) {
		dpclient_free(dp);
		return NULL;
	}
	return dp;
}

void dpclient_free(struct dpclient *dp)
{
	if (dp == NULL)
		return;
	ipc_peer_free(dp->peer);
	if (dp->retry_event != NULL)
		event_free(dp->retry_event);
	if (dp->pump_event != NULL)
		event_free(dp->pump_event);
	if (dp->tick_event != NULL)
		event_free(dp->tick_event);
	segment_unmap(&dp->segment);
	dpobjs_free(&dp->objs);
	free(dp);
}

void dpclient_start(struct dpclient *dp, struct sessions *sessions, struct prompts *prompts,
	struct blocks *blocks)
{
	static const struct timeval tick = {.tv_usec = TICK_MS * 1000};

	dp->sessions = sessions;
	dp->prompts = prompts;
	dp->blocks = blocks;
	event_add(dp->tick_event, &tick);
	connect_now(dp);
}

bool dpclient_sums(const struct dpclient *dp, const struct media_session *s,
	struct dp_stream_sum ret_sums[DP_LEGS])
{
	if (!s->has_streams)
		return false;
	return segment_sum(&dp->segment, s->stream[0], &ret_sums[0]) &&
	       segment_sum(&dp->segment, s->stream[1], &ret_sums[1]);
}

uint64_t dpclient_block_drops(const struct dpclient *dp, uint32_t row)
{
	return dp->up ? segment_block_drops(&dp->segment, row) : 0;
}

bool dpclient_srtp(
	const struct dpclient *dp, const struct media_session *s, struct dp_session *conf)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (!segment_srtp(&dp->segment, s->stream[leg], &conf->srtp_rx[leg],
			    &conf->srtp_tx[!leg]))
			return false;
	return true;
}

int dpclient_check(const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	return dpobjs_check(cfg, error);
}

void dpclient_apply(struct dpclient *dp, const struct cfg *cfg)
{
	dpobjs_apply(&dp->objs, cfg);
	dpclient_pump_later(dp);
}

void dpclient_rating(struct dpclient *dp, const struct dp_rating *rating)
{
	if (dp->up && ipc_peer_n_queued(dp->peer) < QUEUE_MAX / 2)
		(void)ipc_send(dp->peer, DP_RATING, 0, 0, dp->generation, rating, sizeof(*rating),
			NULL, 0);
}

int dpclient_acl_clear(struct dpclient *dp, const char *name, uint32_t family)
{
	struct dp_acl_name acl = {.family = family};

	if (!dp->up || !may_send(dp))
		return -ENOTCONN;
	snprintf(acl.name, sizeof(acl.name), "%s", name);
	return request(dp, DP_ACL_CLEAR, 0, &acl, sizeof(acl));
}

void dpclient_sweep(struct dpclient *dp)
{
	dp->sweep_wanted = true;
	dpclient_pump_later(dp);
}

void dpclient_press(
	struct dpclient *dp, const struct media_session *session, const struct ctl_dtmf *msg)
{
	struct dp_dtmf_send press = {.session_id = session->id,
		.leg = msg->leg,
		.serial = msg->serial,
		.duration_ms = msg->duration_ms,
		.digit = msg->digit};

	if (!dp->up || !session->known || !may_send(dp))
		return;
	int ret = request(dp, DP_DTMF_SEND, session->id, &press, sizeof(press));
	if (ret < 0)
		cannot_send(dp, ret);
}

const struct segment_map *dpclient_segment(const struct dpclient *dp)
{
	return &dp->segment;
}

void dpclient_state(const struct dpclient *dp, struct dpclient_state *ret_state)
{
	*ret_state = dp->state;
	if (dp->peer != NULL)
		ret_state->stats = *ipc_peer_stats(dp->peer);
}
