/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The local ends of a session: see priv.h. */
#include "dataplane/session/priv.h"

#include <errno.h>
#include <string.h>

int locals_check(const struct sessions *ss, const struct dp_session *conf, const struct row *self,
	uint8_t ret_index[DP_LEGS])
{
	uint8_t index[DP_LEGS] = {STREAM_ADDR_NONE, STREAM_ADDR_NONE};
	for (unsigned int leg = 0; leg < dp_session_n_legs(conf); leg++) {
		const struct dp_leg *l = &conf->leg[leg];
		uint16_t port = ipaddr_port(&l->local);
		uint16_t last = port + !(l->flags & DP_LEG_RTCP_MUX);
		if (addrs_find(ss->conf.addrs, &l->local, &index[leg]) ||
			!addrs_port_ok(ss->conf.addrs, index[leg], port) ||
			!addrs_port_ok(ss->conf.addrs, index[leg], last))
			return -EADDRNOTAVAIL;
		uint32_t slot = addrs_port_owner(ss->conf.addrs, index[leg], port);
		if (slot != ADDRS_SLOT_NONE &&
			(!self || slot / DP_LEGS != store_index(ss->store, self)))
			return -EADDRINUSE;
	}
	memcpy(ret_index, index, sizeof index);
	return 0;
}

void locals_take(struct sessions *ss, struct row *row, const uint8_t index[DP_LEGS])
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		row->leg[leg].addr_index = index[leg];
		if (index[leg] == STREAM_ADDR_NONE)
			continue;
		addrs_port_take(ss->conf.addrs, index[leg], ipaddr_port(&row->conf.leg[leg].local),
			row_slot(ss, row, leg));
	}
}

void locals_release(struct sessions *ss, struct row *row)
{
	for (unsigned int leg = 0; leg < dp_session_n_legs(&row->conf); leg++)
		addrs_port_release(ss->conf.addrs, row->leg[leg].addr_index,
			ipaddr_port(&row->conf.leg[leg].local));
}
