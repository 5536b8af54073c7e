/* request_id: the name of a request, in its answer and in the log: the client's own or a new one.
 */
#ifndef NEWSMILL_GATEWAY_REQUEST_ID_H
#define NEWSMILL_GATEWAY_REQUEST_ID_H

#define REQUEST_ID_MAX_LENGTH 128

/* Copies `given` where it has 1 to 128 bytes of letters, digits and -._~:/+=@ and so can do no harm
 * in a header or a log; otherwise, or when NULL, makes one of 24 hex digits that no other process
 * has. Returns the length. */
unsigned request_id_choose(const char *given, char out[REQUEST_ID_MAX_LENGTH + 1]);

#endif
