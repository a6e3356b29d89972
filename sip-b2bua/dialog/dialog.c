/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The texts of a dialog are collected in a scratch buffer, checked, and then copied behind it, in the
 * same allocation; the remote target gets its own when it is refreshed.
 */
#include "sip-b2bua/dialog/dialog.h"

#include <errno.h>
#include <stdlib.h>

#define CKPT_VERSION 1
/* Requests that may have left between the last checkpoint and the end of the process. */
#define CSEQ_RESTORE_GAP 100

/* Texts on their way into a dialog; views point into buf until pack() moves them. */
struct draft {
	struct dialog d;
	struct sip_buf b;
	char buf[DIALOG_TEXT_MAX];
};

static void draft_init(struct draft *draft, uint8_t state)
{
	memset(&draft->d, 0, sizeof(draft->d));
	draft->d.state = state;
	sip_buf_init(&draft->b, draft->buf, sizeof(draft->buf));
}

/* What was appended since start. */
static struct view draft_since(const struct draft *draft, size_t start)
{
	return (struct view){draft->buf + start, draft->b.n - start};
}

static struct view draft_text(struct draft *draft, struct view v)
{
	size_t start = draft->b.n;

	sip_put(&draft->b, v);
	return draft_since(draft, start);
}

/* "display <uri>": what From and To are made of, without header parameters. */
static struct view draft_addr(struct draft *draft, const struct sip_addr *addr)
{
	size_t start = draft->b.n;

	if (addr->display.n > 0) {
		sip_put_unfolded(&draft->b, addr->display);
		sip_put_char(&draft->b, ' ');
	}
	sip_put_char(&draft->b, '<');
	sip_put(&draft->b, addr->uri.text);
	sip_put_char(&draft->b, '>');
	return draft_since(draft, start);
}

/* 0, -ENOENT: there is no Contact, -EINVAL: none that can be a target. SIPS is TLS (RFC 5630 3.1). */
static int target_of(
	const struct sip_msg *msg, const struct sip_path *path, struct sip_addr *ret_contact)
{
	int rc = sip_msg_contact(msg, ret_contact);

	if (rc < 0)
		return rc;
	if (ret_contact->star)
		return -EINVAL;
	if (ret_contact->uri.scheme == SIP_SCHEME_SIPS && path->transport == SIP_TLS)
		return 0;
	return ret_contact->uri.scheme == SIP_SCHEME_SIP ? 0 : -EINVAL;
}

/* *ret_uri: the target; it points into what it was taken from. */
static int draft_target(struct draft *draft, const struct sip_msg *msg, struct view fallback,
	struct sip_uri *ret_uri)
{
	struct sip_addr contact;
	int rc = target_of(msg, &draft->d.from, &contact);

	if (rc == 0)
		*ret_uri = contact.uri;
	else if (rc != -ENOENT || fallback.n == 0 || sip_uri_parse(fallback, ret_uri) < 0)
		return -EINVAL;
	draft->d.target = draft_text(draft, ret_uri->text);
	return 0;
}

/* RFC 2543 clients need not say a Contact: then their From is where they are (4.3 there). */
static struct view old_target(const struct sip_msg *invite)
{
	const struct view magic = VIEW(SIP_BRANCH_MAGIC);
	struct view branch = invite->via.branch;

	if (invite->from.uri.scheme != SIP_SCHEME_SIP ||
		(branch.n >= magic.n && view_eq_nocase((struct view){branch.p, magic.n}, magic)))
		return (struct view){NULL, 0};
	return invite->from.uri.text;
}

/* The route set: Record-Route in order for the UAS, reversed for the UAC (RFC 3261 12.1). */
static int draft_routes(struct draft *draft, const struct sip_msg *msg, bool reversed)
{
	struct sip_values it;
	struct view value;
	unsigned int n = 0;

	sip_values_start(&it, msg, SIP_H_RECORD_ROUTE);
	while (sip_values_next(&it, &value)) {
		struct sip_addr addr;
		size_t start = draft->b.n;

		if (n == DIALOG_ROUTES_MAX)
			return -E2BIG;
		if (sip_addr_parse(value, &addr) < 0 || addr.uri.scheme != SIP_SCHEME_SIP)
			return -EINVAL;
		sip_put_char(&draft->b, '<');
		sip_put(&draft->b, addr.uri.text);
		sip_put_char(&draft->b, '>');
		draft->d.routes[n++] = draft_since(draft, start);
	}
	for (unsigned int i = 0; reversed && i < n / 2; i++) {
		struct view other = draft->d.routes[n - 1 - i];

		draft->d.routes[n - 1 - i] = draft->d.routes[i];
		draft->d.routes[i] = other;
	}
	draft->d.n_routes = (uint8_t)n;
	return 0;
}

static void view_move(struct view *v, const char *from, const char *to)
{
	if (v->p)
		v->p = to + (v->p - from);
}

/* Copies the draft's texts into a dialog of its own. */
static int draft_finish(struct draft *draft, struct dialog **ret_dialog)
{
	struct dialog *d;

	if (draft->b.overflow)
		return -E2BIG;
	d = malloc(sizeof(*d) + draft->b.n);
	if (!d)
		return -ENOMEM;
	*d = draft->d;
	d->text = (char *)(d + 1);
	memcpy(d->text, draft->buf, draft->b.n);
	view_move(&d->call_id, draft->buf, d->text);
	view_move(&d->local_tag, draft->buf, d->text);
	view_move(&d->remote_tag, draft->buf, d->text);
	view_move(&d->local_addr, draft->buf, d->text);
	view_move(&d->remote_addr, draft->buf, d->text);
	view_move(&d->target, draft->buf, d->text);
	for (unsigned int i = 0; i < d->n_routes; i++)
		view_move(&d->routes[i], draft->buf, d->text);
	*ret_dialog = d;
	return 0;
}

/* The URI inside "<...>". */
static struct view route_uri(struct view route)
{
	return (struct view){route.p + 1, route.n - 2};
}

/*
 * Where the next request goes: first route or target if it is an address we can reach from the
 * same listener, or a name, if somebody knows it; else where the peer's own messages come from.
 * target: d->target as the caller has read it, or NULL.
 */
static void path_update(struct dialog *d, const struct sip_uri *target)
{
	struct sip_uri uri;
	struct ipaddr addr;

	d->path = d->from;
	/* A WebSocket client is where its connection is (RFC 7118 5). */
	if (sip_transport_is_ws(d->from.transport))
		return;
	d->path.flow = d->symmetric;
	if (d->symmetric)
		return;
	if (d->n_routes == 0 && target)
		uri = *target;
	else if (sip_uri_parse(d->n_routes > 0 ? route_uri(d->routes[0]) : d->target, &uri) < 0)
		return;
	/* RFC 5626 4.3: it wants requests along the flow that it came by. */
	d->path.flow = d->n_routes == 0 && sip_params_has(uri.params, VIEW("ob"));
	if (d->path.flow)
		return;
	if (sip_uri_addr(&uri, &addr) < 0) {
		d->path.by_name = uri.host_kind == SIP_HOST_NAME;
		return;
	}
	if (addr.family != d->from.local.family || ipaddr_is_any(&addr) ||
		ipaddr_is_multicast(&addr))
		return;
	/* An open connection to that host is used again (RFC 5923's aim, for plain TCP). */
	if (!ipaddr_same_ip(&addr, &d->from.remote))
		d->path.conn = 0;
	d->path.remote = addr;
}

void dialog_set_symmetric(struct dialog *dialog)
{
	dialog->symmetric = true;
	path_update(dialog, NULL);
}

void dialog_set_way(struct dialog *dialog, const struct sip_path *path)
{
	dialog->from = *path;
	path_update(dialog, NULL);
}

int dialog_new_uas(const struct sip_msg *invite, struct view local_tag, const struct sip_path *path,
	struct dialog **ret_dialog)
{
	struct draft draft;
	struct sip_uri target;
	struct ipaddr via;
	int rc;

	draft_init(&draft, DIALOG_EARLY);
	draft.d.from = *path;
	if (invite->via.host_kind == SIP_HOST_IPV4 || invite->via.host_kind == SIP_HOST_IPV6)
		draft.d.symmetric = sip_host_addr(invite->via.host, 0, &via) < 0 ||
				    !ipaddr_same_ip(&via, &path->remote);
	draft.d.remote_cseq = invite->cseq.number;
	draft.d.remote_cseq_set = true;
	rc = draft_target(&draft, invite, old_target(invite), &target);
	if (rc == 0)
		rc = draft_routes(&draft, invite, false);
	if (rc < 0)
		return rc;
	draft.d.call_id = draft_text(&draft, invite->call_id);
	draft.d.local_tag = draft_text(&draft, local_tag);
	draft.d.remote_tag = draft_text(&draft, invite->from.tag);
	draft.d.local_addr = draft_addr(&draft, &invite->to);
	draft.d.remote_addr = draft_addr(&draft, &invite->from);
	path_update(&draft.d, &target);
	return draft_finish(&draft, ret_dialog);
}

int dialog_new_uac(const struct sip_msg *response, struct view request_uri,
	const struct sip_path *path, struct dialog **ret_dialog)
{
	struct draft draft;
	struct sip_uri target;
	int rc;

	draft_init(&draft, response->status < 200 ? DIALOG_EARLY : DIALOG_CONFIRMED);
	draft.d.from = *path;
	draft.d.local_cseq = response->cseq.number;
	rc = draft_target(&draft, response, request_uri, &target);
	if (rc == 0)
		rc = draft_routes(&draft, response, true);
	if (rc < 0)
		return rc;
	draft.d.call_id = draft_text(&draft, response->call_id);
	draft.d.local_tag = draft_text(&draft, response->from.tag);
	draft.d.remote_tag = draft_text(&draft, response->to.tag);
	draft.d.local_addr = draft_addr(&draft, &response->from);
	draft.d.remote_addr = draft_addr(&draft, &response->to);
	path_update(&draft.d, &target);
	return draft_finish(&draft, ret_dialog);
}

void dialog_free(struct dialog *dialog)
{
	if (!dialog)
		return;
	free(dialog->target_text);
	free(dialog);
}

bool dialog_match_request(const struct dialog *dialog, const struct sip_msg *request)
{
	return view_eq(dialog->call_id, request->call_id) &&
	       view_eq_nocase(dialog->local_tag, request->to.tag) &&
	       view_eq_nocase(dialog->remote_tag, request->from.tag);
}

bool dialog_match_response(const struct dialog *dialog, const struct sip_msg *response)
{
	return view_eq(dialog->call_id, response->call_id) &&
	       view_eq_nocase(dialog->local_tag, response->from.tag) &&
	       view_eq_nocase(dialog->remote_tag, response->to.tag);
}

bool dialog_take_cseq(struct dialog *dialog, uint32_t cseq)
{
	if (dialog->remote_cseq_set && cseq <= dialog->remote_cseq)
		return false;
	dialog->remote_cseq = cseq;
	dialog->remote_cseq_set = true;
	return true;
}

int dialog_refresh(struct dialog *dialog, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_addr contact;
	char *text;
	int rc = target_of(msg, path, &contact);

	if (rc == -ENOENT) {
		dialog->from = *path;
		path_update(dialog, NULL);
		return 0;
	}
	if (rc < 0)
		return -EINVAL;
	if (!view_eq(contact.uri.text, dialog->target)) {
		text = malloc(contact.uri.text.n);
		if (!text)
			return -ENOMEM;
		memcpy(text, contact.uri.text.p, contact.uri.text.n);
		free(dialog->target_text);
		dialog->target_text = text;
		dialog->target = (struct view){text, contact.uri.text.n};
	}
	dialog->from = *path;
	path_update(dialog, NULL);
	return 0;
}

int dialog_confirm(struct dialog **dialog, const struct sip_msg *response, struct view request_uri,
	const struct sip_path *path)
{
	struct dialog *fresh;
	int rc = dialog_new_uac(response, request_uri, path, &fresh);

	if (rc < 0)
		return rc;
	if (*dialog) {
		if ((*dialog)->local_cseq > fresh->local_cseq)
			fresh->local_cseq = (*dialog)->local_cseq;
		fresh->remote_cseq = (*dialog)->remote_cseq;
		fresh->remote_cseq_set = (*dialog)->remote_cseq_set;
		dialog_free(*dialog);
	}
	*dialog = fresh;
	return 0;
}

void dialog_set_local_tag(struct dialog *dialog, const char tag[SIP_TOKEN_LEN])
{
	/* Our tags have one length, so the text is replaced in place. */
	if (dialog->local_tag.n == SIP_TOKEN_LEN)
		memcpy(dialog->text + (dialog->local_tag.p - dialog->text), tag, SIP_TOKEN_LEN);
}

static void put_addr_tag(struct sip_buf *b, enum sip_hdr_id id, struct view addr, struct view tag)
{
	sip_put_hdr_start(b, id);
	sip_put(b, addr);
	if (tag.n > 0) {
		sip_put_lit(b, ";tag=");
		sip_put(b, tag);
	}
	sip_put_crlf(b);
}

static bool route_is_loose(struct view route)
{
	struct sip_uri uri;

	return sip_uri_parse(route_uri(route), &uri) == 0 && sip_params_has(uri.params, VIEW("lr"));
}

struct view dialog_request_uri(const struct dialog *dialog)
{
	if (dialog->n_routes > 0 && !route_is_loose(dialog->routes[0]))
		return route_uri(dialog->routes[0]);
	return dialog->target;
}

void dialog_put_request(struct sip_buf *b, const struct dialog *dialog, enum sip_method method,
	uint32_t cseq, struct view branch, uint32_t max_forwards)
{
	bool strict = dialog->n_routes > 0 && !route_is_loose(dialog->routes[0]);

	sip_build_request(b, sip_method_text(method), dialog_request_uri(dialog));
	sip_put_via(b, sip_transport_text(dialog->path.transport), &dialog->path.local, branch);
	for (unsigned int i = strict; i < dialog->n_routes; i++)
		sip_put_hdr(b, SIP_H_ROUTE, dialog->routes[i]);
	if (strict) {
		sip_put_hdr_start(b, SIP_H_ROUTE);
		sip_put_char(b, '<');
		sip_put(b, dialog->target);
		sip_put_lit(b, ">\r\n");
	}
	sip_put_hdr_u64(b, SIP_H_MAX_FORWARDS, max_forwards);
	put_addr_tag(b, SIP_H_FROM, dialog->local_addr, dialog->local_tag);
	put_addr_tag(b, SIP_H_TO, dialog->remote_addr, dialog->remote_tag);
	sip_put_hdr(b, SIP_H_CALL_ID, dialog->call_id);
	sip_put_cseq(b, cseq, sip_method_text(method));
}

static void path_checkpoint(const struct sip_path *path, struct ckpt_out *out)
{
	ckpt_put_u(out, path->transport, 1);
	ckpt_put_u(out, path->listener, 2);
	ckpt_put_addr(out, &path->local);
	ckpt_put_addr(out, &path->remote);
}

/* A connection does not outlive the process: the next request opens one. */
static void path_restore(struct ckpt_in *in, struct sip_path *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->transport = (uint8_t)ckpt_get_u(in, 1);
	ret->listener = (uint16_t)ckpt_get_u(in, 2);
	ckpt_get_addr(in, &ret->local);
	ckpt_get_addr(in, &ret->remote);
	if (ret->transport != SIP_UDP && !sip_transport_is_stream(ret->transport))
		in->failed = true;
	if (!ipaddr_is_set(&ret->local) || ret->local.family != ret->remote.family)
		in->failed = true;
}

void dialog_checkpoint(const struct dialog *dialog, struct ckpt_out *out)
{
	ckpt_put_u(out, CKPT_VERSION, 1);
	ckpt_put_u(out, dialog->symmetric, 1);
	ckpt_put_u(out, dialog->local_cseq, 4);
	ckpt_put_u(out, dialog->remote_cseq, 4);
	ckpt_put_u(out, dialog->remote_cseq_set, 1);
	path_checkpoint(&dialog->from, out);
	ckpt_put_view(out, dialog->call_id);
	ckpt_put_view(out, dialog->local_tag);
	ckpt_put_view(out, dialog->remote_tag);
	ckpt_put_view(out, dialog->local_addr);
	ckpt_put_view(out, dialog->remote_addr);
	ckpt_put_view(out, dialog->target);
	ckpt_put_u(out, dialog->n_routes, 1);
	for (unsigned int i = 0; i < dialog->n_routes; i++)
		ckpt_put_view(out, dialog->routes[i]);
}

/* No control characters: what is restored goes into messages as it is. */
static struct view restore_text(struct ckpt_in *in, struct draft *draft)
{
	struct view v = ckpt_get_view(in, DIALOG_TEXT_MAX);

	for (size_t i = 0; i < v.n; i++) {
		if ((unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f)
			in->failed = true;
	}
	return draft_text(draft, v);
}

static void restore_identity(struct ckpt_in *in, struct draft *draft)
{
	struct sip_uri uri;
	struct sip_addr addr;

	draft->d.call_id = restore_text(in, draft);
	draft->d.local_tag = restore_text(in, draft);
	draft->d.remote_tag = restore_text(in, draft);
	draft->d.local_addr = restore_text(in, draft);
	draft->d.remote_addr = restore_text(in, draft);
	draft->d.target = restore_text(in, draft);
	if (draft->d.call_id.n == 0 || draft->d.local_tag.n != SIP_TOKEN_LEN ||
		sip_addr_parse(draft->d.local_addr, &addr) < 0 ||
		sip_addr_parse(draft->d.remote_addr, &addr) < 0 ||
		sip_uri_parse(draft->d.target, &uri) < 0)
		in->failed = true;
}

int dialog_restore(struct ckpt_in *in, struct dialog **ret_dialog)
{
	struct draft draft;

	draft_init(&draft, DIALOG_CONFIRMED);
	if (ckpt_get_u(in, 1) != CKPT_VERSION)
		return -EINVAL;
	draft.d.symmetric = ckpt_get_u(in, 1) != 0;
	draft.d.local_cseq = (uint32_t)ckpt_get_u(in, 4);
	draft.d.remote_cseq = (uint32_t)ckpt_get_u(in, 4);
	draft.d.remote_cseq_set = ckpt_get_u(in, 1) != 0;
	path_restore(in, &draft.d.from);
	restore_identity(in, &draft);
	draft.d.n_routes = (uint8_t)ckpt_get_u(in, 1);
	if (draft.d.n_routes > DIALOG_ROUTES_MAX)
		return -EINVAL;
	for (unsigned int i = 0; i < draft.d.n_routes; i++) {
		struct sip_addr addr;

		draft.d.routes[i] = restore_text(in, &draft);
		if (draft.d.routes[i].n < 3 || draft.d.routes[i].p[0] != '<' ||
			draft.d.routes[i].p[draft.d.routes[i].n - 1] != '>' ||
			sip_addr_parse(draft.d.routes[i], &addr) < 0)
			in->failed = true;
	}
	if (in->failed || draft.d.local_cseq > INT32_MAX - CSEQ_RESTORE_GAP)
		return -EINVAL;
	draft.d.local_cseq += CSEQ_RESTORE_GAP;
	path_update(&draft.d, NULL);
	return draft_finish(&draft, ret_dialog);
}
