/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ports, media addresses and limits, wanted and known; see dpobjs.h. */
#include "controlplane/media/dpobjs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"

LOG_TOPIC("dataplane");

bool dpobjs_interface_has_port(const struct cfg *cfg, const struct cfg_interface *interface)
{
	const struct cfg_interface *parent = cfg_interface_parent(cfg, interface);

	/* An interface that is shut down has no port: nothing passes, and calls get no media. */
	return cfg_interface_has_device(interface) && !interface->shutdown &&
	       (parent == NULL || !parent->shutdown);
}

static bool addr_wanted(
	const struct cfg *cfg, const struct cfg_realm *realm, const struct ipaddr *addr)
{
	const struct cfg_interface *interface = cfg_find_interface(cfg, realm->interface);
	return ipaddr_is_set(addr) && interface != NULL &&
	       dpobjs_interface_has_port(cfg, interface);
}

/* Lists of either family that an interface with a device uses; each is given to fn, once. */
static uint32_t acls_walk(const struct cfg *cfg, struct dpobjs *set,
	void (*fn)(struct dpobjs *set, const struct cfg_access_list *list, unsigned int family))
{
	uint32_t n = 0;

	for (unsigned int family = 4; family <= 6; family += 2) {
		uint32_t n_lists = family == 4 ? cfg->n_access_lists4 : cfg->n_access_lists6;
		for (uint32_t i = 0; i < n_lists; i++) {
			const struct cfg_access_list *list = family == 4 ? &cfg->access_lists4[i]
									 : &cfg->access_lists6[i];
			bool in_use = false;
			for (uint32_t k = 0; k < cfg->n_interfaces; k++) {
				const struct cfg_interface *interface = &cfg->interfaces[k];
				in_use |= dpobjs_interface_has_port(cfg, interface) &&
					  strcmp(family == 4 ? interface->access4
							     : interface->access6,
						  list->name) == 0;
			}
			n += in_use;
			if (in_use && fn != NULL)
				fn(set, list, family);
		}
	}
	return n;
}

int dpobjs_check(const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	uint32_t n_ports = 0, n_addrs = 0;

	for (uint32_t i = 0; i < cfg->n_interfaces; i++)
		n_ports += dpobjs_interface_has_port(cfg, &cfg->interfaces[i]);
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		n_addrs += addr_wanted(cfg, &cfg->realms[i], &cfg->realms[i].media_ipv4);
		n_addrs += addr_wanted(cfg, &cfg->realms[i], &cfg->realms[i].media_ipv6);
	}
	if (n_ports > DP_PORTS_MAX) {
		snprintf(error, CFG_ERROR_MAX,
			"%u interfaces with devices are more than the %u that the data plane "
			"serves",
			n_ports, DP_PORTS_MAX);
		return -ENOSPC;
	}
	if (acls_walk(cfg, NULL, NULL) > DP_ACLS_MAX) {
		snprintf(error, CFG_ERROR_MAX,
			"%u access lists on interfaces are more than the %u that the data plane "
			"serves",
			acls_walk(cfg, NULL, NULL), DP_ACLS_MAX);
		return -ENOSPC;
	}
	if (n_addrs > DP_MEDIA_ADDRS_MAX) {
		snprintf(error, CFG_ERROR_MAX,
			"%u media addresses are more than the %u that the data plane serves",
			n_addrs, DP_MEDIA_ADDRS_MAX);
		return -ENOSPC;
	}
	return 0;
}

/* What each kind is set and removed by; those without a removal are there once, and replaced. */
static const struct {
	uint16_t set, del;
	size_t len, del_len;
} kinds[DPOBJ_KINDS] = {
	[DPOBJ_PORT] = {DP_PORT_SET, DP_PORT_DEL, sizeof(struct dp_port),
		sizeof(struct dp_port_name)},
	[DPOBJ_ADDR] = {DP_MEDIA_ADDR_SET, DP_MEDIA_ADDR_DEL, sizeof(struct dp_media_addr),
		sizeof(struct dp_media_addr)},
	[DPOBJ_POLICE] = {DP_POLICE_SET, 0, sizeof(struct dp_police), 0},
	[DPOBJ_ACL] = {DP_ACL_SET, DP_ACL_DEL, 0, sizeof(struct dp_acl_name)},
	[DPOBJ_ACCESS] = {DP_ACCESS_SET, 0, 0, 0},
};

static void vacate(struct dpobj *obj)
{
	if (obj->kind == DPOBJ_ACL) {
		free(obj->acl.conf);
		obj->acl.conf = NULL;
	}
	obj->used = false;
}

void dpobjs_free(struct dpobjs *set)
{
	for (unsigned int i = 0; i < DPOBJS_MAX; i++)
		if (set->objs[i].used)
			vacate(&set->objs[i]);
}

/* Other contents for what is there once. An answer under way is to the old ones. */
static void replace(struct dpobj *obj, const struct dpobj *wish)
{
	memcpy(&obj->port, &wish->port, kinds[wish->kind].len);
	obj->wanted = true;
	obj->known = false;
	obj->changed = obj->inflight != 0;
}

static void want(struct dpobjs *set, const struct dpobj *wish)
{
	struct dpobj *free_obj = NULL;

	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		struct dpobj *obj = &set->objs[i];
		if (!obj->used) {
			free_obj = free_obj == NULL ? obj : free_obj;
			continue;
		}
		if (obj->kind != wish->kind)
			continue;
		if (memcmp(&obj->port, &wish->port, kinds[wish->kind].len) == 0) {
			obj->wanted = true;
			return;
		}
		if (!kinds[wish->kind].del) {
			replace(obj, wish);
			return;
		}
	}
	if (free_obj != NULL) {
		*free_obj = *wish;
		free_obj->used = true;
		free_obj->wanted = true;
	} else {
		log_err("too many ports and media addresses are being replaced at once");
	}
}

/*
 * The data plane has one range of ports for an address. Realms that share an address have ranges
 * apart from each other: it gets what spans them all.
 */
static void want_addr(struct dpobjs *set, const struct cfg *cfg, const struct cfg_realm *realm,
	const struct ipaddr *addr)
{
	uint32_t lo = realm->media_port_min, hi = realm->media_port_max;
	struct dpobj obj;

	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *other = &cfg->realms[i];
		if (!ipaddr_same_ip(&other->media_ipv4, addr) &&
			!ipaddr_same_ip(&other->media_ipv6, addr))
			continue;
		lo = other->media_port_min < lo ? other->media_port_min : lo;
		hi = other->media_port_max > hi ? other->media_port_max : hi;
	}
	memset(&obj, 0, sizeof(obj)); /* compared as memory */
	obj.kind = DPOBJ_ADDR;
	obj.addr.addr = *addr;
	obj.addr.addr.port_be16 = 0;
	obj.addr.port_lo = (uint16_t)lo;
	obj.addr.port_hi = (uint16_t)hi;
	snprintf(obj.addr.port_name, sizeof(obj.addr.port_name), "%s", realm->interface);
	want(set, &obj);
}

static void want_police(struct dpobjs *set, const struct cfg *cfg)
{
	struct dpobj obj;
	struct dp_police *police = &obj.police;

	memset(&obj, 0, sizeof(obj));
	obj.kind = DPOBJ_POLICE;
	memcpy(police->class, cfg->police, sizeof(police->class));
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		for (uint32_t k = 0; k < cfg->realms[i].n_listen; k++) {
			uint16_t port = ipaddr_port(&cfg->realms[i].listen[k].addr);
			uint32_t at = 0;
			while (at < police->n_sip_ports && police->sip_ports[at] != port)
				at++;
			/* More different ports than fit: those behind count as "other". */
			if (at == police->n_sip_ports && at < DP_POLICE_SIP_PORTS)
				police->sip_ports[police->n_sip_ports++] = port;
		}
	}
	want(set, &obj);
}

static struct dpobj *acl_find(struct dpobjs *set, const char *name, uint32_t family)
{
	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		struct dpobj *obj = &set->objs[i];
		if (obj->used && obj->kind == DPOBJ_ACL && obj->acl.name.family == family &&
			strcmp(obj->acl.name.name, name) == 0)
			return obj;
	}
	return NULL;
}

static struct dpobj *place(struct dpobjs *set, enum dpobj_kind kind)
{
	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		struct dpobj *obj = &set->objs[i];
		if (obj->used)
			continue;
		memset(obj, 0, sizeof(*obj));
		obj->used = true;
		obj->kind = kind;
		return obj;
	}
	return NULL;
}

static size_t acl_len(const struct dp_acl *conf)
{
	return sizeof(*conf) + conf->n * sizeof(conf->rules[0]);
}

static struct dp_acl *acl_of(const struct cfg_access_list *list, unsigned int family)
{
	struct dp_acl *conf = calloc(1, sizeof(*conf) + list->n_rules * sizeof(conf->rules[0]));

	if (conf == NULL)
		return NULL;
	snprintf(conf->name, sizeof(conf->name), "%s", list->name);
	conf->family = family;
	for (uint32_t i = 0; i < list->n_rules; i++)
		if (list->rules[i].remark[0] == 0)
			conf->rules[conf->n++] = list->rules[i].match;
	return conf;
}

static void want_acl(struct dpobjs *set, const struct cfg_access_list *list, unsigned int family)
{
	struct dpobj *obj = acl_find(set, list->name, family);
	struct dp_acl *conf = acl_of(list, family);

	if (conf != NULL && obj == NULL)
		obj = place(set, DPOBJ_ACL);
	if (conf == NULL || obj == NULL) {
		log_err("no memory for access list %s: what it lets in stays as it is", list->name);
		free(conf);
		return;
	}
	obj->wanted = true;
	if (obj->acl.conf != NULL && acl_len(obj->acl.conf) == acl_len(conf) &&
		memcmp(obj->acl.conf, conf, acl_len(conf)) == 0) {
		free(conf);
		return;
	}
	free(obj->acl.conf);
	obj->acl.conf = conf;
	snprintf(obj->acl.name.name, sizeof(obj->acl.name.name), "%s", list->name);
	obj->acl.name.family = family;
	obj->changed = obj->inflight != 0;
	obj->known = false;
}

/* Said in any case: also that there is none, to a data plane that remembers another. */
static void want_access(struct dpobjs *set, const struct cfg *cfg)
{
	struct dp_access access = {0};
	struct dpobj *obj = NULL;

	for (uint32_t i = 0; i < cfg->n_interfaces; i++) {
		const struct cfg_interface *interface = &cfg->interfaces[i];
		struct dp_access_port *port = &access.ports[access.n];
		if (!dpobjs_interface_has_port(cfg, interface) || access.n == DP_PORTS_MAX ||
			(interface->access4[0] == 0 && interface->access6[0] == 0))
			continue;
		snprintf(port->port, sizeof(port->port), "%s", interface->name);
		snprintf(port->in4, sizeof(port->in4), "%s", interface->access4);
		snprintf(port->in6, sizeof(port->in6), "%s", interface->access6);
		access.n++;
	}
	for (unsigned int i = 0; i < DPOBJS_MAX; i++)
		if (set->objs[i].used && set->objs[i].kind == DPOBJ_ACCESS)
			obj = &set->objs[i];
	if (obj == NULL)
		obj = place(set, DPOBJ_ACCESS);
	if (obj == NULL)
		return; /* cannot be: there is room for it, and it never goes */
	obj->wanted = true;
	if (memcmp(&access, &set->access, sizeof(access)) == 0)
		return;
	set->access = access;
	obj->changed = obj->inflight != 0;
	obj->known = false;
}

void dpobjs_apply(struct dpobjs *set, const struct cfg *cfg)
{
	set->in_step = false;
	for (unsigned int i = 0; i < DPOBJS_MAX; i++)
		set->objs[i].wanted = false;
	want_police(set, cfg);
	acls_walk(cfg, set, want_acl);
	want_access(set, cfg);
	for (uint32_t i = 0; i < cfg->n_interfaces; i++) {
		const struct cfg_interface *interface = &cfg->interfaces[i];
		struct dpobj obj;
		if (!dpobjs_interface_has_port(cfg, interface))
			continue;
		memset(&obj, 0, sizeof(obj));
		snprintf(obj.port.name, sizeof(obj.port.name), "%s", interface->name);
		snprintf(obj.port.devargs, sizeof(obj.port.devargs), "%s", interface->device);
		obj.port.mtu = (uint16_t)interface->mtu;
		obj.port.vlan = (uint16_t)interface->vlan;
		for (unsigned int k = 0; interface->vlan != 0 && k < sizeof(obj.port.pcp); k++)
			obj.port.pcp[k] = (uint8_t)(k >> 3); /* class selectors, RFC 2474 4.2.2 */
		for (uint32_t k = 0; interface->vlan != 0 && k < interface->n_cos; k++)
			obj.port.pcp[interface->cos[k].dscp] = interface->cos[k].cos;
		want(set, &obj);
	}
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];
		if (addr_wanted(cfg, realm, &realm->media_ipv4))
			want_addr(set, cfg, realm, &realm->media_ipv4);
		if (addr_wanted(cfg, realm, &realm->media_ipv6))
			want_addr(set, cfg, realm, &realm->media_ipv6);
	}
	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		struct dpobj *obj = &set->objs[i];
		if (!obj->wanted && !obj->known && obj->inflight == 0)
			vacate(obj);
		obj->failed = false;
	}
}

void dpobjs_reset(struct dpobjs *set, bool same_boot)
{
	set->in_step = false;
	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		struct dpobj *obj = &set->objs[i];
		obj->inflight = 0;
		obj->failed = false;
		obj->stale = false;
		obj->changed = false;
		obj->told = 0;
		/* What is wanted is said again in any case; requests are idempotent. */
		obj->known = same_boot && !obj->wanted && obj->known;
		if (!obj->wanted && !obj->known)
			vacate(obj);
	}
}

static const char *obj_name(const struct dpobj *obj)
{
	return obj->kind == DPOBJ_ADDR ? obj->addr.port_name : obj->port.name;
}

/* An address waits for its port; a port's successor of that name waits for its removal. */
static bool is_blocked_by(const struct dpobj *obj, const struct dpobj *other)
{
	bool is_addr = obj->kind == DPOBJ_ADDR, other_is_addr = other->kind == DPOBJ_ADDR;

	if (is_addr && !other_is_addr)
		return obj->wanted && (!other->known || !other->wanted);
	if (!is_addr && !other_is_addr)
		return obj->wanted && !other->wanted;
	/* A port that goes waits for its addresses to go first, */
	if (!is_addr)
		return !obj->wanted && other->known && !other->wanted;
	/* and an address with another range for the old one to go. */
	return obj->wanted && !other->wanted && ipaddr_same_ip(&obj->addr.addr, &other->addr.addr);
}

/* Whether other is the port of which obj is a sub-interface. */
static bool is_sub_of(const struct dpobj *obj, const struct dpobj *other)
{
	const char *dot = strrchr(obj->port.name, '.');

	return obj->kind == DPOBJ_PORT && obj->port.vlan != 0 && other->used &&
	       other->kind == DPOBJ_PORT && other->port.vlan == 0 && dot != NULL &&
	       strlen(other->port.name) == (size_t)(dot - obj->port.name) &&
	       strncmp(obj->port.name, other->port.name, (size_t)(dot - obj->port.name)) == 0;
}

/*
 * Lists come before ports that use them, and those before their first frame; a list goes when
 * nothing uses it any more.
 */
static bool is_blocked_by_access(const struct dpobj *obj, const struct dpobj *other)
{
	bool access_open = other->kind == DPOBJ_ACCESS && !other->known;

	switch (obj->kind) {
	case DPOBJ_PORT:
		return obj->wanted && access_open;
	case DPOBJ_ACL:
		return !obj->wanted && access_open;
	case DPOBJ_ACCESS:
		return other->kind == DPOBJ_ACL && other->wanted && !other->known;
	default:
		return false;
	}
}

static bool is_blocked(const struct dpobjs *set, const struct dpobj *obj)
{
	for (unsigned int i = 0; i < DPOBJS_MAX; i++)
		if (set->objs[i].used && is_blocked_by_access(obj, &set->objs[i]))
			return true;
	/* A sub-interface waits for its port: for the one to come, if that is being replaced. */
	for (unsigned int i = 0; obj->wanted && i < DPOBJS_MAX; i++) {
		const struct dpobj *other = &set->objs[i];
		if (is_sub_of(obj, other) && (!other->known || !other->wanted))
			return true;
	}
	for (unsigned int i = 0; obj->kind <= DPOBJ_ADDR && i < DPOBJS_MAX; i++) {
		const struct dpobj *other = &set->objs[i];
		if (other->used && other != obj && other->kind <= DPOBJ_ADDR &&
			strcmp(obj_name(other), obj_name(obj)) == 0 && is_blocked_by(obj, other))
			return true;
	}
	return false;
}

static uint16_t request_for(const struct dpobj *obj)
{
	if (obj->stale)
		return DP_PORT_DEL;
	if (obj->wanted && !obj->known)
		return kinds[obj->kind].set;
	if (!obj->wanted && obj->known)
		return kinds[obj->kind].del;
	return 0;
}

static const void *body_of(
	const struct dpobjs *set, const struct dpobj *obj, uint16_t type, size_t *ret_len)
{
	bool is_set = type == kinds[obj->kind].set;

	*ret_len = is_set ? kinds[obj->kind].len : kinds[obj->kind].del_len;
	if (type == DP_ACL_SET)
		*ret_len = acl_len(obj->acl.conf);
	else if (type == DP_ACCESS_SET)
		*ret_len = sizeof(set->access);
	if (type == DP_ACCESS_SET)
		return &set->access;
	return type == DP_ACL_SET ? (const void *)obj->acl.conf : &obj->port;
}

bool dpobjs_next(struct dpobjs *set, uint64_t now_ms, uint16_t *ret_type, unsigned int *ret_index,
	const void **ret_body, size_t *ret_len)
{
	if (set->in_step)
		return false;
	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		struct dpobj *obj = &set->objs[i];
		uint16_t type = obj->used && obj->inflight == 0 ? request_for(obj) : 0;
		if (type == 0 || (obj->failed && now_ms < obj->retry_ms) || is_blocked(set, obj))
			continue;
		obj->inflight = type;
		*ret_type = type;
		*ret_index = i;
		*ret_body = body_of(set, obj, type, ret_len);
		return true;
	}
	return false;
}

static void tell_failure(struct dpobj *obj, uint16_t type, int32_t status)
{
	char addr[IPADDR_TEXT_MAX];

	if (obj->told == status)
		return;
	obj->told = status;
	if (obj->kind == DPOBJ_POLICE)
		log_err("the data plane refuses the limits of control-plane: %s",
			strerror(-status));
	else if (obj->kind == DPOBJ_ACL)
		log_err("the data plane cannot %s access list %s: %s; the list stays as it was, "
			"and "
			"it is tried again",
			type == DP_ACL_DEL ? "remove" : "make", obj->acl.name.name,
			strerror(-status));
	else if (obj->kind == DPOBJ_ACCESS)
		log_err("the data plane refuses the access lists of the interfaces: %s; new "
			"interfaces wait for them",
			strerror(-status));
	else if (obj->kind == DPOBJ_ADDR)
		log_err("the data plane refuses media address %s on port %s: %s",
			ipaddr_print(&obj->addr.addr, addr), obj->addr.port_name,
			strerror(-status));
	else
		log_err("the data plane cannot %s port %s (device %s): %s; it is tried again",
			type == DP_PORT_DEL ? "remove" : "open", obj->port.name, obj->port.devargs,
			strerror(-status));
}

bool dpobjs_done(
	struct dpobjs *set, unsigned int index, uint16_t type, int32_t status, uint64_t now_ms)
{
	struct dpobj *obj = index < DPOBJS_MAX ? &set->objs[index] : NULL;
	bool is_del = type == DP_PORT_DEL || type == DP_MEDIA_ADDR_DEL || type == DP_ACL_DEL;

	if (obj == NULL || obj->inflight != type)
		return false;
	set->in_step = false;
	obj->inflight = 0;
	if (type == DP_PORT_SET && status == -EBUSY) {
		/* It is there with another device, from before our restart: away with that. */
		obj->stale = true;
		return false;
	}
	if (status < 0 && !(is_del && status == -ENOENT)) {
		obj->failed = true;
		obj->retry_ms = now_ms + DPOBJS_RETRY_MS;
		tell_failure(obj, type, status);
		return false;
	}
	obj->failed = false;
	obj->told = 0;
	obj->known = !is_del && !obj->changed;
	obj->changed = false;
	obj->stale = false;
	/* A port takes its sub-interfaces with it. */
	for (unsigned int i = 0; type == DP_PORT_DEL && i < DPOBJS_MAX; i++) {
		struct dpobj *sub = &set->objs[i];
		if (!sub->used || !is_sub_of(sub, obj))
			continue;
		sub->known = false;
		sub->used = sub->wanted || sub->inflight != 0;
	}
	if (!obj->known && !obj->wanted)
		vacate(obj);
	return type == DP_MEDIA_ADDR_SET;
}

void dpobjs_found_port(struct dpobjs *set, const char *name)
{
	set->in_step = false;
	struct dpobj *free_obj = NULL;

	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		struct dpobj *obj = &set->objs[i];
		if (!obj->used)
			free_obj = free_obj == NULL ? obj : free_obj;
		else if (obj->kind == DPOBJ_PORT && strcmp(obj->port.name, name) == 0)
			return;
	}
	if (free_obj == NULL)
		return;
	memset(free_obj, 0, sizeof(*free_obj));
	free_obj->used = free_obj->known = true;
	snprintf(free_obj->port.name, sizeof(free_obj->port.name), "%s", name);
}

void dpobjs_found_acl(struct dpobjs *set, const char *name, uint32_t family)
{
	struct dpobj *obj;

	set->in_step = false;
	if (acl_find(set, name, family) != NULL)
		return;
	obj = place(set, DPOBJ_ACL);
	if (obj == NULL)
		return;
	obj->known = true;
	snprintf(obj->acl.name.name, sizeof(obj->acl.name.name), "%s", name);
	obj->acl.name.family = family;
}

bool dpobjs_settled(struct dpobjs *set)
{
	bool in_step = true;

	if (set->in_step)
		return true;
	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		const struct dpobj *obj = &set->objs[i];
		if (!obj->used)
			continue;
		if (obj->inflight != 0)
			return false;
		in_step = in_step && request_for(obj) == 0;
		if (request_for(obj) != 0 && !obj->failed && !is_blocked(set, obj))
			return false;
	}
	set->in_step = in_step;
	return true;
}

bool dpobjs_has_port(const struct dpobjs *set, const char *name)
{
	for (unsigned int i = 0; i < DPOBJS_MAX; i++) {
		const struct dpobj *obj = &set->objs[i];
		if (obj->used && obj->kind == DPOBJ_PORT && obj->wanted && obj->known &&
			strcmp(obj->port.name, name) == 0)
			return true;
	}
	return false;
}
