/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The user agents of both sides: what they send, what they answer, what they remember. */
#include "b2b_rig_private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sip-b2bua/sdp/sdp.h"

static const struct view none = {NULL, 0};
static struct rig *the_rig; /* for callbacks that know only their user agent */

static bool offers_srtp(const struct rig_ua *ua)
{
	return strstr(ua->last_sdp, "RTP/SAVP") != NULL;
}

/* m= and a=crypto of a user agent that knows SRTP, as offer or as answer to the last offer. */
static void ua_srtp(const struct rig_ua *ua, bool answer, char *buf, size_t size)
{
	const struct rig_side *s = &the_rig->side[ua->side];
	static struct sdp sdp;
	struct sdp_crypto c = {.tag = 1, .srtp = {.suite = DP_SRTP_CM_128_SHA1_80}};
	struct sdp_cryptos all;
	struct sip_buf b;

	if (answer) {
		assert_int_equal(sdp_parse(&sdp, view_of(ua->last_sdp)), 0);
		sdp_cryptos_read(&sdp, 0, &all);
		assert_true(all.n > 0);
		c.tag = s->srtp == RIG_BAD_TAG ? 99 : all.line[0].tag;
		c.srtp.suite = all.line[0].srtp.suite;
	}
	memset(c.srtp.key, s->key_octet,
		(size_t)dp_srtp_suite(c.srtp.suite)->key_len +
			dp_srtp_suite(c.srtp.suite)->salt_len);
	sip_buf_init(&b, buf, size - 1);
	sip_put_lit(&b, "m=audio 4000 RTP/SAVP 8 0\r\n");
	sdp_crypto_put(&b, &c);
	buf[b.n] = '\0';
}

static void ua_sdp(
	const struct rig_ua *ua, const char *direction, bool answer, char *buf, size_t size)
{
	enum rig_srtp srtp = the_rig->side[ua->side].srtp;
	char ip[IPADDR_TEXT_MAX], media[256] = "m=audio 4000 RTP/AVP 8 0\r\n";

	if (answer && srtp == RIG_PORT_0 && offers_srtp(ua))
		snprintf(media, sizeof(media), "m=audio 0 RTP/SAVP 8 0\r\n");
	else if ((srtp == RIG_SRTP || srtp == RIG_BAD_TAG) && (!answer || offers_srtp(ua)))
		ua_srtp(ua, answer, media, sizeof(media));
	if (the_rig->side[ua->side].m_line)
		snprintf(media, sizeof(media), "%s", the_rig->side[ua->side].m_line);
	ipaddr_print(&ua->addr, ip);
	snprintf(buf, size,
		"v=0\r\no=secret 1 %u IN IP4 %s\r\ns=secret\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		"%sa=%s\r\na=candidate:%s\r\n",
		ua->version, ip, ip, media, direction, ip);
}

static struct rig_ua *ua_new(struct rig *r, unsigned int side)
{
	for (unsigned int i = 0; i < RIG_UAS; i++) {
		struct rig_ua *ua = &r->side[side].ua[i];

		if (ua->used)
			continue;
		memset(ua, 0, sizeof(*ua));
		ua->used = true;
		ua->side = (uint8_t)side;
		ua->version = 1;
		snprintf(ua->tag, sizeof(ua->tag), "t%u%08x", side, rig_random(r, UINT32_MAX));
		return ua;
	}
	return NULL;
}

void rig_forget(struct rig *r, struct rig_ua *ua)
{
	if (ua->updating)
		sip_ctxn_detach(ua->updating);
	if (ua->out)
		sip_ctxn_detach(ua->out);
	if (ua->in)
		sip_stxn_detach(ua->in);
	sip_resend_stop(&ua->ok);
	sip_resend_stop(&ua->rel);
	for (unsigned int i = 0; i < RIG_EARLY; i++)
		dialog_free(ua->early[i].dialog);
	dialog_free(ua->dialog);
	memset(ua, 0, sizeof(*ua));
}

static void ua_keep_sdp(struct rig_ua *ua, const struct sip_msg *msg)
{
	if (sip_msg_is_sdp(msg))
		snprintf(ua->last_sdp, sizeof(ua->last_sdp), "%.*s", VIEW_ARG(msg->body));
}

static void ua_keep_timer(struct rig_ua *ua, const struct sip_msg *msg)
{
	snprintf(ua->last_se, sizeof(ua->last_se), "%.*s",
		VIEW_ARG(sip_msg_value(msg, SIP_H_SESSION_EXPIRES)));
	snprintf(ua->last_min_se, sizeof(ua->last_min_se), "%.*s",
		VIEW_ARG(sip_msg_value(msg, SIP_H_MIN_SE)));
	ua->last_requires_timer = sip_msg_has_token(msg, SIP_H_REQUIRE, VIEW("timer"));
}

static void put_timer(const struct rig *r, unsigned int side, struct sip_buf *b)
{
	if (r->side[side].timer)
		sip_put_lit(b, "Supported: timer\r\n");
	if (!r->side[side].se)
		return;
	sip_put_lit(b, "Session-Expires: ");
	sip_put(b, view_of(r->side[side].se));
	sip_put_lit(b, "\r\n");
}

static void ua_ack(struct rig *r, struct rig_ua *ua, uint32_t cseq, bool with_sdp)
{
	struct sip_txns *txns = r->side[ua->side].txns;
	char text[4096], sdp[1024] = "", branch[SIP_BRANCH_LEN];
	struct sip_buf b;

	if (with_sdp)
		ua_sdp(ua, "sendrecv", true, sdp, sizeof(sdp));
	sip_buf_init(&b, text, sizeof(text));
	dialog_put_request(&b, ua->dialog, SIP_M_ACK, cseq, sip_txns_branch(txns, branch), 70);
	assert_int_equal(
		sip_build_end(&b, with_sdp ? VIEW("application/sdp") : none, view_of(sdp)), 0);
	assert_int_equal(sip_txns_send(txns, &ua->dialog->path, sip_buf_view(&b)), 0);
}

static const struct sip_ctxn_ops ua_ignore_ops;

/* The early dialog of a response, new if need be. */
static struct rig_early *ua_early(
	struct rig_ua *ua, const struct sip_msg *msg, const struct sip_path *path)
{
	for (unsigned int i = 0; i < RIG_EARLY; i++) {
		struct rig_early *e = &ua->early[i];

		if (e->dialog && dialog_match_response(e->dialog, msg))
			return e;
		if (e->dialog)
			continue;
		assert_int_equal(dialog_new_uac(msg, none, path, &e->dialog), 0);
		return e;
	}
	return NULL;
}

/* A reliable provisional gets its PRACK; an offer in it its answer (RFC 3262 4, 5). */
static void ua_prack(
	struct rig *r, struct rig_ua *ua, const struct sip_msg *msg, const struct sip_path *path)
{
	struct rig_side *s = &r->side[ua->side];
	struct rig_early *e = ua_early(ua, msg, path);
	char text[4096], sdp[1024] = "";
	struct sip_ctxn *ctxn;
	struct sip_buf b;
	uint32_t rseq;

	assert_int_equal(sip_msg_rseq(msg, &rseq), 0);
	ua->last_rseq = rseq;
	if (!e || s->rel == RIG_REL_DEAF || (e->rseq != 0 && rseq != e->rseq + 1))
		return;
	e->rseq = rseq;
	ua->n_reliable++;
	if (ua->late && sip_msg_is_sdp(msg))
		ua_sdp(ua, "sendrecv", true, sdp, sizeof(sdp));
	assert_int_equal(sip_ctxn_new(s->txns, SIP_M_PRACK, &ua_ignore_ops, NULL, &ctxn), 0);
	sip_buf_init(&b, text, sizeof(text));
	dialog_put_request(
		&b, e->dialog, SIP_M_PRACK, dialog_next_cseq(e->dialog), sip_ctxn_branch(ctxn), 70);
	sip_put_lit(&b, "RAck: ");
	sip_put_u64(&b, rseq);
	sip_put_lit(&b, " ");
	sip_put_u64(&b, msg->cseq.number);
	sip_put_lit(&b, " INVITE\r\n");
	assert_int_equal(
		sip_build_end(&b, sdp[0] ? VIEW("application/sdp") : none, view_of(sdp)), 0);
	assert_int_equal(sip_ctxn_send(ctxn, &e->dialog->path, sip_buf_view(&b)), 0);
}

static void ua_confirm(struct rig_ua *ua, const struct sip_msg *msg, const struct sip_path *path)
{
	struct rig_early *e = ua->early[0].dialog ? ua_early(ua, msg, path) : NULL;

	if (e) {
		assert_int_equal(dialog_confirm(&e->dialog, msg, none, path), 0);
		ua->dialog = e->dialog;
		e->dialog = NULL;
	} else {
		assert_int_equal(dialog_new_uac(msg, none, path, &ua->dialog), 0);
	}
}

static void ua_invite_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct rig_ua *ua = arg;
	struct sip_values it;
	struct view value;

	ua_keep_sdp(ua, msg);
	if (msg->status < 200) {
		ua->n_ringing += msg->status > 100;
		if (sip_msg_has_token(msg, SIP_H_REQUIRE, VIEW("100rel")))
			ua_prack(the_rig, ua, msg, path);
		return;
	}
	ua->last = msg->status;
	ua->last_had_sdp = sip_msg_is_sdp(msg);
	ua_keep_timer(ua, msg);
	ua->last_contacts[0] = '\0';
	sip_values_start(&it, msg, SIP_H_CONTACT);
	while (sip_values_next(&it, &value)) {
		size_t n = strlen(ua->last_contacts);

		snprintf(ua->last_contacts + n, sizeof(ua->last_contacts) - n, "%.*s ",
			VIEW_ARG(value));
	}
	if (msg->status < 300) {
		if (!ua->dialog)
			ua_confirm(ua, msg, path);
		else
			assert_int_equal(dialog_refresh(ua->dialog, msg, path), 0);
		ua->confirmed = true;
		ua_ack(the_rig, ua, msg->cseq.number, ua->late && ua->last_had_sdp);
		return;
	}
	sip_ctxn_detach(ctxn);
	ua->out = NULL;
}

static void ua_invite_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct rig_ua *ua = arg;

	ua->last = 408;
}

static void ua_invite_terminated(struct sip_ctxn *ctxn, void *arg)
{
	struct rig_ua *ua = arg;

	if (ua->out == ctxn)
		ua->out = NULL;
}

static const struct sip_ctxn_ops ua_invite_ops = {
	.response = ua_invite_response,
	.failed = ua_invite_failed,
	.terminated = ua_invite_terminated,
};

static void put_allow(const struct rig *r, unsigned int side, struct sip_buf *b)
{
	sip_put_lit(b, "Allow: INVITE, ACK, BYE, CANCEL, PRACK");
	sip_put(b, r->side[side].update ? VIEW(", UPDATE\r\n") : VIEW("\r\n"));
	if (r->side[side].replaces)
		sip_put_lit(b, "Supported: replaces\r\n");
}

struct rig_ua *rig_invite(struct rig *r, const char *number, bool late)
{
	struct rig_ua *ua = ua_new(r, RIG_CALLER);
	struct sip_path path = {
		.transport = SIP_UDP, .local = rig_addr("10.0.0.50"), .remote = rig_bound[0].addr};
	char text[4096], sdp[1024] = "";
	struct sip_buf b;

	if (!ua)
		return NULL;
	ua->addr = path.local;
	ua->late = late;
	snprintf(ua->call_id, sizeof(ua->call_id), "phone-%08x", rig_random(r, UINT32_MAX));
	if (!late)
		ua_sdp(ua, "sendrecv", false, sdp, sizeof(sdp));
	assert_int_equal(
		sip_ctxn_new(r->side[RIG_CALLER].txns, SIP_M_INVITE, &ua_invite_ops, ua, &ua->out),
		0);
	sip_buf_init(&b, text, sizeof(text) - 1);
	b.n = (size_t)snprintf(text, sizeof(text),
		"INVITE sip:%s@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.50:5060;branch=%.*s\r\n"
		"Max-Forwards: 70\r\nFrom: \"A\" <sip:phone@10.0.0.50>;tag=%s\r\n"
		"To: <sip:%s@10.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:phone-c@10.0.0.50>\r\nUser-Agent: secret\r\n"
		"P-Asserted-Identity: <sip:1@10.0.0.50>\r\nX-Secret: secret\r\n"
		"Organization: secret\r\nSubject: hello\r\n",
		number, VIEW_ARG(sip_ctxn_branch(ua->out)), ua->tag, number, ua->call_id);
	put_allow(r, RIG_CALLER, &b);
	put_timer(r, RIG_CALLER, &b);
	if (r->side[RIG_CALLER].lines)
		sip_put(&b, view_of(r->side[RIG_CALLER].lines));
	if (r->side[RIG_CALLER].rel == RIG_REL_REQUIRED)
		sip_put_lit(&b, "Require: 100rel\r\n");
	else if (r->side[RIG_CALLER].rel != RIG_REL_NONE)
		sip_put_lit(&b, "Supported: replaces, 100rel\r\n");
	assert_int_equal(sip_build_end(&b, late ? none : VIEW("application/sdp"), view_of(sdp)), 0);
	assert_int_equal(sip_ctxn_send(ua->out, &path, sip_buf_view(&b)), 0);
	return ua;
}

void rig_cancel(struct rig *r, struct rig_ua *ua)
{
	if (ua->out)
		sip_ctxn_cancel(ua->out, none);
}

static void ua_ignore_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	if (arg && msg->status >= 200)
		*(unsigned int *)arg = msg->status;
}

static void ua_ignore_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	if (arg)
		*(unsigned int *)arg = 408;
}

static const struct sip_ctxn_ops ua_ignore_ops = {
	.response = ua_ignore_response, .failed = ua_ignore_failed};

static void ua_send(struct rig *r, struct rig_ua *ua, enum sip_method method, void *arg)
{
	struct sip_ctxn *ctxn;
	char text[4096];
	struct sip_buf b;

	assert_int_equal(
		sip_ctxn_new(r->side[ua->side].txns, method, &ua_ignore_ops, arg, &ctxn), 0);
	sip_buf_init(&b, text, sizeof(text));
	dialog_put_request(
		&b, ua->dialog, method, dialog_next_cseq(ua->dialog), sip_ctxn_branch(ctxn), 70);
	sip_put_lit(&b, "Reason: Q.850;cause=16;text=\"secret\"\r\n");
	assert_int_equal(sip_build_end(&b, none, none), 0);
	assert_int_equal(sip_ctxn_send(ctxn, &ua->dialog->path, sip_buf_view(&b)), 0);
}

void rig_bye(struct rig *r, struct rig_ua *ua)
{
	if (!ua->dialog || ua->hung_up)
		return;
	ua_send(r, ua, SIP_M_BYE, NULL);
	ua->hung_up = true;
	if (ua->in)
		rig_answer(r, ua, 487);
}

unsigned int rig_request(struct rig *r, struct rig_ua *ua, enum sip_method method)
{
	static unsigned int status;

	status = 0;
	ua_send(r, ua, method, &status);
	rig_settle(r);
	return status;
}

static void ua_send_with(struct rig *r, struct rig_ua *ua, enum sip_method method,
	const char *lines, const char *type, const char *body, unsigned int *ret_status)
{
	struct sip_ctxn *ctxn;
	char text[4096];
	struct sip_buf b;

	assert_int_equal(
		sip_ctxn_new(r->side[ua->side].txns, method, &ua_ignore_ops, ret_status, &ctxn), 0);
	sip_buf_init(&b, text, sizeof(text));
	dialog_put_request(
		&b, ua->dialog, method, dialog_next_cseq(ua->dialog), sip_ctxn_branch(ctxn), 70);
	sip_put(&b, view_of(lines));
	assert_int_equal(
		sip_build_end(&b, type ? view_of(type) : none, type ? view_of(body) : none), 0);
	assert_int_equal(sip_ctxn_send(ctxn, &ua->dialog->path, sip_buf_view(&b)), 0);
}

unsigned int rig_request_with(struct rig *r, struct rig_ua *ua, enum sip_method method,
	const char *lines, const char *type, const char *body)
{
	static unsigned int status;

	status = 0;
	ua_send_with(r, ua, method, lines, type, body, &status);
	rig_settle(r);
	return status;
}

void rig_send(struct rig *r, struct rig_ua *ua, enum sip_method method, const char *lines)
{
	if (ua->dialog && ua->confirmed && !ua->hung_up)
		ua_send_with(r, ua, method, lines, NULL, NULL, NULL);
}

void rig_reinvite(struct rig *r, struct rig_ua *ua, const char *direction, bool late)
{
	char text[4096], sdp[1024] = "";
	struct sip_buf b;

	if (!ua->dialog || ua->hung_up || !ua->confirmed || ua->in)
		return;
	if (ua->out)
		sip_ctxn_detach(ua->out);
	ua->late = late;
	ua->last = 0;
	ua->version++;
	if (!late)
		ua_sdp(ua, direction, false, sdp, sizeof(sdp));
	assert_int_equal(
		sip_ctxn_new(r->side[ua->side].txns, SIP_M_INVITE, &ua_invite_ops, ua, &ua->out),
		0);
	sip_buf_init(&b, text, sizeof(text));
	dialog_put_request(&b, ua->dialog, SIP_M_INVITE, dialog_next_cseq(ua->dialog),
		sip_ctxn_branch(ua->out), 70);
	sip_put_hdr_start(&b, SIP_H_CONTACT);
	sip_put_lit(&b, "<sip:c@");
	sip_put_host(&b, &ua->addr, true);
	sip_put_lit(&b, ">\r\n");
	assert_int_equal(sip_build_end(&b, late ? none : VIEW("application/sdp"), view_of(sdp)), 0);
	assert_int_equal(sip_ctxn_send(ua->out, &ua->dialog->path, sip_buf_view(&b)), 0);
}

static void ua_update_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct rig_ua *ua = arg;

	if (msg->status < 200)
		return;
	sip_ctxn_detach(ctxn);
	ua->updating = NULL;
	ua->last_update = msg->status;
	ua_keep_timer(ua, msg);
	if (msg->status == 200)
		ua_keep_sdp(ua, msg);
}

static void ua_update_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct rig_ua *ua = arg;

	sip_ctxn_detach(ctxn);
	ua->updating = NULL;
	ua->last_update = 408;
}

static const struct sip_ctxn_ops ua_update_ops = {
	.response = ua_update_response, .failed = ua_update_failed};

void rig_update(struct rig *r, struct rig_ua *ua, const char *direction)
{
	struct dialog *dialog = ua->dialog;
	char text[4096], sdp[1024] = "";
	struct sip_buf b;

	for (unsigned int i = 0; i < RIG_EARLY && !ua->dialog; i++) {
		if (ua->early[i].dialog && ua->early[i].rseq)
			dialog = ua->early[i].dialog;
	}
	if (!dialog || ua->hung_up || ua->updating || !r->side[ua->side].update)
		return;
	ua->last_update = 0;
	ua->version++;
	if (direction)
		ua_sdp(ua, direction, false, sdp, sizeof(sdp));
	assert_int_equal(sip_ctxn_new(r->side[ua->side].txns, SIP_M_UPDATE, &ua_update_ops, ua,
				 &ua->updating),
		0);
	sip_buf_init(&b, text, sizeof(text));
	dialog_put_request(&b, dialog, SIP_M_UPDATE, dialog_next_cseq(dialog),
		sip_ctxn_branch(ua->updating), 70);
	sip_put_hdr_start(&b, SIP_H_CONTACT);
	sip_put_lit(&b, "<sip:c@");
	sip_put_host(&b, &ua->addr, true);
	sip_put_lit(&b, ">\r\n");
	put_timer(r, ua->side, &b);
	assert_int_equal(
		sip_build_end(&b, sdp[0] ? VIEW("application/sdp") : none, view_of(sdp)), 0);
	assert_int_equal(sip_ctxn_send(ua->updating, &dialog->path, sip_buf_view(&b)), 0);
}

/* An UPDATE came: what a user agent of RFC 3311 says. */
static void ua_updated(
	struct rig *r, struct rig_ua *ua, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	unsigned int status = r->side[ua->side].on_update;
	char text[4096], sdp[1024] = "";
	struct sip_buf b;

	ua->n_updates++;
	ua_keep_timer(ua, msg);
	if (!r->side[ua->side].update)
		fail_msg("an UPDATE went to who does not take it");
	if (ua->updating)
		status = 491;
	if (status == 0)
		return;
	if (status != 200) {
		assert_int_equal(sip_stxn_reject(stxn, status, none, none, none), 0);
		return;
	}
	if (sip_msg_is_sdp(msg)) {
		ua_keep_sdp(ua, msg);
		ua_sdp(ua, "sendrecv", true, sdp, sizeof(sdp));
	}
	sip_buf_init(&b, text, sizeof(text));
	sip_build_response(&b, msg, sip_stxn_source(stxn), 200, none, none);
	sip_put_lit(&b, "Contact: <sip:c@");
	sip_put_host(&b, &ua->addr, true);
	sip_put_lit(&b, ">\r\n");
	put_timer(r, ua->side, &b);
	assert_int_equal(
		sip_build_end(&b, sdp[0] ? VIEW("application/sdp") : none, view_of(sdp)), 0);
	assert_int_equal(sip_stxn_respond(stxn, sip_buf_view(&b)), 0);
}

static void ok_gave_up(struct sip_resend *resend, void *arg)
{
	struct rig_ua *ua = arg;

	sip_resend_stop(resend);
	if (ua->dialog && !ua->hung_up)
		rig_bye(the_rig, ua);
}

static void rel_gave_up(struct sip_resend *resend, void *arg)
{
	struct rig_ua *ua = arg;

	sip_resend_stop(resend);
	if (ua->in)
		rig_answer(the_rig, ua, 504);
}

/* A provisional of a user agent that knows 100rel, one at a time. */
static void ua_reliable(struct rig *r, struct rig_ua *ua, struct view text, bool has_sdp, bool late)
{
	ua->rel_sdp = has_sdp;
	ua->rel_offer = late && has_sdp;
	ua->answered_early |= has_sdp;
	assert_int_equal(sip_resend_start(r->side[ua->side].txns, &ua->rel, sip_stxn_path(ua->in),
				 text, false, rel_gave_up, ua),
		0);
	ua->rel.t2_ms = 0;
}

/* Where the far end knows them, each provisional is reliable. */
static bool ua_rel_wanted(
	const struct rig *r, const struct rig_ua *ua, const struct sip_msg *request)
{
	return r->side[ua->side].rel != RIG_REL_NONE && ua->side == RIG_CALLEE && !ua->confirmed &&
	       (sip_msg_has_token(request, SIP_H_SUPPORTED, VIEW("100rel")) ||
		       sip_msg_has_token(request, SIP_H_REQUIRE, VIEW("100rel")));
}

void rig_answer(struct rig *r, struct rig_ua *ua, unsigned int status)
{
	const struct sip_msg *request = ua->in ? sip_stxn_request(ua->in) : NULL;
	bool late = request && request->body.n == 0, reliable, settled;
	char text[4096], sdp[1024] = "";
	struct sip_path back;
	struct sip_buf b;

	if (!request)
		return;
	reliable = status > 100 && status < 200 && ua_rel_wanted(r, ua, request);
	/* One at a time; and a 2xx waits for the PRACK of a description (RFC 3262 3). */
	if (reliable && ua->rel.bytes)
		return;
	if (status == 200 && ua->rel.bytes && ua->rel_sdp)
		return;
	settled = ua->answered_early && !ua->confirmed;
	if (status == 200 && r->side[ua->side].srtp == RIG_REFUSE && offers_srtp(ua))
		status = 488;
	if ((status == 200 || (status == 183 && (!late || reliable))) && !settled &&
		!r->side[ua->side].no_sdp)
		ua_sdp(ua, "sendrecv", !late, sdp, sizeof(sdp));
	sip_buf_init(&b, text, sizeof(text));
	sip_build_response(&b, request, sip_stxn_source(ua->in), status, none, view_of(ua->tag));
	sip_put_hdr_start(&b, SIP_H_CONTACT);
	if (status >= 300 && status < 400 && r->side[ua->side].contacts) {
		sip_put(&b, view_of(r->side[ua->side].contacts));
	} else {
		sip_put_lit(&b, "<sip:");
		sip_put(&b, ua->side == RIG_CALLER ? VIEW("phone-c") : VIEW("trunk-c"));
		sip_put_char(&b, '@');
		sip_put_host(&b, &ua->addr, true);
		sip_put_char(&b, '>');
	}
	sip_put_lit(&b, "\r\nServer: secret\r\nX-Secret: secret\r\n");
	put_allow(r, ua->side, &b);
	if (status == 200)
		put_timer(r, ua->side, &b);
	if (reliable) {
		sip_put_lit(&b, "Require: 100rel\r\nRSeq: ");
		sip_put_u64(&b, ++ua->rseq);
		sip_put_lit(&b, "\r\n");
	}
	assert_int_equal(
		sip_build_end(&b, sdp[0] ? VIEW("application/sdp") : none, view_of(sdp)), 0);
	back = *sip_stxn_path(ua->in);
	if (sip_stxn_respond(ua->in, sip_buf_view(&b)) < 0)
		return;
	if (reliable)
		ua_reliable(r, ua, sip_buf_view(&b), sdp[0] != '\0', late);
	if (status < 200)
		return;
	sip_resend_stop(&ua->rel);
	sip_stxn_detach(ua->in);
	ua->in = NULL;
	if (status >= 300)
		return;
	ua->confirmed = true;
	ua->acked = false;
	sip_resend_stop(&ua->ok);
	assert_int_equal(sip_resend_start(r->side[ua->side].txns, &ua->ok, &back, sip_buf_view(&b),
				 false, ok_gave_up, ua),
		0);
}

static void ua_cancelled(struct sip_stxn *stxn, const struct sip_msg *cancel, void *arg)
{
	struct rig_ua *ua = arg;

	snprintf(ua->last_cancel, sizeof(ua->last_cancel), "%.*s", VIEW_ARG(cancel->raw));
	if (ua->in == stxn)
		rig_answer(the_rig, ua, the_rig->side[ua->side].on_cancel_answer ? 200 : 487);
}

static void ua_in_terminated(struct sip_stxn *stxn, void *arg)
{
	struct rig_ua *ua = arg;

	if (ua->in == stxn)
		ua->in = NULL;
}

static const struct sip_stxn_ops ua_in_ops = {
	.cancelled = ua_cancelled, .terminated = ua_in_terminated};

static struct rig_ua *ua_of(struct rig *r, unsigned int side, const struct sip_msg *msg)
{
	for (unsigned int i = 0; i < RIG_UAS; i++) {
		struct rig_ua *ua = &r->side[side].ua[i];

		if (ua->used && ua->dialog && dialog_match_request(ua->dialog, msg))
			return ua;
		for (unsigned int k = 0; ua->used && !ua->dialog && k < RIG_EARLY; k++) {
			if (ua->early[k].dialog && dialog_match_request(ua->early[k].dialog, msg))
				return ua;
		}
	}
	return NULL;
}

static void ua_new_call(struct rig *r, unsigned int side, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path)
{
	struct rig_side *s = &r->side[side];
	struct rig_ua *ua = ua_new(r, side);
	uint32_t se;

	if (!ua || (s->busy_trunk && path->local.ip[3] == s->busy_trunk)) {
		if (ua)
			ua->used = false;
		assert_int_equal(sip_stxn_reject(stxn, s->busy_status ? s->busy_status : 503, none,
					 view_of(s->busy_headers), none),
			0);
		return;
	}
	if (s->min_se && sip_msg_seconds(msg, SIP_H_SESSION_EXPIRES, &se) == 0 && se < s->min_se) {
		char text[32];

		snprintf(text, sizeof(text), "Min-SE: %u\r\n", s->min_se);
		ua->used = false;
		assert_int_equal(sip_stxn_reject(stxn, 422, none, view_of(text), none), 0);
		return;
	}
	ua_keep_timer(ua, msg);
	snprintf(ua->last_replaces, sizeof(ua->last_replaces), "%.*s",
		VIEW_ARG(sip_msg_value(msg, SIP_H_REPLACES)));
	ua->n_invites++;
	ua->addr = path->local;
	ua->in = stxn;
	sip_stxn_set_user(stxn, &ua_in_ops, ua);
	ua_keep_sdp(ua, msg);
	assert_int_equal(dialog_new_uas(msg, view_of(ua->tag), path, &ua->dialog), 0);
	if (s->ring)
		rig_answer(r, ua, s->ring);
	if (s->answer)
		rig_answer(r, ua, s->answer);
}

static void ua_inside(
	struct rig *r, struct rig_ua *ua, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	if (!ua->dialog && msg->method == SIP_M_UPDATE) {
		ua_updated(r, ua, stxn, msg);
	} else if (!ua->dialog || !dialog_take_cseq(ua->dialog, msg->cseq.number)) {
		assert_int_equal(sip_stxn_reject(stxn, 500, none, none, none), 0);
	} else if (msg->method == SIP_M_INVITE && !ua->hung_up) {
		if (ua->in || (ua->out && ua->last == 0)) {
			assert_int_equal(sip_stxn_reject(stxn, 491, none, none, none), 0);
			return;
		}
		ua->n_invites++;
		ua_keep_timer(ua, msg);
		ua->in = stxn;
		sip_stxn_set_user(stxn, &ua_in_ops, ua);
		ua_keep_sdp(ua, msg);
		if (r->side[ua->side].answer)
			rig_answer(r, ua, r->side[ua->side].answer);
	} else if (msg->method == SIP_M_REFER && !ua->hung_up) {
		const char *lines = r->side[ua->side].refer_lines;

		snprintf(ua->last_refer, sizeof(ua->last_refer), "%.*s", VIEW_ARG(msg->raw));
		ua->n_refers++;
		if (r->side[ua->side].on_refer)
			assert_int_equal(sip_stxn_reject(stxn, r->side[ua->side].on_refer, none,
						 lines ? view_of(lines) : none, none),
				0);
	} else if (msg->method == SIP_M_NOTIFY && !ua->hung_up) {
		snprintf(ua->last_notify, sizeof(ua->last_notify), "%.*s", VIEW_ARG(msg->raw));
		ua->n_notifies++;
		assert_int_equal(sip_stxn_reject(stxn, 200, none, none, none), 0);
	} else if (msg->method == SIP_M_UPDATE && !ua->hung_up) {
		ua_updated(r, ua, stxn, msg);
	} else if (msg->method == SIP_M_PRACK) {
		struct sip_rack rack;
		/* It may have been overtaken by the 2xx. */
		bool fits = sip_msg_rack(msg, &rack) == 0 && rack.rseq == ua->rseq;

		/* An offer wants its answer, and nothing else may come with it. */
		assert_true(!fits || !ua->rel.bytes || ua->rel_offer == sip_msg_is_sdp(msg));
		if (fits) {
			sip_resend_stop(&ua->rel);
			ua_keep_sdp(ua, msg);
			ua->n_pracked++;
		}
		assert_int_equal(sip_stxn_reject(stxn, fits ? 200 : 481, none, none, none), 0);
		if (fits && r->side[ua->side].answer && ua->in)
			rig_answer(r, ua, r->side[ua->side].answer);
	} else {
		if (msg->method == SIP_M_BYE) {
			ua->hung_up = true;
			sip_resend_stop(&ua->ok);
			if (ua->in)
				rig_answer(r, ua, 487);
		}
		assert_int_equal(sip_stxn_reject(stxn, 200, none, none, none), 0);
	}
}

static void side_request(struct rig *r, unsigned int side, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path)
{
	struct rig_ua *ua;

	r->side[side].n_requests[msg->method]++;
	if (msg->to.tag.n > 0) {
		ua = ua_of(r, side, msg);
		if (ua)
			ua_inside(r, ua, stxn, msg);
		else if (r->side[side].knows_all)
			assert_int_equal(sip_stxn_reject(stxn, 200, none, none, none), 0);
		else
			assert_int_equal(sip_stxn_reject(stxn, 481, none, none, none), 0);
	} else if (msg->method == SIP_M_INVITE) {
		ua_new_call(r, side, stxn, msg, path);
	} else if (msg->method == SIP_M_REGISTER && r->registrar) {
		r->registrar(r, stxn, msg);
	} else {
		/* OPTIONS of the trunk's health */
		if (r->side[side].busy_trunk == path->local.ip[3])
			assert_int_equal(sip_stxn_reject(stxn, 503, none, none, none), 0);
		else
			assert_int_equal(sip_stxn_reject(stxn, 200, none, none, none), 0);
	}
}

static void side_ack(struct rig *r, unsigned int side, const struct sip_msg *msg)
{
	struct rig_ua *ua = ua_of(r, side, msg);

	r->side[side].n_requests[SIP_M_ACK]++;
	if (!ua)
		return;
	ua->acked = true;
	ua_keep_sdp(ua, msg);
	sip_resend_stop(&ua->ok);
}

/* The layer's user has one context; each side gets a small one of its own. */
struct side_ctx {
	struct rig *r;
	unsigned int side;
};
static struct side_ctx side_ctx[RIG_N];

static int ua_side_send(
	void *ctx, const struct sip_path *path, const char *bytes, size_t n, uint64_t origin)
{
	struct side_ctx *c = ctx;

	rig_enqueue(c->r, c->side, &path->local, &path->remote, bytes, n);
	return 0;
}

static void ua_side_request(
	void *ctx, struct sip_stxn *stxn, const struct sip_msg *msg, const struct sip_path *path)
{
	struct side_ctx *c = ctx;

	side_request(c->r, c->side, stxn, msg, path);
}

static void ua_side_ack(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
	struct side_ctx *c = ctx;

	side_ack(c->r, c->side, msg);
}

static void ua_side_stray(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
}

void rig_sides_new(struct rig *r)
{
	static const struct sip_txn_user user = {.send = ua_side_send,
		.request = ua_side_request,
		.ack = ua_side_ack,
		.stray = ua_side_stray};

	the_rig = r;
	for (unsigned int side = RIG_CALLER; side < RIG_N; side++) {
		uint8_t own[SIP_TOKEN_KEY] = {(uint8_t)side};

		side_ctx[side] = (struct side_ctx){r, side};
		sip_token_key_set(&r->side[side].key, own);
		r->side[side].txns = sip_txns_new(
			r->wheel, &r->side[side].key, 0, 4096, &user, &side_ctx[side]);
		assert_non_null(r->side[side].txns);
		r->side[side].answer = 200;
		r->side[side].on_update = 200;
		r->side[side].on_refer = 202;
		r->side[side].ring = side == RIG_CALLEE ? 180 : 0;
	}
}

struct rig_ua *rig_callee(struct rig *r)
{
	struct rig_ua *found = NULL;

	for (unsigned int i = 0; i < RIG_UAS; i++) {
		if (r->side[RIG_CALLEE].ua[i].used)
			found = &r->side[RIG_CALLEE].ua[i];
	}
	assert_non_null(found);
	return found;
}
