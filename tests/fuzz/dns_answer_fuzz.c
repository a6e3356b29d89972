/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target of DNS answers: whatever a name server sends, what is read from it can be used. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sip-b2bua/resolver/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record_check(const struct dns_record *r, uint16_t type)
{
	char name[DNS_NAME_MAX];

	if (type == DNS_A || type == DNS_AAAA) {
		if (r->addr.family != (type == DNS_A ? 4 : 6) || !ipaddr_valid(&r->addr) ||
			ipaddr_is_any(&r->addr))
			abort();
		return;
	}
	/* Names lead to further questions: none but host names may be among them. */
	if (r->name[0] && (dns_name_copy(view_of(r->name), name) < 0 || strcmp(name, r->name) != 0))
		abort();
	if (type == DNS_NAPTR &&
		(!r->name[0] || r->service < DNS_SIP_UDP || r->service > DNS_SIPS_TLS))
		abort();
	if (type == DNS_SRV && r->name[0] && r->port == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR};

	for (unsigned int i = 0; i < 4; i++) {
		struct dns_answer *answer;

		if (dns_answer_read(data, size, "a.example", types[i], &answer) < 0)
			continue;
		if (answer->n > DNS_RECORDS_MAX || answer->ttl_s > INT32_MAX)
			abort();
		for (uint32_t k = 0; k < answer->n; k++)
			record_check(&answer->records[k], types[i]);
		free(answer);
	}
	return 0;
}
