/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The offer/answer machine of one leg (RFC 3264, and RFC 6337 for what INVITE allows): which
 * session description is an offer, which an answer, which is only a preview or to be ignored. One
 * table; it never looks into a description. The answer in a reliable provisional is an early one
 * here as well: it is final for its dialog only, and there may be several; who uses the machine
 * remembers which. UPDATE comes when nothing is pending and is not part of it. Any thread (no state but the struct).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum oa_state {
	OA_REST, /* nothing is pending */
	OA_PEER_OFFERED,
	OA_WE_OFFERED,
	OA_WE_OFFERED_EARLY, /* and a provisional has brought what its answer will be */
	OA_MUST_OFFER,	     /* the peer's INVITE had no offer: our 2xx carries it */
	OA_ASKED,	     /* our INVITE had no offer: the peer's 2xx carries it */
	OA_N_STATES
};

enum oa_msg {
	OA_INVITE,
	OA_PROVISIONAL,
	OA_RELIABLE, /* a provisional with 100rel (RFC 3262) */
	OA_PRACK,    /* that answers what came in one; what else it brings is as in UPDATE */
	OA_SUCCESS,
	OA_ACK,
	OA_N_MSGS
};

enum oa_event {
	OA_NOTHING, /* no description, or one without meaning here: go on without it */
	OA_OFFER,
	OA_ANSWER,
	OA_EARLY_ANSWER, /* a preview (RFC 3261 13.2.1): use it for early media */
	OA_ANSWER_KEPT,	 /* a 2xx without description after an early answer: that one holds */
	OA_OFFER_WANTED, /* the peer asks us for an offer */
	OA_VIOLATION,	 /* offer or answer missing, or one at a time when none may come */
};

struct oa {
	uint8_t state;	  /* enum oa_state */
	bool established; /* one exchange was completed */
};

/* The peer's message; has_sdp: it carries a description. Moves on unless OA_VIOLATION. */
enum oa_event oa_receive(struct oa *oa, enum oa_msg msg, bool has_sdp);

/* Our message to the peer. false: it must not be sent like this now (nothing changed). */
bool oa_send(struct oa *oa, enum oa_msg msg, bool has_sdp);

/* The INVITE or its 2xx came to nothing: what was agreed before holds (RFC 3261 14.1). */
void oa_fail(struct oa *oa);
