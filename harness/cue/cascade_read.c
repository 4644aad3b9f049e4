/* SPDX-License-Identifier: Apache-2.0
 * A cascade from XML: elements are taken by the path that leads to them, every
 * number is checked against what it refers to, then the features move into the nodes.
 */
#include "harness/cue/cascade.h"

#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/cue/cascade_parts.h"

enum {
	MAX_BYTES = 16 << 20,
	MAX_DEPTH = 12,
	MAX_NAME = 24,
	MAX_TEXT = 4096,     /* bytes of one element's text */
	MAX_ITEMS = 1 << 17, /* trees, nodes, leaves, features each */
	MAX_TERMS = 8 * MAX_ITEMS,
	MAX_NUMBERS = 4 * CASCADE_TREE_MAX, /* of one element */
	MIN_WINDOW = 8,
};

struct rect {
	int x, y, w, h;
	float weight;
};

struct feature {
	struct rect rect[CASCADE_RECTS];
	int n;
};

struct reading {
	XML_Parser parser;
	const char *name;
	struct err *err;
	struct cascade *c;
	size_t cap_stage, cap_tree, cap_node, cap_term, cap_leaf;
	struct feature *feature;
	int *asks; /* (nodes) the feature of each */
	size_t features, cap_feature, cap_asks;
	char path[MAX_DEPTH][MAX_NAME];
	int depth;
	char text[MAX_TEXT];
	size_t len;
	bool haar;
};

static void refuse(struct reading *r, const char *what)
{
	err_set(r->err, ERR_FORMAT, "%s:%lu: %s", r->name,
		(unsigned long)XML_GetCurrentLineNumber(r->parser), what);
	XML_StopParser(r->parser, XML_FALSE);
}

static void no_memory(struct reading *r)
{
	err_set(r->err, ERR_NOMEM, "%s: no memory", r->name);
	XML_StopParser(r->parser, XML_FALSE);
}

/* The numbers of the element's text; refuses anything else.  Returns how many, or -1. */
static int numbers(struct reading *r, double *out, int max)
{
	char *at = r->text, *end;
	int n = 0;

	for (;; at = end) {
		at += strspn(at, " \t\r\n");
		if (!*at)
			return n;
		if (n == max) {
			refuse(r, "more numbers than can be");
			return -1;
		}
		out[n] = strtod(at, &end);
		if (end == at || !isfinite(out[n]) || fabs(out[n]) > 1e9) {
			refuse(r, "not a number");
			return -1;
		}
		n++;
	}
}

static bool number(struct reading *r, double *out)
{
	const int n = numbers(r, out, 1);

	if (n == 0)
		refuse(r, "a number is missing");
	return n == 1;
}

static bool whole(double v, double lo, double hi)
{
	return v >= lo && v <= hi && v == floor(v);
}

static void take_side(struct reading *r, int *out)
{
	double v;

	if (!number(r, &v))
		return;
	if (!whole(v, MIN_WINDOW, CASCADE_SIDE_MAX))
		refuse(r, "windows of 8 to 128 pixels a side are known");
	else
		*out = (int)v;
}

/* In the file a leaf is minus its number, and no child is the root. */
static int child(double v)
{
	return v > 0 ? (int)v : ~(int)-v;
}

static void take_nodes(struct reading *r)
{
	struct cascade *c = r->c;
	double v[MAX_NUMBERS];
	const int n = numbers(r, v, MAX_NUMBERS) / 4 * 4;

	if (r->err->code)
		return;
	if (n == 0 || c->nodes + (size_t)n / 4 > MAX_ITEMS) {
		refuse(r, "a tree of no nodes, or too many nodes");
		return;
	}
	if (!GROW_ARRAY(c->node, r->cap_node, c->nodes + (size_t)n / 4) ||
	    !GROW_ARRAY(r->asks, r->cap_asks, c->nodes + (size_t)n / 4)) {
		no_memory(r);
		return;
	}
	for (int i = 0; i < n; i += 4) {
		/* a child comes later in its tree: no walk can go in circles */
		for (int k = 0; k < 2; k++)
			if (!whole(v[i + k], -MAX_NUMBERS, n / 4 - 1) ||
			    (v[i + k] > 0 && v[i + k] <= i / 4)) {
				refuse(r, "a node leads nowhere");
				return;
			}
		if (!whole(v[i + 2], 0, MAX_ITEMS)) {
			refuse(r, "a feature has a number from 0");
			return;
		}
		r->asks[c->nodes] = (int)v[i + 2];
		c->node[c->nodes++] =
			(struct cascade_node){ .threshold = (float)v[i + 3],
					       .child = { child(v[i]), child(v[i + 1]) } };
	}
}

static void take_leaves(struct reading *r)
{
	struct cascade *c = r->c;
	double v[MAX_NUMBERS];
	const int n = numbers(r, v, MAX_NUMBERS);

	if (r->err->code)
		return;
	if (c->leaves + (size_t)n > MAX_ITEMS) {
		refuse(r, "too many leaves");
		return;
	}
	if (!GROW_ARRAY(c->leaf, r->cap_leaf, c->leaves + (size_t)n)) {
		no_memory(r);
		return;
	}
	for (int i = 0; i < n; i++)
		c->leaf[c->leaves++] = (float)v[i];
}

/* Both answers of a tree that asks once or twice are known beforehand. */
static void put_answers(const struct cascade *c, struct cascade_tree *t)
{
	const struct cascade_node *n = &c->node[t->node];
	const float *leaf = c->leaf + t->leaf;

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++) {
			const int32_t way = n[0].child[i] > 0 ? n[1].child[k] : n[0].child[i];

			t->answer[i][k] = leaf[~way];
		}
}

/* A tree is complete: its nodes must find their leaves. */
static void end_tree(struct reading *r)
{
	struct cascade *c = r->c;
	struct cascade_tree *t = &c->tree[c->trees];
	const int leaves = (int)c->leaves - t->leaf;

	if ((size_t)t->node == c->nodes)
		refuse(r, "a tree without internalNodes");
	for (size_t i = (size_t)t->node; i < c->nodes && !r->err->code; i++)
		for (int k = 0; k < 2; k++)
			if (~c->node[i].child[k] >= leaves)
				refuse(r, "a node's leaf is missing from leafValues");
	t->nodes = (int)c->nodes - t->node;
	if (t->nodes > CASCADE_TREE_MAX)
		refuse(r, "a tree of over 64 nodes");
	if (!r->err->code && t->nodes <= 2)
		put_answers(c, t);
	c->trees++;
	c->stage[c->stages].trees++;
}

static void begin_tree(struct reading *r)
{
	struct cascade *c = r->c;

	if (c->trees >= MAX_ITEMS)
		refuse(r, "too many trees");
	else if (!GROW_ARRAY(c->tree, r->cap_tree, c->trees + 1))
		no_memory(r);
	else
		c->tree[c->trees] =
			(struct cascade_tree){ .node = (int)c->nodes, .leaf = (int)c->leaves };
}

static void begin_stage(struct reading *r)
{
	struct cascade *c = r->c;

	if (c->stages >= MAX_ITEMS)
		refuse(r, "too many stages");
	else if (!GROW_ARRAY(c->stage, r->cap_stage, c->stages + 1))
		no_memory(r);
	else
		c->stage[c->stages] = (struct cascade_stage){ (int)c->trees, 0, NAN };
}

static void end_stage(struct reading *r)
{
	struct cascade *c = r->c;

	if (!c->stage[c->stages].trees || isnan(c->stage[c->stages].threshold))
		refuse(r, "a stage without trees or stageThreshold");
	c->stages++;
}

static void begin_feature(struct reading *r)
{
	if (r->features >= MAX_ITEMS)
		refuse(r, "too many features");
	else if (!GROW_ARRAY(r->feature, r->cap_feature, r->features + 1))
		no_memory(r);
	else
		r->feature[r->features] = (struct feature){ .n = 0 };
}

static void take_rect(struct reading *r)
{
	struct feature *f = &r->feature[r->features];
	const struct cascade *c = r->c;
	double v[5];
	const int n = numbers(r, v, 5);

	if (r->err->code)
		return;
	if (n != 5 || f->n == CASCADE_RECTS || !whole(v[0], 0, c->width - 1) ||
	    !whole(v[1], 0, c->height - 1) || !whole(v[2], 1, c->width - v[0]) ||
	    !whole(v[3], 1, c->height - v[1])) {
		refuse(r, "a rectangle is x y width height weight inside the window, three at "
			  "most");
		return;
	}
	f->rect[f->n++] = (struct rect){ (int)v[0], (int)v[1], (int)v[2], (int)v[3], (float)v[4] };
}

static void take_tilted(struct reading *r)
{
	double v;

	if (number(r, &v) && v != 0)
		refuse(r, "tilted features are not known");
}

static void take_threshold(struct reading *r)
{
	double v;

	if (number(r, &v)) /* the slack that sums in single precision need */
		r->c->stage[r->c->stages].threshold = (float)(v - 1e-5);
}

static void take_kind(struct reading *r)
{
	r->haar = !strcmp(r->text, "HAAR");
	if (!r->haar)
		refuse(r, "featureType is not HAAR");
}

/* What is done at elements; paths below the root, with * for the name "_" of list items. */
static void take_width(struct reading *r)
{
	take_side(r, &r->c->width);
}

static void take_height(struct reading *r)
{
	take_side(r, &r->c->height);
}

static void end_feature(struct reading *r)
{
	if (!r->feature[r->features].n)
		refuse(r, "a feature without rects");
	r->features++;
}

static const struct {
	const char *path;
	void (*begin)(struct reading *r);
	void (*end)(struct reading *r);
} element[] = {
	{ "cascade/featureType", NULL, take_kind },
	{ "cascade/width", NULL, take_width },
	{ "cascade/height", NULL, take_height },
	{ "cascade/stages/_", begin_stage, end_stage },
	{ "cascade/stages/_/stageThreshold", NULL, take_threshold },
	{ "cascade/stages/_/weakClassifiers/_", begin_tree, end_tree },
	{ "cascade/stages/_/weakClassifiers/_/internalNodes", NULL, take_nodes },
	{ "cascade/stages/_/weakClassifiers/_/leafValues", NULL, take_leaves },
	{ "cascade/features/_", begin_feature, end_feature },
	{ "cascade/features/_/rects/_", NULL, take_rect },
	{ "cascade/features/_/tilted", NULL, take_tilted },
};

/* Is the open element at this path? */
static bool here(const struct reading *r, const char *path)
{
	for (int i = 1; i < r->depth; i++) {
		const size_t n = strlen(r->path[i]);

		if (strncmp(path, r->path[i], n) != 0 || path[n] != (i + 1 < r->depth ? '/' : '\0'))
			return false;
		path += n + 1;
	}
	return r->depth > 1;
}

static void XMLCALL on_begin(void *ctx, const XML_Char *name, const XML_Char **attr)
{
	struct reading *r = ctx;

	(void)attr;
	if (r->err->code)
		return;
	if (r->depth == MAX_DEPTH || strlen(name) >= MAX_NAME) {
		refuse(r, "not a cascade of OpenCV: elements too deep, or names too long");
		return;
	}
	memcpy(r->path[r->depth++], name, strlen(name) + 1);
	r->len = 0;
	for (size_t i = 0; i < ARRAY_LEN(element); i++)
		if (element[i].begin && here(r, element[i].path))
			element[i].begin(r);
}

static void XMLCALL on_text(void *ctx, const XML_Char *s, int n)
{
	struct reading *r = ctx;

	if (r->err->code)
		return;
	if (r->len + (size_t)n >= MAX_TEXT) {
		refuse(r, "an element with over 4 KB of text");
		return;
	}
	memcpy(r->text + r->len, s, (size_t)n);
	r->len += (size_t)n;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
	struct reading *r = ctx;

	(void)name;
	if (r->err->code)
		return;
	r->text[r->len] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(element) && !r->err->code; i++)
		if (here(r, element[i].path))
			element[i].end(r);
	r->depth--;
	r->len = 0;
}

static struct cascade_term make_term(const struct cascade *c, const struct rect *q)
{
	const int x[2] = { q->x, q->x + q->w }, y[2] = { q->y, q->y + q->h };
	struct cascade_term t = { .weight = q->weight };

	for (int i = 0; i < 4; i++) {
		t.corner[i] = cascade_at(x[i % 2], y[i / 2]);
		t.packed[i] = cascade_packed_at(c->width, x[i % 2], y[i / 2]);
	}
	return t;
}

static int add_term(struct reading *r, struct cascade_node *node, const struct rect *q)
{
	struct cascade *c = r->c;

	if (node && !node->two[1].weight) {
		node->two[node->two[0].weight != 0] = make_term(c, q);
		return 0;
	}
	if (c->terms == MAX_TERMS)
		return err_set(r->err, ERR_FORMAT, "%s: too many, or too large rectangles",
			       r->name);
	if (!GROW_ARRAY(c->term, r->cap_term, c->terms + 1))
		return err_set(r->err, ERR_NOMEM, "%s: no memory", r->name);
	c->term[c->terms++] = make_term(c, q);
	return 0;
}

/* Whole rows of the rectangle, as many as a piece may have (no window is wider than that).
 * node NULL: none asks for it. */
static int add_terms(struct reading *r, struct cascade_node *node, struct rect q)
{
	const int end = q.y + q.h, rows = CASCADE_PIECE / q.w;

	for (; q.weight != 0 && q.y < end && !r->err->code; q.y += rows) {
		q.h = end - q.y < rows ? end - q.y : rows;
		add_term(r, node, &q);
	}
	return r->err->code;
}

/* Features move into the nodes that ask for them. */
static int settle(struct reading *r, bool mirrored)
{
	struct cascade *c = r->c;

	if (add_terms(r, NULL, (struct rect){ 1, 1, c->width - 2, c->height - 2, 1 }))
		return r->err->code;
	c->inner_terms = (int32_t)c->terms;
	for (size_t i = 0; i < c->nodes; i++) {
		struct cascade_node *node = &c->node[i];
		const struct feature *f;

		if ((size_t)r->asks[i] >= r->features)
			return err_set(r->err, ERR_FORMAT, "%s: feature %d of %zu is asked for",
				       r->name, r->asks[i], r->features);
		f = &r->feature[r->asks[i]];
		node->term = (int32_t)c->terms;
		for (int k = 0; k < f->n; k++) {
			struct rect q = f->rect[k];

			q.x = mirrored ? c->width - q.x - q.w : q.x;
			if (add_terms(r, node, q))
				return r->err->code;
		}
		node->terms = (int32_t)c->terms - node->term;
	}
	return 0;
}

struct cascade *cascade_parse(const char *data, size_t len, const char *name, bool mirrored,
			      struct err *err)
{
	struct reading r = { .parser = XML_ParserCreate(NULL), .name = name, .err = err };

	if (!r.parser || !NEW_ARRAY(r.c, 1)) {
		err_set(err, ERR_NOMEM, "%s: no memory", name);
	} else if (len > MAX_BYTES) {
		err_set(err, ERR_LIMIT, "%s: over 16 MB", name);
	} else {
		XML_SetUserData(r.parser, &r);
		XML_SetElementHandler(r.parser, on_begin, on_end);
		XML_SetCharacterDataHandler(r.parser, on_text);
		if (XML_Parse(r.parser, data, (int)len, 1) != XML_STATUS_OK && !err->code)
			refuse(&r, XML_ErrorString(XML_GetErrorCode(r.parser)));
		if (!err->code && (!r.haar || !r.c->width || !r.c->height || !r.c->stages))
			err_set(err, ERR_FORMAT,
				"%s: not a cascade of Haar features: featureType, width, height "
				"and stages are needed",
				name);
		if (!err->code)
			settle(&r, mirrored);
		hash_hex(data, len, r.c->hash);
	}
	if (r.parser)
		XML_ParserFree(r.parser);
	free(r.feature);
	free(r.asks);
	if (err->code) {
		cascade_free(r.c);
		return NULL;
	}
	return r.c;
}

struct cascade *cascade_load(const char *path, bool mirrored, struct err *err)
{
	struct cascade *c = NULL;
	char *data;
	size_t len;

	if (!io_read_file(path, MAX_BYTES, &data, &len, err))
		c = cascade_parse(data, len, path, mirrored, err);
	free(data);
	return c;
}

const char *cascade_hash(const struct cascade *c)
{
	return c->hash;
}

void cascade_free(struct cascade *c)
{
	if (!c)
		return;
	free(c->stage);
	free(c->tree);
	free(c->node);
	free(c->term);
	free(c->leaf);
	free(c);
}
