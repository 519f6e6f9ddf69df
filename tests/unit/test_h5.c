/* The HDF5 store: what it writes it reads, what h5py writes it reads, what must not be opened it names. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <hdf5.h>
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include "store.h"
#include "checkpoint/h5.h"

/* ---- what is written ---- */

static const float kernel[6] = {1, -2, 0.5f, 1e-40f, NAN, -INFINITY};
static const uint8_t flags[3] = {1, 0, 1};
static const uint16_t halves[2] = {0x3c00, 0xc100};     /* 1, -2.5 as float16 */
static const int64_t step = 1LL << 60;

static bool write_all(nac_h5 *h)
{
    return nac_h5_put(h, "layers/dense/vars/0", NAC_H5_F32, 2, (int64_t[]){2, 3}, kernel) &&
           nac_h5_put(h, "layers/dense/vars/1", NAC_H5_BOOL, 1, (int64_t[]){3}, flags) &&
           nac_h5_put(h, "layers/dense/vars/10", NAC_H5_F16, 1, (int64_t[]){2}, halves) &&
           nac_h5_put(h, "layers/dense/vars/2", NAC_H5_BF16, 1, (int64_t[]){2}, (uint16_t[]){0x3f80, 0xc020}) &&
           nac_h5_put(h, "vars/0", NAC_H5_I64, 0, NULL, &step) && nac_h5_put(h, "none", NAC_H5_U8, 2, (int64_t[]){0, 3}, NULL) &&
           nac_h5_group(h, "layers/flatten/vars", "flatten") && nac_h5_group(h, "layers/dense", NULL) &&
           nac_h5_put_text(h, "layers/dense", "note", "d\xc3\xa9j\xc3\xa0");
}

static bool write_file(void **bytes, size_t *size)
{
    nac_h5 *h = nac_h5_create();
    bool ok = h && write_all(h) && nac_h5_finish(h, bytes, size);
    nac_h5_close(h);
    return ok;
}

START_TEST(round_trip)
{
    void *bytes, *again;
    size_t size, more;
    WORKS(write_file(&bytes, &size));
    WORKS(write_file(&again, &more));
    ck_assert_uint_eq(size, more);
    ck_assert_mem_eq(bytes, again, size);
    ck_assert_mem_eq(bytes, "\x89HDF\r\n\x1a\n\0", 9);      /* superblock 0 */

    float f[6];
    uint8_t b[3];
    int64_t n;
    double d[2];
    nac_h5 *h = nac_h5_read(bytes, size);
    WORKS(h);
    WORKS(nac_h5_get(h, "layers/dense/vars/0", NAC_H5_F32, f, sizeof f));
    ck_assert_mem_eq(f, kernel, sizeof f);
    WORKS(nac_h5_get(h, "layers/dense/vars/1", NAC_H5_BOOL, b, sizeof b));
    ck_assert_mem_eq(b, flags, sizeof b);
    WORKS(nac_h5_get(h, "layers/dense/vars/10", NAC_H5_F64, d, sizeof d));
    ck_assert(d[0] == 1 && d[1] == -2.5);
    WORKS(nac_h5_get(h, "layers/dense/vars/2", NAC_H5_F32, f, 2 * sizeof *f));
    ck_assert(f[0] == 1 && f[1] == -2.5f);
    WORKS(nac_h5_get(h, "vars/0", NAC_H5_I64, &n, sizeof n));
    ck_assert_int_eq(n, step);
    WORKS(nac_h5_get(h, "none", NAC_H5_U8, b, 0));

    char *text;
    WORKS(nac_h5_text(h, "layers/flatten/vars", "name", &text));
    ck_assert_str_eq(text, "flatten");
    nac_free(text);
    WORKS(nac_h5_text(h, "layers/dense", "note", &text));
    ck_assert_str_eq(text, "d\xc3\xa9j\xc3\xa0");
    nac_free(text);
    WORKS(nac_h5_text(h, "layers/dense", "name", &text));
    ck_assert_ptr_null(text);

    nac_h5_child *child;
    int count;
    WORKS(nac_h5_children(h, "layers/dense/vars", &child, &count));
    ck_assert_int_eq(count, 4);
    ck_assert_str_eq(child[2].name, "10");
    ck_assert_int_eq(child[2].kind, NAC_H5_DATASET);
    nac_h5_children_free(child, count);
    WORKS(nac_h5_children(h, "", &child, &count));
    ck_assert_int_eq(count, 3);
    ck_assert_str_eq(child[0].name, "layers");
    ck_assert_int_eq(child[0].kind, NAC_H5_GROUP);
    nac_h5_children_free(child, count);
    nac_h5_close(h);
    nac_free(bytes);
    nac_free(again);
}
END_TEST

START_TEST(every_type)
{
    for (nac_h5_dtype d = NAC_H5_F16; d <= NAC_H5_BF16; d++) {
        uint8_t in[24] = {0}, out[24];
        for (int i = 0; i < 24; i++)
            in[i] = d == NAC_H5_BOOL ? i & 1 : (uint8_t)(i * 37 + 1);
        int64_t three = 3;
        void *bytes;
        size_t size;
        nac_h5 *h = nac_h5_create();
        WORKS(nac_h5_put(h, "a", d, 1, &three, in));
        WORKS(nac_h5_finish(h, &bytes, &size));
        nac_h5_close(h);
        h = nac_h5_read(bytes, size);
        nac_h5_info info;
        WORKS(nac_h5_look(h, "a", &info));
        ck_assert_int_eq(info.dtype, d);
        ck_assert(info.kind == NAC_H5_DATASET && info.rank == 1 && info.dim[0] == 3 && info.count == 3);
        WORKS(nac_h5_get(h, "a", d, out, 3 * nac_h5_size(d)));
        ck_assert_mem_eq(in, out, 3 * nac_h5_size(d));
        nac_h5_close(h);
        nac_free(bytes);
    }
}
END_TEST

START_TEST(misuse_of_writing)
{
    void *bytes;
    size_t size;
    char deep[1200], wide[1300];
    nac_h5_info info;
    nac_h5 *h = nac_h5_create();
    WORKS(write_all(h));
    FAILS(nac_h5_put(h, "vars/0", NAC_H5_I64, 0, NULL, &step), NAC_E_ARGUMENT, "there is a \"vars/0\" already");
    FAILS(nac_h5_put(h, "vars", NAC_H5_I64, 0, NULL, &step), NAC_E_ARGUMENT, "there is a \"vars\" already");
    FAILS(nac_h5_put(h, "vars/0/x", NAC_H5_I64, 0, NULL, &step), NAC_E_ARGUMENT, "\"vars/0/x\" leads through a dataset");
    FAILS(nac_h5_put(h, "vars/0/x/y", NAC_H5_I64, 0, NULL, &step), NAC_E_ARGUMENT, "leads through a dataset");
    FAILS(nac_h5_put(h, "", NAC_H5_I64, 0, NULL, &step), NAC_E_ARGUMENT, "needs a name");
    FAILS(nac_h5_group(h, "vars/0", NULL), NAC_E_ARGUMENT, "\"vars/0\" is, or leads through, a dataset");
    FAILS(nac_h5_group(h, "layers/flatten/vars", "other"), NAC_E_ARGUMENT, "has an attribute \"name\" already");
    FAILS(nac_h5_put_text(h, "nowhere", "a", "b"), NAC_E_NOT_FOUND, "there is no \"nowhere\"");
    static const char *const paths[] = {"/", "/vars", "vars/", "vars//0", ".", "vars/./0", "..", "vars/../vars"};
    for (int i = 0; i < NAC_COUNT(paths); i++) {
        FAILS(nac_h5_group(h, paths[i], NULL), NAC_E_ARGUMENT, "is not a path of at most 256 names");
        FAILS(nac_h5_look(h, paths[i], &info), NAC_E_ARGUMENT, "is not a path");
    }
    for (int i = 0; i < 257; i++)
        memcpy(deep + 2 * i, "a/", 3);
    deep[2 * 257 - 1] = 0;
    FAILS(nac_h5_group(h, deep, NULL), NAC_E_ARGUMENT, "is not a path");
    memset(wide, 'w', sizeof wide);
    wide[1200] = 0;
    FAILS(nac_h5_group(h, wide, NULL), NAC_E_ARGUMENT, "is not a path");
    FAILS(nac_h5_put(h, "x", NAC_H5_F32, 1, (int64_t[]){-1}, kernel), NAC_E_SHAPE, "\"x\": axis 0 of extent -1");
    FAILS(nac_h5_put(h, "x", NAC_H5_F32, 2, (int64_t[]){1LL << 62, 8}, kernel), NAC_E_SHAPE, "\"x\": axis ");
    FAILS(nac_h5_put(h, "x", NAC_H5_F32, 9, (int64_t[9]){0}, kernel), NAC_E_ARGUMENT, "of rank 9");
    FAILS(nac_h5_put(h, "x", NAC_H5_OTHER, 0, NULL, kernel), NAC_E_ARGUMENT, "no numbers");
    WORKS(nac_h5_finish(h, &bytes, &size));
    FAILS(nac_h5_finish(h, &bytes, &size), NAC_E_STATE, "finished already");
    FAILS(nac_h5_group(h, "more", NULL), NAC_E_STATE, "finished already");
    nac_h5_close(h);
    h = nac_h5_read(bytes, size);
    FAILS(nac_h5_group(h, "more", NULL), NAC_E_STATE, "open for reading");
    FAILS(nac_h5_put(h, "more", NAC_H5_I64, 0, NULL, &step), NAC_E_STATE, "open for reading");
    FAILS(nac_h5_put_text(h, "", "a", "b"), NAC_E_STATE, "open for reading");
    nac_h5_close(h);
    nac_h5_close(NULL);
    nac_free(bytes);
}
END_TEST

/* More groups than one node of the old kind of tree holds. */
START_TEST(many_names)
{
    void *bytes;
    size_t size;
    nac_h5 *h = nac_h5_create();
    for (int i = 0; i < 500; i++) {
        char path[64];
        snprintf(path, sizeof path, "layers/dense_%d/vars/0", i);
        WORKS(nac_h5_put(h, path, NAC_H5_I32, 0, NULL, &i));
    }
    WORKS(nac_h5_finish(h, &bytes, &size));
    nac_h5_close(h);
    h = nac_h5_read(bytes, size);
    for (int i = 0; i < 500; i++) {
        char path[64];
        int value;
        snprintf(path, sizeof path, "layers/dense_%d/vars/0", i);
        WORKS(nac_h5_get(h, path, NAC_H5_I32, &value, sizeof value));
        ck_assert_int_eq(value, i);
    }
    nac_h5_child *child;
    int count;
    WORKS(nac_h5_children(h, "layers", &child, &count));
    ck_assert_int_eq(count, 500);
    for (int i = 1; i < count; i++)
        ck_assert_int_lt(strcmp(child[i - 1].name, child[i].name), 0);
    nac_h5_children_free(child, count);
    nac_h5_close(h);
    nac_free(bytes);
}
END_TEST

/* ---- what h5py writes ---- */

static void read_types(nac_h5 *h)
{
    static const char *const ints[] = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}, *const reals[] = {"f2", "f4", "f8"};
    WORKS(h);
    for (int i = 0; i < 16; i++) {
        char path[8];
        int64_t n[4], first = i < 8 ? -3 : 0;
        float f[4];
        uint8_t b[4];
        snprintf(path, sizeof path, "%s%s", ints[i / 2], i % 2 ? "be" : "le");
        nac_h5_info info;
        WORKS(nac_h5_look(h, path, &info));
        ck_assert_int_eq(info.dtype, NAC_H5_I8 + i / 2);
        WORKS(nac_h5_get(h, path, NAC_H5_I64, n, sizeof n));
        ck_assert(n[0] == first && n[1] == 1 && n[2] == 2 && n[3] == 100);
        WORKS(nac_h5_get(h, path, NAC_H5_F32, f, sizeof f));
        ck_assert(f[0] == (float)first && f[3] == 100);
        WORKS(nac_h5_get(h, path, NAC_H5_BOOL, b, sizeof b));
        ck_assert(b[0] == (first != 0) && b[1] == 1 && b[3] == 1);
    }
    for (int i = 0; i < 6; i++) {
        char path[8];
        float f[4];
        double d[4];
        int32_t n[4];
        uint16_t half[4];
        snprintf(path, sizeof path, "%s%s", reals[i / 2], i % 2 ? "be" : "le");
        WORKS(nac_h5_get(h, path, NAC_H5_F32, f, sizeof f));
        ck_assert(f[0] == -1.5f && f[1] == 0 && f[2] == 0.25f && f[3] == INFINITY);
        WORKS(nac_h5_get(h, path, NAC_H5_F64, d, sizeof d));
        ck_assert(d[0] == -1.5 && d[3] == (double)INFINITY);
        WORKS(nac_h5_get(h, path, NAC_H5_F16, half, sizeof half));
        ck_assert(half[0] == 0xbe00 && half[1] == 0 && half[2] == 0x3400 && half[3] == 0x7c00);
        WORKS(nac_h5_get(h, path, NAC_H5_I32, n, sizeof n));
        ck_assert(n[0] == -1 && n[3] == INT32_MAX);
        FAILS(nac_h5_get(h, path, NAC_H5_BOOL, n, 4), NAC_E_TYPE, "; bool is expected");
    }
    uint8_t b[3];
    float f[600];
    int64_t n;
    uint16_t half[4];
    WORKS(nac_h5_get(h, "flags", NAC_H5_BOOL, b, sizeof b));
    ck_assert(b[0] == 1 && b[1] == 0 && b[2] == 1);
    WORKS(nac_h5_get(h, "flags", NAC_H5_F32, f, 3 * sizeof *f));
    ck_assert(f[0] == 1 && f[1] == 0 && f[2] == 1);
    WORKS(nac_h5_get(h, "scalar", NAC_H5_F32, f, sizeof *f));
    ck_assert(f[0] == 2.5f);
    WORKS(nac_h5_get(h, "empty", NAC_H5_F32, f, 0));
    WORKS(nac_h5_get(h, "half", NAC_H5_F32, f, 4 * sizeof *f));
    ck_assert(f[0] == 1 && f[1] == -2 && f[2] == 0.15625f && f[3] == INFINITY);
    WORKS(nac_h5_get(h, "half", NAC_H5_F16, half, sizeof half));
    ck_assert(half[0] == 0x3c00 && half[1] == 0xc000);
    WORKS(nac_h5_get(h, "half", NAC_H5_BF16, half, sizeof half));
    ck_assert(half[0] == 0x3f80 && half[1] == 0xc000);
    WORKS(nac_h5_get(h, "packed", NAC_H5_F32, f, sizeof f));
    for (int i = 0; i < 600; i++)
        ck_assert(f[i] == (float)i);
    WORKS(nac_h5_get(h, "a/b/c", NAC_H5_I64, &n, sizeof n));
    ck_assert_int_eq(n, 5);

    static const char *const others[] = {"opaque", "text", "pairs", "nothing"};
    for (int i = 0; i < NAC_COUNT(others); i++) {
        nac_h5_info info;
        WORKS(nac_h5_look(h, others[i], &info));
        ck_assert(info.kind == NAC_H5_DATASET && info.dtype == NAC_H5_OTHER);
        FAILS(nac_h5_get(h, others[i], NAC_H5_F32, f, sizeof f), NAC_E_TYPE, "holds no numbers; float32 is expected");
    }
    nac_h5_info info;
    WORKS(nac_h5_look(h, "packed", &info));
    ck_assert(info.rank == 2 && info.dim[0] == 20 && info.dim[1] == 30 && info.count == 600 && info.dtype == NAC_H5_F32);
    WORKS(nac_h5_look(h, "a/b", &info));
    ck_assert_int_eq(info.kind, NAC_H5_GROUP);
    WORKS(nac_h5_look(h, "a/x/y", &info));
    ck_assert_int_eq(info.kind, NAC_H5_ABSENT);
    WORKS(nac_h5_look(h, "scalar/x", &info));
    ck_assert_int_eq(info.kind, NAC_H5_ABSENT);
    WORKS(nac_h5_look(h, "", &info));
    ck_assert_int_eq(info.kind, NAC_H5_GROUP);

    nac_h5_child *child;
    int count;
    FAILS(nac_h5_get(h, "packed", NAC_H5_F32, f, 599 * sizeof *f), NAC_E_SHAPE, "\"packed\" holds 600 numbers; 599 are expected");
    FAILS(nac_h5_get(h, "packed", NAC_H5_F64, f, sizeof f), NAC_E_SHAPE, "holds 600 numbers; 300 are expected");
    FAILS(nac_h5_get(h, "a/b", NAC_H5_F32, f, 4), NAC_E_FORMAT, "\"a/b\" is a group; a dataset is expected");
    FAILS(nac_h5_get(h, "a/d", NAC_H5_F32, f, 4), NAC_E_NOT_FOUND, "there is no \"a/d\"");
    FAILS(nac_h5_get(h, "scalar", NAC_H5_BF16, f, 2), NAC_E_TYPE, "holds float32; bfloat16 is expected");
    FAILS(nac_h5_children(h, "scalar", &child, &count), NAC_E_FORMAT, "\"scalar\" is a dataset; a group is expected");
    nac_h5_close(h);
}

START_TEST(types)
{
    static const char *const files[] = {"types.h5", "types_latest.h5"};
    for (int i = 0; i < NAC_COUNT(files); i++) {
        size_t size;
        char *bytes = contents(hostile(files[i]), &size);
        read_types(nac_h5_read(bytes, size));
        free(bytes);
        read_types(nac_h5_read_file(hostile(files[i])));
    }
}
END_TEST

START_TEST(texts)
{
    static const struct {
        const char *name, *text;
    } cases[] = {{"keras_version", "3.15.1"}, {"ascii", "plain"}, {"accents", "d\xc3\xa9j\xc3\xa0 \xf0\x9f\x98\x80"},
                 {"fixed", "fixed"}, {"padded", "spaces"}};
    nac_h5 *h = nac_h5_read_file(hostile("texts.h5"));
    WORKS(h);
    char *text, **list;
    int count;
    for (int i = 0; i < NAC_COUNT(cases); i++) {
        WORKS(nac_h5_text(h, "", cases[i].name, &text));
        ck_assert_str_eq(text, cases[i].text);
        nac_free(text);
    }
    WORKS(nac_h5_text(h, "", "long", &text));
    ck_assert_uint_eq(strlen(text), 70000);
    nac_free(text);
    WORKS(nac_h5_text(h, "model_weights", "name", &text));
    ck_assert_str_eq(text, "model");
    nac_free(text);
    WORKS(nac_h5_texts(h, "", "names", &list, &count));
    ck_assert_int_eq(count, 3);
    ck_assert_str_eq(list[1], "dense_1");
    ck_assert_str_eq(list[2], "");
    nac_h5_texts_free(list, count);
    WORKS(nac_h5_texts(h, "", "variable", &list, &count));
    ck_assert_int_eq(count, 2);
    ck_assert_str_eq(list[1], "beta/gamma");
    nac_h5_texts_free(list, count);
    WORKS(nac_h5_texts(h, "", "fixed", &list, &count));
    ck_assert_int_eq(count, 1);
    nac_h5_texts_free(list, count);
    WORKS(nac_h5_texts(h, "", "none", &list, &count));
    ck_assert(list && count == 0);
    nac_h5_texts_free(list, count);
    WORKS(nac_h5_texts(h, "", "absent", &list, &count));
    ck_assert(!list && count == 0);
    nac_h5_texts_free(list, count);
    FAILS(nac_h5_text(h, "", "names", &text), NAC_E_TYPE, "attribute \"names\" of \"\" holds 3 texts; one is expected");
    FAILS(nac_h5_text(h, "", "number", &text), NAC_E_TYPE, "attribute \"number\" of \"\" holds no text");
    FAILS(nac_h5_text(h, "nowhere", "number", &text), NAC_E_NOT_FOUND, "there is no \"nowhere\"");
    nac_h5_close(h);
}
END_TEST

/* ---- what must not be opened ---- */

START_TEST(refused)
{
    static const struct {
        const char *file, *path;
        nac_code    code;
        const char *part;
    } cases[] = {
        {"soft.h5", "soft", NAC_E_UNSUPPORTED, "\"soft\" in \"soft\" is a soft link; only hard links are followed"},
        {"soft.h5", "to_group/data", NAC_E_UNSUPPORTED, "\"to_group\" in \"to_group/data\" is a soft link"},
        {"external_link.h5", "there", NAC_E_UNSUPPORTED, "is an external link"},
        {"external_storage.h5", "secret", NAC_E_UNSUPPORTED, "\"secret\" keeps its data in another file"},
        {"virtual.h5", "elsewhere", NAC_E_UNSUPPORTED, "\"elsewhere\" is a virtual dataset"},
        {"named_type.h5", "kind", NAC_E_FORMAT, "is neither a group nor a dataset"},
        {"bombs.h5", "large", NAC_E_FORMAT, "\"large\" claims 4611686018427387904 bytes from 0 stored: more than 1000 times"},
        {"bombs.h5", "unstored", NAC_E_FORMAT, "\"unstored\" claims 8589934592 bytes from 0 stored"},
        {"bombs.h5", "chunk", NAC_E_FORMAT, "\"chunk\" has chunks much larger than its 16 bytes"},
        {"overflow.h5", "wraps", NAC_E_FORMAT, "the size of \"wraps\" is more than can be counted"},
        {"rank.h5", "nine", NAC_E_UNSUPPORTED, "\"nine\" has rank 9, at most 8"},
        {"filters.h5", "lzf", NAC_E_UNSUPPORTED, "\"lzf\" needs filter 32000 (lzf); deflate, shuffle and fletcher32 are allowed"},
        {"filter_twice.h5", "twice", NAC_E_FORMAT, "\"twice\" has filter 1 twice"},
    };
    for (int i = 0; i < NAC_COUNT(cases); i++) {
        size_t size;
        char *bytes = contents(hostile(cases[i].file), &size), data[16];
        for (int memory = 0; memory < 2; memory++) {
            nac_h5 *h = memory ? nac_h5_read(bytes, size) : nac_h5_read_file(hostile(cases[i].file));
            nac_h5_info info;
            char *text;
            WORKS(h);
            FAILS(nac_h5_look(h, cases[i].path, &info), cases[i].code, cases[i].part);
            FAILS(nac_h5_get(h, cases[i].path, NAC_H5_U8, data, sizeof data), cases[i].code, cases[i].part);
            FAILS(nac_h5_text(h, cases[i].path, "name", &text), cases[i].code, cases[i].part);
            nac_h5_close(h);
        }
        free(bytes);
    }
}
END_TEST

START_TEST(links_are_listed)
{
    nac_h5_child *child;
    int count;
    nac_h5 *h = nac_h5_read_file(hostile("soft.h5"));
    WORKS(nac_h5_children(h, "", &child, &count));
    ck_assert_int_eq(count, 4);
    ck_assert(child[0].kind == NAC_H5_GROUP && child[1].kind == NAC_H5_DATASET && child[2].kind == NAC_H5_LINK);
    nac_h5_children_free(child, count);
    nac_h5_close(h);
    h = nac_h5_read_file(hostile("bombs.h5"));
    FAILS(nac_h5_children(h, "", &child, &count), NAC_E_FORMAT, "chunks much larger");
    nac_h5_close(h);
}
END_TEST

START_TEST(rings_end)
{
    char path[2 * 300] = "a";
    nac_h5_info info;
    nac_h5 *h = nac_h5_read_file(hostile("ring.h5"));
    WORKS(nac_h5_look(h, "a/again/again/up/a", &info));
    ck_assert_int_eq(info.kind, NAC_H5_GROUP);
    for (int i = 0; i < 90; i++)
        strcat(path, "/again");
    WORKS(nac_h5_look(h, path, &info));
    char *longer = malloc(4096);
    strcpy(longer, "a");
    for (int i = 0; i < 256; i++)
        strcat(longer, "/again");
    FAILS(nac_h5_look(h, longer, &info), NAC_E_ARGUMENT, "is not a path of at most 256 names");
    free(longer);
    nac_h5_close(h);
}
END_TEST

START_TEST(checksums)
{
    float f[4];
    nac_h5 *h = nac_h5_read_file(hostile("checksums.h5"));
    FAILS(nac_h5_get(h, "wrong", NAC_H5_F32, f, sizeof f), NAC_E_FORMAT, "\"wrong\" is damaged: its checksum is 00000001, its data have ");
    FAILS(nac_h5_get(h, "wide", NAC_H5_F32, f, sizeof f), NAC_E_FORMAT, "\"wide\": its checksum is no 32-bit number");
    FAILS(nac_h5_get(h, "text", NAC_H5_F32, f, sizeof f), NAC_E_FORMAT, "\"text\": its checksum is no 32-bit number");
    nac_h5_close(h);

    /* Any bit of the data that is turned over is found, also when the data are converted. */
    void *bytes;
    size_t size;
    WORKS(write_file(&bytes, &size));
    char *at = memmem(bytes, size, kernel, sizeof kernel);
    ck_assert_ptr_nonnull(at);
    for (size_t i = 0; i < sizeof kernel; i++) {
        double d[6];
        float g[6];
        at[i] ^= 1;
        h = nac_h5_read(bytes, size);
        FAILS(nac_h5_get(h, "layers/dense/vars/0", NAC_H5_F32, g, sizeof g), NAC_E_FORMAT, "\"layers/dense/vars/0\" is damaged");
        FAILS(nac_h5_get(h, "layers/dense/vars/0", NAC_H5_F64, d, sizeof d), NAC_E_FORMAT, "\"layers/dense/vars/0\" is damaged");
        nac_h5_close(h);
        at[i] ^= 1;
    }
    nac_free(bytes);
}
END_TEST

START_TEST(not_files)
{
    FAILS(nac_h5_read_file(hostile("absent.h5")), NAC_E_NOT_FOUND, "absent.h5\": No such file");
    FAILS(nac_h5_read_file(hostile("")), NAC_E_IO, "is not a regular file");
    FAILS(nac_h5_read_file("/dev/zero"), NAC_E_IO, "is not a regular file");
    FAILS(nac_h5_read_file(hostile("make.py")), NAC_E_FORMAT, "make.py\": ");
    FAILS(nac_h5_read("", 0), NAC_E_FORMAT, "weights in memory");
    FAILS(nac_h5_read("text", 4), NAC_E_FORMAT, "weights in memory");
    size_t size;
    char *bytes = contents(hostile("types_latest.h5"), &size);
    for (size_t shorter = 0; shorter < size; shorter += 7)
        FAILS(nac_h5_read(bytes, shorter), NAC_E_FORMAT, "weights in memory");
    free(bytes);
}
END_TEST

/* libhdf5 loses 56 bytes of its own where a read of its metadata fails. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

typedef struct {
    const char *bytes;
    int         reads, fails_at;
} source;

static bool read_some(void *context, uint64_t at, void *to, size_t size)
{
    source *s = context;
    memcpy(to, s->bytes + at, size);
    return s->reads++ != s->fails_at;
}

/* Any of the reads fails: an error, and no numbers. */
START_TEST(a_source_fails)
{
    void *bytes;
    size_t size;
    float f[6];
    bool ok = false;
    WORKS(write_file(&bytes, &size));
    for (int at = 0; !ok; at++) {
        source s = {bytes, 0, at};
        nac_h5 *h = nac_h5_read_from(read_some, &s, size);
        ok = h && nac_h5_get(h, "layers/dense/vars/0", NAC_H5_F32, f, sizeof f);
        ck_assert(ok ? s.reads <= at && memcmp(f, kernel, sizeof f) == 0 : nac_error_code() == NAC_E_FORMAT);
        ck_assert_int_lt(at, 100);
        nac_error_clear();
        nac_h5_close(h);
    }
    nac_free(bytes);
}
END_TEST

/* ---- manners ---- */

START_TEST(borrowed_bytes_are_not_written)
{
    void *bytes;
    size_t size;
    float f[6];
    WORKS(write_file(&bytes, &size));
    char *fixed = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(fixed, bytes, size);
    mprotect(fixed, size, PROT_READ);
    nac_h5 *first = nac_h5_read(fixed, size), *second = nac_h5_read(bytes, size);
    WORKS(nac_h5_get(first, "layers/dense/vars/0", NAC_H5_F32, f, sizeof f));
    nac_h5_close(first);
    WORKS(nac_h5_get(second, "layers/dense/vars/0", NAC_H5_F32, f, sizeof f));
    nac_h5_close(second);
    munmap(fixed, size);
    nac_free(bytes);
}
END_TEST

static int printed;

static herr_t count_print(hid_t stack, void *data)
{
    (void)stack, (void)data;
    printed++;
    return 0;
}

START_TEST(the_host_keeps_its_settings)
{
    H5E_auto2_t printer;
    void *data;
    unsigned plugins, now;
    H5Eset_auto2(H5E_DEFAULT, count_print, &printed);
    H5PLget_loading_state(&plugins);
    FAILS(nac_h5_read("text", 4), NAC_E_FORMAT, "weights in memory");
    nac_h5 *h = nac_h5_read_file(hostile("soft.h5"));
    nac_h5_info info;
    FAILS(nac_h5_look(h, "soft", &info), NAC_E_UNSUPPORTED, "soft");
    nac_h5_close(h);
    ck_assert_int_eq(printed, 0);
    H5Eget_auto2(H5E_DEFAULT, &printer, &data);
    H5PLget_loading_state(&now);
    ck_assert(printer == count_print && data == &printed && now == plugins);
    ck_assert_int_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
END_TEST

static void *work(void *unused)
{
    for (int i = 0; i < 50; i++) {
        void *bytes;
        size_t size;
        float f[6];
        bool ok = write_file(&bytes, &size);
        nac_h5 *h = ok ? nac_h5_read(bytes, size) : NULL;
        ok = h && nac_h5_get(h, "layers/dense/vars/0", NAC_H5_F32, f, sizeof f) && memcmp(f, kernel, sizeof f) == 0;
        nac_h5_close(h);
        nac_free(bytes);
        if (!ok)
            return "failed";
    }
    return unused;
}

START_TEST(threads)
{
    pthread_t thread[4];
    void *result;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &result);
        ck_assert_ptr_null(result);
    }
}
END_TEST

static bool use_all(void)
{
    void *bytes = NULL;
    size_t size;
    double d[6];
    char *text = NULL, **list = NULL;
    nac_h5_child *child = NULL;
    int count = 0, items = 0;
    nac_h5 *h = NULL, *t = NULL;
    bool ok = write_file(&bytes, &size) && (h = nac_h5_read(bytes, size)) && nac_h5_get(h, "layers/dense/vars/0", NAC_H5_F64, d, sizeof d) &&
              nac_h5_get(h, "layers/dense/vars/1", NAC_H5_BOOL, d, 3) && nac_h5_get(h, "vars/0", NAC_H5_F16, d, 2) &&
              nac_h5_get(h, "layers/dense/vars/2", NAC_H5_F32, d, 8) && nac_h5_children(h, "", &child, &count) &&
              nac_h5_text(h, "layers/dense", "note", &text) && (t = nac_h5_read_file(hostile("texts.h5"))) &&
              nac_h5_texts(t, "", "names", &list, &items);
    nac_h5_texts_free(list, items);
    nac_h5_children_free(child, count);
    nac_free(text);
    nac_h5_close(h);
    nac_h5_close(t);
    nac_free(bytes);
    return ok;
}

START_TEST(out_of_memory)
{
    EACH_ALLOCATION(use_all());
    ck_assert_int_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}
END_TEST

RUN_TESTS("h5", &round_trip, &every_type, &misuse_of_writing, &many_names, &types, &texts, &refused, &links_are_listed, &rings_end,
          &checksums, &not_files, &a_source_fails, &borrowed_bytes_are_not_written, &the_host_keeps_its_settings, &threads, &out_of_memory)
