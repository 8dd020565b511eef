// SPDX-License-Identifier: MIT
// expect: static assertion failed
// expect: coder\.decode\(code, b\)
#include <odt/box_coder.hpp>

#include <string_view>

struct my_coder {
  static constexpr std::string_view name = "my_coder";
  static constexpr int code_size = 4;
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options o{};

  template <class T>
  constexpr std::array<T, 4> encode(const odt::box<T>& b, const odt::box<T>&) const {
    return {b.ymin, b.xmin, b.ymax, b.xmax};
  }
#if defined(RIGHT)
  template <class T>
  constexpr odt::box<T> decode(const std::array<T, 4>& code, const odt::box<T>&) const {
    return {code[0], code[1], code[2], code[3]};
  }
#endif
};

static_assert(odt::box_coder<my_coder>);
