/* Archives: what Keras writes is read, what is wrong is refused, each file of tests/hostile by its own message. */
#include <errno.h>
#include <unistd.h>
#include "store.h"
#include "checkpoint/archive.h"
#include "checkpoint/durable.h"

static const nac_member members[] = {
    {"metadata.json", "{}", 2}, {"config.json", "{\"a\": 1}", 8}, {"empty", "", 0}, {"model.weights.h5", "0123456789", 10}};

static const char *path(void)
{
    static char text[64];
    snprintf(text, sizeof text, "/tmp/nacre-archive-%ld.zip", (long)getpid());
    return text;
}

START_TEST(round_trip)
{
    void *read;
    size_t size, more, n;
    WORKS(nac_archive_write(path(), members, NAC_COUNT(members)));
    char *bytes = contents(path(), &size);
    WORKS(nac_archive_write(path(), members, NAC_COUNT(members)));
    char *again = contents(path(), &more);
    ck_assert_uint_eq(size, more);
    ck_assert_mem_eq(bytes, again, size);
    nac_archive *a = nac_archive_open_bytes(bytes, size);
    WORKS(a);
    ck_assert_int_eq(nac_archive_count(a), NAC_COUNT(members));
    for (int i = 0; i < NAC_COUNT(members); i++) {
        ck_assert_str_eq(nac_archive_name(a, i), members[i].name);
        WORKS(nac_archive_read(a, members[i].name, 100, &read, &n));
        ck_assert_uint_eq(n, members[i].size);
        ck_assert_mem_eq(read, members[i].bytes, n);
        ck_assert_int_eq(((char *)read)[n], 0);
        nac_free(read);
    }
    ck_assert(nac_archive_has(a, "config.json") && !nac_archive_has(a, "Config.json") && !nac_archive_has(a, "config"));
    nac_archive_close(a);
    free(bytes);
    free(again);
    unlink(path());
    nac_archive_close(NULL);
}
END_TEST

/* Written piece by piece: sizes around those of the pieces, and two large members with a small one between. */
START_TEST(large_members)
{
    static char first[(3 << 20) + 1], second[(2 << 20) + 77];
    for (size_t i = 0; i < sizeof first; i++)
        first[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof second; i++)
        second[i] = (char)(i * 40503u >> 7);
    static const size_t cut[] = {0, 1, 31, 32, 33, 77, 200, 8192};
    for (int i = 0; i < NAC_COUNT(cut); i++) {
        nac_member large[] = {{"first", first, sizeof first - cut[i]}, {"between", "0123456789", 10}, {"second", second, sizeof second - cut[i]}};
        WORKS(nac_archive_write(path(), large, 3));
        nac_archive *a = nac_archive_open(path());
        for (int k = 0; k < 3; k++) {
            void *read;
            size_t n;
            WORKS(a && nac_archive_read(a, large[k].name, sizeof first, &read, &n));
            ck_assert_uint_eq(n, large[k].size);
            ck_assert(memcmp(read, large[k].bytes, n) == 0);
            nac_free(read);
        }
        nac_archive_close(a);
    }
    unlink(path());
}
END_TEST

static int     writes_left;
static ssize_t (*real_write)(int fd, const void *bytes, size_t size, off_t at);

static ssize_t full(int fd, const void *bytes, size_t size, off_t at)
{
    errno = ENOSPC;
    return writes_left-- > 0 ? real_write(fd, bytes, size, at) : -1;
}

/* Whichever of its writes fails, the message is of that, and the old file stays. */
START_TEST(full_disk)
{
    static char much[(3 << 20) + 1];
    nac_member large[] = {{"first", much, sizeof much}, {"second", much, 10}};
    size_t size;
    real_write = nac_files.write;
    WORKS(nac_archive_write(path(), members, NAC_COUNT(members)));
    int n = 0;
    for (bool done = false; !done; n++) {
        writes_left = n;
        nac_files.write = full;
        done = nac_archive_write(path(), large, 2);
        nac_files.write = real_write;
        if (done)
            break;
        FAILS(done, NAC_E_IO, "writing: No space left on device");
        nac_archive *a = nac_archive_open(path());
        WORKS(a && nac_archive_has(a, "metadata.json"));
        nac_archive_close(a);
    }
    ck_assert_int_ge(n, 4);
    free(contents(path(), &size));
    ck_assert_uint_gt(size, sizeof much);
    unlink(path());
}
END_TEST

/* Any part of what is read as a whole, in any order, of members that are stored and of those that are packed. */
START_TEST(parts)
{
    static const char *const files[] = {"good.zip", "deflated.zip"};
    for (int i = 0; i < NAC_COUNT(files); i++) {
        size_t size;
        void *whole;
        char some[1024];
        nac_archive *a = nac_archive_open(hostile(files[i]));
        WORKS(a && nac_archive_read(a, "config.json", 1000, &whole, &size));
        nac_part *part = nac_part_open(a, "config.json");
        WORKS(part);
        ck_assert_uint_eq(nac_part_size(part), size);
        for (size_t at = size + 1; at-- > 0;)
            for (size_t n = 0; n <= size - at; n += 1 + n / 8) {
                ck_assert(nac_part_read(part, at, some, n));
                ck_assert_mem_eq(some, (char *)whole + at, n);
            }
        ck_assert(!nac_part_read(part, 1, some, size) && !nac_part_read(part, size + 1, some, 0) && !nac_part_read(part, UINT64_MAX, some, 2));
        ck_assert(nac_part_read(part, 0, some, size));
        nac_part_close(part);
        FAILS(nac_part_open(a, "absent"), NAC_E_NOT_FOUND, "there is no \"absent\"");
        nac_archive_close(a);
        nac_free(whole);
    }
    nac_archive *a = nac_archive_open(hostile("checksum.zip"));
    FAILS(nac_part_open(a, "config.json"), NAC_E_FORMAT, "reading \"config.json\": CRC error");
    nac_archive_close(a);
    nac_part_close(NULL);
}
END_TEST

START_TEST(many_and_none)
{
    static nac_member many[70000];
    static char names[70000][12];
    for (int i = 0; i < NAC_COUNT(many); i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        many[i] = (nac_member){names[i], "", 0};
    }
    WORKS(nac_archive_write(path(), many, 70000));
    FAILS(nac_archive_open(path()), NAC_E_FORMAT, "70000 members, at most 65535");
    WORKS(nac_archive_write(path(), many, 1000));
    nac_archive *a = nac_archive_open(path());
    WORKS(a);
    ck_assert(nac_archive_has(a, "999"));
    nac_archive_close(a);
    unlink(path());
    FAILS(nac_archive_write(path(), (nac_member[]){{"a", "", 0}, {"a", "", 0}}, 2), NAC_E_FORMAT, "adding \"a\": two members of one name");
    ck_assert_int_ne(access(path(), F_OK), 0);
    FAILS(nac_archive_open_bytes("", 0), NAC_E_FORMAT, "not a zip archive");
    FAILS(nac_archive_open_bytes("PK\3\4", 4), NAC_E_FORMAT, "opening");
}
END_TEST

/* Both ways to open must agree. */
static bool read_config(const char *name, bool from_memory, size_t limit)
{
    size_t size, n;
    void *read;
    char *bytes = contents(hostile(name), &size);
    nac_archive *a = from_memory ? nac_archive_open_bytes(bytes, size) : nac_archive_open(hostile(name));
    bool ok = a && nac_archive_read(a, "config.json", limit, &read, &n);
    if (ok)
        nac_free(read);
    nac_archive_close(a);
    free(bytes);
    return ok;
}

START_TEST(hostile_files)
{
    static const struct {
        const char *name;
        nac_code    code;
        const char *part;
    } cases[] = {
        {"twice.zip", NAC_E_FORMAT, "two members of one name"},
        {"encrypted.zip", NAC_E_UNSUPPORTED, "\"config.json\" is encrypted"},
        {"bzip2.zip", NAC_E_UNSUPPORTED, "method 12; store (0) or deflate (8) is expected"},
        {"symlink.zip", NAC_E_FORMAT, "\"config.json\" is a link"},
        {"checksum.zip", NAC_E_FORMAT, "reading \"config.json\": CRC error"},
        {"leading.zip", NAC_E_FORMAT, "does not begin with PK"},
        {"trailing.zip", NAC_E_FORMAT, "nconsistent"},
        {"truncated.zip", NAC_E_FORMAT, "opening"},
        {"local_name.zip", NAC_E_FORMAT, "nconsistent"},
        {"local_size.zip", NAC_E_FORMAT, "nconsistent"},
        {"both_sizes.zip", NAC_E_FORMAT, "has more bytes than the 5 it claims"},
        {"offset.zip", NAC_E_FORMAT, "nconsistent"},
        {"outside.zip", NAC_E_FORMAT, "archive: opening"},
        {"names.zip", NAC_E_NOT_FOUND, "there is no \"config.json\" among its 5 members"},
        {"large.zip", NAC_E_FORMAT, "has 4294967280 bytes, at most 1000000 are expected"},
        {"bomb.zip", NAC_E_FORMAT, "has 5368709120 bytes"},
    };
    for (int i = 0; i < NAC_COUNT(cases); i++)
        for (int memory = 0; memory < 2; memory++) {
            ck_assert_msg(!read_config(cases[i].name, memory, 1000000), "%s is accepted", cases[i].name);
            ck_assert_msg(nac_error_code() == cases[i].code && strstr(nac_error(), cases[i].part), "%s: %s", cases[i].name, nac_error());
            nac_error_clear();
        }
    FAILS(read_config("bomb.zip", true, SIZE_MAX), NAC_E_FORMAT, "claims 5368709120 bytes from 30: more than 100 times as many");
    FAILS(read_config("large.zip", true, SIZE_MAX), NAC_E_FORMAT, "config.json");
    WORKS(read_config("good.zip", true, 28));
    FAILS(read_config("good.zip", true, 27), NAC_E_FORMAT, "has 28 bytes, at most 27 are expected");
    WORKS(read_config("good.zip", false, 28));
    WORKS(read_config("deflated.zip", false, 560));
}
END_TEST

START_TEST(not_files)
{
    FAILS(nac_archive_open(hostile("absent.zip")), NAC_E_NOT_FOUND, "absent.zip\": No such file");
    FAILS(nac_archive_open(hostile("")), NAC_E_IO, "is not a regular file");
    FAILS(nac_archive_open("/dev/zero"), NAC_E_IO, "is not a regular file");
    FAILS(nac_archive_open(hostile("make.py")), NAC_E_FORMAT, "not a zip archive");
}
END_TEST

/* Each byte of a good file turned over, and each shorter file: refused, or read as it was. */
START_TEST(damage)
{
    size_t size, n;
    void *read;
    char *bytes = contents(hostile("good.zip"), &size);
    for (size_t i = 0; i < size; i++) {
        char *copy = malloc(size);
        memcpy(copy, bytes, size);
        copy[i] = (char)~copy[i];
        nac_archive *a = nac_archive_open_bytes(copy, size);
        if (a && nac_archive_read(a, "config.json", 1000, &read, &n)) {
            ck_assert_str_eq(read, "{\"class_name\": \"Sequential\"}");
            nac_free(read);
        }
        nac_part *part = a ? nac_part_open(a, "config.json") : NULL;
        char some[28];
        ck_assert(!part || (nac_part_size(part) == sizeof some && nac_part_read(part, 0, some, sizeof some) && memcmp(some, "{\"class_name\": \"Sequential\"}", sizeof some) == 0));
        nac_part_close(part);
        nac_archive_close(a);
        nac_error_clear();
        free(copy);
    }
    for (size_t shorter = 0; shorter < size; shorter++) {
        char *copy = malloc(shorter + 1);
        memcpy(copy, bytes, shorter);
        ck_assert_ptr_null(nac_archive_open_bytes(copy, shorter));
        nac_error_clear();
        free(copy);
    }
    free(bytes);
}
END_TEST

static bool write_and_read(void)
{
    void *read;
    size_t n;
    if (!nac_archive_write(path(), members, NAC_COUNT(members)))
        return false;
    nac_archive *a = nac_archive_open(path());
    bool ok = a && nac_archive_read(a, "config.json", 100, &read, &n);
    if (ok)
        nac_free(read);
    nac_part *part = ok ? nac_part_open(a, "config.json") : NULL;
    nac_part_close(part);
    nac_archive_close(a);
    unlink(path());
    return part;
}

START_TEST(out_of_memory)
{
    EACH_ALLOCATION(write_and_read());
}
END_TEST

RUN_TESTS("archive", &round_trip, &large_members, &full_disk, &parts, &many_and_none, &hostile_files, &not_files, &damage, &out_of_memory)
