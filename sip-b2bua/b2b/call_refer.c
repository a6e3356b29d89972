/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transfers. A REFER in an answered call (RFC 3515) goes on to the other leg, if both sides say
 * "supplementary-service sip refer", with our address in its Refer-To, so that the far end's new call
 * comes through the box; its NOTIFYs come back with no more than the status of that call.
 *
 * Dialogs that a Replaces names (RFC 3891) are those that one far end has with the box. To the other
 * far end the name is our tag alone, which says which call is meant; in the INVITE that comes of it the
 * name becomes that of the dialog behind the call, with whom the call is to be (RFC 5589 7).
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"

LOG_TOPIC("refer");

#define REPLACES_TEXT_MAX  1024
#define SIPFRAG_STATUS_LEN 12 /* "SIP/2.0 200 " */

static const struct view none = {NULL, 0};

/* ---- names of dialogs ---- */

struct replaces {
	struct view call_id, to_tag, from_tag;
	bool early_only;
};

static int replaces_parse(struct view value, struct replaces *ret)
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

/* The leg whose dialog with us is meant, by its far end or by the name that we have given it. */
static struct leg *replaces_find(struct b2b *b, const struct replaces *r)
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

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* A header of a URI without its escapes. -ENOENT: it has none of that name; -EINVAL. */
static int uri_header(
	struct view headers, struct view name, char *buf, size_t size, struct view *ret)
{
	while (headers.n > 0) {
		const char *amp = memchr(headers.p, '&', headers.n);
		size_t n = amp ? (size_t)(amp - headers.p) : headers.n, out = 0;
		const char *eq = memchr(headers.p, '=', n);

		if (eq &&
			view_eq_nocase(name, (struct view){headers.p, (size_t)(eq - headers.p)})) {
			for (const char *p = eq + 1, *end = headers.p + n; p < end; p++) {
				int hi = p + 2 < end ? hex(p[1]) : -1,
				    lo = p + 2 < end ? hex(p[2]) : -1;
				int c = (unsigned char)*p;

				if (c == '%') {
					if (hi < 0 || lo < 0)
						return -EINVAL;
					c = hi * 16 + lo;
					p += 2;
				}
				if (c < ' ' || c > '~' || out == size)
					return -EINVAL;
				buf[out++] = (char)c;
			}
			*ret = (struct view){buf, out};
			return 0;
		}
		headers.p += n + (amp != NULL);
		headers.n -= n + (amp != NULL);
	}
	return -ENOENT;
}

/* ---- who may ---- */

static const struct cfg_realm *realm_of(const struct leg *leg)
{
	return cfg_find_realm(leg->call->b->cfg, leg->call->rec.realm[leg->side]);
}

static const struct cfg_trunk *trunk_of(const struct leg *leg)
{
	return cfg_find_trunk(leg->call->b->cfg, leg->call->rec.trunk[leg->side]);
}

bool leg_may_refer(const struct leg *leg)
{
	const struct cfg_realm *realm = realm_of(leg);
	const struct cfg_trunk *trunk = trunk_of(leg);

	return (realm && realm->refer) || (trunk && trunk->refer);
}

bool leg_may_replace(const struct leg *leg)
{
	const struct cfg_realm *realm = realm_of(leg);
	const struct cfg_trunk *trunk = trunk_of(leg);

	return (realm && realm->replaces) || (trunk && trunk->replaces);
}

/* ---- REFER to the other leg ---- */

static void refer_over(struct leg *leg, unsigned int status, struct view headers)
{
	struct sip_stxn *in = leg->refer.in;

	leg->refer.in = NULL;
	leg->refer.out = NULL;
	if (!in)
		return;
	sip_stxn_detach(in);
	call_reply(in, status, headers);
}

void leg_refer_end(struct leg *leg)
{
	if (leg->refer.out)
		sip_ctxn_detach(leg->refer.out);
	refer_over(leg, 481, none);
	leg->refer.subscribed = false;
}

static bool refer_sub_false(const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr_named(msg, VIEW("Refer-Sub"));

	return hdr && hdr->value.n >= 5 &&
	       view_eq_nocase((struct view){hdr->value.p, 5}, VIEW("false"));
}

static int refer_send(struct leg *leg);

static void refer_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct leg *leg = arg, *other = leg_other(leg);
	bool no_sub = refer_sub_false(msg);

	if (msg->status < 200)
		return;
	sip_ctxn_detach(ctxn);
	leg->refer.out = NULL;
	if (msg->status < 300) {
		leg_auth_accepted(other);
		leg->refer.subscribed = !no_sub;
		refer_over(leg, 202, no_sub ? VIEW("Refer-Sub: false\r\n") : none);
	} else if (!leg_auth_take(other, msg->status, msg) || refer_send(leg) < 0) {
		refer_over(leg, policy_failure_of(msg->status).status, none);
	}
}

static void refer_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct leg *leg = arg;

	sip_ctxn_detach(ctxn);
	leg->refer.out = NULL;
	refer_over(leg, err == -ETIMEDOUT ? 408 : 503, none);
}

static const struct sip_ctxn_ops refer_ops = {.response = refer_response, .failed = refer_failed};

static void refer_gone(struct sip_stxn *stxn, void *arg)
{
	struct leg *leg = arg;

	if (stxn == leg->refer.in)
		leg->refer.in = NULL;
}

static const struct sip_stxn_ops refer_in_ops = {.terminated = refer_gone};

/*
 * Our name for the dialog of a leg: a tag of it that is in no message, so that what one far end sees
 * says nothing of what the other one has seen.
 */
static struct view replaces_name(const struct leg *leg, char buf[SIP_TOKEN_LEN])
{
	const struct call *call = leg->call;

	return call_tag(
		call, leg->side, call->fork == B2B_FORKS_MAX - 2 ? 0 : B2B_FORKS_MAX - 2, buf);
}

/* Who the far end of a leg talks to. */
static const char *talks_to(const struct leg *leg)
{
	const struct ctl_call *rec = &leg->call->rec;

	return leg->side == LEG_A ? rec->called[LEG_A] : rec->calling[LEG_B];
}

/* The dialog that a Refer-To names, if it does: *ret_leg has it with us, else NULL. */
static int refer_replaces(struct b2b *b, const struct sip_uri *uri, struct leg **ret_leg)
{
	char text[REPLACES_TEXT_MAX];
	struct replaces replaces;
	struct view value;
	int rc = uri_header(uri->headers, VIEW("Replaces"), text, sizeof(text), &value);

	*ret_leg = NULL;
	if (rc == -ENOENT)
		return 0;
	if (rc < 0 || replaces_parse(value, &replaces) < 0)
		return -EINVAL;
	*ret_leg = replaces_find(b, &replaces);
	return *ret_leg ? 0 : -ENOENT;
}

/* Refer-To for the other leg: who is meant, at our address; which dialog, by our name for it. */
static int put_refer_to(struct leg *to, const struct sip_msg *msg, struct sip_buf *buf)
{
	char user[POLICY_USER_MAX], text[SIP_TOKEN_LEN];
	struct sip_addr target;
	struct view value, name;
	struct leg *named;
	int rc;

	if (sip_addr_parse(sip_msg_value(msg, SIP_H_REFER_TO), &target) < 0 || target.star ||
		target.uri.user.n == 0 ||
		(target.uri.scheme != SIP_SCHEME_SIP && target.uri.scheme != SIP_SCHEME_TEL) ||
		(sip_params_get(target.uri.params, VIEW("method"), &value) &&
			!view_eq(value, VIEW("INVITE"))))
		return -EINVAL;
	rc = refer_replaces(to->call->b, &target.uri, &named);
	if (rc < 0)
		return rc;
	/* The URI may be our Contact in that dialog; its number is what others know. */
	if (named && talks_to(named)[0])
		target.uri.user = policy_user_escape(talks_to(named), user);
	sip_put_hdr_start(buf, SIP_H_REFER_TO);
	sip_put_char(buf, '<');
	policy_put_uri(buf, &target.uri, &to->dialog->path.local);
	if (named) {
		name = replaces_name(named, text);
		sip_put_lit(buf, "?Replaces=");
		sip_put(buf, name);
		sip_put_lit(buf, "%3Bto-tag%3D");
		sip_put(buf, name);
		sip_put_lit(buf, "%3Bfrom-tag%3D");
		sip_put(buf, name);
	}
	sip_put_lit(buf, ">\r\n");
	return 0;
}

static int refer_build(
	struct leg *leg, const struct sip_msg *msg, struct sip_ctxn *ctxn, struct sip_buf *buf)
{
	struct leg *to = leg_other(leg);
	struct b2b *b = leg->call->b;
	struct sip_addr by;
	int rc;

	leg->refer.cseq_out = dialog_next_cseq(to->dialog);
	dialog_put_request(buf, to->dialog, SIP_M_REFER, leg->refer.cseq_out, sip_ctxn_branch(ctxn),
		b->cfg->max_forwards);
	leg_put_contact(buf, to, &to->dialog->path);
	rc = put_refer_to(to, msg, buf);
	if (rc < 0)
		return rc;
	if (sip_addr_parse(sip_msg_value(msg, SIP_H_REFERRED_BY), &by) == 0 && !by.star) {
		sip_put_hdr_start(buf, SIP_H_REFERRED_BY);
		sip_put_char(buf, '<');
		policy_put_uri(buf, &by.uri, &to->dialog->path.local);
		sip_put_lit(buf, ">\r\n");
	}
	if (refer_sub_false(msg))
		sip_put_lit(buf, "Refer-Sub: false\r\n");
	sip_put_hdr(buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(to, buf, SIP_M_REFER, dialog_request_uri(to->dialog));
	return sip_build_end(buf, none, none);
}

static int refer_send(struct leg *leg)
{
	struct b2b *b = leg->call->b;
	const struct sip_msg *msg = leg->refer.in ? sip_stxn_request(leg->refer.in) : NULL;
	struct sip_ctxn *ctxn;
	struct sip_buf buf;
	int rc;

	if (!msg)
		return -ENOENT;
	rc = sip_ctxn_new(b->env.txns, SIP_M_REFER, &refer_ops, leg, &ctxn);
	if (rc < 0)
		return rc;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	rc = refer_build(leg, msg, ctxn, &buf);
	if (rc < 0) {
		sip_ctxn_discard(ctxn);
		return rc;
	}
	rc = sip_ctxn_send(ctxn, &leg_other(leg)->dialog->path, sip_buf_view(&buf));
	if (rc == 0)
		leg->refer.out = ctxn;
	return rc;
}

static unsigned int refused(const struct leg *leg)
{
	const struct call *call = leg->call;

	if (call->state == CALL_ENDING)
		return 481;
	/* Who is not in an answered call with somebody has nobody to transfer. */
	if (call->state != CALL_UP || call->local.on || !leg_may_refer(leg) ||
		!leg_may_refer(&call->leg[!leg->side]))
		return 403;
	return leg->refer.in || leg->refer.out ? 491 : 0;
}

void call_refer(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct ctl_sip_stats *stats = leg->call->b->env.stats;
	unsigned int status = refused(leg);
	int rc;

	stats->refer_in++;
	if (status != 0) {
		stats->refer_refused += status == 403;
		call_reply(stxn, status, none);
		return;
	}
	leg->refer.in = stxn;
	leg->refer.cseq_in = msg->cseq.number;
	sip_stxn_set_user(stxn, &refer_in_ops, leg);
	rc = refer_send(leg);
	/* -ENOENT: the call that it names is none of ours (any more). */
	if (rc < 0)
		refer_over(leg, rc == -EINVAL ? 400 : rc == -ENOENT ? 481 : 500, none);
}

/* ---- NOTIFY back ---- */

/* "active;expires=60", "terminated;reason=noresource": what is known of it. */
static bool put_state(const struct sip_msg *msg, struct sip_buf *buf, bool *ret_over)
{
	static const char *const states[] = {"active", "pending", "terminated"};
	static const char *const reasons[] = {
		"deactivated", "probation", "rejected", "timeout", "giveup", "noresource"};
	struct view value = sip_msg_value(msg, SIP_H_SUBSCRIPTION_STATE), params = none, param;
	const char *semi = value.n ? memchr(value.p, ';', value.n) : NULL;
	uint64_t seconds;

	if (semi) {
		params = (struct view){semi + 1, value.n - (size_t)(semi + 1 - value.p)};
		value.n = (size_t)(semi - value.p);
	}
	value = view_trim(value);
	for (unsigned int i = 0; i < 3; i++) {
		if (!view_eq_nocase(value, view_of(states[i])))
			continue;
		sip_put_hdr_start(buf, SIP_H_SUBSCRIPTION_STATE);
		sip_put(buf, view_of(states[i]));
		*ret_over = i == 2;
		if (sip_params_get(params, VIEW("expires"), &param) &&
			view_to_u64(param, UINT32_MAX, &seconds) == 0) {
			sip_put_lit(buf, ";expires=");
			sip_put_u64(buf, seconds);
		}
		for (unsigned int k = 0; k < 6 && sip_params_get(params, VIEW("reason"), &param);
			k++) {
			if (!view_eq_nocase(param, view_of(reasons[k])))
				continue;
			sip_put_lit(buf, ";reason=");
			sip_put(buf, view_of(reasons[k]));
		}
		sip_put_crlf(buf);
		return true;
	}
	return false;
}

/* The status in a body of message/sipfrag (RFC 3420); 0: there is none. */
static unsigned int sipfrag_status(const struct sip_msg *msg)
{
	struct view type, subtype, params;
	uint64_t status;

	if (sip_msg_content_type(msg, &type, &subtype, &params) < 0 ||
		!view_eq_nocase(type, VIEW("message")) ||
		!view_eq_nocase(subtype, VIEW("sipfrag")) || msg->body.n < SIPFRAG_STATUS_LEN ||
		memcmp(msg->body.p, "SIP/2.0 ", 8) != 0 ||
		view_to_u64((struct view){msg->body.p + 8, 3}, 699, &status) < 0 || status < 100)
		return 0;
	return (unsigned int)status;
}

static void ignore_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
}

static void ignore_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
}

static int notify_send(struct leg *to, const struct sip_msg *msg, unsigned int status)
{
	static const struct sip_ctxn_ops ops = {
		.response = ignore_response, .failed = ignore_failed};
	struct b2b *b = to->call->b;
	struct view event = sip_msg_value(msg, SIP_H_EVENT), id, phrase = sip_reason_text(status);
	const char *semi = event.n ? memchr(event.p, ';', event.n) : NULL;
	struct view params = semi ? (struct view){semi + 1, event.n - (size_t)(semi + 1 - event.p)}
				  : none;
	struct sip_ctxn *ctxn;
	char body[128];
	struct sip_buf buf;
	bool over = false;
	int rc = sip_ctxn_new(b->env.txns, SIP_M_NOTIFY, &ops, NULL, &ctxn);

	if (rc < 0)
		return rc;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, to->dialog, SIP_M_NOTIFY, dialog_next_cseq(to->dialog),
		sip_ctxn_branch(ctxn), b->cfg->max_forwards);
	leg_put_contact(&buf, to, &to->dialog->path);
	sip_put_lit(&buf, "Event: refer");
	if (sip_params_get(params, VIEW("id"), &id)) {
		sip_put_lit(&buf, ";id=");
		sip_put_u64(&buf, to->refer.cseq_in);
	}
	sip_put_crlf(&buf);
	if (!put_state(msg, &buf, &over)) {
		sip_ctxn_discard(ctxn);
		return -EINVAL;
	}
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(to, &buf, SIP_M_NOTIFY, dialog_request_uri(to->dialog));
	snprintf(body, sizeof(body), "SIP/2.0 %u %.*s\r\n", status, VIEW_ARG(phrase));
	rc = status ? sip_build_end(&buf, VIEW("message/sipfrag;version=2.0"), view_of(body))
		    : sip_build_end(&buf, none, none);
	if (rc < 0) {
		sip_ctxn_discard(ctxn);
		return rc;
	}
	rc = sip_ctxn_send(ctxn, &to->dialog->path, sip_buf_view(&buf));
	if (rc == 0)
		sip_ctxn_detach(ctxn);
	if (over)
		to->refer.subscribed = false;
	return rc;
}

bool call_refer_notify(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct leg *to = leg_other(leg);
	struct view event = sip_msg_value(msg, SIP_H_EVENT);
	int rc;

	if (event.n < 5 || !view_eq_nocase((struct view){event.p, 5}, VIEW("refer")) ||
		(event.n > 5 && event.p[5] != ';' && event.p[5] != ' '))
		return false;
	/* The first one may come before the answer to the REFER (RFC 3515 2.4.4). */
	if (leg->call->state != CALL_UP || !(to->refer.subscribed || to->refer.out)) {
		call_reply(stxn, 481, none);
		return true;
	}
	rc = notify_send(to, msg, sipfrag_status(msg));
	call_reply(stxn, rc == -EINVAL ? 400 : rc < 0 ? 500 : 200, none);
	return true;
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
	realm = realm_of(far);
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
	leg_set_terms(b_leg, realm, trunk_of(far));
	leg_auth_forget(b_leg);
	call->out_path = d->path;
	media_map_set_own(&call->media, &call->b->dtls_own);
	media_map_set_srtp(&call->media, LEG_B, call->b->cfg, realm, trunk_of(far));
	media_map_set_codecs(&call->media, LEG_B, call->b->cfg, realm, trunk_of(far));
	media_map_set_side(&call->media, LEG_B, realm, &d->path.local);
	media_map_set_music(&call->media, LEG_B, realm, trunk_of(far));
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
