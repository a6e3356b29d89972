/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of SDP: parse, every typed access, print by a plan; the printed one must parse again
 * and hold no address but ours, and exactly the keys that it was given.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sip-b2bua/sdp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sdp sdp, again;
static char out[1 << 20];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const allow[] = {"rtpmap", "fmtp", "ptime", NULL};
	struct ipaddr origin = {.family = 4, .ip = {192, 0, 2, 1}};
	struct sdp_media_plan media[SDP_MEDIA_MAX];
	struct sdp_plan plan = {VIEW("-"), 1, 1, VIEW("-"), &origin, media, 0, allow};
	static struct sdp_cryptos keys[SDP_MEDIA_MAX], back;
	struct sdp_rtpmap map;
	struct sip_buf b;
	struct sdp_dtls dtls;

	int rc = sdp_parse(&sdp, (struct view){(const char *)data, size});
	if ((rc == 0) != (sdp.error == NULL))
		abort();
	if (rc != 0)
		return 0;
	for (unsigned int i = 0; i < sdp.n_media; i++) {
		for (uint32_t pt = 0; pt < 128; pt += 9)
			(void)!sdp_rtpmap(&sdp, i, pt, &map);
		(void)sdp_fmtp(&sdp, i, VIEW("101"));
		media[i] = (struct sdp_media_plan){.addr = origin, .rtcp_mux = i & 1};
		media[i].addr.port_be16 = sdp.media[i].port == 0 ? 0 : 0x1234;
		sdp_cryptos_read(&sdp, i, &keys[i]);
		if (keys[i].n + keys[i].faults > keys[i].n_lines)
			abort();
		media[i].crypto = keys[i].line;
		media[i].n_crypto = keys[i].n;
		if (i & 1)
			media[i].proto = sdp_profile_text(sdp_profile_parse(sdp.media[i].proto));
		sdp_dtls_read(&sdp, i, &dtls);
		if (dtls.fingerprint.hash != FINGERPRINT_NONE &&
			!(dtls.has_fingerprint && fingerprint_valid(&dtls.fingerprint)))
			abort();
		media[i].dtls = (struct sdp_dtls_plan){.own = dtls.fingerprint,
			.setup = SDP_SETUP_ACTPASS + i % 3,
			.with_tls_id = i & 1};
	}
	plan.n_media = sdp.n_media;
	sip_buf_init(&b, out, sizeof(out));
	if (sdp_print(&sdp, &plan, &b) != 0)
		abort();
	if (sdp_parse(&again, sip_buf_view(&b)) != 0 || again.n_media != sdp.n_media)
		abort();
	for (unsigned int i = 0; i < again.n_media; i++) {
		if (again.media[i].port != 0 &&
			!ipaddr_same_ip(&again.media[i].connection, &origin))
			abort();
		sdp_dtls_read(&again, i, &dtls);
		if (again.media[i].port != 0 &&
			(memcmp(&dtls.fingerprint, &media[i].dtls.own, sizeof(dtls.fingerprint)) !=
					0 ||
				(dtls.has_fingerprint && dtls.setup != media[i].dtls.setup)))
			abort();
		sdp_cryptos_read(&again, i, &back);
		if (back.faults != 0 || back.n != (again.media[i].port ? keys[i].n : 0) ||
			memcmp(back.line, keys[i].line, back.n * sizeof(back.line[0])) != 0)
			abort();
		if (again.media[i].port != 0 && again.media[i].direction != sdp.media[i].direction)
			abort();
	}
	return 0;
}
