/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spool of call records: DIR/current.jsonl, one line a record, and the files it was rotated
 * into (records-<UTC time>-NNN.jsonl). Used by limen-control's calls; one thread.
 *
 * A record is in the kernel's hands (one write) before it is acknowledged, so no process that
 * dies loses one; the disk has it within a second (a helper thread calls fdatasync). After power
 * loss a torn last line is cut off. A record with an id that is in the spool already is
 * acknowledged and not written again: whoever is not sure that it was written may send it again.
 *
 * Disk full: records wait in memory, the newest SPOOL_WAIT_MAX of them, and are written when there
 * is room again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/records/record.h"

#define SPOOL_WAIT_MAX	 20000
#define SPOOL_RECENT_MAX 256 /* kept in memory for show commands */

struct spool;

struct spool_conf {
	const char *dir;		  /* is created */
	const char *node;		  /* copied */
	uint64_t rotate_bytes, rotate_ms; /* 0: never */
	/* A record that had to wait was written. */
	void (*written)(void *arg, uint64_t id);
	void *arg;
};

/*
 * total is of all records of the folder, over all restarts: it equals what is in the files as
 * long as nobody takes files away before they are counted (see spool_load.h). The rest is of this
 * process.
 */
struct spool_counts {
	struct record_totals total;
	uint64_t written, duplicates, waiting, refused, write_errors, repaired_bytes;
};

/* error: a sentence. */
int spool_open(const struct spool_conf *conf, uint64_t now_ms, struct spool **ret_spool,
	char error[256]) __attribute__((warn_unused_result));
/* What still waits is tried once more and then given up, with a log line. */
void spool_close(struct spool *spool);
void spool_set_node(struct spool *spool, const char *node);

/* 0: written (or was before); -EINPROGRESS: waits, written() follows; -ENOSPC: not taken. */
int spool_put(struct spool *spool, const struct record *record, uint64_t now_ms)
	__attribute__((warn_unused_result));
bool spool_has(const struct spool *spool, uint64_t id);
/* About once a second: retries, syncs, rotates by age. */
void spool_tick(struct spool *spool, uint64_t now_ms);

void spool_counts(const struct spool *spool, struct spool_counts *ret_counts);
/* The i-th newest record, 0 the last one written; NULL behind the oldest that is kept. */
const struct record *spool_recent(const struct spool *spool, unsigned int i);
