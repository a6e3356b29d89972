/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target of URIs: views stay inside the text, equality is reflexive, parameters end. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sip-b2bua/parser/sip_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct view outer, struct view v)
{
	if (v.p != NULL && (v.p < outer.p || v.p + v.n > outer.p + outer.n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = {(const char *)data, size}, name, value;
	struct sip_uri uri, other;
	struct ipaddr addr;
	struct view rest = text;
	while (sip_params_next(&rest, &name, &value)) {
		inside(text, name);
		inside(text, value);
	}
	if (sip_uri_parse(text, &uri) != 0)
		return 0;
	inside(text, uri.user);
	inside(text, uri.password);
	inside(text, uri.host);
	inside(text, uri.params);
	inside(text, uri.headers);
	if (!sip_uri_equal(&uri, &uri))
		abort();
	(void)!sip_uri_addr(&uri, &addr);
	if (sip_uri_parse(VIEW("sip:a%41@[::1]:5060;transport=udp;x?h=v"), &other) != 0)
		abort();
	if (sip_uri_equal(&uri, &other) != sip_uri_equal(&other, &uri))
		abort();
	return 0;
}
