// SPDX-License-Identifier: MIT
// Sums over the ranks, as a train step makes them, with nothing beside: what a network gives. Checks a sum first.
//   mpirun -n 4 --hostfile hosts bench_reduction --megabytes 1 10 100
#include "timing.hpp"

#include <odt/core/error.hpp>
#include <odt/distributed/world.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

namespace {

struct arguments {
  std::vector<double> megabytes{0.004, 4, 40};
  int repetitions = 15;
};

/// Every rank gives its number and one: the sum is known.
void check(odt::communicator& ranks, std::vector<float>& values) {
  std::ranges::fill(values, static_cast<float>(ranks.rank() + 1));
  ranks.finished(values);
  ranks.wait();
  const int sum = ranks.ranks() * (ranks.ranks() + 1) / 2;
  const float wanted = static_cast<float>(sum);
  for (const float v : values)
    if (v != wanted) odt::fail("a sum over ", ranks.ranks(), " ranks is ", v, ", not ", wanted);
}

/// Median milliseconds, of repetitions that all ranks begin together.
double median(odt::communicator& ranks, int repetitions, const std::function<void()>& job) {
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    ranks.gather({});
    seconds.push_back(odt::bench::seconds(job));
  }
  std::ranges::sort(seconds);
  return 1e3 * seconds[seconds.size() / 2];
}

void measure(odt::communicator& ranks, const arguments& a) {
  const double gather = median(ranks, a.repetitions, [&] { ranks.gather("12345678"); });
  if (ranks.rank() == 0) std::printf("%d ranks: numbers are gathered in %.3f ms\n", ranks.ranks(), gather);
  for (const double megabytes : a.megabytes) {
    std::vector<float> values(std::max<std::size_t>(static_cast<std::size_t>(megabytes * 1e6 / 4), 1));
    check(ranks, values);
    const double sum = median(ranks, a.repetitions, [&] {
      ranks.finished(values);
      ranks.wait();
    });
    const double others = static_cast<double>(ranks.ranks() - 1) / ranks.ranks();
    if (ranks.rank() == 0)
      std::printf("%g MB are summed in %.3f ms: each rank sends %.2f Gb/s\n", megabytes, sum,
                  2 * others * megabytes * 8e-3 / (sum * 1e-3));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  arguments a;
  CLI::App app{"Times sums over the ranks that mpirun starts."};
  app.add_option("--megabytes", a.megabytes, "of what is summed")->check(CLI::PositiveNumber);
  app.add_option("--repetitions", a.repetitions)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const std::unique_ptr<odt::world> world = odt::join_world({});
  if (!world) odt::fail("there is one rank; start it by mpirun -n 2");
  measure(world->ranks(), a);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_reduction: %s\n", e.what());
  return 1;
}
