/* HDF5 as h5py writes it, and a reader that trusts nothing. Whatever is opened in a file is opened by open_object. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <hdf5.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif
#include <inttypes.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include "base/base.h"
#include "checkpoint/h5.h"
#include "kernels/kernels.h"

#define MAX_DEPTH     256                       /* names in a path: hard links may form rings */
#define MAX_CHILDREN  1000000
#define MAX_TEXT      ((size_t)64 << 20)        /* bytes of one attribute */
#define BOMB_SIZE     ((uint64_t)4 << 30)
#define BOMB_RATIO    1000
#define SMALL_CHUNK   ((uint64_t)16 << 20)      /* a chunk may be larger than its dataset up to this */
#define MAX_KEPT      65536                     /* objects that stay open: hard links may give a small file any number of paths */
#define CHECKSUM      "nacre_crc32"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "checksums are of little-endian bytes");

struct nac_h5 {
    hid_t       file;
    bool        writing, finished;
    uint64_t    file_size;      /* when reading */
    void       *image;          /* when writing: libhdf5 fills it, and knows no more of it than where it is */
    void       *kept;           /* a tree by path of what was opened, and stays so: opening is what costs */
    int         n_kept;
};

typedef struct {
    const char *path;
    size_t      n;              /* of its characters */
    hid_t       object;
    nac_h5_info info;
    char        copy[];
} kept;

/* ---- the library's state: one caller at a time, and nothing left behind ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

typedef struct {
    bool        usable;
    H5E_auto2_t printer;
    void       *printer_data;
    bool        has_printer;
    unsigned    plugins;
} guard;

/* HDF5's own check of its version ends the process. */
static bool same_version(void)
{
    unsigned major, minor, release;
    return H5get_libversion(&major, &minor, &release) >= 0 && major == H5_VERS_MAJOR && minor == H5_VERS_MINOR &&
           release == H5_VERS_RELEASE;
}

/* After a failed close HDF5's exit handler touches freed memory; it only can be turned off before all else. */
static guard enter(void)
{
    guard g = {0};
    pthread_mutex_lock(&mutex);
    H5dont_atexit();
    g.usable = same_version();
    if (g.usable) {
        g.has_printer = H5Eget_auto2(H5E_DEFAULT, &g.printer, &g.printer_data) >= 0;
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
        H5PLget_loading_state(&g.plugins);
        H5PLset_loading_state(0);
    }
    return g;
}

static void leave(guard *g)
{
    if (g->usable) {
        H5PLset_loading_state(g->plugins);
        if (g->has_printer)
            H5Eset_auto2(H5E_DEFAULT, g->printer, g->printer_data);
    }
    pthread_mutex_unlock(&mutex);
}

static void drop(hid_t *id)
{
    if (*id >= 0)
        H5Idec_ref(*id);
}

#define LOCKED __attribute__((cleanup(leave), unused)) guard locked = enter()
#define ID     __attribute__((cleanup(drop))) hid_t

/* ---- errors ---- */

typedef struct {
    char text[200];
    bool memory;
} reason;

static herr_t note(unsigned n, const H5E_error2_t *e, void *data)
{
    reason *r = data;
    if (n == 0)
        snprintf(r->text, sizeof r->text, "%s", e->desc ? e->desc : "");
    r->memory = r->memory || e->maj_num == H5E_RESOURCE || e->min_num == H5E_NOSPACE || e->min_num == H5E_CANTALLOC;
    return 0;
}

/* To be called at once after the call that failed: the next one forgets why. */
static void *broken(const nac_h5 *h5, const char *deed, const char *path)
{
    reason r = {0};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note, &r);
    return nac_fail(r.memory ? NAC_E_MEMORY : h5 && h5->writing ? NAC_E_IO : NAC_E_FORMAT, "HDF5: %s \"%.300s\": %s", deed, path,
                    *r.text ? r.text : "the library fails without saying why");
}

/* ---- types ---- */

size_t nac_h5_size(nac_h5_dtype dtype)
{
    static const size_t sizes[] = {2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 0};
    return sizes[dtype];
}

static const char *dtype_name(nac_h5_dtype dtype)
{
    static const char *const names[] = {"float16", "float32", "float64", "int8", "int16", "int32", "int64",
                                        "uint8", "uint16", "uint32", "uint64", "bool", "bfloat16", "no numbers"};
    return names[dtype];
}

static hid_t make_half(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    if (type >= 0 && (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 || H5Tset_ebias(type, 15) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static hid_t make_bool(void)
{
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    if (type >= 0 && (H5Tenum_insert(type, "FALSE", &(int8_t){0}) < 0 || H5Tenum_insert(type, "TRUE", &(int8_t){1}) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

/* The type in the file, which is also the one in memory. To be closed. */
static hid_t make_type(nac_h5_dtype dtype)
{
    switch (dtype) {
    case NAC_H5_F16:
        return make_half();
    case NAC_H5_F32:
        return H5Tcopy(H5T_IEEE_F32LE);
    case NAC_H5_F64:
        return H5Tcopy(H5T_IEEE_F64LE);
    case NAC_H5_I8:
        return H5Tcopy(H5T_STD_I8LE);
    case NAC_H5_I16:
        return H5Tcopy(H5T_STD_I16LE);
    case NAC_H5_I32:
        return H5Tcopy(H5T_STD_I32LE);
    case NAC_H5_I64:
        return H5Tcopy(H5T_STD_I64LE);
    case NAC_H5_U8:
        return H5Tcopy(H5T_STD_U8LE);
    case NAC_H5_U16:
        return H5Tcopy(H5T_STD_U16LE);
    case NAC_H5_U32:
        return H5Tcopy(H5T_STD_U32LE);
    case NAC_H5_U64:
        return H5Tcopy(H5T_STD_U64LE);
    case NAC_H5_BOOL:
        return make_bool();
    case NAC_H5_BF16:
        return H5Tcreate(H5T_OPAQUE, 2);
    default:
        return -1;
    }
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static nac_h5_dtype classify_int(hid_t type)
{
    size_t size = H5Tget_size(type);
    bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
    if (H5Tget_precision(type) != 8 * size || H5Tget_offset(type) != 0)
        return NAC_H5_OTHER;
    return size == 1   ? (is_signed ? NAC_H5_I8 : NAC_H5_U8)
           : size == 2 ? (is_signed ? NAC_H5_I16 : NAC_H5_U16)
           : size == 4 ? (is_signed ? NAC_H5_I32 : NAC_H5_U32)
           : size == 8 ? (is_signed ? NAC_H5_I64 : NAC_H5_U64)
                       : NAC_H5_OTHER;
}

/* Only the three IEEE formats, in either byte order: a file may describe any other. */
static nac_h5_dtype classify_float(hid_t type)
{
    for (nac_h5_dtype d = NAC_H5_F16; d <= NAC_H5_F64; d++) {
        ID ours = make_type(d);
        if (ours >= 0 && H5Tequal(type, ours) > 0)
            return d;
        if (ours >= 0 && H5Tset_order(ours, H5T_ORDER_BE) >= 0 && H5Tequal(type, ours) > 0)
            return d;
    }
    return NAC_H5_OTHER;
}

static nac_h5_dtype classify_enum(hid_t type)
{
    ID ours = make_bool();
    ID base = H5Tget_super(type);
    int8_t no = -1, yes = -1;
    bool is_bool = ours >= 0 && base >= 0 && H5Tget_size(base) == 1 && H5Tget_nmembers(type) == 2 &&
                   H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 && yes == 1;
    return is_bool ? NAC_H5_BOOL : NAC_H5_OTHER;
}

/* ---- texts in attributes ---- */

typedef struct {
    char **item;        /* NULL: there is no such attribute */
    int    count;
} texts;

static bool read_variable(hid_t attribute, hid_t type, hid_t space, char **item, size_t count)
{
    char **raw = nac_calloc(count, sizeof *raw);
    ID memory = raw ? H5Tcopy(H5T_C_S1) : -1;
    bool ok = memory >= 0 && H5Tset_size(memory, H5T_VARIABLE) >= 0 && H5Tset_cset(memory, H5Tget_cset(type)) >= 0 &&
              H5Aread(attribute, memory, raw) >= 0;
    for (size_t i = 0; ok && i < count; i++)
        ok = (item[i] = nac_strdup(raw[i] ? raw[i] : "")) != NULL;
    if (memory >= 0)
        H5Dvlen_reclaim(memory, space, H5P_DEFAULT, raw);
    nac_free(raw);
    return ok;
}

static bool read_fixed(hid_t attribute, hid_t type, char **item, size_t count)
{
    size_t width = H5Tget_size(type), total;
    if (!width || !nac_mul_size(width, count, &total) || total > MAX_TEXT)
        return false;
    char *raw = nac_calloc(count, width);
    bool ok = raw && H5Aread(attribute, type, raw) >= 0, padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    for (size_t i = 0; ok && i < count; i++) {
        size_t n = strnlen(raw + i * width, width);
        while (padded && n && raw[i * width + n - 1] == ' ')
            n--;
        ok = (item[i] = nac_strndup(raw + i * width, n)) != NULL;
    }
    nac_free(raw);
    return ok;
}

static void free_texts(char **item, size_t count)
{
    for (size_t i = 0; item && i < count; i++)
        nac_free(item[i]);
    nac_free(item);
}

static bool read_texts(const nac_h5 *h5, hid_t object, const char *path, const char *name, texts *out)
{
    *out = (texts){0};
    htri_t there = H5Aexists(object, name);
    if (there == 0)
        return true;
    ID attribute = there > 0 ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    ID type = attribute >= 0 ? H5Aget_type(attribute) : -1;
    ID space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (type < 0 || count < 0)
        return broken(h5, "reading an attribute of", path);
    if (count > MAX_CHILDREN)
        return nac_fail(NAC_E_FORMAT, "HDF5: attribute \"%.100s\" of \"%.300s\" has %lld texts, at most %d", name, path, (long long)count,
                        MAX_CHILDREN);
    if (count > 0 && H5Tget_class(type) != H5T_STRING)
        return nac_fail(NAC_E_TYPE, "HDF5: attribute \"%.100s\" of \"%.300s\" holds no text", name, path);
    out->item = nac_calloc((size_t)count + 1, sizeof *out->item);
    out->count = (int)count;
    if (!out->item)
        return false;
    bool ok = count == 0 || (H5Tis_variable_str(type) > 0 ? read_variable(attribute, type, space, out->item, (size_t)count)
                                                          : read_fixed(attribute, type, out->item, (size_t)count));
    if (ok)
        return true;
    broken(h5, "reading an attribute of", path);
    free_texts(out->item, (size_t)count);
    *out = (texts){0};
    return false;
}

/* Objects that were opened by open_object, or are being. */
static bool write_text(const nac_h5 *h5, hid_t object, const char *path, const char *name, const char *text)
{
    if (H5Aexists(object, name) > 0)
        return nac_fail(NAC_E_ARGUMENT, "HDF5: \"%.300s\" has an attribute \"%.100s\" already", path, name);
    ID type = text_type();
    ID space = H5Screate(H5S_SCALAR);
    ID attribute = type >= 0 && space >= 0 ? H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    return (attribute >= 0 && H5Awrite(attribute, type, &text) >= 0) || broken(h5, "writing an attribute of", path);
}

/* ---- the one door ---- */

static bool check_filters(hid_t plist, const char *path)
{
    int count = H5Pget_nfilters(plist);
    bool seen[4] = {false};
    for (int i = 0; i < count; i++) {
        unsigned flags, config;
        size_t none = 0;
        char name[64] = "";
        H5Z_filter_t id = H5Pget_filter2(plist, (unsigned)i, &flags, &none, NULL, sizeof name, name, &config);
        if (id != H5Z_FILTER_DEFLATE && id != H5Z_FILTER_SHUFFLE && id != H5Z_FILTER_FLETCHER32)
            return nac_fail(NAC_E_UNSUPPORTED, "HDF5: \"%.300s\" needs filter %d (%.63s); deflate, shuffle and fletcher32 are allowed", path,
                            (int)id, name);
        /* Each pass of deflate multiplies what a file may cost by a thousand. */
        if (seen[id])
            return nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\" has filter %d twice", path, (int)id);
        seen[id] = true;
    }
    return count >= 0 || broken(NULL, "reading the filters of", path);
}

static bool check_chunks(hid_t plist, const char *path, uint64_t item, uint64_t total)
{
    hsize_t dim[H5S_MAX_RANK];
    int rank = H5Pget_chunk(plist, H5S_MAX_RANK, dim);
    uint64_t bytes = item;
    bool fits = rank >= 0;
    for (int i = 0; fits && i < rank; i++)
        fits = !__builtin_mul_overflow(bytes, dim[i], &bytes);
    return (fits && (bytes <= total || bytes <= SMALL_CHUNK)) ||
           nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\" has chunks much larger than its %" PRIu64 " bytes", path, total);
}

/* Extents into `out`; nothing is allocated for a dataset before this has passed. */
static bool check_dataset(const nac_h5 *h5, hid_t dataset, const char *path, nac_h5_info *out)
{
    ID plist = H5Dget_create_plist(dataset);
    ID type = H5Dget_type(dataset);
    ID space = H5Dget_space(dataset);
    if (plist < 0 || type < 0 || space < 0)
        return broken(h5, "opening", path);
    H5D_layout_t layout = H5Pget_layout(plist);
    if (layout == H5D_VIRTUAL)
        return nac_fail(NAC_E_UNSUPPORTED, "HDF5: \"%.300s\" is a virtual dataset, whose data lie in other files", path);
    if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
        return nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\" has an unknown layout", path);
    if (H5Pget_external_count(plist) != 0)
        return nac_fail(NAC_E_UNSUPPORTED, "HDF5: \"%.300s\" keeps its data in another file", path);
    if (!check_filters(plist, path))
        return false;
    int rank = H5Sget_simple_extent_ndims(space);
    hsize_t dim[H5S_MAX_RANK] = {0};
    if (rank < 0 || rank > NAC_H5_MAX_RANK)
        return nac_fail(NAC_E_UNSUPPORTED, "HDF5: \"%.300s\" has rank %d, at most %d", path, rank, NAC_H5_MAX_RANK);
    if (rank && H5Sget_simple_extent_dims(space, dim, NULL) < 0)
        return broken(h5, "reading the shape of", path);
    *out = (nac_h5_info){NAC_H5_DATASET, NAC_H5_OTHER, rank, {0}, 1};
    uint64_t item = H5Tget_size(type), total = item, stored = H5Dget_storage_size(dataset);
    bool fits = item > 0;
    for (int i = 0; i < rank; i++) {
        fits = fits && dim[i] <= INT64_MAX && !__builtin_mul_overflow(out->count, (int64_t)dim[i], &out->count) &&
               !__builtin_mul_overflow(total, dim[i], &total);
        out->dim[i] = (int64_t)dim[i];
    }
    if (!fits || total > INT64_MAX)
        return nac_fail(NAC_E_FORMAT, "HDF5: the size of \"%.300s\" is more than can be counted", path);
    if (!h5->writing && stored > h5->file_size)
        return nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\" claims %" PRIu64 " bytes of storage in a file of %" PRIu64, path, stored,
                        h5->file_size);
    if (total > BOMB_SIZE && total / BOMB_RATIO > stored)
        return nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\" claims %" PRIu64 " bytes from %" PRIu64 " stored: more than %d times as many", path,
                        total, stored, BOMB_RATIO);
    return layout != H5D_CHUNKED || check_chunks(plist, path, item, total);
}

static herr_t no_external(const char *parent_file, const char *parent_group, const char *child_file, const char *child_object,
                          unsigned *flags, hid_t fapl, void *data)
{
    (void)parent_file, (void)parent_group, (void)child_file, (void)child_object, (void)flags, (void)fapl, (void)data;
    return -1;
}

/* The only place where anything in a file is opened: one name, by a hard link, to a group or to a dataset that check_dataset lets pass.
   Opening decodes the object's header inside libhdf5, which no check can precede; hostile bytes may still break the library there. */
static hid_t open_object(const nac_h5 *h5, hid_t parent, const char *name, const char *path, nac_h5_info *out)
{
    H5L_info_t link;
    if (H5Lget_info(parent, name, &link, H5P_DEFAULT) < 0)
        return broken(h5, "looking at", path), -1;
    if (link.type != H5L_TYPE_HARD)
        return nac_fail(NAC_E_UNSUPPORTED, "HDF5: \"%.100s\" in \"%.300s\" is %s link; only hard links are followed", name, path,
                        link.type == H5L_TYPE_SOFT       ? "a soft"
                        : link.type == H5L_TYPE_EXTERNAL ? "an external"
                                                         : "an unknown"),
               -1;
    ID access = H5Pcreate(H5P_LINK_ACCESS);
    hid_t object = access >= 0 && H5Pset_elink_cb(access, no_external, NULL) >= 0 ? H5Oopen(parent, name, access) : -1;
    if (object < 0)
        return broken(h5, "opening", path), -1;
    H5I_type_t type = H5Iget_type(object);
    bool ok = type == H5I_GROUP || type == H5I_DATASET;
    if (!ok)
        nac_fail(NAC_E_FORMAT, "HDF5: \"%.100s\" in \"%.300s\" is neither a group nor a dataset", name, path);
    else if (type == H5I_GROUP)
        *out = (nac_h5_info){.kind = NAC_H5_GROUP};
    else
        ok = check_dataset(h5, object, path, out);
    if (ok)
        return object;
    H5Oclose(object);
    return -1;
}

/* ---- what stays open ---- */

static int by_path(const void *a, const void *b)
{
    const kept *x = a, *y = b;
    int order = memcmp(x->path, y->path, x->n < y->n ? x->n : y->n);
    return order ? order : x->n < y->n ? -1 : x->n > y->n;
}

/* The open object whose path is the first n characters, for the caller to close; -1 when there is none. */
static hid_t kept_object(const nac_h5 *h5, const char *path, size_t n, nac_h5_info *out)
{
    kept **found = tfind(&(kept){.path = path, .n = n}, &h5->kept, by_path);
    if (!found)
        return -1;
    *out = (*found)->info;
    H5Iinc_ref((*found)->object);
    return (*found)->object;
}

static bool keep(nac_h5 *h5, const char *path, size_t n, hid_t object, const nac_h5_info *info)
{
    if (h5->n_kept == MAX_KEPT)
        return true;
    kept *k = nac_malloc(sizeof *k + n);
    if (!k)
        return false;
    memcpy(k->copy, path, n);
    *k = (kept){k->copy, n, object, *info};
    if (!tsearch(k, &h5->kept, by_path)) {
        nac_free(k);
        return nac_fail(NAC_E_MEMORY, "out of memory: the objects of a file");
    }
    H5Iinc_ref(object);
    h5->n_kept++;
    return true;
}

static void forget(void *object)
{
    H5Idec_ref(((kept *)object)->object);
    nac_free(object);
}

/* ---- paths ---- */

#define MAX_NAME 1024

/* Copies the next name of the path, and moves behind it. */
static bool next_name(const char **path, char *name)
{
    size_t n = strcspn(*path, "/");
    if (n == 0 || n >= MAX_NAME || ((*path)[n] == '/' && !(*path)[n + 1]))
        return false;
    memcpy(name, *path, n);
    name[n] = 0;
    *path += (*path)[n] ? n + 1 : n;
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* From an open group to what it has of that name; its path is the first n characters. Where there is nothing: -1 and absent in *out, without an error. */
static hid_t step(nac_h5 *h5, hid_t at, const char *name, const char *path, size_t n, bool make, nac_h5_info *out)
{
    htri_t there = H5Lexists(at, name, H5P_DEFAULT);
    if (there < 0)
        return broken(h5, "looking for", path), -1;
    if (!there && !make) {
        out->kind = NAC_H5_ABSENT;
        return -1;
    }
    ID found = there ? open_object(h5, at, name, path, out) : H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (found < 0 && !there)
        broken(h5, "making a group of", path);
    if (found < 0 || !keep(h5, path, n, found, out))
        return -1;
    hid_t object = found;
    found = -1;
    return object;
}

/* The deepest object on the way that is open already, and in *rest the path from there; else the root. */
static hid_t begin(const nac_h5 *h5, const char *path, bool around, const char **rest, nac_h5_info *out)
{
    size_t whole = strlen(path);
    for (size_t n = whole; n > 0; n--) {
        bool ends = path[n] == '/' ? n + 1 < whole : !path[n] && !around;
        hid_t at = ends ? kept_object(h5, path, n, out) : -1;
        *rest = path + n + (path[n] == '/');
        if (at >= 0)
            return at;
    }
    *rest = path;
    *out = (nac_h5_info){.kind = NAC_H5_GROUP};
    H5Iinc_ref(h5->file);
    return h5->file;
}

/* The object at the path, making groups on the way with `make`; with `last` the group around it, and its name. To be closed. -1 with
   absent in *out, and no error, when nothing is there, and when the path leads through a dataset. */
static hid_t walk_to(nac_h5 *h5, const char *path, bool make, char *last, nac_h5_info *out)
{
    const char *rest;
    char name[MAX_NAME];
    hid_t at = begin(h5, path, last, &rest, out);
    int depth = 0;
    for (const char *c = path; c < rest; c++)
        depth += *c == '/';
    for (; *rest && at >= 0; depth++) {
        ID here = at;
        if (depth == MAX_DEPTH || !next_name(&rest, name))
            return nac_fail(NAC_E_ARGUMENT, "HDF5: \"%.300s\" is not a path of at most %d names", path, MAX_DEPTH), -1;
        if (out->kind == NAC_H5_DATASET) {
            out->kind = NAC_H5_ABSENT;
            return -1;
        }
        if (last && !*rest) {
            strcpy(last, name);
            here = -1;
            return at;
        }
        at = step(h5, here, name, path, (size_t)(rest - path) - (*rest != 0), make, out);
    }
    return at;
}

/* The object at the path, which must be there; of the kind, unless that is NAC_H5_ABSENT. */
static hid_t need(nac_h5 *h5, const char *path, nac_h5_kind kind, nac_h5_info *out)
{
    ID object = walk_to(h5, path, false, NULL, out);
    if (out->kind == NAC_H5_ABSENT)
        return nac_fail(NAC_E_NOT_FOUND, "HDF5: there is no \"%.300s\"", path), -1;
    if (object >= 0 && kind != NAC_H5_ABSENT && out->kind != kind)
        return nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\" is a %s; a %s is expected", path, kind == NAC_H5_GROUP ? "dataset" : "group",
                        kind == NAC_H5_GROUP ? "group" : "dataset"),
               -1;
    hid_t found = object;
    object = -1;
    return found;
}

/* ---- files ---- */

/* A driver of libhdf5 for files that are only read, from wherever their bytes are: its own one for memory copies all of them first. */
typedef struct {
    nac_h5_source *read;
    void          *context;
    uint64_t       size;
} source;

typedef struct {
    H5FD_t  head;
    source  from;
    haddr_t end;
} source_file;

static H5FD_t *source_open(const char *name, unsigned flags, hid_t access, haddr_t largest)
{
    (void)name, (void)flags, (void)largest;
    const source *from = H5Pget_driver_info(access);
    source_file *f = from ? nac_calloc(1, sizeof *f) : NULL;
    if (f)
        f->from = *from;
    return (H5FD_t *)f;
}

static herr_t source_close(H5FD_t *f)
{
    nac_free(f);
    return 0;
}

/* Two files are one file only when they are the same open one. */
static int source_compare(const H5FD_t *a, const H5FD_t *b)
{
    return a < b ? -1 : a > b;
}

/* What libhdf5's driver of plain files asks for: a few reads of metadata and of small arrays that lie together are one. */
static herr_t source_features(const H5FD_t *f, unsigned long *flags)
{
    (void)f;
    *flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE;
    return 0;
}

static haddr_t source_end(const H5FD_t *f, H5FD_mem_t type)
{
    (void)type;
    return ((const source_file *)f)->end;
}

static herr_t source_set_end(H5FD_t *f, H5FD_mem_t type, haddr_t end)
{
    (void)type;
    ((source_file *)f)->end = end;
    return 0;
}

static haddr_t source_size(const H5FD_t *f, H5FD_mem_t type)
{
    (void)type;
    return ((const source_file *)f)->from.size;
}

static herr_t source_read(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t size, void *to)
{
    (void)type, (void)transfer;
    const source *from = &((source_file *)f)->from;
    return at <= from->size && size <= from->size - at && from->read(from->context, at, to, size) ? 0 : -1;
}

static herr_t source_write(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t size, const void *data)
{
    (void)f, (void)type, (void)transfer, (void)at, (void)size, (void)data;
    return -1;
}

/* Registered once and for all: closing a file, libhdf5 lets go of its driver before the driver closes it. The host may have closed the library. */
static hid_t source_driver(void)
{
    static hid_t registered = -1;
    static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION
        .version = H5FD_CLASS_VERSION, .value = (H5FD_class_value_t)600,
#endif
        .name = "nacre", .maxaddr = INT64_MAX, .fc_degree = H5F_CLOSE_WEAK, .fapl_size = sizeof(source), .open = source_open, .close = source_close,
        .cmp = source_compare, .query = source_features, .get_eoa = source_end, .set_eoa = source_set_end, .get_eof = source_size, .read = source_read, .write = source_write,
        .fl_map = H5FD_FLMAP_DICHOTOMY};
    if (H5Iget_type(registered) != H5I_VFL)
        registered = H5FDregister(&driver);
    return registered;
}

static nac_h5 *new_h5(bool writing, uint64_t size)
{
    nac_h5 *h5 = nac_malloc(sizeof *h5);
    if (h5)
        *h5 = (nac_h5){.file = -1, .writing = writing, .file_size = size};
    return h5;
}

static nac_h5 *opened(nac_h5 *h5, const char *deed, const char *name)
{
    if (h5->file >= 0)
        return h5;
    broken(h5, deed, name);
    nac_free(h5->image);
    nac_free(h5);
    return NULL;
}

static bool usable(const guard *g)
{
    return g->usable || nac_fail(NAC_E_UNSUPPORTED, "HDF5: built with version %s, another one is loaded", H5_VERS_INFO);
}

/* The core driver takes two files of one name for one file, and tries to open the name although no file is meant: this one can never be. */
static void name_image(char *out, size_t size)
{
    static unsigned long count;
    snprintf(out, size, "/dev/null/nacre-%lu", count++);
}

nac_h5 *nac_h5_read_from(nac_h5_source *read, void *context, uint64_t size)
{
    LOCKED;
    nac_h5 *h5 = usable(&locked) ? new_h5(false, size) : NULL;
    if (!h5)
        return NULL;
    hid_t driver = source_driver();
    ID access = H5Pcreate(H5P_FILE_ACCESS);
    source from = {read, context, size};
    if (driver >= 0 && access >= 0 && H5Pset_driver(access, driver, &from) >= 0)
        h5->file = H5Fopen("weights", H5F_ACC_RDONLY, access);
    return opened(h5, "opening", "weights in memory");
}

static bool read_memory(void *bytes, uint64_t at, void *to, size_t size)
{
    memcpy(to, (char *)bytes + at, size);
    return true;
}

nac_h5 *nac_h5_read(const void *bytes, size_t size)
{
    return nac_h5_read_from(read_memory, (void *)(uintptr_t)bytes, size);
}

/* The file is not locked: a lock is refused by many network file systems, and saves replace files instead of changing them. */
nac_h5 *nac_h5_read_file(const char *path)
{
    LOCKED;
    struct stat st;
    char text[128];
    if (stat(path, &st))
        return nac_fail(errno == ENOENT ? NAC_E_NOT_FOUND : NAC_E_IO, "HDF5: opening \"%.300s\": %s", path,
                        strerror_r(errno, text, sizeof text));
    if (!S_ISREG(st.st_mode))
        return nac_fail(NAC_E_IO, "HDF5: \"%.300s\" is not a regular file", path);
    nac_h5 *h5 = usable(&locked) ? new_h5(false, (uint64_t)st.st_size) : NULL;
    if (!h5)
        return NULL;
    ID access = H5Pcreate(H5P_FILE_ACCESS);
    bool ok = access >= 0 && H5Pset_fapl_sec2(access) >= 0;
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    ok = ok && H5Pset_file_locking(access, false, true) >= 0;
#endif
    if (ok)
        h5->file = H5Fopen(path, H5F_ACC_RDONLY, access);
    return opened(h5, "opening", path);
}

/* What is written grows in memory of ours, to be handed out. */
static void *image_resize(void *p, size_t size, H5FD_file_image_op_t op, void *h5)
{
    (void)op;
    void *grown = nac_realloc(p, size);
    if (grown)
        ((nac_h5 *)h5)->image = grown;
    return grown;
}

static void *image_malloc(size_t size, H5FD_file_image_op_t op, void *h5)
{
    return image_resize(NULL, size, op, h5);
}

static void *copy_image(void *to, const void *from, size_t size, H5FD_file_image_op_t op, void *h5)
{
    (void)op, (void)h5;
    return memcpy(to, from, size);
}

static herr_t image_keep(void *p, H5FD_file_image_op_t op, void *h5)
{
    (void)p, (void)op, (void)h5;
    return 0;
}

static void *same_user(void *h5)
{
    return h5;
}

static herr_t forget_user(void *h5)
{
    (void)h5;
    return 0;
}

nac_h5 *nac_h5_create(void)
{
    LOCKED;
    nac_h5 *h5 = usable(&locked) ? new_h5(true, 0) : NULL;
    if (!h5)
        return NULL;
    char name[64];
    name_image(name, sizeof name);
    H5FD_file_image_callbacks_t calls = {.image_malloc = image_malloc, .image_memcpy = copy_image, .image_realloc = image_resize,
                                         .image_free = image_keep, .udata_copy = same_user, .udata_free = forget_user, .udata = h5};
    ID access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fapl_core(access, 1 << 20, false) >= 0 && H5Pset_file_image_callbacks(access, &calls) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST) >= 0)
        h5->file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    return opened(h5, "making", "weights in memory");
}

static bool close_file(nac_h5 *h5)
{
    hid_t file = h5->file;
    tdestroy(h5->kept, forget);
    h5->kept = NULL;
    h5->file = -1;
    return file < 0 || H5Fclose(file) >= 0;
}

bool nac_h5_finish(nac_h5 *h5, void **bytes, size_t *size)
{
    LOCKED;
    if (!h5->writing || h5->finished)
        return nac_fail(NAC_E_STATE, "HDF5: the file is %s", h5->writing ? "finished already" : "open for reading");
    ssize_t n = H5Fflush(h5->file, H5F_SCOPE_LOCAL) < 0 ? -1 : H5Fget_file_image(h5->file, NULL, 0);
    if (n <= 0 || !close_file(h5))
        return broken(h5, "finishing", "weights in memory");
    h5->finished = true;
    *bytes = h5->image;
    *size = (size_t)n;
    h5->image = NULL;
    return true;
}

void nac_h5_close(nac_h5 *h5)
{
    if (!h5)
        return;
    LOCKED;
    close_file(h5);
    nac_free(h5->image);
    nac_free(h5);
}

/* ---- writing ---- */

static bool may_write(const nac_h5 *h5)
{
    return (h5->writing && !h5->finished) ||
           nac_fail(NAC_E_STATE, "HDF5: the file is %s", h5->writing ? "finished already" : "open for reading");
}

/* CRC-32, by all threads where it is much. */
static uint32_t checksum(const void *data, size_t bytes)
{
    enum { LEAST = 1 << 20, MOST = 64 };
    uint32_t sums[MOST] = {0};
    int64_t parts = (int64_t)(bytes / LEAST), most = nac_threads() < MOST ? nac_threads() : MOST;
    parts = parts < 1 ? 1 : parts > most ? most : parts;
    const size_t part = bytes / (size_t)parts, last = bytes - part * (size_t)(parts - 1);
    NAC_SHARE(parts > 1, i, parts, sums[i] = (uint32_t)crc32_z(0, (const unsigned char *)data + part * (size_t)i, i < parts - 1 ? part : last));
    for (int64_t i = 1; i < parts; i++)
        sums[0] = (uint32_t)crc32_combine(sums[0], sums[i], (z_off_t)(i < parts - 1 ? part : last));
    return sums[0];
}

static bool write_checksum(const nac_h5 *h5, hid_t dataset, const char *path, const void *data, size_t bytes)
{
    uint32_t sum = checksum(data, bytes);
    ID space = H5Screate(H5S_SCALAR);
    ID attribute = space >= 0 ? H5Acreate2(dataset, CHECKSUM, H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    return (attribute >= 0 && H5Awrite(attribute, H5T_STD_U32LE, &sum) >= 0) || broken(h5, "writing the checksum of", path);
}

static bool byte_count(const char *path, nac_h5_dtype dtype, int rank, const int64_t *dim, size_t *bytes)
{
    *bytes = nac_h5_size(dtype);
    if (rank < 0 || rank > NAC_H5_MAX_RANK || dtype == NAC_H5_OTHER)
        return nac_fail(NAC_E_ARGUMENT, "HDF5: \"%.300s\" of rank %d and type %s; at most rank %d, and numbers, are expected", path, rank,
                        dtype_name(dtype), NAC_H5_MAX_RANK);
    for (int i = 0; i < rank; i++)
        if (dim[i] < 0 || !nac_mul_size(*bytes, (size_t)dim[i], bytes))
            return nac_fail(NAC_E_SHAPE, "HDF5: \"%.300s\": axis %d of extent %" PRId64, path, i, dim[i]);
    return true;
}

bool nac_h5_put(nac_h5 *h5, const char *path, nac_h5_dtype dtype, int rank, const int64_t *dim, const void *data)
{
    LOCKED;
    char name[MAX_NAME];
    nac_h5_info info;
    size_t bytes;
    hsize_t extent[NAC_H5_MAX_RANK];
    if (!may_write(h5) || !byte_count(path, dtype, rank, dim, &bytes))
        return false;
    if (!*path)
        return nac_fail(NAC_E_ARGUMENT, "HDF5: a dataset needs a name");
    ID group = walk_to(h5, path, true, name, &info);
    if (info.kind == NAC_H5_ABSENT)
        return nac_fail(NAC_E_ARGUMENT, "HDF5: \"%.300s\" leads through a dataset", path);
    if (group < 0)
        return false;
    if (H5Lexists(group, name, H5P_DEFAULT) > 0)
        return nac_fail(NAC_E_ARGUMENT, "HDF5: there is a \"%.300s\" already", path);
    for (int i = 0; i < rank; i++)
        extent[i] = (hsize_t)dim[i];
    ID type = make_type(dtype);
    ID space = rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
    ID plist = H5Pcreate(H5P_DATASET_CREATE);
    bool ok = type >= 0 && space >= 0 && plist >= 0 && H5Pset_obj_track_times(plist, false) >= 0;   /* the same data make the same bytes */
    ID dataset = ok ? H5Dcreate2(group, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT) : -1;
    if (dataset < 0 || (bytes && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0))
        return broken(h5, "writing", path);
    return (dtype != NAC_H5_BF16 || write_text(h5, dataset, path, "dtype", "bfloat16")) && write_checksum(h5, dataset, path, data, bytes);
}

bool nac_h5_group(nac_h5 *h5, const char *path, const char *name)
{
    LOCKED;
    nac_h5_info info;
    if (!may_write(h5))
        return false;
    ID group = walk_to(h5, path, true, NULL, &info);
    if (info.kind != NAC_H5_GROUP)
        return nac_fail(NAC_E_ARGUMENT, "HDF5: \"%.300s\" is, or leads through, a dataset", path);
    return group >= 0 && (!name || write_text(h5, group, path, "name", name));
}

bool nac_h5_put_text(nac_h5 *h5, const char *path, const char *attribute, const char *text)
{
    LOCKED;
    nac_h5_info info;
    if (!may_write(h5))
        return false;
    ID object = need(h5, path, NAC_H5_ABSENT, &info);
    return object >= 0 && write_text(h5, object, path, attribute, text);
}

/* ---- reading ---- */

static bool classify(const nac_h5 *h5, hid_t dataset, const char *path, nac_h5_dtype *out)
{
    ID type = H5Dget_type(dataset);
    ID space = H5Dget_space(dataset);
    H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    *out = NAC_H5_OTHER;
    if (space < 0 || H5Sget_simple_extent_type(space) == H5S_NULL)
        return true;
    if (class == H5T_INTEGER)
        *out = classify_int(type);
    else if (class == H5T_FLOAT)
        *out = classify_float(type);
    else if (class == H5T_ENUM)
        *out = classify_enum(type);
    else if (class == H5T_OPAQUE && H5Tget_size(type) == 2) {
        texts t;
        if (!read_texts(h5, dataset, path, "dtype", &t))
            return false;
        if (t.count == 1 && strcmp(t.item[0], "bfloat16") == 0)
            *out = NAC_H5_BF16;
        free_texts(t.item, (size_t)t.count);
    }
    return true;
}

bool nac_h5_look(nac_h5 *h5, const char *path, nac_h5_info *out)
{
    LOCKED;
    ID object = walk_to(h5, path, false, NULL, out);
    if (out->kind == NAC_H5_ABSENT)
        return true;
    return object >= 0 && (out->kind == NAC_H5_GROUP || classify(h5, object, path, &out->dtype));
}

static bool verify(const nac_h5 *h5, hid_t dataset, const char *path, const void *data, size_t bytes)
{
    htri_t there = H5Aexists(dataset, CHECKSUM);
    if (there == 0)
        return true;
    ID attribute = there > 0 ? H5Aopen(dataset, CHECKSUM, H5P_DEFAULT) : -1;
    ID type = attribute >= 0 ? H5Aget_type(attribute) : -1;
    ID space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    uint32_t kept = 0, sum = checksum(data, bytes);
    if (type < 0 || H5Tequal(type, H5T_STD_U32LE) <= 0 || H5Sget_simple_extent_npoints(space) != 1)
        return nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\": its checksum is no 32-bit number", path);
    if (H5Aread(attribute, H5T_STD_U32LE, &kept) < 0)
        return broken(h5, "reading the checksum of", path);
    return kept == sum || nac_fail(NAC_E_FORMAT, "HDF5: \"%.300s\" is damaged: its checksum is %08x, its data have %08x", path, kept, sum);
}

static void widen_bfloat16(void *data, size_t count)
{
    uint16_t *from = data;
    uint32_t *to = data;
    for (size_t i = count; i-- > 0;) {
        uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* In place, from what a dataset of that type holds. */
static bool convert(hid_t file_type, nac_h5_dtype from, nac_h5_dtype wanted, void *data, size_t count)
{
    nac_h5_dtype to = wanted == NAC_H5_BOOL ? NAC_H5_I8 : wanted;     /* clamped: what is not 0 stays so */
    ID source = from == NAC_H5_BOOL ? make_type(NAC_H5_I8) : from == NAC_H5_BF16 ? make_type(NAC_H5_F32) : H5Tcopy(file_type);
    ID target = make_type(to);
    if (from == NAC_H5_BF16)
        widen_bfloat16(data, count);
    if (source < 0 || target < 0 || H5Tconvert(source, target, count, data, NULL, H5P_DEFAULT) < 0)
        return false;
    for (size_t i = 0; wanted == NAC_H5_BOOL && i < count; i++)
        ((uint8_t *)data)[i] = ((uint8_t *)data)[i] != 0;
    return true;
}

static bool is_real(nac_h5_dtype d)
{
    return d <= NAC_H5_F64 || d == NAC_H5_BF16;
}

/* Reads what is stored into `room`, which has space for the larger of both forms, and makes it what is wanted. */
static bool read_into(const nac_h5 *h5, hid_t dataset, hid_t type, const char *path, nac_h5_dtype from, nac_h5_dtype wanted, void *room,
                      size_t count)
{
    if (count && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, room) < 0)
        return broken(h5, "reading", path);
    if (!verify(h5, dataset, path, room, count * nac_h5_size(from)))
        return false;
    ID same = make_type(wanted);
    if (count == 0 || (from == wanted && from != NAC_H5_BOOL && H5Tequal(type, same) > 0) || (from == wanted && from == NAC_H5_BF16))
        return true;
    return convert(type, from, wanted, room, count) || broken(h5, "converting", path);
}

bool nac_h5_get(nac_h5 *h5, const char *path, nac_h5_dtype wanted, void *data, size_t bytes)
{
    LOCKED;
    nac_h5_info info;
    nac_h5_dtype from;
    size_t needed, room;
    ID dataset = need(h5, path, NAC_H5_DATASET, &info);
    if (dataset < 0 || !classify(h5, dataset, path, &from))
        return false;
    bool lossy = from != wanted && (wanted == NAC_H5_BF16 || (wanted == NAC_H5_BOOL && is_real(from)));
    if (from == NAC_H5_OTHER || wanted == NAC_H5_OTHER || lossy)
        return nac_fail(NAC_E_TYPE, "HDF5: \"%.300s\" holds %s; %s is expected", path, dtype_name(from), dtype_name(wanted));
    if (!nac_mul_size((size_t)info.count, nac_h5_size(wanted), &needed) || needed != bytes)
        return nac_fail(NAC_E_SHAPE, "HDF5: \"%.300s\" holds %" PRId64 " numbers; %zu are expected", path, info.count,
                        bytes / nac_h5_size(wanted));
    size_t wide = from == NAC_H5_BF16 ? 4 : nac_h5_size(from);
    ID type = H5Dget_type(dataset);
    if (wide <= nac_h5_size(wanted) || from == wanted)
        return read_into(h5, dataset, type, path, from, wanted, data, (size_t)info.count);
    char *copy = nac_mul_size((size_t)info.count, wide, &room) ? nac_malloc(room) : NULL;
    bool ok = copy && read_into(h5, dataset, type, path, from, wanted, copy, (size_t)info.count);
    if (ok)
        memcpy(data, copy, bytes);
    nac_free(copy);
    return ok;
}

/* ---- listing ---- */

typedef struct {
    nac_h5_child *item;
    int           count, cap;
    bool          failed;
} children;

static herr_t add_child(hid_t group, const char *name, const H5L_info_t *link, void *data)
{
    children *c = data;
    if (c->count == c->cap) {
        int cap = c->cap ? 2 * c->cap : 16;
        nac_h5_child *grown = cap > 2 * MAX_CHILDREN ? nac_fail(NAC_E_FORMAT, "HDF5: a group with more than %d members", MAX_CHILDREN)
                                                     : nac_realloc(c->item, (size_t)cap * sizeof *grown);
        c->failed = !grown;
        if (!grown)
            return -1;
        c->item = grown;
        c->cap = cap;
    }
    (void)group;
    c->item[c->count] = (nac_h5_child){nac_strdup(name), link->type == H5L_TYPE_HARD ? NAC_H5_ABSENT : NAC_H5_LINK};
    c->failed = !c->item[c->count].name;
    if (c->failed)
        return -1;
    c->count++;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nac_h5_child *)a)->name, ((const nac_h5_child *)b)->name);
}

void nac_h5_children_free(nac_h5_child *list, int count)
{
    for (int i = 0; list && i < count; i++)
        nac_free(list[i].name);
    nac_free(list);
}

/* Opens it, so that its kind is known, and it stays open when a path can lead to it. */
static bool open_child(nac_h5 *h5, hid_t group, const char *name, const char *path, nac_h5_info *info)
{
    char plain[MAX_NAME], *whole = nac_format("%s%s%s", path, *path ? "/" : "", name);
    const char *rest = name;
    if (!whole)
        return false;
    ID child = kept_object(h5, whole, strlen(whole), info);
    bool ok = child >= 0;
    if (!ok) {
        child = open_object(h5, group, name, path, info);
        ok = child >= 0 && (!next_name(&rest, plain) || keep(h5, whole, strlen(whole), child, info));
    }
    nac_free(whole);
    return ok;
}

bool nac_h5_children(nac_h5 *h5, const char *path, nac_h5_child **out, int *count)
{
    LOCKED;
    nac_h5_info info;
    ID group = need(h5, path, NAC_H5_GROUP, &info);
    if (group < 0)
        return false;
    children c = {0};
    bool ok = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_child, &c) >= 0;
    if (!ok && !c.failed)
        broken(h5, "listing", path);
    for (int i = 0; ok && i < c.count; i++) {
        if (c.item[i].kind == NAC_H5_LINK)
            continue;
        ok = open_child(h5, group, c.item[i].name, path, &info);
        c.item[i].kind = info.kind;
    }
    if (!ok) {
        nac_h5_children_free(c.item, c.count);
        return false;
    }
    if (c.count)
        qsort(c.item, (size_t)c.count, sizeof *c.item, by_name);
    *out = c.item;
    *count = c.count;
    return true;
}

/* ---- texts ---- */

bool nac_h5_texts(nac_h5 *h5, const char *path, const char *attribute, char ***out, int *count)
{
    LOCKED;
    nac_h5_info info;
    texts t;
    ID object = need(h5, path, NAC_H5_ABSENT, &info);
    if (object < 0 || !read_texts(h5, object, path, attribute, &t))
        return false;
    *out = t.item;
    *count = t.count;
    return true;
}

void nac_h5_texts_free(char **list, int count)
{
    free_texts(list, (size_t)count);
}

bool nac_h5_text(nac_h5 *h5, const char *path, const char *attribute, char **text)
{
    char **list;
    int count;
    *text = NULL;
    if (!nac_h5_texts(h5, path, attribute, &list, &count))
        return false;
    if (!list)
        return true;
    bool one = count == 1;
    if (one)
        *text = list[0];
    for (int i = 0; !one && i < count; i++)
        nac_free(list[i]);
    nac_free(list);
    return one || nac_fail(NAC_E_TYPE, "HDF5: attribute \"%.100s\" of \"%.300s\" holds %d texts; one is expected", attribute, path, count);
}
