/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The spool of call records; see spool.h. The files' contents at start: spool_load.c. */
#include "controlplane/records/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/base/idmap.h"
#include "controlplane/base/log.h"
#include "controlplane/records/spool_load.h"

LOG_TOPIC("records");

struct waiting {
	STAILQ_ENTRY(waiting) link;
	struct record record;
};

/* fdatasync may take as long as the disk likes; calls must not wait for it. */
struct syncer {
	pthread_t thread;
	pthread_mutex_t lock; /* guards the fields below */
	pthread_cond_t wake;
	int fd; /* to be synced and closed; -1: none */
	bool stop, started;
};

struct spool {
	struct spool_conf conf;
	char dir[192], node[64];
	int dir_fd, fd;
	uint64_t size, opened_ms, synced_ms;
	bool dirty, broken;	      /* broken: the last write failed, an alarm was logged */
	struct idmap ids, ids_before; /* of current.jsonl, and of the file before it */
	struct idmap ids_waiting;
	STAILQ_HEAD(, waiting) waiting;
	struct spool_counts counts;
	struct record *recent; /* ring of SPOOL_RECENT_MAX */
	uint64_t n_recent;
	struct syncer syncer;
};

static char id_known; /* the value of every id in the maps */

/* ---- the thread that waits for the disk ---- */

static void *syncer_main(void *arg)
{
	struct syncer *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (s->fd < 0 && !s->stop)
			pthread_cond_wait(&s->wake, &s->lock);
		if (s->fd < 0)
			break;
		int fd = s->fd;
		s->fd = -1;
		pthread_mutex_unlock(&s->lock);
		fdatasync(fd);
		close(fd);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int syncer_start(struct syncer *s)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	s->fd = -1;
	int ret = pthread_create(&s->thread, NULL, syncer_main, s);
	s->started = ret == 0;
	return -ret;
}

static void syncer_stop(struct syncer *s)
{
	if (!s->started)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
}

/* Takes fd. While the disk is still busy with the last one, one more waits; later ones merge. */
static void syncer_push(struct syncer *s, int fd)
{
	pthread_mutex_lock(&s->lock);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the file ---- */

static int file_open(struct spool *spool, uint64_t now_ms)
{
	struct stat st;
	int fd = openat(
		spool->dir_fd, SPOOL_CURRENT, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		int ret = -errno;
		close(fd);
		return ret;
	}
	spool->fd = fd;
	spool->size = (uint64_t)st.st_size;
	spool->opened_ms = now_ms;
	return 0;
}

static void alarm_raise(struct spool *spool, const char *what, int err)
{
	spool->counts.write_errors++;
	if (!spool->broken)
		log_err("call records cannot be written to %s: %s: %s; they wait in memory",
			spool->dir, what, strerror(err));
	spool->broken = true;
}

static void alarm_clear(struct spool *spool)
{
	if (spool->broken)
		log_notice("call records are written to %s again", spool->dir);
	spool->broken = false;
}

/* The whole line or nothing. */
static int file_append(struct spool *spool, const char *line, size_t len, uint64_t now_ms)
{
	if (spool->fd < 0) {
		int ret = file_open(spool, now_ms);
		if (ret < 0) {
			alarm_raise(spool, "open", -ret);
			return ret;
		}
	}
	ssize_t n = write(spool->fd, line, len);
	if (n == (ssize_t)len) {
		spool->size += len;
		spool->dirty = true;
		alarm_clear(spool);
		return 0;
	}
	int err = n < 0 ? errno : ENOSPC;
	/* A part of a line may not stay: the next record would be glued to it. */
	if (n > 0 && ftruncate(spool->fd, (off_t)spool->size) < 0) {
		close(spool->fd);
		spool->fd = -1;
		spool_repair(spool->dir_fd, SPOOL_CURRENT, &spool->counts.repaired_bytes);
	}
	alarm_raise(spool, "write", err);
	return -err;
}

static void file_sync(struct spool *spool, uint64_t now_ms)
{
	spool->synced_ms = now_ms;
	if (!spool->dirty || spool->fd < 0)
		return;
	int fd = fcntl(spool->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return; /* again in a second */
	spool->dirty = false;
	syncer_push(&spool->syncer, fd);
}

static void rotate(struct spool *spool, uint64_t now_ms)
{
	time_t seconds = (time_t)(now_ms / 1000);
	char name[64], stamp[32] = "";
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	/* In order of names they are in order of time, also within one second. */
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), SPOOL_PREFIX "%s-%03u.jsonl", stamp, i);
		if (faccessat(spool->dir_fd, name, F_OK, 0) < 0)
			break;
	}
	if (renameat(spool->dir_fd, SPOOL_CURRENT, spool->dir_fd, name) < 0) {
		log_warning(
			"%s/" SPOOL_CURRENT " cannot be rotated: %s", spool->dir, strerror(errno));
		spool->opened_ms = now_ms; /* not again for each record */
		return;
	}
	int ret = spool_totals_save(spool->dir_fd, name, &spool->counts.total);
	if (ret < 0)
		log_warning("%s/totals cannot be written: %s; the next start counts the files",
			spool->dir, strerror(-ret));
	syncer_push(&spool->syncer, spool->fd);
	spool->fd = -1;
	spool->dirty = false;
	idmap_wipe(&spool->ids_before);
	spool->ids_before = spool->ids;
	idmap_init(&spool->ids);
	if (file_open(spool, now_ms) < 0)
		log_err("%s/" SPOOL_CURRENT " cannot be made: %s", spool->dir, strerror(errno));
}

static void rotate_if_due(struct spool *spool, uint64_t now_ms)
{
	if (spool->fd < 0 || spool->size == 0)
		return;
	bool big = spool->conf.rotate_bytes != 0 && spool->size >= spool->conf.rotate_bytes;
	bool old = spool->conf.rotate_ms != 0 && now_ms >= spool->opened_ms + spool->conf.rotate_ms;
	if (big || old)
		rotate(spool, now_ms);
}

/* ---- records ---- */

static int write_one(struct spool *spool, const struct record *record, uint64_t now_ms)
{
	static char line[RECORD_LINE_MAX];
	size_t len = record_print(record, spool->node, line, sizeof(line));

	if (len == 0)
		return -EMSGSIZE; /* cannot be: RECORD_LINE_MAX is above the sum of all fields */
	int ret = file_append(spool, line, len, now_ms);
	if (ret < 0)
		return ret;
	ret = idmap_put(&spool->ids, record->call.id, &id_known);
	if (ret < 0)
		log_warning("the id of a call record cannot be remembered: %s", strerror(-ret));
	spool->counts.written++;
	const struct ctl_call *call = &record->call;
	bool answered = call->answer_ms != 0 && call->end_ms > call->answer_ms;
	record_count(&spool->counts.total, record_outcome(call),
		answered ? call->end_ms - call->answer_ms : 0);
	spool->recent[spool->n_recent++ % SPOOL_RECENT_MAX] = *record;
	rotate_if_due(spool, now_ms);
	return 0;
}

bool spool_has(const struct spool *spool, uint64_t id)
{
	return idmap_get(&spool->ids, id) != NULL || idmap_get(&spool->ids_before, id) != NULL;
}

int spool_put(struct spool *spool, const struct record *record, uint64_t now_ms)
{
	if (spool_has(spool, record->call.id)) {
		spool->counts.duplicates++;
		return 0;
	}
	/* Not before those that wait, and not at once again after a failure: see spool_tick(). */
	if (STAILQ_EMPTY(&spool->waiting) && write_one(spool, record, now_ms) == 0)
		return 0;
	if (idmap_get(&spool->ids_waiting, record->call.id) != NULL)
		return -EINPROGRESS;
	struct waiting *w = spool->counts.waiting < SPOOL_WAIT_MAX ? malloc(sizeof(*w)) : NULL;
	if (w == NULL || idmap_put(&spool->ids_waiting, record->call.id, w) < 0) {
		free(w);
		spool->counts.refused++;
		return -ENOSPC;
	}
	w->record = *record;
	STAILQ_INSERT_TAIL(&spool->waiting, w, link);
	spool->counts.waiting++;
	return -EINPROGRESS;
}

static void write_waiting(struct spool *spool, uint64_t now_ms)
{
	struct waiting *w;

	while ((w = STAILQ_FIRST(&spool->waiting)) != NULL) {
		if (write_one(spool, &w->record, now_ms) < 0)
			return;
		STAILQ_REMOVE_HEAD(&spool->waiting, link);
		idmap_del(&spool->ids_waiting, w->record.call.id);
		spool->counts.waiting--;
		if (spool->conf.written != NULL)
			spool->conf.written(spool->conf.arg, w->record.call.id);
		free(w);
	}
}

void spool_tick(struct spool *spool, uint64_t now_ms)
{
	write_waiting(spool, now_ms);
	rotate_if_due(spool, now_ms);
	if (now_ms >= spool->synced_ms + 1000 || now_ms < spool->synced_ms)
		file_sync(spool, now_ms);
}

void spool_counts(const struct spool *spool, struct spool_counts *ret_counts)
{
	*ret_counts = spool->counts;
}

const struct record *spool_recent(const struct spool *spool, unsigned int i)
{
	if (i >= SPOOL_RECENT_MAX || i >= spool->n_recent)
		return NULL;
	return &spool->recent[(spool->n_recent - 1 - i) % SPOOL_RECENT_MAX];
}

void spool_set_node(struct spool *spool, const char *node)
{
	snprintf(spool->node, sizeof(spool->node), "%s", node);
}

static int remember(void *arg, uint64_t id, bool in_current)
{
	struct spool *spool = arg;
	int ret = idmap_put(in_current ? &spool->ids : &spool->ids_before, id, &id_known);

	return ret == -EEXIST ? 0 : ret;
}

static int open_dir(struct spool *spool, uint64_t now_ms)
{
	if (mkdir(spool->dir, 0750) < 0 && errno != EEXIST)
		return -errno;
	spool->dir_fd = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool->dir_fd < 0)
		return -errno;
	int ret = spool_repair(spool->dir_fd, SPOOL_CURRENT, &spool->counts.repaired_bytes);
	if (ret == 0)
		ret = spool_load(spool->dir_fd, &spool->counts.total, remember, spool);
	return ret < 0 ? ret : file_open(spool, now_ms);
}

int spool_open(
	const struct spool_conf *conf, uint64_t now_ms, struct spool **ret_spool, char error[256])
{
	struct spool *spool = calloc(1, sizeof(*spool));
	int ret = -ENOMEM;

	if (spool == NULL)
		goto fail;
	spool->conf = *conf;
	spool->dir_fd = spool->fd = -1;
	spool->synced_ms = now_ms;
	STAILQ_INIT(&spool->waiting);
	idmap_init(&spool->ids);
	idmap_init(&spool->ids_before);
	idmap_init(&spool->ids_waiting);
	spool_set_node(spool, conf->node);
	if (snprintf(spool->dir, sizeof(spool->dir), "%s", conf->dir) >= (int)sizeof(spool->dir)) {
		ret = -ENAMETOOLONG;
		goto fail;
	}
	spool->recent = calloc(SPOOL_RECENT_MAX, sizeof(*spool->recent));
	if (spool->recent == NULL)
		goto fail;
	ret = open_dir(spool, now_ms);
	if (ret == 0)
		ret = syncer_start(&spool->syncer);
	if (ret < 0)
		goto fail;
	*ret_spool = spool;
	return 0;
fail:
	snprintf(error, 256, "the folder of call records, %s, cannot be used: %s", conf->dir,
		strerror(-ret));
	spool_close(spool);
	return ret;
}

void spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	if (spool->fd >= 0 && !STAILQ_EMPTY(&spool->waiting))
		write_waiting(spool, spool->synced_ms);
	if (!STAILQ_EMPTY(&spool->waiting))
		log_err("%llu call records could not be written and are lost with this process "
			"unless limen-sip sends them again",
			(unsigned long long)spool->counts.waiting);
	if (spool->fd >= 0) {
		fdatasync(spool->fd);
		close(spool->fd);
	}
	syncer_stop(&spool->syncer);
	struct waiting *w;
	while ((w = STAILQ_FIRST(&spool->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&spool->waiting, link);
		free(w);
	}
	if (spool->dir_fd >= 0)
		close(spool->dir_fd);
	idmap_wipe(&spool->ids);
	idmap_wipe(&spool->ids_before);
	idmap_wipe(&spool->ids_waiting);
	free(spool->recent);
	free(spool);
}
