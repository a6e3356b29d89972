/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See tap.h. */
#include "dataplane/linux/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/base/log.h"

LOG_TOPIC("tap");

/* One TAP write or read is one frame; the queue in the kernel holds this many. */
#define TAP_TX_QUEUE 1000

static int link_set_up(int sock, const char *name)
{
	struct ifreq ifr = {0};
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr))
		return -errno;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &ifr) ? -errno : 0;
}

static int link_configure(const char *name, const uint8_t mac[6], uint16_t mtu, int *ret_ifindex)
{
	struct ifreq ifr = {0};
	int err = 0;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(sock, SIOCSIFHWADDR, &ifr))
		err = -errno;
	ifr.ifr_mtu = mtu;
	if (!err && ioctl(sock, SIOCSIFMTU, &ifr))
		err = -errno;
	ifr.ifr_qlen = TAP_TX_QUEUE;
	if (!err && ioctl(sock, SIOCSIFTXQLEN, &ifr))
		err = -errno;
	if (!err)
		err = link_set_up(sock, name);
	if (!err && ioctl(sock, SIOCGIFINDEX, &ifr))
		err = -errno;
	if (!err)
		*ret_ifindex = ifr.ifr_ifindex;
	close(sock);
	return err;
}

int tap_open(const char *name, const uint8_t mac[6], uint16_t mtu, int *ret_fd, int *ret_ifindex)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		int err = -errno;
		log_err("cannot open /dev/net/tun: %s; load the module tun and give this process "
			"the right to open it",
			strerror(-err));
		return err;
	}
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		int err = -errno;
		log_err("cannot make the interface %s: %s; %s", name, strerror(-err),
			err == -EPERM ? "CAP_NET_ADMIN is missing"
				      : "another interface with this name must go first");
		close(fd);
		return err == -EINVAL ? -EBUSY : err;
	}
	int err = link_configure(name, mac, mtu, ret_ifindex);
	if (err) {
		log_err("cannot configure the interface %s: %s", name, strerror(-err));
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int tap_carrier_set(int fd, int up)
{
	return ioctl(fd, TUNSETCARRIER, &up) ? -errno : 0;
}
