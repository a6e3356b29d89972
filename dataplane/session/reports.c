/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The timing of our own RTCP; see reports.h. */
#include "dataplane/session/reports.h"

#include <stddef.h>
#include <string.h>

#define LETTERS_SPARED 1024 /* left to requests */
#define CNAME_LEN      16   /* of 64 letters: the 96 bits of RFC 7022 4.2 */

/* splitmix64: unpredictable to nobody, but different for every leg and box. */
static uint64_t next_random(struct reports *r)
{
	uint64_t h = r->random += UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static void make_name(struct reports *r, char cname[RTCP_CNAME_MAX])
{
	static const char letters[65] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t bits = 0;

	for (unsigned int i = 0; i < CNAME_LEN; i++) {
		if (i % 8 == 0)
			bits = next_random(r);
		cname[i] = letters[bits >> (6 * (i % 8)) & 63];
	}
	cname[CNAME_LEN] = '\0';
}

static void on_sent(struct letter *l, void *arg)
{
	/* Without an address or a next hop there was nobody to tell: the next one may be. */
}

static void post(struct reports *r, struct leg_report *leg, bool bye)
{
	struct rte_mbuf *frame;
	struct letter *l;

	if (mail_n_free(r->conf.mail) <= LETTERS_SPARED)
		return;
	frame = r->conf.frame(r->conf.arg);
	if (!frame)
		return;
	l = mail_letter(r->conf.mail, WORKER_REPORT, on_sent, NULL);
	l->msg.report = (struct worker_report){.slot = leg->slot,
		.own_ssrc = leg->ssrc,
		.bye = bye,
		.rating = leg->rating,
		.frame = frame};
	l->msg.report.ntp = r->conf.ntp(r->conf.arg, &l->msg.report.ntp_tsc);
	memcpy(l->msg.report.cname, leg->cname, sizeof(leg->cname));
	mail_post(r->conf.mail, leg->worker, l);
	leg->sent = true;
}

static void fire(struct twheel_timer *timer, void *arg)
{
	struct reports *r = arg;
	struct leg_report *leg = (struct leg_report *)((char *)timer -
						       offsetof(struct leg_report, timer));

	post(r, leg, false);
	twheel_start(r->conf.wheel, timer, rtcp_interval_ms(false, (uint32_t)next_random(r)));
}

void reports_init(struct reports *reports, const struct reports_conf *conf)
{
	*reports = (struct reports){.conf = *conf, .random = conf->seed};
}

void reports_follow(struct reports *reports, struct leg_report *leg, uint32_t worker, uint32_t slot,
	bool wanted)
{
	if (!reports->conf.frame)
		return; /* a data plane without packet memory: there is none but in tests */
	if (wanted && !leg->on) {
		*leg = (struct leg_report){.on = true,
			.worker = worker,
			.slot = slot,
			.rating = RTCP_RATING_NONE,
			.ssrc = (uint32_t)next_random(reports) | 1};
		make_name(reports, leg->cname);
		twheel_timer_init(&leg->timer, fire, reports);
		twheel_start(reports->conf.wheel, &leg->timer,
			rtcp_interval_ms(true, (uint32_t)next_random(reports)));
	} else if (!wanted && leg->on) {
		twheel_stop(reports->conf.wheel, &leg->timer);
		/* who never said a word need not say good-bye (RFC 3550 6.3.7) */
		if (leg->sent)
			post(reports, leg, true);
		leg->on = false;
	}
}
