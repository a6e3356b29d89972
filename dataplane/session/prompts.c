/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See prompts.h. */
#include "dataplane/session/prompts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "controlplane/base/log.h"

LOG_TOPIC("prompt");

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

struct prompts {
	struct prompt *all[DP_PROMPTS_MAX]; /* the first n */
	uint32_t n;
	uint64_t bytes;
};

struct prompts *prompts_new(void)
{
	return calloc(1, sizeof(struct prompts));
}

struct prompt *prompt_ref(struct prompt *p)
{
	if (p)
		p->n_refs++;
	return p;
}

static uint64_t bytes_of(uint64_t n_samples)
{
	return n_samples * sizeof(int16_t);
}

void prompt_unref(struct prompt *p)
{
	if (!p || --p->n_refs)
		return;
	p->prompts->bytes -= bytes_of(p->n_samples);
	munmap((void *)p->pcm, bytes_of(p->n_samples));
	free(p);
}

void prompts_free(struct prompts *ps)
{
	if (!ps)
		return;
	while (ps->n)
		prompt_unref(ps->all[--ps->n]);
	free(ps);
}

/* The place of an id in the table; n when it is not there. */
static uint32_t find(const struct prompts *ps, uint32_t id)
{
	uint32_t i = 0;

	while (i < ps->n && ps->all[i]->id != id)
		i++;
	return i;
}

static int refuse(const struct dp_prompt *conf, int err, const char *why)
{
	log_warning("prompt %u is not taken: %s", conf->id, why);
	return err;
}

static int check(const struct dp_prompt *conf, int fd)
{
	struct stat st;
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);

	if (!conf->id)
		return refuse(conf, -EINVAL, "id is 0");
	if (conf->rate_hz != 8000 && conf->rate_hz != 16000 && conf->rate_hz != 48000)
		return refuse(conf, -EINVAL, "its rate is not 8, 16 or 48 kHz");
	if (!conf->n_samples || conf->n_samples > DP_PROMPTS_BYTES / sizeof(int16_t))
		return refuse(conf, -EINVAL, "it has no samples, or far too many");
	/* What could still be cut off would be a bus error in a media core. */
	if (seals < 0 || (seals & SEALS) != SEALS)
		return refuse(conf, -EINVAL, "its descriptor is not a sealed memfd");
	if (fstat(fd, &st) || (uint64_t)st.st_size != bytes_of(conf->n_samples))
		return refuse(conf, -EINVAL, "its memory is not as long as its samples");
	return 0;
}

static int map(const struct dp_prompt *conf, int fd, uint32_t generation, struct prompt **ret)
{
	struct prompt *p = calloc(1, sizeof(*p));
	/* Populated now: a media core does not wait for pages. */
	void *pcm = p ? mmap(NULL, bytes_of(conf->n_samples), PROT_READ, MAP_SHARED | MAP_POPULATE,
				fd, 0)
		      : MAP_FAILED;

	if (pcm == MAP_FAILED) {
		free(p);
		return refuse(conf, -ENOMEM, "no memory for it");
	}
	*p = (struct prompt){.pcm = pcm,
		.n_samples = conf->n_samples,
		.id = conf->id,
		.rate_hz = conf->rate_hz,
		.generation = generation,
		.n_refs = 1};
	*ret = p;
	return 0;
}

int prompts_set(struct prompts *ps, const struct dp_prompt *conf, int fd, uint32_t generation)
{
	struct prompt *p;
	int err = check(conf, fd);

	if (err)
		return err;
	uint32_t i = find(ps, conf->id);
	/* one that nobody plays makes room for its successor */
	uint64_t old = i < ps->n && ps->all[i]->n_refs == 1 ? bytes_of(ps->all[i]->n_samples) : 0;
	if (i == DP_PROMPTS_MAX || ps->bytes - old + bytes_of(conf->n_samples) > DP_PROMPTS_BYTES)
		return refuse(conf, -ENOSPC, "all room for prompts is used up");
	err = map(conf, fd, generation, &p);
	if (err)
		return err;
	p->prompts = ps;
	ps->bytes += bytes_of(p->n_samples);
	if (i < ps->n)
		prompt_unref(ps->all[i]);
	else
		ps->n++;
	ps->all[i] = p;
	return 0;
}

static void del(struct prompts *ps, uint32_t i)
{
	prompt_unref(ps->all[i]);
	ps->all[i] = ps->all[--ps->n];
}

int prompts_del(struct prompts *ps, uint32_t id)
{
	uint32_t i = find(ps, id);

	if (i == ps->n)
		return -ENOENT;
	del(ps, i);
	return 0;
}

void prompts_sweep(struct prompts *ps, uint32_t generation)
{
	for (uint32_t i = ps->n; i-- > 0;)
		if (ps->all[i]->generation < generation)
			del(ps, i);
}

struct prompt *prompts_get(struct prompts *ps, uint32_t id)
{
	uint32_t i = find(ps, id);

	return i < ps->n ? prompt_ref(ps->all[i]) : NULL;
}

uint32_t prompts_n(const struct prompts *ps)
{
	return ps->n;
}

uint64_t prompts_bytes(const struct prompts *ps)
{
	return ps->bytes;
}
