// SPDX-License-Identifier: MIT
// What the GPUs of several ranks add up, against the sums of ranks on CPUs.
#include <odt/core/random.hpp>
#include <odt/exec/cuda/ranks/rank_sums.hpp>
#include <odt/exec/pairwise_sum.hpp>

#include "exec/cuda/device.hpp"
#include "exec/cuda/gpu_ranks.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <cmath>
#include <cstring>
#include <mutex>

#if defined(ODT_CUDA_EMULATED)

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(cuda_rank_sums)

float number_of(int rank, std::size_t i) {
  return random_stream(7, static_cast<std::uint64_t>(rank), static_cast<std::uint64_t>(i)).uniform(-1, 1);
}

/// Fifty floats a bucket, where parts of some ranks are empty, and a thousand.
BOOST_DATA_TEST_CASE(gradients_are_summed_in_the_order_of_the_cpus,
                     data::make({1, 2, 3, 4, 5, 7, 8}) * data::make({50, 1000}), ranks, bucket) {
  constexpr std::size_t count = 1023, averages = 130;
  std::vector<float> wanted(count + averages);
  pairwise_sum<float> sum;
  for (int r = 0; r < ranks; ++r) {
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = number_of(r, i);
    if (r + 1 < ranks) sum.add(wanted);
  }
  sum.finish(wanted, 0, wanted.size());
  std::mutex mutex;
  run_gpu_ranks(ranks, [&](communicator& c) {
    std::vector<float> own(count), moved(averages, 1.0f);
    for (std::size_t i = 0; i < count; ++i) own[i] = number_of(c.rank(), i);
    const on_device<float> gradients(own), moving(moved);
    cuda::rank_sums sums(cuda::device_transport_of_program()(c), count, averages, static_cast<std::size_t>(bucket));
    const cuda::stream main;
    for (int step = 0; step < 2; ++step) {
      if (step == 1) cudaMemcpy(gradients.data(), own.data(), count * sizeof(float), cudaMemcpyHostToDevice);
      sums.begin();
      const double numbers[] = {1.0 + c.rank(), 0.25};
      cudaMemcpy(sums.numbers(), numbers, sizeof numbers, cudaMemcpyHostToDevice);
      const int piece = sums.start_numbers(main, 2);
      sums.keep(main, moving.data());
      std::vector<float> values = moving.host();
      for (std::size_t i = 0; i < averages; ++i) values[i] += number_of(c.rank(), count + i);
      cudaMemcpy(moving.data(), values.data(), averages * sizeof(float), cudaMemcpyHostToDevice);
      sums.start_moves(main, moving.data());
      sums.await(main, piece);
      for (const std::int64_t final : {0, 49, 120, 1001}) sums.finished(main, gradients.data(), final);
      sums.await_all(main, gradients.data());
      sums.finish_moves(main, moving.data());
      sums.wait(main, step);
    }
    const std::vector<float> found = gradients.host();
    const std::lock_guard lock(mutex);
    BOOST_TEST(std::memcmp(found.data(), wanted.data(), count * sizeof(float)) == 0);
    double all[2];
    cudaMemcpy(all, sums.numbers(), sizeof all, cudaMemcpyDeviceToHost);
    BOOST_TEST(all[0] == 0.5 * ranks * (ranks + 1));
    BOOST_TEST(all[1] == 0.25 * ranks);
    const std::vector<float> values = moving.host();
    for (std::size_t i = 0; i < averages; ++i)
      BOOST_TEST(std::abs(values[i] - (1 + 2 * wanted[count + i] / static_cast<float>(ranks))) < 1e-5f);
  });
}

BOOST_AUTO_TEST_CASE(a_rank_that_waits_says_how_far_its_gpu_is) {
  std::mutex mutex;
  run_gpu_ranks(2, [&](communicator& c) {
    const on_device<float> gradients(std::vector<float>(100));
    cuda::rank_sums sums(cuda::device_transport_of_program()(c), 100, 0, 30);
    const cuda::stream main;
    sums.begin();
    sums.await_all(main, gradients.data());
    device_thread_transport::done.clear();
    sums.wait(main, 12);
    const std::lock_guard lock(mutex);
    BOOST_TEST(device_thread_transport::done.at(0) == "in step 12, behind 4 of its 4 buckets");
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test

#endif
