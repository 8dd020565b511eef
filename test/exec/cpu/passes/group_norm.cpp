// SPDX-License-Identifier: MIT
#include <odt/core/error.hpp>
#include <odt/exec/cpu/passes/group_norm.hpp>

#include "exec/cpu/passes/operations.hpp"

using namespace odt;
using namespace odt::test;

namespace {

constexpr float epsilon = 1e-3f;

/// Mean and 1/sqrt(variance + epsilon) of an image's group, in double.
std::pair<double, double> group_moments(const exact_tensor& x, int groups, int n, int group) {
  const shape& s = x.extents;
  const int size = s.channels / groups;
  double mean = 0, variance = 0;
  const double count = static_cast<double>(size) * s.height * s.width;
  const auto each = [&](const auto& f) {
    for (int r = 0; r < s.height; ++r)
      for (int q = 0; q < s.width; ++q)
        for (int c = group * size; c < (group + 1) * size; ++c) f(x.at(n, r, q, c));
  };
  each([&](double v) { mean += v / count; });
  each([&](double v) { variance += (v - mean) * (v - mean) / count; });
  return {mean, 1 / std::sqrt(variance + static_cast<double>(epsilon))};
}

/// y, from x and, if there are any, gamma and beta.
void define(int groups, const exact_tensors& in, exact_tensor& y) {
  const int size = y.extents.channels / groups;
  for (int n = 0; n < y.extents.batch; ++n)
    for (int group = 0; group < groups; ++group) {
      const auto [mean, inv_std] = group_moments(in[0], groups, n, group);
      for (int r = 0; r < y.extents.height; ++r)
        for (int q = 0; q < y.extents.width; ++q)
          for (int c = group * size; c < (group + 1) * size; ++c) {
            const double gamma = in.size() > 1 ? in[1].at(0, 0, 0, c) : 1.0;
            const double beta = in.size() > 1 ? in[2].at(0, 0, 0, c) : 0.0;
            y.at(n, r, q, c) = (in[0].at(n, r, q, c) - mean) * inv_std * gamma + beta;
          }
    }
}

/// The kernels, with the moments between them.
struct norm_run {
  cpu::group_norm_shape g;
  std::vector<float> mean, inv_std;

  explicit norm_run(int groups, int batch) : g{groups, epsilon}, mean(static_cast<std::size_t>(batch * groups)) {
    inv_std.resize(mean.size());
  }

  void forward(thread_pool& pool, const cpu::const_tensor& x, const float* gamma, const float* beta,
               const cpu::tensor& y) {
    cpu::group_norm(pool, g, x, gamma, beta, y, mean.data(), inv_std.data());
  }

  /// dx, dgamma and dbeta where they are wanted.
  void backward(thread_pool& pool, const cpu::const_tensor& x, const float* gamma, const cpu::const_tensor& dy,
                const cpu::tensor& dx, bool accumulate, float* dgamma, float* dbeta) {
    const shape s = x.extents();
    std::vector<float> y(static_cast<std::size_t>(s.elements()));
    forward(pool, x, nullptr, nullptr, cpu::dense(y.data(), s));
    const scratch_memory scratch(cpu::group_norm_scratch(s));
    cpu::group_norm_backward(pool, g, x, mean.data(), inv_std.data(), gamma, dy, dx, accumulate, dgamma, dbeta,
                             scratch.data);
  }
};

/// The data of an operand; null where there is none.
const float* data_of(const read_tensors& in, std::size_t i) { return i < in.size() ? in[i].data : nullptr; }

operation group_norm(int groups, bool tables) {
  const auto table = [groups](bool gamma) {
    return [groups, gamma](thread_pool& pool, const read_tensors& in, const cpu::const_tensor& dy,
                           const cpu::tensor& dx, bool accumulate) {
      std::vector<float> sums(static_cast<std::size_t>(dx.channels));
      norm_run(groups, dy.batch)
          .backward(pool, in[0], data_of(in, 1), dy, {}, false, gamma ? sums.data() : nullptr,
                    gamma ? nullptr : sums.data());
      for (int c = 0; c < dx.channels; ++c)
        dx.data[c] = (accumulate ? dx.data[c] : 0.0f) + sums[static_cast<std::size_t>(c)];
    };
  };
  operation o{.name = str("group norm of ", groups, tables ? " with tables" : ""),
              .operands =
                  [groups, tables](const shape& s) {
                    std::vector<shape> shapes;
                    if (s.channels % groups != 0) return shapes;
                    shapes = {s};
                    if (tables) shapes.insert(shapes.end(), 2, {1, 1, 1, s.channels});
                    return shapes;
                  },
              .result = [](const shape& s) { return s; },
              .definition = [groups](const exact_tensors& in, exact_tensor& y) { define(groups, in, y); },
              .forward =
                  [groups](thread_pool& pool, const read_tensors& in, const cpu::tensor& y) {
                    norm_run(groups, y.batch).forward(pool, in[0], data_of(in, 1), data_of(in, 2), y);
                  },
              .gradients = {[groups](thread_pool& pool, const read_tensors& in, const cpu::const_tensor& dy,
                                     const cpu::tensor& dx, bool accumulate) {
                norm_run(groups, dy.batch).backward(pool, in[0], data_of(in, 1), dy, dx, accumulate, nullptr, nullptr);
              }},
              .plain_from = 1};
  if (tables) o.gradients.insert(o.gradients.end(), {table(true), table(false)});
  return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(group_norm_tests)

BOOST_AUTO_TEST_CASE(agrees_with_the_definition) {
  std::vector<operation> operations;
  for (const int groups : {1, 2, 3, 11, 16, 130})
    for (const bool tables : {false, true}) operations.push_back(group_norm(groups, tables));
  check_operations(operations);
}

BOOST_AUTO_TEST_CASE(a_large_mean_does_not_cancel) {
  const shape s{2, 30, 31, 96};
  host_tensor x(s), y(s);
  random_stream random(6);
  x.fill(random);
  x.each([&](int n, int r, int q, int c) { x.at(n, r, q, c) += 3000.0f; });
  exact_tensor exact(s);
  exact.make([&](int n, int r, int q, int c) { return static_cast<double>(x.at(n, r, q, c)); });
  thread_pool pool(2);
  norm_run run(32, s.batch);
  run.forward(pool, x.read(), nullptr, nullptr, y.write());
  std::vector<double> mean, inv_std;
  for (int n = 0; n < s.batch; ++n)
    for (int group = 0; group < 32; ++group) {
      const auto [middle, inverse] = group_moments(exact, 32, n, group);
      mean.push_back(middle), inv_std.push_back(inverse);
    }
  check_near(run.mean, mean, 1e-7, "mean");
  check_near(run.inv_std, inv_std, 1e-6, "inv_std");
}

BOOST_AUTO_TEST_CASE(works_in_place) {
  const shape s{2, 5, 4, 20};
  random_stream random(7);
  host_tensor x(s, 2), dy(s, 2), y(s, 2), dx(s, 2);
  x.fill(random), dy.fill(random);
  thread_pool pool(2);
  norm_run run(4, s.batch);
  run.backward(pool, x.read(), nullptr, dy.read(), dx.write(), false, nullptr, nullptr);
  run.backward(pool, x.read(), nullptr, dy.read(), dy.write(), false, nullptr, nullptr);
  BOOST_TEST((dy.dense() == dx.dense()));
  run.forward(pool, x.read(), nullptr, nullptr, y.write());
  run.forward(pool, x.read(), nullptr, nullptr, x.write());
  BOOST_TEST((x.dense() == y.dense()));
}

BOOST_AUTO_TEST_CASE(groups_divide_the_channels) {
  thread_pool pool(1);
  const std::vector<float> x(10);
  std::vector<float> y(10);
  norm_run run(4, 1);
  for (const int groups : {4, 0, -1}) {
    run.g.groups = groups;
    BOOST_CHECK_EXCEPTION(
        run.forward(pool, cpu::dense(x.data(), {1, 1, 1, 10}), nullptr, nullptr, cpu::dense(y.data(), {1, 1, 1, 10})),
        error, [&](const error& e) {
          return std::string(e.what()) == str("group norm: 10 channels are not divisible into ", groups, " groups");
        });
  }
}

BOOST_AUTO_TEST_SUITE_END()
