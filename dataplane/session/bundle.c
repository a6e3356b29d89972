/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bundle.h. */
#include "dataplane/session/bundle.h"

#include <errno.h>
#include <string.h>

#define RTP_HDR	   12
#define EXT_ONE	   0xbede
#define EXT_TWO	   0x1000 /* the lower four bits are the application's */
#define RTCP_SR	   200
#define RTCP_RR	   201
#define RTCP_RTPFB 205
#define RTCP_PSFB  206
#define RTCP_BLOCK 24
#define PSFB_APP   15 /* REMB */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

/* ---- who is in it ---- */

static struct bundle_line *line_of(struct bundle *b, uint32_t slot)
{
	for (uint32_t i = 0; i < b->n_lines; i++)
		if (b->line[i].slot == slot)
			return &b->line[i];
	return NULL;
}

bool bundle_has(const struct bundle *b, uint32_t slot)
{
	for (uint32_t i = 0; i < b->n_lines; i++)
		if (b->line[i].slot == slot)
			return true;
	return false;
}

static bool has_pt(const struct dp_bundle *conf, unsigned int pt)
{
	return conf->pts[pt / 8] >> (pt % 8) & 1;
}

static void index_payloads(struct bundle *b)
{
	for (unsigned int pt = 0; pt < 128; pt++) {
		unsigned int n = 0;
		b->pt_line[pt] = 0;
		for (uint32_t i = 0; i < b->n_lines; i++) {
			if (!has_pt(&b->line[i].conf, pt))
				continue;
			b->pt_line[pt] = n++ ? 0 : (uint8_t)(i + 1);
		}
	}
}

/* Those of a stream: all of them, or what it was told. */
static void forget(struct bundle *b, uint32_t slot, bool told_only)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n_heard; i++)
		if (b->heard[i].slot != slot || (told_only && !b->heard[i].told))
			b->heard[n++] = b->heard[i];
	b->n_heard = n;
	b->next_heard = 0;
}

static struct bundle_ssrc *heard_of(struct bundle *b, uint32_t ssrc)
{
	for (uint32_t i = 0; i < b->n_heard; i++)
		if (b->heard[i].ssrc == ssrc)
			return &b->heard[i];
	return NULL;
}

/* Room for one more: where there is none, in turn, of one that was only heard. */
static struct bundle_ssrc *heard_room(struct bundle *b)
{
	if (b->n_heard < BUNDLE_HEARD)
		return &b->heard[b->n_heard++];
	for (uint32_t i = 0; i < BUNDLE_HEARD; i++) {
		struct bundle_ssrc *h = &b->heard[b->next_heard];
		b->next_heard = (b->next_heard + 1) % BUNDLE_HEARD;
		if (!h->told)
			return h;
	}
	return NULL;
}

static void put_ssrc(struct bundle *b, uint32_t ssrc, uint32_t slot, bool told)
{
	struct bundle_ssrc *h = heard_of(b, ssrc);

	if (!h)
		h = heard_room(b);
	if (h)
		*h = (struct bundle_ssrc){.ssrc = ssrc, .slot = slot, .told = told};
}

int bundle_join(struct bundle *b, uint32_t slot, const struct dp_bundle *conf)
{
	struct bundle_line *line = line_of(b, slot);

	if (!line && b->n_lines == DP_BUNDLE_LINES)
		return -ENOSPC;
	if (!line)
		line = &b->line[b->n_lines++];
	line->slot = slot;
	line->conf = *conf;
	forget(b, slot, true);
	for (unsigned int i = 0; i < conf->n_ssrcs; i++)
		put_ssrc(b, conf->ssrc[i], slot, true);
	index_payloads(b);
	return 0;
}

void bundle_leave(struct bundle *b, uint32_t slot)
{
	struct bundle_line *line = line_of(b, slot);

	if (!line)
		return;
	/* the order stays, so that what is first is first still */
	memmove(line, line + 1,
		(size_t)((const char *)(b->line + b->n_lines) - (const char *)(line + 1)));
	b->n_lines--;
	forget(b, slot, false);
	index_payloads(b);
}

/* ---- RTP ---- */

/* One element of the header extension: a MID. ret_slot is set when it is one, maybe to none. */
static bool element(const struct bundle *b, unsigned int id, const uint8_t *value, uint32_t len,
	uint32_t *ret_slot)
{
	bool is_mid = false;

	for (uint32_t i = 0; i < b->n_lines; i++) {
		const struct dp_bundle *c = &b->line[i].conf;
		if (c->mid_ext != id || !c->mid_len)
			continue;
		is_mid = true;
		if (c->mid_len == len && memcmp(c->mid, value, len) == 0) {
			*ret_slot = b->line[i].slot;
			return true;
		}
	}
	if (is_mid)
		*ret_slot = BUNDLE_NONE;
	return is_mid;
}

/* The elements of RFC 8285 4.2 and 4.3; true: there is a MID. */
static bool find_mid(const struct bundle *b, uint16_t profile, const uint8_t *p, uint32_t len,
	uint32_t *ret_slot)
{
	bool two = (profile & 0xfff0) == EXT_TWO;

	if (!two && profile != EXT_ONE)
		return false;
	for (uint32_t at = 0; at < len;) {
		unsigned int id = two ? p[at] : p[at] >> 4;
		if (id == 0) {
			at++; /* padding */
			continue;
		}
		if (!two && id == 15)
			return false;
		uint32_t n = two ? 0 : (p[at] & 0x0fu) + 1;
		if (two && at + 1 >= len)
			return false;
		if (two)
			n = p[at + 1];
		at += two ? 2 : 1;
		if (at + n > len)
			return false;
		if (element(b, id, p + at, n, ret_slot))
			return true;
		at += n;
	}
	return false;
}

static bool mid_of(const struct bundle *b, const uint8_t *pkt, uint32_t len, uint32_t *ret_slot)
{
	uint32_t at = RTP_HDR + (pkt[0] & 0x0fu) * 4;

	if (!(pkt[0] & 0x10) || at + 4 > len)
		return false;
	uint32_t ext_len = be16(pkt + at + 2) * 4u;
	if (at + 4 + ext_len > len)
		return false;
	return find_mid(b, be16(pkt + at), pkt + at + 4, ext_len, ret_slot);
}

uint32_t bundle_of_ssrc(const struct bundle *b, uint32_t ssrc)
{
	for (uint32_t i = 0; i < b->n_heard; i++)
		if (b->heard[i].ssrc == ssrc)
			return b->heard[i].slot;
	return BUNDLE_NONE;
}

uint32_t bundle_of_rtp(const struct bundle *b, const uint8_t *pkt, uint32_t len)
{
	uint32_t slot;

	if (len < RTP_HDR)
		return b->line[0].slot; /* whose guard will say so */
	if (mid_of(b, pkt, len, &slot))
		return slot;
	slot = bundle_of_ssrc(b, be32(pkt + 8));
	if (slot != BUNDLE_NONE)
		return slot;
	uint8_t line = b->pt_line[pkt[1] & 0x7f];
	return line ? b->line[line - 1].slot : BUNDLE_NONE;
}

void bundle_heard(struct bundle *b, uint32_t ssrc, uint32_t slot)
{
	struct bundle_ssrc *h = heard_of(b, ssrc);

	if (!h || h->slot != slot)
		put_ssrc(b, ssrc, slot, false);
}

/* ---- RTCP ---- */

static uint32_t of_sent(const struct bundle_sent *sent, uint32_t ssrc)
{
	for (unsigned int i = 0; i < sent->n; i++)
		if (sent->of[i].ssrc == ssrc)
			return sent->of[i].slot;
	return BUNDLE_NONE;
}

/* What one packet of a compound packet says; each more reliable than the next. */
struct rtcp_says {
	uint32_t feedback, sender, reported;
};

static void first(uint32_t *slot, uint32_t found)
{
	if (*slot == BUNDLE_NONE)
		*slot = found;
}

/* RFC 4585 6.1; draft-alvestrand-rmcat-remb names its streams behind a media SSRC of 0. */
static void read_feedback(
	const struct bundle_sent *sent, const uint8_t *p, uint32_t len, struct rtcp_says *says)
{
	if (len < 12)
		return;
	first(&says->feedback, of_sent(sent, be32(p + 8)));
	if (p[1] != RTCP_PSFB || (p[0] & 0x1f) != PSFB_APP || len < 20 ||
		memcmp(p + 12, "REMB", 4) != 0)
		return;
	for (uint32_t i = 0; i < p[16] && 24 + 4 * i <= len; i++)
		first(&says->feedback, of_sent(sent, be32(p + 20 + 4 * i)));
}

static void read_one(const struct bundle *b, const struct bundle_sent *sent, const uint8_t *p,
	uint32_t len, struct rtcp_says *says)
{
	uint32_t at = p[1] == RTCP_SR ? 28 : 8;

	if (len < 8)
		return;
	first(&says->sender, bundle_of_ssrc(b, be32(p + 4)));
	if (p[1] == RTCP_RTPFB || p[1] == RTCP_PSFB)
		read_feedback(sent, p, len, says);
	for (; (p[1] == RTCP_SR || p[1] == RTCP_RR) && at + RTCP_BLOCK <= len; at += RTCP_BLOCK)
		first(&says->reported, of_sent(sent, be32(p + at)));
}

uint32_t bundle_of_rtcp(
	const struct bundle *b, const struct bundle_sent *sent, const uint8_t *pkt, uint32_t len)
{
	struct rtcp_says says = {BUNDLE_NONE, BUNDLE_NONE, BUNDLE_NONE};

	for (uint32_t at = 0; at + 4 <= len;) {
		uint32_t n = (be16(pkt + at + 2) + 1u) * 4;
		if (n > len - at)
			break;
		read_one(b, sent, pkt + at, n, &says);
		at += n;
	}
	if (says.feedback != BUNDLE_NONE)
		return says.feedback;
	return says.sender != BUNDLE_NONE ? says.sender : says.reported;
}
