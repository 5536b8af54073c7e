/* HTTP/1.1 read strictly (RFC 9110, RFC 9112): one table of what is sent and what must come back.
 * Each case is sent at once and again byte by byte; none may make the gateway wait for good, and
 * nothing is stored but what was answered with 201.
 *
 * Written with two public testers at hand, for their cases: uNetworking's h1spec, and Http11Probe
 * (its requests, not caching and cookies, which do not exist here). */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/err.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define HOST    "Host: localhost\r\n"
#define LIVE    "GET /livez HTTP/1.1\r\n" HOST "\r\n"
#define GET     "GET /livez HTTP/1.1\r\n" HOST
#define POST    "POST /post/enqueue HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
#define BODY    "{\"content\":\"\",\"publication\":\"P\"}" /* 32 bytes */
#define SIZED   POST "Content-Length: 32\r\n\r\n" BODY
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define END     "0\r\n\r\n"

/* `wanted`: the statuses, then "end" where the gateway must close the connection, or "open" where a
 * next request on it must be answered. An @ in the bytes stands for `times` times `fill`. */
struct strict_case {
    const char *name, *bytes;
    size_t length;
    const char *wanted, *fill;
    size_t times;
};

#define CASE(name, bytes, wanted)                                                                  \
    {                                                                                              \
        name, bytes, sizeof(bytes) - 1, wanted, NULL, 0                                            \
    }
#define LONG(name, bytes, fill, times, wanted)                                                     \
    {                                                                                              \
        name, bytes, sizeof(bytes) - 1, wanted, fill, times                                        \
    }

static const struct strict_case good[] = {
    CASE("a GET", LIVE, "200 open"),
    CASE("a HEAD", "HEAD /livez HTTP/1.1\r\n" HOST "\r\n", "200 open"),
    CASE("a POST by length", SIZED, "201 open"),
    CASE("a POST in chunks", CHUNKED "20\r\n" BODY "\r\n" END, "201 open"),
    CASE("many chunks", CHUNKED "1\r\n{\r\n1\r\n}\r\n" END, "422 open"),
    CASE("chunk size with leading zeros", CHUNKED "00020\r\n" BODY "\r\n000\r\n\r\n", "201 open"),
    CASE("chunk size in capitals", CHUNKED "A\r\n0123456789\r\n" END, "422 open"),
    CASE("chunk extensions", CHUNKED "20;a;b=c ; d = \"e;\\\"\r\t\"\r\n" BODY "\r\n" END,
         "400 end"),
    CASE("chunk extensions that are good",
         CHUNKED "20;a;b=c ; d = \"e;\\\" \t\"\r\n" BODY "\r\n" END, "201 open"),
    CASE("a trailer", CHUNKED "20\r\n" BODY "\r\n0\r\nX-Sum: abc\r\n\r\n", "201 open"),
    CASE("a trailer that names a length counts for nothing",
         CHUNKED "20\r\n" BODY "\r\n0\r\nContent-Length: 5\r\nHost: evil\r\n\r\n" LIVE,
         "201 200 open"),
    CASE("an empty body in chunks", CHUNKED END, "422 open"),
    CASE("an empty body by length", POST "Content-Length: 0\r\n\r\n", "422 open"),
    CASE("a POST without a body", POST "\r\n", "422 open"),
    CASE("Content-Length with leading zeros", POST "Content-Length: 0032\r\n\r\n" BODY, "201 open"),
    CASE("Content-Length between blanks", POST "Content-Length: \t 32 \t\r\n\r\n" BODY, "201 open"),
    CASE("names in any case", "GET /livez HTTP/1.1\r\nhOST:\tlocalhost\r\nempty:\r\n\r\n",
         "200 open"),
    CASE("bytes above ASCII in a value", GET "A: \xc3\xa9\xff\r\n\r\n", "200 open"),
    CASE("one empty line in front", "\r\n" LIVE, "200 open"),
    CASE("a query", "GET /livez?a=/?%20!$&'()*+,;=:@-._~ HTTP/1.1\r\n" HOST "\r\n", "200 open"),
    CASE("Host with a port", "GET /livez HTTP/1.1\r\nHost: localhost:80\r\n\r\n", "200 open"),
    CASE("Host with an empty port", "GET /livez HTTP/1.1\r\nHost: localhost:\r\n\r\n", "200 open"),
    CASE("Host in brackets", "GET /livez HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200 open"),
    CASE("absolute form", "GET http://localhost/livez HTTP/1.1\r\n" HOST "\r\n", "200 open"),
    CASE("absolute form outranks Host", "GET http://evil.example/livez HTTP/1.1\r\n" HOST "\r\n",
         "403 open"),
    CASE("absolute form outranks Host, the other way",
         "GET http://localhost/livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", "200 open"),
    CASE("HTTP/1.2 is taken for 1.1", "GET /livez HTTP/1.2\r\n" HOST "\r\n", "200 open"),
    CASE("HTTP/1.0 closes", "GET /livez HTTP/1.0\r\n" HOST "\r\n" LIVE, "200 end"),
    CASE("HTTP/1.0 without Host is a health check", "GET /livez HTTP/1.0\r\n\r\n", "200 end"),
    CASE("and nothing else", "GET /metrics HTTP/1.0\r\n\r\n", "403 end"),
    CASE(
        "HTTP/1.0 gets no 100",
        "POST /post/enqueue HTTP/1.0\r\n" HOST
        "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 32\r\n\r\n" BODY,
        "201 end"),
    CASE("Connection: close", GET "Connection: close\r\n\r\n" LIVE, "200 end"),
    CASE("Connection: close in a list", GET "Connection: x, Close\r\n\r\n" LIVE, "200 end"),
    CASE("Upgrade is ignored",
         GET "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 1\r\n\r\n",
         "200 open"),
    CASE("Range is ignored", GET "Range: bytes=abc-xyz\r\n\r\n", "200 open"),
    CASE("Accept is ignored", GET "Accept: application/x-nonsense\r\n\r\n", "200 open"),
    CASE("an underscore makes another header",
         POST "Content-Length: 32\r\nContent_Length: 1\r\nTransfer_Encoding: chunked\r\n\r\n" BODY,
         "201 open"),
    CASE("unknown path", "GET /nothing HTTP/1.1\r\n" HOST "\r\n", "404 open"),
    CASE("percent signs are not decoded", "GET /%6civez%00%0d%0a HTTP/1.1\r\n" HOST "\r\n",
         "404 open"),
    CASE("wrong method", "DELETE /livez HTTP/1.1\r\n" HOST "\r\n", "405 open"),
    CASE("unknown method", "FOOBAR /livez HTTP/1.1\r\n" HOST "\r\n", "405 open"),
    CASE("methods have a case", "get /livez HTTP/1.1\r\n" HOST "\r\n", "405 open"),
    CASE("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "204 open"),
    CASE("OPTIONS of a path", "OPTIONS /livez HTTP/1.1\r\n" HOST "\r\n", "204 open"),
    CASE("OPTIONS with a body it need not read",
         "OPTIONS /livez HTTP/1.1\r\n" HOST "Content-Length: 40\r\n\r\n" LIVE LIVE, "204 end"),
    CASE("TRACE", "TRACE /livez HTTP/1.1\r\n" HOST "Authorization: Bearer x\r\n\r\n", "405 open"),
    CASE("TRACE with a body", "TRACE /livez HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
         "405 end"),
    CASE("Content-Type that is none of ours",
         "POST /post/enqueue HTTP/1.1\r\n" HOST
         "Content-Type: application/x-nonsense\r\nContent-Length: 5\r\n\r\nhello",
         "415 end"),
    CASE("Expect with the body right behind",
         POST "Expect: 100-continue\r\nContent-Length: 32\r\n\r\n" BODY, "201 open"),
    LONG("a long target", "GET /@ HTTP/1.1\r\n" HOST "\r\n", "a", 8000, "404 open"),
    LONG("as many headers as may be", GET "@\r\n", "A: b\r\n", 99, "200 open"),
    CASE("pipelined: in order", SIZED LIVE POST "Content-Length: 2\r\n\r\n{}" SIZED LIVE,
         "201 200 422 201 200 open"),
    CASE("pipelined behind a body it need not read",
         "GET /livez HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello" LIVE, "200 end"),
    /* A body that a route has no use for is not waited for, nor kept. */
    CASE("a long body for /readyz",
         "GET /readyz HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n", "200 end"),
    CASE("chunks for /readyz",
         "GET /readyz HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\n", "200 end"),
    CASE("a body for /metrics", "GET /metrics HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n",
         "200 end"),
    CASE("a body for /docs", "HEAD /docs HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n",
         "200 end"),
    CASE("a body for OPTIONS",
         "OPTIONS /post/enqueue HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n", "204 end"),
    CASE("a body for nothing", "POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n",
         "404 end"),
};

static const struct strict_case heads[] = {
    /* Host */
    CASE("no Host", "GET /livez HTTP/1.1\r\n\r\n" LIVE, "400 end"),
    CASE("no Host but a length", "GET /livez HTTP/1.1\r\nContent-Length: 5\r\n\r\n", "400 end"),
    CASE("two Hosts", GET "Host: example.org\r\n\r\n", "400 end"),
    CASE("the same Host twice", GET HOST "\r\n", "400 end"),
    CASE("Host empty", "GET /livez HTTP/1.1\r\nHost: \r\n\r\n", "400 end"),
    CASE("Host with user", "GET /livez HTTP/1.1\r\nHost: user@localhost\r\n\r\n", "400 end"),
    CASE("Host with a path", "GET /livez HTTP/1.1\r\nHost: localhost/x\r\n\r\n", "400 end"),
    CASE("Host with a bad port", "GET /livez HTTP/1.1\r\nHost: localhost:8x\r\n\r\n", "400 end"),
    CASE("Host list", "GET /livez HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", "400 end"),
    CASE("Host list, no blank", "GET /livez HTTP/1.1\r\nHost: localhost,evil\r\n\r\n", "400 end"),
    CASE("Host with open bracket", "GET /livez HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 end"),
    /* header lines */
    CASE("NUL in a value", GET "A: b\0c\r\n\r\n", "400 end"),
    CASE("bell in a value", GET "A: test\x07\r\n\r\n", "400 end"),
    CASE("backspace, VT in a value", GET "A: a\x08\x0b\r\n\r\n", "400 end"),
    CASE("DEL in a value", GET "A: \x7f\r\n\r\n", "400 end"),
    CASE("bare CR in a value", POST "Content-Length: 32\r\nA: b\rc\r\n\r\n" BODY, "400 end"),
    CASE("blank before the colon", GET "A : b\r\n\r\n", "400 end"),
    CASE("tab in a name", GET "Content\tLength: 9\r\n\r\n", "400 end"),
    CASE("empty name", GET ": b\r\n\r\n", "400 end"),
    CASE("no colon", GET "NoColon\r\n\r\n", "400 end"),
    CASE("brackets in a name", GET "X-Invalid[]: test\r\n\r\n", "400 end"),
    CASE("name above ASCII", GET "X-T\xc3\xabst: b\r\n\r\n", "400 end"),
    CASE("folded line", GET "A: b\r\n c\r\n\r\n", "400 end"),
    CASE("folded line with a tab", GET "A: b\r\n\tc\r\n\r\n", "400 end"),
    CASE("blank line before the headers", "GET /livez HTTP/1.1\r\n \r\n" HOST "\r\n", "400 end"),
    CASE("two Content-Types", POST "Content-Type: text/html\r\n\r\n", "400 end"),
    CASE("two keys", GET "access_token: a\r\nAccess_Token: b\r\n\r\n", "400 end"),
    CASE("two Idempotency-Keys", POST "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n",
         "400 end"),
    LONG("over-long name", GET "@: b\r\n\r\n", "a", 100000, "431 end"),
    LONG("over-long value", GET "A: @\r\n\r\n", "a", 100000, "431 end"),
    LONG("a head without end", GET "A: @", "a", 20000, "431 end"),
    LONG("one header too many", GET "@\r\n", "A: b\r\n", 100, "431 end"),
    LONG("far too many headers", GET "@\r\n", "A: b\r\n", 10000, "431 end"),
    /* line ends */
    CASE("LF after the request line", "GET /livez HTTP/1.1\n" HOST "\r\n", "400 end"),
    CASE("LF after a header", "GET /livez HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n", "400 end"),
    CASE("LF for the empty line", GET "\n", "400 end"),
    CASE("LF everywhere", "GET /livez HTTP/1.1\nHost: localhost\n\n", "400 end"),
    CASE("CR everywhere", "GET /livez HTTP/1.1\rHost: localhost\r\r", "400 end"),
    CASE("CR after the request line", "GET /livez HTTP/1.1\r" HOST "\r\n", "400 end"),
    CASE("CR before a header", GET "\rA: b\r\n\r\n", "400 end"),
    /* in front of the request */
    CASE("two empty lines in front", "\r\n\r\n" LIVE, "400 end"),
    CASE("LF in front", "\n" LIVE, "400 end"),
    CASE("blanks in front", "  " LIVE, "400 end"),
    CASE("words in front", "Extra line" LIVE, "400 end"),
    CASE("blanks only", "   \r\n\r\n", "400 end"),
    CASE("TLS", "\x16\x03\x01\x02\0\x01\0", "400 end"),
    CASE("garbage", "\xff\xfe\0\x01", "400 end"),
    /* method */
    CASE("bad byte in the method", "G(T /livez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("NUL in the method", "G\0T /livez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("tab after the method", "GET\t/livez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    LONG("over-long method", "@ /livez HTTP/1.1\r\n" HOST "\r\n", "A", 100000, "400 end"),
    /* target */
    CASE("no target", "GET HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("two blanks", "GET  /livez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("blank in the target", "GET /li vez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("fragment", "GET /livez#a HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("backslash", "GET /livez\\a HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("half a percent sign", "GET /livez%2 HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("NUL in the target", "GET /livez\0a HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("target above ASCII", "GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("overlong UTF-8", "GET /\xc0\xaf HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("no slash in front", "GET livez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("authority form", "GET localhost:80 HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "400 end"),
    CASE("asterisk with GET", "GET * HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("absolute form with user", "GET http://u@localhost/ HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("absolute form without host", "GET http:///livez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("another scheme", "GET https://localhost/livez HTTP/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("absolute form without Host", "GET http://localhost/livez HTTP/1.1\r\n\r\n", "400 end"),
    LONG("over-long target", "GET /@ HTTP/1.1\r\n" HOST "\r\n", "a", 100000, "414 end"),
    /* version */
    CASE("no version", "GET / \r\n\r\n", "400 end"),
    CASE("HTTP/0.9", "GET /livez\r\n\r\n", "400 end"),
    CASE("HTTP/9.9", "GET /livez HTTP/9.9\r\n" HOST "\r\n", "505 end"),
    CASE("HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 end"),
    CASE("HTTP/1.10", "GET /livez HTTP/1.10\r\n" HOST "\r\n", "400 end"),
    CASE("HTTP/01.01", "GET /livez HTTP/01.01\r\n" HOST "\r\n", "400 end"),
    CASE("HTTP/1", "GET /livez HTTP/1\r\n" HOST "\r\n", "400 end"),
    CASE("HTTP/ 1.1", "GET /livez HTTP/ 1.1\r\n" HOST "\r\n", "400 end"),
    CASE("http/1.1", "GET /livez http/1.1\r\n" HOST "\r\n", "400 end"),
    CASE("blank after the version", "GET /livez HTTP/1.1 \r\n" HOST "\r\n", "400 end"),
    CASE("Expect unknown", GET "Expect: 200-ok\r\n\r\n", "417 end"),
};

static const struct strict_case bodies[] = {
    /* Content-Length */
    CASE("length and chunks",
         POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" END LIVE, "400 end"),
    CASE("chunks and length",
         POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" END LIVE, "400 end"),
    CASE("length and chunks in another case",
         POST "content-LengtH: 5\r\nTransFer-Encoding: Chunked\r\n\r\n" END, "400 end"),
    CASE("two lengths", POST "Content-Length: 32\r\nContent-Length: 5\r\n\r\n" BODY LIVE,
         "400 end"),
    CASE("the same length twice", POST "Content-Length: 32\r\nContent-Length: 32\r\n\r\n" BODY,
         "400 end"),
    CASE("list of lengths", POST "Content-Length: 32, 32\r\n\r\n" BODY LIVE, "400 end"),
    CASE("list of other lengths", POST "Content-Length: 5, 32\r\n\r\n" BODY LIVE, "400 end"),
    CASE("length empty", POST "Content-Length: \r\n\r\n", "400 end"),
    CASE("length negative", POST "Content-Length: -1\r\n\r\n", "400 end"),
    CASE("length far negative", GET "Content-Length: -123456789123456789123456789\r\n\r\n",
         "400 end"),
    CASE("length -0", POST "Content-Length: -0\r\n\r\n", "400 end"),
    CASE("length with plus", POST "Content-Length: +32\r\n\r\n" BODY, "400 end"),
    CASE("length in hex", POST "Content-Length: 0x20\r\n\r\n" BODY, "400 end"),
    CASE("length in octal", POST "Content-Length: 0o40\r\n\r\n" BODY, "400 end"),
    CASE("length in words", POST "Content-Length: abc\r\n\r\n", "400 end"),
    CASE("length with letters behind", POST "Content-Length: 32x\r\n\r\n" BODY, "400 end"),
    CASE("length with a blank in it", POST "Content-Length: 3 2\r\n\r\n" BODY, "400 end"),
    CASE("length with an underscore", POST "Content-Length: 3_2\r\n\r\n" BODY, "400 end"),
    CASE("length beyond 64 bits", POST "Content-Length: 99999999999999999999\r\n\r\n", "400 end"),
    CASE("length beyond 64 bits that wraps",
         POST "Content-Length: 18446744073709551648\r\n\r\n" BODY, "400 end"),
    CASE("length beyond what is taken", POST "Content-Length: 999999999\r\n\r\n", "413 end"),
    CASE("blank before the colon of the length", POST "Content-Length : 32\r\n\r\n" BODY,
         "400 end"),
    /* Transfer-Encoding */
    CASE("coding identity", POST "Transfer-Encoding: identity\r\n\r\n", "501 end"),
    CASE("coding identity and a length",
         POST "Transfer-Encoding: identity\r\nContent-Length: 32\r\n\r\n" BODY, "400 end"),
    CASE("coding gzip", POST "Transfer-Encoding: gzip\r\n\r\n", "501 end"),
    CASE("coding gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n" END, "501 end"),
    CASE("coding xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n" END, "501 end"),
    CASE("coding with parameters", POST "Transfer-Encoding: chunked;a=b\r\n\r\n" END, "501 end"),
    CASE("chunked not last", POST "Transfer-Encoding: chunked, gzip\r\n\r\n" END LIVE, "400 end"),
    CASE("chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n" END LIVE, "400 end"),
    CASE("comma behind chunked", POST "Transfer-Encoding: chunked,\r\n\r\n" END LIVE, "400 end"),
    CASE("comma before chunked", POST "Transfer-Encoding: , chunked\r\n\r\n" END LIVE, "501 end"),
    CASE("two codings",
         POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" END LIVE,
         "400 end"),
    CASE("coding empty", POST "Transfer-Encoding: \r\nContent-Length: 32\r\n\r\n" BODY, "400 end"),
    CASE("coding empty, no length", POST "Transfer-Encoding:\r\n\r\n" END, "400 end"),
    CASE("form feed before chunked",
         POST "Transfer-Encoding: \x0c"
              "chunked\r\n\r\n" END,
         "400 end"),
    CASE("VT before chunked",
         POST "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n" END,
         "400 end"),
    CASE("NUL behind chunked", POST "Transfer-Encoding: chunked\0\r\n\r\n" END, "400 end"),
    CASE("blank before the colon of the coding", POST "Transfer-Encoding : chunked\r\n\r\n" END,
         "400 end"),
    CASE("coding folded",
         POST "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n" END LIVE, "400 end"),
    CASE("HTTP/1.0 with chunks",
         "POST /post/enqueue HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n" END,
         "400 end"),
    /* chunks */
    CASE("chunk size no number", CHUNKED "g\r\n", "400 end"),
    CASE("chunk size empty", CHUNKED "\r\n", "400 end"),
    CASE("chunk size in 0x", CHUNKED "0x20\r\n" BODY "\r\n" END, "400 end"),
    CASE("chunk size negative", CHUNKED "-1\r\n" BODY "\r\n" END, "400 end"),
    CASE("chunk size with plus", CHUNKED "+20\r\n" BODY "\r\n" END LIVE, "400 end"),
    CASE("chunk size +0", CHUNKED "+0\r\n\r\nX" LIVE, "400 end"),
    CASE("chunk size with an underscore", CHUNKED "2_0\r\n" BODY "\r\n" END, "400 end"),
    CASE("blank before the chunk size", CHUNKED " 20\r\n" BODY "\r\n" END, "400 end"),
    CASE("blank behind the chunk size", CHUNKED "20 \r\n" BODY "\r\n" END, "400 end"),
    CASE("chunk size beyond 64 bits", CHUNKED "FFFFFFFFFFFFFFFF0\r\n" BODY, "400 end"),
    CASE("chunk size that wraps", CHUNKED "10000000000000020\r\n" BODY "\r\n" END, "400 end"),
    CASE("chunk beyond what is taken", CHUNKED "fffffff\r\n" BODY, "413 end"),
    CASE("no name in the extension", CHUNKED "20;\r\n" BODY "\r\n" END, "400 end"),
    CASE("no value in the extension", CHUNKED "20;a=\r\n" BODY "\r\n" END, "400 end"),
    CASE("bad name in the extension", CHUNKED "20;a[=b\r\n" BODY "\r\n" END, "400 end"),
    CASE("open quotes in the extension", CHUNKED "20;a=\"b\r\n" BODY "\r\n" END, "400 end"),
    CASE("NUL in the extension", CHUNKED "20;\0a\r\n" BODY "\r\n" END, "400 end"),
    CASE("CR in the extension", CHUNKED "20;a\rX\r\n" BODY "\r\n" END, "400 end"),
    CASE("LF in the extension", CHUNKED "20;a\n" BODY "\r\n" END LIVE, "400 end"),
    LONG("over-long extension", CHUNKED "20;@\r\n" BODY "\r\n" END, "a", 65536, "400 end"),
    CASE("CR behind the chunk size", CHUNKED "20\r" BODY "\r\n" END, "400 end"),
    CASE("LF behind the chunk size", CHUNKED "20\n" BODY "\r\n" END, "400 end"),
    CASE("no CRLF behind a chunk", CHUNKED "20\r\n" BODY "0\r\n\r\n", "400 end"),
    CASE("LF behind a chunk", CHUNKED "20\r\n" BODY "\n0\r\n\r\n" LIVE, "400 end"),
    CASE("chunk longer than it says", CHUNKED "20\r\n" BODY "!!\r\n" END, "400 end"),
    CASE("LF behind the trailer", CHUNKED "20\r\n" BODY "\r\n0\r\n\n" LIVE, "400 end"),
    CASE("trailer without colon", CHUNKED "20\r\n" BODY "\r\n0\r\nabc\r\n\r\n", "400 end"),
    CASE("trailer folded", CHUNKED "20\r\n" BODY "\r\n0\r\nA: b\r\n c\r\n\r\n", "400 end"),
    CASE("blank before the colon of a trailer", CHUNKED "20\r\n" BODY "\r\n0\r\nA : b\r\n\r\n",
         "400 end"),
    LONG("over-long trailer", CHUNKED "20\r\n" BODY "\r\n0\r\n@\r\n", "A: b\r\n", 2000, "400 end"),
    /* what another server might take for a request */
    CASE("a request in an unread body",
         "POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 40\r\n\r\n" LIVE, "404 end"),
    CASE("a request in the body of a GET", GET "Content-Length: 40\r\n\r\n" LIVE LIVE, "200 end"),
    CASE("a request in the body of a HEAD",
         "HEAD /livez HTTP/1.1\r\n" HOST "Content-Length: 40\r\n\r\n" LIVE LIVE, "200 end"),
    CASE("a request in a refused body", POST "Content-Length: 46x\r\n\r\n" LIVE, "400 end"),
    CASE("a request behind a bad one", "GET /livez HTTP/1.1\r\nHost : a\r\n\r\n" LIVE, "400 end"),
    CASE("a request in a chunk, with a length",
         POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n28\r\n" LIVE "\r\n" END,
         "400 end"),
    CASE("a byte behind an empty body", POST "Content-Length: 0\r\n\r\nX" LIVE, "422 405 open"),
    CASE("a body that is longer than it says",
         POST "Content-Length: 32\r\n\r\n" BODY "\r\n\r\n" LIVE, "201 400 end"),
    CASE("pipelined behind an error: not answered", SIZED "GET /livez HTTP/3.0\r\n\r\n" LIVE,
         "201 505 end"),
};

static struct farm farm;
static long long created; /* answers with 201 so far */

static void expand(const struct strict_case *c, struct buf *out)
{
    buf_init(out, 1 << 20);
    for (size_t i = 0; i < c->length; i++)
        if (c->fill && c->bytes[i] == '@')
            for (size_t k = 0; k < c->times; k++)
                buf_append_text(out, c->fill);
        else
            buf_append(out, c->bytes + i, 1);
    CU_ASSERT_FATAL(!buf_failed(out));
}

static int words(const char *text)
{
    int count = 1;

    for (; *text; text++)
        count += *text == ' ';
    return count;
}

static void run_case(const struct strict_case *c, size_t step)
{
    bool open = strstr(c->wanted, "open") != NULL, bodiless = strncmp(c->bytes, "HEAD ", 5) == 0;
    int fd = raw_dial(farm.gateway_port);
    char heard[300];
    struct buf bytes;

    expand(c, &bytes);
    raw_send(fd, bytes.bytes, bytes.length, step);
    snprintf(heard, sizeof heard, "%s", raw_hear(fd, words(c->wanted) - open, bodiless));
    if (open) {
        raw_send(fd, LIVE, sizeof LIVE - 1, 0);
        size_t used = strlen(heard);
        bool answered = strcmp(raw_hear(fd, 1, false), "200") == 0;
        snprintf(heard + used, sizeof heard - used, "%s", answered ? " open" : " not open");
    }
    for (const char *at = heard; (at = strstr(at, "201")); at++)
        created++;
    if (strcmp(heard, c->wanted) != 0)
        fprintf(stderr, "\n  %s, %zu bytes at a time: wanted %s, was %s\n", c->name, step,
                c->wanted, heard);
    CU_ASSERT_STRING_EQUAL(heard, c->wanted);
    if (strncmp(heard, "4", 1) == 0)
        CU_ASSERT(strstr(raw_heard(), "{\"detail\":") || open || bodiless);
    buf_fini(&bytes);
    close(fd);
}

static void run_cases(const struct strict_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run_case(&cases[i], 0);
        if (!cases[i].fill)
            run_case(&cases[i], 1);
    }
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), created);
}

static void test_good(void)
{
    run_cases(good, sizeof good / sizeof good[0]);
}

static void test_heads(void)
{
    run_cases(heads, sizeof heads / sizeof heads[0]);
}

static void test_bodies(void)
{
    run_cases(bodies, sizeof bodies / sizeof bodies[0]);
}

/* A request that is cut anywhere is waited for, without an answer; and when the client says that no
 * more comes, it is refused. */
static void test_cut(void)
{
    static const char request[] = CHUNKED "20;a=b\r\n" BODY "\r\n0\r\nA: b\r\n\r\n";
    struct http_answer other;
    char byte;

    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        int fd = raw_dial(farm.gateway_port), ends = raw_dial(farm.gateway_port);
        raw_send(fd, request, cut, 0);
        raw_send(ends, request, cut, 0);
        shutdown(ends, SHUT_WR);
        CU_ASSERT_STRING_EQUAL(raw_hear(ends, 2, false), "400 end");
        /* By now the loop has looked at the first one too. */
        http_request(farm.gateway_port, "GET", "/livez", NULL, NULL, 0, &other);
        CU_ASSERT_EQUAL(other.status, 200);
        http_free(&other);
        CU_ASSERT(recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
        raw_send(fd, request + cut, sizeof request - 1 - cut, 0);
        CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "201");
        created++;
        close(fd);
        close(ends);
    }
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), created);
    int fd = raw_dial(farm.gateway_port); /* nothing at all: no answer, just the end */
    shutdown(fd, SHUT_WR);
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "end");
    close(fd);
}

static int begin(void)
{
    created = 0;
    farm_init(&farm);
    farm_start_gateway(&farm);
    return 0;
}

static int finish(void)
{
    bool clean =
        proc_stop(&farm.gateway, SIGTERM, 10000) == 0 && !proc_logged(&farm.gateway, "child.died");

    redis_kill(&farm.redis);
    harness_end();
    return clean ? 0 : 1;
}

void suite_strict(void);

void suite_strict(void)
{
    CU_pSuite suite = CU_add_suite("strict", begin, finish);

    CU_add_test(suite, "good requests", test_good);
    CU_add_test(suite, "malformed heads", test_heads);
    CU_add_test(suite, "malformed bodies", test_bodies);
    CU_add_test(suite, "requests cut anywhere", test_cut);
}
