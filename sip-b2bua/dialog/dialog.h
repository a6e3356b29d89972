/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One side's view of a dialog (RFC 3261 12): identifiers, sequence numbers both ways, route set,
 * remote target, and where the next request goes. A dialog knows nothing of calls, transactions
 * or SDP; its owner is the leg of a call. All functions: the owner's thread.
 *
 * Everything that a dialog says to its peer comes from messages of that same peer or was made by
 * us; nothing of the other leg is in it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sip-b2bua/core/sip_token.h"
#include "sip-b2bua/dialog/checkpoint.h"
#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/transport/sip_transport.h"

#define DIALOG_ROUTES_MAX 8
#define DIALOG_TEXT_MAX	  8192 /* octets of all texts of a dialog */

enum dialog_state { DIALOG_EARLY = 1, DIALOG_CONFIRMED = 2, DIALOG_TERMINATED = 3 };

struct dialog {
	uint8_t state; /* enum dialog_state */
	uint8_t n_routes;
	bool remote_cseq_set; /* RFC 3261 12.1.2: empty until the peer's first request */
	bool symmetric;	      /* the peer is behind a NAT: requests go where its own come from */
	uint32_t local_cseq;  /* of the last request we sent */
	uint32_t remote_cseq; /* of the last request the peer sent */
	struct sip_path path; /* of requests to the peer */
	struct sip_path from; /* the path the peer's last message came on: the fall-back */
	struct view call_id, local_tag, remote_tag; /* remote_tag may be empty (RFC 2543) */
	struct view local_addr, remote_addr;	    /* name-addr for From and To, without tag */
	struct view target;			    /* remote target: a URI */
	struct view routes[DIALOG_ROUTES_MAX];	    /* as they stand in Route, with <> */
	char *text; /* what the views above point to: behind the struct, in one block with it */
	char *target_text; /* the target once it was refreshed; else NULL */
};

/*
 * From an INVITE that we received. local_tag is ours (copied). path: where it came from; requests
 * go to its Contact or Route if those are addresses, back along path else. symmetric when the
 * topmost Via names another address than the request came from.
 * -EINVAL: no usable Contact or Record-Route (400 then), -E2BIG: too much text, -ENOMEM.
 */
int dialog_new_uas(const struct sip_msg *invite, struct view local_tag, const struct sip_path *path,
	struct dialog **ret_dialog) __attribute__((warn_unused_result));

/*
 * From a response (with a To tag) to an INVITE that we sent along path with this CSeq. State is
 * EARLY for 1xx and CONFIRMED for 2xx. A response without a Contact keeps request_uri as target.
 * Errors as above.
 */
int dialog_new_uac(const struct sip_msg *response, struct view request_uri,
	const struct sip_path *path, struct dialog **ret_dialog)
	__attribute__((warn_unused_result));

void dialog_free(struct dialog *dialog);

/* Whether a request from the peer belongs here: Call-ID, To tag, From tag (RFC 3261 12.2.2). */
bool dialog_match_request(const struct dialog *dialog, const struct sip_msg *request);
/* Whether a response to one of our requests does. */
bool dialog_match_response(const struct dialog *dialog, const struct sip_msg *response);

/* The peer's next request: false when its CSeq is not higher than the last one's (500). */
bool dialog_take_cseq(struct dialog *dialog, uint32_t cseq);

/*
 * Target refresh by a re-INVITE or its 2xx (RFC 3261 12.2.1.2, 12.2.2); path: where that message
 * came from. 0 also when there is no Contact; on errors all stays as it was.
 */
int dialog_refresh(struct dialog *dialog, const struct sip_msg *msg, const struct sip_path *path)
	__attribute__((warn_unused_result));

/*
 * The 2xx to our INVITE: replaces an early dialog by the confirmed one, whose route set and target
 * are those of the 2xx (RFC 3261 13.2.2.4); sequence numbers stay. On errors *dialog stays.
 */
int dialog_confirm(struct dialog **dialog, const struct sip_msg *response, struct view request_uri,
	const struct sip_path *path) __attribute__((warn_unused_result));

/* The tag that we show the peer changes while a dialog is early (one per fork behind us). */
void dialog_set_local_tag(struct dialog *dialog, const char tag[SIP_TOKEN_LEN]);

/* Requests go where the peer's own come from, whatever its Contact says: it is behind a NAT, or on a flow. */
void dialog_set_symmetric(struct dialog *dialog);

/* They go along this path from now on: another flow to the same peer. */
void dialog_set_way(struct dialog *dialog, const struct sip_path *path);

/* The Request-URI of requests in the dialog (RFC 3261 12.2.1.1). */
struct view dialog_request_uri(const struct dialog *dialog);

/*
 * Appends request line, Via, Route, Max-Forwards, From, To, Call-ID and CSeq of a request inside
 * the dialog (RFC 3261 12.2.1.1, strict routers included). The Via names dialog->path.local. cseq:
 * from dialog_next_cseq(), or the INVITE's for ACK.
 */
void dialog_put_request(struct sip_buf *b, const struct dialog *dialog, enum sip_method method,
	uint32_t cseq, struct view branch, uint32_t max_forwards);
static inline uint32_t dialog_next_cseq(struct dialog *dialog)
{
	return ++dialog->local_cseq;
}

/*
 * Checkpoint. reading gives a CONFIRMED dialog whose local CSeq is well above what was written:
 * requests may have left after the checkpoint. Bytes are checked as input from outside: -EINVAL.
 */
void dialog_checkpoint(const struct dialog *dialog, struct ckpt_out *out);
int dialog_restore(struct ckpt_in *in, struct dialog **ret_dialog)
	__attribute__((warn_unused_result));
