/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statistics segment of the data plane, mapped read-only and checked once, so that no offset
 * in it can lead outside. limen-control's one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_stats.h"

struct segment_map {
	const struct dp_stats_header *header; /* NULL: none */
	uint64_t len;
	/* Copied from the header when it was checked: the writer could change its own later. */
	uint64_t off_streams, off_rare, off_srtp, tsc_hz, boot_id;
	uint32_t n_streams, n_ports, off_ports;
	uint64_t off_acls, off_block_counts;
	uint32_t n_workers;
	uint32_t n_mcores, off_mcore_loads, codecs;
};

/*
 * fd stays the caller's. -EPROTO: not a segment of this version, or it does not fit the numbers of
 * the HELLO reply; -EPERM: it could be made smaller under us (not sealed).
 */
int segment_map(int fd, const struct dp_hello_reply *hello, struct segment_map *ret_map)
	__attribute__((warn_unused_result));
void segment_unmap(struct segment_map *map);
/* A copy of a port's row, whose names are sound; false: not in use, or no such row. */
bool segment_port(const struct segment_map *map, uint32_t i, struct dp_port_stats *ret_port);
/* Name and family of the access list in a row; false: none. */
bool segment_acl(const struct segment_map *map, uint32_t i, struct dp_acl_name *ret_acl);
/* What all workers have dropped of a blocked source's. */
uint64_t segment_block_drops(const struct segment_map *map, uint32_t row);
/* Counters of one stream; false when there is no such slot. */
bool segment_sum(const struct segment_map *map, uint32_t slot, struct dp_stream_sum *ret_sum);
/* How far the SRTP of one stream has come; false when there is no such slot. */
bool segment_srtp(const struct segment_map *map, uint32_t slot, struct dp_srtp_state *ret_rx,
	struct dp_srtp_state *ret_tx);
