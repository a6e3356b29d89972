/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See registrations.h. */
#include "controlplane/core/registrations.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/core/calls.h"

LOG_TOPIC("registrations");

#define COMMIT_MS     100 /* changes are gathered for so long */
#define COMMIT_AT     512 /* or until they are so many: half of what limen-sip tells unacknowledged */
#define QUEUE_OCTETS  (512u * 1024) /* or fill this */
#define PURGE_MS      60000	    /* what ended while its worker was away */
#define RETRY_MS      5000	    /* after a failure of the disk */
#define RESTORE_BATCH 256

static const char schema[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = NORMAL;"
	"CREATE TABLE IF NOT EXISTS meta (version INTEGER, store_id INTEGER);"
	"CREATE TABLE IF NOT EXISTS bindings (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, since INTEGER NOT NULL, realm TEXT NOT NULL, user TEXT NOT "
	"NULL,"
	" contact TEXT NOT NULL, agent TEXT NOT NULL, remote BLOB NOT NULL, facts BLOB NOT NULL,"
	" state BLOB NOT NULL);"
	"CREATE INDEX IF NOT EXISTS bindings_user ON bindings (user, realm, since);";
#define SCHEMA_VERSION 1

enum statement { PUT, DEL, RESTORE, LIST, LIST_USER, COUNT, PURGE, BEGIN, COMMIT, N_STATEMENTS };
static const char *const statements[N_STATEMENTS] = {
	[PUT] = "INSERT INTO bindings (id, owner, expires, since, realm, user, contact, agent, "
		"remote,"
		" facts, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		" ON CONFLICT (id) DO UPDATE SET expires = ?3, contact = ?7, agent = ?8, remote = "
		"?9,"
		" facts = ?10, state = ?11",
	[DEL] = "DELETE FROM bindings WHERE id = ?1",
	[RESTORE] =
		"SELECT id, state FROM bindings WHERE id > ?1 AND owner % ?2 = ?3 AND expires > ?4"
		" ORDER BY id LIMIT ?5",
	[LIST] = "SELECT id, owner, expires, since, realm, user, contact, agent, remote, facts"
		 " FROM bindings ORDER BY user, realm, since",
	[LIST_USER] =
		"SELECT id, owner, expires, since, realm, user, contact, agent, remote, facts"
		" FROM bindings WHERE user = ?1 ORDER BY user, realm, since",
	[COUNT] = "SELECT count(*) FROM bindings",
	[PURGE] = "DELETE FROM bindings WHERE expires < ?1",
	[BEGIN] = "BEGIN",
	[COMMIT] = "COMMIT",
};

/* Of struct ctl_reg, what needs no column of its own. */
struct facts {
	uint32_t reg_id;
	uint16_t q;
	uint8_t transport, flags, digest, zero[3];
	/* Rows of older versions end here. */
	uint32_t shielded, forwarded;
	uint64_t core_until_ms, core_lost_ms;
};
#define FACTS_MIN offsetof(struct facts, shielded)

/* What limen-sip told, and is not written yet. */
struct change {
	uint32_t len;	  /* with what follows, a multiple of 8 */
	uint32_t n_state; /* 0: it is gone, and there is no more than its id */
	struct ctl_reg reg;
	uint8_t state[];
};
#define CHANGE_LEN(n_state) ((sizeof(struct change) + (n_state) + 7) & ~(size_t)7)
_Static_assert(CHANGE_LEN(CTL_REG_STATE_MAX) <= QUEUE_OCTETS, "any change fits an empty queue");

struct reg_worker {
	bool up;
	bool restoring;
	uint32_t n_workers;
	int64_t last_id;   /* of those given back */
	uint64_t seq;	   /* of its last change */
	uint64_t told_seq; /* acknowledged */
};

struct registrations {
	struct registrations_ops ops;
	sqlite3 *db;
	sqlite3_stmt *stmt[N_STATEMENTS];
	struct event *commit_event, *purge_event;
	uint64_t store_id;
	/*
	 * Written in one go: SQLite is several times as dear when it has to come back into the CPU's
	 * caches for every few rows.
	 */
	uint8_t *queue;
	size_t n_queue;
	unsigned int n_changes; /* in it */
	bool broken;		/* a change was lost: everything is wanted anew */
	char problem[200];
	struct reg_worker workers[CALLS_WORKERS_MAX];
};

/* ---- the database ---- */

static void db_close(struct registrations *r)
{
	for (unsigned int i = 0; i < N_STATEMENTS; i++) {
		sqlite3_finalize(r->stmt[i]);
		r->stmt[i] = NULL;
	}
	sqlite3_close(r->db);
	r->db = NULL;
}

static int meta_read(void *arg, int n, char **values, char **names)
{
	int64_t *meta = arg;

	for (int i = 0; i < 2 && i < n; i++)
		meta[i] = values[i] ? strtoll(values[i], NULL, 10) : 0;
	return 0;
}

/* The id of a store is drawn with its file. */
static int meta_check(struct registrations *r)
{
	int64_t meta[2] = {0, 0};
	char sql[120];

	if (sqlite3_exec(r->db, "SELECT version, store_id FROM meta", meta_read, meta, NULL) !=
		SQLITE_OK)
		return -EIO;
	if (meta[0] == SCHEMA_VERSION && meta[1] != 0) {
		r->store_id = (uint64_t)meta[1];
		return 0;
	}
	if (meta[0] != 0)
		return -EPROTO; /* of another version of the program */
	secret_random(&r->store_id, sizeof(r->store_id));
	r->store_id |= 1;
	snprintf(sql, sizeof(sql), "INSERT INTO meta VALUES (%d, %lld)", SCHEMA_VERSION,
		(long long)r->store_id);
	return sqlite3_exec(r->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int db_open(struct registrations *r, const char *path)
{
	int rc = -EIO;

	if (sqlite3_open(path, &r->db) != SQLITE_OK)
		goto fail;
	if (sqlite3_exec(r->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		goto fail;
	rc = meta_check(r);
	for (unsigned int i = 0; rc == 0 && i < N_STATEMENTS; i++) {
		if (sqlite3_prepare_v3(r->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &r->stmt[i], NULL) != SQLITE_OK)
			rc = -EIO;
	}
	if (rc == 0)
		return 0;
fail:
	snprintf(r->problem, sizeof(r->problem), "%.100s cannot be used: %.80s", path,
		rc == -EPROTO ? "it is of another version" : sqlite3_errmsg(r->db));
	db_close(r);
	return rc;
}

/* A file that is broken is kept for who wants to look at it. */
static void put_aside(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char from[300], to[300];

	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", path, ends[i]);
		snprintf(to, sizeof(to), "%s.bad%s", path, ends[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			log_warning("%s cannot be put aside: %s", from, strerror(errno));
	}
}

static int open_best(struct registrations *r, const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%.230s/registrations.db", dir);
	if (db_open(r, path) == 0)
		return 0;
	log_warning("%s; it is put aside", r->problem);
	put_aside(path);
	if (db_open(r, path) == 0) {
		r->problem[0] = '\0';
		return 0;
	}
	log_err("%s; registrations are kept in memory only", r->problem);
	char problem[sizeof(r->problem)];
	memcpy(problem, r->problem, sizeof(problem));
	int rc = db_open(r, ":memory:");
	memcpy(r->problem, problem, sizeof(problem));
	return rc;
}

static sqlite3_stmt *start(struct registrations *r, enum statement which)
{
	sqlite3_reset(r->stmt[which]);
	return r->stmt[which];
}

static bool run(struct registrations *r, enum statement which)
{
	int rc = sqlite3_step(r->stmt[which]);

	sqlite3_reset(r->stmt[which]);
	return rc == SQLITE_DONE;
}

/* ---- changes ---- */

static void ack(struct registrations *r, uint32_t worker)
{
	struct reg_worker *w = &r->workers[worker];
	struct ctl_reg_ack msg = {.store_id = r->store_id, .seq = w->seq};

	w->told_seq = w->seq;
	r->ops.send(r->ops.arg, worker, CTL_REG_ACK, &msg, sizeof(msg), NULL, 0);
}

/* A store that lost a change is another store: everybody tells everything again. */
static void recover(struct registrations *r)
{
	r->broken = false;
	secret_random(&r->store_id, sizeof(r->store_id));
	r->store_id |= 1;
	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++) {
		if (r->workers[i].up)
			ack(r, i);
	}
}

static bool put(struct registrations *r, const struct change *c)
{
	const struct ctl_reg *reg = &c->reg;
	struct facts facts = {reg->reg_id, reg->q, reg->transport, reg->flags, reg->digest, {0},
		reg->shielded, reg->forwarded, reg->core_until_ms, reg->core_lost_ms};
	sqlite3_stmt *s = start(r, PUT);

	sqlite3_bind_int64(s, 1, (int64_t)reg->key.id);
	sqlite3_bind_int64(s, 2, (int64_t)reg->key.owner);
	sqlite3_bind_int64(s, 3, (int64_t)reg->expires_ms);
	sqlite3_bind_int64(s, 4, (int64_t)reg->since_ms);
	sqlite3_bind_text(s, 5, reg->realm, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 6, reg->user, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 7, reg->contact, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 8, reg->agent, -1, SQLITE_STATIC);
	sqlite3_bind_blob(s, 9, &reg->remote, sizeof(reg->remote), SQLITE_STATIC);
	sqlite3_bind_blob(s, 10, &facts, sizeof(facts), SQLITE_STATIC);
	sqlite3_bind_blob(s, 11, c->state, (int)c->n_state, SQLITE_STATIC);
	return run(r, PUT);
}

static bool del(struct registrations *r, const struct change *c)
{
	sqlite3_bind_int64(start(r, DEL), 1, (int64_t)c->reg.key.id);
	return run(r, DEL);
}

/* One transaction of all that waits. */
static bool write_queue(struct registrations *r)
{
	bool done;

	start(r, BEGIN);
	done = run(r, BEGIN);
	for (size_t at = 0; done && at < r->n_queue;) {
		const struct change *c = (const struct change *)(r->queue + at);

		done = c->n_state ? put(r, c) : del(r, c);
		at += c->len;
	}
	start(r, COMMIT);
	done = done && run(r, COMMIT);
	if (!done)
		log_err("registrations are not stored: %s", sqlite3_errmsg(r->db));
	if (!sqlite3_get_autocommit(r->db))
		sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
	r->n_queue = r->n_changes = 0;
	return done;
}

/* Writes what waits and acknowledges it. Called before anybody reads the rows, too. */
static void commit(struct registrations *r)
{
	static const struct timeval retry = {.tv_sec = RETRY_MS / 1000};

	if (r->n_changes == 0)
		return;
	event_del(r->commit_event);
	if (!write_queue(r)) {
		r->broken = true;
		event_add(r->commit_event, &retry);
		return;
	}
	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++) {
		if (r->workers[i].up && r->workers[i].told_seq != r->workers[i].seq)
			ack(r, i);
	}
}

static void commit_cb(evutil_socket_t fd, short what, void *arg)
{
	struct registrations *r = arg;

	if (r->broken)
		recover(r);
	else
		commit(r);
}

/*
 * Room for a change that a worker told. NULL: a change before it was lost, so the worker is about to be
 * asked for everything.
 */
static struct change *change_add(
	struct registrations *r, uint32_t worker, uint64_t seq, size_t n_state)
{
	static const struct timeval tv = {.tv_usec = COMMIT_MS * 1000};
	size_t len = CHANGE_LEN(n_state);
	struct change *c;

	if (r->n_changes == COMMIT_AT || r->n_queue + len > QUEUE_OCTETS)
		commit(r);
	r->workers[worker].seq = seq;
	if (r->broken)
		return NULL;
	if (r->n_changes++ == 0)
		event_add(r->commit_event, &tv);
	c = (struct change *)(r->queue + r->n_queue);
	c->len = (uint32_t)len;
	c->n_state = (uint32_t)n_state;
	r->n_queue += len;
	return c;
}

static bool reg_ok(const struct ctl_reg *reg)
{
	return reg->key.id != 0 && reg->key.owner <= INT64_MAX && ipaddr_valid(&reg->remote) &&
	       ipc_str_ok(reg->realm, sizeof(reg->realm)) &&
	       ipc_str_ok(reg->user, sizeof(reg->user)) &&
	       ipc_str_ok(reg->contact, sizeof(reg->contact)) &&
	       ipc_str_ok(reg->agent, sizeof(reg->agent)) && reg->user[0];
}

int registrations_put(struct registrations *r, uint32_t worker, const struct ctl_reg *reg,
	const void *state, size_t len)
{
	struct change *c;

	if (!reg_ok(reg) || len == 0 || len > CTL_REG_STATE_MAX)
		return -EPROTO;
	c = change_add(r, worker, reg->key.seq, len);
	if (c) {
		c->reg = *reg;
		memcpy(c->state, state, len);
	}
	return 0;
}

int registrations_del(struct registrations *r, uint32_t worker, const struct ctl_reg_key *key)
{
	struct change *c;

	if (key->id == 0)
		return -EPROTO;
	c = change_add(r, worker, key->seq, 0);
	if (c)
		c->reg.key = *key;
	return 0;
}

static void purge_cb(evutil_socket_t fd, short what, void *arg)
{
	struct registrations *r = arg;

	/* Its worker removes what ends in its life, a moment later. */
	sqlite3_bind_int64(start(r, PURGE), 1, (int64_t)(r->ops.wall_ms(r->ops.arg) - PURGE_MS));
	if (!run(r, PURGE))
		log_warning("old registrations are not removed: %s", sqlite3_errmsg(r->db));
}

/* ---- workers ---- */

void registrations_more(struct registrations *r, uint32_t worker)
{
	struct reg_worker *w = &r->workers[worker];

	commit(r);
	while (w->up && w->restoring) {
		unsigned int room = r->ops.room(r->ops.arg, worker), n = 0;
		sqlite3_stmt *s = start(r, RESTORE);

		if (room == 0)
			return;
		room = room < RESTORE_BATCH ? room : RESTORE_BATCH;
		sqlite3_bind_int64(s, 1, w->last_id);
		sqlite3_bind_int64(s, 2, w->n_workers);
		sqlite3_bind_int64(s, 3, worker);
		sqlite3_bind_int64(s, 4, (int64_t)r->ops.wall_ms(r->ops.arg));
		sqlite3_bind_int64(s, 5, room);
		for (; sqlite3_step(s) == SQLITE_ROW; n++) {
			w->last_id = sqlite3_column_int64(s, 0);
			r->ops.send(r->ops.arg, worker, CTL_REG_RESTORE, sqlite3_column_blob(s, 1),
				(size_t)sqlite3_column_bytes(s, 1), NULL, 0);
		}
		sqlite3_reset(s);
		w->restoring = n == room;
	}
}

void registrations_worker_up(
	struct registrations *r, uint32_t worker, uint32_t n_workers, bool restore)
{
	struct ctl_reg_ack msg = {.store_id = r->store_id};

	r->workers[worker] = (struct reg_worker){.up = true,
		.restoring = restore || r->workers[worker].restoring,
		/* what was cut off begins again */ .n_workers = n_workers,
		.last_id = INT64_MIN};
	r->ops.send(r->ops.arg, worker, CTL_REG_ACK, &msg, sizeof(msg), NULL, 0);
	registrations_more(r, worker);
}

void registrations_worker_down(struct registrations *r, uint32_t worker)
{
	r->workers[worker].up = false;
}

/* ---- show ---- */

static void column_text(sqlite3_stmt *s, int column, char *dst, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	snprintf(dst, size, "%s", text ? (const char *)text : "");
}

static bool row_read(sqlite3_stmt *s, struct ctl_reg *reg)
{
	struct facts facts = {0};
	size_t n_facts;

	*reg = (struct ctl_reg){.key = {.id = (uint64_t)sqlite3_column_int64(s, 0),
					.owner = (uint64_t)sqlite3_column_int64(s, 1)},
		.expires_ms = (uint64_t)sqlite3_column_int64(s, 2),
		.since_ms = (uint64_t)sqlite3_column_int64(s, 3)};
	column_text(s, 4, reg->realm, sizeof(reg->realm));
	column_text(s, 5, reg->user, sizeof(reg->user));
	column_text(s, 6, reg->contact, sizeof(reg->contact));
	column_text(s, 7, reg->agent, sizeof(reg->agent));
	n_facts = (size_t)sqlite3_column_bytes(s, 9);
	if (sqlite3_column_bytes(s, 8) != sizeof(reg->remote) || n_facts < FACTS_MIN ||
		n_facts > sizeof(facts))
		return false;
	memcpy(&reg->remote, sqlite3_column_blob(s, 8), sizeof(reg->remote));
	memcpy(&facts, sqlite3_column_blob(s, 9), n_facts);
	reg->reg_id = facts.reg_id;
	reg->q = facts.q;
	reg->transport = facts.transport;
	reg->flags = facts.flags;
	reg->digest = facts.digest;
	reg->shielded = facts.shielded;
	reg->forwarded = facts.forwarded;
	reg->core_until_ms = facts.core_until_ms;
	reg->core_lost_ms = facts.core_lost_ms;
	return ipaddr_valid(&reg->remote);
}

void registrations_each(struct registrations *r, const char *user, registrations_fn row, void *arg)
{
	sqlite3_stmt *s;
	struct ctl_reg reg;

	commit(r);
	s = start(r, user ? LIST_USER : LIST);
	if (user)
		sqlite3_bind_text(s, 1, user, -1, SQLITE_STATIC);
	while (sqlite3_step(s) == SQLITE_ROW) {
		if (row_read(s, &reg) && row(&reg, arg) != 0)
			break;
	}
	sqlite3_reset(s);
}

uint64_t registrations_count(struct registrations *r)
{
	sqlite3_stmt *s;
	uint64_t n;

	commit(r);
	s = start(r, COUNT);
	n = sqlite3_step(s) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return n;
}

struct clearing {
	struct registrations *r;
	char realm[CTL_NAME_MAX]; /* told last; a user's rows of a realm stand together */
	bool cached;		  /* only those of registrars behind */
	int rc;
};

static int clear_row(const struct ctl_reg *reg, void *arg)
{
	struct clearing *c = arg;
	struct ctl_reg_clear msg = {0};
	uint32_t n_workers = 0;

	if (c->cached && !(reg->flags & CTL_REG_CACHED))
		return 0;
	if (c->rc == 0 && strcmp(c->realm, reg->realm) == 0)
		return 0;
	memcpy(c->realm, reg->realm, sizeof(c->realm));
	memcpy(msg.realm, reg->realm, sizeof(msg.realm));
	memcpy(msg.user, reg->user, sizeof(msg.user));
	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++) {
		if (c->r->workers[i].up)
			n_workers = c->r->workers[i].n_workers;
	}
	if (c->rc == -ENOENT)
		c->rc = 0;
	if (n_workers == 0 || !c->r->ops.send(c->r->ops.arg, (uint32_t)(reg->key.owner % n_workers),
				      CTL_REG_CLEAR, &msg, sizeof(msg), NULL, 0))
		c->rc = -ENOTCONN;
	return 0;
}

int registrations_clear(struct registrations *r, const char *user, bool cached)
{
	struct clearing c = {.r = r, .cached = cached, .rc = -ENOENT};

	registrations_each(r, user, clear_row, &c);
	return c.rc;
}

int registrations_clear_cache(struct registrations *r)
{
	static const struct ctl_reg_clear all = {0};
	int rc = -ENOTCONN;

	for (uint32_t i = 0; i < CALLS_WORKERS_MAX; i++) {
		if (r->workers[i].up &&
			r->ops.send(r->ops.arg, i, CTL_REG_CLEAR, &all, sizeof(all), NULL, 0))
			rc = 0;
	}
	return rc;
}

const char *registrations_problem(const struct registrations *r)
{
	return r->problem;
}

/* ---- making ---- */

int registrations_new(struct event_base *base, const char *dir, const struct registrations_ops *ops,
	struct registrations **ret_registrations)
{
	static const struct timeval purge = {.tv_sec = PURGE_MS / 1000};
	struct registrations *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->ops = *ops;
	/* One thread has SQLite, and nobody asks what memory it uses. Before its first use only. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	rc = open_best(r, dir);
	if (rc < 0)
		goto fail;
	rc = -ENOMEM;
	r->queue = malloc(QUEUE_OCTETS);
	r->commit_event = event_new(base, -1, 0, commit_cb, r);
	r->purge_event = event_new(base, -1, EV_PERSIST, purge_cb, r);
	if (!r->queue || !r->commit_event || !r->purge_event ||
		event_add(r->purge_event, &purge) < 0)
		goto fail;
	*ret_registrations = r;
	return 0;
fail:
	registrations_free(r);
	return rc;
}

void registrations_free(struct registrations *r)
{
	if (!r)
		return;
	if (r->n_changes > 0)
		(void)write_queue(r);
	if (r->commit_event)
		event_free(r->commit_event);
	if (r->purge_event)
		event_free(r->purge_event);
	db_close(r);
	free(r->queue);
	free(r);
}
