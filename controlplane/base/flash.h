/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that an operator puts into a directory of the box, "flash:/PATH" in the configuration. They
 * are trusted in nothing: no link is followed, no part of a path begins with a dot, and every fault
 * is a sentence. Waits for the disk. Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLASH_WHY_MAX 160

/* What tells that a file is another one than before. */
struct flash_stamp {
	uint64_t device, inode, size;
	int64_t changed_s, changed_ns;
};

/*
 * The whole file below the open directory dir_fd, malloc()ed with a NUL behind it. -EFBIG: it has
 * more than max bytes; other negative errno; each with a sentence.
 */
int flash_read(int dir_fd, const char *path, uint64_t max, char **ret_bytes, size_t *ret_len,
	struct flash_stamp *ret_stamp, char why[FLASH_WHY_MAX]) __attribute__((warn_unused_result));
/* The file is the one with this stamp. */
bool flash_same(int dir_fd, const char *path, const struct flash_stamp *stamp);

/* Sealed memory with these bytes, which another process may map; -errno. */
int flash_seal(const char *name, const void *bytes, size_t len, int *ret_fd)
	__attribute__((warn_unused_result));
/* The steps of the same, for who makes the bytes piece by piece. */
int flash_memory_write(int fd, const void *bytes, size_t len) __attribute__((warn_unused_result));
int flash_memory_new(const char *name, int *ret_fd) __attribute__((warn_unused_result));
int flash_memory_seal(int fd) __attribute__((warn_unused_result));
