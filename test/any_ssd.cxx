// SPDX-License-Identifier: MIT
#include "any_ssd.hpp"

namespace odt {

template std::unique_ptr<device_step> make_cpu_step<test::any_ssd::axes>(const test::any_ssd::options&, const network&,
                                                                         const variable_layout&, const run_options&);
template ssd_post_processing make_host_post_processing<test::any_ssd::axes>(const test::any_ssd::options&,
                                                                            const run_options&);

}  // namespace odt
