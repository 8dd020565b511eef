// SPDX-License-Identifier: MIT
// The GPU's half of minimal.cpp, for nvcc.
#include <odt/cuda.hpp>

using pets = odt::ssd<odt::inception_v2, odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::rms_prop>;

ODT_CUDA(pets)
