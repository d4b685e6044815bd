/* Stops a process at the Nth call that changes the folder SHIM_ROOT, or makes that call fail as on a full disk.
 *
 * Preloaded into the release binary by `crash.rs`; the binary knows nothing of it. From the environment:
 *   SHIM_ROOT  an absolute path: calls on paths and files below it count, from 1
 *   SHIM_AT    the number of the call, or 0: none
 *   SHIM_MODE  after: makes the call, then kills the process; a write stops half way
 *              full:  the call fails with ENOSPC (a write comes half way), and so does all that takes space later
 *   SHIM_LOG   a file that each call is appended to: "number name path [other path]"
 * Opens count only where they may create a file or empty one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long at;
static int full;
static int log_fd = -1;
static char root[PATH_MAX];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *value = getenv("SHIM_ROOT");
    if (value) strncpy(root, value, sizeof root - 1);
    value = getenv("SHIM_AT");
    at = value ? atol(value) : 0;
    value = getenv("SHIM_MODE");
    full = value && !strcmp(value, "full");
    value = getenv("SHIM_LOG");
    if (value) log_fd = syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static const char *below_root(const char *path) {
    size_t length = strlen(root);
    int within = length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
    return within ? path : NULL;
}

/* The path of an open file, if it counts. */
static const char *of_fd(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0) return NULL;
    out[length] = 0;
    return below_root(out);
}

/* The absolute path of `path` seen from the folder `fd`, if it counts. */
static const char *of_path(int fd, const char *path, char *out) {
    char folder[PATH_MAX] = "";
    if (path[0] != '/') {
        if (fd == AT_FDCWD) {
            if (!getcwd(folder, sizeof folder)) return NULL;
        } else {
            of_fd(fd, folder);
        }
        size_t length = strlen(folder);
        snprintf(folder + length, sizeof folder - length, "/");
    }
    snprintf(out, PATH_MAX, "%s%s", folder, path);
    return below_root(out);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

enum { GO, STOP_AFTER, NO_SPACE, NO_SPACE_HALFWAY };

/* Counts a call. `takes_space` where it fails on a disk that has been full for a while, `frees` where it never does. */
static int count(const char *name, const char *path, const char *other, int takes_space, int frees) {
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (log_fd >= 0) {
        char line[2 * PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%ld %s %s %s\n", number, name, path, other ? other : "");
        if (syscall(SYS_write, log_fd, line, (size_t)length) < 0) abort();
    }
    if (!at || number < at) return GO;
    if (!full) return number == at ? STOP_AFTER : GO;
    if (frees) return GO;
    if (number == at) return NO_SPACE_HALFWAY;
    return takes_space ? NO_SPACE : GO;
}

#define CALL(name, path, other, takes_space, frees, call)                   \
    do {                                                                    \
        const char *counted = (path);                                       \
        int what = counted ? count(name, counted, other, takes_space, frees) : GO; \
        if (what == NO_SPACE || what == NO_SPACE_HALFWAY) {                 \
            errno = ENOSPC;                                                 \
            return -1;                                                      \
        }                                                                   \
        __typeof__(call) result = (call);                                   \
        if (what == STOP_AFTER) die();                                      \
        return result;                                                      \
    } while (0)

#define MODE(flags, last) \
    mode_t mode = 0;      \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list;     \
        va_start(list, last); \
        mode = va_arg(list, mode_t); \
        va_end(list);     \
    }

#define OPENED(fd, path, flags) \
    (((flags) & (O_CREAT | O_TRUNC)) ? of_path(fd, path, (char[PATH_MAX]){0}) : NULL)

int open(const char *path, int flags, ...) {
    MODE(flags, flags)
    CALL("open", OPENED(AT_FDCWD, path, flags), NULL, 1, 0, REAL(open)(path, flags, mode));
}
int open64(const char *path, int flags, ...) {
    MODE(flags, flags)
    CALL("open", OPENED(AT_FDCWD, path, flags), NULL, 1, 0, REAL(open64)(path, flags, mode));
}
int openat(int fd, const char *path, int flags, ...) {
    MODE(flags, flags)
    CALL("open", OPENED(fd, path, flags), NULL, 1, 0, REAL(openat)(fd, path, flags, mode));
}
int openat64(int fd, const char *path, int flags, ...) {
    MODE(flags, flags)
    CALL("open", OPENED(fd, path, flags), NULL, 1, 0, REAL(openat64)(fd, path, flags, mode));
}

/* A write at which it stops comes half way first: that is what torn files are made of. */
static ssize_t some(const char *name, int fd, const void *bytes, size_t length, off64_t offset, int positioned) {
    const char *path = of_fd(fd, (char[PATH_MAX]){0});
    int what = path ? count(name, path, NULL, 1, 0) : GO;
    if (what == NO_SPACE || (what == NO_SPACE_HALFWAY && length < 2)) {
        errno = ENOSPC;
        return -1;
    }
    if (what != GO && length > 1) length /= 2;
    ssize_t written = positioned ? REAL(pwrite64)(fd, bytes, length, offset) : REAL(write)(fd, bytes, length);
    if (what == STOP_AFTER) die();
    return written;
}

ssize_t write(int fd, const void *bytes, size_t length) { return some("write", fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return some("write", fd, bytes, length, offset, 1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    return some("write", fd, bytes, length, offset, 1);
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
    const char *path = of_fd(fd, (char[PATH_MAX]){0});
    CALL("write", path, NULL, 1, 0, REAL(writev)(fd, parts, n));
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
    const char *path = of_fd(out, (char[PATH_MAX]){0});
    CALL("write", path, NULL, 1, 0, REAL(copy_file_range)(in, from, out, to, length, flags));
}
int ftruncate(int fd, off_t length) {
    CALL("truncate", of_fd(fd, (char[PATH_MAX]){0}), NULL, 0, 0, REAL(ftruncate)(fd, length));
}
int ftruncate64(int fd, off64_t length) {
    CALL("truncate", of_fd(fd, (char[PATH_MAX]){0}), NULL, 0, 0, REAL(ftruncate64)(fd, length));
}
int fsync(int fd) { CALL("fsync", of_fd(fd, (char[PATH_MAX]){0}), NULL, 0, 0, REAL(fsync)(fd)); }
int fdatasync(int fd) { CALL("fsync", of_fd(fd, (char[PATH_MAX]){0}), NULL, 0, 0, REAL(fdatasync)(fd)); }

int rename(const char *from, const char *to) {
    const char *path = of_path(AT_FDCWD, from, (char[PATH_MAX]){0});
    CALL("rename", path, of_path(AT_FDCWD, to, (char[PATH_MAX]){0}), 0, 0, REAL(rename)(from, to));
}
int renameat(int a, const char *from, int b, const char *to) {
    const char *path = of_path(a, from, (char[PATH_MAX]){0});
    CALL("rename", path, of_path(b, to, (char[PATH_MAX]){0}), 0, 0, REAL(renameat)(a, from, b, to));
}
int link(const char *from, const char *to) {
    const char *path = of_path(AT_FDCWD, to, (char[PATH_MAX]){0});
    CALL("link", path, NULL, 1, 0, REAL(link)(from, to));
}
int unlink(const char *path) {
    CALL("unlink", of_path(AT_FDCWD, path, (char[PATH_MAX]){0}), NULL, 0, 1, REAL(unlink)(path));
}
int unlinkat(int fd, const char *path, int flags) {
    CALL("unlink", of_path(fd, path, (char[PATH_MAX]){0}), NULL, 0, 1, REAL(unlinkat)(fd, path, flags));
}
int rmdir(const char *path) {
    CALL("rmdir", of_path(AT_FDCWD, path, (char[PATH_MAX]){0}), NULL, 0, 1, REAL(rmdir)(path));
}
int mkdir(const char *path, mode_t mode) {
    CALL("mkdir", of_path(AT_FDCWD, path, (char[PATH_MAX]){0}), NULL, 1, 0, REAL(mkdir)(path, mode));
}
int mkdirat(int fd, const char *path, mode_t mode) {
    CALL("mkdir", of_path(fd, path, (char[PATH_MAX]){0}), NULL, 1, 0, REAL(mkdirat)(fd, path, mode));
}
