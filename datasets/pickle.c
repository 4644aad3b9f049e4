/* SPDX-License-Identifier: Apache-2.0
 * The stack machine of the pickle format, without the parts that call code.
 * numpy's own calls (rebuilding an array from type, shape and bytes) are
 * recognised by name and done in pickle_numpy.c.
 */
#include "datasets/pickle_machine.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"

int pickle_fail(struct machine *m, const char *why)
{
	return err_set(m->err, ERR_FORMAT, "%s: byte %zu: %s", m->what, m->op_at, why);
}

int pickle_no_memory(struct machine *m)
{
	return err_set(m->err, ERR_NOMEM, "%s: no memory", m->what);
}

struct pickle_value *pickle_new(struct machine *m, enum pickle_kind kind)
{
	struct pickle_value *v;

	if (m->n_values++ >= PICKLE_VALUES) {
		err_set(m->err, ERR_LIMIT, "%s: more than %d values", m->what, PICKLE_VALUES);
		return NULL;
	}
	v = arena_array(m->mem, 1, sizeof(*v));
	if (!v) {
		pickle_no_memory(m);
		return NULL;
	}
	v->kind = kind;
	v->mark = -1;
	return v;
}

int pickle_push(struct machine *m, struct pickle_value *v)
{
	if (!v)
		return m->err->code;
	if (!GROW_ARRAY(m->stack, m->cap_stack, m->n_stack + 1))
		return pickle_no_memory(m);
	m->stack[m->n_stack++] = v;
	return 0;
}

/* The floor of the current frame: nothing below the last MARK may be popped. */
static size_t stack_floor(const struct machine *m)
{
	return m->n_mark ? m->mark[m->n_mark - 1] : 0;
}

static struct pickle_value *pop(struct machine *m)
{
	if (m->n_stack <= stack_floor(m)) {
		pickle_fail(m, "takes a value from an empty stack");
		return NULL;
	}
	return m->stack[--m->n_stack];
}

static struct pickle_value *top(struct machine *m)
{
	if (m->n_stack <= stack_floor(m)) {
		pickle_fail(m, "needs a value on the stack");
		return NULL;
	}
	return m->stack[m->n_stack - 1];
}

static int push_mark(struct machine *m)
{
	if (!GROW_ARRAY(m->mark, m->cap_mark, m->n_mark + 1))
		return pickle_no_memory(m);
	m->mark[m->n_mark++] = m->n_stack;
	return 0;
}

/* Removes the last MARK; *first is where the values above it begin. */
static int pop_mark(struct machine *m, size_t *first)
{
	if (!m->n_mark)
		return pickle_fail(m, "needs a mark on the stack");
	*first = m->mark[--m->n_mark];
	return 0;
}

const unsigned char *pickle_take(struct machine *m, uint64_t n)
{
	const unsigned char *p = m->data + m->pos;

	if (n > m->len - m->pos) {
		pickle_fail(m, "ends in the middle of a value; the file is cut short");
		return NULL;
	}
	m->pos += (size_t)n;
	return p;
}

int pickle_take_number(struct machine *m, int n, uint64_t *out)
{
	const unsigned char *p = pickle_take(m, (uint64_t)n);

	*out = 0;
	for (int i = n; p && i > 0; i--)
		*out = *out << 8 | p[i - 1];
	return p ? 0 : m->err->code;
}

char *pickle_take_line(struct machine *m)
{
	const unsigned char *p = m->data + m->pos;
	const unsigned char *nl = memchr(p, '\n', m->len - m->pos);
	char *line;

	if (!nl) {
		pickle_fail(m, "a line without an end; the file is cut short");
		return NULL;
	}
	if (memchr(p, 0, (size_t)(nl - p))) {
		pickle_fail(m, "a NUL byte in a line");
		return NULL;
	}
	m->pos += (size_t)(nl - p) + 1;
	line = arena_strndup(m->mem, (const char *)p, (size_t)(nl - p));
	if (!line)
		pickle_no_memory(m);
	return line;
}

struct pickle_value *pickle_new_data(struct machine *m, enum pickle_kind kind, const void *s,
				     size_t n)
{
	struct pickle_value *v;
	char *copy;

	if (kind == PICKLE_STR && utf8_check(s, n) != n) {
		pickle_fail(m, "a string is not UTF-8");
		return NULL;
	}
	v = pickle_new(m, kind);
	if (!v)
		return NULL;
	copy = arena_array(m->mem, n + 1, 1);
	if (!copy) {
		pickle_no_memory(m);
		return NULL;
	}
	if (n)
		memcpy(copy, s, n);
	v->u.data = copy;
	v->n = n;
	return v;
}

/* Room for at least `extra` more items of a container; the old block stays in the arena. */
static int grow_items(struct machine *m, struct pickle_value *v, size_t extra)
{
	size_t cap = v->cap ? v->cap : 4;
	struct pickle_value **item;

	if (v->cap - v->n >= extra)
		return 0;
	while (cap - v->n < extra)
		cap *= 2;
	item = arena_array(m->mem, cap, sizeof(struct pickle_value *));
	if (!item)
		return pickle_no_memory(m);
	if (v->n)
		memcpy(item, v->u.item, v->n * sizeof(*item));
	v->u.item = item;
	v->cap = cap;
	return 0;
}

/* Appends the stack's values from first on to v and drops them. */
static int append_from(struct machine *m, struct pickle_value *v, size_t first)
{
	size_t n = m->n_stack - first;

	if (grow_items(m, v, n))
		return m->err->code;
	if (n)
		memcpy(v->u.item + v->n, m->stack + first, n * sizeof(*m->stack));
	v->n += n;
	m->n_stack = first;
	return 0;
}

static bool can_be_key(const struct pickle_value *v)
{
	return v->kind == PICKLE_STR || v->kind == PICKLE_BYTES || v->kind == PICKLE_INT ||
	       v->kind == PICKLE_BOOL;
}

/* APPEND(S) and SETITEM(S): values from first on go into the container below them. */
static int extend(struct machine *m, enum pickle_kind kind, size_t first)
{
	struct pickle_value *v;

	if (first <= stack_floor(m))
		return pickle_fail(m, "adds items where no container is");
	v = m->stack[first - 1];
	if (v->kind != kind)
		return pickle_fail(m, kind == PICKLE_DICT
					      ? "sets items of something that is no dict"
					      : "appends to something that is no list");
	if (kind == PICKLE_DICT) {
		if ((m->n_stack - first) % 2)
			return pickle_fail(m, "a key without a value");
		for (size_t i = first; i < m->n_stack; i += 2)
			if (!can_be_key(m->stack[i]))
				return pickle_fail(m,
						   "a key that is neither text nor whole number");
	}
	return append_from(m, v, first);
}

/* The last n values (or those above the mark, n < 0) as one new container. */
static int collect(struct machine *m, enum pickle_kind kind, int n)
{
	struct pickle_value *v;
	size_t first = 0;

	if (n < 0) {
		if (pop_mark(m, &first))
			return m->err->code;
	} else if (m->n_stack - stack_floor(m) < (size_t)n) {
		return pickle_fail(m, "takes values from an empty stack");
	} else {
		first = m->n_stack - (size_t)n;
	}
	v = pickle_new(m, kind);
	if (!v)
		return m->err->code;
	if (kind == PICKLE_DICT && (m->n_stack - first) % 2)
		return pickle_fail(m, "a key without a value");
	for (size_t i = first; kind == PICKLE_DICT && i < m->n_stack; i += 2)
		if (!can_be_key(m->stack[i]))
			return pickle_fail(m, "a key that is neither text nor whole number");
	return append_from(m, v, first) ? m->err->code : pickle_push(m, v);
}

static int extend_marked(struct machine *m, enum pickle_kind kind)
{
	size_t first = 0;

	return pop_mark(m, &first) ? m->err->code : extend(m, kind, first);
}

/* A fixed number of values on top of a container: 1 for APPEND, 2 for SETITEM. */
static int extend_by(struct machine *m, enum pickle_kind kind, size_t n)
{
	if (m->n_stack - stack_floor(m) < n)
		return pickle_fail(m, "takes values from an empty stack");
	return extend(m, kind, m->n_stack - n);
}

/* Remembers the top of the stack under a number. */
static int memo_put(struct machine *m, uint64_t i)
{
	struct pickle_value *v = top(m);

	if (!v)
		return m->err->code;
	/* a writer numbers its memos without gaps; a hostile one must not order gigabytes */
	if (i > m->n_values)
		return pickle_fail(m, "a memo number far beyond the values so far");
	if (!GROW_ARRAY(m->memo, m->cap_memo, (size_t)i + 1))
		return pickle_no_memory(m);
	while (m->n_memo <= i)
		m->memo[m->n_memo++] = NULL;
	m->memo[i] = v;
	return 0;
}

static int memo_get(struct machine *m, uint64_t i)
{
	if (i >= m->n_memo || !m->memo[i])
		return pickle_fail(m, "a memo number that was never stored");
	return pickle_push(m, m->memo[i]);
}

static int memo_text(struct machine *m, bool put)
{
	char *s = pickle_take_line(m);
	struct err own = { 0 };
	int64_t i;

	if (!s)
		return m->err->code;
	if (parse_i64(s, 0, PICKLE_VALUES, "memo", &i, &own))
		return pickle_fail(m, "a memo number that cannot be read");
	return put ? memo_put(m, (uint64_t)i) : memo_get(m, (uint64_t)i);
}

static int memo_binary(struct machine *m, int width, bool put)
{
	uint64_t i;

	if (pickle_take_number(m, width, &i))
		return m->err->code;
	return put ? memo_put(m, i) : memo_get(m, i);
}

static int op_global(struct machine *m, bool from_stack)
{
	const char *module, *name;

	if (from_stack) {
		struct pickle_value *b = pop(m), *a = b ? pop(m) : NULL;

		module = pickle_text(a);
		name = pickle_text(b);
		if (a && b && (!module || !name))
			pickle_fail(m, "a name that is no text");
	} else {
		module = pickle_take_line(m);
		name = module ? pickle_take_line(m) : NULL;
	}
	return module && name ? pickle_push(m, pickle_global(m, module, name)) : m->err->code;
}

static int op_reduce(struct machine *m)
{
	struct pickle_value *args = pop(m), *f = args ? pop(m) : NULL;

	return f ? pickle_push(m, pickle_call(m, f, args)) : m->err->code;
}

static int op_build(struct machine *m)
{
	struct pickle_value *state = pop(m), *v = state ? top(m) : NULL;

	return v ? pickle_build(m, v, state) : m->err->code;
}

static int op_pop_mark(struct machine *m)
{
	size_t first = 0;

	if (pop_mark(m, &first))
		return m->err->code;
	m->n_stack = first;
	return 0;
}

static int op_header(struct machine *m, bool frame)
{
	uint64_t n;

	if (pickle_take_number(m, frame ? 8 : 1, &n))
		return m->err->code;
	if (frame && n > m->len - m->pos)
		return pickle_fail(m, "a frame longer than the file; the file is cut short");
	if (!frame && n > 4)
		return pickle_fail(m, "a protocol above 4; write the file with protocol=4");
	return 0;
}

static int run_memo_op(struct machine *m, unsigned char op)
{
	switch (op) {
	case 'p':
		return memo_text(m, true);
	case 'q':
		return memo_binary(m, 1, true);
	case 'r':
		return memo_binary(m, 4, true);
	case 'g':
		return memo_text(m, false);
	case 'h':
		return memo_binary(m, 1, false);
	case 'j':
		return memo_binary(m, 4, false);
	case 0x94:
		return memo_put(m, m->n_memo);
	case 'c':
		return op_global(m, false);
	case 0x93:
		return op_global(m, true);
	case 'R':
		return op_reduce(m);
	case 'b':
		return op_build(m);
	case 0x80:
		return op_header(m, false);
	case 0x95:
		return op_header(m, true);
	default:
		return pickle_run_scalar(m, op);
	}
}

static int run_op(struct machine *m, unsigned char op)
{
	switch (op) {
	case '(':
		return push_mark(m);
	case '0':
		return pop(m) ? 0 : m->err->code;
	case '1':
		return op_pop_mark(m);
	case '2':
		return top(m) ? pickle_push(m, top(m)) : m->err->code;
	case 'N':
		return pickle_push(m, pickle_new(m, PICKLE_NONE));
	case ']':
		return pickle_push(m, pickle_new(m, PICKLE_LIST));
	case 'l':
		return collect(m, PICKLE_LIST, -1);
	case '}':
		return pickle_push(m, pickle_new(m, PICKLE_DICT));
	case 'd':
		return collect(m, PICKLE_DICT, -1);
	case ')':
		return pickle_push(m, pickle_new(m, PICKLE_TUPLE));
	case 't':
		return collect(m, PICKLE_TUPLE, -1);
	case 0x85:
	case 0x86:
	case 0x87:
		return collect(m, PICKLE_TUPLE, op - 0x84);
	case 'a':
		return extend_by(m, PICKLE_LIST, 1);
	case 'e':
		return extend_marked(m, PICKLE_LIST);
	case 's':
		return extend_by(m, PICKLE_DICT, 2);
	case 'u':
		return extend_marked(m, PICKLE_DICT);
	default:
		return run_memo_op(m, op);
	}
}

/* Depth of nesting below v; refuses what is too deep, cycles, and half-built arrays. */
static int measure(struct machine *m, struct pickle_value *v, int depth)
{
	bool container =
		v->kind == PICKLE_LIST || v->kind == PICKLE_TUPLE || v->kind == PICKLE_DICT;
	int below = 0;

	if (v->mark < 0 && depth < PICKLE_DEPTH && container)
		for (size_t i = 0; i < v->n; i++) {
			if (measure(m, v->u.item[i], depth + 1))
				return m->err->code;
			if (v->u.item[i]->mark + 1 > below)
				below = v->u.item[i]->mark + 1;
		}
	if (v->mark < 0)
		v->mark = below;
	if (depth + v->mark >= PICKLE_DEPTH)
		return err_set(m->err, ERR_LIMIT, "%s: nested deeper than %d levels", m->what,
			       PICKLE_DEPTH);
	if (v->kind == PICKLE_GLOBAL || v->kind == PICKLE_DTYPE ||
	    (v->kind == PICKLE_ARRAY && !v->u.array->data))
		return pickle_fail(m, "a part of an array that stands alone");
	return 0;
}

static void machine_free(struct machine *m)
{
	free(m->stack);
	free(m->mark);
	free(m->memo);
}

int pickle_parse(struct pickle *p, const void *data, size_t len, const char *what, struct err *err)
{
	struct machine m = { .data = data, .len = len, .what = what, .mem = &p->mem, .err = err };
	struct pickle_value *root = NULL;

	*p = (struct pickle){ 0 };
	for (;;) {
		unsigned char op;

		m.op_at = m.pos;
		if (m.pos == m.len) {
			pickle_fail(&m, "ends before its STOP; the file is cut short");
			break;
		}
		op = m.data[m.pos++];
		if (op == '.') {
			root = m.n_mark ? NULL : pop(&m);
			if (m.n_mark)
				pickle_fail(&m, "stops with an open mark");
			break;
		}
		if (run_op(&m, op))
			break;
	}
	if (root && m.pos != m.len)
		pickle_fail(&m, "bytes after its STOP");
	if (root && !err->code)
		measure(&m, root, 0);
	machine_free(&m);
	if (err->code)
		pickle_free(p);
	else
		p->root = root;
	return err->code;
}

int pickle_read(struct pickle *p, const char *path, size_t max, struct err *err)
{
	char *buf;
	size_t len;

	*p = (struct pickle){ 0 };
	if (io_read_file(path, max, &buf, &len, err))
		return err->code;
	pickle_parse(p, buf, len, path, err);
	free(buf);
	return err->code;
}

void pickle_free(struct pickle *p)
{
	arena_free(&p->mem);
	p->root = NULL;
}
