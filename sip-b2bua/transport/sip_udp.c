/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UDP: one socket per listener and worker, read by recvmmsg and written by sendmmsg. Three quarters
 * of a B2BUA's time is the kernel's, so the number of system calls is what counts here.
 *
 * Messages over SIP_MTU_SAFE go out as they are: that requests go by TCP then (RFC 3261 18.1.1) is the
 * transaction layer's affair, where the configuration says that the peer takes them; IP fragments are
 * what every carrier sends in the other case.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/transport/sip_stun.h"
#include "sip-b2bua/transport/transport_private.h"

#define SOCKET_BUFFER (8 * 1024 * 1024)
#define RX_ROUNDS     4 /* batches of one socket before the others have their turn */

int udp_open(const struct sip_listener *spec, int *ret_fd)
{
	struct sockaddr_storage sa;
	int on = 1, size = SOCKET_BUFFER;
	socklen_t len = ipaddr_to_sockaddr(&spec->addr, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		goto fail;
	if (spec->addr.family == 6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
		goto fail;
	/* The address may come later than we do: with the TAP twin, or by a fail-over. For IPv6
	 * sockets too the IPv4 option is the one that counts for FREEBIND. */
	if (setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) != 0)
		goto fail;
	/* As much as net.core.rmem_max allows; INVITEs come in storms. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	dscp_set(fd, spec->addr.family, spec->dscp);
	if (bind(fd, (struct sockaddr *)&sa, len) != 0)
		goto fail;
	*ret_fd = fd;
	return 0;
fail:;
	int rc = -errno;
	close(fd);
	return rc;
}

static void stun_take(struct listener *l, const struct sip_path *path, const char *p, size_t n)
{
	char answer[STUN_ANSWER_MAX];
	size_t answer_n = stun_answer(p, n, &path->remote, answer);
	if (answer_n == 0) {
		l->t->counters.rx_bad_frames++;
		if (l->t->ops.misbehaved != NULL)
			l->t->ops.misbehaved(l->t->ctx, &l->pub, &path->remote);
	} else if (udp_send(l->t, l, path, answer, answer_n, 0) == 0) {
		l->t->counters.rx_stun++;
	}
}

static void datagram_take(struct listener *l, const struct msghdr *hdr, const char *p, size_t n)
{
	struct sip_transport *t = l->t;
	struct sip_path path = {.transport = SIP_UDP, .listener = l->pub.id, .local = l->pub.addr};
	if (ipaddr_from_sockaddr(hdr->msg_name, &path.remote) != 0 ||
		!source_admitted(t, l, &path.remote))
		return;
	if (stun_is(p, n)) {
		stun_take(l, &path, p, n);
		return;
	}
	/* Line ends (and the NULs of some phones) before a message mean nothing, alone they keep a
	 * NAT binding open: RFC 3261 7.5, RFC 5626 3.5.1. */
	while (n > 0 && (*p == '\r' || *p == '\n' || *p == '\0')) {
		p++;
		n--;
	}
	if (n == 0) {
		t->counters.rx_keepalives++;
		return;
	}
	t->counters.rx_datagrams++;
	t->ops.receive(t->ctx, &path, p, n);
}

static int batch_receive(struct listener *l)
{
	struct mmsghdr msgs[UDP_RX_BATCH];
	struct iovec iov[UDP_RX_BATCH];
	struct sockaddr_storage from[UDP_RX_BATCH];
	for (unsigned int i = 0; i < UDP_RX_BATCH; i++) {
		iov[i] = (struct iovec){l->t->udp_rx + (size_t)i * SIP_MSG_MAX, SIP_MSG_MAX};
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
			.msg_namelen = sizeof(from[i]),
			.msg_iov = &iov[i],
			.msg_iovlen = 1};
	}
	int n = recvmmsg(l->fd, msgs, UDP_RX_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		datagram_take(l, &msgs[i].msg_hdr, iov[i].iov_base, msgs[i].msg_len);
	return n;
}

void udp_readable(evutil_socket_t fd, short what, void *arg)
{
	for (unsigned int i = 0; i < RX_ROUNDS; i++) {
		if (batch_receive(arg) < UDP_RX_BATCH)
			break;
	}
}

int udp_send(struct sip_transport *t, struct listener *l, const struct sip_path *path,
	const char *bytes, size_t n, uint64_t origin)
{
	if (path->remote.family != l->pub.addr.family)
		return -EAFNOSUPPORT;
	if (t->n_udp == UDP_TX_BATCH || t->udp_used + n > UDP_TX_ARENA) {
		if (t->ops.before_flush != NULL)
			t->ops.before_flush(t->ctx);
		udp_flush(t);
	}
	t->udp[t->n_udp++] = (struct udp_out){.slot = (uint16_t)(l - t->listeners),
		.offset = (uint32_t)t->udp_used,
		.n = (uint32_t)n,
		.origin = origin,
		.remote = path->remote};
	memcpy(t->udp_arena + t->udp_used, bytes, n);
	t->udp_used += n;
	return 0;
}

/*
 * Sends a run of datagrams of one socket. A full socket buffer loses the rest of the run, as the
 * network would, and retransmission repairs it; any other error is that one datagram's.
 */
static void run_send(struct sip_transport *t, int fd, struct mmsghdr *msgs,
	struct udp_out *const *outs, unsigned int n)
{
	unsigned int done = 0;
	while (done < n) {
		int sent = sendmmsg(fd, msgs + done, n - done, MSG_DONTWAIT);
		if (sent > 0) {
			t->counters.tx_datagrams += (unsigned int)sent;
			done += (unsigned int)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
			t->counters.tx_dropped += n - done;
			return;
		} else if (errno != EINTR) {
			failure_add(t, outs[done]->origin, -errno);
			done++;
		}
	}
}

void udp_flush(struct sip_transport *t)
{
	struct mmsghdr msgs[UDP_TX_BATCH];
	struct iovec iov[UDP_TX_BATCH];
	struct sockaddr_storage to[UDP_TX_BATCH];
	struct udp_out *outs[UDP_TX_BATCH];
	for (unsigned int i = 0; i < t->n_udp; i++) {
		unsigned int n = 0;
		if (t->udp[i].done)
			continue;
		/* All that leaves by the socket of the first one that is left, in order. */
		for (unsigned int j = i; j < t->n_udp; j++) {
			struct udp_out *o = &t->udp[j];
			if (o->slot != t->udp[i].slot || o->done)
				continue;
			iov[n] = (struct iovec){t->udp_arena + o->offset, o->n};
			msgs[n].msg_hdr = (struct msghdr){.msg_name = &to[n],
				.msg_namelen = ipaddr_to_sockaddr(&o->remote, &to[n]),
				.msg_iov = &iov[n],
				.msg_iovlen = 1};
			outs[n++] = o;
			o->done = true;
		}
		run_send(t, t->listeners[t->udp[i].slot].fd, msgs, outs, n);
	}
	t->n_udp = 0;
	t->udp_used = 0;
}
