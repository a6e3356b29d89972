/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See addrs.h. */
#include "dataplane/session/addrs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS 32768u

struct one {
	struct dp_media_addr conf; /* addr.family 0: free */
	uint32_t n_taken;
	uint32_t *slot_plus_1; /* [PAIRS], by udp_port >> 1 */
};

struct addrs {
	struct one all[DP_MEDIA_ADDRS_MAX];
};

struct addrs *addrs_new(void)
{
	return calloc(1, sizeof(struct addrs));
}

void addrs_free(struct addrs *addrs)
{
	if (!addrs)
		return;
	for (unsigned int i = 0; i < DP_MEDIA_ADDRS_MAX; i++)
		free(addrs->all[i].slot_plus_1);
	free(addrs);
}

int addrs_find(const struct addrs *addrs, const struct ipaddr *addr, uint8_t *ret_index)
{
	for (unsigned int i = 0; i < DP_MEDIA_ADDRS_MAX; i++) {
		const struct dp_media_addr *c = &addrs->all[i].conf;
		if (c->addr.family && ipaddr_same_ip(&c->addr, addr)) {
			*ret_index = (uint8_t)i;
			return 0;
		}
	}
	return -ENOENT;
}

static struct one *one_free(struct addrs *addrs)
{
	for (unsigned int i = 0; i < DP_MEDIA_ADDRS_MAX; i++)
		if (!addrs->all[i].conf.addr.family)
			return &addrs->all[i];
	return NULL;
}

int addrs_set(struct addrs *addrs, const struct dp_media_addr *conf, uint8_t *ret_index)
{
	uint8_t index;
	if (!ipaddr_valid(&conf->addr) || !ipaddr_is_set(&conf->addr) || conf->addr.port_be16 ||
		ipaddr_is_any(&conf->addr) || ipaddr_is_multicast(&conf->addr) || !conf->port_lo ||
		conf->port_lo > conf->port_hi)
		return -EINVAL;
	if (addrs_find(addrs, &conf->addr, &index) == 0) {
		addrs->all[index].conf = *conf;
		*ret_index = index;
		return 0;
	}
	struct one *o = one_free(addrs);
	if (!o)
		return -ENOSPC;
	o->slot_plus_1 = calloc(PAIRS, sizeof *o->slot_plus_1);
	if (!o->slot_plus_1)
		return -ENOMEM;
	o->conf = *conf;
	o->n_taken = 0;
	*ret_index = (uint8_t)(o - addrs->all);
	return 0;
}

int addrs_del(struct addrs *addrs, const struct ipaddr *addr, uint8_t *ret_index)
{
	uint8_t index;
	int err = addrs_find(addrs, addr, &index);
	if (err)
		return err;
	struct one *o = &addrs->all[index];
	if (o->n_taken)
		return -EBUSY;
	free(o->slot_plus_1);
	*o = (struct one){0};
	*ret_index = index;
	return 0;
}

const struct dp_media_addr *addrs_get(const struct addrs *addrs, uint8_t index)
{
	if (index >= DP_MEDIA_ADDRS_MAX || !addrs->all[index].conf.addr.family)
		return NULL;
	return &addrs->all[index].conf;
}

uint32_t addrs_port_owner(const struct addrs *addrs, uint8_t index, uint16_t udp_port)
{
	return addrs->all[index].slot_plus_1[udp_port >> 1] - 1;
}

int addrs_port_ok(const struct addrs *addrs, uint8_t index, uint16_t udp_port)
{
	const struct dp_media_addr *c = &addrs->all[index].conf;
	return udp_port >= c->port_lo && udp_port <= c->port_hi;
}

void addrs_port_take(struct addrs *addrs, uint8_t index, uint16_t udp_port, uint32_t slot)
{
	addrs->all[index].slot_plus_1[udp_port >> 1] = slot + 1;
	addrs->all[index].n_taken++;
}

void addrs_port_release(struct addrs *addrs, uint8_t index, uint16_t udp_port)
{
	addrs->all[index].slot_plus_1[udp_port >> 1] = 0;
	addrs->all[index].n_taken--;
}
