/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checkpoints of answered calls: limen-control keeps them and gives them back after a restart.
 * The call returns into the very slot and generation that its tags name. Read as input from
 * outside: bounded, checked, versioned.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("restore");

#define CKPT_MAGIC   0x434d494c /* "LIMC" */
#define CKPT_VERSION 7

/* A call that ends in the box has its caller alone. */
static unsigned int n_legs(const struct call *call)
{
	return call->local.on ? 1 : DP_LEGS;
}

int call_checkpoint_write(const struct call *call, struct ckpt_out *out)
{
	ckpt_put_u(out, CKPT_MAGIC, 4);
	ckpt_put_u(out, CKPT_VERSION, 2);
	ckpt_put_u(out, call->b->env.worker, 1);
	ckpt_put_u(out, call->fork, 1);
	ckpt_put_u(out, call->slot, 4);
	ckpt_put_u(out, call->generation, 4);
	ckpt_put_u(out, call->max_forwards, 4);
	ckpt_put_u(out, call->local.on, 1);
	ckpt_put_u(out, call->local.q850, 2);
	ckpt_put_u(out, call->local.serial, 4);
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		ckpt_put_u(out, call->held[side].bps, 8);
		ckpt_put_u(out, call->held[side].pool, 4);
	}
	call_toll_checkpoint(call, out);
	media_map_checkpoint(&call->media, out);
	for (unsigned int side = 0; side < n_legs(call); side++) {
		const struct leg *leg = &call->leg[side];

		if (!leg->dialog)
			return -EINVAL;
		ckpt_put_u(out, leg->out_cseq, 4);
		ckpt_put_u(out,
			(leg->peer_update ? 1u : 0u) | (leg->peer_replaces ? 2u : 0u) |
				(leg->bye_done ? 4u : 0u),
			1);
		leg_timer_checkpoint(leg, out);
		dialog_checkpoint(leg->dialog, out);
	}
	return out->failed ? -EMSGSIZE : 0;
}

static bool record_valid(const struct ctl_call *rec)
{
	bool ok = rec->id != 0;

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		ok = ok && ipaddr_valid(&rec->peer_sig[leg]) && rec->srtp[leg] < DP_SRTP_N &&
		     rec->srtp_keying[leg] < CTL_N_KEYINGS &&
		     rec->srtp_note[leg] < CTL_SRTP_N_NOTES &&
		     ipc_str_ok(rec->calling[leg], sizeof(rec->calling[leg])) &&
		     ipc_str_ok(rec->called[leg], sizeof(rec->called[leg])) &&
		     ipc_str_ok(rec->codec[leg], sizeof(rec->codec[leg])) &&
		     ipc_str_ok(rec->realm[leg], sizeof(rec->realm[leg])) &&
		     ipc_str_ok(rec->trunk[leg], sizeof(rec->trunk[leg])) &&
		     ipc_str_ok(rec->session_id[leg], sizeof(rec->session_id[leg])) &&
		     ipc_str_ok(rec->sip_call_id[leg], sizeof(rec->sip_call_id[leg]));
	}
	return ok && rec->transcoded <= 1 && rec->dtmf[0] < CTL_DTMF_N_WAYS &&
	       rec->dtmf[1] < CTL_DTMF_N_WAYS && !rec->zero[0] && !rec->zero[1] &&
	       rec->stir_verdict < CTL_STIR_N_VERDICTS && rec->limit < CTL_LIMIT_N &&
	       rec->toll_alarm <= 1 && rec->transfer < CTL_TRANSFER_N &&
	       ipc_str_ok(rec->target, sizeof(rec->target)) &&
	       ipc_str_ok(rec->reason, sizeof(rec->reason));
}

static int read_legs(struct call *call, struct ckpt_in *in)
{
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		struct leg *leg = &call->leg[side];
		uint32_t flags;
		int rc;

		leg->call = call;
		leg->side = (uint8_t)side;
		if (side >= n_legs(call))
			continue;
		leg->out_cseq = (uint32_t)ckpt_get_u(in, 4);
		flags = (uint32_t)ckpt_get_u(in, 1);
		leg->peer_update = flags & 1;
		leg->peer_replaces = flags & 2;
		leg->bye_done = flags & 4;
		leg_timer_restore(leg, in);
		leg->oa.established = true;
		rc = dialog_restore(in, &leg->dialog);
		if (rc < 0)
			return rc;
		call->b->n_dialogs++;
		leg_alias_set(leg);
	}
	return in->failed || in->n != 0 ? -EINVAL : 0;
}

static void discard(struct call *call)
{
	struct b2b *b = call->b;

	for (unsigned int side = 0; side < DP_LEGS; side++) {
		struct leg *leg = &call->leg[side];

		leg_alias_drop(leg);
		call_dialog_free(call, &leg->dialog);
		call_copy_set(&leg->told, &leg->told_len, (struct view){NULL, 0});
		call_copy_set(&leg->heard, &leg->heard_len, (struct view){NULL, 0});
	}
	media_map_clear(&call->media);
	free(call->tolls);
	sip_slab_put(b->calls, call->slot);
}

static int read_call(struct b2b *b, const struct ctl_call *rec, struct ckpt_in *in, bool adopt,
	struct call **ret_call)
{
	uint32_t slot, generation, fork, max_forwards;
	struct call *call;
	bool own;
	int rc;

	if (!record_valid(rec) || ckpt_get_u(in, 4) != CKPT_MAGIC ||
		ckpt_get_u(in, 2) != CKPT_VERSION)
		return -EINVAL;
	own = ckpt_get_u(in, 1) == b->env.worker;
	if (own == adopt)
		return -EINVAL;
	fork = (uint32_t)ckpt_get_u(in, 1);
	slot = (uint32_t)ckpt_get_u(in, 4);
	generation = (uint32_t)ckpt_get_u(in, 4);
	max_forwards = (uint32_t)ckpt_get_u(in, 4);
	if (in->failed || slot >= B2B_CALLS_MAX || fork >= B2B_FORKS_MAX || max_forwards > 255)
		return -EINVAL;
	call = adopt ? sip_slab_get(b->calls, &slot, &generation)
		     : sip_slab_claim(b->calls, slot, generation);
	if (!call)
		return -EBUSY;
	call->b = b;
	call->slot = slot;
	call->generation = generation;
	call->state = CALL_UP;
	call->targets.spot = SPOT_NONE;
	call->fork = (uint8_t)fork;
	call->max_forwards = max_forwards;
	call->rec = *rec;
	call->rec.token = (uint64_t)slot << 32 | generation;
	call->local.on = ckpt_get_u(in, 1) != 0;
	call->local.q850 = (uint16_t)ckpt_get_u(in, 2);
	call->local.serial = (uint32_t)ckpt_get_u(in, 4);
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		call->held[side].bps = ckpt_get_u(in, 8);
		call->held[side].pool = (uint32_t)ckpt_get_u(in, 4);
		in->failed |= call->held[side].bps > BUDGET_BPS_MAX;
	}
	call_toll_read(call, in);
	media_map_init(&call->media, rec->id, b->id_key);
	rc = media_map_restore(&call->media, in);
	call->media.cookie = slot;
	if (rc == 0 && call->media.alone != call->local.on)
		rc = -EINVAL;
	if (rc == 0)
		rc = read_legs(call, in);
	if (rc < 0) {
		discard(call);
		return rc;
	}
	*ret_call = call;
	return 0;
}

int call_checkpoint_read(
	struct b2b *b, const struct ctl_call *rec, struct ckpt_in *in, struct call **ret_call)
{
	return read_call(b, rec, in, false, ret_call);
}

int call_checkpoint_adopt(
	struct b2b *b, const struct ctl_call *rec, struct ckpt_in *in, struct call **ret_call)
{
	return b->cfg ? read_call(b, rec, in, true, ret_call) : -EAGAIN;
}

void call_restored(struct call *call)
{
	struct b2b *b = call->b;
	struct ctl_call *rec = &call->rec;

	/* One that was being made is gone with the process that made it. */
	if (rec->transfer == CTL_TRANSFER_ASKED)
		rec->transfer = CTL_TRANSFER_FAILED;
	call_timers_init(call);
	spot_find(b, &call->targets.spot, rec->trunk[LEG_B], &rec->peer_sig[LEG_B],
		(uint8_t)rec->transport[LEG_B]);
	b->n_calls++;
	atomic_fetch_add_explicit(&b->env.shared->n_calls, 1, memory_order_relaxed);
	admission_restore(call);
	call_toll_restored(call);
	leg_timer_restored(&call->leg[LEG_A]);
	leg_timer_restored(&call->leg[LEG_B]);
}

void call_restore_failed(struct b2b *b, const struct ctl_call *rec, const char *why)
{
	struct ctl_call ended = *rec;

	log_warning("call %016" PRIx64 ": %s", rec->id, why);
	ended.state = CTL_CALL_ENDED;
	ended.released_by = CTL_BY_BOX;
	ended.end_ms = b->env.ops->wall_ms(b->env.ctx);
	ended.q850 = 41;
	snprintf(ended.reason, sizeof(ended.reason), "%s", why);
	control_call_end(b, &ended);
}
