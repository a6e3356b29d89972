/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A configuration in memory: life cycle, objects by key, settings by row. The arrays of struct
 * cfg are kept sorted by key; their room is the next power of two of their count, so that reading
 * a large file costs no copy a line.
 */
#include "controlplane/config/rule.h"
#include "controlplane/config/schema.h"
#include "controlplane/config/sip_rule.h"
#include "controlplane/config/translation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void *field(const struct cfg_leaf *leaf, void *obj)
{
	return (char *)obj + leaf->offset;
}

static const void *field_of(const struct cfg_leaf *leaf, const void *obj)
{
	return (const char *)obj + leaf->offset;
}

static uint32_t *count_of(const struct cfg_leaf *leaf, void *obj)
{
	return (uint32_t *)((char *)obj + leaf->count_offset);
}

static size_t value_size(const struct cfg_leaf *leaf)
{
	return leaf->type == CFG_T_PORT_RANGE ? 2 * sizeof(uint32_t) : leaf->size;
}

static unsigned int list_max(const struct cfg_leaf *leaf)
{
	return leaf->type == CFG_T_RULE		 ? CFG_RULES_MAX
	       : leaf->type == CFG_T_TRANSLATION ? CFG_TRANSLATIONS_MAX
	       : leaf->type == CFG_T_SIP_RULE	 ? CFG_SIP_RULES_MAX
						 : CFG_LIST_MAX;
}

/* ---- settings ---- */

unsigned int cfg_leaf_count(const struct cfg_leaf *leaf, const void *obj)
{
	return *(const uint32_t *)((const char *)obj + leaf->count_offset);
}

const void *cfg_leaf_at(const struct cfg_leaf *leaf, const void *obj, unsigned int i)
{
	return (const char *)field_of(leaf, obj) + (size_t)i * leaf->size;
}

void cfg_leaf_none(const struct cfg_leaf *leaf, void *obj)
{
	if (leaf->flags & CFG_F_LIST) {
		memset(field(leaf, obj), 0, (size_t)leaf->size * list_max(leaf));
		*count_of(leaf, obj) = 0;
	} else if (leaf->type == CFG_T_BOOL || (leaf->flags & CFG_F_ZERO_NONE)) {
		memset(field(leaf, obj), 0, leaf->size);
	} else {
		cfg_leaf_reset(leaf, obj);
	}
}

void cfg_leaf_reset(const struct cfg_leaf *leaf, void *obj)
{
	char error[CFG_ERROR_MAX];
	void *p = field(leaf, obj);

	if (leaf->flags & CFG_F_LIST) {
		cfg_leaf_none(leaf, obj);
		return;
	}
	memset(p, 0, value_size(leaf));
	if (leaf->def_text) {
		if (cfg_value_parse(leaf, view_of(leaf->def_text), p, error) < 0)
			abort(); /* a row of our own table; the unit test reads every row */
	} else if (leaf->type == CFG_T_U32) {
		memcpy(p, &leaf->def, sizeof(leaf->def));
	} else if (leaf->type == CFG_T_ENUM || leaf->type == CFG_T_DSCP ||
		   leaf->type == CFG_T_BOOL) {
		*(uint8_t *)p = (uint8_t)leaf->def;
	}
}

bool cfg_leaf_equal(const struct cfg_leaf *leaf, const void *a, const void *b)
{
	if (!(leaf->flags & CFG_F_LIST))
		return cfg_value_equal(leaf, field_of(leaf, a), field_of(leaf, b));
	if (cfg_leaf_count(leaf, a) != cfg_leaf_count(leaf, b))
		return false;
	for (unsigned int i = 0; i < cfg_leaf_count(leaf, a); i++) {
		if (!cfg_value_equal(leaf, cfg_leaf_at(leaf, a, i), cfg_leaf_at(leaf, b, i)))
			return false;
	}
	return true;
}

bool cfg_leaf_is_default(const struct cfg_leaf *leaf, const void *obj)
{
	char value[CFG_VALUE_MAX] __attribute__((aligned(8)));
	struct cfg_leaf alone = *leaf;

	if (leaf->flags & CFG_F_LIST)
		return cfg_leaf_count(leaf, obj) == 0;
	alone.offset = 0;
	cfg_leaf_reset(&alone, value);
	return cfg_value_equal(leaf, field_of(leaf, obj), value);
}

bool cfg_leaf_is_set(const struct cfg_leaf *leaf, const void *obj)
{
	const void *p = field_of(leaf, obj);
	uint32_t number;

	if (leaf->flags & CFG_F_LIST)
		return cfg_leaf_count(leaf, obj) > 0;
	switch ((enum cfg_type)leaf->type) {
	case CFG_T_BOOL:
		return *(const bool *)p;
	case CFG_T_U32:
		memcpy(&number, p, sizeof(number));
		return number != 0 || !(leaf->flags & CFG_F_ZERO_NONE);
	case CFG_T_NAME:
	case CFG_T_WORD:
	case CFG_T_LINE:
	case CFG_T_PATTERN:
		return *(const char *)p != 0;
	case CFG_T_ENUM:
		return *(const uint8_t *)p != 0 || !(leaf->flags & CFG_F_ZERO_NONE);
	case CFG_T_IPV4:
	case CFG_T_IPV6:
	case CFG_T_IP:
		return ipaddr_is_set(p);
	case CFG_T_TARGET:
		return cfg_target_is_set(p);
	case CFG_T_DATE:
		return ((const struct cfg_date *)p)->year != 0;
	case CFG_T_PREFIX:
	case CFG_T_NET:
		return ipaddr_is_set(&((const struct cfg_prefix *)p)->addr);
	default:
		return true;
	}
}

void cfg_leaf_copy(const struct cfg_leaf *leaf, void *dst, const void *src)
{
	if (leaf->flags & CFG_F_LIST) {
		memcpy(field(leaf, dst), field_of(leaf, src), (size_t)leaf->size * list_max(leaf));
		*count_of(leaf, dst) = cfg_leaf_count(leaf, src);
	} else {
		memcpy(field(leaf, dst), field_of(leaf, src), value_size(leaf));
	}
}

static int find_value(const struct cfg_leaf *leaf, const void *obj, const void *value)
{
	for (unsigned int i = 0; i < cfg_leaf_count(leaf, obj); i++) {
		if (cfg_value_equal(leaf, cfg_leaf_at(leaf, obj, i), value))
			return (int)i;
	}
	return -ENOENT;
}

/* The one that a value replaces, and that its "no" means: a server by its target alone. */
static int find_same(const struct cfg_leaf *leaf, const void *obj, const void *value)
{
	const struct cfg_member *member = value, *there;

	if (leaf->type != CFG_T_MEMBER)
		return find_value(leaf, obj, value);
	for (unsigned int i = 0; i < cfg_leaf_count(leaf, obj); i++) {
		there = cfg_leaf_at(leaf, obj, i);
		if (memcmp(&there->target, &member->target, sizeof(there->target)) == 0)
			return (int)i;
	}
	return -ENOENT;
}

static bool is_ranked(const struct cfg_leaf *leaf)
{
	return leaf->type == CFG_T_PREFERENCE || leaf->type == CFG_T_ANNOUNCEMENT ||
	       leaf->type == CFG_T_TRANSLATION || leaf->type == CFG_T_RULE ||
	       leaf->type == CFG_T_SIP_RULE;
}

static unsigned int rank_of(const struct cfg_leaf *leaf, const void *value)
{
	if (leaf->type == CFG_T_RULE)
		return ((const struct cfg_rule *)value)->match.seq;
	if (leaf->type == CFG_T_SIP_RULE)
		return ((const struct cfg_sip_rule *)value)->rank;
	if (leaf->type == CFG_T_TRANSLATION)
		return ((const struct cfg_translation *)value)->rank;
	return leaf->type == CFG_T_PREFERENCE ? ((const struct cfg_preference *)value)->rank
					      : ((const struct cfg_announcement *)value)->status;
}

/* Where a value stands or belongs. taken: there is one of that rank, which it replaces. */
static unsigned int place_of_rank(
	const struct cfg_leaf *leaf, const void *obj, const void *value, bool *ret_taken)
{
	unsigned int want = rank_of(leaf, value), i = 0;

	while (i < cfg_leaf_count(leaf, obj)) {
		unsigned int there = rank_of(leaf, cfg_leaf_at(leaf, obj, i));

		if (there >= want) {
			*ret_taken = there == want;
			return i;
		}
		i++;
	}
	return i;
}

int cfg_leaf_set(
	const struct cfg_leaf *leaf, void *obj, struct view text, char error[CFG_ERROR_MAX])
{
	char value[CFG_VALUE_MAX] __attribute__((aligned(8))) = {0};
	unsigned int at;
	bool taken = false;
	uint32_t *n;
	char *p;
	int rc = cfg_value_parse(leaf, text, value, error);

	if (rc < 0)
		return rc;
	if (!(leaf->flags & CFG_F_LIST)) {
		memcpy(field(leaf, obj), value, value_size(leaf));
		return 0;
	}
	n = count_of(leaf, obj);
	if (leaf->type == CFG_T_RULE && cfg_rule_number(field(leaf, obj), *n, (void *)value))
		return 0;
	if (leaf->type == CFG_T_SIP_RULE &&
		cfg_sip_rule_number(field(leaf, obj), *n, (void *)value))
		return 0;
	rc = find_same(leaf, obj, value);
	if (rc >= 0) {
		memcpy((char *)field(leaf, obj) + (size_t)rc * leaf->size, value, leaf->size);
		return 0;
	}
	at = is_ranked(leaf) ? place_of_rank(leaf, obj, value, &taken) : *n;
	if (!taken && *n == list_max(leaf)) {
		snprintf(error, CFG_ERROR_MAX, "no more than %u values fit", list_max(leaf));
		return -ENOSPC;
	}
	p = (char *)field(leaf, obj) + (size_t)at * leaf->size;
	if (!taken)
		memmove(p + leaf->size, p, (size_t)((*n)++ - at) * leaf->size);
	memcpy(p, value, leaf->size);
	return 0;
}

int cfg_leaf_remove(
	const struct cfg_leaf *leaf, void *obj, struct view text, char error[CFG_ERROR_MAX])
{
	char value[CFG_VALUE_MAX] __attribute__((aligned(8))) = {0};
	char *p = field(leaf, obj);
	uint32_t *n = count_of(leaf, obj);
	int i = 0, rc = 0;

	bool by_number = leaf->type == CFG_T_RULE || leaf->type == CFG_T_TRANSLATION ||
			 leaf->type == CFG_T_SIP_RULE;
	if (leaf->type == CFG_T_RULE)
		rc = i = cfg_rule_find(leaf->min, field(leaf, obj), *n, text, error);
	else if (leaf->type == CFG_T_SIP_RULE)
		rc = i = cfg_sip_rule_find(field(leaf, obj), *n, text, error);
	else if (leaf->type == CFG_T_TRANSLATION)
		rc = i = cfg_translation_find(leaf->max, field(leaf, obj), *n, text, error);
	else
		rc = cfg_value_parse(leaf, text, value, error);
	if (rc < 0)
		return rc;
	if (!by_number)
		i = find_same(leaf, obj, value);
	if (i < 0) {
		snprintf(error, CFG_ERROR_MAX, "%s is not configured",
			cfg_value_print(leaf, value, (char[CFG_VALUE_MAX]){0}));
		return i;
	}
	memmove(p + (size_t)i * leaf->size, p + ((size_t)i + 1) * leaf->size,
		(*n - (size_t)i - 1) * leaf->size);
	(*n)--;
	memset(p + (size_t)*n * leaf->size, 0, leaf->size);
	return 0;
}

/* ---- objects ---- */

static uint32_t *object_count(const struct cfg *cfg, const struct cfg_object *object)
{
	return (uint32_t *)((char *)(uintptr_t)cfg + object->count_offset);
}

static char *array_get(const struct cfg *cfg, const struct cfg_object *object)
{
	char *p;

	memcpy(&p, (const char *)cfg + object->offset, sizeof(p));
	return p;
}

static void array_set(struct cfg *cfg, const struct cfg_object *object, char *p)
{
	memcpy((char *)cfg + object->offset, &p, sizeof(p));
}

unsigned int cfg_object_count(const struct cfg *cfg, enum cfg_kind kind)
{
	return cfg_objects[kind].single ? 1 : *object_count(cfg, &cfg_objects[kind]);
}

void *cfg_object_at(const struct cfg *cfg, enum cfg_kind kind, unsigned int i)
{
	const struct cfg_object *object = &cfg_objects[kind];

	if (object->single)
		return (void *)(uintptr_t)cfg;
	return array_get(cfg, object) + (size_t)i * object->size;
}

static int compare_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_key(const struct cfg_leaf *key, const void *a, const void *b)
{
	const struct cfg_prefix *pa = a, *pb = b;
	uint32_t na, nb;
	int c;

	switch ((enum cfg_type)key->type) {
	case CFG_T_U32:
		memcpy(&na, a, sizeof(na));
		memcpy(&nb, b, sizeof(nb));
		return compare_number(na, nb);
	case CFG_T_NET:
		c = compare_number(pa->addr.family, pb->addr.family);
		if (c == 0)
			c = memcmp(pa->addr.ip, pb->addr.ip, sizeof(pa->addr.ip));
		return c ? c : compare_number(pa->len, pb->len);
	default:
		return strcmp(a, b);
	}
}

int cfg_object_compare(enum cfg_kind kind, const void *a, const void *b)
{
	const struct cfg_leaf *key = cfg_leaf_key(kind);

	return key ? compare_key(key, field_of(key, a), field_of(key, b)) : 0;
}

/* Place of the key: true when it is there, else where it would be. */
static bool locate(const struct cfg *cfg, const struct cfg_object *object, const void *key_value,
	unsigned int *ret_i)
{
	const struct cfg_leaf *key = cfg_leaf_key(object->kind);
	unsigned int lo = 0, hi = *object_count(cfg, object), mid = hi - 1;
	const char *keys = hi ? array_get(cfg, object) + key->offset : NULL;

	/* Files are sorted: most often it belongs behind the last one, which is looked at first. */
	for (; lo < hi; mid = lo + (hi - lo) / 2) {
		int c = compare_key(key, keys + (size_t)mid * object->size, key_value);
		if (c == 0) {
			*ret_i = mid;
			return true;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_i = lo;
	return false;
}

void *cfg_object_find(const struct cfg *cfg, enum cfg_kind kind, struct view key)
{
	char value[CFG_VALUE_MAX] __attribute__((aligned(8))) = {0}, error[CFG_ERROR_MAX];
	const struct cfg_object *object = &cfg_objects[kind];
	unsigned int i;

	if (object->single)
		return cfg_object_at(cfg, kind, 0);
	if (cfg_value_parse(cfg_leaf_key(kind), key, value, error) < 0 ||
		!locate(cfg, object, value, &i))
		return NULL;
	return cfg_object_at(cfg, kind, i);
}

static bool is_power_of_2(uint32_t n)
{
	return (n & (n - 1)) == 0;
}

int cfg_object_add(struct cfg *cfg, enum cfg_kind kind, struct view key, void **ret_obj,
	char error[CFG_ERROR_MAX])
{
	char value[CFG_VALUE_MAX] __attribute__((aligned(8))) = {0};
	const struct cfg_object *object = &cfg_objects[kind];
	const struct cfg_leaf *key_leaf = cfg_leaf_key(kind), *leaf, *end;
	uint32_t *n = object_count(cfg, object);
	unsigned int i;
	char *p;
	int rc;

	if (object->single) {
		*ret_obj = cfg;
		return 0;
	}
	rc = cfg_value_parse(key_leaf, key, value, error);
	if (rc < 0)
		return rc;
	if (locate(cfg, object, value, &i)) {
		*ret_obj = cfg_object_at(cfg, kind, i);
		return 0;
	}
	p = array_get(cfg, object);
	if (is_power_of_2(*n)) {
		char *more = realloc(p, (*n ? (size_t)*n * 2 : 1) * object->size);
		if (!more) {
			snprintf(error, CFG_ERROR_MAX, "out of memory");
			return -ENOMEM;
		}
		p = more;
		array_set(cfg, object, p);
	}
	p += (size_t)i * object->size;
	memmove(p + object->size, p, (size_t)(*n - i) * object->size);
	memset(p, 0, object->size);
	(*n)++;
	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++)
		cfg_leaf_reset(leaf, p);
	memcpy(field(key_leaf, p), value, value_size(key_leaf));
	*ret_obj = p;
	return 0;
}

int cfg_object_del(struct cfg *cfg, enum cfg_kind kind, struct view key)
{
	const struct cfg_object *object = &cfg_objects[kind];
	uint32_t *n = object_count(cfg, object);
	char *p, *first;
	size_t i;

	if (object->single)
		return -EPERM;
	p = cfg_object_find(cfg, kind, key);
	if (!p)
		return -ENOENT;
	first = array_get(cfg, object);
	i = (size_t)(p - first) / object->size;
	memmove(p, p + object->size, (*n - i - 1) * object->size);
	(*n)--;
	return 0;
}

char *cfg_object_title(enum cfg_kind kind, const void *obj, char buf[CFG_VALUE_MAX + 32])
{
	const struct cfg_leaf *key = cfg_leaf_key(kind);
	char value[CFG_VALUE_MAX] = "";

	if (key)
		cfg_value_print(key, field_of(key, obj), value);
	snprintf(buf, CFG_VALUE_MAX + 32, "%s%s%s", cfg_objects[kind].noun, key ? " " : "", value);
	return buf;
}

/* ---- whole configurations ---- */

struct cfg *cfg_new(void)
{
	struct cfg *cfg = calloc(1, sizeof(*cfg));

	for (const struct cfg_leaf *leaf = NULL; cfg && (leaf = cfg_leaf_next(leaf)) != NULL;) {
		if (cfg_objects[leaf->kind].single)
			cfg_leaf_reset(leaf, cfg);
	}
	return cfg;
}

void cfg_free(struct cfg *cfg)
{
	if (!cfg)
		return;
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		if (!cfg_objects[kind].single)
			free(array_get(cfg, &cfg_objects[kind]));
	}
	free(cfg);
}

static size_t room(uint32_t n)
{
	size_t cap = 1;

	while (cap < n)
		cap *= 2;
	return cap;
}

struct cfg *cfg_clone(const struct cfg *cfg)
{
	struct cfg *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *cfg;
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		if (!cfg_objects[kind].single)
			array_set(copy, &cfg_objects[kind], NULL);
	}
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		const struct cfg_object *object = &cfg_objects[kind];
		uint32_t n = object->single ? 0 : *object_count(cfg, object);
		char *p;
		if (n == 0)
			continue;
		p = malloc(room(n) * object->size);
		if (!p) {
			cfg_free(copy);
			return NULL;
		}
		memcpy(p, array_get(cfg, object), (size_t)n * object->size);
		array_set(copy, object, p);
	}
	return copy;
}

bool cfg_equal(const struct cfg *a, const struct cfg *b)
{
	for (const struct cfg_leaf *leaf = NULL; (leaf = cfg_leaf_next(leaf)) != NULL;) {
		unsigned int n = cfg_object_count(a, leaf->kind);
		if (n != cfg_object_count(b, leaf->kind))
			return false;
		for (unsigned int j = 0; j < n; j++) {
			if (!cfg_leaf_equal(leaf, cfg_object_at(a, leaf->kind, j),
				    cfg_object_at(b, leaf->kind, j)))
				return false;
		}
	}
	return true;
}

/* By the key as it is stored. */
static void *find(const struct cfg *cfg, enum cfg_kind kind, const void *key)
{
	unsigned int i;

	if (!key || !locate(cfg, &cfg_objects[kind], key, &i))
		return NULL;
	return cfg_object_at(cfg, kind, i);
}

/* The same where a call asks many times: names are those of the first element. */
static const void *find_named(const char *names, size_t size, uint32_t n, const char *name)
{
	uint32_t lo = 0, hi = n;

	if (!name || !name[0])
		return NULL;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = strcmp(names + mid * size, name);

		if (c == 0)
			return names + mid * size;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool cfg_interface_has_device(const struct cfg_interface *interface)
{
	return interface->device[0] != 0 || interface->vlan != 0;
}

const struct cfg_interface *cfg_interface_parent(
	const struct cfg *cfg, const struct cfg_interface *interface)
{
	const char *dot = strrchr(interface->name, '.');
	char name[CFG_IF_MAX];

	if (!interface->vlan || !dot)
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)(dot - interface->name), interface->name);
	return cfg_find_interface(cfg, name);
}

const struct cfg_realm *cfg_realm_network(const struct cfg *cfg, const struct cfg_realm *realm)
{
	for (uint32_t i = 0; realm->interface[0] != 0 && i < cfg->n_realms; i++) {
		if (strcmp(cfg->realms[i].interface, realm->interface) == 0)
			return &cfg->realms[i];
	}
	return realm;
}

bool cfg_realm_defends(const struct cfg_realm *realm)
{
	return realm->defence == CFG_DEFENCE_ALWAYS ||
	       (realm->defence == CFG_DEFENCE_BY_CLASS && realm->class == CFG_REALM_ACCESS);
}

const struct cfg_realm *cfg_find_realm(const struct cfg *cfg, const char *name)
{
	_Static_assert(offsetof(struct cfg_realm, name) == 0, "as find_named() wants it");
	return find_named((const char *)cfg->realms, sizeof(cfg->realms[0]), cfg->n_realms, name);
}

const struct cfg_trunk *cfg_find_trunk(const struct cfg *cfg, const char *name)
{
	_Static_assert(offsetof(struct cfg_trunk, name) == 0, "as find_named() wants it");
	return find_named((const char *)cfg->trunks, sizeof(cfg->trunks[0]), cfg->n_trunks, name);
}

const struct cfg_access_list *cfg_find_access_list(
	const struct cfg *cfg, unsigned int family, const char *name)
{
	return find(cfg, family == 4 ? CFG_ACCESS_LIST4 : CFG_ACCESS_LIST6, name);
}

const struct cfg_interface *cfg_find_interface(const struct cfg *cfg, const char *name)
{
	return find(cfg, CFG_INTERFACE, name);
}

const struct cfg_dial_peer *cfg_find_dial_peer(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_DIAL_PEER, &tag);
}

const struct cfg_registrar *cfg_find_registrar(const struct cfg *cfg, const char *name)
{
	return find(cfg, CFG_REGISTRAR, name);
}

const struct cfg_registrar *cfg_realm_registrar(const struct cfg *cfg, const char *realm)
{
	for (uint32_t i = 0; i < cfg->n_registrars; i++) {
		if (strcmp(cfg->registrars[i].realm, realm) == 0)
			return &cfg->registrars[i];
	}
	return NULL;
}

const char *cfg_pool_number(const struct cfg_pool *pool)
{
	return pool->number[0] ? pool->number : pool->username;
}

const struct cfg_voice_codec *cfg_find_voice_codec(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_VOICE_CODEC, &tag);
}

const struct cfg_srtp_crypto *cfg_find_srtp_crypto(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_SRTP_CRYPTO, &tag);
}

const struct cfg_server_group *cfg_find_server_group(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_SERVER_GROUP, &tag);
}

const struct cfg_prompt *cfg_find_prompt(const struct cfg *cfg, const char *name)
{
	return find(cfg, CFG_PROMPT, name);
}

const struct cfg_sip_profile *cfg_find_sip_profile(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_SIP_PROFILE, &tag);
}

const struct cfg_translation_rule *cfg_find_translation_rule(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_TRANSLATION_RULE, &tag);
}

const struct cfg_translation_profile *cfg_find_translation_profile(
	const struct cfg *cfg, const char *name)
{
	return find(cfg, CFG_TRANSLATION_PROFILE, name);
}

const struct cfg_time_range *cfg_find_time_range(const struct cfg *cfg, const char *name)
{
	return find(cfg, CFG_TIME_RANGE, name);
}

const struct cfg_pool *cfg_find_pool(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_POOL, &tag);
}

const struct cfg_link *cfg_find_link(const struct cfg *cfg, const char *name)
{
	return find(cfg, CFG_LINK, name);
}

const struct cfg_toll *cfg_find_toll(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_TOLL, &tag);
}

const struct cfg_dpg *cfg_find_dpg(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_DPG, &tag);
}

const struct cfg_route_table *cfg_find_route_table(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_ROUTE_TABLE, &tag);
}

const struct cfg_quality *cfg_find_quality(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_QUALITY, &tag);
}

const struct cfg_route_hook *cfg_find_route_hook(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_ROUTE_HOOK, &tag);
}

const struct cfg_e164_map *cfg_find_e164_map(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_E164_MAP, &tag);
}

/* Only what stands in the directory itself and below: no "..", no hidden names. */
const char *cfg_flash_path(const char *text, const char **ret_why)
{
	static const char scheme[] = "flash:";
	const char *path = text;

	*ret_why = "it must be flash:/ and the path of a file below its directory on the box";
	if (strncmp(path, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	path += sizeof(scheme) - 1;
	path += *path == '/';
	for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		if (*p == '/' || *p == '\0')
			return NULL;
		if (*p == '.') {
			*ret_why = "no part of a path may begin with a dot";
			return NULL;
		}
	}
	return path;
}

const struct cfg_tls_profile *cfg_find_tls_profile(const struct cfg *cfg, uint32_t tag)
{
	return find(cfg, CFG_TLS_PROFILE, &tag);
}

const struct cfg_tenant *cfg_find_tenant(const struct cfg *cfg, uint32_t tag)
{
	return tag != 0 ? find(cfg, CFG_TENANT, &tag) : NULL;
}

const struct cfg_tenant *cfg_tenant_of(
	const struct cfg *cfg, const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	if (trunk && trunk->tenant != 0)
		return cfg_find_tenant(cfg, trunk->tenant);
	return realm ? cfg_find_tenant(cfg, realm->tenant) : NULL;
}

uint32_t cfg_trunk_tls_profile(const struct cfg *cfg, const struct cfg_trunk *trunk)
{
	const struct cfg_realm *realm = cfg_find_realm(cfg, trunk->realm);

	if (trunk->tls_profile != 0 || !realm)
		return trunk->tls_profile;
	return realm->tls_profile;
}
