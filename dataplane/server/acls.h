/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access lists as limen-control sets them: the book of lists and of the ports that use them, made
 * (stages/acl.h), brought to every worker and freed when no worker has the old one any more. A rule
 * that stays keeps its counter. Control thread only; waits for the workers.
 */
#pragma once

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"
#include "dataplane/ports/ports.h"
#include "dataplane/server/mail.h"
#include "dataplane/stages/acl.h"

struct acls_conf {
	struct ports *ports;
	struct mail *mail;
	unsigned int n_workers;
	struct dp_acl_info *info; /* [DP_ACLS_MAX], in the segment */
	/* acl_new() and acl_free(); tests have their own where DPDK does not run */
	int (*make)(const struct dp_acl *conf, const uint16_t *rows, uint64_t number, int socket_id,
		struct acl **ret_acl);
	void (*unmake)(struct acl *acl);
};

struct acls;

/* 0 or -ENOMEM; conf is copied. */
int acls_new(const struct acls_conf *conf, struct acls **ret_acls)
	__attribute__((warn_unused_result));
/* The workers have stopped. */
void acls_free(struct acls *acls);

/* -EINVAL: a field; -ENOSPC: DP_ACLS_MAX are there; -ENOMEM: then the list stays as it was. */
int acls_set(struct acls *acls, const struct dp_acl *conf) __attribute__((warn_unused_result));
/* -ENOENT; -EBUSY: a port uses it. */
int acls_del(struct acls *acls, const struct dp_acl_name *name) __attribute__((warn_unused_result));
/* -ENOENT: there is no list of that name. */
int acls_clear(struct acls *acls, const struct dp_acl_name *name)
	__attribute__((warn_unused_result));
/* -EINVAL, -ENOENT: a list that is not there; then all stays as it was. */
int acls_access_set(struct acls *acls, const struct dp_access *conf)
	__attribute__((warn_unused_result));
/* Ports are other ones, or one is about to be given to the workers: tells them whose list is whose. */
int acls_access_post(struct acls *acls) __attribute__((warn_unused_result));
