/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Codec policy: any classes of the two sides, any offer and answer. What comes out must be a
 * session that the data plane takes, and descriptions without a payload type twice. Input: 4 bytes of policy
 * for each side, then session descriptions that are separated by NUL: offer, answer, and the same
 * from the other side.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/session/check.h"
#include "sip-b2bua/sdp/codec_policy.h"

static const uint8_t *data_p;
static size_t data_n;

/* The description up to the next NUL; an empty list when it is none. */
static void take_list(struct codec_list *list)
{
	static struct sdp sdp;
	const uint8_t *end = data_n ? memchr(data_p, 0, data_n) : NULL;
	size_t n = end ? (size_t)(end - data_p) : data_n;

	memset(list, 0, sizeof(*list));
	if (sdp_parse(&sdp, (struct view){(const char *)data_p, n}) == 0 && sdp.n_media > 0)
		codec_list_read(&sdp, 0, list);
	data_p += n + (end != NULL);
	data_n -= n + (end != NULL);
}

static void take_policy(const uint8_t p[4], struct codec_policy *policy)
{
	*policy = (struct codec_policy){.transcoding = (uint8_t)(1 + p[0] % 3),
		.packet_ms = (uint8_t)(p[0] & 64 ? 10 + p[1] % 51 : 0),
		.amr_form = p[0] >> 7};
	for (uint8_t codec = 1; codec < CFG_N_CODECS; codec++) {
		uint8_t which = p[0] & 32 ? (uint8_t)(CFG_N_CODECS - codec) : codec;

		if (((unsigned int)p[2] | (unsigned int)p[3] << 8) >> which & 1)
			policy->codec[policy->n++] = which;
	}
}

static void check_list(const struct codec_list *list)
{
	uint64_t seen[2] = {0};

	if (list->n > CODEC_FORMATS_MAX)
		abort();
	for (unsigned int i = 0; i < list->n; i++) {
		uint8_t pt = list->format[i].pt;

		if (pt > 127 || seen[pt / 64] >> (pt % 64) & 1)
			abort();
		seen[pt / 64] |= UINT64_C(1) << (pt % 64);
	}
}

static void leg_set(struct dp_leg *leg, const struct codec_leg *codecs, uint8_t host)
{
	leg->local = (struct ipaddr){
		.family = 4, .ip = {192, 0, 2, host}, .port_be16 = (uint16_t)(host << 9)};
	leg->remote_rtp = leg->local;
	leg->flags = DP_LEG_SEND | DP_LEG_RECV;
	leg->n_payloads = codecs->n_payloads;
	memcpy(leg->payloads, codecs->payloads, sizeof(leg->payloads));
	leg->send = codecs->send;
}

static void check_result(const struct codec_sides *sides, const struct codec_result *r)
{
	struct dp_session session = {.id = 1};
	const char *why;

	check_list(&r->said);
	leg_set(&session.leg[0], &r->offerer, 1);
	leg_set(&session.leg[1], &r->answerer, 2);
	if (session_check(&session, 1, sides->can, &why) != 0)
		abort();
	if (r->said.n == 0 || r->offerer.n_payloads == 0 || r->answerer.n_payloads == 0 ||
		(r->by_core && !r->transcoded))
		abort();
	if (r->transcoded && (sides->offerer->transcoding == CFG_TRANSCODING_NEVER ||
				     sides->answerer->transcoding == CFG_TRANSCODING_NEVER))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_numbers numbers[2] = {{.key = {0}}, {.key = {0}}};
	struct codec_policy policy[2];
	struct codec_list heard[2], said;
	struct codec_result result;

	if (size < 9)
		return 0;
	take_policy(data, &policy[0]);
	take_policy(data + 4, &policy[1]);
	memset(heard, 0, sizeof(heard));
	data_p = data + 9;
	data_n = size - 9;
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct codec_sides sides = {&policy[turn], &policy[!turn],
			data[8] & 1   ? 0
			: data[8] & 2 ? UINT32_MAX & ~(1u << data[8] % DP_CODEC_END)
				      : UINT32_MAX};

		take_list(&heard[turn]);
		check_list(&heard[turn]);
		codec_numbers_learn(&numbers[turn], &heard[turn]);
		if (codec_offer(&sides, &heard[turn], &heard[!turn], &numbers[!turn], &said) !=
			CODEC_FITS) {
			if (said.n != 0)
				abort();
			continue;
		}
		check_list(&said);
		if (codec_early(&sides, &heard[turn], &said, &result) == CODEC_FITS)
			check_result(&sides, &result);
		take_list(&heard[!turn]);
		codec_numbers_learn(&numbers[!turn], &heard[!turn]);
		if (codec_answer(&sides, &heard[turn], &said, &heard[!turn], &result) == CODEC_FITS)
			check_result(&sides, &result);
	}
	return 0;
}
