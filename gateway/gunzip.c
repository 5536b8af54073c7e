/* gunzip: see gunzip.h. */
#include "gunzip.h"

#include <stdlib.h>
#include <zlib.h>

#include "common/err.h"

#define GZIP_WINDOW_BITS (15 + 16) /* zlib.h: 16 more is gzip and nothing else */

struct gunzip {
    z_stream stream; /* avail_in: what is left of this slice */
    size_t left;     /* input behind that */
};

struct gunzip *gunzip_new(const char *bytes, size_t length)
{
    struct gunzip *g = xcalloc(1, sizeof *g);

    if (inflateInit2(&g->stream, GZIP_WINDOW_BITS) != Z_OK)
        panic("inflateInit2");
    g->stream.next_in = (z_const Bytef *)bytes;
    g->left = length;
    return g;
}

void gunzip_free(struct gunzip *g)
{
    if (!g)
        return;
    inflateEnd(&g->stream);
    free(g);
}

/* Until the input of this slice or the room for its output is used up. */
static enum gunzip_result inflate_slice(struct gunzip *g)
{
    z_stream *z = &g->stream;

    for (;;) {
        int rc = inflate(z, Z_NO_FLUSH);
        if (rc == Z_STREAM_END) { /* of a member */
            if (z->avail_in == 0 && g->left == 0)
                return GUNZIP_END;
            if (inflateReset(z) != Z_OK)
                return GUNZIP_BROKEN;
        } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return GUNZIP_BROKEN;
        }
        if (z->avail_out == 0)
            return GUNZIP_MORE;
        if (z->avail_in == 0)
            return g->left > 0 ? GUNZIP_MORE : GUNZIP_BROKEN;
    }
}

enum gunzip_result gunzip_more(struct gunzip *g, size_t max_bytes, struct buf *out)
{
    z_stream *z = &g->stream;
    size_t room = out->max_bytes - out->length, in = max_bytes - z->avail_in;
    unsigned char beyond; /* where the first byte above the ceiling shows up */

    if (in > g->left)
        in = g->left;
    g->left -= in;
    z->avail_in += (uInt)in;
    if (room > max_bytes)
        room = max_bytes;
    z->next_out = room > 0 ? (Bytef *)buf_reserve(out, room) : &beyond;
    z->avail_out = room > 0 ? (uInt)room : 1;
    enum gunzip_result result = inflate_slice(g);
    if (room > 0)
        out->length += room - z->avail_out;
    else if (z->avail_out == 0)
        return GUNZIP_TOO_LARGE;
    if (out->bytes)
        out->bytes[out->length] = 0;
    return result;
}
