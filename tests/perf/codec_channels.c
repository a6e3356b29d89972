/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What transcoding costs: duplex channels between two codecs that one core can serve, through the
 * product's codec table and resampler. Each channel has both directions; for each 20 ms it decodes
 * a packet, resamples where the rates differ and encodes a packet. Channels take turns frame by
 * frame, so that no state stays in the first-level cache for free. Thread CPU time.
 *
 *   codec_channels speech16k.raw A B [channels=16] [complexity=5]
 *
 * A and B as in rtpmap with clock and channels ("PCMU/8000", "opus/48000/2"). Prints the
 * microseconds of a channel for 20 ms and the channels per core. What comes out must be as loud
 * as what went in, or the program fails.
 */
#include "tests/perf/duplex.h"

#include <stdio.h>

#define CHANNELS_MAX 256

int main(int argc, char **argv)
{
	static struct duplex_direction channels[CHANNELS_MAX][2];
	static struct duplex_packet made[2][DUPLEX_FRAMES_MAX];
	static struct duplex_end ends[2];
	struct dp_codec_params params = {.complexity = 5};
	unsigned int n_channels = 16, complexity;
	double began_us, us;

	if (argc < 4)
		duplex_fail("usage: codec_channels speech16k.raw A B [channels=16] [complexity=5]");
	for (int i = 4; i < argc; i++) {
		if (sscanf(argv[i], "complexity=%u", &complexity) == 1)
			params.complexity = (uint8_t)complexity;
		else if (sscanf(argv[i], "channels=%u", &n_channels) != 1)
			duplex_fail("an argument is not understood");
	}
	if (n_channels < 1 || n_channels > CHANNELS_MAX)
		duplex_fail("1 to 256 channels");
	duplex_ends(argv[1], argv + 2, &params, ends);
	for (unsigned int i = 0; i < n_channels; i++)
		duplex_new(ends, &params, channels[i]);
	began_us = duplex_now_us();
	for (uint32_t f = 0; f < ends[0].n_frames; f++) {
		for (unsigned int i = 0; i < n_channels; i++) {
			for (int k = 0; k < 2; k++) {
				struct duplex_packet *out = &made[k][f];
				out->len = duplex_pass(
					&channels[i][k], &ends[k].packets[f], out->payload);
				if (out->len <= 0)
					duplex_fail("a frame is not encoded");
			}
		}
	}
	us = (duplex_now_us() - began_us) / ends[0].n_frames / n_channels;
	for (int k = 0; k < 2; k++)
		duplex_check_level(&ends[!k], &ends[k], made[k], &params);
	for (unsigned int i = 0; i < n_channels; i++)
		duplex_free(channels[i]);
	printf("us %.3f channels/core %.1f rates %u %u\n", us, DUPLEX_FRAME_MS * 1e3 / us,
		ends[0].rate_hz, ends[1].rate_hz);
	return 0;
}
