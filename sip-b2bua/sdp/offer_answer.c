/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two tables: [state][message][with description] for what comes and for what goes. */
#include "sip-b2bua/sdp/offer_answer.h"

struct step {
	uint8_t ok; /* 0: a violation (so that what is not listed is one) */
	uint8_t event, next;
};

#define STEP(event, next)                \
	{                                \
		1, OA_##event, OA_##next \
	}

static const struct step
	receive_steps[OA_N_STATES][OA_N_MSGS][2] =
		{
			[OA_REST] =
				{
					[OA_INVITE] = {STEP(OFFER_WANTED, MUST_OFFER),
						STEP(OFFER, PEER_OFFERED)},
					/* Late copies of what was agreed already. */
					[OA_PROVISIONAL] = {STEP(NOTHING, REST),
						STEP(NOTHING, REST)},
					[OA_RELIABLE] = {STEP(NOTHING, REST), STEP(NOTHING, REST)},
					[OA_SUCCESS] = {STEP(NOTHING, REST), STEP(NOTHING, REST)},
					[OA_ACK] = {STEP(NOTHING, REST), STEP(NOTHING, REST)},
				},
			[OA_WE_OFFERED] =
				{
					[OA_PROVISIONAL] =
						{STEP(NOTHING, WE_OFFERED),
							STEP(EARLY_ANSWER, WE_OFFERED_EARLY)},
					[OA_RELIABLE] = {STEP(NOTHING, WE_OFFERED),
						STEP(EARLY_ANSWER, WE_OFFERED_EARLY)},
					/* Our offer was in a reliable provisional (RFC 3262 5). */
					[OA_PRACK] = {[1] = STEP(ANSWER, REST)},
					[OA_SUCCESS] = {[1] = STEP(ANSWER, REST)},
					[OA_ACK] = {[1] = STEP(ANSWER, REST)},
				},
			[OA_WE_OFFERED_EARLY] =
				{
					[OA_PROVISIONAL] =
						{STEP(NOTHING, WE_OFFERED_EARLY),
							STEP(EARLY_ANSWER, WE_OFFERED_EARLY)},
					[OA_RELIABLE] = {STEP(NOTHING, WE_OFFERED_EARLY),
						STEP(EARLY_ANSWER, WE_OFFERED_EARLY)},
					[OA_SUCCESS] =
						{STEP(ANSWER_KEPT, REST), STEP(ANSWER, REST)},
				},
			[OA_ASKED] =
				{
					/* An offer in an unreliable provisional is not one (RFC 3262 5). */
					[OA_PROVISIONAL] = {STEP(NOTHING, ASKED), STEP(NOTHING,
											  ASKED)},
					[OA_RELIABLE] = {STEP(NOTHING, ASKED),
						STEP(OFFER, PEER_OFFERED)},
					[OA_SUCCESS] = {[1] = STEP(OFFER, PEER_OFFERED)},
				},
			[OA_PEER_OFFERED] =
				{
					/* Its offer came in a reliable provisional, and our PRACK with the answer
			   has not left; another branch may say something. */
					[OA_PROVISIONAL] =
						{STEP(NOTHING, PEER_OFFERED),
							STEP(NOTHING, PEER_OFFERED)},
					[OA_RELIABLE] = {STEP(NOTHING, PEER_OFFERED),
						STEP(NOTHING, PEER_OFFERED)},
				},
};

static const struct step send_steps[OA_N_STATES][OA_N_MSGS][2] =
	{
		[OA_REST] =
			{
				[OA_INVITE] = {STEP(NOTHING, ASKED), STEP(NOTHING, WE_OFFERED)},
				[OA_PROVISIONAL] = {STEP(NOTHING, REST)},
				[OA_RELIABLE] = {STEP(NOTHING, REST)},
				[OA_SUCCESS] = {STEP(NOTHING, REST)},
				[OA_ACK] = {STEP(NOTHING, REST)},
			},
		[OA_PEER_OFFERED] =
			{
				[OA_PROVISIONAL] = {STEP(NOTHING, PEER_OFFERED),
					STEP(NOTHING, PEER_OFFERED)},
				[OA_RELIABLE] = {STEP(NOTHING, PEER_OFFERED),
					STEP(NOTHING, PEER_OFFERED)},
				/* Without one: the answer went in a reliable provisional. */
				[OA_SUCCESS] = {STEP(NOTHING, REST), STEP(NOTHING, REST)},
				[OA_PRACK] = {[1] = STEP(NOTHING, REST)},
				[OA_ACK] = {[1] = STEP(NOTHING, REST)},
			},
		[OA_MUST_OFFER] =
			{
				[OA_PROVISIONAL] = {STEP(NOTHING, MUST_OFFER)},
				[OA_RELIABLE] = {STEP(NOTHING, MUST_OFFER),
					STEP(NOTHING, WE_OFFERED)},
				[OA_SUCCESS] = {[1] = STEP(NOTHING, WE_OFFERED)},
			},
};

enum oa_event oa_receive(struct oa *oa, enum oa_msg msg, bool has_sdp)
{
	const struct step *step = &receive_steps[oa->state][msg][has_sdp];

	if (!step->ok)
		return OA_VIOLATION;
	oa->established |= step->event == OA_ANSWER || step->event == OA_ANSWER_KEPT;
	oa->state = step->next;
	return step->event;
}

bool oa_send(struct oa *oa, enum oa_msg msg, bool has_sdp)
{
	const struct step *step = &send_steps[oa->state][msg][has_sdp];

	if (!step->ok)
		return false;
	oa->established |= oa->state == OA_PEER_OFFERED && step->next == OA_REST;
	oa->state = step->next;
	return true;
}

void oa_fail(struct oa *oa)
{
	oa->state = OA_REST;
}
