/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media of one call: what each leg's session description says, our own addresses on both
 * sides, and from these the sessions that limen-control is asked for (struct ctl_media). It is
 * the only part of limen-sip that knows what the data plane wants. It sends nothing itself: the
 * call asks which lines to open, set or close, and does it. One owner: the call.
 *
 * An exchange is: media_map_offer() on the offering leg, opening of the lines that want ports,
 * media_map_print() towards the other leg; then media_map_answer() on that leg and
 * media_map_print() of the answer back. media_map_fail() forgets an exchange that came to nothing.
 *
 * Relayed: RTP and SRTP (keys by SDES, media_srtp.h, or by DTLS, media_dtls.h) with or without AVPF, over IPv4 and IPv6, up
 * to CTL_MEDIA_MAX lines. Every other line is kept in its place with port 0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/config/cfg_model.h"
#include "sip-b2bua/dialog/checkpoint.h"
#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/sdp/bundle.h"
#include "sip-b2bua/sdp/codec_policy.h"
#include "sip-b2bua/sdp/dtmf_policy.h"
#include "sip-b2bua/sdp/media_dtls.h"
#include "sip-b2bua/sdp/media_srtp.h"
#include "sip-b2bua/sdp/sdp.h"

enum media_line_state {
	MEDIA_UNUSED = 0, /* refused, or not relayed */
	MEDIA_WANTED,	  /* ports are to be asked for */
	MEDIA_ASKED,	  /* and were asked for */
	MEDIA_OPEN,
};

/* What one leg's description says of one line. */
struct media_desc {
	struct ipaddr rtp, rtcp; /* family 0: none given, or 0.0.0.0 */
	uint8_t direction;	 /* enum sdp_direction, as that leg sees it */
	bool rtcp_mux;
	bool usable;		  /* the line is relayed */
	uint8_t profile;	  /* enum sdp_profile of its m= line */
	uint16_t ptime_ms;	  /* 0: none given */
	uint32_t kbps;		  /* bandwidth_line_kbps() */
	struct codec_list codecs; /* the formats that it wants to receive */
	/* Keys of what it sends and of what we send to it; suite NONE: RTP. */
	struct sdp_crypto peer, ours;
	struct media_bundle bundle;
	struct sdp_dtls dtls; /* of its part of a handshake; fingerprint NONE: keys not by DTLS */
};

struct media_line {
	uint8_t state;	      /* enum media_line_state */
	bool fresh;	      /* opened by the present exchange: closed again when it fails */
	bool any_pt;	      /* not audio */
	bool coded;	      /* audio, and a side has a voice class: codec_policy.h decides */
	bool transcoded;      /* as last told to limen-control */
	uint8_t codec_why;    /* enum codec_why: why the present offer has no codec */
	bool bundle_offered;  /* the last offer had it in the group */
	bool rekeyed;	      /* the offerer changed its key: the other leg gets new ones too */
	uint32_t seq;	      /* of the outstanding CTL_MEDIA_SET, 0: none (the call's) */
	struct ctl_media ctl; /* as last told, or to be told, to limen-control */
	struct media_desc pending[DP_LEGS];
	struct codec_list said[DP_LEGS];       /* coded: our last description to that leg */
	struct codec_numbers numbers[DP_LEGS]; /* coded */
	struct media_keys *keys[DP_LEGS];      /* our last offer of SRTP to that leg, or NULL */
	struct media_assoc assoc[DP_LEGS];
	struct ctl_play under[DP_LEGS]; /* what media_map_insert() interrupted */
};

struct media_side {
	uint64_t sess_id, sess_version; /* of our o= towards this leg */
	uint64_t hash;			/* of the last description sent, 0: none */
	char realm[CTL_NAME_MAX];
	struct ipaddr fallback; /* for o= while no line is open: our signalling address */
	uint32_t timeout_ms;
	uint8_t family; /* wanted for media: 4, 6 */
	uint8_t dscp;
	bool latch;
	uint8_t bundle; /* enum cfg_bundle */
	struct media_srtp srtp;
	struct codec_policy codecs;
	char music[CTL_NAME_MAX]; /* the prompt that the other leg hears while this one holds */
	struct dtmf_policy dtmf;
};

struct media_map {
	uint64_t call_id;
	uint32_t cookie;  /* the call's, for CTL_PLAY_DONE */
	bool emergency;	  /* it may have the ports that others leave free */
	uint8_t n_media;  /* media lines of the descriptions, also those that are not relayed */
	uint8_t n_before; /* the same, before the present offer */
	uint8_t offerer;  /* leg of the present or last offer */
	bool answered;	  /* an answer was taken in the present exchange */
	bool in_success;  /* the present offer goes on in a 2xx, which nobody can refuse */
	/* Not reported yet: lines of keys that were ignored, offers and answers refused for SRTP. */
	uint32_t n_crypto_ignored, n_srtp_refused;
	struct fingerprint own;		    /* our certificate; hash NONE: no new handshakes now */
	struct ctl_transcoder transcoder;   /* what the data plane can do */
	char codec[DP_LEGS][CTL_CODEC_MAX]; /* that the legs talk since the last answer */
	uint8_t dtmf[DP_LEGS];		    /* enum ctl_dtmf_way of the first audio line, ... */
	uint8_t dtmf_line;		    /* ... which is this */
	bool alone;			    /* leg 1 is the box itself: the session has leg 0 */
	bool local; /* the box answers for leg 1, whose own answer is still to come */
	uint32_t play_serial;
	struct ctl_play play[DP_LEGS]; /* what the leg is to hear, besides hold music */
	uint8_t n_lines;	       /* in line[] */
	struct media_line *line[CTL_MEDIA_MAX];
	struct media_side side[DP_LEGS];
};

void media_map_init(struct media_map *map, uint64_t call_id, const uint64_t id_key[2]);
void media_map_clear(struct media_map *map); /* wipes and frees; closes nothing */

/* The realm that a leg's media lives in. signalling: our address on that leg. */
void media_map_set_side(struct media_map *map, unsigned int leg, const struct cfg_realm *realm,
	const struct ipaddr *signalling);
/* Its policy on SRTP, for a new call or another trunk: keys offered to the leg before are gone. */
void media_map_set_srtp(struct media_map *map, unsigned int leg, const struct cfg *cfg,
	const struct cfg_realm *realm, const struct cfg_trunk *trunk);

/* Its codecs and when they are transcoded. Before an offer that goes to the side. */
static inline void media_map_set_codecs(struct media_map *map, unsigned int leg,
	const struct cfg *cfg, const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	codec_policy_set(&map->side[leg].codecs, cfg, realm, trunk);
	dtmf_policy_set(&map->side[leg].dtmf, realm, trunk);
}
/* What the data plane can transcode; before each offer. */
static inline void media_map_set_transcoder(
	struct media_map *map, const struct ctl_transcoder *transcoder)
{
	map->transcoder = *transcoder;
}
/* Voice of an open line is transcoded. */
bool media_map_transcoded(const struct media_map *map);
/* Why media_map_print() had no codec to offer; *ret_soon: it may be otherwise in a moment (503). */
const char *media_map_no_codec(const struct media_map *map, bool *ret_soon);

/* limen-nat's certificate, or NONE; before a side's policy is set and before each offer. */
static inline void media_map_set_own(struct media_map *map, const struct fingerprint *own)
{
	map->own = *own;
}
/* A side requires DTLS, and there is no limen-nat to do it. */
bool media_map_lacks_dtls(const struct media_map *map, unsigned int leg);

/*
 * The called side moves to another realm (hunting) before an answer: every line wants new ports
 * there. Lines that were open are to be closed first: bit i set in the result. keep_leg0: leg 0's
 * ports are already known to the caller and are claimed again.
 */
uint32_t media_map_reroute(struct media_map *map, bool keep_leg0);

/*
 * The same offer goes to the called side again, to another trunk or without SRTP: what was heard
 * of an earlier answer is forgotten. Bits of the lines whose CTL_MEDIA_SET is to be sent again.
 */
uint32_t media_map_offer_again(struct media_map *map);

/*
 * Takes an offer of a leg. 0: lines in MEDIA_WANTED need ports (maybe none). -ENOTSUP: nothing in
 * it can be relayed (488), -EAGAIN: limen-nat is missing (503), -EINVAL: not a proper offer (fewer
 * lines than before), -ENOMEM.
 * *ret_reason: a sentence on failure.
 */
int media_map_offer(struct media_map *map, const struct sdp *sdp, unsigned int leg,
	const char **ret_reason) __attribute__((warn_unused_result));

/* The reply for a line that was asked for. -EPROTO when it cannot be used; the line is unused then. */
int media_map_opened(struct media_map *map, unsigned int index,
	const struct ctl_media_opened *reply) __attribute__((warn_unused_result));
bool media_map_all_open(const struct media_map *map); /* nothing is wanted or asked for */

/*
 * Takes the answer of the other leg; may be repeated with another one while the exchange lasts
 * (early answers, forks). Bits of *ret_set: lines whose CTL_MEDIA_SET is to be sent again; of
 * *ret_close: lines to be closed. -EINVAL: does not answer the offer, or not with the SRTP that
 * was offered.
 */
int media_map_answer(struct media_map *map, const struct sdp *sdp, unsigned int leg,
	uint32_t *ret_set, uint32_t *ret_close, const char **ret_reason)
	__attribute__((warn_unused_result));

/*
 * The far end refused the offer, or every line of it. true: it was offered SRTP, its policy is
 * prefer, and the offer may go out once more, now without.
 */
bool media_map_fall_back(struct media_map *map, unsigned int leg);

/*
 * The suite of a leg, enum dp_srtp_suite; NONE unless all of its open lines are encrypted, and
 * while only the handshake will tell.
 */
uint8_t media_map_srtp(const struct media_map *map, unsigned int leg);
/* Where its keys come from; NONE unless all of its open lines are encrypted. */
enum ctl_keying media_map_keying(const struct media_map *map, unsigned int leg);

/* Lines up to n, new ones unused. -ENOMEM. */
int media_map_grow(struct media_map *map, unsigned int n) __attribute__((warn_unused_result));

/* The exchange failed: bits of the lines that it had opened and that are to be closed. */
uint32_t media_map_fail(struct media_map *map);
/* Nothing was agreed for good: every line may move, and is closed when the exchange fails. */
void media_map_renew(struct media_map *map);
/* Each line that both legs' descriptions take has a codec that both of them name. */
bool media_map_shares_codecs(const struct media_map *map);
/* The exchange is complete. */
void media_map_done(struct media_map *map);

/*
 * Appends a leg's description, rewritten for the other one: our addresses, our origin with its own
 * id and a version that grows exactly when the text changes, attributes of the allow table only.
 * -EMSGSIZE, -EINVAL, -ENOMEM; -ENOTSUP: an offer in which no line has a codec for that leg.
 */
int media_map_print(struct media_map *map, const struct sdp *sdp, unsigned int to_leg,
	struct sip_buf *out) __attribute__((warn_unused_result));

/* ---- media_local.c: the box as leg 1, and what is played ---- */

/* From now on leg 1 is the box. Lines that are open want ports anew: media_map_reroute(). */
void media_map_set_alone(struct media_map *map);
/* The music of a far end that holds, by its trunk or realm. */
void media_map_set_music(struct media_map *map, unsigned int leg, const struct cfg_realm *realm,
	const struct cfg_trunk *trunk);
/* What a leg is to hear from the next answer on; kind NONE ends it. Its serial is set here. */
void media_map_play(struct media_map *map, unsigned int leg, const struct ctl_play *play);
/*
 * In the middle of a call, without an exchange: a leg hears a prompt once, media_map_insert_over()
 * gives it back what it heard. The line whose CTL_MEDIA_SET is to be sent, or -ENOTSUP: the leg does
 * not listen, or its codec cannot be made.
 */
int media_map_insert(struct media_map *map, unsigned int leg, const struct ctl_play *play)
	__attribute__((warn_unused_result));
int media_map_insert_over(struct media_map *map, unsigned int leg)
	__attribute__((warn_unused_result));
/* false with a sentence: there are no media cores, or they are busy. */
bool media_map_can_play(const struct media_map *map, const char **ret_reason);
/* What the box answers to the present offer of leg 0, for media_map_answer(). -ENOTSUP, -EMSGSIZE. */
int media_map_local_answer(const struct media_map *map, const struct sdp *offer,
	struct sip_buf *out, const char **ret_reason) __attribute__((warn_unused_result));
/* What it offers, where leg 0 wants an offer; for media_map_offer() of leg 1. */
int media_map_local_offer(const struct media_map *map, struct sip_buf *out, const char **ret_reason)
	__attribute__((warn_unused_result));

/* ---- media_checkpoint.c ---- */

void media_map_checkpoint(const struct media_map *map, struct ckpt_out *out);
/* Into an initialised map. -EINVAL, -ENOMEM; the map is then to be cleared. */
int media_map_restore(struct media_map *map, struct ckpt_in *in)
	__attribute__((warn_unused_result));
