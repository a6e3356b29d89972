/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hostile limen-control before the server of the session API: everything behind the socket is
 * the real thing but the workers (tests/unit/dataplane/fake_worker.c) and the ports, which are
 * refused before DPDK sees them (it does not run here).
 *
 * The input is a list of steps. A step is one byte: below 240 it chooses a request, of which the
 * next two bytes say how many bytes of the input are laid over a body that is in order, and
 * where; from 240 on it is a reconnect, time that passes, an event of a worker or of the kernel,
 * or a whole message from the input. At the end everything is removed, and nothing may be left.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "dataplane/server/server.h"
#include "dataplane/transcode/codec.h"
#include "tests/unit/dataplane/fake_worker.h"
#include "tests/unit/dataplane/session_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_SESSIONS 64
#define N_WORKERS    2
#define N_MCORES     2
#define TSC_HZ	     UINT64_C(1000000000)

static struct event_base *base;
static struct mail *mail;
static struct mirror *mirror;
static struct addrs *addrs;
static struct prompts *prompts;
static struct ports *ports;
static struct media media;
static struct acls *acls;
static struct blocks *blocks;
static struct sessions *ss;
static struct segment segment;
static struct natlink *natlink;
static struct server *server;
static uint64_t now_ms;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void done(
	void *arg, const struct session_ticket *t, int status, const void *body, size_t len)
{
	server_session_done(server, t, status, body, len);
}

static void event(void *arg, enum dp_msg type, const struct dp_event *e)
{
	server_session_event(server, type, e);
}

static bool egress(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6])
{
	*ret_port = 0;
	memset(ret_mac, 2, 6);
	return ifindex == 3;
}

/* Nothing leaves: there is no memory for packets here. */
static bool nat_egress(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6])
{
	return false;
}

static void nat_packet(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes)
{
	server_nat_packet(server, head, bytes);
}

static void hop_changed(struct mirror_hop *hop, void *arg)
{
	sessions_hop_changed(ss, hop);
}

static void routes_changed(void *arg)
{
	if (ss)
		sessions_routes_changed(ss);
}

static void hop_probe(const struct mirror_hop *hop, void *arg)
{
}

static void link_event(void *arg, const struct dp_event_port *e)
{
}

static void ports_changed(void *arg)
{
}

static uint64_t tsc(void)
{
	return now_ms * (TSC_HZ / 1000);
}

/* In place of librte_acl, which needs DPDK to run. */
static int make_acl(const struct dp_acl *conf, const uint16_t *rows, uint64_t number, int socket_id,
	struct acl **ret_acl)
{
	bool taken[DP_ACL_ROWS] = {false};
	for (uint32_t i = 0; i < conf->n; i++) {
		require(rows[i] >= DP_ACL_ROW_RULES && rows[i] < DP_ACL_ROWS && !taken[rows[i]]);
		taken[rows[i]] = true;
	}
	*ret_acl = malloc(1);
	return *ret_acl ? 0 : -ENOMEM;
}

static void unmake_acl(struct acl *acl)
{
	free(acl);
}

static struct block_bucket *make_blocks(void)
{
	return calloc(BLOCK_BUCKETS, sizeof(struct block_bucket));
}

static void unmake_blocks(struct block_bucket *buckets)
{
	free(buckets);
}

static void world_new(void)
{
	static const struct sessions_ops sessions_ops = {done, event, egress};
	static const struct mirror_ops mirror_ops = {hop_changed, routes_changed, hop_probe};
	static const struct natlink_ops natlink_ops = {nat_packet, nat_egress};
	static const struct ports_ops ports_ops = {link_event, ports_changed};
	log_init("dp_api_fuzz", LOG_L_ERR);
	base = event_base_new();
	require(mail_new(NULL, &mail) == 0);
	mirror = mirror_new(&mirror_ops, NULL);
	addrs = addrs_new();
	prompts = prompts_new();
	require(segment_new(N_WORKERS, N_MCORES, 2 * MAX_SESSIONS, &segment) == 0);
	struct ports_conf p = {.base = base,
		.mail = mail,
		.n_workers = N_WORKERS,
		.stats = segment.ports,
		.workers = segment.workers,
		.ops = &ports_ops};
	require(ports_new(&p, &ports) == 0);
	media = (struct media){addrs, ports, mail, NULL, N_WORKERS};
	struct sessions_conf s = {.max_sessions = MAX_SESSIONS,
		.n_workers = N_WORKERS,
		.tsc_hz = TSC_HZ,
		.mail = mail,
		.mirror = mirror,
		.addrs = addrs,
		.stream_stats = segment.streams,
		.stream_rare = segment.rare,
		.srtp = fake_srtp_engine(),
		.prompts = prompts,
		.codecs = codec_mask(),
		.n_mcores = N_MCORES,
		.mcore_loads = segment.loads + N_WORKERS,
		.ops = &sessions_ops};
	require(sessions_new(&s, now_ms, &ss) == 0);
	struct acls_conf l = {.ports = ports,
		.mail = mail,
		.n_workers = N_WORKERS,
		.info = segment.acls,
		.make = make_acl,
		.unmake = unmake_acl};
	require(acls_new(&l, &acls) == 0);
	struct blocks_conf b = {.ports = ports,
		.mail = mail,
		.n_workers = N_WORKERS,
		.tsc_hz = TSC_HZ,
		.make = make_blocks,
		.unmake = unmake_blocks};
	require(blocks_new(&b, &blocks) == 0);
	struct natlink_conf n = {.mirror = mirror, .sessions = ss, .ops = &natlink_ops};
	natlink = natlink_new(&n);
	require(natlink != NULL);
	struct server_conf c = {.base = base,
		.n_workers = N_WORKERS,
		.max_sessions = MAX_SESSIONS,
		.boot_id = 1,
		.sessions = ss,
		.prompts = prompts,
		.ports = ports,
		.media = &media,
		.acls = acls,
		.blocks = blocks,
		.natlink = natlink,
		.segment = &segment,
		.tsc = tsc};
	require(server_new(&c, &server) == 0);
	struct mirror_route r = {.dst = {.family = 4}, .ifindex = 3};
	require(mirror_route_set(mirror, &r) == 0);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	mail_turn(mail);
	while (sessions_turn(ss, now_ms, tsc()))
		mail_turn(mail);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static int dial(void)
{
	int sv[2];
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) == 0);
	server_accept(server, sv[1]);
	return sv[0];
}

static void drain(int fd)
{
	static char sink[IPC_MSG_MAX];
	turn();
	while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0)
		;
}

/* Samples as a prompt comes with them, or not: by seals and length. */
static int samples(uint32_t n, bool sealed)
{
	int fd = memfd_create("prompt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	require(fd >= 0 && ftruncate(fd, (off_t)n * 2) == 0);
	require(!sealed || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) == 0);
	return fd;
}

/* sent -1: without a descriptor. */
static void tell_fd(
	int fd, uint16_t type, uint32_t generation, const void *body, size_t len, int sent)
{
	static struct {
		struct ipc_hdr hdr;
		uint8_t body[4096];
	} m;
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {&m, sizeof m.hdr + len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	if (sent >= 0) {
		mh.msg_control = &control;
		mh.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(c), &sent, sizeof sent);
	}
	m.hdr = (struct ipc_hdr){.version = IPC_VERSION,
		.type = type,
		.len = (uint32_t)(sizeof m.hdr + len),
		.seq = 1,
		.generation = generation};
	memcpy(m.body, body, len);
	(void)!sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0)
		close(sent);
}

static void tell(int fd, uint16_t type, uint32_t generation, const void *body, size_t len)
{
	tell_fd(fd, type, generation, body, len, -1);
}

/* A datagram of limen-nat, by a connection of its own. */
static void nat_client(const uint8_t *data, size_t size)
{
	struct dp_hello h = {DP_API_VERSION, IPC_ROLE_NAT};
	union {
		struct dp_nat_packet head;
		uint8_t bytes[sizeof(struct dp_nat_packet) + 64];
	} m = {.head = {.session_id = 1, .n = 20}};
	size_t len = sizeof m.head + 20;
	int fd = dial();
	m.head.remote = sample_ip("192.0.2.10", 4000);
	if (size > 1)
		len = sizeof m.head + data[0] % 65;
	for (size_t i = 1; i < size && i < sizeof m.head; i++)
		m.bytes[i] ^= data[i];
	tell(fd, DP_HELLO, 0, &h, sizeof h);
	tell(fd, DP_NAT_TX, 0, &m, len);
	turn();
	close(fd);
	turn();
}

static void open_client(int *fd)
{
	static const char *const ips[] = {"192.0.2.1", "198.51.100.1", "2001:db8::1"};
	struct dp_hello h = {DP_API_VERSION, IPC_ROLE_CONTROL};
	if (*fd >= 0)
		close(*fd);
	*fd = dial();
	tell(*fd, DP_HELLO, 0, &h, sizeof h);
	for (unsigned int i = 0; i < 3; i++) {
		struct dp_media_addr a = {.port_lo = 16384, .port_hi = 32767};
		a.addr = sample_ip(ips[i], 0);
		tell(*fd, DP_MEDIA_ADDR_SET, 0, &a, sizeof a);
	}
	drain(*fd);
}

/* A body in order for a type; its length. */
static size_t sample(uint16_t type, uint8_t n, uint8_t *body)
{
	struct dp_session s = sample_session(1 + n % (MAX_SESSIONS + 4));
	struct dp_session_id id = {1 + n % (MAX_SESSIONS + 4)};
	struct dp_dump dump = {.max = n};
	/* Not a device: DPDK must not be asked. */
	struct dp_port port = {.name = "p", .devargs = "none"};
	if (n & 1) /* a sub-interface, of a port that is not there */
		port = (struct dp_port){.name = "p.1", .vlan = n};
	struct dp_media_addr addr = {.port_lo = 16384, .port_hi = 32767};
	struct dp_port_name name = {"p"};
	struct dp_prompt prompt = {.id = 1 + n % 8, .rate_hz = 8000, .n_samples = 100};
	struct dp_prompt_id prompt_id = {1 + n % 8, 0};
	struct dp_police police = {.n_sip_ports = n % 20, .sip_ports = {5060}};
	static struct {
		struct dp_acl head;
		struct dp_acl_rule rules[3];
	} acl;
	static struct {
		struct dp_blocks head;
		struct dp_block list[3];
	} block;
	struct dp_rating rating = {id.id, n & 1, n % 128, n % 60, DP_RATING_NONE, 0};
	struct dp_acl_name acl_name = {.name = "a", .family = n & 1 ? 4 : 6};
	struct dp_access access = {.n = 1, .ports = {{.port = "p", .in4 = "a"}}};
	struct dp_dtmf_send press = {
		.session_id = id.id, .leg = n & 1, .serial = n, .duration_ms = 100, .digit = '5'};
	const void *from = NULL;
	size_t len = 0;
	acl.head = (struct dp_acl){.name = "a", .family = acl_name.family, .n = n % 4};
	for (unsigned int i = 0; i < 3; i++)
		acl.rules[i] = (struct dp_acl_rule){
			.seq = i * n + 1, .flags = (uint8_t)(DP_ACL_ANY_PROTO | (n & 1))};
	block.head = (struct dp_blocks){.n = 1 + n % 3};
	for (unsigned int i = 0; i < 3; i++)
		block.list[i] = (struct dp_block){.ip = {192, 0, 2, (uint8_t)(n + i)},
			.family = 4,
			.prefix_len = 32,
			.ttl_ms = type == DP_BLOCK_SET ? 1 + n : 0,
			.port = {'p', (char)('a' + n % 16)}};
	addr.addr = sample_ip("192.0.2.1", 0);
	s.leg[0].flags |= DP_LEG_LATCH;
	s.leg[0].timeout_ms = 1000;
	if (n & 1)
		sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	if (n & 16)
		sample_one_leg(&s);
	if (n & 32)
		sample_play(&s, n & 1 && !(n & 16), DP_PLAY_PROMPT + n / 2 % 3);
	if (n & 64)
		sample_srtp(&s.leg[n & 1 && !(n & 16)], 1 + n % (DP_SRTP_N - 1));
	switch (type) {
	case DP_SESSION_ADD:
	case DP_SESSION_MODIFY:
		from = &s, len = sizeof s;
		break;
	case DP_SESSION_REMOVE:
		from = &id, len = sizeof id;
		break;
	case DP_SESSION_DUMP:
		from = &dump, len = sizeof dump;
		break;
	case DP_MEDIA_ADDR_SET:
	case DP_MEDIA_ADDR_DEL:
		from = &addr, len = sizeof addr;
		break;
	case DP_PROMPT_SET:
		from = &prompt, len = sizeof prompt;
		break;
	case DP_PROMPT_DEL:
		from = &prompt_id, len = sizeof prompt_id;
		break;
	case DP_POLICE_SET:
		from = &police, len = sizeof police;
		break;
	case DP_RATING:
		from = &rating, len = sizeof rating;
		break;
	case DP_ACL_SET:
		from = &acl, len = sizeof acl.head + acl.head.n * sizeof acl.rules[0];
		break;
	case DP_ACL_DEL:
	case DP_ACL_CLEAR:
		from = &acl_name, len = sizeof acl_name;
		break;
	case DP_BLOCK_SET:
	case DP_BLOCK_DEL:
		from = &block, len = sizeof block.head + block.head.n * sizeof block.list[0];
		break;
	case DP_ACCESS_SET:
		from = &access, len = sizeof access;
		break;
	case DP_PORT_SET:
		from = &port, len = sizeof port;
		break;
	case DP_DTMF_SEND:
		from = &press, len = sizeof press;
		break;
	case DP_PORT_DEL:
		from = &name, len = sizeof name;
		break;
	default:
		return 0;
	}
	memcpy(body, from, len);
	return len;
}

/* A body may be changed into a device that DPDK would really open. */
static bool opens_device(uint16_t type, const uint8_t *body)
{
	const struct dp_port *p = (const void *)body;
	return type == DP_PORT_SET && !p->vlan && memcmp(p->devargs, "none", 4) != 0;
}

static size_t step_request(int fd, uint8_t op, const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {DP_SESSION_ADD, DP_SESSION_ADD, DP_SESSION_ADD,
		DP_SESSION_MODIFY, DP_SESSION_REMOVE, DP_SESSION_DUMP, DP_SESSION_SWEEP,
		DP_MEDIA_ADDR_SET, DP_MEDIA_ADDR_DEL, DP_PORT_SET, DP_PORT_DEL, DP_POLICE_SET,
		DP_PROMPT_SET, DP_PROMPT_SET, DP_PROMPT_DEL, DP_ACL_SET, DP_ACL_SET, DP_ACL_DEL,
		DP_ACL_CLEAR, DP_ACCESS_SET, DP_DTMF_SEND, DP_RATING, DP_BLOCK_SET, DP_BLOCK_SET,
		DP_BLOCK_DEL};
	union {
		struct dp_session session;
		struct dp_access access;
		uint8_t bytes[sizeof(struct dp_access)];
	} room;
	uint8_t *body = room.bytes;
	if (size < 4)
		return size;
	uint16_t type = types[op % (sizeof types / sizeof types[0])];
	size_t len = sample(type, data[0], body);
	size_t n = data[1] % 16, at = len ? (data[2] | (size_t)data[3] << 8) % len : 0;
	size_t used = 4;
	for (size_t i = 0; i < n && used < size && at + i < len; i++)
		body[at + i] = data[used++];
	if (type == DP_PROMPT_SET)
		tell_fd(fd, type, op / 16, body, len,
			data[0] & 0x80 ? -1
				       : samples(data[0] & 0x40 ? 99 : 100, !(data[0] & 0x20)));
	else if (!opens_device(type, body))
		tell(fd, type, op / 16, body, len);
	return used;
}

static void step_event(const uint8_t *data, size_t size)
{
	struct worker_event e = {.slot = data[0], .epoch = data[1], .kind = data[2] & 3};
	e.learned = sample_ip("192.0.2.77", 4000);
	for (unsigned int slot = 0; slot < 2 * MAX_SESSIONS && data[1] & 1; slot++)
		if (slot == e.slot && fake.slots[slot].live)
			e.epoch = fake.slots[slot].conf.more.epoch;
	sessions_learned(ss, &e);
	sessions_digit(ss, &(struct worker_digit){.slot = data[0],
				   .mark = e.epoch,
				   .code = data[1],
				   .core = data[2] & 1,
				   .duration_ms = data[2]});
	struct ipaddr n = sample_ip("198.51.100.10", 0);
	n.ip[3] = data[0];
	if (mirror_neigh_set(mirror, 3, &n, data[2] & 4 ? data : NULL, data[2] & 8))
		abort();
}

static size_t step(int *fd, const uint8_t *data, size_t size)
{
	uint8_t op = data[0];
	if (op < 240)
		return 1 + step_request(*fd, op, data + 1, size - 1);
	size_t n;
	switch (op) {
	case 240:
		open_client(fd);
		return 1;
	case 241:
		now_ms += 700;
		blocks_second(blocks, tsc());
		turn();
		return 1;
	case 242:
		drain(*fd);
		return 1;
	case 243:
		if (size < 8)
			return size;
		step_event(data + 1, 7);
		return 8;
	case 244:
		n = size - 1 < 48 ? size - 1 : 48;
		nat_client(data + 1, n);
		return 1 + n;
	default: /* a raw message */
		if (size < 2)
			return size;
		n = data[1] < size - 2 ? data[1] : size - 2;
		struct ipc_hdr h = {0};
		memcpy(&h, data + 2, n < sizeof h ? n : sizeof h);
		if (h.type != DP_PORT_SET)
			(void)!send(*fd, data + 2, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		return 2 + n;
	}
}

/* Whatever came before: a new client is served, and in the end nothing is left. */
static void end(int *fd)
{
	drain(*fd);
	open_client(fd);
	tell(*fd, DP_SESSION_SWEEP, UINT32_MAX, "", 0);
	drain(*fd);
	require(sessions_n(ss) == 0);
	require(blocks_n(blocks) == 0);
	for (uint8_t i = 0; i < DP_MEDIA_ADDRS_MAX; i++) {
		const struct dp_media_addr *a = addrs_get(addrs, i);
		struct dp_media_addr copy;
		if (a)
			copy = *a;
		require(!a || media_addr_del(&media, &copy) == 0);
	}
	open_client(fd);
	require(fake_n_live() == 0);
	natlink_second(natlink, UINT64_MAX);
	require(fake_n_voices() == 0);
	require(sessions_n_rooms(ss) == 0);
	require(prompts_n(prompts) == 0 && prompts_bytes(prompts) == 0);
	struct mirror_count n;
	mirror_count_get(mirror, &n);
	require(n.used == 0);
	struct dp_session s = sample_session(1);
	tell(*fd, DP_SESSION_ADD, 1, &s, sizeof s);
	drain(*fd);
	require(sessions_n(ss) == 1);
	tell(*fd, DP_SESSION_SWEEP, UINT32_MAX, "", 0);
	drain(*fd);
	close(*fd);
	turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!server)
		world_new();
	int fd = -1;
	open_client(&fd);
	for (size_t at = 0; at < size;)
		at += step(&fd, data + at, size - at);
	end(&fd);
	return 0;
}
