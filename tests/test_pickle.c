/* SPDX-License-Identifier: Apache-2.0
 * The pickle reader: the same values from every protocol, refusals by name, and
 * thousands of damaged files that must end in an error or in a value, never in a crash.
 */
#include "tests/test.h"

#include "datasets/pickle.h"
#include "harness/base/rng.h"
#include "tests/pickle_fixtures.h"

static void describe(const struct pickle_value *v, struct strbuf *b);

static void describe_items(const struct pickle_value *v, const char *open, const char *close,
			   struct strbuf *b)
{
	strbuf_add(b, open);
	for (size_t i = 0; i < pickle_size(v); i++) {
		strbuf_add(b, i ? ", " : "");
		if (v->kind == PICKLE_DICT) {
			describe(pickle_key(v, i), b);
			strbuf_add(b, ": ");
			describe(pickle_item(v, i), b);
		} else {
			describe(pickle_at(v, i), b);
		}
	}
	strbuf_add(b, close);
}

static void describe_array(const struct pickle_array *a, struct strbuf *b)
{
	strbuf_addf(b, "%c%d%s(", a->type, a->size, a->fortran ? "F" : "");
	for (int d = 0; d < a->n_dim; d++)
		strbuf_addf(b, "%s%lld", d ? "x" : "", (long long)a->dim[d]);
	strbuf_addc(b, ':');
	for (int64_t i = 0; i < a->count; i++)
		strbuf_addf(b, " %.8g", pickle_array_get(a, i));
	strbuf_addc(b, ')');
}

/* A text of everything the value holds; touches every byte of it. */
static void describe(const struct pickle_value *v, struct strbuf *b)
{
	switch (v->kind) {
	case PICKLE_NONE:
		strbuf_add(b, "None");
		break;
	case PICKLE_BOOL:
		strbuf_add(b, v->u.integer ? "True" : "False");
		break;
	case PICKLE_INT:
		strbuf_addf(b, "%lld", (long long)v->u.integer);
		break;
	case PICKLE_FLOAT:
		strbuf_addf(b, "%.17gf", v->u.number);
		break;
	case PICKLE_STR:
	case PICKLE_BYTES:
		strbuf_add(b, v->kind == PICKLE_STR ? "'" : "b'");
		for (size_t i = 0; i < v->n; i++)
			if ((unsigned char)v->u.data[i] < ' ' ||
			    (v->kind == PICKLE_BYTES && (unsigned char)v->u.data[i] > '~'))
				strbuf_addf(b, "<%02x>", (unsigned char)v->u.data[i]);
			else
				strbuf_addc(b, v->u.data[i]);
		strbuf_addc(b, '\'');
		break;
	case PICKLE_LIST:
		describe_items(v, "[", "]", b);
		break;
	case PICKLE_TUPLE:
		describe_items(v, "(", ")", b);
		break;
	case PICKLE_DICT:
		describe_items(v, "{", "}", b);
		break;
	case PICKLE_ARRAY:
		describe_array(v->u.array, b);
		break;
	case PICKLE_GLOBAL:
	case PICKLE_DTYPE:
		fail_msg("a part of an array reached the caller");
	}
}

static void check_text(const unsigned char *data, size_t len, const char *want)
{
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct pickle p;

	pickle_parse(&p, data, len, "x.pkl", &err);
	CHECK_OK(&err);
	describe(p.root, &b);
	if (strcmp(strbuf_str(&b), want) != 0)
		fail_msg("got  %s\nwant %s", strbuf_str(&b), want);
	strbuf_free(&b);
	pickle_free(&p);
}

#define PLAIN                                                                                      \
	"[1, -5, 300, 70000, -1099511627776, 4611686018427387904, 1.5f, True, False, None, "       \
	"'h\xc3\xa9<0a>\"'\\', b'<00><ff>x', (), (1), (1, 2), (1, 2, 3), (1, 2, 3, 4), "           \
	"{'a': [2], 7: 'b'}, [], {}, ['s', 't'], ['s', 't']]"
#define NUMPY                                                                                      \
	"{'f': f4(2x3: 1.5 -2 3 4 5 6.25), 'i': i2(3: 1 -2 300), 'o': i8F(2x2: 1 3 2 4), "         \
	"'b': b1(2: 1 0), 's': 2.5f, 'n': -7, 'h': f2(3: 0.5 -65504 5.9604645e-08), "              \
	"'u': u1(2: 200 255)}"

static void test_protocols(void **state)
{
	(void)state;
	check_text(plain_0, sizeof(plain_0), PLAIN);
	check_text(plain_1, sizeof(plain_1), PLAIN);
	check_text(plain_2, sizeof(plain_2), PLAIN);
	check_text(plain_3, sizeof(plain_3), PLAIN);
	check_text(plain_4, sizeof(plain_4), PLAIN);
	check_text(numpy_0, sizeof(numpy_0), NUMPY);
	check_text(numpy_2, sizeof(numpy_2), NUMPY);
	check_text(numpy_4, sizeof(numpy_4), NUMPY);
}

static void check_string(const char *s, size_t len, const char *want)
{
	check_text((const unsigned char *)s, len, want);
}
#define CHECK_BYTES(s, want) check_string((s), sizeof(s) - 1, (want))

/* Forms that Python 3 no longer writes. */
static void test_old_forms(void **state)
{
	(void)state;
	CHECK_BYTES("(lp0\nS'it\\'s \\xe9\\n'\np1\naI01\naI00\naL-12L\naF2.5\na.",
		    "[b'it's <e9><0a>', True, False, -12, 2.5f]");
	CHECK_BYTES("(S\"k\"\nI1\nd.", "{b'k': 1}");
	CHECK_BYTES("V\\u00e9 \\U0001f600\n.", "'\xc3\xa9 \xf0\x9f\x98\x80'");
	CHECK_BYTES("\x80\x02U\x03"
		    "abcT\x02\0\0\0de\x86.",
		    "(b'abc', b'de')");
	CHECK_BYTES("\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\0.", "9223372036854775807");
	CHECK_BYTES("\x80\x02\x8b\x01\0\0\0\xff.", "-1");
	CHECK_BYTES("]q\0(K\x01K\x02"
		    "e0](N1.",
		    "[]");
	CHECK_BYTES("K\x01"
		    "2\x86.",
		    "(1, 1)");
}

static void refuse(const char *s, size_t len, int code, const char *message)
{
	struct err err = { 0 };
	struct pickle p;

	pickle_parse(&p, s, len, "x.pkl", &err);
	CHECK(p.root == NULL);
	CHECK_ERR(&err, code, message);
}
#define REFUSE(s, message) refuse((s), sizeof(s) - 1, ERR_FORMAT, (message))

static void test_refused(void **state)
{
	(void)state;
	REFUSE("cos\nsystem\n(S'true'\ntR.", "refuses to load os.system");
	REFUSE("\x80\x04\x8c\x08"
	       "builtins\x8c\x04"
	       "eval\x93.",
	       "refuses to load builtins.eval");
	REFUSE("cnumpy\nndarray\n(tR.", "numpy.ndarray");
	REFUSE("(i__main__\nX\n.", "INST");
	REFUSE("\x80\x02)\x81.", "NEWOBJ");
	REFUSE("Pabc\n.", "PERSID");
	REFUSE("\x80\x02\x82\x01.", "EXT1");
	REFUSE("\x80\x04\x8f.", "EMPTY_SET");
	REFUSE("\x80\x05N.", "protocol");
	REFUSE("\xfe.", "0xfe");
	REFUSE("", "cut short");
	REFUSE("]", "cut short");
	REFUSE("\x80\x04\x95\xff\0\0\0\0\0\0\0N.", "cut short");
	REFUSE("X\xff\xff\xff\x7f"
	       "ab.",
	       "cut short");
	REFUSE(".", "empty stack");
	REFUSE("N.N", "after its STOP");
	REFUSE("(N.", "open mark");
	REFUSE("h\x05.", "never stored");
	REFUSE("Nr\xff\xff\xff\x7f.", "memo number");
	REFUSE("NNa.", "no list");
	REFUSE("}K\x01s.", "no container");
	REFUSE("]K\x01Ns.", "no dict");
	REFUSE("}]Ns.", "a key");
	REFUSE("(Nd.", "key without");
	REFUSE("X\x01\0\0\0\xff.", "UTF-8");
	REFUSE("I12x\n.", "number");
	REFUSE("\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x01.", "64 bits");
	REFUSE("cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", "array type");
	REFUSE("cnumpy\ndtype\n.", "stands alone");
	REFUSE("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.",
	       "stands alone");
	/* shape (3,) over 4 bytes */
	REFUSE("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
	       "(I1\n(I3\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
	       "I00\nS'abcd'\ntb.",
	       "as its shape says");
	/* shape (2**62, 4): the product overflows */
	REFUSE("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
	       "(I1\n(I4611686018427387904\nI4\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR"
	       "(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS''\ntb.",
	       "impossible size");
}

static void test_nesting(void **state)
{
	struct strbuf b = { 0 };

	(void)state;
	for (int n = PICKLE_DEPTH; n <= PICKLE_DEPTH + 1; n++) {
		struct err err = { 0 };
		struct pickle p;

		strbuf_reset(&b);
		for (int i = 0; i < n; i++)
			strbuf_addc(&b, ']');
		for (int i = 1; i < n; i++)
			strbuf_addc(&b, 'a');
		strbuf_addc(&b, '.');
		pickle_parse(&p, b.s, b.len, "x.pkl", &err);
		CHECK(!err.code == (n <= PICKLE_DEPTH));
		pickle_free(&p);
	}
	strbuf_free(&b);
	/* a list that holds itself, once and many times */
	refuse("]q\0h\0a.", 7, ERR_LIMIT, "nested");
	refuse("]q\0(h\0h\0h\0h\0h\0e.", 16, ERR_LIMIT, "nested");
}

static void check_damaged(const unsigned char *data, size_t len, int *good)
{
	/* a block of exactly this size, so that the sanitizer sees a read beyond it */
	unsigned char *copy = malloc(len ? len : 1);
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct pickle p;

	CHECK(copy != NULL);
	memcpy(copy, data, len);
	pickle_parse(&p, copy, len, "x.pkl", &err);
	CHECK(!err.code == (p.root != NULL));
	free(copy);
	if (p.root)
		describe(p.root, &b);
	*good += p.root != NULL;
	strbuf_free(&b);
	pickle_free(&p);
}

/* One to four random changes: a bit, a byte, a cut, a piece doubled or removed. */
static size_t damage(struct rng *rng, unsigned char *buf, size_t len, size_t cap)
{
	for (uint64_t k = 1 + rng_below(rng, 4); k > 0 && len > 1; k--) {
		size_t at = (size_t)rng_below(rng, len), n = (size_t)rng_below(rng, 8) + 1;

		if (n > len - at)
			n = len - at;
		switch (rng_below(rng, 5)) {
		case 0:
			buf[at] ^= (unsigned char)(1u << rng_below(rng, 8));
			break;
		case 1:
			buf[at] = (unsigned char)rng_below(rng, 256);
			break;
		case 2:
			len = rng_below(rng, 4) ? len : at + 1;
			break;
		case 3:
			if (len + n <= cap) {
				memmove(buf + at + n, buf + at, len - at);
				len += n;
			}
			break;
		default:
			memmove(buf + at, buf + at + n, len - at - n);
			len -= n;
		}
	}
	return len;
}

static void test_damaged(void **state)
{
	static const struct {
		const unsigned char *data;
		size_t len;
	} seed[] = {
		{ plain_0, sizeof(plain_0) }, { plain_2, sizeof(plain_2) },
		{ plain_4, sizeof(plain_4) }, { numpy_0, sizeof(numpy_0) },
		{ numpy_2, sizeof(numpy_2) }, { numpy_4, sizeof(numpy_4) },
	};
	unsigned char buf[4096];
	struct rng rng;
	int good = 0;

	(void)state;
	rng_seed(&rng, 11, 0);
	for (int round = 0; round < 3000; round++)
		for (size_t s = 0; s < sizeof(seed) / sizeof(*seed); s++) {
			CHECK(seed[s].len + 64 < sizeof(buf));
			memcpy(buf, seed[s].data, seed[s].len);
			check_damaged(buf, damage(&rng, buf, seed[s].len, sizeof(buf)), &good);
		}
	for (size_t s = 0; s < sizeof(seed) / sizeof(*seed); s++)
		for (size_t len = 0; len < seed[s].len; len++)
			check_damaged(seed[s].data, len, &good);
	/* pure noise, and noise of instructions only */
	for (int round = 0; round < 5000; round++) {
		size_t len = (size_t)rng_below(&rng, 200);

		for (size_t i = 0; i < len; i++)
			buf[i] = round % 2 ? (unsigned char)rng_below(&rng, 256)
					   : (unsigned char)"()]}Nt.aesu02l\x85\x86\x94K\x88"
							    "h"[rng_below(&rng, 20)];
		check_damaged(buf, len, &good);
	}
	CHECK(good > 100);
}

static void test_real(void **state)
{
	char *meld = real_data("meld/meld_7way.pkl"), *iem = real_data("iemocap/iemocap_6way.pkl");
	struct err err = { 0 };
	struct pickle p;
	int good = 0;

	(void)state;
	if (!meld || !iem)
		skip();
	pickle_read(&p, iem, 1 << 20, &err);
	CHECK_OK(&err);
	CHECK(pickle_size(p.root) == 6 && pickle_size(pickle_at(p.root, 0)) == 151);
	CHECK(pickle_size(pickle_at(p.root, 3)) == 108 && pickle_size(pickle_at(p.root, 4)) == 31);
	pickle_free(&p);
	pickle_read(&p, meld, 1 << 20, &err);
	CHECK_OK(&err);
	CHECK(pickle_size(p.root) == 7 && pickle_size(pickle_at(p.root, 3)) == 1432);
	CHECK(!strcmp(pickle_text(pickle_at(pickle_item(pickle_at(p.root, 3), 0), 1)),
		      "You must\xc2\x92ve had your hands full."));
	pickle_free(&p);
	pickle_read(&p, meld, 1000, &err);
	CHECK_ERR(&err, ERR_LIMIT, "meld_7way.pkl");
	for (int round = 0; round < 20; round++) {
		unsigned char *buf;
		struct rng rng;
		size_t len;

		rng_seed(&rng, (uint64_t)round, 1);
		CHECK(!io_read_file(iem, 1 << 20, (char **)&buf, &len, &err));
		check_damaged(buf, damage(&rng, buf, len, len), &good);
		free(buf);
	}
	free(meld);
	free(iem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocols), cmocka_unit_test(test_old_forms),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_damaged),	  cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
