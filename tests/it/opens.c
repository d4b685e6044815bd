/* Logs the files that a process opens. Preloaded by `stamps.rs`; the binary knows nothing of it. From the environment:
 *   OPENS_LOG  a file that the path of each open is appended to, as the process gave it, a line each */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int log_fd = -1;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("OPENS_LOG");
    if (path) log_fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void note(const char *path) {
    char line[8192];
    int length = snprintf(line, sizeof line, "%s\n", path);
    if (log_fd >= 0 && length > 0 && length < (int)sizeof line) syscall(SYS_write, log_fd, line, length);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = va_arg(more, int);                                                                               \
        va_end(more);                                                                                                  \
        note(path);                                                                                                    \
        return syscall(SYS_openat, AT_FDCWD, path, flags, mode);                                                       \
    }
OPEN(open)
OPEN(open64)
