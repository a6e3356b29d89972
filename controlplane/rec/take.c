/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See take.h. */
#include "controlplane/rec/take.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlplane/base/log.h"
#include "dataplane/transcode/codec.h"

LOG_TOPIC("recording");

#define MICROS	  1000000
#define RETRY_US  1000000
#define PART_MAX  1000
#define BEHIND_US 1000000 /* half of what a time line holds */

uint32_t take_rate(const struct ctl_rec *conf)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		for (unsigned int i = 0; i < conf->n_payloads[leg]; i++) {
			const struct codec *c = codec_by_id(conf->payloads[leg][i].codec);
			uint32_t last = 0;
			for (unsigned int k = 0; c != NULL && c->rates_hz[k] != 0; k++)
				last = c->rates_hz[k];
			if (last > 8000)
				return 16000;
		}
	}
	return 8000;
}

struct take *take_new(const struct ctl_rec *conf)
{
	struct take *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->conf = *conf;
	return t;
}

static void dirs_free(struct take *t)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (t->dir[leg] != NULL)
			rec_dir_counts_add(t->dir[leg], &t->counts);
		rec_dir_free(t->dir[leg]);
		t->dir[leg] = NULL;
	}
}

void take_free(struct take *t)
{
	if (t == NULL)
		return;
	dirs_free(t);
	free(t);
}

static void apply_payloads(struct take *t)
{
	for (unsigned int leg = 0; leg < DP_LEGS && take_runs(t); leg++)
		rec_dir_payloads(t->dir[leg], t->conf.payloads[leg], t->conf.n_payloads[leg]);
}

void take_conf(struct take *t, const struct ctl_rec *conf)
{
	uint64_t start_ms = t->conf.start_ms; /* its names have it */

	t->conf = *conf;
	t->conf.start_ms = start_ms;
	apply_payloads(t);
}

/* ---- parts ---- */

/* "2026-01-31/235959-0123456789abcdef", in UTC as records are. */
static void name_of(const struct take *t, uint32_t part, char ret_name[CTL_REC_NAME_MAX])
{
	time_t seconds = (time_t)(t->conf.start_ms / 1000);
	char media[8] = "", number[16] = "", when[32];
	struct tm tm = {0};

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d/%H%M%S", &tm);
	if (t->conf.media_index > 0)
		snprintf(media, sizeof(media), "-m%u", (t->conf.media_index + 1) % 100);
	if (part > 1)
		snprintf(number, sizeof(number), "-p%u", part);
	snprintf(ret_name, CTL_REC_NAME_MAX, "%s-%016llx%s%s", when,
		(unsigned long long)t->conf.call_id, media, number);
}

static void note(struct take *t, const char *why)
{
	if (strcmp(t->note, why) == 0)
		return;
	snprintf(t->note, sizeof(t->note), "%s", why);
	log_warning("call %016llx is not recorded: %s", (unsigned long long)t->conf.call_id, why);
}

static int make_part(struct take *t, struct rec_store *store, uint32_t tracks)
{
	char name[CTL_REC_NAME_MAX];
	uint32_t part = t->part + 1;

	name_of(t, part, name);
	int err = rec_store_day(store, name);
	if (err < 0)
		return err;
	/* A life of this process that was killed may have written some. */
	for (; rec_files_exist(store->root, name) && part < PART_MAX; part++)
		name_of(t, part + 1, name);
	err = rec_files_open(&t->files, store->root, name, tracks, t->rate_hz);
	if (err == 0)
		t->part = part;
	return err;
}

int take_start(struct take *t, struct rec_store *store, const struct ctl_rec_policy *policy,
	uint64_t since_us, uint64_t now_us)
{
	int err = 0;

	t->rate_hz = take_rate(&t->conf);
	t->origin_us = since_us;
	t->written = 0;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		t->dir[leg] = rec_dir_new(t->rate_hz, since_us);
		if (t->dir[leg] == NULL)
			err = -ENOMEM;
	}
	t->tracks = rec_files_tracks(policy->files);
	if (err == 0)
		err = make_part(t, store, t->tracks);
	if (err < 0) {
		dirs_free(t);
		t->retry_us = now_us + RETRY_US;
		note(t, err == -ENOSPC ? "the disk is full" : strerror(-err));
		return err;
	}
	apply_payloads(t);
	t->note[0] = '\0';
	return 0;
}

/* Up to that place on the time line. */
static int write_to(struct take *t, uint64_t to)
{
	static int16_t pcm[DP_LEGS][REC_CHUNK_MAX];
	uint32_t chunk = t->rate_hz / 10;
	int err = 0;

	while (t->written < to && err == 0) {
		uint32_t n = to - t->written < chunk ? (uint32_t)(to - t->written) : chunk;
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			rec_dir_take(t->dir[leg], pcm[leg], n);
		err = rec_files_write(&t->files, pcm[0], pcm[1], n);
		t->written += n;
	}
	return err;
}

static uint64_t samples_at(const struct take *t, uint64_t us)
{
	return us > t->origin_us ? (us - t->origin_us) * t->rate_hz / MICROS : 0;
}

bool take_is_behind(const struct take *t, uint64_t time_us)
{
	return samples_at(t, time_us) > t->written + (uint64_t)t->rate_hz * BEHIND_US / MICROS;
}

int take_write(struct take *t, uint64_t now_us)
{
	uint32_t chunk = t->rate_hz / 10;
	uint64_t to;

	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		rec_dir_advance(t->dir[leg], now_us);
	to = now_us > REC_LAG_US ? samples_at(t, now_us - REC_LAG_US) : 0;
	if (t->end_us != 0 && to > samples_at(t, t->end_us))
		to = samples_at(t, t->end_us);
	return write_to(t, to - to % chunk);
}

void take_stop(struct take *t, struct rec_store *store, uint64_t now_us, const char *why)
{
	uint64_t end;
	int err = 0;

	if (why != NULL) {
		note(t, why);
		t->retry_us = now_us + RETRY_US;
	}
	if (!take_runs(t))
		return;
	end = samples_at(t, now_us);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		rec_dir_advance(t->dir[leg], UINT64_MAX);
		if (rec_dir_end(t->dir[leg]) > end)
			end = rec_dir_end(t->dir[leg]);
	}
	if (why == NULL)
		err = write_to(t, end);
	dirs_free(t);
	uint64_t bytes = rec_files_bytes(&t->files);
	uint32_t n = (uint32_t)__builtin_popcount(t->files.tracks);
	int close_err = rec_files_close(&t->files);
	rec_store_add(store, n, bytes);
	t->n_bytes += bytes;
	err = err < 0 ? err : close_err;
	if (err < 0 && why == NULL)
		note(t, err == -ENOSPC ? "the disk was full at the end of it" : strerror(-err));
}

/* ---- what is told ---- */

void take_counts(const struct take *t, struct rec_dir_counts *sum)
{
	const struct rec_dir_counts *own = &t->counts;

	sum->packets += own->packets;
	sum->played += own->played;
	sum->events += own->events;
	sum->duplicates += own->duplicates;
	sum->late += own->late;
	sum->undecodable += own->undecodable;
	sum->no_codec += own->no_codec;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (t->dir[leg] != NULL)
			rec_dir_counts_add(t->dir[leg], sum);
}

void take_status(const struct take *t, bool ended, struct ctl_rec_status *ret_status)
{
	struct ctl_rec_status s = {
		.session_id = t->conf.session_id,
		.call_id = t->conf.call_id,
		.start_ms = t->conf.start_ms,
		.media_index = t->conf.media_index,
		.demand = t->conf.demand,
		.state = ended		? CTL_REC_ENDED
			 : take_runs(t) ? CTL_REC_RUNS
					: CTL_REC_WAITS,
		.parts = t->part,
		.tracks = (uint8_t)t->tracks,
		.bytes = t->n_bytes + (take_runs(t) ? rec_files_bytes(&t->files) : 0),
	};

	name_of(t, 1, s.name);
	memcpy(s.note, t->note, sizeof(s.note));
	*ret_status = s;
}
