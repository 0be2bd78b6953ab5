/* Stands between a program and the C library for everything below one folder (SHIM_UNDER):
 *
 *   - writes down what is done there, in order, with the bytes (SHIM_LOG), for the power-loss
 *     simulation;
 *   - fails it on demand: shim_fail(errno), or shim_fill(bytes) for a disk that has only so much
 *     room left. Both are called by the program under test, through ctypes.
 *
 * One record of the log is a header line of text, and then as many bytes as it says:
 *   open FD CREATED PATH | write FD OFFSET LENGTH | truncate FD LENGTH | fsync FD PATH | close FD
 *   mkdir PATH | rmdir PATH | unlink PATH | rename FROM TO
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 1024
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[MOST]; /* of the open files that are below the folder */
static int log_fd = -1;
static int failing = 0;      /* an errno */
static long room = LONG_MAX; /* bytes */

void shim_fail(int number) { failing = number; }
void shim_fill(long bytes) { room = bytes; }

static const char *under(void) { return getenv("SHIM_UNDER"); }

static int watched(const char *path) {
    const char *folder = under();
    return folder && path && !strncmp(path, folder, strlen(folder));
}

/* The absolute path of `path` as seen from the folder `at`. */
static const char *absolute(int at, const char *path, char *buffer) {
    if (path[0] == '/') return path;
    char folder[PATH_MAX];
    if (at == AT_FDCWD) {
        if (!getcwd(folder, sizeof folder)) return path;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t n = readlink(link, folder, sizeof folder - 1);
        if (n < 0) return path;
        folder[n] = 0;
    }
    snprintf(buffer, PATH_MAX, "%s/%s", folder, path);
    return buffer;
}

static void put(const void *bytes, size_t size) {
    const char *from = bytes;
    while (size) {
        ssize_t n = REAL(write)(log_fd, from, size);
        if (n <= 0) abort();
        from += n, size -= n;
    }
}

static void note(const void *bytes, size_t size, const char *format, ...) {
    if (!getenv("SHIM_LOG")) return;
    pthread_mutex_lock(&lock);
    if (log_fd < 0) {
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        log_fd = real(getenv("SHIM_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    char line[3 * PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put(line, n);
    put("\n", 1);
    if (size) put(bytes, size);
    pthread_mutex_unlock(&lock);
}

static int refuses(void) {
    if (failing) {
        errno = failing;
        return 1;
    }
    if (room <= 0) {
        errno = ENOSPC;
        return 1;
    }
    return 0;
}

static int opened(int fd, const char *path, int created, int flags) {
    if (fd >= 0 && fd < MOST) {
        free(paths[fd]);
        paths[fd] = NULL;
        if (watched(path)) {
            paths[fd] = strdup(path);
            if (flags & (O_WRONLY | O_RDWR)) note(NULL, 0, "open %d %d %s", fd, created, path);
            if (flags & O_TRUNC) note(NULL, 0, "truncate %d 0", fd);
        }
    }
    return fd;
}

static int open_at(int at, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    const char *whole = absolute(at, path, buffer);
    struct stat before;
    int created = watched(whole) && (flags & O_CREAT) && stat(whole, &before);
    if (watched(whole) && (flags & (O_WRONLY | O_RDWR)) && (failing || created) && refuses())
        return -1;
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
    return opened(real(at, path, flags, mode), whole, created, flags);
}

#define MODE(flags)                                  \
    mode_t mode = 0;                                 \
    if ((flags) & (O_CREAT | O_TMPFILE)) {           \
        va_list arguments;                           \
        va_start(arguments, flags);                  \
        mode = va_arg(arguments, mode_t);            \
        va_end(arguments);                           \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }

static int mine(int fd) { return fd >= 0 && fd < MOST && paths[fd]; }

ssize_t write(int fd, const void *bytes, size_t size) {
    if (!mine(fd)) return REAL(write)(fd, bytes, size);
    if (size && refuses()) return -1;
    if ((long)size > room) size = room; /* the last bytes that fit */
    if (room != LONG_MAX) room -= size;
    struct stat now;
    fstat(fd, &now);
    off_t at = fcntl(fd, F_GETFL) & O_APPEND ? now.st_size : lseek(fd, 0, SEEK_CUR);
    ssize_t n = REAL(write)(fd, bytes, size);
    if (n > 0) note(bytes, n, "write %d %ld %zd", fd, (long)at, n);
    return n;
}

int fsync(int fd) {
    if (!mine(fd)) return REAL(fsync)(fd);
    if (failing) {
        errno = failing;
        return -1;
    }
    note(NULL, 0, "fsync %d %s", fd, paths[fd]);
    return 0; /* nothing here is meant to survive a real power cut */
}

static int truncated(int fd, off_t size, int result) {
    if (!result && mine(fd)) note(NULL, 0, "truncate %d %ld", fd, (long)size);
    return result;
}
int ftruncate(int fd, off_t size) { return truncated(fd, size, REAL(ftruncate)(fd, size)); }
int ftruncate64(int fd, off64_t size) { return truncated(fd, size, REAL(ftruncate64)(fd, size)); }

int close(int fd) {
    if (mine(fd)) {
        note(NULL, 0, "close %d", fd);
        free(paths[fd]);
        paths[fd] = NULL;
    }
    return REAL(close)(fd);
}

int mkdirat(int at, const char *path, mode_t mode) {
    char buffer[PATH_MAX];
    const char *whole = absolute(at, path, buffer);
    if (watched(whole) && refuses()) return -1;
    int result = REAL(mkdirat)(at, path, mode);
    if (!result && watched(whole)) note(NULL, 0, "mkdir %s", whole);
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int unlinkat(int at, const char *path, int flags) {
    char buffer[PATH_MAX];
    const char *whole = absolute(at, path, buffer);
    if (watched(whole) && failing) {
        errno = failing;
        return -1;
    }
    int result = REAL(unlinkat)(at, path, flags);
    if (!result && watched(whole))
        note(NULL, 0, "%s %s", flags & AT_REMOVEDIR ? "rmdir" : "unlink", whole);
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    char one[PATH_MAX], other[PATH_MAX];
    const char *whole = absolute(from_at, from, one);
    if (watched(whole) && failing) {
        errno = failing;
        return -1;
    }
    int result = REAL(renameat)(from_at, from, to_at, to);
    if (!result && watched(whole))
        note(NULL, 0, "rename %s\t%s", whole, absolute(to_at, to, other));
    return result;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
