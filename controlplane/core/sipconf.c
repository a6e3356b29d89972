/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration on its way to limen-sip; see sipconf.h. */
#include "controlplane/core/sipconf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"

LOG_TOPIC("config");

#define CHUNK	   32768
#define PREPARE_MS 5000

struct sipconf_worker {
	uint32_t seq;	   /* of the PREPARE that is not answered yet; 0: none */
	uint64_t revision; /* that it prepared or is preparing; 0: none */
	bool prepared;
	bool single;	/* not a commit's: it came alone and gets what is running */
	bool calls_due; /* it came and was not given its calls yet: those follow its configuration */
};

struct sipconf {
	struct cfg_store *store;
	struct peers *peers;
	struct cfg_subscriber subscriber;
	struct event *timeout;
	uint64_t revision; /* of the commit that waits; 0: none */
	struct sipconf_worker workers[CALLS_WORKERS_MAX];
};

static void send_phase(struct sipconf *sc, uint32_t worker, uint32_t phase, uint64_t revision)
{
	struct ctl_config config = {.revision = revision, .phase = phase};

	peers_sip_send(sc->peers, worker, CTL_CONFIG, &config, sizeof(config), NULL, 0);
}

/* The number of the request, of whose chunks only the last is answered; 0: it is away. */
static uint32_t send_prepare(
	struct sipconf *sc, uint32_t worker, const char *text, size_t len, uint64_t revision)
{
	uint32_t seq = 0;
	size_t at = 0;

	do {
		size_t n = len - at < CHUNK ? len - at : CHUNK;
		struct ctl_config config = {.revision = revision,
			.phase = CTL_CONFIG_PREPARE,
			.total = (uint32_t)len,
			.offset = (uint32_t)at,
			.n = (uint32_t)n};
		seq = peers_sip_request(
			sc->peers, worker, CTL_CONFIG, &config, sizeof(config), text + at, n);
		at += n;
	} while (seq != 0 && at < len);
	return seq;
}

static bool any_waiting(const struct sipconf *sc)
{
	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		if (sc->workers[w].seq != 0 && !sc->workers[w].single)
			return true;
	}
	return false;
}

static void abort_commit(void *arg, uint64_t revision);

static void commit_answer(struct sipconf *sc, int status, const char *error)
{
	uint64_t revision = sc->revision;

	if (revision == 0)
		return;
	/* Who refuses is not told to abort: the workers that agreed have to be. */
	if (status < 0)
		abort_commit(sc, revision);
	sc->revision = 0;
	event_del(sc->timeout);
	cfg_txn_prepared(sc->store, &sc->subscriber, revision, status, error);
}

/* ---- a commit ---- */

static int prepare(void *arg, struct cfg_txn *txn, const struct cfg *old, const struct cfg *next,
	char error[CFG_ERROR_MAX])
{
	static const struct timeval tv = {.tv_sec = PREPARE_MS / 1000};
	struct sipconf *sc = arg;
	uint64_t revision = cfg_txn_revision(txn);
	char *text;
	size_t len;
	int ret = cfg_to_text(next, &text, &len);

	if (ret < 0) {
		snprintf(error, CFG_ERROR_MAX, "the configuration cannot be written as text: %s",
			strerror(-ret));
		return ret;
	}
	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		struct sipconf_worker *worker = &sc->workers[w];
		const struct peer_sip *sip = peers_sip(sc->peers, w);
		*worker = (struct sipconf_worker){.calls_due = worker->calls_due};
		if (sip->peer == NULL)
			continue;
		worker->seq = send_prepare(sc, w, text, len, revision);
		worker->revision = worker->seq != 0 ? revision : 0;
	}
	free(text);
	if (!any_waiting(sc))
		return 0;
	sc->revision = revision;
	event_add(sc->timeout, &tv);
	return -EINPROGRESS;
}

static void give_running(
	struct sipconf *sc, uint32_t worker, const struct cfg *cfg, uint64_t revision)
{
	struct sipconf_worker *w = &sc->workers[worker];
	char *text;
	size_t len;
	int ret = cfg_to_text(cfg, &text, &len);

	if (ret < 0) {
		log_err("limen-sip worker %u gets no configuration: %s", worker, strerror(-ret));
		return;
	}
	*w = (struct sipconf_worker){
		.revision = revision, .single = true, .calls_due = w->calls_due};
	w->seq = send_prepare(sc, worker, text, len, revision);
	free(text);
}

static void give_calls(struct sipconf *sc, uint32_t worker)
{
	if (!sc->workers[worker].calls_due)
		return;
	sc->workers[worker].calls_due = false;
	peers_sip_give_calls(sc->peers, worker);
}

static void apply(void *arg, const struct cfg *old, const struct cfg *next, uint64_t revision)
{
	struct sipconf *sc = arg;

	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		struct sipconf_worker *worker = &sc->workers[w];
		if (peers_sip(sc->peers, w)->peer == NULL)
			continue;
		if (worker->prepared && worker->revision == revision) {
			send_phase(sc, w, CTL_CONFIG_APPLY, revision);
			give_calls(sc, w);
		} else {
			give_running(sc, w, next, revision); /* it came in between */
		}
		worker->prepared = false;
	}
}

static void abort_commit(void *arg, uint64_t revision)
{
	struct sipconf *sc = arg;

	sc->revision = 0;
	event_del(sc->timeout);
	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		struct sipconf_worker *worker = &sc->workers[w];
		if (worker->revision != revision || worker->single)
			continue;
		send_phase(sc, w, CTL_CONFIG_ABORT, revision);
		worker->seq = 0;
		worker->revision = 0;
		worker->prepared = false;
		if (worker->calls_due) /* the commit took the place of its first configuration */
			give_running(
				sc, w, cfg_store_running(sc->store), cfg_store_revision(sc->store));
	}
}

static void timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sipconf *sc = arg;
	char error[CFG_ERROR_MAX] = "limen-sip does not answer";

	for (uint32_t w = 0; w < CALLS_WORKERS_MAX; w++) {
		if (sc->workers[w].seq != 0 && !sc->workers[w].single)
			snprintf(error, sizeof(error), "limen-sip worker %u does not answer", w);
	}
	commit_answer(sc, -ETIMEDOUT, error);
}

/* ---- workers ---- */

void sipconf_worker_up(struct sipconf *sc, uint32_t worker)
{
	sc->workers[worker] = (struct sipconf_worker){.calls_due = true};
	give_running(sc, worker, cfg_store_running(sc->store), cfg_store_revision(sc->store));
}

void sipconf_worker_down(struct sipconf *sc, uint32_t worker)
{
	bool was_waiting = sc->workers[worker].seq != 0 && !sc->workers[worker].single;

	/* It will get what is running when it is back: nobody has to wait for it. */
	sc->workers[worker] = (struct sipconf_worker){0};
	if (was_waiting && sc->revision != 0 && !any_waiting(sc))
		commit_answer(sc, 0, NULL);
}

void sipconf_reply(
	struct sipconf *sc, uint32_t worker, uint32_t seq, int32_t status, const char *text)
{
	struct sipconf_worker *w = &sc->workers[worker];
	char error[CFG_ERROR_MAX];

	if (w->seq == 0 || w->seq != seq)
		return; /* of a commit that was given up */
	w->seq = 0;
	w->prepared = status == 0;
	snprintf(error, sizeof(error), "limen-sip worker %u: %s", worker,
		text[0] != '\0' ? text : strerror(-status));
	if (w->single) {
		send_phase(
			sc, worker, status == 0 ? CTL_CONFIG_APPLY : CTL_CONFIG_ABORT, w->revision);
		if (status < 0)
			log_err("%s; it runs without the present configuration", error);
		w->single = w->prepared = false;
		give_calls(sc, worker);
		return;
	}
	if (status < 0)
		commit_answer(sc, status, error);
	else if (!any_waiting(sc))
		commit_answer(sc, 0, NULL);
}

struct sipconf *sipconf_new(struct event_base *base, struct cfg_store *store, struct peers *peers)
{
	struct sipconf *sc = calloc(1, sizeof(*sc));

	if (sc == NULL)
		return NULL;
	sc->store = store;
	sc->peers = peers;
	sc->subscriber = (struct cfg_subscriber){.name = "limen-sip",
		.prepare = prepare,
		.apply = apply,
		.abort = abort_commit,
		.arg = sc};
	sc->timeout = event_new(base, -1, 0, timeout_cb, sc);
	if (sc->timeout == NULL) {
		free(sc);
		return NULL;
	}
	return sc;
}

void sipconf_free(struct sipconf *sc)
{
	if (sc == NULL)
		return;
	event_free(sc->timeout);
	free(sc);
}

const struct cfg_subscriber *sipconf_subscriber(struct sipconf *sc)
{
	return &sc->subscriber;
}
