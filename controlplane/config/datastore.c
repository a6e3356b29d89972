/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The datastore of datastore.h. A transaction goes through begin() -> prepared by every
 * subscriber -> finish(); what must be durable (the pending mark of a confirmed commit, the
 * revision) is on disk before the first apply, so that a crash at any moment finds either the old
 * or the new configuration, and never one that nobody will roll back.
 */
#include "controlplane/config/datastore.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/config/schema.h"
#include "controlplane/config/store_private.h"

LOG_TOPIC("config");

#define PREPARE_TIMEOUT_MS 15000

int cfg_store_say(char *error, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CFG_ERROR_MAX, fmt, ap);
	va_end(ap);
	return rc;
}

/* ---- open and close ---- */

static int open_files(struct cfg_store *store, const char *state_dir, char *error)
{
	int rc = store_dir_open(state_dir, &store->dir);

	if (rc < 0)
		return cfg_store_say(
			error, rc, "state directory %.120s: %s", state_dir, strerror(-rc));
	store->on_disk = true;
	rc = store_list_revisions(&store->dir, store->history, CFG_REVISIONS);
	if (rc < 0)
		return cfg_store_say(error, rc,
			"state directory %.120s: revisions cannot be read: %s", state_dir,
			strerror(-rc));
	store->n_history = (unsigned int)rc;
	if (rc)
		store->last_number = store->history[0].revision.number;
	return 0;
}

int cfg_store_open(const char *state_dir, uint64_t now_ms, struct cfg_store **ret_store,
	char error[CFG_ERROR_MAX])
{
	struct cfg_store *store = calloc(1, sizeof(*store));
	int rc = 0;

	if (store)
		store->running = cfg_new();
	if (!store || !store->running) {
		free(store);
		return cfg_store_say(error, -ENOMEM, "out of memory");
	}
	store->now_ms = now_ms;
	if (state_dir)
		rc = open_files(store, state_dir, error);
	if (rc < 0) {
		if (store->on_disk)
			store_dir_close(&store->dir);
		cfg_free(store->running);
		free(store);
		return rc;
	}
	*ret_store = store;
	return 0;
}

static void txn_free(struct cfg_txn *txn)
{
	cfg_free(txn->next);
	cfg_free(txn->cand_base);
	cfg_free(txn->cand_cfg);
	free(txn);
}

void cfg_store_close(struct cfg_store *store)
{
	if (!store)
		return;
	while (store->candidates)
		cfg_candidate_free(store->candidates);
	if (store->txn)
		txn_free(store->txn);
	if (store->on_disk) {
		/* pending.json stays: an unconfirmed commit does not become confirmed by a stop. */
		store_remove(store->dir.fd, "running.json");
		store_dir_close(&store->dir);
	}
	cfg_free(store->running);
	free(store);
}

int cfg_store_subscribe(struct cfg_store *store, const struct cfg_subscriber *subscriber)
{
	if (store->n_subscribers == SUBSCRIBERS_MAX)
		return -ENOSPC;
	store->subscribers[store->n_subscribers++] = subscriber;
	return 0;
}

const struct cfg *cfg_store_running(const struct cfg_store *store)
{
	return store->running;
}

uint64_t cfg_store_revision(const struct cfg_store *store)
{
	return store->started && store->n_history ? store->history[0].revision.number : 0;
}

bool cfg_store_busy(const struct cfg_store *store)
{
	return store->txn != NULL;
}

uint64_t cfg_txn_revision(const struct cfg_txn *txn)
{
	return txn->meta.revision.number;
}

/* ---- transactions ---- */

static void end_txn(struct cfg_store *store, int status, const char *text)
{
	struct cfg_txn *txn = store->txn;
	cfg_done_fn done = txn->done;
	void *arg = txn->arg;

	store->txn = NULL;
	txn_free(txn);
	if (done)
		done(arg, status, text);
}

static void abort_txn(struct cfg_store *store, int status, const char *text)
{
	struct cfg_txn *txn = store->txn;

	for (unsigned int i = store->n_subscribers; i-- > 0;) {
		if (txn->answers[i] != ANSWER_NONE)
			store->subscribers[i]->abort(
				store->subscribers[i]->arg, txn->meta.revision.number);
	}
	end_txn(store, status, text);
}

static void history_push(struct cfg_store *store, const struct cfg_txn *txn)
{
	struct store_meta *history = store->history;
	bool same_group = txn->meta.group && store->n_history &&
			  history[0].group == txn->meta.group;

	store->last_number = txn->meta.revision.number;
	if (same_group) {
		/* The revision that a confirmed commit goes back to must stay. */
		if (store->on_disk && store->pending.revision != history[0].revision.number)
			store_remove_revision(&store->dir, history[0].revision.number);
		history[0] = txn->meta;
		return;
	}
	if (store->n_history == CFG_REVISIONS) {
		uint64_t oldest = history[CFG_REVISIONS - 1].revision.number;
		if (store->on_disk && store->pending.revision != oldest)
			store_remove_revision(&store->dir, oldest);
		store->n_history--;
	}
	memmove(history + 1, history, store->n_history * sizeof(*history));
	history[0] = txn->meta;
	store->n_history++;
}

/* What must be on disk before anything is applied. */
static int make_durable(struct cfg_store *store, struct cfg_txn *txn, char *error)
{
	struct store_pending pending = store->pending;
	char *text;
	size_t len;
	int rc;

	if (!store->on_disk || txn->known)
		return 0;
	rc = cfg_to_text(txn->next, &text, &len);
	if (rc == 0) {
		rc = store_write_revision(&store->dir, &txn->meta, text, len);
		free(text);
	}
	if (rc == 0 && txn->confirm_min) {
		if (!pending.deadline_ms)
			pending.revision = cfg_store_revision(store);
		pending.deadline_ms = store->now_ms + (uint64_t)txn->confirm_min * 60000;
		rc = store_write_pending(&store->dir, &pending);
	}
	if (rc < 0) {
		store_remove_revision(&store->dir, txn->meta.revision.number);
		return cfg_store_say(error, rc, "the configuration cannot be written to disk: %s",
			strerror(-rc));
	}
	return 0;
}

static void note_running(struct cfg_store *store)
{
	int rc;

	if (!store->on_disk)
		return;
	rc = store_write_running(&store->dir, store->history[0].revision.number);
	if (rc < 0)
		log_err("running.json cannot be written: %s; after a crash this process would "
			"start with startup.cfg",
			strerror(-rc));
}

static void clear_pending(struct cfg_store *store)
{
	store->pending = (struct store_pending){0};
	if (store->on_disk) {
		int rc = store_remove(store->dir.fd, "pending.json");
		if (rc < 0 && rc != -ENOENT)
			log_err("pending.json cannot be removed: %s; the next start would roll "
				"back",
				strerror(-rc));
	}
}

static void finish_txn(struct cfg_store *store)
{
	struct cfg_txn *txn = store->txn;
	struct cfg *old = store->running;
	char error[CFG_ERROR_MAX];
	int rc;

	if (txn->check) {
		abort_txn(store, 0, "the configuration is valid");
		return;
	}
	rc = make_durable(store, txn, error);
	if (rc < 0) {
		abort_txn(store, rc, error);
		return;
	}
	if (txn->confirm_min) {
		if (!store->pending.deadline_ms)
			store->pending.revision = cfg_store_revision(store);
		store->pending.deadline_ms = store->now_ms + (uint64_t)txn->confirm_min * 60000;
	}
	for (unsigned int i = 0; i < store->n_subscribers; i++)
		store->subscribers[i]->apply(store->subscribers[i]->arg, txn->first ? NULL : old,
			txn->next, txn->meta.revision.number);
	store->running = txn->next;
	txn->next = NULL;
	store->started = true;
	if (!txn->known)
		history_push(store, txn);
	note_running(store);
	if (txn->revert || (txn->first && store->on_disk))
		clear_pending(store);
	if (txn->candidate) {
		cfg_candidate_set(txn->candidate, txn->cand_base, txn->cand_cfg);
		txn->cand_base = txn->cand_cfg = NULL;
	}
	cfg_free(old);
	log_notice("revision %llu is running (%s%s%s)",
		(unsigned long long)store->history[0].revision.number, txn->meta.revision.user,
		txn->meta.revision.comment[0] ? ": " : "", txn->meta.revision.comment);
	end_txn(store, 0, "");
}

static bool all_ready(const struct cfg_store *store)
{
	for (unsigned int i = 0; i < store->n_subscribers; i++) {
		if (store->txn->answers[i] != ANSWER_READY)
			return false;
	}
	return true;
}

static void prepare_all(struct cfg_store *store)
{
	struct cfg_txn *txn = store->txn;
	char error[CFG_ERROR_MAX], text[CFG_ERROR_MAX + 64];

	store->in_prepare = true;
	for (unsigned int i = 0; i < store->n_subscribers; i++) {
		const struct cfg_subscriber *subscriber = store->subscribers[i];
		int rc;
		snprintf(error, sizeof(error), "refused without a reason");
		txn->answers[i] = ANSWER_WAITING;
		rc = subscriber->prepare(
			subscriber->arg, txn, txn->first ? NULL : store->running, txn->next, error);
		if (rc == 0) {
			txn->answers[i] = ANSWER_READY;
		} else if (rc != -EINPROGRESS) {
			txn->answers[i] = ANSWER_NONE;
			store->in_prepare = false;
			snprintf(text, sizeof(text), "%s: %s", subscriber->name, error);
			abort_txn(store, rc, text);
			return;
		}
	}
	store->in_prepare = false;
	if (all_ready(store))
		finish_txn(store);
}

void cfg_txn_prepared(struct cfg_store *store, const struct cfg_subscriber *subscriber,
	uint64_t revision, int status, const char *error)
{
	struct cfg_txn *txn = store->txn;
	char text[CFG_ERROR_MAX + 64];
	unsigned int i = 0;

	while (i < store->n_subscribers && store->subscribers[i] != subscriber)
		i++;
	if (!txn || txn->meta.revision.number != revision || i == store->n_subscribers ||
		txn->answers[i] != ANSWER_WAITING || store->in_prepare)
		return;
	if (status < 0) {
		txn->answers[i] = ANSWER_NONE;
		snprintf(text, sizeof(text), "%s: %.*s", subscriber->name, CFG_ERROR_MAX,
			error ? error : strerror(-status));
		abort_txn(store, status, text);
		return;
	}
	txn->answers[i] = ANSWER_READY;
	if (all_ready(store))
		finish_txn(store);
}

/* Takes next; done is called in every case. */
static void begin(struct cfg_store *store, struct cfg_txn *txn)
{
	char error[CFG_ERROR_MAX];
	int rc = cfg_validate(txn->next, error);

	txn->meta.revision.time_ms = store->now_ms;
	txn->started_ms = store->now_ms;
	if (!txn->meta.revision.number)
		txn->meta.revision.number = store->last_number + 1;
	store->txn = txn;
	if (rc < 0)
		end_txn(store, rc, error);
	else
		prepare_all(store);
}

static void answer(cfg_done_fn done, void *arg, int rc, const char *text)
{
	if (done)
		done(arg, rc, text);
}

/* The candidate, or its merge with what was committed since it was made. */
static int next_of(struct cfg_store *store, struct cfg_candidate *candidate, struct cfg **ret,
	struct buf *conflicts)
{
	if (candidate->base_revision != cfg_store_revision(store))
		return cfg_merge(candidate->base, candidate->cfg, store->running, ret, conflicts);
	*ret = cfg_clone(candidate->cfg);
	return *ret ? 0 : -ENOMEM;
}

void cfg_store_commit(struct cfg_store *store, struct cfg_candidate *candidate,
	const struct cfg_commit *how, uint64_t now_ms, cfg_done_fn done, void *arg)
{
	struct cfg_candidate *holder = cfg_candidate_exclusive(store);
	struct buf conflicts = {0};
	char error[CFG_ERROR_MAX];
	struct cfg_txn *txn;
	int rc;

	store->now_ms = now_ms;
	if (store->txn) {
		answer(done, arg, -EBUSY, "another commit is running");
		return;
	}
	if (holder && holder != candidate) {
		cfg_store_say(error, 0, "the configuration is locked by %s", holder->user);
		answer(done, arg, -EBUSY, error);
		return;
	}
	txn = calloc(1, sizeof(*txn));
	rc = txn ? next_of(store, candidate, &txn->next, &conflicts) : -ENOMEM;
	if (rc == 0) {
		txn->cand_base = cfg_clone(txn->next);
		txn->cand_cfg = cfg_clone(txn->next);
		if (!txn->cand_base || !txn->cand_cfg)
			rc = -ENOMEM;
	}
	/* What changes nothing is no new revision. */
	if (rc == 0 && !how->check && !how->confirm_min && cfg_equal(txn->next, store->running)) {
		cfg_candidate_set(candidate, txn->cand_base, txn->cand_cfg);
		txn->cand_base = txn->cand_cfg = NULL;
		txn_free(txn);
		answer(done, arg, 0, "");
		return;
	}
	if (rc < 0) {
		answer(done, arg, rc, rc == -ECANCELED ? conflicts.p : "out of memory");
		if (txn)
			txn_free(txn);
		buf_free(&conflicts);
		return;
	}
	buf_free(&conflicts);
	txn->candidate = candidate;
	txn->check = how->check;
	txn->confirm_min = how->confirm_min;
	txn->meta.group = how->group;
	snprintf(txn->meta.revision.user, sizeof(txn->meta.revision.user), "%s", how->user);
	snprintf(txn->meta.revision.comment, sizeof(txn->meta.revision.comment), "%s",
		how->comment ? how->comment : "");
	txn->done = done;
	txn->arg = arg;
	begin(store, txn);
}

/* ---- confirmed commits ---- */

uint64_t cfg_store_deadline(const struct cfg_store *store)
{
	return store->pending.deadline_ms;
}

int cfg_store_confirm(struct cfg_store *store, const char *user)
{
	if (!store->pending.deadline_ms)
		return -ENOENT;
	clear_pending(store);
	log_notice(
		"%s confirmed revision %llu", user, (unsigned long long)cfg_store_revision(store));
	return 0;
}

static int load_revision(struct cfg_store *store, uint64_t number, struct cfg **ret, char *error)
{
	char name[32], *text;
	size_t len;
	int rc;

	snprintf(name, sizeof(name), "%06llu.cfg", (unsigned long long)number);
	if (!store->on_disk)
		return cfg_store_say(error, -ENOENT, "this box keeps no revisions");
	rc = store_read(store->dir.rev_fd, name, &text, &len);
	if (rc < 0)
		return cfg_store_say(
			error, rc, "revision %llu: %s", (unsigned long long)number, strerror(-rc));
	rc = cfg_from_text(text, len, name, ret, error);
	free(text);
	return rc;
}

static void reverted(void *arg, int status, const char *text)
{
	struct cfg_store *store = arg;

	if (status < 0) {
		log_err("the commit was not confirmed, but the roll-back fails: %s", text);
		/* Again in a minute; pending.json still stands. */
		store->pending.deadline_ms = store->now_ms + 60000;
	}
}

static void revert(struct cfg_store *store)
{
	struct cfg_txn *txn = calloc(1, sizeof(*txn));
	char error[CFG_ERROR_MAX] = "out of memory";
	int rc = txn ? load_revision(store, store->pending.revision, &txn->next, error) : -ENOMEM;

	log_warning("the commit was not confirmed in time: rolling back to revision %llu",
		(unsigned long long)store->pending.revision);
	if (rc < 0) {
		free(txn);
		reverted(store, rc, error);
		return;
	}
	txn->revert = true;
	snprintf(txn->meta.revision.user, sizeof(txn->meta.revision.user), "system");
	snprintf(txn->meta.revision.comment, sizeof(txn->meta.revision.comment),
		"roll-back to revision %llu: not confirmed",
		(unsigned long long)store->pending.revision);
	txn->done = reverted;
	txn->arg = store;
	begin(store, txn);
}

void cfg_store_tick(struct cfg_store *store, uint64_t now_ms)
{
	store->now_ms = now_ms;
	if (store->txn && now_ms > store->txn->started_ms + PREPARE_TIMEOUT_MS) {
		for (unsigned int i = 0; i < store->n_subscribers; i++) {
			char text[CFG_ERROR_MAX];
			if (store->txn->answers[i] == ANSWER_READY)
				continue;
			snprintf(text, sizeof(text), "%s did not answer in time",
				store->subscribers[i]->name);
			abort_txn(store, -ETIMEDOUT, text);
			break;
		}
	}
	if (!store->txn && store->pending.deadline_ms && now_ms >= store->pending.deadline_ms)
		revert(store);
}

/* ---- start-up ---- */

static int load_startup(struct cfg_store *store, struct cfg **ret, char *error)
{
	char *text;
	size_t len;
	int rc;

	if (!store->on_disk)
		return cfg_store_say(error, -ENOENT, "there is no start-up configuration");
	rc = store_read(store->dir.fd, "startup.cfg", &text, &len);
	if (rc == -ENOENT)
		return cfg_store_say(error, rc, "there is no start-up configuration");
	if (rc < 0)
		return cfg_store_say(error, rc, "startup.cfg cannot be read: %s", strerror(-rc));
	rc = cfg_from_text(text, len, "startup.cfg", ret, error);
	free(text);
	return rc;
}

/* What the last process ran, when it did not end cleanly: 0, or -ENOENT. */
static int load_interrupted(struct cfg_store *store, struct cfg_txn *txn)
{
	struct store_pending pending;
	char error[CFG_ERROR_MAX];
	uint64_t number;
	int rc = store_read_pending(&store->dir, &pending);

	if (rc == 0) {
		rc = load_revision(store, pending.revision, &txn->next, error);
		if (rc == 0) {
			snprintf(txn->meta.revision.comment, sizeof(txn->meta.revision.comment),
				"roll-back to revision %llu: the process ended unconfirmed",
				(unsigned long long)pending.revision);
			return 0;
		}
		log_err("a commit was not confirmed, but the roll-back fails: %s", error);
		return -ENOENT;
	}
	if (rc != -ENOENT)
		log_err("pending.json is damaged: starting with startup.cfg");
	number = rc == -ENOENT ? store_read_running(&store->dir) : 0;
	if (!number)
		return -ENOENT;
	rc = load_revision(store, number, &txn->next, error);
	if (rc < 0) {
		log_err("the last process was killed, and what it ran is lost: %s", error);
		return -ENOENT;
	}
	if (store->n_history && store->history[0].revision.number == number) {
		txn->known = true;
		txn->meta = store->history[0];
	} else {
		snprintf(txn->meta.revision.comment, sizeof(txn->meta.revision.comment),
			"revision %llu after a crash", (unsigned long long)number);
	}
	return 0;
}

/* The newest revision is the same configuration: no new one is needed. */
static void reuse_newest(struct cfg_store *store, struct cfg_txn *txn)
{
	char error[CFG_ERROR_MAX];
	struct cfg *newest;

	if (txn->known || !store->n_history ||
		load_revision(store, store->history[0].revision.number, &newest, error) < 0)
		return;
	if (cfg_equal(newest, txn->next)) {
		txn->known = true;
		txn->meta = store->history[0];
	}
	cfg_free(newest);
}

void cfg_store_start(struct cfg_store *store, const char *factory_text, cfg_done_fn done, void *arg)
{
	struct cfg_txn *txn = calloc(1, sizeof(*txn));
	char error[CFG_ERROR_MAX] = "out of memory";
	int rc = -ENOMEM;

	if (txn) {
		txn->first = true;
		snprintf(txn->meta.revision.user, sizeof(txn->meta.revision.user), "system");
		rc = store->on_disk ? load_interrupted(store, txn) : -ENOENT;
		if (rc == -ENOENT) {
			snprintf(txn->meta.revision.comment, sizeof(txn->meta.revision.comment),
				"start-up configuration");
			rc = load_startup(store, &txn->next, error);
		}
		if (rc == -ENOENT && factory_text) {
			snprintf(txn->meta.revision.comment, sizeof(txn->meta.revision.comment),
				"factory configuration");
			rc = cfg_from_text(factory_text, strlen(factory_text), "factory.cfg",
				&txn->next, error);
		}
	}
	if (rc < 0) {
		free(txn);
		answer(done, arg, rc, error);
		return;
	}
	if (store->on_disk)
		reuse_newest(store, txn);
	txn->done = done;
	txn->arg = arg;
	begin(store, txn);
}

/* ---- saved configurations ---- */

int cfg_store_save(struct cfg_store *store, char error[CFG_ERROR_MAX])
{
	char *text;
	size_t len;
	int rc;

	if (store->pending.deadline_ms)
		return cfg_store_say(
			error, -EBUSY, "the running configuration waits to be confirmed");
	if (!store->on_disk)
		return cfg_store_say(error, -EROFS, "this box keeps no configuration");
	rc = cfg_to_text(store->running, &text, &len);
	if (rc == 0) {
		rc = store_write(store->dir.fd, "startup.cfg", text, len);
		free(text);
	}
	return rc < 0 ? cfg_store_say(error, rc, "startup.cfg cannot be written: %s", strerror(-rc))
		      : 0;
}

int cfg_store_startup(struct cfg_store *store, struct cfg **ret_cfg, char error[CFG_ERROR_MAX])
{
	return load_startup(store, ret_cfg, error);
}

int cfg_store_load(
	struct cfg_store *store, unsigned int n, struct cfg **ret_cfg, char error[CFG_ERROR_MAX])
{
	if (n == 0) {
		*ret_cfg = cfg_clone(store->running);
		return *ret_cfg ? 0 : cfg_store_say(error, -ENOMEM, "out of memory");
	}
	if (n >= store->n_history)
		return cfg_store_say(error, -ENOENT, "there is no revision %u; the oldest is %u", n,
			store->n_history ? store->n_history - 1 : 0);
	return load_revision(store, store->history[n].revision.number, ret_cfg, error);
}

bool cfg_store_history(const struct cfg_store *store, unsigned int n, struct cfg_revision *ret)
{
	if (n >= store->n_history)
		return false;
	*ret = store->history[n].revision;
	return true;
}
