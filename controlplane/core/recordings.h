/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which calls are recorded, as limen-control sees it: by rule (`media record` of a realm, trunk or
 * dial-peer, looked at when the call is answered) or because an operator asks. Has the data plane
 * copy the RTP, tells limen-rec what to make of it, again after either was away, and keeps what
 * limen-rec tells for `show recordings` and the record.
 *
 * limen-control's one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/base/ipc.h"
#include "controlplane/config/cfg.h"
#include "controlplane/core/process.h"
#include "controlplane/media/sessions.h"
#include "controlplane/records/record.h"

struct call;
struct call_list;
struct recordings;

struct recordings_ops {
	const struct cfg *(*running)(void *arg);
	struct call *(*find)(void *arg, uint64_t call_id);
	const struct call_list *(*list)(void *arg);
	uint64_t (*wall_ms)(void *arg);
	void *arg;
};

struct recordings *recordings_new(const struct recordings_ops *ops); /* NULL: memory */
void recordings_free(struct recordings *rs);
void recordings_bind(struct recordings *rs, struct sessions *sessions);

/* Something about a call or its media is otherwise. */
void recordings_call(struct recordings *rs, struct call *call);
/* Its media is about to be closed for good. */
void recordings_call_end(struct recordings *rs, struct call *call);
/* It is about to be forgotten. */
void recordings_call_free(struct call *call);
/* What its record says. */
void recordings_record(const struct call *call, struct record_recording *ret_recording);

/*
 * An operator's word, which is above the rules. -ENOENT: no such call, -EALREADY, -ENOTCONN: it is
 * noted, but limen-rec is away, -ENOMEM.
 */
int recordings_demand(struct recordings *rs, uint64_t call_id, bool on);

/* Other settings, of which room and files hold for what is recorded already, too. */
void recordings_policy(struct recordings *rs, const struct cfg *cfg);

/* limen-rec said HELLO; is gone. */
void recordings_up(struct recordings *rs, struct ipc_peer *peer);
void recordings_down(struct recordings *rs, struct ipc_peer *peer);
/* CTL_REC_STATUS or CTL_REC_INFO of the right size. Negative errno: malformed. */
int recordings_message(struct recordings *rs, const struct ipc_hdr *hdr, const void *body)
	__attribute__((warn_unused_result));

/* limen-rec, now or last. */
const struct process *recordings_process(const struct recordings *rs);
bool recordings_here(const struct recordings *rs);
/* What limen-rec told last. */
const struct ctl_rec_info *recordings_info(const struct recordings *rs);
/* Those under way, then those that ended last, newest first; NULL after the last. */
const struct ctl_rec_status *recordings_at(const struct recordings *rs, unsigned int i);
