// SPDX-License-Identifier: MIT
// expect: odt::ssd: Optimizer has to be a policy of optimizer\.hpp, or any_of several
#include <odt/ssd.hpp>

#if defined(RIGHT)
using optimizer = odt::momentum;
#else
using optimizer = odt::bipartite_matcher;
#endif

static_assert(odt::ssd<odt::mobilenet_v1, odt::faster_rcnn_box_coder, odt::argmax_matcher, optimizer>::anchor_count(
                  {300, 300}) == 1917);
