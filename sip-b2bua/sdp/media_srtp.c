/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policy, suites and keys of one side; see media_srtp.h. RFC 4568 5 and 7, RFC 8643 3. */
#include "sip-b2bua/sdp/media_srtp.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"

LOG_TOPIC("srtp");

/* Strong first; the short tags last, as forging one packet in 2^32 is within reach. */
static const uint8_t default_suites[] = {DP_SRTP_GCM_256, DP_SRTP_GCM_128, DP_SRTP_CM_256_SHA1_80,
	DP_SRTP_CM_128_SHA1_80, DP_SRTP_CM_256_SHA1_32, DP_SRTP_CM_128_SHA1_32};
_Static_assert(sizeof(default_suites) == DP_SRTP_N - 1, "every suite but none");

static const char no_rtp[] = "the session description offers no RTP media";
static const char never_srtp[] =
	"the session description offers SRTP only, which this side does not take (srtp never)";
static const char want_srtp[] =
	"the session description offers no SRTP, which this side requires (srtp require)";
static const char want_dtls[] =
	"the session description offers no SRTP keyed by DTLS, which this side requires "
	"(srtp keying dtls)";
static const char no_keys[] = "the session description offers SRTP without an a=crypto line";
static const char no_line[] = "no a=crypto line of the offer can be used";
static const char no_suite[] =
	"the session description offers no SRTP suite that this side allows (srtp-crypto)";
static const char other_profile[] =
	"the answer does not keep to the profile of the offer, with or without SRTP";
static const char not_offered[] = "the answer has an a=crypto line, but none was offered";
static const char not_one[] = "the answer to an offer of SRTP must have one a=crypto line";
static const char bad_line[] = "the a=crypto line of the answer cannot be used";
static const char bad_tag[] = "the tag of the answer's a=crypto line was not offered";
static const char bad_suite[] =
	"the suite of the answer's a=crypto line is not the one that was offered with its tag";

static const struct cfg_srtp_crypto *crypto_class(
	const struct cfg *cfg, const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	uint32_t tag = trunk && trunk->srtp_crypto ? trunk->srtp_crypto : realm->srtp_crypto;

	return tag ? cfg_find_srtp_crypto(cfg, tag) : NULL;
}

void media_srtp_set(struct media_srtp *srtp, const struct cfg *cfg, const struct cfg_realm *realm,
	const struct cfg_trunk *trunk)
{
	const struct cfg_srtp_crypto *class = crypto_class(cfg, realm, trunk);

	*srtp = (struct media_srtp){
		.policy = trunk && trunk->srtp != CFG_SRTP_REALM ? trunk->srtp : realm->srtp,
		.keying = trunk && trunk->srtp_keying != CFG_KEYING_REALM ? trunk->srtp_keying
									  : realm->srtp_keying};
	for (uint32_t i = 0; class && i < class->n_crypto && i < sizeof(srtp->suites); i++)
		srtp->suites[srtp->n_suites++] = class->crypto[i].value;
	if (srtp->n_suites > 0)
		return;
	memcpy(srtp->suites, default_suites, sizeof(default_suites));
	srtp->n_suites = sizeof(default_suites);
}

void media_srtp_checkpoint(const struct media_srtp *srtp, struct ckpt_out *out)
{
	ckpt_put_u(out, srtp->policy, 1);
	ckpt_put_u(out, srtp->keying, 1);
	ckpt_put_u(out, srtp->n_suites, 1);
	ckpt_put(out, srtp->suites, sizeof(srtp->suites));
	ckpt_put_u(out, srtp->refused, 1);
	ckpt_put_u(out, srtp->lost, 1);
}

void media_srtp_restore(struct media_srtp *srtp, struct ckpt_in *in)
{
	srtp->policy = (uint8_t)ckpt_get_u(in, 1);
	srtp->keying = (uint8_t)ckpt_get_u(in, 1);
	srtp->n_suites = (uint8_t)ckpt_get_u(in, 1);
	if (srtp->policy > CFG_SRTP_REQUIRE || srtp->keying > CFG_KEYING_DTLS ||
		srtp->n_suites > sizeof(srtp->suites))
		in->failed = true;
	for (unsigned int i = 0; i < sizeof(srtp->suites); i++) {
		srtp->suites[i] = (uint8_t)ckpt_get_u(in, 1);
		if (srtp->suites[i] >= DP_SRTP_N ||
			(i < srtp->n_suites && srtp->suites[i] == DP_SRTP_NONE))
			in->failed = true;
	}
	srtp->refused = ckpt_get_u(in, 1) != 0;
	srtp->lost = ckpt_get_u(in, 1) != 0;
}

bool media_srtp_same(const struct dp_srtp *a, const struct dp_srtp *b)
{
	return secret_equal(a, b, sizeof(*a));
}

static void key_draw(struct dp_srtp *srtp, uint8_t suite)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(suite);

	memset(srtp, 0, sizeof(*srtp));
	srtp->suite = suite;
	/* A key that is not random would be worse than no process at all. */
	if (RAND_priv_bytes(srtp->key, info->key_len + info->salt_len) != 1) {
		log_err("OpenSSL gives no random numbers for SRTP keys");
		abort();
	}
}

static void keys_add(struct media_keys *keys, uint8_t suite)
{
	struct sdp_crypto *line = &keys->line[keys->n++];

	line->tag = keys->n;
	key_draw(&line->srtp, suite);
}

void media_keys_draw(struct media_keys *keys, const struct media_srtp *srtp, uint8_t first_suite)
{
	keys->n = 0;
	for (unsigned int i = 0; i < srtp->n_suites; i++) {
		if (srtp->suites[i] == first_suite)
			keys_add(keys, first_suite);
	}
	for (unsigned int i = 0; i < srtp->n_suites; i++) {
		if (srtp->suites[i] != first_suite)
			keys_add(keys, srtp->suites[i]);
	}
}

bool media_keys_keep(struct media_keys *keys, const struct dp_srtp *in_force)
{
	if (keys->n == 0 || keys->line[0].srtp.suite != in_force->suite)
		return false;
	keys->line[0].srtp = *in_force;
	return true;
}

void media_keys_free(struct media_keys *keys)
{
	if (!keys)
		return;
	secret_wipe(keys, sizeof(*keys));
	free(keys);
}

void media_srtp_answer_key(const struct sdp_crypto *peer, const struct dp_srtp *rx_now,
	const struct dp_srtp *tx_now, struct sdp_crypto *ret_ours)
{
	ret_ours->tag = peer->tag;
	if (tx_now->suite == peer->srtp.suite && media_srtp_same(&peer->srtp, rx_now))
		ret_ours->srtp = *tx_now;
	else
		key_draw(&ret_ours->srtp, peer->srtp.suite);
}

/* ---- offers that come ---- */

/* The line with the suite that the side likes best. */
static const struct sdp_crypto *choose(const struct media_srtp *srtp, const struct sdp_cryptos *all)
{
	for (unsigned int i = 0; i < srtp->n_suites; i++) {
		for (unsigned int j = 0; j < all->n; j++) {
			if (all->line[j].srtp.suite == srtp->suites[i])
				return &all->line[j];
		}
	}
	return NULL;
}

static void refuse(struct media_take *take, const char *why)
{
	take->usable = false;
	take->by_policy = true;
	take->why = why;
}

static void faults_log(const struct sdp_cryptos *all)
{
	if (all->faults > 0)
		log_info("%u of %u a=crypto lines are ignored, the first one because %s",
			all->faults, all->n_lines, sdp_crypto_fault_text(all->first_fault));
}

static void take_secure(const struct media_srtp *srtp, const struct sdp_cryptos *all, bool must,
	struct media_take *take)
{
	const struct sdp_crypto *chosen = choose(srtp, all);

	if (chosen) {
		take->usable = true;
		take->peer = *chosen;
	} else if (!must && srtp->policy == CFG_SRTP_PREFER) {
		take->usable = true;
	} else if (all->n > 0) {
		refuse(take, no_suite);
	} else if (all->n_lines > 0) {
		refuse(take, no_line);
	} else {
		refuse(take, must ? no_keys : want_srtp);
	}
}

void media_srtp_take_offer(const struct media_srtp *srtp, const struct sdp *sdp, unsigned int index,
	struct media_take *ret)
{
	const struct sdp_media *m = &sdp->media[index];
	struct sdp_cryptos all;
	bool secure;

	*ret = (struct media_take){.profile = (uint8_t)sdp_profile_parse(m->proto), .why = no_rtp};
	if (m->port == 0)
		return;
	if (ret->profile == SDP_PROFILE_NONE)
		return;
	secure = sdp_profile_keying(ret->profile) == SDP_SDES;
	if (srtp->policy == CFG_SRTP_NEVER) {
		ret->usable = true;
		if (secure)
			refuse(ret, never_srtp);
		return;
	}
	if (srtp->policy == CFG_SRTP_REQUIRE && srtp->keying == CFG_KEYING_DTLS) {
		refuse(ret, want_dtls);
		return;
	}
	sdp_cryptos_read(sdp, index, &all);
	faults_log(&all);
	ret->n_ignored = all.faults;
	take_secure(srtp, &all, secure, ret);
	secret_wipe(&all, sizeof(all));
}

/* ---- answers ---- */

static int answer_match(
	const struct media_keys *keys, const struct sdp_cryptos *all, struct media_take *take)
{
	if (all->n_lines != 1) {
		refuse(take, not_one);
		return -EINVAL;
	}
	if (all->n != 1) {
		refuse(take, bad_line);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < keys->n; i++) {
		if (keys->line[i].tag != all->line[0].tag)
			continue;
		if (keys->line[i].srtp.suite != all->line[0].srtp.suite) {
			refuse(take, bad_suite);
			return -EINVAL;
		}
		take->usable = true;
		take->peer = all->line[0];
		take->ours = keys->line[i];
		return 0;
	}
	refuse(take, bad_tag);
	return -EINVAL;
}

int media_srtp_take_answer(const struct media_srtp *srtp, enum media_srtp_mode offered,
	const struct media_keys *keys, const struct sdp *sdp, unsigned int index,
	struct media_take *ret)
{
	const struct sdp_media *m = &sdp->media[index];
	struct sdp_cryptos all;
	int rc = 0;

	*ret = (struct media_take){.profile = (uint8_t)sdp_profile_parse(m->proto), .why = no_rtp};
	/* RFC 3264 6: the transport is that of the offer. Anything else could take SRTP away. */
	if (ret->profile == SDP_PROFILE_NONE ||
		sdp_profile_keying(ret->profile) !=
			(offered == MEDIA_SECURE ? SDP_SDES : SDP_PLAIN)) {
		refuse(ret, other_profile);
		return -EINVAL;
	}
	sdp_cryptos_read(sdp, index, &all);
	faults_log(&all);
	ret->n_ignored = all.faults;
	if (offered == MEDIA_PLAIN && all.n_lines > 0) {
		refuse(ret, not_offered);
		rc = -EINVAL;
	} else if (offered == MEDIA_PLAIN || (offered == MEDIA_OPTIONAL && all.n_lines == 0)) {
		ret->usable = true;
	} else {
		rc = keys ? answer_match(keys, &all, ret) : -EINVAL;
	}
	secret_wipe(&all, sizeof(all));
	return rc;
}
