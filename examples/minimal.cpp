// SPDX-License-Identifier: MIT
// A whole trainer for one detector: train, eval, detect, convert, inspect.
#include <odt/cli.hpp>
#include <odt/ssd.hpp>

using pets = odt::ssd<odt::inception_v2, odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::rms_prop>;
static_assert(pets::anchor_count({300, 300}) == 1917);

int main(int argc, char** argv) { return odt::cli<pets>(argc, argv); }
