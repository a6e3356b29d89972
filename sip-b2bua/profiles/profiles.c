/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See profiles.h. A message is cut into lines, the rules work on the lines, the lines are put together
 * again. Texts that rules make lie in an arena that is emptied with each message. Regular expressions
 * have limits of steps and memory: one that would run away does not match.
 */
#include "sip-b2bua/profiles/profiles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/sdp/sdp.h"

_Static_assert(SIP_PROFILES_OUT_MAX == SIP_MSG_MAX, "a whole message");

#define LINES_MAX     512
#define ARENA	      32768
#define MATCH_STEPS   5000
#define MATCH_HEAP_KB 256
#define GROUPS	      10

struct compiled {
	pcre2_code *code[CFG_SIP_RULES_MAX]; /* NULL: the rule matches nothing */
};

struct line {
	struct view text;
	char section; /* of a description: 's' session, 'a' audio, 'v' video, 'o' other; 0: header */
};

struct sip_profiles {
	const struct cfg *cfg;
	struct compiled *compiled; /* one per cfg->sip_profiles, same index */
	pcre2_match_context *limits;
	pcre2_match_data *match;
	/* of the message at hand */
	struct sip_msg before, after;
	struct sdp sdp;
	struct line lines[LINES_MAX]; /* start line, header fields, then of a description */
	unsigned int n, n_head;	      /* n_head: start line and header fields */
	char arena[ARENA];
	size_t arena_n;
	struct view copies[CFG_SIP_COPIES_MAX + 1];
	bool changed, overflow;
	bool renamed; /* a modified line would be of another field */
};

/* ---- making ---- */

static int compile(const struct cfg_sip_profile *profile, struct compiled *to, char *error)
{
	for (uint32_t i = 0; i < profile->n_rules; i++) {
		const struct cfg_sip_rule *rule = &profile->rules[i];
		unsigned char text[120];
		PCRE2_SIZE at;
		int code;

		if (!rule->match[0])
			continue;
		to->code[i] = pcre2_compile((PCRE2_SPTR)rule->match, PCRE2_ZERO_TERMINATED,
			PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
		if (to->code[i])
			continue;
		pcre2_get_error_message(code, text, sizeof(text));
		snprintf(error, CFG_ERROR_MAX,
			"voice class sip-profiles %u rule %u: \"%s\" is no regular expression: %s",
			profile->tag, rule->rank, rule->match, (const char *)text);
		return -EINVAL;
	}
	return 0;
}

int sip_profiles_new(
	const struct cfg *cfg, struct sip_profiles **ret_profiles, char error[CFG_ERROR_MAX])
{
	struct sip_profiles *p = calloc(1, sizeof(*p));
	int rc = 0;

	snprintf(error, CFG_ERROR_MAX, "memory is short");
	if (!p)
		return -ENOMEM;
	p->cfg = cfg;
	p->compiled = calloc(cfg->n_sip_profiles + 1, sizeof(*p->compiled));
	p->limits = pcre2_match_context_create(NULL);
	p->match = pcre2_match_data_create(GROUPS, NULL);
	if (!p->compiled || !p->limits || !p->match) {
		sip_profiles_free(p);
		return -ENOMEM;
	}
	pcre2_set_match_limit(p->limits, MATCH_STEPS);
	pcre2_set_heap_limit(p->limits, MATCH_HEAP_KB);
	for (uint32_t i = 0; rc == 0 && i < cfg->n_sip_profiles; i++)
		rc = compile(&cfg->sip_profiles[i], &p->compiled[i], error);
	if (rc < 0)
		sip_profiles_free(p);
	else
		*ret_profiles = p;
	return rc;
}

void sip_profiles_free(struct sip_profiles *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; p->compiled && i < p->cfg->n_sip_profiles; i++) {
		for (unsigned int k = 0; k < CFG_SIP_RULES_MAX; k++)
			pcre2_code_free(p->compiled[i].code[k]);
	}
	free(p->compiled);
	pcre2_match_data_free(p->match);
	pcre2_match_context_free(p->limits);
	free(p);
}

/* ---- lines ---- */

static void arena_put(struct sip_profiles *p, struct view text)
{
	if (text.n > ARENA - p->arena_n) {
		p->overflow = true;
		return;
	}
	if (text.n)
		memcpy(p->arena + p->arena_n, text.p, text.n);
	p->arena_n += text.n;
}

static void line_add(struct sip_profiles *p, struct view text, char section)
{
	if (p->n == LINES_MAX) {
		p->overflow = true;
		return;
	}
	p->lines[p->n++] = (struct line){text, section};
}

static void line_insert(struct sip_profiles *p, unsigned int at, struct view text, char section)
{
	if (p->n == LINES_MAX) {
		p->overflow = true;
		return;
	}
	memmove(&p->lines[at + 1], &p->lines[at], (p->n - at) * sizeof(p->lines[0]));
	p->lines[at] = (struct line){text, section};
	p->n++;
	p->changed = true;
}

static void line_drop(struct sip_profiles *p, unsigned int at)
{
	memmove(&p->lines[at], &p->lines[at + 1], (p->n - at - 1) * sizeof(p->lines[0]));
	p->n--;
	p->changed = true;
}

/* A header field as one line: folds become blanks (RFC 3261 7.3.1). */
static void header_add(struct sip_profiles *p, const struct sip_hdr *hdr)
{
	struct view line = {p->arena + p->arena_n, 0};

	arena_put(p, hdr->name);
	arena_put(p, VIEW(": "));
	for (size_t i = 0; i < hdr->value.n && !p->overflow; i++) {
		char c = hdr->value.p[i];

		if (c == '\r' || c == '\n')
			c = ' ';
		arena_put(p, (struct view){&c, 1});
	}
	line.n = (size_t)(p->arena + p->arena_n - line.p);
	line_add(p, line, 0);
}

static char section_of(struct view line)
{
	struct view what = {line.p + 2, line.n - 2};

	if (what.n >= 6 && memcmp(what.p, "audio ", 6) == 0)
		return 'a';
	if (what.n >= 6 && memcmp(what.p, "video ", 6) == 0)
		return 'v';
	return what.n >= 12 && memcmp(what.p, "application ", 12) == 0 ? 'p' : 'o';
}

static void sdp_lines(struct sip_profiles *p)
{
	const char *at = p->before.body.p, *end = at + p->before.body.n;
	char section = 's';

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct view line = view_trim((struct view){at, (size_t)((stop ? stop : end) - at)});

		at = stop ? stop + 1 : end;
		if (line.n >= 2 && line.p[0] == 'm' && line.p[1] == '=')
			section = section_of(line);
		if (line.n > 0)
			line_add(p, line, section);
	}
}

static void lines_make(struct sip_profiles *p, bool sdp)
{
	const struct sip_msg *msg = &p->before;
	const char *stop = memchr(msg->raw.p, '\n', msg->raw.n);

	p->n = 0;
	p->arena_n = 0;
	p->changed = p->overflow = p->renamed = false;
	memset(p->copies, 0, sizeof(p->copies));
	line_add(p, view_trim((struct view){msg->raw.p, (size_t)(stop - msg->raw.p)}), 0);
	for (unsigned int i = 0; i < msg->n_hdrs; i++)
		header_add(p, &msg->hdrs[i]);
	p->n_head = p->n;
	if (sdp)
		sdp_lines(p);
}

/* ---- which rule, which lines ---- */

static bool rule_fits(const struct cfg_sip_rule *rule, const struct sip_msg *msg, bool sdp)
{
	struct view method = msg->is_request ? msg->method_text : msg->cseq.method_text;

	if ((rule->sdp && !sdp) || rule->response == msg->is_request)
		return false;
	if (rule->response && rule->status && rule->status != msg->status)
		return false;
	return !rule->method[0] || view_eq(method, view_of(rule->method));
}

/* "Audio-Attribute": its section and its letter. */
static void sdp_part(const char *name, char *ret_section, char *ret_letter)
{
	static const struct {
		const char *name;
		char letter;
	} parts[] = {{"Version", 'v'}, {"Session-Owner", 'o'}, {"Session-Name", 's'},
		{"Session-Info", 'i'}, {"URI", 'u'}, {"Email", 'e'}, {"Phone", 'p'},
		{"Connection-Info", 'c'}, {"Bandwidth-Key", 'b'}, {"Bandwidth-Info", 'b'},
		{"Time-Header", 't'}, {"Attribute", 'a'}, {"Media", 'm'}};

	*ret_section = 's';
	if (strncmp(name, "Audio-", 6) == 0) {
		*ret_section = 'a';
		name += 6;
	} else if (strncmp(name, "Video-", 6) == 0) {
		*ret_section = 'v';
		name += 6;
	} else if (strncmp(name, "Application-", 12) == 0) {
		*ret_section = 'p';
		name += 12;
	}
	*ret_letter = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(name, parts[i].name) == 0)
			*ret_letter = parts[i].letter;
	}
}

static struct view name_of(struct view line)
{
	const char *colon = memchr(line.p, ':', line.n);

	return view_trim((struct view){line.p, colon ? (size_t)(colon - line.p) : 0});
}

static bool same_name(struct view a, struct view b)
{
	enum sip_hdr_id x = sip_hdr_lookup(a), y = sip_hdr_lookup(b);

	return x == y && (x != SIP_H_OTHER || view_eq_nocase(a, b));
}

static bool is_first_line(const struct cfg_sip_rule *rule)
{
	return !rule->sdp && (strcasecmp(rule->header, "SIP-Req-URI") == 0 ||
				     strcasecmp(rule->header, "SIP-StatusLine") == 0);
}

static bool line_fits(const struct sip_profiles *p, const struct cfg_sip_rule *rule, unsigned int i)
{
	const struct line *line = &p->lines[i];
	char section, letter;

	if (is_first_line(rule))
		return i == 0;
	if (!rule->sdp)
		return i > 0 && i < p->n_head &&
		       same_name(name_of(line->text), view_of(rule->header));
	sdp_part(rule->header, &section, &letter);
	return i >= p->n_head && line->section == section && line->text.n >= 2 &&
	       line->text.p[0] == letter && line->text.p[1] == '=';
}

/* ---- actions ---- */

/* text with what was matched in line and what was copied, in the arena. */
static struct view expand(
	struct sip_profiles *p, const char *text, struct view line, unsigned int n_groups)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->match);
	struct view made = {p->arena + p->arena_n, 0};

	for (; *text; text++) {
		unsigned int g;

		if (*text != '\\') {
			arena_put(p, (struct view){text, 1});
			continue;
		}
		text++;
		if (*text == 'u') {
			g = (unsigned int)(text[1] - '0') * 10 + (unsigned int)(text[2] - '0');
			arena_put(p, p->copies[g]);
			text += 2;
		} else if (*text >= '0' && *text <= '9') {
			g = (unsigned int)(*text - '0');
			if (g < n_groups && at[2 * g] != PCRE2_UNSET)
				arena_put(p, (struct view){line.p + at[2 * g],
						     at[2 * g + 1] - at[2 * g]});
		} else {
			arena_put(p, (struct view){text, 1});
		}
	}
	made.n = (size_t)(p->arena + p->arena_n - made.p);
	return made;
}

/* Number of groups that took part, and the whole, or 0. */
static unsigned int matches(struct sip_profiles *p, const pcre2_code *code, struct view line)
{
	int rc = pcre2_match(code, (PCRE2_SPTR)line.p, line.n, 0, 0, p->match, p->limits);

	return rc < 0 ? 0 : rc == 0 ? GROUPS : (unsigned int)rc;
}

static void modify(struct sip_profiles *p, const struct cfg_sip_rule *rule, const pcre2_code *code,
	unsigned int i)
{
	struct view line = p->lines[i].text, text, made;
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->match);
	unsigned int groups = matches(p, code, line);
	PCRE2_SIZE from, to;

	if (groups == 0 || at[1] < at[0])
		return;
	from = at[0];
	to = at[1];
	text = expand(p, rule->text, line, groups);
	made = (struct view){p->arena + p->arena_n, 0};
	arena_put(p, (struct view){line.p, from});
	arena_put(p, text);
	arena_put(p, (struct view){line.p + to, line.n - to});
	made.n = (size_t)(p->arena + p->arena_n - made.p);
	if (p->overflow || view_eq(made, line))
		return;
	if (i >= p->n_head)
		p->renamed |= made.n < 2 || memcmp(made.p, line.p, 2) != 0;
	else if (i > 0)
		p->renamed |= !same_name(name_of(made), name_of(line));
	p->lines[i].text = made;
	p->changed = true;
}

static void copy(struct sip_profiles *p, const struct cfg_sip_rule *rule, const pcre2_code *code,
	unsigned int i)
{
	struct view line = p->lines[i].text;
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->match);
	unsigned int groups = matches(p, code, line), g = groups > 1 ? 1 : 0;

	if (groups > 0 && at[2 * g] != PCRE2_UNSET && at[2 * g + 1] >= at[2 * g])
		p->copies[rule->copy] = (struct view){
			line.p + at[2 * g], at[2 * g + 1] - at[2 * g]};
}

static void add_header(struct sip_profiles *p, const struct cfg_sip_rule *rule)
{
	struct view line = {p->arena + p->arena_n, 0}, text = view_of(rule->text);

	if (!same_name(name_of(text), view_of(rule->header))) {
		arena_put(p, view_of(rule->header));
		arena_put(p, VIEW(": "));
	}
	expand(p, rule->text, line, 0);
	line.n = (size_t)(p->arena + p->arena_n - line.p);
	line_insert(p, p->n_head, line, 0);
	p->n_head += !p->overflow;
}

/* Behind the last line of its letter in each such section, else at the section's end. */
static void add_sdp(struct sip_profiles *p, const struct cfg_sip_rule *rule)
{
	struct view line = {p->arena + p->arena_n, 0};
	char section, letter, start[3] = {0, '=', 0};

	sdp_part(rule->header, &section, &letter);
	start[0] = letter;
	if (strncmp(rule->text, start, 2) != 0)
		arena_put(p, (struct view){start, 2});
	expand(p, rule->text, line, 0);
	line.n = (size_t)(p->arena + p->arena_n - line.p);
	for (unsigned int i = p->n_head; i < p->n && !p->overflow; i++) {
		bool last = i + 1 == p->n || p->lines[i + 1].section != section ||
			    p->lines[i + 1].text.p[0] == 'm';

		if (p->lines[i].section == section && last)
			line_insert(p, ++i, line, section);
	}
}

static void carry_out(
	struct sip_profiles *p, const struct cfg_sip_rule *rule, const pcre2_code *code)
{
	if (rule->action == CFG_SIP_ADD) {
		if (rule->sdp)
			add_sdp(p, rule);
		else
			add_header(p, rule);
		return;
	}
	for (unsigned int i = 0; i < p->n && !p->overflow; i++) {
		if (!line_fits(p, rule, i))
			continue;
		if (rule->action == CFG_SIP_MODIFY) {
			modify(p, rule, code, i);
		} else if (rule->action == CFG_SIP_COPY) {
			copy(p, rule, code, i);
		} else {
			line_drop(p, i);
			p->n_head -= i < p->n_head;
			i--;
		}
	}
}

/* ---- the new message ---- */

static bool out_put(char *out, size_t size, size_t *n, struct view text)
{
	if (text.n > size - *n)
		return false;
	if (text.n)
		memcpy(out + *n, text.p, text.n);
	*n += text.n;
	return true;
}

static int print(const struct sip_profiles *p, bool sdp, char *out, size_t size, size_t *ret_n)
{
	size_t n = 0, body = 0;
	char length[40];
	bool fits = true;

	for (unsigned int i = p->n_head; sdp && i < p->n; i++)
		body += p->lines[i].text.n + 2;
	if (!sdp)
		body = p->before.body.n;
	for (unsigned int i = 0; i < p->n_head; i++) {
		if (i > 0 && sip_hdr_lookup(name_of(p->lines[i].text)) == SIP_H_CONTENT_LENGTH)
			continue;
		fits = fits && out_put(out, size, &n, p->lines[i].text) &&
		       out_put(out, size, &n, VIEW("\r\n"));
	}
	snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", body);
	fits = fits && out_put(out, size, &n, view_of(length));
	for (unsigned int i = p->n_head; sdp && i < p->n; i++)
		fits = fits && out_put(out, size, &n, p->lines[i].text) &&
		       out_put(out, size, &n, VIEW("\r\n"));
	if (!sdp)
		fits = fits && out_put(out, size, &n, p->before.body);
	*ret_n = n;
	return fits ? 0 : -E2BIG;
}

static bool same_values(const struct sip_msg *a, const struct sip_msg *b, enum sip_hdr_id id)
{
	struct sip_values x, y;
	struct view v, w;
	bool more_v, more_w;

	sip_values_start(&x, a, id);
	sip_values_start(&y, b, id);
	do {
		more_v = sip_values_next(&x, &v);
		more_w = sip_values_next(&y, &w);
		if (more_v != more_w || (more_v && !view_eq(v, w)))
			return false;
	} while (more_v);
	return true;
}

/* What must be as it was; NULL, or what is not. */
static const char *difference(struct sip_profiles *p, bool sdp)
{
	const struct sip_msg *a = &p->before, *b = &p->after;
	struct sip_addr x = {0}, y = {0};
	int rx = sip_msg_contact(a, &x), ry = sip_msg_contact(b, &y);

	if (a->is_request != b->is_request || a->status != b->status || a->method != b->method ||
		!view_eq(a->method_text, b->method_text))
		return "the method or status would be another one";
	if (!same_values(a, b, SIP_H_VIA) || !view_eq(a->call_id, b->call_id) ||
		a->cseq.number != b->cseq.number || a->max_forwards != b->max_forwards)
		return "Via, Call-ID, CSeq or Max-Forwards would be another one";
	if (!view_eq(a->from.tag, b->from.tag) || !view_eq(a->to.tag, b->to.tag))
		return "a tag of From or To would be another one";
	if (rx != ry || (rx == 0 && !view_eq(x.uri.user, y.uri.user)))
		return "the user part of Contact, by which calls are found, would be another one";
	if (sdp && sdp_parse(&p->sdp, b->body) < 0 && sdp_parse(&p->sdp, a->body) == 0)
		return "the session description could not be read any more";
	return NULL;
}

static int say(char *why, const char *what)
{
	snprintf(why, SIP_PROFILES_WHY_MAX, "%s", what);
	return -EBADMSG;
}

int sip_profiles_apply(struct sip_profiles *p, uint32_t tag, struct view msg, bool is_stream,
	char *out, size_t out_size, size_t *ret_n, char why[SIP_PROFILES_WHY_MAX])
{
	const struct cfg_sip_profile *profile = cfg_find_sip_profile(p->cfg, tag);
	const struct compiled *compiled;
	const char *wrong;
	bool sdp, made = false;

	if (!profile)
		return 0;
	if (sip_msg_parse(&p->before, msg.p, msg.n, is_stream) < 0) {
		snprintf(why, SIP_PROFILES_WHY_MAX, "%s", p->before.error);
		return -EINVAL;
	}
	compiled = &p->compiled[profile - p->cfg->sip_profiles];
	sdp = sip_msg_is_sdp(&p->before);
	for (uint32_t i = 0; i < profile->n_rules; i++) {
		if (!rule_fits(&profile->rules[i], &p->before, sdp))
			continue;
		if (!made)
			lines_make(p, sdp);
		made = true;
		carry_out(p, &profile->rules[i], compiled->code[i]);
		if (p->overflow || p->renamed)
			return say(why,
				p->renamed ? "a line would become another header field or part"
					   : "the message would have too many or too long lines");
	}
	if (!made || !p->changed)
		return 0;
	if (print(p, sdp, out, out_size, ret_n) < 0)
		return say(why, "the message would be too long");
	if (sip_msg_parse(&p->after, out, *ret_n, is_stream) < 0) {
		snprintf(why, SIP_PROFILES_WHY_MAX, "it would be no SIP message: %s",
			p->after.error ? p->after.error : "?");
		return -EBADMSG;
	}
	wrong = difference(p, sdp);
	return wrong ? say(why, wrong) : 1;
}
