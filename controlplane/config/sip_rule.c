/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sip_rule.h. */
#include "controlplane/config/sip_rule.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

/*
 * What must stay as it is: they say whose message it is and where it goes and ends. Whatever else a
 * rule does is looked at once more when it has been done (sip-b2bua/profiles).
 */
static const char *const protected_headers[] = {"Via", "CSeq", "Content-Length", "Call-ID",
	"Max-Forwards", "Route", "Record-Route", "RSeq", "RAck", "Content-Type"};

/* Parts of a description: how they are called, and their letter. X(name, of its section, letter) */
static const char *const sdp_names[] = {"Version", "Session-Owner", "Session-Name", "Session-Info",
	"URI", "Email", "Phone", "Connection-Info", "Bandwidth-Key", "Time-Header", "Attribute",
	"Audio-Media", "Audio-Session-Info", "Audio-Connection-Info", "Audio-Bandwidth-Info",
	"Audio-Attribute", "Video-Media", "Video-Session-Info", "Video-Connection-Info",
	"Video-Bandwidth-Info", "Video-Attribute", "Application-Media", "Application-Session-Info",
	"Application-Connection-Info", "Application-Bandwidth-Info", "Application-Attribute"};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int refuse(char *error, const char *what)
{
	snprintf(error, CFG_ERROR_MAX, "%s", what);
	return -EINVAL;
}

static struct view next_word(struct view *rest)
{
	struct view word;

	*rest = view_trim(*rest);
	word = (struct view){rest->p, 0};
	while (word.n < rest->n && rest->p[word.n] != ' ' && rest->p[word.n] != '\t')
		word.n++;
	*rest = (struct view){rest->p + word.n, rest->n - word.n};
	return word;
}

static bool is_word(struct view word, const char *text)
{
	return view_eq_nocase(word, view_of(text));
}

/* "text" with \" for a quote; the rest follows. */
static int quoted(struct view *rest, char *dst, size_t size, char *error)
{
	struct view v = view_trim(*rest);
	size_t n = 0, i;

	if (v.n == 0 || v.p[0] != '"')
		return refuse(error, "a text in quotes is missing");
	for (i = 1; i < v.n && v.p[i] != '"'; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n && v.p[i + 1] == '"')
			i++;
		else if (v.p[i] == '\\' && i + 1 < v.n && v.p[i + 1] == '\\' && n + 1 < size)
			dst[n++] = v.p[i++];
		if (n + 1 >= size)
			return refuse(error, "a text is too long");
		dst[n++] = v.p[i];
	}
	if (i >= v.n)
		return refuse(error, "the closing quote is missing");
	dst[n] = '\0';
	*rest = (struct view){v.p + i + 1, v.n - i - 1};
	return 0;
}

static int method_parse(struct view word, char *dst, char *error)
{
	size_t n = word.n;

	if (n == 0 || n >= CFG_SIP_METHOD_MAX)
		return refuse(error, "a method, or ANY, is missing");
	for (size_t i = 0; i < n; i++) {
		if (!isalpha((unsigned char)word.p[i]))
			return refuse(error, "a method has letters only");
		dst[i] = (char)toupper((unsigned char)word.p[i]);
	}
	dst[n] = '\0';
	if (strcmp(dst, "ANY") == 0)
		dst[0] = '\0';
	return 0;
}

static int kind_parse(struct view *rest, struct cfg_sip_rule *rule, char *error)
{
	struct view word = next_word(rest), more;
	uint64_t status;

	if (is_word(word, "request"))
		return method_parse(next_word(rest), rule->method, error);
	if (!is_word(word, "response"))
		return refuse(error, "a rule begins with request or response");
	rule->response = 1;
	word = next_word(rest);
	if (is_word(word, "any"))
		rule->status = 0;
	else if (view_to_u64(word, 699, &status) < 0 || status < 100)
		return refuse(error, "a status from 100 to 699, or ANY, is missing");
	else
		rule->status = (uint16_t)status;
	more = *rest;
	if (!is_word(next_word(&more), "method"))
		return 0;
	*rest = more;
	return method_parse(next_word(rest), rule->method, error);
}

static int header_parse(struct view *rest, struct cfg_sip_rule *rule, char *error)
{
	struct view word = next_word(rest);

	if (is_word(word, "sdp-header"))
		rule->sdp = 1;
	else if (!is_word(word, "sip-header"))
		return refuse(error, "sip-header or sdp-header is missing");
	word = next_word(rest);
	if (view_copy(word, rule->header, sizeof(rule->header)) < 0 || word.n == 0)
		return refuse(error, "the name of a header field has 1 to 31 characters");
	if (!rule->sdp) {
		for (size_t i = 0; i < word.n; i++) {
			if (!isalnum((unsigned char)word.p[i]) && !strchr("-_.!%*+`'~", word.p[i]))
				return refuse(error,
					"a character cannot stand in the name of a header field");
		}
		return 0;
	}
	for (size_t i = 0; i < N(sdp_names); i++) {
		if (is_word(word, sdp_names[i])) {
			snprintf(rule->header, sizeof(rule->header), "%s", sdp_names[i]);
			return 0;
		}
	}
	return refuse(error,
		"no such part of a session description (Audio-Attribute, Connection-Info, ...)");
}

/* Groups and copied texts that a text uses must be ones that there can be. */
static int text_check(const char *text, bool has_match, char *error)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse(error, "a text must be printable");
		if (*p != '\\')
			continue;
		p++;
		if (isdigit((unsigned char)*p) && !has_match)
			return refuse(
				error, "there is no match that \\0 to \\9 could be taken from");
		if (*p == 'u') {
			unsigned int u = 0;

			if (isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[2]))
				u = (unsigned int)(p[1] - '0') * 10 + (unsigned int)(p[2] - '0');
			if (u < 1 || u > CFG_SIP_COPIES_MAX)
				return refuse(error, "copied texts are \\u01 to \\u19");
			p += 2;
		} else if (!isdigit((unsigned char)*p) && *p != '\\') {
			return refuse(error,
				"a backslash in a text stands before a digit, u or a backslash");
		}
	}
	return 0;
}

static int action_parse(struct view *rest, struct cfg_sip_rule *rule, char *error)
{
	struct view word = next_word(rest);
	uint64_t u;
	int rc;

	if (is_word(word, "remove")) {
		rule->action = CFG_SIP_REMOVE;
		return 0;
	}
	if (is_word(word, "add")) {
		rule->action = CFG_SIP_ADD;
		rc = quoted(rest, rule->text, sizeof(rule->text), error);
		return rc < 0 ? rc : text_check(rule->text, false, error);
	}
	if (!is_word(word, "modify") && !is_word(word, "copy"))
		return refuse(error, "add, copy, modify or remove is missing");
	rule->action = is_word(word, "copy") ? CFG_SIP_COPY : CFG_SIP_MODIFY;
	rc = quoted(rest, rule->match, sizeof(rule->match), error);
	if (rc < 0)
		return rc;
	if (rule->match[0] == '\0')
		return refuse(error, "the match is empty");
	if (rule->action == CFG_SIP_MODIFY) {
		rc = quoted(rest, rule->text, sizeof(rule->text), error);
		return rc < 0 ? rc : text_check(rule->text, true, error);
	}
	word = next_word(rest);
	if (word.n != 3 || (word.p[0] | 32) != 'u' ||
		view_to_u64((struct view){word.p + 1, 2}, CFG_SIP_COPIES_MAX, &u) < 0 || u == 0)
		return refuse(error, "copy is into u01 to u19");
	rule->copy = (uint8_t)u;
	return 0;
}

static int safety_check(const struct cfg_sip_rule *rule, char *error)
{
	bool first_line = strcasecmp(rule->header, "SIP-Req-URI") == 0 ||
			  strcasecmp(rule->header, "SIP-StatusLine") == 0;
	bool needed = strcasecmp(rule->header, "From") == 0 ||
		      strcasecmp(rule->header, "To") == 0 ||
		      strcasecmp(rule->header, "Contact") == 0 || first_line;

	if (rule->action == CFG_SIP_COPY)
		return 0;
	if (rule->sdp) {
		size_t n = strlen(rule->header);
		bool once = strcmp(rule->header, "Version") == 0 ||
			    strcmp(rule->header, "Session-Owner") == 0 ||
			    strcmp(rule->header, "Session-Name") == 0 ||
			    strcmp(rule->header, "Time-Header") == 0 ||
			    (n > 6 && strcmp(rule->header + n - 6, "-Media") == 0);

		return once && rule->action != CFG_SIP_MODIFY
			       ? refuse(error,
					 "a description has that line once: it can be modified or "
					 "copied")
			       : 0;
	}
	for (size_t i = 0; i < N(protected_headers); i++) {
		if (strcasecmp(rule->header, protected_headers[i]) == 0) {
			snprintf(error, CFG_ERROR_MAX,
				"%s is what a message is found by or ends with: it can be copied, "
				"not changed",
				protected_headers[i]);
			return -EINVAL;
		}
	}
	if (needed && rule->action != CFG_SIP_MODIFY) {
		snprintf(error, CFG_ERROR_MAX, "%s is there once: it can be modified or copied",
			rule->header);
		return -EINVAL;
	}
	if (first_line && (strcasecmp(rule->header, "SIP-Req-URI") == 0) == rule->response)
		return refuse(error, "SIP-Req-URI is of requests, SIP-StatusLine of responses");
	return 0;
}

int cfg_sip_rule_parse(struct view text, struct cfg_sip_rule *ret, char error[CFG_ERROR_MAX])
{
	struct cfg_sip_rule rule = {0};
	struct view rest = text, more = text, word = next_word(&more);
	uint64_t rank;
	int rc;

	if (view_to_u64(word, CFG_SIP_RANK_MAX, &rank) == 0 && rank > 0) {
		rule.rank = (uint32_t)rank;
		rest = more;
	}
	rc = kind_parse(&rest, &rule, error);
	if (rc == 0)
		rc = header_parse(&rest, &rule, error);
	if (rc == 0)
		rc = action_parse(&rest, &rule, error);
	if (rc == 0 && view_trim(rest).n > 0)
		rc = refuse(error, "something stands behind the rule");
	if (rc == 0)
		rc = safety_check(&rule, error);
	if (rc == 0)
		*ret = rule;
	return rc;
}

/* In quotes again. */
static size_t put_quoted(char *buf, size_t n, const char *text)
{
	n += (size_t)snprintf(buf + n, CFG_VALUE_MAX - n, " \"");
	for (; *text && n + 3 < CFG_VALUE_MAX; text++) {
		if (*text == '"')
			buf[n++] = '\\';
		buf[n++] = *text;
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return n;
}

char *cfg_sip_rule_print(const struct cfg_sip_rule *rule, char buf[CFG_VALUE_MAX])
{
	static const char *const actions[] = {"add", "copy", "modify", "remove"};
	const char *method = rule->method[0] ? rule->method : "ANY";
	size_t n = 0;

	if (rule->rank)
		n = (size_t)snprintf(buf, CFG_VALUE_MAX, "%u ", rule->rank);
	if (!rule->response)
		n += (size_t)snprintf(buf + n, CFG_VALUE_MAX - n, "request %s", method);
	else if (rule->status)
		n += (size_t)snprintf(buf + n, CFG_VALUE_MAX - n, "response %u", rule->status);
	else
		n += (size_t)snprintf(buf + n, CFG_VALUE_MAX - n, "response ANY");
	if (rule->response && rule->method[0])
		n += (size_t)snprintf(buf + n, CFG_VALUE_MAX - n, " method %s", method);
	n += (size_t)snprintf(buf + n, CFG_VALUE_MAX - n, " %s-header %s %s",
		rule->sdp ? "sdp" : "sip", rule->header, actions[rule->action]);
	if (rule->match[0])
		n = put_quoted(buf, n, rule->match);
	if (rule->action == CFG_SIP_ADD || rule->action == CFG_SIP_MODIFY)
		n = put_quoted(buf, n, rule->text);
	if (rule->action == CFG_SIP_COPY)
		snprintf(buf + n, CFG_VALUE_MAX - n, " u%02u", rule->copy);
	return buf;
}

static bool same_but_rank(const struct cfg_sip_rule *a, const struct cfg_sip_rule *b)
{
	struct cfg_sip_rule x = *a;

	x.rank = b->rank;
	return memcmp(&x, b, sizeof(x)) == 0;
}

int cfg_sip_rule_find(const struct cfg_sip_rule *rules, unsigned int n, struct view text,
	char error[CFG_ERROR_MAX])
{
	struct cfg_sip_rule rule;
	uint64_t rank;
	int rc;

	if (view_to_u64(view_trim(text), CFG_SIP_RANK_MAX, &rank) == 0) {
		for (unsigned int i = 0; i < n; i++) {
			if (rules[i].rank == rank)
				return (int)i;
		}
		snprintf(error, CFG_ERROR_MAX, "there is no rule %u", (unsigned int)rank);
		return -ENOENT;
	}
	rc = cfg_sip_rule_parse(text, &rule, error);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < n; i++) {
		if (same_but_rank(&rules[i], &rule) && (!rule.rank || rule.rank == rules[i].rank))
			return (int)i;
	}
	snprintf(error, CFG_ERROR_MAX, "there is no such rule");
	return -ENOENT;
}

bool cfg_sip_rule_number(
	const struct cfg_sip_rule *rules, unsigned int n, struct cfg_sip_rule *rule)
{
	uint32_t last = n ? rules[n - 1].rank : 0;

	if (rule->rank)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		if (same_but_rank(&rules[i], rule))
			return true;
	}
	rule->rank = last < CFG_SIP_RANK_MAX ? last + 1 : last;
	return false;
}
