/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call at the borders of its two sides: who calls, Session-ID (RFC 7989) and causes of Q.850 (RFC
 * 3326), by the tenants of both.
 */
#include "sip-b2bua/b2b/stir.h"

#include "controlplane/base/siphash.h"
#include "sip-b2bua/identity/session_id.h"

const struct cfg_tenant *leg_tenant(const struct leg *leg)
{
	const struct ctl_call *rec = &leg->call->rec;
	const struct cfg *cfg = leg->call->b->cfg;

	return cfg_tenant_of(cfg, cfg_find_realm(cfg, rec->realm[leg->side]),
		cfg_find_trunk(cfg, rec->trunk[leg->side]));
}

const struct cfg_realm *leg_realm(const struct leg *leg)
{
	return cfg_find_realm(leg->call->b->cfg, leg->call->rec.realm[leg->side]);
}

const struct cfg_trunk *leg_trunk(const struct leg *leg)
{
	return cfg_find_trunk(leg->call->b->cfg, leg->call->rec.trunk[leg->side]);
}

/* By the translation profiles on the call's way. */
static bool redirecting_number(void *arg, char number[IDENTITY_NUMBER_MAX])
{
	const struct call *call = arg;
	const struct ctl_call *rec = &call->rec;
	const struct cfg *cfg = call->b->cfg;

	_Static_assert(TRANSLATE_NUMBER_MAX == IDENTITY_NUMBER_MAX, "the same numbers");
	return route_number_redirecting(call->b->routes, cfg_find_trunk(cfg, rec->trunk[LEG_A]),
		cfg_find_dial_peer(cfg, rec->dial_peer_in),
		cfg_find_dial_peer(cfg, rec->dial_peer_out), cfg_find_trunk(cfg, rec->trunk[LEG_B]),
		number);
}

void call_identity(struct call *call, struct identity *ret)
{
	const struct cfg *cfg = call->b->cfg;
	const struct ctl_call *rec = &call->rec;
	/* Translated on the way: then it is that number which calls. */
	const struct stir_class *class;
	bool other = strcmp(rec->calling[LEG_A], rec->calling[LEG_B]) != 0;

	identity_init(ret, cfg, cfg_find_realm(cfg, rec->realm[LEG_A]),
		cfg_find_trunk(cfg, rec->trunk[LEG_A]), cfg_find_realm(cfg, rec->realm[LEG_B]),
		cfg_find_trunk(cfg, rec->trunk[LEG_B]), &call->out_path.local,
		other ? rec->calling[LEG_B] : "");
	ret->redirecting_number = redirecting_number;
	ret->arg = call;
	ret->registered = call_caller_identity(call);
	class = stir_class_of(call->b->stir, ret->out);
	if (!class)
		return;
	ret->verstat = call_stir_verstat(call);
	ret->verstat_identity = class->cfg.verstat == CFG_VERSTAT_PAI ||
				class->cfg.verstat == CFG_VERSTAT_BOTH;
	ret->verstat_from = class->cfg.verstat == CFG_VERSTAT_FROM ||
			    class->cfg.verstat == CFG_VERSTAT_BOTH;
}

void call_identity_number(struct call *call)
{
	const struct cfg_tenant *in = leg_tenant(&call->leg[LEG_A]);
	const struct cfg_tenant *out = leg_tenant(&call->leg[LEG_B]);
	char number[CTL_NUMBER_MAX];

	_Static_assert(CTL_NUMBER_MAX == IDENTITY_NUMBER_MAX, "a number of the record");
	if (identity_number(in, out, call->rec.calling[LEG_B], number) == 0)
		memcpy(call->rec.calling[LEG_B], number, sizeof(number));
}

void leg_session_id_take(struct leg *leg, const struct sip_msg *msg)
{
	char *uuid = leg->call->rec.session_id[leg->side];
	const struct b2b *b = leg->call->b;
	uint64_t random[2];

	if (session_id_read(msg, uuid) || uuid[0])
		return;
	for (uint64_t i = 0; i < 2; i++) {
		uint64_t parts[3] = {leg->call->rec.id, leg->side, i};

		random[i] = siphash24(b->id_key, parts, sizeof(parts));
	}
	session_id_make(random, uuid);
}

void leg_put_session_id(struct sip_buf *b, const struct leg *leg)
{
	const struct ctl_call *rec = &leg->call->rec;

	if (rec->session_id[!leg->side][0] || rec->session_id[leg->side][0])
		session_id_put(b, rec->session_id[!leg->side], rec->session_id[leg->side]);
}

void leg_put_reason(
	struct sip_buf *b, const struct leg *leg, const struct sip_msg *from, unsigned int q850)
{
	const struct cfg_tenant *tenant = leg_tenant(leg);

	if (!q850 || !tenant || !tenant->reason_q850 || (from && policy_reason_q850(from)))
		return;
	policy_put_reason(b, q850);
}

struct policy_failure leg_failure(
	const struct leg *leg, unsigned int status, const struct sip_msg *msg)
{
	struct policy_failure failure = policy_failure_of(status);
	unsigned int q850 = msg ? policy_reason_q850(msg) : 0;
	const struct cfg_tenant *tenant = leg_tenant(leg);

	if (!q850)
		return failure;
	if (tenant && tenant->reason_override)
		failure = policy_failure_of(policy_status_of_q850(q850));
	failure.q850 = (uint16_t)q850;
	return failure;
}
