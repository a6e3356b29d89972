/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sets of all trunks, kept up to date; drawing from them; and the way back, from a source
 * address to its trunk, by a hash over all targets. See targets.h.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/api/ctl_block.h"
#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/targets_private.h"
#include "sip-b2bua/resolver/select.h"

LOG_TOPIC("target");

#define REFRESH_MS 1000 /* names whose time is running out are asked for again, and states told */

struct source {
	const struct ipaddr *addr;
	uint32_t set;
	uint32_t next; /* index plus 1 */
};

struct targets {
	struct b2b *b;
	const struct cfg *cfg;
	uint32_t n;
	struct target_set *sets; /* one per trunk of the configuration, same index */
	uint32_t n_sources, n_buckets;
	struct source *sources;
	uint32_t *buckets; /* n_buckets, a power of two; index plus 1 */
	uint64_t n_drawn;
	struct twheel_timer timer;
	struct target_draft draft; /* scratch */
};

_Static_assert(TARGETS_MAX <= 2 * SELECT_MAX && CFG_LIST_MAX <= SELECT_MAX, "orders fit");

/* ---- sets ---- */

static void set_free(struct b2b *b, struct target_set *set)
{
	for (uint32_t i = 0; i < set->n_targets; i++)
		spot_unref(b, set->targets[i].spot);
	free(set->targets);
	free(set->servers);
	free(set->members);
	set->targets = NULL;
	set->servers = NULL;
	set->members = NULL;
	set->n_targets = set->n_servers = set->n_members = 0;
}

static void *copy(const void *p, uint32_t n, size_t size)
{
	void *to = malloc(n ? n * size : 1);

	if (to && n)
		memcpy(to, p, n * size);
	return to;
}

static bool target_same(const struct target *a, const struct target *b)
{
	return ipaddr_equal(&a->addr, &b->addr) && a->transport == b->transport &&
	       a->member == b->member;
}

static bool set_same(const struct target_set *a, const struct target_set *b)
{
	if (a->n_targets != b->n_targets || a->n_servers != b->n_servers ||
		a->n_members != b->n_members || a->hunt != b->hunt)
		return false;
	for (uint32_t i = 0; i < a->n_targets; i++) {
		if (!target_same(&a->targets[i], &b->targets[i]))
			return false;
	}
	return memcmp(a->servers, b->servers, a->n_servers * sizeof(*a->servers)) == 0 &&
	       memcmp(a->members, b->members, a->n_members * sizeof(*a->members)) == 0;
}

/* The draft becomes the set. -ENOMEM: all stays. */
static int set_replace(struct targets *t, struct target_set *set)
{
	const struct target_set *from = &t->draft.set;
	struct target_set fresh = *from;

	fresh.targets = copy(from->targets, from->n_targets, sizeof(*from->targets));
	fresh.servers = copy(from->servers, from->n_servers, sizeof(*from->servers));
	fresh.members = copy(from->members, from->n_members, sizeof(*from->members));
	if (!fresh.targets || !fresh.servers || !fresh.members) {
		fresh.n_targets = 0;
		set_free(t->b, &fresh);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < fresh.n_targets; i++)
		fresh.targets[i].spot = spot_ref(t->b, fresh.trunk->name, &fresh.targets[i].addr,
			fresh.targets[i].transport);
	fresh.turn = set->turn;
	fresh.told = set->told;
	set_free(t->b, set);
	*set = fresh;
	return 0;
}

/* true: its targets are others now. */
static bool set_refresh(struct targets *t, struct target_set *set)
{
	struct target_set *draft = &t->draft.set;
	bool had = set->n_targets > 0;

	targets_make(t->b, t->cfg, set->trunk, &t->draft);
	set->named = draft->named;
	set->waiting = draft->waiting;
	/* While DNS is asked again the old answer will do. */
	if (draft->waiting && had)
		return false;
	if (draft->stale && !set->stale)
		log_warning("trunk %s: no name server answers; its last known addresses stay",
			set->trunk->name);
	set->stale = draft->stale;
	memcpy(set->why, draft->why, sizeof(set->why));
	if (set_same(set, draft) || set_replace(t, set) < 0)
		return false;
	if (set->named && set->n_targets > 0)
		log_notice("trunk %s: %s leads to %u targets", set->trunk->name,
			set->trunk->target.name[0] ? set->trunk->target.name : "its server group",
			set->n_targets);
	else if (set->named && had)
		log_warning("trunk %s has no target any more: %s", set->trunk->name, set->why);
	return true;
}

/* ---- sources ---- */

static uint32_t bucket_of(const struct targets *t, const struct ipaddr *addr)
{
	return (uint32_t)siphash24(t->b->id_key, addr->ip, sizeof(addr->ip)) & (t->n_buckets - 1);
}

/* Later ones are put in first, so that a chain has the trunks in their order. */
static void sources_fill(struct targets *t)
{
	uint32_t n = 0;

	for (uint32_t i = t->n; i-- > 0;) {
		const struct target_set *set = &t->sets[i];

		for (uint32_t k = set->n_targets; k-- > 0;) {
			uint32_t *head = &t->buckets[bucket_of(t, &set->targets[k].addr)];

			t->sources[n] = (struct source){&set->targets[k].addr, i, *head};
			*head = ++n;
		}
	}
	t->n_sources = n;
}

static void sources_make(struct targets *t)
{
	uint32_t n = 0, n_buckets = 16;
	struct source *sources;
	uint32_t *buckets;

	for (uint32_t i = 0; i < t->n; i++)
		n += t->sets[i].n_targets;
	while (n_buckets < n)
		n_buckets *= 2;
	sources = malloc((n + 1) * sizeof(*sources));
	buckets = calloc(n_buckets, sizeof(*buckets));
	free(t->sources);
	free(t->buckets);
	t->sources = sources;
	t->buckets = buckets;
	t->n_buckets = n_buckets;
	t->n_sources = 0;
	if (sources && buckets)
		sources_fill(t);
	else
		log_err("calls of trunks are not recognised: memory is short");
}

const struct cfg_trunk *targets_source(
	const struct targets *t, const char *realm, const struct ipaddr *source)
{
	const struct cfg_trunk *found = NULL;

	if (t->n_sources == 0)
		return NULL;
	for (uint32_t i = t->buckets[bucket_of(t, source)]; i != 0; i = t->sources[i - 1].next) {
		const struct source *s = &t->sources[i - 1];
		const struct cfg_trunk *trunk = t->sets[s->set].trunk;

		if (!ipaddr_same_ip(s->addr, source) || strcmp(trunk->realm, realm) != 0)
			continue;
		if (s->addr->port_be16 == source->port_be16)
			return trunk;
		if (!found)
			found = trunk;
	}
	return found;
}

bool targets_within(
	const struct targets *t, const char *realm, const struct ipaddr *net, uint8_t prefix_len)
{
	if (net->family == 4)
		return targets_source(t, realm, net) != NULL;
	for (uint32_t i = 0; i < t->n_sources; i++) {
		const struct source *s = &t->sources[i];
		struct ipaddr of = ctl_block_net(s->addr, prefix_len);

		if (ipaddr_same_ip(&of, net) && strcmp(t->sets[s->set].trunk->realm, realm) == 0)
			return true;
	}
	return false;
}

/* ---- keeping up ---- */

static void tls_tell(struct targets *t)
{
	struct b2b *b = t->b;
	struct sip_tls_far *far_ends;
	unsigned int n = 0;

	if (!b->env.ops->tls_far_ends)
		return;
	far_ends = calloc(t->n_sources + 1, sizeof(*far_ends));
	for (uint32_t i = 0; far_ends && i < t->n; i++) {
		const struct target_set *set = &t->sets[i];

		for (uint32_t k = 0; k < set->n_targets; k++) {
			const char *name = set->trunk->tls_name;

			if (set->targets[k].transport != SIP_TLS)
				continue;
			/* RFC 5922 7.1: the name that was asked for, not one that DNS led to. */
			if (!name[0])
				name = targets_conf(t, set->trunk, &set->targets[k])->name;
			far_ends[n].addr = set->targets[k].addr;
			far_ends[n].tag = cfg_trunk_tls_profile(t->cfg, set->trunk);
			snprintf(far_ends[n].name, sizeof(far_ends[n].name), "%s", name);
			n++;
		}
	}
	if (far_ends)
		b->env.ops->tls_far_ends(b->env.ctx, far_ends, n);
	free(far_ends);
}

static void changed(struct targets *t)
{
	sources_make(t);
	tls_tell(t);
	if (health_config(t->b->health) < 0)
		log_err("trunks are not watched: memory is short");
}

void targets_refresh(struct targets *t)
{
	bool any = false;

	for (uint32_t i = 0; i < t->n; i++)
		any |= t->sets[i].named && set_refresh(t, &t->sets[i]);
	if (any)
		changed(t);
}

static void timer_fired(struct twheel_timer *timer, void *arg)
{
	struct targets *t = arg;

	targets_refresh(t);
	targets_tell(t->b, t, false);
	twheel_start(t->b->env.wheel, timer, REFRESH_MS);
}

static void sets_free(struct targets *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		set_free(t->b, &t->sets[i]);
	free(t->sets);
	t->sets = NULL;
	t->n = 0;
}

int targets_config(struct targets *t, const struct cfg *cfg)
{
	struct target_set *sets = calloc(cfg->n_trunks ? cfg->n_trunks : 1, sizeof(*sets));
	struct target_set *old = t->sets;
	uint32_t n_old = t->n;

	t->cfg = cfg;
	t->sets = sets;
	t->n = sets ? cfg->n_trunks : 0;
	/* They refer to the spots before the old ones let go: what is known of a target stays. */
	for (uint32_t i = 0; i < t->n; i++) {
		sets[i].trunk = &cfg->trunks[i];
		(void)set_refresh(t, &sets[i]);
	}
	for (uint32_t i = 0; i < n_old; i++)
		set_free(t->b, &old[i]);
	free(old);
	changed(t);
	if (!twheel_pending(&t->timer))
		twheel_start(t->b->env.wheel, &t->timer, REFRESH_MS);
	return sets ? 0 : -ENOMEM;
}

struct targets *targets_new(struct b2b *b)
{
	struct targets *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->b = b;
	twheel_timer_init(&t->timer, timer_fired, t);
	return t;
}

void targets_free(struct targets *t)
{
	if (!t)
		return;
	twheel_stop(t->b->env.wheel, &t->timer);
	sets_free(t);
	free(t->sources);
	free(t->buckets);
	free(t);
}

uint32_t targets_n(const struct targets *t)
{
	return t->n;
}

const struct target_set *targets_set(const struct targets *t, uint32_t trunk_index)
{
	return &t->sets[trunk_index];
}

struct target_set *targets_set_of(struct targets *t, uint32_t trunk_index)
{
	return &t->sets[trunk_index];
}

const struct cfg_target *targets_conf(
	const struct targets *t, const struct cfg_trunk *trunk, const struct target *target)
{
	const struct cfg_server_group *group = cfg_find_server_group(t->cfg, trunk->server_group);

	return group && target->member < group->n_members ? &group->members[target->member].target
							  : &trunk->target;
}

void targets_put_uri(const struct targets *t, struct sip_buf *buf, const struct sip_uri *uri,
	const struct cfg_trunk *trunk, const struct target *target)
{
	const struct cfg_target *conf = targets_conf(t, trunk, target);

	if (conf->name[0])
		policy_put_uri_name(buf, uri, conf->name, conf->port);
	else
		policy_put_uri(buf, uri, &target->addr);
}

/* ---- drawing ---- */

bool targets_usable(const struct targets *t, uint32_t trunk_index)
{
	const struct target_set *set;

	if (trunk_index >= t->n || t->sets[trunk_index].n_targets == 0)
		return true;
	set = &t->sets[trunk_index];
	for (uint32_t i = 0; i < set->n_targets; i++) {
		if (spot_usable(t->b, set->targets[i].spot))
			return true;
	}
	return false;
}

static uint32_t draw(void *arg, uint32_t below)
{
	struct targets *t = arg;
	uint64_t seed[2] = {t->n_drawn++, t->b->env.seed};

	return (uint32_t)(siphash24(t->b->id_key, seed, sizeof(seed)) % below);
}

static uint32_t member_load(
	const struct targets *t, const struct target_set *set, const struct target_member *member)
{
	uint32_t load = 0;

	for (unsigned int i = 0; i < member->n; i++) {
		const struct target_server *server = &set->servers[member->first + i];

		for (unsigned int k = 0; k < server->n; k++)
			load += spot_load(t->b, set->targets[server->first + k].spot);
	}
	return load;
}

static void members_order(struct targets *t, struct target_set *set, uint8_t order[CFG_LIST_MAX])
{
	struct select_server members[CFG_LIST_MAX];
	unsigned int n = set->n_members;

	for (unsigned int i = 0; i < n; i++)
		members[i] = (struct select_server){set->members[i].preference,
			set->members[i].weight,
			set->hunt == CFG_HUNT_LEAST_LOAD ? member_load(t, set, &set->members[i])
							 : 0};
	switch (set->hunt) {
	case CFG_HUNT_ROUND_ROBIN:
		select_round_robin(n, set->turn++, order);
		break;
	case CFG_HUNT_WEIGHT:
		select_by_weight(members, n, draw, t, order);
		break;
	case CFG_HUNT_LEAST_LOAD:
		select_least_load(members, n, draw, t, order);
		break;
	default: /* preference, parallel */
		select_by_priority(members, n, order);
	}
}

static void server_take(struct targets *t, const struct target_set *set,
	const struct target_server *server, struct call_targets *ret)
{
	for (unsigned int i = 0; i < server->n && ret->n < CALL_TARGETS_MAX; i++) {
		const struct target *target = &set->targets[server->first + i];

		if (spot_usable(t->b, target->spot))
			ret->list[ret->n++] = *target;
	}
}

static void member_take(struct targets *t, const struct target_set *set,
	const struct target_member *member, struct call_targets *ret)
{
	const struct target_server *servers = &set->servers[member->first];
	unsigned int n = member->n < SELECT_MAX ? member->n : SELECT_MAX;
	struct select_server list[SELECT_MAX];
	uint8_t order[SELECT_MAX];

	if (n <= 1) {
		if (n == 1)
			server_take(t, set, servers, ret);
		return;
	}
	for (unsigned int i = 0; i < n; i++)
		list[i] = (struct select_server){servers[i].priority, servers[i].weight, 0};
	select_by_weight(list, n, draw, t, order);
	for (unsigned int i = 0; i < n; i++)
		server_take(t, set, &servers[order[i]], ret);
}

/*
 * hunt-scheme parallel: of each member of a preference one target rings, all at a time; their next
 * ones follow as the next group, then the members of the next preference.
 */
static void members_ring(struct targets *t, const struct target_set *set, const uint8_t *order,
	struct call_targets *ret)
{
	struct call_targets own[CFG_LIST_MAX];
	uint8_t group = 0;

	for (unsigned int i = 0, end; i < set->n_members; i = end) {
		bool more = true;

		for (end = i; end < set->n_members && set->members[order[end]].preference ==
							      set->members[order[i]].preference;
			end++) {
			own[end].n = own[end].next = 0;
			member_take(t, set, &set->members[order[end]], &own[end]);
		}
		for (; more; group++) {
			more = false;
			for (unsigned int k = i; k < end; k++) {
				if (own[k].next == own[k].n || ret->n == CALL_TARGETS_MAX)
					continue;
				ret->list[ret->n] = own[k].list[own[k].next++];
				ret->list[ret->n++].group = group;
				more = true;
			}
		}
	}
}

void targets_pick(struct targets *t, const struct cfg_trunk *trunk, struct call_targets *ret,
	const char **ret_why)
{
	uint32_t index = (uint32_t)(trunk - t->cfg->trunks);
	struct target_set *set = index < t->n ? &t->sets[index] : NULL;
	uint8_t order[CFG_LIST_MAX];

	ret->n = ret->next = 0;
	ret->again = false;
	if (!set || set->n_targets == 0) {
		*ret_why = set ? set->why : "memory is short";
		return;
	}
	if (set->n_members == 1) {
		member_take(t, set, &set->members[0], ret);
	} else if (set->hunt == CFG_HUNT_PARALLEL) {
		members_order(t, set, order);
		members_ring(t, set, order, ret);
	} else {
		members_order(t, set, order);
		for (unsigned int i = 0; i < set->n_members; i++)
			member_take(t, set, &set->members[order[i]], ret);
	}
	for (unsigned int i = 0; set->hunt != CFG_HUNT_PARALLEL && i < ret->n; i++)
		ret->list[i].group = (uint8_t)i;
	if (set->stale)
		t->b->env.stats->dns_stale++;
	*ret_why = "each of its targets is busied out or left alone for a while";
}

bool targets_other(const struct targets *t, const struct cfg_trunk *trunk, struct sip_path *path,
	uint64_t *tried)
{
	uint32_t index = (uint32_t)(trunk - t->cfg->trunks);
	const struct target_set *set = index < t->n ? &t->sets[index] : NULL;
	const struct target *other = NULL;
	bool known = false;

	_Static_assert(TARGETS_MAX <= 64, "a bit each");
	for (uint32_t i = 0; set && i < set->n_targets; i++) {
		const struct target *target = &set->targets[i];

		if (ipaddr_equal(&target->addr, &path->remote)) {
			known = true;
			*tried |= UINT64_C(1) << i;
		} else if (!other && !(*tried & UINT64_C(1) << i) &&
			   target->transport == path->transport &&
			   target->addr.family == path->local.family &&
			   spot_usable(t->b, target->spot)) {
			other = target;
		}
	}
	if (!known || !other)
		return false;
	path->remote = other->addr;
	path->conn = 0;
	path->flow = path->by_name = 0;
	return true;
}
