/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was said last on a leg, both ways: the description that the box repeats in a refresh or when a
 * transfer has failed, and that of the far end. A far end that answers such a repetition with another
 * description than its last one has changed its mind: the other side is offered that by a re-INVITE,
 * and what it answers is told the first one, if it is news to it.
 *
 * Texts are kept where they are needed: for session timers, and where the box makes transfers.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>

#include "controlplane/base/log.h"

LOG_TOPIC("told");

#define FOLLOWS_MAX 3 /* times in a row that both sides change their mind */

static const struct view none = {NULL, 0};

bool call_may_be_transferred(const struct call *call)
{
	return leg_refer(&call->leg[LEG_A]) == CFG_REFER_LOCAL ||
	       leg_refer(&call->leg[LEG_B]) == CFG_REFER_LOCAL;
}

static bool is_needed(const struct leg *leg)
{
	return leg->se.interval_s || leg->se.wanted || call_may_be_transferred(leg->call);
}

void leg_tell(struct leg *leg, struct view sdp)
{
	if (sdp.n > 0)
		call_copy_set(&leg->telling, &leg->telling_len, sdp);
}

void leg_told(struct leg *leg, bool agreed)
{
	if (agreed && leg->telling && is_needed(leg)) {
		call_copy_set(&leg->told, &leg->told_len, none);
		leg->told = leg->telling;
		leg->told_len = leg->telling_len;
		leg->telling = NULL;
		leg->telling_len = 0;
	}
	call_copy_set(&leg->telling, &leg->telling_len, none);
}

void leg_hear(struct leg *leg, struct view sdp)
{
	if (is_needed(leg))
		call_copy_set(&leg->heard, &leg->heard_len, sdp);
}

static struct view line_next(struct view *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->p) + 1 : rest->n;
	struct view line = {rest->p, n};

	rest->p += n;
	rest->n -= n;
	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	return line;
}

/* The origin has a number that some count up each time they speak. */
static bool is_origin(struct view line)
{
	return line.n > 1 && line.p[0] == 'o' && line.p[1] == '=';
}

static bool same_words(struct view a, struct view b)
{
	while (a.n > 0 || b.n > 0) {
		struct view x = line_next(&a), y = line_next(&b);

		if (!view_eq(x, y) && !(is_origin(x) && is_origin(y)))
			return false;
	}
	return true;
}

static bool has_line(struct view text, struct view line)
{
	while (text.n > 0) {
		if (view_eq(line_next(&text), line))
			return true;
	}
	return false;
}

/* "m=audio 4000 RTP/AVP " of an m= line. */
static struct view m_start(struct view line)
{
	unsigned int spaces = 0;

	for (size_t i = 0; i < line.n; i++) {
		spaces += line.p[i] == ' ';
		if (spaces == 3)
			return (struct view){line.p, i};
	}
	return line;
}

/* Lines of text that told does not have; fewer formats in an m= line are no news. */
static bool is_news(struct view text, struct view told)
{
	while (text.n > 0) {
		struct view line = line_next(&text), rest = told, other;
		bool known = is_origin(line) || has_line(told, line);

		while (!known && line.n > 2 && line.p[0] == 'm' && rest.n > 0) {
			other = line_next(&rest);
			known = other.n > 2 && other.p[0] == 'm' &&
				view_eq(m_start(line), m_start(other));
		}
		if (!known)
			return true;
	}
	return false;
}

void call_follow(struct leg *leg, struct view sdp)
{
	struct call *call = leg->call;
	const char *reason;

	if (!leg->heard || sdp.n == 0 || same_words(sdp, (struct view){leg->heard, leg->heard_len}))
		return;
	if (call->local.on || call->n_follows == FOLLOWS_MAX) {
		log_info("call %016" PRIx64 ": a changed description in an answer is not followed",
			call->rec.id);
		call->n_follows = 0;
		return;
	}
	call->n_follows++;
	call->follows = true;
	call->b->env.stats->se_followed++;
	if (call_offer(leg, sdp, THEN_INVITE, &reason) < 0) {
		call->follows = false;
		log_info("call %016" PRIx64 ": %s", call->rec.id, reason);
	}
}

bool call_followed(struct leg *from)
{
	struct call *call = from->call;
	struct leg *leg = leg_other(from);

	if (!call->follows)
		return false;
	call->follows = false;
	leg_tell_if_news(leg, (struct view){call->answer, call->answer_len});
	return true;
}

void leg_tell_if_news(struct leg *leg, struct view sdp)
{
	struct call *call = leg->call;
	bool news = !leg->told || is_news(sdp, (struct view){leg->told, leg->told_len});

	leg_tell(leg, sdp);
	call_exchange_done(call);
	call_checkpoint(call);
	if (news)
		leg_revert(leg);
	else
		call->n_follows = 0;
}
