/* Temporary file, full write, fsync, rename, fsync of the folder; every system call may fail. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include "base/base.h"
#include "checkpoint/durable.h"

#define MAX_LINKS    40     /* as the kernel's own limit */
#define MAX_PATIENCE 1000   /* calls in a row that are interrupted or move nothing */
#define MAX_NAMES    100
#define KEPT_NAME    200    /* bytes of the target's name within that of its temporary file, which is limited to 255 */

/* ---- the real calls ---- */

static int system_open(int folder, const char *path, int flags, mode_t mode)
{
    return openat(folder, path, flags, mode);
}

static int system_stat_at(int folder, const char *name, struct stat *out)
{
    return fstatat(folder, name, out, AT_SYMLINK_NOFOLLOW);
}

static int system_lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB);
}

static int system_rename(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to);
}

static int system_remove(int folder, const char *name)
{
    return unlinkat(folder, name, 0);
}

nac_file_calls nac_files = {
    .open = system_open,
    .stat = fstat,
    .stat_at = system_stat_at,
    .read_link = readlinkat,
    .lock = system_lock,
    .owner = fchown,
    .mode = fchmod,
    .write = pwrite,
    .sync = fsync,
    .close = close,
    .rename = system_rename,
    .remove = system_remove,
};

static int open_patiently(int folder, const char *path, int flags, mode_t mode)
{
    int fd, patience = MAX_PATIENCE;
    do
        fd = nac_files.open(folder, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR && --patience);
    return fd;
}

static int sync_patiently(int fd)
{
    int rc, patience = MAX_PATIENCE;
    do
        rc = nac_files.sync(fd);
    while (rc && errno == EINTR && --patience);
    return rc;
}

/* ---- one save ---- */

typedef struct nac_durable {
    const char *path;           /* as the caller wrote it, for messages */
    char        folder[PATH_MAX];
    const char *name;           /* the target within its folder; points into `target` */
    char        target[PATH_MAX];
    int         folder_fd, fd;
    bool        replaces;
    struct stat old;
    char        temp[NAME_MAX + 1];
    uint64_t    on_its_way;     /* bytes that the disk was told of */
} save;

static bool refuse(const save *s, const char *deed, int code)
{
    char text[128];
    return nac_fail(code == ENOENT ? NAC_E_NOT_FOUND : NAC_E_IO, "cannot save \"%.1000s\": %s: %s", s->path, deed,
                    strerror_r(code, text, sizeof text));
}

/* Splits `target` into folder and name. */
static bool split(save *s)
{
    char *slash = strrchr(s->target, '/');
    s->name = slash ? slash + 1 : s->target;
    if (!slash)
        strcpy(s->folder, ".");
    else if (slash == s->target)
        strcpy(s->folder, "/");
    else
        snprintf(s->folder, sizeof s->folder, "%.*s", (int)(slash - s->target), s->target);
    if (!*s->name || strcmp(s->name, ".") == 0 || strcmp(s->name, "..") == 0)
        return nac_fail(NAC_E_ARGUMENT, "cannot save \"%.1000s\": a file's name is expected, not a folder's", s->path);
    return true;
}

/* Puts what the link `name` says in place of the target; a relative one is relative to the link's folder. */
static bool follow(save *s)
{
    char link[PATH_MAX], joined[2 * PATH_MAX];
    ssize_t n = nac_files.read_link(s->folder_fd, s->name, link, sizeof link - 1);
    if (n < 0)
        return refuse(s, "reading the link", errno);
    link[n] = 0;
    snprintf(joined, sizeof joined, "%s%s%s", *link == '/' ? "" : s->folder, *link == '/' ? "" : "/", link);
    if (n == (ssize_t)sizeof link - 1 || strlen(joined) >= sizeof s->target)
        return refuse(s, "following the link", ENAMETOOLONG);
    strcpy(s->target, joined);
    return true;
}

/* Opens the folder of the file that the path leads to through all links, and looks at what is there now. */
static bool locate(save *s)
{
    if (strlen(s->path) >= sizeof s->target)
        return refuse(s, "its path", ENAMETOOLONG);
    strcpy(s->target, s->path);
    for (int links = 0; links <= MAX_LINKS; links++) {
        if (!split(s))
            return false;
        s->folder_fd = open_patiently(AT_FDCWD, s->folder, O_RDONLY | O_DIRECTORY, 0);
        if (s->folder_fd < 0)
            return refuse(s, "opening its folder", errno);
        if (nac_files.stat_at(s->folder_fd, s->name, &s->old) == 0)
            s->replaces = true;
        else if (errno != ENOENT)
            return refuse(s, "looking at the old file", errno);
        if (!s->replaces || S_ISREG(s->old.st_mode))
            return true;
        if (!S_ISLNK(s->old.st_mode))
            return nac_fail(NAC_E_IO, "cannot save \"%.1000s\": there is something that is not a regular file", s->path);
        s->replaces = false;
        if (!follow(s))
            return false;
        nac_files.close(s->folder_fd);
        s->folder_fd = -1;
    }
    return refuse(s, "following links", ELOOP);
}

/* ---- temporary files: .NAME.PID.RANDOM.tmp, locked as long as their writer lives ---- */

static int temp_prefix(const save *s, char *out, size_t size)
{
    return snprintf(out, size, ".%.*s.", KEPT_NAME, s->name);
}

static bool is_temp_of(const save *s, const char *entry)
{
    char prefix[KEPT_NAME + 8];
    size_t n = (size_t)temp_prefix(s, prefix, sizeof prefix), digits;
    if (strncmp(entry, prefix, n) != 0)
        return false;
    entry += n;
    digits = strspn(entry, "0123456789");
    if (digits == 0 || entry[digits] != '.')
        return false;
    entry += digits + 1;
    return strspn(entry, "0123456789abcdef") == 16 && strcmp(entry + 16, ".tmp") == 0;
}

/* A lock that can be had belongs to nobody alive. Failures here are no reason not to save. */
static void remove_if_stale(const save *s, const char *entry)
{
    int fd = open_patiently(s->folder_fd, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    struct stat st;
    if (fd < 0)
        return;
    if (nac_files.stat(fd, &st) == 0 && S_ISREG(st.st_mode) && nac_files.lock(fd) == 0)
        nac_files.remove(s->folder_fd, entry);
    nac_files.close(fd);
}

static void remove_stale(const save *s)
{
    int fd = open_patiently(s->folder_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0)
            nac_files.close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(entries));)
        if (is_temp_of(s, e->d_name))
            remove_if_stale(s, e->d_name);
    closedir(entries);
}

static void name_temp(save *s)
{
    static _Atomic unsigned count;
    struct timespec now;
    int n = temp_prefix(s, s->temp, sizeof s->temp);
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(s->temp + n, sizeof s->temp - (size_t)n, "%ld.%08lx%08x.tmp", (long)getpid(), (unsigned long)now.tv_nsec,
             atomic_fetch_add(&count, 1));
}

/* Between its creation and its lock another save may take the file for stale: then it has no name any more, and the next is tried. */
static int create_temp(save *s)
{
    for (int tries = 0; tries < MAX_NAMES; tries++) {
        name_temp(s);
        int fd = open_patiently(s->folder_fd, s->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, s->replaces ? 0600 : 0666);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0) {
            s->temp[0] = 0;
            refuse(s, "making a temporary file beside it", errno);
            return -1;
        }
        /* Where there are no locks the save is as safe; only nobody can tell that a killed one's file is stale. */
        struct stat st;
        bool taken = nac_files.lock(fd) && errno == EWOULDBLOCK;
        int rc = taken ? 0 : nac_files.stat(fd, &st), code = errno;
        if (!taken && rc == 0 && st.st_nlink > 0)
            return fd;
        nac_files.remove(s->folder_fd, s->temp);
        nac_files.close(fd);
        if (rc) {
            s->temp[0] = 0;
            refuse(s, "looking at the temporary file", code);
            return -1;
        }
    }
    s->temp[0] = 0;
    refuse(s, "making a temporary file beside it", EEXIST);
    return -1;
}

/* ---- filling and committing ---- */

static bool keep_mode(const save *s)
{
    struct stat st;
    mode_t mode = s->old.st_mode & 0777;
    if (!s->replaces)
        return true;
    if (nac_files.stat(s->fd, &st))
        return refuse(s, "looking at the temporary file", errno);
    /* A group that cannot be kept must not hand its rights to another one. */
    if ((st.st_uid != s->old.st_uid || st.st_gid != s->old.st_gid) && nac_files.owner(s->fd, s->old.st_uid, s->old.st_gid) &&
        st.st_gid != s->old.st_gid && nac_files.owner(s->fd, (uid_t)-1, s->old.st_gid))
        mode = (mode & ~(mode_t)070) | (mode & (mode & 07) << 3);
    return nac_files.mode(s->fd, mode) == 0 || refuse(s, "keeping its mode", errno);
}

nac_durable *nac_durable_begin(const char *path)
{
    save *s = nac_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->path = path;
    s->folder_fd = s->fd = -1;
    if (locate(s)) {
        remove_stale(s);
        s->fd = create_temp(s);
        if (s->fd >= 0 && keep_mode(s))
            return s;
    }
    nac_durable_end(s, false);
    return NULL;
}

/* The disk begins while the rest is still being made, so that the last sync waits less. Only that one tells of errors. */
static void send_on_its_way(save *s, uint64_t written)
{
#ifdef SYNC_FILE_RANGE_WRITE
    enum { PIECE = 32 << 20 };
    if (written >= s->on_its_way + PIECE) {
        (void)sync_file_range(s->fd, (off_t)s->on_its_way, (off_t)(written - s->on_its_way), SYNC_FILE_RANGE_WRITE);
        s->on_its_way = written;
    }
#else
    (void)s, (void)written;
#endif
}

bool nac_durable_put(nac_durable *s, const void *bytes, size_t size, uint64_t at)
{
    int patience = MAX_PATIENCE;
    for (size_t done = 0; done < size;) {
        size_t part = size - done < 1 << 30 ? size - done : 1 << 30;
        ssize_t n = nac_files.write(s->fd, (const char *)bytes + done, part, (off_t)(at + done));
        if (n < 0 && errno != EINTR)
            return refuse(s, "writing", errno);
        if (n > 0) {
            done += (size_t)n;
            patience = MAX_PATIENCE;
        } else if (!--patience) {
            return nac_fail(NAC_E_IO, "cannot save \"%.1000s\": writing: the system takes no more than %zu of %zu bytes", s->path, done,
                            size);
        }
    }
    send_on_its_way(s, at + size);
    return true;
}

static bool put_in_place(save *s)
{
    if (sync_patiently(s->fd))
        return refuse(s, "syncing", errno);
    if (nac_files.rename(s->folder_fd, s->temp, s->name))
        return refuse(s, "putting it in place", errno);
    s->temp[0] = 0;
    /* EINVAL: a file system that has no sync for folders. */
    if (sync_patiently(s->folder_fd) && errno != EINVAL) {
        char text[128];
        return nac_fail(NAC_E_IO, "\"%.1000s\" has its new contents, but may lose them when power fails: syncing its folder: %s", s->path,
                        strerror_r(errno, text, sizeof text));
    }
    return true;
}

bool nac_durable_end(nac_durable *s, bool commit)
{
    if (!s)
        return false;
    bool ok = commit && put_in_place(s);
    if (s->temp[0])
        nac_files.remove(s->folder_fd, s->temp);
    /* Its lock must outlive its temporary name; after a sync that succeeded a failing close loses nothing. */
    if (s->fd >= 0)
        nac_files.close(s->fd);
    if (s->folder_fd >= 0)
        nac_files.close(s->folder_fd);
    nac_free(s);
    return ok;
}

bool nac_durable_write(const char *path, const void *bytes, size_t size)
{
    nac_durable *file = nac_durable_begin(path);
    return nac_durable_end(file, file && nac_durable_put(file, bytes, size, 0));
}
