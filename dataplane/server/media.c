/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See media.h. */
#include "dataplane/server/media.h"

#include <errno.h>
#include <string.h>

#include "controlplane/base/log.h"

LOG_TOPIC("media");

/* An address whose port is not there: no port has this index. */
#define PORT_NOWHERE DP_PORTS_MAX

static void on_applied(struct letter *l, void *arg)
{
	if (l->msg.result)
		log_err("a worker refused a media address: %s", strerror(-l->msg.result));
	worker_table_free(l->msg.addr.table);
}

static uint8_t port_index(const struct media *media, const struct dp_media_addr *conf)
{
	uint8_t index;
	if (!conf->port_name[0])
		return WORKER_PORT_ANY;
	return ports_find(media->ports, conf->port_name, &index) ? PORT_NOWHERE : index;
}

/* tables: one for each worker, or NULL when the workers have theirs. */
static void post(const struct media *media, enum worker_op op, uint8_t index,
	const struct dp_media_addr *conf, uint32_t *const *tables)
{
	for (uint32_t w = 0; w < media->n_workers; w++) {
		struct letter *l = mail_letter(media->mail, op, on_applied, NULL);
		l->msg.addr = (struct worker_addr){
			.addr = conf->addr,
			.index = index,
			.in_port = port_index(media, conf),
			.port_lo = conf->port_lo,
			.port_hi = conf->port_hi,
			.table = tables ? tables[w] : NULL,
		};
		mail_post(media->mail, w, l);
	}
}

static int tables_new(const struct media *media, uint32_t **tables)
{
	for (unsigned int w = 0; w < media->n_workers; w++) {
		tables[w] = worker_table_new(media->group);
		if (tables[w])
			continue;
		while (w--)
			worker_table_free(tables[w]);
		return -ENOMEM;
	}
	return 0;
}

static int addr_new(struct media *media, const struct dp_media_addr *conf)
{
	uint32_t *tables[DP_WORKERS_MAX];
	uint8_t index;
	int err = tables_new(media, tables);
	if (err)
		return err;
	err = addrs_set(media->addrs, conf, &index);
	if (err) {
		for (unsigned int w = 0; w < media->n_workers; w++)
			worker_table_free(tables[w]);
		return err;
	}
	post(media, WORKER_ADDR_SET, index, conf, tables);
	return 0;
}

int media_addr_set(struct media *media, const struct dp_media_addr *conf)
{
	uint8_t index;
	if (!ipc_str_ok(conf->port_name, sizeof conf->port_name))
		return -EINVAL;
	if (port_index(media, conf) == PORT_NOWHERE)
		return -ENODEV;
	int err = mail_reserve(media->mail, media->n_workers);
	if (err)
		return err;
	if (addrs_find(media->addrs, &conf->addr, &index)) {
		err = addr_new(media, conf);
	} else {
		err = addrs_set(media->addrs, conf, &index);
		if (!err)
			post(media, WORKER_ADDR_SET, index, conf, NULL);
	}
	return err ? err : mail_flush(media->mail);
}

int media_addr_del(struct media *media, const struct dp_media_addr *conf)
{
	uint8_t index;
	int err = mail_reserve(media->mail, media->n_workers);
	if (!err)
		err = addrs_del(media->addrs, &conf->addr, &index);
	if (err)
		return err;
	post(media, WORKER_ADDR_DEL, index, conf, NULL);
	return mail_flush(media->mail);
}

void media_rebind(struct media *media)
{
	for (uint8_t i = 0; i < DP_MEDIA_ADDRS_MAX; i++) {
		const struct dp_media_addr *conf = addrs_get(media->addrs, i);
		if (conf && mail_reserve(media->mail, media->n_workers) == 0)
			post(media, WORKER_ADDR_SET, i, conf, NULL);
	}
}
