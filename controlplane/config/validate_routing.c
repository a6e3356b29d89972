/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rows of quality classes and route-hooks cannot say one by one. Of cfg_validate() alone. */
#include <errno.h>
#include <string.h>

#include "controlplane/config/validate_private.h"

static int check_quality(const struct cfg_quality *class, char *error)
{
	if (!class->asr_min && !class->ner_min && !class->acd_min_s && !class->pdd_max_ms &&
		!class->mos_min)
		return cfg_fault(error, -ENODATA,
			"voice class quality %u: it has no bound: set asr, ner, acd, pdd or mos",
			class->tag);
	return 0;
}

/* The host of "SCHEME://HOST..."; NULL: it is no such text. */
static const char *url_host(const char *url)
{
	const char *host = strncmp(url, "https://", 8) == 0  ? url + 8
			   : strncmp(url, "http://", 7) == 0 ? url + 7
							     : NULL;

	return host && *host && !strchr("/:@?#", *host) ? host : NULL;
}

static int check_hook(const struct cfg_route_hook *hook, char *error)
{
	const char *host = url_host(hook->url);
	size_t n = host ? strcspn(host, "/?#") : 0;

	if (!hook->url[0])
		return 0; /* it is required, which is said elsewhere */
	if (!host)
		return cfg_fault(error, -EINVAL,
			"voice class route-hook %u: \"url %s\": it must begin with https://HOST or "
			"http://HOST",
			hook->tag, hook->url);
	if (memchr(host, '@', n))
		return cfg_fault(error, -EINVAL,
			"voice class route-hook %u: \"url\": a password in it would be shown; use "
			"\"bearer\"",
			hook->tag);
	return 0;
}

int cfg_check_quality(const struct cfg *cfg, char *error)
{
	int rc = 0;

	if (cfg->n_qualities > CFG_QUALITIES_MAX)
		return cfg_fault(error, -EINVAL, "there are at most %u voice classes quality",
			CFG_QUALITIES_MAX);
	if (cfg->n_route_hooks > CFG_HOOKS_MAX)
		return cfg_fault(error, -EINVAL, "there are at most %u voice classes route-hook",
			CFG_HOOKS_MAX);
	for (uint32_t i = 0; rc == 0 && i < cfg->n_route_hooks; i++)
		rc = check_hook(&cfg->route_hooks[i], error);
	for (uint32_t i = 0; rc == 0 && i < cfg->n_qualities; i++)
		rc = check_quality(&cfg->qualities[i], error);
	return rc;
}
