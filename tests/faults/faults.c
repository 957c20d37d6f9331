/* System calls that fail on demand: loaded with LD_PRELOAD, driven through ctypes (tests/faults/library.py).

   Only calls on files below one folder are counted and may fail. A plan names the kinds of calls that it counts, the
   number of the call that it means, and what happens there: an errno once, an errno from there on, half a write and
   then a full disk, SIGKILL, or half a write and then SIGKILL. Everything else goes through to the C library.

   FAISS writes through stdio, whose own write() is not seen from outside, so stdio's calls are here too. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kinds of calls, in the order of tests/faults/library.py: Call. */
enum { OPEN, CREATE, READ, WRITE, TRUNCATE, ALLOCATE, SYNC, CLOSE, RENAME, UNLINK, MKDIR, LINK, MAP, ATTRIBUTES };

enum { ONCE, FROM_HERE_ON, SHORT, KILL, TORN };

enum { PASS, FAIL, HALF };

static char root[PATH_MAX];
static size_t root_length;
static volatile int armed;
static struct {
    unsigned mask;
    long at;
    int error;
    int mode;
} plan;
static long seen;
static long fired;

void faults_watch(const char *folder) {
    root_length = strlen(folder);
    memcpy(root, folder, root_length + 1);
}

void faults_arm(unsigned mask, long at, int error, int mode) {
    plan.mask = mask;
    plan.at = at;
    plan.error = error;
    plan.mode = mode;
    seen = fired = 0;
    armed = 1;
}

/* How many calls the plan counted, and how many of them it changed. */
void faults_disarm(long *counted, long *changed) {
    armed = 0;
    *counted = seen;
    *changed = fired;
}

static int is_below(const char *path) {
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == '\0');
}

static int fd_is_below(int fd) {
    char link[64], path[PATH_MAX];
    if (!armed || fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int before = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = '\0';
    return is_below(path);
}

static int path_is_below(int folder, const char *path) {
    if (!armed || !path) return 0;
    return path[0] == '/' ? is_below(path) : folder != AT_FDCWD && fd_is_below(folder);
}

/* What happens to this call; errno is set where it fails. */
static int decide(int kind) {
    if (!(plan.mask & 1u << kind)) return PASS;
    long number = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    int goes_on = plan.mode == FROM_HERE_ON || plan.mode == SHORT;
    if (plan.at == 0 || number < plan.at || (number > plan.at && !goes_on)) return PASS;
    __atomic_add_fetch(&fired, 1, __ATOMIC_SEQ_CST);
    if (plan.mode == KILL) kill(getpid(), SIGKILL);
    if (plan.mode == TORN || (plan.mode == SHORT && number == plan.at)) return HALF;
    errno = plan.error;
    return FAIL;
}

static int on_path(int kind, int folder, const char *path) {
    return path_is_below(folder, path) ? decide(kind) : PASS;
}

static int on_fd(int kind, int fd) {
    return fd_is_below(fd) ? decide(kind) : PASS;
}

/* Half of it is on the disk now. */
static ssize_t halved(ssize_t written) {
    if (plan.mode == TORN) kill(getpid(), SIGKILL);
    return written;
}

#define REAL(result, name, ...)                    \
    static result (*real)(__VA_ARGS__);            \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define FAILS(decision) ((decision) != PASS)

static int opening(int flags) { return flags & O_CREAT ? CREATE : OPEN; }

#define MODE_OF(flags)                                     \
    mode_t mode = 0;                                       \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {               \
        va_list rest;                                      \
        va_start(rest, flags);                             \
        mode = va_arg(rest, mode_t);                       \
        va_end(rest);                                      \
    }

#define DEFINE_OPEN(name)                                                    \
    int name(const char *path, int flags, ...) {                             \
        REAL(int, name, const char *, int, ...);                             \
        MODE_OF(flags)                                                       \
        if (FAILS(on_path(opening(flags), AT_FDCWD, path))) return -1;       \
        return real(path, flags, mode);                                      \
    }

#define DEFINE_OPENAT(name)                                                  \
    int name(int folder, const char *path, int flags, ...) {                 \
        REAL(int, name, int, const char *, int, ...);                        \
        MODE_OF(flags)                                                       \
        if (FAILS(on_path(opening(flags), folder, path))) return -1;         \
        return real(folder, path, flags, mode);                              \
    }

#define DEFINE_CHECKED_OPEN(name)                                            \
    int name(const char *path, int flags) {                                  \
        REAL(int, name, const char *, int);                                  \
        if (FAILS(on_path(opening(flags), AT_FDCWD, path))) return -1;       \
        return real(path, flags);                                            \
    }

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)
DEFINE_CHECKED_OPEN(__open_2)
DEFINE_CHECKED_OPEN(__open64_2)

int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

ssize_t read(int fd, void *to, size_t size) {
    REAL(ssize_t, read, int, void *, size_t);
    return FAILS(on_fd(READ, fd)) ? -1 : real(fd, to, size);
}

#define DEFINE_PREAD(name, offset_type)                                      \
    ssize_t name(int fd, void *to, size_t size, offset_type offset) {        \
        REAL(ssize_t, name, int, void *, size_t, offset_type);               \
        return FAILS(on_fd(READ, fd)) ? -1 : real(fd, to, size, offset);     \
    }

DEFINE_PREAD(pread, off_t)
DEFINE_PREAD(pread64, off64_t)

ssize_t write(int fd, const void *from, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    int decision = on_fd(WRITE, fd);
    if (decision == HALF) return halved(real(fd, from, size / 2));
    return decision == FAIL ? -1 : real(fd, from, size);
}

#define DEFINE_PWRITE(name, offset_type)                                           \
    ssize_t name(int fd, const void *from, size_t size, offset_type offset) {      \
        REAL(ssize_t, name, int, const void *, size_t, offset_type);               \
        int decision = on_fd(WRITE, fd);                                           \
        if (decision == HALF) return halved(real(fd, from, size / 2, offset));     \
        return decision == FAIL ? -1 : real(fd, from, size, offset);               \
    }

DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    int decision = on_fd(WRITE, fd);
    if (decision == HALF) return halved(real(fd, parts, count > 1 ? count / 2 : count));
    return decision == FAIL ? -1 : real(fd, parts, count);
}

#define DEFINE_PWRITEV(name, offset_type)                                                      \
    ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset) {           \
        REAL(ssize_t, name, int, const struct iovec *, int, offset_type);                      \
        int decision = on_fd(WRITE, fd);                                                       \
        if (decision == HALF) return halved(real(fd, parts, count > 1 ? count / 2 : count, offset)); \
        return decision == FAIL ? -1 : real(fd, parts, count, offset);                         \
    }

DEFINE_PWRITEV(pwritev, off_t)
DEFINE_PWRITEV(pwritev64, off64_t)

#define DEFINE_SENDFILE(name, offset_type)                                   \
    ssize_t name(int to, int from, offset_type *offset, size_t size) {       \
        REAL(ssize_t, name, int, int, offset_type *, size_t);                \
        int decision = on_fd(WRITE, to);                                     \
        if (decision == HALF) return halved(real(to, from, offset, 1));      \
        return decision == FAIL ? -1 : real(to, from, offset, size);         \
    }

DEFINE_SENDFILE(sendfile, off_t)
DEFINE_SENDFILE(sendfile64, off64_t)

/* Making a file shorter takes no room: it is counted, and fails for other reasons than a full disk only. */
static int truncating(int fd, long size) {
    struct stat status;
    if (!fd_is_below(fd)) return PASS;
    int takes_room = fstat(fd, &status) == 0 && size > status.st_size;
    if (!takes_room && (plan.error == ENOSPC || plan.error == EDQUOT)) return PASS;
    return decide(TRUNCATE);
}

#define DEFINE_TRUNCATE(name, offset_type)                                   \
    int name(int fd, offset_type size) {                                     \
        REAL(int, name, int, offset_type);                                   \
        return FAILS(truncating(fd, (long)size)) ? -1 : real(fd, size);      \
    }

DEFINE_TRUNCATE(ftruncate, off_t)
DEFINE_TRUNCATE(ftruncate64, off64_t)

#define DEFINE_ALLOCATE(name, offset_type)                                   \
    int name(int fd, int mode, offset_type from, offset_type size) {         \
        REAL(int, name, int, int, offset_type, offset_type);                 \
        return FAILS(on_fd(ALLOCATE, fd)) ? -1 : real(fd, mode, from, size); \
    }

DEFINE_ALLOCATE(fallocate, off_t)
DEFINE_ALLOCATE(fallocate64, off64_t)

#define DEFINE_POSIX_ALLOCATE(name, offset_type)                             \
    int name(int fd, offset_type from, offset_type size) {                   \
        REAL(int, name, int, offset_type, offset_type);                      \
        return FAILS(on_fd(ALLOCATE, fd)) ? errno : real(fd, from, size);    \
    }

DEFINE_POSIX_ALLOCATE(posix_fallocate, off_t)
DEFINE_POSIX_ALLOCATE(posix_fallocate64, off64_t)

int fsync(int fd) {
    REAL(int, fsync, int);
    return FAILS(on_fd(SYNC, fd)) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return FAILS(on_fd(SYNC, fd)) ? -1 : real(fd);
}

/* A file that was only read has nothing that could fail at its end. */
static int closing(int fd) {
    if (!armed) return PASS;
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? PASS : on_fd(CLOSE, fd);
}

/* Linux closes the file even where close() tells an error. */
int close(int fd) {
    REAL(int, close, int);
    if (!FAILS(closing(fd))) return real(fd);
    int error = errno;
    real(fd);
    errno = error;
    return -1;
}

static int two_paths(int kind, int from, const char *path, int to, const char *target) {
    return path_is_below(from, path) || path_is_below(to, target) ? decide(kind) : PASS;
}

int rename(const char *path, const char *target) {
    REAL(int, rename, const char *, const char *);
    return FAILS(two_paths(RENAME, AT_FDCWD, path, AT_FDCWD, target)) ? -1 : real(path, target);
}

int renameat(int from, const char *path, int to, const char *target) {
    REAL(int, renameat, int, const char *, int, const char *);
    return FAILS(two_paths(RENAME, from, path, to, target)) ? -1 : real(from, path, to, target);
}

int renameat2(int from, const char *path, int to, const char *target, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    return FAILS(two_paths(RENAME, from, path, to, target)) ? -1 : real(from, path, to, target, flags);
}

int link(const char *path, const char *target) {
    REAL(int, link, const char *, const char *);
    return FAILS(two_paths(LINK, AT_FDCWD, path, AT_FDCWD, target)) ? -1 : real(path, target);
}

int linkat(int from, const char *path, int to, const char *target, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    return FAILS(two_paths(LINK, from, path, to, target)) ? -1 : real(from, path, to, target, flags);
}

int symlink(const char *content, const char *target) {
    REAL(int, symlink, const char *, const char *);
    return FAILS(on_path(LINK, AT_FDCWD, target)) ? -1 : real(content, target);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return FAILS(on_path(UNLINK, AT_FDCWD, path)) ? -1 : real(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    return FAILS(on_path(UNLINK, folder, path)) ? -1 : real(folder, path, flags);
}

int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    return FAILS(on_path(UNLINK, AT_FDCWD, path)) ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return FAILS(on_path(MKDIR, AT_FDCWD, path)) ? -1 : real(path, mode);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    return FAILS(on_path(MKDIR, folder, path)) ? -1 : real(folder, path, mode);
}

int chmod(const char *path, mode_t mode) {
    REAL(int, chmod, const char *, mode_t);
    return FAILS(on_path(ATTRIBUTES, AT_FDCWD, path)) ? -1 : real(path, mode);
}

int fchmod(int fd, mode_t mode) {
    REAL(int, fchmod, int, mode_t);
    return FAILS(on_fd(ATTRIBUTES, fd)) ? -1 : real(fd, mode);
}

int fchmodat(int folder, const char *path, mode_t mode, int flags) {
    REAL(int, fchmodat, int, const char *, mode_t, int);
    return FAILS(on_path(ATTRIBUTES, folder, path)) ? -1 : real(folder, path, mode, flags);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    REAL(int, utimensat, int, const char *, const struct timespec *, int);
    return FAILS(on_path(ATTRIBUTES, folder, path)) ? -1 : real(folder, path, times, flags);
}

int futimens(int fd, const struct timespec times[2]) {
    REAL(int, futimens, int, const struct timespec *);
    return FAILS(on_fd(ATTRIBUTES, fd)) ? -1 : real(fd, times);
}

#define DEFINE_MAP(name, offset_type)                                                             \
    void *name(void *place, size_t size, int protection, int flags, int fd, offset_type offset) { \
        REAL(void *, name, void *, size_t, int, int, int, offset_type);                           \
        return FAILS(on_fd(MAP, fd)) ? MAP_FAILED : real(place, size, protection, flags, fd, offset); \
    }

DEFINE_MAP(mmap, off_t)
DEFINE_MAP(mmap64, off64_t)

#define DEFINE_FOPEN(name)                                                   \
    FILE *name(const char *path, const char *mode) {                         \
        REAL(FILE *, name, const char *, const char *);                      \
        int kind = mode[0] == 'r' ? OPEN : CREATE;                           \
        return FAILS(on_path(kind, AT_FDCWD, path)) ? NULL : real(path, mode); \
    }

DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)

size_t fread(void *to, size_t size, size_t count, FILE *file) {
    REAL(size_t, fread, void *, size_t, size_t, FILE *);
    return armed && FAILS(on_fd(READ, fileno(file))) ? 0 : real(to, size, count, file);
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *file) {
    REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
    int decision = armed ? on_fd(WRITE, fileno(file)) : PASS;
    if (decision == HALF) {
        size_t written = real(from, size, count / 2, file);
        fflush(file);
        return (size_t)halved((ssize_t)written);
    }
    return decision == FAIL ? 0 : real(from, size, count, file);
}

/* What was still in stdio's memory does not reach the disk. */
int fclose(FILE *file) {
    REAL(int, fclose, FILE *);
    if (!armed || !FAILS(closing(fileno(file)))) return real(file);
    int error = errno;
    __fpurge(file);
    real(file);
    errno = error;
    return EOF;
}
