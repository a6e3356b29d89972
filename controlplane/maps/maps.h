/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The e164-pattern-maps and route-tables of the configuration with what is in their files: each
 * becomes an image (sip-b2bua/routing/numtrie.h, ratetable.h) in sealed memory, which limen-sip's workers map, and limen-control
 * itself for what it explains.
 *
 * Files are read and images are made by a thread of its own, so that neither calls nor commits of
 * others wait for a million lines; everything else happens on limen-control's thread. A commit that
 * names a file anew, or changes a list, waits for its map, and fails when the map cannot be made.
 * What was loaded stays when its file is gone or wrong later. At the start of the box a map without
 * its file is only missing: its dial-peers match nothing, and say why.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/flash.h"
#include "controlplane/config/cfg.h"
#include "sip-b2bua/routing/numbers.h"

#define MAPS_FILE_MAX (256u << 20) /* bytes of a file */

struct map_status {
	uint32_t tag;
	bool loaded, loading;
	uint32_t n_patterns;	      /* distinct ones */
	uint64_t bytes;		      /* of the image */
	uint32_t build_ms;	      /* how long reading and making it took */
	uint64_t loaded_ms;	      /* wall clock */
	char why[FLASH_WHY_MAX + 64]; /* what is wrong with its file; else empty */
};

struct maps_ops {
	/* An image is new or another one (fd stays maps'), or it is gone (fd -1). */
	void (*changed)(void *arg, enum numbers_kind kind, uint32_t tag, int fd, uint64_t len);
	/* The answer of a prepare that said -EINPROGRESS. */
	void (*prepared)(void *arg, uint64_t revision, int status, const char *error);
	uint64_t (*wall_ms)(void *arg);
	void *arg;
};

struct maps;

/* dir: of the files; it is made when it is not there. ops is copied. NULL: memory is short. */
struct maps *maps_new(struct event_base *base, const char *dir, const struct maps_ops *ops);
void maps_free(struct maps *maps); /* waits for a load that runs */

/*
 * Phases of a commit. first: at the start of the box, when missing files are forgiven. 0: nothing
 * has to be loaded; -EINPROGRESS: ops->prepared comes later, unless the commit is aborted.
 */
int maps_prepare(struct maps *maps, const struct cfg *cfg, uint64_t revision, bool first,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
void maps_apply(struct maps *maps);
void maps_abort(struct maps *maps);

/* Reads the file of a map again. -ENOENT; -EBUSY: a load or a commit runs; -ENODATA: no file. */
int maps_reload(struct maps *maps, enum numbers_kind kind, uint32_t tag)
	__attribute__((warn_unused_result));

/* Calls changed() for each image, for a worker that has none yet. */
void maps_tell(const struct maps *maps,
	void (*changed)(void *arg, enum numbers_kind kind, uint32_t tag, int fd, uint64_t len),
	void *arg);
/* false: the running configuration has none of that tag. */
bool maps_status(const struct maps *maps, enum numbers_kind kind, uint32_t tag,
	struct map_status *ret_status);
/* Of this process. */
const struct numbers *maps_numbers(const struct maps *maps);
