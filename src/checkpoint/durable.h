/* Files that are whole or not there: what is written takes the target's place in one step, and a crash at any point leaves the old file. */
#ifndef NAC_DURABLE_H
#define NAC_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The system calls a save makes, with the meanings of POSIX. Tests replace entries; the table is not to change during a save. */
typedef struct {
    int (*open)(int folder, const char *path, int flags, mode_t mode);      /* openat */
    int (*stat)(int fd, struct stat *out);                                  /* fstat */
    int (*stat_at)(int folder, const char *name, struct stat *out);         /* fstatat, links not followed */
    ssize_t (*read_link)(int folder, const char *name, char *out, size_t size);     /* readlinkat */
    int (*lock)(int fd);                                                    /* flock, exclusive, without waiting */
    int (*owner)(int fd, uid_t user, gid_t group);                          /* fchown */
    int (*mode)(int fd, mode_t mode);                                       /* fchmod */
    ssize_t (*write)(int fd, const void *bytes, size_t size, off_t at);     /* pwrite */
    int (*sync)(int fd);                                                    /* fsync, of files and folders */
    int (*close)(int fd);
    int (*rename)(int folder, const char *from, const char *to);            /* renameat within one folder */
    int (*remove)(int folder, const char *name);                            /* unlinkat */
} nac_file_calls;

extern nac_file_calls nac_files;

/* Makes what is put there the contents of the file `path`: a temporary file beside it is written, synced and renamed over it, and the
   folder is synced. A symbolic link stays, and the file it leads to is replaced. Mode bits are kept, and the owner where the system allows;
   access control lists and further hard links are not. What killed saves of the same target left behind is removed first. Safe to call from
   several threads and processes for one path: the last rename wins, and readers see one complete file. `path` is borrowed until the end. */
typedef struct nac_durable nac_durable;
nac_durable *nac_durable_begin(const char *path);
bool nac_durable_put(nac_durable *file, const void *bytes, size_t size, uint64_t at);
/* Ends it in any case; NULL is accepted. True only when the new contents would survive a power loss. Without `commit`, and on failure, the
   temporary file is removed and the target is as it was, except when only the last sync of the folder fails: then the message says that the
   new contents are in place. */
bool nac_durable_end(nac_durable *file, bool commit);

bool nac_durable_write(const char *path, const void *bytes, size_t size);      /* all of them at once */

#endif
