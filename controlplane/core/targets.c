/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See targets.h. */
#include "controlplane/core/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct trunk_targets {
	STAILQ_ENTRY(trunk_targets) link;
	struct ctl_targets head;
	struct ctl_target list[];
};

struct target_store {
	STAILQ_HEAD(, trunk_targets) trunks;
	struct ctl_dns_hosts hosts_head;
	struct ctl_dns_host *hosts;
};

struct target_store *target_store_new(void)
{
	struct target_store *store = calloc(1, sizeof(*store));

	if (store != NULL)
		STAILQ_INIT(&store->trunks);
	return store;
}

static void trunk_drop(struct target_store *store, struct trunk_targets *t)
{
	if (t == NULL)
		return;
	STAILQ_REMOVE(&store->trunks, t, trunk_targets, link);
	free(t);
}

void target_store_free(struct target_store *store)
{
	if (store == NULL)
		return;
	while (!STAILQ_EMPTY(&store->trunks))
		trunk_drop(store, STAILQ_FIRST(&store->trunks));
	free(store->hosts);
	free(store);
}

static struct trunk_targets *trunk_find(const struct target_store *store, const char *name)
{
	struct trunk_targets *t;

	STAILQ_FOREACH(t, &store->trunks, link) {
		if (strcmp(t->head.trunk, name) == 0)
			return t;
	}
	return NULL;
}

static bool target_ok(const struct ctl_target *t)
{
	return ipaddr_is_set(&t->addr) && ipaddr_valid(&t->addr) && t->transport >= 1 &&
	       t->transport <= 3 && t->state < CTL_TARGET_N_STATES && t->zero == 0 &&
	       ipc_str_ok(t->host, sizeof(t->host));
}

static int on_targets(struct target_store *store, const struct ctl_targets *head, size_t len)
{
	const struct ctl_target *list = (const void *)(head + 1);
	struct trunk_targets *t;

	if (head->n > CTL_TARGETS_MAX || len != sizeof(*head) + head->n * sizeof(*list) ||
		!head->trunk[0] || head->stale > 1 ||
		!ipc_str_ok(head->trunk, sizeof(head->trunk)) ||
		!ipc_str_ok(head->why, sizeof(head->why)))
		return -EPROTO;
	for (uint32_t i = 0; i < head->n; i++) {
		if (!target_ok(&list[i]))
			return -EPROTO;
	}
	t = malloc(sizeof(*t) + head->n * sizeof(*list));
	if (t == NULL)
		return 0; /* only shown */
	t->head = *head;
	memcpy(t->list, list, head->n * sizeof(*list));
	trunk_drop(store, trunk_find(store, head->trunk));
	STAILQ_INSERT_TAIL(&store->trunks, t, link);
	return 0;
}

static int on_hosts(struct target_store *store, const struct ctl_dns_hosts *head, size_t len)
{
	const struct ctl_dns_host *list = (const void *)(head + 1);
	struct ctl_dns_host *hosts;

	if (head->n > CTL_DNS_HOSTS_MAX || len != sizeof(*head) + head->n * sizeof(*list))
		return -EPROTO;
	for (uint32_t i = 0; i < head->n; i++) {
		if (list[i].state >= CTL_DNS_N_STATES ||
			!ipc_str_ok(list[i].name, sizeof(list[i].name)) ||
			!ipc_str_ok(list[i].data, sizeof(list[i].data)))
			return -EPROTO;
	}
	hosts = malloc((head->n + 1) * sizeof(*hosts));
	if (hosts == NULL)
		return 0; /* only shown */
	memcpy(hosts, list, head->n * sizeof(*hosts));
	free(store->hosts);
	store->hosts = hosts;
	store->hosts_head = *head;
	return 0;
}

int target_store_message(
	struct target_store *store, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	return hdr->type == CTL_TARGETS ? on_targets(store, body, len) : on_hosts(store, body, len);
}

void target_store_config(struct target_store *store, const struct cfg *cfg)
{
	struct trunk_targets *t = STAILQ_FIRST(&store->trunks), *next;

	for (; t != NULL; t = next) {
		next = STAILQ_NEXT(t, link);
		if (cfg_find_trunk(cfg, t->head.trunk) == NULL)
			trunk_drop(store, t);
	}
}

bool target_store_trunk(const struct target_store *store, const char *trunk,
	struct ctl_targets *ret, const struct ctl_target **ret_list)
{
	const struct trunk_targets *t = trunk_find(store, trunk);

	if (t == NULL)
		return false;
	*ret = t->head;
	*ret_list = t->list;
	return true;
}

void target_store_hosts(const struct target_store *store, struct ctl_dns_hosts *ret,
	const struct ctl_dns_host **ret_list)
{
	*ret = store->hosts_head;
	*ret_list = store->hosts;
}
