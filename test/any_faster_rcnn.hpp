// SPDX-License-Identifier: MIT
// The two-stage detector of all tests that train one. Its step on the CPU is compiled once, in any_faster_rcnn.cxx.
#pragma once

#include <odt/presets/faster_rcnn.hpp>

#include <memory>

namespace odt {

namespace test {
using any_faster_rcnn = presets::any_faster_rcnn;
}

extern template std::unique_ptr<device_step> make_cpu_faster_rcnn_step<test::any_faster_rcnn::axes>(
    const test::any_faster_rcnn::options&, const network&, const variable_layout&, const run_options&);
extern template box_classifier_post_processing make_faster_rcnn_post_processing<test::any_faster_rcnn::axes>(
    const test::any_faster_rcnn::options&, const run_options&);

}  // namespace odt
