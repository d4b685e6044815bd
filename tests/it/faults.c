/* Raises faults in the release binary that no file and no job can raise: a panic in a thread of a certain name, and
 * threads that cannot be started. Preloaded by `faults.rs`; the binary knows nothing of it. From the environment:
 *   FAULT_CLOCK    the beginning of the name of a thread: its readings of the clock count, from 1
 *   FAULT_AT       the number of the reading that fails, at which Rust's std panics; or 0: none
 *   FAULT_THREADS  how many threads may be started; all others fail, as with a limit of processes */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static atomic_long readings, started;
static long at, most = -1;
static char name[16];

#define REAL(symbol) ((__typeof__(&symbol))dlsym(RTLD_NEXT, #symbol))

__attribute__((constructor)) static void begin(void) {
    const char *value = getenv("FAULT_CLOCK");
    if (value) strncpy(name, value, sizeof name - 1);
    value = getenv("FAULT_AT");
    at = value ? atol(value) : 0;
    value = getenv("FAULT_THREADS");
    most = value ? atol(value) : -1;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (at && clock == CLOCK_MONOTONIC) {
        char thread[16] = "";
        prctl(PR_GET_NAME, thread);
        if (!strncmp(thread, name, strlen(name)) && atomic_fetch_add(&readings, 1) + 1 == at) {
            errno = EINVAL;
            return -1;
        }
    }
    return REAL(clock_gettime)(clock, time);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument) {
    if (most >= 0 && atomic_fetch_add(&started, 1) >= most) return EAGAIN;
    return REAL(pthread_create)(thread, attributes, work, argument);
}
