/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See resolver.h. c-ares asks, times out, tries the next server and expands names; the sockets are
 * the loop's, the timer the wheel's. */
#include "sip-b2bua/resolver/resolver.h"

#include <ares.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"

LOG_TOPIC("resolver");

#define UDP_PAYLOAD 1232 /* of EDNS: what passes without fragments */

struct watched {
	LIST_ENTRY(watched) link;
	struct resolver *r;
	ares_socket_t fd;
	struct event *event;
};

struct resolver {
	struct event_base *base;
	struct twheel *wheel;
	void (*changed)(void *arg);
	void *arg;
	struct dns_cache *cache;
	ares_channel channel; /* NULL: no servers, or memory is short */
	LIST_HEAD(, watched) watched;
	struct twheel_timer timeout; /* c-ares wants to be called */
	struct twheel_timer tell;
	unsigned int n_asking;
	bool library, lookup, closing;
	struct ipaddr servers[CFG_LIST_MAX];
	uint32_t n_servers, timeout_s, retry;
	struct resolver_counters counters;
};

struct question {
	struct resolver *r;
	struct dns_entry *entry; /* stays while it is asking */
};

/* ---- c-ares on the loop ---- */

static void timeout_set(struct resolver *r)
{
	struct timeval tv, *next = r->channel ? ares_timeout(r->channel, NULL, &tv) : NULL;

	if (next)
		twheel_start(r->wheel, &r->timeout,
			(uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1);
	else
		twheel_stop(r->wheel, &r->timeout);
}

static void timeout_fired(struct twheel_timer *timer, void *arg)
{
	struct resolver *r = arg;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	timeout_set(r);
}

static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
	const struct watched *w = arg;
	struct resolver *r = w->r;

	/* The socket, and with it what is watched, may be gone afterwards. */
	ares_process_fd(r->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
		what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	timeout_set(r);
}

static void watched_free(struct watched *w)
{
	LIST_REMOVE(w, link);
	event_free(w->event);
	free(w);
}

static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = arg;
	short what = (short)(EV_PERSIST | (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	struct watched *w;

	LIST_FOREACH(w, &r->watched, link) {
		if (w->fd == fd)
			break;
	}
	if (w)
		watched_free(w);
	if (!readable && !writable)
		return;
	w = malloc(sizeof(*w));
	if (!w)
		return; /* its questions time out */
	*w = (struct watched){.r = r, .fd = fd};
	w->event = event_new(r->base, fd, what, socket_ready, w);
	if (!w->event) {
		free(w);
		return;
	}
	event_add(w->event, NULL);
	LIST_INSERT_HEAD(&r->watched, w, link);
}

static void channel_close(struct resolver *r)
{
	ares_channel channel = r->channel;

	r->channel = NULL;
	if (channel)
		ares_destroy(channel); /* ends open questions with ARES_EDESTRUCTION */
	while (!LIST_EMPTY(&r->watched))
		watched_free(LIST_FIRST(&r->watched));
	twheel_stop(r->wheel, &r->timeout);
}

static void servers_text(const struct resolver *r, char *text, size_t size)
{
	char addr[IPADDR_TEXT_MAX];
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < r->n_servers && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "," : "",
			ipaddr_print(&r->servers[i], addr));
}

static void channel_open(struct resolver *r)
{
	struct ares_options options = {
		/* Questions are for one name as it is; a truncated answer is fetched by TCP. */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = (int)r->timeout_s * 1000,
		.tries = (int)r->retry + 1,
		.lookups = "b",
		.sock_state_cb = socket_state,
		.sock_state_cb_data = r,
		.ednspsz = UDP_PAYLOAD,
		.resolvconf_path = "/dev/null",
	};
	char servers[CFG_LIST_MAX * IPADDR_TEXT_MAX];
	int rc;

	if (r->n_servers == 0 || !r->library)
		return;
	rc = ares_init_options(&r->channel, &options,
		ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
			ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ | ARES_OPT_RESOLVCONF |
			ARES_OPT_NOROTATE);
	if (rc == ARES_SUCCESS) {
		servers_text(r, servers, sizeof(servers));
		rc = ares_set_servers_csv(r->channel, servers);
	} else {
		r->channel = NULL;
	}
	if (rc != ARES_SUCCESS) {
		log_err("names cannot be looked up: %s", ares_strerror(rc));
		channel_close(r);
	}
}

/* ---- questions ---- */

static void tell_fired(struct twheel_timer *timer, void *arg)
{
	struct resolver *r = arg;

	r->changed(r->arg);
}

static void tell(struct resolver *r)
{
	if (!twheel_pending(&r->tell))
		twheel_start(r->wheel, &r->tell, 1);
}

static enum dns_error error_of(int status)
{
	switch (status) {
	case ARES_ETIMEOUT:
		return DNS_ERROR_TIMEOUT;
	case ARES_ENOMEM:
		return DNS_ERROR_MEMORY;
	case ARES_EBADRESP:
	case ARES_EBADNAME:
		return DNS_ERROR_BROKEN;
	default:
		return DNS_ERROR_REFUSED;
	}
}

static void answer_take(
	struct resolver *r, struct dns_entry *entry, int status, const unsigned char *msg, int len)
{
	uint64_t now_ms = twheel_now(r->wheel);
	struct dns_answer *answer;
	bool said = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
	enum dns_error error = said ? DNS_ERROR_BROKEN : error_of(status);
	int rc;

	if (said && msg && len > 0) {
		rc = dns_answer_read(msg, (size_t)len, entry->name, entry->type, &answer);
		if (rc == 0) {
			r->counters.answers++;
			dns_entry_answered(entry, answer, status == ARES_ENOTFOUND, now_ms);
			return;
		}
		error = rc == -ENOMEM ? DNS_ERROR_MEMORY : DNS_ERROR_BROKEN;
	}
	r->counters.failed++;
	if (entry->error != error)
		log_warning("DNS of %s (%s): %s", entry->name, dns_type_word(entry->type),
			dns_error_words(error));
	dns_entry_failed(entry, error, now_ms);
}

static void answered(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct question *q = arg;
	struct resolver *r = q->r;

	r->n_asking--;
	if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED) {
		/* Not their failure: they are asked for again. */
		q->entry->asking = false;
	} else {
		answer_take(r, q->entry, status, msg, len);
	}
	if (!r->closing)
		tell(r);
	free(q);
}

static void ask(struct resolver *r, struct dns_entry *entry)
{
	enum dns_error error = !r->lookup			    ? DNS_ERROR_OFF
			       : r->n_servers == 0		    ? DNS_ERROR_NO_SERVER
			       : r->n_asking >= RESOLVER_ASKING_MAX ? DNS_ERROR_BUSY
			       : !r->channel			    ? DNS_ERROR_MEMORY
								    : DNS_ERROR_NONE;
	struct question *q = error == DNS_ERROR_NONE ? malloc(sizeof(*q)) : NULL;

	if (!q) {
		dns_entry_failed(entry, error != DNS_ERROR_NONE ? error : DNS_ERROR_MEMORY,
			twheel_now(r->wheel));
		return;
	}
	*q = (struct question){r, entry};
	entry->asking = true;
	r->n_asking++;
	r->counters.queries++;
	ares_query(r->channel, entry->name, DNS_CLASS_IN, entry->type, answered, q);
	timeout_set(r);
}

struct locate_look resolver_look(void *arg, const char *name, uint16_t type)
{
	struct resolver *r = arg;
	uint64_t now_ms = twheel_now(r->wheel);
	struct dns_entry *entry = dns_cache_get(r->cache, name, type, now_ms);
	struct locate_look l = {.found = LOCATE_WAIT};

	if (!entry)
		return (struct locate_look){
			.found = LOCATE_FAILED, .why = dns_error_words(DNS_ERROR_MEMORY)};
	if (dns_entry_wants_asking(entry, now_ms))
		ask(r, entry);
	switch (dns_entry_state(r->cache, entry, now_ms)) {
	case DNS_UNKNOWN:
		break;
	case DNS_FRESH:
	case DNS_STALE:
		l.found = entry->answer->n > 0 ? LOCATE_DATA : LOCATE_NOTHING;
		l.answer = entry->answer;
		l.stale = now_ms >= entry->expires_ms;
		l.no_such_name = entry->no_such_name;
		break;
	case DNS_LOST:
		l.found = LOCATE_FAILED;
		l.why = dns_error_words(entry->error);
		break;
	}
	return l;
}

void resolver_clear(struct resolver *r, const char *name)
{
	if (dns_cache_clear(r->cache, name) > 0)
		tell(r);
}

/* ---- life ---- */

struct resolver *resolver_new(
	struct event_base *base, struct twheel *wheel, void (*changed)(void *arg), void *arg)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->base = base;
	r->wheel = wheel;
	r->changed = changed;
	r->arg = arg;
	LIST_INIT(&r->watched);
	twheel_timer_init(&r->timeout, timeout_fired, r);
	twheel_timer_init(&r->tell, tell_fired, r);
	r->cache = dns_cache_new();
	/* Counted in the library, without a lock: workers are made and freed by one thread. */
	r->library = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
	if (!r->cache || !r->library) {
		resolver_free(r);
		return NULL;
	}
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	r->closing = true;
	channel_close(r);
	twheel_stop(r->wheel, &r->tell);
	if (r->library)
		ares_library_cleanup();
	dns_cache_free(r->cache);
	free(r);
}

void resolver_config(struct resolver *r, const struct cfg *cfg)
{
	bool same = r->lookup == cfg->domain_lookup && r->n_servers == cfg->n_name_servers &&
		    r->timeout_s == cfg->domain_timeout_s && r->retry == cfg->domain_retry;

	for (uint32_t i = 0; same && i < r->n_servers; i++)
		same = ipaddr_equal(&r->servers[i], &cfg->name_servers[i]);
	dns_cache_set_stale(r->cache, cfg->domain_stale_s);
	if (same)
		return;
	r->lookup = cfg->domain_lookup;
	r->timeout_s = cfg->domain_timeout_s;
	r->retry = cfg->domain_retry;
	r->n_servers = cfg->n_name_servers;
	memcpy(r->servers, cfg->name_servers, sizeof(r->servers));
	channel_close(r);
	channel_open(r);
	dns_cache_retry_all(r->cache);
	tell(r);
}

const struct dns_cache *resolver_cache(const struct resolver *r)
{
	return r->cache;
}

const struct resolver_counters *resolver_counters(const struct resolver *r)
{
	return &r->counters;
}
