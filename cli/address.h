/* address: what an http:// or https:// address says, before anything is done with it. */
#ifndef NEWSMILL_ADDRESS_H
#define NEWSMILL_ADDRESS_H

#include <stdbool.h>

#include "common/err.h"

struct address {
    bool is_https;
    bool is_loopback; /* localhost, 127.0.0.0/8 or ::1 */
    char *name;       /* for messages: no user, password, query or fragment, which may be secrets */
};

/* Returns 0 (free with address_fini()), or ERR_INPUT when it is no address of the two kinds. */
int address_read(const char *text, struct address *out, struct err *e);
void address_fini(struct address *a);

/* True for libcurl's codes of an answer with a header longer than it takes. To libcurl before 8.6
 * that is a lack of memory, which is not told apart. */
bool address_is_header_too_long(int curl_code);

/* What a failed transfer is said to have failed by; `detail` is its CURLOPT_ERRORBUFFER. */
const char *address_curl_text(int curl_code, const char *detail);

#endif
