/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * c-ares 1.18 leaves out the TTL of SRV and NAPTR records when it reads them, so the sections of a
 * message are walked here; only compressed names, the dangerous part, are expanded by c-ares.
 */
#include "sip-b2bua/resolver/dns_answer.h"

#include <ares.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LEN   12
#define ALIASES_MAX  8 /* of one answer, one after the other */
#define TYPE_CNAME   5
#define TYPE_SOA     6
#define SOA_TAIL_LEN 20 /* serial, refresh, retry, expire, minimum */

struct message {
	const uint8_t *p;
	size_t n;
};

struct rr {
	char name[DNS_NAME_MAX];
	uint16_t type, class;
	uint32_t ttl_s;
	const uint8_t *data;
	size_t n;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

int dns_name_copy(struct view text, char ret_name[DNS_NAME_MAX])
{
	size_t label = 0;

	if (text.n > 1 && text.p[text.n - 1] == '.')
		text.n--;
	if (text.n == 0 || text.n >= DNS_NAME_MAX - 1)
		return -EINVAL;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '.' ? label == 0
			     : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
				       c == '_'))
			return -EINVAL;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return -EINVAL;
		ret_name[i] = c;
	}
	ret_name[text.n] = '\0';
	return label > 0 ? 0 : -EINVAL;
}

/*
 * The name at *at, which moves behind it. The root is the empty name, as is one that is no host
 * name: it can be the owner or target of nothing that is asked for. -EBADMSG.
 */
static int name_take(const struct message *m, size_t *at, char ret_name[DNS_NAME_MAX])
{
	char *text = NULL;
	long len = 0;

	ret_name[0] = '\0';
	if (*at >= m->n ||
		ares_expand_name(m->p + *at, m->p, (int)m->n, &text, &len) != ARES_SUCCESS)
		return -EBADMSG;
	if (dns_name_copy(view_of(text), ret_name) < 0)
		ret_name[0] = '\0';
	ares_free_string(text);
	*at += (size_t)len;
	return 0;
}

static int rr_take(const struct message *m, size_t *at, struct rr *ret_rr)
{
	int rc = name_take(m, at, ret_rr->name);

	if (rc < 0 || m->n - *at < 10)
		return -EBADMSG;
	ret_rr->type = get16(m->p + *at);
	ret_rr->class = get16(m->p + *at + 2);
	ret_rr->ttl_s = get32(m->p + *at + 4);
	/* RFC 2181 8: with the highest bit set it is as if zero. */
	if (ret_rr->ttl_s > INT32_MAX)
		ret_rr->ttl_s = 0;
	ret_rr->n = get16(m->p + *at + 8);
	*at += 10;
	if (m->n - *at < ret_rr->n)
		return -EBADMSG;
	ret_rr->data = m->p + *at;
	*at += ret_rr->n;
	return 0;
}

static int questions_skip(const struct message *m, size_t *at)
{
	char name[DNS_NAME_MAX];

	*at = HEADER_LEN;
	for (unsigned int i = get16(m->p + 4); i > 0; i--) {
		if (name_take(m, at, name) < 0 || m->n - *at < 4)
			return -EBADMSG;
		*at += 4;
	}
	return 0;
}

/* A string of one octet of length and that many. */
static bool string_take(const struct rr *rr, size_t *at, struct view *ret_text)
{
	size_t len;

	if (*at >= rr->n)
		return false;
	len = rr->data[*at];
	if (rr->n - *at - 1 < len)
		return false;
	*ret_text = (struct view){(const char *)rr->data + *at + 1, len};
	*at += 1 + len;
	return true;
}

/* The name in a record's data, which ends there. */
static bool data_name(const struct message *m, const struct rr *rr, size_t from, char *ret_name)
{
	size_t at = (size_t)(rr->data - m->p) + from, end = (size_t)(rr->data - m->p) + rr->n;

	return name_take(m, &at, ret_name) == 0 && at == end;
}

enum dns_service dns_naptr_service(struct view flags, struct view service, struct view regexp)
{
	if (!view_eq_nocase(flags, VIEW("s")) || regexp.n > 0)
		return 0;
	if (view_eq_nocase(service, VIEW("SIP+D2U")))
		return DNS_SIP_UDP;
	if (view_eq_nocase(service, VIEW("SIP+D2T")))
		return DNS_SIP_TCP;
	if (view_eq_nocase(service, VIEW("SIPS+D2T")))
		return DNS_SIPS_TLS;
	return 0;
}

/* 1: a record; 0: one of no use; -EBADMSG. */
static int naptr_read(const struct message *m, const struct rr *rr, struct dns_record *ret)
{
	struct view flags, service, regexp;
	size_t at = 4;

	if (rr->n < 4 || !string_take(rr, &at, &flags) || !string_take(rr, &at, &service) ||
		!string_take(rr, &at, &regexp) || !data_name(m, rr, at, ret->name))
		return -EBADMSG;
	ret->priority = get16(rr->data);
	ret->weight = get16(rr->data + 2);
	ret->service = (uint8_t)dns_naptr_service(flags, service, regexp);
	return ret->service != 0 && ret->name[0];
}

static int record_read(const struct message *m, const struct rr *rr, struct dns_record *ret)
{
	*ret = (struct dns_record){0};
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
		if (rr->n != (rr->type == DNS_A ? 4 : 16))
			return -EBADMSG;
		ret->addr.family = rr->type == DNS_A ? 4 : 6;
		memcpy(ret->addr.ip, rr->data, rr->n);
		return !ipaddr_is_any(&ret->addr) && !ipaddr_is_multicast(&ret->addr);
	case DNS_SRV:
		if (rr->n < 7 || !data_name(m, rr, 6, ret->name))
			return -EBADMSG;
		ret->priority = get16(rr->data);
		ret->weight = get16(rr->data + 2);
		ret->port = get16(rr->data + 4);
		/* The root as target says that there is no such service, not a name to ask for. */
		return ret->name[0] ? ret->port != 0 : rr->n == 7;
	default:
		return naptr_read(m, rr, ret);
	}
}

struct reading {
	struct message m;
	uint16_t type;
	char name[DNS_NAME_MAX]; /* whose records are looked for; an alias moves it on */
	uint32_t ttl_s;
	struct dns_record records[DNS_RECORDS_MAX];
	uint32_t n;
};

/* Records of r->name; an alias of it goes to ret_alias. */
static int answers_walk(struct reading *r, size_t at, char ret_alias[DNS_NAME_MAX])
{
	struct rr rr;

	ret_alias[0] = '\0';
	for (unsigned int i = get16(r->m.p + 6); i > 0; i--) {
		int rc = rr_take(&r->m, &at, &rr);

		if (rc < 0)
			return rc;
		if (rr.class != DNS_CLASS_IN || strcmp(rr.name, r->name) != 0)
			continue;
		if (rr.type == TYPE_CNAME) {
			if (!data_name(&r->m, &rr, 0, ret_alias))
				return -EBADMSG;
		} else if (rr.type == r->type && r->n < DNS_RECORDS_MAX) {
			rc = record_read(&r->m, &rr, &r->records[r->n]);
			if (rc < 0)
				return rc;
			r->n += (uint32_t)rc;
		} else {
			continue;
		}
		if (rr.ttl_s < r->ttl_s)
			r->ttl_s = rr.ttl_s;
	}
	return 0;
}

/* How long the absence may be believed: RFC 2308 5. */
static int absence_ttl(const struct message *m, size_t at, uint32_t *ret_ttl_s)
{
	unsigned int n_answers = get16(m->p + 6), n = n_answers + get16(m->p + 8);
	struct rr rr;

	*ret_ttl_s = 0;
	for (unsigned int i = 0; i < n; i++) {
		uint32_t minimum;

		if (rr_take(m, &at, &rr) < 0)
			return -EBADMSG;
		if (i < n_answers || rr.type != TYPE_SOA || rr.n < SOA_TAIL_LEN + 2)
			continue;
		minimum = get32(rr.data + rr.n - 4);
		*ret_ttl_s = minimum < rr.ttl_s ? minimum : rr.ttl_s;
	}
	return 0;
}

static int read_all(struct reading *r)
{
	char alias[DNS_NAME_MAX];
	size_t at;
	int rc = questions_skip(&r->m, &at);

	for (unsigned int hop = 0; rc == 0 && hop <= ALIASES_MAX; hop++) {
		rc = answers_walk(r, at, alias);
		if (rc < 0 || r->n > 0 || !alias[0])
			break;
		memcpy(r->name, alias, sizeof(alias));
	}
	if (rc == 0 && r->n == 0)
		rc = absence_ttl(&r->m, at, &r->ttl_s);
	return rc;
}

int dns_answer_read(const uint8_t *msg, size_t len, const char *name, uint16_t type,
	struct dns_answer **ret_answer)
{
	struct reading *r;
	struct dns_answer *answer;
	int rc;

	if (len < HEADER_LEN || len > UINT16_MAX)
		return -EBADMSG;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->m = (struct message){msg, len};
	r->type = type;
	r->ttl_s = INT32_MAX;
	r->n = 0;
	rc = dns_name_copy(view_of(name), r->name) < 0 ? -EBADMSG : read_all(r);
	answer = rc == 0 ? malloc(sizeof(*answer) + r->n * sizeof(answer->records[0])) : NULL;
	if (answer) {
		answer->ttl_s = r->ttl_s;
		answer->n = r->n;
		memcpy(answer->records, r->records, r->n * sizeof(answer->records[0]));
		*ret_answer = answer;
	} else if (rc == 0) {
		rc = -ENOMEM;
	}
	free(r);
	return rc;
}

const char *dns_type_word(uint16_t type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_AAAA:
		return "AAAA";
	case DNS_SRV:
		return "SRV";
	case DNS_NAPTR:
		return "NAPTR";
	default:
		return "?";
	}
}
