/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loading maps in a thread. The thread has only what is in its load; who started it gets it back by
 * an event on his own thread. Private to controlplane/maps.
 */
#pragma once

#include <pthread.h>

#include "controlplane/maps/maps.h"

struct load_item {
	uint8_t kind;		  /* enum numbers_kind */
	struct cfg_e164_map conf; /* of a route-table: its tag and url */
	/* what came of it */
	int rc; /* 0, or a negative errno with why */
	char why[FLASH_WHY_MAX];
	int fd; /* sealed image, or -1 */
	uint64_t len;
	uint32_t n_patterns, build_ms;
	struct flash_stamp stamp;
};

struct load {
	int dir_fd; /* -1: there is no directory */
	struct load_item *items;
	unsigned int n;
	void (*done)(void *arg, struct load *load); /* on the thread of the event loop */
	void *arg;
	/* private */
	struct event *event;
	int pipe[2];
	pthread_t thread;
};

/* Starts; the load is the caller's again when done is called. Negative errno: it did not start. */
int load_start(struct event_base *base, struct load *load) __attribute__((warn_unused_result));
/* Waits for the thread of a load that has not called done; done is not called any more. */
void load_wait(struct load *load);
