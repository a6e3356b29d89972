/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What limits of calls have to be beyond their single values. */
#include <errno.h>
#include <string.h>

#include "controlplane/config/validate_private.h"

static int check_links(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_links; i++) {
		const struct cfg_link *link = &cfg->links[i];
		unsigned int n = 1;

		while (link && link->uplink[0]) {
			link = cfg_find_link(cfg, link->uplink);
			if (link == &cfg->links[i] || ++n > CFG_LINKS_DEEP)
				return cfg_fault(error, -EINVAL, "link %s: \"uplink %s\": %s",
					cfg->links[i].name, cfg->links[i].uplink,
					link == &cfg->links[i] ? "it would be behind itself"
							       : "more than 4 links in a row");
		}
	}
	return 0;
}

static int check_tolls(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_tolls; i++) {
		const struct cfg_toll *toll = &cfg->tolls[i];

		if (!toll->calls && !toll->minutes && !toll->max_conn && !toll->max_duration_s)
			return cfg_fault(error, -ENODATA,
				"voice class toll-limit %u: \"calls\", \"minutes\", \"max-conn\" "
				"or "
				"\"max-duration\" is missing: it limits nothing",
				toll->tag);
	}
	return 0;
}

/* A realm of whose ports nothing would be left could carry no calls. */
static int check_ports(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];
		uint32_t pairs = (realm->media_port_max - realm->media_port_min + 1) / 2;

		if (realm->interface[0] && cfg->emergency_ports >= pairs)
			return cfg_fault(error, -EINVAL,
				"realm %s: \"emergency reserve media-ports %u\" leaves nothing of "
				"its "
				"%u pairs of media ports for other calls",
				realm->name, cfg->emergency_ports, pairs);
	}
	return 0;
}

int cfg_check_admission(const struct cfg *cfg, char *error)
{
	int rc = check_links(cfg, error);

	if (rc == 0 && cfg->emergency_ports)
		rc = check_ports(cfg, error);

	if (rc == 0 && cfg->emergency_calls && cfg->max_calls &&
		cfg->emergency_calls >= cfg->max_calls)
		rc = cfg_fault(error, -EINVAL,
			"voice service voip: \"emergency reserve calls %u\" leaves nothing of "
			"\"max-calls %u\" for other calls",
			cfg->emergency_calls, cfg->max_calls);
	if (rc == 0 && cfg->emergency_calls && !cfg->max_calls)
		rc = cfg_fault(error, -ENODATA,
			"voice service voip: \"emergency reserve calls\" needs \"max-calls\"");
	return rc == 0 ? check_tolls(cfg, error) : rc;
}
