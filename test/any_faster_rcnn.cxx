// SPDX-License-Identifier: MIT
#include "any_faster_rcnn.hpp"

namespace odt {

template std::unique_ptr<device_step> make_cpu_step<test::any_faster_rcnn::axes>(const test::any_faster_rcnn::options&,
                                                                                 const network&, const variable_layout&,
                                                                                 const run_options&);

}  // namespace odt
