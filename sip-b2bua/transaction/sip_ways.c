/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a request goes, when its path is not the last word: its next hop is a host name that DNS is
 * asked for (RFC 3263), or it is too long for a datagram (RFC 3261 18.1.1). A transaction waits here for
 * DNS, goes to its first way, and on to the next one while nothing has come (RFC 3263 4.3): each is a
 * transaction of its own to the far end, with another branch. What went by a stream for its length alone
 * goes by UDP where nobody takes it; such far ends are remembered for a while.
 *
 * An ACK to a 2xx has no transaction: what waits, or may have to go again, is held here.
 */
#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "sip-b2bua/transaction/txn_private.h"

#define HELD_MS	   6000	  /* longer than a connection may take to come up */
#define HELD_MAX   256	  /* messages */
#define REFUSED_MS 600000 /* a far end that takes no stream is not asked again for so long */

struct txn_held {
	LIST_ENTRY(txn_held) link;
	struct sip_txns *txns;
	struct twheel_timer timer;
	uint64_t id;
	struct sip_path path;
	bool waits; /* for DNS; else it left by a stream */
	size_t n;
	char bytes[];
};

/* ---- by name ---- */

/* Its topmost Route, else its Request-URI. */
static int hop_of(struct sip_txns *txns, struct view request, struct sip_uri *ret_hop)
{
	struct sip_msg *msg = &txns->scratch;
	struct sip_values it;
	struct view value;
	struct sip_addr addr;

	if (sip_msg_parse(msg, request.p, request.n, false) != 0)
		return -EINVAL;
	sip_values_start(&it, msg, SIP_H_ROUTE);
	if (!sip_values_next(&it, &value)) {
		*ret_hop = msg->uri;
		return 0;
	}
	if (sip_addr_parse(value, &addr) < 0)
		return -EINVAL;
	*ret_hop = addr.uri;
	return 0;
}

/* 0: at least one; -EINPROGRESS: not known yet. What nobody knows goes where the path itself leads. */
static int ways_find(struct sip_txns *txns, const struct sip_path *path, struct view request,
	struct txn_ways *ways)
{
	struct sip_uri hop;
	int rc = txns->user.locate ? hop_of(txns, request, &hop) : -ENOENT;

	ways->n = ways->next = 0;
	if (rc == 0)
		rc = txns->user.locate(txns->ctx, path, &hop, ways->list, &ways->n);
	if (rc == -EINPROGRESS)
		return rc;
	txns->counters.named += rc != -EOPNOTSUPP;
	if (rc == 0 && ways->n > 0)
		return 0;
	txns->counters.unnamed += rc != -EOPNOTSUPP;
	ways->list[0] = *path;
	ways->list[0].by_name = 0;
	ways->n = 1;
	return 0;
}

/* ---- by a stream ---- */

static struct txn_refused *refused_find(struct sip_txns *txns, const struct ipaddr *remote)
{
	uint64_t now = twheel_now(txns->wheel);

	for (unsigned int i = 0; i < TXN_REFUSED_MAX; i++) {
		struct txn_refused *r = &txns->refused[i];

		if (r->until_ms > now && ipaddr_equal(&r->remote, remote))
			return r;
	}
	return NULL;
}

/* The oldest gives way. */
static void refused_add(struct sip_txns *txns, const struct ipaddr *remote)
{
	struct txn_refused *at = &txns->refused[0];

	txns->counters.large_back++;
	for (unsigned int i = 1; i < TXN_REFUSED_MAX; i++) {
		if (txns->refused[i].until_ms < at->until_ms)
			at = &txns->refused[i];
	}
	*at = (struct txn_refused){*remote, twheel_now(txns->wheel) + REFUSED_MS};
}

static bool takes_stream(
	struct sip_txns *txns, const struct sip_path *path, size_t n, struct sip_path *ret_way)
{
	return n > SIP_MTU_SAFE && path->transport == SIP_UDP && !path->flow &&
	       txns->user.stream_way && !refused_find(txns, &path->remote) &&
	       txns->user.stream_way(txns->ctx, path, ret_way);
}

/* Via of this way, with this branch and what else the old one says. */
static void via_put(struct sip_buf *b, const struct sip_via *old, const struct sip_path *path,
	struct view branch)
{
	struct view rest = old->params, name, value;

	sip_put_lit(b, "SIP/2.0/");
	sip_put(b, sip_transport_text(path->transport));
	sip_put_char(b, ' ');
	sip_put_host(b, &path->local, true);
	sip_put_lit(b, ";branch=");
	sip_put(b, branch);
	if (path->transport == SIP_TLS)
		sip_put_lit(b, ";alias");
	while (sip_params_next(&rest, &name, &value)) {
		if (view_eq_nocase(name, VIEW("branch")) || view_eq_nocase(name, VIEW("alias")))
			continue;
		sip_put_char(b, ';');
		sip_put(b, name);
		if (value.n > 0) {
			sip_put_char(b, '=');
			sip_put(b, value);
		}
	}
}

/* The request with another topmost Via. NULL: no memory. */
static char *via_replace(struct sip_txns *txns, struct view request, const struct sip_path *path,
	struct view branch, size_t *ret_n)
{
	struct sip_msg *msg = &txns->scratch;
	struct view old;
	struct sip_buf b;

	if (sip_msg_parse(msg, request.p, request.n, false) != 0)
		return NULL;
	old = msg->via.text;
	sip_buf_init(&b, txns->out, sizeof(txns->out));
	sip_put(&b, (struct view){request.p, (size_t)(old.p - request.p)});
	via_put(&b, &msg->via, path, branch);
	sip_put(&b, (struct view){old.p + old.n, (size_t)(request.p + request.n - old.p) - old.n});
	if (b.overflow)
		return NULL;
	*ret_n = b.n;
	return txn_copy(sip_buf_view(&b));
}

/* ---- transactions ---- */

static int way_go(struct sip_ctxn *c, const struct sip_path *way, bool may_stream)
{
	struct txn_ways *ways = c->ways;
	char *bytes;
	size_t n;

	ways->udp = c->path = *way;
	ways->by_stream = may_stream && takes_stream(c->txns, &ways->udp, c->n, &c->path);
	c->txns->counters.large_stream += ways->by_stream;
	bytes = via_replace(c->txns, (struct view){c->bytes, c->n}, &c->path,
		(struct view){c->branch, sizeof(c->branch)}, &n);
	if (bytes == NULL)
		return -ENOMEM;
	ctxn_bytes_set(c, bytes, n);
	ctxn_start(c);
	/* Nobody waits for timer B while there is somebody else to ask. */
	if ((c->state == TXN_CALLING || c->state == TXN_TRYING) && ways->next < ways->n &&
		c->txns->timers.next_way < 64 * c->txns->timers.t1)
		twheel_start(c->txns->wheel, &c->life, c->txns->timers.next_way);
	return 0;
}

static int located(struct sip_ctxn *c)
{
	int rc = ways_find(c->txns, &c->path, (struct view){c->bytes, c->n}, c->ways);

	if (rc != 0)
		return rc;
	return way_go(c, &c->ways->list[c->ways->next++], true);
}

int ways_start(struct sip_ctxn *c)
{
	struct sip_path way;
	int rc = 0;

	if (!c->path.by_name && !takes_stream(c->txns, &c->path, c->n, &way)) {
		ctxn_start(c);
		return 0;
	}
	c->ways = calloc(1, sizeof(*c->ways));
	if (c->ways == NULL)
		return -ENOMEM;
	if (!c->path.by_name)
		return way_go(c, &c->path, true);
	rc = located(c);
	if (rc != -EINPROGRESS)
		return rc;
	c->state = TXN_WAITING;
	LIST_INSERT_HEAD(&c->txns->waiting, c, waiting_link);
	twheel_start(c->txns->wheel, &c->life, HELD_MS);
	return 0;
}

static void wait_over(struct sip_ctxn *c)
{
	if (c->waiting_link.le_prev)
		LIST_REMOVE(c, waiting_link);
	c->waiting_link.le_prev = NULL;
}

void ways_free(struct sip_ctxn *c)
{
	wait_over(c);
	free(c->ways);
	c->ways = NULL;
}

/* DNS has said nothing in time. */
void ways_late(struct sip_ctxn *c)
{
	struct sip_path way = c->path;

	wait_over(c);
	way.by_name = 0;
	c->txns->counters.named++;
	c->txns->counters.unnamed++;
	if (way_go(c, &way, true) != 0)
		ctxn_fail_later(c, -ENOMEM);
}

/* To the far end the next attempt is another transaction. */
static void branch_renew(struct sip_ctxn *c)
{
	struct sip_token token = {SIP_TOKEN_CLIENT, c->txns->worker, c->index, 0};

	token.generation = c->generation = sip_slab_renew(c->txns->clients, c->index);
	(void)sip_token_branch(c->txns->key, &token, c->branch);
}

bool ways_next(struct sip_ctxn *c, bool by_timer)
{
	struct txn_ways *ways = c->ways;
	struct sip_path way;
	bool back = ways != NULL && ways->by_stream && !by_timer;

	if (ways == NULL || c->heard || c->cancel_wanted || c->bytes == NULL ||
		(!back && ways->next >= ways->n))
		return false;
	way = back ? ways->udp : ways->list[ways->next++];
	if (back)
		refused_add(c->txns, &way.remote);
	else
		c->txns->counters.next_ways++;
	ctxn_unheard_end(c);
	twheel_stop(c->txns->wheel, &c->retx);
	branch_renew(c);
	return way_go(c, &way, !back) == 0;
}

bool ways_refused(struct sip_ctxn *c, const struct sip_msg *msg)
{
	if (msg->status != 503 || c->ways == NULL || c->ways->next >= c->ways->n ||
		c->state == TXN_COMPLETED || c->state == TXN_ACCEPTED)
		return false;
	if (c->method == SIP_M_INVITE)
		ictxn_ack_once(c, msg);
	c->heard = false;
	return ways_next(c, true);
}

const struct sip_path *ways_told(
	const struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_addr contact;
	struct view transport;

	if (c->ways == NULL || !c->ways->by_stream ||
		(sip_msg_contact(msg, &contact) == 0 &&
			sip_params_get(contact.uri.params, VIEW("transport"), &transport) &&
			view_eq_nocase(transport, VIEW("tcp"))))
		return path;
	return &c->ways->udp;
}

/* ---- without a transaction ---- */

static void held_free(struct txn_held *h)
{
	LIST_REMOVE(h, link);
	h->txns->n_held--;
	twheel_stop(h->txns->wheel, &h->timer);
	secret_wipe(h->bytes, h->n); /* SRTP keys */
	free(h);
}

static int held_send(struct txn_held *h, const struct sip_path *way, uint64_t origin)
{
	struct sip_txns *txns = h->txns;
	char branch[SIP_BRANCH_LEN];
	size_t n;
	char *bytes = via_replace(
		txns, (struct view){h->bytes, h->n}, way, sip_txns_branch(txns, branch), &n);

	int rc = bytes ? txns->user.send(txns->ctx, way, bytes, n, origin) : -ENOMEM;

	secret_free(bytes, n);
	return rc;
}

/* true: it is done with, and may be freed. */
static bool held_go(struct txn_held *h, const struct sip_path *way)
{
	struct sip_path stream;

	h->waits = false;
	h->path = *way;
	if (takes_stream(h->txns, way, h->n, &stream)) {
		h->txns->counters.large_stream++;
		if (held_send(h, &stream, (uint64_t)TXN_ORIGIN_HELD << 52 | h->id) == 0)
			return false;
		refused_add(h->txns, &way->remote);
	}
	(void)held_send(h, way, 0);
	return true;
}

static bool held_locate(struct txn_held *h)
{
	struct txn_ways ways = {0};

	return ways_find(h->txns, &h->path, (struct view){h->bytes, h->n}, &ways) == 0 &&
	       held_go(h, &ways.list[0]);
}

static void held_fired(struct twheel_timer *timer, void *arg)
{
	struct txn_held *h = arg;
	struct sip_path way = h->path;

	way.by_name = 0;
	if (h->waits)
		(void)held_send(h, &way, 0);
	held_free(h);
}

int ways_hold(struct sip_txns *txns, const struct sip_path *path, struct view bytes)
{
	struct sip_path way;
	struct txn_held *h;

	if (!path->by_name && !takes_stream(txns, path, bytes.n, &way))
		return -EOPNOTSUPP;
	h = txns->n_held < HELD_MAX ? malloc(sizeof(*h) + bytes.n) : NULL;
	if (h == NULL)
		return -ENOBUFS;
	*h = (struct txn_held){.txns = txns,
		.id = ++txns->held_count & (((uint64_t)1 << 52) - 1),
		.path = *path,
		.waits = path->by_name,
		.n = bytes.n};
	memcpy(h->bytes, bytes.p, bytes.n);
	twheel_timer_init(&h->timer, held_fired, h);
	LIST_INSERT_HEAD(&txns->held, h, link);
	txns->n_held++;
	twheel_start(txns->wheel, &h->timer, HELD_MS);
	if (path->by_name ? held_locate(h) : held_go(h, path))
		held_free(h);
	return 0;
}

void ways_hold_failed(struct sip_txns *txns, uint64_t id)
{
	struct txn_held *h;

	LIST_FOREACH(h, &txns->held, link) {
		if (h->id != id)
			continue;
		refused_add(txns, &h->path.remote);
		(void)held_send(h, &h->path, 0);
		held_free(h);
		return;
	}
}

void sip_txns_look_again(struct sip_txns *txns)
{
	struct sip_ctxn *c, *next;
	struct txn_held *h, *next_held;
	int rc;

	for (c = LIST_FIRST(&txns->waiting); c != NULL; c = next) {
		next = LIST_NEXT(c, waiting_link);
		rc = located(c);
		if (rc == -EINPROGRESS)
			continue;
		wait_over(c);
		if (rc != 0)
			ctxn_fail_later(c, rc);
	}
	for (h = LIST_FIRST(&txns->held); h != NULL; h = next_held) {
		next_held = LIST_NEXT(h, link);
		if (h->waits && held_locate(h))
			held_free(h);
	}
}

void ways_free_all(struct sip_txns *txns)
{
	while (!LIST_EMPTY(&txns->held))
		held_free(LIST_FIRST(&txns->held));
}
