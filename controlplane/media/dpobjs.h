/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ports, media addresses, limits, access lists: what the configuration wants, what the data plane has, and the next
 * request that brings them together. No sockets here; used by dpclient.c and its tests.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config/cfg.h"
#include "dataplane/api/dp_api.h"

#define DPOBJS_MAX	(2 + 2 * (DP_PORTS_MAX + DP_MEDIA_ADDRS_MAX + DP_ACLS_MAX)) /* old and new */
#define DPOBJS_RETRY_MS 1000

enum dpobj_kind { DPOBJ_PORT, DPOBJ_ADDR, DPOBJ_POLICE, DPOBJ_ACL, DPOBJ_ACCESS, DPOBJ_KINDS };

struct dpobj {
	bool used;
	enum dpobj_kind kind;
	bool wanted, known, failed;
	bool changed;	   /* while a request with the old contents was under way */
	bool stale;	   /* a port of that name is there with other devargs and must go first */
	uint16_t inflight; /* enum dp_msg, 0: none */
	uint64_t retry_ms;
	int told; /* errno that was logged last, so that a retry logs nothing new */
	union {
		struct dp_port port;
		struct dp_media_addr addr;
		struct dp_police police;
		struct {
			struct dp_acl_name name;
			struct dp_acl *conf; /* allocated; NULL: only known to be there */
		} acl;
	};
};

/* The interface is a port of the data plane; one that is shut down is not. */
bool dpobjs_interface_has_port(const struct cfg *cfg, const struct cfg_interface *interface);

struct dpobjs {
	bool in_step; /* all is as wanted: asked after each message, so worth remembering */
	struct dp_access access; /* of the one DPOBJ_ACCESS */
	struct dpobj objs[DPOBJS_MAX];
};

void dpobjs_free(struct dpobjs *set); /* what it holds */

/* -ENOSPC with a sentence. */
int dpobjs_check(const struct cfg *cfg, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
void dpobjs_apply(struct dpobjs *set, const struct cfg *cfg);
/* A new connection. same_boot: the data plane still has what it had. */
void dpobjs_reset(struct dpobjs *set, bool same_boot);
/* The data plane has a port of that name, from before our restart; away with it if unwanted. */
void dpobjs_found_port(struct dpobjs *set, const char *name);
/* The same of an access list. */
void dpobjs_found_acl(struct dpobjs *set, const char *name, uint32_t family);
/* The next request and the object's index, or false. */
bool dpobjs_next(struct dpobjs *set, uint64_t now_ms, uint16_t *ret_type, unsigned int *ret_index,
	const void **ret_body, size_t *ret_len);
/* true: a media address became usable. */
bool dpobjs_done(
	struct dpobjs *set, unsigned int index, uint16_t type, int32_t status, uint64_t now_ms);
/* Nothing under way, and nothing to send but retries: sessions may be sent. */
bool dpobjs_settled(struct dpobjs *set);
bool dpobjs_has_port(const struct dpobjs *set, const char *name);
