/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the B2BUA: the call, its legs, and the functions that its files share. Private to
 * sip-b2bua/b2b.
 *
 * A call is owned by its slot in b2b->calls. It goes through
 *
 *   MEDIA -> CALLING -> UP -> ENDING -> freed
 *
 * and may go to ENDING from each state, by call_end() alone. In ENDING the record is written, media
 * is given back, and the call only waits for the last answers of its own requests (a CANCEL that
 * crosses a 2xx, BYE); then call_release() frees it.
 */
#pragma once

#include <inttypes.h>
#include <sys/queue.h>

#include "sip-b2bua/b2b/b2b.h"
#include "sip-b2bua/b2b/capacity.h"
#include "sip-b2bua/b2b/hooks.h"
#include "sip-b2bua/b2b/policy.h"
#include "sip-b2bua/b2b/targets.h"
#include "sip-b2bua/b2b/trunk_quality.h"
#include "sip-b2bua/dialog/dialog.h"
#include "sip-b2bua/identity/identity.h"
#include "sip-b2bua/routing/route.h"
#include "sip-b2bua/sdp/dtmf_info.h"
#include "sip-b2bua/sdp/media_map.h"
#include "sip-b2bua/sdp/offer_answer.h"

enum { LEG_A = 0, LEG_B = 1 };

enum call_state {
	CALL_MEDIA = 1, /* waits for ports, or for limen-control at all */
	CALL_CALLING,	/* the INVITE is with the called side */
	CALL_UP,	/* 2xx went to the caller */
	CALL_ENDING,
};

/* What happens when limen-control has done what was asked for the media lines. */
enum call_then {
	THEN_NOTHING,
	THEN_INVITE,   /* the offer goes to the other leg in an INVITE or re-INVITE */
	THEN_RELIABLE, /* to the caller in a reliable provisional; its PRACK brings the answer */
	THEN_UPDATE,   /* in an UPDATE */
	THEN_LOCAL,    /* nowhere: the box answers for the other leg; call_update.c */
	THEN_SUCCESS,  /* in the 2xx to the other leg's INVITE that had no offer */
	THEN_JOIN,     /* in a re-INVITE to who is transferred; call_transfer.c */
	THEN_ANSWER,   /* the answer goes on in a 2xx, and the ACK to its sender */
};

#define CALL_HEADERS_MAX \
	2048 /* header lines of a refusal; the longest are challenges of a registrar */

#define CALL_URI_MAX	  512
#define CALL_BRANCHES_MAX 7 /* far ends that ring beside the one of leg->out */

struct call;
struct call_hook;
struct call_stir;
struct call_tolls;
struct digest_client;
struct registrar_targets;
struct call_branch;
struct call_transfer;
struct moved;

/* A call by its slot; generation 0: none. */
struct call_ticket {
	uint32_t slot, generation;
};

#define LEG_DIGITS_MAX 16 /* that wait for INFO to a leg */

/* Digits by INFO, from a leg and to it; see call_dtmf.c. */
struct leg_dtmf {
	uint8_t form;	  /* enum dtmf_info_form of what it gets; NONE: not known yet */
	bool other_form;  /* it has refused the first one */
	uint8_t n, first; /* of queue; the first is under way while out is set */
	uint32_t serial;  /* of the last digit for its media */
	struct sip_ctxn *out;
	struct dtmf_info queue[LEG_DIGITS_MAX];
};

#define LEG_TOLD_CKPT_MAX 4096 /* of a description that is kept for refreshes */

/* The session timer of a leg (RFC 4028); call_timer.c. */
struct leg_timer {
	bool wanted;		   /* its side says "session refresh" */
	bool known;		   /* the far end knows timers */
	bool we;		   /* the box refreshes */
	bool reinvite;		   /* leg->out is a refresh */
	uint8_t n_422;		   /* in a row */
	uint32_t interval_s;	   /* 0: there is none */
	uint32_t min_s, expires_s; /* what the box grants, and asks for */
	uint64_t end_ms;	   /* of the wheel */
	struct sip_ctxn *out;	   /* a refresh by UPDATE */
	struct twheel_timer timer;
};

struct leg {
	struct call *call;
	uint8_t side;	       /* LEG_A, LEG_B */
	bool bye_done;	       /* a BYE came from it or went to it */
	bool ack_owed;	       /* its 2xx waits for our ACK, which waits for media or an answer */
	bool ok_unacked;       /* our 2xx waits for its ACK */
	bool bye_wanted;       /* a BYE follows that ACK (RFC 3261 15: not before) */
	bool cancelled;	       /* its re-INVITE was cancelled; the other leg's answer decides */
	uint32_t ok_cseq;      /* of its INVITE that we answered with 2xx */
	uint32_t out_cseq;     /* of our INVITE to it */
	struct dialog *dialog; /* A: from the start; B: once it answered */
	struct sip_stxn *in;   /* its INVITE, without a final answer */
	struct sip_ctxn *out;  /* our INVITE, without a final answer */
	struct sip_ctxn *accepted; /* our INVITE after its 2xx, while copies of it may come */
	struct sip_ctxn *bye;	   /* our BYE */
	struct sip_resend ok;	   /* our 2xx until the ACK */
	char *ack;		   /* our ACK to its 2xx, for copies of that */
	uint32_t ack_len;
	struct oa oa;
	struct leg_timer se;
	char *told;    /* our last description that was agreed; NULL where none is needed */
	char *telling; /* the one on its way */
	char *heard;   /* the far end's last description; NULL where none is needed */
	uint32_t told_len, telling_len, heard_len;
	uint8_t rel1xx;	  /* enum cfg_rel1xx of its side */
	bool peer_100rel; /* A: it knows reliable provisionals; B: it was told that we do */
	bool peer_requires_100rel;
	/* Its REFER, which goes to the other leg. call_refer.c. */
	struct {
		uint8_t n;	 /* that the box has acted on */
		bool subscribed; /* NOTIFYs of the other leg come back */
		uint32_t cseq_in, cseq_out;
		struct sip_stxn *in;  /* without its answer */
		struct sip_ctxn *out; /* to the other leg */
	} refer;
	bool peer_replaces; /* it knows Replaces */
	bool peer_update;   /* it takes UPDATE, by its Allow */
	bool no_update;	    /* and yet it does not */
	/* Its offer in an UPDATE or PRACK, and our UPDATE with the other leg's. call_update.c. */
	struct {
		bool on; /* its exchange is under way */
		uint8_t fork;
		struct sip_stxn *in; /* NULL: nobody is to be told any more */
		struct sip_ctxn *out;
	} update;
	struct digest_client *auth; /* call_auth.c; NULL: nobody asked for credentials */
	struct leg_dtmf dtmf;
	uint64_t tried_targets; /* bits by target of its trunk, by a request in its dialog */
	/* call_swap.c: in b2b->aliases, while its tag names another place than this */
	LIST_ENTRY(leg) alias_link; /* le_prev NULL: not there */
	bool reverts;		    /* out is void: after its answer the leg is told what holds */
};

struct candidate {
	uint32_t tag;
	bool local;	   /* the call ends in the box; trunk is empty */
	bool user;	   /* it goes to a registered user; trunk is empty */
	uint8_t hook_rank; /* in the answer of the route-hook, from 1; 0: it is not of one */
	char trunk[CTL_NAME_MAX];
};

/* A call that ends in the box: what the caller hears, and what comes of it. call_local.c. */
struct call_local {
	bool on;
	bool early;	 /* it is not answered; status and the rest say how it is refused */
	uint8_t by;	 /* enum ctl_released_by, of that refusal */
	uint16_t status; /* early: of the refusal */
	uint16_t q850;
	uint32_t serial; /* of what is played; 0: nothing yet */
	char reason[160];
};

/* What belongs to one early dialog of the called side, and to the caller's with the same fork. */
struct call_fork {
	struct dialog *dialog; /* of the called side; NULL once it is leg's */
	char *answer;	       /* what it answered reliably, or said since */
	char *said;	       /* the caller's last description, if not that of its INVITE */
	uint32_t answer_len, said_len;
	uint32_t rseq_in;  /* of the called side's last reliable provisional, 0: none */
	uint32_t rseq_out; /* of our last one to the caller, 0: none */
	uint32_t cseq_in;  /* of the caller's last request in this early dialog */
	/* Bit of a leg: its part of the first exchange is over, before any 2xx. */
	uint8_t settled;
};

/* A reliable provisional to the caller, until its PRACK. call_early.c. */
struct rel_msg {
	STAILQ_ENTRY(rel_msg) next;
	struct call *call;
	struct sip_resend resend; /* of the first one of a fork; the others wait */
	uint32_t rseq;
	uint8_t fork;
	bool has_sdp, is_offer;
	uint32_t n;
	char bytes[];
};

struct call {
	struct b2b *b;
	uint32_t slot, generation;
	uint8_t state; /* enum call_state */
	uint8_t then;  /* enum call_then */
	uint8_t n_forks;
	uint8_t fork;			 /* the one that the caller's dialog belongs to */
	uint8_t offer_leg;		 /* whose offer is pending, when offer is set */
	uint8_t n_candidates, candidate; /* candidate: the next one to try */
	uint8_t attempt;
	bool in_b2b_count;     /* counted in shared->n_calls */
	bool to_contact;       /* it came to a Contact that we registered: To says who is called */
	bool no_codec;	       /* the present offer has no codec for the leg that it is for */
	bool early_sdp_sent;   /* the caller knows our media address */
	bool ring_back;	       /* the box plays it, until the called side sends a description */
	uint16_t last_failure; /* of the called side, mapped; while hunting */
	uint32_t max_forwards; /* of the call's INVITE, already taken one off */
	struct leg leg[DP_LEGS];
	struct call_fork forks[B2B_FORKS_MAX];
	STAILQ_HEAD(, rel_msg) reliable;
	uint8_t n_reliable;
	uint8_t map_fork; /* whose answer the media map has */
	bool early_changed; /* by an UPDATE before the 2xx: the caller's offer is not the pending one */
	bool success_held; /* the 2xx to the caller waits for a PRACK (RFC 3262 3) */
	bool follows;	   /* the pending offer was an answer; call_told.c */
	uint8_t n_follows; /* in a row */
	/* The called side's offer in a reliable provisional: its PRACK is to bring the answer. */
	struct {
		bool wanted;
		uint8_t fork;
		uint16_t status;
		uint32_t rseq, cseq;
	} prack;
	struct call_redirect *redirect; /* call_moved.c; NULL: it was not redirected */
	struct call_transfer *transfer; /* call_transfer.c; NULL: there is none */
	char *replaces;			/* of the INVITE to the called side */
	uint32_t replaces_len;
	struct sip_ctxn *prack_out; /* that PRACK */
	uint64_t answer_by_ms;	    /* of the wheel: when the called side has to have answered */
	struct media_map media;
	char *offer; /* copy of the pending offer */
	uint32_t offer_len;
	char *answer; /* copy of the last early answer; of a 2xx: as it goes on */
	uint32_t answer_len;
	struct twheel_timer timer; /* while then is set: for ports; else for an answer */
	struct call_local local;
	struct twheel_timer local_timer;   /* should nobody tell the end of a prompt */
	struct twheel_timer ringing_timer; /* tells limen-control, unless the answer comes first */
	struct candidate candidates[ROUTE_TRIES_MAX];
	struct numbers numbers;	     /* after the incoming translation */
	struct call_targets targets; /* of the candidate that is being tried */
	struct ctl_call rec;
	struct call_hook *hook;		     /* a route-hook was asked; call_hook.c */
	struct call_stir *stir;		     /* waits for a certificate; call_stir.c */
	struct admission_held held[DP_LEGS]; /* what each leg is counted in */
	struct admission_refusal limited;    /* by the last limit that was met */
	struct call_tolls *tolls;	     /* call_toll.c; NULL: no toll-limit is about it */
	struct twheel_timer toll_timer;	     /* max-duration */
	uint32_t user_pool;   /* of the caller, who proved himself: its tag; 0: none */
	bool emergency;	      /* it is never refused for a limit */
	uint64_t invite_hash; /* what makes the caller's INVITE one request, while it is open */
	LIST_ENTRY(call) invite_link; /* in b2b->invites; le_prev NULL: not there */
	char uri[CALL_URI_MAX];	      /* Request-URI of the INVITE to the called side */
	struct sip_path out_path;     /* of that INVITE */
	/* call_user.c: a call to a registered user */
	bool locating; /* another worker is asked where */
	bool by_user;  /* the called side is that user; its requests go along its flow */
	struct registrar_targets *phones; /* where the user is registered; NULL: not asked */
	uint8_t next_phone;		  /* the first one of them that was not called yet */
	bool by_temp_gruu;		  /* only the phone of a temporary GRUU is called */
	/* call_ring.c: far ends beside that of uri and out_path */
	STAILQ_HEAD(, call_branch) branches;
	uint8_t n_branches;
	bool spoke;		      /* something came from that of uri */
	bool some_refused;	      /* one of them spoke for itself, not 503 */
	uint16_t best_refusal;	      /* while others ring; 0: none */
	struct sip_msg *refusal;      /* that one; NULL: silence */
	const struct sip_ctxn *heard; /* whose early media the caller gets */
	char *route;		      /* Route of the INVITE to uri */
	uint32_t route_len;
	/* call_cached.c: phones that are registered with a registrar behind the box */
	bool by_binding;    /* it came to the Contact of one of them */
	bool asking_caller; /* with locating: it is asked whether the caller is one of them */
	bool caller_asked;  /* it was asked; without caller nobody has said */
	uint32_t binding_user, binding_contact;
	struct registrar_targets *caller; /* none: he is not; NULL: nobody was asked */
	char user[CFG_PHONE_MAX];
	char far[CFG_PHONE_MAX + 8]; /* the called side in a sentence: "trunk carrier" */
};

/* A CTL_CALL_END that limen-control has not acknowledged. */
struct call_end_msg {
	STAILQ_ENTRY(call_end_msg) next;
	uint32_t seq; /* 0: not sent on the present connection */
	struct ctl_call rec;
};

struct health;
struct registrar;
struct rules;
struct regclient;
struct regcache;

#define INVITE_BUCKETS 2048
#define LEG_ALIASES    1024
#define MOVED_BUCKETS  256
#define MOVE_FIRST     16 /* messages of call_move.c from worker to worker begin with this or more */

/* An outstanding CTL_MEDIA_SET: whose. */
#define MEDIA_WAITS 16384
struct media_wait {
	uint32_t seq, slot, generation, index;
};

struct relay;
struct stir;

struct b2b {
	struct b2b_env env;
	const struct cfg *cfg; /* NULL before the first configuration */
	struct route_table *routes, *routes_next;
	struct admission_map admission, admission_next;
	struct capacity capacity;
	struct rules *rules, *rules_next; /* NULL: the configuration has no sip-profiles */
	struct numbers *numbers;	  /* e164-pattern-maps */
	struct sip_slab *calls;
	struct media_wait *waits; /* MEDIA_WAITS of them, by seq; see control.c */
	struct health *health;
	struct sip_slab *subscriptions;
	struct stir *stir;
	LIST_HEAD(, relay) relays; /* relay.h */
	uint32_t n_relays;
	struct targets *targets;
	struct trunk_quality *quality;
	struct hooks *hooks;
	struct registrar *registrar;
	struct regclient *regclient;
	struct regcache *regcache;
	LIST_HEAD(, call) invites[INVITE_BUCKETS]; /* initial INVITEs without a final answer */
	LIST_HEAD(, leg) aliases[LEG_ALIASES];	   /* call_swap.c */
	LIST_HEAD(moved_list, moved)
	moved[MOVED_BUCKETS]; /* call_move.c: places of other workers' calls */
	uint64_t id_key[2];   /* makes call and session ids from counters */
	uint64_t n_ids;
	uint64_t n_hops;	     /* draws between the servers of names */
	uint32_t n_calls, n_dialogs; /* now */
	bool control_up;
	struct fingerprint dtls_own;	  /* of limen-nat's certificate; NONE: no DTLS now */
	struct ctl_transcoder transcoder; /* what the data plane can do now */
	uint32_t n_ends;
	STAILQ_HEAD(, call_end_msg) ends;
	struct twheel_timer ends_timer; /* sends refused ones again */
	/* Scratch space; valid within one event. */
	struct sdp sdp;
	char msg_buf[SIP_MSG_MAX];
	char sdp_buf[16384];
	char reason[sizeof(((struct ctl_call *)0)->reason)]; /* reason.h */
	uint8_t ckpt_buf[B2B_CHECKPOINT_MAX];
	struct locate_result located;
	struct ctl_target told[TARGETS_MAX];
};

/* ---- call.c: life cycle, tokens, messages ---- */

struct call *call_new(struct b2b *b);
/* Of a call that is made or restored. */
void call_timers_init(struct call *call);
/* Frees an ending call that waits for nothing any more; the pointer may be gone afterwards. */
void call_release(struct call *call);

struct call_why {
	enum ctl_released_by by;
	uint16_t status;	   /* to a caller that has no final answer yet; of the record */
	uint16_t q850;		   /* 0: that of the status */
	struct view headers;	   /* for that answer: lines with CRLF, or empty */
	const char *reason;	   /* a sentence, without a full stop */
	const struct sip_msg *msg; /* BYE whose Reason passes on, or NULL */
};
/*
 * Ends a call in any state: refuses or cancels what is pending, sends BYE to confirmed legs that
 * had none, tells limen-control. Only the first call counts. The call is freed at once if nothing
 * is left to wait for, so the caller must not touch it afterwards.
 */
void call_end(struct call *call, const struct call_why *why);

/* What is pending of a leg is refused or cancelled, a confirmed dialog gets its BYE. */
void leg_end(struct leg *leg, const struct call_why *why);

/* The call and leg that a tag of ours names; NULL when there is none (any more). */
struct leg *call_find(struct b2b *b, struct view tag);
/* Our tag of a leg towards its peer, for one fork (leg B: 0). */
struct view call_tag(
	const struct call *call, unsigned int side, unsigned int fork, char buf[SIP_TOKEN_LEN]);
static inline struct leg *leg_other(struct leg *leg)
{
	return &leg->call->leg[!leg->side];
}
/* Drops dialogs with the count of them. */
void call_dialog_free(struct call *call, struct dialog **dialog);

/* Contact of ours towards a leg. */
void leg_put_contact(struct sip_buf *b, const struct leg *leg, const struct sip_path *path);
/* BYE, best effort; the answer is waited for in call state ENDING. */
void leg_bye(struct leg *leg, const struct call_why *why);
/* ACK to the leg's 2xx, with a description or without; kept for copies of the 2xx. */
void leg_ack(struct leg *leg, struct view sdp);
/* Refuses the leg's pending INVITE; also after that its offer/answer machine rests. */
void leg_refuse(struct leg *leg, unsigned int status, struct view headers);
/* The final answer to a request in a dialog, of any status, without a body. */
void call_reply(struct sip_stxn *stxn, unsigned int status, struct view headers);
void call_copy_set(char **text, uint32_t *len, struct view v); /* NULL on short memory */

/* A Call-ID is that of this call's leg: its messages are found by the number of the call. */
static inline void call_trace(const struct call *call, unsigned int side, struct view sip_call_id)
{
	if (call->b->env.trace && sip_call_id.n > 0)
		trace_name(call->b->env.trace, sip_call_id, call->rec.id, side);
}
/* The same of both dialogs, whose messages may have been forgotten meanwhile. */
void call_trace_again(const struct call *call);

/* ---- call_setup.c: the initial INVITE ---- */
void call_setup(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path, const struct cfg_pool *user);
/* The caller's INVITE got its final answer. */
void call_invite_over(struct call *call);
/* The next candidate, or the end of the call with the last failure. */
void call_hunt(struct call *call);
/* The called side is elsewhere now: the lines get other ports, then the pending offer goes on. */
void call_reroute(struct call *call);
/* A call that the box makes for a transfer: its invite takes the place of the caller's. */
void call_setup_transfer(struct call *call);
/* The candidates of a call to a user are known, and where the user is: it goes on. */
void call_routed(struct call *call);
/* The URI whose user part is called. */
const struct sip_uri *call_called_uri(const struct call *call, const struct sip_msg *invite);
/* A name of the configuration as records have it; empty when it is too long. */
void call_name_copy(char dst[CTL_NAME_MAX], const char *src);

/* ---- call_candidate.c ---- */
/* The next candidate that can be the called side is it: its realm, trunk, numbers, target. -ENOENT: there
 * is none; rec.reason has why the last one is not. */
int call_candidate_take(struct call *call, const struct sip_msg *invite);

/* ---- call_invite.c ---- */
/* One INVITE of the call to the called side. On failure there is no transaction. */
int call_invite_to(struct call *call, struct view uri, const struct sip_path *path,
	struct view route, struct view sdp, struct sip_ctxn **ret_ctxn);
/* Sends the INVITE (or re-INVITE) with the pending offer, or none, to a leg. */
int call_invite_out(struct call *call);
int leg_reinvite(struct leg *leg);

/* Something came from the target that the INVITE went to: it is given its time. */
void call_target_heard(struct call *call);
/* Nothing came for "timers next-target". */
void call_target_silent(struct call *call);
/*
 * A request in the leg's dialog had this answer, or none (msg NULL). true: it is to be sent once more,
 * the dialog leads to another target of the trunk now (RFC 3263 4.3).
 */
bool leg_other_target(struct leg *leg, const struct sip_msg *msg);
/* What a final answer, or none (msg NULL), says of the target. true: the next one is to be tried. */
bool call_target_failed(struct call *call, unsigned int status, const struct sip_msg *msg);
/* The phones of a user that ring have not answered; those of a lower q are called. */
void call_phones_silent(struct call *call);

/* The same INVITE once more in the same call of SIP, after a challenge (RFC 3261 22.2). */
int call_invite_retry(struct call *call);

/* ---- call_user.c: calls to registered users ---- */
/* Whose temporary GRUU is called; NULL: it is none. */
const struct cfg_pool *call_gruu_user(struct call *call, const struct sip_uri *uri);
/* A candidate is the registrar. */
bool call_user_wanted(const struct call *call);
/* Asks where the user is. -EINPROGRESS: call_routed() follows; else the call goes on now. */
int call_user_locate(struct call *call, const struct sip_msg *invite);
void call_user_located(struct call *call); /* also when no answer came */
/* Makes the user the called side: call->uri, out_path. false: rec.reason and last_failure say why. */
bool call_user_take(struct call *call, const struct cfg_realm **ret_realm);
/* Phones of a lower q have not been called; call_user_next() makes them the called side. */
bool call_user_has_more(const struct call *call);
int call_user_next(struct call *call);
/* How long the phones that ring now may ring before others do; 0: until the call is given up. */
uint64_t call_user_ring_ms(const struct call *call);
/* A way of a phone, and one to it. */
struct call_way {
	struct view uri, route;
	struct sip_path path;
};
/*
 * The way has failed (RFC 5626 5.3.1), by status 430 of a proxy in front: then its binding is forgotten.
 * true: the phone has another flow, *way is that now. Views are valid as long as call->phones.
 */
bool call_user_other_flow(struct call *call, struct call_way *way, unsigned int status);
/* The same for requests in the dialog with the phone: its dialog takes another flow from now on. */
bool call_user_moves(struct leg *leg);

/* ---- call_ring.c: several far ends at a time ---- */
/*
 * How a group is handed over: who makes a far end the called side (call->uri, out_path, route) calls
 * call_ring_clear(), and call_ring_add() for each one that is to ring beside it, with the Route of its
 * INVITE or none and the spot of its target or SPOT_NONE. Their INVITEs leave with that of call->uri.
 * When all have refused, the call goes on as if one far end had: candidate_take() may bring the next
 * group. -ENOSPC: CALL_BRANCHES_MAX; -EBUSY: its breaker is open; -ENOMEM: also a URI that is too long.
 */
void call_ring_clear(struct call *call);
int call_ring_add(struct call *call, struct view uri, struct view route,
	const struct sip_path *path, uint16_t spot) __attribute__((warn_unused_result));
void call_ring_send(struct call *call, struct view sdp);
/* The same offer goes out in another form: all that have refused are asked again. */
void call_ring_again(struct call *call);
bool call_rings(const struct call *call, const struct sip_ctxn *ctxn); /* of the others */
/* The target that an INVITE to the called side went to; SPOT_NONE: it has none. */
uint16_t call_ring_spot(const struct call *call, const struct sip_ctxn *ctxn);
/* Something came to an INVITE. */
void call_ring_spoke(struct call *call, const struct sip_ctxn *ctxn);
/* Whether the caller is to have the media of a provisional. */
bool call_ring_heard(struct call *call, const struct sip_ctxn *ctxn, bool has_sdp);
/* One answered: its INVITE is leg->out, the others are cancelled. */
void call_ring_answered(struct call *call, struct sip_ctxn *ctxn);
/* One refused, or was silent (*msg NULL). true: others still ring; false: *status and *msg are those
 * for the caller, valid until call_ring_clear(). */
bool call_ring_refused(struct call *call, struct sip_ctxn *ctxn, unsigned int *status,
	const struct sip_msg **msg, uint64_t retry_after_ms);
/* Nobody has said anything for too long: all are given up, ret_* are for the caller as above. */
void call_ring_silent(struct call *call, unsigned int *ret_status, const struct sip_msg **ret_msg);
void call_ring_lose(struct call *call, struct view headers);
/* A phone's transport failed with err, or it answered. true: its INVITE takes another flow (RFC 5626). */
bool call_ring_other_flow(struct call *call, struct sip_ctxn *ctxn, int err, unsigned int status);

/* ---- call_cached.c: calls of and to phones of a registrar behind the box ---- */
#define CALL_TICKET_CALLER (1ull << 63) /* of a question for the caller, not the called one */
/* The Request-URI names such a phone. */
bool call_binding_take(struct call *call, const struct sip_uri *uri);
/* As call_user_locate(), with that phone as the only candidate. */
int call_binding_locate(struct call *call);
/* The realm that it is in; NULL: it is not registered any more, or its listener is gone. */
const struct cfg_realm *call_binding_realm(const struct call *call);
/* Asks whether the caller is registered. -EINPROGRESS: call_caller_known() follows. */
int call_caller_locate(struct call *call, const struct sip_msg *invite);
/* Why who is not registered may not call, in a sentence; NULL: he may. */
const char *call_caller_refused(struct call *call);
/* Service-Route for an INVITE to this trunk, and identity of a registered caller; empty: none. */
struct view call_caller_route(const struct call *call, const char *trunk);
struct view call_caller_identity(const struct call *call);
/* The registrar may want the caller's own password for a call, too: his credentials for its INVITE. */
void call_caller_put_auth(const struct call *call, const struct sip_msg *invite, struct sip_buf *b);
/* It went on with the call: the password was good. */
void call_caller_proved(const struct call *call);
/* Its challenge is what the caller gets, and the call ends with it. false: it is none, or not for him. */
bool call_caller_challenged(struct call *call, unsigned int status, const struct sip_msg *answer);
/* call_setup.c: goes on with what is known of the caller. */
void call_caller_known(struct call *call);

/* ---- call_redirect.c ---- */
/* Instead of being carried, a call whose side wants it gets 302, and is gone. false: it is not. */
bool call_redirect(
	struct call *call, const struct sip_msg *invite, const struct route_result *result);

/* ---- call_auth.c: credentials ---- */
static inline bool is_challenge(unsigned int status)
{
	return status == 401 || status == 407;
}
/* Takes a challenge. true: the request is to be sent again, with leg_put_auth(). */
bool leg_auth_take(struct leg *leg, unsigned int status, const struct sip_msg *answer);
void leg_auth_accepted(struct leg *leg); /* a request got another final answer */
void leg_auth_forget(struct leg *leg);	 /* another far end takes the leg's place, or it ends */
/* Authorization for a request to the leg, when it was asked for. */
void leg_put_auth(struct leg *leg, struct sip_buf *b, enum sip_method method, struct view uri);
/* Why a 401 or 407 is the end, in words. */
const char *leg_auth_problem(const struct leg *leg);

/* A caller's INVITE whose Identity was checked goes on: routing, ports. */
void call_setup_go_on(struct call *call);
/* The same, when a route-hook has been asked. */
void call_route_go_on(struct call *call);

/* ---- call_hook.c ---- */

/* Asks the hook of result->ask. 0: call_hook_asked() is there; -EINPROGRESS: call_route_go_on() is
 * called; -ENOMEM. */
int call_hook_ask(struct call *call, const struct route_result *result);
/* What a hook said of the call, or that it did not; NULL: none was asked. */
const struct route_asked *call_hook_asked(const struct call *call);
void call_hook_refused(struct call *call); /* counts it */
void call_hook_forget(struct call *call);

/* ---- call_identity.c: what crosses of who calls and why it ends ---- */
const struct cfg_tenant *leg_tenant(const struct leg *leg); /* NULL: none */
const struct cfg_realm *leg_realm(const struct leg *leg);   /* NULL: it is gone */
const struct cfg_trunk *leg_trunk(const struct leg *leg);   /* NULL: none */
/* Between caller and called side as they are now; valid while call and configuration are. */
void call_identity(struct call *call, struct identity *ret);
/* The caller's number in the called side's form, in the record. */
void call_identity_number(struct call *call);
/* The UUID that the leg's end sent; one is made for it when it has none. */
void leg_session_id_take(struct leg *leg, const struct sip_msg *msg);
/* Session-ID for a message to the leg. */
void leg_put_session_id(struct sip_buf *b, const struct leg *leg);
/* Reason with this cause for a leg that wants one, unless from (may be NULL) brings its own. */
void leg_put_reason(
	struct sip_buf *b, const struct leg *leg, const struct sip_msg *from, unsigned int q850);
/* As policy_failure_of(), with what Reason in msg (may be NULL) says. */
struct policy_failure leg_failure(
	const struct leg *leg, unsigned int status, const struct sip_msg *msg);

/* ---- call_answer.c: what comes back ---- */
extern const struct sip_ctxn_ops leg_invite_ops;
/* Answers a leg's INVITE with 200 and this description, and repeats it until the ACK. */
void call_send_success(struct leg *to, struct view sdp);
void call_checkpoint(struct call *call);
/* ACK and BYE for a 2xx that nobody wants (a second fork, one that came too late). */
void dialog_drop(struct b2b *b, const struct sip_msg *success, const struct sip_path *path);

/* A response to a leg's INVITE, begun: status line to Server. NULL: there is no such INVITE. */
const struct sip_msg *leg_response_start(
	struct leg *to, unsigned int status, unsigned int fork, struct sip_buf *buf);
/* The early dialog of a response, new if need be; -1 when there can be none. */
int call_fork_of(struct call *call, const struct sip_msg *msg, const struct sip_path *path);

/* ---- call_early.c: provisionals, reliable or not ---- */

/* A provisional of the called side. heard: the caller may have its media. */
void call_provisional(
	struct leg *leg, const struct sip_msg *msg, const struct sip_path *path, bool heard);
/*
 * A provisional to the caller, with a description or without; fork: of our tag. from: what it is
 * made of, or NULL. It goes reliably where the caller's side and its rel1xx say so.
 */
void call_send_early(struct leg *to, unsigned int status, unsigned int fork,
	const struct sip_msg *from, struct view sdp);
/* The called side's offer has its ports: it goes to the caller. */
int call_send_early_offer(struct call *call);
/* The 2xx to a leg's INVITE, which may have to wait for the PRACK of what went before. */
void call_forward_success(struct leg *to, struct view sdp);
/* A 2xx that waited goes on if nothing holds it any more. */
void call_release_success(struct call *call);
/* A description in this fork is on its way to the caller and not acknowledged. */
bool call_early_unacked(const struct call *call, unsigned int fork);
void call_prack(
	struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg, unsigned int fork);
/* No provisional is sent again any more; the forks' dialogs and answers are gone. */
void call_early_over(struct call *call);
void call_forks_clear(struct call *call);
/* Answered: what was agreed before counts no more for what follows. */
void call_answers_forget(struct call *call);
/* The time limit of the answer goes on after something else has used the call's timer. */
void call_answer_timer(struct call *call);
/* The settings of a side, for a new call or another trunk. */
void leg_set_terms(struct leg *leg, const struct cfg_realm *realm, const struct cfg_trunk *trunk);
/* Whether early dialogs of a call may carry offers of the called side (RFC 3262 5). */
bool call_takes_early_offer(const struct call *call);
/* The extensions that a far end may require of us (enum policy_option). */
unsigned int leg_options(const struct leg *leg);
/* What the box knows, for a leg; rel: reliable provisionals, too. */
void leg_put_supported(const struct leg *leg, struct sip_buf *buf, bool rel);
/* Supported and Require of an INVITE to a leg. */
void leg_put_extensions(struct leg *leg, struct sip_buf *buf);

/* ---- call_update.c: offers outside of INVITE ---- */

/* An UPDATE of a leg, or a PRACK of the caller that brings an offer; fork: of its early dialog. */
void call_update(
	struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg, unsigned int fork);
bool call_updating(const struct call *call); /* such an exchange is under way */
/* The pending offer goes to the leg in an UPDATE. */
int leg_update_out(struct leg *leg) __attribute__((warn_unused_result));
/* The box answers the pending offer for the other leg. */
void call_update_local(struct call *call);
/* The answer for a leg whose exchange is under way. */
void call_update_answer(struct leg *leg, struct view sdp);
/* As leg_refuse(), for whatever the leg's pending offer came in. */
void leg_refuse_offer(struct leg *leg, unsigned int status, struct view headers);
/* The same when call_offer() did not take it and gave that rc and reason. */
void leg_refuse_untaken(struct leg *leg, int rc, const char *reason);
/*
 * Before the final answer of the called side counts: an exchange that it has overtaken is given up,
 * and the caller's last offer is pending again; f: of which fork, NULL: that of its INVITE.
 */
void call_early_settle(struct call *call, const struct call_fork *f);
void call_update_end(struct call *call); /* the call ends */

/* ---- call_moved.c: 3xx of the called side ---- */

/* A redirection of the called side, and why in a sentence. true: it is followed, or the call is over. */
bool call_redirected(struct call *call, const struct sip_msg *msg, const char *reason);
/* Candidates for the next number of a redirection; false: there is none. */
bool call_redirect_next(struct call *call);
void call_redirect_free(struct call *call);
/* A limit was met (call->limited): the call ends with what that says. */
void call_end_limited(struct call *call, const char *reason);
/* Candidates for another number in place of those that the call has; call_setup.c. */
bool call_route_again(struct call *call, const char *number);

/* ---- call_toll.c: toll limits ---- */

/* The number that routes the call is known: false when a limit refuses it, as admission_take(). */
bool call_toll_take(struct call *call);
void call_toll_answered(struct call *call);
void call_toll_drop(struct call *call); /* the call is over */
void call_toll_timer(struct twheel_timer *timer, void *arg);
void call_toll_checkpoint(const struct call *call, struct ckpt_out *out);
void call_toll_read(struct call *call, struct ckpt_in *in); /* faults in in->failed */
void call_toll_restored(struct call *call);		    /* the call lives again */

/* The caller's INVITE while it is open, or what stands for it in a transfer; NULL: it is gone. */
const struct sip_msg *call_invite(const struct call *call);

/* ---- call_replaces.c: names of dialogs ---- */
struct replaces {
	struct view call_id, to_tag, from_tag;
	bool early_only;
};
int replaces_parse(struct view value, struct replaces *ret) __attribute__((warn_unused_result));
/* The leg whose dialog with us is meant, by its far end or by the name that we have given it. */
struct leg *replaces_find(struct b2b *b, const struct replaces *r);
/* The worker that such a dialog is to be looked for at; -1: this one. */
int replaces_worker(const struct b2b *b, const struct replaces *r);

/* ---- call_move.c: calls that move to another worker ---- */
/* Asks a worker for the call that has this dialog; call_transfer_found() follows, or not. */
int call_move_ask(struct b2b *b, unsigned int worker, const struct replaces *r,
	const struct call_ticket *ticket) __attribute__((warn_unused_result));
/* What another worker sent. false: it is not about that. */
bool call_move_told(struct b2b *b, unsigned int from, const void *bytes, size_t n);
/* The worker that the dialog of this token, of ours, has moved to; -1: none. */
int call_moved_to(struct b2b *b, const struct sip_token *token);
void call_moved_free(struct b2b *b);
/* A leg whose tag names another worker is here, or no more. */
void leg_tell_place(struct b2b *b, const struct sip_token *token, bool here);

/* ---- call_swap.c: legs that change their call ---- */
/* After a change of its dialog or place, and before its dialog is freed. */
void leg_alias_set(struct leg *leg);
void leg_alias_drop(struct leg *leg);
struct leg *leg_by_alias(struct b2b *b, const struct sip_token *token, struct view tag);
/* In a confirmed dialog, with nothing under way in its call. */
bool leg_is_idle(const struct leg *leg);
/* Two legs of a worker change places, with all that belongs to their far ends and dialogs. */
void leg_swap(struct leg *a, struct leg *b);

/* ---- call_transfer.c: transfers by the box ---- */
/*
 * Acts on a REFER of a leg in an answered call; named: the leg whose dialog its Replaces names, or
 * NULL; no_sub: RFC 4488. 0: it has its 202; else the status to refuse it with.
 */
unsigned int call_transfer_start(struct leg *leg, struct sip_stxn *stxn,
	const struct sip_msg *refer, const struct sip_uri *uri, struct leg *named, bool no_sub);
/* The same where the dialog belongs to another worker: its call comes over first. */
unsigned int call_transfer_ask(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *refer,
	const struct sip_uri *uri, const struct replaces *named, unsigned int worker, bool no_sub);
/* Which it has, or not (named NULL; status: why). */
void call_transfer_found(
	struct b2b *b, const struct call_ticket *ticket, struct leg *named, unsigned int status);
bool call_is_transfer(const struct call *call); /* it is made for one, and not answered by both */
const struct sip_msg *call_transfer_invite(const struct call *call);
/* Whose call it is, for routing and toll limits: the caller's, or of who transfers. */
void call_authority(const struct call *call, const char **ret_realm, const char **ret_trunk);
void call_transfer_progress(struct call *to, unsigned int status); /* a provisional came */
/* The offer of its called side has its ports. */
void call_transfer_join(struct call *to);
/* The answer of a leg to a re-INVITE is in call->answer. true: the transfer is made. */
bool call_transfer_answered(struct leg *from);
/* A re-INVITE to a leg was refused for good. true: it belonged to a transfer. */
bool call_transfer_refused(struct leg *leg, unsigned int status);
/* A BYE of a leg. true: it was the transferor, and the call stays for the transfer. */
bool call_transfer_bye(struct leg *leg);
/* No exchange may begin: a far end is lent, or the transferor has gone. */
bool call_transfer_holds(const struct call *call);
void call_transfer_ends(struct call *call, const struct call_why *why); /* the call ends */
void call_transfer_free(struct call *call);

/* ---- call_refer.c: REFER to the other leg ---- */

void call_refer(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg);
/* A NOTIFY of a leg: true when it is one of a transfer, which is answered then. */
bool call_refer_notify(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg);
void leg_refer_end(struct leg *leg); /* the call ends */
/* What the settings of its side say; enum cfg_refer, never REALM. */
uint8_t leg_refer(const struct leg *leg);
bool leg_may_replace(const struct leg *leg);
/*
 * An INVITE with Replaces: who is behind the dialog that it names becomes the called side. Negative:
 * *ret_status and a sentence say why not.
 */
int call_replaces_take(struct call *call, const struct sip_msg *msg, unsigned int *ret_status,
	const char **ret_reason) __attribute__((warn_unused_result));
/* Replaces and Require of such a call's INVITE. */
void call_put_replaces(const struct call *call, struct sip_buf *buf);

/* ---- call_told.c: what was said last ---- */
/* A description goes to the leg; its exchange is over; one of the far end's was taken. */
void leg_tell(struct leg *leg, struct view sdp);
void leg_told(struct leg *leg, bool agreed);
void leg_hear(struct leg *leg, struct view sdp);
/* One of its sides has transfers made by the box. */
bool call_may_be_transferred(const struct call *call);
/* The leg answered a description that it had already: if it has changed its own, media follow. */
void call_follow(struct leg *leg, struct view sdp);
/* The answer of from in call->answer is one to such a change. */
bool call_followed(struct leg *from);
/* An exchange is over, in which nobody asked for this description: the leg is told if need be. */
void leg_tell_if_news(struct leg *leg, struct view sdp);

/* ---- call_timer.c: session timers ---- */

void leg_timer_init(struct leg *leg);
/* The settings of its side, for a new call or another trunk. */
void leg_timer_terms(struct leg *leg, const struct cfg_realm *realm, const struct cfg_trunk *trunk);
/* The leg changes its place: before, and after leg_timer_init() of the new one. */
void leg_timer_pause(struct leg *leg);
void leg_timer_resume(struct leg *leg);
/* A re-INVITE with what the leg was told last, so that it holds again. */
void leg_revert(struct leg *leg);
/* The answer to leg->out came, which is void by now. true: it was that. */
bool leg_reverted(struct leg *leg, const struct sip_msg *msg);
/* Stops the timer and forgets a refresh that is under way. */
void leg_timer_stop(struct leg *leg);
/* false: the interval of an INVITE or UPDATE is too short, headers of the 422 are in headers. */
bool leg_timer_check(struct leg *leg, const struct sip_msg *request, struct sip_buf *headers);
/* Session-Expires of a 2xx to an INVITE or UPDATE of the leg; its interval begins. */
void leg_timer_put_response(struct leg *leg, const struct sip_msg *request, struct sip_buf *buf);
/* The same of an INVITE or UPDATE to the leg, and what its 2xx says. */
void leg_timer_put_request(struct leg *leg, struct sip_buf *buf);
void leg_timer_take_response(struct leg *leg, const struct sip_msg *msg);
/* true: the request is to be sent again, with the longer interval (RFC 4028 7.3). */
bool leg_timer_take_422(struct leg *leg, unsigned int status, const struct sip_msg *msg);
/* Answers to leg->out; true when that was a refresh, and all is done. */
bool leg_timer_success(struct leg *leg, const struct sip_msg *msg);
bool leg_timer_refused(struct leg *leg, unsigned int status, const struct sip_msg *msg);
void leg_timer_checkpoint(const struct leg *leg, struct ckpt_out *out);
void leg_timer_restore(struct leg *leg, struct ckpt_in *in); /* faults in in->failed */
void leg_timer_restored(struct leg *leg);		     /* the call lives again */

/* ---- call_local.c: calls that end in the box, announcements before a refusal, ring-back ---- */

/* The dial-peer's target becomes the called side. */
void call_local_take(struct call *call, const struct cfg_dial_peer *peer);
/* The caller asked for an offer. */
void call_local_offer(struct call *call);
/* The caller's offer has its ports: it is answered, or hears early media. */
void call_local_proceed(struct call *call);
/* What is played has come to its end. */
void call_local_over(struct call *call);
void call_local_timer(struct twheel_timer *timer, void *arg);
/* A prompt that an operator plays into a call is over for a leg. */
void call_insert_over(struct call *call, unsigned int side);
/* limen-control told how long a prompt is; length_ms 0: none is played once. */
void call_local_length(struct call *call, uint32_t serial, uint32_t length_ms);
/* The end of a call that plays before a refusal is that refusal. own: room for it. */
const struct call_why *call_local_why(
	const struct call *call, const struct call_why *why, struct call_why *own);
/* Instead of ending, a call that was not answered plays an announcement first. */
bool call_announce(struct call *call, const struct call_why *why);
/* The called side rings without media: the caller hears what its realm says. true: 180 was sent. */
bool call_ring_back(struct call *call, unsigned int status);

/* ---- call_inside.c: requests within dialogs ---- */
void call_inside(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path);
void call_ack(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path);
extern const struct sip_stxn_ops leg_invite_in_ops;
/* An exchange in an answered call is open on either leg: then both sides have to wait. */
bool call_exchange_open(const struct call *call);
/* The same, whatever is being transferred. */
bool call_is_busy(const struct call *call);
/* What a leg's far end says of itself in any message. */
void leg_learn(struct leg *leg, const struct sip_msg *msg);

/* ---- call_dtmf.c: digits ---- */
/* An INFO of the leg, in its dialog. */
void call_info(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg);
void leg_dtmf_clear(struct leg *leg);

/* ---- call_media.c: offers, answers and ports ---- */

/*
 * Takes an offer of a leg and asks for the ports it wants; goes on with what then says, at once
 * or when limen-control answered. 0; negative with a reason: nothing has changed.
 */
int call_offer(struct leg *from, struct view sdp, enum call_then then, const char **ret_reason);
/* The pending offer waits for the lines that want ports, then goes on. */
void call_offer_wait(struct call *call, enum call_then then);
/*
 * The answer that call_answer() made from that of a 2xx goes on once limen-control has confirmed its
 * lines, at once when nothing is outstanding. -ENOMEM: no copy could be kept.
 */
int call_answer_wait(struct leg *from, struct view answer) __attribute__((warn_unused_result));
/*
 * Takes an answer, tells limen-control, and gives the text for the other leg (valid until the
 * next use of the scratch space). -EAGAIN: the called side took none of its lines because they
 * were SRTP; the pending offer is to be sent once more, now without.
 */
int call_answer(struct leg *from, struct view sdp, struct view *ret_sdp, const char **ret_reason);
/* The pending offer, rewritten for the other leg. */
int call_offer_text(struct call *call, struct view *ret_sdp);
/*
 * The pending offer could not be printed (rc): the status for who made it, a sentence, and header
 * lines into headers. A Warning says why, where the codecs are to blame.
 */
unsigned int call_unprintable(
	struct call *call, int rc, struct sip_buf *headers, const char **ret_reason);
/* Warning of a 488 (RFC 3261 20.43): media formats are incompatible. */
void call_put_warning(struct sip_buf *headers, const char *reason);
/*
 * The called side refused the pending offer, or all of its lines. true: the policy of that side
 * lets the same offer go out once more, without SRTP; the caller of this function sends it.
 */
bool call_fall_back(struct call *call);
/* The pending offer is about to go to another trunk, or without SRTP, on the same ports. */
void call_offer_again(struct call *call);
void call_exchange_done(struct call *call);
void call_exchange_fail(struct call *call);
void call_media_wants(struct call *call); /* (again) asks for every line that wants ports */
void call_media_reply(struct call *call, unsigned int index, int32_t status,
	const struct ctl_media_opened *opened);
void call_media_timeout(struct call *call);
void call_close_lines(struct call *call, uint32_t lines);

/* The path of a new request from a listener of ours. */
static inline struct sip_path call_path_to(
	const struct sip_listener *listener, const struct ipaddr *remote)
{
	return (struct sip_path){
		.transport = listener->transport,
		.listener = listener->id,
		.local = listener->addr,
		.remote = *remote,
	};
}

/* ---- control.c: messages to limen-control ---- */
int control_media_set(struct call *call, unsigned int index);
void control_media_forget(struct call *call);
void control_media_close(struct call *call, unsigned int index);
/* What the record says of media lines and their encryption. */
void call_record_media(struct call *call);
/* The trunk that was tried did not do it: another one is tried, or what is tried in its place. */
void control_attempt(struct call *call);
void control_call_put(struct call *call, const void *checkpoint, size_t len);
void control_call_end(struct b2b *b, const struct ctl_call *rec);
void control_ends_timer(struct twheel_timer *timer, void *arg);
void control_free(struct b2b *b);

/* ---- restore.c ---- */
int call_checkpoint_write(const struct call *call, struct ckpt_out *out);
int call_checkpoint_read(
	struct b2b *b, const struct ctl_call *rec, struct ckpt_in *in, struct call **ret_call);
/* The same of another worker's call, into a slot of this one. */
int call_checkpoint_adopt(
	struct b2b *b, const struct ctl_call *rec, struct ckpt_in *in, struct call **ret_call);
/* A call that was read lives here. */
void call_restored(struct call *call);
/* One that could not be read ends with a record that says why. */
void call_restore_failed(struct b2b *b, const struct ctl_call *rec, const char *why);

/* ---- rules.c: voice class sip-profiles ---- */
/* *ret_rules NULL: the configuration has none. error: a sentence. */
int rules_new(const struct cfg *cfg, struct rules **ret_rules, char error[CFG_ERROR_MAX]);
void rules_free(struct rules *rules);

/* ---- health.c: trunks by OPTIONS ---- */
struct health *health_new(struct b2b *b);
void health_free(struct health *health);
/* The sets of targets are others now. */
int health_config(struct health *health);
bool health_trunk_up(void *arg, uint32_t trunk_index); /* arg: struct health */
void health_replay(struct health *health);

/* ---- regcache.c: registrations in front of another registrar ---- */
struct regcache *regcache_new(struct b2b *b);
void regcache_start(struct b2b *b); /* the registrar is there */
void regcache_free(struct regcache *cache);
int regcache_config(struct regcache *cache, const struct cfg *cfg);
uint32_t regcache_n_forwards(const struct regcache *cache); /* REGISTERs under way */
/* A REGISTER to such a realm; it is answered now or later. */
void regcache_request(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path);
/*
 * "registration rate-limit" of the box's own registrar. Who is not registered and brings no credentials is
 * answered without state while the limit is reached; who brings some is counted, and refused beyond it.
 * true: it is answered.
 */
bool regcache_local_full(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path);
bool regcache_local_refuses(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path);

/* ---- regclient.c: trunks where the box is registered ---- */
struct regclient *regclient_new(struct b2b *b);
void regclient_free(struct regclient *all);
int regclient_config(struct regclient *all, const struct cfg *cfg);
void regclient_replay(struct regclient *all);
/* Calls may go to the trunk, as far as its registration is concerned. */
bool regclient_allows(const struct regclient *all, uint32_t trunk_index);
void regclient_conn_gone(struct regclient *all, uint8_t conn_worker, uint64_t conn);
/* The trunk of that realm whose registered Contact this URI is; NULL: none. */
const struct cfg_trunk *regclient_trunk(
	const struct b2b *b, const char *realm, const struct sip_uri *uri);
