/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the transport share. */
#pragma once

#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/transport/sip_transport.h"
#include "sip-b2bua/transport/sip_ws.h"

#define UDP_RX_BATCH 32
#define UDP_TX_BATCH 64
#define UDP_TX_ARENA (512 * 1024)

struct listener {
	struct sip_listener pub;
	struct sip_transport *t;
	uint16_t turns; /* how often the slot was used, so that an old id does not find a new one */
	bool used;
	bool pending;		  /* opened by prepare, not yet received from */
	bool keep;		  /* named by the specs being prepared */
	struct sip_listener next; /* what apply makes of it */
	int fd;
	struct event *event;
};

/* One datagram that waits for the end of the loop turn. */
struct udp_out {
	uint16_t slot; /* of the listener */
	bool done;
	uint32_t offset, n;
	uint64_t origin;
	struct ipaddr remote;
};

struct tcp_out {
	struct tcp_out *next;
	uint64_t origin;
	size_t n, sent;
	char bytes[];
};

enum tcp_state { TCP_CONNECTING, TCP_HANDSHAKE, TCP_OPEN, TCP_DEAD };

struct tcp_conn {
	struct sip_transport *t;
	uint32_t index, generation;
	uint8_t state; /* enum tcp_state */
	bool accepted;
	bool closing;	     /* when what waits was sent */
	bool dirty;	     /* in the list of those that have something to write */
	bool crossed;	     /* TLS waits to write before it reads on, or the other way round */
	bool broken;	     /* TLS failed: nothing more may be said, not even good-bye */
	uint8_t transport;   /* enum sip_transport_kind, a stream */
	bool told;	     /* sip_transport_report() has named it */
	bool watched;	     /* somebody wants to know of its end */
	uint16_t alias_be16; /* SIP_TLS: also carries what goes to that port (RFC 5923); 0: no */
	uint8_t asked;	     /* SIP_WS, SIP_WSS: pings since its last octet */
	uint16_t listener;
	uint32_t silent_ms; /* it ends after such a silence; 0: as the limits say */
	int fd;
	struct ssl_st *ssl;  /* SIP_TLS, SIP_WSS */
	struct ws *ws;	     /* SIP_WS, SIP_WSS: once HTTP has switched over */
	uint64_t put_origin; /* of the message that ws is putting into frames */
	struct event *rx_event, *tx_event;
	struct ipaddr local, remote;
	struct tcp_conn *next_same;  /* by remote address */
	struct tcp_conn *next_dirty; /* to be written at the flush */
	struct tcp_conn *next_dead;  /* to be freed at the flush */
	/* Connecting: until it must be up. A WebSocket: until it is asked whether it lives. */
	struct twheel_timer idle;
	struct twheel_timer partial;
	char *rx;
	size_t rx_n, rx_size;
	struct tcp_out *tx_head, **tx_tail;
	size_t tx_bytes;
};

struct conn_ids {
	uint64_t *v;
	unsigned int n, max;
};

struct failure {
	uint64_t origin;
	int err;
};

struct sip_transport {
	struct event_base *base;
	struct twheel *wheel;
	struct sip_transport_limits limits;
	struct sip_transport_ops ops;
	void *ctx;
	uint8_t worker;
	struct sip_transport_counters counters;
	struct listener listeners[SIP_LISTENERS_MAX];

	char *udp_rx; /* UDP_RX_BATCH buffers of SIP_MSG_MAX; pages come with use */
	char *udp_arena;
	size_t udp_used;
	unsigned int n_udp;
	struct udp_out udp[UDP_TX_BATCH];

	struct sip_slab *conns;
	uint32_t conn_mask;
	struct tcp_conn **conn_table; /* by remote address */
	struct tcp_conn *dirty, *dead;
	struct tls_set *tls, *tls_next; /* in use; prepared */
	struct twheel_timer tls_refresh;
	unsigned int reading; /* inside a connection's callback: no memory is given back */

	struct conn_ids fresh, gone, lost; /* sip_conns.c */

	struct failure *failures;
	unsigned int n_failures, max_failures;
	struct event *failure_event;
};

/* sip_transport.c */
struct listener *listener_find(const struct sip_transport *t, uint16_t id);
/* Whether what comes from there is taken. */
bool source_admitted(
	const struct sip_transport *t, const struct listener *l, const struct ipaddr *remote);
void source_misbehaved(struct tcp_conn *c);
void failure_add(struct sip_transport *t, uint64_t origin, int err);
void dscp_set(int fd, uint8_t family, uint8_t dscp);

/* sip_udp.c */
int udp_open(const struct sip_listener *spec, int *ret_fd);
void udp_readable(evutil_socket_t fd, short what, void *arg);
int udp_send(struct sip_transport *t, struct listener *l, const struct sip_path *path,
	const char *bytes, size_t n, uint64_t origin);
void udp_flush(struct sip_transport *t); /* without the hook */

/* sip_tcp.c */
int tcp_open(const struct sip_listener *spec, int *ret_fd);
void tcp_acceptable(evutil_socket_t fd, short what, void *arg);
int tcp_send(struct sip_transport *t, struct listener *l, const struct sip_path *path,
	const char *bytes, size_t n, uint64_t origin);
void tcp_flush(struct sip_transport *t);
void tcp_listener_gone(struct sip_transport *t, uint16_t id);
void tcp_free_all(struct sip_transport *t);
uint64_t conn_id(const struct tcp_conn *c);
struct tcp_conn *conn_find(const struct sip_transport *t, uint64_t id); /* NULL: gone */
/* It has something to write, or to end, at the flush. */
void conn_dirty(struct tcp_conn *c);
/* Queues octets as they are. -ENOBUFS, -ENOMEM. */
int conn_queue(struct tcp_conn *c, const char *bytes, size_t n, uint64_t origin);
/* err: what is told for messages that have not left. */
void conn_kill(struct tcp_conn *c, int err);

/* sip_frames.c */

/* Takes what has come into c->rx, and leaves there what is not whole yet. */
void frames_take(struct tcp_conn *c);
/* One message, in the frame of its transport. */
int frames_put(struct tcp_conn *c, const char *bytes, size_t n, uint64_t origin);
/* No message has come in part. */
bool frames_between(const struct tcp_conn *c);
/* Silence of that length is broken by frames_ask(), which says whether the connection stays. */
uint64_t frames_idle_ms(const struct tcp_conn *c);
bool frames_ask(struct tcp_conn *c);
/* Says good-bye where the transport has a word for it. */
void frames_bye(struct tcp_conn *c);

/* sip_conns.c */
void conns_up(struct tcp_conn *c);
void conns_down(struct tcp_conn *c);
void conns_lost_tell(struct sip_transport *t);
void conns_free(struct sip_transport *t);
