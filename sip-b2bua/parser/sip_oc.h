/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Overload control in the parameters of the topmost Via (RFC 7339 4, RFC 7415 3): oc, oc-algo, oc-validity
 * and oc-seq. A client says in its Via what it understands, a server fills in what it asks for. Text only;
 * any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sip-b2bua/parser/sip_build.h"

#define SIP_OC_VALIDITY_MS     500   /* where nothing is said (RFC 7339 4.3) */
#define SIP_OC_VALIDITY_MAX_MS 60000 /* longer is cut: who asks for it can ask again */
#define SIP_OC_RATE_MAX	       65535 /* more is no restriction */

enum sip_oc_algo { SIP_OC_NONE, SIP_OC_LOSS, SIP_OC_RATE };

struct sip_oc {
	uint8_t algo;	      /* enum sip_oc_algo */
	uint32_t value;	      /* LOSS: percent; RATE: requests a second */
	uint32_t validity_ms; /* 0: the restriction is over */
	uint64_t seq;	      /* of its seconds and fractions; a later one is larger */
};

/*
 * What a response's Via asks for. 0; -ENOENT: nothing; -EINVAL: it cannot be meant (no number, a share
 * above 100, no or a broken oc-seq, an algorithm that nobody offered).
 */
int sip_oc_read(struct view via_params, bool rate_offered, struct sip_oc *ret_oc)
	__attribute__((warn_unused_result));

/* Whether the first Via of a response of ours may offer it: a quick look, which costs each of them. */
bool sip_oc_offered(struct view response);
/*
 * A response of ours as it goes out: what its topmost Via offered is answered with own (algo LOSS).
 * false: that Via offers nothing of the kind, or the answer does not fit; out is void then.
 */
bool sip_oc_answer(struct view response, const struct sip_oc *own, struct sip_buf *out);
