/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of all sessions: found by id, numbered for life, paged in order of id. Everything is
 * allocated at the start for the capacity; a row that was never used costs address space only.
 * Row n has the stream slots 2n (from leg A) and 2n + 1 (from leg B).
 *
 * Control thread only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/base/twheel.h"
#include "dataplane/api/dp_api.h"
#include "dataplane/linux/mirror.h"
#include "dataplane/session/bundles.h"
#include "dataplane/session/reports.h"
#include "dataplane/session/stream.h"
#include "dataplane/session/voices.h"

enum row_state {
	ROW_FREE,
	ROW_LIVE,
	ROW_GOING, /* no longer found by id; the workers still have its streams */
};

/* Towards one leg, for RTP or RTCP. */
struct row_way {
	struct mirror_user user;
	struct ipaddr remote;  /* in force: configured or learned; family 0: unknown */
	struct stream_hop hop; /* as the worker has it */
};

struct row_leg {
	struct row_way way[STREAM_KINDS];
	struct ipaddr learned[STREAM_KINDS];
	/* Opens what comes from the leg, seals what goes to it; lent to the worker. */
	struct srtp_ctx *rx, *tx;
	struct bundle_port *bundle; /* with whom it shares its port; NULL: nobody */
	bool tx_anew;		    /* for the next letter: see worker_stream_set */
	uint32_t epoch;		    /* of the stream received from this leg */
	uint8_t addr_index;
	bool silent_told; /* of the present silence */
	uint64_t recv_since_ms;
	uint64_t told_tsc; /* last packet before the silence that was told */
	struct leg_report report;
	bool play_done;	       /* what is played to the leg has come to its end */
	uint32_t press_serial; /* of the digit that it was sent last; 0: none */
};

/* What media cores do for a session, and what digits need. */
struct row_voice {
	bool own; /* it has a core for its voices and players: */
	uint8_t core;
	struct {
		uint32_t ssrc[DP_LEGS], ts;
		uint16_t seq;
	} begin;      /* with what the streams begin on the wire, from both legs */
	uint32_t tag; /* 0: no core has anything of it */
	struct voices_dir dir[DP_LEGS];
};

struct row {
	struct dp_session conf;
	struct row_leg leg[DP_LEGS];
	struct row_voice voice;
	uint32_t generation;
	uint32_t worker;
	uint32_t hash_next; /* row + 1 */
	uint8_t state;	    /* enum row_state */
	bool dirty, doomed; /* in the list of that name */
	struct twheel_timer timer;
	TAILQ_ENTRY(row) dirty_link;
	TAILQ_ENTRY(row) doomed_link;
};

struct store;

/* NULL when memory is short. */
struct store *store_new(uint32_t capacity);
void store_free(struct store *store);

struct row *store_find(struct store *store, uint64_t id);
/* A zeroed row that is found by id from now on; NULL: all are taken. id is not there yet. */
struct row *store_take(struct store *store, uint64_t id);
/* LIVE to GOING: the id may be taken again. */
void store_unlink(struct store *store, struct row *row);
/* GOING to FREE. */
void store_release(struct store *store, struct row *row);

uint32_t store_index(const struct store *store, const struct row *row);
struct row *store_row(struct store *store, uint32_t index); /* in any state */
uint32_t store_capacity(const struct store *store);
uint32_t store_n_live(const struct store *store);
/* Rows from this index on were never taken. */
uint32_t store_n_used(const struct store *store);
uint32_t store_n_free(const struct store *store);

/*
 * Up to max rows with the smallest ids over after_id, in order. Returns how many; ret_more: there
 * are others after them.
 */
uint32_t store_page(struct store *store, uint64_t after_id, uint32_t max, struct row **ret_rows,
	bool *ret_more);
