/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The E-model; see emodel.h. Names and numbers of equations are those of G.107. */
#include "controlplane/quality/emodel.h"

#include <math.h>
#include <stddef.h>
#include <strings.h>

/* Defaults of G.107 table 2. */
#define SLR	    8.0
#define RLR	    2.0
#define OLR	    (SLR + RLR)
#define STMR	    15.0
#define LSTR	    (STMR + 3.0) /* Dr 3 */
#define DS	    3.0
#define TELR	    65.0
#define WEPL	    110.0
#define QDU	    1.0
#define NC	    (-70.0)
#define NFOR	    (-64.0)
#define PS	    35.0
#define PR	    35.0
#define MT	    100.0

#define RO_WIDEBAND 129.0 /* G.107.1 7.1: the default for quiet surroundings */
#define WIDEBAND    1.29

/*
 * G.113: appendix I tables I.1 to I.4 for narrow band (G.711 with the concealment of its appendix
 * I), appendix IV for wide band. The AMR modes are those that mobile networks begin with: 12.2
 * kbit/s, which is GSM-EFR, and 12.65 kbit/s. Opus has no figures there.
 */
static const struct emodel_codec codecs[] = {
	{"PCMU", false, 0, 25.1},
	{"PCMA", false, 0, 25.1},
	{"G711-no-PLC", false, 0, 4.3},
	{"G729", false, 11, 19},
	{"G723", false, 15, 16.1},
	{"GSM-EFR", false, 5, 10},
	{"AMR", false, 5, 10},
	{"GSM", false, 20, 0},
	{"G726-40", false, 2, 0},
	{"G726-32", false, 7, 0},
	{"G726-24", false, 25, 0},
	{"G726-16", false, 50, 0},
	{"G722", true, 13, 0},
	{"AMR-WB", true, 13, 4.3},
};

const struct emodel_codec *emodel_codec_find(const char *name)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (strcasecmp(codecs[i].name, name) == 0)
			return &codecs[i];
	return NULL;
}

static double power_sum(double a_db, double b_db)
{
	return 10 * log10(pow(10, a_db / 10) + pow(10, b_db / 10));
}

/* No, equations 7-3 to 7-7: all noise, referred to the 0 dBr point. */
static double noise(void)
{
	double pre = PR + 10 * log10(1 + pow(10, (10 - LSTR) / 10));
	double nos = PS - SLR - DS - 100 + 0.004 * pow(PS - OLR - DS - 14, 2);
	double nor = RLR - 121 + pre + 0.008 * pow(pre - 35, 2);
	double nfo = NFOR + RLR;

	return power_sum(power_sum(NC, nos), power_sum(nor, nfo));
}

/* Is, equations 7-8 to 7-18: what occurs more or less together with the voice. */
static double simultaneous(double ro, double no, double t)
{
	double xolr = OLR + 0.2 * (64 + no - RLR);
	double iolr = 20 * (pow(1 + pow(xolr / 8, 8), 1.0 / 8) - xolr / 8);
	double stmro = -10 * log10(pow(10, -STMR / 10) + exp(-t / 4) * pow(10, -TELR / 10));
	double ist = 12 * pow(1 + pow((stmro - 13) / 6, 8), 1.0 / 8) -
		     28 * pow(1 + pow((stmro + 1) / 19.4, 35), 1.0 / 35) -
		     13 * pow(1 + pow((stmro - 3) / 33, 13), 1.0 / 13) + 29;
	double q = 37 - 15 * log10(QDU);
	double g = 1.07 + 0.258 * q + 0.0602 * q * q;
	double y = (ro - 100) / 15 + 46 / 8.4 - g / 9;
	double z = 46.0 / 30 - g / 40;
	double iq = 15 * log10(1 + pow(10, y) + pow(10, z));

	return iolr + ist + iq;
}

/* Idte, equations 7-20 to 7-24: talker echo after t ms. */
static double talker_echo(double no, double t)
{
	double terv = TELR - 40 * log10((1 + t / 10) / (1 + t / 150)) + 6 * exp(-0.3 * t * t);
	double re = 80 + 2.5 * (terv - 14);
	double roe = -1.5 * (no - RLR);
	double half = (roe - re) / 2;

	if (t < 1)
		return 0;
	return (half + sqrt(half * half + 100) - 1) * (1 - exp(-t));
}

/* Idle, equations 7-25 and 7-26: listener echo after a round trip of tr ms. */
static double listener_echo(double ro, double tr)
{
	double rle = 10.5 * (WEPL + 7) * pow(tr + 1, -0.25);
	double half = (ro - rle) / 2;

	return half + sqrt(half * half + 169);
}

/* Idd, equations 7-27 and 7-28: what too long a delay does to a conversation. */
static double long_delay(double ta)
{
	if (ta <= MT)
		return 0;
	double x = log10(ta / MT) / log10(2);

	return 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
}

/* Ie,eff, equation 7-29. */
static double equipment(const struct emodel_input *in)
{
	const struct emodel_codec *c = in->codec;

	if (in->loss_percent <= 0)
		return c->ie;
	return c->ie + (95 - c->ie) * in->loss_percent /
			       (in->loss_percent / fmax(in->burst_ratio, 1) + c->bpl);
}

bool emodel_rating(const struct emodel_input *in, double *ret_r)
{
	double t = in->delay_ms, no = noise(), r;

	if (in->codec == NULL || !(in->loss_percent >= 0 && in->loss_percent <= 100) || !(t >= 0) ||
		(in->loss_percent > 0 && in->codec->bpl == 0))
		return false;
	if (in->codec->wideband) {
		/* the echoes of G.107.1 need equipment that is not there in a wideband phone */
		r = RO_WIDEBAND - long_delay(t) - equipment(in);
		*ret_r = fmin(fmax(r, 0), RO_WIDEBAND);
		return true;
	}
	double ro = 15 - 1.5 * (SLR + no);
	double id = talker_echo(no, t) + listener_echo(ro, 2 * t) + long_delay(t);

	r = ro - simultaneous(ro, no, t) - id - equipment(in);
	*ret_r = fmin(fmax(r, 0), 100);
	return true;
}

double emodel_mos(double r, bool wideband)
{
	if (wideband)
		r /= WIDEBAND;
	if (r <= 0)
		return 1;
	if (r >= 100)
		return 4.5;
	/* below 6.5 the polynomial falls under 1 (annex B says: not to be used there) */
	return fmax(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}
