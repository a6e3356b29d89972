/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A prompt or a tone on its way to one leg (DP_PLAY_PROMPT, DP_PLAY_TONE): a packet is due each
 * packet time from the first call on, until it has come to its end. It knows no sockets and no
 * addresses, and time is an input.
 *
 * Owner: made and freed by the control thread; in between it belongs to one media core, and nothing
 * here allocates, locks or logs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"

struct player;

/* Everything it is made for. Equal configurations are equal bytes. */
struct player_conf {
	struct dp_play play;
	struct dp_send send;
};

/* The samples of a prompt, there until release(owner), which player_free() calls. */
struct player_sound {
	const int16_t *pcm;
	uint64_t n_samples;
	uint32_t rate_hz;
	void *owner;
	void (*release)(void *owner);
};

/* What is played to a leg of a session that session_check() has found in order. */
void player_conf_of(
	const struct dp_session *session, unsigned int leg, struct player_conf *ret_conf);

/*
 * sound: of a prompt, else NULL; it is the player's, also when this fails. ssrc as in voice_new(),
 * and so are the errors.
 */
int player_new(const struct player_conf *conf, const struct player_sound *sound, uint32_t ssrc,
	struct player **ret_player) __attribute__((warn_unused_result));
void player_free(struct player *p);

/* p goes on where old is, when that plays the same; old is not used any more and still to be freed. */
void player_adopt(struct player *p, const struct player *old);

/* When player_tick() is to be called next, 0: at once; UINT64_MAX: its end was told. */
uint64_t player_due_us(const struct player *p);
/* What is due. Octets of the RTP packet written to rtp, or 0. max of at least VOICE_PACKET_MAX. */
uint32_t player_tick(struct player *p, uint64_t now_us, uint8_t *rtp, uint32_t max,
	struct dp_mcore_stats *stats);
/* The same without making the packet: for a core that has no time. */
void player_skip(struct player *p, uint64_t now_us);

/* It has come to its end, which is still to be told; ret_serial: of what was played. */
bool player_is_done(const struct player *p, uint32_t *ret_serial);
void player_told(struct player *p);
