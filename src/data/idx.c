/* IDX files, gzipped or not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "data/data.h"

static bool read_exactly(gzFile file, const char *path, void *to, size_t bytes)
{
    while (bytes) {
        unsigned chunk = bytes > 1u << 30 ? 1u << 30 : (unsigned)bytes;
        int got = gzread(file, to, chunk);
        if (got <= 0)
            return nac_fail(NAC_E_FORMAT, "%s: the IDX file ends too early, or is damaged", path);
        to = (char *)to + got;
        bytes -= (size_t)got;
    }
    return true;
}

static void to_host(void *data, int64_t n, size_t size)
{
    unsigned char *p = data;
    for (int64_t i = 0; i < n; i++, p += size)
        for (size_t k = 0; k < size / 2; k++) {
            unsigned char t = p[k];
            p[k] = p[size - 1 - k];
            p[size - 1 - k] = t;
        }
}

/* Big-endian: two zero bytes, a type, the rank, the extents, the elements. */
static nac_tensor *read_idx(gzFile file, const char *path)
{
    unsigned char head[4], extents[4 * NAC_MAX_RANK];
    int64_t dim[NAC_MAX_RANK];
    nac_type type;
    if (!read_exactly(file, path, head, 4))
        return NULL;
    nac_dtype dtype = head[2] == 0x08 ? NAC_UINT8 : head[2] == 0x0c ? NAC_INT32 : head[2] == 0x0d ? NAC_FLOAT32 : head[2] == 0x0e ? NAC_FLOAT64 : (nac_dtype)0;
    if (head[0] || head[1] || !dtype || head[3] > NAC_MAX_RANK)
        return nac_fail(NAC_E_FORMAT, "%s: not an IDX file of a known type", path);
    if (!read_exactly(file, path, extents, 4u * head[3]))
        return NULL;
    for (int i = 0; i < head[3]; i++)
        dim[i] = (int64_t)extents[4 * i] << 24 | extents[4 * i + 1] << 16 | extents[4 * i + 2] << 8 | extents[4 * i + 3];
    nac_shape shape = nac_shape_of(head[3], dim);
    if (!nac_type_from(&type, dtype, &shape))
        return nac_trail("in %s", path);
    nac_tensor *t = nac_tensor_alloc(&type);
    if (!t || !read_exactly(file, path, nac_tensor_data(t), nac_type_bytes(&type)))
        return NULL;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    to_host(nac_tensor_data(t), nac_type_size(&type), nac_dtype_size(dtype));
#endif
    return t;
}

nac_tensor *nac_load_idx(const char *path)
{
    if (!path)
        return nac_fail(NAC_E_ARGUMENT, "nac_load_idx: path: expected a text, found NULL");
    gzFile file = gzopen(path, "rb");
    if (!file)
        return nac_fail(errno == ENOENT ? NAC_E_NOT_FOUND : NAC_E_IO, "%s: %s", path, errno ? strerror(errno) : "cannot be opened");
    nac_tensor *t = read_idx(file, path);
    gzclose(file);
    return t;
}

nac_dataset *nac_fashion_mnist(const char *part)
{
    const char *folder = getenv("NACRE_FASHION_MNIST"), *name = !part ? NULL : strcmp(part, "train") == 0 ? "train" : strcmp(part, "test") == 0 ? "t10k" : NULL;
    char images[1024], labels[1024];
    if (!part)
        return nac_fail(NAC_E_ARGUMENT, "nac_fashion_mnist: expected \"train\" or \"test\", found NULL");
    if (!name)
        return nac_fail(NAC_E_ARGUMENT, "nac_fashion_mnist: expected \"train\" or \"test\", found \"%s\"", part);
    folder = folder ? folder : "/usr/share/datasets/fashion-mnist";
    snprintf(images, sizeof images, "%s/%s-images-idx3-ubyte.gz", folder, name);
    snprintf(labels, sizeof labels, "%s/%s-labels-idx1-ubyte.gz", folder, name);
    nac_tensor *x = nac_load_idx(images), *y = x ? nac_load_idx(labels) : NULL;
    if (!y && nac_error_code() == NAC_E_NOT_FOUND)
        return nac_trail("in nac_fashion_mnist: Debian's package dataset-fashion-mnist has it");
    return y ? nac_arrays(x, .targets = y) : NULL;
}
