/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See transit.h. */
#include "dataplane/transcode/transit.h"

static void window(struct vp_transit *t, int64_t transit_us, uint64_t now_us)
{
	uint64_t age_us = now_us - t->since_us;

	if (!t->n || age_us >= 2 * VP_TRANSIT_WINDOW_US) {
		t->least_us[0] = t->least_us[1] = transit_us;
		t->since_us = now_us;
	} else if (age_us >= VP_TRANSIT_WINDOW_US) {
		t->least_us[1] = t->least_us[0];
		t->least_us[0] = transit_us;
		t->since_us = now_us;
	} else if (transit_us < t->least_us[0]) {
		t->least_us[0] = transit_us;
	}
}

static uint8_t find_late(struct vp_transit *t)
{
	uint32_t may_be = t->n / VP_TRANSIT_LATE, above = 0;
	uint8_t bin = t->highest;

	while (bin && !t->bins[bin])
		bin--;
	t->highest = bin;
	while (bin && above + t->bins[bin] <= may_be)
		above += t->bins[bin--];
	return bin;
}

void vp_transit_put(struct vp_transit *t, int64_t transit_us, uint64_t now_us)
{
	int64_t excess_us;
	uint8_t bin, out = 0;

	window(t, transit_us, now_us);
	excess_us = transit_us - vp_transit_least_us(t);
	bin = excess_us >= (int64_t)VP_TRANSIT_STEP_US * (VP_TRANSIT_BINS - 1)
		      ? VP_TRANSIT_BINS - 1
		      : (uint8_t)(excess_us / VP_TRANSIT_STEP_US);
	if (t->n == VP_TRANSIT_PACKETS) {
		out = t->ring[t->at];
		t->bins[out]--;
	} else {
		t->n++;
	}
	t->ring[t->at] = bin;
	t->bins[bin]++;
	t->at = (uint16_t)((t->at + 1) % VP_TRANSIT_PACKETS);
	if (bin > t->highest)
		t->highest = bin;
	/* only what is near the top moves the limit */
	if (bin >= t->late_bin || out >= t->late_bin || t->n < VP_TRANSIT_PACKETS)
		t->late_bin = find_late(t);
}

void vp_transit_restart(struct vp_transit *t, int64_t transit_us, uint64_t now_us)
{
	t->least_us[0] = t->least_us[1] = transit_us;
	t->since_us = now_us;
}
