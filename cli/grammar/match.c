/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See match.h. */
#include "cli/grammar/match.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ';
}

/* One word from column *i; quotes group, a backslash inside quotes takes the next byte. */
static void take_token(struct cli_words *words, unsigned int *i, char **store)
{
	struct cli_token *token = &words->token[words->n++];
	const char *line = words->line;
	bool quoted = false;
	char *out = *store;

	*token = (struct cli_token){.column = *i, .text = out};
	if (line[*i] == '|') {
		*out++ = line[(*i)++];
	} else {
		while (*i < words->len && (quoted || (!is_blank(line[*i]) && line[*i] != '|'))) {
			char c = line[(*i)++];
			if (c == '"') {
				quoted = !quoted;
				token->quoted = true;
			} else {
				if (c == '\\' && quoted && *i < words->len)
					c = line[(*i)++];
				*out++ = c;
			}
		}
	}
	words->open_quote = quoted;
	token->end = *i;
	token->len = (unsigned int)(out - token->text);
	*out++ = 0;
	*store = out;
}

int cli_words_split(const char *text, size_t len, struct cli_words *ret)
{
	char *store = ret->store;
	unsigned int i = 0;

	ret->n = 0;
	ret->len = 0;
	ret->open_quote = false;
	if (len > CLI_LINE_MAX)
		return -E2BIG;
	for (size_t j = 0; j < len; j++)
		ret->line[j] = (unsigned char)text[j] < ' ' || text[j] == 127 ? ' ' : text[j];
	ret->line[len] = 0;
	ret->len = (unsigned int)len;
	ret->blank_end = len == 0 || is_blank(ret->line[len - 1]);
	while (ret->len && is_blank(ret->line[ret->len - 1]))
		ret->line[--ret->len] = 0;
	for (;;) {
		while (i < ret->len && is_blank(ret->line[i]))
			i++;
		if (i == ret->len)
			return 0;
		if (ret->n == CLI_TOKENS_MAX)
			return -E2BIG;
		take_token(ret, &i, &store);
	}
}

bool cli_node_visible(const struct cli_node *node, bool priv)
{
	return priv || !node->all_priv;
}

static bool fits_int(const struct cli_node *node, const struct cli_token *token)
{
	uint64_t value;

	return view_to_u64((struct view){token->text, token->len}, UINT32_MAX, &value) == 0 &&
	       value >= node->lo && value <= node->hi;
}

static bool fits_addr(struct view text, unsigned int family)
{
	struct ipaddr addr;

	return text.n && text.p[0] != '[' && ipaddr_parse(text, 0, &addr) == 0 &&
	       addr.family == family;
}

static bool fits_prefix(const struct cli_token *token, unsigned int family)
{
	const char *slash = strchr(token->text, '/');
	uint64_t len;

	return slash &&
	       fits_addr((struct view){token->text, (size_t)(slash - token->text)}, family) &&
	       view_to_u64(view_of(slash + 1), family == 4 ? 32 : 128, &len) == 0;
}

int cli_node_fits(const struct cli_node *node, const struct cli_token *token)
{
	struct view text = {token->text, token->len};
	bool fits = false;

	switch (node->type) {
	case CLI_KEYWORD:
		if (token->quoted || strncasecmp(node->text, token->text, token->len) != 0)
			return 0;
		return node->text[token->len] ? token->len > 0 : 2;
	case CLI_INT:
		fits = fits_int(node, token);
		break;
	case CLI_IPV4:
		fits = fits_addr(text, 4);
		break;
	case CLI_IPV6:
		fits = fits_addr(text, 6);
		break;
	case CLI_PREFIX4:
		fits = fits_prefix(token, 4);
		break;
	case CLI_PREFIX6:
		fits = fits_prefix(token, 6);
		break;
	case CLI_NAME:
	case CLI_WORD:
	case CLI_LINE:
		fits = token->len > 0 && !(token->len == 1 && token->text[0] == '|');
		break;
	}
	return fits ? 2 : 0;
}

static bool pipe_allowed(const struct cli_node *node)
{
	return node->action && (node->action->flags & CLI_PIPE);
}

static void add_arg(struct cli_match *match, const struct cli_node *node, const char *text)
{
	if (node->is_arg && match->n_args < CLI_ARGS_MAX)
		match->args[match->n_args++] = (struct cli_arg){node, text};
}

/* Do the words from number i on lead anywhere below the node? */
static bool leads_on(const struct cli_node *node, const struct cli_words *words, unsigned int i,
	unsigned int n_words, bool priv)
{
	if (i == n_words)
		return true;
	if (words->token[i].text[0] == '|' && pipe_allowed(node))
		return true;
	for (unsigned int c = 0; c < node->n_children; c++) {
		const struct cli_node *child = node->children[c];
		if (cli_node_visible(child, priv) && cli_node_fits(child, &words->token[i]) &&
			(child->type == CLI_LINE || leads_on(child, words, i + 1, n_words, priv)))
			return true;
	}
	return false;
}

/*
 * The child that word number i stands for; NULL with ambiguous set or not. An abbreviation that
 * fits several keywords is the one that the following words fit: "conf t" is not "confirm".
 */
static const struct cli_node *pick(const struct cli_node *node, const struct cli_words *words,
	unsigned int i, unsigned int n_words, bool priv, bool *ret_ambiguous)
{
	const struct cli_node *found = NULL, *leading = NULL;
	unsigned int n_found = 0, n_leading = 0;

	*ret_ambiguous = false;
	/* Keywords come first among the children, then values from narrow to wide. */
	for (unsigned int c = 0; c < node->n_children; c++) {
		const struct cli_node *child = node->children[c];
		int fits = cli_node_visible(child, priv) ? cli_node_fits(child, &words->token[i])
							 : 0;
		if (fits == 0 || (n_found && child->type != CLI_KEYWORD))
			continue;
		if (fits == 2)
			return child;
		found = child;
		n_found++;
		if (i + 1 < n_words && leads_on(child, words, i + 1, n_words, priv)) {
			leading = child;
			n_leading++;
		}
	}
	*ret_ambiguous = n_found > 1 && n_leading != 1;
	return *ret_ambiguous ? NULL : n_found > 1 ? leading : found;
}

void cli_match(const struct cli_node *root, const struct cli_words *words, unsigned int n_words,
	bool priv, struct cli_match *ret)
{
	const struct cli_node *node = root, *child;
	bool ambiguous;

	*ret = (struct cli_match){.outcome = CLI_EMPTY, .node = root};
	for (unsigned int i = 0; i < n_words; i++) {
		const struct cli_token *token = &words->token[i];
		if (i && token->text[0] == '|' && token->len == 1 && pipe_allowed(node)) {
			ret->pipe = i;
			break;
		}
		child = pick(node, words, i, n_words, priv, &ambiguous);
		if (!child) {
			ret->outcome = ambiguous ? CLI_AMBIGUOUS : CLI_INVALID;
			ret->column = token->column;
			return;
		}
		node = ret->node = child;
		ret->n_matched = i + 1;
		if (node->type == CLI_LINE) {
			/* As it was typed, blanks inside included; not those at the end. */
			add_arg(ret, node, words->line + token->column);
			break;
		}
		add_arg(ret, node, node->type == CLI_KEYWORD ? node->text : token->text);
	}
	if (n_words == 0)
		return;
	ret->outcome = node->action && (priv || !(node->action->flags & CLI_PRIV)) ? CLI_OK
										   : CLI_INCOMPLETE;
	ret->column = words->len;
}
