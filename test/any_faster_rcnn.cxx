// SPDX-License-Identifier: MIT
#include "any_faster_rcnn.hpp"

namespace odt {

template std::unique_ptr<device_step> make_cpu_faster_rcnn_step<test::any_faster_rcnn::axes>(
    const test::any_faster_rcnn::options&, const network&, const variable_layout&, const run_options&);
template box_classifier_post_processing make_faster_rcnn_post_processing<test::any_faster_rcnn::axes>(
    const test::any_faster_rcnn::options&, const run_options&);

}  // namespace odt
