/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which codecs each side of a call gets to see and to use, and whether its voice is relayed or
 * transcoded. Pure functions over lists of formats (codec_list.h); media_offer.c and media_answer.c
 * call them, for audio lines of calls of which a side has a voice class. Any thread.
 *
 * The offerer's description becomes an offer to the other side: what both sides allow, in the order
 * of that side's class, then what it could be transcoded to. The answer then decides: its first
 * codec is what that side talks. When the offerer had offered it too, packets pass as they are;
 * else the offerer is answered with a codec of its own offer, and a media core stands between.
 */
#pragma once

#include "controlplane/config/cfg_model.h"
#include "sip-b2bua/sdp/codec_list.h"

struct cfg;

/* Of one side, copied from the configuration when the call gets to it. */
struct codec_policy {
	uint8_t transcoding;	     /* enum cfg_transcoding; of REALM none is left */
	uint8_t packet_ms;	     /* 0: as the far end asks */
	uint8_t amr_form;	     /* enum cfg_amr_form */
	uint8_t n;		     /* 0: no class, all codecs as they come */
	uint8_t codec[CFG_LIST_MAX]; /* enum cfg_codec, the preferred one first */
};

void codec_policy_set(struct codec_policy *policy, const struct cfg *cfg,
	const struct cfg_realm *realm, const struct cfg_trunk *trunk);

/* The two sides of a line, the offerer first, and what the data plane can do now. */
struct codec_sides {
	const struct codec_policy *offerer, *answerer;
	uint32_t can; /* bit n: enum dp_codec_id n can be transcoded by a media core */
	bool core;    /* one is to stand between although the two sides share their codec */
};

/* Whether one may, for codecs that the data plane has. */
static inline bool codec_may_transcode(const struct codec_sides *sides)
{
	return sides->offerer->transcoding != CFG_TRANSCODING_NEVER &&
	       sides->answerer->transcoding != CFG_TRANSCODING_NEVER && sides->can != 0;
}

/* Why there is nothing to offer, or no codec to use. */
enum codec_why {
	CODEC_FITS,
	CODEC_OFFER_DENIED,  /* the class of the offering side allows none of its codecs */
	CODEC_NOTHING_FITS,  /* no codec that both classes allow, and none to transcode to */
	CODEC_NO_TRANSCODER, /* transcoding would help, and is not possible */
	CODEC_NOT_ALLOWED,   /* transcoding would help, and a side says never */
	CODEC_NO_ANSWER,     /* the answer names no codec that was offered */
	CODEC_N_WHYS,
};

/*
 * What is offered to the answering side. offer: as the offering side said it. known: what the
 * answering side said before in this call, or empty; that, too, may be offered. numbers: of the
 * answering side. An empty list when there is a reason.
 */
enum codec_why codec_offer(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *known, struct codec_numbers *numbers, struct codec_list *ret_said)
	__attribute__((warn_unused_result));

/* One leg as the data plane is told of it. */
struct codec_leg {
	uint8_t n_payloads;
	uint8_t pt; /* of the codec that it talks, in its own description */
	struct dp_payload payloads[DP_PAYLOAD_TYPES]; /* accepted from it */
	struct dp_send send;			      /* what could be, or is, made for it */
	uint32_t flags;				      /* enum dp_leg_flags that digits need */
};

struct codec_result {
	bool transcoded;	/* voice is not relayed as it is */
	bool by_core;		/* a media core does it, not the table of the packet workers */
	struct codec_list said; /* the answer to the offerer */
	struct codec_leg offerer, answerer;
	uint8_t dtmf_offerer,
		dtmf_answerer; /* enum ctl_dtmf_way: dtmf_policy.h, not codec_answer() */
};

/*
 * What comes of an answer. offer and answer: as the two sides said them; said: what was offered to
 * the answering side.
 */
enum codec_why codec_answer(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *said, const struct codec_list *answer,
	struct codec_result *ret_result) __attribute__((warn_unused_result));

/* The same before there is an answer, for media that comes early: with what it may turn out to be. */
enum codec_why codec_early(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *said, struct codec_result *ret_result)
	__attribute__((warn_unused_result));
