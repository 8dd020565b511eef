// SPDX-License-Identifier: MIT
// Writes a function in StableHLO's text, one operation after another: what PJRT plugins compile. Two operands of an
// operation need not be of one shape: extents of 1 are repeated, and a scalar goes with everything.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::pjrt {

enum class element_type : std::uint8_t { f32, i32, u8, u32, u64, boolean };

using extents = std::vector<std::int64_t>;

/// A result or an argument of the function that is being written.
struct tensor {
  std::string name{};
  element_type type = element_type::f32;
  extents shape{};

  bool given() const { return !name.empty(); }
};

/// How a window moves over height and width; zeros, or less than that, before and behind.
struct window_move {
  std::array<std::int64_t, 2> size{1, 1}, stride{1, 1}, base_dilation{1, 1}, window_dilation{1, 1};
  std::array<std::array<std::int64_t, 2>, 2> padding{};  ///< of height, of width: before, behind
};

/// What a convolution's axes are, in StableHLO's words, and what else it needs besides a window.
struct convolution_form {
  std::string_view axes = "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]";
  std::int64_t feature_groups = 1, batch_groups = 1;
};

class module_builder {
 public:
  /// Products are of that precision: HIGHEST for float32, DEFAULT for bfloat16 where the device has that.
  explicit module_builder(int replicas = 1, std::string_view precision = "HIGHEST")
      : replicas_(replicas), precision_(precision) {}

  int replicas() const { return replicas_; }

  /// The function's next argument. With donate() a result takes the memory of an argument.
  tensor argument(element_type type, extents shape);
  /// The function's next result; in an argument's memory where one is given.
  void result(const tensor& value, const tensor& donor = {});
  std::size_t result_count() const { return results_.size(); }
  /// The module with all that was written.
  std::string text() const;

  tensor number(float value);
  tensor constant(std::span<const float> values, extents shape);
  /// A scalar of a type of whole numbers.
  tensor integer(element_type type, std::uint64_t value);
  /// 0, 1, 2, ... along an axis.
  tensor iota(extents shape, int axis, element_type type = element_type::f32);

  tensor unary(std::string_view operation, const tensor& x);
  tensor binary(std::string_view operation, const tensor& a, const tensor& b);
  /// EQ, NE, LT, LE, GT or GE.
  tensor compare(std::string_view direction, const tensor& a, const tensor& b);
  tensor select(const tensor& condition, const tensor& yes, const tensor& no);
  tensor convert(const tensor& x, element_type type);
  /// 1 where x is finite, else 0.
  tensor is_finite(const tensor& x);

  tensor reshape(const tensor& x, extents shape);
  /// Repeats extents of 1.
  tensor broadcast(const tensor& x, const extents& shape);
  tensor transpose(const tensor& x, const std::vector<int>& order);
  tensor reverse(const tensor& x, const std::vector<int>& axes);
  tensor slice(const tensor& x, const extents& begin, const extents& end);
  /// Row `number`, a scalar f32, of the first axis, which goes.
  tensor row(const tensor& x, const tensor& number);
  /// Rows of the first axes, which go: of each row of `numbers`, [.., axes] in f32, the one that it names.
  tensor rows(const tensor& x, const tensor& numbers);
  /// Those places of an axis, `numbers` of one axis in f32.
  tensor take(const tensor& x, const tensor& numbers, int axis);
  /// Zeros, or another number, before, behind and between; less than none cuts.
  tensor pad(const tensor& x, const extents& before, const extents& behind, const extents& between = {},
             float value = 0);
  tensor concatenate(std::span<const tensor> parts, int axis);

  /// By "add", "maximum" or "minimum", over axes that become 1.
  tensor reduce(std::string_view operation, const tensor& x, const std::vector<int>& axes);
  tensor convolution(const tensor& x, const tensor& weights, const window_move& window,
                     const convolution_form& form = {});
  /// The same of windows over [batch, height, width, channels].
  tensor reduce_window(std::string_view operation, const tensor& x, const window_move& window);
  /// Where the largest of each window of x lies, the first of several, gets what `source` has for the window.
  tensor scatter_to_largest(const tensor& x, const tensor& source, const window_move& window);
  /// All of them in the order of the first along the last axis, from the largest; equal ones stay in their order.
  std::vector<tensor> sort_descending(std::span<const tensor> keys_and_values);
  /// As long as `goes_on` finds so, the state becomes what `step` makes of it.
  std::vector<tensor> loop(std::span<const tensor> state, const std::function<tensor(std::span<const tensor>)>& goes_on,
                           const std::function<std::vector<tensor>(std::span<const tensor>)>& step);
  /// The sum over all replicas.
  tensor sum_over_replicas(const tensor& x);

 private:
  tensor add(element_type type, extents shape, std::string_view code);
  tensor fill(element_type type, std::string_view value, const extents& shape);
  /// From the axes `from` of x, which go, what `numbers` says; the others become the axes `others` of the shape.
  tensor gather(const tensor& x, const tensor& numbers, std::span<const std::int64_t> from,
                std::span<const std::int64_t> others, std::size_t index_axis, extents shape);
  /// What `write` writes, apart from the rest, and what it returns.
  std::string region(const std::function<std::vector<tensor>()>& write);
  /// Both in the shape that they share.
  std::pair<tensor, tensor> together(const tensor& a, const tensor& b);

  int replicas_;
  std::string precision_;
  int values_ = 0;
  std::vector<tensor> arguments_, results_;
  std::map<std::string, std::size_t> donated_;  ///< argument's name to result's number
  std::map<std::uint32_t, tensor> numbers_;
  std::string constants_, body_;
};

}  // namespace odt::pjrt

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/pjrt/module_builder.ipp>
#endif
