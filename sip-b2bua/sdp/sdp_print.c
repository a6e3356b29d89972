/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Printing of SDP by a plan: only what the plan names leaves; see sdp.h. */
#include <errno.h>

#include "sip-b2bua/sdp/sdp.h"

#define MID_URI "urn:ietf:params:rtp-hdrext:sdes:mid"

static void connection_put(struct sip_buf *b, const struct ipaddr *addr)
{
	if (addr->family == 6)
		sip_put_lit(b, "IN IP6 ");
	else
		sip_put_lit(b, "IN IP4 ");
	sip_put_ip(b, addr);
	sip_put_crlf(b);
}

static void line_put(struct sip_buf *b, const struct sdp_line *l)
{
	char head[2] = {l->type, '='};
	sip_put_mem(b, head, 2);
	sip_put(b, l->value);
	sip_put_crlf(b);
}

/* All lines of one type within a section. Returns how many. */
static unsigned int lines_put(
	struct sip_buf *b, const struct sdp *sdp, unsigned int first, unsigned int n, char type)
{
	unsigned int count = 0;
	for (unsigned int i = first; i < first + n; i++) {
		if (sdp->lines[i].type == type) {
			line_put(b, &sdp->lines[i]);
			count++;
		}
	}
	return count;
}

/* The plan says these itself, so what came is never repeated. */
static bool is_planned(struct view attr)
{
	return view_eq(attr, VIEW("sendrecv")) || view_eq(attr, VIEW("sendonly")) ||
	       view_eq(attr, VIEW("recvonly")) || view_eq(attr, VIEW("inactive")) ||
	       view_eq(attr, VIEW("rtcp")) || view_eq(attr, VIEW("rtcp-mux")) ||
	       view_eq(attr, VIEW("crypto")) || view_eq(attr, VIEW("fingerprint")) ||
	       view_eq(attr, VIEW("setup")) || view_eq(attr, VIEW("tls-id")) ||
	       view_eq(attr, VIEW("mid")) || view_eq(attr, VIEW("group"));
}

/* "3 URI", of whatever direction. */
static bool is_mid_ext(const struct sdp_line *l)
{
	struct view v = l->attr_value, id, uri;

	return view_eq(l->attr, VIEW("extmap")) && sdp_format_next(&v, &id) &&
	       sdp_format_next(&v, &uri) && view_eq(uri, VIEW(MID_URI));
}

static void mid_put(struct sip_buf *b, const struct sdp_media_plan *plan)
{
	if (plan->mid.n) {
		sip_put_lit(b, "a=mid:");
		sip_put(b, plan->mid);
		sip_put_crlf(b);
	}
	if (plan->mid_ext) {
		sip_put_lit(b, "a=extmap:");
		sip_put_u64(b, plan->mid_ext);
		if (plan->mid_ext_recvonly)
			sip_put_lit(b, "/recvonly");
		sip_put_lit(b, " " MID_URI "\r\n");
	}
}

static void group_put(struct sip_buf *b, const struct sdp_plan *plan)
{
	if (!plan->n_group)
		return;
	sip_put_lit(b, "a=group:BUNDLE");
	for (unsigned int i = 0; i < plan->n_group; i++) {
		sip_put_char(b, ' ');
		sip_put(b, plan->group[i]);
	}
	sip_put_crlf(b);
}

static bool is_allowed(const char *const *allow, struct view attr)
{
	for (; allow != NULL && *allow != NULL; allow++) {
		if (view_eq(view_of(*allow), attr))
			return true;
	}
	return false;
}

static bool format_in(struct view formats, struct view format)
{
	struct view f;
	while (sdp_format_next(&formats, &f)) {
		if (view_eq(f, format))
			return true;
	}
	return false;
}

/* Attributes that belong to one format leave with it. */
static bool is_of_gone_format(const struct sdp_line *l, struct view formats)
{
	struct view rest = l->attr_value, format;
	if (!view_eq(l->attr, VIEW("rtpmap")) && !view_eq(l->attr, VIEW("fmtp")) &&
		!view_eq(l->attr, VIEW("rtcp-fb")))
		return false;
	if (!sdp_format_next(&rest, &format))
		return true;
	return !view_eq(format, VIEW("*")) && !format_in(formats, format);
}

/* Attributes that the plan's own lines stand in for. */
static bool is_replaced(const struct sdp_line *l)
{
	return view_eq(l->attr, VIEW("rtpmap")) || view_eq(l->attr, VIEW("fmtp")) ||
	       view_eq(l->attr, VIEW("ptime")) || view_eq(l->attr, VIEW("maxptime")) ||
	       (view_eq(l->attr, VIEW("rtcp-fb")) &&
		       (l->attr_value.n == 0 || l->attr_value.p[0] != '*'));
}

static void attrs_put(struct sip_buf *b, const struct sdp *sdp, unsigned int first, unsigned int n,
	const char *const *allow, const struct view *formats, bool replaced)
{
	for (unsigned int i = first; i < first + n; i++) {
		const struct sdp_line *l = &sdp->lines[i];
		if (l->type != 'a' || is_planned(l->attr) || is_mid_ext(l) ||
			!is_allowed(allow, l->attr))
			continue;
		if (replaced ? is_replaced(l) : formats != NULL && is_of_gone_format(l, *formats))
			continue;
		line_put(b, l);
	}
}

static void media_head_put(struct sip_buf *b, const struct sdp_media *m, unsigned int port,
	struct view proto, struct view formats)
{
	struct view format;
	sip_put_lit(b, "m=");
	sip_put(b, m->media);
	sip_put_char(b, ' ');
	sip_put_u64(b, port);
	sip_put_char(b, ' ');
	sip_put(b, proto.n > 0 ? proto : m->proto);
	while (sdp_format_next(&formats, &format)) {
		sip_put_char(b, ' ');
		sip_put(b, format);
	}
	sip_put_crlf(b);
}

static void media_put(struct sip_buf *b, const struct sdp *sdp, const struct sdp_media *m,
	const struct sdp_media_plan *plan, const struct sdp_plan *whole)
{
	unsigned int port = ipaddr_port(&plan->addr);
	struct view formats = plan->formats.p ? plan->formats : m->formats;
	media_head_put(b, m, port, plan->proto, formats);
	if (port == 0)
		return; /* refused: the rest has no meaning (RFC 3264 6) */
	if (!ipaddr_same_ip(&plan->addr, whole->origin)) {
		sip_put_lit(b, "c=");
		connection_put(b, &plan->addr);
	}
	if (!plan->no_bandwidth)
		(void)lines_put(b, sdp, m->line + 1u, m->n_lines - 1u, 'b');
	sip_put(b, plan->format_lines);
	attrs_put(b, sdp, m->line + 1u, m->n_lines - 1u, whole->allow_attrs, &formats,
		plan->format_lines.p != NULL);
	if (plan->rtcp_port != 0 && plan->rtcp_port != port + 1) {
		sip_put_lit(b, "a=rtcp:");
		sip_put_u64(b, plan->rtcp_port);
		sip_put_crlf(b);
	}
	if (plan->rtcp_mux)
		sip_put_lit(b, "a=rtcp-mux\r\n");
	mid_put(b, plan);
	for (unsigned int i = 0; i < plan->n_crypto; i++)
		sdp_crypto_put(b, &plan->crypto[i]);
	sdp_dtls_put(b, &plan->dtls);
	sip_put_lit(b, "a=");
	sip_put(b, sdp_direction_text(
			   plan->direction != SDP_DIR_NONE ? plan->direction : m->direction));
	sip_put_crlf(b);
}

int sdp_print(const struct sdp *sdp, const struct sdp_plan *plan, struct sip_buf *out)
{
	if (plan->n_media != sdp->n_media)
		return -EINVAL;
	sip_put_lit(out, "v=0\r\no=");
	sip_put(out, plan->username);
	sip_put_char(out, ' ');
	sip_put_u64(out, plan->sess_id);
	sip_put_char(out, ' ');
	sip_put_u64(out, plan->sess_version);
	sip_put_char(out, ' ');
	connection_put(out, plan->origin);
	sip_put_lit(out, "s=");
	sip_put(out, plan->session_name);
	sip_put_lit(out, "\r\nc=");
	connection_put(out, plan->origin);
	(void)lines_put(out, sdp, 0, sdp->n_session_lines, 'b');
	if (lines_put(out, sdp, 0, sdp->n_session_lines, 't') == 0)
		sip_put_lit(out, "t=0 0\r\n");
	group_put(out, plan);
	attrs_put(out, sdp, 0, sdp->n_session_lines, plan->allow_attrs, NULL, false);
	for (unsigned int i = 0; i < sdp->n_media; i++)
		media_put(out, sdp, &sdp->media[i], &plan->media[i], plan);
	return out->overflow ? -EMSGSIZE : 0;
}
