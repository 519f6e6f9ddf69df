/* HDF5 files as trees of plain arrays: written as h5py writes them, read as if every file were hostile.

   A path is names joined by '/', without one in front; "" is the root. Only hard links to groups and datasets are followed; links
   out of the file, storage outside it, virtual datasets and filters other than deflate, shuffle and fletcher32 are errors. libhdf5 is
   not safe with threads, so each call takes one lock; a nac_h5 may be used from any thread. Nothing it does to libhdf5's global state
   (error printing, plugins) outlasts a call. Damage that makes libhdf5 itself fail inside is not contained: see open_object in h5.c. */
#ifndef NAC_H5_H
#define NAC_H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAC_H5_MAX_RANK 8

typedef enum {
    NAC_H5_F16, NAC_H5_F32, NAC_H5_F64,
    NAC_H5_I8, NAC_H5_I16, NAC_H5_I32, NAC_H5_I64,
    NAC_H5_U8, NAC_H5_U16, NAC_H5_U32, NAC_H5_U64,
    NAC_H5_BOOL,                /* a byte, 0 or 1 */
    NAC_H5_BF16,                /* opaque with the attribute dtype = "bfloat16", as Keras stores it */
    NAC_H5_OTHER                /* in nac_h5_info only: texts, compounds and all else that holds no numbers */
} nac_h5_dtype;

typedef enum {
    NAC_H5_ABSENT, NAC_H5_GROUP, NAC_H5_DATASET,
    NAC_H5_LINK                 /* from nac_h5_children only: something that is never opened */
} nac_h5_kind;

typedef struct nac_h5 nac_h5;

typedef struct {
    nac_h5_kind  kind;
    nac_h5_dtype dtype;                     /* of a dataset, as this and all that follows */
    int          rank;
    int64_t      dim[NAC_H5_MAX_RANK];
    int64_t      count;                     /* the product of the extents */
} nac_h5_info;

size_t nac_h5_size(nac_h5_dtype dtype);     /* bytes an element */

/* Open a file for reading. The bytes are borrowed until nac_h5_close. NULL on failure: NAC_E_FORMAT, NAC_E_NOT_FOUND, NAC_E_IO. */
nac_h5 *nac_h5_read(const void *bytes, size_t size);
nac_h5 *nac_h5_read_file(const char *path);
/* One whose bytes [at, at + size) `read` copies to `to`; false when it cannot. The size is that of the whole. Until nac_h5_close, by one thread at a time. */
typedef bool nac_h5_source(void *context, uint64_t at, void *to, size_t size);
nac_h5 *nac_h5_read_from(nac_h5_source *read, void *context, uint64_t size);
/* An empty file in memory, for writing. */
nac_h5 *nac_h5_create(void);
/* Gives the file that was written; `*bytes` belongs to the caller (nac_free). Nothing can be put into it afterwards. */
bool nac_h5_finish(nac_h5 *h5, void **bytes, size_t *size);
void nac_h5_close(nac_h5 *h5);              /* NULL is accepted */

/* Writes a dataset with its checksum, making groups on the way. It is an error when something is there already. */
bool nac_h5_put(nac_h5 *h5, const char *path, nac_h5_dtype dtype, int rank, const int64_t *dim, const void *data);
/* Makes a group, if it is not there, and the groups on the way to it; `name`, unless NULL, becomes its attribute of that name. */
bool nac_h5_group(nac_h5 *h5, const char *path, const char *name);
/* Writes a text attribute of a group or dataset: a scalar of variable length, in UTF-8. */
bool nac_h5_put_text(nac_h5 *h5, const char *path, const char *attribute, const char *text);

/* What is at the path; absent is no error, what must not be opened is. A dataset that claims more than 4 GiB and more than a thousand
   times what is stored is refused. */
bool nac_h5_look(nac_h5 *h5, const char *path, nac_h5_info *out);
/* Reads a whole dataset as `wanted`, converting between numbers as Keras does; `bytes` is the size of `data` and must be exactly what the
   dataset needs. Verifies the checksum when there is one. What `data` holds after a failure is undefined. */
bool nac_h5_get(nac_h5 *h5, const char *path, nac_h5_dtype wanted, void *data, size_t bytes);

typedef struct {
    char       *name;
    nac_h5_kind kind;
} nac_h5_child;

/* What is in a group, in the order of strcmp. The array belongs to the caller (nac_h5_children_free). */
bool nac_h5_children(nac_h5 *h5, const char *path, nac_h5_child **out, int *count);
void nac_h5_children_free(nac_h5_child *children, int count);

/* The text attribute of a group or dataset. NULL with true when it has none of that name; else it belongs to the caller (nac_free). */
bool nac_h5_text(nac_h5 *h5, const char *path, const char *attribute, char **text);
/* The same for a list of texts of any length, an empty list of any type included; a scalar is a list of one. *texts is NULL when there is
   no such attribute. */
bool nac_h5_texts(nac_h5 *h5, const char *path, const char *attribute, char ***texts, int *count);
void nac_h5_texts_free(char **texts, int count);

#endif
