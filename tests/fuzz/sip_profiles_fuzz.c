/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of sip-profiles: lines of rules up to an empty line, then a message. Whatever the rules are,
 * the result reads as a message, and one that is found by the same Call-ID, CSeq and tags.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config/sip_rule.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/profiles/profiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[SIP_MSG_MAX];
static struct sip_msg before, after;

static void check(struct sip_profiles *profiles, struct view msg)
{
	char why[SIP_PROFILES_WHY_MAX];
	size_t n;
	int rc = sip_profiles_apply(profiles, 1, msg, false, out, sizeof(out), &n, why);

	if (rc <= 0)
		return;
	if (sip_msg_parse(&before, msg.p, msg.n, false) < 0 ||
		sip_msg_parse(&after, out, n, true) < 0 ||
		!view_eq(before.call_id, after.call_id) ||
		before.cseq.number != after.cseq.number ||
		!view_eq(before.from.tag, after.from.tag) ||
		!view_eq(before.to.tag, after.to.tag) || before.status != after.status)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = {(const char *)data, size};
	struct cfg *cfg = cfg_new();
	struct sip_profiles *profiles;
	struct cfg_sip_profile *p;
	char error[CFG_ERROR_MAX];

	if (!cfg || !(cfg->sip_profiles = calloc(1, sizeof(*cfg->sip_profiles))))
		abort();
	cfg->n_sip_profiles = 1;
	p = &cfg->sip_profiles[0];
	p->tag = 1;
	while (rest.n > 0 && rest.p[0] != '\n' && p->n_rules < CFG_SIP_RULES_MAX) {
		const char *stop = memchr(rest.p, '\n', rest.n);
		size_t n = stop ? (size_t)(stop - rest.p) : rest.n;

		if (cfg_sip_rule_parse((struct view){rest.p, n}, &p->rules[p->n_rules], error) == 0)
			p->n_rules++;
		n += stop != NULL;
		rest = (struct view){rest.p + n, rest.n - n};
	}
	if (rest.n > 0 && sip_profiles_new(cfg, &profiles, error) == 0) {
		check(profiles, (struct view){rest.p + 1, rest.n - 1});
		sip_profiles_free(profiles);
	}
	cfg_free(cfg);
	return 0;
}
