/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bundles.h. */
#include "dataplane/session/bundles.h"

#include <stdlib.h>

#include "dataplane/session/bundle.h"

struct bundle_port *bundle_port_new(void)
{
	struct bundle_port *port = calloc(1, sizeof *port);
	if (!port)
		return NULL;
	port->shared = calloc(1, sizeof *port->shared);
	if (!port->shared) {
		free(port);
		return NULL;
	}
	return port;
}

void bundle_port_free(struct bundle_port *port)
{
	if (!port)
		return;
	free(port->shared);
	free(port);
}

void bundle_port_enter(struct bundle_port *port, uint32_t slot)
{
	port->member[port->n_members++] = slot;
	port->refs++;
}

void bundle_port_leave(struct bundle_port *port, uint32_t slot)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < port->n_members; i++)
		if (port->member[i] != slot)
			port->member[n++] = port->member[i];
	port->n_members = n;
}

void bundle_port_put(struct bundle_port *port)
{
	if (port && --port->refs == 0)
		bundle_port_free(port);
}
