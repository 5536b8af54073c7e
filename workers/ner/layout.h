/* layout: tensors as thinc keeps them, laid out anew for kernels.h. */
#ifndef NEWSMILL_NER_LAYOUT_H
#define NEWSMILL_NER_LAYOUT_H

#include <stddef.h>

/* from[width, pieces, segments, segment], as loaded -> [segments, segment_stride, pieces, stride of
 * width], the rest zero. Frees `from`; NULL gives NULL. */
float *lay_out(float *from, size_t width, size_t pieces, size_t segments, size_t segment,
               size_t segment_stride);

/* A bias or the like, [outer, width, pieces] -> [outer, pieces, stride of width]. */
float *lay_out_bias(float *from, size_t outer, size_t width, size_t pieces);

#endif
