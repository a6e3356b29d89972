/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See samples.h. */
#include "tests/unit/config/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct sample samples[] = {
	{CFG_T_NAME, {"a", "Net-1.b_c"},
		{"", "-a", "a b", "a/b", "0123456789012345678901234567890123456789", "\xc3\xa4"}},
	{CFG_T_WORD, {"net_af_packet,iface=eth1", "0000:00:05.0"},
		{"", "a b", "a\"b", "a?", "a;b"}},
	{CFG_T_LINE, {"Main office, \"left\" \\ wing", "B\xc3\xbcro 7"},
		{"", " a", "a ", "a\nb", "\xff", "\xc2\x9b"}},
	{CFG_T_PATTERN, {"0T", "+4930....", "T"}, {"", "+", "0T1", "1+2", "abc", "1 2"}},
	{CFG_T_DSCP, {"af41", "7", "default"}, {"64", "ff", "-1", "", "af44"}},
	{CFG_T_IPV4, {"192.0.2.9", "10.0.0.1"},
		{"192.0.2.256", "0.0.0.0", "224.0.0.1", "2001:db8::1", "", "1.2.3"}},
	{CFG_T_IPV6, {"2001:db8::9", "fd00::1"},
		{"::", "ff02::1", "192.0.2.1", "[fd00::1]", "", "g"}},
	{CFG_T_IP, {"192.0.2.9", "2001:db8::9"}, {"", "0.0.0.0", "::", "x", "1.2.3.4/24"}},
	{CFG_T_PREFIX, {"192.0.2.9/24", "2001:db8::9/64", "10.1.2.3/32"},
		{"192.0.2.9/33", "192.0.2.9", "192.0.2.9/", "2001:db8::1/129",
			"192.0.2.9 255.0.255.0", "/24"}},
	{CFG_T_NET, {"198.51.100.0/24", "0.0.0.0/0", "2001:db8::/32"},
		{"198.51.100.1/24", "2001:db8::1/32", "", "224.0.0.0/4", "::/"}},
	{CFG_T_MEMBER,
		{"ipv4 192.0.2.9 port 5070 preference 2 weight 30",
			"ipv6 2001:db8::9 port 5060 weight 0", "dns sip.example.com"},
		{"", "ipv4", "ipv4 2001:db8::9", "dns a..b", "ipv4 192.0.2.9 weight 1 port 5070",
			"tcp 192.0.2.9"}},
	{CFG_T_TARGET,
		{"ipv4:192.0.2.9:5070", "ipv6:[2001:db8::9]:5060", "dns:sip.example.com:5070"},
		{"192.0.2.9", "ipv4:2001:db8::9", "ipv6:2001:db8::9", "ipv4:1.2.3.4:0",
			"ipv4:1.2.3.4:65536", "ipv4:"}},
	{CFG_T_LISTEN, {"udp 192.0.2.9 5060", "tcp 2001:db8::9 5070"},
		{"udp", "sctp 192.0.2.9 5060", "udp 0.0.0.0 5060", "udp 192.0.2.9 0",
			"udp 192.0.2.9 5060 1", "udp 192.0.2.9 65536"}},
	{CFG_T_COS, {"ef 6", "7 0", "default 7"}, {"", "ef", "ef 8", "64 1", "ef 6 1", "6 ef"}},
	{CFG_T_RULE,
		{"10 permit udp any any eq 5060", "20 remark two words",
			"30 deny tcp any any established"},
		{"", "10", "permit", "0 permit udp any any", "permit quic any any",
			"permit udp any any eq"}},
	{CFG_T_PORT_RANGE, {"20000 20001", "1024 65535"},
		{"20001 20002", "20000 20000", "1022 2001", "30000 20001", "20000", "1024 65537"}},
	/* the good ones are made of the row's own words */
	{CFG_T_ANNOUNCEMENT, {"404 sorry", "699 x"},
		{"", "404", "399 x", "700 x", "sorry 404", "404 a b"}},
	{CFG_T_PERIODIC,
		{"weekdays 09:00 to 17:30", "daily 22:00 to 06:00", "Monday Friday 00:00 to 24:00"},
		{"", "weekdays", "weekdays 9 to 17", "Someday 09:00 to 17:00",
			"daily 09:00 to 24:01", "daily 24:00 to 01:00"}},
	{CFG_T_DATE, {"08:00 24 December 2026", "23:59 29 February 2028"},
		{"", "08:00", "08:00 31 April 2026", "08:00 29 February 2027", "24:00 1 May 2026",
			"08:00 1 Maj 2026"}},
	{CFG_T_SIP_RULE,
		{"1 request INVITE sip-header User-Agent modify \"a(.*)\" \"b\\1\"",
			"100 response 200 method INVITE sip-header Server remove",
			"2 request ANY sdp-header Audio-Attribute add \"a=ptime:20\""},
		{"", "1", "1 request", "1 request ANY sip-header Via remove",
			"1 request ANY sip-header X add a"}},
	{CFG_T_TRANSLATION, {"1 /^0\\(.*\\)/ /+49\\1/", "100 reject /^0900/", "2 /a b/ //"},
		{"", "1", "0 /a/ /b/", "101 /a/ /b/", "1 /a/ /b", "1 /[z-a]/ /b/"}},
	{CFG_T_PREFERENCE, {NULL}, {"", "1", "0 x", "1 x", "x 1", "9999 x"}},
};

const struct sample *sample_of(const struct cfg_leaf *leaf)
{
	for (unsigned int i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		if (samples[i].type == (enum cfg_type)leaf->type)
			return &samples[i];
	}
	if (leaf->type != CFG_T_BOOL && leaf->type != CFG_T_U32 && leaf->type != CFG_T_ENUM)
		fail_msg("no samples for the type of %s", leaf->name);
	return NULL;
}

const char *sample_good(const struct cfg_leaf *leaf, unsigned int i, char buf[CFG_VALUE_MAX])
{
	const struct sample *sample = sample_of(leaf);

	if (leaf->type == CFG_T_PREFERENCE) {
		if (i > 1)
			return NULL;
		snprintf(buf, CFG_VALUE_MAX, "%u %s", i ? leaf->min : leaf->max,
			leaf->words[i].word);
		return buf;
	}
	if (sample)
		return i < 3 ? sample->good[i] : NULL;
	if (leaf->type == CFG_T_BOOL)
		return i < 2 ? (i ? "false" : "true") : NULL;
	if (leaf->type == CFG_T_ENUM)
		return leaf->words[i].word;
	if (i > 1)
		return NULL;
	snprintf(buf, CFG_VALUE_MAX, "%u", i ? leaf->min : leaf->max);
	return buf;
}

const char *sample_key(enum cfg_kind kind)
{
	static const char *const keys[CFG_N_KINDS] = {
		[CFG_ACCESS_LIST4] = "in",
		[CFG_ACCESS_LIST6] = "in",
		[CFG_INTERFACE] = "eth7",
		[CFG_ROUTE] = "198.51.100.0/24",
		[CFG_SRTP_CRYPTO] = "7",
		[CFG_VOICE_CODEC] = "3",
		[CFG_PROMPT] = "sorry",
		[CFG_TLS_PROFILE] = "3",
		[CFG_TRANSLATION_RULE] = "1",
		[CFG_TRANSLATION_PROFILE] = "national",
		[CFG_TIME_RANGE] = "office",
		[CFG_E164_MAP] = "4",
		[CFG_DPG] = "6",
		[CFG_ROUTE_TABLE] = "5",
		[CFG_QUALITY] = "5",
		[CFG_ROUTE_HOOK] = "5",
		[CFG_TOLL] = "8",
		[CFG_STIR] = "4",
		[CFG_TENANT] = "12",
		[CFG_SIP_PROFILE] = "7",
		[CFG_SERVER_GROUP] = "4",
		[CFG_LINK] = "WAN1",
		[CFG_REALM] = "access",
		[CFG_TRUNK] = "carrier",
		[CFG_DIAL_PEER] = "100",
		[CFG_REGISTRAR] = "phones",
		[CFG_POOL] = "100",
	};

	return keys[kind];
}

const char sample_config[] = //
	"format = 1;\n"
	"hostname = \"box\";\n"
	"voice_service = {\n"
	"  max_calls = 1000;\n"
	"};\n"
	"sip_ua = {\n"
	"  timer_t1_ms = 250;\n"
	"};\n"
	"interfaces = (\n"
	"  {\n"
	"    name = \"access0\";\n"
	"    description = \"Phones\";\n"
	"    device = \"net_af_packet,iface=veth0\";\n"
	"    address = [ \"10.0.0.1/24\", \"2001:db8::1/64\" ];\n"
	"  },\n"
	"  {\n"
	"    name = \"peer0\";\n"
	"    device = \"0000:00:06.0\";\n"
	"    address = [ \"192.0.2.1/24\" ];\n"
	"    mtu = 1900;\n"
	"  }\n"
	");\n"
	"routes = (\n"
	"  {\n"
	"    dest = \"0.0.0.0/0\";\n"
	"    next_hop = \"192.0.2.254\";\n"
	"  },\n"
	"  {\n"
	"    dest = \"2001:db8:1::/48\";\n"
	"    next_hop = \"2001:db8::fe\";\n"
	"  }\n"
	");\n"
	"srtp_cryptos = (\n"
	"  {\n"
	"    tag = 7;\n"
	"    crypto = [ \"1 AEAD_AES_256_GCM\", \"3 AES_CM_128_HMAC_SHA1_80\" ];\n"
	"  }\n"
	");\n"
	"voice_codecs = (\n"
	"  {\n"
	"    tag = 3;\n"
	"    codec = [ \"1 opus\", \"2 g711alaw\" ];\n"
	"    packet_ms = 40;\n"
	"  }\n"
	");\n"
	"prompts = (\n"
	"  {\n"
	"    name = \"sorry\";\n"
	"    file = \"flash:/sorry.wav\";\n"
	"  }\n"
	");\n"
	"realms = (\n"
	"  {\n"
	"    name = \"access\";\n"
	"    listen = [ \"udp 10.0.0.1 5060\", \"tcp 10.0.0.1 5060\", \"udp 2001:db8::1 5060\" ];\n"
	"    interface = \"access0\";\n"
	"    media_ipv4 = \"10.0.0.1\";\n"
	"    media_ipv6 = \"2001:db8::1\";\n"
	"    media_latching = true;\n"
	"    admission = \"any\";\n"
	"  },\n"
	"  {\n"
	"    name = \"peering\";\n"
	"    class = \"peering\";\n"
	"    listen = [ \"udp 192.0.2.1 5060\" ];\n"
	"    interface = \"peer0\";\n"
	"    media_ports = \"20000 29999\";\n"
	"    media_ipv4 = \"192.0.2.1\";\n"
	"    media_timeout_s = 0;\n"
	"    srtp = \"prefer\";\n"
	"    srtp_crypto = 7;\n"
	"    voice_codec = 3;\n"
	"    transcoding = \"never\";\n"
	"  }\n"
	");\n"
	"trunks = (\n"
	"  {\n"
	"    name = \"carrier\";\n"
	"    realm = \"peering\";\n"
	"    target = \"ipv4:192.0.2.77:5060\";\n"
	"    options_interval_s = 30;\n"
	"    srtp = \"require\";\n"
	"    transcoding = \"by-preference\";\n"
	"  }\n"
	");\n"
	"dial_peers = (\n"
	"  {\n"
	"    tag = 1;\n"
	"    description = \"To the \\\"carrier\\\"\";\n"
	"    destination_pattern = \"0T\";\n"
	"    incoming_realm = \"access\";\n"
	"    trunk = \"carrier\";\n"
	"  }\n"
	");\n";
