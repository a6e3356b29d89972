/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See windows.h. A window is a ring of buckets, each with the sums of half a minute. */
#include "controlplane/quality/windows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/base/log.h"

LOG_TOPIC("quality");

#define BUCKET_MS 30000
#define BUCKETS	  128 /* 60 minutes, and some that begin early: see bucket_begin() */
#define MOS_BEST  440 /* what G.711 without a fault gets */
#define STEP	  5

struct bucket {
	uint64_t start_ms; /* 0: it was never used */
	uint64_t number;   /* counts up */
	struct window_sample sum;
};

struct state {
	bool bad;
	uint64_t from; /* the number of the first bucket that counts */
	struct ctl_quality_breach breach;
	struct window_sample trial;
};

struct trunk {
	LIST_ENTRY(trunk) link;
	char name[CTL_NAME_MAX];
	uint32_t class; /* index of its own, or none */
	uint64_t tried_ms;
	unsigned int at;		       /* the bucket of now */
	uint64_t number;		       /* its own */
	struct bucket *bucket;		       /* BUCKETS of them, from the first call on */
	struct state state[CFG_QUALITIES_MAX]; /* by the index of the class */
	struct ctl_quality told;
};

#define NO_CLASS UINT32_MAX
#define HASH	 1024
#define TURNS	 8 /* seconds until each trunk was looked at */

struct windows {
	windows_tell_fn tell;
	void *arg;
	struct cfg_quality class[CFG_QUALITIES_MAX];
	uint32_t n_classes;
	uint32_t of_peers; /* bits: classes that dial-peers name, so of any trunk */
	unsigned int turn;
	LIST_HEAD(, trunk) trunks[HASH];
};

struct windows *windows_new(windows_tell_fn tell, void *arg)
{
	struct windows *ws = calloc(1, sizeof(*ws));

	if (ws != NULL) {
		ws->tell = tell;
		ws->arg = arg;
	}
	return ws;
}

static void trunk_free(struct trunk *t)
{
	LIST_REMOVE(t, link);
	free(t->bucket);
	free(t);
}

void windows_free(struct windows *ws)
{
	struct trunk *t;

	for (unsigned int i = 0; ws != NULL && i < HASH; i++) {
		while ((t = LIST_FIRST(&ws->trunks[i])) != NULL)
			trunk_free(t);
	}
	free(ws);
}

static unsigned int hash_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h % HASH;
}

static struct trunk *trunk_find(const struct windows *ws, const char *name)
{
	struct trunk *t;

	LIST_FOREACH(t, &ws->trunks[hash_of(name)], link) {
		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

static struct trunk *trunk_new(struct windows *ws, const char *name)
{
	struct trunk *t = name[0] ? calloc(1, sizeof(*t)) : NULL;

	if (t == NULL)
		return NULL;
	snprintf(t->name, sizeof(t->name), "%s", name);
	snprintf(t->told.trunk, sizeof(t->told.trunk), "%s", name);
	t->told.score = CTL_QUALITY_UNTRIED;
	t->class = NO_CLASS;
	LIST_INSERT_HEAD(&ws->trunks[hash_of(name)], t, link);
	return t;
}

/* ---- sums ---- */

static void sample_add(struct window_sample *to, const struct window_sample *more)
{
	to->calls += more->calls;
	to->answered += more->answered;
	to->effective += more->effective;
	to->n_ended += more->n_ended;
	to->n_pdd += more->n_pdd;
	to->n_mos += more->n_mos;
	to->talked_ms += more->talked_ms;
	to->pdd_ms += more->pdd_ms;
	to->mos += more->mos;
}

/* The bucket of now; also one that begins early, so that nothing of before is in it. */
static void bucket_begin(struct trunk *t, uint64_t now_ms)
{
	t->at = (t->at + 1) % BUCKETS;
	t->bucket[t->at] = (struct bucket){.start_ms = now_ms, .number = ++t->number};
}

static struct window_sample window_sum(
	const struct trunk *t, uint32_t window_min, uint64_t from, uint64_t now_ms)
{
	uint64_t window_ms = (uint64_t)window_min * 60000;
	struct window_sample sum = {0};

	/* Back from now: what is behind the first one that is too old is older. */
	for (unsigned int i = 0; t->bucket != NULL && i < BUCKETS; i++) {
		const struct bucket *b = &t->bucket[(t->at + BUCKETS - i) % BUCKETS];

		if (b->start_ms == 0 || b->number < from || b->start_ms + window_ms <= now_ms)
			break;
		sample_add(&sum, &b->sum);
	}
	return sum;
}

bool window_value(const struct window_sample *sum, enum ctl_quality_metric metric,
	uint32_t *ret_value, uint32_t *ret_calls)
{
	uint64_t value = 0, n = 0;

	switch (metric) {
	case CTL_QUALITY_ASR:
		n = sum->calls;
		value = (uint64_t)sum->answered * 100;
		break;
	case CTL_QUALITY_NER:
		n = sum->calls;
		value = (uint64_t)sum->effective * 100;
		break;
	case CTL_QUALITY_ACD:
		n = sum->n_ended;
		value = sum->talked_ms / 1000;
		break;
	case CTL_QUALITY_PDD:
		n = sum->n_pdd;
		value = sum->pdd_ms;
		break;
	case CTL_QUALITY_MOS:
		n = sum->n_mos;
		value = sum->mos;
		break;
	default:
		break;
	}
	if (n == 0)
		return false;
	*ret_value = (uint32_t)(value / n);
	*ret_calls = (uint32_t)n;
	return true;
}

/* ---- bounds ---- */

static uint32_t bound_of(const struct cfg_quality *class, enum ctl_quality_metric metric)
{
	switch (metric) {
	case CTL_QUALITY_ASR:
		return class->asr_min;
	case CTL_QUALITY_NER:
		return class->ner_min;
	case CTL_QUALITY_ACD:
		return class->acd_min_s;
	case CTL_QUALITY_PDD:
		return class->pdd_max_ms;
	case CTL_QUALITY_MOS:
		return class->mos_min;
	default:
		return 0;
	}
}

/* What only some calls have counts from half as many of them. */
static uint32_t calls_needed(enum ctl_quality_metric metric, uint32_t calls)
{
	bool of_all = metric == CTL_QUALITY_ASR || metric == CTL_QUALITY_NER;

	return of_all ? calls : (calls + 1) / 2;
}

/* The first bound that so many calls or more have passed. */
static bool is_beyond(const struct cfg_quality *class, const struct window_sample *sum,
	uint32_t calls, struct ctl_quality_breach *ret)
{
	for (unsigned int m = 0; m < CTL_QUALITY_N_METRICS; m++) {
		uint32_t bound = bound_of(class, m), value, n;

		if (bound == 0 || !window_value(sum, m, &value, &n) || n < calls_needed(m, calls))
			continue;
		if (m == CTL_QUALITY_PDD ? value <= bound : value >= bound)
			continue;
		*ret = (struct ctl_quality_breach){
			.tag = class->tag, .metric = m, .value = value, .bound = bound, .calls = n};
		return true;
	}
	return false;
}

static const char *metric_name(uint32_t metric)
{
	static const char *const names[] = {
#define X(sym, name) name,
		CTL_QUALITY_METRICS(X)
#undef X
	};

	return metric < CTL_QUALITY_N_METRICS ? names[metric] : "?";
}

static void turn_good(struct trunk *t, struct state *s, const char *why, uint64_t now_ms)
{
	log_notice(
		"trunk %s is within voice class quality %u again: %s", t->name, s->breach.tag, why);
	*s = (struct state){.from = t->number + 1};
	if (t->bucket != NULL)
		bucket_begin(t, now_ms);
}

static void look_good(
	struct trunk *t, struct state *s, const struct cfg_quality *class, uint64_t now_ms)
{
	struct window_sample sum = window_sum(t, class->window_min, s->from, now_ms);

	if (sum.calls < class->min_calls || !is_beyond(class, &sum, class->min_calls, &s->breach))
		return;
	s->bad = true;
	s->breach.since_ms = now_ms;
	s->trial = (struct window_sample){0};
	log_warning("trunk %s: %s %u over %u calls, the bound is %u (voice class quality %u)",
		t->name, metric_name(s->breach.metric), s->breach.value, s->breach.calls,
		s->breach.bound, s->breach.tag);
}

static void look_bad(
	struct trunk *t, struct state *s, const struct cfg_quality *class, uint64_t now_ms)
{
	struct ctl_quality_breach breach;
	uint32_t value, n = 0;

	if (now_ms > t->tried_ms + (uint64_t) class->window_min * 60000) {
		turn_good(t, s, "nobody has tried it for a whole window", now_ms);
		return;
	}
	/* Also of what it fell for enough has to be known. */
	if (s->trial.calls < class->recovery_calls ||
		!window_value(&s->trial, s->breach.metric, &value, &n) ||
		n < calls_needed(s->breach.metric, class->recovery_calls))
		return;
	if (is_beyond(class, &s->trial, class->recovery_calls, &breach))
		s->trial = (struct window_sample){0};
	else
		turn_good(t, s, "enough calls went well", now_ms);
}

/* ---- what is told ---- */

static void own_window(const struct windows *ws, const struct trunk *t, uint32_t *ret_min,
	uint32_t *ret_calls, uint64_t *ret_from)
{
	bool has = t->class != NO_CLASS;

	*ret_min = has ? ws->class[t->class].window_min : WINDOWS_DEFAULT_MIN;
	*ret_calls = has ? ws->class[t->class].min_calls : WINDOWS_DEFAULT_CALLS;
	*ret_from = has ? t->state[t->class].from : 0;
}

/* NER, less where the voice is worse than it could be. */
static uint32_t score_of(const struct windows *ws, const struct trunk *t, uint64_t now_ms)
{
	uint32_t window_min, calls, score, mos = 0, n;
	struct window_sample sum;
	uint64_t from;

	own_window(ws, t, &window_min, &calls, &from);
	sum = window_sum(t, window_min, from, now_ms);
	if (sum.calls < calls || !window_value(&sum, CTL_QUALITY_NER, &score, &n))
		return CTL_QUALITY_UNTRIED;
	if (window_value(&sum, CTL_QUALITY_MOS, &mos, &n) && mos < MOS_BEST)
		score = score * mos / MOS_BEST;
	return score / STEP * STEP;
}

static void look(struct windows *ws, struct trunk *t, uint64_t now_ms)
{
	struct ctl_quality now = {.n = 0};

	memcpy(now.trunk, t->name, sizeof(now.trunk));
	for (uint32_t i = 0; i < ws->n_classes; i++) {
		struct state *s = &t->state[i];

		if (i != t->class && (ws->of_peers >> i & 1) == 0)
			*s = (struct state){0};
		else if (s->bad)
			look_bad(t, s, &ws->class[i], now_ms);
		else
			look_good(t, s, &ws->class[i], now_ms);
		if (s->bad)
			now.breach[now.n++] = s->breach;
	}
	now.score = score_of(ws, t, now_ms);
	if (memcmp(&now, &t->told, sizeof(now)) == 0)
		return;
	t->told = now;
	ws->tell(ws->arg, &now);
}

/* ---- what happens ---- */

static void add(
	struct windows *ws, const char *name, const struct window_sample *more, uint64_t now_ms)
{
	struct trunk *t = trunk_find(ws, name);

	if (t == NULL)
		return; /* it is not configured any more */
	if (t->bucket == NULL)
		t->bucket = calloc(BUCKETS, sizeof(*t->bucket));
	if (t->bucket == NULL)
		return;
	if (now_ms >= t->bucket[t->at].start_ms + BUCKET_MS)
		bucket_begin(t, now_ms);
	sample_add(&t->bucket[t->at].sum, more);
	for (uint32_t i = 0; i < ws->n_classes; i++) {
		if (t->state[i].bad)
			sample_add(&t->state[i].trial, more);
	}
	if (more->calls > 0)
		t->tried_ms = now_ms;
	look(ws, t, now_ms);
}

void windows_attempt(
	struct windows *ws, const char *trunk, enum window_attempt what, uint64_t wall_ms)
{
	add(ws, trunk,
		&(struct window_sample){.calls = 1,
			.answered = what == WINDOW_ANSWERED,
			.effective = what != WINDOW_FAILED},
		wall_ms);
}

void windows_pdd(struct windows *ws, const char *trunk, uint64_t pdd_ms, uint64_t wall_ms)
{
	add(ws, trunk, &(struct window_sample){.n_pdd = 1, .pdd_ms = pdd_ms}, wall_ms);
}

void windows_ended(
	struct windows *ws, const char *trunk, uint64_t talked_ms, uint32_t mos, uint64_t wall_ms)
{
	add(ws, trunk,
		&(struct window_sample){
			.n_ended = 1, .talked_ms = talked_ms, .n_mos = mos != 0, .mos = mos},
		wall_ms);
}

void windows_tick(struct windows *ws, uint64_t wall_ms)
{
	struct trunk *t;

	ws->turn = (ws->turn + 1) % TURNS;
	for (unsigned int i = ws->turn; i < HASH; i += TURNS) {
		LIST_FOREACH(t, &ws->trunks[i], link) {
			/* Of one that was not tried since, nothing can change. */
			if (t->tried_ms != 0)
				look(ws, t, wall_ms);
		}
	}
}

bool windows_clear(struct windows *ws, const char *trunk, uint64_t wall_ms)
{
	bool found = false;
	struct trunk *t;

	for (unsigned int i = 0; i < HASH; i++) {
		LIST_FOREACH(t, &ws->trunks[i], link) {
			if (trunk != NULL && strcmp(trunk, t->name) != 0)
				continue;
			free(t->bucket);
			t->bucket = NULL;
			memset(t->state, 0, sizeof(t->state));
			look(ws, t, wall_ms);
			found = true;
		}
	}
	return found;
}

/* ---- configuration ---- */

static uint32_t class_index(const struct windows *ws, uint32_t tag)
{
	for (uint32_t i = 0; i < ws->n_classes; i++) {
		if (ws->class[i].tag == tag)
			return i;
	}
	return NO_CLASS;
}

static bool same_bounds(const struct cfg_quality *a, const struct cfg_quality *b)
{
	struct cfg_quality x = *a, y = *b;

	memset(x.description, 0, sizeof(x.description));
	memset(y.description, 0, sizeof(y.description));
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* A class that did not change keeps what was found by it. */
static void states_move(struct trunk *t, const struct windows *before, const struct windows *now)
{
	struct state old[CFG_QUALITIES_MAX];

	memcpy(old, t->state, sizeof(old));
	memset(t->state, 0, sizeof(t->state));
	for (uint32_t i = 0; i < now->n_classes; i++) {
		uint32_t k = class_index(before, now->class[i].tag);

		if (k != NO_CLASS && same_bounds(&before->class[k], &now -> class[i]))
			t->state[i] = old[k];
	}
}

void windows_config(struct windows *ws, const struct cfg *cfg, uint64_t wall_ms)
{
	struct windows before = *ws;
	struct trunk *t, *next;

	ws->n_classes = cfg->n_qualities < CFG_QUALITIES_MAX ? cfg->n_qualities : CFG_QUALITIES_MAX;
	if (ws->n_classes > 0)
		memcpy(ws->class, cfg->qualities, ws->n_classes * sizeof(ws->class[0]));
	ws->of_peers = 0;
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		uint32_t class = class_index(ws, cfg->dial_peers[i].quality);

		ws->of_peers |= class != NO_CLASS ? 1u << class : 0;
	}
	for (unsigned int i = 0; i < HASH; i++) {
		for (t = LIST_FIRST(&ws->trunks[i]); t != NULL; t = next) {
			next = LIST_NEXT(t, link);
			if (cfg_find_trunk(cfg, t->name) != NULL)
				continue;
			trunk_free(t);
		}
		LIST_FOREACH(t, &ws->trunks[i], link)
			states_move(t, &before, ws);
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		t = trunk_find(ws, cfg->trunks[i].name);
		if (t == NULL)
			t = trunk_new(ws, cfg->trunks[i].name);
		if (t == NULL) {
			log_err("memory is short: nothing is known of how calls to trunk %s go",
				cfg->trunks[i].name);
			continue;
		}
		t->class = class_index(ws, cfg->trunks[i].quality);
		look(ws, t, wall_ms);
	}
}

/* ---- for others ---- */

void windows_each(const struct windows *ws, windows_tell_fn row, void *arg)
{
	struct trunk *t;

	for (unsigned int i = 0; i < HASH; i++) {
		LIST_FOREACH(t, &ws->trunks[i], link) {
			if (t->told.n > 0 || t->told.score != CTL_QUALITY_UNTRIED)
				row(arg, &t->told);
		}
	}
}

const struct ctl_quality *windows_told(const struct windows *ws, const char *trunk)
{
	const struct trunk *t = trunk_find(ws, trunk);

	return t != NULL ? &t->told : NULL;
}

bool windows_figures(
	const struct windows *ws, const char *trunk, uint64_t wall_ms, struct windows_figures *ret)
{
	const struct trunk *t = trunk_find(ws, trunk);
	uint32_t calls;
	uint64_t from;

	if (t == NULL)
		return false;
	*ret = (struct windows_figures){0};
	own_window(ws, t, &ret->window_min, &calls, &from);
	ret->sum = window_sum(t, ret->window_min, from, wall_ms);
	for (uint32_t i = 0; i < ws->n_classes; i++) {
		if (!t->state[i].bad)
			continue;
		ret->trial_calls = t->state[i].trial.calls;
		ret->trial_of = ws->class[i].recovery_calls;
		break;
	}
	return true;
}
