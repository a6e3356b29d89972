/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip-b2bua/b2b/policy.h"

#include <errno.h>

/* How a header field crosses. Never as it is: free text and comments may name hosts. */
enum pass_how {
	PASS_WORDS,   /* those of its values that are in the row's vocabulary */
	PASS_SECONDS, /* the number in front, without comment and parameters */
	PASS_REASON,  /* protocol and cause, without the text */
};

struct pass_row {
	uint8_t id; /* enum sip_hdr_id */
	uint8_t how;
	uint8_t msgs; /* enum policy_msg bits */
	const char *words;
};

/*
 * Via, From, To, Call-ID, CSeq, Contact, Max-Forwards, Route, Content-* are made anew and are not
 * here, nor who calls and who sent the call on (sip-b2bua/identity). Subject, Organization,
 * Call-Info, Alert-Info, Warning, Server name people and places: they stay. Supported, Require,
 * Session-Expires, Min-SE, RSeq, RAck: extensions are between the box and each far end.
 */
static const struct pass_row pass_rows[] = {
	{SIP_H_PRIORITY, PASS_WORDS, POLICY_INVITE | POLICY_RELAY,
		" emergency urgent normal non-urgent "},
	{SIP_H_P_EARLY_MEDIA, PASS_WORDS, POLICY_INVITE | POLICY_PROVISIONAL,
		" supported sendrecv sendonly recvonly inactive gated "},
	{SIP_H_REASON, PASS_REASON, POLICY_BYE | POLICY_FAILURE | POLICY_PROVISIONAL, NULL},
	{SIP_H_RETRY_AFTER, PASS_SECONDS, POLICY_FAILURE, NULL},
};

/* words is a list with a blank before and after each. */
static bool word_known(const char *words, struct view word)
{
	size_t n;

	for (const char *p = words + 1; *p; p += n + 1) {
		n = strcspn(p, " ");
		if (view_eq_nocase((struct view){p, n}, word))
			return true;
	}
	return false;
}

static void put_words(struct sip_buf *b, const struct sip_msg *msg, const struct pass_row *row)
{
	struct view rest = sip_msg_value(msg, (enum sip_hdr_id)row->id);
	unsigned int n_words = 0;

	while (rest.n > 0) {
		size_t n = 0;
		struct view word;

		while (n < rest.n && rest.p[n] != ',')
			n++;
		word = view_trim((struct view){rest.p, n});
		rest.p += n < rest.n ? n + 1 : n;
		rest.n -= n < rest.n ? n + 1 : n;
		if (!word_known(row->words, word))
			continue;
		if (n_words++ == 0)
			sip_put_hdr_start(b, (enum sip_hdr_id)row->id);
		else
			sip_put_lit(b, ", ");
		sip_put(b, word);
	}
	if (n_words > 0)
		sip_put_crlf(b);
}

/* Protocol and cause of one Reason value. */
static bool reason_read(struct view value, struct view *ret_protocol, uint64_t *ret_cause)
{
	const char *semi = value.n ? memchr(value.p, ';', value.n) : NULL;
	struct view cause;

	if (!semi)
		return false;
	*ret_protocol = view_trim((struct view){value.p, (size_t)(semi - value.p)});
	return sip_is_token(*ret_protocol) &&
	       sip_params_get((struct view){semi + 1, value.n - (size_t)(semi + 1 - value.p)},
		       VIEW("cause"), &cause) &&
	       view_to_u64(cause, 999, ret_cause) == 0;
}

static void put_reason(struct sip_buf *b, const struct sip_msg *msg)
{
	struct sip_values it;
	struct view value;

	sip_values_start(&it, msg, SIP_H_REASON);
	while (sip_values_next(&it, &value)) {
		struct view protocol;
		uint64_t cause;

		if (!reason_read(value, &protocol, &cause))
			continue;
		sip_put_hdr_start(b, SIP_H_REASON);
		sip_put(b, protocol);
		sip_put_lit(b, ";cause=");
		sip_put_u64(b, cause);
		sip_put_crlf(b);
	}
}

void policy_put_headers(struct sip_buf *b, const struct sip_msg *msg, enum policy_msg kind)
{
	for (size_t i = 0; i < sizeof(pass_rows) / sizeof(pass_rows[0]); i++) {
		const struct pass_row *row = &pass_rows[i];

		if (!(row->msgs & kind) || msg->first[row->id] == SIP_NONE)
			continue;
		if (row->how == PASS_REASON) {
			put_reason(b, msg);
		} else if (row->how == PASS_WORDS) {
			put_words(b, msg, row);
		} else {
			uint32_t seconds;

			if (sip_msg_seconds(msg, (enum sip_hdr_id)row->id, &seconds) == 0)
				sip_put_hdr_u64(b, (enum sip_hdr_id)row->id, seconds);
		}
	}
}

/* The user part without parameters ("+49;npdi"), as written. */
static struct view user_of(const struct sip_uri *uri)
{
	struct view user = uri->user;
	const char *semi = user.n ? memchr(user.p, ';', user.n) : NULL;

	if (semi)
		user.n = (size_t)(semi - user.p);
	return user;
}

static void put_uri(struct sip_buf *b, const struct sip_uri *uri, const struct ipaddr *addr,
	const char *name, uint32_t port)
{
	struct view user = user_of(uri), value;

	sip_put_lit(b, "sip:");
	if (user.n > 0) {
		sip_put(b, user);
		sip_put_char(b, '@');
	}
	if (uri->host_kind == SIP_HOST_NAME &&
		view_eq_nocase(uri->host, VIEW("anonymous.invalid"))) {
		sip_put_lit(b, "anonymous.invalid");
		return;
	}
	if (name)
		sip_put(b, view_of(name));
	else
		sip_put_host(b, addr, ipaddr_port(addr) != 5060);
	if (port) {
		sip_put_char(b, ':');
		sip_put_u64(b, port);
	}
	if (uri->scheme == SIP_SCHEME_TEL || (sip_params_get(uri->params, VIEW("user"), &value) &&
						     view_eq_nocase(value, VIEW("phone"))))
		sip_put_lit(b, ";user=phone");
}

void policy_put_uri(struct sip_buf *b, const struct sip_uri *uri, const struct ipaddr *host)
{
	put_uri(b, uri, host, NULL, 0);
}

void policy_put_uri_name(
	struct sip_buf *b, const struct sip_uri *uri, const char *name, uint32_t port)
{
	put_uri(b, uri, NULL, name, port);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void policy_put_referred_by(struct sip_buf *b, const struct sip_msg *msg, const struct ipaddr *host)
{
	struct sip_addr by;

	if (sip_addr_parse(sip_msg_value(msg, SIP_H_REFERRED_BY), &by) < 0 || by.star)
		return;
	sip_put_hdr_start(b, SIP_H_REFERRED_BY);
	sip_put_char(b, '<');
	policy_put_uri(b, &by.uri, host);
	sip_put_lit(b, ">\r\n");
}

int policy_user_text(const struct sip_uri *uri, char *dst, size_t dst_size)
{
	struct view user = user_of(uri);
	size_t n = 0;

	dst[0] = '\0';
	if (user.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < user.n; i++) {
		int c = (unsigned char)user.p[i];

		if (c == '%') {
			int hi, lo;

			if (user.n - i < 3)
				goto bad;
			hi = hex_digit(user.p[i + 1]);
			lo = hex_digit(user.p[i + 2]);
			if (hi < 0 || lo < 0)
				goto bad;
			c = hi * 16 + lo;
			i += 2;
		}
		if (c < ' ' || c > '~')
			goto bad;
		if (n + 1 >= dst_size) {
			dst[0] = '\0';
			return -ENAMETOOLONG;
		}
		dst[n++] = (char)c;
	}
	dst[n] = '\0';
	return 0;
bad:
	dst[0] = '\0';
	return -EINVAL;
}

struct view policy_user_escape(const char *text, char buf[POLICY_USER_MAX])
{
	static const char hex[] = "0123456789ABCDEF", plain[] = "-_.!~*'()&=+$,/";
	size_t n = 0;

	for (const char *p = text; *p && n + 4 <= POLICY_USER_MAX; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			strchr(plain, c)) {
			buf[n++] = (char)c;
			continue;
		}
		buf[n++] = '%';
		buf[n++] = hex[c >> 4];
		buf[n++] = hex[c & 15];
	}
	return (struct view){buf, n};
}

unsigned int policy_method_status(enum sip_method method)
{
	switch (method) {
	case SIP_M_INVITE:
	case SIP_M_ACK:
	case SIP_M_BYE:
	case SIP_M_CANCEL:
	case SIP_M_OPTIONS:
	case SIP_M_INFO:
	case SIP_M_PRACK:
	case SIP_M_UPDATE:
	case SIP_M_REFER:
		return 0;
	case SIP_M_OTHER:
		return 501;
	default:
		return 405;
	}
}

/* The bit of an option tag, 0 for one that is not in the table. */
static unsigned int option_of(struct view tag)
{
	static const struct {
		const char *tag;
		unsigned int option;
	} rows[] = {
		{"100rel", POLICY_100REL},
		{"timer", POLICY_TIMER},
		{"replaces", POLICY_REPLACES},
		{"norefersub", POLICY_NOREFERSUB},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (view_eq_nocase(tag, view_of(rows[i].tag)))
			return rows[i].option;
	}
	return 0;
}

static unsigned int put_required(struct sip_buf *b, const struct sip_msg *msg, enum sip_hdr_id id,
	unsigned int known, unsigned int n)
{
	struct sip_values it;
	struct view value;

	sip_values_start(&it, msg, id);
	while (sip_values_next(&it, &value)) {
		/* Option tags are tokens; anything else is not repeated to anybody. */
		if (!sip_is_token(value) || (option_of(value) & known))
			continue;
		if (n++ == 0)
			sip_put_hdr_start(b, SIP_H_UNSUPPORTED);
		else
			sip_put_lit(b, ", ");
		sip_put(b, value);
	}
	return n;
}

bool policy_unsupported(const struct sip_msg *msg, unsigned int known, struct sip_buf *b)
{
	unsigned int n = put_required(b, msg, SIP_H_REQUIRE, known, 0);

	/* A proxy has no part in our extensions. */
	n = put_required(b, msg, SIP_H_PROXY_REQUIRE, 0, n);
	if (n > 0)
		sip_put_crlf(b);
	return n > 0;
}

bool policy_accepts_sdp(const struct sip_msg *msg)
{
	static const struct view fitting[] = {
		VIEW("application/sdp"), VIEW("application/*"), VIEW("*/*")};
	struct sip_values it;
	struct view value;

	if (sip_msg_hdr(msg, SIP_H_ACCEPT) == NULL)
		return true;
	sip_values_start(&it, msg, SIP_H_ACCEPT);
	while (sip_values_next(&it, &value)) {
		const char *semi = memchr(value.p, ';', value.n);
		struct view range = view_trim(
			(struct view){value.p, semi ? (size_t)(semi - value.p) : value.n});

		for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++)
			if (view_eq_nocase(range, fitting[i]))
				return true;
	}
	return false;
}

struct failure_row {
	uint16_t from, status;
	bool hunt;
	uint16_t q850;
};

/*
 * Refusals that concern the called user pass as they are. Those that concern the hop between us
 * and the peer (authentication, extensions, loops, timers) say nothing to the caller and become
 * 500 or 502; where another trunk may do better, the hunt goes on. Sorted by status.
 */
static const struct failure_row failure_rows[] = {
	{400, 500, false, 127},
	{401, 502, true, 63}, /* the trunk wants credentials, and those we have do not do */
	{402, 402, false, 21},
	{403, 403, false, 21},
	{404, 404, false, 1},
	{405, 502, false, 63},
	{406, 488, false, 79},
	{407, 502, true, 63},
	{408, 408, true, 102},
	{410, 410, false, 22},
	{413, 502, false, 127},
	{414, 502, false, 127},
	{415, 488, false, 79},
	{416, 404, false, 28},
	{420, 502, false, 127},
	{421, 502, false, 127},
	{422, 502, false, 127}, /* session timers are between us and that peer */
	{423, 502, false, 127},
	{430, 480, true, 20}, /* no flow to the phone is left (RFC 5626) */
	{480, 480, false, 18},
	{481, 502, false, 41},
	{482, 502, true, 25},
	{483, 502, true, 25},
	{484, 484, false, 28},
	{485, 404, false, 1}, /* its Contact list stays here */
	{486, 486, false, 17},
	{487, 487, false, 31},
	{488, 488, false, 65},
	{491, 491, false, 31},
	{493, 502, false, 127},
	{500, 500, true, 41},
	{501, 502, false, 79},
	{502, 502, true, 38},
	{503, 503, true, 41},
	{504, 504, true, 102},
	{505, 502, false, 127},
	{513, 502, false, 127},
	{580, 580, false, 47},
	{600, 600, false, 17},
	{603, 603, false, 21},
	{604, 604, false, 1},
	{606, 606, false, 65},
	{607, 603, false, 21},
	{608, 603, false, 21},
};

struct policy_failure policy_failure_of(unsigned int status)
{
	size_t lo = 0, hi = sizeof(failure_rows) / sizeof(failure_rows[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct failure_row *row = &failure_rows[mid];

		if (row->from == status)
			return (struct policy_failure){row->status, row->hunt, row->q850};
		if (row->from < status)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* Redirections are not followed: they would name places behind us. */
	if (status < 400)
		return (struct policy_failure){480, true, 23};
	if (status < 500)
		return (struct policy_failure){500, false, 127};
	if (status < 600)
		return (struct policy_failure){500, true, 41};
	return (struct policy_failure){603, false, 21};
}

void policy_put_reason(struct sip_buf *b, unsigned int q850)
{
	sip_put_hdr_start(b, SIP_H_REASON);
	sip_put_lit(b, "Q.850;cause=");
	sip_put_u64(b, q850);
	sip_put_crlf(b);
}

unsigned int policy_reason_q850(const struct sip_msg *msg)
{
	struct sip_values it;
	struct view value;

	sip_values_start(&it, msg, SIP_H_REASON);
	while (sip_values_next(&it, &value)) {
		struct view protocol;
		uint64_t cause;

		if (reason_read(value, &protocol, &cause) &&
			view_eq_nocase(protocol, VIEW("Q.850")) && cause > 0 && cause < 128)
			return (unsigned int)cause;
	}
	return 0;
}

uint16_t policy_q850_of_status(unsigned int status)
{
	return status < 300 ? 16 : policy_failure_of(status).q850;
}

unsigned int policy_status_of_q850(unsigned int q850)
{
	static const struct {
		uint8_t q850;
		uint16_t status;
	} rows[] = {
		{1, 404},
		{2, 404},
		{3, 404},
		{17, 486},
		{18, 408},
		{19, 480},
		{20, 480},
		{21, 403},
		{22, 410},
		{23, 410},
		{26, 404},
		{27, 502},
		{28, 484},
		{29, 501},
		{31, 480},
		{34, 503},
		{38, 503},
		{41, 503},
		{42, 503},
		{47, 503},
		{55, 403},
		{57, 403},
		{58, 503},
		{65, 488},
		{70, 488},
		{79, 501},
		{87, 403},
		{88, 503},
		{102, 504},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].q850 == q850)
			return rows[i].status;
	}
	return q850 < 32 ? 480 : 500;
}
