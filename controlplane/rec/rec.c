/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rec.h. */
#include "controlplane/rec/rec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/idmap.h"
#include "controlplane/base/log.h"
#include "controlplane/rec/store.h"
#include "controlplane/rec/take.h"

LOG_TOPIC("rec");

#define ROOM_EVERY_US 1000000 /* how often the quota is looked at */
#define QUIET_US      500000  /* without a message: the clock goes on without the data plane */
#define DELETE_TRIES  8
#define END_US	      400000		  /* what is under way still comes */
#define STALE_US      UINT64_C(120000000) /* an older time in a message is an error */

struct rec {
	const struct rec_ops *ops;
	void *arg;
	struct rec_store store;
	struct idmap takes; /* by session id */
	struct ctl_rec_policy policy;
	bool has_policy;
	uint64_t control_boot;
	uint64_t heard_us, heard_at_us; /* newest arrival in a copy, and when that was brought */
	uint64_t tick_us;		/* the last one */
	uint64_t room_us;		/* when to look at the quota again */
	const char *full;		/* NULL: there is room */
	struct ctl_rec_counts counts;
	struct rec_dir_counts ended; /* of takes that are gone */
};

int rec_new(const char *path, const struct rec_ops *ops, void *arg, struct rec **ret_rec)
{
	struct rec *rec = calloc(1, sizeof(*rec));
	int err = rec != NULL ? rec_store_open(&rec->store, path) : -ENOMEM;

	if (err < 0) {
		free(rec);
		return err;
	}
	rec->ops = ops;
	rec->arg = arg;
	idmap_init(&rec->takes);
	*ret_rec = rec;
	return 0;
}

static void tell(struct rec *rec, const struct take *t, bool ended)
{
	struct ctl_rec_status status;

	take_status(t, ended, &status);
	rec->ops->status(rec->arg, &status);
}

/* The clock of the copies: behind the real one by what is still on its way. */
static uint64_t clock_us(const struct rec *rec, uint64_t now_us)
{
	if (now_us - rec->heard_at_us < QUIET_US)
		return rec->heard_us;
	return now_us > QUIET_US && now_us - QUIET_US > rec->heard_us ? now_us - QUIET_US
								      : rec->heard_us;
}

static void end(struct rec *rec, struct take *t, uint64_t now_us)
{
	take_stop(t, &rec->store, t->end_us != 0 ? t->end_us : now_us, NULL);
	tell(rec, t, true);
	take_counts(t, &rec->ended);
	idmap_del(&rec->takes, t->conf.session_id);
	take_free(t);
	rec->counts.ended++;
}

/* Ending changes the map, so the walk begins anew each time. */
static void end_if(struct rec *rec, uint64_t now_us, bool (*which)(const struct take *, uint64_t))
{
	for (bool again = true; again;) {
		size_t pos = 0;
		again = false;
		for (struct take *t; (t = idmap_next(&rec->takes, &pos)) != NULL;) {
			if (!which(t, now_us))
				continue;
			end(rec, t, now_us);
			again = true;
			break;
		}
	}
}

static bool any(const struct take *t, uint64_t now_us)
{
	return true;
}

static bool is_over(const struct take *t, uint64_t now_us)
{
	return t->end_us != 0 && now_us >= t->over_us;
}

static bool unclaimed(const struct take *t, uint64_t now_us)
{
	return t->claim_us != 0 && now_us >= t->claim_us;
}

void rec_free(struct rec *rec, uint64_t now_us)
{
	if (rec == NULL)
		return;
	end_if(rec, now_us, any);
	idmap_wipe(&rec->takes);
	rec_store_close(&rec->store);
	free(rec);
}

/* ---- room ---- */

static uint64_t open_bytes(const struct rec *rec)
{
	uint64_t bytes = 0;
	size_t pos = 0;

	for (const struct take *t; (t = idmap_next(&rec->takes, &pos)) != NULL;)
		if (take_runs(t))
			bytes += rec_files_bytes(&t->files);
	return bytes;
}

static void stop_all(struct rec *rec, uint64_t now_us, const char *why)
{
	size_t pos = 0;

	for (struct take *t; (t = idmap_next(&rec->takes, &pos)) != NULL;) {
		if (!take_runs(t))
			continue;
		take_stop(t, &rec->store, now_us, why);
		tell(rec, t, false);
	}
}

static void look_for_room(struct rec *rec, uint64_t now_us)
{
	const char *why = rec_store_room(&rec->store, &rec->policy, open_bytes(rec));

	rec->room_us = now_us + ROOM_EVERY_US;
	if (why != NULL && rec->full == NULL)
		log_warning("nothing is recorded now: %s", why);
	if (why == NULL && rec->full != NULL)
		log_notice("there is room for recordings again");
	rec->full = why;
	if (why != NULL)
		stop_all(rec, now_us, why);
}

static void start(struct rec *rec, struct take *t, uint64_t since_us, uint64_t now_us)
{
	char before[CTL_REC_NOTE_MAX];

	memcpy(before, t->note, sizeof(before));
	if (rec->full != NULL)
		take_stop(t, &rec->store, now_us, rec->full);
	else if (take_start(t, &rec->store, &rec->policy, since_us, now_us) == 0)
		rec->counts.parts++;
	else
		rec->counts.write_errors++;
	if (take_runs(t) || strcmp(before, t->note) != 0)
		tell(rec, t, false);
}

int rec_policy(struct rec *rec, const struct ctl_rec_policy *policy)
{
	if (policy->files >= CTL_REC_N_FILES || policy->when_full >= CTL_REC_N_FULL)
		return -EINVAL;
	rec->policy = *policy;
	rec->has_policy = true;
	rec->room_us = 0; /* at the next tick */
	return 0;
}

/* ---- messages of limen-control ---- */

/* The time that a message says, unless its sender has another clock. */
static uint64_t said_us(uint64_t us, uint64_t now_us)
{
	return us <= now_us && now_us - us < STALE_US ? us : now_us;
}

static bool set_ok(const struct ctl_rec *msg)
{
	if (msg->session_id == 0 || msg->call_id == 0 || msg->media_index >= CTL_MEDIA_MAX ||
		msg->demand > 1 || msg->zero != 0)
		return false;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (msg->n_payloads[leg] > DP_PAYLOAD_TYPES)
			return false;
		for (unsigned int i = 0; i < msg->n_payloads[leg]; i++) {
			const struct dp_payload *p = &msg->payloads[leg][i];
			if (p->pt > 127 || p->codec >= DP_CODEC_END)
				return false;
		}
	}
	return true;
}

int rec_set(struct rec *rec, const struct ctl_rec *msg, uint64_t now_us)
{
	struct take *t = idmap_get(&rec->takes, msg->session_id);

	if (!set_ok(msg))
		return -EINVAL;
	if (t != NULL) {
		take_conf(t, msg);
		t->claim_us = 0;
		t->end_us = 0;
		return 0;
	}
	t = take_new(msg);
	if (t == NULL || idmap_put(&rec->takes, msg->session_id, t) < 0) {
		take_free(t);
		return -ENOMEM;
	}
	rec->counts.begun++;
	if (rec->has_policy) {
		look_for_room(rec, now_us);
		start(rec, t, said_us(msg->since_us, now_us), now_us);
	}
	return 0;
}

void rec_end(struct rec *rec, const struct ctl_rec_end *msg, uint64_t now_us)
{
	struct take *t = idmap_get(&rec->takes, msg->session_id);

	if (t == NULL || t->end_us != 0)
		return;
	t->end_us = said_us(msg->at_us, now_us);
	t->over_us = now_us + END_US;
}

void rec_control(struct rec *rec, uint64_t boot_id, uint64_t now_us)
{
	size_t pos = 0;

	for (struct take *t; (t = idmap_next(&rec->takes, &pos)) != NULL;) {
		if (rec->control_boot != 0 && rec->control_boot != boot_id)
			t->claim_us = now_us + REC_CLAIM_US;
		tell(rec, t, false);
	}
	rec->control_boot = boot_id;
}

/* ---- copies ---- */

static bool tap_ok(const uint8_t *at, size_t len, uint32_t n)
{
	for (; n > 0; n--) {
		const struct dp_tap_packet *p = (const void *)at;
		if (len < sizeof(*p) || p->n > DP_TAP_BYTES_MAX || len < dp_tap_packet_len(p->n) ||
			p->leg >= DP_LEGS || p->pt > 127 || p->marker > 1)
			return false;
		at += dp_tap_packet_len(p->n);
		len -= dp_tap_packet_len(p->n);
	}
	return len == 0;
}

/* Writing failed: room is made, or the part ends. */
static void write_failed(struct rec *rec, struct take *t, int err, uint64_t now_us)
{
	rec->counts.write_errors++;
	take_stop(t, &rec->store, now_us, err == -ENOSPC ? "the disk is full" : strerror(-err));
	if (err == -ENOSPC && rec->policy.when_full == CTL_REC_FULL_DELETE_OLDEST)
		for (unsigned int i = 0; i < DELETE_TRIES; i++)
			(void)rec_store_delete_oldest(&rec->store);
	tell(rec, t, false);
}

static void write_due(struct rec *rec, struct take *t, uint64_t now_us)
{
	int err = take_write(t, clock_us(rec, now_us));

	if (err < 0)
		write_failed(rec, t, err, now_us);
}

int rec_tap(struct rec *rec, const void *body, size_t len, uint64_t now_us)
{
	const struct dp_tap *head = body;
	const uint8_t *at = (const uint8_t *)(head + 1);

	if (len < sizeof(*head) || !tap_ok(at, len - sizeof(*head), head->n))
		return -EPROTO;
	rec->counts.lost += head->lost;
	rec->heard_at_us = now_us;
	for (uint32_t i = 0; i < head->n; i++) {
		const struct dp_tap_packet *p = (const void *)at;
		struct take *t = idmap_get(&rec->takes, p->session_id);
		at += dp_tap_packet_len(p->n);
		/* a clock that is ahead of ours would move time on for all */
		if (p->time_us > rec->heard_us && p->time_us <= now_us)
			rec->heard_us = p->time_us;
		/* copies that waited for us come all at once */
		if (t != NULL && take_runs(t) && take_is_behind(t, p->time_us))
			write_due(rec, t, now_us);
		if (t != NULL && take_runs(t) && p->time_us <= now_us)
			rec_dir_put(t->dir[p->leg], p);
		else
			rec->counts.stray++;
	}
	return 0;
}

bool rec_busy(const struct rec *rec)
{
	return rec->takes.n > 0;
}

void rec_tick(struct rec *rec, uint64_t now_us)
{
	size_t pos = 0;

	/* Who stood still has copies to read before it knows what was silence. */
	if (now_us - rec->tick_us > QUIET_US)
		rec->heard_at_us = now_us;
	rec->tick_us = now_us;
	if (!rec->has_policy)
		return;
	if (now_us >= rec->room_us)
		look_for_room(rec, now_us);
	for (struct take *t; (t = idmap_next(&rec->takes, &pos)) != NULL;) {
		if (take_runs(t))
			write_due(rec, t, now_us);
		else if (now_us >= t->retry_us && rec->full == NULL)
			start(rec, t, now_us, now_us);
	}
	end_if(rec, now_us, is_over);
	end_if(rec, now_us, unclaimed);
}

void rec_info(const struct rec *rec, struct ctl_rec_info *ret_info)
{
	struct rec_dir_counts sum = rec->ended;
	size_t pos = 0;

	memset(ret_info, 0, sizeof(*ret_info));
	for (const struct take *t; (t = idmap_next(&rec->takes, &pos)) != NULL;) {
		take_counts(t, &sum);
		ret_info->running += take_runs(t);
		ret_info->waiting += !take_runs(t);
	}
	ret_info->n_files = rec->store.n_files;
	ret_info->bytes = rec->store.bytes + open_bytes(rec);
	ret_info->free_bytes = rec_store_free(&rec->store);
	ret_info->counts = rec->counts;
	ret_info->counts.packets = sum.packets;
	ret_info->counts.played = sum.played;
	ret_info->counts.events = sum.events;
	ret_info->counts.late = sum.late + sum.duplicates;
	ret_info->counts.undecodable = sum.undecodable;
	ret_info->counts.no_codec = sum.no_codec;
	ret_info->counts.deleted = rec->store.deleted;
	ret_info->counts.repaired = rec->store.repaired;
	if (rec->full != NULL)
		memcpy(ret_info->note, rec->full, strlen(rec->full));
}
