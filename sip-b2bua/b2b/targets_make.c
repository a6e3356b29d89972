/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a trunk of the configuration, and what DNS says, to its set of targets; see targets.h. */
#include "sip-b2bua/b2b/call.h"

#include <stdio.h>

#include "sip-b2bua/b2b/targets_private.h"
#include "sip-b2bua/resolver/select.h"

struct making {
	struct b2b *b;
	const struct cfg *cfg;
	const struct cfg_trunk *trunk;
	struct target_draft *draft;
	uint8_t transports4, transports6; /* that the realm listens on */
	struct locate_result *found;
};

static bool takes(const struct making *m, unsigned int family, uint8_t transport)
{
	return (family == 6 ? m->transports6 : m->transports4) & LOCATE_BIT(transport);
}

/* Transports of the realm, or the one that the trunk wants. */
static void transports_find(struct making *m)
{
	static const uint8_t all[] = {SIP_UDP, SIP_TCP, SIP_TLS};
	const struct b2b_env *env = &m->b->env;

	for (unsigned int i = 0; i < sizeof(all); i++) {
		if (m->trunk->transport != CFG_TRANSPORT_DNS && m->trunk->transport != all[i])
			continue;
		if (env->ops->find(env->ctx, m->trunk->realm, all[i], 4))
			m->transports4 |= LOCATE_BIT(all[i]);
		if (env->ops->find(env->ctx, m->trunk->realm, all[i], 6))
			m->transports6 |= LOCATE_BIT(all[i]);
	}
}

static void server_add(struct making *m, const char *host, uint32_t priority, uint16_t weight,
	uint8_t transport, const struct ipaddr *addrs, unsigned int n)
{
	struct target_set *set = &m->draft->set;
	struct target_server *server = &m->draft->servers[set->n_servers];

	if (n == 0 || set->n_targets == TARGETS_MAX || set->n_servers == TARGETS_MAX)
		return;
	*server = (struct target_server){
		.priority = priority, .weight = weight, .first = (uint8_t)set->n_targets};
	snprintf(server->host, sizeof(server->host), "%.63s", host);
	for (unsigned int i = 0; i < n && set->n_targets < TARGETS_MAX; i++) {
		m->draft->targets[set->n_targets++] = (struct target){.addr = addrs[i],
			.transport = transport,
			.member = (uint8_t)set->n_members,
			.spot = SPOT_NONE};
		server->n++;
	}
	set->n_servers++;
}

static void name_add(struct making *m, const struct cfg_target *target)
{
	struct locate_query query = {.port = (uint16_t)target->port,
		.transport = m->trunk->transport,
		.transports4 = m->transports4,
		.transports6 = m->transports6};
	struct target_set *set = &m->draft->set;
	struct locate_result *found = m->found;
	char name[DNS_NAME_MAX];

	set->named = true;
	/* A name without a dot is one of our own domain. */
	if (!strchr(target->name, '.') && m->cfg->domain_name[0])
		snprintf(name, sizeof(name), "%s.%s", target->name, m->cfg->domain_name);
	else
		snprintf(name, sizeof(name), "%s", target->name);
	query.name = name;
	locate(&query, m->b->env.ops->look, m->b->env.ctx, found);
	set->waiting |= found->waiting;
	set->stale |= found->stale;
	for (unsigned int i = 0; i < found->n_servers; i++) {
		const struct locate_server *s = &found->servers[i];

		server_add(m, s->host, s->priority, s->weight, s->transport, s->addrs, s->n_addrs);
	}
	if (found->n_servers == 0)
		snprintf(set->why, sizeof(set->why), "%.150s",
			found->waiting ? "its name is being looked up" : found->why);
}

static void member_add(
	struct making *m, const struct cfg_target *target, uint32_t preference, uint32_t weight)
{
	struct target_set *set = &m->draft->set;
	struct target_member *member = &m->draft->members[set->n_members];

	*member = (struct target_member){
		.preference = preference, .weight = weight, .first = (uint8_t)set->n_servers};
	if (target->name[0])
		name_add(m, target);
	else if (takes(m, target->addr.family, m->trunk->transport))
		server_add(m, "", 0, 0, m->trunk->transport, &target->addr, 1);
	else
		snprintf(set->why, sizeof(set->why),
			"realm %s has no listener of its transport and family (sip listen)",
			m->trunk->realm);
	member->n = (uint8_t)(set->n_servers - member->first);
	set->n_members++;
}

void targets_make(struct b2b *b, const struct cfg *cfg, const struct cfg_trunk *trunk,
	struct target_draft *ret_draft)
{
	const struct cfg_server_group *group = cfg_find_server_group(cfg, trunk->server_group);
	struct making m = {.b = b, .cfg = cfg, .trunk = trunk, .draft = ret_draft};

	m.found = &b->located;
	ret_draft->set = (struct target_set){.trunk = trunk,
		.targets = ret_draft->targets,
		.servers = ret_draft->servers,
		.members = ret_draft->members};
	snprintf(ret_draft->set.why, sizeof(ret_draft->set.why), "it has no target");
	transports_find(&m);
	if (!group) {
		if (cfg_target_is_set(&trunk->target))
			member_add(&m, &trunk->target, 0, 1);
		return;
	}
	ret_draft->set.hunt = group->hunt;
	for (uint32_t i = 0; i < group->n_members; i++)
		member_add(&m, &group->members[i].target, group->members[i].preference,
			group->members[i].weight);
}
