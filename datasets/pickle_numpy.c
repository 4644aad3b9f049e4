/* SPDX-License-Identifier: Apache-2.0
 * numpy inside pickles: element types, arrays and scalars rebuilt from their
 * recorded parts, without numpy and without calling anything.  Also how values are looked up.
 */
#include "datasets/pickle_machine.h"

#include <math.h>
#include <string.h>

#include "harness/base/str.h"

enum known_global {
	GLOBAL_RECONSTRUCT,
	GLOBAL_NDARRAY,
	GLOBAL_DTYPE,
	GLOBAL_SCALAR,
	GLOBAL_ENCODE,
};

static const struct {
	const char *module, *name;
	enum known_global id;
} globals[] = {
	{ "numpy.core.multiarray", "_reconstruct", GLOBAL_RECONSTRUCT },
	{ "numpy._core.multiarray", "_reconstruct", GLOBAL_RECONSTRUCT },
	{ "numpy", "ndarray", GLOBAL_NDARRAY },
	{ "numpy", "dtype", GLOBAL_DTYPE },
	{ "numpy.core.multiarray", "scalar", GLOBAL_SCALAR },
	{ "numpy._core.multiarray", "scalar", GLOBAL_SCALAR },
	/* how Python 3 writes bytes in protocols 0 to 2 */
	{ "_codecs", "encode", GLOBAL_ENCODE },
};

struct pickle_value *pickle_global(struct machine *m, const char *module, const char *name)
{
	struct pickle_value *v = NULL;
	size_t i = 0;

	if (utf8_check(module, strlen(module)) != strlen(module) ||
	    utf8_check(name, strlen(name)) != strlen(name)) {
		pickle_fail(m, "a name that is no text");
		return NULL;
	}
	while (i < ARRAY_LEN(globals) &&
	       (strcmp(globals[i].module, module) || strcmp(globals[i].name, name)))
		i++;
	if (i == ARRAY_LEN(globals)) {
		err_set(m->err, ERR_FORMAT,
			"%s: byte %zu: refuses to load %.80s.%.80s (only plain data and numpy "
			"arrays are read)",
			m->what, m->op_at, module, name);
		return NULL;
	}
	v = pickle_new(m, PICKLE_GLOBAL);
	if (v)
		v->u.integer = globals[i].id;
	return v;
}

static struct pickle_value *new_array(struct machine *m, enum pickle_kind kind)
{
	struct pickle_value *v = pickle_new(m, kind);

	if (!v)
		return NULL;
	v->u.array = arena_array(m->mem, 1, sizeof(*v->u.array));
	if (v->u.array)
		return v;
	err_set(m->err, ERR_NOMEM, "%s: no memory", m->what);
	return NULL;
}

static struct pickle_value *fail_value(struct machine *m, const char *why)
{
	pickle_fail(m, why);
	return NULL;
}

/* dtype('f4', …): kind and size; the byte order follows by BUILD. */
static struct pickle_value *call_dtype(struct machine *m, const struct pickle_value *args)
{
	const char *s = pickle_text(pickle_at(args, 0));
	struct pickle_value *v;

	if (!s || strlen(s) != 2 || !strchr("iufb", s[0]) || !strchr("1248", s[1]) ||
	    (s[0] == 'f' && s[1] == '1') || (s[0] == 'b' && s[1] != '1'))
		return fail_value(m,
				  "an array type that is not read (numbers of 1 to 8 bytes are)");
	v = new_array(m, PICKLE_DTYPE);
	if (v) {
		v->u.array->type = s[0];
		v->u.array->size = s[1] - '0';
	}
	return v;
}

static struct pickle_value *call_scalar(struct machine *m, const struct pickle_value *args)
{
	const struct pickle_value *type = pickle_at(args, 0), *bytes = pickle_at(args, 1);
	struct pickle_array one;
	struct pickle_value *v;
	double d;

	if (!type || type->kind != PICKLE_DTYPE || !bytes || bytes->kind != PICKLE_BYTES ||
	    bytes->n != (size_t)type->u.array->size)
		return fail_value(m, "a numpy scalar that cannot be read");
	one = *type->u.array;
	one.data = (const unsigned char *)bytes->u.data;
	d = pickle_array_get(&one, 0);
	v = pickle_new(m, one.type == 'f'   ? PICKLE_FLOAT
			  : one.type == 'b' ? PICKLE_BOOL
					    : PICKLE_INT);
	if (v && one.type == 'f')
		v->u.number = d;
	else if (v && (fabs(d) <= 9007199254740992.0))
		v->u.integer = (int64_t)d;
	else if (v)
		return fail_value(m, "a numpy scalar beyond 53 bits");
	return v;
}

/* encode(text, 'latin1'): the bytes whose values are the code points. */
static struct pickle_value *call_encode(struct machine *m, const struct pickle_value *args)
{
	const struct pickle_value *text = pickle_at(args, 0);
	const char *codec = pickle_text(pickle_at(args, 1));
	struct strbuf b = { 0 };
	struct pickle_value *v;

	if (!text || text->kind != PICKLE_STR || !codec || strcmp(codec, "latin1"))
		return fail_value(m, "encode() of something other than latin1 text");
	for (size_t i = 0, len; i < text->n; i += len) {
		int32_t cp = utf8_decode(text->u.data + i, text->n - i, &len);

		if (cp < 0 || cp > 255) {
			strbuf_free(&b);
			return fail_value(m, "latin1 text with a sign beyond it");
		}
		strbuf_addc(&b, (char)cp);
	}
	v = b.oom ? fail_value(m, "no memory")
		  : pickle_new_data(m, PICKLE_BYTES, strbuf_str(&b), b.len);
	strbuf_free(&b);
	return v;
}

struct pickle_value *pickle_call(struct machine *m, const struct pickle_value *f,
				 const struct pickle_value *args)
{
	if (f->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
		return fail_value(m, "calls something that is no function");
	switch ((enum known_global)f->u.integer) {
	case GLOBAL_RECONSTRUCT: /* shape, type and data follow by BUILD */
		return new_array(m, PICKLE_ARRAY);
	case GLOBAL_DTYPE:
		return call_dtype(m, args);
	case GLOBAL_SCALAR:
		return call_scalar(m, args);
	case GLOBAL_ENCODE:
		return call_encode(m, args);
	case GLOBAL_NDARRAY:
		break;
	}
	return fail_value(m, "calls numpy.ndarray");
}

/* Whether numbers are stored here with the lowest byte first. */
static bool little_endian(void)
{
	const uint16_t one = 1;
	unsigned char first;

	memcpy(&first, &one, 1);
	return first == 1;
}

/* State (3, '<', None, None, None, -1, -1, 0): the byte order. */
static int build_dtype(struct machine *m, struct pickle_value *v, const struct pickle_value *state)
{
	const char *order = pickle_text(pickle_at(state, 1));

	if (!order || strlen(order) != 1 || !strchr("<>|=", *order))
		return pickle_fail(m, "an array type without a byte order");
	for (size_t i = 2; i < 5; i++)
		if (pickle_at(state, i) && pickle_at(state, i)->kind != PICKLE_NONE)
			return pickle_fail(m, "an array type with parts (records are not read)");
	v->u.array->swapped = *order == (little_endian() ? '>' : '<') && v->u.array->size > 1;
	return 0;
}

/* State (1, shape, dtype, fortran, bytes). */
static int build_array(struct machine *m, struct pickle_value *v, const struct pickle_value *state)
{
	const struct pickle_value *shape = pickle_at(state, 1), *type = pickle_at(state, 2);
	const struct pickle_value *bytes = pickle_at(state, 4);
	struct pickle_array a;
	int64_t fortran;
	size_t total;

	if (!shape || shape->kind != PICKLE_TUPLE || shape->n > PICKLE_DIMS || !type ||
	    type->kind != PICKLE_DTYPE || !pickle_int(pickle_at(state, 3), &fortran))
		return pickle_fail(m, "an array without its shape and type");
	if (!bytes || bytes->kind != PICKLE_BYTES)
		return pickle_fail(m, "an array whose elements are objects");
	a = *type->u.array;
	a.fortran = fortran != 0;
	a.n_dim = (int)shape->n;
	total = (size_t)a.size;
	for (int i = 0; i < a.n_dim; i++)
		if (!pickle_int(pickle_at(shape, (size_t)i), &a.dim[i]) || a.dim[i] < 0 ||
		    !size_mul(total, (size_t)a.dim[i], &total))
			return pickle_fail(m, "an array of impossible size");
	if (total != bytes->n)
		return pickle_fail(m, "an array whose data is not as long as its shape says");
	a.count = (int64_t)(total / (size_t)a.size);
	a.data = (const unsigned char *)bytes->u.data;
	*v->u.array = a;
	return 0;
}

int pickle_build(struct machine *m, struct pickle_value *v, const struct pickle_value *state)
{
	if (state->kind != PICKLE_TUPLE)
		return pickle_fail(m, "sets a state that is no tuple");
	if (v->kind == PICKLE_DTYPE)
		return build_dtype(m, v, state);
	if (v->kind == PICKLE_ARRAY)
		return build_array(m, v, state);
	return pickle_fail(m, "sets the state of something that is no array");
}

static bool is_list(const struct pickle_value *v)
{
	return v && (v->kind == PICKLE_LIST || v->kind == PICKLE_TUPLE);
}

const struct pickle_value *pickle_at(const struct pickle_value *v, size_t i)
{
	return is_list(v) && i < v->n ? v->u.item[i] : NULL;
}

size_t pickle_size(const struct pickle_value *v)
{
	if (is_list(v))
		return v->n;
	return v && v->kind == PICKLE_DICT ? v->n / 2 : 0;
}

const struct pickle_value *pickle_key(const struct pickle_value *dict, size_t i)
{
	return dict && dict->kind == PICKLE_DICT && i < dict->n / 2 ? dict->u.item[2 * i] : NULL;
}

const struct pickle_value *pickle_item(const struct pickle_value *dict, size_t i)
{
	return dict && dict->kind == PICKLE_DICT && i < dict->n / 2 ? dict->u.item[2 * i + 1]
								    : NULL;
}

const char *pickle_text(const struct pickle_value *v)
{
	if (!v || (v->kind != PICKLE_STR && v->kind != PICKLE_BYTES) ||
	    memchr(v->u.data, 0, v->n) || utf8_check(v->u.data, v->n) != v->n)
		return NULL;
	return v->u.data;
}

bool pickle_int(const struct pickle_value *v, int64_t *out)
{
	if (!v || (v->kind != PICKLE_INT && v->kind != PICKLE_BOOL))
		return false;
	*out = v->u.integer;
	return true;
}

/* IEEE 754 half precision. */
static double half(uint16_t h)
{
	int e = h >> 10 & 31, f = h & 1023;
	double v = e == 31 ? (f ? (double)NAN : HUGE_VAL)
		   : e	   ? ldexp(1024 + f, e - 25)
			   : ldexp(f, -24);

	return h & 0x8000 ? -v : v;
}

double pickle_array_get(const struct pickle_array *a, int64_t i)
{
	const unsigned char *p = a->data + (size_t)i * (size_t)a->size;
	unsigned char b[8] = { 0 };
	union {
		uint8_t u1;
		uint16_t u2;
		uint32_t u4;
		uint64_t u8;
		float f4;
		double f8;
	} v;

	for (int k = 0; k < a->size; k++)
		b[k] = p[a->swapped ? a->size - 1 - k : k];
	memcpy(&v, b, sizeof(v));
	if (a->type == 'f')
		return a->size == 2 ? half(v.u2) : a->size == 4 ? (double)v.f4 : v.f8;
	switch (a->size) {
	case 1:
		return a->type == 'i' ? (int8_t)v.u1 : v.u1;
	case 2:
		return a->type == 'i' ? (int16_t)v.u2 : v.u2;
	case 4:
		return a->type == 'i' ? (double)(int32_t)v.u4 : (double)v.u4;
	default:
		return a->type == 'i' ? (double)(int64_t)v.u8 : (double)v.u8;
	}
}
