/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See server.h. */
#include "dataplane/server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/ipc.h"
#include "controlplane/base/log.h"
#include "dataplane/server/policy.h"

LOG_TOPIC("api");

#define CLIENTS_MAX 8	  /* connections that did not say HELLO yet, and the one that did */
#define REC_QUEUE   64	  /* messages of copies that may wait for limen-rec: 4 MiB */
#define QUEUE_MAX   32768 /* replies and events that may wait for the client */
#define DUMP_ROWS                                                                \
	((IPC_MSG_MAX - sizeof(struct ipc_hdr) - sizeof(struct dp_dump_reply)) / \
		sizeof(struct dp_dump_row))

struct client {
	struct server *server;
	struct ipc_peer *peer; /* NULL: free */
	uint64_t number;       /* never used twice: late replies find nobody */
	uid_t uid;
};

struct server {
	struct server_conf conf;
	struct ipc_listener *listener;
	struct client clients[CLIENTS_MAX];
	struct client *active; /* said HELLO as limen-control */
	struct client *nat;    /* said HELLO as limen-nat */
	struct client *rec;    /* said HELLO as limen-rec */
	uint64_t next_number;
	uint64_t lost_told, lost_alone; /* events: reported as lost; lost without a client */
	uint64_t requests, refused, malformed, overflows; /* of connections that are gone too */
	union {
		struct dp_dump_reply head;
		uint8_t bytes[sizeof(struct dp_dump_reply) +
			      DUMP_ROWS * sizeof(struct dp_dump_row)];
	} dump __attribute__((aligned(8)));
};

static struct server *server_of(struct ipc_peer *peer)
{
	const struct client *c = ipc_peer_ctx(peer);
	return c->server;
}

static struct session_ticket ticket_of(struct ipc_peer *peer, const struct ipc_hdr *hdr)
{
	const struct client *c = ipc_peer_ctx(peer);
	return (struct session_ticket){
		.client = c->number,
		.type = hdr->type,
		.seq = hdr->seq,
		.generation = hdr->generation,
	};
}

static int answer(struct ipc_peer *peer, const struct ipc_hdr *hdr, int status)
{
	if (status)
		server_of(peer)->refused++;
	(void)ipc_reply(peer, hdr, status, NULL, 0);
	return 0;
}

/* A request that goes to the workers: refused now, or answered by server_session_done(). */
static int answer_later(struct ipc_peer *peer, const struct ipc_hdr *hdr, int err)
{
	server_of(peer)->requests++;
	return err ? answer(peer, hdr, err) : 0;
}

/* ---- handlers ---- */

static void take_over(struct server *s, struct client *c)
{
	if (s->active)
		ipc_peer_close(s->active->peer, "another control process took its place");
	s->active = c;
	const struct ipc_stats *stats = ipc_peer_stats(c->peer);
	s->lost_told = stats->tx_dropped + s->lost_alone;
}

static bool uid_may_control(const struct server *s, uid_t uid)
{
	return uid == 0 || uid == geteuid() ||
	       (s->conf.control_uid_set && uid == s->conf.control_uid);
}

static bool uid_may_nat(const struct server *s, uid_t uid)
{
	return uid == 0 || uid == geteuid() || (s->conf.nat_uid_set && uid == s->conf.nat_uid);
}

static bool uid_may_rec(const struct server *s, uid_t uid)
{
	return uid == 0 || uid == geteuid() || (s->conf.rec_uid_set && uid == s->conf.rec_uid);
}

/* limen-nat and limen-rec: whoever came last is it. */
static int hello_helper(struct client *c, const struct ipc_hdr *hdr, enum ipc_role role)
{
	struct server *s = c->server;
	struct dp_hello_reply reply = {
		.api_version = DP_API_VERSION,
		.n_workers = s->conf.n_workers,
		.boot_id = s->conf.boot_id,
	};
	bool nat = role == IPC_ROLE_NAT;
	struct client **place = nat ? &s->nat : &s->rec;

	if (!(nat ? uid_may_nat(s, c->uid) : uid_may_rec(s, c->uid))) {
		(void)answer(c->peer, hdr, -EPERM);
		return -EPERM;
	}
	if (*place)
		ipc_peer_close((*place)->peer, "another process took its place");
	*place = c;
	ipc_peer_set_role(c->peer, role);
	log_notice("%s is connected", nat ? "limen-nat" : "limen-rec");
	return ipc_reply(c->peer, hdr, 0, &reply, sizeof reply);
}

static int on_nat_tx(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_nat_packet *packet = body;
	struct server *s = server_of(peer);
	if (packet->n != len - sizeof *packet || packet->leg >= DP_LEGS)
		return -EPROTO;
	s->requests++;
	int err = natlink_send(s->conf.natlink, packet, clock_mono_ms());
	if (err) {
		/* Nobody waits for an answer: a handshake repeats what is lost. */
		s->refused++;
		log_debug("datagram of limen-nat for session %llu is not sent: %s",
			(unsigned long long)packet->session_id, strerror(-err));
	}
	return 0;
}

static int on_hello(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_hello *hello = body;
	struct client *c = ipc_peer_ctx(peer);
	struct server *s = c->server;
	if (hello->api_version != DP_API_VERSION) {
		log_err("a control process speaks version %u of the session API, this one %u: "
			"both must come from one release",
			hello->api_version, DP_API_VERSION);
		(void)answer(peer, hdr, -EPROTO);
		return -EPROTO;
	}
	if (hello->role == IPC_ROLE_NAT || hello->role == IPC_ROLE_REC)
		return hello_helper(c, hdr, (enum ipc_role)hello->role);
	if (hello->role != IPC_ROLE_CONTROL || !uid_may_control(s, c->uid)) {
		(void)answer(peer, hdr, -EPERM);
		return -EPERM;
	}
	if (s->active && c->uid && c->uid != s->active->uid) {
		(void)answer(peer, hdr, -EBUSY);
		return -EBUSY;
	}
	take_over(s, c);
	ipc_peer_set_role(peer, IPC_ROLE_CONTROL);
	struct dp_hello_reply reply = {
		.api_version = DP_API_VERSION,
		.n_workers = s->conf.n_workers,
		.boot_id = s->conf.boot_id,
		.max_sessions = s->conf.max_sessions,
		.n_sessions = sessions_n(s->conf.sessions),
		.stats_len = s->conf.segment->len,
	};
	log_notice("limen-control is connected, %u sessions are here", reply.n_sessions);
	return ipc_send_fd(peer, DP_HELLO | IPC_TYPE_REPLY, hdr->seq, 0, hdr->generation, &reply,
		sizeof reply, s->conf.segment->fd);
}

static int on_port_set(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, ports_set(s->conf.ports, body));
}

static int on_port_del(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_port_name *name = body;
	struct server *s = server_of(peer);
	s->requests++;
	if (!ipc_str_ok(name->name, sizeof name->name))
		return answer(peer, hdr, -EINVAL);
	return answer(peer, hdr, ports_del(s->conf.ports, name->name));
}

static int on_addr_set(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, media_addr_set(s->conf.media, body));
}

static int on_addr_del(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, media_addr_del(s->conf.media, body));
}

static int on_police(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, policy_police_set(s->conf.media, body));
}

static int on_prompt_set(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	int fd = ipc_take_fd(peer);
	s->requests++;
	int err = prompts_set(s->conf.prompts, body, fd, hdr->generation);
	if (fd >= 0)
		close(fd);
	return answer(peer, hdr, err);
}

static int on_prompt_del(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_prompt_id *id = body;
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, id->zero ? -EINVAL : prompts_del(s->conf.prompts, id->id));
}

static int on_acl_set(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_acl *conf = body;
	struct server *s = server_of(peer);
	if (conf->n > DP_ACL_RULES_MAX || len != sizeof *conf + conf->n * sizeof conf->rules[0])
		return -EPROTO;
	s->requests++;
	return answer(peer, hdr, acls_set(s->conf.acls, conf));
}

static int on_acl_del(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, acls_del(s->conf.acls, body));
}

static int on_acl_clear(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, acls_clear(s->conf.acls, body));
}

static bool rating_ok(const struct dp_rating *r)
{
	return r->leg < DP_LEGS && !r->zero &&
	       (r->r_factor <= 100 || r->r_factor == DP_RATING_NONE) &&
	       ((r->mos_lq >= 10 && r->mos_lq <= 50) || r->mos_lq == DP_RATING_NONE) &&
	       ((r->mos_cq >= 10 && r->mos_cq <= 50) || r->mos_cq == DP_RATING_NONE);
}

static int on_rating(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_rating *rating = body;
	struct server *s = server_of(peer);
	if (!rating_ok(rating))
		return -EPROTO;
	s->requests++;
	sessions_rating(s->conf.sessions, rating);
	return 0;
}

static int on_access_set(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, acls_access_set(s->conf.acls, body));
}

static bool blocks_len_ok(const struct dp_blocks *msg, size_t len)
{
	return msg->n <= DP_BLOCKS_BATCH && len == sizeof *msg + msg->n * sizeof msg->blocks[0];
}

static int on_block_set(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_blocks *msg = body;
	struct server *s = server_of(peer);
	struct dp_blocks_reply reply = {.n = msg->n};
	if (!blocks_len_ok(msg, len))
		return -EPROTO;
	s->requests++;
	int err = blocks_set(s->conf.blocks, msg, hdr->generation, s->conf.tsc(), reply.rows);
	if (err)
		return answer(peer, hdr, err);
	(void)ipc_reply(peer, hdr, 0, &reply,
		offsetof(struct dp_blocks_reply, rows) + msg->n * sizeof reply.rows[0]);
	return 0;
}

static int on_block_del(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	if (!blocks_len_ok(body, len))
		return -EPROTO;
	s->requests++;
	return answer(peer, hdr, blocks_del(s->conf.blocks, body));
}

static int on_add(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct session_ticket t = ticket_of(peer, hdr);
	return answer_later(peer, hdr, sessions_add(server_of(peer)->conf.sessions, body, &t));
}

static int on_modify(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct session_ticket t = ticket_of(peer, hdr);
	return answer_later(peer, hdr, sessions_modify(server_of(peer)->conf.sessions, body, &t));
}

static int on_remove(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_session_id *id = body;
	struct session_ticket t = ticket_of(peer, hdr);
	return answer_later(peer, hdr, sessions_remove(server_of(peer)->conf.sessions, id->id, &t));
}

static int on_sweep(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct session_ticket t = ticket_of(peer, hdr);
	blocks_sweep(server_of(peer)->conf.blocks, hdr->generation);
	return answer_later(peer, hdr, sessions_sweep(server_of(peer)->conf.sessions, &t));
}

static int on_dtmf_send(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct server *s = server_of(peer);
	s->requests++;
	return answer(peer, hdr, sessions_press(s->conf.sessions, body));
}

static int on_dump(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_dump *dump = body;
	struct server *s = server_of(peer);
	uint32_t max = dump->max < DUMP_ROWS ? dump->max : (uint32_t)DUMP_ROWS;
	s->requests++;
	if (!dump->max || dump->zero)
		return answer(peer, hdr, -EINVAL);
	s->dump.head.n = sessions_dump(s->conf.sessions, dump->after_id, max, s->conf.tsc(),
		s->dump.head.rows, &s->dump.head.more);
	size_t n = sizeof s->dump.head + s->dump.head.n * sizeof(struct dp_dump_row);
	(void)ipc_reply(peer, hdr, 0, &s->dump, n);
	return 0;
}

static void client_free(struct client *c)
{
	struct server *s = c->server;
	const struct ipc_stats *stats = ipc_peer_stats(c->peer);
	s->malformed += stats->rx_malformed + stats->rx_refused;
	s->overflows += stats->tx_dropped;
	if (s->active == c)
		s->active = NULL;
	if (s->nat == c)
		s->nat = NULL;
	if (s->rec == c)
		s->rec = NULL;
	c->peer = NULL;
	c->number = 0;
}

static void on_closed(struct ipc_peer *peer, const char *why)
{
	struct client *c = ipc_peer_ctx(peer);
	if (c->server->active == c)
		log_notice("limen-control is gone: %s; %u sessions go on", why,
			sessions_n(c->server->conf.sessions));
	else if (c->server->nat == c)
		log_notice("limen-nat is gone: %s; running calls keep their keys", why);
	else if (c->server->rec == c)
		log_notice("limen-rec is gone: %s; nothing is recorded until it is back", why);
	else
		log_debug("connection closed: %s", why);
	client_free(c);
}

#define ROW(type, body, name, handler)                                               \
	{                                                                            \
		type, 0, IPC_ROLE_CONTROL, sizeof(body), sizeof(body), name, handler \
	}

static const struct ipc_row rows[] = {
	ROW(DP_HELLO, struct dp_hello, "HELLO", on_hello),
	ROW(DP_PORT_SET, struct dp_port, "PORT_SET", on_port_set),
	ROW(DP_PORT_DEL, struct dp_port_name, "PORT_DEL", on_port_del),
	ROW(DP_MEDIA_ADDR_SET, struct dp_media_addr, "MEDIA_ADDR_SET", on_addr_set),
	ROW(DP_MEDIA_ADDR_DEL, struct dp_media_addr, "MEDIA_ADDR_DEL", on_addr_del),
	ROW(DP_POLICE_SET, struct dp_police, "POLICE_SET", on_police),
	ROW(DP_PROMPT_SET, struct dp_prompt, "PROMPT_SET", on_prompt_set),
	ROW(DP_PROMPT_DEL, struct dp_prompt_id, "PROMPT_DEL", on_prompt_del),
	{DP_ACL_SET, 0, IPC_ROLE_CONTROL, sizeof(struct dp_acl),
		sizeof(struct dp_acl) + DP_ACL_RULES_MAX * sizeof(struct dp_acl_rule), "ACL_SET",
		on_acl_set},
	ROW(DP_ACL_DEL, struct dp_acl_name, "ACL_DEL", on_acl_del),
	ROW(DP_ACL_CLEAR, struct dp_acl_name, "ACL_CLEAR", on_acl_clear),
	{DP_BLOCK_SET, 0, IPC_ROLE_CONTROL, sizeof(struct dp_blocks),
		sizeof(struct dp_blocks) + DP_BLOCKS_BATCH * sizeof(struct dp_block), "BLOCK_SET",
		on_block_set},
	{DP_BLOCK_DEL, 0, IPC_ROLE_CONTROL, sizeof(struct dp_blocks),
		sizeof(struct dp_blocks) + DP_BLOCKS_BATCH * sizeof(struct dp_block), "BLOCK_DEL",
		on_block_del},
	ROW(DP_RATING, struct dp_rating, "RATING", on_rating),
	ROW(DP_ACCESS_SET, struct dp_access, "ACCESS_SET", on_access_set),
	ROW(DP_SESSION_ADD, struct dp_session, "SESSION_ADD", on_add),
	ROW(DP_SESSION_MODIFY, struct dp_session, "SESSION_MODIFY", on_modify),
	ROW(DP_SESSION_REMOVE, struct dp_session_id, "SESSION_REMOVE", on_remove),
	ROW(DP_DTMF_SEND, struct dp_dtmf_send, "DTMF_SEND", on_dtmf_send),
	ROW(DP_SESSION_DUMP, struct dp_dump, "SESSION_DUMP", on_dump),
	{DP_NAT_TX, 0, IPC_ROLE_NAT, sizeof(struct dp_nat_packet) + 1,
		sizeof(struct dp_nat_packet) + DP_NAT_BYTES_MAX, "NAT_TX", on_nat_tx},
	{DP_SESSION_SWEEP, 0, IPC_ROLE_CONTROL, 0, 0, "SESSION_SWEEP", on_sweep},
};
static const struct ipc_table table = {
	.rows = rows, .n_rows = sizeof rows / sizeof rows[0], .closed = on_closed};

static const struct ipc_row tx_rows[] = {
	{DP_EVENT_TIMEOUT, IPC_DROPPABLE, 0, 0, 0, "EVENT_TIMEOUT", NULL},
	{DP_EVENT_LATCH, IPC_DROPPABLE, 0, 0, 0, "EVENT_LATCH", NULL},
	{DP_EVENT_DTMF, IPC_DROPPABLE, 0, 0, 0, "EVENT_DTMF", NULL},
	{DP_NAT_RX, IPC_DROPPABLE, 0, 0, 0, "NAT_RX", NULL},
	{DP_EVENT_PORT, IPC_DROPPABLE, 0, 0, 0, "EVENT_PORT", NULL},
	{DP_EVENT_PLAY_DONE, IPC_DROPPABLE, 0, 0, 0, "EVENT_PLAY_DONE", NULL},
};
static const struct ipc_table tx_table = {
	.rows = tx_rows, .n_rows = sizeof tx_rows / sizeof tx_rows[0]};

/* ---- connections ---- */

/* A free place; when all are taken, that of a connection that never said HELLO. */
static struct client *client_place(struct server *s)
{
	struct client *oldest = NULL;
	for (unsigned int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];
		if (!c->peer)
			return c;
		if (c != s->active && c != s->nat && c != s->rec &&
			(!oldest || c->number < oldest->number))
			oldest = c;
	}
	struct ipc_peer *peer = oldest->peer;
	client_free(oldest);
	ipc_peer_free(peer);
	return oldest;
}

void server_accept(struct server *server, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ||
		(!uid_may_control(server, cred.uid) && !uid_may_nat(server, cred.uid) &&
			!uid_may_rec(server, cred.uid))) {
		log_warning(
			"a process of uid %d wanted to connect; --control-uid, --nat-uid and "
			"--rec-uid allow one user each besides root",
			(int)cred.uid);
		close(fd);
		return;
	}
	struct client *c = client_place(server);
	struct ipc_peer *peer = ipc_peer_new(server->conf.base, fd, &table, QUEUE_MAX, c);
	if (!peer) {
		log_err("no memory for a connection");
		close(fd);
		return;
	}
	ipc_peer_set_tx_table(peer, &tx_table);
	*c = (struct client){
		.server = server,
		.peer = peer,
		.number = ++server->next_number,
		.uid = cred.uid,
	};
}

static void on_accept(int fd, void *arg)
{
	server_accept(arg, fd);
}

int server_new(const struct server_conf *conf, struct server **ret_server)
{
	struct server *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->conf = *conf;
	*ret_server = s;
	return 0;
}

int server_listen(struct server *server, const char *path)
{
	/* Everybody may connect when a second user is allowed; SO_PEERCRED then decides. */
	const struct server_conf *conf = &server->conf;
	bool others = conf->control_uid_set || conf->nat_uid_set || conf->rec_uid_set;
	mode_t mode = others ? 0666 : 0600;
	int err = ipc_listen(server->conf.base, path, mode, on_accept, server, &server->listener);
	if (err == -EADDRINUSE)
		log_err("%s: another limen-dataplane serves there", path);
	else if (err)
		log_err("cannot listen at %s: %s; does the directory exist, and may this process "
			"write there?",
			path, strerror(-err));
	return err;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	ipc_listener_free(server->listener);
	for (unsigned int i = 0; i < CLIENTS_MAX; i++)
		ipc_peer_free(server->clients[i].peer);
	free(server);
}

/* ---- towards the client ---- */

void server_session_done(struct server *server, const struct session_ticket *ticket, int status,
	const void *body, size_t len)
{
	struct client *c = server->active;
	if (status)
		server->refused++;
	if (!c || c->number != ticket->client)
		return; /* whoever asked is gone; the next one asks again */
	(void)ipc_send(c->peer, ticket->type | IPC_TYPE_REPLY, ticket->seq, status,
		ticket->generation, body, len, NULL, 0);
}

static uint32_t lost_since(struct server *s)
{
	uint64_t lost = ipc_peer_stats(s->active->peer)->tx_dropped + s->lost_alone;
	uint64_t since = lost - s->lost_told;
	s->lost_told = lost;
	return since < UINT32_MAX ? (uint32_t)since : UINT32_MAX;
}

void server_session_event(struct server *server, enum dp_msg type, const struct dp_event *event)
{
	if (!server->active) {
		server->lost_alone++;
		return;
	}
	struct dp_event e = *event;
	e.lost_events = lost_since(server);
	(void)ipc_send(server->active->peer, (uint16_t)type, 0, 0, 0, &e, sizeof e, NULL, 0);
}

void server_dtmf_event(struct server *server, const struct dp_event_dtmf *event)
{
	if (!server->active) {
		server->lost_alone++;
		return;
	}
	struct dp_event_dtmf e = *event;
	e.lost_events = lost_since(server);
	(void)ipc_send(server->active->peer, DP_EVENT_DTMF, 0, 0, 0, &e, sizeof e, NULL, 0);
}

void server_play_event(struct server *server, const struct dp_event_play *event)
{
	if (!server->active) {
		server->lost_alone++;
		return;
	}
	struct dp_event_play e = *event;
	e.lost_events = lost_since(server);
	(void)ipc_send(server->active->peer, DP_EVENT_PLAY_DONE, 0, 0, 0, &e, sizeof e, NULL, 0);
}

void server_nat_packet(
	struct server *server, const struct dp_nat_packet *head, const uint8_t *bytes)
{
	if (server->nat)
		(void)ipc_send(
			server->nat->peer, DP_NAT_RX, 0, 0, 0, head, sizeof *head, bytes, head->n);
}

bool server_rec_ready(const struct server *server)
{
	return server->rec && ipc_peer_n_queued(server->rec->peer) < REC_QUEUE;
}

void server_rec_packets(
	struct server *server, const struct dp_tap *head, const uint8_t *records, size_t len)
{
	if (server->rec)
		(void)ipc_send(
			server->rec->peer, DP_TAP, 0, 0, 0, head, sizeof *head, records, len);
}

void server_port_event(struct server *server, const struct dp_event_port *event)
{
	if (server->active)
		(void)ipc_send(server->active->peer, DP_EVENT_PORT, 0, 0, 0, event, sizeof *event,
			NULL, 0);
}

void server_flush(struct server *server)
{
	if (server->active)
		ipc_flush(server->active->peer);
}

void server_stats(struct server *server)
{
	struct dp_stats_header *h = server->conf.segment->header;
	uint64_t malformed = server->malformed, overflows = server->overflows;
	for (unsigned int i = 0; i < CLIENTS_MAX; i++) {
		if (!server->clients[i].peer)
			continue;
		const struct ipc_stats *stats = ipc_peer_stats(server->clients[i].peer);
		malformed += stats->rx_malformed + stats->rx_refused;
		overflows += stats->tx_dropped;
	}
	h->api_requests = server->requests;
	h->api_refused = server->refused;
	h->api_malformed = malformed;
	h->api_overflows = overflows + server->lost_alone;
	h->n_sessions = sessions_n(server->conf.sessions);
	h->n_blocks = blocks_n(server->conf.blocks);
	h->n_prompts = prompts_n(server->conf.prompts);
	h->n_rooms = sessions_n_rooms(server->conf.sessions);
	h->prompt_bytes = prompts_bytes(server->conf.prompts);
}
