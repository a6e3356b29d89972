/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SIP messages of a call as a picture: far ends of the caller's leg to the left, the box in the
 * middle, those of the called leg to the right, time downwards. Printers for text, SVG, JSON, and a
 * capture file (pcapng.c). No state.
 */
#pragma once

#include <jansson.h>

#include "cli/grammar/source.h"
#include "controlplane/base/view.h"
#include "controlplane/config/buf.h"

#define LADDER_ENDS_MAX 12 /* far ends with a column of their own; further ones share the last */
#define LADDER_LABEL	48

struct ladder_end {
	struct ipaddr addr;
	uint8_t leg; /* as in struct cli_trace_msg; 2 where it is not known */
	uint8_t transport;
};

struct ladder_row {
	unsigned int end; /* of ends[] */
	bool again;	  /* the same octets went this way before */
	bool sdp;
	char label[LADDER_LABEL]; /* "INVITE (SDP)", "200 OK (BYE)" */
};

struct ladder {
	const struct cli_trace *trace;
	struct ladder_end ends[LADDER_ENDS_MAX]; /* the n_left first ones stand left of the box */
	unsigned int n_ends, n_left;
	struct ladder_row *rows; /* one for each message */
};

/* trace must outlive it. -ENOMEM. */
int ladder_make(const struct cli_trace *trace, struct ladder *ret_ladder)
	__attribute__((warn_unused_result));
void ladder_free(struct ladder *ladder);

/* title: lines above the picture, each with a newline. */
void ladder_text(const struct ladder *ladder, struct buf *out);
void ladder_svg(const struct ladder *ladder, const char *title, struct buf *out);
json_t *ladder_json(const struct ladder *ladder); /* an array */
/* A message as it is, under the line that says which; number from 0. */
void ladder_message(const struct ladder *ladder, unsigned int number, struct buf *out);

/*
 * A capture file (pcapng, draft-ietf-opsawg-pcapng) of IP packets. Every message is one UDP datagram
 * between the addresses it went between; its comment says leg and real transport, for what came by TCP
 * or TLS is there whole and in clear.
 */
void ladder_pcapng(const struct ladder *ladder, const char *comment, struct buf *out);

const char *ladder_transport(uint8_t transport);
const char *ladder_leg(uint8_t leg);
