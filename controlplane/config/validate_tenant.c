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

static int check_stir(const struct cfg_stir *stir, char *error)
{
	const char *url = stir->certificate_url;

	if (strlen(stir->origid) > 63) {
		snprintf(error, CFG_ERROR_MAX,
			"voice class stir-shaken %u: \"origid\": at most 63 characters", stir->tag);
		return -EINVAL;
	}
	if (stir->private_key[0] && !url[0]) {
		snprintf(error, CFG_ERROR_MAX,
			"voice class stir-shaken %u: \"private-key\" needs \"certificate-url\": "
			"where "
			"does the other side find its certificate?",
			stir->tag);
		return -ENODATA;
	}
	if (url[0] && strncmp(url, "https://", 8) != 0 &&
		(strncmp(url, "http://", 7) != 0 || !stir->plain_http)) {
		snprintf(error, CFG_ERROR_MAX,
			"voice class stir-shaken %u: \"certificate-url %s\": it must begin with "
			"https://",
			stir->tag, url);
		return -EINVAL;
	}
	return 0;
}

int cfg_check_tenants(const struct cfg *cfg, char *error)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < cfg->n_stirs; i++)
		rc = check_stir(&cfg->stirs[i], error);
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
