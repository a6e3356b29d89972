/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands of the configuration modes, made from the schema: for each setting the line that
 * sets it, its "no" and its "default" form; for each kind of object the line that opens it. There
 * is no word of a setting in this file.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- building ---- */

static struct cli_tails one_tail(struct cli_node *node)
{
	return (struct cli_tails){.node = {node}, .n = 1};
}

static void tails_add(struct cli_tails *tails, struct cli_node *node)
{
	if (tails->n == CLI_TAILS_MAX)
		abort(); /* a row of the schema with more alternatives than we have room for */
	tails->node[tails->n++] = node;
}

static struct cli_tails add_keyword(
	const struct cli_tails *tails, const char *word, size_t len, const char *help)
{
	struct cli_tails next = {0};
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)len, word);
	for (unsigned int i = 0; i < tails->n; i++)
		tails_add(&next, cli_tree_child(tails->node[i], CLI_KEYWORD, text, help));
	return next;
}

/* One value node behind every tail; collected in next. */
static void add_value(const struct cli_tails *tails, const struct cfg_leaf *leaf,
	enum cli_node_type type, const char *text, const char *help, struct cli_tails *next)
{
	for (unsigned int i = 0; i < tails->n; i++) {
		struct cli_node *node = cli_tree_child(tails->node[i], type, text, help);
		node->leaf = leaf;
		node->is_arg = true;
		node->lo = leaf->min;
		node->hi = leaf->max;
		if (leaf->flags & CFG_F_KEY)
			node->ref = leaf->kind;
		else
			node->ref = leaf->ref;
		tails_add(next, node);
	}
}

static void add_int(const struct cli_tails *tails, const struct cfg_leaf *leaf, uint32_t lo,
	uint32_t hi, const char *help, struct cli_tails *next)
{
	unsigned int first = next->n;
	char text[40];

	snprintf(text, sizeof(text), "<%u-%u>", lo, hi);
	add_value(tails, leaf, CLI_INT, text, help, next);
	for (unsigned int i = first; i < next->n; i++) {
		next->node[i]->lo = lo;
		next->node[i]->hi = hi;
	}
}

static void add_words(const struct cli_tails *tails, const struct cfg_leaf *leaf,
	const struct cfg_word *words, struct cli_tails *next)
{
	for (; words->word; words++) {
		for (unsigned int i = 0; i < tails->n; i++) {
			struct cli_node *node = cli_tree_child(
				tails->node[i], CLI_KEYWORD, words->word, words->help);
			node->leaf = leaf;
			node->is_arg = true;
			tails_add(next, node);
		}
	}
}

static struct cli_tails add_listen(const struct cli_tails *tails, const struct cfg_leaf *leaf)
{
	struct cli_tails transport = {0}, next = {0}, port = {0};

	add_words(tails, leaf, cfg_listen_words, &transport);
	add_value(&transport, leaf, CLI_IPV4, "A.B.C.D", "Local IPv4 address", &next);
	add_value(&transport, leaf, CLI_IPV6, "X:X::X", "Local IPv6 address", &next);
	add_int(&next, leaf, 1, 65535, "Port; left out: 5060, for tls 5061, ws 80, wss 443", &port);
	for (unsigned int i = 0; i < port.n; i++)
		tails_add(&next, port.node[i]);
	return next;
}

/* A word and a number behind some of the tails, or not: "port 5070". */
static void add_option(struct cli_tails *tails, const struct cfg_leaf *leaf, const char *word,
	const char *help, uint32_t lo, uint32_t hi)
{
	struct cli_tails words = {0}, numbers = {0};

	for (unsigned int i = 0; i < tails->n; i++) {
		struct cli_node *node = cli_tree_child(tails->node[i], CLI_KEYWORD, word, help);

		node->leaf = leaf;
		node->is_arg = true;
		tails_add(&words, node);
	}
	add_int(&words, leaf, lo, hi, help, &numbers);
	for (unsigned int i = 0; i < numbers.n; i++)
		tails_add(tails, numbers.node[i]);
}

/* "ipv4 192.0.2.1 port 5070 preference 1 weight 3" */
static struct cli_tails add_member(const struct cli_tails *tails, const struct cfg_leaf *leaf)
{
	static const struct cfg_word kinds[] = {{"ipv4", 4, "Server by its IPv4 address"},
		{"ipv6", 6, "Server by its IPv6 address"}, {"dns", 0, "Server by its name"},
		{NULL, 0, NULL}};
	struct cli_tails kind = {0}, next = {0}, one;

	add_words(tails, leaf, kinds, &kind);
	one = one_tail(kind.node[0]);
	add_value(&one, leaf, CLI_IPV4, "A.B.C.D", "Address", &next);
	one = one_tail(kind.node[1]);
	add_value(&one, leaf, CLI_IPV6, "X:X::X", "Address", &next);
	one = one_tail(kind.node[2]);
	add_value(&one, leaf, CLI_WORD, "WORD", "Name of a host or domain", &next);
	add_option(&next, leaf, "port", "Its port; 5060 or as DNS says when left out", 1, 65535);
	add_option(&next, leaf, "preference", "Its place in the order, 0 first", 0, 100);
	add_option(&next, leaf, "weight", "Its share among equals, 1 when left out", 0, 65535);
	return next;
}

/* "1 AEAD_AES_256_GCM" */
static struct cli_tails add_preference(const struct cli_tails *tails, const struct cfg_leaf *leaf)
{
	struct cli_tails rank = {0}, next = {0};

	add_int(tails, leaf, leaf->min, leaf->max, leaf->value_help, &rank);
	add_words(&rank, leaf, leaf->words, &next);
	return next;
}

/* "404 sorry" */
static struct cli_tails add_announcement(const struct cli_tails *tails, const struct cfg_leaf *leaf)
{
	struct cli_tails status = {0}, next = {0};

	add_int(tails, leaf, leaf->min, leaf->max, "Status", &status);
	add_value(&status, leaf, CLI_NAME, "WORD", leaf->value_help, &next);
	return next;
}

static struct cli_tails add_prefix(const struct cli_tails *tails, const struct cfg_leaf *leaf,
	unsigned int form, bool two_forms)
{
	struct cli_tails next = {0}, addr = {0};

	if (!two_forms || form == 1)
		add_value(tails, leaf, CLI_PREFIX6, "X:X::X/M", leaf->value_help, &next);
	if (two_forms && form == 1)
		return next;
	add_value(tails, leaf, CLI_PREFIX4, "A.B.C.D/M", leaf->value_help, &next);
	add_value(tails, leaf, CLI_IPV4, "A.B.C.D", leaf->value_help, &addr);
	add_value(&addr, leaf, CLI_IPV4, "A.B.C.D", "Mask of the network", &next);
	return next;
}

/* The words of a value behind every tail. form: 0 the first of the syntax, 1 that for IPv6. */
static struct cli_tails add_leaf_value(const struct cli_tails *tails, const struct cfg_leaf *leaf,
	unsigned int form, bool two_forms)
{
	struct cli_tails next = {0}, first = {0};

	switch ((enum cfg_type)leaf->type) {
	case CFG_T_BOOL:
		return *tails;
	case CFG_T_U32:
		add_int(tails, leaf, leaf->min, leaf->max, leaf->value_help, &next);
		break;
	case CFG_T_NAME:
		add_value(tails, leaf, CLI_NAME, "WORD", leaf->value_help, &next);
		break;
	case CFG_T_WORD:
	case CFG_T_PATTERN:
	case CFG_T_TARGET:
		add_value(tails, leaf, CLI_WORD, "WORD", leaf->value_help, &next);
		break;
	case CFG_T_LINE:
	case CFG_T_PERIODIC:
	case CFG_T_DATE:
		add_value(tails, leaf, CLI_LINE, "LINE", leaf->value_help, &next);
		break;
	case CFG_T_ENUM:
		add_words(tails, leaf, leaf->words, &next);
		break;
	case CFG_T_DSCP:
		add_int(tails, leaf, 0, leaf->max, leaf->value_help, &next);
		break;
	case CFG_T_IPV4:
	case CFG_T_IPV6:
	case CFG_T_IP:
		if (leaf->type == CFG_T_IPV4 ||
			(leaf->type == CFG_T_IP && (!two_forms || form == 0)))
			add_value(tails, leaf, CLI_IPV4, "A.B.C.D", leaf->value_help, &next);
		if (leaf->type == CFG_T_IPV6 ||
			(leaf->type == CFG_T_IP && (!two_forms || form == 1)))
			add_value(tails, leaf, CLI_IPV6, "X:X::X", leaf->value_help, &next);
		break;
	case CFG_T_PREFIX:
	case CFG_T_NET:
		return add_prefix(tails, leaf, form, two_forms);
	case CFG_T_COS:
		add_value(tails, leaf, CLI_WORD, "DSCP", leaf->value_help, &first);
		add_int(&first, leaf, 0, leaf->max, "802.1Q priority", &next);
		break;
	case CFG_T_LISTEN:
		return add_listen(tails, leaf);
	case CFG_T_MEMBER:
		return add_member(tails, leaf);
	case CFG_T_RULE:
	case CFG_T_SIP_RULE:
		break; /* see build_rule(), build_sip_rule() */
	case CFG_T_TRANSLATION:
		add_int(tails, leaf, leaf->min, leaf->max, leaf->value_help, &first);
		add_value(&first, leaf, CLI_LINE, "LINE", "/MATCH/ /REPLACEMENT/ or reject /MATCH/",
			&next);
		break;
	case CFG_T_PREFERENCE:
		return add_preference(tails, leaf);
	case CFG_T_ANNOUNCEMENT:
		return add_announcement(tails, leaf);
	case CFG_T_PORT_RANGE:
		add_int(tails, leaf, leaf->min, leaf->max, "First port, even", &first);
		add_int(&first, leaf, leaf->min, leaf->max, "Last port, odd", &next);
		break;
	}
	return next;
}

struct path {
	const char *syntax; /* one form: without '|' */
	size_t len;
	unsigned int form;
	bool two_forms;
	const char *help;	      /* one line a word */
	const struct cfg_leaf *value; /* for '$', or at the end */
};

/*
 * The words of a syntax behind root. with_value false leaves the value out ("no mtu").
 * Where the value stands before other words ("ip qos dscp $ media"), each of its words gets them.
 */
static struct cli_tails add_path(
	struct cli_node *root, const struct path *path, bool with_value, const char *dscp)
{
	struct cli_tails tails = one_tail(root);
	const char *p = path->syntax, *end = path->syntax + path->len;
	unsigned int word = 0;
	bool done = !path->value || !with_value;

	while (p < end) {
		size_t len = 0;
		while (p + len < end && p[len] != ' ')
			len++;
		if (*p == '$' && !done && dscp) {
			tails = add_keyword(&tails, dscp, strlen(dscp), NULL);
			done = true;
		} else if (*p == '$' && !done) {
			tails = add_leaf_value(&tails, path->value, path->form, path->two_forms);
			done = true;
		} else if (*p != '$') {
			tails = add_keyword(&tails, p, len, cli_help_line(path->help, word++).p);
		}
		p += len;
		while (p < end && *p == ' ')
			p++;
	}
	if (!done)
		tails = add_leaf_value(&tails, path->value, path->form, path->two_forms);
	return tails;
}

static void add_actions(const struct cli_tails *tails, const struct cli_action *action)
{
	for (unsigned int i = 0; i < tails->n; i++) {
		bool there = false;
		for (const struct cli_action *a = tails->node[i]->action; a; a = a->next)
			there |= a->leaf == action->leaf && a->kind == action->kind;
		if (!there)
			cli_tree_action(tails->node[i], action);
	}
}

/* Names of DSCP are many: a path each, instead of one path with many tails. */
static void build_dscp(
	struct cli_node *root, const struct path *path, const struct cli_action *action)
{
	for (const struct cfg_word *word = cfg_dscp_words; word->word; word++) {
		struct cli_tails before, tails;
		struct path head = *path;
		const char *dollar = memchr(path->syntax, '$', path->len);
		head.len = dollar ? (size_t)(dollar - path->syntax) : path->len;
		head.value = NULL;
		before = add_path(root, &head, false, NULL);
		for (unsigned int i = 0; i < before.n; i++) {
			struct cli_node *node = cli_tree_child(
				before.node[i], CLI_KEYWORD, word->word, word->help);
			node->is_arg = true;
		}
		tails = add_path(root, path, true, word->word);
		add_actions(&tails, action);
	}
}

static struct path form_of(const char *syntax, unsigned int form)
{
	const char *bar = strchr(syntax, '|');
	struct path path = {.syntax = syntax, .form = form, .two_forms = bar != NULL};

	path.len = bar ? (size_t)(bar - syntax) : strlen(syntax);
	if (form == 1) {
		path.syntax = bar + 1;
		path.len = strlen(bar + 1);
	}
	return path;
}

static void build_leaf(struct cli_node *root, struct cli_node *no, struct cli_node *def,
	const struct cfg_leaf *leaf, unsigned int form)
{
	struct path path = form_of(leaf->syntax, form);
	struct cli_action action = {.handler = cli_run_setting,
		.flags = CLI_PRIV,
		.kind = leaf->kind,
		.leaf = leaf,
		.family = path.two_forms ? (form ? 6 : 4) : 0,
		.verb = CLI_SET};
	struct cli_tails tails;

	path.help = leaf->help;
	path.value = leaf;
	tails = add_path(root, &path, true, NULL);
	add_actions(&tails, &action);
	if (leaf->bare) {
		tails = add_path(root, &path, false, NULL);
		add_actions(&tails, &action);
	}
	if (leaf->type == CFG_T_DSCP)
		build_dscp(root, &path, &action);

	action.verb = CLI_NO;
	if (!*leaf->syntax) { /* its value is all there is to say */
		tails = add_path(no, &path, true, NULL);
		add_actions(&tails, &action);
		return;
	}
	tails = add_path(no, &path, false, NULL);
	add_actions(&tails, &action);
	tails = add_path(no, &path, true, NULL);
	add_actions(&tails, &action);
	if (leaf->type == CFG_T_DSCP)
		build_dscp(no, &path, &action);
	if (leaf->type == CFG_T_TRANSLATION) { /* "no rule 1" */
		struct cli_tails words = add_path(no, &path, false, NULL), rank = {0};

		add_int(&words, leaf, leaf->min, leaf->max, leaf->value_help, &rank);
		add_actions(&rank, &action);
	}
	action.verb = CLI_DEFAULT;
	tails = add_path(def, &path, false, NULL);
	add_actions(&tails, &action);
}

/* "ip route $ $": the key, then every setting. */
static struct cli_tails add_one_line(
	struct cli_tails tails, enum cfg_kind kind, const struct path *path)
{
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if (!(leaf->flags & CFG_F_KEY))
			tails = add_leaf_value(&tails, leaf, path->form, path->two_forms);
	}
	return tails;
}

static void build_object(struct cli_node *root, struct cli_node *no, struct cli_node *def,
	enum cfg_kind kind, unsigned int form)
{
	const struct cfg_object *object = &cfg_objects[kind];
	struct path path = form_of(object->syntax, form);
	struct cli_action action = {.handler = cli_run_object,
		.flags = CLI_PRIV,
		.kind = (uint8_t)kind,
		.verb = CLI_SET};
	struct cli_tails tails;

	path.help = object->help;
	path.value = cfg_leaf_key(kind);
	tails = add_path(root, &path, true, NULL);
	if (object->one_line)
		tails = add_one_line(tails, kind, &path);
	add_actions(&tails, &action);

	action.verb = CLI_NO;
	tails = add_path(no, &path, true, NULL);
	add_actions(&tails, &action);
	if (object->one_line) {
		tails = add_one_line(tails, kind, &path);
		add_actions(&tails, &action);
		return;
	}
	action.verb = CLI_DEFAULT;
	tails = add_path(def, &path, true, NULL);
	add_actions(&tails, &action);
}

/* How a line of rules may begin. */
struct rule_kind {
	const char *word, *help, *line;
};

/* One of the words, and the rest of the line, which the parser of values reads. */
static void add_kinds(const struct cli_tails *from, const struct cfg_leaf *leaf,
	const struct rule_kind *kinds, unsigned int n, const struct cli_action *action)
{
	struct cli_tails line = {0};

	for (unsigned int i = 0; i < from->n; i++) {
		for (unsigned int k = 0; k < n; k++) {
			struct cli_node *node = cli_tree_child(
				from->node[i], CLI_KEYWORD, kinds[k].word, kinds[k].help);
			struct cli_tails word = one_tail(node);
			node->leaf = leaf;
			node->is_arg = true;
			line.n = 0;
			add_value(&word, leaf, CLI_LINE, "LINE", kinds[k].line, &line);
			add_actions(&line, action);
		}
	}
}

/* "[10] permit ...", "no 10": a line of an access list, which the parser of values reads. */
static void build_rule(struct cli_node *root, const struct cfg_leaf *leaf, enum cli_verb verb)
{
	static const char what[] =
		"PROTOCOL SOURCE [PORTS] DESTINATION [PORTS] [established]; source "
		"and destination: any, host ADDRESS, ADDRESS/LEN; ports: eq, range, gt, lt";
	static const struct rule_kind kinds[] = {
		{"permit", "Let in what fits", what},
		{"deny", "Drop what fits", what},
		{"remark", "Text about the rules behind it", "Up to 79 characters"},
	};
	struct cli_action action = {.handler = cli_run_setting,
		.flags = CLI_PRIV,
		.kind = leaf->kind,
		.leaf = leaf,
		.verb = (uint8_t)verb};
	struct cli_tails start = one_tail(root), from = start;

	add_int(&start, leaf, 1, 2147483647, leaf->value_help, &from);
	if (verb == CLI_NO)
		cli_tree_action(from.node[1], &action);
	add_kinds(&from, leaf, kinds, sizeof(kinds) / sizeof(kinds[0]), &action);
}

/* "rule 10 request ...", "request ...", "no rule 10": a line of sip-profiles, as the parser of values has
 * it. */
static void build_sip_rule(struct cli_node *root, const struct cfg_leaf *leaf, enum cli_verb verb)
{
	static const struct rule_kind kinds[] = {
		{"request", "Of requests",
			"METHOD|ANY sip-header|sdp-header NAME add \"TEXT\" | modify \"MATCH\" "
			"\"TEXT\" | "
			"copy \"MATCH\" u01 | remove"},
		{"response", "Of responses",
			"STATUS|ANY [method METHOD] sip-header|sdp-header NAME add \"TEXT\" | "
			"modify "
			"\"MATCH\" \"TEXT\" | copy \"MATCH\" u01 | remove"},
	};
	struct cli_action action = {.handler = cli_run_setting,
		.flags = CLI_PRIV,
		.kind = leaf->kind,
		.leaf = leaf,
		.verb = (uint8_t)verb};
	struct cli_tails from = one_tail(root);
	struct cli_tails rule = one_tail(cli_tree_child(root, CLI_KEYWORD, "rule", leaf->help));

	add_int(&rule, leaf, leaf->min, leaf->max, leaf->value_help, &from);
	if (verb == CLI_NO)
		cli_tree_action(from.node[1], &action);
	add_kinds(&from, leaf, kinds, sizeof(kinds) / sizeof(kinds[0]), &action);
}

static unsigned int n_forms(const char *syntax)
{
	return strchr(syntax, '|') ? 2 : 1;
}

void cli_settings_build(struct cli_node *root, enum cfg_kind kind)
{
	struct cli_node *no = cli_tree_child(root, CLI_KEYWORD, "no", "Negate a setting or remove");
	struct cli_node *def = cli_tree_child(
		root, CLI_KEYWORD, "default", "Set a setting to its default");
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if (leaf->type == CFG_T_RULE) {
			build_rule(root, leaf, CLI_SET);
			build_rule(no, leaf, CLI_NO);
			continue;
		}
		if (leaf->type == CFG_T_SIP_RULE) {
			build_sip_rule(root, leaf, CLI_SET);
			build_sip_rule(no, leaf, CLI_NO);
			continue;
		}
		for (unsigned int form = 0;
			!(leaf->flags & CFG_F_KEY) && form < n_forms(leaf->syntax); form++)
			build_leaf(root, no, def, leaf, form);
	}
	for (unsigned int i = 0; kind == CFG_SYSTEM && i < CFG_N_KINDS; i++) {
		for (unsigned int form = 0;
			cfg_objects[i].syntax && form < n_forms(cfg_objects[i].syntax); form++)
			build_object(root, no, def, i, form);
	}
}

/* ---- running ---- */

static void *current_object(struct cli_ctx *ctx, enum cfg_kind kind)
{
	struct cli_session *session = ctx->session;

	return cfg_object_find(cfg_candidate_cfg(session->candidate), kind,
		view_of(session->mode == CLI_MODE_OBJECT ? session->key : ""));
}

static int bad_value(struct cli_ctx *ctx, const struct cfg_leaf *leaf, const char *error)
{
	const char *words = leaf->syntax && *leaf->syntax ? leaf->syntax : leaf->name;

	return cli_fail(ctx, -EINVAL, "Invalid value for %.*s: %s", (int)strcspn(words, "|$"),
		words, error);
}

/* "no ip address", "no ipv6 address": the values of that IP version. */
static void remove_family(const struct cfg_leaf *leaf, void *obj, unsigned int family)
{
	char text[CFG_VALUE_MAX], error[CFG_ERROR_MAX];

	for (unsigned int i = cfg_leaf_count(leaf, obj); i-- > 0;) {
		const struct cfg_prefix *value = cfg_leaf_at(leaf, obj, i);
		if (value->addr.family != family)
			continue;
		if (cfg_leaf_remove(leaf, obj, view_of(cfg_value_print(leaf, value, text)), error) <
			0)
			return; /* cannot be: it was printed from the list itself */
	}
}

static int change_setting(struct cli_ctx *ctx, const struct cli_action *action, void *obj)
{
	const struct cfg_leaf *leaf = action->leaf;
	char text[CFG_VALUE_MAX], error[CFG_ERROR_MAX] = "";
	int rc = 0;

	cli_args_of(ctx, leaf, text);
	/* A printed configuration is pasted: what is masked stays as it is, if there is something. */
	if (action->verb == CLI_SET && (leaf->flags & CFG_F_SECRET) && strcmp(text, CFG_MASK) == 0)
		return cfg_leaf_is_set(leaf, obj)
			       ? 0
			       : cli_fail(ctx, -EINVAL,
					 "%s: " CFG_MASK " is how it is shown: say it in clear",
					 leaf->syntax);
	if (action->verb != CLI_SET && action->family && !*text)
		remove_family(leaf, obj, action->family);
	else if (action->verb == CLI_DEFAULT)
		cfg_leaf_reset(leaf, obj);
	else if (action->verb == CLI_NO && (leaf->flags & CFG_F_LIST) && *text)
		rc = cfg_leaf_remove(leaf, obj, view_of(text), error);
	else if (action->verb == CLI_NO)
		cfg_leaf_none(leaf, obj);
	else
		rc = cfg_leaf_set(leaf, obj,
			view_of(leaf->type == CFG_T_BOOL ? "true"
				: leaf->bare && !*text	 ? leaf->bare
							 : text),
			error);
	return rc < 0 ? cli_fail(
				ctx, rc, "%s: %s", *leaf->syntax ? leaf->syntax : leaf->name, error)
		      : 0;
}

/* A line that sets, negates or resets a setting. */
int cli_run_setting(struct cli_ctx *ctx)
{
	int rc = cli_edit_begin(ctx);

	for (const struct cli_action *action = ctx->action; rc == 0 && action;
		action = action->next) {
		void *obj = current_object(ctx, action->kind);
		if (!obj)
			rc = cli_fail(ctx, -ENOENT, "%s %s was removed meanwhile",
				cfg_objects[action->kind].noun, ctx->session->key);
		else
			rc = change_setting(ctx, action, obj);
	}
	if (rc < 0) {
		cli_edit_undo(ctx->session);
		return rc;
	}
	return cli_edited(ctx);
}

static int set_one_line(struct cli_ctx *ctx, void *obj)
{
	const struct cfg_leaf *leaf, *end;
	char text[CFG_VALUE_MAX], error[CFG_ERROR_MAX];
	int rc = 0;

	for (cfg_leaves_of(ctx->action->kind, &leaf, &end); rc == 0 && leaf < end; leaf++) {
		if (leaf->flags & CFG_F_KEY)
			continue;
		cli_args_of(ctx, leaf, text);
		rc = cfg_leaf_set(leaf, obj, view_of(text), error);
		if (rc < 0)
			return bad_value(ctx, leaf, error);
	}
	return rc;
}

/* "no ip route NET GATEWAY" removes the route only when it is that one. */
static bool other_values(struct cli_ctx *ctx, const void *obj)
{
	const struct cfg_leaf *leaf, *end;
	char text[CFG_VALUE_MAX], error[CFG_ERROR_MAX],
		value[CFG_VALUE_MAX] __attribute__((aligned(8)));

	for (cfg_leaves_of(ctx->action->kind, &leaf, &end); leaf < end; leaf++) {
		cli_args_of(ctx, leaf, text);
		if ((leaf->flags & CFG_F_KEY) || !*text)
			continue;
		if (cfg_value_parse(leaf, view_of(text), value, error) < 0 ||
			!cfg_value_equal(leaf, value, cfg_leaf_at(leaf, obj, 0)))
			return true;
	}
	return false;
}

static int no_object(struct cli_ctx *ctx, enum cfg_kind kind, const char *key)
{
	struct cfg *cfg = cfg_candidate_cfg(ctx->session->candidate);
	const struct cfg_leaf *leaf, *end;
	void *obj = cfg_object_find(cfg, kind, view_of(key));

	if (!obj || (cfg_objects[kind].one_line && other_values(ctx, obj)))
		return cli_fail(ctx, -ENOENT, "There is no such %s", cfg_objects[kind].noun);
	if (ctx->action->verb == CLI_NO && !cfg_objects[kind].single)
		return cfg_object_del(cfg, kind, view_of(key));
	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if (!(leaf->flags & CFG_F_KEY))
			cfg_leaf_reset(leaf, obj);
	}
	return 0;
}

/* A line that opens, removes or resets an object. */
int cli_run_object(struct cli_ctx *ctx)
{
	enum cfg_kind kind = ctx->action->kind;
	const struct cfg_leaf *key = cfg_leaf_key(kind);
	char text[CFG_VALUE_MAX] = "", error[CFG_ERROR_MAX];
	void *obj;
	int rc;

	cli_leave_object(ctx->session);
	rc = cli_edit_begin(ctx);
	if (rc < 0)
		return rc;
	if (key)
		cli_args_of(ctx, key, text);
	if (ctx->action->verb != CLI_SET) {
		rc = no_object(ctx, kind, text);
	} else {
		rc = cfg_object_add(cfg_candidate_cfg(ctx->session->candidate), kind, view_of(text),
			&obj, error);
		if (rc < 0)
			rc = cli_fail(ctx, rc, "Invalid %s: %s", cfg_objects[kind].noun, error);
		else if (cfg_objects[kind].one_line)
			rc = set_one_line(ctx, obj);
	}
	if (rc < 0) {
		cli_edit_undo(ctx->session);
		return rc;
	}
	if (ctx->action->verb == CLI_SET && !cfg_objects[kind].one_line)
		cli_enter_object(ctx->session, kind, text);
	return cli_edited(ctx);
}
