/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SRTP contexts of a session: made when its keys come or change, lent to the worker with the
 * next letter, freed when they come back. Control thread only.
 */
#pragma once

#include <stdbool.h>

#include "dataplane/core/worker.h"
#include "dataplane/session/store.h"

/* Contexts of both directions of both legs, where they differ from those in force. */
struct keys {
	struct srtp_ctx *rx[DP_LEGS], *tx[DP_LEGS];
	bool rx_new[DP_LEGS], tx_new[DP_LEGS];
};

/* What conf needs and old does not have. Changes nothing; -ENOMEM, -EIO. */
int keys_make(struct srtp_engine *engine, const struct dp_session *conf,
	const struct dp_session *old, struct keys *ret_keys) __attribute__((warn_unused_result));
/* Of keys that are not taken. */
void keys_drop(struct keys *keys);
/*
 * Puts them in force with the row's next letters; those they replace come back from the worker.
 * moved: the leg's local address is another one now (RFC 4568 7.1.4: its index begins at 0).
 */
void keys_take(struct row *row, const struct keys *keys, const bool moved[DP_LEGS]);
/* A worker has given them back. After a refusal they may be what the row counts on. */
void keys_returned(struct row *row, struct srtp_ctx *const returned[WORKER_SRTP_RETURNED]);
/* Those of a live row, when the workers stand still. */
void keys_free(struct row *row);
