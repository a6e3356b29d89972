/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See reason.h. */
#include "sip-b2bua/b2b/reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define QUOTE_MAX 60 /* octets of a far end's text */

const char *reason_say(struct b2b *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->reason, sizeof(b->reason), fmt, ap);
	va_end(ap);
	return b->reason;
}

/* Text of a far end for a record: printable ASCII, cut. */
static const char *quoted(struct view text, char buf[QUOTE_MAX + 1])
{
	size_t n = text.n < QUOTE_MAX ? text.n : QUOTE_MAX;

	for (size_t i = 0; i < n; i++)
		buf[i] = text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?';
	buf[n] = '\0';
	return buf;
}

/* The words in quotes of a Warning or of a Reason's text parameter; empty: there are none. */
static struct view words_of(struct view value)
{
	const char *open = value.n ? memchr(value.p, '"', value.n) : NULL;
	const char *end = value.n ? value.p + value.n : NULL;
	const char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;

	return close ? (struct view){open + 1, (size_t)(close - open - 1)} : (struct view){"", 0};
}

const char *reason_answered(struct call *call, const struct sip_msg *msg, const char *more)
{
	struct view warning = words_of(sip_msg_value(msg, SIP_H_WARNING));
	struct view text = words_of(sip_msg_value(msg, SIP_H_REASON));
	char phrase[QUOTE_MAX + 1], words[QUOTE_MAX + 1];
	const char *header = warning.n ? "Warning" : "Reason";

	quoted(msg->reason, phrase);
	quoted(warning.n ? warning : text, words);
	if (more[0])
		return reason_say(call->b, "%s answered %u%s", call->far, msg->status, more);
	if (words[0])
		return reason_say(call->b, "%s answered %u %s (%s: %s)", call->far, msg->status,
			phrase, header, words);
	return reason_say(call->b, "%s answered %u%s%s", call->far, msg->status,
		phrase[0] ? " " : "", phrase);
}

const char *reason_unanswered(struct call *call, int err)
{
	const struct b2b *b = call->b;
	char addr[IPADDR_TEXT_MAX];

	ipaddr_print_port(&call->rec.peer_sig[LEG_B], addr);
	if (err == -ETIMEDOUT && call->rec.ringing_ms)
		return reason_say(call->b, "%s (%s) gave no final answer after the CANCEL (64*T1)",
			call->far, addr);
	if (err == -ETIMEDOUT)
		return reason_say(call->b,
			"%s (%s) did not answer the INVITE within %u ms (timer B)", call->far, addr,
			64 * sip_txns_timers(b->env.txns)->t1);
	if (err == -ENOTCONN && call->by_user)
		return reason_say(call->b,
			"the connection from %s, along which %s registered, has ended (RFC 5626)",
			addr, call->far);
	return reason_say(
		call->b, "%s (%s) could not be reached: %s", call->far, addr, strerror(-err));
}

const char *reason_no_answer(struct call *call, bool rang)
{
	unsigned int s = call->b->cfg->timer_no_answer_s;

	if (call->local.on)
		return reason_say(call->b, "%s did not end within %u s (timers no-answer)",
			call->rec.target, s);
	return reason_say(call->b,
		rang ? "%s rang, and nobody answered within %u s (timers no-answer)"
		     : "%s sent no more than 100 Trying within %u s (timers no-answer)",
		call->far, s);
}

const char *reason_of_request(const struct leg *from, const struct sip_msg *msg,
	struct sip_buf *unsupported, unsigned int *ret_status)
{
	struct b2b *b = from->call->b;
	char text[QUOTE_MAX + 1];
	struct view type;
	size_t skip = sizeof("Unsupported: ") - 1;

	if (msg->uri.scheme != SIP_SCHEME_SIP && msg->uri.scheme != SIP_SCHEME_TEL) {
		*ret_status = 416;
		return reason_say(b, "the scheme of the Request-URI is not taken: %s",
			quoted(msg->uri_text, text));
	}
	if (msg->max_forwards == 0) {
		*ret_status = 483;
		return "the request has no hops left (Max-Forwards 0)";
	}
	/* By way of a registrar one phone of ours calls another. */
	if (!from->call->by_binding && b->env.ops->own_vias(b->env.ctx, msg) > 0) {
		*ret_status = 482;
		return "the request came back to the box: it has a Via of ours (loop)";
	}
	if (policy_unsupported(msg, leg_options(from), unsupported)) {
		*ret_status = 420;
		type = view_trim((struct view){
			unsupported->p + skip, unsupported->n > skip ? unsupported->n - skip : 0});
		return reason_say(b,
			"Require or Proxy-Require names what the box does not have: %s",
			quoted(type, text));
	}
	if (msg->body.n > 0 && !sip_msg_is_sdp(msg)) {
		*ret_status = 415;
		type = sip_msg_value(msg, SIP_H_CONTENT_TYPE);
		return reason_say(b, "the body is no session description: Content-Type %s",
			type.n ? quoted(type, text) : "is missing");
	}
	if (!policy_accepts_sdp(msg)) {
		*ret_status = 406;
		return reason_say(b, "the caller takes no session description: Accept %s",
			quoted(sip_msg_value(msg, SIP_H_ACCEPT), text));
	}
	return NULL;
}

const char *reason_media(struct call *call, int status)
{
	const char *a = call->rec.realm[LEG_A], *b = call->rec.realm[LEG_B];

	switch (status) {
	case -ENOSPC:
		return reason_say(call->b, "realm %s%s%s has no free media port (media port-range)",
			a, b[0] ? " or realm " : "", b);
	case -EAFNOSUPPORT:
		return reason_say(call->b,
			"realm %s%s%s has no media address of the family that is wanted", a,
			b[0] ? " or realm " : "", b);
	case -EAGAIN:
		return "the data plane is away: it has no workers for media";
	case -EUSERS:
		return reason_say(call->b, "%s is full", call->rec.target);
	case -ENODATA:
		return reason_say(call->b, "%s: the prompt has no sound", call->rec.target);
	case -ECANCELED:
		return "the data plane restarted while the media session was set up";
	default:
		return reason_say(call->b, "limen-control or the data plane refused the media: %s",
			strerror(status < 0 ? -status : EPROTO));
	}
}

const char *reason_bad_sdp(const struct leg *from)
{
	struct b2b *b = from->call->b;

	return reason_say(b, "the session description of the %s is malformed: %s",
		from->side == LEG_A ? "caller" : "called side",
		b->sdp.error ? b->sdp.error : "it cannot be read");
}
