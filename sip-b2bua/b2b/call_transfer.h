/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of transfers share: see call_transfer.c. The thread of the worker that has the call. */
#pragma once

#include "sip-b2bua/b2b/relay.h"

enum role { ROLE_FROM = 1, ROLE_WITH, ROLE_TO };

struct call_transfer {
	struct call *call;
	uint8_t role, side; /* FROM, WITH: of the transferor; TO: not used */
	bool subscribed;    /* FROM: the transferor gets NOTIFYs */
	bool attended;
	bool asks;	      /* FROM: another worker has the other dialog */
	bool lent;	      /* TO: the far ends are here */
	bool again;	      /* TO: the timer is for a re-INVITE that met another one */
	uint8_t tries, first; /* TO: which leg is asked first */
	uint16_t told;	      /* FROM: the status of the last NOTIFY */
	struct call_ticket from, with, to;
	char realm[CTL_NAME_MAX], trunk[CTL_NAME_MAX]; /* TO: of the transferor */
	char number[CTL_NUMBER_MAX];		       /* who is called, for sentences */
	char event[32];				       /* FROM: Event of the NOTIFYs */
	struct sip_msg *invite; /* TO: in place of one of the transferred party */
	struct twheel_timer timer;
};

struct call_ticket transfer_ticket(const struct call *call);
/* NULL: it is gone, or no part of a transfer any more. */
struct call *transfer_call(struct b2b *b, struct call_ticket name);
/* NULL when memory is short; of the call from then on. */
struct call_transfer *transfer_new(struct call *call, enum role role);
/* The leg of a FROM or WITH that its transferor is on. */
struct leg *transfer_leg(struct call *call);
/* NOTIFY to the transferor; over: the last one. */
void transfer_notify(struct call *from, unsigned int status, bool over);
/* FROM or WITH is an ordinary call again, or ends if its transferor hung up; status: of the last NOTIFY. */
void transfer_part_free(struct b2b *b, struct call_ticket name, unsigned int status);
/* TO takes its far ends and brings them together. */
void transfer_join(struct call *to);
