/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ports.h. */
#include "dataplane/ports/ports.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "controlplane/base/log.h"
#include "dataplane/linux/shield.h"
#include "dataplane/linux/tap.h"
#include "dataplane/ports/dev.h"
#include "dataplane/ports/devargs.h"

LOG_TOPIC("port");

#define MTU_DEFAULT  1500
#define MTU_MIN	     1280 /* of IPv6 */
#define MTU_MAX	     1900 /* a frame fits one buffer, VLAN tags too */
#define TAP_READ_MAX 64	  /* frames a turn */

struct port {
	bool used;
	struct ports *ports;
	struct port *sub_of; /* of a sub-interface: whose device it uses; NULL */
	struct dp_port conf;
	struct dev dev;
	struct shield *shield; /* NULL: the kernel does not see the device */
	char parent[IFNAMSIZ]; /* "": none */
	int tap_fd, ifindex;
	struct event *tap_readable;
	bool link_up;
	uint32_t speed_mbps;
	uint64_t tap_rx, tap_tx, tap_dropped;
	struct dp_vlan_stats before; /* what an earlier sub-interface with this index has counted */
};

struct ports {
	struct ports_conf conf;
	struct port all[DP_PORTS_MAX];
	unsigned int n;
	int ioctl_sock;
};

int ports_new(const struct ports_conf *conf, struct ports **ret_ports)
{
	struct ports *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->conf = *conf;
	p->ioctl_sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++)
		p->all[i] = (struct port){.ports = p, .tap_fd = -1};
	*ret_ports = p;
	return 0;
}

static void port_close(struct port *p)
{
	if (p->tap_readable)
		event_free(p->tap_readable);
	if (p->tap_fd >= 0)
		close(p->tap_fd);
	if (!p->sub_of) {
		dev_close(&p->dev);
		shield_free(p->shield);
	}
	memset(&p->ports->conf.stats[p - p->ports->all], 0, sizeof(struct dp_port_stats));
	*p = (struct port){.ports = p->ports, .tap_fd = -1};
}

void ports_free(struct ports *ports)
{
	if (!ports)
		return;
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++)
		if (ports->all[i].used && ports->all[i].sub_of)
			port_close(&ports->all[i]);
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++)
		if (ports->all[i].used)
			port_close(&ports->all[i]);
	if (ports->ioctl_sock >= 0)
		close(ports->ioctl_sock);
	free(ports);
}

int ports_find(const struct ports *ports, const char *name, uint8_t *ret_index)
{
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++) {
		if (ports->all[i].used && !strcmp(ports->all[i].conf.name, name)) {
			*ret_index = (uint8_t)i;
			return 0;
		}
	}
	return -ENOENT;
}

bool ports_egress(const struct ports *ports, int ifindex, uint8_t *ret_index, uint8_t ret_mac[6])
{
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++) {
		const struct port *p = &ports->all[i];
		if (p->used && p->ifindex == ifindex) {
			*ret_index = (uint8_t)i;
			memcpy(ret_mac, p->dev.mac, 6);
			return true;
		}
	}
	return false;
}

unsigned int ports_n(const struct ports *ports)
{
	return ports->n;
}

/* ---- frames ---- */

static bool tap_read_one(struct port *p)
{
	const struct ports_conf *c = &p->ports->conf;
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);
	if (!m) {
		/* The frame must leave the kernel's queue, or this would be called for ever. */
		char sink[16];
		p->tap_dropped++;
		return read(p->tap_fd, sink, sizeof sink) > 0;
	}
	ssize_t n = read(p->tap_fd, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));
	if (n <= 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	m->data_len = (uint16_t)n;
	m->pkt_len = (uint32_t)n;
	p->tap_rx++;
	if (worker_inject(c->group, (uint8_t)(p - p->ports->all), m)) {
		p->tap_dropped++;
		rte_pktmbuf_free(m);
	}
	return true;
}

static void on_tap_readable(evutil_socket_t fd, short what, void *arg)
{
	struct port *p = arg;
	for (int i = 0; i < TAP_READ_MAX && tap_read_one(p); i++)
		;
}

void ports_punt(struct ports *ports, struct rte_mbuf **frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		struct port *p = m->port < DP_PORTS_MAX ? &ports->all[m->port] : NULL;
		/* A frame may have been on its way when its port went. */
		if (p && p->used && p->tap_fd >= 0) {
			ssize_t len = m->data_len;
			bool whole = m->nb_segs == 1;
			if (whole &&
				write(p->tap_fd, rte_pktmbuf_mtod(m, void *), m->data_len) == len)
				p->tap_tx++;
			else
				p->tap_dropped++;
		}
		rte_pktmbuf_free(m);
	}
}

/* ---- link and counters ---- */

static void link_read(const struct port *p, bool *ret_up, uint32_t *ret_speed_mbps)
{
	struct ifreq ifr = {0};
	p = p->sub_of ? p->sub_of : p;
	dev_link_get(&p->dev, ret_up, ret_speed_mbps);
	if (!p->parent[0])
		return;
	/* net_af_packet always says up. */
	memcpy(ifr.ifr_name, p->parent, IFNAMSIZ);
	if (ioctl(p->ports->ioctl_sock, SIOCGIFFLAGS, &ifr))
		ifr.ifr_flags = 0;
	*ret_up = (ifr.ifr_flags & IFF_UP) && (ifr.ifr_flags & IFF_RUNNING);
}

static void link_tell(const struct port *p)
{
	struct dp_event_port event = {.link_up = p->link_up, .speed_mbps = p->speed_mbps};
	memcpy(event.name, p->conf.name, sizeof event.name);
	p->ports->conf.ops->link(p->ports->conf.arg, &event);
}

static void link_watch(struct port *p, bool first)
{
	bool up;
	uint32_t speed;
	link_read(p, &up, &speed);
	if (!first && up == p->link_up && speed == p->speed_mbps)
		return;
	if (first || up != p->link_up) {
		log_notice("port %s: link %s", p->conf.name, up ? "up" : "down");
		(void)tap_carrier_set(p->tap_fd, up);
	}
	p->link_up = up;
	p->speed_mbps = speed;
	link_tell(p);
}

/* A sub-interface's frames are counted by the workers. */
static void sub_stats(const struct port *p, struct rte_eth_stats *ret)
{
	const struct ports_conf *c = &p->ports->conf;
	size_t index = (size_t)(p - p->ports->all);
#define LOAD(field) __atomic_load_n(&c->workers[w].vlans[index].field, __ATOMIC_RELAXED)
	for (uint32_t w = 0; w < c->n_workers; w++) {
		ret->ipackets += LOAD(rx_packets);
		ret->ibytes += LOAD(rx_bytes);
		ret->opackets += LOAD(tx_packets);
		ret->obytes += LOAD(tx_bytes);
	}
#undef LOAD
	ret->ipackets -= p->before.rx_packets;
	ret->ibytes -= p->before.rx_bytes;
	ret->opackets -= p->before.tx_packets;
	ret->obytes -= p->before.tx_bytes;
}

static void stats_write(const struct port *p)
{
	struct dp_port_stats *s = &p->ports->conf.stats[p - p->ports->all];
	struct rte_eth_stats e = {0};
	if (p->sub_of)
		sub_stats(p, &e);
	else
		(void)rte_eth_stats_get(p->dev.ethdev, &e);
	memcpy(s->name, p->conf.name, sizeof s->name);
	memcpy(s->driver, p->dev.driver, sizeof s->driver);
	memcpy(s->mac, p->dev.mac, sizeof s->mac);
	s->link_up = p->link_up;
	s->used = 1;
	s->speed_mbps = p->speed_mbps;
	s->rx_packets = e.ipackets;
	s->rx_bytes = e.ibytes;
	s->tx_packets = e.opackets;
	s->tx_bytes = e.obytes;
	s->rx_missed = e.imissed;
	s->rx_errors = e.ierrors;
	s->tx_errors = e.oerrors;
	s->rx_nombuf = e.rx_nombuf;
	s->tap_rx_packets = p->tap_rx;
	s->tap_tx_packets = p->tap_tx;
	s->tap_dropped = p->tap_dropped;
}

void ports_watch(struct ports *ports)
{
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++) {
		if (!ports->all[i].used)
			continue;
		link_watch(&ports->all[i], false);
		stats_write(&ports->all[i]);
	}
}

/* ---- coming and going ---- */

/* To all workers; returns when they have it. */
static int workers_tell(struct port *p, enum worker_op op)
{
	const struct ports_conf *c = &p->ports->conf;
	int err = mail_reserve(c->mail, c->n_workers);
	for (uint32_t w = 0; !err && w < c->n_workers; w++) {
		struct letter *l = mail_letter(c->mail, op, NULL, NULL);
		l->msg.port = (struct worker_port){
			.index = (uint8_t)(p - p->ports->all),
			.ethdev = p->dev.ethdev,
			.n_rxq = p->dev.n_rxq,
			.n_txq = p->dev.n_txq,
			.mtu = p->conf.mtu,
			.costly = dev_is_costly(&p->dev),
			.vlan = p->conf.vlan,
		};
		if (p->sub_of) {
			l->msg.port.n_rxq = 0;
			l->msg.port.parent = (uint8_t)(p->sub_of - p->ports->all);
			memcpy(l->msg.port.pcp, p->conf.pcp, sizeof l->msg.port.pcp);
		}
		memcpy(l->msg.port.mac, p->dev.mac, 6);
		mail_post(c->mail, w, l);
	}
	return err ? err : mail_flush(c->mail);
}

static int twin_open(struct port *p)
{
	int err = tap_open(p->conf.name, p->dev.mac, p->conf.mtu, &p->tap_fd, &p->ifindex);
	if (err)
		return err;
	p->tap_readable = event_new(
		p->ports->conf.base, p->tap_fd, EV_READ | EV_PERSIST, on_tap_readable, p);
	if (!p->tap_readable || event_add(p->tap_readable, NULL))
		return -ENOMEM;
	return 0;
}

static int attach(struct port *p)
{
	const struct ports_conf *c = &p->ports->conf;
	int err = twin_open(p);
	if (!err)
		err = c->ops->opening(c->arg);
	return err ? err : workers_tell(p, WORKER_PORT_ATTACH);
}

/* The device is the other port's; all that is new is the TAP twin and the workers' row. */
static int sub_open(struct port *p)
{
	struct rte_eth_stats before = {0};
	p->dev = p->sub_of->dev;
	p->used = true;
	sub_stats(p, &before);
	p->before = (struct dp_vlan_stats){
		before.ipackets, before.ibytes, before.opackets, before.obytes};
	return attach(p);
}

static int port_open(struct port *p, const struct devargs *devargs)
{
	const struct ports_conf *c = &p->ports->conf;
	if (p->sub_of)
		return sub_open(p);
	if (devargs->parent[0]) {
		memcpy(p->parent, devargs->parent, sizeof p->parent);
		int err = shield_new(p->parent, p->conf.name, &p->shield);
		if (err)
			return err;
	}
	struct dev_conf conf = {
		.name = p->conf.name,
		.devargs = *devargs,
		.mtu = p->conf.mtu,
		.n_workers = c->n_workers,
		.pool = c->pool,
	};
	int err = dev_open(&conf, &p->dev);
	if (err) {
		shield_free(p->shield);
		p->shield = NULL;
		return err;
	}
	p->used = true;
	return attach(p);
}

static bool pcp_ok(const struct dp_port *conf)
{
	for (unsigned int i = 0; i < sizeof conf->pcp; i++)
		if (conf->pcp[i] > (conf->vlan ? 7 : 0))
			return false;
	return true;
}

/* The port before the last dot of a sub-interface's name; NULL: none, or one itself. */
static struct port *parent_of(struct ports *ports, const char *name)
{
	const char *dot = strrchr(name, '.');
	for (unsigned int i = 0; dot && i < DP_PORTS_MAX; i++) {
		struct port *p = &ports->all[i];
		if (p->used && !p->sub_of && strlen(p->conf.name) == (size_t)(dot - name) &&
			!strncmp(p->conf.name, name, (size_t)(dot - name)))
			return p;
	}
	return NULL;
}

static int sub_check(struct ports *ports, const struct dp_port *conf, struct port **ret_parent)
{
	struct port *parent = parent_of(ports, conf->name);
	if (!parent) {
		log_warning("sub-interface %s refused: there is no port of the name before the dot",
			conf->name);
		return -ENODEV;
	}
	if (conf->mtu > parent->conf.mtu) {
		log_warning("sub-interface %s refused: its MTU %u is larger than the port's, %u",
			conf->name, conf->mtu, parent->conf.mtu);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++) {
		const struct port *p = &ports->all[i];
		if (p->used && p->sub_of == parent && p->conf.vlan == conf->vlan) {
			log_warning("sub-interface %s refused: VLAN %u is that of %s", conf->name,
				conf->vlan, p->conf.name);
			return -EBUSY;
		}
	}
	*ret_parent = parent;
	return 0;
}

static int set_check(
	const struct dp_port *conf, unsigned int n_workers, struct devargs *ret_devargs)
{
	const char *why = NULL;
	if (!ipc_str_ok(conf->name, sizeof conf->name) || devargs_name_check(conf->name)) {
		log_warning(
			"a port's name must be that of a kernel interface: letters, digits, "
			"'-', '_' and '.', at most %d of them",
			IFNAMSIZ - 1);
		return -EINVAL;
	}
	if (!ipc_str_ok(conf->devargs, sizeof conf->devargs))
		why = "the device is not text";
	else if (conf->zero[0] || conf->zero[1])
		why = "reserved bytes are not zero";
	else if (conf->vlan > 4094 || !pcp_ok(conf))
		why = "a VLAN is from 1 to 4094, a priority from 0 to 7";
	else if (conf->vlan && conf->devargs[0])
		why = "a sub-interface has no device of its own";
	else if (conf->mtu && (conf->mtu < MTU_MIN || conf->mtu > MTU_MAX))
		why = "the MTU must be from 1280 to 1900";
	else if (conf->vlan)
		return 0;
	else if (devargs_parse(conf->name, conf->devargs, n_workers, ret_devargs, &why) == 0)
		return 0;
	log_warning("port %s refused: %s", conf->name, why);
	return -EINVAL;
}

static int set_again(const struct port *p, const struct dp_port *conf)
{
	if (!strcmp(p->conf.devargs, conf->devargs) && p->conf.mtu == conf->mtu &&
		p->conf.vlan == conf->vlan && !memcmp(p->conf.pcp, conf->pcp, sizeof conf->pcp))
		return 0;
	log_warning("port %s exists with device '%s' and MTU %u; delete it first", conf->name,
		p->conf.devargs, p->conf.mtu);
	return -EBUSY;
}

int ports_set(struct ports *ports, const struct dp_port *conf)
{
	struct devargs devargs = {0};
	struct port *parent = NULL;
	struct dp_port want = *conf;
	uint8_t index;
	int err = set_check(conf, ports->conf.n_workers, &devargs);
	if (err)
		return err;
	if (!want.mtu)
		want.mtu = MTU_DEFAULT;
	if (ports_find(ports, conf->name, &index) == 0)
		return set_again(&ports->all[index], &want);
	if (conf->vlan)
		err = sub_check(ports, &want, &parent);
	if (err)
		return err;
	struct port *p = NULL;
	for (unsigned int i = 0; i < DP_PORTS_MAX; i++) {
		if (!ports->all[i].used && !p)
			p = &ports->all[i];
		if (devargs.parent[0] && !strcmp(ports->all[i].parent, devargs.parent)) {
			log_warning("port %s: interface %s belongs to port %s already", conf->name,
				devargs.parent, ports->all[i].conf.name);
			return -EBUSY;
		}
	}
	if (!p)
		return -ENOSPC;
	p->conf = want;
	p->sub_of = parent;
	err = port_open(p, &devargs);
	if (err) {
		/* Workers that had it are told to leave it; the others do not mind. */
		if (p->used && workers_tell(p, WORKER_PORT_DETACH) == 0)
			port_close(p);
		else if (!p->used)
			*p = (struct port){.ports = ports, .tap_fd = -1};
		return err;
	}
	ports->n++;
	log_notice(
		"port %s is open: %s, %02x:%02x:%02x:%02x:%02x:%02x, %u receive and %u transmit "
		"queues, interface %d",
		p->conf.name, p->dev.driver, p->dev.mac[0], p->dev.mac[1], p->dev.mac[2],
		p->dev.mac[3], p->dev.mac[4], p->dev.mac[5], p->dev.n_rxq, p->dev.n_txq,
		p->ifindex);
	link_watch(p, true);
	stats_write(p);
	ports->conf.ops->changed(ports->conf.arg);
	return 0;
}

int ports_del(struct ports *ports, const char *name)
{
	uint8_t index;
	int err = ports_find(ports, name, &index);
	for (unsigned int i = 0; !err && i < DP_PORTS_MAX; i++)
		if (ports->all[i].used && ports->all[i].sub_of == &ports->all[index])
			err = ports_del(ports, ports->all[i].conf.name);
	if (err)
		return err;
	/* A worker that hangs may still use the device: then it stays. */
	err = workers_tell(&ports->all[index], WORKER_PORT_DETACH);
	if (err)
		return err;
	port_close(&ports->all[index]);
	ports->n--;
	log_notice("port %s is closed", name);
	ports->conf.ops->changed(ports->conf.arg);
	return 0;
}
