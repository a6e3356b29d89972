/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A box without sockets: the B2BUA on real transactions, between two sides of user agents that are
 * built on the same transaction layer and dialogs, a network that may lose, double and reorder,
 * and a limen-control of arrays that may go away and come back. One thread, one clock.
 */
#pragma once

#include "controlplane/api/ctl_hook.h"
#include "controlplane/api/ctl_quality.h"
#include "controlplane/config/cfg.h"
#include "sip-b2bua/b2b/b2b.h"
#include "sip-b2bua/dialog/dialog.h"

enum { RIG_BOX, RIG_CALLER, RIG_CALLEE, RIG_N };
#define RIG_UAS	     64	  /* calls of a side */
#define RIG_CALLS    1024 /* of a run, as limen-control sees them */
#define RIG_QUEUE    4096
#define RIG_REGS     64 /* bindings */
#define RIG_START_MS 1000000
#define RIG_KEPT     (1u << 20) /* octets of messages, and as many of calls that failed */

#define RIG_EARLY    4 /* early dialogs of a caller's user agent */

struct rig_early {
	struct dialog *dialog;
	uint32_t rseq; /* of the last reliable provisional in it */
};

struct rig_ua {
	bool used, late, acked;
	uint8_t side;
	uint32_t cseq;
	struct sip_ctxn *out; /* INVITE it sent */
	struct sip_stxn *in;  /* INVITE it got */
	struct sip_resend ok;
	struct dialog *dialog;
	bool hung_up;	   /* its BYE went out or a BYE came in */
	bool confirmed;	   /* 2xx seen or sent */
	unsigned int last; /* final status of the INVITE it sent */
	unsigned int n_ringing;
	struct rig_early early[RIG_EARLY];  /* of a caller, with 100rel */
	struct sip_resend rel;		    /* of a called one: its reliable provisional */
	uint32_t rseq;			    /* of that */
	uint32_t last_rseq;		    /* of a provisional that it got */
	unsigned int n_reliable, n_pracked; /* got; sent and acknowledged */
	bool rel_sdp, rel_offer;	    /* it has a description, which is an offer */
	bool answered_early;		    /* its description went in one */
	bool last_had_sdp;		    /* of the final answer to its INVITE */
	char call_id[40], tag[28];
	char last_se[64], last_min_se[16]; /* of the box's last INVITE, UPDATE or 200; "" without */
	bool last_requires_timer;
	char last_contacts[512];		  /* of the final answer to its INVITE */
	char last_refer[2048], last_notify[2048]; /* whole */
	char last_replaces[512];		  /* of an INVITE that it got */
	char last_cancel[1024];			  /* whole */
	unsigned int n_refers, n_notifies;
	unsigned int n_invites;	   /* that it got */
	struct sip_ctxn *updating; /* its UPDATE */
	unsigned int last_update;  /* final status of that, 0: none yet */
	unsigned int n_updates;	   /* that it got */
	char last_sdp[2048];	   /* of the peer */
	struct ipaddr addr;
	uint32_t version;
};

/* What the user agents of a side do about SRTP. */
enum rig_srtp {
	RIG_PLAIN,   /* RTP/AVP, whatever comes */
	RIG_SRTP,    /* offer and answer it */
	RIG_REFUSE,  /* 488 to an offer of it */
	RIG_PORT_0,  /* 200, but the line is refused */
	RIG_BAD_TAG, /* answer with a tag that was not offered */
};

/* What the user agents of a side do about reliable provisionals. */
enum rig_rel {
	RIG_REL_NONE,  /* they do not know them */
	RIG_REL_KNOWN, /* and send them where the far end knows them, too */
	RIG_REL_REQUIRED,
	RIG_REL_DEAF, /* callers: they say they know them, and send no PRACK */
};

struct rig_side {
	struct sip_txns *txns;
	struct sip_token_key key;
	struct rig_ua ua[RIG_UAS];
	unsigned int mute_trunk;  /* callee: nothing that this trunk sends arrives */
	unsigned int busy_status; /* of busy_trunk's answer to an INVITE, 0: 503 */
	const char *busy_headers; /* its lines */
	/* What its user agents do when an INVITE comes: a status (0: nothing), and how. */
	unsigned int answer, ring;
	bool early_media, on_cancel_answer, no_sdp;
	bool knows_all; /* 200 to requests in dialogs that it does not know, too */
	enum rig_srtp srtp;
	enum rig_rel rel;
	/* Session timers: value of Session-Expires in their INVITE, 200 and UPDATE, or NULL; whether
	 * they say that they know them; the shortest that a called side takes, 0: any. */
	const char *se;
	bool timer;
	unsigned int min_se;
	const char *contacts;	 /* of a redirection, NULL: their own */
	bool replaces;		 /* they say that they know Replaces */
	const char *lines;	 /* of their INVITEs besides, or NULL */
	unsigned int on_refer;	 /* what they answer, 0: nothing */
	const char *refer_lines; /* of that answer, or NULL */
	const char *m_line;	 /* NULL: one of G.711 */
	bool update;		 /* they say that they take UPDATE */
	unsigned int on_update;	 /* what they answer, 0: nothing */
	uint8_t key_octet;	 /* octet that their keys are made of */
	unsigned int busy_trunk; /* callee: requests to this trunk get 503 */
	uint64_t n_requests[SIP_M_N];
};

struct rig_call {
	uint64_t id;
	bool put, ended, swept;
	uint32_t media;	       /* lines that are open */
	unsigned int n_sets;   /* CTL_MEDIA_SET of its first line */
	struct ctl_media conf; /* the last one */
	struct ctl_call rec;
	uint8_t checkpoint[B2B_CHECKPOINT_MAX];
	size_t checkpoint_len;
};

struct rig_reg {
	struct ctl_reg shown;
	uint8_t state[4096];
	size_t len;
};

struct rig_packet {
	uint8_t to, from;
	struct ipaddr dst, src;
	char *bytes;
	size_t n;
};

struct rig_reply {
	uint16_t type;
	uint32_t seq;
	int32_t status;
	struct ctl_media_opened media;
};

#define RIG_SUBS 16

struct rig_sub {
	struct ctl_sub head;
	uint8_t state[B2B_CHECKPOINT_MAX];
	size_t len; /* 0: there is none */
};

struct rig {
	struct twheel *wheel;
	struct b2b *b;
	struct sip_txns *txns;
	struct sip_token_key key;
	struct ctl_sip_stats stats;
	struct b2b_shared shared;
	struct trace *kept; /* the box's messages, as a worker keeps them */
	struct rig_side side[RIG_N];
	struct cfg *cfg;
	uint64_t rng, seed;
	struct rig_packet queue[RIG_QUEUE];
	unsigned int n_queue;
	struct rig_reply replies[RIG_QUEUE];
	unsigned int n_replies;
	struct rig_call calls[RIG_CALLS];
	unsigned int n_calls;
	struct rig_sub subs[RIG_SUBS];
	unsigned int n_trunk_status;
	struct ctl_trunk_status trunk_status;
	struct ctl_reg_status reg_status; /* the last one */
	unsigned int n_attempts;	  /* at trunks, of calls that went on */
	struct ctl_attempt attempt;	  /* the last one */
	struct rig_reg regs[RIG_REGS];	  /* bindings, as limen-control has them */
	unsigned int n_regs;
	/* Answers a REGISTER that came to the called side; NULL: as other requests. */
	void (*registrar)(struct rig *r, struct sip_stxn *stxn, const struct sip_msg *msg);
	bool control_away;
	uint32_t seq, next_port;
	int media_status; /* of the next CTL_MEDIA_SET */
	unsigned int loss_percent;
	unsigned int deaf;  /* RIG_CALLER, RIG_CALLEE: what goes there is lost; 0: nobody */
	int box_send_error; /* of INVITEs to the called side; 0: they leave */
	int answer_error;   /* of what goes to the calling side; 0: it leaves */
	/* Which worker of how many others this is, from the next restart on; what it told one of them last. */
	uint8_t worker;
	unsigned int n_others, n_told;
	int tell_error; /* negative errno: the rings are full */
	char told[16384];
	size_t told_len;
	bool replay_done;
	uint64_t n_kept;	/* messages so far; their times */
	bool body_passes;	/* the bodies are the user agents', so only headers are looked at */
	char last_invite[2048]; /* to the called side */
	/* What DNS says; NULL: nobody answers. */
	struct locate_look (*look)(struct rig *r, const char *name, uint16_t type);
	char fetch_url[256]; /* what the box asked for last, by HTTP */
	uint64_t fetch_id;
	unsigned int n_fetches;
	char asked_body[2048]; /* the last question to a route-hook */
	uint64_t asked_id;
	uint32_t asked_ms;
	unsigned int n_asked;
	int ask_error;				  /* negative errno: it cannot be asked */
	unsigned int n_good_proofs, n_bad_proofs; /* told of passwords */
	struct ctl_hook_status hook_status;
	bool trace;
	bool allow_inner; /* addresses of the other side may show */
	bool any_realm;	  /* calls of two far ends of one side are expected */
};

struct rig *rig_new(uint64_t seed);
void rig_free(struct rig *r);
uint32_t rig_random(struct rig *r, uint32_t n); /* 0..n-1 */

/* Delivers one packet or reply (which: by index; -1: the oldest). false: there is none. */
bool rig_deliver(struct rig *r, int which);
void rig_drop(struct rig *r, unsigned int which);
bool rig_reply(struct rig *r);
/* Everything that is under way arrives. */
void rig_settle(struct rig *r);
/* Time passes in steps; with losses of loss_percent. */
void rig_pass(struct rig *r, uint64_t ms);

/* limen-control goes away and comes back; forgetful: it is another process with no calls. */
void rig_control_down(struct rig *r);
void rig_control_up(struct rig *r, bool forgetful);
/* kill -9 of limen-sip, and its restart with what limen-control has. */
void rig_restart_sip(struct rig *r);

struct rig_ua *rig_invite(struct rig *r, const char *number, bool late);
void rig_cancel(struct rig *r, struct rig_ua *ua);
void rig_bye(struct rig *r, struct rig_ua *ua);
/* An UPDATE in the dialog, or in the early one of a reliable provisional; NULL: without an offer. */
void rig_update(struct rig *r, struct rig_ua *ua, const char *direction);
void rig_reinvite(struct rig *r, struct rig_ua *ua, const char *direction, bool late);
/* A final (or provisional) answer to the INVITE that a user agent got. */
void rig_answer(struct rig *r, struct rig_ua *ua, unsigned int status);
/* A request with this method in the dialog; the answer's status, 0 while there is none. */
unsigned int rig_request(struct rig *r, struct rig_ua *ua, enum sip_method method);
/* The same with further lines and a body of that type (NULL: none). */
unsigned int rig_request_with(struct rig *r, struct rig_ua *ua, enum sip_method method,
	const char *lines, const char *type, const char *body);
/* The same, sent and not waited for; for who is in a dialog. */
void rig_send(struct rig *r, struct rig_ua *ua, enum sip_method method, const char *lines);
void rig_forget(struct rig *r, struct rig_ua *ua);
/* The called side's user agent of the newest INVITE. */
struct rig_ua *rig_callee(struct rig *r);
struct rig_call *rig_last_call(struct rig *r);
/* What is known of the (first) target of a trunk. */
struct b2b_spot *rig_spot(struct rig *r, const char *trunk);
/* Sends text to the box as if from a side. */
void rig_raw(struct rig *r, unsigned int side, const char *text);
/* And from a certain host of that side. */
void rig_raw_from(struct rig *r, unsigned int side, unsigned int host, const char *text);

/* What must hold when every call is over and every timer has run. */
void rig_expect_empty(struct rig *r);
/* What must always hold. */
void rig_expect_sane(struct rig *r);
