// SPDX-License-Identifier: MIT
// A whole trainer for one detector of two stages, of the Pets quick start.
#include <odt/cli.hpp>
#include <odt/faster_rcnn.hpp>

using pets = odt::faster_rcnn<odt::faster_rcnn_resnet101>;
static_assert(pets::parameter_count(37) == 62602050);

int main(int argc, char** argv) { return odt::cli<pets>(argc, argv); }
