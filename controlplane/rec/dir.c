/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dir.h. */
#include "controlplane/rec/dir.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/resample.h"

#define MICROS	    1000000
#define ROOM_S	    2  /* of the time line that is held: REC_LAG_US, slack and the longest packet */
#define QUEUE_MAX   64 /* packets out of order */
#define SEQ_JUMP    1000   /* more is another numbering */
#define TALK_US	    100000 /* at the start of talk the line is joined anew from here on */
#define PACKET_MS   120
#define SAMPLES_MAX 5760 /* of PACKET_MS at any rate */

struct queued {
	TAILQ_ENTRY(queued) link;
	uint32_t seq;		      /* extended */
	struct dp_tap_packet *packet; /* behind this */
};
TAILQ_HEAD(queued_list, queued);

/* What plays one payload type. */
struct player {
	struct dp_payload payload;
	struct codec_decoder *decoder; /* NULL: not needed yet, or cannot be */
	struct vp_resample *resample;  /* NULL: it decodes at the rate of the line */
	bool broken;
};

struct rec_dir {
	uint32_t rate_hz;
	uint64_t origin_us;
	uint32_t n_players;
	struct player players[DP_PAYLOAD_TYPES];

	struct queued_list queue; /* by seq */
	uint32_t n_queued;
	bool begun;
	uint32_t ssrc, next_seq; /* next_seq: extended */

	bool anchored;
	uint32_t anchor_ts, clock_hz; /* that timestamp, in that clock, */
	int64_t anchor_pos;	      /* is here on the line */

	int64_t taken, end; /* samples that were taken; one after the last that was placed */
	uint32_t room;	    /* samples in line */
	struct rec_dir_counts counts;
	int16_t line[]; /* position p is at p % room */
};

struct rec_dir *rec_dir_new(uint32_t rate_hz, uint64_t origin_us)
{
	struct rec_dir *d = calloc(1, sizeof(*d) + (size_t)rate_hz * ROOM_S * sizeof(int16_t));

	if (d == NULL)
		return NULL;
	d->rate_hz = rate_hz;
	d->origin_us = origin_us;
	d->room = rate_hz * ROOM_S;
	TAILQ_INIT(&d->queue);
	return d;
}

static void player_reset(struct player *p)
{
	codec_decoder_free(p->decoder);
	vp_resample_free(p->resample);
	p->decoder = NULL;
	p->resample = NULL;
	p->broken = false;
}

static void queue_drop(struct rec_dir *d, struct queued *q)
{
	TAILQ_REMOVE(&d->queue, q, link);
	d->n_queued--;
	free(q);
}

void rec_dir_free(struct rec_dir *d)
{
	if (d == NULL)
		return;
	while (!TAILQ_EMPTY(&d->queue))
		queue_drop(d, TAILQ_FIRST(&d->queue));
	for (uint32_t i = 0; i < d->n_players; i++)
		player_reset(&d->players[i]);
	free(d);
}

/* Whether what is decoded stays the same; how it is sent on does not matter here. */
static bool same_payload(const struct dp_payload *a, const struct dp_payload *b)
{
	return a->pt == b->pt && a->codec == b->codec && a->clock_hz == b->clock_hz &&
	       memcmp(&a->params, &b->params, sizeof(a->params)) == 0;
}

void rec_dir_payloads(struct rec_dir *d, const struct dp_payload *payloads, uint32_t n)
{
	struct player old[DP_PAYLOAD_TYPES];
	uint32_t n_old = d->n_players;

	memcpy(old, d->players, sizeof(old));
	memset(d->players, 0, sizeof(d->players));
	d->n_players = n;
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < n_old; k++) {
			if (!same_payload(&old[k].payload, &payloads[i]))
				continue;
			d->players[i] = old[k];
			memset(&old[k], 0, sizeof(old[k]));
			break;
		}
		d->players[i].payload = payloads[i];
	}
	for (uint32_t k = 0; k < n_old; k++)
		player_reset(&old[k]);
}

/* ---- playing ---- */

static int64_t position_of(const struct rec_dir *d, uint64_t time_us)
{
	int64_t since_us = (int64_t)(time_us - d->origin_us);

	return since_us * d->rate_hz / MICROS;
}

static void place(struct rec_dir *d, int64_t pos, const int16_t *pcm, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, pos++) {
		if (pos < d->taken || pos >= d->taken + d->room)
			continue;
		d->line[(uint64_t)pos % d->room] = pcm[i];
		if (pos >= d->end)
			d->end = pos + 1;
	}
}

static struct player *player_of(struct rec_dir *d, uint8_t pt)
{
	for (uint32_t i = 0; i < d->n_players; i++)
		if (d->players[i].payload.pt == pt)
			return &d->players[i];
	return NULL;
}

static bool player_start(struct player *p, uint32_t rate_hz)
{
	const struct codec *codec = codec_by_id(p->payload.codec);
	struct codec_config config = {.params = p->payload.params};

	if (p->decoder != NULL || p->broken || codec == NULL)
		return p->decoder != NULL;
	config.rate_hz = codec_rate_fit(codec, &config.params, rate_hz);
	if (codec_decoder_new(codec, &config, &p->decoder) == 0 && config.rate_hz != rate_hz &&
		vp_resample_new(config.rate_hz, rate_hz, VP_RESAMPLE_QUALITY, &p->resample) != 0) {
		codec_decoder_free(p->decoder);
		p->decoder = NULL;
	}
	p->broken = p->decoder == NULL;
	return !p->broken;
}

/* Samples at the rate of the line, or a negative errno. */
static int decode(struct player *p, const struct dp_tap_packet *packet, int16_t *pcm)
{
	static int16_t raw[SAMPLES_MAX];
	int16_t *to = p->resample != NULL ? raw : pcm;
	int n = codec_decode(p->decoder, packet->bytes, packet->n, to, SAMPLES_MAX);

	if (n <= 0 || p->resample == NULL)
		return n;
	n -= n % (int)(p->decoder->rate_hz / 1000);
	return vp_resample_run(p->resample, raw, (uint32_t)n, pcm, SAMPLES_MAX);
}

static uint32_t clock_of(const struct dp_payload *payload)
{
	const struct dp_codec *row = dp_codec_row(payload->codec);

	return row != NULL ? row->clock_hz : payload->clock_hz;
}

/* Where the packet lies; joins the line anew when it must. */
static int64_t join(struct rec_dir *d, const struct dp_tap_packet *packet, uint32_t clock_hz)
{
	int64_t arrived = position_of(d, packet->time_us), pos = arrived;
	int64_t slack = (int64_t)(packet->marker ? TALK_US : REC_SLACK_US) * d->rate_hz / MICROS;

	if (d->anchored && clock_hz == d->clock_hz) {
		int32_t delta = (int32_t)(packet->timestamp - d->anchor_ts);
		pos = d->anchor_pos + (int64_t)delta * d->rate_hz / clock_hz;
		if (pos - arrived > slack || arrived - pos > slack)
			pos = arrived;
	}
	d->anchored = true;
	d->clock_hz = clock_hz;
	d->anchor_ts = packet->timestamp;
	d->anchor_pos = pos;
	return pos;
}

static void play(struct rec_dir *d, const struct dp_tap_packet *packet)
{
	static int16_t pcm[SAMPLES_MAX];
	struct player *p = player_of(d, packet->pt);
	int n;

	if (p == NULL || p->payload.codec == 0 || p->payload.action >= DP_PT_EVENT) {
		/* a codec of no name here; events and noise have no clock, or say what they are */
		bool voice = p != NULL && p->payload.clock_hz != 0 &&
			     p->payload.action < DP_PT_EVENT && packet->pt != 13;
		d->counts.no_codec += p == NULL || voice;
		d->counts.events += p != NULL && !voice;
		return;
	}
	if (!player_start(p, d->rate_hz)) {
		d->counts.no_codec++;
		return;
	}
	n = decode(p, packet, pcm);
	if (n < 0) {
		d->counts.undecodable++;
		return;
	}
	d->counts.played++;
	place(d, join(d, packet, clock_of(&p->payload)), pcm, (uint32_t)n);
}

/* ---- order ---- */

static void play_first(struct rec_dir *d)
{
	struct queued *q = TAILQ_FIRST(&d->queue);

	d->next_seq = q->seq + 1;
	play(d, q->packet);
	queue_drop(d, q);
}

/* Another talker, or another numbering of the same. */
static void begin(struct rec_dir *d, const struct dp_tap_packet *packet)
{
	while (!TAILQ_EMPTY(&d->queue))
		play_first(d);
	if (d->begun && d->ssrc != packet->ssrc)
		for (uint32_t i = 0; i < d->n_players; i++)
			player_reset(&d->players[i]);
	d->begun = true;
	d->ssrc = packet->ssrc;
	d->next_seq = UINT32_C(0x10000) | packet->seq;
	d->anchored = false;
}

/* By its number; false: it is there already, or there is no memory, or no room. */
static bool insert(struct rec_dir *d, const struct dp_tap_packet *packet, uint32_t seq)
{
	struct queued *after, *q;

	TAILQ_FOREACH_REVERSE(after, &d->queue, queued_list, link)
	{
		if ((int32_t)(after->seq - seq) <= 0)
			break;
	}
	if (after != NULL && after->seq == seq) {
		d->counts.duplicates++;
		return false;
	}
	q = malloc(sizeof(*q) + sizeof(*packet) + packet->n);
	if (q == NULL)
		return false;
	q->seq = seq;
	q->packet = (void *)(q + 1);
	memcpy(q->packet, packet, sizeof(*packet) + packet->n);
	if (after != NULL)
		TAILQ_INSERT_AFTER(&d->queue, after, q, link);
	else
		TAILQ_INSERT_HEAD(&d->queue, q, link);
	d->n_queued++;
	return true;
}

static void play_ready(struct rec_dir *d)
{
	struct queued *q;

	while ((q = TAILQ_FIRST(&d->queue)) != NULL &&
		(q->seq == d->next_seq || d->n_queued > QUEUE_MAX))
		play_first(d);
}

void rec_dir_put(struct rec_dir *d, const struct dp_tap_packet *packet)
{
	uint32_t seq = d->next_seq + (uint32_t)(int16_t)(packet->seq - (uint16_t)d->next_seq);
	int32_t ahead = (int32_t)(seq - d->next_seq);

	d->counts.packets++;
	if (!d->begun || d->ssrc != packet->ssrc || ahead > SEQ_JUMP || ahead < -SEQ_JUMP) {
		begin(d, packet);
		seq = d->next_seq;
	} else if (ahead < 0) {
		d->counts.late++;
		return;
	}
	if (insert(d, packet, seq))
		play_ready(d);
}

void rec_dir_advance(struct rec_dir *d, uint64_t now_us)
{
	struct queued *q;

	while ((q = TAILQ_FIRST(&d->queue)) != NULL &&
		(now_us == UINT64_MAX || q->packet->time_us + REC_HOLD_US <= now_us)) {
		play_first(d);
		play_ready(d);
	}
}

void rec_dir_take(struct rec_dir *d, int16_t *pcm, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)((uint64_t)d->taken++ % d->room);
		pcm[i] = d->line[at];
		d->line[at] = 0;
	}
}

uint64_t rec_dir_end(const struct rec_dir *d)
{
	return (uint64_t)d->end;
}

void rec_dir_counts_add(const struct rec_dir *d, struct rec_dir_counts *sum)
{
	sum->packets += d->counts.packets;
	sum->played += d->counts.played;
	sum->events += d->counts.events;
	sum->duplicates += d->counts.duplicates;
	sum->late += d->counts.late;
	sum->undecodable += d->counts.undecodable;
	sum->no_codec += d->counts.no_codec;
}
