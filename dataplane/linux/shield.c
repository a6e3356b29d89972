/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See shield.h. The three nftables messages are written by hand: no library is needed for them. */
#include "dataplane/linux/shield.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "controlplane/base/log.h"

LOG_TOPIC("shield");

/* Since Linux 5.12; older kernel headers do not have it. */
#define TABLE_F_OWNER 0x2

/* Lower than anybody else's ingress chains. */
#define CHAIN_PRIORITY (-500)

struct shield {
	struct nl_sock *sock; /* owns the table */
	char iface[IFNAMSIZ];
	char ipv6_before; /* of disable_ipv6, or 0 when it was not changed */
};

struct batch {
	char buf[2048];
	size_t len;
	uint32_t seq;
};

static int batch_add(struct batch *b, struct nl_msg *msg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	h->nlmsg_seq = b->seq++;
	size_t n = NLMSG_ALIGN(h->nlmsg_len);
	int err = b->len + n > sizeof b->buf ? -EMSGSIZE : 0;
	if (!err) {
		memcpy(b->buf + b->len, h, h->nlmsg_len);
		b->len += n;
	}
	nlmsg_free(msg);
	return err;
}

static struct nl_msg *msg_new(uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	struct nfgenmsg g = {
		.nfgen_family = family,
		.version = NFNETLINK_V0,
		.res_id = htons(res_id),
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	if (msg && nlmsg_append(msg, &g, sizeof g, NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int batch_mark(struct batch *b, uint16_t type)
{
	struct nl_msg *msg = msg_new(type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	return msg ? batch_add(b, msg) : -ENOMEM;
}

static int batch_table(struct batch *b, const char *table)
{
	struct nl_msg *msg = msg_new(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE,
		NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, NFPROTO_NETDEV, 0);
	if (!msg)
		return -ENOMEM;
	if (nla_put_string(msg, NFTA_TABLE_NAME, table) ||
		nla_put_u32(msg, NFTA_TABLE_FLAGS, htonl(TABLE_F_OWNER))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return batch_add(b, msg);
}

static int batch_chain(struct batch *b, const char *table, const char *iface)
{
	struct nl_msg *msg = msg_new(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN,
		NLM_F_CREATE | NLM_F_ACK, NFPROTO_NETDEV, 0);
	if (!msg)
		return -ENOMEM;
	int err = nla_put_string(msg, NFTA_CHAIN_TABLE, table);
	err |= nla_put_string(msg, NFTA_CHAIN_NAME, "ingress");
	struct nlattr *hook = nla_nest_start(msg, NFTA_CHAIN_HOOK | NLA_F_NESTED);
	err |= !hook;
	err |= nla_put_u32(msg, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS));
	err |= nla_put_u32(msg, NFTA_HOOK_PRIORITY, htonl((uint32_t)CHAIN_PRIORITY));
	err |= nla_put_string(msg, NFTA_HOOK_DEV, iface);
	if (hook)
		nla_nest_end(msg, hook);
	err |= nla_put_u32(msg, NFTA_CHAIN_POLICY, htonl(NF_DROP));
	err |= nla_put_string(msg, NFTA_CHAIN_TYPE, "filter");
	if (err) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return batch_add(b, msg);
}

/*
 * The kernel answers each message that wanted an ACK; the first error decides. An error of the
 * batch as a whole carries the sequence number of its first message.
 */
static int batch_result(int fd, int n_acks)
{
	char buf[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	while (n_acks > 0) {
		ssize_t n = recv(fd, buf, sizeof buf, 0);
		if (n < 0)
			return -errno;
		size_t left = (size_t)n;
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);
			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			if (e->error)
				return e->error;
			n_acks--;
		}
	}
	return 0;
}

static int table_install(struct shield *s, const char *name)
{
	char table[sizeof "limen-" + IFNAMSIZ];
	struct batch b = {.seq = 1};
	snprintf(table, sizeof table, "limen-%s", name);
	int err = batch_mark(&b, NFNL_MSG_BATCH_BEGIN);
	if (!err)
		err = batch_table(&b, table);
	if (!err)
		err = batch_chain(&b, table, s->iface);
	if (!err)
		err = batch_mark(&b, NFNL_MSG_BATCH_END);
	if (err)
		return err;
	s->sock = nl_socket_alloc();
	if (!s->sock)
		return -ENOMEM;
	if (nl_connect(s->sock, NETLINK_NETFILTER) < 0)
		return -EPROTONOSUPPORT;
	int fd = nl_socket_get_fd(s->sock);
	struct timeval tv = {.tv_sec = 2};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	if (send(fd, b.buf, b.len, 0) < 0)
		return -errno;
	return batch_result(fd, 2);
}

static int ipv6_path(const char *iface, char *buf, size_t n)
{
	int len = snprintf(buf, n, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", iface);
	return len > 0 && (size_t)len < n ? 0 : -ENAMETOOLONG;
}

/* Returns what was there before, or 0 when it could not be read or written. */
static char ipv6_disable(const char *iface, char value)
{
	char path[80], before = 0;
	if (strchr(iface, '/') || ipv6_path(iface, path, sizeof path))
		return 0;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, &before, 1) != 1 || pwrite(fd, &value, 1, 0) != 1)
		before = 0;
	close(fd);
	return before;
}

static int iface_up(const char *iface)
{
	struct ifreq ifr = {0};
	int err = 0;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	memcpy(ifr.ifr_name, iface, strnlen(iface, IFNAMSIZ - 1));
	if (ioctl(sock, SIOCGIFFLAGS, &ifr)) {
		err = -errno;
	} else {
		ifr.ifr_flags |= IFF_UP;
		if (ioctl(sock, SIOCSIFFLAGS, &ifr))
			err = -errno;
	}
	close(sock);
	return err;
}

int shield_new(const char *iface, const char *name, struct shield **ret_shield)
{
	struct shield *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	strncpy(s->iface, iface, sizeof s->iface - 1);
	/* IPv6 goes before the link comes up, so that not one solicitation leaves. */
	char before = ipv6_disable(s->iface, '1');
	s->ipv6_before = before == '0' ? '0' : 0;
	int err = iface_up(s->iface);
	if (err) {
		log_err("interface %s: %s", iface, strerror(-err));
		shield_free(s);
		return err;
	}
	err = table_install(s, name);
	if (err) {
		log_err("the kernel's own stack cannot be kept off %s (nftables ingress chain: "
			"%s): it will answer there beside port %s, so every packet to the box "
			"itself counts twice; a kernel with CONFIG_NF_TABLES_NETDEV is needed, or "
			"net_af_xdp instead of net_af_packet",
			iface, strerror(-err), name);
		nl_socket_free(s->sock);
		s->sock = NULL;
	}
	if (!before)
		log_notice(
			"IPv6 stays enabled on %s itself (disable_ipv6 cannot be written)", iface);
	*ret_shield = s;
	return 0;
}

void shield_free(struct shield *s)
{
	if (!s)
		return;
	nl_socket_free(s->sock);
	if (s->ipv6_before)
		(void)ipv6_disable(s->iface, s->ipv6_before);
	free(s);
}
