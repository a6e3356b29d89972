/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of methods, header fields and reason phrases. */
#include "sip-b2bua/parser/sip_hdr.h"

static const struct view method_names[SIP_M_N] = {
#define X(id, name) [SIP_M_##id] = {name, sizeof(name) - 1},
	SIP_METHODS(X)
#undef X
};

struct hdr_row {
	struct view name;
	char compact;
};

static const struct hdr_row hdr_rows[SIP_H_N] = {
#define X(id, name, compact) [SIP_H_##id] = {{name, sizeof(name) - 1}, compact},
	SIP_HDRS(X)
#undef X
};

/* Ids by a hash of the name, the first of each place and the next ones; compact forms by letter. */
static uint8_t by_hash[256], next_of[SIP_H_N];
static uint8_t by_letter[26];

/* Of its length and of its first and last letter in either case; it is not empty. */
static uint8_t hash_of(struct view name)
{
	return (uint8_t)(name.n * 37 + (size_t)(name.p[0] | 0x20) * 5 +
			 (size_t)(name.p[name.n - 1] | 0x20));
}

__attribute__((constructor)) static void hdr_index_fill(void)
{
	/* From the last to the first, so that the usual ones, which come first, are found first. */
	for (unsigned int id = SIP_H_N - 1; id >= 1; id--) {
		uint8_t *place = &by_hash[hash_of(hdr_rows[id].name)];
		next_of[id] = *place;
		*place = (uint8_t)id;
		if (hdr_rows[id].compact != 0)
			by_letter[hdr_rows[id].compact - 'a'] = (uint8_t)id;
	}
}

enum sip_method sip_method_lookup(struct view text)
{
	for (unsigned int i = 1; i < SIP_M_N; i++) {
		if (view_eq(method_names[i], text))
			return i;
	}
	return SIP_M_OTHER;
}

struct view sip_method_text(enum sip_method method)
{
	return method_names[method];
}

enum sip_hdr_id sip_hdr_lookup(struct view name)
{
	if (name.n == 1) {
		char c = (char)(name.p[0] | 0x20);
		return c >= 'a' && c <= 'z' ? by_letter[c - 'a'] : SIP_H_OTHER;
	}
	if (name.n == 0)
		return SIP_H_OTHER;
	for (uint8_t id = by_hash[hash_of(name)]; id != 0; id = next_of[id]) {
		if (view_eq_nocase(hdr_rows[id].name, name))
			return id;
	}
	return SIP_H_OTHER;
}

struct view sip_hdr_text(enum sip_hdr_id id)
{
	return hdr_rows[id].name;
}

static const struct {
	unsigned int status;
	struct view text;
} reasons[] = {
#define R(status, text)                        \
	{                                      \
		status,                        \
		{                              \
			text, sizeof(text) - 1 \
		}                              \
	}
	R(100, "Trying"),
	R(180, "Ringing"),
	R(181, "Call Is Being Forwarded"),
	R(182, "Queued"),
	R(183, "Session Progress"),
	R(199, "Early Dialog Terminated"),
	R(200, "OK"),
	R(202, "Accepted"),
	R(300, "Multiple Choices"),
	R(301, "Moved Permanently"),
	R(302, "Moved Temporarily"),
	R(305, "Use Proxy"),
	R(380, "Alternative Service"),
	R(400, "Bad Request"),
	R(401, "Unauthorized"),
	R(402, "Payment Required"),
	R(403, "Forbidden"),
	R(404, "Not Found"),
	R(405, "Method Not Allowed"),
	R(406, "Not Acceptable"),
	R(407, "Proxy Authentication Required"),
	R(408, "Request Timeout"),
	R(410, "Gone"),
	R(413, "Request Entity Too Large"),
	R(414, "Request-URI Too Long"),
	R(415, "Unsupported Media Type"),
	R(416, "Unsupported URI Scheme"),
	R(420, "Bad Extension"),
	R(421, "Extension Required"),
	R(422, "Session Interval Too Small"),
	R(423, "Interval Too Brief"),
	R(480, "Temporarily Unavailable"),
	R(481, "Call/Transaction Does Not Exist"),
	R(482, "Loop Detected"),
	R(483, "Too Many Hops"),
	R(484, "Address Incomplete"),
	R(485, "Ambiguous"),
	R(486, "Busy Here"),
	R(487, "Request Terminated"),
	R(488, "Not Acceptable Here"),
	R(491, "Request Pending"),
	R(493, "Undecipherable"),
	R(500, "Server Internal Error"),
	R(501, "Not Implemented"),
	R(502, "Bad Gateway"),
	R(503, "Service Unavailable"),
	R(504, "Server Time-out"),
	R(505, "Version Not Supported"),
	R(513, "Message Too Large"),
	R(600, "Busy Everywhere"),
	R(603, "Decline"),
	R(604, "Does Not Exist Anywhere"),
	R(606, "Not Acceptable"),
#undef R
};

struct view sip_reason_text(unsigned int status)
{
	for (unsigned int i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	switch (status / 100) {
	case 1:
		return VIEW("Session Progress");
	case 2:
		return VIEW("OK");
	case 3:
		return VIEW("Redirection");
	case 4:
		return VIEW("Request Failure");
	case 5:
		return VIEW("Server Failure");
	default:
		return VIEW("Global Failure");
	}
}
