/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See store.h. */
#include "controlplane/rec/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "controlplane/rec/files.h"

LOG_TOPIC("store");

#define DIR_MODE   0750
#define DAY_LEN	   10
#define DELETE_MAX 64 /* at a time: others wait */

/* "YYYY-MM-DD" and nothing else is ours. */
static bool is_day(const char *name)
{
	static const char form[] = "0000-00-00";

	for (unsigned int i = 0; i < DAY_LEN; i++) {
		bool digit = name[i] >= '0' && name[i] <= '9';
		if (form[i] == '0' ? !digit : name[i] != '-')
			return false;
	}
	return name[DAY_LEN] == '\0';
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcmp(name + n - k, end) == 0;
}

static DIR *dir_open(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

static void repair(struct rec_store *store, int dir, const char *day, const char *name)
{
	int64_t bytes = rec_files_repair(dir, name);

	if (bytes >= 0) {
		store->repaired++;
		rec_store_add(store, 1, (uint64_t)bytes);
		log_notice("%s/%s was not finished: it is now", day, name);
	} else if (bytes != -ENODATA) {
		log_warning("%s/%s cannot be finished: %s", day, name,
			bytes == -EBADMSG ? "it is no recording of ours" : strerror((int)-bytes));
	}
}

/* All of one day. Renamed files may be met again, so parts come second. */
static void scan_day(struct rec_store *store, const char *day)
{
	DIR *dir = dir_open(store->root, day);
	struct dirent *e;
	struct stat st;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (ends_in(e->d_name, ".wav") &&
			fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			rec_store_add(store, 1, (uint64_t)st.st_size);
	}
	for (bool again = true; again;) {
		uint64_t before = store->repaired;
		rewinddir(dir);
		while ((e = readdir(dir)) != NULL)
			if (ends_in(e->d_name, ".wav" REC_PART))
				repair(store, dirfd(dir), day, e->d_name);
		again = store->repaired != before;
	}
	closedir(dir);
}

static void scan(struct rec_store *store)
{
	DIR *dir = dir_open(store->root, ".");
	struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		if (is_day(e->d_name))
			scan_day(store, e->d_name);
	closedir(dir);
}

int rec_store_open(struct rec_store *store, const char *path)
{
	*store = (struct rec_store){.root = -1};
	if (mkdir(path, DIR_MODE) < 0 && errno != EEXIST) {
		log_err("cannot make %s for recordings: %s", path, strerror(errno));
		return -errno;
	}
	store->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->root < 0 || faccessat(store->root, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		int err = -errno;
		log_err("recordings cannot be written to %s: %s", path, strerror(-err));
		rec_store_close(store);
		return err;
	}
	scan(store);
	return 0;
}

void rec_store_close(struct rec_store *store)
{
	if (store->root >= 0)
		close(store->root);
	store->root = -1;
}

int rec_store_day(struct rec_store *store, const char *name)
{
	char day[DAY_LEN + 1];

	snprintf(day, sizeof(day), "%.10s", name);
	if (mkdirat(store->root, day, DIR_MODE) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

void rec_store_add(struct rec_store *store, uint64_t n_files, uint64_t bytes)
{
	store->n_files += n_files;
	store->bytes += bytes;
}

uint64_t rec_store_free(const struct rec_store *store)
{
	struct statvfs vfs;

	if (fstatvfs(store->root, &vfs) < 0)
		return UINT64_MAX;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

/* The name in dir that comes first, of those that are days or finished files. */
static bool first_of(DIR *dir, bool days, const char *after, char ret_name[NAME_MAX + 1])
{
	struct dirent *e;
	bool found = false;

	rewinddir(dir);
	while ((e = readdir(dir)) != NULL) {
		if (!(days ? is_day(e->d_name) : ends_in(e->d_name, ".wav")) ||
			strcmp(e->d_name, after) <= 0)
			continue;
		if (!found || strcmp(e->d_name, ret_name) < 0)
			snprintf(ret_name, NAME_MAX + 1, "%s", e->d_name);
		found = true;
	}
	return found;
}

static bool delete_in(struct rec_store *store, const char *day)
{
	DIR *dir = dir_open(store->root, day);
	char name[NAME_MAX + 1];
	struct stat st;
	bool ok = dir != NULL && first_of(dir, false, "", name) &&
		  fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		  unlinkat(dirfd(dir), name, 0) == 0;

	if (ok) {
		log_notice("%s/%s is removed to make room", day, name);
		store->n_files -= store->n_files > 0;
		store->bytes -= store->bytes > (uint64_t)st.st_size ? (uint64_t)st.st_size
								    : store->bytes;
		store->deleted++;
	}
	if (dir != NULL)
		closedir(dir);
	/* Only when it is empty; the day that is written to is made again when needed. */
	unlinkat(store->root, day, AT_REMOVEDIR);
	return ok;
}

bool rec_store_delete_oldest(struct rec_store *store)
{
	DIR *dir = dir_open(store->root, ".");
	char day[NAME_MAX + 1], after[NAME_MAX + 1] = "";
	bool done = false;

	while (!done && dir != NULL && first_of(dir, true, after, day)) {
		done = delete_in(store, day);
		memcpy(after, day, sizeof(after));
	}
	if (dir != NULL)
		closedir(dir);
	return done;
}

static const char *fault(
	const struct rec_store *store, const struct ctl_rec_policy *policy, uint64_t open_bytes)
{
	if (policy->quota_bytes != 0 && store->bytes + open_bytes > policy->quota_bytes)
		return "the quota of recordings is used up";
	if (rec_store_free(store) < policy->min_free_bytes)
		return "too little space is free on the disk";
	return NULL;
}

const char *rec_store_room(
	struct rec_store *store, const struct ctl_rec_policy *policy, uint64_t open_bytes)
{
	const char *why = fault(store, policy, open_bytes);

	for (unsigned int i = 0; why != NULL && policy->when_full == CTL_REC_FULL_DELETE_OLDEST &&
				 i < DELETE_MAX && rec_store_delete_oldest(store);
		i++)
		why = fault(store, policy, open_bytes);
	return why;
}
