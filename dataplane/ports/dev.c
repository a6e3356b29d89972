/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dev.h. */
#include "dataplane/ports/dev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "controlplane/base/log.h"

LOG_TOPIC("port");

#define RING_DESCRIPTORS 1024

/* What an operator can do about an errno of rte_dev_probe(). */
static const char *hint(const struct devargs *d)
{
	if (d->parent[0])
		return "is there a kernel interface of that name, and are the arguments right?";
	if (!strcmp(d->driver, "net_memif") || !strcmp(d->driver, "net_vhost") ||
		!strcmp(d->driver, "net_virtio_user"))
		return "is the socket's path right, and no stale socket file in the way?";
	if (!strcmp(d->driver, "net_pcap"))
		return "are the capture files there and readable?";
	if (!d->driver[0])
		return "is the device bound to vfio-pci (dpdk-devbind.py --status)?";
	return "are the arguments right, and is DPDK's driver installed?";
}

/* A socket file that nobody listens at any more keeps DPDK from binding there again. */
static void stale_socket_remove(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	if (!path[0] || lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return;
	memcpy(un.sun_path, path, strnlen(path, sizeof un.sun_path - 1));
	/* A listener of another type than ours is alive as well: that is EPROTOTYPE. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&un, sizeof un) && errno == ECONNREFUSED &&
		unlink(path) == 0)
		log_notice("removed %s, left behind by a process that is gone", path);
	close(fd);
}

bool dev_is_costly(const struct dev *dev)
{
	static const char *const drivers[] = {"net_af_packet", "net_af_xdp", "net_tap"};

	for (unsigned int i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (strcmp(dev->driver, drivers[i]) == 0)
			return true;
	}
	return false;
}

static uint16_t queues(unsigned int wanted, uint16_t limit)
{
	return wanted < limit ? (uint16_t)wanted : limit;
}

static int configure(const struct dev_conf *c, struct dev *dev)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = {0};
	int err = rte_eth_dev_info_get(dev->ethdev, &info);
	if (err)
		return err;
	snprintf(dev->driver, sizeof dev->driver, "%s", info.driver_name);
	if (c->mtu > info.max_mtu || c->mtu < info.min_mtu) {
		log_err("port %s: its device takes an MTU from %u to %u, not %u", c->name,
			info.min_mtu, info.max_mtu, c->mtu);
		return -EINVAL;
	}
	dev->n_rxq = queues(c->n_workers, info.max_rx_queues);
	dev->n_txq = queues(c->n_workers, info.max_tx_queues);
	if (!dev->n_rxq || !dev->n_txq) {
		log_err("port %s: the device can only %s", c->name,
			dev->n_rxq ? "receive" : "send");
		return -ENODEV;
	}
	conf.rxmode.mtu = c->mtu;
	if (dev->n_rxq > 1 && info.flow_type_rss_offloads) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP) &
						   info.flow_type_rss_offloads;
	}
	err = rte_eth_dev_configure(dev->ethdev, dev->n_rxq, dev->n_txq, &conf);
	if (err)
		return err;
	uint16_t n_rxd = RING_DESCRIPTORS, n_txd = RING_DESCRIPTORS;
	err = rte_eth_dev_adjust_nb_rx_tx_desc(dev->ethdev, &n_rxd, &n_txd);
	if (err && err != -ENOTSUP)
		return err;
	err = 0;
	int socket = rte_eth_dev_socket_id(dev->ethdev);
	for (uint16_t q = 0; !err && q < dev->n_rxq; q++)
		err = rte_eth_rx_queue_setup(
			dev->ethdev, q, n_rxd, (unsigned int)socket, NULL, c->pool);
	for (uint16_t q = 0; !err && q < dev->n_txq; q++)
		err = rte_eth_tx_queue_setup(dev->ethdev, q, n_txd, (unsigned int)socket, NULL);
	return err;
}

static int start(const struct dev_conf *c, struct dev *dev)
{
	struct rte_ether_addr mac;
	int err = rte_eth_dev_set_mtu(dev->ethdev, c->mtu);
	if (err && err != -ENOTSUP) {
		log_err("port %s: MTU %u is refused: %s", c->name, c->mtu, strerror(-err));
		return err;
	}
	err = rte_eth_dev_start(dev->ethdev);
	if (err)
		return err;
	/* Neighbour solicitations come to multicast addresses. */
	if (rte_eth_allmulticast_enable(dev->ethdev) && rte_eth_promiscuous_enable(dev->ethdev))
		log_notice("port %s: the device cannot be told to receive multicast", c->name);
	err = rte_eth_macaddr_get(dev->ethdev, &mac);
	if (err)
		return err;
	/* A device without a card (net_ring) has no MAC; Linux wants one for the TAP twin. */
	if (!rte_is_valid_assigned_ether_addr(&mac)) {
		rte_eth_random_addr(mac.addr_bytes);
		(void)rte_eth_dev_default_mac_addr_set(dev->ethdev, &mac);
	}
	memcpy(dev->mac, mac.addr_bytes, sizeof dev->mac);
	return 0;
}

int dev_open(const struct dev_conf *conf, struct dev *ret_dev)
{
	struct dev dev = {0};
	const struct devargs *d = &conf->devargs;
	stale_socket_remove(d->socket);
	int err = rte_dev_probe(d->text);
	if (err) {
		/* Drivers return a plain -1 for anything; their own lines say more. */
		log_err("port %s: DPDK cannot open '%s'%s%s: %s", conf->name, d->text,
			err == -1 ? "" : ": ", err == -1 ? "" : strerror(-err), hint(d));
		return -ENODEV;
	}
	err = rte_eth_dev_get_port_by_name(d->dev, &dev.ethdev);
	if (err) {
		log_err("port %s: '%s' is no network device for DPDK: %s", conf->name, d->text,
			hint(d));
		return -ENODEV;
	}
	err = configure(conf, &dev);
	if (!err)
		err = start(conf, &dev);
	if (err) {
		log_err("port %s: '%s' cannot be started: %s", conf->name, d->text, strerror(-err));
		dev_close(&dev);
		return err;
	}
	*ret_dev = dev;
	return 0;
}

void dev_close(const struct dev *dev)
{
	struct rte_eth_dev_info info;
	bool known = rte_eth_dev_info_get(dev->ethdev, &info) == 0;
	(void)rte_eth_dev_stop(dev->ethdev);
	(void)rte_eth_dev_close(dev->ethdev);
	if (known && info.device && rte_dev_remove(info.device))
		log_notice("device %s stays plugged in: %s", info.driver_name, strerror(rte_errno));
}

void dev_link_get(const struct dev *dev, bool *ret_up, uint32_t *ret_speed_mbps)
{
	struct rte_eth_link link = {0};
	if (rte_eth_link_get_nowait(dev->ethdev, &link))
		link.link_status = RTE_ETH_LINK_DOWN;
	*ret_up = link.link_status == RTE_ETH_LINK_UP;
	*ret_speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
}
