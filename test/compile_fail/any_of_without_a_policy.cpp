// SPDX-License-Identifier: MIT
// expect: any_of needs at least one policy to choose from
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/core/any_of.hpp>

#if defined(RIGHT)
using axis = odt::any_of<odt::faster_rcnn_box_coder>;
#else
using axis = odt::any_of<>;
#endif

constexpr auto names = odt::names_of<axis>;
