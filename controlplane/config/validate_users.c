/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registrars and their users; there may be a hundred thousand of these, so they are sorted. */
#include "controlplane/config/validate_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 3, 4))) static int fault(char *error, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CFG_ERROR_MAX, fmt, ap);
	va_end(ap);
	return rc;
}

/* In front of another registrar. */
static int check_core(const struct cfg *cfg, const struct cfg_registrar *r, char *error)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(cfg, r->core);

	if (trunk && strcmp(trunk->realm, r->realm) == 0)
		return fault(error, -EINVAL,
			"registrar %s: trunk %s of \"registration passthrough\" is in the phones' "
			"own "
			"realm %s",
			r->name, r->core, r->realm);
	if (r->core[0] && r->expires_nat_s > r->core_expires_s)
		return fault(error, -EINVAL,
			"registrar %s: \"expires nat\" %u is more than \"registration expires\" %u",
			r->name, r->expires_nat_s, r->core_expires_s);
	return 0;
}

static int check_registrars(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_registrars; i++) {
		const struct cfg_registrar *r = &cfg->registrars[i];
		const struct cfg_realm *realm = cfg_find_realm(cfg, r->realm);
		int rc;

		if (realm && realm->class != CFG_REALM_ACCESS)
			return fault(error, -EINVAL,
				"registrar %s: realm %s is not of class access, so no phones "
				"register there",
				r->name, r->realm);
		if (r->expires_min_s > r->expires_max_s)
			return fault(error, -EINVAL,
				"registrar %s: \"expires min\" %u is more than \"expires max\" %u",
				r->name, r->expires_min_s, r->expires_max_s);
		if (strpbrk(r->domain, "\\\"<>@;,"))
			return fault(error, -EINVAL,
				"registrar %s: \"domain %s\" is no domain name", r->name,
				r->domain);
		rc = check_core(cfg, r, error);
		if (rc < 0)
			return rc;
		for (uint32_t k = 0; k < i; k++) {
			if (r->realm[0] && strcmp(cfg->registrars[k].realm, r->realm) == 0)
				return fault(error, -EINVAL,
					"registrar %s: realm %s has registrar %s already", r->name,
					r->realm, cfg->registrars[k].name);
		}
	}
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct cfg_pool *const *x = a, *const *y = b;

	return strcmp(cfg_pool_number(*x), cfg_pool_number(*y));
}

static int compare_names(const void *a, const void *b)
{
	const struct cfg_pool *const *x = a, *const *y = b;
	int c = strcmp((*x)->registrar, (*y)->registrar);

	return c ? c : strcmp((*x)->username, (*y)->username);
}

/* A call to a number, and a name at a registrar, must mean one user. */
static int check_distinct(const struct cfg *cfg, const struct cfg_pool **sorted, char *error)
{
	qsort(sorted, cfg->n_pools, sizeof(*sorted), compare_names);
	for (uint32_t i = 1; i < cfg->n_pools; i++) {
		if (sorted[i]->username[0] && compare_names(&sorted[i - 1], &sorted[i]) == 0)
			return fault(error, -EINVAL,
				"voice register pool %u: voice register pool %u has the username "
				"%s at this registrar",
				sorted[i]->tag, sorted[i - 1]->tag, sorted[i]->username);
	}
	qsort(sorted, cfg->n_pools, sizeof(*sorted), compare_numbers);
	for (uint32_t i = 1; i < cfg->n_pools; i++) {
		if (cfg_pool_number(sorted[i])[0] &&
			compare_numbers(&sorted[i - 1], &sorted[i]) == 0)
			return fault(error, -EINVAL,
				"voice register pool %u: voice register pool %u is called by the "
				"number %s, too",
				sorted[i]->tag, sorted[i - 1]->tag, cfg_pool_number(sorted[i]));
	}
	return 0;
}

static bool is_digits(const char *number)
{
	const char *digits = number + (number[0] == '+');

	return digits[0] && strspn(digits, "0123456789*#ABCD") == strlen(digits);
}

int cfg_check_users(const struct cfg *cfg, char *error)
{
	const struct cfg_pool **sorted;
	int rc = check_registrars(cfg, error);

	if (rc < 0 || cfg->n_pools == 0)
		return rc;
	sorted = malloc(cfg->n_pools * sizeof(*sorted));
	if (!sorted)
		return fault(error, -ENOMEM, "out of memory");
	for (uint32_t i = 0; rc == 0 && i < cfg->n_pools; i++) {
		const struct cfg_pool *pool = &cfg->pools[i];

		const struct cfg_registrar *r = cfg_find_registrar(cfg, pool->registrar);

		sorted[i] = pool;
		if (pool->number[0] && !is_digits(pool->number))
			rc = fault(error, -EINVAL,
				"voice register pool %u: \"number %s\": digits are wanted, with "
				"'+' only in front",
				pool->tag, pool->number);
		else if (r && r->core[0])
			rc = fault(error, -EINVAL,
				"voice register pool %u: the users of registrar %s are those of "
				"the "
				"registrar behind trunk %s (registration passthrough)",
				pool->tag, r->name, r->core);
		else if (strpbrk(pool->username, "\\\"<>@:;,?"))
			rc = fault(error, -EINVAL,
				"voice register pool %u: \"username %s\" cannot stand in a SIP "
				"address",
				pool->tag, pool->username);
	}
	if (rc == 0)
		rc = check_distinct(cfg, sorted, error);
	free(sorted);
	return rc;
}
