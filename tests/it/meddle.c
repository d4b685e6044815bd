/* Changes a file at the Nth call that looks at it or reads it: another program that writes while Highwater reads.
 *
 * Preloaded by `handles.rs`; the binary knows nothing of it. From the environment:
 *   MEDDLE_NAME  the name of the file, without folders; calls on it count, from 1
 *   MEDDLE_WITH  the path of the file that comes in its place
 *   MEDDLE_AT    the number of the call before which it happens
 *   MEDDLE_HOW   rename: over it; append: to it; overwrite: its bytes, in place
 *   MEDDLE_DONE  a file that is made when it has happened */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long calls;
static char whole[PATH_MAX];

static int is_named(const char *path) {
    const char *name = getenv("MEDDLE_NAME");
    const char *slash = strrchr(path, '/');
    return name && !strcmp(slash ? slash + 1 : path, name);
}

static int is_open(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    char *gone = strstr(path, " (deleted)");
    if (gone) *gone = 0;
    return is_named(path);
}

static void write_to(const char *path, int flags) {
    char bytes[1 << 16];
    int from = syscall(SYS_openat, AT_FDCWD, getenv("MEDDLE_WITH"), O_RDONLY);
    int to = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | flags);
    long read;
    while ((read = syscall(SYS_read, from, bytes, sizeof bytes)) > 0) syscall(SYS_write, to, bytes, read);
    if (!(flags & O_APPEND)) syscall(SYS_ftruncate, to, syscall(SYS_lseek, to, 0, SEEK_CUR));
    syscall(SYS_close, from);
    syscall(SYS_close, to);
}

static void meddle(void) {
    if (atomic_fetch_add(&calls, 1) + 1 != atol(getenv("MEDDLE_AT"))) return;
    const char *how = getenv("MEDDLE_HOW");
    if (!strcmp(how, "rename")) syscall(SYS_rename, getenv("MEDDLE_WITH"), whole);
    if (!strcmp(how, "append")) write_to(whole, O_APPEND);
    if (!strcmp(how, "overwrite")) write_to(whole, 0);
    syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, getenv("MEDDLE_DONE"), O_WRONLY | O_CREAT, 0644));
}

__attribute__((constructor)) static void begin(void) {
    if (getcwd(whole, sizeof whole / 2) && getenv("MEDDLE_NAME"))
        snprintf(whole + strlen(whole), sizeof whole / 2, "/%s", getenv("MEDDLE_NAME"));
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = va_arg(more, int);                                                                               \
        va_end(more);                                                                                                  \
        if (is_named(path)) meddle();                                                                                  \
        return syscall(SYS_openat, AT_FDCWD, path, flags, mode);                                                       \
    }
OPEN(open)
OPEN(open64)

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict out) {
    if (*path ? is_named(path) : is_open(folder)) meddle();
    return syscall(SYS_statx, folder, path, flags, mask, out);
}

ssize_t pread64(int fd, void *out, size_t most, off64_t at) {
    if (is_open(fd)) meddle();
    return syscall(SYS_pread64, fd, out, most, at);
}

ssize_t pread(int fd, void *out, size_t most, off_t at) {
    return pread64(fd, out, most, at);
}

ssize_t read(int fd, void *out, size_t most) {
    if (is_open(fd)) meddle();
    return syscall(SYS_read, fd, out, most);
}
