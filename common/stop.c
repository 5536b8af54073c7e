/* stop: see stop.h. */
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "err.h"

static volatile sig_atomic_t asked;
static int event_fd = -1;

static void on_signal(int number)
{
    static const uint64_t one = 1;
    int saved = errno;

    (void)number;
    asked = 1;
    if (write(event_fd, &one, sizeof one) < 0) {
        /* full: it is readable already, which is all that is wanted */
    }
    errno = saved;
}

void stop_setup(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end early */
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (event_fd >= 0)
        close(event_fd);
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        panic("eventfd: %s", strerror(errno));
    asked = 0;
    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0 ||
        sigaction(SIGPIPE, &ignore, NULL) < 0)
        panic("sigaction: %s", strerror(errno));
}

bool stop_asked(void)
{
    return asked;
}

int stop_fd(void)
{
    return event_fd;
}

void stop_sleep_ms(int ms)
{
    struct pollfd waiting = {.fd = event_fd, .events = POLLIN};
    int64_t end = clock_ms() + ms;

    for (int64_t left = ms; left > 0 && !asked; left = end - clock_ms())
        if (poll(&waiting, 1, (int)left) < 0 && errno != EINTR)
            panic("poll: %s", strerror(errno));
}
