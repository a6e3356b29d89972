/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a spool of call records finds on the disk when it starts. Used by spool.c only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_CURRENT "current.jsonl"
#define SPOOL_PREFIX  "records-"

/* Cuts off a last line without its newline; *bytes is increased by what was cut. */
int spool_repair(int dir_fd, const char *name, uint64_t *bytes);
/* Calls id for each record of the current file and of the newest rotated one. */
int spool_load(int dir_fd, int (*id)(void *arg, uint64_t id, bool in_current), void *arg);
