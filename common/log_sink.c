/* log_sink: see log_sink.h. stderr must not be made non-blocking itself: it is shared with the
 * shell or whoever else started us. */
#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind {
    UNKNOWN,
    PLAIN,  /* a file: never waits for a reader */
    SOCKET, /* journald's */
    OWN,    /* a pipe or terminal, opened once more for ourselves: non-blocking */
    POLLED, /* one that we may not open: asked for room before each write */
};

static enum kind kind;
static int fd = STDERR_FILENO;

static void find_kind(void)
{
    struct stat info;

    kind = PLAIN;
    if (fstat(STDERR_FILENO, &info) < 0)
        return;
    if (S_ISSOCK(info.st_mode))
        kind = SOCKET;
    if (!S_ISFIFO(info.st_mode) && !S_ISCHR(info.st_mode))
        return;
    int opened = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    kind = opened < 0 ? POLLED : OWN;
    fd = opened < 0 ? STDERR_FILENO : opened;
}

bool log_sink_write(const char *lines, size_t length)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t written;

    if (kind == UNKNOWN)
        find_kind();
    if (kind == POLLED && (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT)))
        return false; /* another process may still take the room that we saw; then we do wait */
    do {
        written = kind == SOCKET ? send(fd, lines, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : write(fd, lines, length);
    } while (written < 0 && errno == EINTR);
    return written >= 0 || errno != EAGAIN; /* other errors would not go away */
}
