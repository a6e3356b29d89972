/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names: what the resolver has found goes to the app at once, and to limen-control, which shows it,
 * once a second when it has changed. All workers know the same names, so the first one tells.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/core/worker_private.h"

void names_changed(void *arg)
{
	struct sip_worker *w = arg;

	if (w->cfg != NULL && w->ops->dns_changed != NULL)
		w->ops->dns_changed(w->app);
}

struct telling {
	const struct dns_cache *cache;
	uint64_t now_ms, wall_ms;
	struct ctl_dns_hosts head;
	struct ctl_dns_host hosts[CTL_DNS_HOSTS_MAX];
};

static void data_print(const struct dns_record *r, uint16_t type, char *text, size_t size)
{
	static const char *const services[] = {"", "SIP+D2U", "SIP+D2T", "SIPS+D2T"};
	char addr[IPADDR_TEXT_MAX];

	if (type == DNS_SRV)
		snprintf(text, size, "%u %u %u %.70s", r->priority, r->weight, r->port,
			r->name[0] ? r->name : ".");
	else if (type == DNS_NAPTR)
		snprintf(text, size, "%u %u %s %.70s", r->priority, r->weight, services[r->service],
			r->name);
	else
		snprintf(text, size, "%s", ipaddr_print(&r->addr, addr));
}

static void record_add(struct telling *t, const struct dns_entry *entry, uint32_t state,
	const struct dns_record *record)
{
	struct ctl_dns_host *h = &t->hosts[t->head.n];

	if (t->head.n == CTL_DNS_HOSTS_MAX) {
		t->head.left_off++;
		return;
	}
	*h = (struct ctl_dns_host){.type = entry->type, .state = state};
	snprintf(h->name, sizeof(h->name), "%.127s", entry->name);
	if (record != NULL)
		data_print(record, entry->type, h->data, sizeof(h->data));
	else if (entry->error != DNS_ERROR_NONE)
		snprintf(h->data, sizeof(h->data), "%s", dns_error_words(entry->error));
	if (entry->answer != NULL)
		h->until_ms = t->wall_ms + entry->expires_ms - t->now_ms;
	/* The same each time that it is told, although the clocks were not read in one instant. */
	h->until_ms -= h->until_ms % 1000;
	t->head.n++;
}

static int entry_add(const struct dns_entry *entry, void *arg)
{
	struct telling *t = arg;
	enum dns_state state = dns_entry_state(t->cache, entry, t->now_ms);

	if (state == DNS_UNKNOWN || state == DNS_LOST)
		record_add(t, entry, state == DNS_LOST ? CTL_DNS_FAILED : CTL_DNS_ASKING, NULL);
	else if (entry->answer->n == 0)
		record_add(t, entry, entry->no_such_name ? CTL_DNS_NO_NAME : CTL_DNS_NOTHING, NULL);
	else
		for (uint32_t i = 0; i < entry->answer->n; i++)
			record_add(t, entry, state == DNS_STALE ? CTL_DNS_STALE : CTL_DNS_FRESH,
				&entry->answer->records[i]);
	return 0;
}

static int host_compare(const void *a, const void *b)
{
	const struct ctl_dns_host *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c == 0)
		c = (int)x->type - (int)y->type;
	return c != 0 ? c : strcmp(x->data, y->data);
}

void names_tell(struct sip_worker *w)
{
	static const uint64_t key[2];
	struct telling *t;
	uint64_t hash;

	if (w->id != 0 || w->control.peer == NULL || !w->control.up ||
		(dns_cache_n(resolver_cache(w->resolver)) == 0 && w->hosts_told == 0))
		return;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return; /* only shown, and tried again in a second */
	t->cache = resolver_cache(w->resolver);
	t->now_ms = twheel_now(w->wheel);
	t->wall_ms = clock_wall_ms();
	dns_cache_walk(t->cache, entry_add, t);
	qsort(t->hosts, t->head.n, sizeof(t->hosts[0]), host_compare);
	hash = siphash24(key, t->hosts, t->head.n * sizeof(t->hosts[0])) + t->head.left_off + 1;
	if (hash != w->hosts_told &&
		ipc_send(w->control.peer, CTL_DNS_HOSTS, 0, 0, w->control.generation, &t->head,
			sizeof(t->head), t->hosts, t->head.n * sizeof(t->hosts[0])) == 0)
		w->hosts_told = hash;
	free(t);
}
