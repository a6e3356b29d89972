/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trunks and the servers that they lead to: one way each, and a listener of ours towards it. */
#include "controlplane/config/validate_private.h"

#include <errno.h>
#include <stdlib.h>

/* family 0, transport CFG_TRANSPORT_DNS: any. */
static bool realm_listens(const struct cfg_realm *realm, unsigned int family, uint8_t transport)
{
	for (uint32_t i = 0; i < realm->n_listen; i++) {
		if ((family == 0 || realm->listen[i].addr.family == family) &&
			(transport == CFG_TRANSPORT_DNS || realm->listen[i].transport == transport))
			return true;
	}
	return false;
}

static int compare_trunks(const void *a, const void *b)
{
	const struct cfg_trunk *x = *(const struct cfg_trunk *const *)a,
			       *y = *(const struct cfg_trunk *const *)b;
	int c = strcmp(x->realm, y->realm);

	if (c == 0)
		c = memcmp(&x->target, &y->target, sizeof(x->target));
	if (c == 0)
		c = x->server_group < y->server_group ? -1 : x->server_group > y->server_group;
	return c ? c : (int)x->transport - (int)y->transport;
}

/* A call from a far end must belong to one trunk. */
static int check_distinct(const struct cfg *cfg, char *error)
{
	const struct cfg_trunk **sorted;
	int rc = 0;

	if (cfg->n_trunks < 2)
		return 0;
	sorted = malloc(cfg->n_trunks * sizeof(*sorted));
	if (!sorted)
		return cfg_fault(error, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < cfg->n_trunks; i++)
		sorted[i] = &cfg->trunks[i];
	qsort(sorted, cfg->n_trunks, sizeof(*sorted), compare_trunks);
	for (uint32_t i = 1; rc == 0 && i < cfg->n_trunks; i++) {
		if ((cfg_target_is_set(&sorted[i]->target) || sorted[i]->server_group) &&
			compare_trunks(&sorted[i - 1], &sorted[i]) == 0)
			rc = cfg_fault(error, -EINVAL,
				"trunk %s: trunk %s has the same realm, target and transport",
				sorted[i]->name, sorted[i - 1]->name);
	}
	free(sorted);
	return rc;
}

static int check_way(const struct cfg_trunk *trunk, const struct cfg_realm *realm,
	const struct cfg_target *target, char *error)
{
	const struct cfg_leaf *transport = cfg_leaf_find(CFG_TRUNK, "transport");
	char text[CFG_VALUE_MAX];

	if (trunk->transport == CFG_TRANSPORT_DNS && !target->name[0])
		return cfg_fault(error, -EINVAL,
			"trunk %s: \"session transport dns\" is for targets by name, and this one "
			"has an address",
			trunk->name);
	if (!realm || realm->n_listen == 0 ||
		realm_listens(realm, target->addr.family, trunk->transport))
		return 0;
	cfg_value_print(transport, &trunk->transport, text);
	if (target->name[0])
		return cfg_fault(error, -ENODATA, "trunk %s: realm %s has no \"sip listen %s\"",
			trunk->name, realm->name, text);
	return cfg_fault(error, -ENODATA,
		"trunk %s: realm %s has no \"sip listen %s\" with an IPv%u address", trunk->name,
		realm->name, text, target->addr.family);
}

static int check_trunk(const struct cfg *cfg, const struct cfg_trunk *trunk, char *error)
{
	const struct cfg_realm *realm = cfg_find_realm(cfg, trunk->realm);
	const struct cfg_server_group *group = cfg_find_server_group(cfg, trunk->server_group);
	bool has_target = cfg_target_is_set(&trunk->target);
	int rc = 0;

	if (!trunk->auth_username[0] != !trunk->auth_password[0])
		return cfg_fault(error, -ENODATA,
			"trunk %s: \"authentication\" needs both a username and a password",
			trunk->name);
	if (trunk->reg_expires_s != 0 && !trunk->reg_number[0] && !trunk->auth_username[0])
		return cfg_fault(error, -ENODATA,
			"trunk %s: \"registrar expires\" needs \"credentials number\" or "
			"\"authentication username\": which line is it?",
			trunk->name);
	if (trunk->reg_required && trunk->reg_expires_s == 0)
		return cfg_fault(error, -ENODATA,
			"trunk %s: \"registrar required\" needs \"registrar expires\"",
			trunk->name);
	if (has_target && trunk->server_group)
		return cfg_fault(error, -EINVAL,
			"trunk %s: \"session target\" and \"session server-group\" exclude each "
			"other; take one away with \"no\" first",
			trunk->name);
	if (!has_target && !trunk->server_group && realm)
		return cfg_fault(
			error, -ENODATA, "trunk %s: \"session target\" is missing", trunk->name);
	if (has_target)
		return check_way(trunk, realm, &trunk->target, error);
	for (uint32_t i = 0; rc == 0 && group && i < group->n_members; i++)
		rc = check_way(trunk, realm, &group->members[i].target, error);
	return rc;
}

/* What contradicts comes before what is not there yet. */
int cfg_check_targets(const struct cfg *cfg, char *error)
{
	char text[CFG_ERROR_MAX];
	int missing = 0;

	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		int rc = check_trunk(cfg, &cfg->trunks[i], text);

		if (rc < 0 && (rc != -ENODATA || !missing))
			missing = cfg_fault(error, rc, "%s", text);
		if (rc < 0 && rc != -ENODATA)
			return rc;
	}
	return missing ? missing : check_distinct(cfg, error);
}
