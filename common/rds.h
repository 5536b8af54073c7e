/* rds: the one blocking Redis connection of a child. Always a fresh connect: any error closes it,
 * so that a late answer is never taken for the answer of the next command. A reply that comes out
 * of here is never NULL and never an error reply. */
#ifndef NEWSMILL_RDS_H
#define NEWSMILL_RDS_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "err.h"

struct rds;
struct redisReply; /* hiredis; read by those who know it: queue.c and the tests */

/* Where Redis is, from a redis:// or unix: url. Strings are owned. */
struct rds_address {
    char *host; /* NULL when unix_path is set */
    char *unix_path;
    char *user, *password; /* NULL where none */
    int port;
    int database;
};
int rds_parse_url(const char *url, struct rds_address *out, struct err *e); /* 0 or ERR_CONFIG */
/* The same from all of [redis]: url, user and the password in password_file, which is read now. */
int rds_address_load(const struct conf *conf, struct rds_address *out, struct err *e);
void rds_address_fini(struct rds_address *a);

/* Connects, authenticates, selects the database. `timeout_ms` bounds the connect and each answer
 * beyond what a command itself may block. Returns 0 or ERR_AGAIN. */
int rds_connect(const struct rds_address *to, int timeout_ms, struct rds **out, struct err *e);
void rds_close(struct rds *r); /* NULL is fine */

/* Sends one command and reads its answer. `block_ms` is how long the command itself may block.
 * Returns 0 and *reply (free with rds_free_reply()), or ERR_AGAIN: the text then starts with Redis'
 * own code (OOM, READONLY, LOADING, NOSCRIPT, …) or with "connection". */
int rds_command(struct rds *r, int argc, const char *const *argv, const size_t *lengths,
                int block_ms, struct redisReply **reply, struct err *e);
void rds_free_reply(struct redisReply *reply);

/* SCRIPT LOAD; writes the 40 digits and a NUL to `sha`. */
int rds_load_script(struct rds *r, const char *source, char sha[41], struct err *e);

#endif
