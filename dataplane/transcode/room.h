/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A mixer room (DP_PLAY_ROOM): what its members send is decoded and mixed every 10 ms at 16 kHz, and
 * each is sent the sum of the others. A member's own jitter buffer parts its clock from the room's;
 * who sends nothing, or too late, is silent in a frame and holds up nobody.
 *
 * A room only mixes; each member encodes for itself when a packet of its own length is there, so
 * that a core has other things to do between two members.
 *
 * Owner of rooms and members: made and freed by the control thread; from the first room_join() to the
 * last room_leave() one media core's, which is the same for all of a room. Nothing else here
 * allocates, locks or logs. It knows no sockets and no addresses, and time is an input.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"
#include "dataplane/transcode/voice.h"

#define ROOM_FRAME_MS 10
#define ROOM_HZ	      16000

struct room;
struct member;

/* -ENOMEM. */
int room_new(struct room **ret_room) __attribute__((warn_unused_result));
/* Nobody is in it. */
void room_free(struct room *r);

/* Everything a member is made for. Equal configurations are equal bytes. */
struct member_conf {
	struct voice_conf in; /* what it sends, as the room hears it */
	struct dp_send send;  /* what it is sent */
	uint32_t room_id;
	uint32_t serial;
};

/* A leg that is in a room, of a session that session_check() has found in order. */
void member_conf_of(
	const struct dp_session *session, unsigned int leg, struct member_conf *ret_conf);

/*
 * For that room, which it is not in yet. released (or NULL) is called by member_free(). ssrc and
 * errors as in voice_new().
 */
int member_new(const struct member_conf *conf, struct room *room, uint32_t ssrc,
	void (*released)(void *arg), void *arg, struct member **ret_member)
	__attribute__((warn_unused_result));
/* It is in no room any more. */
void member_free(struct member *m);
struct room *member_room(const struct member *m);

/* ---- by the media core ---- */

/* -ENOSPC: DP_ROOM_MEMBERS_MAX are there. The first one starts the room's clock. */
int room_join(struct member *m, uint64_t now_us);
void room_leave(struct member *m);
/* m for old, which is in the same room and leaves it. */
void room_replace(struct member *m, struct member *old);

uint32_t room_n_members(const struct room *r);
struct member *room_member(const struct room *r, uint32_t i); /* 0 .. n - 1 */
/* Somebody's mark for a member. */
void member_set_owner(struct member *m, void *owner);
void *member_owner(const struct member *m);

/* When room_tick() is to be called next; UINT64_MAX: nobody is there. */
uint64_t room_due_us(const struct room *r);
/* Mixes one frame; members may have a packet due then. */
void room_tick(struct room *r, uint64_t now_us, struct dp_mcore_stats *stats);
/* All frames that are due pass unheard: for a core that has no time. */
void room_skip(struct room *r, uint64_t now_us);

/* An RTP packet of the leg: its lengths fit, its payload type is accepted. */
void member_put(struct member *m, const uint8_t *rtp, uint32_t len, uint64_t now_us,
	struct dp_mcore_stats *stats);
/* When a packet is due; UINT64_MAX: not before the next frame. */
uint64_t member_due_us(const struct member *m);
/* What is due. Octets of the RTP packet written to rtp, or 0. max of at least VOICE_PACKET_MAX. */
uint32_t member_tick(struct member *m, uint8_t *rtp, uint32_t max, struct dp_mcore_stats *stats);
void member_skip(struct member *m);
