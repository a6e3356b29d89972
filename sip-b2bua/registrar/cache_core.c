/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the cache knows of a binding in the core, as octets at its contact; see cache.h. */
#include "sip-b2bua/registrar/cache.h"

struct reg_core reg_core_of(const struct reg_contact *c)
{
	struct view extra = reg_contact_extra(c);
	struct reg_core core = {0};

	if (extra.n >= sizeof(core))
		memcpy(&core, extra.p, sizeof(core));
	/* It may come from a file. */
	if (sizeof(core) + core.n_name + core.n_route + core.n_associated != extra.n)
		core.n_name = core.n_route = core.n_associated = 0;
	return core;
}

static struct view text_at(const struct reg_contact *c, size_t at, size_t n)
{
	return (struct view){reg_contact_extra(c).p + sizeof(struct reg_core) + at, n};
}

struct view reg_core_name(const struct reg_contact *c)
{
	return text_at(c, 0, reg_core_of(c).n_name);
}

struct view reg_core_route(const struct reg_contact *c)
{
	struct reg_core core = reg_core_of(c);

	return text_at(c, core.n_name, core.n_route);
}

struct view reg_core_associated(const struct reg_contact *c)
{
	struct reg_core core = reg_core_of(c);

	return text_at(c, core.n_name + core.n_route, core.n_associated);
}

void reg_core_tell(const struct reg_contact *c, struct ctl_reg *reg)
{
	struct reg_core core = reg_core_of(c);

	reg->core_until_ms = core.until_ms;
	reg->core_lost_ms = core.lost_ms;
	reg->shielded = core.n_shielded;
	reg->forwarded = core.n_forwarded;
}
