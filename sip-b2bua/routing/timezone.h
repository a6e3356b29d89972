/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far a time zone is from UTC at a moment, from the time zone database of the system (TZif, RFC
 * 8536). Read once, at a change of the configuration; asking needs no file and no lock. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMEZONE_ERROR_MAX 160

struct timezone_data {
	uint32_t n;
	int64_t *at;	/* moments of change, ascending; seconds since 1970 UTC */
	int32_t *after; /* seconds east of UTC from then on */
	int32_t before; /* until the first one */
};

/* name: as "Europe/Berlin"; "UTC" needs no file. -EINVAL, -ENOENT, -ENOMEM with a sentence. */
int timezone_load(const char *name, struct timezone_data *ret_zone, char error[TIMEZONE_ERROR_MAX])
	__attribute__((warn_unused_result));
/* The bytes of a TZif file. -EINVAL: they are none, or have no table up to 2037. */
int timezone_parse(const uint8_t *bytes, size_t len, struct timezone_data *ret_zone)
	__attribute__((warn_unused_result));
void timezone_clear(struct timezone_data *zone);
/* Seconds east of UTC. */
int32_t timezone_offset(const struct timezone_data *zone, int64_t unix_s);
