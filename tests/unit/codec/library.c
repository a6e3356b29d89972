/* SPDX-License-Identifier: GPL-3.0-or-later */
/* library.h. Each function handles one frame; pcm is in and out. */
#include "tests/unit/codec/library.h"

#include <spandsp.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/api/dp_codec.h"

#ifdef CODEC_G729
#include <bcg729/decoder.h>
#include <bcg729/encoder.h>
#endif
#ifdef CODEC_OPUS
#include <opus.h>
#endif
#ifdef CODEC_GSM
#include <gsm.h>
#endif
#ifdef CODEC_AMR
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>
#endif
#ifdef CODEC_AMR_WB
#include <opencore-amrwb/dec_if.h>
#include <vo-amrwbenc/enc_if.h>
#endif

uint32_t library_rate(uint32_t id)
{
	return id == DP_CODEC_G722 || id == DP_CODEC_L16_16K || id == DP_CODEC_OPUS ||
			       id == DP_CODEC_AMR_WB
		       ? 16000
		       : 8000;
}

static void g711(uint32_t id, int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pcm[i] = id == DP_CODEC_PCMU ? ulaw_to_linear(linear_to_ulaw(pcm[i]))
					     : alaw_to_linear(linear_to_alaw(pcm[i]));
}

static void g722(int16_t *pcm, size_t n)
{
	g722_encode_state_t *enc = g722_encode_init(NULL, 64000, 0);
	g722_decode_state_t *dec = g722_decode_init(NULL, 64000, 0);
	uint8_t octets[160];

	for (size_t i = 0; i < n; i += 320) {
		int len = g722_encode(enc, octets, pcm + i, 320);
		(void)g722_decode(dec, pcm + i, octets, len);
	}
	g722_encode_free(enc);
	g722_decode_free(dec);
}

static void g726(int16_t *pcm, size_t n)
{
	g726_state_t *enc = g726_init(NULL, 32000, G726_ENCODING_LINEAR, G726_PACKING_NONE);
	g726_state_t *dec = g726_init(NULL, 32000, G726_ENCODING_LINEAR, G726_PACKING_NONE);
	uint8_t octets[160];

	for (size_t i = 0; i < n; i += 160) {
		int len = g726_encode(enc, octets, pcm + i, 160);
		(void)g726_decode(dec, pcm + i, octets, len);
	}
	g726_free(enc);
	g726_free(dec);
}

#ifdef CODEC_G729
static void g729(int16_t *pcm, size_t n)
{
	bcg729EncoderChannelContextStruct *enc = initBcg729EncoderChannel(0);
	bcg729DecoderChannelContextStruct *dec = initBcg729DecoderChannel();
	uint8_t octets[10], len;

	for (size_t i = 0; i < n; i += 80) {
		bcg729Encoder(enc, pcm + i, octets, &len);
		bcg729Decoder(dec, octets, len, 0, 0, 0, pcm + i);
	}
	closeBcg729EncoderChannel(enc);
	closeBcg729DecoderChannel(dec);
}
#endif

#ifdef CODEC_OPUS
static void opus(int16_t *pcm, size_t n)
{
	int error;
	OpusEncoder *enc = opus_encoder_create(16000, 1, OPUS_APPLICATION_VOIP, &error);
	OpusDecoder *dec = opus_decoder_create(16000, 1, &error);
	uint8_t octets[1275];

	(void)opus_encoder_ctl(enc, OPUS_SET_BITRATE(24000));
	(void)opus_encoder_ctl(enc, OPUS_SET_COMPLEXITY(0));
	for (size_t i = 0; i < n; i += 320) {
		int len = opus_encode(enc, pcm + i, 320, octets, sizeof(octets));
		(void)!opus_decode(dec, octets, len, pcm + i, 320, 0);
	}
	opus_encoder_destroy(enc);
	opus_decoder_destroy(dec);
}
#endif

#ifdef CODEC_GSM
static void full_rate(int16_t *pcm, size_t n)
{
	gsm enc = gsm_create(), dec = gsm_create();
	gsm_frame octets;

	for (size_t i = 0; i < n; i += 160) {
		gsm_encode(enc, pcm + i, octets);
		(void)gsm_decode(dec, octets, pcm + i);
	}
	gsm_destroy(enc);
	gsm_destroy(dec);
}
#endif

#ifdef CODEC_AMR
static void amr(int16_t *pcm, size_t n)
{
	void *enc = Encoder_Interface_init(0), *dec = Decoder_Interface_init();
	uint8_t octets[64];

	for (size_t i = 0; i < n; i += 160) {
		(void)Encoder_Interface_Encode(enc, MR122, pcm + i, octets, 0);
		Decoder_Interface_Decode(dec, octets, pcm + i, 0);
	}
	Encoder_Interface_exit(enc);
	Decoder_Interface_exit(dec);
}
#endif

#ifdef CODEC_AMR_WB
static void amr_wb(int16_t *pcm, size_t n)
{
	void *enc = E_IF_init(), *dec = D_IF_init();
	uint8_t octets[64];

	for (size_t i = 0; i < n; i += 320) {
		(void)E_IF_encode(enc, 2, pcm + i, octets, 0);
		D_IF_decode(dec, octets, pcm + i, _good_frame);
	}
	E_IF_exit(enc);
	D_IF_exit(dec);
}
#endif

bool library_round_trip(uint32_t id, const int16_t *in, int16_t *out, size_t n)
{
	memcpy(out, in, n * sizeof(*in));
	switch (id) {
	case DP_CODEC_PCMU:
	case DP_CODEC_PCMA:
		g711(id, out, n);
		return true;
	case DP_CODEC_L16_8K:
	case DP_CODEC_L16_16K:
		return true;
	case DP_CODEC_G722:
		g722(out, n);
		return true;
	case DP_CODEC_G726_32:
	case DP_CODEC_AAL2_G726_32:
		g726(out, n);
		return true;
#ifdef CODEC_G729
	case DP_CODEC_G729:
		g729(out, n);
		return true;
#endif
#ifdef CODEC_OPUS
	case DP_CODEC_OPUS:
		opus(out, n);
		return true;
#endif
#ifdef CODEC_GSM
	case DP_CODEC_GSM:
		full_rate(out, n);
		return true;
#endif
#ifdef CODEC_AMR
	case DP_CODEC_AMR:
		amr(out, n);
		return true;
#endif
#ifdef CODEC_AMR_WB
	case DP_CODEC_AMR_WB:
		amr_wb(out, n);
		return true;
#endif
	default:
		return false;
	}
}
