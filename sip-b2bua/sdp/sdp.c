/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parsing of SDP into lines and sections; see sdp.h. */
#include <errno.h>

#include "sip-b2bua/sdp/sdp.h"

static int bad(struct sdp *sdp, const char *why)
{
	sdp->error = why;
	return -EBADMSG;
}

static bool word_take(struct view *rest, struct view *ret_word)
{
	if (rest->n == 0)
		return false;
	const char *p = rest->p, *end = rest->p + rest->n;
	while (p < end && *p == ' ')
		p++;
	const char *q = p;
	while (q < end && *q != ' ')
		q++;
	*ret_word = (struct view){p, (size_t)(q - p)};
	*rest = (struct view){q, (size_t)(end - q)};
	return q > p;
}

bool sdp_format_next(struct view *rest, struct view *ret_format)
{
	return word_take(rest, ret_format);
}

/* Other than tabulators. Eight octets at a time, as lines hold hardly ever one. */
static bool has_control(struct view v)
{
	const uint64_t each = UINT64_MAX / 255;
	size_t i = 0;
	uint64_t octets;
	for (; i + sizeof(octets) <= v.n; i += sizeof(octets)) {
		memcpy(&octets, v.p + i, sizeof(octets));
		if ((octets - each * ' ') & ~octets & each << 7)
			break; /* one is less than a blank */
	}
	for (; i < v.n; i++) {
		if ((uint8_t)v.p[i] < ' ' && v.p[i] != '\t')
			return true;
	}
	return false;
}

static int line_split(struct sdp *sdp, struct view line)
{
	if (line.n < 2 || line.p[1] != '=' || line.p[0] < 'a' || line.p[0] > 'z')
		return bad(sdp, "a line is not of the form x=value");
	if (line.n > SDP_LINE_MAX)
		return bad(sdp, "a line is too long");
	if (sdp->n_lines == SDP_LINES_MAX)
		return bad(sdp, "too many lines");
	if (has_control((struct view){line.p + 2, line.n - 2}))
		return bad(sdp, "a control character in a line");
	struct sdp_line *l = &sdp->lines[sdp->n_lines++];
	*l = (struct sdp_line){.type = line.p[0], .value = {line.p + 2, line.n - 2}};
	if (l->type != 'a')
		return 0;
	const char *colon = memchr(l->value.p, ':', l->value.n);
	l->attr = l->value;
	if (colon != NULL) {
		l->attr.n = (size_t)(colon - l->value.p);
		l->attr_value = (struct view){colon + 1, l->value.n - l->attr.n - 1};
	}
	if (l->attr.n == 0)
		return bad(sdp, "an attribute without a name");
	return 0;
}

static int lines_split(struct sdp *sdp, struct view text)
{
	const char *p = text.p, *end = text.p + text.n;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf ? lf : end;
		if (stop > p && stop[-1] == '\r')
			stop--;
		/* An empty line at the end is noise of careless builders, elsewhere it is a fault. */
		if (stop > p) {
			int rc = line_split(sdp, (struct view){p, (size_t)(stop - p)});
			if (rc != 0)
				return rc;
		} else if (lf != NULL && lf + 1 < end) {
			return bad(sdp, "an empty line");
		}
		p = lf ? lf + 1 : end;
	}
	return 0;
}

/* "IN IP4 192.0.2.1[/ttl]"; a host name leaves the address unset. */
static int connection_parse(struct sdp *sdp, struct view v, struct ipaddr *ret_addr)
{
	struct view nettype, addrtype, host;
	struct ipaddr addr;
	if (!word_take(&v, &nettype) || !word_take(&v, &addrtype) || !word_take(&v, &host))
		return bad(sdp, "bad c=");
	const char *slash = memchr(host.p, '/', host.n);
	if (slash != NULL)
		host.n = (size_t)(slash - host.p);
	bool v6 = view_eq_nocase(addrtype, VIEW("IP6"));
	if (!view_eq_nocase(nettype, VIEW("IN")) || (!v6 && !view_eq_nocase(addrtype, VIEW("IP4"))))
		return bad(sdp, "c= is neither IN IP4 nor IN IP6");
	*ret_addr = (struct ipaddr){0};
	if (ipaddr_parse(host, 0, &addr) == 0) {
		if ((addr.family == 6) != v6)
			return bad(sdp, "the address of c= is of another family");
		*ret_addr = addr;
	}
	return 0;
}

static int origin_parse(struct sdp *sdp, struct view v)
{
	struct sdp_origin *o = &sdp->origin;
	if (!word_take(&v, &o->username) || !word_take(&v, &o->sess_id) ||
		!word_take(&v, &o->sess_version) || !word_take(&v, &o->nettype) ||
		!word_take(&v, &o->addrtype) || !word_take(&v, &o->address))
		return bad(sdp, "bad o=");
	return 0;
}

/* "audio 49170[/2] RTP/AVP 0 8 101" */
static int media_parse(struct sdp *sdp, uint16_t line)
{
	struct view v = sdp->lines[line].value, port, format;
	uint64_t number, count = 1;
	if (sdp->n_media == SDP_MEDIA_MAX)
		return bad(sdp, "too many media lines");
	struct sdp_media *m = &sdp->media[sdp->n_media];
	*m = (struct sdp_media){.line = line, .n_lines = 1, .transport = sdp->n_media};
	if (!word_take(&v, &m->media) || !word_take(&v, &port) || !word_take(&v, &m->proto))
		return bad(sdp, "bad m=");
	const char *slash = memchr(port.p, '/', port.n);
	if (slash != NULL) {
		struct view n = {slash + 1, (size_t)(port.p + port.n - slash - 1)};
		if (view_to_u64(n, 255, &count) != 0 || count == 0)
			return bad(sdp, "bad number of ports in m=");
		port.n = (size_t)(slash - port.p);
	}
	if (view_to_u64(port, 65535, &number) != 0)
		return bad(sdp, "bad port in m=");
	m->port = (uint32_t)number;
	m->n_ports = (uint32_t)count;
	m->formats = v;
	for (struct view rest = v; word_take(&rest, &format);)
		m->n_formats++;
	if (m->n_formats == 0 || m->n_formats > SDP_FORMATS_MAX)
		return bad(sdp, "no formats or too many in m=");
	m->connection = sdp->connection;
	m->direction = sdp->direction;
	sdp->n_media++;
	return 0;
}

static enum sdp_direction direction_parse(struct view attr)
{
	for (enum sdp_direction d = SDP_SENDRECV; d <= SDP_INACTIVE; d++) {
		if (view_eq(attr, sdp_direction_text(d)))
			return d;
	}
	return SDP_DIR_NONE;
}

struct view sdp_direction_text(enum sdp_direction direction)
{
	static const struct view texts[] = {
		{"", 0}, {"sendrecv", 8}, {"sendonly", 8}, {"recvonly", 8}, {"inactive", 8}};
	return texts[direction];
}

/* "a=rtcp:PORT [IN IP4 ADDRESS]" (RFC 3605) */
static int rtcp_parse(struct sdp *sdp, struct sdp_media *m, struct view v)
{
	struct view port;
	uint64_t number;
	if (!word_take(&v, &port) || view_to_u64(port, 65535, &number) != 0 || number == 0)
		return bad(sdp, "bad a=rtcp");
	m->rtcp_port = (uint32_t)number;
	return view_trim(v).n > 0 ? connection_parse(sdp, v, &m->rtcp_addr) : 0;
}

static int media_attr(struct sdp *sdp, struct sdp_media *m, const struct sdp_line *l)
{
	uint64_t ms;
	enum sdp_direction d = direction_parse(l->attr);
	if (d != SDP_DIR_NONE)
		m->direction = d;
	else if (view_eq(l->attr, VIEW("rtcp-mux")))
		m->rtcp_mux = true;
	else if (view_eq(l->attr, VIEW("rtcp")))
		return rtcp_parse(sdp, m, l->attr_value);
	/* A strange ptime ("20.0") is the codec's business; it just stays untyped. */
	else if (view_eq(l->attr, VIEW("ptime")) && view_to_u64(l->attr_value, 10000, &ms) == 0)
		m->ptime = (uint32_t)ms;
	else if (view_eq(l->attr, VIEW("maxptime")) && view_to_u64(l->attr_value, 10000, &ms) == 0)
		m->maxptime = (uint32_t)ms;
	return 0;
}

static int session_line(struct sdp *sdp, const struct sdp_line *l, bool *have_c)
{
	if (l->type == 'c') {
		*have_c = true;
		return connection_parse(sdp, l->value, &sdp->connection);
	}
	if (l->type == 'a' && direction_parse(l->attr) != SDP_DIR_NONE)
		sdp->direction = direction_parse(l->attr);
	return 0;
}

static int sections_parse(struct sdp *sdp)
{
	bool have_c = false;
	struct sdp_media *m = NULL;
	for (uint16_t i = 3; i < sdp->n_lines; i++) {
		const struct sdp_line *l = &sdp->lines[i];
		int rc = 0;
		if (l->type == 'm') {
			rc = media_parse(sdp, i);
			if (rc == 0)
				m = &sdp->media[sdp->n_media - 1];
		} else if (m == NULL) {
			rc = session_line(sdp, l, &have_c);
			sdp->n_session_lines = (uint16_t)(i + 1);
		} else {
			m->n_lines++;
			if (l->type == 'c' && m->c_line == 0) {
				m->c_line = i;
				rc = connection_parse(sdp, l->value, &m->connection);
			} else if (l->type == 'a') {
				rc = media_attr(sdp, m, l);
			}
		}
		if (rc != 0)
			return rc;
	}
	for (unsigned int i = 0; i < sdp->n_media; i++) {
		m = &sdp->media[i];
		if (m->direction == SDP_DIR_NONE)
			m->direction = SDP_SENDRECV;
		if (m->port != 0 && m->c_line == 0 && !have_c)
			return bad(sdp, "no c= for a media line");
	}
	return 0;
}

int sdp_parse(struct sdp *sdp, struct view text)
{
	memset(sdp, 0, offsetof(struct sdp, media));
	sdp->error = NULL;
	sdp->raw = text;
	if (text.n == 0)
		return bad(sdp, "empty");
	int rc = lines_split(sdp, text);
	if (rc != 0)
		return rc;
	const struct sdp_line *l = sdp->lines;
	if (sdp->n_lines < 3 || l[0].type != 'v' || l[1].type != 'o' || l[2].type != 's')
		return bad(sdp, "does not start with v=, o=, s=");
	if (!view_eq(view_trim(l[0].value), VIEW("0")))
		return bad(sdp, "another version than 0");
	rc = origin_parse(sdp, l[1].value);
	if (rc != 0)
		return rc;
	sdp->session_name = l[2].value;
	sdp->n_session_lines = 3;
	return sections_parse(sdp);
}

const struct sdp_line *sdp_attr(
	const struct sdp *sdp, int media_index, struct view name, uint16_t *pos)
{
	unsigned int first = 0, last = sdp->n_session_lines;
	if (media_index >= 0) {
		if (media_index >= sdp->n_media)
			return NULL;
		first = sdp->media[media_index].line;
		last = first + sdp->media[media_index].n_lines;
	}
	for (unsigned int i = *pos > first ? *pos : first; i < last; i++) {
		const struct sdp_line *l = &sdp->lines[i];
		if (l->type == 'a' && view_eq(l->attr, name)) {
			*pos = (uint16_t)(i + 1);
			return l;
		}
	}
	return NULL;
}

bool sdp_has_attr(const struct sdp *sdp, int media_index, struct view name)
{
	uint16_t pos = 0;
	return sdp_attr(sdp, media_index, name, &pos) != NULL;
}

/* RFC 3551 tables 4 and 5 */
static const struct {
	uint8_t payload_type, channels;
	uint32_t rate;
	const char *encoding;
} static_types[] = {
	{0, 1, 8000, "PCMU"},
	{3, 1, 8000, "GSM"},
	{4, 1, 8000, "G723"},
	{5, 1, 8000, "DVI4"},
	{6, 1, 16000, "DVI4"},
	{7, 1, 8000, "LPC"},
	{8, 1, 8000, "PCMA"},
	{9, 1, 8000, "G722"},
	{10, 2, 44100, "L16"},
	{11, 1, 44100, "L16"},
	{12, 1, 8000, "QCELP"},
	{13, 1, 8000, "CN"},
	{14, 1, 90000, "MPA"},
	{15, 1, 8000, "G728"},
	{16, 1, 11025, "DVI4"},
	{17, 1, 22050, "DVI4"},
	{18, 1, 8000, "G729"},
	{25, 1, 90000, "CelB"},
	{26, 1, 90000, "JPEG"},
	{28, 1, 90000, "nv"},
	{31, 1, 90000, "H261"},
	{32, 1, 90000, "MPV"},
	{33, 1, 90000, "MP2T"},
	{34, 1, 90000, "H263"},
};

static int static_rtpmap(uint32_t payload_type, struct sdp_rtpmap *ret_map)
{
	for (unsigned int i = 0; i < sizeof(static_types) / sizeof(static_types[0]); i++) {
		if (static_types[i].payload_type == payload_type) {
			*ret_map = (struct sdp_rtpmap){view_of(static_types[i].encoding),
				static_types[i].rate, static_types[i].channels};
			return 0;
		}
	}
	return -ENOENT;
}

/* "PCMU/8000[/1]" */
static int encoding_parse(struct view v, struct sdp_rtpmap *ret_map)
{
	uint64_t rate, channels = 1;
	const char *end = v.p + v.n;
	const char *slash = v.n ? memchr(v.p, '/', v.n) : NULL;
	if (slash == NULL || slash == v.p)
		return -ENOENT;
	const char *slash2 = memchr(slash + 1, '/', (size_t)(end - slash - 1));
	const char *rate_end = slash2 ? slash2 : end;
	if (view_to_u64((struct view){slash + 1, (size_t)(rate_end - slash - 1)}, UINT32_MAX,
		    &rate) != 0)
		return -ENOENT;
	if (slash2 != NULL && view_to_u64((struct view){slash2 + 1, (size_t)(end - slash2 - 1)},
				      255, &channels) != 0)
		return -ENOENT;
	*ret_map = (struct sdp_rtpmap){
		{v.p, (size_t)(slash - v.p)}, (uint32_t)rate, (uint32_t)channels};
	return 0;
}

int sdp_rtpmap(const struct sdp *sdp, unsigned int media_index, uint32_t payload_type,
	struct sdp_rtpmap *ret_map)
{
	const struct sdp_line *l;
	uint16_t pos = 0;
	while ((l = sdp_attr(sdp, (int)media_index, VIEW("rtpmap"), &pos)) != NULL) {
		struct view v = l->attr_value, number, encoding;
		uint64_t pt;
		if (word_take(&v, &number) && view_to_u64(number, 127, &pt) == 0 &&
			pt == payload_type && word_take(&v, &encoding))
			return encoding_parse(encoding, ret_map);
	}
	return static_rtpmap(payload_type, ret_map);
}

struct view sdp_fmtp(const struct sdp *sdp, unsigned int media_index, struct view format)
{
	const struct sdp_line *l;
	uint16_t pos = 0;
	while ((l = sdp_attr(sdp, (int)media_index, VIEW("fmtp"), &pos)) != NULL) {
		struct view v = l->attr_value, word;
		if (word_take(&v, &word) && view_eq(word, format))
			return view_trim(v);
	}
	return (struct view){NULL, 0};
}
