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

typedef int (*id_fn)(void *arg, uint64_t id, bool in_current);

struct load {
	int dir_fd;
	struct record_totals *totals; /* NULL: this file is counted already */
	id_fn id;		      /* NULL: the ids of this file are too old to come again */
	void *arg;
	bool in_current;
};

static int load_line(const struct load *load, const char *line, size_t len, bool *ret_strange)
{
	enum record_outcome outcome;
	uint64_t id, duration_ms;

	if (record_line_id(line, len, &id) < 0 ||
		record_line_outcome(line, len, &outcome, &duration_ms) < 0) {
		*ret_strange = true;
		return 0;
	}
	if (load->totals != NULL)
		record_count(load->totals, outcome, duration_ms);
	return load->id != NULL ? load->id(load->arg, id, load->in_current) : 0;
}

static int load_file(const struct load *load, const char *name)
{
	uint64_t n_strange = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int ret = 0;
	int fd = openat(load->dir_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	FILE *file = fdopen(fd, "r");
	if (file == NULL) {
		close(fd);
		return -ENOMEM;
	}
	while (ret == 0 && (n = getline(&line, &cap, file)) >= 0) {
		bool strange = false;
		ret = load_line(load, line, (size_t)n, &strange);
		n_strange += strange;
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

/* ---- totals of rotated files ---- */

#define TOTALS "totals"

int spool_totals_save(int dir_fd, const char *name, const struct record_totals *totals)
{
	int fd = openat(dir_fd, TOTALS ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (file == NULL) {
		int ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	fprintf(file, "through %s\nanswered_ms %llu\n", name,
		(unsigned long long)totals->answered_ms);
	for (unsigned int i = 0; i < RECORD_OUTCOME_N; i++)
		fprintf(file, "%s %llu\n", record_outcome_word((enum record_outcome)i),
			(unsigned long long)totals->by_outcome[i]);
	bool ok = fflush(file) == 0 && fsync(fd) == 0;
	ok = fclose(file) == 0 && ok;
	if (!ok || renameat(dir_fd, TOTALS ".new", dir_fd, TOTALS) < 0)
		return errno != 0 ? -errno : -EIO;
	return fsync(dir_fd) < 0 ? -errno : 0;
}

/* One line "word number" of the file. */
static void totals_line(struct record_totals *totals, const char *word, uint64_t value)
{
	if (strcmp(word, "answered_ms") == 0)
		totals->answered_ms = value;
	for (unsigned int i = 0; i < RECORD_OUTCOME_N; i++) {
		if (strcmp(word, record_outcome_word((enum record_outcome)i)) == 0) {
			totals->by_outcome[i] = value;
			totals->n += value;
		}
	}
}

/* through: the last file that is counted; empty when no totals were kept yet. */
static int totals_load(int dir_fd, struct record_totals *totals, char through[256])
{
	unsigned long long value;
	char word[32];
	int fd = openat(dir_fd, TOTALS, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	through[0] = '\0';
	if (file == NULL) {
		int ret = errno == ENOENT ? 0 : -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	if (fscanf(file, "through %255s", through) != 1)
		through[0] = '\0';
	while (through[0] != '\0' && fscanf(file, "%31s %llu", word, &value) == 2)
		totals_line(totals, word, value);
	fclose(file);
	if (through[0] == '\0')
		log_warning("the file " TOTALS
			    " of the call records is damaged; all files are "
			    "counted again");
	return 0;
}

/* ---- the folder ---- */

struct names {
	char (*list)[256];
	size_t n;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names have the time in them: in their order the newest is the last. */
static int list_rotated(int dir_fd, struct names *names)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	for (struct dirent *e; ret == 0 && (e = readdir(dir)) != NULL;) {
		if (strncmp(e->d_name, SPOOL_PREFIX, sizeof(SPOOL_PREFIX) - 1) != 0)
			continue;
		void *list = realloc(names->list, (names->n + 1) * sizeof(names->list[0]));
		if (list == NULL) {
			ret = -ENOMEM;
			break;
		}
		names->list = list;
		snprintf(names->list[names->n++], sizeof(names->list[0]), "%s", e->d_name);
	}
	closedir(dir);
	if (names->n > 1)
		qsort(names->list, names->n, sizeof(names->list[0]), compare_names);
	return ret;
}

int spool_load(int dir_fd, struct record_totals *totals, id_fn id, void *arg)
{
	struct names names = {0};
	char through[256];
	int ret = totals_load(dir_fd, totals, through);

	if (ret == 0)
		ret = list_rotated(dir_fd, &names);
	for (size_t i = 0; ret == 0 && i < names.n; i++) {
		bool counted = strcmp(names.list[i], through) <= 0;
		bool newest = i + 1 == names.n;
		struct load load = {
			dir_fd, counted ? NULL : totals, newest ? id : NULL, arg, false};
		if (!counted || newest)
			ret = load_file(&load, names.list[i]);
	}
	if (ret == 0 && names.n > 0 && strcmp(names.list[names.n - 1], through) > 0)
		ret = spool_totals_save(dir_fd, names.list[names.n - 1], totals);
	free(names.list);
	struct load load = {dir_fd, totals, id, arg, true};
	return ret < 0 ? ret : load_file(&load, SPOOL_CURRENT);
}
