// SPDX-License-Identifier: MIT
// What every policy of every contract has: the name by which pipeline.config asks for it, and its options.
#pragma once

#include <concepts>
#include <string_view>

namespace odt {

namespace detail {
struct any_field {
  constexpr void operator()(std::string_view, auto&) const {}
};
}  // namespace detail

/// A struct with
/// - `static constexpr std::string_view name`: the field's name in pipeline.config's oneof;
/// - `struct options`: plain values with defaults, listed once by `static constexpr void fields(auto& o, auto&& field)`
///   under their names in pipeline.config (see read_options);
/// - construction from its options, `P{options}`, and without them.
/// Options that contradict each other are refused by an optional `static void check(const options&)`, whose error the
/// reader of a config completes with the place.
template <class P>
concept policy = std::semiregular<typename P::options> && requires(typename P::options o) {
  { P::name } -> std::convertible_to<std::string_view>;
  P::options::fields(o, detail::any_field{});
  P{o};
  P{};
};

}  // namespace odt
