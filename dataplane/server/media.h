/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Media addresses as limen-control sets them, brought to every worker: the book is
 * session/addrs.h, this adds the letters. Control thread only; waits for the workers.
 */
#pragma once

#include "dataplane/api/dp_api.h"
#include "dataplane/ports/ports.h"
#include "dataplane/server/mail.h"
#include "dataplane/session/addrs.h"

struct media {
	struct addrs *addrs;
	struct ports *ports;
	struct mail *mail;
	struct worker_group *group;
	unsigned int n_workers;
};

/* 0; -EINVAL, -ENODEV: no port of that name, -ENOSPC, -ENOMEM, -ETIMEDOUT. */
int media_addr_set(struct media *media, const struct dp_media_addr *conf)
	__attribute__((warn_unused_result));
/* 0; -ENOENT; -EBUSY: sessions use it. */
int media_addr_del(struct media *media, const struct dp_media_addr *conf)
	__attribute__((warn_unused_result));
/* Ports came or went: an address follows the name of its port. */
void media_rebind(struct media *media);
