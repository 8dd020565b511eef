// SPDX-License-Identifier: MIT
// One table of operations between tensors: what each is by its definition in double, how the kernels compute it, and
// how they compute its gradients. Every operation runs on every case.
#pragma once

#include <odt/core/text.hpp>

#include "exec/cpu/kernels.hpp"

#include <deque>
#include <functional>

namespace odt::test {

/// A tensor in double, dense.
struct exact_tensor {
  shape extents;
  std::vector<double> values;

  explicit exact_tensor(const shape& s) : extents(s), values(static_cast<std::size_t>(s.elements()), 0.0) {}
  double& at(int n, int y, int x, int c) {
    const shape& s = extents;
    return values[static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + c)];
  }
  double at(int n, int y, int x, int c) const { return const_cast<exact_tensor*>(this)->at(n, y, x, c); }
  /// f(n, y, x, c) for every element.
  template <class F>
  void each(const F& f) const {
    for (int n = 0; n < extents.batch; ++n)
      for (int y = 0; y < extents.height; ++y)
        for (int x = 0; x < extents.width; ++x)
          for (int c = 0; c < extents.channels; ++c) f(n, y, x, c);
  }
  /// every element becomes f(n, y, x, c)
  template <class F>
  void make(const F& f) {
    each([&](int n, int y, int x, int c) { at(n, y, x, c) = f(n, y, x, c); });
  }
};

using exact_tensors = std::vector<exact_tensor>;
using read_tensors = std::vector<cpu::const_tensor>;

/// How one gradient is computed: that of an operand, with respect to its transformed values.
using gradient_kernel = std::function<void(thread_pool&, const read_tensors&, const cpu::const_tensor& dy,
                                           const cpu::tensor& dx, bool accumulate)>;

struct operation {
  std::string name;
  /// The operands' shapes for a case's; none where the operation does not suit that shape.
  std::function<std::vector<shape>(const shape&)> operands;
  std::function<shape(const shape&)> result;
  std::function<void(const exact_tensors&, exact_tensor& y)> definition;  ///< of transformed operands
  std::function<void(thread_pool&, const read_tensors&, const cpu::tensor& y)> forward;
  std::vector<gradient_kernel> gradients;  ///< of the operands
  std::size_t plain_from = 99;             ///< operands from here on are dense and have no transform
};

/// A shape, the margins around pixels, and the transforms of the operands.
struct operation_case {
  shape s;
  int margin;
  bool affine, clamp;

  std::string name() const {
    return str(s.batch, "x", s.height, "x", s.width, "x", s.channels, ", margin ", margin, affine ? ", affine" : "",
               clamp ? ", clamped" : "");
  }
};

inline std::vector<operation_case> operation_cases() {
  std::vector<operation_case> cases;
  for (const shape& s : {shape{1, 1, 1, 1}, shape{1, 4, 5, 1}, shape{2, 5, 7, 3}, shape{3, 6, 3, 16},
                         shape{2, 4, 5, 33}, shape{1, 3, 2, 130}, shape{2, 40, 35, 6}})
    for (const int margin : {0, 3})
      for (const bool affine : {false, true})
        for (const bool clamp : {false, true}) cases.push_back({s, margin, affine, clamp});
  return cases;
}

/// An operation on a case's numbers.
class operation_problem {
 public:
  operation_problem(const operation& o, const operation_case& c)
      : op_(o), case_(c), dy_(o.result(c.s), c.margin), exact_y_(o.result(c.s)) {
    random_stream random(21);
    const std::vector<shape> shapes = o.operands(c.s);
    for (std::size_t i = 0; i < shapes.size(); ++i) operands_.emplace_back(shapes[i], plain(i) ? 0 : c.margin + 1);
    for (host_tensor& t : operands_) {
      t.fill(random);
      const auto channels = static_cast<std::size_t>(t.extents.channels);
      scales_.emplace_back(), shifts_.emplace_back();
      for (std::size_t k = 0; k < channels; ++k) {
        scales_.back().push_back(0.8f + 0.3f * random.normal());
        shifts_.back().push_back(0.5f * random.normal());
      }
    }
    dy_.fill(random);
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      exact_.emplace_back(shapes[i]);
      exact_[i].make(
          [&](int n, int y, int x, int k) { return transformed(transform(i), operands_[i].at(n, y, x, k), k); });
    }
    op_.definition(exact_, exact_y_);
  }

  void check(std::deque<thread_pool>& pools) const {
    check_result(pools);
    for (std::size_t i = 0; i < op_.gradients.size(); ++i) check_gradient(pools, i);
  }

 private:
  bool plain(std::size_t operand) const { return operand >= op_.plain_from; }
  std::string name() const { return op_.name + ", " + case_.name(); }

  pending transform(std::size_t i) const {
    pending p;
    if (plain(i)) return p;
    if (case_.affine) p.scale = scales_[i].data(), p.shift = shifts_[i].data();
    if (case_.clamp) p.low = -0.7f, p.high = 1.1f;
    return p;
  }
  read_tensors reading() const {
    read_tensors result;
    for (std::size_t i = 0; i < operands_.size(); ++i) result.push_back(operands_[i].read(transform(i)));
    return result;
  }

  void check_result(std::deque<thread_pool>& pools) const {
    std::vector<float> once;
    for (thread_pool& pool : pools) {
      host_tensor y(dy_.extents, case_.margin);
      op_.forward(pool, reading(), y.write());
      BOOST_TEST(y.margins_untouched(), name());
      if (pool.size() == 1) once = y.dense();
      BOOST_TEST((y.dense() == once), name() << ", threads: " << pool.size());
    }
    check_near(once, exact_y_.values, 2e-6, name());
  }

  void check_gradient(std::deque<thread_pool>& pools, std::size_t operand) const {
    host_tensor before(operands_[operand].extents, plain(operand) ? 0 : case_.margin + 2);
    random_stream random(22);
    before.fill(random);
    const std::vector<float> start = before.dense();
    std::vector<double> expected;
    for (const std::size_t at : sample(start.size())) expected.push_back(difference(operand, at));
    // the rounding of a sum grows with the root of the number of its terms
    const double terms = std::max(1.0, static_cast<double>(dy_.extents.elements()) / static_cast<double>(start.size()));
    const double tolerance = 5e-6 + 3e-7 * std::sqrt(terms);
    for (const bool accumulate : {false, true}) {
      const std::string what = str(name(), ", gradient ", operand, accumulate ? ", accumulated" : "");
      std::vector<float> once, some;
      for (thread_pool& pool : pools) {
        host_tensor dx = before;
        op_.gradients[operand](pool, reading(), dy_.read(), dx.write(), accumulate);
        BOOST_TEST(dx.margins_untouched(), what);
        if (pool.size() == 1) once = dx.dense();
        BOOST_TEST((dx.dense() == once), what << ", threads: " << pool.size());
      }
      for (const std::size_t at : sample(once.size()))
        some.push_back(once[at]), expected[some.size() - 1] += accumulate ? static_cast<double>(start[at]) : 0.0;
      check_near(some, expected, tolerance, what);
    }
  }

  /// Elements whose gradient is looked at: all of few, else some that are spread over images, pixels and channels.
  static std::vector<std::size_t> sample(std::size_t size) {
    std::vector<std::size_t> chosen;
    for (std::size_t at = 0; at < size; at += size <= 210 ? 1 : size / 41) chosen.push_back(at);
    return chosen;
  }

  /// The derivative of sum(y*dy) with respect to an element, by differences.
  double difference(std::size_t operand, std::size_t at) const {
    constexpr double step = 1e-6;
    exact_tensors moved = exact_;
    exact_tensor more(exact_y_.extents), less(exact_y_.extents);
    moved[operand].values[at] = exact_[operand].values[at] + step;
    op_.definition(moved, more);
    moved[operand].values[at] = exact_[operand].values[at] - step;
    op_.definition(moved, less);
    double sum = 0;
    std::size_t i = 0;
    dy_.each([&](int n, int y, int x, int c) {
      sum += (more.values[i] - less.values[i]) * static_cast<double>(dy_.at(n, y, x, c));
      ++i;
    });
    return sum / (2 * step);
  }

  const operation& op_;
  operation_case case_;
  std::vector<host_tensor> operands_;
  host_tensor dy_;
  std::vector<std::vector<float>> scales_, shifts_;
  exact_tensors exact_;
  exact_tensor exact_y_;
};

/// Every operation on every case that suits it, by one, two and three threads.
inline void check_operations(const std::vector<operation>& operations) {
  std::deque<thread_pool> pools;
  for (const int threads : {1, 2, 3}) pools.emplace_back(threads);
  for (const operation& o : operations)
    for (const operation_case& c : operation_cases())
      if (!o.operands(c.s).empty()) operation_problem(o, c).check(pools);
}

}  // namespace odt::test
