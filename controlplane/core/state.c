/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generation number and token key; see state.h. */
#include "controlplane/core/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/view.h"

__attribute__((format(printf, 3, 4))) static int say(char *error, int ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, 256, fmt, ap);
	va_end(ap);
	return ret;
}

/* -ENOENT, -EFBIG (more than size), or how much was read. */
static ssize_t read_small(int dir_fd, const char *name, void *buf, size_t size)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	ssize_t n = fstat(fd, &st) < 0 ? -1 : st.st_size > (off_t)size ? -2 : read(fd, buf, size);
	int err = errno;
	close(fd);
	return n == -2 ? -EFBIG : n < 0 ? -err : n;
}

/* Replaces a file so that after a power loss either the old or the new one is there. */
static int write_small(int dir_fd, const char *name, const void *buf, size_t size)
{
	char temp[64];
	int ret = 0;

	snprintf(temp, sizeof(temp), "%s.new", name);
	int fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, buf, size);
	if (n != (ssize_t)size)
		ret = n < 0 ? -errno : -ENOSPC;
	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	close(fd);
	if (ret == 0 && renameat(dir_fd, temp, dir_fd, name) < 0)
		ret = -errno;
	if (ret == 0 && fsync(dir_fd) < 0)
		ret = -errno;
	if (ret < 0)
		unlinkat(dir_fd, temp, 0);
	return ret;
}

static int open_dir(const char *dir, char *error)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return say(error, -errno, "the state directory %.150s cannot be opened: %s", dir,
			strerror(errno));
	return fd;
}

int state_next_generation(const char *dir, uint32_t *ret_generation, char error[256])
{
	char text[32];
	uint64_t last = 0;
	int dir_fd = open_dir(dir, error);

	if (dir_fd < 0)
		return dir_fd;
	ssize_t n = read_small(dir_fd, "generation", text, sizeof(text));
	int ret = n < 0 ? (int)n : 0;
	if (ret == 0 &&
		view_to_u64(view_trim((struct view){text, (size_t)n}), UINT32_MAX - 1, &last) < 0)
		ret = -EINVAL;
	if (ret == -ENOENT)
		ret = 0; /* the first start */
	if (ret == 0) {
		n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)last + 1);
		ret = write_small(dir_fd, "generation", text, (size_t)n);
	}
	close(dir_fd);
	if (ret == -EINVAL || ret == -EFBIG)
		return say(error, ret, "%.150s/generation does not hold a number", dir);
	if (ret < 0)
		return say(error, ret, "%.150s/generation: %s", dir, strerror(-ret));
	*ret_generation = (uint32_t)(last + 1);
	return 0;
}

int state_token_key(const char *dir, uint8_t ret_key[CTL_TOKEN_KEY], char error[256])
{
	uint8_t key[CTL_TOKEN_KEY];
	int dir_fd = open_dir(dir, error);
	int ret = 0;

	if (dir_fd < 0)
		return dir_fd;
	ssize_t n = read_small(dir_fd, "token.key", key, sizeof(key));
	if (n == -ENOENT) {
		secret_random(key, sizeof(key));
		ret = write_small(dir_fd, "token.key", key, sizeof(key));
	} else if (n != (ssize_t)sizeof(key)) {
		ret = n < 0 && n != -EFBIG ? (int)n : -EINVAL;
	}
	close(dir_fd);
	if (ret == 0)
		memcpy(ret_key, key, sizeof(key));
	secret_wipe(key, sizeof(key));
	if (ret == -EINVAL)
		return say(
			error, ret, "%.150s/token.key does not have %d bytes", dir, CTL_TOKEN_KEY);
	if (ret < 0)
		return say(error, ret, "%.150s/token.key: %s", dir, strerror(-ret));
	return 0;
}
