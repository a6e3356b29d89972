/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call's question to a route-hook, and its answer. The call waits for it as for a certificate. */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"

LOG_TOPIC("hook");

struct call_hook {
	struct hook_wait wait;
	struct call *call;
	struct route_asked asked;
	struct hook_answer answer;
	char why[HOOK_REASON_MAX];
};
_Static_assert(offsetof(struct call_hook, wait) == 0, "it is found by its wait");

static void take(struct call_hook *hook, const struct hook_answer *answer, const char *why)
{
	if (answer) {
		if (answer != &hook->answer)
			hook->answer = *answer;
		hook->asked.answer = &hook->answer;
		return;
	}
	if (why != hook->why)
		snprintf(hook->why, sizeof(hook->why), "%s", why);
	hook->asked.why = hook->why;
	log_info("call %016" PRIx64 ": route-hook %u: %s", hook->call->rec.id, hook->asked.tag,
		hook->why);
}

static void ready(struct hook_wait *wait, const struct hook_answer *answer, const char *why)
{
	struct call_hook *hook = (struct call_hook *)wait;

	take(hook, answer, why);
	call_route_go_on(hook->call);
}

static const char *verdict_word(uint8_t verdict)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_STIR_VERDICTS(X)
#undef X
	};

	return verdict < CTL_STIR_N_VERDICTS ? words[verdict] : "";
}

int call_hook_ask(struct call *call, const struct route_result *result)
{
	struct call_hook *hook = calloc(1, sizeof(*hook));
	const struct ctl_call *rec = &call->rec;
	const struct hook_question question = {.call_id = rec->id,
		.sip_call_id = rec->sip_call_id[LEG_A],
		.calling = result->in.calling,
		.called = result->in.called,
		.calling_in = rec->calling[LEG_A],
		.called_in = rec->called[LEG_A],
		.realm = rec->realm[LEG_A],
		.trunk = rec->trunk[LEG_A],
		.dial_peer = result->ask->tag,
		.verdict = verdict_word(rec->stir_verdict),
		.attest = (char)rec->stir_attest[LEG_A]};
	int rc;

	if (!hook)
		return -ENOMEM;
	hook->call = call;
	hook->wait.ready = ready;
	hook->asked.tag = result->ask->route_hook;
	call->hook = hook;
	rc = hooks_ask(
		call->b->hooks, hook->asked.tag, &question, &hook->wait, &hook->answer, hook->why);
	if (rc == -EINPROGRESS)
		return rc;
	take(hook, rc == 0 ? &hook->answer : NULL, hook->why);
	return 0;
}

const struct route_asked *call_hook_asked(const struct call *call)
{
	return call->hook ? &call->hook->asked : NULL;
}

void call_hook_refused(struct call *call)
{
	hooks_refused(call->b->hooks, call->hook->asked.tag);
}

void call_hook_forget(struct call *call)
{
	if (!call->hook)
		return;
	hook_wait_cancel(&call->hook->wait);
	free(call->hook);
	call->hook = NULL;
}
