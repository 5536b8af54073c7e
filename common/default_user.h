/* default_user: whether Redis' user "default" may do what is in the log. Redis 7.0 checks
 * transactions as that user when it reads its log back, and drops those that it may not do. */
#ifndef NEWSMILL_DEFAULT_USER_H
#define NEWSMILL_DEFAULT_USER_H

#include "err.h"
#include "rds.h"

#define DEFAULT_USER_ADVICE                                                                        \
    "Redis drops transactions from its log when it starts with such an ACL; to keep everybody "    \
    "out: user default off nopass ~* &* +@all"

enum default_user { DEFAULT_USER_SAFE, DEFAULT_USER_UNSAFE, DEFAULT_USER_UNKNOWN };

/* Asks by ACL GETUSER. UNKNOWN: it may not be asked or the answer is not understood; *e says why.
 */
enum default_user default_user_look(struct rds *r, struct err *e);

#endif
