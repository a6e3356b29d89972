/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See register.h. */
#include "sip-b2bua/registrar/register.h"

#include <errno.h>
#include <stdio.h>

#include "sip-b2bua/parser/sip_char.h"

#define PARSED_MAX 32 /* contacts of one REGISTER */

/* A contact of the request, and the binding that it means. */
struct parsed {
	struct sip_addr addr;
	struct view instance;
	uint32_t expires_s, reg_id;
	uint16_t q;
	uint8_t flags;
	struct reg_contact *old;
};

static void refuse(struct reg_answer *ret, unsigned int status, const char *reason)
{
	ret->status = (uint16_t)status;
	ret->reason = reason;
}

uint32_t reg_seconds(struct view text)
{
	uint64_t value;

	if (text.n == 0)
		return REG_DEFAULT_S;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return REG_DEFAULT_S;
	}
	return view_to_u64(text, UINT32_MAX, &value) < 0 ? UINT32_MAX : (uint32_t)value;
}

uint16_t reg_q(struct view text)
{
	uint16_t q = 0, unit = 100;

	if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') ||
		(text.n > 1 && text.p[1] != '.'))
		return REG_Q_ONE;
	if (text.p[0] == '1')
		return REG_Q_ONE;
	for (size_t i = 2; i < text.n; i++, unit /= 10) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return REG_Q_ONE;
		q = (uint16_t)(q + (text.p[i] - '0') * unit);
	}
	return q;
}

struct view reg_path_text(const struct sip_msg *msg, char *buf, size_t size)
{
	struct sip_values it;
	struct view value;
	struct sip_buf b;

	sip_buf_init(&b, buf, size);
	sip_values_start(&it, msg, SIP_H_PATH);
	while (sip_values_next(&it, &value)) {
		if (b.n > 0)
			sip_put_lit(&b, ",");
		sip_put_unfolded(&b, value);
	}
	return b.overflow ? (struct view){NULL, size + 1} : sip_buf_view(&b);
}

bool reg_is_in_order(const struct sip_msg *msg, const struct reg_contact *old)
{
	return !view_eq(reg_contact_text(old, REG_CALL_ID), msg->call_id) ||
	       msg->cseq.number > old->cseq;
}

bool reg_is_behind_nat(
	const struct sip_msg *msg, const struct sip_uri *contact, const struct sip_path *path)
{
	struct ipaddr addr;

	/* A proxy between us has its own address in the topmost Via, and tells by Path. */
	if (sip_msg_hdr(msg, SIP_H_PATH))
		return false;
	if (sip_uri_addr(contact, &addr) < 0)
		return true; /* a name (RFC 7118 has "invalid"): only the way back leads there */
	return !ipaddr_equal(&addr, &path->remote);
}

static struct reg_contact *find_old(const struct reg_aor *aor, const struct parsed *p)
{
	struct sip_uri uri;

	for (struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if ((c->flags & REG_OUTBOUND) != (p->flags & REG_OUTBOUND))
			continue;
		if (p->flags & REG_OUTBOUND) {
			if (c->reg_id == p->reg_id &&
				view_eq(reg_contact_text(c, REG_INSTANCE), p->instance))
				return c;
		} else if (view_eq(reg_contact_text(c, REG_URI), p->addr.uri.text) ||
			   (sip_uri_parse(reg_contact_text(c, REG_URI), &uri) == 0 &&
				   sip_uri_equal(&uri, &p->addr.uri))) {
			return c;
		}
	}
	return NULL;
}

/* RFC 5626 6: the first hop has to be ours, or to have said that it keeps flows. */
static bool flow_is_kept(const struct sip_msg *msg)
{
	struct sip_values it;
	struct view value, first = {NULL, 0};
	struct sip_addr addr;
	unsigned int n_vias = 0;

	sip_values_start(&it, msg, SIP_H_VIA);
	while (sip_values_next(&it, &value))
		n_vias++;
	if (n_vias <= 1)
		return true;
	/* The proxy next to the user agent wrote the last one. */
	sip_values_start(&it, msg, SIP_H_PATH);
	while (sip_values_next(&it, &value))
		first = value;
	return first.n > 0 && sip_addr_parse(first, &addr) == 0 &&
	       sip_params_has(addr.uri.params, VIEW("ob"));
}

/* "<urn:...>" in quotes, of characters that may stand in the parameter of a URI too. */
static bool is_instance(struct view v)
{
	const char *end = sip_view_end(v);

	return v.n > 4 && v.p[0] == '"' && v.p[1] == '<' && end[-2] == '>' && end[-1] == '"' &&
	       sip_skip(v.p + 2, end - 2, SIP_C_PARAM) == end - 2;
}

static int parse_one(const struct reg_request *r, struct view value, uint32_t header_s,
	struct parsed *p, struct reg_answer *ret)
{
	const struct reg_limits *l = r->limits;
	struct view v;
	uint64_t number;

	*p = (struct parsed){.q = REG_Q_ONE, .expires_s = header_s};
	if (sip_addr_parse(value, &p->addr) < 0 || p->addr.star) {
		refuse(ret, 400, "a Contact of the REGISTER is none");
		return -EINVAL;
	}
	if (p->addr.uri.scheme != SIP_SCHEME_SIP && p->addr.uri.scheme != SIP_SCHEME_SIPS) {
		refuse(ret, 400, "a Contact of the REGISTER is no SIP URI");
		return -EINVAL;
	}
	if (sip_params_get(p->addr.params, VIEW("expires"), &v))
		p->expires_s = reg_seconds(v);
	if (sip_params_get(p->addr.params, VIEW("q"), &v))
		p->q = reg_q(v);
	if (sip_params_get(p->addr.params, VIEW("+sip.instance"), &v) && is_instance(v))
		p->instance = v;
	if (sip_params_get(p->addr.params, VIEW("reg-id"), &v) && p->instance.n > 0 &&
		view_to_u64(v, INT32_MAX, &number) == 0 && number > 0) {
		bool wanted = sip_msg_has_token(r->msg, SIP_H_SUPPORTED, VIEW("outbound"));

		if (flow_is_kept(r->msg)) {
			p->reg_id = (uint32_t)number;
			p->flags |= REG_OUTBOUND;
			ret->by_outbound = ret->by_outbound || wanted;
		} else if (wanted) {
			refuse(ret, 439, "the first proxy does not keep flows (RFC 5626)");
			return -EINVAL;
		}
	}
	if (p->instance.n > 0 && sip_msg_has_token(r->msg, SIP_H_SUPPORTED, VIEW("gruu")))
		p->flags |= REG_GRUU;
	if (p->expires_s == 0)
		return 0;
	if (p->expires_s < l->min_s) {
		refuse(ret, 423, "the time asked for is too short");
		ret->min_expires = l->min_s;
		return -EINVAL;
	}
	if (p->expires_s > l->max_s)
		p->expires_s = l->max_s;
	if (reg_is_behind_nat(r->msg, &p->addr.uri, r->path))
		p->flags |= REG_NAT;
	/* What keeps a NAT's or a firewall's mapping alive is the refresh. */
	if (l->nat_s > 0 && p->expires_s > l->nat_s &&
		(p->flags & REG_NAT || sip_transport_is_stream(r->path->transport)))
		p->expires_s = l->nat_s;
	return 0;
}

static void remove_all(struct reg_store *store, const struct reg_request *r, struct reg_aor *aor,
	struct reg_answer *ret)
{
	unsigned int n = aor ? aor->n_contacts : 0;

	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (!reg_is_in_order(r->msg, c)) {
			refuse(ret, 500, "the REGISTER is older than the last one (CSeq)");
			return;
		}
	}
	for (unsigned int i = 0; i < n; i++)
		reg_contact_remove(store, aor->contacts, REG_REMOVED);
	ret->n_removed = n;
	ret->aor = NULL;
}

static struct reg_contact *oldest(const struct reg_aor *aor)
{
	struct reg_contact *c = aor->contacts;

	while (c->next)
		c = c->next;
	return c;
}

/* A further flow of a phone has been there since the phone has: its temporary GRUUs stay good. */
static uint64_t since_of(const struct reg_aor *aor, const struct parsed *p, uint64_t now_ms)
{
	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (p->flags & c->flags & REG_OUTBOUND &&
			view_eq(reg_contact_text(c, REG_INSTANCE), p->instance))
			return c->since_ms;
	}
	return now_ms;
}

static int set_one(struct reg_store *store, const struct reg_request *r, const struct parsed *p,
	struct view path, struct reg_answer *ret)
{
	struct view agent = sip_msg_value(r->msg, SIP_H_USER_AGENT);
	struct reg_new fresh = {.realm = r->realm,
		.user = r->user,
		.hash = r->hash,
		.path = *r->path,
		.expires_s = p->expires_s,
		.cseq = r->msg->cseq.number,
		.reg_id = p->reg_id,
		.q = p->q,
		.flags = p->flags,
		.digest_hash = r->digest_hash};
	struct reg_aor *aor = reg_aor_find(store, r->hash, r->realm, r->user);
	struct reg_contact *made;
	int rc;

	fresh.since_ms = since_of(aor, p, r->wall_ms);
	fresh.text[REG_URI] = p->addr.uri.text;
	fresh.text[REG_CALL_ID] = r->msg->call_id;
	fresh.text[REG_INSTANCE] = p->instance;
	fresh.text[REG_PATH] = path;
	fresh.text[REG_AGENT] = agent.n > 64 ? (struct view){agent.p, 64} : agent;
	rc = reg_contact_set(store, p->old, &fresh, &made);
	if (rc < 0)
		return rc;
	if (p->old)
		ret->n_refreshed++;
	else
		ret->n_added++;
	aor = made->aor;
	while (aor->n_contacts > r->limits->max_contacts && oldest(aor) != made)
		reg_contact_remove(store, oldest(aor), REG_REPLACED);
	return 0;
}

/* Room for all that are new, so that the request is taken whole or not at all. */
static bool fits(const struct reg_request *r, const struct parsed *list, unsigned int n,
	const struct view path)
{
	for (unsigned int i = 0; i < n; i++) {
		if (list[i].addr.uri.text.n > REG_TEXT_MAX || list[i].instance.n > REG_TEXT_MAX)
			return false;
	}
	return path.n <= REG_TEXT_MAX && r->msg->call_id.n <= REG_TEXT_MAX;
}

static void apply(struct reg_store *store, const struct reg_request *r, struct parsed *list,
	unsigned int n, struct reg_answer *ret)
{
	char path_buf[REG_TEXT_MAX];
	struct view path = reg_path_text(r->msg, path_buf, sizeof(path_buf));

	if (!fits(r, list, n, path)) {
		refuse(ret, 400, "a Contact, Path or Call-ID of the REGISTER is too long");
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		/* A binding may have been replaced, or removed, by the contact before this one. */
		list[i].old = find_old(reg_aor_find(store, r->hash, r->realm, r->user), &list[i]);
		if (list[i].expires_s == 0) {
			if (list[i].old) {
				reg_contact_remove(store, list[i].old, REG_REMOVED);
				ret->n_removed++;
			}
		} else if (set_one(store, r, &list[i], path, ret) < 0) {
			refuse(ret, 503, "there is no room for a further binding");
			break;
		}
	}
	ret->aor = reg_aor_find(store, r->hash, r->realm, r->user);
}

void reg_register(
	struct reg_store *store, const struct reg_request *r, struct reg_answer *ret_answer)
{
	struct reg_aor *aor = reg_aor_find(store, r->hash, r->realm, r->user);
	struct parsed list[PARSED_MAX];
	struct sip_values it;
	struct view value, header = sip_msg_value(r->msg, SIP_H_EXPIRES);
	uint32_t header_s = header.p ? reg_seconds(header) : REG_DEFAULT_S;
	unsigned int n = 0;

	*ret_answer = (struct reg_answer){.status = 200, .aor = aor};
	sip_values_start(&it, r->msg, SIP_H_CONTACT);
	while (sip_values_next(&it, &value)) {
		if (view_eq(value, VIEW("*"))) {
			if (n > 0 || sip_values_next(&it, &value) || !header.p || header_s != 0)
				refuse(ret_answer, 400,
					"\"Contact: *\" is not alone, or without \"Expires: 0\"");
			else
				remove_all(store, r, aor, ret_answer);
			return;
		}
		if (n == PARSED_MAX) {
			refuse(ret_answer, 400, "the REGISTER has too many Contacts");
			return;
		}
		if (parse_one(r, value, header_s, &list[n], ret_answer) < 0)
			return;
		list[n].old = find_old(aor, &list[n]);
		if (list[n].old && !reg_is_in_order(r->msg, list[n].old)) {
			refuse(ret_answer, 500, "the REGISTER is older than the last one (CSeq)");
			return;
		}
		n++;
	}
	if (n > 0)
		apply(store, r, list, n, ret_answer);
}

static void put_q(struct sip_buf *b, uint16_t q)
{
	char text[8];

	snprintf(text, sizeof(text), "0.%03u", q);
	sip_put_lit(b, ";q=");
	sip_put(b, view_of(text));
}

/* A temporary GRUU has no more than "gr" (RFC 5627 3.1.2). Without it the phone has the public one. */
static void put_temp_gruu(
	struct sip_buf *b, const struct reg_contact *c, struct view domain, struct reg_gruu *gruu)
{
	char user[REG_GRUU_LEN];

	if (reg_gruu_print(gruu, c, user) < 0)
		return;
	sip_put_lit(b, ";temp-gruu=\"sip:");
	sip_put(b, (struct view){user, sizeof(user)});
	sip_put_char(b, '@');
	sip_put(b, domain);
	sip_put_lit(b, ";gr\"");
}

void reg_put_contacts(const struct reg_store *store, const struct reg_aor *aor, struct view domain,
	struct reg_gruu *gruu, struct sip_buf *b)
{
	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		struct view instance = reg_contact_text(c, REG_INSTANCE);

		sip_put_hdr_start(b, SIP_H_CONTACT);
		sip_put_char(b, '<');
		sip_put(b, reg_contact_text(c, REG_URI));
		sip_put_lit(b, ">;expires=");
		sip_put_u64(b, reg_contact_left_s(store, c));
		if (c->q != REG_Q_ONE)
			put_q(b, c->q);
		if (instance.n > 0) {
			sip_put_lit(b, ";+sip.instance=");
			sip_put(b, instance);
		}
		if (c->flags & REG_OUTBOUND) {
			sip_put_lit(b, ";reg-id=");
			sip_put_u64(b, c->reg_id);
		}
		/* "<urn:uuid:...>" in quotes: without both it is the value of "gr". */
		if (c->flags & REG_GRUU) {
			sip_put_lit(b, ";pub-gruu=\"sip:");
			sip_put(b, reg_aor_user(aor));
			sip_put_char(b, '@');
			sip_put(b, domain);
			sip_put_lit(b, ";gr=");
			sip_put(b, (struct view){instance.p + 2, instance.n - 4});
			sip_put_char(b, '"');
			put_temp_gruu(b, c, domain, gruu);
		}
		sip_put_crlf(b);
	}
}
