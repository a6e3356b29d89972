/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codecs of "voice class codec" by the names that engineers know. */
#include "controlplane/config/schema.h"

#include "dataplane/api/dp_codec.h"

const struct cfg_word cfg_codec_words[] = {
	{"g711ulaw", CFG_CODEC_G711U, "PCMU, 64 kbit/s"},
	{"g711alaw", CFG_CODEC_G711A, "PCMA, 64 kbit/s"},
	{"g722-64", CFG_CODEC_G722, "G.722, wide band, 64 kbit/s"},
	{"g726r32", CFG_CODEC_G726, "G.726 at 32 kbit/s, octets as in RFC 3551"},
	{"aal2-g726r32", CFG_CODEC_AAL2_G726, "G.726 at 32 kbit/s, octets as in ITU-T I.366.2"},
	{"g729r8", CFG_CODEC_G729, "G.729, 8 kbit/s, offered without annex B"},
	{"g729br8", CFG_CODEC_G729B, "G.729, 8 kbit/s, offered with annex B"},
	{"opus", CFG_CODEC_OPUS, "Opus, mono voice"},
	{"gsmfr", CFG_CODEC_GSM, "GSM full rate, 13 kbit/s"},
	{"amr-nb", CFG_CODEC_AMR, "AMR, 4.75 to 12.2 kbit/s"},
	{"amr-wb", CFG_CODEC_AMR_WB, "AMR-WB (G.722.2), 6.6 to 23.85 kbit/s"},
	{"l16-8k", CFG_CODEC_L16, "Linear samples at 8 kHz"},
	{"l16-16k", CFG_CODEC_L16_WIDE, "Linear samples at 16 kHz"},
	{"transparent", CFG_CODEC_TRANSPARENT, "Whatever else the other side offers"},
	{NULL, 0, NULL},
};
_Static_assert(sizeof(cfg_codec_words) / sizeof(cfg_codec_words[0]) == CFG_N_CODECS,
	"every codec has its word");

const char *cfg_codec_word(uint8_t codec)
{
	return codec >= 1 && codec < CFG_N_CODECS ? cfg_codec_words[codec - 1].word : "?";
}

uint8_t cfg_codec_id(uint8_t codec)
{
	static const uint8_t ids[CFG_N_CODECS] = {
		[CFG_CODEC_G711U] = DP_CODEC_PCMU,
		[CFG_CODEC_G711A] = DP_CODEC_PCMA,
		[CFG_CODEC_G722] = DP_CODEC_G722,
		[CFG_CODEC_G726] = DP_CODEC_G726_32,
		[CFG_CODEC_AAL2_G726] = DP_CODEC_AAL2_G726_32,
		[CFG_CODEC_G729] = DP_CODEC_G729,
		[CFG_CODEC_G729B] = DP_CODEC_G729,
		[CFG_CODEC_OPUS] = DP_CODEC_OPUS,
		[CFG_CODEC_GSM] = DP_CODEC_GSM,
		[CFG_CODEC_AMR] = DP_CODEC_AMR,
		[CFG_CODEC_AMR_WB] = DP_CODEC_AMR_WB,
		[CFG_CODEC_L16] = DP_CODEC_L16_8K,
		[CFG_CODEC_L16_WIDE] = DP_CODEC_L16_16K,
	};

	return codec < CFG_N_CODECS ? ids[codec] : DP_CODEC_NONE;
}
