/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Jitter buffer: takes RTP packets as they arrive, hands out what to play next, at the pace of who
 * asks. It copies payloads and knows nothing of codecs: the caller says how long a packet is.
 *
 * Delay. Each packet has a transit time (arrival minus timestamp). The buffer keeps its minimum
 * over the last 4 to 8 s and a histogram of the excess over it of the last 512 packets (5 ms
 * steps). The target delay is what the latest 1 % exceed, inside [min_ms, max_ms]; with min_ms ==
 * max_ms it is fixed. The delay in being is that of a packet with the least transit time. It moves
 * towards the target by whole packets:
 *   - up: when nothing has arrived in time, concealment does not use up time of the talker, as
 *     long as the delay stays within max_ms; in quiet, a frame is inserted;
 *   - down: in quiet, two packets are merged into one, and a gap of silence is shortened; in
 *     speech only when there are 2 packets (and at least 40 ms) too much, and once in 200 ms;
 *   - at once: what is more than 100 ms (or 3 packets) beyond max_ms is thrown away.
 * Clock drift between the sender and the caller is nothing else than a slow change of the delay.
 *
 * Sequence numbers are extended; a duplicate is dropped, a packet older than what was played is
 * late. A hole in timestamps without one in sequence numbers is silence, not loss (DTX), and so is
 * what follows comfort noise. When SSRC, sequence number or timestamp jump, the new numbering is
 * joined to the old one by arrival time, and playing goes on.
 *
 * Owner: one thread. Memory: allocated by _new alone, about 1.6 KB + slots * (payload_max + 40).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VP_JITTER_SLOTS_MIN   8
#define VP_JITTER_SLOTS_MAX   256
#define VP_JITTER_DELAY_MAX   500 /* ms */
#define VP_JITTER_IDLE_MS     300 /* without packet or noise: end playing, start anew with the next */
#define VP_JITTER_PAYLOAD_MAX 4096

struct vp_jitter;

struct vp_jitter_conf {
	uint32_t clock_hz;    /* of RTP timestamps (G.722: 8000) */
	uint32_t min_ms;      /* 0 to max_ms; usual: 20 */
	uint32_t max_ms;      /* to VP_JITTER_DELAY_MAX; usual: 200 */
	uint32_t payload_max; /* octets; longer packets are refused */
	uint32_t slots; /* power of two; must hold max_ms and 100 ms of the shortest packets */
};

/* What a packet is to the buffer. */
enum vp_jitter_kind {
	VP_JITTER_VOICE,
	VP_JITTER_NOISE, /* comfort noise, or a SID: silence follows */
	VP_JITTER_EVENT, /* telephone-event: holds its place in the sequence; not handed out */
};

struct vp_jitter_packet {
	uint32_t ssrc;
	uint32_t timestamp;
	uint16_t seq;
	uint8_t kind; /* enum vp_jitter_kind */
	uint8_t marker;
	uint8_t pt;	      /* handed out again as it is */
	uint32_t duration_ts; /* of voice, in units of the clock, above 0; else ignored */
	const uint8_t *payload;
	uint32_t len;
};

/* What became of a packet that was put. */
enum vp_jitter_put {
	VP_JITTER_TAKEN,
	VP_JITTER_DUPLICATE,
	VP_JITTER_LATE,	   /* its time is over, or concealed already */
	VP_JITTER_REFUSED, /* longer than payload_max, no duration, or further ahead than the slots */
};

enum vp_jitter_what {
	VP_JITTER_PLAY,	   /* decode the payload */
	VP_JITTER_CONCEAL, /* nothing there: conceal duration_ts, at most a packet's */
	VP_JITTER_SILENT,  /* the talker is silent: duration_ts of comfort noise, or silence */
	VP_JITTER_WAIT,	   /* nothing to play yet or any more; as silence */
};

struct vp_jitter_chunk {
	enum vp_jitter_what what;
	uint32_t duration_ts; /* PLAY of noise: 0, ask again for what to play */
	/*
	 * PLAY: ask again at once, and cross-fade these samples into those of the next chunk, which
	 * is sure to be PLAY of the same duration: one packet's time is saved (vp_merge).
	 */
	bool merge;
	/* PLAY: the packet. CONCEAL: the one after the gap when it is there (in-band FEC), or NULL. */
	uint8_t kind, pt, marker;
	const uint8_t *payload; /* good until the next call */
	uint32_t len;
};

/* Everything since _new. Times in ms; delays are those of a packet with the least transit time. */
struct vp_jitter_stats {
	uint64_t received; /* packets that were put */
	uint64_t played;   /* packets handed out */
	uint64_t lost;	   /* never came, or too late */
	uint64_t late;	   /* came after their time */
	uint64_t duplicates;
	uint64_t refused;
	uint64_t overflow; /* thrown away: the delay would have gone too far over max_ms */
	uint64_t concealed_ms;
	uint64_t silence_ms;
	uint64_t inserted_ms; /* delay gained: by concealment without loss, or silence prolonged */
	uint64_t removed_ms;  /* delay shed: by merging, or silence shortened */
	uint64_t resyncs;     /* joined numberings: another SSRC, a jump */
	uint32_t target_ms;   /* RTCP-XR "JB nominal" */
	uint32_t delay_ms;    /* now; RTCP-XR "JB maximum" */
	uint32_t abs_max_ms;  /* RTCP-XR "JB abs max": conf.max_ms */
	uint32_t delay_min_ms, delay_avg_ms, delay_max_ms; /* over all packets played */
};

/* -EINVAL: conf; -ENOMEM. */
int vp_jitter_new(const struct vp_jitter_conf *conf, struct vp_jitter **ret_jitter);
void vp_jitter_free(struct vp_jitter *j);

/* Other bounds of the delay; the same rules as in conf. -EINVAL. */
int vp_jitter_set_bounds(struct vp_jitter *j, uint32_t min_ms, uint32_t max_ms);

/* Takes a packet that arrived at now_us. Counts what becomes of it. */
enum vp_jitter_put vp_jitter_put(
	struct vp_jitter *j, const struct vp_jitter_packet *p, uint64_t now_us);

/*
 * What to play next, for somebody who needs want_ts more (units of the clock, above 0). PLAY and
 * CONCEAL are as long as a packet and may be longer than that, SILENT and WAIT never are. quiet:
 * what was played last was no speech (vp_vad). Ask again until there is enough; that ends, as each
 * packet is handed out once.
 */
void vp_jitter_get(struct vp_jitter *j, uint64_t now_us, uint32_t want_ts, bool quiet,
	struct vp_jitter_chunk *ret_chunk);

void vp_jitter_stats(const struct vp_jitter *j, struct vp_jitter_stats *ret_stats);
