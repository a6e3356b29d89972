/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digits that legs send, and digits that are sent to them; see sessions.h. They are not logged. */
#include "dataplane/session/priv.h"

#include <errno.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "dataplane/session/direction.h"
#include "dataplane/transcode/event.h"

LOG_TOPIC("session");

static void on_pressed(struct letter *l, void *arg)
{
	const struct row *row = arg;

	if (l->msg.result)
		log_notice("session %llu: a digit for a leg was not sent: %s",
			(unsigned long long)row->conf.id, strerror(-l->msg.result));
}

static bool press_ok(const struct dp_dtmf_send *p)
{
	bool known = p->digit == '!' || vp_event_code((char)p->digit) >= 0;

	return p->leg < DP_LEGS && known && p->duration_ms >= DP_DTMF_MIN_MS &&
	       p->duration_ms <= DP_DTMF_MAX_MS && !p->zero[0] && !p->zero[1] && !p->zero[2];
}

int sessions_press(struct sessions *ss, const struct dp_dtmf_send *p)
{
	struct row *row = store_find(ss->store, p->session_id);

	if (!press_ok(p))
		return -EINVAL;
	if (!row)
		return -ENOENT;
	const struct dp_send *send = &row->conf.leg[p->leg].send;
	bool voice = direction_is_voice(&row->conf, !p->leg);
	bool played = row->conf.leg[p->leg].play.kind != DP_PLAY_NONE;
	if (send->digits == DP_DIGITS_AWAY || played || (!voice && !send->event_pt))
		return -EOPNOTSUPP;
	if (p->serial && p->serial == row->leg[p->leg].press_serial)
		return 0;
	int err = mail_reserve(ss->conf.mail, 1);
	if (err)
		return err;
	row->leg[p->leg].press_serial = p->serial;
	struct letter *l = mail_letter(
		ss->conf.mail, voice ? MCORE_PRESS : WORKER_PRESS, on_pressed, row);
	l->msg.press.slot = row_slot(ss, row, !p->leg);
	l->msg.press.tag = row->voice.tag;
	l->msg.press.code = p->digit == '!' ? VP_EVENT_FLASH
					    : (uint8_t)vp_event_code((char)p->digit);
	l->msg.press.duration_ms = p->duration_ms;
	mail_post(ss->conf.mail, voice ? ss->conf.n_workers + row->voice.core : row->worker, l);
	return 0;
}

void sessions_digit(struct sessions *ss, const struct worker_digit *digit)
{
	unsigned int leg = digit->slot % DP_LEGS;

	if (digit->slot / DP_LEGS >= store_capacity(ss->store) || digit->code >= VP_EVENT_CODES)
		return;
	struct row *row = store_row(ss->store, digit->slot / DP_LEGS);
	uint32_t mark = digit->core ? row->voice.tag : row->leg[leg].epoch;
	/* Told by a stream that was replaced meanwhile, or nobody asked. */
	if (row->state != ROW_LIVE || mark != digit->mark ||
		!(row->conf.leg[leg].flags & DP_LEG_DTMF) || !ss->conf.ops->dtmf)
		return;
	struct dp_event_dtmf told = {
		.session_id = row->conf.id,
		.call_id = row->conf.call_id,
		.leg = leg,
		.duration_ms = digit->duration_ms,
		.digit = (uint8_t)vp_event_digit(digit->code),
		.source = digit->tone ? DP_DTMF_INBAND : DP_DTMF_RFC4733,
	};
	ss->conf.ops->dtmf(ss->conf.arg, &told);
}
