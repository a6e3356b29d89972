/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See prompts.h. */
#include "controlplane/media/prompts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/base/log.h"

LOG_TOPIC("prompts");

struct prompts {
	char dir[256];
	struct prompt *now; /* those that are wanted, then those that are going */
	unsigned int n_now;
	struct prompt *next; /* of a commit that is being prepared */
	unsigned int n_next;
	bool prepared;
};

int prompts_new(const char *dir, struct prompts **ret_prompts)
{
	struct prompts *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return -ENOMEM;
	snprintf(ps->dir, sizeof(ps->dir), "%s", dir);
	if (mkdir(ps->dir, 0755) < 0 && errno != EEXIST)
		log_err("%s: %s", ps->dir, strerror(errno));
	*ret_prompts = ps;
	return 0;
}

static void list_free(struct prompt *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		prompt_sound_free(&list[i].sound);
	free(list);
}

void prompts_free(struct prompts *ps)
{
	if (!ps)
		return;
	list_free(ps->now, ps->n_now);
	list_free(ps->next, ps->n_next);
	free(ps);
}

/* FNV-1a: the same after every restart, so that what is playing is recognised. */
static uint32_t name_hash(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h ? h : 1;
}

uint32_t prompts_room_id(const char *room)
{
	return name_hash(room);
}

static struct prompt *find(struct prompt *list, unsigned int n, const char *name)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	}
	return NULL;
}

const struct prompt *prompts_find(const struct prompts *ps, const char *name)
{
	return find(ps->now, ps->n_now, name);
}

const struct prompt *prompts_at(const struct prompts *ps, unsigned int i)
{
	return i < ps->n_now && ps->now[i].wanted ? &ps->now[i] : NULL;
}

/* ---- commit ---- */

static bool share_fd(const struct prompt *from, struct prompt *to)
{
	to->sound = from->sound;
	to->sound.fd = fcntl(from->sound.fd, F_DUPFD_CLOEXEC, 0);
	return to->sound.fd >= 0;
}

/* The sound of a prompt of the next configuration: what is there, or the file. */
static int take_sound(
	struct prompts *ps, int dir_fd, struct prompt *p, bool first, char error[CFG_ERROR_MAX])
{
	const struct prompt *had = find(ps->now, ps->n_now, p->name);
	bool same = had && strcmp(had->path, p->path) == 0;
	int rc;

	if (same && had->sound.fd >= 0 && flash_same(dir_fd, p->path, &had->sound.stamp) &&
		share_fd(had, p))
		return 0;
	rc = prompt_file_load(dir_fd, p->path, &p->sound, p->why);
	if (rc == 0) {
		p->fresh = true;
		return 0;
	}
	if (same && had->sound.fd >= 0 && share_fd(had, p)) {
		log_warning("voice class prompt %s: flash:/%s: %s; the sound that it had stays",
			p->name, p->path, p->why);
		return 0;
	}
	if (first || same) {
		log_err("voice class prompt %s: flash:/%s: %s; nothing is played for it", p->name,
			p->path, p->why);
		return 0;
	}
	snprintf(error, CFG_ERROR_MAX, "voice class prompt %s: \"file flash:/%.60s\": %.100s",
		p->name, p->path, p->why);
	return rc;
}

/* Two names may have one hash; then the later one, in the order of names, moves on. */
static uint32_t id_for(const struct prompts *ps, const char *name)
{
	uint32_t id = name_hash(name);

	for (unsigned int i = 0; i < ps->n_next; i++) {
		if (ps->next[i].id == id) {
			id = id == UINT32_MAX ? 1 : id + 1;
			i = (unsigned int)-1;
		}
	}
	return id;
}

static int prepare_one(struct prompts *ps, int dir_fd, const struct cfg_prompt *conf, bool first,
	char error[CFG_ERROR_MAX])
{
	struct prompt *p = &ps->next[ps->n_next];
	const char *why, *path = cfg_flash_path(conf->file, &why);

	memset(p, 0, sizeof(*p));
	p->sound.fd = -1;
	p->wanted = true;
	memcpy(p->name, conf->name, sizeof(p->name));
	p->id = id_for(ps, p->name);
	ps->n_next++;
	if (!path) /* a line that is still to come */
		return snprintf(p->why, sizeof(p->why), "it has no file"), 0;
	snprintf(p->path, sizeof(p->path), "%s", path);
	return take_sound(ps, dir_fd, p, first, error);
}

static int check_rooms(const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		const char *a = cfg->dial_peers[i].conference;

		for (uint32_t k = 0; a[0] && k < i; k++) {
			const char *b = cfg->dial_peers[k].conference;

			if (b[0] && strcmp(a, b) != 0 && prompts_room_id(a) == prompts_room_id(b)) {
				snprintf(error, CFG_ERROR_MAX,
					"conferences %s and %s cannot be told apart by the data "
					"plane; one of them needs another name",
					b, a);
				return -EINVAL;
			}
		}
	}
	return 0;
}

static int check_room_for_all(const struct prompts *ps, char error[CFG_ERROR_MAX])
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < ps->n_next; i++)
		bytes += ps->next[i].sound.n_samples * sizeof(int16_t);
	if (bytes <= DP_PROMPTS_BYTES)
		return 0;
	snprintf(error, CFG_ERROR_MAX,
		"all prompts together take %llu MB of memory, and %llu MB are the most",
		(unsigned long long)(bytes >> 20), (unsigned long long)(DP_PROMPTS_BYTES >> 20));
	return -ENOSPC;
}

int prompts_prepare(
	struct prompts *ps, const struct cfg *cfg, bool first, char error[CFG_ERROR_MAX])
{
	int dir_fd, rc = check_rooms(cfg, error);

	prompts_abort(ps);
	if (rc < 0)
		return rc;
	if (cfg->n_prompts > DP_PROMPTS_MAX) {
		snprintf(error, CFG_ERROR_MAX, "%u prompts are more than the %u that can be there",
			cfg->n_prompts, DP_PROMPTS_MAX);
		return -ENOSPC;
	}
	ps->next = calloc(cfg->n_prompts + 1, sizeof(*ps->next));
	if (!ps->next) {
		snprintf(error, CFG_ERROR_MAX, "memory is short");
		return -ENOMEM;
	}
	dir_fd = open(ps->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (uint32_t i = 0; rc == 0 && i < cfg->n_prompts; i++)
		rc = prepare_one(ps, dir_fd, &cfg->prompts[i], first, error);
	if (dir_fd >= 0)
		close(dir_fd);
	if (rc == 0)
		rc = check_room_for_all(ps, error);
	if (rc < 0)
		prompts_abort(ps);
	ps->prepared = rc == 0;
	return rc;
}

void prompts_abort(struct prompts *ps)
{
	list_free(ps->next, ps->n_next);
	ps->next = NULL;
	ps->n_next = 0;
	ps->prepared = false;
}

/* What the data plane has of a prompt goes on to its successor. */
static void inherit(struct prompt *p, const struct prompt *had)
{
	p->known = had->known && !p->fresh;
	p->inflight = had->inflight;
	/* An answer under way is to the old sound. */
	p->fresh = p->fresh && had->inflight != 0;
}

void prompts_apply(struct prompts *ps, uint64_t now_ms)
{
	struct prompt *list;
	unsigned int n = ps->n_next;

	if (!ps->prepared)
		return;
	list = realloc(ps->next, (ps->n_next + ps->n_now + 1) * sizeof(*list));
	if (!list) {
		log_err("memory is short: the prompts stay as they were");
		prompts_abort(ps);
		return;
	}
	for (unsigned int i = 0; i < ps->n_next; i++)
		list[i].fresh = list[i].fresh && find(ps->now, ps->n_now, list[i].name);
	for (unsigned int i = 0; i < ps->n_now; i++) {
		struct prompt *had = &ps->now[i], *p = find(list, ps->n_next, had->name);

		if (p) {
			inherit(p, had);
			prompt_sound_free(&had->sound);
			continue;
		}
		if (had->wanted)
			had->gone_ms = now_ms;
		had->wanted = false;
		list[n++] = *had;
	}
	free(ps->now);
	ps->now = list;
	ps->n_now = n;
	ps->next = NULL;
	ps->n_next = 0;
	ps->prepared = false;
}

/* ---- what is played ---- */

/* The kinds of the data plane's table; DP_TONE_KINDS: none. */
static const struct dp_tone_row *tone_row(const struct ctl_play *play)
{
	static const char *const countries[CFG_N_CPTONES] = {
		[CFG_CPTONE_EU] = "eu",
		[CFG_CPTONE_DE] = "de",
		[CFG_CPTONE_FR] = "fr",
		[CFG_CPTONE_UK] = "uk",
		[CFG_CPTONE_US] = "us",
	};
	static const enum dp_tone_kind kinds[CFG_N_TONES] = {
		[CFG_TONE_NONE] = DP_TONE_KINDS,
		[CFG_TONE_DIAL] = DP_TONE_DIAL,
		[CFG_TONE_STUTTER] = DP_TONE_STUTTER,
		[CFG_TONE_RINGBACK] = DP_TONE_RINGBACK,
		[CFG_TONE_BUSY] = DP_TONE_BUSY,
		[CFG_TONE_CONGESTION] = DP_TONE_CONGESTION,
		[CFG_TONE_SPECIAL] = DP_TONE_SPECIAL,
	};

	if (play->tone >= CFG_N_TONES || play->country >= CFG_N_CPTONES)
		return NULL;
	return dp_tone_find(countries[play->country], kinds[play->tone]);
}

int prompts_resolve(const struct prompts *ps, const struct ctl_play *play, struct dp_play *ret_play)
{
	struct dp_play dp = {.serial = play->serial, .max_ms = play->max_ms};
	const struct dp_tone_row *row;
	const struct prompt *p;

	switch ((enum ctl_play_kind)play->kind) {
	case CTL_PLAY_NONE:
		*ret_play = (struct dp_play){0};
		return 0;
	case CTL_PLAY_PROMPT:
		p = prompts_find(ps, play->name);
		if (!p || p->sound.fd < 0)
			return -ENODATA;
		dp.kind = DP_PLAY_PROMPT;
		dp.id = p->id;
		dp.flags = play->flags & CTL_PLAY_LOOP ? DP_PLAY_LOOP : 0;
		break;
	case CTL_PLAY_TONE:
		row = tone_row(play);
		if (!row)
			return -ENODATA;
		dp.kind = DP_PLAY_TONE;
		memcpy(dp.steps, row->steps, sizeof(dp.steps));
		break;
	case CTL_PLAY_ROOM:
		dp.kind = DP_PLAY_ROOM;
		dp.id = prompts_room_id(play->name);
		break;
	case CTL_PLAY_N_KINDS:
		return -EINVAL;
	}
	*ret_play = dp;
	return 0;
}

/* ---- the data plane ---- */

void prompts_reset(struct prompts *ps)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ps->n_now; i++) {
		struct prompt *p = &ps->now[i];

		/* It has it no more, or SESSION_SWEEP will take it away. */
		if (!p->wanted) {
			prompt_sound_free(&p->sound);
			continue;
		}
		p->known = p->failed = p->fresh = false;
		p->inflight = 0;
		ps->now[n++] = *p;
	}
	ps->n_now = n;
}

static uint16_t request_for(const struct prompt *p, uint64_t now_ms)
{
	if (p->inflight != 0 || (p->failed && now_ms < p->retry_ms))
		return 0;
	if (p->wanted)
		return p->sound.fd >= 0 && !p->known ? DP_PROMPT_SET : 0;
	return p->known && now_ms - p->gone_ms >= PROMPTS_LINGER_MS ? DP_PROMPT_DEL : 0;
}

bool prompts_next(struct prompts *ps, uint64_t now_ms, uint16_t *ret_type,
	struct dp_prompt *ret_prompt, int *ret_fd)
{
	for (unsigned int i = 0; i < ps->n_now; i++) {
		struct prompt *p = &ps->now[i];
		uint16_t type = request_for(p, now_ms);

		if (type == 0)
			continue;
		p->inflight = type;
		*ret_type = type;
		*ret_prompt = (struct dp_prompt){
			.id = p->id, .rate_hz = p->sound.rate_hz, .n_samples = p->sound.n_samples};
		*ret_fd = p->sound.fd;
		return true;
	}
	return false;
}

static void drop(struct prompts *ps, unsigned int i)
{
	prompt_sound_free(&ps->now[i].sound);
	memmove(&ps->now[i], &ps->now[i + 1], (ps->n_now - i - 1) * sizeof(ps->now[0]));
	ps->n_now--;
}

void prompts_done(struct prompts *ps, uint32_t id, uint16_t type, int32_t status, uint64_t now_ms)
{
	unsigned int i = 0;

	while (i < ps->n_now && (ps->now[i].id != id || ps->now[i].inflight != type))
		i++;
	if (i == ps->n_now)
		return;
	struct prompt *p = &ps->now[i];
	p->inflight = 0;
	if (type == DP_PROMPT_DEL) {
		p->known = false;
		if (!p->wanted)
			drop(ps, i);
		return;
	}
	p->known = status == 0 && !p->fresh;
	p->fresh = false;
	if (status < 0 && !p->failed)
		log_err("the data plane refuses prompt %s: %s; it is tried again", p->name,
			strerror(-status));
	p->failed = status < 0;
	p->retry_ms = now_ms + PROMPTS_RETRY_MS;
}
