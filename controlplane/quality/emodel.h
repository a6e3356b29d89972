/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The E-model: how a connection would be rated by people, from what is known of it. ITU-T G.107
 * (06/2015) for narrow band, G.107.1 (06/2015) for wide band; impairments of codecs from ITU-T
 * G.113 (11/2007). Every other parameter has the default of the Recommendation. Pure functions.
 *
 * A codec that G.113 does not know, or whose behaviour under loss it does not give when there was
 * loss, has no rating: nothing here is guessed.
 */
#pragma once

#include <stdbool.h>

struct emodel_codec {
	const char *name; /* encoding name of SDP */
	bool wideband;
	double ie;  /* equipment impairment factor, on the scale of its band */
	double bpl; /* packet-loss robustness; 0: G.113 has none */
};

/* NULL: it is not in the table. Upper and lower case are the same. */
const struct emodel_codec *emodel_codec_find(const char *name);

struct emodel_input {
	const struct emodel_codec *codec;
	double loss_percent; /* lost and discarded, 0..100 */
	double burst_ratio;  /* G.107 7.3: 1 for random loss, more for loss in bursts */
	double delay_ms;     /* mouth to ear, one way; 0 for listening alone */
};

/* The transmission rating: 0..100, wide band 0..129. False: it cannot be told. */
bool emodel_rating(const struct emodel_input *in, double *ret_r);
/* The mean opinion score of a rating, 1..4.5 (G.107 annex B; G.107.1: R / 1.29 first). */
double emodel_mos(double r, bool wideband);
