/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fake_source.h. */
#include "tests/unit/cli/fake_source.h"
#include "controlplane/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NOW 1795372800000ull /* 2026-11-22 20:00:00 UTC */

uint64_t fake_cleared;
uint32_t fake_cleared_cause;
bool fake_no_dataplane;

static struct ipaddr addr(const char *text)
{
	struct ipaddr ret = {0};

	if (ipaddr_parse_port(view_of(text), 0, &ret) < 0)
		__builtin_trap();
	return ret;
}

static uint64_t now_ms(void *ctx)
{
	return NOW;
}

static void totals(void *ctx, struct cli_totals *ret)
{
	*ret = (struct cli_totals){.boot_ms = NOW - 90061000,
		.generation = 3,
		.calls_active = 2,
		.calls_attempted = 10,
		.calls_answered = 6,
		.calls_failed = 2,
		.answered_ms = 360000,
		.records_written = 8,
		.sessions = 2};
}

static struct ctl_call active_call(void)
{
	struct ctl_call call = {.id = 0x5f00000000000011,
		.state = CTL_CALL_ACTIVE,
		.invite_ms = NOW - 65000,
		.ringing_ms = NOW - 64000,
		.answer_ms = NOW - 62000,
		.sip_status = 200,
		.dial_peer_out = 1,
		.n_media = 1,
		.calling = {"2001", "2001"},
		.called = {"030123456", "030123456"},
		.realm = {"access", "peering"},
		.trunk = {"", "carrier"},
		.sip_call_id = {"a84b4c76e66710", "5f11b1"},
		.session_id = {"ab30317f1a784dc48ff824d0d3715d86",
			"47755a9de7794ba387653f2099600ef2"},
		.codec = {"PCMU", "opus"},
		.transcoded = 1,
		.srtp = {DP_SRTP_GCM_256, DP_SRTP_NONE},
		.srtp_note = {CTL_SRTP_NONE, CTL_SRTP_REFUSED},
		.srtp_keying = {CTL_KEYING_DTLS, CTL_KEYING_NONE}};

	call.peer_sig[0] = addr("10.0.0.20:5060");
	call.peer_sig[1] = addr("192.0.2.77:5060");
	return call;
}

static void calls(void *ctx, cli_call_fn row, void *arg)
{
	struct ctl_call call = active_call(), setup = {.id = 0x5f00000000000012,
						      .state = CTL_CALL_SETUP,
						      .invite_ms = NOW - 500,
						      .calling = {"2002", ""},
						      .called = {"0301", ""},
						      .realm = {"access", ""},
						      .sip_call_id = {"zz", ""}};

	setup.peer_sig[0] = addr("[2001:db8::20]:5060");
	if (row(&call, arg) == 0)
		row(&setup, arg);
}

static void media(void *ctx, uint64_t call_id, cli_media_fn row, void *arg)
{
	struct cli_media m = {.session_id = 77,
		.call_id = 0x5f00000000000011,
		.from = {{.rx_packets = 3100,
				 .rx_octets = 496000,
				 .tx_packets = 3099,
				 .tx_octets = 495840,
				 .lost = 12,
				 .jitter_us = 350,
				 .dropped = 1},
			{.rx_packets = 3090,
				.rx_octets = 494400,
				.tx_packets = 3090,
				.tx_octets = 494400}}};

	if (call_id && call_id != m.call_id)
		return;
	m.local[0] = addr("10.0.0.1:16384");
	m.local[1] = addr("192.0.2.1:20000");
	m.remote[0] = addr("10.0.0.20:30804");
	if (call_id)
		m.remote[1] = addr("192.0.2.78:40000");
	row(&m, arg);
}

static struct cli_record refused_call(void)
{
	return (struct cli_record){.call = {.id = 0x5f00000000000009,
					   .state = CTL_CALL_ENDED,
					   .invite_ms = NOW - 400000,
					   .end_ms = NOW - 399900,
					   .sip_status = 404,
					   .q850 = 1,
					   .released_by = CTL_BY_BOX,
					   .calling = {"2001", ""},
					   .called = {"999", ""},
					   .realm = {"access", ""},
					   .sip_call_id = {"yy", ""},
					   .reason = "no dial-peer matches 999"}};
}

static void records(void *ctx, unsigned int n, cli_record_fn row, void *arg)
{
	struct cli_record record = {.call = active_call(), .n_media = 1};
	struct cli_record refused = refused_call();

	record.call.id = 0x5f00000000000010;
	record.call.state = CTL_CALL_ENDED;
	record.call.end_ms = NOW - 2000;
	record.call.released_by = CTL_BY_CALLER;
	record.call.q850 = 16;
	snprintf(record.call.reason, sizeof(record.call.reason), "BYE from the caller");
	record.from[0].rx_packets = record.from[0].tx_packets = 3000;
	if (n < 2 || row(&refused, arg) == 0)
		row(&record, arg);
}

/* The call that is active: some loss from the caller, the called side knows its round trip. */
static bool one_call(void *ctx, uint64_t call_id, struct cli_record *ret)
{
	struct cli_record r = {.call = active_call(), .n_media = 1};

	if (call_id == refused_call().call.id) {
		*ret = refused_call();
		return true;
	}
	if (call_id != r.call.id)
		return false;
	r.from[0] = (struct dp_stream_sum){.rx_packets = 3100,
		.rx_octets = 496000,
		.tx_packets = 3099,
		.lost = 12,
		.duplicates = 2,
		.reordered = 5,
		.too_late = 1,
		.max_jitter_us = 2100,
		.frame_us = 20000,
		.bursts = 1};
	r.from[1] = (struct dp_stream_sum){.rx_packets = 3090,
		.tx_packets = 3090,
		.far = {.reports = 12,
			.lost = 14,
			.jitter_us = 1250,
			.rtt_us = 23400,
			.max_rtt_us = 41000}};
	r.quality = (struct quality){.delay_ms = QUALITY_UNKNOWN_U32,
		.leg = {{.heard = {.source = QUALITY_MEASURED_RTP, .r = 9155, .mos_lq = 437},
				.loss_ppm = 3858,
				.reordered_ppm = 1607,
				.mean_jitter_us = 350,
				.burst_ms = 180,
				.gap_ms = 30950,
				.burst_ppm = 666666,
				.gap_ppm = 1900},
			{.far = {.source = QUALITY_RTCP_XR, .mos_lq = 410, .mos_cq = 400},
				.mean_jitter_us = QUALITY_UNKNOWN_U32,
				.burst_ms = 0,
				.gap_ms = QUALITY_UNKNOWN_U32}}};
	snprintf(r.quality.verdict, sizeof(r.quality.verdict), "no fault");
	*ret = r;
	return true;
}

static void outcomes(void *ctx, cli_outcome_fn row, void *arg)
{
	row("answered", 6, arg);
	row("busy", 1, arg);
	row("refused", 1, arg);
}

static bool trunk(void *ctx, const char *name, struct ctl_trunk_status *ret)
{
	if (strcmp(name, "carrier") != 0)
		return false;
	*ret = (struct ctl_trunk_status){
		.up = 1, .last_status = 200, .since_ms = NOW - 5000, .rtt_us = 12300};
	snprintf(ret->trunk, sizeof(ret->trunk), "%s", name);
	return true;
}

static bool targets(
	void *ctx, const char *name, struct ctl_targets *ret, const struct ctl_target **ret_list)
{
	static struct ctl_target list[3];

	*ret = (struct ctl_targets){.n = 3};
	*ret_list = list;
	if (strcmp(name, "carrier") != 0)
		return false;
	list[0] = (struct ctl_target){.addr = addr("192.0.2.11:5060"),
		.transport = 1,
		.weight = 1,
		.srv_priority = 10,
		.srv_weight = 60,
		.n_active = 2,
		.n_calls = 120,
		.host = "sip1.carrier.example"};
	list[1] = (struct ctl_target){.addr = addr("192.0.2.12:5060"),
		.transport = 1,
		.state = CTL_TARGET_OPEN,
		.weight = 1,
		.srv_priority = 10,
		.srv_weight = 40,
		.n_calls = 80,
		.n_failed = 5,
		.n_opened = 1,
		.until_ms = NOW + 20000,
		.host = "sip2.carrier.example"};
	list[2] = (struct ctl_target){.addr = addr("[2001:db8::3]:5060"),
		.transport = 2,
		.state = CTL_TARGET_BUSYOUT,
		.member = 1,
		.preference = 1,
		.weight = 1};
	return true;
}

static bool quality_forgotten;

static bool trunk_quality(void *ctx, const char *name, struct cli_trunk_quality *ret)
{
	static const struct ctl_quality told[] = {{.trunk = "tired",
							  .score = 30,
							  .n = 1,
							  .breach = {{.tag = 1,
								  .metric = CTL_QUALITY_ASR,
								  .value = 12,
								  .bound = 40,
								  .calls = 25,
								  .since_ms = NOW - 60000}}},
		{.trunk = "carrier", .score = CTL_QUALITY_UNTRIED}};
	bool tired = strcmp(name, "tired") == 0;

	if (!tired && strcmp(name, "carrier") != 0)
		return false;
	*ret = (struct cli_trunk_quality){.told = &told[!tired], .window_min = 15};
	if (!tired || quality_forgotten)
		return true;
	*ret = (struct cli_trunk_quality){.told = &told[0],
		.window_min = 15,
		.calls = 31,
		.answered = 5,
		.value = {16, 32, 45, 3100, 371},
		.n = {31, 31, 5, 8, 5},
		.trial_calls = 2,
		.trial_of = 5};
	return true;
}

static bool route_hook(void *ctx, uint32_t tag, struct ctl_hook_status *ret)
{
	if (tag != 1)
		return false;
	*ret = (struct ctl_hook_status){.tag = 1,
		.left_alone = 1,
		.pending = 2,
		.kept = 7,
		.asked = 120,
		.answered = 110,
		.failed = 10,
		.cached = 40,
		.left_out = 30,
		.refused = 5,
		.wait_us = 1980000,
		.max_us = 290000,
		.problem = "it did not answer: Operation timed out"};
	return true;
}

static bool trunk_quality_clear(void *ctx, const char *name)
{
	quality_forgotten = true;
	return name == NULL || strcmp(name, "tired") == 0;
}

static void hosts(void *ctx, struct ctl_dns_hosts *ret, const struct ctl_dns_host **ret_list)
{
	static const struct ctl_dns_host list[] = {
		{.name = "_sip._udp.carrier.example",
			.data = "10 60 5060 sip1.carrier.example",
			.type = 33,
			.until_ms = NOW + 300000},
		{.name = "gone.example",
			.type = 1,
			.state = CTL_DNS_NO_NAME,
			.until_ms = NOW + 60000},
		{.name = "old.example",
			.data = "192.0.2.40",
			.type = 1,
			.state = CTL_DNS_STALE,
			.until_ms = NOW - 60000},
	};

	*ret = (struct ctl_dns_hosts){.n = sizeof(list) / sizeof(list[0])};
	*ret_list = list;
}

static const struct ctl_capacity *capacity(void *ctx, uint32_t i)
{
	static const struct ctl_capacity list[] = {
		{.key = "realm access",
			.calls = 12,
			.peak_calls = 40,
			.bps = 1046400,
			.peak_bps = 3488000},
		{.key = "trunk carrier",
			.calls = 30,
			.peak_calls = 30,
			.bps = 2616000,
			.peak_bps = 2616000,
			.refused = {7, 2, 1}},
		{.key = ""},
		{.key = "link WAN1", .calls = 3, .peak_calls = 5, .bps = 93600, .peak_bps = 261600},
		{.key = "trunk gone", .calls = 1},
	};

	return i < sizeof(list) / sizeof(list[0]) ? &list[i] : NULL;
}

static const struct ctl_toll *toll(void *ctx, uint32_t i)
{
	static const struct ctl_toll list[] = {
		{.tag = 3,
			.subject = "user alice at phones",
			.n_calls = 1,
			.window_calls = 5,
			.window_s = 700,
			.n_refused = 4,
			.n_alarms = 4,
			.tripped_ms = NOW - 60000},
		{.tag = 999, .subject = "trunk carrier"},
	};

	return i < sizeof(list) / sizeof(list[0]) ? &list[i] : NULL;
}

static const struct ctl_overload *overload(void *ctx, uint32_t i)
{
	static struct ctl_overload list[] = {
		{.trunk = "carrier",
			.algo = CTL_OVERLOAD_LOSS,
			.value = 25,
			.until_ms = NOW + 900,
			.n_told = 12,
			.n_ignored = 1,
			.n_dropped = 40},
		{.trunk = "carrier", .algo = CTL_OVERLOAD_RATE, .value = 5, .until_ms = NOW - 1},
	};

	list[0].addr = addr("192.0.2.77:5060");
	list[1].addr = addr("192.0.2.78:5060");
	return i < sizeof(list) / sizeof(list[0]) ? &list[i] : NULL;
}

static int limits_clear(void *ctx, const char *key)
{
	return strlen(key) < CTL_CAPACITY_KEY ? 0 : -EINVAL;
}

static int host_clear(void *ctx, const char *name)
{
	return strcmp(name, "away.example") == 0 ? -ENOTCONN : 0;
}

static bool link_state(void *ctx, const char *name, struct cli_link *ret)
{
	bool access = strcmp(name, "access0") == 0;

	if (!access && strcmp(name, "peer0") != 0)
		return false;
	*ret = (struct cli_link){.known = true,
		.up = access,
		.carrier = access,
		.mac = {2, 0, 0, 0, 0, access},
		.mtu = 1500,
		.has_port = access,
		.port = {.driver = "net_af_packet",
			.link_up = 1,
			.speed_mbps = 10000,
			.rx_packets = 1000,
			.rx_bytes = 200000,
			.tx_packets = 900,
			.tx_bytes = 180000,
			.tap_tx_packets = 50,
			.tap_rx_packets = 40}};
	return true;
}

static bool ports(void *ctx, const char *realm, unsigned int family, struct cli_ports *ret)
{
	bool access = strcmp(realm, "access") == 0;

	if (!access && family == 6)
		return false;
	*ret = (struct cli_ports){
		.addr = addr(
			access ? (family == 4 ? "10.0.0.1:0" : "[2001:db8::1]:0") : "192.0.2.1:0"),
		.port_min = access ? 16384 : 20000,
		.port_max = access ? 32767 : 29999,
		.available = access ? 16382 : 9998,
		.in_use = 2};
	return true;
}

static void sip(void *ctx, cli_sip_fn row, void *arg)
{
	struct ctl_sip_stats stats = {.rx_requests = 100, .tx_requests = 90, .calls_active = 1};

	row(0, &stats, arg);
	row(1, &stats, arg);
}

static bool prompt(void *ctx, const char *name, struct cli_prompt *ret)
{
	*ret = (struct cli_prompt){.length_ms = 2500, .rate_hz = 16000};
	return strcmp(name, "sorry") == 0;
}

static void plays(void *ctx, cli_play_fn row, void *arg)
{
	static const struct ctl_call call = {.id = 0x1234,
		.answer_ms = 1767225600000,
		.calling = {"+4930555"},
		.realm = {"access"},
		.codec = {"PCMA"}};
	struct cli_play play = {&call, 0, CTL_PLAY_ROOM, "sales"};

	row(&play, arg);
	play.kind = CTL_PLAY_PROMPT;
	play.name = "sorry";
	row(&play, arg);
}

static int call_play(void *ctx, uint64_t call_id, uint32_t legs, const char *prompt_name)
{
	return call_id == 2		      ? -EBUSY
	       : call_id != 1		      ? -ENOENT
	       : strcmp(prompt_name, "sorry") ? -ENODATA
					      : 0;
}

static void nat(void *ctx, struct ctl_nat_info *ret)
{
	*ret = (struct ctl_nat_info){.own = {.hash = FINGERPRINT_SHA_256, .len = 32},
		.n_associations = 3,
		.counts = {.established = 20, .bad_fingerprint = 1}};
	for (uint8_t i = 0; i < ret->own.len; i++)
		ret->own.value[i] = i;
	if (fake_no_dataplane)
		ret->own = (struct fingerprint){0};
}

static void transcoder(void *ctx, struct ctl_transcoder *ret)
{
	*ret = (struct ctl_transcoder){
		.state = fake_no_dataplane ? CTL_TRANSCODER_AWAY : CTL_TRANSCODER_READY,
		.codecs = 1u << DP_CODEC_PCMU | 1u << DP_CODEC_PCMA};
}

static bool recorder(void *ctx, struct ctl_rec_info *ret)
{
	*ret = (struct ctl_rec_info){.running = 1,
		.waiting = 1,
		.n_files = 30,
		.bytes = 123456789,
		.free_bytes = UINT64_C(50) << 30,
		.counts = {.begun = 12, .packets = 3456, .no_codec = 7},
		.note = "the quota of recordings is used up"};
	return !fake_no_dataplane;
}

static void recordings(void *ctx, cli_recording_fn row, void *arg)
{
	struct ctl_rec_status s = {.session_id = 1,
		.call_id = 0x1001,
		.start_ms = NOW - 62000,
		.bytes = 2976000,
		.parts = 1,
		.tracks = 7,
		.name = "2026-01-01/120000-0000000000001001"};

	row(&s, arg);
	s.call_id = 0x1002;
	s.state = CTL_REC_WAITS;
	s.demand = 1;
	s.tracks = 8;
	s.parts = 2;
	strcpy(s.note, "the quota of recordings is used up");
	strcpy(s.name, "2026-01-01/120000-0000000000001002");
	row(&s, arg);
	s.call_id = 0x1003;
	s.state = CTL_REC_ENDED;
	s.parts = 0;
	row(&s, arg);
}

static void registrations(void *ctx, const char *user, cli_registration_fn row, void *arg)
{
	struct ctl_reg alice = {.key = {.id = 1},
		.since_ms = NOW - 3600000,
		.expires_ms = NOW + 55000,
		.remote = {.family = 4, .port_be16 = htons(40123), .ip = {192, 0, 2, 77}},
		.q = 1000,
		.transport = 1,
		.flags = CTL_REG_NAT,
		.digest = 3,
		.realm = "access",
		.user = "alice",
		.contact = "sip:alice@10.0.0.5:5060",
		.agent = "Phone 1.0"};
	struct ctl_reg bob = {.key = {.id = 2},
		.since_ms = NOW - 1000,
		.expires_ms = NOW + 3599000,
		.remote = {.family = 4, .port_be16 = htons(5061), .ip = {192, 0, 2, 78}},
		.reg_id = 2,
		.q = 500,
		.transport = 3,
		.flags = CTL_REG_OUTBOUND,
		.digest = 1,
		.realm = "access",
		.user = "bob",
		.contact = "sip:bob@192.0.2.78:5061;transport=tls"};

	struct ctl_reg carol = {.key = {.id = 3},
		.since_ms = NOW - 7200000,
		.expires_ms = NOW + 31000,
		.remote = {.family = 4, .port_be16 = htons(5060), .ip = {192, 0, 2, 79}},
		.q = 1000,
		.transport = 1,
		.flags = CTL_REG_NAT | CTL_REG_CACHED,
		.core_until_ms = NOW + 1900000,
		.shielded = 58,
		.forwarded = 3,
		.realm = "access",
		.user = "carol@core.example",
		.contact = "sip:carol@10.0.0.7:5060"};
	struct ctl_reg dave = carol;

	strcpy(dave.user, "dave@core.example");
	dave.flags = CTL_REG_CACHED;
	dave.core_until_ms = NOW - 1000;
	dave.core_lost_ms = NOW - 125000;
	if (!user || strcmp(user, alice.user) == 0)
		row(&alice, arg);
	if (!user || strcmp(user, bob.user) == 0)
		row(&bob, arg);
	if (!user || strcmp(user, carol.user) == 0)
		row(&carol, arg);
	if (!user || strcmp(user, dave.user) == 0)
		row(&dave, arg);
}

static const char *registrations_state(void *ctx, uint64_t *ret_n)
{
	*ret_n = 4;
	return "";
}

static int registration_clear(void *ctx, const char *user, bool cached)
{
	if (!user)
		return cached ? 0 : -ENOENT;
	if (cached)
		return strcmp(user, "carol@core.example") == 0 ? 0 : -ENOENT;
	return strcmp(user, "alice") == 0 ? 0 : strcmp(user, "bob") == 0 ? -ENOTCONN : -ENOENT;
}

static int record(void *ctx, uint64_t call_id, bool on)
{
	if (call_id == 0x1001)
		return on ? -EALREADY : 0;
	if (call_id == 0x1002)
		return on ? -ENOTCONN : -EALREADY;
	return -ENOENT;
}

static void processes(void *ctx, cli_process_fn row, void *arg)
{
	struct cli_process dp = {.name = "limen-dataplane",
		.pid = 100,
		.connected = true,
		.since_ms = NOW - 3600000,
		.rx_msgs = 5,
		.tx_msgs = 6};
	struct cli_process sip0 = {.name = "limen-sip 0",
		.pid = 101,
		.connected = false,
		.since_ms = NOW - 1000,
		.restarts = 1,
		.rx_msgs = 700,
		.tx_msgs = 650};

	row(&dp, arg);
	row(&sip0, arg);
	row(&(struct cli_process){.name = "limen-sip 1"}, arg);
}

static const struct dp_stats_header *dp_stats(void *ctx)
{
	static struct {
		struct dp_stats_header header;
		struct dp_worker_stats workers[2];
		struct dp_mcore_stats mcores[1];
		struct dp_core_load loads[3];
	} segment;

	segment.header = (struct dp_stats_header){.magic = DP_STATS_MAGIC,
		.version = DP_STATS_VERSION,
		.heartbeat_ms = clock_mono_ms() + 1000,
		.n_workers = 2,
		.n_streams = 2000,
		.n_sessions = 1,
		.n_drops = DP_DROP_N,
		.off_workers = (uint32_t)((char *)segment.workers - (char *)&segment),
		.srtp_cm = "libipsec-mb SSE",
		.srtp_gcm = "libipsec-mb AVX2",
		.n_mcores = 1,
		.off_mcores = (uint32_t)((char *)segment.mcores - (char *)&segment),
		.off_loads = (uint32_t)((char *)segment.loads - (char *)&segment),
		.codecs = 1 << DP_CODEC_PCMU | 1 << DP_CODEC_L16_8K | 1 << DP_CODEC_OPUS,
		.mbufs_total = 8191,
		.mbufs_in_use = 512,
		.api_requests = 20};
	for (int i = 0; i < 2; i++) {
		segment.workers[i] = (struct dp_worker_stats){.rx_packets = 1000,
			.relayed_packets = 990,
			.cycles_total = 1000,
			.cycles_busy = 250,
			.cycles_asleep = 500};
		segment.workers[i].drops[DP_DROP_SOURCE] = 4;
		segment.loads[i].busy_permille = 203;
	}
	segment.mcores[0] = (struct dp_mcore_stats){.rx_packets = 110,
		.taken_packets = 110,
		.made_packets = 100,
		.decoded = 98,
		.concealed = 2,
		.encoded = 100,
		.streams = 2};
	segment.mcores[0].drops[DP_DROP_VOICE_GONE] = 3;
	segment.loads[2].busy_permille = 1000;
	return fake_no_dataplane ? NULL : &segment.header;
}

static int trace(void *ctx, uint64_t call_id, cli_trace_fn done, void *arg)
{
#define MSG(us, side, out, text)                                                                 \
	{                                                                                        \
		.wall_us = (NOW - 65000) * 1000 + (us), .sent = (out), .transport = 1,           \
		.leg = (side), .n = sizeof(text) - 1, .total = sizeof(text) - 1, .bytes = (text) \
	}
	static const char bye[] =
		"BYE sip:x@10.0.0.20 SIP/2.0\r\nCSeq: 1 BYE\r\nCall-ID: xx\r\n\r\n";
	struct cli_trace_msg msgs[] = {
		MSG(0, 0, false,
			"INVITE sip:030123456@10.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\n"
			"Content-Type: application/sdp\r\n\r\nv=0\r\n"),
		MSG(1500, 0, true, "SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n"),
		MSG(2000, 1, true,
			"INVITE sip:030123456@192.0.2.77 SIP/2.0\r\nCSeq: 1 INVITE\r\n"
			"c: application/sdp\r\n\r\nv=0\r\n"),
		MSG(250000, 1, false,
			"SIP/2.0 200 \033[31m<fine> & \"good\"\r\nCSeq: 1 INVITE\r\n"
			"Content-Type: application/sdp\r\n\r\nv=0\r\n"),
		MSG(60000000, 0, true, bye),
		MSG(60500000, 0, true, bye),
		MSG(60600000, 2, false, "SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n"),
	};
	struct cli_trace t = {.call_id = call_id, .msgs = msgs};

	if (call_id == 0x99)
		return -ENOTCONN;
	if (call_id == active_call().id || call_id == 0x6)
		t.n = sizeof(msgs) / sizeof(msgs[0]);
	for (unsigned int i = 0; i < t.n; i++) {
		bool six = call_id == 0x6;

		msgs[i].local = addr(six		? "[2001:db8::1]:5060"
				     : msgs[i].leg == 1 ? "192.0.2.1:5060"
							: "10.0.0.1:5060");
		msgs[i].remote = addr(six		 ? "[2001:db8::2]:5062"
				      : msgs[i].leg == 1 ? "192.0.2.77:5060"
							 : "10.0.0.20:5060");
	}
	t.incomplete = call_id == 0x5f00000000000009;
	done(arg, &t);
	return 0;
}

static bool registration(void *ctx, const char *name, struct ctl_reg_status *ret)
{
	*ret = (struct ctl_reg_status){.line = "4930123000",
		.registered = 1,
		.given_s = 600,
		.until_ms = NOW + 175000,
		.last_status = 200,
		.associated = "<sip:+4930123000@itsp.example>",
		.reason = "REGISTER was answered with 200"};
	return true;
}

static void conns(void *ctx, cli_conn_fn row, void *arg)
{
	struct cli_conn phone = {.number = 7,
				.since_ms = NOW - 65000,
				.conn = {.id = 1,
					.transport = 5,
					.accepted = 1,
					.realm = "access"}},
			carrier = {.number = 9,
				.since_ms = NOW - 2000,
				.conn = {.id = 2, .transport = 2, .realm = "peering"}};

	phone.conn.local = addr("192.0.2.1:8443");
	phone.conn.remote = addr("[2001:db8::20]:49152");
	carrier.conn.local = addr("198.51.100.1:5060");
	carrier.conn.remote = addr("198.51.100.77:5060");
	if (row(&phone, arg) == 0)
		row(&carrier, arg);
}

static void blocks(void *ctx, cli_block_fn row, void *arg)
{
	struct ctl_block scanner = {.addr = addr("192.0.2.66"),
		.prefix_len = 32,
		.reason = CTL_BLOCK_SCANNER,
		.since_ms = now_ms(ctx) - 60000,
		.remaining_ms = 240000,
		.drops = 3,
		.realm = "access"};
	struct ctl_block site = {.addr = addr("[2001:db8:0:66::]"),
		.prefix_len = 64,
		.reason = CTL_BLOCK_OPERATOR,
		.level = 2,
		.since_ms = now_ms(ctx) - 1000,
		.remaining_ms = 1,
		.realm = "access"};

	if (row(&scanner, 100000, arg) == 0)
		row(&site, 0, arg);
}

static int block(void *ctx, const struct ctl_block *source)
{
	return source->addr.family == 6 ? -ENOTCONN : 0;
}

static int unblock(void *ctx, const struct ctl_block *source)
{
	return source == NULL ? 0 : -ENOTCONN;
}

static int conn_end(void *ctx, uint32_t number, uint8_t transport)
{
	return number == 7 && transport == 5 ? 0 : number == 9 ? -ENOTCONN : -ENOENT;
}

static int acl_clear(void *ctx, const char *name, uint32_t family)
{
	return *name ? 0 : -ENOTCONN;
}

static int call_clear(void *ctx, uint64_t call_id, uint32_t q850, const char *reason)
{
	fake_cleared = call_id;
	fake_cleared_cause = q850;
	return call_id == 0x5f00000000000011 ? 0 : -ENOENT;
}

static bool map(void *ctx, bool table, uint32_t tag, struct cli_map *ret)
{
	*ret = (struct cli_map){.loaded = tag == 1,
		.loading = tag == 3,
		.n_patterns = tag == 1 ? 1000000 : 0,
		.bytes = tag == 1 ? 1777804 : 0,
		.build_ms = tag == 1 ? 512 : 0,
		.loaded_ms = tag == 1 ? NOW - 3000 : 0};
	if (tag == 2)
		snprintf(ret->why, sizeof(ret->why), "line 7: it is empty");
	return tag <= 3;
}

static int map_reload(void *ctx, bool table, uint32_t tag)
{
	return tag == 1 ? 0 : tag == 2 ? -EBUSY : tag == 3 ? -ENODATA : -ENOENT;
}

static const struct numbers *numbers(void *ctx)
{
	return NULL;
}

const struct cli_source fake_source = {.now_ms = now_ms,
	.totals = totals,
	.calls = calls,
	.media = media,
	.call = one_call,
	.records = records,
	.outcomes = outcomes,
	.trunk = trunk,
	.targets = targets,
	.trunk_quality = trunk_quality,
	.route_hook = route_hook,
	.trunk_quality_clear = trunk_quality_clear,
	.hosts = hosts,
	.host_clear = host_clear,
	.capacity = capacity,
	.toll = toll,
	.overload = overload,
	.capacity_clear = limits_clear,
	.toll_clear = limits_clear,
	.link = link_state,
	.ports = ports,
	.sip = sip,
	.nat = nat,
	.prompt = prompt,
	.map = map,
	.map_reload = map_reload,
	.numbers = numbers,
	.call_play = call_play,
	.plays = plays,
	.transcoder = transcoder,
	.recorder = recorder,
	.recordings = recordings,
	.registrations = registrations,
	.registrations_state = registrations_state,
	.registration_clear = registration_clear,
	.record = record,
	.processes = processes,
	.dp_stats = dp_stats,
	.acl_clear = acl_clear,
	.trace = trace,
	.registration = registration,
	.conns = conns,
	.conn_end = conn_end,
	.blocks = blocks,
	.block = block,
	.unblock = unblock,
	.call_clear = call_clear};
