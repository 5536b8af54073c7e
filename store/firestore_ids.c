/* firestore_ids: see firestore_ids.h. Why no two words share an id: a plain id never begins with
 * "~", an escaped one always does and undoes to its word alone, and a hash has a "#" that an
 * escaped one cannot have. (Firestore's rules for ids: quotas, "Collections, documents, and
 * fields".) */
#include "firestore_ids.h"

#include <openssl/evp.h>
#include <string.h>

#include "common/err.h"

#define MARK "~"
#define HASH "~#"

#define WORD_ESCAPES        "~/#"
#define PUBLICATION_ESCAPES "~/#:"

static bool is_escaped(char c, const char *escapes)
{
    return c && strchr(escapes, c);
}

static bool is_plain(const char *word, size_t length, const char *escapes)
{
    if (length == 0 || length > FIRESTORE_ID_MAX_BYTES || word[0] == MARK[0])
        return false;
    if (memchr(word, '/', length) || (is_escaped(':', escapes) && memchr(word, ':', length)))
        return false;
    if (word[0] == '.' && (length == 1 || (length == 2 && word[1] == '.')))
        return false;
    /* "__.*__" is reserved; whether three underscores or a newline match is not ours to try. */
    return !(length >= 2 && memcmp(word, "__", 2) == 0 && memcmp(word + length - 2, "__", 2) == 0);
}

static size_t escaped_length(const char *word, size_t length, const char *escapes)
{
    size_t sum = 1;

    for (size_t i = 0; i < length; i++)
        sum += is_escaped(word[i], escapes) ? 3 : 1;
    return sum;
}

static int append_hash(const char *word, size_t length, struct buf *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;

    if (EVP_Digest(word, length, digest, &digest_length, EVP_sha256(), NULL) != 1)
        panic("SHA-256 is not available");
    buf_append_text(out, HASH);
    for (unsigned i = 0; i < digest_length; i++)
        buf_printf(out, "%02x", digest[i]);
    return buf_failed(out) ? ERR_LIMIT : 0;
}

static int append_id(const char *word, size_t length, const char *escapes, struct buf *out)
{
    if (is_plain(word, length, escapes))
        return buf_append(out, word, length);
    if (escaped_length(word, length, escapes) > FIRESTORE_ID_MAX_BYTES)
        return append_hash(word, length, out);
    buf_append_text(out, MARK);
    for (size_t i = 0; i < length; i++) {
        if (is_escaped(word[i], escapes))
            buf_printf(out, "~%02X", (unsigned)(unsigned char)word[i]);
        else
            buf_append(out, word + i, 1);
    }
    return buf_failed(out) ? ERR_LIMIT : 0;
}

int firestore_word_id(const char *word, size_t length, struct buf *out)
{
    return append_id(word, length, WORD_ESCAPES, out);
}

int firestore_publication_id(const char *key, size_t length, struct buf *out)
{
    return append_id(key, length, PUBLICATION_ESCAPES, out);
}

/* The byte that the three characters at `text` stand for, or 0. */
static char unescape(const char *text, size_t left)
{
    static const struct {
        char code[4], byte;
    } codes[] = {{"~7E", '~'}, {"~2F", '/'}, {"~23", '#'}, {"~3A", ':'}};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0] && left >= 3; i++)
        if (memcmp(text, codes[i].code, 3) == 0)
            return codes[i].byte;
    return 0;
}

bool firestore_id_is_hash(const char *id, size_t length)
{
    return length >= 2 && memcmp(id, HASH, 2) == 0;
}

int firestore_publication_key(const char *id, size_t length, struct buf *out)
{
    size_t start = out->length;

    if (is_plain(id, length, PUBLICATION_ESCAPES))
        return buf_append(out, id, length);
    if (length == 0 || id[0] != MARK[0] || firestore_id_is_hash(id, length))
        return ERR_INPUT;
    for (size_t i = 1; i < length; i++) {
        char byte = id[i];
        if (byte == '~') {
            byte = unescape(id + i, length - i);
            if (!byte)
                return ERR_INPUT;
            i += 2;
        } else if (is_escaped(byte, PUBLICATION_ESCAPES)) {
            return ERR_INPUT;
        }
        buf_append(out, &byte, 1);
    }
    /* An id that stands for a key which has another one is none of ours. */
    const char *key = out->bytes ? out->bytes + start : "";
    if (!buf_failed(out) && is_plain(key, out->length - start, PUBLICATION_ESCAPES))
        return ERR_INPUT;
    return buf_failed(out) ? ERR_LIMIT : 0;
}
