/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the box changes in RTCP that it passes on. */
#pragma once

#include <stdint.h>

/*
 * Replaces the text of SDES items and BYE reasons in place and corrects the UDP checksum at
 * udp_csum (0: there is none). rtcp: len bytes, a multiple of 4, accepted by rtcp_is_valid().
 */
void rtcp_hide_names(const uint64_t key[2], uint8_t *rtcp, uint32_t len, uint8_t *udp_csum);
