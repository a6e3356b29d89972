/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test call: what would become of a call, with every candidate, every rejection and every change of
 * its numbers, by the configuration that runs or by the candidate. It asks the router that limen-sip
 * asks, with the trunk states that limen-sip reports.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip-b2bua/hook/hook_answer.h"
#include "sip-b2bua/routing/route.h"

struct tested {
	struct cli_ctx *ctx;
	const struct cfg *cfg;
	const struct cfg_realm *realm; /* NULL: from anywhere */
	const struct cfg_trunk *trunk; /* NULL: from an address that is no trunk's */
	const char *from, *to;
	struct route_table *table;
	struct route_query query;
	struct route_result result;
	const char *answer_text; /* that its route-hook is to give; NULL: none */
	struct hook_answer answer;
	struct route_asked asked;
	char why_not[HOOK_REASON_MAX]; /* there is no answer */
	char *question;		       /* what the hook would be asked; NULL: nothing */
	unsigned int status;	       /* of the refusal; 0: it has a way */
	bool redirected;	       /* which it is told, instead of being carried */
	char reason[ROUTE_REASON_MAX];
};

static bool trunk_up(void *arg, uint32_t trunk_index)
{
	const struct tested *t = arg;

	return cli_trunk_up(t->ctx, &t->cfg->trunks[trunk_index]);
}

static const struct ctl_quality *trunk_quality(void *arg, uint32_t trunk_index)
{
	const struct tested *t = arg;

	return cli_trunk_told(t->ctx, &t->cfg->trunks[trunk_index]);
}

/*
 * The hook itself is not asked from here: the line says what it would be asked, and goes on with the
 * answer that the operator gave, or as if there were none.
 */
static void hook_ask(struct tested *t)
{
	const struct hook_question question = {.sip_call_id = "",
		.calling = t->result.in.calling,
		.called = t->result.in.called,
		.calling_in = t->from,
		.called_in = t->to,
		.realm = t->realm ? t->realm->name : "",
		.trunk = t->trunk ? t->trunk->name : "",
		.dial_peer = t->result.ask->tag,
		.verdict = ""};
	char why[HOOK_REASON_MAX];

	t->question = hook_question_text(&question);
	t->asked = (struct route_asked){.tag = t->result.ask->route_hook, .why = t->why_not};
	if (!t->answer_text)
		snprintf(t->why_not, sizeof(t->why_not), "it is not asked by this command");
	else if (hook_answer_read(view_of(t->answer_text), &t->answer, why) < 0)
		snprintf(t->why_not, sizeof(t->why_not), HOOK_NOT_UNDERSTOOD, why);
	else
		t->asked.answer = &t->answer;
	t->query.asked = &t->asked;
}

static const char *hook_url(const struct tested *t)
{
	const struct cfg_route_hook *hook = cfg_find_route_hook(t->cfg, t->asked.tag);

	return hook ? hook->url : "";
}

/* As limen-sip: first whether the source may call at all, then the way. */
static void decide(struct tested *t)
{
	enum route_admit admit = t->realm ? route_admit(t->realm, t->trunk)
					  : (enum route_admit)ROUTE_ADMITTED;

	t->query = (struct route_query){.realm = t->realm ? t->realm->name : NULL,
		.trunk = t->trunk ? t->trunk->name : NULL,
		.calling = t->from,
		.called = view_of(t->to),
		.numbers = t->ctx->source->numbers(t->ctx->source->ctx),
		.now_s = (int64_t)(cli_now_ms(t->ctx->engine) / 1000),
		.up = trunk_up,
		.quality = trunk_quality,
		.arg = t};
	if (admit == ROUTE_UNKNOWN_SOURCE)
		snprintf(t->reason, sizeof(t->reason), "realm %s admits its trunks and nobody else",
			t->realm->name);
	else if (admit == ROUTE_SOURCE_SHUTDOWN)
		snprintf(t->reason, sizeof(t->reason),
			"trunk %s, which it comes from, is shut down", t->trunk->name);
	if (admit != ROUTE_ADMITTED) {
		t->status = 403;
		return;
	}
	/* What it says of failure is in the result, too. */
	if (route_lookup(t->table, &t->query, &t->result) < 0)
		t->result.n_use = 0;
	if (t->result.ask) {
		hook_ask(t);
		if (route_lookup(t->table, &t->query, &t->result) < 0)
			t->result.n_use = 0;
	}
	t->status = route_result_status(&t->result);
	t->redirected = route_is_redirected(t->realm, t->trunk, &t->result);
	if (t->status != 0)
		route_result_explain(&t->result, t->query.realm, t->reason);
}

/* ---- changes of numbers ---- */

static const char *const outcome_words[] = {
	[TRANSLATE_SAME] = "stays",
	[TRANSLATE_CHANGED] = "becomes",
	[TRANSLATE_REJECTED] = "is rejected",
	[TRANSLATE_FAILED] = "cannot be translated",
};

static void print_steps(struct cli_ctx *ctx, const struct translate_steps *steps)
{
	for (uint32_t i = 0; i < steps->n; i++) {
		const struct translate_step *s = &steps->step[i];

		buf_printf(ctx->out,
			"  %s %s %s%s%s: voice translation-rule %u rule %u (profile %s, %s)\n",
			s->calling ? "calling" : "called", s->before, outcome_words[s->outcome],
			s->outcome == TRANSLATE_CHANGED ? " " : "",
			s->outcome == TRANSLATE_CHANGED ? s->after : "", s->tag, s->rank,
			s->profile, s->whose);
	}
}

static json_t *json_steps(const struct translate_steps *steps)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < steps->n; i++) {
		const struct translate_step *s = &steps->step[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "number",
				      s->calling ? "calling" : "called", "outcome",
				      outcome_words[s->outcome], "before", s->before, "after",
				      s->after, "translation_rule", (json_int_t)s->tag, "rule",
				      (json_int_t)s->rank, "profile", s->profile, "of", s->whose));
	}
	return list;
}

static void steps_in(const struct tested *t, struct translate_steps *steps)
{
	char why[ROUTE_REASON_MAX];
	const struct cfg_dial_peer *peer;
	struct numbers numbers = {0};

	steps->n = 0;
	snprintf(numbers.calling, sizeof(numbers.calling), "%s", t->from);
	snprintf(numbers.called, sizeof(numbers.called), "%s", t->to);
	(void)route_numbers_in(t->table, &t->query, &numbers, &peer, steps, why);
}

static void steps_out(
	const struct tested *t, const struct route_row *row, struct translate_steps *steps)
{
	struct numbers numbers = t->result.in;
	char why[ROUTE_REASON_MAX];

	route_numbers_hook(t->query.asked, row->hook_rank, &numbers);

	steps->n = 0;
	(void)route_numbers_out(t->table, row->peer, row->trunk, &numbers, steps, why);
}

/* ---- printing ---- */

static void print_quality(const struct tested *t, const struct route_row *row)
{
	char why[ROUTE_REASON_MAX];

	if (row->score < CTL_QUALITY_UNTRIED)
		buf_printf(t->ctx->out, "      score of its last calls %u\n", row->score);
	if (!row->demoted)
		return;
	buf_printf(t->ctx->out, "      tried last: %s", route_breach_text(row->breach, why));
	if (row->class->probe_percent)
		buf_printf(t->ctx->out, ", but in %u %% of calls in its place",
			row->class->probe_percent);
	buf_puts(t->ctx->out, "\n");
}

static void print_rows(const struct tested *t)
{
	struct cli_ctx *ctx = t->ctx;
	char target[ROUTE_TARGET_MAX], why[ROUTE_REASON_MAX];
	struct translate_steps steps;
	unsigned int order = 0;

	for (uint32_t i = 0; i < t->result.n_rows; i++) {
		const struct route_row *row = &t->result.rows[i];

		if (row->verdict != ROUTE_USE) {
			buf_printf(ctx->out, "   -  %s\n",
				route_row_explain(row, t->realm ? t->realm->name : NULL, why));
			continue;
		}
		buf_printf(ctx->out,
			"%4u. dial-peer %u to %s, calling %s, called %s (%u digits match, "
			"preference %u",
			++order, row->peer->tag, route_row_target(row, target),
			row->out.calling[0] ? row->out.calling : "nobody", row->out.called,
			row->n_matched, row->peer->preference);
		if (row->table_trunk)
			buf_printf(ctx->out, ", route-table %u, rate %u.%06u",
				row->peer->route_table, row->rate / 1000000, row->rate % 1000000);
		if (row->weight_total)
			buf_printf(ctx->out, ", first in %u of %u calls", row->peer->weight,
				row->weight_total);
		buf_puts(ctx->out, ")\n");
		print_quality(t, row);
		steps_out(t, row, &steps);
		print_steps(ctx, &steps);
	}
	if (t->result.n_left_off)
		buf_printf(ctx->out, "   -  %u further dial-peers match less well\n",
			t->result.n_left_off);
}

static void print_text(const struct tested *t)
{
	struct cli_ctx *ctx = t->ctx;
	struct translate_steps steps;

	buf_printf(ctx->out, "Call from %s to %s", t->from, t->to);
	if (t->trunk)
		buf_printf(ctx->out, ", trunk %s", t->trunk->name);
	if (t->realm)
		buf_printf(ctx->out, ", realm %s", t->realm->name);
	buf_puts(ctx->out, "\n");
	if (t->result.peer_in)
		buf_printf(ctx->out, "  incoming dial-peer %u\n", t->result.peer_in->tag);
	steps_in(t, &steps);
	print_steps(ctx, &steps);
	if (t->question)
		buf_printf(ctx->out, "  route-hook %u would be asked: POST %s %s\n  %s: %s\n",
			t->asked.tag, hook_url(t), t->question,
			t->asked.answer ? "with this answer" : "without an answer",
			t->asked.answer ? t->answer_text : t->why_not);
	print_rows(t);
	if (t->status != 0)
		buf_printf(ctx->out, "Refused with %u: %s\n", t->status, t->reason);
	else if (t->redirected)
		buf_printf(ctx->out, "Answered with 302 and these ways (redirect-server)\n");
	else
		buf_printf(ctx->out, "%u of %u dial-peers would be tried, in this order\n",
			t->result.n_use, t->result.n_rows + t->result.n_left_off);
}

static json_t *json_row(const struct tested *t, const struct route_row *row, unsigned int order)
{
	char target[ROUTE_TARGET_MAX], why[ROUTE_REASON_MAX];
	bool use = row->verdict == ROUTE_USE;
	struct translate_steps steps = {0};
	json_t *json;

	if (use || row->verdict == ROUTE_REJECTED)
		steps_out(t, row, &steps);
	json = json_pack("{s:o, s:I, s:s, s:i, s:I, s:I, s:I, s:s, s:o}", "order",
		use ? json_integer(order) : json_null(), "dial_peer", (json_int_t)row->peer->tag,
		"target", route_row_target(row, target), "matched", (int)row->n_matched,
		"preference", (json_int_t)row->peer->preference, "weight",
		(json_int_t)row->peer->weight, "weight_total", (json_int_t)row->weight_total,
		"reason", use ? "" : route_row_explain(row, t->realm ? t->realm->name : NULL, why),
		"changes", json_steps(&steps));
	if (row->table_trunk) {
		json_object_set_new(
			json, "route_table", json_integer((json_int_t)row->peer->route_table));
		json_object_set_new(json, "rate", json_real(row->rate / 1e6));
	}
	json_object_set_new(json, "score", json_integer((json_int_t)row->score));
	json_object_set_new(json, "demoted",
		row->demoted ? json_string(route_breach_text(row->breach, why)) : json_null());
	if (use) {
		json_object_set_new(json, "calling", json_string(row->out.calling));
		json_object_set_new(json, "called", json_string(row->out.called));
	}
	return json;
}

static int print_json(const struct tested *t)
{
	json_t *rows = json_array(), *json;
	struct translate_steps steps;
	unsigned int order = 0;

	for (uint32_t i = 0; i < t->result.n_rows; i++) {
		const struct route_row *row = &t->result.rows[i];

		order += row->verdict == ROUTE_USE;
		json_array_append_new(rows, json_row(t, row, order));
	}
	steps_in(t, &steps);
	json = json_pack("{s:s, s:s, s:s?, s:s?, s:I, s:s, s:o, s:o, s:I, s:b, s:i, s:s}", "from",
		t->from, "to", t->to, "realm", t->realm ? t->realm->name : NULL, "trunk",
		t->trunk ? t->trunk->name : NULL, "incoming_dial_peer",
		(json_int_t)(t->result.peer_in ? t->result.peer_in->tag : 0), "number",
		t->result.number, "changes", json_steps(&steps), "candidates", rows, "left_off",
		(json_int_t)t->result.n_left_off, "redirected", t->redirected, "status",
		(int)t->status, "reason", t->reason);
	json_object_set_new(json, "hook",
		t->question
			? json_pack("{s:I, s:s, s:s, s:s?, s:s}", "tag", (json_int_t)t->asked.tag,
				  "url", hook_url(t), "question", t->question, "answer",
				  t->asked.answer ? t->answer_text : NULL, "why_not",
				  t->asked.answer ? "" : t->why_not)
			: json_null());
	return cli_print_json(t->ctx, json);
}

/* ---- commands ---- */

enum source { FROM_ANYWHERE, FROM_REALM, FROM_TRUNK };
#define SOURCE	    3u
#define WITH_ANSWER 4u /* the last argument is what a route-hook is to answer */

static int find_source(struct tested *t, unsigned int source)
{
	const char *name = cli_arg(t->ctx, 2);

	if (source == FROM_TRUNK) {
		t->trunk = cfg_find_trunk(t->cfg, name);
		if (!t->trunk)
			return cli_fail(t->ctx, -ENOENT, "There is no trunk %.40s", name);
		name = t->trunk->realm;
	}
	if (source != FROM_ANYWHERE) {
		t->realm = cfg_find_realm(t->cfg, name);
		if (!t->realm)
			return cli_fail(t->ctx, -ENOENT, "There is no realm %.40s", name);
	}
	return 0;
}

static int test_call(struct cli_ctx *ctx, const struct cfg *cfg, unsigned int how)
{
	struct tested *t = calloc(1, sizeof(*t));
	char error[ROUTE_REASON_MAX];
	int rc;

	if (!t)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	t->ctx = ctx;
	t->cfg = cfg;
	t->from = cli_arg(ctx, 0);
	t->to = cli_arg(ctx, 1);
	if (how & WITH_ANSWER)
		t->answer_text = cli_arg(ctx, (how & SOURCE) == FROM_ANYWHERE ? 2 : 3);
	rc = find_source(t, how & SOURCE);
	if (rc == 0) {
		rc = route_table_new(cfg, &t->table, error);
		if (rc < 0)
			rc = cli_fail(ctx, rc, "%s", error);
	}
	if (rc == 0) {
		decide(t);
		if (ctx->json)
			rc = print_json(t);
		else
			print_text(t);
	}
	route_table_free(t->table);
	free(t->question);
	free(t);
	return rc;
}

static int test_candidate(struct cli_ctx *ctx, unsigned int how)
{
	if (!ctx->session->candidate)
		return cli_fail(ctx, -ENOENT, "There is no candidate: use `configure private`");
	return test_call(ctx, cfg_candidate_cfg(ctx->session->candidate), how);
}

static int any_running(struct cli_ctx *ctx)
{
	return test_call(ctx, ctx->running, FROM_ANYWHERE);
}

static int realm_running(struct cli_ctx *ctx)
{
	return test_call(ctx, ctx->running, FROM_REALM);
}

static int trunk_running(struct cli_ctx *ctx)
{
	return test_call(ctx, ctx->running, FROM_TRUNK);
}

static int any_candidate(struct cli_ctx *ctx)
{
	return test_candidate(ctx, FROM_ANYWHERE);
}

static int realm_candidate(struct cli_ctx *ctx)
{
	return test_candidate(ctx, FROM_REALM);
}

static int trunk_candidate(struct cli_ctx *ctx)
{
	return test_candidate(ctx, FROM_TRUNK);
}

static int any_running_answer(struct cli_ctx *ctx)
{
	return test_call(ctx, ctx->running, FROM_ANYWHERE | WITH_ANSWER);
}

static int any_candidate_answer(struct cli_ctx *ctx)
{
	return test_candidate(ctx, FROM_ANYWHERE | WITH_ANSWER);
}

static int realm_running_answer(struct cli_ctx *ctx)
{
	return test_call(ctx, ctx->running, FROM_REALM | WITH_ANSWER);
}

static int realm_candidate_answer(struct cli_ctx *ctx)
{
	return test_candidate(ctx, FROM_REALM | WITH_ANSWER);
}

static int trunk_running_answer(struct cli_ctx *ctx)
{
	return test_call(ctx, ctx->running, FROM_TRUNK | WITH_ANSWER);
}

static int trunk_candidate_answer(struct cli_ctx *ctx)
{
	return test_candidate(ctx, FROM_TRUNK | WITH_ANSWER);
}

#define FLAGS	       (CLI_JSON | CLI_PIPE)
#define ANSWER_HELP    "If its route-hook answers this\nJSON, as the hook sends it"
#define CANDIDATE_HELP "By the configuration that you are editing"
static const struct cli_row rows[] = {
	{"test call from WORD to WORD",
		"Try something without doing it\nWhich way a call would go, and why\nWho calls\n"
		"Calling number\nWhom\nCalled number",
		any_running, FLAGS},
	{"test call from WORD to WORD candidate", CANDIDATE_HELP, any_candidate, FLAGS | CLI_PRIV},
	{"test call from WORD to WORD realm {realm}",
		"From an address of a realm that is no trunk's\nIts name", realm_running, FLAGS},
	{"test call from WORD to WORD realm {realm} candidate", CANDIDATE_HELP, realm_candidate,
		FLAGS | CLI_PRIV},
	{"test call from WORD to WORD trunk {trunk}", "From a trunk\nIts name", trunk_running,
		FLAGS},
	{"test call from WORD to WORD trunk {trunk} candidate", CANDIDATE_HELP, trunk_candidate,
		FLAGS | CLI_PRIV},
	{"test call from WORD to WORD answer LINE", ANSWER_HELP, any_running_answer, 0},
	{"test call from WORD to WORD candidate answer LINE", ANSWER_HELP, any_candidate_answer,
		CLI_PRIV},
	{"test call from WORD to WORD realm {realm} answer LINE", ANSWER_HELP, realm_running_answer,
		0},
	{"test call from WORD to WORD realm {realm} candidate answer LINE", ANSWER_HELP,
		realm_candidate_answer, CLI_PRIV},
	{"test call from WORD to WORD trunk {trunk} answer LINE", ANSWER_HELP, trunk_running_answer,
		0},
	{"test call from WORD to WORD trunk {trunk} candidate answer LINE", ANSWER_HELP,
		trunk_candidate_answer, CLI_PRIV},
};
const struct cli_table cli_test_call_commands = {rows, sizeof(rows) / sizeof(rows[0])};
