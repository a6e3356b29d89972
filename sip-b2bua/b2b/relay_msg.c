/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a relayed request and its answer crosses: a table of header fields, statuses, the body. */
#include "sip-b2bua/b2b/relay.h"

bool relay_takes(const struct cfg_tenant *tenant, enum sip_method method)
{
	if (!tenant)
		return false;
	switch (method) {
	case SIP_M_MESSAGE:
		return tenant->relay_message;
	case SIP_M_SUBSCRIBE:
		return tenant->relay_subscribe;
	case SIP_M_NOTIFY:
		return tenant->relay_notify;
	case SIP_M_PUBLISH:
		return tenant->relay_publish;
	case SIP_M_INFO:
		return tenant->relay_info;
	case SIP_M_OPTIONS:
		return tenant->relay_options;
	case SIP_M_OTHER:
		return tenant->relay_other;
	default:
		return false;
	}
}

/* How a field crosses: rewritten from what is understood of it. */
enum how {
	TOKENS,	 /* those of its values that are tokens */
	TYPES,	 /* media types, without parameters */
	SECONDS, /* the number in front */
	EVENT,	 /* a token and its id (RFC 6665 8.2.1) */
	STATE,	 /* of a subscription (RFC 6665 8.2.3) */
};

static const struct {
	uint8_t id, how; /* enum sip_hdr_id, enum how */
} rows[] = {
	{SIP_H_EVENT, EVENT},
	{SIP_H_SUBSCRIPTION_STATE, STATE},
	{SIP_H_EXPIRES, SECONDS},
	{SIP_H_MIN_EXPIRES, SECONDS},
	{SIP_H_ALLOW_EVENTS, TOKENS},
	{SIP_H_ACCEPT, TYPES},
	{SIP_H_SIP_ETAG, TOKENS},
	{SIP_H_SIP_IF_MATCH, TOKENS},
	{SIP_H_INFO_PACKAGE, TOKENS},
};

static bool is_type(struct view v)
{
	const char *slash = v.n ? memchr(v.p, '/', v.n) : NULL;

	return slash && sip_is_token((struct view){v.p, (size_t)(slash - v.p)}) &&
	       sip_is_token((struct view){slash + 1, v.n - (size_t)(slash + 1 - v.p)});
}

/* A value without its parameters, and those. */
static struct view head_of(struct view value, struct view *ret_params)
{
	const char *semi = value.n ? memchr(value.p, ';', value.n) : NULL;

	*ret_params = (struct view){NULL, 0};
	if (!semi)
		return view_trim(value);
	*ret_params = (struct view){semi + 1, value.n - (size_t)(semi + 1 - value.p)};
	return view_trim((struct view){value.p, (size_t)(semi - value.p)});
}

static void put_list(struct sip_buf *b, const struct sip_msg *msg, enum sip_hdr_id id, bool types)
{
	struct sip_values it;
	struct view value, params;
	unsigned int n = 0;

	sip_values_start(&it, msg, id);
	while (sip_values_next(&it, &value)) {
		value = head_of(value, &params);
		if (types ? !is_type(value) : !sip_is_token(value))
			continue;
		if (n++ == 0)
			sip_put_hdr_start(b, id);
		else
			sip_put_lit(b, ", ");
		sip_put(b, value);
	}
	if (n > 0)
		sip_put_crlf(b);
}

static void put_param(struct sip_buf *b, struct view params, const char *name, bool number)
{
	struct view value;
	uint64_t n;

	if (!sip_params_get(params, view_of(name), &value) || !sip_is_token(value) ||
		(number && view_to_u64(value, UINT32_MAX, &n) < 0))
		return;
	sip_put_char(b, ';');
	sip_put(b, view_of(name));
	sip_put_char(b, '=');
	sip_put(b, value);
}

static void put_params(
	struct sip_buf *b, const struct sip_msg *msg, enum sip_hdr_id id, bool is_state)
{
	struct view params, head = head_of(sip_msg_value(msg, id), &params);

	if (!sip_is_token(head))
		return;
	sip_put_hdr_start(b, id);
	sip_put(b, head);
	if (is_state) {
		put_param(b, params, "reason", false);
		put_param(b, params, "expires", true);
		put_param(b, params, "retry-after", true);
	} else {
		put_param(b, params, "id", false);
	}
	sip_put_crlf(b);
}

void relay_put_headers(struct sip_buf *b, const struct sip_msg *msg)
{
	uint32_t seconds;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum sip_hdr_id id = (enum sip_hdr_id)rows[i].id;

		if (msg->first[id] == SIP_NONE)
			continue;
		if (rows[i].how == TOKENS || rows[i].how == TYPES)
			put_list(b, msg, id, rows[i].how == TYPES);
		else if (rows[i].how == EVENT || rows[i].how == STATE)
			put_params(b, msg, id, rows[i].how == STATE);
		else if (sip_msg_seconds(msg, id, &seconds) == 0)
			sip_put_hdr_u64(b, id, seconds);
	}
	policy_put_headers(b, msg, POLICY_RELAY);
	if (!msg->is_request)
		policy_put_headers(b, msg, POLICY_FAILURE);
}

/* The body is the sender's and stays whole, so what describes it does too. */
int relay_build_end(struct sip_buf *b, const struct sip_msg *msg)
{
	static const uint8_t ids[] = {SIP_H_CONTENT_DISPOSITION, SIP_H_CONTENT_ENCODING,
		SIP_H_CONTENT_LANGUAGE, SIP_H_MIME_VERSION};
	struct view none = {NULL, 0};

	if (msg->body.n == 0)
		return sip_build_end(b, none, none);
	for (size_t i = 0; i < sizeof(ids); i++)
		(void)sip_put_copies(b, msg, (enum sip_hdr_id)ids[i]);
	(void)sip_put_copies(b, msg, SIP_H_CONTENT_TYPE);
	return sip_build_end(b, none, msg->body);
}

unsigned int relay_status(unsigned int status, bool inside)
{
	static const uint16_t as_they_are[] = {402, 403, 404, 406, 408, 410, 412, 413, 415, 423,
		480, 484, 486, 488, 489, 600, 603, 604, 606};

	if (status < 300 || (inside && status == 481))
		return status;
	for (size_t i = 0; i < sizeof(as_they_are) / sizeof(as_they_are[0]); i++) {
		if (as_they_are[i] == status)
			return status;
	}
	return policy_failure_of(status).status;
}
