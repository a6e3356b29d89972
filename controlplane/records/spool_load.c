/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Repairs and reads the spool's files at start; see spool_load.h. */
#include "controlplane/records/spool_load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "controlplane/records/record.h"

LOG_TOPIC("records");

/* Offset behind the last newline, reading backwards in blocks. */
static int last_line_end(int fd, off_t size, off_t *ret_end)
{
	char block[4096];
	off_t end = size;

	while (end > 0) {
		size_t n = end < (off_t)sizeof(block) ? (size_t)end : sizeof(block);
		ssize_t got = pread(fd, block, n, end - (off_t)n);
		if (got != (ssize_t)n)
			return got < 0 ? -errno : -EIO;
		const char *nl = memrchr(block, '\n', n);
		if (nl != NULL) {
			*ret_end = end - (off_t)n + (nl - block) + 1;
			return 0;
		}
		end -= (off_t)n;
	}
	*ret_end = 0;
	return 0;
}

int spool_repair(int dir_fd, const char *name, uint64_t *bytes)
{
	struct stat st;
	off_t end;
	int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	int ret = fstat(fd, &st) < 0 ? -errno : 0;
	if (ret == 0)
		ret = last_line_end(fd, st.st_size, &end);
	if (ret == 0 && end < st.st_size) {
		log_warning("%s ends in the middle of a record: %lld bytes are cut off", name,
			(long long)(st.st_size - end));
		if (ftruncate(fd, end) < 0)
			ret = -errno;
		else
			*bytes += (uint64_t)(st.st_size - end);
	}
	close(fd);
	return ret;
}

static int load_file(int dir_fd, const char *name, bool in_current,
	int (*id)(void *arg, uint64_t id, bool in_current), void *arg)
{
	uint64_t value, n_strange = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int ret = 0;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	FILE *file = fdopen(fd, "r");
	if (file == NULL) {
		close(fd);
		return -ENOMEM;
	}
	while (ret == 0 && (n = getline(&line, &cap, file)) >= 0) {
		if (record_line_id(line, (size_t)n, &value) < 0)
			n_strange++;
		else
			ret = id(arg, value, in_current);
	}
	if (ret == 0 && ferror(file))
		ret = -EIO;
	if (n_strange > 0)
		log_warning("%s has %llu lines that are no call records; they are left alone", name,
			(unsigned long long)n_strange);
	free(line);
	fclose(file);
	return ret;
}

/* Names have the time in them, so the newest is the last in order. */
static int newest_rotated(int dir_fd, char *ret_name, size_t size)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		int ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	ret_name[0] = '\0';
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (strncmp(e->d_name, SPOOL_PREFIX, sizeof(SPOOL_PREFIX) - 1) == 0 &&
			strcmp(e->d_name, ret_name) > 0 && strlen(e->d_name) < size)
			strcpy(ret_name, e->d_name);
	}
	closedir(dir);
	return 0;
}

int spool_load(int dir_fd, int (*id)(void *arg, uint64_t id, bool in_current), void *arg)
{
	char name[256];
	int ret = newest_rotated(dir_fd, name, sizeof(name));

	if (ret == 0 && name[0] != '\0')
		ret = load_file(dir_fd, name, false, id, arg);
	return ret < 0 ? ret : load_file(dir_fd, SPOOL_CURRENT, true, id, arg);
}
