/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hook_answer.h. */
#include "sip-b2bua/hook/hook_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sip-b2bua/parser/sip_uri.h"

#define TTL_MAX 86400

static int fault(char why[HOOK_REASON_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int fault(char why[HOOK_REASON_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, HOOK_REASON_MAX, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Printable ASCII without what would end a URI or a quoted text; blanks: where they may stand. */
static bool text_ok(const char *text, size_t len, bool blanks)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || strchr("<>\"\\", text[i])) {
			if (!blanks || text[i] != ' ')
				return false;
		}
	}
	return len > 0;
}

/* A member that may be left out. */
static int text_read(const json_t *object, const char *key, char *ret, size_t size, bool blanks,
	char why[HOOK_REASON_MAX])
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value) || json_string_length(value) >= size ||
		!text_ok(json_string_value(value), json_string_length(value), blanks))
		return fault(why, "its \"%s\" is no text of at most %zu characters", key, size - 1);
	memcpy(ret, json_string_value(value), json_string_length(value) + 1);
	return 0;
}

static int number_read(const json_t *object, const char *key, json_int_t min, json_int_t max,
	uint32_t *ret, char why[HOOK_REASON_MAX])
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < min ||
		json_integer_value(value) > max)
		return fault(why, "its \"%s\" is no number from %lld to %lld", key, (long long)min,
			(long long)max);
	*ret = (uint32_t)json_integer_value(value);
	return 0;
}

/* Answers that ask something of the caller which the box could not carry on are none. */
static bool status_ok(uint32_t status)
{
	switch (status) {
	case 401:
	case 407:
	case 420:
	case 421:
	case 422:
	case 423:
	case 489:
	case 491:
	case 494:
		return false;
	default:
		return status >= 400 && status <= 699;
	}
}

static int reject_read(const json_t *object, struct hook_answer *ret, char why[HOOK_REASON_MAX])
{
	uint32_t status = 403;
	int rc;

	if (!json_is_object(object))
		return fault(why, "its \"reject\" is no object");
	rc = number_read(object, "status", 400, 699, &status, why);
	if (rc == 0)
		rc = text_read(object, "reason", ret->reason, sizeof(ret->reason), true, why);
	if (rc == 0 && !status_ok(status))
		return fault(why, "no call can be refused with its status %u", status);
	ret->reject = (uint16_t)status;
	return rc;
}

static int uri_read(const char *text, struct hook_target *ret, char why[HOOK_REASON_MAX])
{
	struct sip_uri uri;
	size_t n = 0;

	if (sip_uri_parse(view_of(text), &uri) < 0 ||
		(uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS) ||
		view_copy(uri.host, ret->name, sizeof(ret->name)) < 0)
		return fault(why, "its \"uri\" is no SIP URI");
	ret->port = uri.port;
	if (sip_uri_addr(&uri, &ret->addr) < 0)
		ret->addr = (struct ipaddr){0};
	while (n < uri.user.n && !strchr(";%", uri.user.p[n]))
		n++;
	if (n < uri.user.n && uri.user.p[n] == '%')
		return fault(why, "the user part of its \"uri\" has an escape");
	if (n > 0 &&
		(!text_ok(uri.user.p, n, false) || view_copy((struct view){uri.user.p, n},
							   ret->called, sizeof(ret->called)) < 0))
		return fault(why, "the user part of its \"uri\" is too long");
	return 0;
}

static int target_read(const json_t *object, struct hook_target *ret, char why[HOOK_REASON_MAX])
{
	char uri[256] = "";
	int rc;

	if (!json_is_object(object))
		return fault(why, "one of its targets is no object");
	rc = text_read(object, "trunk", ret->name, CFG_NAME_MAX, false, why);
	if (rc == 0)
		rc = text_read(object, "uri", uri, sizeof(uri), false, why);
	if (rc == 0)
		rc = number_read(object, "dial_peer", 1, INT32_MAX, &ret->tag, why);
	if (rc < 0)
		return rc;
	if (!!ret->name[0] + !!uri[0] + !!ret->tag != 1)
		return fault(why, "one of its targets is not exactly one of trunk, dial_peer, uri");
	ret->kind = ret->tag ? HOOK_DIAL_PEER : ret->name[0] ? HOOK_TRUNK : HOOK_URI;
	if (ret->kind == HOOK_URI)
		rc = uri_read(uri, ret, why);
	if (rc == 0)
		rc = text_read(object, "called", ret->called, sizeof(ret->called), false, why);
	if (rc == 0)
		rc = text_read(object, "calling", ret->calling, sizeof(ret->calling), false, why);
	return rc;
}

static int targets_read(const json_t *list, struct hook_answer *ret, char why[HOOK_REASON_MAX])
{
	if (!json_is_array(list))
		return fault(why, "its \"targets\" are no list");
	if (json_array_size(list) > HOOK_TARGETS_MAX)
		return fault(why, "it has more than %u targets", HOOK_TARGETS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		int rc = target_read(json_array_get(list, i), &ret->target[ret->n++], why);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Numbers beside the targets are those of all that have none of their own. */
static int numbers_read(const json_t *json, struct hook_answer *ret, char why[HOOK_REASON_MAX])
{
	char called[TRANSLATE_NUMBER_MAX] = "", calling[TRANSLATE_NUMBER_MAX] = "";
	int rc = text_read(json, "called", called, sizeof(called), false, why);

	if (rc == 0)
		rc = text_read(json, "calling", calling, sizeof(calling), false, why);
	for (uint32_t i = 0; rc == 0 && i < ret->n; i++) {
		struct hook_target *t = &ret->target[i];

		if (!t->called[0])
			memcpy(t->called, called, sizeof(called));
		if (!t->calling[0])
			memcpy(t->calling, calling, sizeof(calling));
	}
	return rc;
}

static int answer_read(const json_t *json, struct hook_answer *ret, char why[HOOK_REASON_MAX])
{
	const json_t *targets = json_object_get(json, "targets");
	const json_t *reject = json_object_get(json, "reject");
	int rc = 0;

	if (!json_is_object(json))
		return fault(why, "it is no JSON object");
	if (!targets && !reject)
		return fault(why, "it has neither \"targets\" nor \"reject\"");
	if (targets && reject)
		return fault(why, "it has \"targets\" and \"reject\"");
	rc = targets ? targets_read(targets, ret, why) : reject_read(reject, ret, why);
	if (rc == 0)
		rc = numbers_read(json, ret, why);
	if (rc == 0)
		rc = number_read(json, "ttl", 0, TTL_MAX, &ret->ttl_s, why);
	return rc;
}

int hook_answer_read(struct view body, struct hook_answer *ret, char why[HOOK_REASON_MAX])
{
	struct hook_answer answer = {.ttl_s = HOOK_TTL_UNSAID};
	json_error_t error;
	json_t *json;
	int rc;

	if (body.n > HOOK_BODY_MAX)
		return fault(why, "it is longer than %u octets", HOOK_BODY_MAX);
	json = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return fault(why, "it is no JSON: line %d: %.50s", error.line, error.text);
	rc = answer_read(json, &answer, why);
	json_decref(json);
	if (rc == 0)
		*ret = answer;
	return rc;
}

char *hook_question_text(const struct hook_question *q)
{
	char id[24] = "", attest[2] = {q->attest, 0}, *text;
	json_t *json;

	if (q->call_id)
		snprintf(id, sizeof(id), "%016" PRIx64, q->call_id);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:{s:s, s:s}}", "call_id",
		id, "sip_call_id", q->sip_call_id, "calling", q->calling, "called", q->called,
		"calling_received", q->calling_in, "called_received", q->called_in, "realm",
		q->realm, "trunk", q->trunk, "dial_peer", (json_int_t)q->dial_peer, "identity",
		"verdict", q->verdict, "attestation", attest);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}
