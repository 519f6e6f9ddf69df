/* Keras's archives over libzip. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include "base/base.h"
#include "checkpoint/archive.h"
#include "checkpoint/durable.h"

#define MAX_MEMBERS   65535
#define BOMB_SIZE     ((uint64_t)4 << 30)
#define BOMB_RATIO    100
#define HELD          ((size_t)1 << 20)
#define DOS_DATE_1980 0x21      /* 1 January 1980, as Keras's zipfile writes */

static bool refuse(const char *deed, const char *name, zip_error_t *error)
{
    int code = zip_error_code_zip(error);
    const char *why = code == ZIP_ER_EXISTS ? "two members of one name" : zip_error_strerror(error);
    return nac_fail(code == ZIP_ER_MEMORY ? NAC_E_MEMORY : NAC_E_FORMAT, "archive: %s%s%.200s%s: %s", deed, *name ? " \"" : "", name,
                    *name ? "\"" : "", why);
}

/* ---- writing ---- */

static bool add(zip_t *zip, const nac_member *m)
{
    zip_source_t *source = zip_source_buffer(zip, m->bytes, m->size, 0);
    zip_int64_t at = source ? zip_file_add(zip, m->name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (at < 0) {
        zip_source_free(source);
        return refuse("adding", m->name, zip_get_error(zip));
    }
    zip_uint64_t i = (zip_uint64_t)at;
    if (zip_set_file_compression(zip, i, ZIP_CM_STORE, 0) || zip_file_set_dostime(zip, i, 0, DOS_DATE_1980, 0) ||
        zip_file_set_external_attributes(zip, i, 0, ZIP_OPSYS_UNIX, (zip_uint32_t)(S_IFREG | 0600) << 16))
        return refuse("adding", m->name, zip_get_error(zip));
    return true;
}

/* Where libzip writes, which it does in small pieces, and once more where a member begins when its checksum is known. */
typedef struct {
    nac_durable *file;
    char        *held;          /* [from, from + n) of the file, not yet written */
    uint64_t     from, at, size;
    size_t       n;
    zip_error_t  error;
} sink;

static bool flush(sink *s)
{
    bool ok = nac_durable_put(s->file, s->held, s->n, s->from);
    if (!ok)
        zip_error_set(&s->error, ZIP_ER_WRITE, EIO);
    s->n = 0;
    return ok;
}

static bool put(sink *s, const char *bytes, uint64_t n)
{
    while (n) {
        if ((s->at != s->from + s->n || s->n == HELD) && !flush(s))
            return false;
        if (!s->n)
            s->from = s->at;
        size_t part = n < HELD - s->n ? (size_t)n : HELD - s->n;
        memcpy(s->held + s->n, bytes, part);
        s->n += part;
        s->at += part;
        bytes += part;
        n -= part;
    }
    s->size = s->at > s->size ? s->at : s->size;
    return true;
}

static zip_int64_t to_sink(void *self, void *data, zip_uint64_t n, zip_source_cmd_t command)
{
    sink *s = self;
    zip_int64_t to;
    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_COMMIT_WRITE,
                                              ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE, ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE, -1);
    case ZIP_SOURCE_STAT:
        zip_stat_init(data);
        ((zip_stat_t *)data)->size = 0;
        ((zip_stat_t *)data)->valid |= ZIP_STAT_SIZE;
        return sizeof(zip_stat_t);
    case ZIP_SOURCE_WRITE:
        return put(s, data, n) ? (zip_int64_t)n : -1;
    case ZIP_SOURCE_SEEK_WRITE:
        to = zip_source_seek_compute_offset(s->at, s->size, data, n, &s->error);
        s->at = to < 0 ? s->at : (uint64_t)to;
        return to < 0 ? -1 : 0;
    case ZIP_SOURCE_TELL_WRITE:
        return (zip_int64_t)s->at;
    case ZIP_SOURCE_COMMIT_WRITE:
        return flush(s) ? 0 : -1;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&s->error, data, n);
    default:                    /* there is nothing to read, and nothing to open or close */
        return 0;
    }
}

static bool write_members(sink *s, const nac_member *members, int count)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_function_create(to_sink, s, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &error) : NULL;
    bool ok = zip || refuse("beginning", "", &error);
    if (!zip)
        zip_source_free(source);
    for (int i = 0; ok && i < count; i++)
        ok = add(zip, &members[i]);
    if (ok && zip_close(zip)) {
        ok = refuse("finishing", "", zip_get_error(zip));
        zip_discard(zip);
    } else if (zip && !ok) {
        zip_discard(zip);
    }
    zip_error_fini(&error);
    return ok;
}

bool nac_archive_write(const char *path, const nac_member *members, int count)
{
    sink s = {.held = nac_malloc(HELD)};
    zip_error_init(&s.error);
    s.file = s.held ? nac_durable_begin(path) : NULL;
    bool ok = nac_durable_end(s.file, s.file && write_members(&s, members, count));
    zip_error_fini(&s.error);
    nac_free(s.held);
    return ok;
}

/* ---- reading ---- */

struct nac_archive {
    zip_t *zip;
    int    count;
};

static nac_archive *opened(zip_t *zip)
{
    zip_int64_t count = zip_get_num_entries(zip, 0);
    nac_archive *a = NULL;
    if (count > MAX_MEMBERS)
        nac_fail(NAC_E_FORMAT, "archive: %lld members, at most %d", (long long)count, MAX_MEMBERS);
    else
        a = nac_malloc(sizeof *a);
    if (!a) {
        zip_discard(zip);
        return NULL;
    }
    *a = (nac_archive){zip, (int)count};
    return a;
}

/* A reader that looks for zip archives from the end accepts other files with one behind; Keras writes none, so such a file is two-faced. */
static bool begins(const unsigned char *head, size_t size)
{
    return (size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0)) ||
           nac_fail(NAC_E_FORMAT, "archive: not a zip archive: it does not begin with PK");
}

nac_archive *nac_archive_open(const char *path)
{
    char text[128];
    struct stat st;
    unsigned char head[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), code = 0;
    if (fd < 0)
        return nac_fail(errno == ENOENT ? NAC_E_NOT_FOUND : NAC_E_IO, "archive: opening \"%s\": %s", path,
                        strerror_r(errno, text, sizeof text));
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, head, sizeof head, 0) : -1;
    zip_t *zip = NULL;
    if (n < 0)
        nac_fail(NAC_E_IO, "archive: \"%s\" is not a regular file that can be read", path);
    else if (begins(head, (size_t)n))
        zip = zip_fdopen(fd, ZIP_CHECKCONS, &code);     /* takes the descriptor when it succeeds */
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        if (code)
            refuse("opening", path, &error);
        zip_error_fini(&error);
        close(fd);
        return NULL;
    }
    return opened(zip);
}

nac_archive *nac_archive_open_bytes(const void *bytes, size_t size)
{
    if (!begins(bytes, size))
        return NULL;
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    if (!zip) {
        refuse("opening", "", &error);
        zip_source_free(source);
    }
    zip_error_fini(&error);
    return zip ? opened(zip) : NULL;
}

void nac_archive_close(nac_archive *archive)
{
    if (archive) {
        zip_discard(archive->zip);
        nac_free(archive);
    }
}

int nac_archive_count(const nac_archive *archive)
{
    return archive->count;
}

const char *nac_archive_name(nac_archive *archive, int i)
{
    return zip_get_name(archive->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
}

/* Readers disagree about which of two equal names counts, so both are looked for. -1: none. */
static int find(nac_archive *archive, const char *name, int *times)
{
    int at = -1;
    *times = 0;
    for (int i = 0; i < archive->count; i++) {
        const char *have = nac_archive_name(archive, i);
        if (have && strcmp(have, name) == 0) {
            at = i;
            ++*times;
        }
    }
    return at;
}

bool nac_archive_has(nac_archive *archive, const char *name)
{
    int times;
    return find(archive, name, &times) >= 0;
}

static bool acceptable(nac_archive *archive, int at, const char *name, size_t limit, zip_stat_t *st)
{
    const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    if (zip_stat_index(archive->zip, (zip_uint64_t)at, 0, st) ||
        zip_file_get_external_attributes(archive->zip, (zip_uint64_t)at, 0, &system, &attributes))
        return refuse("looking at", name, zip_get_error(archive->zip));
    mode_t type = system == ZIP_OPSYS_UNIX ? (mode_t)(attributes >> 16) & S_IFMT : 0;
    if ((st->valid & needed) != needed)
        return nac_fail(NAC_E_FORMAT, "archive: \"%s\" has no size or method", name);
    if (st->encryption_method != ZIP_EM_NONE)
        return nac_fail(NAC_E_UNSUPPORTED, "archive: \"%s\" is encrypted", name);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return nac_fail(NAC_E_UNSUPPORTED, "archive: \"%s\" is packed by method %d; store (0) or deflate (8) is expected", name,
                        st->comp_method);
    if (type && type != S_IFREG)
        return nac_fail(NAC_E_FORMAT, "archive: \"%s\" is a link or another special file", name);
    if (st->size > limit)
        return nac_fail(NAC_E_FORMAT, "archive: \"%s\" has %llu bytes, at most %zu are expected", name, (unsigned long long)st->size, limit);
    if (st->size > BOMB_SIZE && st->size / BOMB_RATIO > st->comp_size)
        return nac_fail(NAC_E_FORMAT, "archive: \"%s\" claims %llu bytes from %llu: more than %d times as many", name,
                        (unsigned long long)st->size, (unsigned long long)st->comp_size, BOMB_RATIO);
    return true;
}

#define PIECE ((size_t)256 << 10)       /* so much is still in the second cache when its checksum is made */

/* Only the read that finds the end verifies the checksum. Into one piece of memory after the other, or always the same. */
static bool read_all(zip_file_t *file, const char *name, char *bytes, bool keep, size_t size)
{
    char more;
    size_t done = 0;
    zip_int64_t n = 1;
    while (n > 0 && done < size) {
        n = zip_fread(file, keep ? bytes + done : bytes, size - done < PIECE ? size - done : PIECE);
        done += n > 0 ? (size_t)n : 0;
    }
    if (n >= 0 && done == size)
        n = zip_fread(file, &more, 1);
    if (n < 0)
        return refuse("reading", name, zip_file_get_error(file));
    if (n > 0 || done < size)
        return nac_fail(NAC_E_FORMAT, "archive: \"%s\" has %s bytes than the %zu it claims", name, n > 0 ? "more" : "fewer", size);
    return true;
}

/* The member of that name, if there is one and it may be read; -1 with an error. */
static int look_up(nac_archive *archive, const char *name, size_t limit, zip_stat_t *st)
{
    int times, at = find(archive, name, &times);
    if (at < 0)
        nac_fail(NAC_E_NOT_FOUND, "archive: there is no \"%s\" among its %d members", name, archive->count);
    else if (times > 1)
        nac_fail(NAC_E_FORMAT, "archive: \"%s\" stands there %d times", name, times);
    else if (acceptable(archive, at, name, limit < SIZE_MAX ? limit : SIZE_MAX - 1, st))
        return at;
    return -1;
}

bool nac_archive_read(nac_archive *archive, const char *name, size_t limit, void **bytes, size_t *size)
{
    zip_stat_t st;
    int at = look_up(archive, name, limit, &st);
    char *copy = at < 0 ? NULL : nac_malloc(st.size + 1);
    zip_file_t *file = copy ? zip_fopen_index(archive->zip, (zip_uint64_t)at, 0) : NULL;
    bool ok = file ? read_all(file, name, copy, true, st.size) : copy && refuse("opening", name, zip_get_error(archive->zip));
    if (file)
        zip_fclose(file);
    if (!ok) {
        nac_free(copy);
        return false;
    }
    copy[st.size] = 0;
    *bytes = copy;
    *size = st.size;
    return true;
}

/* ---- parts of a member ---- */

struct nac_part {
    zip_file_t *file;           /* NULL: all of it is in memory */
    void       *bytes;
    size_t      size;
};

nac_part *nac_part_open(nac_archive *archive, const char *name)
{
    zip_stat_t st;
    int at = look_up(archive, name, SIZE_MAX, &st);
    nac_part *part = at < 0 ? NULL : nac_calloc(1, sizeof *part);
    if (!part)
        return NULL;
    bool ok;
    if (st.comp_method == ZIP_CM_STORE) {
        char *piece = nac_malloc(PIECE);
        part->size = st.size;
        part->file = piece ? zip_fopen_index(archive->zip, (zip_uint64_t)at, 0) : NULL;
        ok = part->file ? read_all(part->file, name, piece, false, st.size) : piece && refuse("opening", name, zip_get_error(archive->zip));
        nac_free(piece);
    } else {
        ok = nac_archive_read(archive, name, SIZE_MAX, &part->bytes, &part->size);
    }
    if (ok)
        return part;
    nac_part_close(part);
    return NULL;
}

size_t nac_part_size(const nac_part *part)
{
    return part->size;
}

bool nac_part_read(void *self, uint64_t at, void *to, size_t size)
{
    nac_part *part = self;
    zip_int64_t n = 1;
    if (at > part->size || size > part->size - at)
        return false;
    if (!part->file) {
        memcpy(to, (char *)part->bytes + at, size);
        return true;
    }
    if (zip_fseek(part->file, (zip_int64_t)at, SEEK_SET))
        return false;
    for (size_t done = 0; n > 0 && done < size; done += n > 0 ? (size_t)n : 0)
        n = zip_fread(part->file, (char *)to + done, size - done);
    return n > 0;
}

void nac_part_close(nac_part *part)
{
    if (!part)
        return;
    if (part->file)
        zip_fclose(part->file);
    nac_free(part->bytes);
    nac_free(part);
}
