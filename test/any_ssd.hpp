// SPDX-License-Identifier: MIT
// The detector of all tests that train one of any kind. Its step on the CPU is compiled once, in any_ssd.cxx.
#pragma once

#include <odt/presets/ssd.hpp>

#include <memory>

namespace odt {

namespace test {
using any_ssd = presets::any_ssd;
}

extern template std::unique_ptr<device_step> make_cpu_step<test::any_ssd::axes>(const test::any_ssd::options&,
                                                                                const network&, const variable_layout&,
                                                                                const run_options&);
extern template ssd_post_processing make_host_post_processing<test::any_ssd::axes>(const test::any_ssd::options&,
                                                                                   const run_options&);

}  // namespace odt
