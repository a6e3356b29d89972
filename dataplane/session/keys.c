/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See keys.h. */
#include "dataplane/session/keys.h"

#include "controlplane/base/secret.h"

static int key_make(struct srtp_engine *engine, const struct dp_srtp *now,
	const struct dp_srtp *old, struct srtp_ctx **ret_ctx, bool *ret_new)
{
	/* Without a suite the rest is zero. */
	*ret_new = now->suite != old->suite ||
		   (now->suite != DP_SRTP_NONE && !secret_equal(now, old, sizeof *now));
	if (!*ret_new || now->suite == DP_SRTP_NONE)
		return 0;
	return srtp_ctx_new(engine, now, ret_ctx);
}

void keys_drop(struct keys *keys)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		srtp_ctx_free(keys->rx[leg]);
		srtp_ctx_free(keys->tx[leg]);
	}
}

int keys_make(struct srtp_engine *engine, const struct dp_session *conf,
	const struct dp_session *old, struct keys *ret_keys)
{
	struct keys k = {0};
	int err = 0;
	for (unsigned int leg = 0; leg < DP_LEGS && !err; leg++) {
		const struct dp_leg *now = &conf->leg[leg], *was = &old->leg[leg];
		err = key_make(engine, &now->rx, &was->rx, &k.rx[leg], &k.rx_new[leg]);
		if (!err)
			err = key_make(engine, &now->tx, &was->tx, &k.tx[leg], &k.tx_new[leg]);
	}
	if (err)
		keys_drop(&k);
	else
		*ret_keys = k;
	return err;
}

void keys_take(struct row *row, const struct keys *k, const bool moved[DP_LEGS])
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (k->rx_new[leg])
			row->leg[leg].rx = k->rx[leg];
		if (!k->tx_new[leg])
			continue;
		row->leg[leg].tx = k->tx[leg];
		row->leg[leg].tx_anew = moved[leg];
	}
}

void keys_returned(struct row *row, struct srtp_ctx *const returned[WORKER_SRTP_RETURNED])
{
	for (unsigned int i = 0; i < WORKER_SRTP_RETURNED; i++) {
		for (unsigned int leg = 0; leg < DP_LEGS && returned[i]; leg++) {
			struct row_leg *rl = &row->leg[leg];
			rl->rx = rl->rx == returned[i] ? NULL : rl->rx;
			rl->tx = rl->tx == returned[i] ? NULL : rl->tx;
		}
		srtp_ctx_free(returned[i]);
	}
}

static void ctx_free(struct srtp_ctx *ctx)
{
	if (ctx)
		srtp_ctx_free(srtp_ctx_forget(ctx));
	srtp_ctx_free(ctx);
}

void keys_free(struct row *row)
{
	for (unsigned int leg = 0; leg < DP_LEGS && row->state == ROW_LIVE; leg++) {
		ctx_free(row->leg[leg].rx);
		ctx_free(row->leg[leg].tx);
	}
}
