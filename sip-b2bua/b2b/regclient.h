/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the registration client share; see regclient.c. Private to sip-b2bua/b2b. */
#pragma once

#include "sip-b2bua/auth/digest.h"
#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/b2b/targets.h"

/* One trunk's registration. */
struct reg {
	struct regclient *all;
	struct cfg_trunk trunk; /* as configured */
	uint32_t slot;		/* in shared->required, or ROUTE_NONE */
	bool leaving;		/* a goodbye; it is freed with its answer */
	bool registered;
	bool told;	   /* limen-control knows of it */
	uint8_t n_423;	   /* in a row */
	uint32_t want_s;   /* expires that is asked for */
	uint32_t given_s;  /* that the registrar gave */
	uint64_t until_ms; /* wall clock: its end */
	uint32_t n_failed; /* in a row */
	uint32_t last_status, cseq, retry_after_s;
	uint64_t id; /* of its Call-ID and tag */
	struct digest_client auth;
	struct sip_ctxn *ctxn;
	struct sip_path flow; /* by which the registrar answered; transport 0: not yet */
	struct twheel_timer timer, ping;
	struct twheel_timer end; /* of the binding */
	char associated[CTL_ASSOCIATED_MAX];
	char reason[160];
};

struct regclient {
	struct b2b *b;
	uint32_t n, n_serial;
	struct reg **regs;	   /* leaving ones, too */
	uint32_t n_trunks, *slots; /* of each trunk, as reg.slot */
};

/* A number that belongs to a trunk's name, whatever process asks. */
uint64_t reg_name_hash(const char *trunk);
/* User part of the line's address. */
const char *reg_line(const struct cfg_trunk *trunk);
/* The next REGISTER: of r->cseq, for r->want_s seconds. As sip_build_end(). */
int reg_request_build(struct reg *r, const struct sip_path *path, struct sip_buf *b);
/* How long our binding lives, as a 2xx says (RFC 3261 10.2.4); 0: it is not there. */
uint32_t reg_expires_of(struct reg *r, const struct sip_msg *msg);
