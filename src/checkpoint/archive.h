/* Zip archives: members by exact name, never extracted to disk. */
#ifndef NAC_ARCHIVE_H
#define NAC_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    const void *bytes;
    size_t      size;
} nac_member;

/* Makes the file `path` an archive of the members, in their order, each stored without compression as Keras does; the same members make the
   same bytes. The file is whole, or what it was (checkpoint/durable.h). */
bool nac_archive_write(const char *path, const nac_member *members, int count);

typedef struct nac_archive nac_archive;     /* one archive open for reading; for one thread at a time */

/* Open an archive strictly: its directory must be consistent, begin at the file's first byte and end at its last. The bytes are
   borrowed until nac_archive_close. NULL on failure: NAC_E_NOT_FOUND, NAC_E_IO or NAC_E_FORMAT. */
nac_archive *nac_archive_open(const char *path);
nac_archive *nac_archive_open_bytes(const void *bytes, size_t size);
void nac_archive_close(nac_archive *archive);                   /* NULL is accepted */

int nac_archive_count(const nac_archive *archive);
const char *nac_archive_name(nac_archive *archive, int i);      /* belongs to the archive */
bool nac_archive_has(nac_archive *archive, const char *name);

/* Reads the one member of that name to its end, so that its checksum is verified. Refuses a name that stands there twice, encryption,
   methods other than store and deflate, anything but a plain file, more than `limit` bytes, and more than 4 GiB from less than a
   hundredth. `*bytes` belongs to the caller (nac_free) and has a NUL behind its `*size` bytes. */
bool nac_archive_read(nac_archive *archive, const char *name, size_t limit, void **bytes, size_t *size);

/* A member to read parts of, without memory for the whole when it is stored. It was read to its end, and its checksum verified, when it is opened; of
   what is refused then nac_archive_read says more. */
typedef struct nac_part nac_part;
nac_part *nac_part_open(nac_archive *archive, const char *name);    /* until nac_part_close, which comes before nac_archive_close */
size_t nac_part_size(const nac_part *part);
/* Copies bytes [at, at + size), which must be there. Without a message: false. */
bool nac_part_read(void *part, uint64_t at, void *to, size_t size);
void nac_part_close(nac_part *part);                            /* NULL is accepted */

#endif
