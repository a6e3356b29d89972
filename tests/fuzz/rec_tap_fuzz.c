/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of what limen-rec takes from the data plane: the message, whose form must be found
 * right or wrong without reading beyond it, and copies of RTP, whose every field and octet is a
 * stranger's.
 *
 * The input is first taken as a whole message. Then it is a list of steps of 12 octets and a
 * payload: milliseconds since the step before (2), sequence (2), timestamp (4), payload type (1),
 * SSRC and marker (1), what changes (1), length (1). What must hold: each packet is counted in
 * exactly one place, and nothing is placed outside of what is held.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/rec/dir.h"
#include "controlplane/rec/rec.h"

#define STEP_LEN 12
#define ORIGIN	 UINT64_C(1000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void on_status(void *arg, const struct ctl_rec_status *status)
{
}

static void message(const uint8_t *data, size_t size)
{
	static const struct rec_ops ops = {on_status};
	static struct rec *rec;
	uint8_t *copy = malloc(size + 1); /* exactly as long, for the sanitizer */
	int rc;

	if (rec == NULL) {
		char dir[] = "/tmp/limen-rec-fuzz.XXXXXX";
		require(mkdtemp(dir) != NULL && rec_new(dir, &ops, NULL, &rec) == 0);
		rmdir(dir); /* nothing is written: it has no policy */
	}
	memcpy(copy, data, size);
	rc = rec_tap(rec, copy, size, ORIGIN);
	require(rc == 0 || rc == -EPROTO);
	free(copy);
}

static void payloads(struct rec_dir *d, uint8_t which)
{
	struct dp_payload list[DP_PAYLOAD_TYPES] = {0};

	for (uint32_t i = 0; i < DP_PAYLOAD_TYPES; i++) {
		list[i].pt = (uint8_t)(i + (which & 1));
		list[i].codec = i < DP_CODEC_END ? (uint8_t)i : 0;
		list[i].clock_hz = i == 15 ? 0 : 8000;
		if (which & 2 && i == DP_CODEC_AMR)
			list[i].params.flags = DP_CODEC_OCTET_ALIGN;
	}
	rec_dir_payloads(d, list, DP_PAYLOAD_TYPES - (which & 4));
}

static uint64_t take_until(struct rec_dir *d, uint64_t taken, uint64_t now_us, uint32_t rate_hz)
{
	int16_t pcm[1600];
	uint64_t to = now_us > ORIGIN + REC_LAG_US
			      ? (now_us - REC_LAG_US - ORIGIN) * (rate_hz / 1000) / 1000
			      : 0;

	rec_dir_advance(d, now_us);
	while (taken < to) {
		uint32_t n = to - taken < rate_hz / 10 ? (uint32_t)(to - taken) : rate_hz / 10;
		rec_dir_take(d, pcm, n);
		taken += n;
	}
	require(rec_dir_end(d) <= taken + 2 * (uint64_t)rate_hz);
	return taken;
}

static void balance(const struct rec_dir *d)
{
	struct rec_dir_counts c = {0};

	rec_dir_counts_add(d, &c);
	require(c.packets ==
		c.played + c.events + c.duplicates + c.late + c.undecodable + c.no_codec);
}

static void steps(const uint8_t *data, size_t size, uint32_t rate_hz)
{
	struct rec_dir *d = rec_dir_new(rate_hz, ORIGIN);
	struct dp_tap_packet *p = malloc(sizeof(*p) + UINT8_MAX);
	uint64_t now_us = ORIGIN, taken = 0;

	require(d != NULL && p != NULL);
	payloads(d, 0);
	while (size >= STEP_LEN) {
		uint32_t len = data[11];
		if (len > size - STEP_LEN)
			len = (uint32_t)(size - STEP_LEN);
		now_us += (uint64_t)(data[0] | (data[1] & 7) << 8) * 1000;
		if (data[10] & 0x80)
			payloads(d, data[10] & 7);
		*p = (struct dp_tap_packet){.session_id = 1,
			.time_us = now_us - (data[10] & 0x40 ? 300000 : 0),
			.ssrc = data[9] & 3,
			.marker = data[9] >> 7,
			.seq = (uint16_t)(data[2] | data[3] << 8),
			.pt = data[8] & 0x7f,
			.n = (uint16_t)len};
		memcpy(&p->timestamp, data + 4, 4);
		memcpy(p->bytes, data + STEP_LEN, len);
		rec_dir_put(d, p);
		taken = take_until(d, taken, now_us, rate_hz);
		data += STEP_LEN + len;
		size -= STEP_LEN + len;
	}
	rec_dir_advance(d, UINT64_MAX);
	balance(d);
	rec_dir_free(d);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	message(data, size);
	if (size > 0)
		steps(data + 1, size - 1, data[0] & 1 ? 16000 : 8000);
	return 0;
}
