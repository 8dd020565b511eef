// SPDX-License-Identifier: MIT
// expect: odt::ssd: BoxCoder has to be a policy of box_coder\.hpp, or any_of several
#include <odt/ssd.hpp>

#if defined(RIGHT)
using coder = odt::faster_rcnn_box_coder;
#else
struct coder {
  static constexpr std::string_view name = "my_box_coder";
};
#endif

static_assert(odt::ssd<odt::mobilenet_v1, coder>::anchor_count({300, 300}) == 1917);
