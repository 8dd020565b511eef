// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/checkpoint_tools.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/tensor_values.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace odt {

namespace detail::checkpoint_comparison {

/// The largest difference of two numbers in the same place, and where it is.
struct largest {
  double difference = 0;
  std::size_t at = 0, count = 0;  ///< `count`: of those above the tolerance
};

ODT_INLINE double difference(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  return std::isfinite(a) && std::isfinite(b) ? std::abs(a - b) : std::numeric_limits<double>::infinity();
}

ODT_INLINE largest compare(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  largest found;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = difference(a[i], b[i]);
    found.count += d > tolerance;
    if (d > found.difference) found = {d, i, found.count};
  }
  return found;
}

/// What differs in the values of two tensors of one type and shape; empty when nothing does.
ODT_INLINE std::string values_text(const checkpoint_reader& a, const checkpoint_reader& b, const tensor_info& in_a,
                                   const tensor_info& in_b, double tolerance) {
  if (element_size(in_a.type) == 0) return a.read_raw(in_a) == b.read_raw(in_b) ? "" : "other strings";
  const auto left = read_doubles(a, in_a), right = read_doubles(b, in_b);
  const largest found = compare(left, right, tolerance);
  // Integers beyond 2^53 are one double
  const bool exact = in_a.type != element_type::int64 || tolerance > 0;
  if (found.count == 0) return exact || a.read_raw(in_a) == b.read_raw(in_b) ? "" : "large integers differ";
  return str("largest difference ", significant(found.difference, 3), ": ", significant(left[found.at], 8), " and ",
             significant(right[found.at], 8), left.size() == 1 ? "" : str(" at element ", found.at), "; ",
             counted(static_cast<std::int64_t>(found.count), "value"), left.size() == 1 ? "" : " of ",
             left.size() == 1 ? "" : grouped(std::ssize(left)), found.count == 1 ? " differs" : " differ");
}

ODT_INLINE std::string lines(std::string_view heading, const std::vector<std::string>& each) {
  if (each.empty()) return {};
  return str(heading, " (", each.size(), ")\n  ", join(each, "\n  "), "\n");
}

/// The tensors of `of` that `other` has not.
ODT_INLINE std::vector<std::string> alone(const checkpoint_reader& of, const checkpoint_reader& other) {
  std::vector<std::string> names;
  for (const tensor_info& t : of.tensors())
    if (!other.find(t.name)) names.push_back(str(t.name, "  ", describe(t)));
  return names;
}

}  // namespace detail::checkpoint_comparison

ODT_INLINE checkpoint_difference compare_checkpoints(const checkpoint_reader& a, const checkpoint_reader& b,
                                                     double tolerance) {
  namespace d = detail::checkpoint_comparison;
  std::vector<std::string> shapes, values;
  std::size_t equal = 0;
  for (const tensor_info& in_a : a.tensors()) {
    const tensor_info* const in_b = b.find(in_a.name);
    if (!in_b) continue;
    if (describe(in_a) != describe(*in_b)) {
      shapes.push_back(str(in_a.name, "  ", describe(in_a), " and ", describe(*in_b)));
    } else if (std::string text = d::values_text(a, b, in_a, *in_b, tolerance); !text.empty()) {
      values.push_back(str(in_a.name, "  ", text));
    } else {
      ++equal;
    }
  }
  const auto in_a = d::alone(a, b), in_b = d::alone(b, a);
  std::string text = d::lines(str("only in ", a.prefix()), in_a) + d::lines(str("only in ", b.prefix()), in_b) +
                     d::lines("other types or shapes", shapes) + d::lines("other values", values);
  text += str(counted(static_cast<std::int64_t>(equal), "tensor"), equal == 1 ? " is" : " are", " equal\n");
  return {std::move(text), in_a.empty() && in_b.empty() && shapes.empty() && values.empty()};
}

}  // namespace odt
