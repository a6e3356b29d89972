/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policy and associations of DTLS-SRTP; see media_dtls.h. */
#include "sip-b2bua/sdp/media_dtls.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "controlplane/base/log.h"

LOG_TOPIC("srtp");

static const char never_srtp[] =
	"the session description offers SRTP only, which this side does not take (srtp never)";
static const char want_sdes[] =
	"the session description offers SRTP keyed by DTLS, this side "
	"requires keys by SDES (srtp keying sdes)";
static const char no_fingerprint[] =
	"the session description offers DTLS without an a=fingerprint that can be used";
static const char no_mux[] = "the session description offers DTLS without a=rtcp-mux";
static const char bad_setup[] = "the a=setup of the session description cannot be used";
static const char no_suite[] =
	"none of the SRTP suites that this side allows can be agreed on by DTLS (srtp-crypto)";
static const char away[] = "there are no DTLS handshakes now: limen-nat is not running";
static const char other_profile[] = "the answer does not keep to the profile of the offer";
static const char answer_fingerprint[] =
	"the answer to an offer of DTLS has no a=fingerprint that can be used";
static const char answer_mux[] = "the answer to an offer of DTLS has no a=rtcp-mux";
static const char answer_setup[] =
	"the a=setup of the answer is neither active nor passive, as an answer must be";

/* ---- associations ---- */

void media_assoc_forget(struct media_assoc *assoc)
{
	*assoc = (struct media_assoc){.number = assoc->number};
}

static bool same_fingerprint(const struct fingerprint *a, const struct fingerprint *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void tell_anew(struct media_assoc *assoc, const struct fingerprint *own)
{
	assoc->own = *own;
	assoc->anew = true;
	if (RAND_bytes(assoc->tls_id, sizeof(assoc->tls_id)) != 1) {
		log_err("OpenSSL gives no random numbers for tls-id");
		abort();
	}
}

void media_assoc_announce(struct media_assoc *assoc, const struct fingerprint *own)
{
	if (assoc->own.hash != FINGERPRINT_NONE &&
		(own->hash == FINGERPRINT_NONE || same_fingerprint(own, &assoc->own)))
		return;
	tell_anew(assoc, own);
}

/* Whether nothing that makes an association has changed. own: what we say, NONE: as before. */
static bool keeps(const struct media_assoc *assoc, const struct sdp_dtls *peer,
	const struct ipaddr *remote, const struct fingerprint *own)
{
	if (assoc->role == CTL_DTLS_NONE || assoc->anew ||
		!same_fingerprint(&assoc->peer, &peer->fingerprint) ||
		assoc->peer_tls_id != peer->tls_id ||
		(own->hash != FINGERPRINT_NONE && !same_fingerprint(own, &assoc->own)))
		return false;
	if (peer->tls_id == 0 && ipaddr_is_set(remote) && ipaddr_is_set(&assoc->remote) &&
		!ipaddr_equal(remote, &assoc->remote))
		return false;
	if (peer->setup == SDP_SETUP_ACTIVE)
		return assoc->role == CTL_DTLS_SERVER;
	return peer->setup != SDP_SETUP_PASSIVE || assoc->role == CTL_DTLS_CLIENT;
}

void media_assoc_agree(struct media_assoc *assoc, const struct sdp_dtls *peer,
	const struct ipaddr *remote, bool offered, bool passive, const struct fingerprint *own)
{
	static const struct fingerprint as_told = {0};

	if (!keeps(assoc, peer, remote, offered ? own : &as_told)) {
		if (offered && own->hash != FINGERPRINT_NONE)
			tell_anew(assoc, own);
		assoc->number++;
		assoc->anew = false;
		assoc->peer = peer->fingerprint;
		assoc->peer_tls_id = peer->tls_id;
		if (peer->setup == SDP_SETUP_ACTIVE)
			assoc->role = CTL_DTLS_SERVER;
		else if (peer->setup == SDP_SETUP_PASSIVE)
			assoc->role = CTL_DTLS_CLIENT;
		else
			assoc->role = passive ? CTL_DTLS_SERVER : CTL_DTLS_CLIENT;
	}
	/* The old hold, 0.0.0.0, is no move. */
	if (ipaddr_is_set(remote))
		assoc->remote = *remote;
}

/* Those that RFC 5764 4.1.2 and RFC 7714 14.2 have a profile for. */
static uint16_t suites_of(const struct media_srtp *srtp)
{
	const uint16_t known = 1u << DP_SRTP_GCM_256 | 1u << DP_SRTP_GCM_128 |
			       1u << DP_SRTP_CM_128_SHA1_80 | 1u << DP_SRTP_CM_128_SHA1_32;
	uint16_t suites = 0;

	for (unsigned int i = 0; i < srtp->n_suites; i++)
		suites |= (uint16_t)(1u << srtp->suites[i]);
	return suites & known;
}

void media_assoc_ctl(
	const struct media_assoc *assoc, const struct media_srtp *srtp, struct ctl_dtls *ret_dtls)
{
	memset(ret_dtls, 0, sizeof(*ret_dtls));
	ret_dtls->role = assoc->role;
	ret_dtls->suites = suites_of(srtp);
	ret_dtls->peer = assoc->peer;
	ret_dtls->association = assoc->number;
}

void media_assoc_plan(const struct media_assoc *assoc, bool answer, struct sdp_dtls_plan *ret_plan)
{
	memset(ret_plan, 0, sizeof(*ret_plan));
	ret_plan->own = assoc->own;
	memcpy(ret_plan->tls_id, assoc->tls_id, sizeof(ret_plan->tls_id));
	ret_plan->setup = !answer			   ? SDP_SETUP_ACTPASS
			  : assoc->role == CTL_DTLS_SERVER ? SDP_SETUP_PASSIVE
							   : SDP_SETUP_ACTIVE;
	/* RFC 8842 5.3: only an offer that has one is answered with one. */
	ret_plan->with_tls_id = !answer || assoc->peer_tls_id != 0;
}

static void put_fingerprint(const struct fingerprint *f, struct ckpt_out *out)
{
	ckpt_put(out, f, sizeof(*f));
}

void media_assoc_checkpoint(const struct media_assoc *assoc, struct ckpt_out *out)
{
	ckpt_put_u(out, assoc->number, 4);
	ckpt_put_u(out, assoc->role, 1);
	ckpt_put_u(out, assoc->anew, 1);
	put_fingerprint(&assoc->own, out);
	put_fingerprint(&assoc->peer, out);
	ckpt_put(out, assoc->tls_id, sizeof(assoc->tls_id));
	ckpt_put_u(out, assoc->peer_tls_id, 8);
	ckpt_put_addr(out, &assoc->remote);
}

static void get_fingerprint(struct fingerprint *f, struct ckpt_in *in)
{
	const void *raw = ckpt_get(in, sizeof(*f));

	if (raw)
		memcpy(f, raw, sizeof(*f));
	if (!raw || !fingerprint_valid(f))
		in->failed = true;
}

void media_assoc_restore(struct media_assoc *assoc, struct ckpt_in *in)
{
	const void *raw;

	assoc->number = (uint32_t)ckpt_get_u(in, 4);
	assoc->role = (uint8_t)ckpt_get_u(in, 1);
	assoc->anew = ckpt_get_u(in, 1) != 0;
	get_fingerprint(&assoc->own, in);
	get_fingerprint(&assoc->peer, in);
	raw = ckpt_get(in, sizeof(assoc->tls_id));
	if (raw)
		memcpy(assoc->tls_id, raw, sizeof(assoc->tls_id));
	assoc->peer_tls_id = ckpt_get_u(in, 8);
	ckpt_get_addr(in, &assoc->remote);
	if (assoc->role > CTL_DTLS_CLIENT ||
		(assoc->role != CTL_DTLS_NONE && (assoc->own.hash == FINGERPRINT_NONE ||
							 assoc->peer.hash == FINGERPRINT_NONE)))
		in->failed = true;
}

/* ---- offers and answers that come ---- */

static void refuse(struct media_take *take, const char *why)
{
	take->usable = false;
	take->by_policy = true;
	take->why = why;
}

bool media_dtls_possible(const struct media_srtp *srtp, const struct fingerprint *own)
{
	return own->hash != FINGERPRINT_NONE && suites_of(srtp) != 0;
}

/* Where the line is to be sent to; family 0: not told, or the old hold. */
static struct ipaddr remote_of(const struct sdp_media *m)
{
	struct ipaddr addr = m->connection;

	if (ipaddr_is_set(&addr) && ipaddr_is_any(&addr))
		return (struct ipaddr){0};
	addr.port_be16 = htons((uint16_t)m->port);
	return addr;
}

void media_dtls_take_offer(const struct media_srtp *srtp, const struct fingerprint *own,
	const struct media_assoc *assoc, const struct sdp *sdp, unsigned int index,
	struct media_take *ret)
{
	const struct sdp_media *m = &sdp->media[index];
	struct ipaddr remote = remote_of(m);
	const char *why = NULL;
	struct sdp_dtls dtls;

	*ret = (struct media_take){.profile = (uint8_t)sdp_profile_parse(m->proto)};
	sdp_dtls_read(sdp, index, &dtls);
	/* RFC 4145 4: who offers and does not say calls. */
	if (dtls.setup == SDP_SETUP_NONE)
		dtls.setup = SDP_SETUP_ACTIVE;
	if (srtp->policy == CFG_SRTP_NEVER)
		why = never_srtp;
	else if (srtp->policy == CFG_SRTP_REQUIRE && srtp->keying != CFG_KEYING_DTLS)
		why = want_sdes;
	else if (dtls.fingerprint.hash == FINGERPRINT_NONE)
		why = no_fingerprint;
	else if (!m->rtcp_mux)
		why = no_mux;
	else if (dtls.setup == SDP_SETUP_HOLDCONN || dtls.setup == SDP_SETUP_UNKNOWN)
		why = bad_setup;
	else if (suites_of(srtp) == 0)
		why = no_suite;
	if (why) {
		refuse(ret, why);
	} else if (own->hash == FINGERPRINT_NONE &&
		   (!assoc || !keeps(assoc, &dtls, &remote, own))) {
		refuse(ret, away);
		ret->away = true;
	} else {
		ret->usable = true;
		ret->dtls = dtls;
	}
}

int media_dtls_take_answer(const struct sdp *sdp, unsigned int index, struct media_take *ret)
{
	const struct sdp_media *m = &sdp->media[index];
	const char *why = NULL;
	struct sdp_dtls dtls;

	*ret = (struct media_take){.profile = (uint8_t)sdp_profile_parse(m->proto)};
	sdp_dtls_read(sdp, index, &dtls);
	/* RFC 4145 4: who answers and does not say waits. */
	if (dtls.setup == SDP_SETUP_NONE)
		dtls.setup = SDP_SETUP_PASSIVE;
	if (ret->profile != SDP_DTLS_SAVP && ret->profile != SDP_DTLS_SAVPF)
		why = other_profile;
	else if (dtls.fingerprint.hash == FINGERPRINT_NONE)
		why = answer_fingerprint;
	else if (!m->rtcp_mux)
		why = answer_mux;
	else if (dtls.setup != SDP_SETUP_ACTIVE && dtls.setup != SDP_SETUP_PASSIVE)
		why = answer_setup;
	if (why) {
		refuse(ret, why);
		return -EINVAL;
	}
	ret->usable = true;
	ret->dtls = dtls;
	return 0;
}
