/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statistics segment (dataplane/api/dp_stats.h): made and mapped here, sealed so that whoever
 * gets the descriptor can only read. The layout is made here; workers and control thread write.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_stats.h"

struct segment {
	int fd;
	uint32_t len;
	int hugepages; /* 1: the segment itself lies on hugepages */
	struct dp_stats_header *header;
	struct dp_worker_stats *workers;
	struct dp_port_stats *ports;
	struct dp_mcore_stats *mcores;
	struct dp_core_load *loads;
	struct dp_stream_stats *streams;
	struct dp_stream_rare *rare;
	struct dp_stream_srtp *srtp;
	struct dp_acl_info *acls;
	uint64_t *acl_counts;
	uint64_t *block_counts;
};

/* Zeroed but for the header's layout. Negative errno; the log has a sentence. */
int segment_new(uint32_t n_workers, uint32_t n_mcores, uint32_t n_streams,
	struct segment *ret_segment) __attribute__((warn_unused_result));
void segment_free(struct segment *segment);
