/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See load.h. */
#include "controlplane/maps/load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "sip-b2bua/routing/numlist.h"

static int say(struct load_item *item, int rc, const char *text)
{
	snprintf(item->why, sizeof(item->why), "%s", text);
	return rc;
}

static int read_text(
	const struct load *load, struct load_item *item, char **ret_text, size_t *ret_len)
{
	const char *why, *path = cfg_flash_path(item->conf.url, &why);

	if (!path)
		return say(item, -EINVAL, why);
	if (load->dir_fd < 0)
		return say(item, -ENOENT, "there is no directory of maps");
	return flash_read(
		load->dir_fd, path, MAPS_FILE_MAX, ret_text, ret_len, &item->stamp, item->why);
}

static int read_patterns(const struct load *load, struct load_item *item, struct numtrie_builder *b)
{
	size_t len;
	char *text;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < item->conf.n_e164; i++)
		rc = numtrie_add(b, view_of(item->conf.e164[i]), false);
	if (rc < 0)
		return say(item, rc, "memory is short");
	if (!item->conf.url[0])
		return 0;
	rc = read_text(load, item, &text, &len);
	if (rc < 0)
		return rc;
	rc = numlist_read(b, (struct view){text, len}, item->why);
	free(text);
	return rc;
}

static int make_map(const struct load *load, struct load_item *item, void **ret_image, size_t *len)
{
	struct numtrie_builder *b = numtrie_builder_new();
	struct numtrie trie;
	int rc;

	if (!b)
		return say(item, -ENOMEM, "memory is short");
	rc = read_patterns(load, item, b);
	if (rc == 0) {
		rc = numtrie_build(b, ret_image, len, NULL, NULL);
		if (rc == 0)
			rc = numtrie_open(*ret_image, *len, &trie, NULL);
		if (rc < 0)
			say(item, rc, "memory is short");
	}
	if (rc == 0)
		item->n_patterns = trie.n_values;
	numtrie_builder_free(b);
	return rc;
}

static int make_table(
	const struct load *load, struct load_item *item, void **ret_image, size_t *len)
{
	size_t text_len;
	char *text;
	int rc = read_text(load, item, &text, &text_len);

	if (rc < 0)
		return rc;
	rc = ratetable_build(
		(struct view){text, text_len}, ret_image, len, &item->n_patterns, item->why);
	free(text);
	return rc;
}

static int load_one(const struct load *load, struct load_item *item)
{
	void *image = NULL;
	size_t len = 0;
	int rc = item->kind == NUMBERS_TABLE ? make_table(load, item, &image, &len)
					     : make_map(load, item, &image, &len);

	if (rc == 0) {
		rc = flash_seal("limen-map", image, len, &item->fd);
		if (rc < 0)
			say(item, rc, "memory is short");
		item->len = len;
	}
	free(image);
	return rc;
}

static void *run(void *arg)
{
	struct load *load = arg;
	ssize_t n;

	for (unsigned int i = 0; i < load->n; i++) {
		struct load_item *item = &load->items[i];
		uint64_t start = clock_mono_ms();

		item->fd = -1;
		item->rc = load_one(load, item);
		item->build_ms = (uint32_t)(clock_mono_ms() - start);
	}
	/* The other thread reads it, so what was written before is seen there. */
	do
		n = write(load->pipe[1], "", 1);
	while (n < 0 && errno == EINTR);
	return NULL;
}

void load_wait(struct load *load)
{
	pthread_join(load->thread, NULL);
	event_free(load->event);
	close(load->pipe[0]);
	close(load->pipe[1]);
}

static void over(evutil_socket_t fd, short what, void *arg)
{
	struct load *load = arg;

	load_wait(load);
	load->done(load->arg, load);
}

int load_start(struct event_base *base, struct load *load)
{
	sigset_t all, before;
	int rc;

	if (pipe2(load->pipe, O_CLOEXEC) < 0)
		return -errno;
	load->event = event_new(base, load->pipe[0], EV_READ, over, load);
	rc = load->event && event_add(load->event, NULL) == 0 ? 0 : -ENOMEM;
	if (rc == 0) {
		/* Signals are the main thread's. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		rc = -pthread_create(&load->thread, NULL, run, load);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	if (rc < 0) {
		if (load->event)
			event_free(load->event);
		close(load->pipe[0]);
		close(load->pipe[1]);
	}
	return rc;
}
