/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The directory of all recordings: ROOT/YYYY-MM-DD/NAME-....wav. How much there is and may be, and
 * what goes when it is too much: the oldest files, which are those whose day and name come first.
 * Files that are being written (.part) are never removed.
 *
 * Owner: one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"

struct rec_store {
	int root; /* of the directory; -1: not open */
	uint64_t n_files, bytes;
	uint64_t deleted, repaired;
};

/*
 * Opens or makes it, counts what is there and finishes what a killed process left. Negative errno;
 * the reason was logged.
 */
int rec_store_open(struct rec_store *store, const char *path) __attribute__((warn_unused_result));
void rec_store_close(struct rec_store *store);
/* The day's directory of a name, "YYYY-MM-DD/...". */
int rec_store_day(struct rec_store *store, const char *name) __attribute__((warn_unused_result));
/* Bytes that may still be written on the file system; UINT64_MAX: not known. */
uint64_t rec_store_free(const struct rec_store *store);
/*
 * Whether there is room, open_bytes being in files that are not finished. Makes some when the
 * policy says so. NULL: there is; else a sentence why not.
 */
const char *rec_store_room(
	struct rec_store *store, const struct ctl_rec_policy *policy, uint64_t open_bytes);
/* Removes the oldest file. False: there is none. */
bool rec_store_delete_oldest(struct rec_store *store);
/* Files were finished. */
void rec_store_add(struct rec_store *store, uint64_t n_files, uint64_t bytes);
