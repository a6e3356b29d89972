/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rows of voice class tenant cannot say one by one. Called by cfg_validate() alone. */
#include "controlplane/config/validate_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int check_prefix(
	const struct cfg_tenant *tenant, const char *words, const char *prefix, char *error)
{
	if (prefix[strspn(prefix, "0123456789")] == '\0')
		return 0;
	snprintf(error, CFG_ERROR_MAX, "voice class tenant %u: \"caller-id %s %s\": digits only",
		tenant->tag, words, prefix);
	return -EINVAL;
}

int cfg_check_tenants(const struct cfg *cfg, char *error)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < cfg->n_tenants; i++) {
		const struct cfg_tenant *tenant = &cfg->tenants[i];

		rc = check_prefix(tenant, "national-prefix", tenant->national_prefix, error);
		if (rc == 0)
			rc = check_prefix(tenant, "international-prefix",
				tenant->international_prefix, error);
		if (rc == 0 && tenant->caller_id != CFG_CALLER_ID_PASS &&
			tenant->country_code == 0) {
			snprintf(error, CFG_ERROR_MAX,
				"voice class tenant %u: \"caller-id form\" needs \"caller-id "
				"country-code\"",
				tenant->tag);
			rc = -ENODATA;
		}
	}
	return rc;
}
