// SPDX-License-Identifier: MIT
// expect: odt::ssd: Matcher has to be a policy of matcher\.hpp, or any_of several
#include <odt/ssd.hpp>

#if defined(RIGHT)
using matchers = odt::any_of<odt::argmax_matcher, odt::bipartite_matcher>;
#else
using matchers = odt::any_of<odt::argmax_matcher, odt::iou_similarity>;
#endif

static_assert(odt::ssd<odt::mobilenet_v1, odt::faster_rcnn_box_coder, matchers>::anchor_count({300, 300}) == 1917);
