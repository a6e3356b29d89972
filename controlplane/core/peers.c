/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server at RUN/control.sock; see peers.h. */
#include "controlplane/core/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/base/pace.h"
#include "controlplane/core/subscriptions.h"

LOG_TOPIC("peers");

#define QUEUE_SIP      32768 /* messages; a restarted worker gets all its calls at once */
#define QUEUE_CLI      4096
#define PEERS_MAX      256
#define HELLO_MS       5000 /* who connects and says nothing does not keep its place */
#define TRUNKS_MAX     4096

#define REG_REST_US    20000
#define CALLS_PAUSE_US 1000000 /* without any call on its way for so long, nobody waits */

struct peer {
	LIST_ENTRY(peer) link;
	struct peers *peers;
	struct ipc_peer *ipc;
	enum ipc_role role;
	uint32_t worker;
	void *cli;
	uint64_t since_ms; /* monotonic */
	uint64_t media_us; /* monotonic: a call waited for an answer last */
	struct pace reg_pace;
};

struct trunk {
	STAILQ_ENTRY(trunk) link;
	struct ctl_trunk_status status;
};

struct registration {
	STAILQ_ENTRY(registration) link;
	struct ctl_reg_status status;
};

struct peers {
	struct event_base *base;
	struct peers_conf conf;
	char path[108];
	struct calls *calls;
	struct ipc_listener *listener;
	struct event *tick_event;
	LIST_HEAD(, peer) list;
	unsigned int n_peers;
	struct peer_sip sip[CALLS_WORKERS_MAX];
	uint32_t n_connections;
	bool told_replayed;
	STAILQ_HEAD(, trunk) trunks;
	unsigned int n_trunks;
	STAILQ_HEAD(, registration) registrations;
	unsigned int n_registrations;
	struct conns *conns;
	struct subscriptions *subscriptions;
};

static struct peer_sip *sip_of(struct peer *peer)
{
	return &peer->peers->sip[peer->worker];
}

/* ---- blocked sources ---- */

struct block_batch {
	struct peers *peers;
	uint32_t worker;
	struct ctl_blocks head;
	struct ctl_block list[CTL_BLOCKS_BATCH];
};

static void blocks_flush(struct block_batch *batch)
{
	if (batch->head.n > 0)
		peers_sip_send(batch->peers, batch->worker, CTL_BLOCKS_PUT, &batch->head,
			sizeof(batch->head), batch->list, batch->head.n * sizeof(batch->list[0]));
	batch->head.n = 0;
}

static int block_give(const struct ctl_block *block, uint64_t dp_drops, void *arg)
{
	struct block_batch *batch = arg;

	batch->list[batch->head.n++] = *block;
	if (batch->head.n == CTL_BLOCKS_BATCH)
		blocks_flush(batch);
	return 0;
}

/* To the first worker of a limen-sip that has just started: all workers share them. */
static void blocks_give(struct peers *peers, uint32_t worker)
{
	struct block_batch batch = {.peers = peers, .worker = worker};

	blocks_each(peers->conf.blocks, true, clock_mono_ms(), block_give, &batch);
	blocks_flush(&batch);
}

/* ---- HELLO ---- */

static void check_replayed(struct peers *peers)
{
	if (peers->told_replayed || !peers_replay_complete(peers))
		return;
	peers->told_replayed = true;
	peers->conf.replayed(peers->conf.arg);
}

/* Counters of a worker never fall: those of its former life are kept; gauges are of this one. */
static void keep_stats(struct peer_sip *sip)
{
#define X(field, name, help) sip->before.field += sip->stats.field;
	CTL_SIP_COUNTERS(X)
#undef X
	sip->before.transactions = sip->before.dialogs = 0;
	sip->before.connections = sip->before.calls_active = 0;
	sip->before.trace_messages = sip->before.trace_calls = 0;
	sip->before.overload_share = 0;
	sip->before.trace_octets = sip->before.trace_octets_failed = 0;
	sip->before.bindings = sip->before.subscriptions = 0;
	memset(&sip->stats, 0, sizeof(sip->stats));
}

static int hello_sip(struct peer *peer, const struct ctl_hello *hello)
{
	struct peers *peers = peer->peers;
	pid_t pid = 0;
	uid_t uid;

	if (hello->worker >= CALLS_WORKERS_MAX || hello->n_workers > CALLS_WORKERS_MAX ||
		hello->worker >= hello->n_workers)
		return -EINVAL;
	struct peer_sip *sip = &peers->sip[hello->worker];
	if (sip->peer != NULL) /* the successor is here before the end of the old connection */
		ipc_peer_close(sip->peer, "another connection of that worker");
	ipc_peer_cred(peer->ipc, &uid, &pid);
	peer->worker = hello->worker;
	bool same_life = sip->known && sip->boot_id == hello->boot_id;
	if (sip->known && !same_life) {
		sip->restarts++;
		keep_stats(sip);
	}
	conns_forget(peers->conns, hello->worker);
	sip->peer = peer->ipc;
	sip->connection = ++peers->n_connections;
	sip->n_workers = hello->n_workers;
	sip->boot_id = hello->boot_id;
	sip->pid = pid;
	sip->known = true;
	sip->since_ms = clock_wall_ms();
	sip->bindings_due = hello->config_revision == 0; /* it has just started */
	if (sip->bindings_due)
		subscriptions_due(peers->subscriptions, hello->worker, hello->n_workers);
	else
		subscriptions_replay(peers->subscriptions, hello->worker);
	sip->replay_due = hello->n_calls > 0 && !same_life;
	sip->restore_due = hello->n_calls == 0 && (!same_life || sip->restore_due);
	log_notice("limen-sip worker %u of %u connected%s", hello->worker, hello->n_workers,
		sip->replay_due ? ", its calls follow" : "");
	return 0;
}

static bool may_be(const struct peers *peers, const struct ipc_peer *ipc, uint32_t role)
{
	uid_t uid;
	pid_t pid;

	if (ipc_peer_cred(ipc, &uid, &pid) < 0)
		return false;
	if (uid == 0 || uid == geteuid())
		return true;
	return uid == (role == IPC_ROLE_SIP	     ? peers->conf.sip_uid
			      : role == IPC_ROLE_NAT ? peers->conf.nat_uid
			      : role == IPC_ROLE_REC ? peers->conf.rec_uid
						     : peers->conf.cli_uid);
}

static void nat_tell(const struct peers *peers, struct ipc_peer *sip)
{
	const struct ctl_nat_info *info = peers->conf.nat ? nat_peer_info(peers->conf.nat) : NULL;

	if (info != NULL)
		ipc_send(sip, CTL_NAT_INFO, 0, 0, 0, info, sizeof(*info), NULL, 0);
}

static void transcoder_tell(const struct peers *peers, struct ipc_peer *sip)
{
	const struct ctl_transcoder *transcoder = peers->conf.transcoder;

	if (transcoder != NULL)
		ipc_send(sip, CTL_TRANSCODER, 0, 0, 0, transcoder, sizeof(*transcoder), NULL, 0);
}

void peers_transcoder_changed(struct peers *peers)
{
	for (uint32_t i = 0; peers != NULL && i < CALLS_WORKERS_MAX; i++)
		if (peers->sip[i].peer != NULL)
			transcoder_tell(peers, peers->sip[i].peer);
}

void peers_nat_changed(struct peers *peers)
{
	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++)
		if (peers->sip[i].peer != NULL)
			nat_tell(peers, peers->sip[i].peer);
}

static void tell_quality(void *arg, const struct ctl_quality *quality)
{
	ipc_send(arg, CTL_QUALITY, 0, 0, 0, quality, sizeof(*quality), NULL, 0);
}

void peers_quality(void *arg, const struct ctl_quality *quality)
{
	struct peers *peers = *(struct peers **)arg;

	for (uint32_t i = 0; peers != NULL && i < CALLS_WORKERS_MAX; i++) {
		if (peers->sip[i].peer != NULL)
			tell_quality(peers->sip[i].peer, quality);
	}
}

/* Of the roles beside limen-sip. */
static bool is_served(const struct peers *peers, uint32_t role)
{
	return role == IPC_ROLE_NAT   ? peers->conf.nat != NULL
	       : role == IPC_ROLE_REC ? peers->conf.recordings != NULL
				      : peers->conf.cli != NULL;
}

static void toll_give(void *arg, const struct ctl_toll *toll)
{
	ipc_send(arg, CTL_TOLL, 0, 0, 0, toll, sizeof(*toll), NULL, 0);
}

/* What all workers count in is worker 0's to tell; it began anew with its process. */
static void capacity_begin(struct peers *peers, struct ipc_peer *sip, uint32_t worker)
{
	if (peers->conf.capacity != NULL && worker == 0 && peers->sip[0].bindings_due)
		capacity_store_restart(peers->conf.capacity, toll_give, sip);
}

static int on_hello(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	struct peers *peers = peer->peers;
	struct ctl_hello_reply reply = {.api_version = CTL_API_VERSION};
	struct ctl_hello hello;
	int ret = 0;

	memcpy(&hello, body, sizeof(hello));
	if (hello.api_version != CTL_API_VERSION || hello.zero != 0)
		ret = -EPROTO;
	else if (hello.role != IPC_ROLE_SIP && hello.role != IPC_ROLE_CLI &&
		 hello.role != IPC_ROLE_NAT && hello.role != IPC_ROLE_REC)
		ret = -EINVAL;
	else if (!may_be(peers, ipc, hello.role))
		ret = -EPERM;
	else if (hello.role == IPC_ROLE_SIP)
		ret = hello_sip(peer, &hello);
	else if (!is_served(peers, hello.role))
		ret = -EOPNOTSUPP;
	if (ret < 0) {
		log_warning("a process is refused at %s: %s", peers->path, strerror(-ret));
		ipc_reply(ipc, hdr, ret, NULL, 0);
		ipc_peer_close(ipc, strerror(-ret));
		return 0;
	}
	peer->role = (enum ipc_role)hello.role;
	ipc_peer_set_role(ipc, peer->role);
	reply.generation = peers->conf.generation(peers->conf.arg);
	reply.boot_id = peers->conf.boot_id;
	if (peer->role == IPC_ROLE_SIP)
		memcpy(reply.token_key, peers->conf.token_key, sizeof(reply.token_key));
	ret = ipc_reply(ipc, hdr, 0, &reply, sizeof(reply));
	if (ret == 0 && peer->role == IPC_ROLE_SIP) {
		if (peers->conf.blocks != NULL && hello.config_revision == 0 && peer->worker == 0)
			blocks_give(peers, 0);
		peers->conf.sip_up(peers->conf.arg, peer->worker);
		nat_tell(peers, ipc);
		transcoder_tell(peers, ipc);
		if (peers->conf.windows != NULL)
			windows_each(peers->conf.windows, tell_quality, ipc);
		capacity_begin(peers, ipc, peer->worker);
	} else if (ret == 0 && peer->role == IPC_ROLE_NAT) {
		nat_peer_up(peers->conf.nat, ipc);
	} else if (ret == 0 && peer->role == IPC_ROLE_REC) {
		recordings_up(peers->conf.recordings, ipc);
	}
	return ret;
}

static bool give_sub(
	void *arg, uint32_t worker, const struct ctl_sub *sub, const void *state, size_t len)
{
	return peers_sip_send(arg, worker, CTL_SUB_RESTORE, sub, sizeof(*sub), state, len);
}

void peers_sip_give_calls(struct peers *peers, uint32_t worker)
{
	struct peer_sip *sip = worker < CALLS_WORKERS_MAX ? &peers->sip[worker] : NULL;

	if (sip == NULL || sip->peer == NULL)
		return;
	if (sip->restore_due)
		calls_restore(peers->calls, worker, sip->n_workers);
	else
		calls_clear_again(peers->calls, worker);
	if (peers->conf.registrations != NULL)
		registrations_worker_up(
			peers->conf.registrations, worker, sip->n_workers, sip->bindings_due);
	sip->restore_due = sip->bindings_due = false;
	subscriptions_give(peers->subscriptions, worker, clock_wall_ms(), give_sub, peers);
	check_replayed(peers);
}

/* ---- messages of limen-sip ---- */

static struct media_ticket ticket_of(struct peer *peer, const struct ipc_hdr *hdr)
{
	return (struct media_ticket){.worker = peer->worker,
		.connection = sip_of(peer)->connection,
		.seq = hdr->seq,
		.generation = hdr->generation};
}

static int on_media_set(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	struct media_ticket ticket = ticket_of(peer, hdr);
	const struct ctl_media *media = body;

	if (!ctl_media_ok(media))
		return -EPROTO;
	peer->media_us = clock_mono_us();
	calls_media_set(peer->peers->calls, peer->worker, &ticket, media);
	return 0;
}

static int on_media_close(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_media_id *id = body;

	if (id->call_id == 0 || id->media_index >= CTL_MEDIA_MAX || id->zero != 0)
		return -EPROTO;
	calls_media_close(peer->peers->calls, id);
	return 0;
}

static int on_call_put(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_call *call = body;

	if (!ctl_call_ok(call))
		return -EPROTO;
	return calls_put(peer->peers->calls, peer->worker, call, call + 1, len - sizeof(*call));
}

static int on_call_end(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	struct media_ticket ticket = ticket_of(peer, hdr);
	const struct ctl_call *call = body;

	if (!ctl_call_ok(call))
		return -EPROTO;
	calls_end(peer->peers->calls, peer->worker, &ticket, call);
	return 0;
}

static int on_sip_stats(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	memcpy(&sip_of(ipc_peer_ctx(ipc))->stats, body, sizeof(struct ctl_sip_stats));
	return 0;
}

static struct trunk *trunk_find(const struct peers *peers, const char *name)
{
	struct trunk *t;

	STAILQ_FOREACH(t, &peers->trunks, link) {
		if (strcmp(t->status.trunk, name) == 0)
			return t;
	}
	return NULL;
}

static int on_trunk_status(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peers *peers = ((struct peer *)ipc_peer_ctx(ipc))->peers;
	const struct ctl_trunk_status *status = body;

	if (!ipc_str_ok(status->trunk, sizeof(status->trunk)) ||
		!ipc_str_ok(status->reason, sizeof(status->reason)) || status->up > 1)
		return -EPROTO;
	struct trunk *t = trunk_find(peers, status->trunk);
	if (t == NULL) {
		if (peers->n_trunks >= TRUNKS_MAX || (t = calloc(1, sizeof(*t))) == NULL)
			return 0; /* only shown; nothing depends on it */
		peers->n_trunks++;
		STAILQ_INSERT_TAIL(&peers->trunks, t, link);
	}
	if (t->status.up != status->up || t->status.trunk[0] == '\0')
		log_notice("trunk %s is %s%s%s", status->trunk, status->up ? "up" : "down",
			status->reason[0] != '\0' ? ": " : "", status->reason);
	t->status = *status;
	return 0;
}

static int on_capacity(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peers *peers = ((struct peer *)ipc_peer_ctx(ipc))->peers;

	return peers->conf.capacity ? capacity_store_message(peers->conf.capacity, hdr, body) : 0;
}

static int on_targets(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peers *peers = ((struct peer *)ipc_peer_ctx(ipc))->peers;

	return peers->conf.targets ? target_store_message(peers->conf.targets, hdr, body, len) : 0;
}

static struct registration *registration_find(const struct peers *peers, const char *trunk)
{
	struct registration *r;

	STAILQ_FOREACH(r, &peers->registrations, link) {
		if (strcmp(r->status.trunk, trunk) == 0)
			return r;
	}
	return NULL;
}

static int on_reg_status(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peers *peers = ((struct peer *)ipc_peer_ctx(ipc))->peers;
	const struct ctl_reg_status *status = body;
	struct registration *r;

	if (!ipc_str_ok(status->trunk, sizeof(status->trunk)) ||
		!ipc_str_ok(status->line, sizeof(status->line)) ||
		!ipc_str_ok(status->associated, sizeof(status->associated)) ||
		!ipc_str_ok(status->reason, sizeof(status->reason)) || status->registered > 1)
		return -EPROTO;
	r = registration_find(peers, status->trunk);
	if (r == NULL) {
		if (peers->n_registrations >= TRUNKS_MAX || (r = calloc(1, sizeof(*r))) == NULL)
			return 0; /* only shown; nothing depends on it */
		peers->n_registrations++;
		STAILQ_INSERT_TAIL(&peers->registrations, r, link);
	}
	r->status = *status;
	return 0;
}

bool peers_registration(
	const struct peers *peers, const char *trunk, struct ctl_reg_status *ret_status)
{
	const struct registration *r = registration_find(peers, trunk);

	if (r == NULL)
		return false;
	*ret_status = r->status;
	return true;
}

static int on_dtmf(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_dtmf *msg = body;

	if (msg->leg >= DP_LEGS)
		return -EPROTO;
	calls_dtmf_send(peer->peers->calls, msg);
	return 0;
}

static int on_conn(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_conn *conn = body;

	if (!ipc_str_ok(conn->realm, sizeof(conn->realm)) || !ipaddr_valid(&conn->local) ||
		!ipaddr_valid(&conn->remote) || conn->accepted > 1)
		return -EPROTO;
	conns_put(peer->peers->conns, peer->worker, conn, clock_wall_ms());
	return 0;
}

static int on_conn_gone(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_conn_id *gone = body;

	conns_remove(peer->peers->conns, peer->worker, gone->id);
	return 0;
}

const struct conns *peers_conns(const struct peers *peers)
{
	return peers->conns;
}

int peers_conn_end(struct peers *peers, uint32_t number, uint8_t transport)
{
	struct conns_row row;

	if (!conns_find(peers->conns, number, &row) || row.conn.transport != transport)
		return -ENOENT;
	const struct ctl_conn_id id = {row.conn.id};
	return peers_sip_send(peers, row.worker, CTL_CONN_END, &id, sizeof(id), NULL, 0)
		       ? 0
		       : -ENOTCONN;
}

static int on_blocks(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct blocks *blocks = ((struct peer *)ipc_peer_ctx(ipc))->peers->conf.blocks;
	const struct ctl_block *list = ctl_blocks_of(body, len);
	const struct ctl_blocks *head = body;

	if (list == NULL)
		return -EPROTO;
	for (uint32_t i = 0; blocks != NULL && i < head->n; i++) {
		if (hdr->type == CTL_BLOCKS_DEL)
			(void)blocks_del(blocks, &list[i], clock_mono_ms());
		else if (blocks_put(blocks, &list[i], clock_mono_ms()) < 0)
			log_debug("a source is blocked by limen-sip alone");
	}
	return 0;
}

static int blocks_send(struct peers *peers, uint16_t type, const struct ctl_block *block)
{
	const struct ctl_blocks head = {.n = block != NULL};

	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++) {
		if (peers_sip_send(peers, i, type, &head, sizeof(head), block,
			    block != NULL ? sizeof(*block) : 0))
			return 0;
	}
	return -ENOTCONN;
}

int peers_block(struct peers *peers, const struct ctl_block *block)
{
	int ret = blocks_send(peers, CTL_BLOCKS_PUT, block);

	return ret < 0 ? ret : blocks_put(peers->conf.blocks, block, clock_mono_ms());
}

int peers_unblock(struct peers *peers, const struct ctl_block *block)
{
	int ret = blocks_send(peers, CTL_BLOCKS_DEL, block);

	if (ret < 0)
		return ret;
	if (block == NULL) {
		blocks_del_all(peers->conf.blocks);
		return 0;
	}
	return blocks_del(peers->conf.blocks, block, clock_mono_ms()) ? 0 : -ENOENT;
}

/*
 * Registrations come in a stream, as limen-sip turns, and nobody waits for an answer: unless there are
 * calls on that way, a rest is longer than limen-sip's.
 */
static void reg_rest(struct peer *peer)
{
	uint64_t now_us = clock_mono_us(), us;

	if (ipc_peer_rests(peer->ipc) || now_us - peer->media_us < CALLS_PAUSE_US)
		return;
	us = pace_turn(&peer->reg_pace, now_us);
	if (us > 0)
		ipc_peer_rest(peer->ipc, us);
}

static int on_reg_put(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_reg *reg = body;

	reg_rest(peer);
	if (peer->peers->conf.registrations == NULL)
		return 0;
	return registrations_put(
		peer->peers->conf.registrations, peer->worker, reg, reg + 1, len - sizeof(*reg));
}

static int on_reg_del(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);

	reg_rest(peer);
	if (peer->peers->conf.registrations == NULL)
		return 0;
	return registrations_del(peer->peers->conf.registrations, peer->worker, body);
}

static int on_sub(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_sub *sub = body;

	if (hdr->type == CTL_SUB_PUT)
		return subscriptions_put(
			peer->peers->subscriptions, peer->worker, sub, sub + 1, len - sizeof(*sub));
	subscriptions_del(peer->peers->subscriptions, sub->id);
	return 0;
}

static int on_replay_done(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);

	sip_of(peer)->replay_due = false;
	subscriptions_replayed(peer->peers->subscriptions, peer->worker);
	calls_clear_again(peer->peers->calls, peer->worker);
	check_replayed(peer->peers);
	return 0;
}

static int on_config_reply(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	const struct ctl_text *text = body;
	char why[256] = "";

	if (hdr->status < 0 && len >= sizeof(*text)) {
		if (text->n != len - sizeof(*text))
			return -EPROTO;
		snprintf(
			why, sizeof(why), "%.*s", (int)(text->n < 255 ? text->n : 255), text->text);
	}
	peer->peers->conf.sip_config(
		peer->peers->conf.arg, peer->worker, hdr->seq, hdr->status, why);
	return 0;
}

static int on_cli(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	return peer->peers->conf.cli(peer->peers->conf.arg, ipc, &peer->cli, hdr, body, len);
}

static int on_attempt(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peers *peers = ((struct peer *)ipc_peer_ctx(ipc))->peers;
	const struct ctl_attempt *attempt = body;

	if (!ipc_str_ok(attempt->trunk, sizeof(attempt->trunk)) || attempt->zero != 0)
		return -EPROTO;
	/* It hunted on: somebody else may do better, so it was the trunk's fault. */
	if (peers->conf.windows != NULL)
		windows_attempt(
			peers->conf.windows, attempt->trunk, WINDOW_FAILED, clock_wall_ms());
	return 0;
}

static int on_hook_status(
	struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	struct hook_store *hooks = peer->peers->conf.hooks;

	return hooks != NULL ? hook_store_message(hooks, peer->worker, body) : 0;
}

static int on_nat(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	return nat_peer_message(peer->peers->conf.nat, hdr, body);
}

static int on_trace(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	struct traces *traces = peer->peers->conf.traces;

	return traces != NULL ? traces_message(traces, peer->worker, hdr, body, len) : -EPROTO;
}

static int on_rec(struct ipc_peer *ipc, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	return recordings_message(peer->peers->conf.recordings, hdr, body);
}

/* ---- connections ---- */

static void on_closed(struct ipc_peer *ipc, const char *why)
{
	struct peer *peer = ipc_peer_ctx(ipc);
	struct peers *peers = peer->peers;

	if (peer->role == IPC_ROLE_SIP && sip_of(peer)->peer == ipc) {
		log_warning("limen-sip worker %u is gone: %s", peer->worker, why);
		sip_of(peer)->peer = NULL;
		conns_forget(peers->conns, peer->worker);
		sip_of(peer)->since_ms = clock_wall_ms();
		if (peers->conf.hooks != NULL)
			hook_store_forget(peers->conf.hooks, peer->worker);
		if (peers->conf.registrations != NULL)
			registrations_worker_down(peers->conf.registrations, peer->worker);
		peers->conf.sip_down(peers->conf.arg, peer->worker);
		if (peers->conf.traces != NULL)
			traces_worker_gone(peers->conf.traces, peer->worker);
	} else if (peer->role == IPC_ROLE_NAT) {
		nat_peer_down(peers->conf.nat, ipc);
	} else if (peer->role == IPC_ROLE_REC) {
		recordings_down(peers->conf.recordings, ipc);
	} else if (peer->role == IPC_ROLE_NONE) {
		log_info("a connection ended before HELLO: %s", why);
	}
	if (peer->cli != NULL)
		peers->conf.cli_closed(peers->conf.arg, peer->cli);
	LIST_REMOVE(peer, link);
	peers->n_peers--;
	free(peer);
}

static void on_drained(struct ipc_peer *ipc)
{
	struct peer *peer = ipc_peer_ctx(ipc);

	if (peer->role == IPC_ROLE_SIP && sip_of(peer)->peer == ipc)
		calls_restore_more(peer->peers->calls, peer->worker);
	if (peer->role == IPC_ROLE_SIP && sip_of(peer)->peer == ipc)
		subscriptions_give(peer->peers->subscriptions, peer->worker, clock_wall_ms(),
			give_sub, peer->peers);
	if (peer->role == IPC_ROLE_SIP && sip_of(peer)->peer == ipc &&
		peer->peers->conf.registrations != NULL)
		registrations_more(peer->peers->conf.registrations, peer->worker);
}

#define BODY_MAX (IPC_MSG_MAX - sizeof(struct ipc_hdr))
#define SIZED(t) sizeof(t), sizeof(t)
static const struct ipc_row rows[] = {
	{CTL_HELLO, 0, 0, SIZED(struct ctl_hello), "CTL_HELLO", on_hello},
	{CTL_CONFIG | IPC_TYPE_REPLY, 0, IPC_ROLE_SIP, 0, 4096, "CTL_CONFIG reply",
		on_config_reply},
	{CTL_MEDIA_SET, 0, IPC_ROLE_SIP, SIZED(struct ctl_media), "CTL_MEDIA_SET", on_media_set},
	{CTL_ATTEMPT, 0, IPC_ROLE_SIP, SIZED(struct ctl_attempt), "CTL_ATTEMPT", on_attempt},
	{CTL_HOOK_STATUS, 0, IPC_ROLE_SIP, SIZED(struct ctl_hook_status), "CTL_HOOK_STATUS",
		on_hook_status},
	{CTL_MEDIA_CLOSE, 0, IPC_ROLE_SIP, SIZED(struct ctl_media_id), "CTL_MEDIA_CLOSE",
		on_media_close},
	{CTL_CALL_PUT, 0, IPC_ROLE_SIP, sizeof(struct ctl_call), BODY_MAX, "CTL_CALL_PUT",
		on_call_put},
	{CTL_CALL_END, 0, IPC_ROLE_SIP, SIZED(struct ctl_call), "CTL_CALL_END", on_call_end},
	{CTL_DTMF, 0, IPC_ROLE_SIP, SIZED(struct ctl_dtmf), "CTL_DTMF", on_dtmf},
	{CTL_SIP_STATS, 0, IPC_ROLE_SIP, SIZED(struct ctl_sip_stats), "CTL_SIP_STATS",
		on_sip_stats},
	{CTL_TRUNK_STATUS, 0, IPC_ROLE_SIP, SIZED(struct ctl_trunk_status), "CTL_TRUNK_STATUS",
		on_trunk_status},
	{CTL_TARGETS, 0, IPC_ROLE_SIP, sizeof(struct ctl_targets), BODY_MAX, "CTL_TARGETS",
		on_targets},
	{CTL_CAPACITY, 0, IPC_ROLE_SIP, SIZED(struct ctl_capacity), "CTL_CAPACITY", on_capacity},
	{CTL_TOLL, 0, IPC_ROLE_SIP, SIZED(struct ctl_toll), "CTL_TOLL", on_capacity},
	{CTL_OVERLOAD, 0, IPC_ROLE_SIP, SIZED(struct ctl_overload), "CTL_OVERLOAD", on_capacity},
	{CTL_DNS_HOSTS, 0, IPC_ROLE_SIP, sizeof(struct ctl_dns_hosts), BODY_MAX, "CTL_DNS_HOSTS",
		on_targets},
	{CTL_REG_PUT, 0, IPC_ROLE_SIP, sizeof(struct ctl_reg),
		sizeof(struct ctl_reg) + CTL_REG_STATE_MAX, "CTL_REG_PUT", on_reg_put},
	{CTL_REG_DEL, 0, IPC_ROLE_SIP, SIZED(struct ctl_reg_key), "CTL_REG_DEL", on_reg_del},
	{CTL_SUB_PUT, 0, IPC_ROLE_SIP, sizeof(struct ctl_sub) + 1, BODY_MAX, "CTL_SUB_PUT", on_sub},
	{CTL_SUB_DEL, 0, IPC_ROLE_SIP, SIZED(struct ctl_sub), "CTL_SUB_DEL", on_sub},
	{CTL_REPLAY_DONE, 0, IPC_ROLE_SIP, 0, 0, "CTL_REPLAY_DONE", on_replay_done},
	{CTL_TRACE_MSG, 0, IPC_ROLE_SIP, sizeof(struct ctl_trace_msg), BODY_MAX, "CTL_TRACE_MSG",
		on_trace},
	{CTL_TRACE_END, 0, IPC_ROLE_SIP, SIZED(struct ctl_trace_end), "CTL_TRACE_END", on_trace},
	{CTL_REG_STATUS, 0, IPC_ROLE_SIP, SIZED(struct ctl_reg_status), "CTL_REG_STATUS",
		on_reg_status},
	{CTL_CONN, 0, IPC_ROLE_SIP, SIZED(struct ctl_conn), "CTL_CONN", on_conn},
	{CTL_CONN_GONE, 0, IPC_ROLE_SIP, SIZED(struct ctl_conn_id), "CTL_CONN_GONE", on_conn_gone},
	{CTL_BLOCKS_PUT, 0, IPC_ROLE_SIP, sizeof(struct ctl_blocks), BODY_MAX, "CTL_BLOCKS_PUT",
		on_blocks},
	{CTL_BLOCKS_DEL, 0, IPC_ROLE_SIP, sizeof(struct ctl_blocks), BODY_MAX, "CTL_BLOCKS_DEL",
		on_blocks},
	{CTL_NAT_KEYS, 0, IPC_ROLE_NAT, SIZED(struct ctl_nat_keys), "CTL_NAT_KEYS", on_nat},
	{CTL_NAT_FAILED, 0, IPC_ROLE_NAT, SIZED(struct ctl_nat_id), "CTL_NAT_FAILED", on_nat},
	{CTL_NAT_INFO, 0, IPC_ROLE_NAT, SIZED(struct ctl_nat_info), "CTL_NAT_INFO", on_nat},
	{CTL_NAT_REPLAY_DONE, 0, IPC_ROLE_NAT, 0, 0, "CTL_NAT_REPLAY_DONE", on_nat},
	{CTL_REC_STATUS, 0, IPC_ROLE_REC, SIZED(struct ctl_rec_status), "CTL_REC_STATUS", on_rec},
	{CTL_REC_INFO, 0, IPC_ROLE_REC, SIZED(struct ctl_rec_info), "CTL_REC_INFO", on_rec},
	{CTL_CLI_OPEN, 0, IPC_ROLE_CLI, SIZED(struct ctl_cli_open), "CTL_CLI_OPEN", on_cli},
	{CTL_CLI_LINE, 0, IPC_ROLE_CLI, sizeof(struct ctl_text), 8192, "CTL_CLI_LINE", on_cli},
	{CTL_CLI_COMPLETE, 0, IPC_ROLE_CLI, sizeof(struct ctl_text), 8192, "CTL_CLI_COMPLETE",
		on_cli},
	{CTL_CLI_HELP, 0, IPC_ROLE_CLI, sizeof(struct ctl_text), 8192, "CTL_CLI_HELP", on_cli},
	{CTL_CLI_ABORT, 0, IPC_ROLE_CLI, 0, 0, "CTL_CLI_ABORT", on_cli},
};
static const struct ipc_table table = {rows, sizeof(rows) / sizeof(rows[0]), on_closed, on_drained};
/* What may be dropped on the way out when somebody does not read. */
static const struct ipc_row tx_rows[] = {
	{CTL_CLI_LOG, IPC_DROPPABLE, 0, 0, 0, "CTL_CLI_LOG", NULL},
	{CTL_DTMF, IPC_DROPPABLE, 0, 0, 0, "CTL_DTMF", NULL},
};
static const struct ipc_table tx_table = {
	tx_rows, sizeof(tx_rows) / sizeof(tx_rows[0]), NULL, NULL};

static void on_accept(int fd, void *arg)
{
	struct peers *peers = arg;
	struct peer *peer = peers->n_peers < PEERS_MAX ? calloc(1, sizeof(*peer)) : NULL;

	if (peer != NULL)
		peer->ipc = ipc_peer_new(peers->base, fd, &table, QUEUE_SIP, peer);
	if (peer == NULL || peer->ipc == NULL) {
		log_warning(
			"a connection to %s is refused: %u are open", peers->path, peers->n_peers);
		free(peer);
		close(fd);
		return;
	}
	peer->peers = peers;
	peer->since_ms = clock_mono_ms();
	pace_init(&peer->reg_pace, REG_REST_US, clock_mono_us());
	ipc_peer_set_tx_table(peer->ipc, &tx_table);
	LIST_INSERT_HEAD(&peers->list, peer, link);
	peers->n_peers++;
}

static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct peers *peers = arg;
	uint64_t now_ms = clock_mono_ms();
	struct peer *peer;

	LIST_FOREACH(peer, &peers->list, link) {
		if (peer->role == IPC_ROLE_NONE && now_ms > peer->since_ms + HELLO_MS)
			ipc_peer_close(peer->ipc, "it does not say HELLO");
	}
}

int peers_new(struct event_base *base, const struct peers_conf *conf, struct calls *calls,
	struct peers **ret_peers)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (peers == NULL)
		return -ENOMEM;
	peers->base = base;
	peers->conf = *conf;
	peers->calls = calls;
	LIST_INIT(&peers->list);
	STAILQ_INIT(&peers->trunks);
	STAILQ_INIT(&peers->registrations);
	snprintf(peers->path, sizeof(peers->path), "%s", conf->path);
	peers->tick_event = event_new(base, -1, EV_PERSIST, tick_cb, peers);
	peers->conns = conns_new();
	peers->subscriptions = subscriptions_new();
	if (peers->tick_event == NULL || peers->conns == NULL || peers->subscriptions == NULL) {
		if (peers->tick_event != NULL)
			event_free(peers->tick_event);
		conns_free(peers->conns);
		subscriptions_free(peers->subscriptions);
		free(peers);
		return -ENOMEM;
	}
	*ret_peers = peers;
	return 0;
}

int peers_listen(struct peers *peers)
{
	static const struct timeval tick = {.tv_sec = 1};

	event_add(peers->tick_event, &tick);
	/* Anybody may connect; who may be what is decided by the credentials at HELLO. */
	return ipc_listen(peers->base, peers->path, 0666, on_accept, peers, &peers->listener);
}

void peers_free(struct peers *peers)
{
	struct peer *peer;
	struct registration *r;
	struct trunk *t;

	if (peers == NULL)
		return;
	ipc_listener_free(peers->listener);
	while ((peer = LIST_FIRST(&peers->list)) != NULL) {
		LIST_REMOVE(peer, link);
		if (peer->cli != NULL)
			peers->conf.cli_closed(peers->conf.arg, peer->cli);
		ipc_flush(peer->ipc);
		ipc_peer_free(peer->ipc);
		free(peer);
	}
	conns_free(peers->conns);
	subscriptions_free(peers->subscriptions);
	while ((r = STAILQ_FIRST(&peers->registrations)) != NULL) {
		STAILQ_REMOVE_HEAD(&peers->registrations, link);
		free(r);
	}
	while ((t = STAILQ_FIRST(&peers->trunks)) != NULL) {
		STAILQ_REMOVE_HEAD(&peers->trunks, link);
		free(t);
	}
	event_free(peers->tick_event);
	free(peers);
}

/* ---- sending ---- */

bool peers_sip_send(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	struct peers *peers = arg;
	struct ipc_peer *ipc = worker < CALLS_WORKERS_MAX ? peers->sip[worker].peer : NULL;

	return ipc != NULL && ipc_send(ipc, type, 0, 0, peers->conf.generation(peers->conf.arg),
				      part1, len1, part2, len2) == 0;
}

bool peers_sip_send_fd(
	struct peers *peers, uint32_t worker, uint16_t type, const void *body, size_t len, int fd)
{
	struct ipc_peer *ipc = worker < CALLS_WORKERS_MAX ? peers->sip[worker].peer : NULL;

	return ipc != NULL && ipc_send_fd(ipc, type, 0, 0, peers->conf.generation(peers->conf.arg),
				      body, len, fd) == 0;
}

uint32_t peers_sip_request(struct peers *peers, uint32_t worker, uint16_t type, const void *part1,
	size_t len1, const void *part2, size_t len2)
{
	struct ipc_peer *ipc = worker < CALLS_WORKERS_MAX ? peers->sip[worker].peer : NULL;
	uint32_t seq = ipc != NULL ? ipc_next_seq(ipc) : 0;

	if (ipc == NULL || ipc_send(ipc, type, seq, 0, peers->conf.generation(peers->conf.arg),
				   part1, len1, part2, len2) < 0)
		return 0;
	return seq;
}

void peers_sip_reply(void *arg, const struct media_ticket *ticket, uint16_t type, int32_t status,
	const void *body, size_t len)
{
	struct peers *peers = arg;
	const struct peer_sip *sip = ticket->worker < CALLS_WORKERS_MAX
					     ? &peers->sip[ticket->worker]
					     : NULL;

	/* Who asked is gone: it will ask again over its new connection. */
	if (sip == NULL || sip->peer == NULL || sip->connection != ticket->connection)
		return;
	ipc_send(sip->peer, type | IPC_TYPE_REPLY, ticket->seq, status, ticket->generation, body,
		len, NULL, 0);
}

unsigned int peers_sip_room(void *arg, uint32_t worker)
{
	const struct peers *peers = arg;
	const struct ipc_peer *ipc = worker < CALLS_WORKERS_MAX ? peers->sip[worker].peer : NULL;
	unsigned int n = ipc != NULL ? ipc_peer_n_queued(ipc) : UINT32_MAX;

	/* A checkpoint may be 30 KiB; the queue has 2 KiB a message. */
	return n < QUEUE_SIP / 32 ? QUEUE_SIP / 32 - n : 0;
}

const struct peer_sip *peers_sip(const struct peers *peers, uint32_t worker)
{
	return worker < CALLS_WORKERS_MAX ? &peers->sip[worker] : NULL;
}

struct ipc_stats peers_sip_stats(const struct peers *peers, uint32_t worker)
{
	const struct peer_sip *sip = peers_sip(peers, worker);

	return sip != NULL && sip->peer != NULL ? *ipc_peer_stats(sip->peer)
						: (struct ipc_stats){0};
}

bool peers_trunk(const struct peers *peers, const char *name, struct ctl_trunk_status *ret_status)
{
	const struct trunk *t = trunk_find(peers, name);

	if (t != NULL)
		*ret_status = t->status;
	return t != NULL;
}

bool peers_replay_complete(const struct peers *peers)
{
	uint32_t n_workers = 0;

	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++) {
		if (peers->sip[i].known && peers->sip[i].n_workers > n_workers)
			n_workers = peers->sip[i].n_workers;
	}
	for (uint32_t i = 0; i < n_workers; i++) {
		if (!peers->sip[i].known || peers->sip[i].replay_due)
			return false;
	}
	return n_workers > 0;
}
