/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where requests in dialogs go whose Contact or Route names a host (RFC 3263): what DNS says of it,
 * among the listeners of the realm. And which far ends are sent long requests by TCP (RFC 3261 18.1.1).
 * Nothing waits here: the transaction layer does.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/targets.h"
#include "sip-b2bua/resolver/select.h"

LOG_TOPIC("hop");

static uint8_t transports_of(const struct b2b *b, const char *realm, uint8_t family)
{
	static const uint8_t all[] = {SIP_UDP, SIP_TCP, SIP_TLS};
	uint8_t bits = 0;

	for (unsigned int i = 0; i < sizeof(all); i++) {
		if (b->env.ops->find(b->env.ctx, realm, all[i], family))
			bits |= LOCATE_BIT(all[i]);
	}
	return bits;
}

/* What the URI says; without a word the connection that is there, else what DNS prefers (4.1). */
static uint8_t transport_of(const struct sip_uri *hop, const struct sip_path *path)
{
	struct view v;

	if (hop->scheme == SIP_SCHEME_SIPS)
		return SIP_TLS;
	if (!sip_params_get(hop->params, VIEW("transport"), &v))
		return sip_transport_is_stream(path->transport) ? path->transport : 0;
	return view_eq_nocase(v, VIEW("tls"))	? SIP_TLS
	       : view_eq_nocase(v, VIEW("tcp")) ? SIP_TCP
						: SIP_UDP;
}

static uint32_t draw(void *arg, uint32_t below)
{
	struct b2b *b = arg;
	uint64_t parts[2] = {b->n_hops++, b->env.seed};

	return (uint32_t)(siphash24(b->id_key, parts, sizeof(parts)) % below);
}

static unsigned int ways_of(struct b2b *b, const struct locate_result *found, const char *realm,
	struct sip_path ret[SIP_WAYS_MAX])
{
	struct select_server list[LOCATE_SERVERS_MAX];
	uint8_t order[LOCATE_SERVERS_MAX];
	unsigned int n = 0;

	_Static_assert(LOCATE_SERVERS_MAX <= SELECT_MAX, "all of them are ordered");
	for (unsigned int i = 0; i < found->n_servers; i++)
		list[i] = (struct select_server){
			found->servers[i].priority, found->servers[i].weight, 0};
	select_by_weight(list, found->n_servers, draw, b, order);
	for (unsigned int i = 0; i < found->n_servers; i++) {
		const struct locate_server *s = &found->servers[order[i]];

		for (unsigned int k = 0; k < s->n_addrs && n < SIP_WAYS_MAX; k++) {
			const struct sip_listener *l = b->env.ops->find(
				b->env.ctx, realm, s->transport, s->addrs[k].family);

			/* A name that leads back to us is nobody's. */
			if (l && !ipaddr_same_ip(&l->addr, &s->addrs[k]))
				ret[n++] = call_path_to(l, &s->addrs[k]);
		}
	}
	return n;
}

/* The connection that is there is used again where it leads to that host; and when nothing else works. */
static unsigned int connection_keep(
	const struct sip_path *path, struct sip_path ways[SIP_WAYS_MAX], unsigned int n)
{
	bool used = false;

	if (!sip_transport_is_stream(path->transport) || path->conn == 0)
		return n;
	for (unsigned int i = 0; i < n; i++) {
		if (ways[i].transport != path->transport ||
			!ipaddr_same_ip(&ways[i].remote, &path->remote))
			continue;
		ways[i].conn = path->conn;
		ways[i].conn_worker = path->conn_worker;
		used = true;
	}
	if (n > 0 && !used) {
		n = n < SIP_WAYS_MAX ? n + 1 : n;
		ways[n - 1] = *path;
		ways[n - 1].by_name = 0;
	}
	return n;
}

/* A phone's Contact may be its GRUU (RFC 5627), which leads to the box: it is where it came from. */
static bool is_own_domain(const struct b2b *b, const char *realm, struct view host)
{
	const struct cfg_registrar *conf = cfg_realm_registrar(b->cfg, realm);

	return conf && view_eq_nocase(view_of(conf->domain[0] ? conf->domain : conf->name), host);
}

int b2b_locate(struct b2b *b, const struct sip_path *path, const struct sip_uri *hop,
	struct sip_path ret[SIP_WAYS_MAX], unsigned int *ret_n)
{
	const struct sip_listener *l = b->env.ops->listener(b->env.ctx, path->listener);
	struct locate_result *found = &b->located;
	struct locate_query query;
	char name[DNS_NAME_MAX], realm[SIP_REALM_MAX];

	if (!l || !b->cfg || !b->cfg->domain_lookup || b->cfg->n_name_servers == 0)
		return -EOPNOTSUPP;
	memcpy(realm, l->realm, sizeof(realm));
	if (is_own_domain(b, realm, hop->host))
		return -EOPNOTSUPP;
	if (dns_name_copy(hop->host, name) < 0)
		return -EINVAL;
	query = (struct locate_query){.name = name,
		.port = hop->port,
		.transport = transport_of(hop, path),
		.transports4 = transports_of(b, realm, 4),
		.transports6 = transports_of(b, realm, 6)};
	locate(&query, b->env.ops->look, b->env.ctx, found);
	if (found->n_servers == 0 && found->waiting)
		return -EINPROGRESS;
	*ret_n = connection_keep(path, ret, ways_of(b, found, realm, ret));
	if (*ret_n > 0)
		return 0;
	log_info(
		"%s, next hop of a request in realm %s, is not known: %s", name, realm, found->why);
	return -ENOENT;
}

bool b2b_stream_way(struct b2b *b, const struct sip_path *path, struct sip_path *ret_way)
{
	const struct sip_listener *l = b->env.ops->listener(b->env.ctx, path->listener);
	const struct cfg_realm *realm = l && b->cfg ? cfg_find_realm(b->cfg, l->realm) : NULL;
	const struct cfg_trunk *trunk;

	if (!realm)
		return false;
	trunk = targets_source(b->targets, realm->name, &path->remote);
	if (!realm->large_tcp && !(trunk && trunk->large_tcp))
		return false;
	l = b->env.ops->find(b->env.ctx, realm->name, SIP_TCP, path->remote.family);
	if (!l)
		return false;
	*ret_way = call_path_to(l, &path->remote);
	return true;
}
