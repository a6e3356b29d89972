/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of AMR payloads: what parses is taken apart and written again, which must give the
 * same payload but for reserved bits and padding. First octet: bit 0 wide band, bit 1 form.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/amr_payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct amr_frame frames[AMR_FRAMES_MAX], again;
	uint8_t written[AMR_FRAMES_MAX * AMR_FRAME_OCTETS + 32];
	const struct amr_kind *kind;
	struct amr_toc toc, toc_again;
	uint8_t *payload;
	bool align;
	size_t len;

	if (size < 1)
		return 0;
	kind = data[0] & 1 ? &amr_wide : &amr_narrow;
	align = data[0] & 2;
	payload = malloc(size);
	if (payload == NULL)
		abort();
	memcpy(payload, data + 1, size - 1);
	if (amr_toc_parse(kind, align, payload, size - 1, &toc) != 0) {
		free(payload);
		return 0;
	}
	if (toc.n_frames < 1 || toc.n_frames > AMR_FRAMES_MAX)
		abort();
	for (uint32_t i = 0; i < toc.n_frames; i++)
		amr_frame_get(kind, &toc, i, payload, &frames[i]);
	len = amr_payload_write(kind, align, toc.request, frames, toc.n_frames, written);
	if (len != size - 1 || amr_toc_parse(kind, align, written, len, &toc_again) != 0 ||
		memcmp(toc.type, toc_again.type, toc.n_frames) != 0 ||
		toc.request != toc_again.request)
		abort();
	for (uint32_t i = 0; i < toc.n_frames; i++) {
		amr_frame_get(kind, &toc_again, i, written, &again);
		if (memcmp(&again, &frames[i], sizeof(again)) != 0)
			abort();
	}
	free(payload);
	return 0;
}
