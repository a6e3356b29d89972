/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target of WAV files: what is taken can be read to its end, and nothing behind it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/wav.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;
	struct vp_wav wav;
	int16_t pcm[256];
	uint64_t n = 0;
	uint8_t *file = malloc(size ? size : 1);

	if (!file)
		abort();
	memcpy(file, data, size);
	if (vp_wav_open(file, size, &wav, &why) < 0) {
		if (!why)
			abort();
		free(file);
		return 0;
	}
	for (uint32_t k; (k = vp_wav_read(&wav, n, pcm, 256)) > 0;)
		n += k;
	if (n != wav.n_samples || n * wav.n_channels > size)
		abort();
	free(file);
	return 0;
}
