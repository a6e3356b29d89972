/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parsed messages that outlive the buffer they came in: one block holds the struct, as many header
 * fields as there are, and the octets. Every view moves by the same distance, so nothing is parsed
 * again; one that a new field of struct sip_msg brings must be moved here too (test_dup sees it).
 */
#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "sip-b2bua/parser/sip_msg.h"

struct move {
	const char *from, *from_end, *to;
};

static void move_view(const struct move *m, struct view *v)
{
	/* NULL says "not there", and fixed texts are nobody's octets. */
	if (v->p >= m->from && v->p <= m->from_end)
		v->p = m->to + (v->p - m->from);
}

static void move_uri(const struct move *m, struct sip_uri *uri)
{
	move_view(m, &uri->text);
	move_view(m, &uri->scheme_text);
	move_view(m, &uri->user);
	move_view(m, &uri->password);
	move_view(m, &uri->host);
	move_view(m, &uri->params);
	move_view(m, &uri->headers);
}

static void move_addr(const struct move *m, struct sip_addr *addr)
{
	move_view(m, &addr->display);
	move_uri(m, &addr->uri);
	move_view(m, &addr->params);
	move_view(m, &addr->tag);
	move_view(m, &addr->text);
}

static void move_via(const struct move *m, struct sip_via *via)
{
	move_view(m, &via->version);
	move_view(m, &via->transport);
	move_view(m, &via->host);
	move_view(m, &via->sent_by);
	move_view(m, &via->branch);
	move_view(m, &via->received);
	move_view(m, &via->maddr);
	move_view(m, &via->params);
	move_view(m, &via->text);
}

static size_t head_len(const struct sip_msg *msg)
{
	return offsetof(struct sip_msg, hdrs) + msg->n_hdrs * sizeof(msg->hdrs[0]);
}

struct sip_msg *sip_msg_dup(const struct sip_msg *msg)
{
	size_t head = head_len(msg);
	size_t n = msg->raw.n;
	struct sip_msg *copy = malloc(head + n);

	if (copy == NULL)
		return NULL;
	memcpy(copy, msg, head);
	char *octets = (char *)copy + head;
	if (n > 0)
		memcpy(octets, msg->raw.p, n);

	const struct move m = {msg->raw.p, msg->raw.p + n, octets};
	move_view(&m, &copy->raw);
	move_view(&m, &copy->method_text);
	move_view(&m, &copy->uri_text);
	move_view(&m, &copy->reason);
	move_uri(&m, &copy->uri);
	move_view(&m, &copy->body);
	move_via(&m, &copy->via);
	move_addr(&m, &copy->from);
	move_addr(&m, &copy->to);
	move_addr(&m, &copy->contact);
	move_view(&m, &copy->call_id);
	move_view(&m, &copy->cseq.method_text);
	for (unsigned int i = 0; i < copy->n_hdrs; i++) {
		move_view(&m, &copy->hdrs[i].name);
		move_view(&m, &copy->hdrs[i].value);
	}
	return copy;
}

void sip_msg_free(struct sip_msg *copy)
{
	if (copy != NULL)
		secret_free(copy, head_len(copy) + copy->raw.n);
}
