/* Saves: every system call fails once, for ever, or is the process's last; the target is always one whole file, old or new. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store.h"
#include "checkpoint/durable.h"

static char folder[64];
static const char before[] = "the old contents", after[] = "the new contents, which are longer";

static char *in(const char *name)
{
    static char paths[4][512];
    static int at;
    at = (at + 1) % 4;
    snprintf(paths[at], sizeof paths[at], "%s/%s", folder, name);
    return paths[at];
}

static void enter(void)
{
    strcpy(folder, "/tmp/nacre-durable-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int entries(bool remove_them)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            n++;
            if (remove_them)
                unlink(in(e->d_name));
        }
    closedir(d);
    return n;
}

static void finish(void)
{
    entries(true);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in(name), "wb");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static bool holds(const char *name, const char *text)
{
    size_t size;
    char *bytes = contents(in(name), &size);
    bool same = size == strlen(text) && memcmp(bytes, text, size) == 0;
    free(bytes);
    return same;
}

static bool save(const char *name)
{
    return nac_durable_write(in(name), after, sizeof after - 1);
}

/* ---- calls that fail ---- */

enum { CALL_OPEN, CALL_STAT, CALL_STAT_AT, CALL_READ_LINK, CALL_LOCK, CALL_OWNER, CALL_MODE, CALL_WRITE, CALL_SYNC, CALL_CLOSE, CALL_RENAME,
       CALL_REMOVE, CALLS, ANY = -1 };

static nac_file_calls real;
static struct {
    int    which;           /* one of the above, or ANY */
    int    from, to;        /* the calls of that kind, counted from 1, that fail */
    int    code;            /* 0: the process dies */
    int    seen;
    size_t most;            /* bytes a write takes; 0: all */
    bool   nothing;         /* writes take nothing */
} fault;

static bool strikes(int call)
{
    if (fault.which != ANY && fault.which != call)
        return false;
    fault.seen++;
    if (fault.seen < fault.from || fault.seen > fault.to)
        return false;
    if (!fault.code)
        kill(getpid(), SIGKILL);
    errno = fault.code;
    return true;
}

static int bad_open(int at, const char *path, int flags, mode_t mode)
{
    return strikes(CALL_OPEN) ? -1 : real.open(at, path, flags, mode);
}

static int bad_stat(int fd, struct stat *out)
{
    return strikes(CALL_STAT) ? -1 : real.stat(fd, out);
}

static int bad_stat_at(int at, const char *name, struct stat *out)
{
    return strikes(CALL_STAT_AT) ? -1 : real.stat_at(at, name, out);
}

static ssize_t bad_read_link(int at, const char *name, char *out, size_t size)
{
    return strikes(CALL_READ_LINK) ? -1 : real.read_link(at, name, out, size);
}

static int bad_lock(int fd)
{
    return strikes(CALL_LOCK) ? -1 : real.lock(fd);
}

static int bad_owner(int fd, uid_t user, gid_t group)
{
    return strikes(CALL_OWNER) ? -1 : real.owner(fd, user, group);
}

static int bad_mode(int fd, mode_t mode)
{
    return strikes(CALL_MODE) ? -1 : real.mode(fd, mode);
}

static ssize_t bad_write(int fd, const void *bytes, size_t size, off_t at)
{
    if (strikes(CALL_WRITE))
        return -1;
    return fault.nothing ? 0 : real.write(fd, bytes, fault.most && fault.most < size ? fault.most : size, at);
}

static int bad_sync(int fd)
{
    return strikes(CALL_SYNC) ? -1 : real.sync(fd);
}

/* A close that fails has closed all the same. */
static int bad_close(int fd)
{
    if (!strikes(CALL_CLOSE))
        return real.close(fd);
    int code = errno;
    real.close(fd);
    errno = code;
    return -1;
}

static int bad_rename(int at, const char *from, const char *to)
{
    return strikes(CALL_RENAME) ? -1 : real.rename(at, from, to);
}

static int bad_remove(int at, const char *name)
{
    return strikes(CALL_REMOVE) ? -1 : real.remove(at, name);
}

static void set_fault(int which, int from, int to, int code)
{
    static const nac_file_calls bad = {bad_open, bad_stat, bad_stat_at, bad_read_link, bad_lock, bad_owner, bad_mode, bad_write, bad_sync,
                                       bad_close, bad_rename, bad_remove};
    if (!real.open)
        real = nac_files;
    memset(&fault, 0, sizeof fault);
    fault.which = which;
    fault.from = from;
    fault.to = to;
    fault.code = code;
    nac_files = bad;
}

static void no_fault(void)
{
    nac_files = real;
}

/* ---- plain saves ---- */

START_TEST(saves)
{
    struct stat st;
    enter();
    umask(022);
    WORKS(save("new"));
    ck_assert(holds("new", after));
    stat(in("new"), &st);
    ck_assert_int_eq(st.st_mode & 0777, 0644);
    put("old", before);
    chmod(in("old"), 0640);
    WORKS(save("old"));
    ck_assert(holds("old", after));
    stat(in("old"), &st);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    WORKS(nac_durable_write(in("empty"), NULL, 0));
    ck_assert(holds("empty", ""));
    ck_assert_int_eq(entries(false), 3);

    char wide[256];
    memset(wide, 'w', 255);
    wide[255] = 0;
    WORKS(save(wide));
    ck_assert(holds(wide, after));
    ck_assert_int_eq(entries(false), 4);

    size_t size = (size_t)5 << 20, n;
    char *large = malloc(size);
    for (size_t i = 0; i < size; i++)
        large[i] = (char)(i * 7 >> 3);
    WORKS(nac_durable_write(in("large"), large, size));
    char *read = contents(in("large"), &n);
    ck_assert_uint_eq(n, size);
    ck_assert_mem_eq(read, large, size);
    free(read);
    free(large);

    ck_assert_int_eq(chdir(folder), 0);
    WORKS(nac_durable_write("relative", after, sizeof after - 1));
    ck_assert(holds("relative", after));
    ck_assert_int_eq(chdir("/"), 0);
    finish();
}
END_TEST

START_TEST(refused_targets)
{
    char too_long[6000];
    enter();
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = 0;
    FAILS(nac_durable_write("/no/such/folder/x", "", 0), NAC_E_NOT_FOUND,
          "cannot save \"/no/such/folder/x\": opening its folder: No such file");
    FAILS(nac_durable_write("", "", 0), NAC_E_ARGUMENT, "a file's name is expected");
    FAILS(nac_durable_write("/tmp/", "", 0), NAC_E_ARGUMENT, "a file's name is expected");
    FAILS(nac_durable_write("/tmp/..", "", 0), NAC_E_ARGUMENT, "a file's name is expected");
    FAILS(nac_durable_write("/tmp", "", 0), NAC_E_IO, "not a regular file");
    FAILS(nac_durable_write("/dev/null", "", 0), NAC_E_IO, "cannot save \"/dev/null\": there is something that is not a regular file");
    FAILS(nac_durable_write(too_long, "", 0), NAC_E_IO, "File name too long");
    mkfifo(in("fifo"), 0600);
    FAILS(save("fifo"), NAC_E_IO, "not a regular file");
    put("plain", before);
    FAILS(save("plain/x"), NAC_E_IO, "opening its folder: Not a directory");
    finish();
}
END_TEST

START_TEST(links)
{
    struct stat st;
    enter();
    put("real", before);
    ck_assert_int_eq(symlink("real", in("one")) | symlink(in("one"), in("two")) | symlink("missing", in("dangling")) |
                         symlink("loop", in("loop")),
                     0);
    WORKS(save("two"));
    ck_assert(holds("real", after));
    ck_assert(lstat(in("one"), &st) == 0 && S_ISLNK(st.st_mode));
    ck_assert(lstat(in("two"), &st) == 0 && S_ISLNK(st.st_mode));
    ck_assert(lstat(in("real"), &st) == 0 && S_ISREG(st.st_mode));
    WORKS(save("dangling"));
    ck_assert(holds("missing", after));
    FAILS(save("loop"), NAC_E_IO, "following links: Too many levels");
    set_fault(CALL_READ_LINK, 1, 9, EIO);
    FAILS(save("two"), NAC_E_IO, "reading the link: Input/output error");
    no_fault();
    finish();
}
END_TEST

/* ---- faults ---- */

/* The one call fails once, or from then on: the save fails and leaves the old file alone, or it works. */
static void each_failure(const char *name, bool exists, int code)
{
    for (int lasting = 0; lasting < 2; lasting++)
        for (int call = 0; call < CALLS; call++)
            for (int n = 1;; n++) {
                if (exists)
                    put(name, before);
                set_fault(call, n, lasting ? 1 << 30 : n, code);
                bool ok = save(name);
                int seen = fault.seen;
                bool removal_failed = call == CALL_REMOVE;
                no_fault();
                if (ok) {
                    ck_assert(holds(name, after));
                } else {
                    ck_assert_msg(strstr(nac_error(), name) != NULL, "%s", nac_error());
                    if (strstr(nac_error(), "may lose"))
                        ck_assert(holds(name, after));
                    else if (exists)
                        ck_assert(holds(name, before));
                    else
                        ck_assert_int_ne(access(in(name), F_OK), 0);
                    nac_error_clear();
                }
                ck_assert(removal_failed || entries(false) == (access(in(name), F_OK) == 0));
                ck_assert_int_eq(entries(true) > 1, 0);
                if (seen < n)
                    break;
                ck_assert_int_lt(n, 100);
            }
}

START_TEST(each_call_fails)
{
    static const int codes[] = {EIO, ENOSPC, EDQUOT, EACCES};
    enter();
    for (int i = 0; i < NAC_COUNT(codes); i++) {
        each_failure("model.keras", true, codes[i]);
        each_failure("model.keras", false, codes[i]);
    }
    finish();
}
END_TEST

START_TEST(messages)
{
    enter();
    put("m", before);
    set_fault(CALL_WRITE, 1, 1, ENOSPC);
    FAILS(save("m"), NAC_E_IO, "/m\": writing: No space left on device");
    set_fault(CALL_SYNC, 1, 1, EIO);
    FAILS(save("m"), NAC_E_IO, "/m\": syncing: Input/output error");
    set_fault(CALL_CLOSE, 1, 9, EIO);
    WORKS(save("m"));
    put("m", before);
    set_fault(CALL_RENAME, 1, 1, EACCES);
    FAILS(save("m"), NAC_E_IO, "/m\": putting it in place: Permission denied");
    set_fault(CALL_SYNC, 2, 2, EIO);
    FAILS(save("m"), NAC_E_IO, "/m\" has its new contents, but may lose them when power fails: syncing its folder: Input/output error");
    set_fault(CALL_SYNC, 2, 2, EINVAL);
    WORKS(save("m"));
    set_fault(CALL_MODE, 1, 1, EPERM);
    FAILS(save("m"), NAC_E_IO, "/m\": keeping its mode: Operation not permitted");
    set_fault(CALL_STAT, 1, 1 << 30, EIO);
    FAILS(save("m"), NAC_E_IO, "looking at the temporary file: Input/output error");
    set_fault(CALL_OPEN, 1, 1, EMFILE);
    FAILS(save("m"), NAC_E_IO, "opening its folder: Too many open files");
    no_fault();
    ck_assert_int_eq(entries(false), 1);
    finish();
}
END_TEST

START_TEST(short_writes_and_interruptions)
{
    enter();
    for (size_t most = 1; most < 8; most += 3) {
        put("m", before);
        set_fault(CALL_WRITE, 0, 0, 0);
        fault.most = most;
        WORKS(save("m"));
        ck_assert(holds("m", after));
    }
    for (int call = 0; call < CALLS; call++) {
        put("m", before);
        set_fault(call, 1, 20, EINTR);
        bool ok = save("m");
        ck_assert(holds("m", ok ? after : before));
        ck_assert(ok || call == CALL_STAT || call == CALL_STAT_AT || call == CALL_MODE || call == CALL_RENAME);     /* not interruptible */
        nac_error_clear();
        no_fault();
        entries(true);
    }
    put("m", before);
    set_fault(CALL_WRITE, 1, 1 << 30, EINTR);
    FAILS(save("m"), NAC_E_IO, "the system takes no more than 0 of 34 bytes");
    set_fault(CALL_WRITE, 0, 0, 0);
    fault.nothing = true;
    FAILS(save("m"), NAC_E_IO, "the system takes no more than 0 of 34 bytes");
    set_fault(CALL_SYNC, 1, 1 << 30, EINTR);
    FAILS(save("m"), NAC_E_IO, "syncing: Interrupted system call");
    set_fault(CALL_OPEN, 1, 1 << 30, EINTR);
    FAILS(save("m"), NAC_E_IO, "opening its folder: Interrupted system call");
    no_fault();
    ck_assert(holds("m", before));
    ck_assert_int_eq(entries(false), 1);
    finish();
}
END_TEST

/* Killed before each call: the target is the old or the new file, and the next save removes what was left. */
START_TEST(each_call_is_the_last)
{
    enter();
    int killed = 0, left = 0;
    for (int n = 1;; n++) {
        put("m", before);
        put(".m.1.tmp", "someone else's");
        pid_t child = fork();
        if (child == 0) {
            set_fault(ANY, n, n, 0);
            _exit(save("m") ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        ck_assert(holds("m", before) || holds("m", after));
        if (WIFEXITED(status)) {
            ck_assert_int_eq(WEXITSTATUS(status), 0);
            break;
        }
        killed++;
        left += entries(false) > 2;
        WORKS(save("m"));
        ck_assert(holds("m", after));
        ck_assert_int_eq(entries(false), 2);
        ck_assert(holds(".m.1.tmp", "someone else's"));
    }
    ck_assert_int_gt(killed, 10);
    ck_assert_int_gt(left, 3);
    finish();
}
END_TEST

START_TEST(only_stale_files_of_this_target)
{
    static const char *const others[] = {".m.123.0123456789abcdef.tm", ".m.123.0123456789abcde.tmp", ".m.x.0123456789abcdef.tmp",
                                         ".n.123.0123456789abcdef.tmp", "m.123.0123456789abcdef.tmp", ".m.123.0123456789ABCDEF.tmp",
                                         ".m..0123456789abcdef.tmp"};
    enter();
    for (int i = 0; i < NAC_COUNT(others); i++)
        put(others[i], "");
    put(".m.123.0123456789abcdef.tmp", "stale");
    put(".m.124.0123456789abcdef.tmp", "alive");
    ck_assert_int_eq(symlink(others[0], in(".m.125.0123456789abcdef.tmp")), 0);
    int alive = open(in(".m.124.0123456789abcdef.tmp"), O_RDONLY);
    flock(alive, LOCK_EX);
    WORKS(save("m"));
    ck_assert_int_eq(entries(false), NAC_COUNT(others) + 3);
    ck_assert_int_ne(access(in(".m.123.0123456789abcdef.tmp"), F_OK), 0);
    ck_assert(holds(".m.124.0123456789abcdef.tmp", "alive"));
    close(alive);
    finish();
}
END_TEST

/* ---- several at once ---- */

enum { LENGTH = 20000, SAVES = 150 };

static void *write_often(void *letter)
{
    char *bytes = malloc(LENGTH);
    memset(bytes, *(const char *)letter, LENGTH);
    const char *result = NULL;
    for (int i = 0; i < SAVES && !result; i++)
        if (!nac_durable_write(in("shared"), bytes, LENGTH))
            result = strdup(nac_error());
    free(bytes);
    return (void *)(uintptr_t)result;
}

START_TEST(writers_and_readers)
{
    enter();
    char path[600];
    snprintf(path, sizeof path, "%s/shared", folder);
    static char first[LENGTH];
    WORKS(nac_durable_write(path, first, LENGTH));
    pid_t children[2];
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char letter = (char)('a' + i);
            _exit(write_often(&letter) != NULL);
        }
    }
    int running = 2, bad = 0;
    while (running) {
        size_t size;
        char *bytes = contents(path, &size);
        for (size_t i = 1; i < size; i++)
            bad += bytes[i] != bytes[0];
        bad += size != LENGTH;
        free(bytes);
        int status;
        pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended > 0) {
            running--;
            bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        }
    }
    ck_assert_int_eq(bad, 0);
    ck_assert_int_eq(entries(false), 1);
    finish();
}
END_TEST

static void *write_from_thread(void *letter)
{
    char bytes[1000], path[600];
    memset(bytes, *(const char *)letter, sizeof bytes);
    snprintf(path, sizeof path, "%s/shared", folder);
    for (int i = 0; i < SAVES; i++)
        if (!nac_durable_write(path, bytes, sizeof bytes))
            return "failed";
    return NULL;
}

START_TEST(threads)
{
    pthread_t thread[4];
    char letters[] = "abcd";
    void *result;
    enter();
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, write_from_thread, &letters[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &result);
        ck_assert_ptr_null(result);
    }
    ck_assert_int_eq(entries(false), 1);
    finish();
}
END_TEST

START_TEST(out_of_memory)
{
    enter();
    EACH_ALLOCATION(save("m"));
    finish();
}
END_TEST

RUN_TESTS("durable", &saves, &refused_targets, &links, &each_call_fails, &messages, &short_writes_and_interruptions, &each_call_is_the_last,
          &only_stale_files_of_this_target, &writers_and_readers, &threads, &out_of_memory)
