/* A disk that fails at the n-th operation on files below a folder; loaded before libc, steered from Python by `fail`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { NEVER, ONCE, FOR_GOOD, SHORT };

static char folder[PATH_MAX];
static int how = NEVER, error_number = EIO;
static long target = 0, count = 0;

/* From now on: the `number`-th operation (from 1) below `below` fails with `error`, once, for good, or takes half of a write. */
void fail(const char *below, long number, int kind, int error) {
    snprintf(folder, sizeof folder, "%s", below);
    target = number;
    how = kind;
    error_number = error;
    count = 0;
}

/* Operations since `fail`. */
long operations(void) { return count; }

static int is_due(void) {
    ++count;
    return how != NEVER && (how == FOR_GOOD ? count >= target : count == target);
}

static int is_below(const char *path) { return folder[0] && path && strstr(path, folder) == path; }

static int is_watched(int handle) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define WRITE(name, parameters, arguments, halved)                             \
    ssize_t name parameters {                                                        \
        REAL(name); \
        if (is_watched(handle) && is_due()) {                                        \
            if (how == SHORT) return size > 1 ? real halved : real arguments;        \
            errno = error_number;                                                    \
            return -1;                                                               \
        }                                                                            \
        return real arguments;                                                       \
    }

WRITE(write, (int handle, const void *data, size_t size), (handle, data, size), (handle, data, size / 2))
WRITE(pwrite, (int handle, const void *data, size_t size, off_t place), (handle, data, size, place),
      (handle, data, size / 2, place))
WRITE(pwrite64, (int handle, const void *data, size_t size, off64_t place), (handle, data, size, place),
      (handle, data, size / 2, place))

#define REFUSED(watched) if (how != SHORT && (watched) && is_due()) { errno = error_number; return -1; }

int fsync(int handle) {
    REAL(fsync);
    REFUSED(is_watched(handle));
    return real(handle);
}

int fdatasync(int handle) {
    REAL(fdatasync);
    REFUSED(is_watched(handle));
    return real(handle);
}

#define TRUNCATE(name, off)                       \
    int name(int handle, off size) {              \
        REAL(name); \
        REFUSED(is_watched(handle));              \
        return real(handle, size);                \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
    REAL(rename);
    REFUSED(is_below(to));
    return real(from, to);
}

#define OPEN(name)                                                                   \
    int name(const char *path, int flags, ...) {                                     \
        REAL(name); \
        va_list more;                                                                \
        va_start(more, flags);                                                       \
        mode_t mode = va_arg(more, mode_t);                                          \
        va_end(more);                                                                \
        REFUSED((flags & (O_WRONLY | O_RDWR | O_CREAT)) && is_below(path));          \
        return real(path, flags, mode);                                              \
    }
OPEN(open)
OPEN(open64)
