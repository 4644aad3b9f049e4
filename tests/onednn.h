/* SPDX-License-Identifier: Apache-2.0
 * oneDNN's product beside ours: y (m, n) = x (m, k) w' with the weights laid out once as the
 * library wants them and x converted in every run, as ours is.  Int8 is the bare u8 x s8
 * product: scales of blocks are nothing it knows.  Where its headers are missing onednn_make()
 * says so and the benchmark goes on without it.
 */
#ifndef TESTS_ONEDNN_H
#define TESTS_ONEDNN_H

#include <stdbool.h>

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#if DNNL_VERSION_MAJOR == 2
#define ONEDNN_THERE 1
#endif
#endif

enum onednn_type { ONEDNN_F32, ONEDNN_BF16, ONEDNN_INT8, ONEDNN_TYPES };

#ifdef ONEDNN_THERE

struct onednn {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	dnnl_primitive_t product, convert;
	dnnl_memory_t from, x, w, y; /* from: x in fp32 */
};

static inline dnnl_memory_desc_t onednn_plain(int rows, int cols, dnnl_data_type_t type)
{
	const dnnl_dims_t dims = { rows, cols };
	dnnl_memory_desc_t d;

	dnnl_memory_desc_init_by_tag(&d, 2, dims, type, dnnl_ab);
	return d;
}

static inline dnnl_primitive_t onednn_reorder(struct onednn *o, dnnl_memory_t from,
					      dnnl_memory_t to)
{
	const dnnl_memory_desc_t *a, *b;
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t p = NULL;

	dnnl_memory_get_memory_desc(from, &a);
	dnnl_memory_get_memory_desc(to, &b);
	if (dnnl_reorder_primitive_desc_create(&pd, a, o->engine, b, o->engine, NULL) ==
	    dnnl_success) {
		dnnl_primitive_create(&p, pd);
		dnnl_primitive_desc_destroy(pd);
	}
	return p;
}

static inline void onednn_move(struct onednn *o, dnnl_primitive_t p, dnnl_memory_t from,
			       dnnl_memory_t to)
{
	const dnnl_exec_arg_t args[2] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } };

	dnnl_primitive_execute(p, o->stream, 2, args);
	dnnl_stream_wait(o->stream);
}

static inline void onednn_free(struct onednn *o)
{
	dnnl_memory_t *const m[4] = { &o->from, &o->x, &o->w, &o->y };

	for (int i = 0; i < 4; i++)
		dnnl_memory_destroy(*m[i]);
	dnnl_primitive_destroy(o->product);
	dnnl_primitive_destroy(o->convert);
	dnnl_stream_destroy(o->stream);
	dnnl_engine_destroy(o->engine);
	*o = (struct onednn){ 0 };
}

/* The product and the layout it wants of its weights; w_type: of those. */
static inline bool onednn_product(struct onednn *o, int m, int n, int k, dnnl_data_type_t x_type,
				  dnnl_data_type_t w_type, dnnl_data_type_t y_type, float *y,
				  const dnnl_memory_desc_t **want, dnnl_primitive_desc_t *pd)
{
	const dnnl_dims_t dims = { k, n };
	dnnl_memory_desc_t xd = onednn_plain(m, k, x_type), yd = onednn_plain(m, n, y_type), wd;
	dnnl_matmul_desc_t d;

	dnnl_memory_desc_init_by_tag(&wd, 2, dims, w_type, dnnl_format_tag_any);
	if (dnnl_matmul_desc_init(&d, &xd, &wd, NULL, &yd) != dnnl_success ||
	    dnnl_primitive_desc_create(pd, &d, NULL, o->engine, NULL) != dnnl_success)
		return false;
	*want = dnnl_primitive_desc_query_md(*pd, dnnl_query_weights_md, 0);
	return dnnl_primitive_create(&o->product, *pd) == dnnl_success &&
	       dnnl_memory_create(&o->x, &xd, o->engine, DNNL_MEMORY_ALLOCATE) == dnnl_success &&
	       dnnl_memory_create(&o->w, *want, o->engine, DNNL_MEMORY_ALLOCATE) == dnnl_success &&
	       dnnl_memory_create(&o->y, &yd, o->engine, y) == dnnl_success;
}

/* x, w (n, k) and y stay the caller's; false where the library or the type is missing. */
static inline bool onednn_make(struct onednn *o, enum onednn_type type, int m, int n, int k,
			       float *x, float *w, float *y)
{
	static const dnnl_data_type_t types[ONEDNN_TYPES][3] = {
		{ dnnl_f32, dnnl_f32, dnnl_f32 },
		{ dnnl_bf16, dnnl_bf16, dnnl_f32 },
		{ dnnl_u8, dnnl_s8, dnnl_s32 },
	};
	const dnnl_dims_t dims = { k, n }, turned = { 1, k };
	const dnnl_memory_desc_t *want;
	dnnl_memory_desc_t xd = onednn_plain(m, k, dnnl_f32), wd;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_t lay = NULL;
	dnnl_memory_t plain = NULL;
	bool there;

	*o = (struct onednn){ 0 };
	dnnl_memory_desc_init_by_strides(&wd, 2, dims, dnnl_f32, turned);
	there = dnnl_engine_create(&o->engine, dnnl_cpu, 0) == dnnl_success &&
		dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags) ==
			dnnl_success &&
		onednn_product(o, m, n, k, types[type][0], types[type][1], types[type][2], y, &want,
			       &pd) &&
		dnnl_memory_create(&o->from, &xd, o->engine, x) == dnnl_success &&
		dnnl_memory_create(&plain, &wd, o->engine, w) == dnnl_success;
	if (there) {
		o->convert = onednn_reorder(o, o->from, o->x);
		lay = onednn_reorder(o, plain, o->w);
		there = o->convert && lay;
	}
	if (there)
		onednn_move(o, lay, plain, o->w);
	dnnl_primitive_destroy(lay);
	dnnl_memory_destroy(plain);
	dnnl_primitive_desc_destroy(pd);
	if (!there)
		onednn_free(o);
	return there;
}

static inline void onednn_run(struct onednn *o)
{
	const dnnl_exec_arg_t args[3] = { { DNNL_ARG_SRC, o->x },
					  { DNNL_ARG_WEIGHTS, o->w },
					  { DNNL_ARG_DST, o->y } };

	onednn_move(o, o->convert, o->from, o->x);
	dnnl_primitive_execute(o->product, o->stream, 3, args);
	dnnl_stream_wait(o->stream);
}

#else

struct onednn {
	bool none;
};

static inline bool onednn_make(struct onednn *o, enum onednn_type type, int m, int n, int k,
			       float *x, float *w, float *y)
{
	(void)type;
	(void)m;
	(void)n;
	(void)k;
	(void)x;
	(void)w;
	(void)y;
	o->none = true;
	return false;
}

static inline void onednn_run(struct onednn *o)
{
	(void)o;
}

static inline void onednn_free(struct onednn *o)
{
	(void)o;
}

#endif
#endif
