/* Faults in what a process does with the files below one folder: loaded before libc, with LD_PRELOAD.

   FAULTS_STATE in the environment names a file of sizeof(struct state) bytes, which all processes of a test map: the test
   writes there what is to go wrong, and at which step, and reads how far they came. See injector.py, which has the same
   layout. Each call that belongs to `calls` is a step; so is, after it, the moment when half of the bytes are written.

   For programs that get all their files through libc, as CPython does. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, KILL_GROUP, FAIL };

enum {
    CHANGE = 1, /* all that changes something */
    NAME = 2,   /* of that, what is allowed or not by where it is */
    ROOM = 4,   /* of that, what needs room */
    LOCK = 8,
    LINK = 16,
    READ = 32, /* looking as well */
};

struct state {
    int64_t action;
    int64_t calls;
    int64_t step;  /* the first is 1 */
    int64_t lasts; /* from that step on, and not only then */
    int64_t error;
    int64_t count;
    int64_t hits;
    char folder[PATH_MAX];
    char hit[PATH_MAX]; /* the last call that was hit, and its path */
};

static struct state *state;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_STATE");
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int descriptor = path == NULL ? -1 : real(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped != MAP_FAILED)
        state = mapped;
    close(descriptor);
}

/* Where things are. */

static int is_below(const char *path) {
    size_t length = strlen(state->folder);
    return length && !strncmp(path, state->folder, length) && (path[length] == '/' || path[length] == '\0');
}

static int locate(int folder, const char *name, char *path) {
    char link[64];
    ssize_t length = 0;
    if (state == NULL || !state->folder[0] || name == NULL)
        return 0;
    if (name[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        length = readlink(link, path, PATH_MAX - 1);
        if (length < 0)
            return 0;
        if (name[0])
            path[length++] = '/';
    }
    snprintf(path + length, PATH_MAX - length, "%s", name);
    return is_below(path);
}

static int locate_descriptor(int descriptor, char *path) { return locate(descriptor, "", path); }

/* What is to go wrong. */

static int is_time(int calls, const char *name, const char *path) {
    if (!(state->calls & calls))
        return 0;
    int64_t number = __atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST);
    if (state->action == COUNT || number < state->step || (number > state->step && !state->lasts))
        return 0;
    snprintf(state->hit, sizeof state->hit, "%s %s", name, path);
    __atomic_add_fetch(&state->hits, 1, __ATOMIC_SEQ_CST);
    return 1;
}

static void die(void) {
    if (state->action == KILL || state->action == KILL_GROUP) {
        kill(state->action == KILL ? getpid() : 0, SIGKILL);
        for (;;)
            pause();
    }
}

static int fails(int calls, const char *name, const char *path) {
    int before = errno;
    if (!is_time(calls, name, path)) {
        errno = before;
        return 0;
    }
    die();
    errno = state->error;
    return 1;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (real == NULL) \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define FAIL_BELOW(calls, folder, name, failed) \
    do { \
        char whole[2 * PATH_MAX]; \
        if (locate(folder, name, whole) && fails(calls, __func__, whole)) \
            return failed; \
    } while (0)

/* Opening. */

static int calls_of_open(int folder, const char *name, int flags) {
    if (!(flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)))
        return READ;
    return CHANGE | NAME | (flags & O_CREAT && faccessat(folder, name, F_OK, 0) ? ROOM : 0);
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

#define OPEN(open) \
    int open(const char *name, int flags, ...) { \
        REAL(open); \
        MODE_OF(flags) \
        FAIL_BELOW(calls_of_open(AT_FDCWD, name, flags), AT_FDCWD, name, -1); \
        return real(name, flags, mode); \
    }

#define OPENAT(openat) \
    int openat(int folder, const char *name, int flags, ...) { \
        REAL(openat); \
        MODE_OF(flags) \
        FAIL_BELOW(calls_of_open(folder, name, flags), folder, name, -1); \
        return real(folder, name, flags, mode); \
    }

int open64(const char *, int, ...);
int openat64(int, const char *, int, ...);
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

DIR *opendir(const char *name) {
    REAL(opendir);
    FAIL_BELOW(READ, AT_FDCWD, name, NULL);
    return real(name);
}

/* Bytes. */

static int writes_half(int descriptor, size_t size, const char *name, int *is_refused) {
    char path[2 * PATH_MAX];
    *is_refused = 0;
    if (!locate_descriptor(descriptor, path))
        return 0;
    if (fails(CHANGE | ROOM, name, path)) {
        *is_refused = 1;
        return 0;
    }
    return size > 1 && is_time(CHANGE | ROOM, name, path);
}

static size_t half_of(int from, size_t size) {
    struct stat status;
    if (!fstat(from, &status) && (size_t)status.st_size < size)
        size = status.st_size;
    return size > 1 ? size / 2 : 1;
}

static ssize_t half_written(ssize_t written) {
    die();
    /* A disk that is full says so with the next call. */
    if (!state->lasts)
        state->step = state->count + 1;
    return written;
}

#define WRITE(name, types, half, whole) \
    ssize_t name types { \
        REAL(name); \
        int is_refused; \
        if (writes_half(descriptor, size, #name, &is_refused)) \
            return half_written(real half); \
        return is_refused ? -1 : real whole; \
    }

ssize_t pwrite64(int, const void *, size_t, int64_t);
ssize_t sendfile64(int, int, int64_t *, size_t);
WRITE(write, (int descriptor, const void *data, size_t size), (descriptor, data, size / 2), (descriptor, data, size))
WRITE(pwrite64, (int descriptor, const void *data, size_t size, int64_t offset), (descriptor, data, size / 2, offset),
      (descriptor, data, size, offset))
WRITE(sendfile64, (int descriptor, int from, int64_t *offset, size_t size), (descriptor, from, offset, half_of(from, size)),
      (descriptor, from, offset, size))
WRITE(copy_file_range, (int from, off64_t *at, int descriptor, off64_t *to, size_t size, unsigned flags),
      (from, at, descriptor, to, half_of(from, size), flags), (from, at, descriptor, to, size, flags))

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL(writev);
    char path[2 * PATH_MAX];
    if (locate_descriptor(descriptor, path) && fails(CHANGE | ROOM, "writev", path))
        return -1;
    return real(descriptor, parts, count);
}

#define ON_DESCRIPTOR(calls, name, types, given) \
    int name types { \
        REAL(name); \
        char path[2 * PATH_MAX]; \
        if (locate_descriptor(descriptor, path) && fails(calls, #name, path)) \
            return -1; \
        return real given; \
    }

int ftruncate64(int, int64_t);
ON_DESCRIPTOR(CHANGE | ROOM, ftruncate64, (int descriptor, int64_t size), (descriptor, size))
ON_DESCRIPTOR(CHANGE | NAME, fchmod, (int descriptor, mode_t mode), (descriptor, mode))
ON_DESCRIPTOR(CHANGE | NAME, fchown, (int descriptor, uid_t user, gid_t group), (descriptor, user, group))
ON_DESCRIPTOR(CHANGE | NAME, futimens, (int descriptor, const struct timespec times[2]), (descriptor, times))
ON_DESCRIPTOR(LOCK, flock, (int descriptor, int operation), (descriptor, operation))

int ioctl(int descriptor, unsigned long request, ...) {
    REAL(ioctl);
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    char path[2 * PATH_MAX];
    if (request == 0x40049409 /* FICLONE */ && locate_descriptor(descriptor, path) &&
        fails(CHANGE | ROOM, "ioctl", path))
        return -1;
    return real(descriptor, request, argument);
}

ssize_t read(int descriptor, void *data, size_t size) {
    REAL(read);
    char path[2 * PATH_MAX];
    if (locate_descriptor(descriptor, path) && fails(READ, "read", path))
        return -1;
    return real(descriptor, data, size);
}

/* Names. */

#define ON_PATH(calls, name, types, folder, given) \
    int name types { \
        REAL(name); \
        FAIL_BELOW(calls, folder, path, -1); \
        return real given; \
    }

ON_PATH(CHANGE | NAME | ROOM, mkdir, (const char *path, mode_t mode), AT_FDCWD, (path, mode))
ON_PATH(CHANGE | NAME | ROOM, mkdirat, (int folder, const char *path, mode_t mode), folder, (folder, path, mode))
ON_PATH(CHANGE | NAME, rmdir, (const char *path), AT_FDCWD, (path))
ON_PATH(CHANGE | NAME, unlink, (const char *path), AT_FDCWD, (path))
ON_PATH(CHANGE | NAME, unlinkat, (int folder, const char *path, int flags), folder, (folder, path, flags))
ON_PATH(CHANGE | NAME, chmod, (const char *path, mode_t mode), AT_FDCWD, (path, mode))
ON_PATH(CHANGE | NAME, fchmodat, (int folder, const char *path, mode_t mode, int flags), folder,
        (folder, path, mode, flags))
ON_PATH(CHANGE | NAME, chown, (const char *path, uid_t user, gid_t group), AT_FDCWD, (path, user, group))
ON_PATH(CHANGE | NAME, lchown, (const char *path, uid_t user, gid_t group), AT_FDCWD, (path, user, group))
ON_PATH(CHANGE | NAME, fchownat, (int folder, const char *path, uid_t user, gid_t group, int flags), folder,
        (folder, path, user, group, flags))
ON_PATH(CHANGE | NAME, utimensat, (int folder, const char *path, const struct timespec times[2], int flags), folder,
        (folder, path, times, flags))
ON_PATH(CHANGE | NAME | ROOM, symlink, (const char *target, const char *path), AT_FDCWD, (target, path))
ON_PATH(CHANGE | NAME | ROOM, symlinkat, (const char *target, int folder, const char *path), folder,
        (target, folder, path))

struct stat64;
int stat64(const char *, struct stat64 *);
int lstat64(const char *, struct stat64 *);
int fstatat64(int, const char *, struct stat64 *, int);
ON_PATH(READ, stat64, (const char *path, struct stat64 *status), AT_FDCWD, (path, status))
ON_PATH(READ, lstat64, (const char *path, struct stat64 *status), AT_FDCWD, (path, status))
ON_PATH(READ, fstatat64, (int folder, const char *path, struct stat64 *status, int flags), folder,
        (folder, path, status, flags))

#define ON_TWO_PATHS(calls, name, types, folder, other, given) \
    int name types { \
        REAL(name); \
        char first[2 * PATH_MAX], second[2 * PATH_MAX]; \
        int begins = locate(folder, path, first), ends = locate(other, target, second); \
        if ((begins || ends) && fails(calls, #name, ends ? second : first)) \
            return -1; \
        return real given; \
    }

ON_TWO_PATHS(CHANGE | NAME | ROOM, rename, (const char *path, const char *target), AT_FDCWD, AT_FDCWD, (path, target))
ON_TWO_PATHS(CHANGE | NAME | ROOM, renameat, (int folder, const char *path, int other, const char *target), folder, other,
             (folder, path, other, target))
ON_TWO_PATHS(CHANGE | NAME | ROOM | LINK, link, (const char *path, const char *target), AT_FDCWD, AT_FDCWD,
             (path, target))
ON_TWO_PATHS(CHANGE | NAME | ROOM | LINK, linkat,
             (int folder, const char *path, int other, const char *target, int flags), folder, other,
             (folder, path, other, target, flags))
