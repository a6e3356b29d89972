/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ladder.h. What far ends wrote is printed escaped, but for whole messages on request. */
#include "cli/grammar/ladder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMN 30 /* characters from one lifeline to the next */
#define BEFORE 22 /* of number and time, up to the first lifeline */

const char *ladder_transport(uint8_t transport)
{
	static const char *const words[] = {"?", "udp", "tcp", "tls", "ws", "wss"};

	return words[transport < sizeof(words) / sizeof(words[0]) ? transport : 0];
}

const char *ladder_leg(uint8_t leg)
{
	return leg == 0 ? "caller" : leg == 1 ? "called" : "unknown";
}

/* ---- reading messages ---- */

/* The line at *pos without its end; false: there is none, or the empty line before the body. */
static bool header_line(struct view *rest, struct view *ret)
{
	const char *stop = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = stop ? (size_t)(stop - rest->p) : rest->n;

	if (n == 0)
		return false;
	*ret = view_trim((struct view){rest->p, n});
	n += stop != NULL;
	*rest = (struct view){rest->p + n, rest->n - n};
	return ret->n > 0;
}

/* The value of a header field with a long and a one-letter name; empty: none. */
static struct view field(struct view msg, const char *name, char compact)
{
	size_t len = strlen(name);
	struct view line;

	while (header_line(&msg, &line)) {
		const char *colon = memchr(line.p, ':', line.n);
		struct view word = view_trim(
			(struct view){line.p, colon ? (size_t)(colon - line.p) : 0});

		if (colon && (view_eq_nocase(word, (struct view){name, len}) ||
				     (compact && word.n == 1 && (word.p[0] | 32) == compact)))
			return view_trim(
				(struct view){colon + 1, line.n - (size_t)(colon + 1 - line.p)});
	}
	return (struct view){"", 0};
}

static struct view start_line(const struct cli_trace_msg *msg)
{
	struct view rest = {msg->bytes, msg->n}, line = {"", 0};

	header_line(&rest, &line);
	return line;
}

static void put_plain(char *dst, size_t size, struct view text)
{
	size_t at = strlen(dst);

	for (size_t i = 0; i < text.n && at + 1 < size; i++)
		dst[at++] = text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?';
	dst[at] = '\0';
}

static void label_make(const struct cli_trace_msg *msg, struct ladder_row *row)
{
	struct view all = {msg->bytes, msg->n}, line = start_line(msg);
	struct view cseq = field(all, "CSeq", 0), type = field(all, "Content-Type", 'c');
	const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
	size_t word = blank ? (size_t)(blank - line.p) : line.n;
	bool response = line.n > 8 && strncasecmp(line.p, "SIP/2.0 ", 8) == 0;

	row->label[0] = '\0';
	row->sdp = type.n >= 15 && strncasecmp(type.p, "application/sdp", 15) == 0;
	put_plain(row->label, response ? 30 : sizeof(row->label),
		response ? (struct view){line.p + 8, line.n - 8} : (struct view){line.p, word});
	if (response) {
		const char *method = cseq.n ? memchr(cseq.p, ' ', cseq.n) : NULL;

		put_plain(row->label, 32, VIEW(" ("));
		if (method)
			put_plain(row->label, 42,
				(struct view){method + 1, cseq.n - (size_t)(method + 1 - cseq.p)});
		put_plain(row->label, sizeof(row->label), row->sdp ? VIEW(" SDP)") : VIEW(")"));
	} else if (row->sdp) {
		put_plain(row->label, sizeof(row->label), VIEW(" (SDP)"));
	}
}

/* ---- columns ---- */

static unsigned int end_of(struct ladder *l, const struct cli_trace_msg *msg)
{
	for (unsigned int i = 0; i < l->n_ends; i++) {
		if (l->ends[i].leg == msg->leg && ipaddr_equal(&l->ends[i].addr, &msg->remote))
			return i;
	}
	if (l->n_ends == LADDER_ENDS_MAX)
		return LADDER_ENDS_MAX - 1;
	l->ends[l->n_ends] = (struct ladder_end){msg->remote, msg->leg, msg->transport};
	return l->n_ends++;
}

/* Those of the caller's leg first; the order is that of their first messages otherwise. */
static void order_ends(struct ladder *l)
{
	struct ladder_end ends[LADDER_ENDS_MAX];
	unsigned int place[LADDER_ENDS_MAX], n = 0;

	for (unsigned int i = 0; i < l->n_ends; i++) {
		if (l->ends[i].leg == 0) {
			place[i] = n;
			ends[n++] = l->ends[i];
		}
	}
	l->n_left = n;
	for (unsigned int i = 0; i < l->n_ends; i++) {
		if (l->ends[i].leg != 0) {
			place[i] = n;
			ends[n++] = l->ends[i];
		}
	}
	memcpy(l->ends, ends, n * sizeof(ends[0]));
	for (unsigned int i = 0; i < l->trace->n; i++)
		l->rows[i].end = place[l->rows[i].end];
}

static bool was_there(const struct cli_trace *trace, unsigned int i)
{
	const struct cli_trace_msg *msg = &trace->msgs[i];

	for (unsigned int j = i; j-- > 0;) {
		const struct cli_trace_msg *old = &trace->msgs[j];

		if (old->n == msg->n && old->sent == msg->sent && old->leg == msg->leg &&
			memcmp(old->bytes, msg->bytes, msg->n) == 0)
			return true;
	}
	return false;
}

int ladder_make(const struct cli_trace *trace, struct ladder *ret_ladder)
{
	struct ladder l = {.trace = trace};

	l.rows = calloc(trace->n + 1, sizeof(*l.rows));
	if (!l.rows)
		return -ENOMEM;
	for (unsigned int i = 0; i < trace->n; i++) {
		label_make(&trace->msgs[i], &l.rows[i]);
		l.rows[i].end = end_of(&l, &trace->msgs[i]);
		l.rows[i].again = was_there(trace, i);
	}
	order_ends(&l);
	*ret_ladder = l;
	return 0;
}

void ladder_free(struct ladder *ladder)
{
	free(ladder->rows);
	ladder->rows = NULL;
}

/* The lifeline of an end, or of the box (end LADDER_ENDS_MAX), counted from the left. */
static unsigned int lifeline(const struct ladder *l, unsigned int end)
{
	if (end == LADDER_ENDS_MAX)
		return l->n_left;
	return end < l->n_left ? end : end + 1;
}

static double seconds(const struct ladder *l, unsigned int i)
{
	return (double)(int64_t)(l->trace->msgs[i].wall_us - l->trace->msgs[0].wall_us) / 1e6;
}

/* ---- text ---- */

/* text around the column, as far as it fits left of the next one. */
static void put_centred(char *line, size_t size, unsigned int column, const char *text)
{
	size_t n = strlen(text), at = column > n / 2 ? column - n / 2 : 0;

	if (n > COLUMN - 1)
		n = COLUMN - 1;
	for (size_t i = 0; i < n && at + i + 1 < size; i++)
		line[at + i] = text[i];
}

static void line_end(char *line, size_t size, struct buf *out)
{
	size_t n = size;

	while (n > 0 && line[n - 1] == ' ')
		n--;
	buf_add(out, line, n);
	buf_puts(out, "\n");
	memset(line, ' ', size);
}

static void put_arrow(const struct ladder *l, unsigned int i, char *line)
{
	const struct ladder_row *row = &l->rows[i];
	bool sent = l->trace->msgs[i].sent;
	unsigned int far = lifeline(l, row->end), box = lifeline(l, LADDER_ENDS_MAX);
	unsigned int from = BEFORE + COLUMN / 2 + (far < box ? far : box) * COLUMN;
	unsigned int to = BEFORE + COLUMN / 2 + (far < box ? box : far) * COLUMN;
	bool right = sent == (far > box);
	size_t n = strlen(row->label), room = to - from - 5;

	memset(line + from + 1, '-', to - from - 1);
	if (right)
		line[to - 1] = '>';
	else
		line[from + 1] = '<';
	if (n > room)
		n = room;
	memcpy(line + from + 3 + (room - n) / 2, row->label, n);
	if (row->again)
		line[right ? from + 1 : to - 1] = '*';
}

void ladder_text(const struct ladder *l, struct buf *out)
{
	char line[BEFORE + (LADDER_ENDS_MAX + 1) * COLUMN], text[IPADDR_TEXT_MAX + 8];
	unsigned int n_lines = l->n_ends + 1;
	size_t size = BEFORE + n_lines * COLUMN;
	bool again = false;

	memset(line, ' ', sizeof(line));
	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int e = 0; e < l->n_ends; e++) {
			if (pass == 0)
				ipaddr_print_port(&l->ends[e].addr, text);
			else
				snprintf(text, sizeof(text), "%s, %s", ladder_leg(l->ends[e].leg),
					ladder_transport(l->ends[e].transport));
			put_centred(
				line, size, BEFORE + COLUMN / 2 + lifeline(l, e) * COLUMN, text);
		}
		put_centred(line, size, BEFORE + COLUMN / 2 + lifeline(l, LADDER_ENDS_MAX) * COLUMN,
			pass == 0 ? "limen" : "");
		if (pass == 0)
			memcpy(line, " No.      Seconds", 17);
		line_end(line, size, out);
	}
	for (unsigned int i = 0; i < l->trace->n; i++) {
		int n = snprintf(text, sizeof(text), "%4u %12.6f", i + 1, seconds(l, i));

		memcpy(line, text, (size_t)n);
		for (unsigned int c = 0; c < n_lines; c++)
			line[BEFORE + COLUMN / 2 + c * COLUMN] = '|';
		put_arrow(l, i, line);
		again |= l->rows[i].again;
		line_end(line, size, out);
	}
	if (again)
		buf_puts(out, "* sent again: the same octets\n");
}

/* ---- messages ---- */

/* As `debug ccsip messages` prints them elsewhere: programs that draw ladders read this form. */
void ladder_message(const struct ladder *l, unsigned int number, struct buf *out)
{
	const struct cli_trace_msg *msg = &l->trace->msgs[number];
	char text[64], addr[2][IPADDR_TEXT_MAX];
	time_t s = (time_t)(msg->wall_us / 1000000);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%b %d %H:%M:%S", &tm);
	buf_printf(out, "%s.%06u: message %u of %u, leg %s, %s, %s %s %s\n%s\n", text,
		(unsigned int)(msg->wall_us % 1000000), number + 1, l->trace->n,
		ladder_leg(msg->leg), ladder_transport(msg->transport),
		ipaddr_print_port(&msg->local, addr[0]), msg->sent ? "to" : "from",
		ipaddr_print_port(&msg->remote, addr[1]), msg->sent ? "Sent:" : "Received:");
	/* Lines as they are, but nothing that would move a terminal. */
	for (uint32_t i = 0; i < msg->n; i++) {
		char c = msg->bytes[i];

		if (c == '\r' && i + 1 < msg->n && msg->bytes[i + 1] == '\n')
			continue;
		if (((unsigned char)c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			c = '?';
		buf_add(out, &c, 1);
	}
	if (msg->total > msg->n)
		buf_printf(out, "\n(cut: the message has %u octets)", msg->total);
	buf_puts(out, "\n");
}

/* What far ends sent need not be UTF-8, which JSON is. */
static json_t *text_json(const char *p, size_t n)
{
	json_t *json;
	char *copy = malloc(n + 1);

	if (!copy)
		return json_null();
	for (size_t i = 0; i < n;) {
		size_t len = view_utf8_len((struct view){p + i, n - i});

		if (len == 0 || p[i] == '\0') {
			copy[i++] = '?';
		} else {
			memcpy(copy + i, p + i, len);
			i += len;
		}
	}
	json = json_stringn(copy, n);
	free(copy);
	return json ? json : json_null();
}

json_t *ladder_json(const struct ladder *l)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < l->trace->n; i++) {
		const struct cli_trace_msg *msg = &l->trace->msgs[i];
		char local[IPADDR_TEXT_MAX], remote[IPADDR_TEXT_MAX];
		struct view line = start_line(msg);
		json_t *row = json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:b,s:b}", "number",
			(json_int_t)i + 1, "time_us", (json_int_t)msg->wall_us, "leg",
			ladder_leg(msg->leg), "direction", msg->sent ? "sent" : "received", "local",
			ipaddr_print_port(&msg->local, local), "remote",
			ipaddr_print_port(&msg->remote, remote), "transport",
			ladder_transport(msg->transport), "again", l->rows[i].again, "sdp",
			l->rows[i].sdp);

		json_object_set_new(row, "start_line", text_json(line.p, line.n));
		json_object_set_new(row, "message", text_json(msg->bytes, msg->n));
		json_array_append_new(array, row);
	}
	return array;
}

/* ---- SVG ---- */

#define SVG_COLUMN 260
#define SVG_ROW	   26
#define SVG_TOP	   90
#define SVG_LEFT   110

static void put_xml(struct buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '&')
			buf_puts(out, "&amp;");
		else if (c == '<')
			buf_puts(out, "&lt;");
		else if (c == '>')
			buf_puts(out, "&gt;");
		else if (c == '"')
			buf_puts(out, "&quot;");
		else if (c == '\r')
			continue;
		else if ((c < ' ' && c != '\n' && c != '\t') || c >= 0x7f)
			buf_puts(out, "?");
		else
			buf_add(out, p + i, 1);
	}
}

static unsigned int svg_x(const struct ladder *l, unsigned int end)
{
	return SVG_LEFT + SVG_COLUMN / 2 + lifeline(l, end) * SVG_COLUMN;
}

static void svg_row(const struct ladder *l, unsigned int i, struct buf *out)
{
	const struct cli_trace_msg *msg = &l->trace->msgs[i];
	unsigned int y = SVG_TOP + SVG_ROW * (i + 1);
	unsigned int far = svg_x(l, l->rows[i].end), box = svg_x(l, LADDER_ENDS_MAX);
	unsigned int from = msg->sent ? box : far, to = msg->sent ? far : box;
	const char *class = l->rows[i].again ? "again" : "first";

	buf_printf(out, "<g class=\"%s\"><title>", class);
	put_xml(out, msg->bytes, msg->n);
	buf_printf(out,
		"</title><text x=\"8\" y=\"%u\">%u</text>"
		"<text x=\"%u\" y=\"%u\" text-anchor=\"end\">%.6f</text>"
		"<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" marker-end=\"url(#head)\"/>"
		"<text x=\"%u\" y=\"%u\" text-anchor=\"middle\">",
		y, i + 1, SVG_LEFT, y, seconds(l, i), from, y, to, y, (from + to) / 2, y - 5);
	put_xml(out, l->rows[i].label, strlen(l->rows[i].label));
	buf_puts(out, "</text></g>\n");
}

void ladder_svg(const struct ladder *l, const char *title, struct buf *out)
{
	unsigned int width = SVG_LEFT + (l->n_ends + 1) * SVG_COLUMN;
	unsigned int height = SVG_TOP + SVG_ROW * (l->trace->n + 2);
	char text[IPADDR_TEXT_MAX];
	unsigned int y = 18;

	buf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"font-family=\"monospace\" font-size=\"12\">\n"
		"<style>line{stroke:#234;stroke-width:1.2} .life{stroke:#9ab} "
		".again line{stroke-dasharray:4 3} .box{font-weight:bold}</style>\n"
		"<defs><marker id=\"head\" markerWidth=\"9\" markerHeight=\"8\" refX=\"9\" "
		"refY=\"4\" orient=\"auto\"><path d=\"M0,0 L9,4 L0,8 z\" "
		"fill=\"#234\"/></marker></defs>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		width, height);
	while (*title) {
		size_t n = strcspn(title, "\n");

		buf_printf(out, "<text x=\"8\" y=\"%u\">", y);
		put_xml(out, title, n);
		buf_puts(out, "</text>\n");
		title += n + (title[n] != '\0');
		y += 16;
	}
	for (unsigned int e = 0; e <= l->n_ends; e++) {
		unsigned int end = e < l->n_ends ? e : LADDER_ENDS_MAX, x = svg_x(l, end);

		buf_printf(out,
			"<line class=\"life\" x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>"
			"<text class=\"box\" x=\"%u\" y=\"%u\" text-anchor=\"middle\">",
			x, SVG_TOP, x, height - 10, x, SVG_TOP - 22);
		buf_puts(out, e < l->n_ends ? ipaddr_print_port(&l->ends[e].addr, text) : "limen");
		buf_printf(out, "</text><text x=\"%u\" y=\"%u\" text-anchor=\"middle\">", x,
			SVG_TOP - 7);
		if (e < l->n_ends)
			buf_printf(out, "%s, %s", ladder_leg(l->ends[e].leg),
				ladder_transport(l->ends[e].transport));
		buf_puts(out, "</text>\n");
	}
	for (unsigned int i = 0; i < l->trace->n; i++)
		svg_row(l, i, out);
	buf_puts(out, "</svg>\n");
}
