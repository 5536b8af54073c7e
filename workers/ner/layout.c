/* layout: see layout.h. */
#include "layout.h"

#include <stdlib.h>

#include "floats.h"

float *lay_out(float *from, size_t width, size_t pieces, size_t segments, size_t segment,
               size_t segment_stride)
{
    size_t stride = floats_pad(width), inputs = segments * segment;
    float *out = from ? floats_zero(segments * segment_stride * pieces * stride) : NULL;

    for (size_t o = 0; from && o < width; o++)
        for (size_t p = 0; p < pieces; p++)
            for (size_t i = 0; i < inputs; i++)
                out[((i / segment * segment_stride + i % segment) * pieces + p) * stride + o] =
                    from[(o * pieces + p) * inputs + i];
    free(from);
    return out;
}

float *lay_out_bias(float *from, size_t outer, size_t width, size_t pieces)
{
    size_t stride = floats_pad(width);
    float *out = from ? floats_zero(outer * pieces * stride) : NULL;

    for (size_t i = 0; from && i < outer * width * pieces; i++)
        out[(i / (width * pieces) * pieces + i % pieces) * stride + i / pieces % width] = from[i];
    free(from);
    return out;
}
