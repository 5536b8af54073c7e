/* rds_advice: see rds_advice.h. The codes are those of redis.io, "Redis serialization protocol" and
 * of the server's own messages. */
#include "rds_advice.h"

#include <string.h>

#define CONNECTION "connection: "

static const struct advice {
    const char *start, *text;
} table[] = {
    {"OOM", "Redis is full: raise maxmemory, or wait until the workers have drained it"},
    {"READONLY", "this Redis is a replica: point redis.url at the primary"},
    {"MASTERDOWN", "this Redis is a replica without its primary: point redis.url at the primary"},
    {"LOADING", "Redis reads its data back and will answer when it is done"},
    {"MISCONF", "Redis cannot write to its disk: see its log and free space"},
    {"NOREPLICAS", "too few replicas follow: bring them back, or lower min-replicas-to-write"},
    {"UNBLOCKED", "somebody ended the wait by CLIENT UNBLOCK, or the role of Redis changed"},
    {"NOAUTH", "Redis wants a password: redis.user and redis.password_file"},
    {"WRONGPASS", "redis.user or its password is not the one that Redis knows"},
    {"NOPERM", "the ACL of redis.user lacks a command or a key that QUEUES.md names"},
    {"CROSSSLOT", "on Redis Cluster redis.queue must be in braces, such as {newsmill}"},
    {"MOVED", "this is a node of Redis Cluster: point redis.url at the one that has the queue"},
    {"CLUSTERDOWN", "Redis Cluster does not serve all slots: see CLUSTER INFO"},
    {"WRONGTYPE", "another program uses a key of ours: choose another redis.queue"},
    {"BUSY ", "a script of somebody runs too long: SCRIPT KILL"},
    {"ERR max number of clients", "raise maxclients of Redis"},
    {"ERR AUTH <password>", "this Redis has no password set, but redis.url brings one"},
    {"Server closed the connection", "Redis ended, or ended this connection: see its log"},
    {"Connection reset", "Redis ended, or ended this connection: see its log"},
    {"no answer", "Redis or the way to it is stuck, or redis.timeout_ms too short"},
    {"Connection refused", "no Redis listens at redis.url"},
    {"No such file", "no Redis listens at the socket of redis.url"},
    {"Permission denied", "this user may not use the socket of redis.url"},
};

const char *rds_advice(const char *error)
{
    if (strncmp(error, CONNECTION, sizeof CONNECTION - 1) == 0)
        error += sizeof CONNECTION - 1;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strncmp(error, table[i].start, strlen(table[i].start)) == 0)
            return table[i].text;
    return "";
}
