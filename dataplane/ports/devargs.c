/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See devargs.h. */
#include "dataplane/ports/devargs.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Virtual devices that make sense here; anything else is refused before DPDK sees it. */
static const char *const drivers[] = {
	"net_af_packet",
	"net_af_xdp",
	"net_memif",
	"net_null",
	"net_pcap",
	"net_ring",
	"net_tap",
	"net_vhost",
	"net_virtio_user",
};

int devargs_name_check(const char *name)
{
	size_t n = strnlen(name, DP_NAME_MAX);
	if (n == 0 || n >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_-.", name[i]))
			return -EINVAL;
	return 0;
}

/* dddd:bb:dd.f or bb:dd.f, hexadecimal. */
static bool is_pci(const char *text, size_t n)
{
	unsigned int domain, bus, dev, fn;
	char buf[16];
	int used = 0;
	if (n >= sizeof buf)
		return false;
	memcpy(buf, text, n);
	buf[n] = 0;
	if (sscanf(buf, "%4x:%2x:%2x.%1x%n", &domain, &bus, &dev, &fn, &used) == 4)
		return n == strlen("0000:00:00.0") && (size_t)used == n;
	used = 0;
	return sscanf(buf, "%2x:%2x.%1x%n", &bus, &dev, &fn, &used) == 3 &&
	       n == strlen("00:00.0") && (size_t)used == n;
}

/* The driver, with or without a number after it ("net_null0"). */
static const char *driver_of(const char *text, size_t n)
{
	while (n && isdigit((unsigned char)text[n - 1]))
		n--;
	for (unsigned int i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
		if (strlen(drivers[i]) == n && !strncmp(drivers[i], text, n))
			return drivers[i];
	return NULL;
}

/* The value of ",key=" or NULL; ret_n its length. */
static const char *value_of(const char *args, const char *key, size_t *ret_n)
{
	size_t key_len = strlen(key);
	for (const char *p = args; p && *p == ','; p = strchr(p + 1, ',')) {
		if (strncmp(p + 1, key, key_len) || p[1 + key_len] != '=')
			continue;
		const char *v = p + 1 + key_len + 1;
		*ret_n = strcspn(v, ",");
		return v;
	}
	return NULL;
}

static int parent_of(const char *args, struct devargs *d, const char **ret_why)
{
	size_t n;
	const char *iface = value_of(args, "iface", &n);
	if (!iface || !n || n >= sizeof d->parent) {
		*ret_why = "it needs iface=NAME of a kernel interface";
		return -EINVAL;
	}
	memcpy(d->parent, iface, n);
	d->parent[n] = 0;
	if (devargs_name_check(d->parent)) {
		*ret_why = "the name of the kernel interface is not one";
		return -EINVAL;
	}
	return 0;
}

static bool value_is(const char *args, const char *key, const char *want)
{
	size_t n;
	const char *v = value_of(args, key, &n);
	return v && n == strlen(want) && !strncmp(v, want, n);
}

/* The socket file of a device that is the server: a killed process leaves it behind. */
static void socket_of(const char *args, struct devargs *d)
{
	size_t n = 0;
	const char *path = NULL;
	if (!strcmp(d->driver, "net_memif") && value_is(args, "role", "server") &&
		value_is(args, "socket-abstract", "no"))
		path = value_of(args, "socket", &n);
	else if (!strcmp(d->driver, "net_vhost") && !value_is(args, "client", "1"))
		path = value_of(args, "iface", &n);
	if (path && n < sizeof d->socket)
		memcpy(d->socket, path, n);
}

int devargs_parse(const char *name, const char *text, unsigned int n_workers,
	struct devargs *ret_devargs, const char **ret_why)
{
	struct devargs d = {0};
	size_t n = strcspn(text, ","), unused;
	const char *args = text + n;
	for (const char *p = text; *p; p++) {
		if (!isgraph((unsigned char)*p)) {
			*ret_why = "it has a blank or an unprintable character";
			return -EINVAL;
		}
	}
	if (is_pci(text, n)) {
		/* DPDK calls the ethdev after the full address. */
		snprintf(d.dev, sizeof d.dev, "%s%.*s", n < 12 ? "0000:" : "", (int)n, text);
		snprintf(d.text, sizeof d.text, "%s", text);
		*ret_devargs = d;
		return 0;
	}
	const char *driver = driver_of(text, n);
	if (!driver) {
		*ret_why =
			"it begins neither with a PCI address nor with one of net_af_packet, "
			"net_af_xdp, net_memif, net_null, net_pcap, net_ring, net_tap, "
			"net_vhost, net_virtio_user";
		return -EINVAL;
	}
	snprintf(d.driver, sizeof d.driver, "%s", driver);
	snprintf(d.dev, sizeof d.dev, "%s_%s", driver, name);
	char queues[24] = "";
	if (!strcmp(driver, "net_af_packet")) {
		int err = parent_of(args, &d, ret_why);
		if (err)
			return err;
		if (n_workers > 1 && !value_of(args, "qpairs", &unused))
			snprintf(queues, sizeof queues, ",qpairs=%u", n_workers);
	}
	if (!strcmp(driver, "net_virtio_user") && value_of(args, "server", &unused)) {
		/* DPDK would wait in rte_dev_probe() until somebody connects. */
		*ret_why =
			"net_virtio_user cannot be the server; let the other side be it, or use "
			"net_vhost";
		return -EINVAL;
	}
	socket_of(args, &d);
	snprintf(d.text, sizeof d.text, "%s%s%s", d.dev, args, queues);
	*ret_devargs = d;
	return 0;
}
