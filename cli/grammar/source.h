/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the show commands get their figures: one getter per figure, provided by limen-control
 * (and by tests). A getter copies; it returns what is known now and never waits. Called on
 * limen-control's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/api/ctl_hook.h"
#include "controlplane/api/ctl_quality.h"
#include "controlplane/api/quality.h"
#include "dataplane/api/dp_stats.h"

/* A media line of a call now, with the counters of both directions. */
struct cli_media {
	uint64_t session_id;
	uint64_t call_id;
	uint32_t index;
	uint32_t worker;			       /* of the data plane */
	struct ipaddr local[DP_LEGS], remote[DP_LEGS]; /* remote: the latched one when known */
	struct dp_stream_sum from[DP_LEGS];
};

/* A finished call or attempt. */
struct cli_record {
	struct ctl_call call;
	uint32_t n_media;
	struct dp_stream_sum from[DP_LEGS]; /* summed over the media lines */
	struct quality quality;
};

/* Ports of a realm's media address. */
struct cli_ports {
	struct ipaddr addr;
	uint32_t port_min, port_max;
	uint32_t available, in_use; /* ports, RTP and RTCP counted */
};

/* A prompt as limen-control has it. */
struct cli_prompt {
	uint64_t length_ms;
	uint32_t rate_hz;
	char why[160]; /* a sentence: why there is no sound; else empty */
};

/* An e164-pattern-map as limen-control has it. */
struct cli_map {
	bool loaded, loading;
	uint32_t n_patterns, build_ms;
	uint64_t bytes;	    /* of memory, shared by all processes */
	uint64_t loaded_ms; /* wall clock */
	char why[256];	    /* a sentence: what is wrong with its file; else empty */
};
struct numbers;

/* How the last calls to a trunk went. */
struct cli_trunk_quality {
	const struct ctl_quality *told; /* what limen-sip knows of it; valid until the loop turns */
	uint32_t window_min, calls, answered;
	/* By enum ctl_quality_metric, in its units; over n calls, 0: not known. */
	uint32_t value[CTL_QUALITY_N_METRICS], n[CTL_QUALITY_N_METRICS];
	uint32_t trial_calls, trial_of; /* while it is beyond a bound; else 0 */
};

/* What a leg of a call hears from the box. */
struct cli_play {
	const struct ctl_call *call;
	unsigned int leg;
	uint8_t kind;	  /* enum ctl_play_kind */
	const char *name; /* of the prompt or room */
};

/* A process of the box as limen-control sees it. */
struct cli_process {
	char name[32]; /* "limen-dataplane", "limen-sip 0" */
	pid_t pid;
	bool connected;
	uint64_t since_ms; /* wall clock: of the connection, or of its loss */
	uint64_t restarts; /* connections with another boot id than the one before */
	uint64_t rx_msgs, tx_msgs, rx_malformed, tx_dropped;
};

/* State of an interface in the kernel and on the wire. */
struct cli_link {
	bool known; /* the kernel has the interface */
	bool up;    /* administratively and with carrier */
	bool carrier;
	uint8_t mac[6];
	uint32_t mtu;
	bool has_port; /* the data plane has a port of that name: port is valid */
	struct dp_port_stats port;
};

struct cli_totals {
	uint64_t boot_ms; /* wall clock: start of limen-control */
	uint32_t generation;
	uint64_t calls_active, calls_attempted, calls_answered, calls_failed;
	uint64_t answered_ms;			  /* sum of the durations of finished calls */
	uint64_t records_written, records_failed; /* failed: could not be spooled */
	uint64_t sessions;			  /* media sessions now */
};

/* A SIP message of a call. */
struct cli_trace_msg {
	uint64_t wall_us;
	uint32_t worker; /* of limen-sip */
	struct ipaddr local, remote;
	bool sent;	   /* by us */
	uint8_t transport; /* as in struct ctl_call */
	uint8_t leg;	   /* 0 A, 1 B, 2: not known */
	uint32_t n, total; /* octets at bytes, and of the message: more than n where it was cut */
	const char *bytes; /* and a NUL behind them */
};

/* Those of a call that are still kept, oldest first; keys and digits are masked. */
struct cli_trace {
	uint64_t call_id;
	unsigned int n;
	struct cli_trace_msg *msgs;
	uint64_t n_missing; /* further ones are kept, but are too many to be told */
	bool incomplete;    /* a worker of limen-sip gave no answer */
};
/* trace is valid during the call. */
typedef void (*cli_trace_fn)(void *arg, const struct cli_trace *trace);

/* A connection of SIP that is up. */
struct cli_conn {
	uint32_t number;   /* for people */
	uint64_t since_ms; /* wall clock */
	struct ctl_conn conn;
};

/* row callbacks: a non-zero return ends the walk. */
typedef int (*cli_call_fn)(const struct ctl_call *call, void *arg);
typedef int (*cli_record_fn)(const struct cli_record *record, void *arg);
typedef int (*cli_media_fn)(const struct cli_media *media, void *arg);
typedef int (*cli_play_fn)(const struct cli_play *play, void *arg);
typedef int (*cli_process_fn)(const struct cli_process *process, void *arg);
/* How attempts ended: a word of records.h and how many of them. */
typedef int (*cli_outcome_fn)(const char *word, uint64_t n, void *arg);
typedef int (*cli_sip_fn)(uint32_t worker, const struct ctl_sip_stats *stats, void *arg);

typedef int (*cli_conn_fn)(const struct cli_conn *conn, void *arg);
/* dp_drops: of the data plane; those of limen-sip are in block. */
typedef int (*cli_block_fn)(const struct ctl_block *block, uint64_t dp_drops, void *arg);
typedef int (*cli_registration_fn)(const struct ctl_reg *reg, void *arg);
typedef int (*cli_recording_fn)(const struct ctl_rec_status *recording, void *arg);

struct cli_source {
	void *ctx; /* first argument of every getter */

	uint64_t (*now_ms)(void *ctx); /* wall clock */
	void (*totals)(void *ctx, struct cli_totals *ret);
	/* Calls that are not ended, oldest first. */
	void (*calls)(void *ctx, cli_call_fn row, void *arg);
	/* Media lines of a call (0: of all calls). */
	void (*media)(void *ctx, uint64_t call_id, cli_media_fn row, void *arg);
	/*
	 * A call that is not ended as its record would be now, or a finished one that is still
	 * remembered. false: neither.
	 */
	bool (*call)(void *ctx, uint64_t call_id, struct cli_record *ret);
	/* The newest n records, oldest of them first. */
	void (*records)(void *ctx, unsigned int n, cli_record_fn row, void *arg);
	/* Every outcome, also those that did not happen; their sum is records_written. */
	void (*outcomes)(void *ctx, cli_outcome_fn row, void *arg);
	/* false when there is none of that name or its state was not reported yet. */
	bool (*trunk)(void *ctx, const char *name, struct ctl_trunk_status *ret);
	/* Its targets, as they were told last; false when nothing was. Valid until the loop turns. */
	bool (*targets)(void *ctx, const char *trunk, struct ctl_targets *ret,
		const struct ctl_target **ret_list);
	/* false: nothing is known of a trunk of that name. */
	bool (*trunk_quality)(void *ctx, const char *trunk, struct cli_trunk_quality *ret);
	/* Of a voice class route-hook, summed over limen-sip's workers; false: nothing was told. */
	bool (*route_hook)(void *ctx, uint32_t tag, struct ctl_hook_status *ret);
	/* Forgets the calls of a trunk, NULL: of all; false: there is none of that name. */
	bool (*trunk_quality_clear)(void *ctx, const char *trunk);
	/* The records of names, the same way. */
	void (*hosts)(void *ctx, struct ctl_dns_hosts *ret, const struct ctl_dns_host **ret_list);
	/* Forgets what DNS said of a name, empty: of all. -EINVAL: no name; -ENOTCONN. */
	int (*host_clear)(void *ctx, const char *name);
	/*
	 * What limen-sip told last of its limits, by number; NULL at the end. One that it has not told yet has
	 * an empty key, subject or trunk.
	 */
	const struct ctl_capacity *(*capacity)(void *ctx, uint32_t i);
	const struct ctl_toll *(*toll)(void *ctx, uint32_t i);
	const struct ctl_overload *(*overload)(void *ctx, uint32_t i);
	/* Of one, empty: of all. -EINVAL: no such name can be; -ENOTCONN. */
	int (*capacity_clear)(void *ctx, const char *key);
	int (*toll_clear)(void *ctx, const char *subject);
	/* Of a trunk's registration; false: nothing was reported yet. */
	bool (*registration)(void *ctx, const char *name, struct ctl_reg_status *ret);
	bool (*link)(void *ctx, const char *name, struct cli_link *ret);
	/* family 4 or 6; false when the realm has no media address of it. */
	bool (*ports)(void *ctx, const char *realm, unsigned int family, struct cli_ports *ret);
	void (*sip)(void *ctx, cli_sip_fn row, void *arg);
	/* In the order in which they came up. */
	void (*conns)(void *ctx, cli_conn_fn row, void *arg);
	/* -ENOENT: none of that number and transport; -ENOTCONN: its limen-sip is away. */
	int (*conn_end)(void *ctx, uint32_t number, uint8_t transport);
	/* Sources that are blocked now, in the order in which they were. */
	void (*blocks)(void *ctx, cli_block_fn row, void *arg);
	/* -ENOTCONN: limen-sip is away; -ENOSPC, -ENOMEM. */
	int (*block)(void *ctx, const struct ctl_block *block);
	/* NULL: all. -ENOENT; -ENOTCONN. */
	int (*unblock)(void *ctx, const struct ctl_block *block);
	/* own NONE: limen-nat is away, and the rest is what it told last. */
	void (*nat)(void *ctx, struct ctl_nat_info *ret);
	/* What limen-sip knows of transcoding. */
	void (*transcoder)(void *ctx, struct ctl_transcoder *ret);
	/* false: the data plane knows none of that name. */
	bool (*prompt)(void *ctx, const char *name, struct cli_prompt *ret);
	/* false: the running configuration has no map (or route-table) of that tag. */
	bool (*map)(void *ctx, bool table, uint32_t tag, struct cli_map *ret);
	/* Begins. -ENOENT; -ENODATA: it has no file; -EBUSY: another load or a commit runs. */
	int (*map_reload)(void *ctx, bool table, uint32_t tag);
	/* The maps themselves, for the router; valid until the next event. */
	const struct numbers *(*numbers)(void *ctx);
	/* Legs of live calls that hear something from the box, by the age of their calls. */
	void (*plays)(void *ctx, cli_play_fn row, void *arg);
	/* Whether limen-rec is there; what it told last. */
	bool (*recorder)(void *ctx, struct ctl_rec_info *ret);
	/* Those under way, then those that ended last, newest first. */
	void (*recordings)(void *ctx, cli_recording_fn row, void *arg);
	/* -ENOENT: no such call; -EALREADY; -ENOTCONN: noted, limen-rec is away; -ENOMEM. */
	int (*record)(void *ctx, uint64_t call_id, bool on);
	/* Bindings by user and realm; user: of this one, or NULL. */
	void (*registrations)(void *ctx, const char *user, cli_registration_fn row, void *arg);
	/* How many there are; why they would not outlive limen-control, or an empty text. */
	const char *(*registrations_state)(void *ctx, uint64_t *ret_n);
	/* cached: only of registrars behind the box; of those user may be NULL: all. -ENOENT: none of this
	 * user; -ENOTCONN when its limen-sip is away. */
	int (*registration_clear)(void *ctx, const char *user, bool cached);
	void (*processes)(void *ctx, cli_process_fn row, void *arg);
	/* The segment, mapped; NULL while limen-dataplane is away. */
	const struct dp_stats_header *(*dp_stats)(void *ctx);
	/* Of an access list, of all with an empty name and family 0. -ENOTCONN: no data plane. */
	int (*acl_clear)(void *ctx, const char *name, uint32_t family);
	/* Asks for a call's messages; done is called once, now or later. -ENOTCONN, -EBUSY, -ENOMEM: never. */
	int (*trace)(void *ctx, uint64_t call_id, cli_trace_fn done, void *arg);
	/* As calls_play(), calls_clear(): -ENOENT, -ENOTCONN when its limen-sip is away. */
	int (*call_play)(void *ctx, uint64_t call_id, uint32_t legs, const char *prompt);
	int (*call_clear)(void *ctx, uint64_t call_id, uint32_t q850, const char *reason);
};
