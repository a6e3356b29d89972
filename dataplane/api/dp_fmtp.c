/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dp_fmtp.h: a table of the parameters that are known, one row each; then what offer and answer
 * make of them, by codec.
 */
#include "dataplane/api/dp_fmtp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define FOR(id) (UINT32_C(1) << (id))
/* id may be anything. */
#define IS(id, set) ((id) < DP_CODEC_END && (set) >> (id)&1)

_Static_assert(DP_CODEC_END <= 32, "sets of codecs are bits of 32");

#define AMR	       (FOR(DP_CODEC_AMR) | FOR(DP_CODEC_AMR_WB))
#define OPUS	       FOR(DP_CODEC_OPUS)
#define G729	       FOR(DP_CODEC_G729)
#define ANY	       UINT32_MAX

#define AMR_MODES(id)  ((id) == DP_CODEC_AMR ? 0xffU : 0x1ffU)
#define BITRATE_MIN    6000 /* RFC 7587 7.1 */
#define BITRATE_MAX    510000
#define PLAYBACK_MIN   8000
#define PTIME_LIMIT_MS 240 /* longer says no more than "any" */

/* Values of parameters, each into the struct; value is trimmed. 0 or a negative errno. */
typedef int (*value_fn)(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p);

static int number(struct view value, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t n;

	if (view_to_u64(value, max, &n) != 0 || n < min)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int value_flag(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 0, 1, &n) != 0)
		return -EINVAL;
	p->flags = (uint8_t)(n ? p->flags | flag : p->flags & ~flag);
	return 0;
}

static int value_annexb(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	if (view_eq_nocase(value, VIEW("no")))
		p->flags &= (uint8_t)~DP_CODEC_DTX;
	else if (view_eq_nocase(value, VIEW("yes")))
		p->flags |= DP_CODEC_DTX;
	else
		return -EINVAL;
	return 0;
}

/* Payload formats that the box does not make or read. */
static int value_refused(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 0, UINT32_MAX, &n) != 0)
		return -EINVAL;
	return n != 0 ? -ENOTSUP : 0;
}

/* interleaving=I means interleaving, whatever the I. */
static int value_interleaving(
	uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	return -ENOTSUP;
}

static int value_channels(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 1, 6, &n) != 0)
		return -EINVAL;
	return n != 1 ? -ENOTSUP : 0;
}

static int value_mode_set(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint32_t modes = 0;

	while (value.n > 0) {
		const char *comma = memchr(value.p, ',', value.n);
		size_t len = comma ? (size_t)(comma - value.p) : value.n;
		uint64_t mode;
		if (number(view_trim((struct view){value.p, len}), 0, 8, &mode) != 0)
			return -EINVAL;
		modes |= UINT32_C(1) << mode;
		if (comma && len + 1 == value.n)
			return -EINVAL;
		value.p += len + (comma != NULL);
		value.n -= len + (comma != NULL);
	}
	if (modes == 0 || modes & ~AMR_MODES(id))
		return -EINVAL;
	p->modes = modes;
	return 0;
}

static int value_period(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 1, 2, &n) != 0)
		return -EINVAL;
	p->mode_period = (uint8_t)n;
	return 0;
}

static int value_capability(
	uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 1, 2, &n) != 0)
		return -EINVAL;
	p->flags = (uint8_t)(n == 2 ? p->flags | DP_CODEC_CHANGE_CAP2
				    : p->flags & ~DP_CODEC_CHANGE_CAP2);
	return 0;
}

/* Also above what an RFC allows it is a wish that we can meet by doing less. */
static int value_bitrate(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 1, UINT32_MAX, &n) != 0)
		return -EINVAL;
	p->bitrate_bps = (uint32_t)(n < BITRATE_MIN   ? BITRATE_MIN
				    : n > BITRATE_MAX ? BITRATE_MAX
						      : n);
	return 0;
}

static int value_playback(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	static const uint8_t rates_khz[] = {48, 24, 16, 12};
	uint64_t n;

	if (number(value, PLAYBACK_MIN, UINT32_MAX, &n) != 0)
		return -EINVAL;
	p->max_rate_khz = 8;
	for (size_t i = sizeof(rates_khz); i-- > 0;) {
		if (n >= rates_khz[i] * 1000U)
			p->max_rate_khz = rates_khz[i];
	}
	return 0;
}

static int value_ptime(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 1, UINT32_MAX, &n) != 0)
		return -EINVAL;
	p->ptime_ms = (uint8_t)(n < PTIME_LIMIT_MS ? n : PTIME_LIMIT_MS);
	return 0;
}

static int value_max_ptime(uint32_t id, struct view value, uint32_t flag, struct dp_codec_params *p)
{
	uint64_t n;

	if (number(value, 1, UINT32_MAX, &n) != 0)
		return -EINVAL;
	p->max_ptime_ms = (uint8_t)(n < PTIME_LIMIT_MS ? n : PTIME_LIMIT_MS);
	return 0;
}

static const struct {
	const char *name;
	uint32_t codecs;
	value_fn value;
	uint32_t flag;
} params_known[] = {
	{"annexb", G729, value_annexb, 0},
	{"useinbandfec", OPUS, value_flag, DP_CODEC_FEC},
	{"usedtx", OPUS, value_flag, DP_CODEC_DTX},
	{"cbr", OPUS, value_flag, DP_CODEC_CBR},
	{"stereo", OPUS, value_flag, DP_CODEC_STEREO},
	{"sprop-stereo", OPUS, value_flag, DP_CODEC_SPROP_STEREO},
	{"maxaveragebitrate", OPUS, value_bitrate, 0},
	{"maxplaybackrate", OPUS, value_playback, 0},
	{"octet-align", AMR, value_flag, DP_CODEC_OCTET_ALIGN},
	{"mode-set", AMR, value_mode_set, 0},
	{"mode-change-period", AMR, value_period, 0},
	{"mode-change-capability", AMR, value_capability, 0},
	{"mode-change-neighbor", AMR, value_flag, DP_CODEC_NEIGHBOR},
	{"crc", AMR, value_refused, 0},
	{"robust-sorting", AMR, value_refused, 0},
	{"interleaving", AMR, value_interleaving, 0},
	{"channels", AMR, value_channels, 0},
	/* Attributes of SDP; many ends say them here (RFC 4867 8.1, older RFC 7587 drafts). */
	{"ptime", ANY, value_ptime, 0},
	{"maxptime", ANY, value_max_ptime, 0},
};

#define N_KNOWN (sizeof(params_known) / sizeof(params_known[0]))

/* What a missing line means. */
static void defaults(uint32_t id, struct dp_codec_params *ret_params)
{
	*ret_params = (struct dp_codec_params){.zero = {0}};
	/* RFC 4856 2.1.9: annexb is yes. AMR ends always understand SID. */
	if (IS(id, G729 | AMR))
		ret_params->flags = DP_CODEC_DTX;
}

static int parse_one(uint32_t id, struct view item, struct dp_codec_params *p)
{
	const char *equals = item.n ? memchr(item.p, '=', item.n) : NULL;
	size_t name_len = equals ? (size_t)(equals - item.p) : item.n;
	struct view name = view_trim((struct view){item.p, name_len});
	struct view value = {NULL, 0};

	if (equals)
		value = view_trim((struct view){equals + 1, item.n - name_len - 1});
	for (size_t i = 0; i < N_KNOWN; i++) {
		if (IS(id, params_known[i].codecs) &&
			view_eq_nocase(name, view_of(params_known[i].name)))
			return params_known[i].value(id, value, params_known[i].flag, p);
	}
	return 0;
}

int dp_fmtp_parse(uint32_t id, struct view text, struct dp_codec_params *ret_params)
{
	struct dp_codec_params p;
	int refused = 0;

	if (dp_codec_row(id) == NULL)
		return -EINVAL;
	defaults(id, &p);
	while (text.n > 0) {
		const char *end = memchr(text.p, ';', text.n);
		size_t len = end ? (size_t)(end - text.p) : text.n;
		int rc = parse_one(id, view_trim((struct view){text.p, len}), &p);
		if (rc == -EINVAL)
			return rc;
		if (rc != 0)
			refused = rc;
		text.p += len + (end != NULL);
		text.n -= len + (end != NULL);
	}
	if (refused != 0)
		return refused;
	*ret_params = p;
	return 0;
}

void dp_fmtp_local(uint32_t id, struct dp_codec_params *ret_params)
{
	*ret_params = (struct dp_codec_params){.ptime_ms = 20};
	if (IS(id, OPUS)) {
		/* What a telephone call needs; in-band FEC costs nothing while nothing is lost. */
		ret_params->flags = DP_CODEC_FEC;
		ret_params->max_rate_khz = 16;
		ret_params->complexity = 5;
	}
	if (IS(id, AMR))
		ret_params->flags = DP_CODEC_CHANGE_CAP2;
	if (IS(id, G729))
		ret_params->flags = DP_CODEC_DTX;
}

/* ---- offer and answer ---- */

static uint32_t modes_of(uint32_t id, const struct dp_codec_params *p)
{
	return p->modes ? p->modes : AMR_MODES(id);
}

static int answer_amr(uint32_t id, const struct dp_codec_params *offered,
	const struct dp_codec_params *local, struct dp_codec_params *ours)
{
	/* Payload form and, once it was offered, the mode set are taken or left (8.3.1). */
	ours->flags = (uint8_t)((ours->flags & ~DP_CODEC_OCTET_ALIGN) |
				(offered->flags & DP_CODEC_OCTET_ALIGN));
	if (offered->modes == 0)
		return 0;
	if (offered->modes & ~modes_of(id, local))
		return -ENOTSUP;
	ours->modes = offered->modes;
	return 0;
}

int dp_fmtp_answer(uint32_t id, const struct dp_codec_params *offered,
	const struct dp_codec_params *local, struct dp_codec_params *ret_ours)
{
	struct dp_codec_params ours = *local;

	if (dp_codec_row(id) == NULL)
		return -EINVAL;
	if (IS(id, AMR)) {
		int rc = answer_amr(id, offered, local, &ours);
		if (rc != 0)
			return rc;
	}
	/* RFC 4856 2.1.9: "no" in the offer is "no" in the answer. */
	if (IS(id, G729))
		ours.flags &= (uint8_t)(offered->flags | ~DP_CODEC_DTX);
	*ret_ours = ours;
	return 0;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
	if (a == 0 || b == 0)
		return a | b;
	return a < b ? a : b;
}

static int agree_amr(uint32_t id, const struct dp_codec_params *ours,
	const struct dp_codec_params *theirs, struct dp_codec_params *p)
{
	if ((ours->flags ^ theirs->flags) & DP_CODEC_OCTET_ALIGN)
		return -EPROTO;
	p->modes = modes_of(id, ours) & modes_of(id, theirs);
	if (p->modes == 0)
		return -EPROTO;
	if (p->modes == AMR_MODES(id))
		p->modes = 0;
	/* How modes may change is what the receiver can bear, so what they said. */
	p->mode_period = theirs->mode_period;
	p->flags = (uint8_t)((ours->flags & (DP_CODEC_DTX | DP_CODEC_OCTET_ALIGN)) |
			     (theirs->flags & DP_CODEC_NEIGHBOR));
	return 0;
}

static void agree_opus(const struct dp_codec_params *ours, const struct dp_codec_params *theirs,
	struct dp_codec_params *p)
{
	/* Declared for what one receives (RFC 7587 7.1): theirs rule our encoder. */
	p->flags = theirs->flags & (DP_CODEC_FEC | DP_CODEC_DTX | DP_CODEC_CBR);
	p->max_rate_khz = (uint8_t)lower(ours->max_rate_khz, theirs->max_rate_khz);
	p->bitrate_bps = lower(ours->bitrate_bps, theirs->bitrate_bps);
	p->complexity = ours->complexity;
}

int dp_fmtp_agree(uint32_t id, const struct dp_codec_params *ours,
	const struct dp_codec_params *theirs, struct dp_codec_params *ret_params)
{
	const struct dp_codec *codec = dp_codec_row(id);
	struct dp_codec_params p = {.zero = {0}};
	uint32_t ptime_ms = theirs->ptime_ms ? theirs->ptime_ms : ours->ptime_ms;

	if (codec == NULL)
		return -EINVAL;
	if (IS(id, AMR)) {
		int rc = agree_amr(id, ours, theirs, &p);
		if (rc != 0)
			return rc;
	}
	if (IS(id, OPUS))
		agree_opus(ours, theirs, &p);
	if (IS(id, G729))
		p.flags = ours->flags & theirs->flags & DP_CODEC_DTX;
	p.max_ptime_ms = theirs->max_ptime_ms;
	p.ptime_ms = (uint8_t)dp_codec_ptime_fit(
		codec, lower(ptime_ms ? ptime_ms : 20, p.max_ptime_ms));
	*ret_params = p;
	return 0;
}

bool dp_fmtp_relayable(
	uint32_t id, const struct dp_codec_params *a, const struct dp_codec_params *b)
{
	if (IS(id, AMR))
		return ((a->flags ^ b->flags) & DP_CODEC_OCTET_ALIGN) == 0 &&
		       modes_of(id, a) == modes_of(id, b);
	/* Who said annexb=no may not know what a noise frame is. */
	if (IS(id, G729))
		return ((a->flags ^ b->flags) & DP_CODEC_DTX) == 0;
	/* Every Opus decoder takes every Opus packet. */
	return true;
}

/* ---- text ---- */

struct text {
	char *dst;
	size_t n;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	if (t->n > 0)
		t->dst[t->n++] = ';';
	va_start(ap, format);
	n = vsnprintf(t->dst + t->n, DP_FMTP_MAX - t->n, format, ap);
	va_end(ap);
	t->n += (size_t)n;
}

static void print_amr(uint32_t id, const struct dp_codec_params *p, struct text *t)
{
	uint32_t modes = p->modes & AMR_MODES(id);

	if (p->flags & DP_CODEC_OCTET_ALIGN)
		put(t, "octet-align=1");
	if (modes != 0) {
		char list[2 * 9 + 1];
		size_t n = 0;
		for (uint32_t mode = 0; mode < 9; mode++) {
			if (!(modes >> mode & 1))
				continue;
			if (n > 0)
				list[n++] = ',';
			list[n++] = (char)('0' + mode);
		}
		list[n] = '\0';
		put(t, "mode-set=%s", list);
	}
	if (p->mode_period == 2)
		put(t, "mode-change-period=2");
	if (p->flags & DP_CODEC_CHANGE_CAP2)
		put(t, "mode-change-capability=2");
	if (p->flags & DP_CODEC_NEIGHBOR)
		put(t, "mode-change-neighbor=1");
}

static void print_opus(const struct dp_codec_params *p, struct text *t)
{
	if (p->max_rate_khz != 0 && p->max_rate_khz < 48) {
		put(t, "maxplaybackrate=%u", p->max_rate_khz * 1000U);
		/* What we send has no more than what we play. */
		put(t, "sprop-maxcapturerate=%u", p->max_rate_khz * 1000U);
	}
	if (p->bitrate_bps != 0)
		put(t, "maxaveragebitrate=%u", p->bitrate_bps);
	if (p->flags & DP_CODEC_FEC)
		put(t, "useinbandfec=1");
	if (p->flags & DP_CODEC_DTX)
		put(t, "usedtx=1");
	if (p->flags & DP_CODEC_CBR)
		put(t, "cbr=1");
}

size_t dp_fmtp_print(
	uint32_t id, const struct dp_codec_params *params, char dst[static DP_FMTP_MAX])
{
	struct text t = {dst, 0};

	dst[0] = '\0';
	if (IS(id, AMR))
		print_amr(id, params, &t);
	if (IS(id, OPUS))
		print_opus(params, &t);
	/* Said both ways: ends differ in what they take a missing annexb for. */
	if (IS(id, G729))
		put(&t, "annexb=%s", params->flags & DP_CODEC_DTX ? "yes" : "no");
	return t.n;
}
