/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The datastore's files. Every write is atomic and durable: own temporary file, fsync, rename,
 * fsync of the directory. Private to controlplane/config.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "controlplane/config/datastore.h"

struct store_dir {
	int fd;	    /* the state directory */
	int rev_fd; /* rev/ below it */
};

/* Creates what is missing. Negative errno. */
int store_dir_open(const char *path, struct store_dir *ret);
void store_dir_close(struct store_dir *dir);

int store_write(int dir_fd, const char *name, const char *text, size_t len);
/* *ret_text is malloc()ed and NUL-terminated. -ENOENT; -EFBIG. */
int store_read(int dir_fd, const char *name, char **ret_text, size_t *ret_len);
int store_remove(int dir_fd, const char *name);

struct store_meta {
	struct cfg_revision revision;
	uint64_t group; /* of implicit commits, see cfg_commit */
};

/* rev/NNNNNN.cfg and .json. */
int store_write_revision(
	struct store_dir *dir, const struct store_meta *meta, const char *text, size_t len);
void store_remove_revision(struct store_dir *dir, uint64_t number);
/* The revisions with both files, newest first, at most max. The count, or a negative errno. */
int store_list_revisions(struct store_dir *dir, struct store_meta *ret, unsigned int max);

/* Which configuration this process runs; survives its crash, not a clean end or a reboot. */
int store_write_running(struct store_dir *dir, uint64_t number);
/* 0: none, or of another boot of the machine. */
uint64_t store_read_running(struct store_dir *dir);

struct store_pending {
	uint64_t deadline_ms; /* wall clock */
	uint64_t revision;    /* to go back to */
};

int store_write_pending(struct store_dir *dir, const struct store_pending *pending);
/* -ENOENT; -EINVAL for a damaged file. */
int store_read_pending(struct store_dir *dir, struct store_pending *ret);
