/* raw: see raw.h. */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/err.h"

static char statuses[256];
static char text[1 << 18];

int raw_dial(int port)
{
    return raw_dial_to("127.0.0.1", port);
}

int raw_dial_to(const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = inet_addr(address)};
    struct timeval timeout = {.tv_sec = RAW_TIMEOUT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        panic("connect to %s:%d: %s", address, port, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void raw_send(int fd, const char *bytes, size_t length, size_t step)
{
    while (length > 0) {
        size_t now = step && step < length ? step : length;
        ssize_t sent = send(fd, bytes, now, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void note(const char *word, size_t length)
{
    size_t used = strlen(statuses);

    snprintf(statuses + used, sizeof statuses - used, "%s%.*s", used ? " " : "", (int)length, word);
}

/* Length of the answer at the start of the text; 0 when it is not all there. */
static size_t answer_length(const char *at, const char *end, bool bodiless)
{
    const char *empty = strstr(at, "\r\n\r\n"), *size = strstr(at, "\r\nContent-Length: ");
    size_t length = 0;

    if (!empty)
        return 0;
    if (size && size < empty && !bodiless)
        length = strtoul(size + 18, NULL, 10);
    length += (size_t)(empty + 4 - at);
    return length <= (size_t)(end - at) ? length : 0;
}

const char *raw_hear(int fd, int wanted, bool bodiless)
{
    size_t length = 0, answer;
    char *at = text;

    statuses[0] = text[0] = 0;
    while (wanted > 0 && length < sizeof text - 1) {
        ssize_t got = recv(fd, text + length, sizeof text - 1 - length, 0);
        if (got <= 0) {
            const char *why = got == 0 ? "end" : errno == EAGAIN ? "hangs" : strerror(errno);
            note(why, strlen(why));
            break;
        }
        length += (size_t)got;
        text[length] = 0;
        for (; wanted > 0 && (answer = answer_length(at, text + length, bodiless)); wanted--) {
            if (strncmp(at, "HTTP/1.1 ", 9) != 0)
                note("garbage", 7);
            note(at + 9, 3);
            at += answer;
        }
    }
    if (wanted <= 0 && at < text + length)
        note("more", 4);
    return statuses;
}

const char *raw_heard(void)
{
    return text;
}
