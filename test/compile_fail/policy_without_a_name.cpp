// SPDX-License-Identifier: MIT
// expect: static assertion failed
// expect: P::name
#include <odt/core/policy.hpp>

struct my_policy {
#if defined(RIGHT)
  static constexpr std::string_view name = "my_policy";
#endif
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options o{};
};

static_assert(odt::policy<my_policy>);
