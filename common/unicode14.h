/* unicode14: what later versions of Unicode, and so newer libraries, know that Unicode 14 does not.
 * Python 3.11, and with it the spaCy that newsmill is held against, has 14. test_unicode.c shows
 * that our functions agree with it about each code point. */
#ifndef NEWSMILL_UNICODE14_H
#define NEWSMILL_UNICODE14_H

#include <stdint.h>

/* Letters, digits, marks and the like that Unicode 15.0, 15.1 and 16.0 assigned, first and last.
 * Python 3.11 has them as unassigned: of no kind, their own lower case. */
#define UNICODE14_LATER_COUNT 51
static const uint32_t unicode14_later[UNICODE14_LATER_COUNT][2] = {
    {0x897, 0x897},     {0xece, 0xece},     {0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},
    {0xa7da, 0xa7dc},   {0x105c0, 0x105f3}, {0x10d40, 0x10d65}, {0x10d69, 0x10d6d},
    {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x10efc, 0x10eff}, {0x1123f, 0x11241},
    {0x11380, 0x11389}, {0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5},
    {0x113b7, 0x113b7}, {0x113bb, 0x113c0}, {0x113ce, 0x113ce}, {0x113d0, 0x113d3},
    {0x113e1, 0x113e2}, {0x116d0, 0x116e3}, {0x11bc0, 0x11be0}, {0x11bf0, 0x11bf9},
    {0x11f00, 0x11f02}, {0x11f04, 0x11f10}, {0x11f12, 0x11f33}, {0x11f36, 0x11f3a},
    {0x11f40, 0x11f40}, {0x11f42, 0x11f42}, {0x11f50, 0x11f5a}, {0x1342f, 0x1342f},
    {0x13439, 0x13455}, {0x13460, 0x143fa}, {0x16100, 0x16129}, {0x1612d, 0x16139},
    {0x16d40, 0x16d6c}, {0x16d70, 0x16d79}, {0x18cff, 0x18cff}, {0x1b132, 0x1b132},
    {0x1b155, 0x1b155}, {0x1ccf0, 0x1ccf9}, {0x1d2c0, 0x1d2d3}, {0x1df25, 0x1df2a},
    {0x1e030, 0x1e06d}, {0x1e08f, 0x1e08f}, {0x1e4d0, 0x1e4f9}, {0x1e5d0, 0x1e5fa},
    {0x2b739, 0x2b739}, {0x2ebf0, 0x2ee5d}, {0x31350, 0x323af},
};

/* The digits (Nd) of Unicode 14, as part of a class of PCRE2. */
#define UNICODE14_DIGITS                                                                           \
    "\\x{30}-\\x{39}\\x{660}-\\x{669}\\x{6f0}-\\x{6f9}\\x{7c0}-\\x{7c9}\\x{966}-\\x{96f}"          \
    "\\x{9e6}-\\x{9ef}\\x{a66}-\\x{a6f}\\x{ae6}-\\x{aef}\\x{b66}-\\x{b6f}\\x{be6}-\\x{bef}"        \
    "\\x{c66}-\\x{c6f}\\x{ce6}-\\x{cef}\\x{d66}-\\x{d6f}\\x{de6}-\\x{def}\\x{e50}-\\x{e59}"        \
    "\\x{ed0}-\\x{ed9}\\x{f20}-\\x{f29}\\x{1040}-\\x{1049}\\x{1090}-\\x{1099}"                     \
    "\\x{17e0}-\\x{17e9}\\x{1810}-\\x{1819}\\x{1946}-\\x{194f}\\x{19d0}-\\x{19d9}"                 \
    "\\x{1a80}-\\x{1a89}\\x{1a90}-\\x{1a99}\\x{1b50}-\\x{1b59}\\x{1bb0}-\\x{1bb9}"                 \
    "\\x{1c40}-\\x{1c49}\\x{1c50}-\\x{1c59}\\x{a620}-\\x{a629}\\x{a8d0}-\\x{a8d9}"                 \
    "\\x{a900}-\\x{a909}\\x{a9d0}-\\x{a9d9}\\x{a9f0}-\\x{a9f9}\\x{aa50}-\\x{aa59}"                 \
    "\\x{abf0}-\\x{abf9}\\x{ff10}-\\x{ff19}\\x{104a0}-\\x{104a9}\\x{10d30}-\\x{10d39}"             \
    "\\x{11066}-\\x{1106f}\\x{110f0}-\\x{110f9}\\x{11136}-\\x{1113f}\\x{111d0}-\\x{111d9}"         \
    "\\x{112f0}-\\x{112f9}\\x{11450}-\\x{11459}\\x{114d0}-\\x{114d9}\\x{11650}-\\x{11659}"         \
    "\\x{116c0}-\\x{116c9}\\x{11730}-\\x{11739}\\x{118e0}-\\x{118e9}\\x{11950}-\\x{11959}"         \
    "\\x{11c50}-\\x{11c59}\\x{11d50}-\\x{11d59}\\x{11da0}-\\x{11da9}\\x{16a60}-\\x{16a69}"         \
    "\\x{16ac0}-\\x{16ac9}\\x{16b50}-\\x{16b59}\\x{1d7ce}-\\x{1d7ff}\\x{1e140}-\\x{1e149}"         \
    "\\x{1e2f0}-\\x{1e2f9}\\x{1e950}-\\x{1e959}\\x{1fbf0}-\\x{1fbf9}"

#endif
