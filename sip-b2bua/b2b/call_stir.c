/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call's PASSporTs: that of the caller checked (RFC 8224 6.2, RFC 8588), one for the called side
 * made (RFC 8224 6.1). What was found is in the record, and decides as the caller's side says.
 */
#include "sip-b2bua/b2b/stir.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/reason.h"

LOG_TOPIC("stir");

static const struct view none = {NULL, 0};

struct call_stir {
	struct cert_wait wait;
	struct call *call;
};

/* The digits of a URI's number in E.164, by what its side's country is. */
static bool tn_of(
	const struct cfg_tenant *tenant, const struct sip_uri *uri, char ret_tn[PASSPORT_TN_MAX])
{
	struct cfg_tenant e164 = {.caller_id = CFG_CALLER_ID_E164};
	char number[IDENTITY_NUMBER_MAX];

	if (policy_user_text(uri, number, sizeof(number)) < 0)
		return false;
	if (tenant && tenant->country_code) {
		e164.country_code = tenant->country_code;
		if (identity_number(tenant, &e164, number, number) < 0)
			return false;
	}
	return passport_tn(number, ret_tn);
}

/* ---- verification ---- */

/* Who calls is who is signed: P-Asserted-Identity or From; and so is who is called. */
static bool numbers_agree(
	const struct call *call, const struct sip_msg *msg, const struct passport *p)
{
	const struct cfg_tenant *tenant = leg_tenant(&call->leg[LEG_A]);
	char tn[PASSPORT_TN_MAX];
	struct sip_values it;
	struct sip_addr addr;
	struct view value;
	bool orig = tn_of(tenant, &msg->from.uri, tn) && strcmp(tn, p->orig) == 0;
	bool dest = false;

	sip_values_start(&it, msg, SIP_H_P_ASSERTED_IDENTITY);
	while (!orig && sip_values_next(&it, &value))
		orig = sip_addr_parse(value, &addr) == 0 && !addr.star &&
		       tn_of(tenant, &addr.uri, tn) && strcmp(tn, p->orig) == 0;
	for (uint32_t i = 0; i < p->n_dest; i++)
		dest |= (tn_of(tenant, &msg->to.uri, tn) && strcmp(tn, p->dest[i]) == 0) ||
			(tn_of(tenant, &msg->uri, tn) && strcmp(tn, p->dest[i]) == 0);
	return orig && dest;
}

/* The first of SHAKEN; the reason is that of the last one that is none. */
static bool find_passport(const struct sip_msg *msg, struct passport *ret, const char **ret_reason)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_H_IDENTITY);

	for (; hdr; hdr = sip_msg_hdr_next(msg, hdr)) {
		if (passport_read(hdr->value, ret, ret_reason) == 0)
			return true;
	}
	return false;
}

static void ready(struct cert_wait *wait, void *arg)
{
	struct call_stir *stir = arg;

	call_setup_go_on(stir->call);
}

/* The verdict, or CTL_STIR_NONE: it waits. reason: a part of a sentence. */
static enum ctl_stir_verdict check(struct call *call, struct stir_class *class,
	const struct sip_msg *msg, const char **ret_reason)
{
	struct b2b *b = call->b;
	uint64_t now_ms = b->env.ops->wall_ms(b->env.ctx), now_s = now_ms / 1000, age;
	struct cert_entry *entry;
	struct passport p;
	EVP_PKEY *key;
	int rc;

	*ret_reason = "it has none";
	if (!sip_msg_hdr(msg, SIP_H_IDENTITY))
		return CTL_STIR_NO_IDENTITY;
	if (!find_passport(msg, &p, ret_reason))
		return CTL_STIR_MALFORMED;
	call->rec.stir_attest[LEG_A] = (uint8_t)p.attest;
	*ret_reason = "its numbers are not those of the call";
	if (!numbers_agree(call, msg, &p))
		return CTL_STIR_NUMBERS;
	age = now_s > p.iat ? now_s - p.iat : p.iat - now_s;
	*ret_reason = "it is too old or from the future (iat)";
	if (age > class->cfg.max_age_s)
		return CTL_STIR_STALE;
	if (!call->stir)
		call->stir = calloc(1, sizeof(*call->stir));
	*ret_reason = "memory is short";
	if (!call->stir)
		return CTL_STIR_UNREACHABLE;
	call->stir->call = call;
	call->stir->wait.ready = ready;
	call->stir->wait.arg = call->stir;
	rc = cert_cache_get(class->cache, p.x5u, now_ms, &call->stir->wait, &entry, ret_reason);
	if (rc == -EINPROGRESS)
		return CTL_STIR_NONE;
	if (rc < 0)
		return CTL_STIR_UNREACHABLE;
	key = cert_entry_key(entry, class->store, now_ms, ret_reason);
	if (!key)
		return CTL_STIR_UNTRUSTED;
	*ret_reason = "its signature is not that of its certificate";
	return passport_verify(&p, key) ? CTL_STIR_PASSED : CTL_STIR_SIGNATURE;
}

static void count(struct ctl_sip_stats *stats, enum ctl_stir_verdict verdict)
{
	switch (verdict) {
	case CTL_STIR_PASSED:
		stats->stir_passed++;
		break;
	case CTL_STIR_NO_IDENTITY:
		stats->stir_no_identity++;
		break;
	case CTL_STIR_UNREACHABLE:
		stats->stir_unreachable++;
		break;
	case CTL_STIR_UNTRUSTED:
		stats->stir_untrusted++;
		break;
	case CTL_STIR_STALE:
		stats->stir_stale++;
		break;
	default:
		stats->stir_invalid++;
		break;
	}
}

/* RFC 8224 6.2.2 */
static unsigned int status_of(enum ctl_stir_verdict verdict)
{
	switch (verdict) {
	case CTL_STIR_NO_IDENTITY:
		return 428;
	case CTL_STIR_STALE:
		return 403;
	case CTL_STIR_UNREACHABLE:
		return 436;
	case CTL_STIR_UNTRUSTED:
		return 437;
	default:
		return 438;
	}
}

enum stir_go call_stir_check(struct call *call, const struct sip_msg *msg)
{
	struct b2b *b = call->b;
	struct stir_class *class = stir_class_of(b->stir, leg_tenant(&call->leg[LEG_A]));
	enum ctl_stir_verdict verdict;
	const char *reason = "";
	bool refused;

	if (!class || !class->store)
		return STIR_GOES_ON;
	verdict = check(call, class, msg, &reason);
	if (verdict == CTL_STIR_NONE)
		return STIR_WAITS;
	call_stir_forget(call);
	call->rec.stir_verdict = (uint8_t)verdict;
	count(b->env.stats, verdict);
	if (verdict == CTL_STIR_PASSED)
		return STIR_GOES_ON;
	refused = class->cfg.verification == CFG_STIR_REQUIRE ||
		  (class->cfg.verification == CFG_STIR_REJECT && verdict != CTL_STIR_NO_IDENTITY);
	log_info("call %016" PRIx64 ": Identity: %s", call->rec.id, reason);
	if (!refused)
		return STIR_GOES_ON;
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = (uint16_t)status_of(verdict),
			       .q850 = 21,
			       .headers = none,
			       .reason = reason_say(b,
				       "the Identity of the INVITE is not accepted: %s "
				       "(voice class stir-shaken %u)",
				       reason, class->cfg.tag)});
	return STIR_REFUSED;
}

void call_stir_forget(struct call *call)
{
	if (!call->stir)
		return;
	cert_wait_cancel(&call->stir->wait);
	free(call->stir);
	call->stir = NULL;
}

const char *call_stir_verstat(const struct call *call)
{
	switch (call->rec.stir_verdict) {
	case CTL_STIR_NONE:
	case CTL_STIR_NO_IDENTITY:
		return "No-TN-Validation";
	case CTL_STIR_PASSED:
		return "TN-Validation-Passed";
	default:
		return "TN-Validation-Failed";
	}
}

/* ---- signing ---- */

/* RFC 3261 20.17 */
static void put_date(struct sip_buf *buf, time_t now)
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[64];
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return;
	snprintf(text, sizeof(text), "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
		tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		tm.tm_sec);
	sip_put_hdr(buf, SIP_H_DATE, view_of(text));
}

/* The same for all calls of a trunk or realm, and nobody can read out of it which (RFC 8588 6). */
static void origin_make(
	const struct call *call, const struct cfg_stir *cfg, char ret[PASSPORT_ID_MAX])
{
	static const uint64_t key[2][2] = {
		{0x6c696d656e2d7374, 0x69722d6f726967}, {0x6c696d656e2d7374, 0x69722d6f726968}};
	const char *from = call->rec.trunk[LEG_A][0] ? call->rec.trunk[LEG_A]
						     : call->rec.realm[LEG_A];
	uint64_t half[2];

	if (cfg->origid[0]) {
		snprintf(ret, PASSPORT_ID_MAX, "%.63s", cfg->origid);
		return;
	}
	for (unsigned int i = 0; i < 2; i++)
		half[i] = siphash24(key[i], from, strlen(from)) ^
			  siphash24(key[i], call->b->cfg->hostname, strlen(call->b->cfg->hostname));
	half[0] = (half[0] & ~(uint64_t)0xf000) | 0x4000;
	half[1] = (half[1] & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
	snprintf(ret, PASSPORT_ID_MAX, "%08x-%04x-%04x-%04x-%012llx", (uint32_t)(half[0] >> 32),
		(unsigned int)(half[0] >> 16 & 0xffff), (unsigned int)(half[0] & 0xffff),
		(unsigned int)(half[1] >> 48), (unsigned long long)(half[1] & 0xffffffffffff));
}

/* What the caller's side is worth (RFC 8588 4); what the called one says of those that say nothing. */
static char attestation(const struct stir_class *in, const struct stir_class *out)
{
	static const char letters[] = {0, 'A', 'B', 'C'};
	uint8_t level = in && in->cfg.attestation ? in->cfg.attestation : out->cfg.attestation;

	return level ? letters[level] : 'C';
}

void call_stir_sign(struct call *call, const struct identity *identity, const struct sip_msg *from,
	struct sip_buf *buf)
{
	struct b2b *b = call->b;
	struct stir_class *in = stir_class_of(b->stir, identity->in);
	struct stir_class *out = stir_class_of(b->stir, identity->out);
	uint64_t now_s = b->env.ops->wall_ms(b->env.ctx) / 1000;
	struct passport p = {.iat = now_s, .n_dest = 1};
	char value[PASSPORT_TOKEN_MAX];
	struct sip_uri called = {
		.scheme = SIP_SCHEME_SIP, .user = view_of(call->rec.called[LEG_B])};
	struct sip_uri calling = {
		.scheme = SIP_SCHEME_SIP, .user = view_of(call->rec.calling[LEG_B])};
	size_t n;

	call->rec.stir_attest[LEG_B] = 0;
	/* Who hides is not named here either. */
	if (!out || !out->key || identity_hides_caller(identity, from))
		return;
	p.attest = attestation(in, out);
	if (!tn_of(identity->out, &calling, p.orig) || !tn_of(identity->out, &called, p.dest[0])) {
		b->env.stats->stir_unsigned++;
		return;
	}
	snprintf(p.x5u, sizeof(p.x5u), "%s", out->cfg.certificate_url);
	origin_make(call, &out->cfg, p.origid);
	n = passport_print(&p, out->key, value, sizeof(value));
	if (n == 0) {
		b->env.stats->stir_unsigned++;
		log_warning("call %016" PRIx64 ": it could not be signed", call->rec.id);
		return;
	}
	put_date(buf, (time_t)now_s);
	sip_put_hdr(buf, SIP_H_IDENTITY, (struct view){value, n});
	call->rec.stir_attest[LEG_B] = (uint8_t)p.attest;
	b->env.stats->stir_signed++;
}
