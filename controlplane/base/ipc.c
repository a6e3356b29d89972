/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Peers: receiving in batches, checking, dispatching, and a bounded queue for sending; see ipc.h.
 * Sockets are made in ipc_socket.c.
 *
 * The queue is one linear buffer of messages and one array that says where each begins. Both are
 * reset whenever the queue runs empty, which in normal operation is each turn of the loop, so
 * sending allocates nothing and moves nothing. As the messages lie there as they stand in a packet,
 * what waits leaves by one system call. A message that is dropped stays where it is, marked, until
 * its turn comes.
 */
#include "controlplane/base/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RX_BATCH    8 /* packets */
#define MSG_ALIGN   8
#define FDS_MAX	    4 /* taken from the kernel with one message; more than one is refused */
#define BYTES_MIN   (1u << 20)
#define WHY_MAX	    160
#define PER_MSG_AVG 2048u

struct tx_msg {
	size_t at;
	uint32_t len;
	uint16_t droppable, dropped;
	int fd; /* -1: none; ours */
};

struct ipc_peer {
	struct event_base *base;
	int fd;
	enum ipc_role role;
	const struct ipc_table *table, *tx_table;
	void *ctx;
	struct event *rx_event, *tx_event;
	struct event *turn_event; /* at the end of this turn: flush, or close */
	struct event *rest_event; /* pending: rx_event is not */
	bool closing, dispatching, freed, tx_dead;
	char why[WHY_MAX];
	uid_t uid;
	pid_t pid;
	int cred_error;
	uint32_t seq;
	int rx_fd; /* came with the message being handled */
	struct ipc_stats stats;
	/* the queue */
	unsigned int queue_max, n_live;
	size_t bytes_max, bytes_live;
	uint8_t *bytes;
	size_t bytes_cap, bytes_end;
	struct tx_msg *msgs;
	size_t msgs_cap, msgs_begin, msgs_end;
	size_t drop_hint; /* no droppable message before this index */
	uint8_t *rx_buf;  /* RX_BATCH times IPC_MSG_MAX; pages are touched as they are needed */
};

static size_t aligned(size_t len)
{
	return (len + MSG_ALIGN - 1) & ~(size_t)(MSG_ALIGN - 1);
}

static const struct ipc_row *row_find(const struct ipc_table *table, uint16_t type)
{
	if (table != NULL) {
		for (unsigned int i = 0; i < table->n_rows; i++) {
			if (table->rows[i].type == type)
				return &table->rows[i];
		}
	}
	return NULL;
}

static void peer_destroy(struct ipc_peer *peer)
{
	for (size_t i = peer->msgs_begin; i < peer->msgs_end; i++) {
		if (peer->msgs[i].fd >= 0)
			close(peer->msgs[i].fd);
	}
	if (peer->rx_event != NULL)
		event_free(peer->rx_event);
	if (peer->tx_event != NULL)
		event_free(peer->tx_event);
	if (peer->turn_event != NULL)
		event_free(peer->turn_event);
	if (peer->rest_event != NULL)
		event_free(peer->rest_event);
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer->msgs);
	free(peer->bytes);
	free(peer->rx_buf);
	free(peer);
}

static void end_turn(struct ipc_peer *peer)
{
	event_active(peer->turn_event, EV_WRITE, 1);
}

__attribute__((format(printf, 2, 3))) static void peer_closef(
	struct ipc_peer *peer, const char *fmt, ...)
{
	va_list ap;

	if (peer->closing)
		return;
	va_start(ap, fmt);
	vsnprintf(peer->why, sizeof(peer->why), fmt, ap);
	va_end(ap);
	peer->closing = true;
	end_turn(peer);
}

void ipc_peer_close(struct ipc_peer *peer, const char *why)
{
	peer_closef(peer, "%s", why);
}

/* ---- receiving ---- */

static int refuse(struct ipc_peer *peer, uint64_t *counter, const char *what, uint16_t type)
{
	(*counter)++;
	peer_closef(peer, "message of type %u%s: %s", type & ~IPC_TYPE_REPLY,
		type & IPC_TYPE_REPLY ? " (reply)" : "", what);
	return -EPROTO;
}

static const char *header_fault(const struct ipc_hdr *hdr, size_t len)
{
	bool is_reply = (hdr->type & IPC_TYPE_REPLY) != 0;

	if (hdr->version != IPC_VERSION)
		return "other version of the protocol";
	if (hdr->len != len || len > IPC_MSG_MAX)
		return "length differs from the packet's";
	if (hdr->zero != 0)
		return "reserved field is not zero";
	if (is_reply ? hdr->status > 0 || hdr->status < -4095 : hdr->status != 0)
		return "impossible status";
	return NULL;
}

int ipc_dispatch(struct ipc_peer *peer, const void *msg, size_t len)
{
	const struct ipc_hdr *hdr = msg;

	if (peer->closing)
		return -EPIPE;
	if (len < sizeof(*hdr)) {
		peer->stats.rx_malformed++;
		peer_closef(peer, "message of %zu bytes is shorter than a header", len);
		return -EPROTO;
	}
	const char *fault = header_fault(hdr, len);
	if (fault != NULL)
		return refuse(peer, &peer->stats.rx_malformed, fault, hdr->type);

	bool is_hello = (hdr->type & ~IPC_TYPE_REPLY) == IPC_TYPE_HELLO;
	if (is_hello != (peer->role == IPC_ROLE_NONE))
		return refuse(peer, &peer->stats.rx_refused,
			is_hello ? "HELLO a second time" : "before HELLO", hdr->type);
	const struct ipc_row *row = row_find(peer->table, hdr->type);
	if (row == NULL)
		return refuse(peer, &peer->stats.rx_refused, "not known here", hdr->type);
	if (!is_hello && (row->roles & (uint32_t)peer->role) == 0)
		return refuse(
			peer, &peer->stats.rx_refused, "not allowed for this peer", hdr->type);

	size_t body_len = len - sizeof(*hdr);
	bool bare_error = hdr->status < 0 && body_len == 0;
	if (!bare_error && (body_len < row->min_len || body_len > row->max_len))
		return refuse(peer, &peer->stats.rx_malformed, "wrong length", hdr->type);
	peer->stats.rx_msgs++;
	int ret = row->handler(peer, hdr, hdr + 1, body_len);
	if (ret < 0)
		peer_closef(peer, "%s: %s", row->name, strerror(-ret));
	return ret;
}

/* Closes all descriptors of a message but the first, which is returned; -1: none or a fault. */
static int fds_take(struct msghdr *mh, unsigned int *ret_n)
{
	int first = -1;

	*ret_n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if ((*ret_n)++ == 0)
				first = fd;
			else
				close(fd);
		}
	}
	return first;
}

static void rx_fd_close(struct ipc_peer *peer)
{
	if (peer->rx_fd >= 0)
		close(peer->rx_fd);
	peer->rx_fd = -1;
}

int ipc_receive(struct ipc_peer *peer, const void *packet, size_t len)
{
	const uint8_t *at = packet;
	int ret = peer->closing || peer->freed ? -EPIPE : 0;
	bool is_last = false;

	/* What came after a fault is not looked at. */
	while (ret == 0 && !is_last && !peer->closing && !peer->freed) {
		const struct ipc_hdr *hdr = (const struct ipc_hdr *)at;
		/* A length that leaves no room for another message must be that of the rest. */
		is_last = len < sizeof(*hdr) || hdr->len < sizeof(*hdr) ||
			  aligned(hdr->len) + sizeof(*hdr) > len;
		ret = ipc_dispatch(peer, at, is_last ? len : hdr->len);
		rx_fd_close(peer); /* it belonged to the first one */
		if (!is_last) {
			len -= aligned(hdr->len);
			at += aligned(hdr->len);
		}
	}
	return ret;
}

static void rx_packet(struct ipc_peer *peer, struct msghdr *mh, const void *packet, size_t len)
{
	unsigned int n_fds;

	peer->rx_fd = fds_take(mh, &n_fds);
	if (peer->closing || peer->freed) {
		; /* what came after the fault is not looked at */
	} else if (len == 0) {
		peer_closef(peer, "the other end closed the connection");
	} else if ((mh->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || n_fds > 1) {
		peer->stats.rx_malformed++;
		peer_closef(peer, "message too long, or with too many descriptors");
	} else {
		ipc_receive(peer, packet, len);
	}
	rx_fd_close(peer);
}

static void rx_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_peer *peer = arg;
	struct mmsghdr mm[RX_BATCH];
	struct iovec iov[RX_BATCH];
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control[RX_BATCH];

	if (peer->closing)
		return;
	memset(mm, 0, sizeof(mm));
	for (unsigned int i = 0; i < RX_BATCH; i++) {
		iov[i].iov_base = peer->rx_buf + (size_t)i * IPC_MSG_MAX;
		iov[i].iov_len = IPC_MSG_MAX;
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
		mm[i].msg_hdr.msg_control = control[i].space;
		mm[i].msg_hdr.msg_controllen = sizeof(control[i].space);
	}
	int n = recvmmsg(fd, mm, RX_BATCH, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	/*
	 * ECONNRESET says that the other end died with messages of ours unread. Its own last
	 * messages are still in our queue (a call record may be among them): read on until the end.
	 */
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
		peer_closef(peer, "receiving: %s", strerror(errno));
	peer->dispatching = true;
	for (int i = 0; i < n; i++)
		rx_packet(peer, &mm[i].msg_hdr, iov[i].iov_base, mm[i].msg_len);
	peer->dispatching = false;
	if (peer->freed)
		peer_destroy(peer);
}

static void rest_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_peer *peer = arg;

	if (event_add(peer->rx_event, NULL) < 0)
		peer_closef(peer, "memory is short");
}

void ipc_peer_rest(struct ipc_peer *peer, uint64_t us)
{
	struct timeval tv = {.tv_usec = (suseconds_t)us};

	if (!peer->closing && !peer->freed && event_add(peer->rest_event, &tv) == 0)
		event_del(peer->rx_event);
}

bool ipc_peer_rests(const struct ipc_peer *peer)
{
	return event_pending(peer->rest_event, EV_TIMEOUT, NULL) != 0;
}

bool ipc_wait(struct ipc_peer *peer, uint64_t us)
{
	struct pollfd ready = {.fd = peer->fd, .events = POLLIN};
	struct timespec limit = {.tv_nsec = (long)us * 1000};

	if (ppoll(&ready, 1, &limit, NULL) <= 0)
		return false;
	rx_cb(peer->fd, EV_READ, peer);
	return true;
}

int ipc_take_fd(struct ipc_peer *peer)
{
	int fd = peer->rx_fd;
	peer->rx_fd = -1;
	return fd;
}

/* ---- sending ---- */

static void queue_drop_sent(struct ipc_peer *peer, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct tx_msg *m = &peer->msgs[peer->msgs_begin + i];
		if (m->fd >= 0)
			close(m->fd);
		m->fd = -1;
		if (m->dropped)
			continue;
		peer->n_live--;
		peer->bytes_live -= m->len;
	}
	peer->msgs_begin += n;
	if (peer->msgs_begin == peer->msgs_end) {
		peer->msgs_begin = peer->msgs_end = 0;
		peer->bytes_end = 0;
		peer->drop_hint = 0;
	}
}

/* Moves what is live to the front of both arrays; true when that won at least a quarter. */
static bool queue_compact(struct ipc_peer *peer)
{
	size_t at = 0, n = 0, old_end = peer->bytes_end, old_n = peer->msgs_end;

	for (size_t i = peer->msgs_begin; i < peer->msgs_end; i++) {
		struct tx_msg m = peer->msgs[i];
		if (m.dropped)
			continue;
		memmove(peer->bytes + at, peer->bytes + m.at, m.len);
		m.at = at;
		at += aligned(m.len);
		peer->msgs[n++] = m;
	}
	peer->msgs_begin = 0;
	peer->msgs_end = n;
	peer->bytes_end = at;
	peer->drop_hint = 0;
	return at <= old_end - old_end / 4 && n <= old_n - old_n / 4;
}

static int queue_make_room(struct ipc_peer *peer, size_t len)
{
	if (peer->bytes_end + len <= peer->bytes_cap && peer->msgs_end < peer->msgs_cap)
		return 0;
	if (peer->msgs_end > 0 && queue_compact(peer) && peer->bytes_end + len <= peer->bytes_cap &&
		peer->msgs_end < peer->msgs_cap)
		return 0;
	while (peer->bytes_end + len > peer->bytes_cap) {
		size_t cap = peer->bytes_cap == 0 ? 16384 : peer->bytes_cap * 2;
		uint8_t *bytes = realloc(peer->bytes, cap);
		if (bytes == NULL)
			return -ENOMEM;
		peer->bytes = bytes;
		peer->bytes_cap = cap;
	}
	if (peer->msgs_end == peer->msgs_cap) {
		size_t cap = peer->msgs_cap == 0 ? 64 : peer->msgs_cap * 2;
		struct tx_msg *msgs = realloc(peer->msgs, cap * sizeof(*msgs));
		if (msgs == NULL)
			return -ENOMEM;
		peer->msgs = msgs;
		peer->msgs_cap = cap;
	}
	return 0;
}

static bool queue_is_full(const struct ipc_peer *peer, size_t len)
{
	return peer->n_live >= peer->queue_max || peer->bytes_live + len > peer->bytes_max;
}

static bool queue_drop_oldest(struct ipc_peer *peer)
{
	size_t i = peer->drop_hint > peer->msgs_begin ? peer->drop_hint : peer->msgs_begin;

	for (; i < peer->msgs_end; i++) {
		struct tx_msg *m = &peer->msgs[i];
		if (!m->droppable || m->dropped)
			continue;
		m->dropped = 1;
		peer->n_live--;
		peer->bytes_live -= m->len;
		peer->stats.tx_dropped++;
		peer->drop_hint = i + 1;
		return true;
	}
	peer->drop_hint = i;
	return false;
}

/* 1: room was made; 0: the new message itself is dropped; -EPIPE: the peer is closing. */
static int queue_overflow(struct ipc_peer *peer, size_t len, bool droppable)
{
	while (queue_is_full(peer, len)) {
		if (queue_drop_oldest(peer))
			continue;
		if (droppable) {
			peer->stats.tx_dropped++;
			return 0;
		}
		peer_closef(peer, "it does not read its messages: %u are waiting", peer->n_live);
		return -EPIPE;
	}
	return 1;
}

static int queue_push(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *part1,
	size_t len1, const void *part2, size_t len2, int fd)
{
	const struct ipc_row *row = row_find(peer->tx_table, hdr->type);
	bool droppable = row != NULL && (row->flags & IPC_DROPPABLE) != 0;
	int ret = queue_overflow(peer, hdr->len, droppable);
	size_t room = aligned(hdr->len);

	if (ret <= 0)
		return ret;
	ret = queue_make_room(peer, room);
	if (ret < 0)
		return ret;
	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -errno;
	}
	uint8_t *to = peer->bytes + peer->bytes_end;
	memcpy(to, hdr, sizeof(*hdr));
	if (len1 > 0)
		memcpy(to + sizeof(*hdr), part1, len1);
	if (len2 > 0)
		memcpy(to + sizeof(*hdr) + len1, part2, len2);
	memset(to + hdr->len, 0, room - hdr->len);
	peer->msgs[peer->msgs_end++] = (struct tx_msg){
		.at = peer->bytes_end, .len = hdr->len, .droppable = droppable, .fd = fd};
	peer->bytes_end += room;
	peer->bytes_live += hdr->len;
	if (peer->n_live++ == 0)
		end_turn(peer);
	return 0;
}

static int send_any(struct ipc_peer *peer, const struct ipc_hdr *tmpl, const void *part1,
	size_t len1, const void *part2, size_t len2, int fd)
{
	struct ipc_hdr hdr = *tmpl;

	if (peer->closing || peer->freed)
		return -EPIPE;
	if (peer->tx_dead)
		return 0; /* the end of the connection is about to be read; nobody would get it */
	if (len1 > IPC_MSG_MAX || len2 > IPC_MSG_MAX || sizeof(hdr) + len1 + len2 > IPC_MSG_MAX)
		return -EMSGSIZE;
	hdr.version = IPC_VERSION;
	hdr.len = (uint32_t)(sizeof(hdr) + len1 + len2);
	return queue_push(peer, &hdr, part1, len1, part2, len2, fd);
}

int ipc_send(struct ipc_peer *peer, uint16_t type, uint32_t seq, int32_t status,
	uint32_t generation, const void *part1, size_t len1, const void *part2, size_t len2)
{
	struct ipc_hdr hdr = {.type = type, .seq = seq, .status = status, .generation = generation};

	return send_any(peer, &hdr, part1, len1, part2, part2 == NULL ? 0 : len2, -1);
}

int ipc_send_fd(struct ipc_peer *peer, uint16_t type, uint32_t seq, int32_t status,
	uint32_t generation, const void *body, size_t len, int fd)
{
	struct ipc_hdr hdr = {.type = type, .seq = seq, .status = status, .generation = generation};

	return send_any(peer, &hdr, body, len, NULL, 0, fd);
}

int ipc_reply(struct ipc_peer *peer, const struct ipc_hdr *request, int32_t status,
	const void *body, size_t len)
{
	return ipc_send(peer, request->type | IPC_TYPE_REPLY, request->seq, status,
		request->generation, body, len, NULL, 0);
}

/*
 * The messages that make up the next packet: all that wait behind each other and fit; one with a
 * descriptor begins a packet. Their number; 0: the first is a dropped one.
 */
static size_t packet_fill(const struct ipc_peer *peer, struct iovec *ret_iov)
{
	const struct tx_msg *first = &peer->msgs[peer->msgs_begin];
	size_t i, n = 0;

	for (i = peer->msgs_begin; i < peer->msgs_end; i++) {
		const struct tx_msg *m = &peer->msgs[i];
		if (m->dropped || (n > 0 && m->fd >= 0) || m->at + m->len - first->at > IPC_MSG_MAX)
			break;
		*ret_iov = (struct iovec){peer->bytes + first->at, m->at + m->len - first->at};
		n++;
	}
	return n;
}

/* One packet: returns how many messages left the queue, 0 when the socket is full, or -errno. */
static int tx_packet(struct ipc_peer *peer)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	const struct tx_msg *first = &peer->msgs[peer->msgs_begin];
	size_t n = packet_fill(peer, &iov);

	if (n == 0)
		return 1;
	if (first->fd >= 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &first->fd, sizeof(int));
	}
	if (sendmsg(peer->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	peer->stats.tx_msgs += n;
	return (int)n;
}

void ipc_flush(struct ipc_peer *peer)
{
	if (peer->tx_dead || peer->msgs_begin == peer->msgs_end)
		return;
	while (peer->msgs_begin < peer->msgs_end) {
		int n = tx_packet(peer);
		if (n == 0) {
			event_add(peer->tx_event, NULL);
			return;
		}
		if (n < 0) {
			/* What the other end said last is still to be read; then comes its end. */
			peer->tx_dead = true;
			queue_drop_sent(peer, peer->msgs_end - peer->msgs_begin);
			return;
		}
		queue_drop_sent(peer, (size_t)n);
	}
	event_del(peer->tx_event);
	if (peer->closing)
		return;
	if (peer->table->drained != NULL)
		end_turn(peer);
	else
		event_del(peer->turn_event); /* an active one would end the loop's next wait */
}

static void tx_cb(evutil_socket_t fd, short what, void *arg)
{
	ipc_flush(arg);
}

static void turn_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_peer *peer = arg;
	bool had = peer->n_live > 0;

	ipc_flush(peer);
	if (peer->closing) {
		/* dispatching keeps a closed callback that frees the peer from freeing it here. */
		peer->dispatching = true;
		if (peer->table->closed != NULL)
			peer->table->closed(peer, peer->why);
		peer_destroy(peer);
		return;
	}
	if (!had && peer->n_live == 0 && peer->table->drained != NULL)
		peer->table->drained(peer);
}

/* ---- life ---- */

struct ipc_peer *ipc_peer_new(struct event_base *base, int fd, const struct ipc_table *table,
	unsigned int queue_max, void *ctx)
{
	struct ipc_peer *peer = calloc(1, sizeof(*peer));
	struct ucred cred;
	socklen_t cred_len = sizeof(cred);

	if (peer == NULL)
		return NULL;
	peer->base = base;
	peer->fd = -1; /* the caller's until all is well */
	peer->rx_fd = -1;
	peer->table = table;
	peer->ctx = ctx;
	peer->queue_max = queue_max < 1 ? 1 : queue_max;
	peer->bytes_max = (size_t)peer->queue_max * PER_MSG_AVG;
	if (peer->bytes_max < BYTES_MIN)
		peer->bytes_max = BYTES_MIN;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) == 0) {
		peer->uid = cred.uid;
		peer->pid = cred.pid;
	} else {
		peer->cred_error = -errno;
	}
	peer->rx_buf = malloc((size_t)RX_BATCH * IPC_MSG_MAX);
	peer->rx_event = event_new(base, fd, EV_READ | EV_PERSIST, rx_cb, peer);
	peer->tx_event = event_new(base, fd, EV_WRITE | EV_PERSIST, tx_cb, peer);
	peer->turn_event = event_new(base, -1, 0, turn_cb, peer);
	peer->rest_event = event_new(base, -1, 0, rest_cb, peer);
	if (peer->rx_buf == NULL || peer->rx_event == NULL || peer->tx_event == NULL ||
		peer->turn_event == NULL || peer->rest_event == NULL ||
		event_add(peer->rx_event, NULL) < 0) {
		peer_destroy(peer);
		return NULL;
	}
	peer->fd = fd;
	return peer;
}

void ipc_peer_free(struct ipc_peer *peer)
{
	if (peer == NULL || peer->freed)
		return;
	if (peer->dispatching) {
		peer->freed = true;
		peer->closing = true;
		event_del(peer->rx_event);
		event_del(peer->tx_event);
		event_del(peer->turn_event);
		event_del(peer->rest_event);
		return;
	}
	peer_destroy(peer);
}

void *ipc_peer_ctx(const struct ipc_peer *peer)
{
	return peer->ctx;
}

void ipc_peer_set_ctx(struct ipc_peer *peer, void *ctx)
{
	peer->ctx = ctx;
}

void ipc_peer_set_role(struct ipc_peer *peer, enum ipc_role role)
{
	peer->role = role;
}

enum ipc_role ipc_peer_role(const struct ipc_peer *peer)
{
	return peer->role;
}

int ipc_peer_cred(const struct ipc_peer *peer, uid_t *ret_uid, pid_t *ret_pid)
{
	if (peer->cred_error < 0)
		return peer->cred_error;
	*ret_uid = peer->uid;
	*ret_pid = peer->pid;
	return 0;
}

const struct ipc_stats *ipc_peer_stats(const struct ipc_peer *peer)
{
	return &peer->stats;
}

unsigned int ipc_peer_n_queued(const struct ipc_peer *peer)
{
	return peer->n_live;
}

void ipc_peer_set_tx_table(struct ipc_peer *peer, const struct ipc_table *table)
{
	peer->tx_table = table;
}

uint32_t ipc_next_seq(struct ipc_peer *peer)
{
	if (++peer->seq == 0)
		peer->seq = 1;
	return peer->seq;
}
