/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * REFER in an answered call (RFC 3515). If both sides say "supplementary-service sip refer relay" it
 * goes on to the other leg, with our address in its Refer-To, so that the far end's new call comes
 * through the box; its NOTIFYs come back with no more than the status of that call. Where a side says
 * "local" the box acts on it: call_transfer.c.
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

uint8_t leg_refer(const struct leg *leg)
{
	const struct cfg_realm *realm = leg_realm(leg);
	const struct cfg_trunk *trunk = leg_trunk(leg);
	uint8_t refer = trunk && trunk->refer != CFG_REFER_REALM ? trunk->refer
			: realm					 ? realm->refer
								 : CFG_REFER_REFUSE;

	return refer == CFG_REFER_REALM ? CFG_REFER_REFUSE : refer;
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

/*
 * The dialog that a Refer-To names, if it does: *ret_leg has it with us, else NULL. -EXDEV: another
 * worker may have it.
 */
static int refer_replaces(struct b2b *b, const struct sip_uri *uri, char text[REPLACES_TEXT_MAX],
	struct replaces *ret_replaces, struct leg **ret_leg)
{
	struct view value;
	int rc = uri_header(uri->headers, VIEW("Replaces"), text, REPLACES_TEXT_MAX, &value);

	*ret_leg = NULL;
	if (rc == -ENOENT)
		return 0;
	if (rc < 0 || replaces_parse(value, ret_replaces) < 0)
		return -EINVAL;
	*ret_leg = replaces_find(b, ret_replaces);
	return *ret_leg ? 0 : replaces_worker(b, ret_replaces) < 0 ? -ENOENT : -EXDEV;
}

/* Who is meant, and which dialog. -EINVAL; -ENOENT: a dialog that is none of ours. */
static int refer_target(struct b2b *b, const struct sip_msg *msg, struct sip_addr *ret_target,
	char text[REPLACES_TEXT_MAX], struct replaces *ret_replaces, struct leg **ret_named)
{
	struct view value;

	if (sip_addr_parse(sip_msg_value(msg, SIP_H_REFER_TO), ret_target) < 0 ||
		ret_target->star || ret_target->uri.user.n == 0 ||
		(ret_target->uri.scheme != SIP_SCHEME_SIP &&
			ret_target->uri.scheme != SIP_SCHEME_TEL) ||
		(sip_params_get(ret_target->uri.params, VIEW("method"), &value) &&
			!view_eq(value, VIEW("INVITE"))))
		return -EINVAL;
	return refer_replaces(b, &ret_target->uri, text, ret_replaces, ret_named);
}

/* Refer-To for the other leg: who is meant, at our address; which dialog, by our name for it. */
static int put_refer_to(struct leg *to, const struct sip_msg *msg, struct sip_buf *buf)
{
	char user[POLICY_USER_MAX], text[SIP_TOKEN_LEN], unescaped[REPLACES_TEXT_MAX];
	struct replaces replaces;
	struct sip_addr target;
	struct view name;
	struct leg *named;
	int rc = refer_target(to->call->b, msg, &target, unescaped, &replaces, &named);

	if (rc < 0)
		return rc == -EXDEV ? -ENOENT : rc;
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
	int rc;

	leg->refer.cseq_out = dialog_next_cseq(to->dialog);
	dialog_put_request(buf, to->dialog, SIP_M_REFER, leg->refer.cseq_out, sip_ctxn_branch(ctxn),
		b->cfg->max_forwards);
	leg_put_contact(buf, to, &to->dialog->path);
	rc = put_refer_to(to, msg, buf);
	if (rc < 0)
		return rc;
	policy_put_referred_by(buf, msg, &to->dialog->path.local);
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

/* One of its sides says so. */
static bool is_local(const struct leg *leg)
{
	return leg_refer(leg) == CFG_REFER_LOCAL ||
	       (leg_refer(leg) == CFG_REFER_RELAY &&
		       leg_refer(&leg->call->leg[!leg->side]) == CFG_REFER_LOCAL);
}

static unsigned int refused(const struct leg *leg)
{
	const struct call *call = leg->call;

	if (call->state == CALL_ENDING)
		return 481;
	/* Who is not in an answered call with somebody has nobody to transfer. */
	if (call->state != CALL_UP || call->local.on || leg_refer(leg) == CFG_REFER_REFUSE ||
		(!is_local(leg) && leg_refer(&call->leg[!leg->side]) == CFG_REFER_REFUSE))
		return 403;
	return leg->refer.in || leg->refer.out || call_transfer_holds(call) ? 491 : 0;
}

/* The box acts on it. */
static void refer_local(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	char text[REPLACES_TEXT_MAX];
	struct replaces replaces;
	struct sip_addr target;
	struct leg *named;
	int rc = refer_target(leg->call->b, msg, &target, text, &replaces, &named);
	/* A 481 would end the dialog that the REFER came in (RFC 5057 5.1). */
	unsigned int status = rc == -ENOENT ? 404 : 400;

	if (rc == 0)
		status = call_transfer_start(
			leg, stxn, msg, &target.uri, named, refer_sub_false(msg));
	else if (rc == -EXDEV)
		status = call_transfer_ask(leg, stxn, msg, &target.uri, &replaces,
			(unsigned int)replaces_worker(leg->call->b, &replaces),
			refer_sub_false(msg));
	if (status != 0)
		call_reply(stxn, status, none);
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
	if (is_local(leg)) {
		refer_local(leg, stxn, msg);
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
