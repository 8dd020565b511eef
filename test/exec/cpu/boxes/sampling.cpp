// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/boxes/sampling.hpp>

#include <golden.hpp>

#include <algorithm>
#include <set>

namespace {

namespace cpu = odt::cpu;

struct candidates {
  std::vector<odt::candidate> kinds;

  std::vector<int> sample(const odt::balanced_sampler& how, const odt::sampling_key& key) const {
    cpu::sampling_workspace space;
    const auto taken = cpu::sample(
        how, key, static_cast<int>(kinds.size()), [this](int i) { return kinds[static_cast<std::size_t>(i)]; }, space);
    return {taken.begin(), taken.end()};
  }
  std::ptrdiff_t count(const std::vector<int>& taken, odt::candidate kind) const {
    return std::ranges::count_if(taken, [&](int i) { return kinds[static_cast<std::size_t>(i)] == kind; });
  }
};

candidates every_third_positive(int count) {
  candidates c;
  for (int i = 0; i < count; ++i) c.kinds.push_back(i % 3 == 0 ? odt::candidate::positive : odt::candidate::negative);
  return c;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sampling_tests)

BOOST_AUTO_TEST_CASE(counts_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/losses/balanced_sampler")) {
  for (const auto& c : odt::test::golden_cases("losses/balanced_sampler")) {
    const auto indicator = c.in("indicator"), labels = c.in("labels");
    candidates all;
    for (std::size_t i = 0; i < indicator.size(); ++i)
      all.kinds.push_back(indicator[i] == 0 ? odt::candidate::none
                          : labels[i] != 0  ? odt::candidate::positive
                                            : odt::candidate::negative);
    odt::balanced_sampler how;
    how.size = c.params().at("batch_size").is_null() ? 0 : c.params().at("batch_size").get<int>();
    how.positive_fraction = c.params().at("positive_fraction");
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto taken = all.sample(how, {seed, 7, odt::first_stage_sampling});
      const std::vector<double> counts{static_cast<double>(taken.size()),
                                       static_cast<double>(all.count(taken, odt::candidate::positive)),
                                       static_cast<double>(all.count(taken, odt::candidate::negative))};
      BOOST_TEST_CONTEXT(c.name()) {
        BOOST_TEST(counts[0] == c.out("num_sampled")[0]);
        BOOST_TEST(counts[1] == c.out("num_positive")[0]);
        BOOST_TEST(counts[2] == c.out("num_negative")[0]);
        BOOST_TEST(all.count(taken, odt::candidate::none) == 0);
      }
      if (!c.has_out("sampled")) continue;
      std::vector<int> chosen(all.kinds.size());
      for (const int i : taken) chosen[static_cast<std::size_t>(i)] = 1;
      odt::test::check_close(chosen, c.out("sampled"), c, "sampled");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_key_gives_one_sample_and_another_key_another) {
  const candidates all = every_third_positive(500);
  const odt::balanced_sampler how{64, 0.25f};
  const auto first = all.sample(how, {1, 2, 3});
  BOOST_TEST(first == all.sample(how, {1, 2, 3}));
  BOOST_TEST(first != all.sample(how, {2, 2, 3}));
  BOOST_TEST(first != all.sample(how, {1, 3, 3}));
  BOOST_TEST(first != all.sample(how, {1, 2, 4}));
  BOOST_TEST(std::ranges::is_sorted(first));
  BOOST_TEST(std::set<int>(first.begin(), first.end()).size() == 64);
}

BOOST_AUTO_TEST_CASE(all_candidates_are_equally_likely) {
  const candidates all = every_third_positive(60);
  const odt::balanced_sampler how{12, 0.5f};
  std::vector<int> times(60);
  constexpr int runs = 20000;
  for (std::uint64_t i = 0; i < runs; ++i)
    for (const int taken : all.sample(how, {5, i, 0})) ++times[static_cast<std::size_t>(taken)];
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double expected = runs * 6.0 / (i % 3 == 0 ? 20 : 40);
    BOOST_TEST(std::abs(times[i] - expected) < 5 * std::sqrt(expected));
  }
}

BOOST_AUTO_TEST_CASE(the_lowest_indices_can_be_asked_for) {
  const candidates all = every_third_positive(30);
  BOOST_TEST(all.sample({6, 0.5f, true}, {1, 2, 3}) == (std::vector{0, 1, 2, 3, 4, 6}));
  BOOST_TEST(all.sample({40, 0.125f, true}, {1, 2, 3}).size() == 5 + 20);
}

BOOST_AUTO_TEST_SUITE_END()
