/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See maps.h. */
#include "controlplane/maps/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "controlplane/maps/load.h"

LOG_TOPIC("maps");

/* An image that maps of two configurations may share. */
struct image {
	unsigned int refs;
	int fd;
	uint64_t len, loaded_ms;
	uint32_t n_patterns, build_ms;
	struct flash_stamp stamp;
};

struct map {
	enum numbers_kind kind;
	struct cfg_e164_map conf; /* of a route-table: its tag and url */
	struct image *image;	  /* NULL: none */
	char why[FLASH_WHY_MAX + 64];
};

struct map_list {
	struct map *maps; /* by tag, as in the configuration */
	uint32_t n;
};

struct maps {
	struct event_base *base;
	char dir[256];
	struct maps_ops ops;
	struct numbers *numbers;
	struct map_list now, next; /* next: of a commit that is being prepared */
	bool preparing, first;
	uint64_t revision;	  /* of that commit */
	struct load *load;	  /* that runs; NULL: none */
	bool load_is_commit;	  /* else it is a reload */
	bool load_is_stale;	  /* of a commit that was aborted */
	struct load *commit_load; /* waits for the one that runs */
};

static void image_unref(struct image *image)
{
	if (!image || --image->refs > 0)
		return;
	close(image->fd);
	free(image);
}

static void list_clear(struct map_list *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		image_unref(list->maps[i].image);
	free(list->maps);
	*list = (struct map_list){0};
}

static const char *const nouns[] = {
	[NUMBERS_MAP] = "voice class e164-pattern-map",
	[NUMBERS_TABLE] = "voice class route-table",
};

static struct map *list_find(const struct map_list *list, enum numbers_kind kind, uint32_t tag)
{
	for (uint32_t i = 0; i < list->n; i++) {
		if (list->maps[i].kind == kind && list->maps[i].conf.tag == tag)
			return &list->maps[i];
	}
	return NULL;
}

struct maps *maps_new(struct event_base *base, const char *dir, const struct maps_ops *ops)
{
	struct maps *maps = calloc(1, sizeof(*maps));

	if (!maps)
		return NULL;
	maps->base = base;
	maps->ops = *ops;
	maps->numbers = numbers_new();
	if (!maps->numbers) {
		free(maps);
		return NULL;
	}
	snprintf(maps->dir, sizeof(maps->dir), "%s", dir);
	if (mkdir(maps->dir, 0755) < 0 && errno != EEXIST)
		log_err("%s: %s", maps->dir, strerror(errno));
	return maps;
}

static void load_free(struct load *load)
{
	if (!load)
		return;
	for (unsigned int i = 0; i < load->n; i++) {
		if (load->items[i].fd >= 0)
			close(load->items[i].fd);
	}
	if (load->dir_fd >= 0)
		close(load->dir_fd);
	free(load->items);
	free(load);
}

void maps_free(struct maps *maps)
{
	if (!maps)
		return;
	if (maps->load) {
		load_wait(maps->load);
		load_free(maps->load);
	}
	load_free(maps->commit_load);
	list_clear(&maps->next);
	list_clear(&maps->now);
	numbers_free(maps->numbers);
	free(maps);
}

/* ---- loading ---- */

static void load_done(void *arg, struct load *load);

static struct load *load_new(struct maps *maps, uint32_t room)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load)
		return NULL;
	load->items = calloc(room ? room : 1, sizeof(*load->items));
	load->dir_fd = open(maps->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	load->done = load_done;
	load->arg = maps;
	if (!load->items) {
		load_free(load);
		return NULL;
	}
	return load;
}

static void load_add(struct load *load, const struct map *map)
{
	load->items[load->n++] = (struct load_item){
		.kind = (uint8_t)map->kind, .conf = map->conf, .fd = -1};
}

static int start(struct maps *maps, struct load *load, bool is_commit)
{
	int rc = load_start(maps->base, load);

	if (rc < 0)
		return rc;
	maps->load = load;
	maps->load_is_commit = is_commit;
	maps->load_is_stale = false;
	return 0;
}

/* The map gets what was loaded for it. */
static void take(struct maps *maps, struct map *map, struct load_item *item)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image) {
		snprintf(map->why, sizeof(map->why), "memory is short");
		return;
	}
	*image = (struct image){.refs = 1,
		.fd = item->fd,
		.len = item->len,
		.loaded_ms = maps->ops.wall_ms(maps->ops.arg),
		.n_patterns = item->n_patterns,
		.build_ms = item->build_ms,
		.stamp = item->stamp};
	item->fd = -1;
	image_unref(map->image);
	map->image = image;
	map->why[0] = '\0';
	log_notice("%s %u: %u %s in %llu bytes, loaded in %u ms", nouns[map->kind], map->conf.tag,
		image->n_patterns, map->kind == NUMBERS_TABLE ? "ways" : "patterns",
		(unsigned long long)image->len, image->build_ms);
}

/* What runs gets to hear of an image, this process first. */
static void publish(struct maps *maps, const struct map *map)
{
	int rc = numbers_set(
		maps->numbers, map->kind, map->conf.tag, map->image->fd, map->image->len);

	if (rc < 0)
		log_err("%s %u cannot be explained here: %s", nouns[map->kind], map->conf.tag,
			strerror(-rc));
	maps->ops.changed(maps->ops.arg, map->kind, map->conf.tag, map->image->fd, map->image->len);
}

static void reload_done(struct maps *maps, struct load *load)
{
	struct load_item *item = &load->items[0];
	struct map *map = list_find(&maps->now, item->kind, item->conf.tag);

	if (!map || strcmp(map->conf.url, item->conf.url) != 0)
		return; /* a commit took it away meanwhile */
	if (item->rc == 0) {
		take(maps, map, item);
		if (!map->why[0])
			publish(maps, map);
		return;
	}
	snprintf(map->why, sizeof(map->why), "%s", item->why);
	log_err("%s %u: %s: %s; what it had stays", nouns[item->kind], item->conf.tag,
		item->conf.url, item->why);
}

/* An item that could not be loaded: is that the end of the commit? */
static int commit_fault(
	struct maps *maps, struct map *map, const struct load_item *item, char error[CFG_ERROR_MAX])
{
	const struct map *had = list_find(&maps->now, item->kind, item->conf.tag);
	bool same = had && strcmp(had->conf.url, item->conf.url) == 0;

	snprintf(map->why, sizeof(map->why), "%s", item->why);
	if (maps->first || (same && item->conf.url[0])) {
		if (same && had->image) {
			map->image = had->image;
			map->image->refs++;
		}
		log_err("%s %u: %s: %s; %s", nouns[item->kind], item->conf.tag, item->conf.url,
			item->why,
			map->image ? "what it had stays" : "its dial-peers match nothing");
		return 0;
	}
	snprintf(error, CFG_ERROR_MAX, "%s %u: \"url %.60s\": %.120s", nouns[item->kind],
		item->conf.tag, item->conf.url, item->why);
	return item->rc;
}

static void commit_done(struct maps *maps, struct load *load)
{
	char error[CFG_ERROR_MAX] = "";
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < load->n; i++) {
		struct load_item *item = &load->items[i];
		struct map *map = list_find(&maps->next, item->kind, item->conf.tag);

		if (item->rc == 0)
			take(maps, map, item);
		else
			rc = commit_fault(maps, map, item, error);
	}
	if (rc < 0) {
		list_clear(&maps->next);
		maps->preparing = false;
	}
	maps->ops.prepared(maps->ops.arg, maps->revision, rc, error);
}

static void load_done(void *arg, struct load *load)
{
	struct maps *maps = arg;
	struct load *next = maps->commit_load;
	bool stale = maps->load_is_stale, is_commit = maps->load_is_commit;

	maps->load = maps->commit_load = NULL;
	if (!stale && is_commit)
		commit_done(maps, load);
	else if (!stale)
		reload_done(maps, load);
	load_free(load);
	if (!next)
		return;
	int rc = start(maps, next, true);
	if (rc < 0) {
		load_free(next);
		list_clear(&maps->next);
		maps->preparing = false;
		maps->ops.prepared(maps->ops.arg, maps->revision, rc, strerror(-rc));
	}
}

/* ---- commit ---- */

static bool same_lists(const struct cfg_e164_map *a, const struct cfg_e164_map *b)
{
	if (a->n_e164 != b->n_e164 || strcmp(a->url, b->url) != 0)
		return false;
	for (uint32_t i = 0; i < a->n_e164; i++) {
		if (strcmp(a->e164[i], b->e164[i]) != 0)
			return false;
	}
	return true;
}

static bool is_current(const struct map *had, const struct cfg_e164_map *conf, int dir_fd)
{
	const char *why, *path = conf->url[0] ? cfg_flash_path(conf->url, &why) : NULL;

	return had && had->image && same_lists(&had->conf, conf) &&
	       (!path || (dir_fd >= 0 && flash_same(dir_fd, path, &had->image->stamp)));
}

/* Takes what is there, or has it loaded. */
static void next_add(struct maps *maps, struct load *load, enum numbers_kind kind,
	const struct cfg_e164_map *conf)
{
	const struct map *had = list_find(&maps->now, kind, conf->tag);
	struct map *map = &maps->next.maps[maps->next.n++];

	map->kind = kind;
	map->conf = *conf;
	if (is_current(had, conf, load->dir_fd)) {
		map->image = had->image;
		map->image->refs++;
	} else {
		load_add(load, map);
	}
}

static void next_fill(struct maps *maps, struct load *load, const struct cfg *cfg)
{
	for (uint32_t i = 0; i < cfg->n_e164_maps; i++)
		next_add(maps, load, NUMBERS_MAP, &cfg->e164_maps[i]);
	for (uint32_t i = 0; i < cfg->n_route_tables; i++) {
		const struct cfg_route_table *table = &cfg->route_tables[i];
		struct cfg_e164_map conf = {.tag = table->tag};

		memcpy(conf.url, table->url, sizeof(conf.url));
		if (conf.url[0]) /* else the line is still to come */
			next_add(maps, load, NUMBERS_TABLE, &conf);
	}
}

int maps_prepare(struct maps *maps, const struct cfg *cfg, uint64_t revision, bool first,
	char error[CFG_ERROR_MAX])
{
	uint32_t n = cfg->n_e164_maps + cfg->n_route_tables;
	struct load *load;
	int rc;

	maps_abort(maps);
	if (cfg->n_e164_maps > NUMBERS_MAPS_MAX || cfg->n_route_tables > NUMBERS_MAPS_MAX) {
		snprintf(error, CFG_ERROR_MAX,
			"there can be %u e164-pattern-maps and as many route-tables",
			NUMBERS_MAPS_MAX);
		return -ENOSPC;
	}
	snprintf(error, CFG_ERROR_MAX, "memory is short");
	maps->next.maps = calloc(n + 1, sizeof(*maps->next.maps));
	load = load_new(maps, n);
	if (!maps->next.maps || !load) {
		list_clear(&maps->next);
		load_free(load);
		return -ENOMEM;
	}
	next_fill(maps, load, cfg);
	maps->preparing = true;
	maps->first = first;
	maps->revision = revision;
	if (load->n == 0) {
		load_free(load);
		return 0;
	}
	if (maps->load) {
		maps->commit_load = load;
		return -EINPROGRESS;
	}
	rc = start(maps, load, true);
	if (rc < 0) {
		load_free(load);
		maps_abort(maps);
		return rc;
	}
	return -EINPROGRESS;
}

void maps_abort(struct maps *maps)
{
	if (maps->load && maps->load_is_commit)
		maps->load_is_stale = true;
	load_free(maps->commit_load);
	maps->commit_load = NULL;
	list_clear(&maps->next);
	maps->preparing = false;
}

void maps_apply(struct maps *maps)
{
	struct map_list old = maps->now;

	if (!maps->preparing)
		return;
	maps->now = maps->next;
	maps->next = (struct map_list){0};
	maps->preparing = false;
	for (uint32_t i = 0; i < maps->now.n; i++) {
		const struct map *map = &maps->now.maps[i];
		const struct map *had = list_find(&old, map->kind, map->conf.tag);

		if (map->image && (!had || had->image != map->image))
			publish(maps, map);
	}
	for (uint32_t i = 0; i < old.n; i++) {
		const struct map *map = &old.maps[i];

		if (!map->image || list_find(&maps->now, map->kind, map->conf.tag))
			continue;
		numbers_del(maps->numbers, map->kind, map->conf.tag);
		maps->ops.changed(maps->ops.arg, map->kind, map->conf.tag, -1, 0);
	}
	list_clear(&old);
}

int maps_reload(struct maps *maps, enum numbers_kind kind, uint32_t tag)
{
	const struct map *map = list_find(&maps->now, kind, tag);
	struct load *load;
	int rc;

	if (!map)
		return -ENOENT;
	if (!map->conf.url[0])
		return -ENODATA;
	if (maps->load || maps->preparing)
		return -EBUSY;
	load = load_new(maps, 1);
	if (!load)
		return -ENOMEM;
	load_add(load, map);
	rc = start(maps, load, false);
	if (rc < 0)
		load_free(load);
	return rc;
}

/* ---- what is there ---- */

void maps_tell(const struct maps *maps,
	void (*changed)(void *arg, enum numbers_kind kind, uint32_t tag, int fd, uint64_t len),
	void *arg)
{
	for (uint32_t i = 0; i < maps->now.n; i++) {
		const struct map *map = &maps->now.maps[i];

		if (map->image)
			changed(arg, map->kind, map->conf.tag, map->image->fd, map->image->len);
	}
}

bool maps_status(const struct maps *maps, enum numbers_kind kind, uint32_t tag,
	struct map_status *ret_status)
{
	const struct map *map = list_find(&maps->now, kind, tag);
	struct map_status s = {.tag = tag};

	if (!map)
		return false;
	s.loading = maps->load && !maps->load_is_commit && maps->load->items[0].kind == kind &&
		    maps->load->items[0].conf.tag == tag;
	memcpy(s.why, map->why, sizeof(s.why));
	if (map->image) {
		s.loaded = true;
		s.n_patterns = map->image->n_patterns;
		s.bytes = map->image->len;
		s.build_ms = map->image->build_ms;
		s.loaded_ms = map->image->loaded_ms;
	}
	*ret_status = s;
	return true;
}

const struct numbers *maps_numbers(const struct maps *maps)
{
	return maps->numbers;
}
