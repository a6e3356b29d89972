/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See timezone.h. */
#include "sip-b2bua/routing/timezone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONEINFO    "/usr/share/zoneinfo"
#define FILE_MAX    65536
#define HEAD_LEN    44
#define CHANGES_MAX 4096
#define FAR_S	    INT64_C(1893456000) /* 2030: a table that ends before is cut short */

struct head {
	uint32_t n_utc, n_std, n_leap, n_time, n_type, n_char;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool read_head(const uint8_t *p, size_t len, struct head *h)
{
	if (len < HEAD_LEN || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return false;
	*h = (struct head){
		be32(p + 20), be32(p + 24), be32(p + 28), be32(p + 32), be32(p + 36), be32(p + 40)};
	return h->n_time <= CHANGES_MAX && h->n_type <= 256 && h->n_char <= FILE_MAX &&
	       h->n_leap <= CHANGES_MAX && h->n_std <= 256 && h->n_utc <= 256;
}

/* Bytes of the block behind a header, with times of that size. */
static size_t block_len(const struct head *h, size_t time)
{
	return (size_t)h->n_time * (time + 1) + (size_t)h->n_type * 6 + h->n_char +
	       (size_t)h->n_leap * (time + 4) + h->n_std + h->n_utc;
}

int timezone_parse(const uint8_t *bytes, size_t len, struct timezone_data *ret_zone)
{
	struct timezone_data zone = {0};
	const uint8_t *p = bytes, *types, *kinds;
	struct head h;
	size_t skip;

	/* The first block has times of 32 bits; all that counts is in the second one. */
	if (!read_head(p, len, &h))
		return -EINVAL;
	skip = HEAD_LEN + block_len(&h, 4);
	if (skip > len || !read_head(p + skip, len - skip, &h))
		return -EINVAL;
	p += skip + HEAD_LEN;
	len -= skip + HEAD_LEN;
	if (block_len(&h, 8) > len || h.n_type == 0)
		return -EINVAL;
	kinds = p + (size_t)h.n_time * 8;
	types = kinds + h.n_time;
	/* What follows is the rule for later years; without one the last offset stays. */
	p += block_len(&h, 8);
	len -= block_len(&h, 8);
	if (len && memchr(p, ',', len) && (h.n_time == 0 || be64(kinds - 8) < FAR_S))
		return -EINVAL;
	zone.at = calloc(h.n_time + 1, sizeof(*zone.at));
	zone.after = calloc(h.n_time + 1, sizeof(*zone.after));
	if (!zone.at || !zone.after) {
		timezone_clear(&zone);
		return -ENOMEM;
	}
	zone.before = (int32_t)be32(types);
	for (uint32_t i = 0; i < h.n_time; i++) {
		if (kinds[i] >= h.n_type) {
			timezone_clear(&zone);
			return -EINVAL;
		}
		zone.at[i] = be64(kinds - (size_t)(h.n_time - i) * 8);
		zone.after[i] = (int32_t)be32(types + (size_t)kinds[i] * 6);
	}
	zone.n = h.n_time;
	*ret_zone = zone;
	return 0;
}

/* Nothing that leads out of the directory. */
static bool name_ok(const char *name)
{
	for (const char *p = name; *p; p++) {
		bool letter = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
			      (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' || *p == '+';

		if (!letter && (*p != '/' || p == name))
			return false;
	}
	return name[0] != '\0';
}

int timezone_load(const char *name, struct timezone_data *ret_zone, char error[TIMEZONE_ERROR_MAX])
{
	uint8_t bytes[FILE_MAX];
	char path[256];
	size_t len = 0;
	FILE *file;
	int rc;

	if (strcmp(name, "UTC") == 0) {
		*ret_zone = (struct timezone_data){0};
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", ZONEINFO, name);
	file = name_ok(name) ? fopen(path, "re") : NULL;
	if (!file) {
		snprintf(error, TIMEZONE_ERROR_MAX,
			"\"timezone %.60s\": the time zone database has no such zone", name);
		return -ENOENT;
	}
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	rc = timezone_parse(bytes, len, ret_zone);
	if (rc < 0)
		snprintf(error, TIMEZONE_ERROR_MAX,
			"\"timezone %.60s\": its file in the time zone database cannot be used",
			name);
	return rc;
}

void timezone_clear(struct timezone_data *zone)
{
	free(zone->at);
	free(zone->after);
	*zone = (struct timezone_data){0};
}

int32_t timezone_offset(const struct timezone_data *zone, int64_t unix_s)
{
	uint32_t lo = 0, hi = zone->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (zone->at[mid] <= unix_s)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == 0 ? zone->before : zone->after[lo - 1];
}
