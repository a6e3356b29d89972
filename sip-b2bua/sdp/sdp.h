/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SDP as a model of lines (RFC 8866, RFC 4566): a session section and media sections, every line
 * kept in order, the known ones reachable typed. Parsing decides nothing about offers and answers.
 * Printing goes through an explicit plan: a line that the plan does not name does not leave.
 * All views point into the caller's buffer. Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/view.h"
#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/sdp/sdp_crypto.h"
#include "sip-b2bua/sdp/sdp_dtls.h"

#define SDP_LINES_MAX	512
#define SDP_MEDIA_MAX	16
#define SDP_FORMATS_MAX 64
#define SDP_LINE_MAX	2048

struct sdp_line {
	char type;		/* 'v', 'o', ..., any letter */
	struct view value;	/* behind '=' */
	struct view attr;	/* of a=: the name before ':' */
	struct view attr_value; /* of a=: behind ':'; .p NULL: a flag without value */
};

enum sdp_direction { SDP_DIR_NONE, SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

struct sdp_media {
	struct view media;   /* "audio", ... */
	struct view proto;   /* "RTP/AVP", ... */
	struct view formats; /* as written, for sdp_format_next() */
	uint32_t port;	     /* 0: refused */
	uint32_t n_ports;    /* of "49170/2"; else 1 */
	uint32_t n_formats;
	uint16_t line;		      /* its m= line */
	uint16_t n_lines;	      /* with the m= line */
	uint16_t c_line;	      /* its own c=, or 0: the session's is valid */
	struct ipaddr connection;     /* c= that applies (port 0); family 0: none or a host name */
	enum sdp_direction direction; /* own, else the session's, else SENDRECV */
	uint32_t rtcp_port;	      /* a=rtcp; 0: none */
	struct ipaddr rtcp_addr;      /* of a=rtcp; family 0: none */
	bool rtcp_mux;
	/* Of a bundle (RFC 9143), set by bundle.h: in it, where in its group, and the section that
	 * tells its keys (without a bundle its own). */
	bool bundled;
	uint8_t place;
	uint16_t transport;
	uint32_t ptime, maxptime; /* ms; 0: none */
};

struct sdp_origin {
	struct view username, sess_id, sess_version, nettype, addrtype, address;
};

struct sdp {
	struct view raw;
	struct sdp_origin origin;
	struct view session_name;
	struct ipaddr connection;     /* the session's c=; family 0: none or a host name */
	enum sdp_direction direction; /* the session's; SDP_DIR_NONE: none */
	uint16_t n_session_lines;     /* lines before the first m= */
	uint16_t n_media;
	uint16_t n_lines;
	struct sdp_media media[SDP_MEDIA_MAX];
	struct sdp_line lines[SDP_LINES_MAX];
	const char *error; /* after -EBADMSG: what is wrong */
};

/*
 * Lines end with CRLF or LF. Mandatory: v=0, o=, s= (an empty or missing t= is forgiven, as
 * devices leave it out), and a c= for each media line that is not refused. 0 or -EBADMSG with
 * sdp->error set.
 */
int sdp_parse(struct sdp *sdp, struct view text) __attribute__((warn_unused_result));

/* Next format of a media line ("0", "101", "t38"). */
bool sdp_format_next(struct view *rest, struct view *ret_format);
/* First line of media index (-1: session) with this attribute name, at or after *pos (start with
 * 0; then one behind the one found). NULL at the end. Names are compared case-sensitively. */
const struct sdp_line *sdp_attr(
	const struct sdp *sdp, int media_index, struct view name, uint16_t *pos);
bool sdp_has_attr(const struct sdp *sdp, int media_index, struct view name);
/* "a=rtpmap:101 telephone-event/8000/1": encoding "telephone-event", rate 8000, channels 1.
 * Static payload types without a line come from RFC 3551's table. -ENOENT. */
struct sdp_rtpmap {
	struct view encoding;
	uint32_t rate, channels;
};
int sdp_rtpmap(const struct sdp *sdp, unsigned int media_index, uint32_t payload_type,
	struct sdp_rtpmap *ret_map) __attribute__((warn_unused_result));
/* The parameters of a=fmtp for this format; .p NULL: none. */
struct view sdp_fmtp(const struct sdp *sdp, unsigned int media_index, struct view format);

struct view sdp_direction_text(enum sdp_direction direction);

/* What a printed media section says. */
struct sdp_media_plan {
	struct ipaddr addr; /* ours, with the RTP port; port 0: refused (m= with port 0) */
	uint16_t rtcp_port; /* a=rtcp:PORT is written when it is neither 0 nor RTP port + 1 */
	bool rtcp_mux;	    /* a=rtcp-mux is written */
	enum sdp_direction direction; /* SDP_DIR_NONE: as it came */
	struct view formats; /* replaces the formats; .p NULL: as they came. rtpmap and fmtp of
	                      * formats that are gone are dropped */
	/* With formats: the lines rtpmap, fmtp, ptime and maxptime, which replace those that came;
	 * rtcp-fb stays only where it is of all formats. .p NULL: those that came. */
	struct view format_lines;
	bool no_bandwidth;		 /* b= stays behind: it is of other codecs */
	struct view proto;		 /* replaces the profile; empty: as it came */
	const struct sdp_crypto *crypto; /* a=crypto lines, of n_crypto of them */
	unsigned int n_crypto;
	struct sdp_dtls_plan dtls; /* a=fingerprint, a=setup, a=tls-id; own NONE: none of them */
	struct view mid;	   /* a=mid; empty: none */
	uint8_t mid_ext;	   /* id of the MID's a=extmap, 0: none */
	bool mid_ext_recvonly;
};

struct sdp_plan {
	struct view username; /* of o= */
	uint64_t sess_id, sess_version;
	struct view session_name;	    /* of s=; "-" is usual */
	const struct ipaddr *origin;	    /* of o= and of the session's c= */
	const struct sdp_media_plan *media; /* one for each media section */
	unsigned int n_media;
	/* Attribute names that may pass, besides those that the plan itself writes (directions,
	 * rtcp, rtcp-mux, crypto, fingerprint, setup, tls-id, mid, group, and extmap of the MID); NULL-terminated. Everything else of a=, and all of i= u= e= p= k= z= r=,
	 * stays behind. b= and t= pass. */
	const char *const *allow_attrs;
	struct view group[SDP_MEDIA_MAX]; /* of a=group:BUNDLE */
	unsigned int n_group;
};

/*
 * Prints with the plan's addresses, ports and origin. 0, -EINVAL when plan and sdp do not have the
 * same number of media sections, -EMSGSIZE.
 */
int sdp_print(const struct sdp *sdp, const struct sdp_plan *plan, struct sip_buf *out)
	__attribute__((warn_unused_result));
