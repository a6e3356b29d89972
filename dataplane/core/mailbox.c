/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a worker does between two bursts when the control thread has written to it. Runs in the
 * worker's thread; each message goes back with its result. Nothing here allocates.
 */
#include "dataplane/core/worker_priv.h"

#include "dataplane/session/bundle.h"
#include "dataplane/srtp/index.h"
#include "dataplane/stages/digits.h"

#include <errno.h>

/* As long as a transaction of SIP may take to tell the far end of its new key (64 T1). */
#define SRTP_OLD_KEY_S 32

static void polls_rebuild(struct worker *w, const struct worker_port *added)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_polls; i++)
		if (w->ports[w->polls[i].port].attached && w->polls[i].port != added->index)
			w->polls[n++] = w->polls[i];
	w->n_polls = n;
	for (uint16_t q = (uint16_t)w->id; w->ports[added->index].attached && q < added->n_rxq &&
					   w->n_polls < RTE_DIM(w->polls);
		q = (uint16_t)(q + w->n_workers))
		w->polls[w->n_polls++] = (struct poll){
			added->ethdev, q, added->index, added->costly};
	w->rests = w->n_polls > 0;
	for (uint32_t i = 0; i < w->n_polls; i++)
		w->rests = w->rests && w->polls[i].costly;
}

static int port_attach(struct worker *w, const struct worker_port *conf)
{
	struct port *port = &w->ports[conf->index];

	if (port->attached)
		return -EEXIST;
	*port = (struct port){
		.attached = true,
		.own_tx = w->id < conf->n_txq,
		.index = conf->index,
		.ethdev = conf->ethdev,
		.tx_queue = (uint16_t)w->id,
		.tx_worker = (uint16_t)(w->id % conf->n_txq),
		.mtu = conf->mtu,
		.vlan = conf->vlan,
		.parent = conf->parent,
		.tx = port->tx,
		.tx_slot = port->tx_slot,
	};
	memcpy(&port->mac, conf->mac, 6);
	memcpy(port->pcp, conf->pcp, sizeof(port->pcp));
	if (conf->vlan)
		w->vlan_port[conf->parent][conf->vlan] = (uint8_t)(conf->index + 1);
	polls_rebuild(w, conf);
	return 0;
}

static int port_detach(struct worker *w, const struct worker_port *conf)
{
	struct port *port = &w->ports[conf->index];

	if (!port->attached)
		return -ENOENT;
	if (port->vlan)
		w->vlan_port[port->parent][port->vlan] = 0;
	/* All 0: rewrite takes an MTU of 0 for a port that is gone, and no frame has MAC 0. */
	*port = (struct port){.index = conf->index, .tx = port->tx, .tx_slot = port->tx_slot};
	polls_rebuild(w, conf);
	return 0;
}

static int do_port(struct worker *w, struct worker_msg *msg)
{
	const struct worker_port *conf = &msg->port;

	if (conf->index >= DP_PORTS_MAX)
		return -EINVAL;
	if (msg->op == WORKER_PORT_DETACH)
		return port_detach(w, conf);
	if (conf->vlan)
		return conf->vlan < 4095 && !conf->n_rxq && conf->n_txq &&
				       conf->parent < DP_PORTS_MAX &&
				       w->ports[conf->parent].attached &&
				       !w->vlan_port[conf->parent][conf->vlan]
			       ? port_attach(w, conf)
			       : -EINVAL;
	return conf->n_rxq && conf->n_txq ? port_attach(w, conf) : -EINVAL;
}

/* All of it anew: there are few addresses, they change rarely, and no row needs a tombstone. */
static void addr_hash_rebuild(struct worker *w)
{
	memset(w->addr4, 0, sizeof(w->addr4));
	w->n_addr6 = 0;
	for (unsigned int i = 0; i < DP_MEDIA_ADDRS_MAX; i++) {
		const struct media_addr *a = &w->addrs[i];
		uint32_t ip;
		if (!a->table)
			continue;
		if (a->addr.family == 6) {
			w->n_addr6++;
			continue;
		}
		memcpy(&ip, a->addr.ip, 4);
		uint32_t at = addr_hash(ip);
		while (w->addr4[at].table)
			at = (at + 1) % ADDR_BUCKETS;
		w->addr4[at] = (struct addr_bucket){
			.table = a->table,
			.ip_be32 = ip,
			.port_lo = a->port_lo,
			.port_span = (uint16_t)(a->port_hi - a->port_lo),
			.in_ports = a->in_port == WORKER_PORT_ANY ? UINT32_MAX : 1u << a->in_port,
		};
	}
}

static int addr_set(struct worker *w, struct worker_addr *conf)
{
	struct media_addr *a = &w->addrs[conf->index];

	if ((conf->addr.family != 4 && conf->addr.family != 6) || conf->port_hi < conf->port_lo ||
		(conf->in_port >= DP_PORTS_MAX && conf->in_port != WORKER_PORT_ANY))
		return -EINVAL;
	for (unsigned int i = 0; i < DP_MEDIA_ADDRS_MAX; i++) {
		bool same = w->addrs[i].table &&
			    memcmp(&w->addrs[i].addr, &conf->addr, sizeof(conf->addr)) == 0;
		if (same != (i == conf->index && a->table))
			return -EEXIST; /* the address at another index, or the index taken */
	}
	if (!a->table) {
		if (!conf->table)
			return -EINVAL;
		a->table = conf->table;
		conf->table = NULL;
	}
	a->addr = conf->addr;
	a->port_lo = conf->port_lo;
	a->port_hi = conf->port_hi;
	a->in_port = conf->in_port;
	addr_hash_rebuild(w);
	return 0;
}

static int addr_del(struct worker *w, struct worker_addr *conf)
{
	struct media_addr *a = &w->addrs[conf->index];

	if (!a->table)
		return -ENOENT;
	conf->table = a->table;
	*a = (struct media_addr){0};
	addr_hash_rebuild(w);
	return 0;
}

static int do_addr(struct worker *w, struct worker_msg *msg)
{
	if (msg->addr.index >= DP_MEDIA_ADDRS_MAX)
		return -EINVAL;
	return msg->op == WORKER_ADDR_SET ? addr_set(w, &msg->addr) : addr_del(w, &msg->addr);
}

/* The row of a stream's port in the direct table; NULL: the media address is gone. */
static uint32_t *table_row(struct worker *w, const struct stream_more *more)
{
	uint32_t *table, row;

	if (more->addr_index == STREAM_ADDR_NONE)
		return NULL;
	table = w->addrs[more->addr_index].table;

	owner_of(w, more->half_port, &row);
	return table ? table + row : NULL;
}

static void srtp_resume(struct dp_stream_srtp *row, const struct worker_stream_set *set)
{
	const struct dp_srtp_state *rx = &set->rx_state, *tx = &set->tx_state;

	srtp_flow_resume(&row->rx, rx->rtp_ssrc, rx->rtp_next);
	srtp_flow_resume(&row->rx_rtcp, rx->rtcp_ssrc, rx->rtcp_next);
	srtp_flow_resume(&row->tx, tx->rtp_ssrc, tx->rtp_next);
	srtp_flow_resume(&row->tx_rtcp, tx->rtcp_ssrc, tx->rtcp_next);
}

/* Takes the contexts that are new and gives back those they replace. */
static void srtp_set(struct worker *w, struct worker_stream_set *set, bool fresh)
{
	struct dp_stream_srtp *row = &w->stream_srtp[set->slot];
	struct stream_srtp *have = &w->srtp[set->slot];

	if (fresh)
		srtp_resume(row, set);
	if (set->srtp.rx != have->rx) {
		set->returned[0] = have->rx ? srtp_ctx_forget(have->rx) : NULL;
		if (set->srtp.rx && !fresh)
			srtp_ctx_succeed(
				set->srtp.rx, have->rx, w->now + SRTP_OLD_KEY_S * w->tsc_hz);
		else
			set->returned[1] = have->rx;
	}
	if (set->srtp.tx != have->tx) {
		set->returned[2] = have->tx;
		if (set->tx_anew) {
			/* another key: no index comes again */
			row->tx = row->tx_rtcp = (struct dp_srtp_flow){0};
		} else if (set->srtp.tx && have->tx) {
			srtp_ctx_inherit(set->srtp.tx, have->tx);
		}
	}
	*have = set->srtp;
	if (have->tx)
		srtp_ctx_share(have->tx, set->bundle_out ? &set->bundle_out->share : NULL,
			set->slot + 1, &row->tx);
	w->more[set->slot].proven = have->rx != NULL;
	if (have->rx || have->tx)
		stream_at(w, set->slot)->flags |= STREAM_SRTP;
}

/* ---- ports that are shared ---- */

/* A stream does not arrive at its port any more. */
static void port_leave(struct worker *w, uint32_t slot)
{
	struct stream_more *more = &w->more[slot];
	uint32_t *row = table_row(w, more), next = 0;
	struct bundle *b = more->bundle;

	if (b) {
		bool first = b->line[0].slot == slot;
		bundle_leave(b, slot);
		next = b->n_lines ? b->line[0].slot + 1 : 0;
		/* SRTCP is opened by the first one, whose replay window goes on. */
		if (first && next)
			w->stream_srtp[next - 1].rx_rtcp = w->stream_srtp[slot].rx_rtcp;
		more->bundle = NULL;
	}
	if (row && (*row & ~ROW_BUNDLE) == slot + 1)
		*row = next ? next | ROW_BUNDLE : 0;
}

/* It is not sealed together with the others of its way out any more. */
static void share_leave(struct worker *w, uint32_t slot)
{
	struct stream_more *more = &w->more[slot];

	if (more->bundle_out)
		srtp_share_leave(&more->bundle_out->share, slot + 1, w->srtp[slot].tx,
			&w->stream_srtp[slot].tx);
	more->bundle_out = NULL;
}

/* Whether a stream may arrive at the port of a row, by itself or with those of a bundle. */
static int row_check(const struct worker *w, const struct worker_stream_set *set, uint32_t row)
{
	const struct bundle *b = set->bundle;
	uint32_t there = row & ~ROW_BUNDLE;

	if (b && b->n_lines == DP_BUNDLE_LINES && !bundle_has(b, set->slot))
		return -ENOSPC;
	if (!row || (!(row & ROW_BUNDLE) && there == set->slot + 1))
		return 0;
	if (!(row & ROW_BUNDLE))
		return -EADDRINUSE;
	const struct bundle *other = w->more[there - 1].bundle;
	bool alone = other->n_lines == 1 && there == set->slot + 1;
	return other == b || alone ? 0 : -EADDRINUSE;
}

/* Whether a stream may be linked at its port; *ret_row stays NULL for one of a leg that is not there. */
static int stream_may_link(
	struct worker *w, const struct worker_stream_set *set, uint32_t **ret_row)
{
	const struct stream_more *conf = &set->conf.more;
	uint32_t *row, row_index;

	if (conf->addr_index == STREAM_ADDR_NONE)
		return 0;
	if (conf->addr_index >= DP_MEDIA_ADDRS_MAX || conf->half_port > UINT16_MAX / 2)
		return -EINVAL;
	if (owner_of(w, conf->half_port, &row_index) != w->id)
		return -EXDEV;
	row = table_row(w, conf);
	if (!row)
		return -ENOENT;
	if ((w->addrs[conf->addr_index].addr.family == 6) != !!(set->conf.hot.flags & STREAM_IN6))
		return -EINVAL;
	int err = row_check(w, set, *row);
	if (err)
		return err;
	*ret_row = row;
	return 0;
}

static int stream_set(struct worker *w, struct worker_stream_set *set)
{
	struct stream *s = stream_at(w, set->slot);
	struct stream_more *more = &w->more[set->slot];
	bool fresh = !(s->flags & STREAM_LIVE);
	uint32_t *row = NULL;
	int r = stream_may_link(w, set, &row);

	if (r < 0)
		return r;
	if (!fresh && (table_row(w, more) != row || more->bundle != set->bundle))
		port_leave(w, set->slot);
	if (!fresh && more->bundle_out != set->bundle_out)
		share_leave(w, set->slot);
	uint32_t clock_mult = s->clock_mult;
	bool edited = s->edit & STREAM_EDIT_WIRE;
	stream_apply(s, more, &set->conf, fresh, set->relearn);
	/* The limit may be another: the next packet begins a new second. */
	w->stream_stats[set->slot].limit_mark = (uint32_t)w->stream_stats[set->slot].rx_packets;
	srtp_set(w, set, fresh);
	if (!fresh && !edited)
		stream_wire_continue(s, more, &w->stream_stats[set->slot],
			&w->stream_rare[set->slot], clock_mult);
	more->bundle = set->bundle;
	more->bundle_out = set->bundle_out;
	/* row_check() has seen to its room */
	if (set->bundle && bundle_join(set->bundle, set->slot, &set->conf.bundle) == 0)
		*row = (set->bundle->line[0].slot + 1) | ROW_BUNDLE;
	else if (row)
		*row = set->slot + 1;
	return 0;
}

static void srtp_unlink(struct worker *w, struct worker_stream_unlink *unlink)
{
	struct stream_srtp *have = &w->srtp[unlink->slot];

	unlink->returned[0] = have->rx ? srtp_ctx_forget(have->rx) : NULL;
	unlink->returned[1] = have->rx;
	unlink->returned[2] = have->tx;
	*have = (struct stream_srtp){0};
	memset(&w->stream_srtp[unlink->slot], 0, sizeof(struct dp_stream_srtp));
}

static int stream_unlink(struct worker *w, struct worker_stream_unlink *unlink)
{
	struct stream *s = stream_at(w, unlink->slot);
	struct stream_more *more = &w->more[unlink->slot];

	if (!(s->flags & STREAM_LIVE))
		return -ENOENT;
	digits_forget(w, unlink->slot);
	port_leave(w, unlink->slot);
	share_leave(w, unlink->slot);
	unlink->stats = w->stream_stats[unlink->slot];
	unlink->rare = w->stream_rare[unlink->slot];
	unlink->srtp = w->stream_srtp[unlink->slot];
	srtp_unlink(w, unlink);
	memset(unlink->learned, 0, sizeof(unlink->learned));
	if (s->flags & STREAM_LATCH)
		memcpy(unlink->learned, more->expect, sizeof(unlink->learned));
	memset(&w->stream_rare[unlink->slot], 0, sizeof(struct dp_stream_rare));
	memset(more, 0, sizeof(*more));
	/* and with it the stream */
	memset(&w->stream_stats[unlink->slot], 0, sizeof(struct dp_stream_stats));
	return 0;
}

static int do_stream(struct worker *w, struct worker_msg *msg)
{
	if (msg->op == WORKER_STREAM_SET) {
		struct worker_stream_set *set = &msg->set;
		bool known = set->slot < w->n_streams;
		int r = known ? stream_set(w, set) : -EINVAL;
		if (r < 0 && (!known || set->srtp.rx != w->srtp[set->slot].rx))
			set->returned[0] = set->srtp.rx;
		if (r < 0 && (!known || set->srtp.tx != w->srtp[set->slot].tx))
			set->returned[1] = set->srtp.tx;
		return r;
	}
	return msg->unlink.slot < w->n_streams ? stream_unlink(w, &msg->unlink) : -EINVAL;
}

static int acl_set(struct worker *w, const struct worker_acl *letter)
{
	if (letter->index >= DP_ACLS_MAX || !w->acl_counts)
		return -EINVAL;
	uint64_t *counts = w->acl_counts + (size_t)letter->index * DP_ACL_ROWS;
	if (letter->zero_all)
		memset(counts, 0, DP_ACL_ROWS * sizeof(*counts));
	for (unsigned int i = 0; i < letter->n_zero; i++)
		counts[letter->zero[i]] = 0;
	w->acls[letter->index] = letter->acl;
	return 0;
}

static int access_set(struct worker *w, const struct worker_access *access)
{
	bool any = false;

	for (unsigned int i = 0; i < DP_PORTS_MAX; i++) {
		if (access->list[0][i] > DP_ACLS_MAX || access->list[1][i] > DP_ACLS_MAX)
			return -EINVAL;
		any |= access->list[0][i] || access->list[1][i];
	}
	w->access = *access;
	w->has_access = any;
	return 0;
}

static int blocks_change(struct worker *w, const struct worker_blocks *letter)
{
	if (!w->block_counts || (!letter->buckets && !w->blocks.buckets && letter->n))
		return -EINVAL;
	if (letter->buckets)
		block_table_init(&w->blocks, letter->buckets, w->police.key);
	if (letter->scopes_set)
		memcpy(w->block_scopes, letter->scopes, sizeof(w->block_scopes));
	for (unsigned int i = 0; i < letter->n; i++) {
		const struct worker_block *change = &letter->changes[i];
		if (change->fresh)
			w->block_counts[change->row] = 0;
		if (change->until_tsc)
			block_table_set(&w->blocks, &change->key, change->row, change->until_tsc);
		else
			block_table_del(&w->blocks, &change->key);
	}
	return 0;
}

unsigned int mailbox_run(struct worker *w)
{
	struct worker_msg *msgs[WORKER_BURST];
	unsigned int n = rte_ring_sc_dequeue_burst(w->mailbox, (void **)msgs, WORKER_BURST, NULL);

	for (unsigned int i = 0; i < n; i++) {
		struct worker_msg *msg = msgs[i];
		switch (msg->op) {
		case WORKER_PORT_ATTACH:
		case WORKER_PORT_DETACH:
			msg->result = do_port(w, msg);
			break;
		case WORKER_ADDR_SET:
		case WORKER_ADDR_DEL:
			msg->result = do_addr(w, msg);
			break;
		case WORKER_STREAM_SET:
		case WORKER_STREAM_UNLINK:
			msg->result = do_stream(w, msg);
			break;
		case WORKER_POLICE_SET:
			police_configure(&w->police, &msg->police, w->tsc_hz);
			msg->result = 0;
			break;
		case WORKER_ACL_SET:
			msg->result = acl_set(w, &msg->acl);
			break;
		case WORKER_ACCESS_SET:
			msg->result = access_set(w, &msg->access);
			break;
		case WORKER_BLOCKS:
			msg->result = blocks_change(w, &msg->blocks);
			break;
		case WORKER_REPORT:
			msg->result = worker_do_report(w, &msg->report);
			break;
		case WORKER_PRESS:
			msg->result = digits_press(w, &msg->press);
			break;
		case WORKER_STOP:
			w->stop = true;
			continue; /* stays the worker's */
		default:
			msg->result = -EINVAL;
			break;
		}
		/* Has room for every message that may be in flight, see worker_post(). */
		rte_ring_sp_enqueue(w->completions, msg);
		w->bell.ring = true;
	}
	return n;
}
