/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replaces (RFC 3891). What it names is a dialog that one far end has with the box. To the other far
 * end the name is our tag alone, which says which call is meant; in the INVITE that comes of it the
 * name becomes that of the dialog behind the call, with whom the call is to be (RFC 5589 7).
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"

LOG_TOPIC("replaces");

#define REPLACES_TEXT_MAX 1024

/* ---- names of dialogs ---- */

int replaces_parse(struct view value, struct replaces *ret)
{
	const char *semi = value.n ? memchr(value.p, ';', value.n) : NULL;
	struct view params;

	if (!semi)
		return -EINVAL;
	params = (struct view){semi + 1, value.n - (size_t)(semi + 1 - value.p)};
	ret->call_id = view_trim((struct view){value.p, (size_t)(semi - value.p)});
	ret->early_only = sip_params_has(params, VIEW("early-only"));
	return ret->call_id.n > 0 && sip_params_get(params, VIEW("to-tag"), &ret->to_tag) &&
			       sip_params_get(params, VIEW("from-tag"), &ret->from_tag)
		       ? 0
		       : -EINVAL;
}

int replaces_worker(const struct b2b *b, const struct replaces *r)
{
	struct sip_token token;
	unsigned int worker;

	if (sip_token_parse(b->env.key, r->to_tag, &token) < 0 || token.kind != SIP_TOKEN_DIALOG)
		return -1;
	worker = token.worker % b->env.n_workers;
	return worker == b->env.worker ? -1 : (int)worker;
}

struct leg *replaces_find(struct b2b *b, const struct replaces *r)
{
	struct leg *leg = call_find(b, r->to_tag);
	const struct dialog *d = leg ? leg->dialog : NULL;

	if (!d || leg->call->state != CALL_UP)
		return NULL;
	if (view_eq(r->call_id, r->to_tag) && view_eq(r->from_tag, r->to_tag))
		return leg;
	return view_eq(d->call_id, r->call_id) && view_eq_nocase(d->remote_tag, r->from_tag) ? leg
											     : NULL;
}

bool leg_may_replace(const struct leg *leg)
{
	const struct cfg_realm *realm = leg_realm(leg);
	const struct cfg_trunk *trunk = leg_trunk(leg);

	return (realm && realm->replaces) || (trunk && trunk->replaces);
}

/* ---- INVITE with Replaces ---- */

/* The leg behind the dialog that is to be replaced; else the status and a sentence. */
static struct leg *behind(struct call *call, const struct sip_msg *msg, unsigned int *ret_status,
	const char **ret_reason)
{
	struct leg *a = &call->leg[LEG_A], *named;
	struct replaces replaces;
	struct sip_values it;
	struct view value, second;

	*ret_status = 400;
	*ret_reason = "the Replaces of the INVITE cannot be read";
	sip_values_start(&it, msg, SIP_H_REPLACES);
	if (!sip_values_next(&it, &value) || sip_values_next(&it, &second) ||
		replaces_parse(value, &replaces) < 0)
		return NULL;
	*ret_status = 403;
	*ret_reason = "its side may replace no calls (supplementary-service sip handle-replaces)";
	if (!leg_may_replace(a))
		return NULL;
	*ret_status = 481;
	*ret_reason = "the call that its Replaces names is not there";
	named = replaces_find(call->b, &replaces);
	if (!named || named->call->local.on)
		return NULL;
	*ret_status = 486;
	*ret_reason = "the call that its Replaces names is answered (early-only)";
	if (replaces.early_only)
		return NULL;
	*ret_status = 501;
	*ret_reason = "the far end of the call that its Replaces names does not know Replaces";
	return leg_other(named)->peer_replaces ? leg_other(named) : NULL;
}

int call_replaces_take(struct call *call, const struct sip_msg *msg, unsigned int *ret_status,
	const char **ret_reason)
{
	struct leg *far, *b_leg = &call->leg[LEG_B];
	const struct cfg_realm *realm;
	const struct ctl_call *rec;
	const struct dialog *d;
	struct sip_buf text;
	char replaces[REPLACES_TEXT_MAX];

	far = behind(call, msg, ret_status, ret_reason);
	if (!far)
		return -ENOENT;
	d = far->dialog;
	rec = &far->call->rec;
	realm = leg_realm(far);
	*ret_status = 500;
	*ret_reason = "the far end of the call that its Replaces names cannot be called";
	sip_buf_init(&text, replaces, sizeof(replaces));
	sip_put(&text, d->call_id);
	sip_put_lit(&text, ";to-tag=");
	sip_put(&text, d->remote_tag);
	sip_put_lit(&text, ";from-tag=");
	sip_put(&text, d->local_tag);
	if (!realm || text.overflow || d->n_routes > 0 || d->remote_tag.n == 0 ||
		view_copy(d->target, call->uri, sizeof(call->uri)) < 0)
		return -EINVAL;
	call_copy_set(&call->replaces, &call->replaces_len, sip_buf_view(&text));
	if (!call->replaces)
		return -ENOMEM;
	leg_set_terms(b_leg, realm, leg_trunk(far));
	leg_auth_forget(b_leg);
	call->out_path = d->path;
	media_map_set_own(&call->media, &call->b->dtls_own);
	media_map_set_srtp(&call->media, LEG_B, call->b->cfg, realm, leg_trunk(far));
	media_map_set_codecs(&call->media, LEG_B, call->b->cfg, realm, leg_trunk(far));
	media_map_set_side(&call->media, LEG_B, realm, &d->path.local);
	media_map_set_music(&call->media, LEG_B, realm, leg_trunk(far));
	memcpy(call->rec.realm[LEG_B], rec->realm[far->side], CTL_NAME_MAX);
	memcpy(call->rec.trunk[LEG_B], rec->trunk[far->side], CTL_NAME_MAX);
	if (rec->trunk[far->side][0])
		snprintf(call->far, sizeof(call->far), "trunk %s", rec->trunk[far->side]);
	else
		snprintf(call->far, sizeof(call->far), "the far end of the replaced call");
	call->rec.peer_sig[LEG_B] = d->path.remote;
	call->rec.transport[LEG_B] = d->path.transport;
	memcpy(call->rec.calling[LEG_B], call->rec.calling[LEG_A], CTL_NUMBER_MAX);
	/* Who is called is the far end, whatever name its dialog has. */
	memcpy(call->rec.called[LEG_B],
		far->side == LEG_A ? rec->calling[LEG_A] : rec->called[LEG_B], CTL_NUMBER_MAX);
	call->b->env.stats->replaced++;
	log_info("call %016" PRIx64 ": replaces a dialog of call %016" PRIx64, call->rec.id,
		rec->id);
	return 0;
}

void call_put_replaces(const struct call *call, struct sip_buf *buf)
{
	if (!call->replaces)
		return;
	sip_put_hdr(buf, SIP_H_REPLACES, (struct view){call->replaces, call->replaces_len});
	sip_put_hdr(buf, SIP_H_REQUIRE, VIEW("replaces"));
}
