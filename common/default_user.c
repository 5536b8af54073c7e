/* default_user: see default_user.h. */
#include "default_user.h"

#include <hiredis/hiredis.h>
#include <string.h>

/* A value of the answer, which is name, value, …; "" where missing. */
static const char *value_of(const redisReply *reply, const char *name)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2)
        if (reply->element[i]->str && strcmp(reply->element[i]->str, name) == 0)
            return reply->element[i + 1]->str ? reply->element[i + 1]->str : "";
    return "";
}

enum default_user default_user_look(struct rds *r, struct err *e)
{
    const char *argv[] = {"ACL", "GETUSER", "default"};
    enum default_user found = DEFAULT_USER_UNSAFE;
    redisReply *reply;

    if (rds_command(r, 3, argv, NULL, 0, &reply, e) < 0)
        return DEFAULT_USER_UNKNOWN;
    const char *commands = value_of(reply, "commands"), *keys = value_of(reply, "keys");
    if (!*commands) {
        err_set(e, ERR_AGAIN, "ACL GETUSER: an unexpected answer");
        found = DEFAULT_USER_UNKNOWN;
    } else if (strcmp(commands, "+@all") == 0 && strstr(keys, "~*")) {
        found = DEFAULT_USER_SAFE;
    }
    rds_free_reply(reply);
    return found;
}
