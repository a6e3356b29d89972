/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See flash.h. */
#include "controlplane/base/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fault(char *why, int rc, const char *text)
{
	snprintf(why, FLASH_WHY_MAX, "%s", text);
	return rc;
}

static int fault_errno(char *why, const char *what)
{
	int rc = -errno;

	if (rc == -ENOENT)
		return fault(why, rc, "there is no such file in its directory on the box");
	if (rc == -ELOOP)
		return fault(why, rc, "it is a symbolic link, or behind one");
	snprintf(why, FLASH_WHY_MAX, "%s: %s", what, strerror(-rc));
	return rc;
}

/* Part by part, so that no link leads out of the directory. */
static int open_below(int dir_fd, const char *path)
{
	int at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

	while (at >= 0) {
		const char *slash = strchr(path, '/');
		char part[256];
		int next, flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
		size_t n = slash ? (size_t)(slash - path) : strlen(path);

		if (n == 0 || n >= sizeof(part) || *path == '.') {
			errno = EINVAL;
			next = -1;
		} else {
			memcpy(part, path, n);
			part[n] = '\0';
			next = openat(at, part, slash ? flags | O_DIRECTORY : flags);
		}
		int err = errno;
		close(at);
		errno = err;
		if (next < 0 || !slash)
			return next;
		at = next;
		path = slash + 1;
	}
	return at;
}

static struct flash_stamp stamp_of(const struct stat *st)
{
	return (struct flash_stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed_s = st->st_mtim.tv_sec,
		.changed_ns = st->st_mtim.tv_nsec,
	};
}

bool flash_same(int dir_fd, const char *path, const struct flash_stamp *stamp)
{
	int fd = open_below(dir_fd, path);
	struct flash_stamp now;
	struct stat st;
	bool ok = fd >= 0 && fstat(fd, &st) == 0;

	if (fd >= 0)
		close(fd);
	if (!ok)
		return false;
	now = stamp_of(&st);
	return memcmp(&now, stamp, sizeof(now)) == 0;
}

/* Read, not mapped: a file that is cut short meanwhile must not be able to end this process. */
static int read_all(int fd, char *p, size_t len, char *why)
{
	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(why, "it cannot be read");
		if (n == 0)
			return fault(why, -EIO, "it became shorter while it was read");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_file(int fd, uint64_t max, char **ret_bytes, size_t *ret_len,
	struct flash_stamp *stamp, char *why)
{
	struct stat st;
	char *bytes;
	int rc;

	if (fstat(fd, &st) < 0)
		return fault_errno(why, "it cannot be read");
	if (!S_ISREG(st.st_mode))
		return fault(why, -EINVAL, "it is no file");
	if ((uint64_t)st.st_size > max) {
		snprintf(why, FLASH_WHY_MAX, "it is too large: %llu bytes are the most",
			(unsigned long long)max);
		return -EFBIG;
	}
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return fault(why, -ENOMEM, "memory is short");
	rc = read_all(fd, bytes, (size_t)st.st_size, why);
	if (rc < 0) {
		free(bytes);
		return rc;
	}
	bytes[st.st_size] = '\0';
	*ret_bytes = bytes;
	*ret_len = (size_t)st.st_size;
	*stamp = stamp_of(&st);
	return 0;
}

int flash_read(int dir_fd, const char *path, uint64_t max, char **ret_bytes, size_t *ret_len,
	struct flash_stamp *ret_stamp, char why[FLASH_WHY_MAX])
{
	int fd = open_below(dir_fd, path), rc;

	if (fd < 0)
		return fault_errno(why, "it cannot be opened");
	rc = read_file(fd, max, ret_bytes, ret_len, ret_stamp, why);
	close(fd);
	return rc;
}

int flash_memory_write(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int flash_memory_new(const char *name, int *ret_fd)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int flash_memory_seal(int fd)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int flash_seal(const char *name, const void *bytes, size_t len, int *ret_fd)
{
	int fd, rc = flash_memory_new(name, &fd);

	if (rc < 0)
		return rc;
	rc = flash_memory_write(fd, bytes, len);
	if (rc == 0)
		rc = flash_memory_seal(fd);
	if (rc < 0)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}
