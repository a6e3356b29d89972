/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See store_files.h. */
#include "controlplane/config/store_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  (64u << 20)
#define META_MAX  4096
#define DIR_MODE  0750
#define FILE_MODE 0640

static int open_dir(int at, const char *path)
{
	int fd;

	if (mkdirat(at, path, DIR_MODE) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int store_dir_open(const char *path, struct store_dir *ret)
{
	struct store_dir dir;

	dir.fd = open_dir(AT_FDCWD, path);
	if (dir.fd < 0)
		return dir.fd;
	dir.rev_fd = open_dir(dir.fd, "rev");
	if (dir.rev_fd < 0) {
		close(dir.fd);
		return dir.rev_fd;
	}
	*ret = dir;
	return 0;
}

void store_dir_close(struct store_dir *dir)
{
	close(dir->rev_fd);
	close(dir->fd);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int store_write(int dir_fd, const char *name, const char *text, size_t len)
{
	char tmp[64];
	int fd, rc;

	snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, len);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(dir_fd, tmp, dir_fd, name) < 0)
		rc = -errno;
	if (rc < 0) {
		unlinkat(dir_fd, tmp, 0);
		return rc;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}

int store_read(int dir_fd, const char *name, char **ret_text, size_t *ret_len)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
	struct stat st;
	size_t len = 0;
	char *text;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		close(fd);
		return -EFBIG;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		rc = -ENOMEM;
	while (rc == 0 && len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + len, (size_t)st.st_size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	if (rc < 0) {
		free(text);
		return rc;
	}
	text[len] = 0;
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int store_remove(int dir_fd, const char *name)
{
	if (unlinkat(dir_fd, name, 0) < 0)
		return -errno;
	return fsync(dir_fd) < 0 ? -errno : 0;
}

static char *rev_name(uint64_t number, const char *ext, char buf[32])
{
	snprintf(buf, 32, "%06" PRIu64 ".%s", number, ext);
	return buf;
}

static int write_json(int dir_fd, const char *name, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int rc = text ? store_write(dir_fd, name, text, strlen(text)) : -ENOMEM;

	free(text);
	json_decref(json);
	return rc;
}

static json_t *read_json(int dir_fd, const char *name)
{
	json_t *json;
	char *text;
	size_t len;

	if (store_read(dir_fd, name, &text, &len) < 0)
		return NULL;
	json = len <= META_MAX ? json_loadb(text, len, 0, NULL) : NULL;
	free(text);
	return json;
}

static uint64_t number_of(const json_t *json, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(json, key));

	return value < 0 ? 0 : (uint64_t)value;
}

int store_write_revision(
	struct store_dir *dir, const struct store_meta *meta, const char *text, size_t len)
{
	char name[32];
	int rc = store_write(dir->rev_fd, rev_name(meta->revision.number, "cfg", name), text, len);

	if (rc < 0)
		return rc;
	/* The description comes last: a revision without it was never finished. */
	return write_json(dir->rev_fd, rev_name(meta->revision.number, "json", name),
		json_pack("{s:I,s:s,s:s,s:I}", "time_ms", (json_int_t)meta->revision.time_ms,
			"user", meta->revision.user, "comment", meta->revision.comment, "group",
			(json_int_t)meta->group));
}

void store_remove_revision(struct store_dir *dir, uint64_t number)
{
	char name[32];

	unlinkat(dir->rev_fd, rev_name(number, "json", name), 0);
	unlinkat(dir->rev_fd, rev_name(number, "cfg", name), 0);
}

static bool read_meta(struct store_dir *dir, uint64_t number, struct store_meta *ret)
{
	char name[32];
	json_t *json;
	const char *user, *comment;

	if (faccessat(dir->rev_fd, rev_name(number, "cfg", name), R_OK, 0) < 0)
		return false;
	json = read_json(dir->rev_fd, rev_name(number, "json", name));
	if (!json)
		return false;
	user = json_string_value(json_object_get(json, "user"));
	comment = json_string_value(json_object_get(json, "comment"));
	*ret = (struct store_meta){.group = number_of(json, "group")};
	ret->revision.number = number;
	ret->revision.time_ms = number_of(json, "time_ms");
	snprintf(ret->revision.user, sizeof(ret->revision.user), "%s", user ? user : "");
	snprintf(
		ret->revision.comment, sizeof(ret->revision.comment), "%s", comment ? comment : "");
	json_decref(json);
	return true;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x > y ? -1 : x < y;
}

/* All numbers that have a description, in a malloc()ed array. */
static int list_numbers(struct store_dir *dir, uint64_t **ret_numbers)
{
	int fd = openat(dir->rev_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t *numbers = NULL;
	struct dirent *entry;
	size_t n = 0;
	DIR *list;

	if (fd < 0)
		return -errno;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return -errno;
	}
	while ((entry = readdir(list)) && n < 100000) {
		uint64_t number, *more;
		char ext[8], again[32];
		if (sscanf(entry->d_name, "%19" SCNu64 ".%7s", &number, ext) != 2 ||
			strcmp(entry->d_name, rev_name(number, "json", again)) != 0)
			continue;
		more = realloc(numbers, (n + 1) * sizeof(*numbers));
		if (!more) {
			free(numbers);
			closedir(list);
			return -ENOMEM;
		}
		numbers = more;
		numbers[n++] = number;
	}
	closedir(list);
	if (n)
		qsort(numbers, n, sizeof(*numbers), newest_first);
	*ret_numbers = numbers;
	return (int)n;
}

int store_list_revisions(struct store_dir *dir, struct store_meta *ret, unsigned int max)
{
	uint64_t *numbers = NULL;
	int n = list_numbers(dir, &numbers), kept = 0;

	for (int i = 0; i < n; i++) {
		if ((unsigned int)kept < max && read_meta(dir, numbers[i], &ret[kept]))
			kept++;
		else if ((unsigned int)kept >= max)
			store_remove_revision(dir, numbers[i]);
	}
	free(numbers);
	return n < 0 ? n : kept;
}

/* Changes with each boot of the machine. */
static void boot_id(char id[64])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	id[0] = 0;
	if (file) {
		if (!fgets(id, 64, file))
			id[0] = 0;
		fclose(file);
	}
	id[strcspn(id, "\n")] = 0;
}

int store_write_running(struct store_dir *dir, uint64_t number)
{
	char id[64];

	boot_id(id);
	return write_json(dir->fd, "running.json",
		json_pack("{s:s,s:I}", "boot_id", id, "revision", (json_int_t)number));
}

uint64_t store_read_running(struct store_dir *dir)
{
	json_t *json = read_json(dir->fd, "running.json");
	const char *id = json_string_value(json_object_get(json, "boot_id"));
	char now[64];
	uint64_t number = 0;

	boot_id(now);
	if (id && *now && strcmp(id, now) == 0)
		number = number_of(json, "revision");
	json_decref(json);
	return number;
}

int store_write_pending(struct store_dir *dir, const struct store_pending *pending)
{
	return write_json(dir->fd, "pending.json",
		json_pack("{s:I,s:I}", "deadline_ms", (json_int_t)pending->deadline_ms, "revision",
			(json_int_t)pending->revision));
}

int store_read_pending(struct store_dir *dir, struct store_pending *ret)
{
	json_t *json;

	if (faccessat(dir->fd, "pending.json", F_OK, 0) < 0)
		return -errno;
	json = read_json(dir->fd, "pending.json");
	if (!json)
		return -EINVAL;
	ret->deadline_ms = number_of(json, "deadline_ms");
	ret->revision = number_of(json, "revision");
	json_decref(json);
	return ret->deadline_ms && ret->revision ? 0 : -EINVAL;
}
