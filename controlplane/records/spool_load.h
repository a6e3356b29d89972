/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a spool of call records finds on the disk when it starts. Used by spool.c only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/records/record.h"

#define SPOOL_CURRENT "current.jsonl"
#define SPOOL_PREFIX  "records-"

/* Cuts off a last line without its newline; *bytes is increased by what was cut. */
int spool_repair(int dir_fd, const char *name, uint64_t *bytes);
/*
 * Reads what is needed to go on: ids of the current file and of the newest rotated one, and the
 * totals. Those of rotated files are kept in the file "totals", which says up to which file they
 * go; a rotation writes it after it renamed, so that a crash in between is noticed, and the files
 * behind that name are counted here. id: 0 or a negative errno that ends the reading.
 */
int spool_load(int dir_fd, struct record_totals *totals,
	int (*id)(void *arg, uint64_t id, bool in_current), void *arg);
/* Totals of all rotated files up to name. */
int spool_totals_save(int dir_fd, const char *name, const struct record_totals *totals);
