/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See jitter.h. Numbers of packets (seq, ts) are extended to 64 bits on the way in. */
#include "dataplane/transcode/jitter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/transit.h"

#define DROPOUT	     3000 /* RFC 3550 A.1 */
#define MISORDER     100
#define SEEN	     64	     /* sequence numbers whose duplicates are known */
#define JUMP_US	     500000  /* timestamp against arrival: beyond that it is a jump */
#define AHEAD_US     200000  /* ... unless it fits the sequence number so well */
#define BEHIND_US    2000000 /* of a packet out of order */
#define SAMPLE_US    5000    /* a smaller hole in timestamps is the sender's rounding */
#define LEAST_N	     8	     /* packets to watch before the delay is moved */
#define MERGE_GAP_US 200000  /* between merges in speech */
#define MERGE_US     40000   /* too much delay for speech to stay untouched */
#define SHED_US	     100000  /* beyond max_ms: thrown away */
#define ASKS_MAX     1024

struct slot {
	int64_t seq, ts;
	uint32_t duration, len;
	bool used;
	uint8_t kind, pt, marker;
};

struct vp_jitter {
	struct vp_jitter_conf conf;
	int64_t min_us, max_us;

	/* numbering */
	bool known; /* there was a packet */
	uint32_t ssrc, raw_ts;
	uint16_t raw_seq;
	int64_t top_seq, top_ts; /* of the newest packet */
	uint64_t top_us;	 /* when it came */
	uint64_t seen;		 /* bit i: top_seq - i came */
	uint32_t duration;	 /* of the last packet of voice */
	struct vp_transit transit;

	/* playing */
	bool playing;
	bool silent;	     /* the talker is: by noise, event or hole */
	bool noisy;	     /* ... and has told us so: it may last */
	bool merging;	     /* the next packet was promised */
	uint32_t n_held;     /* packets in slots */
	int64_t next_seq;    /* the lowest that was not handed out */
	int64_t next_ts;     /* where playing is in the talker's time */
	int64_t passed_ts;   /* what is before it was concealed */
	int64_t conceal_ts;  /* up to here the packets are lost */
	int64_t ahead_ts;    /* concealed without using up the talker's time */
	uint64_t dry_us;     /* concealed since the last packet */
	uint64_t merged_us;  /* when packets were merged last */
	int64_t least_us[2]; /* the least delay of this row of LEAST_N packets, of the one before */
	uint32_t n_least;    /* packets since the delay was moved */

	struct vp_jitter_stats stats;
	uint64_t concealed_us, silence_us, inserted_us, removed_us;
	int64_t delay_us, delay_min_us, delay_max_us;
	uint64_t delay_sum_us, n_delays;

	uint8_t *payloads;
	struct slot slots[];
};

static int64_t to_us(const struct vp_jitter *j, int64_t ts)
{
	return ts * 1000000 / j->conf.clock_hz;
}

static int64_t to_ts(const struct vp_jitter *j, int64_t us)
{
	return us * j->conf.clock_hz / 1000000;
}

static bool bounds_are_valid(uint32_t min_ms, uint32_t max_ms)
{
	return min_ms <= max_ms && max_ms <= VP_JITTER_DELAY_MAX;
}

int vp_jitter_new(const struct vp_jitter_conf *conf, struct vp_jitter **ret_jitter)
{
	struct vp_jitter *j;
	uint32_t n = conf->slots;

	if (conf->clock_hz < 1000 || conf->clock_hz > 192000 || !conf->payload_max ||
		conf->payload_max > VP_JITTER_PAYLOAD_MAX || n < VP_JITTER_SLOTS_MIN ||
		n > VP_JITTER_SLOTS_MAX || n & (n - 1) ||
		!bounds_are_valid(conf->min_ms, conf->max_ms))
		return -EINVAL;
	j = calloc(1, sizeof(*j) + n * (sizeof(struct slot) + conf->payload_max));
	if (!j)
		return -ENOMEM;
	j->conf = *conf;
	j->payloads = (uint8_t *)(j->slots + n);
	(void)vp_jitter_set_bounds(j, conf->min_ms, conf->max_ms);
	*ret_jitter = j;
	return 0;
}

void vp_jitter_free(struct vp_jitter *j)
{
	free(j);
}

int vp_jitter_set_bounds(struct vp_jitter *j, uint32_t min_ms, uint32_t max_ms)
{
	if (!bounds_are_valid(min_ms, max_ms))
		return -EINVAL;
	j->conf.min_ms = min_ms;
	j->conf.max_ms = max_ms;
	j->min_us = (int64_t)min_ms * 1000;
	j->max_us = (int64_t)max_ms * 1000;
	return 0;
}

static int64_t target_us(const struct vp_jitter *j)
{
	int64_t us = vp_transit_late_us(&j->transit);

	return us < j->min_us ? j->min_us : us > j->max_us ? j->max_us : us;
}

/* How long a packet of that timestamp with the least transit time has been here. */
static int64_t delay_us(const struct vp_jitter *j, int64_t ts, uint64_t now_us)
{
	return (int64_t)now_us - to_us(j, ts) - vp_transit_least_us(&j->transit);
}

static struct slot *slot_of(struct vp_jitter *j, int64_t seq)
{
	return &j->slots[(uint64_t)seq & (j->conf.slots - 1)];
}

static struct slot *slot_if(struct vp_jitter *j, int64_t seq)
{
	struct slot *s = slot_of(j, seq);

	return s->used && s->seq == seq ? s : NULL;
}

static void slot_drop(struct vp_jitter *j, struct slot *s)
{
	s->used = false;
	j->n_held--;
}

/* The first packet from next_seq on, or NULL. */
static struct slot *first(struct vp_jitter *j)
{
	struct slot *s;

	if (!j->n_held)
		return NULL;
	for (uint32_t i = 0; i < j->conf.slots; i++)
		if ((s = slot_if(j, j->next_seq + i)))
			return s;
	return NULL;
}

/* ---- taking packets ---- */

/*
 * Whether the packet continues the numbering. A timestamp must fit either the packets between or
 * the time between (silence); that of an event is the event's start and says nothing.
 */
static bool continues(const struct vp_jitter *j, const struct vp_jitter_packet *p, int32_t d_seq,
	int64_t d_ts, int64_t elapsed_ts)
{
	int64_t behind = to_ts(j, BEHIND_US), ahead = to_ts(j, AHEAD_US), jump = to_ts(j, JUMP_US);

	if (p->ssrc != j->ssrc || d_seq >= DROPOUT || d_seq <= -MISORDER)
		return false;
	if (p->kind == VP_JITTER_EVENT)
		return true;
	if (d_seq <= 0)
		return d_ts <= 0 && d_ts >= -behind;
	if (d_ts >= 0 && d_ts <= (int64_t)d_seq * j->duration + ahead)
		return true;
	return d_ts >= 0 && d_ts - elapsed_ts <= ahead && elapsed_ts - d_ts <= jump;
}

static void number(struct vp_jitter *j, const struct vp_jitter_packet *p, uint64_t now_us,
	int64_t *ret_seq, int64_t *ret_ts)
{
	int32_t d_seq = (int16_t)(p->seq - j->raw_seq);
	int64_t d_ts = (int32_t)(p->timestamp - j->raw_ts);
	int64_t elapsed_ts = to_ts(j, (int64_t)(now_us - j->top_us));

	if (!j->known) {
		j->known = true;
		j->next_seq = j->top_seq = p->seq;
		j->top_ts = p->timestamp;
		j->top_us = now_us;
		j->ssrc = p->ssrc;
		j->raw_seq = p->seq;
		j->raw_ts = p->timestamp;
		j->duration = p->kind == VP_JITTER_VOICE ? p->duration_ts : j->conf.clock_hz / 50;
		d_seq = 0;
		d_ts = 0;
	} else if (!continues(j, p, d_seq, d_ts, elapsed_ts)) {
		j->stats.resyncs++;
		j->ssrc = p->ssrc;
		d_seq = 1;
		d_ts = elapsed_ts > j->duration ? elapsed_ts : j->duration;
	} else if (p->kind == VP_JITTER_EVENT) {
		d_ts = 0;
	}
	*ret_seq = j->top_seq + d_seq;
	*ret_ts = j->top_ts + d_ts;
}

/* Makes it the newest one. Events leave the timestamps alone. */
static void advance_top(struct vp_jitter *j, const struct vp_jitter_packet *p, int64_t seq,
	int64_t ts, uint64_t now_us)
{
	int64_t ahead = seq - j->top_seq;

	j->seen = ahead < SEEN ? j->seen << ahead : 0;
	j->top_seq = seq;
	j->raw_seq = p->seq;
	if (p->kind == VP_JITTER_EVENT)
		return;
	j->top_ts = ts;
	j->raw_ts = p->timestamp;
	j->top_us = now_us;
}

/* Makes room for a packet so far ahead that the slots end before it. */
static void make_room(struct vp_jitter *j, int64_t seq)
{
	int64_t lowest = seq - j->conf.slots + 1;

	while (j->next_seq < lowest && j->n_held) {
		struct slot *s = slot_if(j, j->next_seq);
		if (s) {
			if (s->kind == VP_JITTER_VOICE && s->ts + s->duration > j->next_ts)
				j->next_ts = s->ts + s->duration;
			slot_drop(j, s);
			j->stats.overflow++;
		} else {
			j->stats.lost++;
		}
		j->next_seq++;
	}
	if (j->next_seq < lowest) {
		j->stats.lost += (uint64_t)(lowest - j->next_seq);
		j->next_seq = lowest;
	}
}

enum vp_jitter_put vp_jitter_put(
	struct vp_jitter *j, const struct vp_jitter_packet *p, uint64_t now_us)
{
	int64_t seq, ts;
	struct slot *s;

	j->stats.received++;
	if (p->len > j->conf.payload_max || (p->kind == VP_JITTER_VOICE && !p->duration_ts)) {
		j->stats.refused++;
		return VP_JITTER_REFUSED;
	}
	number(j, p, now_us, &seq, &ts);
	if (seq > j->top_seq)
		advance_top(j, p, seq, ts, now_us);
	if (j->top_seq - seq < SEEN) {
		uint64_t bit = UINT64_C(1) << (j->top_seq - seq);
		if (j->seen & bit) {
			j->stats.duplicates++;
			return VP_JITTER_DUPLICATE;
		}
		j->seen |= bit;
	}
	if (p->kind != VP_JITTER_EVENT)
		vp_transit_put(&j->transit, (int64_t)now_us - to_us(j, ts), now_us);
	/* before playing starts, a packet may come in front of the one that came first */
	if (!j->playing && !j->stats.played && seq < j->next_seq &&
		j->top_seq - seq < j->conf.slots)
		j->next_seq = seq;
	if (seq < j->next_seq || (p->kind == VP_JITTER_VOICE && ts < j->passed_ts)) {
		j->stats.late++;
		return VP_JITTER_LATE;
	}
	if (p->kind == VP_JITTER_VOICE)
		j->duration = p->duration_ts;
	make_room(j, seq);
	s = slot_of(j, seq);
	*s = (struct slot){.seq = seq,
		.ts = ts,
		.duration = p->duration_ts,
		.len = p->len,
		.used = true,
		.kind = p->kind,
		.pt = p->pt,
		.marker = p->marker};
	if (p->len)
		memcpy(j->payloads + (size_t)(s - j->slots) * j->conf.payload_max, p->payload,
			p->len);
	j->n_held++;
	return VP_JITTER_TAKEN;
}

/* ---- playing ---- */

static void show(struct vp_jitter *j, const struct slot *s, struct vp_jitter_chunk *c)
{
	c->kind = s->kind;
	c->pt = s->pt;
	c->marker = s->marker;
	c->payload = j->payloads + (size_t)(s - j->slots) * j->conf.payload_max;
	c->len = s->len;
}

static void note_delay(struct vp_jitter *j, int64_t us)
{
	j->delay_us = us;
	if (!j->n_delays || us < j->delay_min_us)
		j->delay_min_us = us;
	if (!j->n_delays || us > j->delay_max_us)
		j->delay_max_us = us;
	j->n_delays++;
	j->delay_sum_us += us > 0 ? (uint64_t)us : 0;
	if (j->n_least % LEAST_N == 0) {
		j->least_us[1] = j->n_least ? j->least_us[0] : us;
		j->least_us[0] = us;
	} else if (us < j->least_us[0]) {
		j->least_us[0] = us;
	}
	j->n_least++;
}

/* What the delay did not fall below lately. */
static int64_t least_delay_us(const struct vp_jitter *j)
{
	return j->least_us[0] < j->least_us[1] ? j->least_us[0] : j->least_us[1];
}

static void silence(struct vp_jitter *j, int64_t ts, bool uses_time, struct vp_jitter_chunk *c)
{
	c->what = VP_JITTER_SILENT;
	c->duration_ts = (uint32_t)ts;
	j->silence_us += (uint64_t)to_us(j, ts);
	if (uses_time)
		j->next_ts += ts;
	else
		j->inserted_us += (uint64_t)to_us(j, ts);
}

static void conceal(struct vp_jitter *j, int64_t ts, bool uses_time, struct vp_jitter_chunk *c)
{
	struct slot *next = slot_if(j, j->next_seq);

	c->what = VP_JITTER_CONCEAL;
	c->duration_ts = (uint32_t)ts;
	if (next && next->kind == VP_JITTER_VOICE && uses_time)
		show(j, next, c);
	j->concealed_us += (uint64_t)to_us(j, ts);
	if (uses_time) {
		j->next_ts += ts;
		j->passed_ts = j->next_ts;
	}
}

/* Whether this packet and the one behind it shall become one, to shed delay. */
static bool may_merge(struct vp_jitter *j, const struct slot *s, int64_t now_delay_us,
	uint64_t now_us, bool quiet)
{
	struct slot *next = slot_if(j, s->seq + 1);
	int64_t len_us = to_us(j, s->duration), excess_us = least_delay_us(j) - target_us(j);
	int64_t speech_us = 2 * len_us > MERGE_US ? 2 * len_us : MERGE_US;

	if (j->merging || !next || next->kind != VP_JITTER_VOICE ||
		next->ts != s->ts + s->duration || next->duration != s->duration)
		return false;
	/* beyond the bound there is no waiting for quiet */
	if (now_delay_us > j->max_us + len_us)
		return now_us - j->merged_us >= (uint64_t)(2 * len_us);
	if (j->n_least < LEAST_N || excess_us < len_us)
		return false;
	return quiet || (excess_us >= speech_us && now_us - j->merged_us >= MERGE_GAP_US);
}

/* Throws away what is hopelessly late, down to the target. Returns what is to be played then. */
static struct slot *shed(struct vp_jitter *j, struct slot *s, uint64_t now_us)
{
	int64_t len_us = to_us(j, j->duration);
	int64_t limit_us = j->max_us + (3 * len_us > SHED_US ? 3 * len_us : SHED_US);

	if (delay_us(j, s->ts, now_us) <= limit_us)
		return s;
	while (s && delay_us(j, s->ts, now_us) > target_us(j) + len_us) {
		if (s->seq == j->top_seq) {
			/* it has just come: not the packets are late, the reckoning is wrong */
			vp_transit_restart(&j->transit, (int64_t)now_us - to_us(j, s->ts), now_us);
			break;
		}
		j->stats.lost += (uint64_t)(s->seq - j->next_seq);
		j->next_seq = s->seq + 1;
		slot_drop(j, s);
		j->stats.overflow++;
		s = first(j);
	}
	if (s) {
		j->next_ts = s->ts;
		j->ahead_ts = 0;
		j->conceal_ts = s->ts;
	}
	j->n_least = 0;
	return s;
}

/* The packet's turn has come: it is handed out, or its talk spurt waits a little more. */
static void play(struct vp_jitter *j, struct slot *s, uint64_t now_us, uint32_t want_ts, bool quiet,
	struct vp_jitter_chunk *c)
{
	int64_t now_delay_us = delay_us(j, s->ts, now_us), target = target_us(j);
	int64_t len_us = to_us(j, s->duration), want_us = to_us(j, want_ts);

	if (s->kind == VP_JITTER_VOICE && !j->merging) {
		/* a talk spurt starts with the delay that is right now */
		if (j->silent && 2 * (target - now_delay_us) > want_us) {
			silence(j, want_ts, false, c);
			return;
		}
		if (quiet && !j->silent && j->n_least >= LEAST_N &&
			2 * (target - least_delay_us(j)) > len_us &&
			now_delay_us + len_us <= j->max_us) {
			conceal(j, s->duration, false, c);
			j->inserted_us += (uint64_t)len_us;
			j->n_least = 0;
			return;
		}
	}
	c->what = VP_JITTER_PLAY;
	show(j, s, c);
	if (s->kind == VP_JITTER_VOICE) {
		note_delay(j, now_delay_us);
		c->duration_ts = s->duration;
		c->merge = may_merge(j, s, now_delay_us, now_us, quiet);
		j->merging = c->merge;
		if (c->merge) {
			j->merged_us = now_us;
			j->n_least = 0;
			j->removed_us += (uint64_t)len_us;
		}
		j->next_ts = s->ts + s->duration;
		j->silent = false;
		j->noisy = false;
	} else {
		j->silent = true;
		j->noisy = true;
		if (s->ts > j->next_ts)
			j->next_ts = s->ts;
	}
	j->inserted_us += (uint64_t)to_us(j, j->ahead_ts);
	j->ahead_ts = 0;
	j->dry_us = 0;
	j->next_seq = s->seq + 1;
	j->stats.played++;
	slot_drop(j, s);
}

/* A hole before the packet, in timestamps only: the talker was silent. false: nothing is left. */
static bool hole(struct vp_jitter *j, const struct slot *s, uint64_t now_us, uint32_t want_ts,
	struct vp_jitter_chunk *c)
{
	int64_t gap_ts = s->ts - j->next_ts;
	int64_t now_delay_us = delay_us(j, j->next_ts, now_us), target = target_us(j);

	j->silent = true;
	if (2 * (target - now_delay_us) > to_us(j, want_ts)) {
		silence(j, want_ts, false, c);
		return true;
	}
	if (now_delay_us > target) {
		int64_t cut_ts = to_ts(j, now_delay_us - target);
		cut_ts = cut_ts < gap_ts ? cut_ts : gap_ts;
		cut_ts -= cut_ts % j->duration;
		j->next_ts += cut_ts;
		gap_ts -= cut_ts;
		j->removed_us += (uint64_t)to_us(j, cut_ts);
	}
	if (gap_ts <= 0)
		return false;
	silence(j, gap_ts < want_ts ? gap_ts : want_ts, true, c);
	return true;
}

/* Packets are missing before s. false: what they would have been was concealed before. */
static bool missing(
	struct vp_jitter *j, const struct slot *s, uint64_t now_us, struct vp_jitter_chunk *c)
{
	int64_t gap_ts = s->ts - j->next_ts, n = s->seq - j->next_seq, share_ts;

	/* it may be on its way, and there is time left to wait for it */
	if (!j->ahead_ts &&
		delay_us(j, j->next_ts + j->duration, now_us) + 2 * to_us(j, j->duration) <=
			target_us(j)) {
		j->ahead_ts = j->duration;
		conceal(j, j->duration, false, c);
		return true;
	}
	/* of those whose time is over already there is nothing left to conceal */
	if (n > (gap_ts + j->duration - 1) / j->duration) {
		j->stats.lost += (uint64_t)(n - (gap_ts + j->duration - 1) / j->duration);
		j->next_seq = s->seq - (gap_ts + j->duration - 1) / j->duration;
		return false;
	}
	j->stats.lost++;
	j->next_seq++;
	share_ts = gap_ts / n < j->duration ? gap_ts / n : j->duration;
	if (j->ahead_ts >= share_ts) {
		j->ahead_ts -= share_ts;
		j->next_ts += share_ts;
		j->passed_ts = j->next_ts;
		return false;
	}
	conceal(j, share_ts, true, c);
	return true;
}

/* Nothing is there at all. false: playing has ended. */
static bool dry(struct vp_jitter *j, uint64_t now_us, uint32_t want_ts, struct vp_jitter_chunk *c)
{
	int64_t len_us = to_us(j, j->duration);

	if (j->dry_us >= VP_JITTER_IDLE_MS * 1000) {
		j->playing = false;
		return false;
	}
	if (j->silent) {
		j->dry_us += j->noisy ? 0 : (uint64_t)to_us(j, want_ts);
		silence(j, want_ts, true, c);
		return true;
	}
	j->dry_us += (uint64_t)len_us;
	if (delay_us(j, j->next_ts, now_us) + len_us <= j->max_us) {
		j->ahead_ts += j->duration;
		conceal(j, j->duration, false, c);
	} else {
		conceal(j, j->duration, true, c);
	}
	return true;
}

static bool start(struct vp_jitter *j, const struct slot *s, uint64_t now_us)
{
	if (delay_us(j, s->ts, now_us) < target_us(j))
		return false;
	j->playing = true;
	j->silent = false;
	j->stats.lost += (uint64_t)(s->seq - j->next_seq);
	j->next_seq = s->seq;
	j->next_ts = s->ts;
	j->passed_ts = s->ts;
	j->ahead_ts = 0;
	j->dry_us = 0;
	j->n_least = 0;
	return true;
}

/* Events only hold their place in the sequence. */
static void skip_events(struct vp_jitter *j)
{
	struct slot *s;

	while ((s = slot_if(j, j->next_seq)) && s->kind == VP_JITTER_EVENT) {
		slot_drop(j, s);
		j->next_seq++;
		j->silent = true;
		j->dry_us = 0;
	}
}

/* One look at what is there. false: look again. */
static bool step(struct vp_jitter *j, uint64_t now_us, uint32_t want_ts, bool quiet,
	struct vp_jitter_chunk *c)
{
	struct slot *s;

	skip_events(j);
	s = first(j);
	if (!j->playing) {
		if (s && start(j, s, now_us))
			return false;
		c->what = VP_JITTER_WAIT;
		c->duration_ts = want_ts;
		return true;
	}
	if (s && !j->merging)
		s = shed(j, s, now_us);
	if (!s)
		return dry(j, now_us, want_ts, c);
	if (s->seq > j->next_seq && s->ts - j->next_ts <= to_ts(j, SAMPLE_US)) {
		/* the time of those before is over */
		j->stats.lost += (uint64_t)(s->seq - j->next_seq);
		j->next_seq = s->seq;
		return false;
	}
	if (s->seq > j->next_seq && !j->silent)
		return missing(j, s, now_us, c);
	if (s->ts - j->next_ts > to_ts(j, SAMPLE_US)) {
		int64_t done_ts = s->ts - j->next_ts < j->ahead_ts ? s->ts - j->next_ts
								   : j->ahead_ts;
		j->next_ts += done_ts;
		j->ahead_ts -= done_ts;
		if (s->ts > j->next_ts && hole(j, s, now_us, want_ts, c))
			return true;
	}
	play(j, s, now_us, want_ts, quiet, c);
	return true;
}

void vp_jitter_get(struct vp_jitter *j, uint64_t now_us, uint32_t want_ts, bool quiet,
	struct vp_jitter_chunk *ret_chunk)
{
	*ret_chunk = (struct vp_jitter_chunk){0};
	for (unsigned int i = 0; i < ASKS_MAX; i++)
		if (step(j, now_us, want_ts, quiet, ret_chunk))
			return;
	ret_chunk->what = VP_JITTER_WAIT;
	ret_chunk->duration_ts = want_ts;
}

void vp_jitter_stats(const struct vp_jitter *j, struct vp_jitter_stats *ret_stats)
{
	uint64_t n = j->n_delays;

	*ret_stats = j->stats;
	ret_stats->concealed_ms = j->concealed_us / 1000;
	ret_stats->silence_ms = j->silence_us / 1000;
	ret_stats->inserted_ms = j->inserted_us / 1000;
	ret_stats->removed_ms = j->removed_us / 1000;
	ret_stats->target_ms = (uint32_t)(target_us(j) / 1000);
	ret_stats->abs_max_ms = j->conf.max_ms;
	ret_stats->delay_ms = j->delay_us > 0 ? (uint32_t)(j->delay_us / 1000) : 0;
	ret_stats->delay_min_ms = j->delay_min_us > 0 ? (uint32_t)(j->delay_min_us / 1000) : 0;
	ret_stats->delay_max_ms = j->delay_max_us > 0 ? (uint32_t)(j->delay_max_us / 1000) : 0;
	ret_stats->delay_avg_ms = n ? (uint32_t)(j->delay_sum_us / n / 1000) : 0;
}
