// SPDX-License-Identifier: MIT
// What the contract accepts, its laws, and both matchers against the API's.
#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/matchers/bipartite.hpp>

#include <golden.hpp>

#include <boost/mpl/list.hpp>

namespace {

struct conforming_column {
  static constexpr std::string_view name = "any_row_matcher";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  template <class T>
  constexpr T decide(const T&, const T& row) const {
    return row;
  }
  constexpr bool forces_rows() const { return false; }
};

struct conforming_image {
  static constexpr std::string_view name = "first_matcher";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  static constexpr std::size_t scratch(int) { return 0; }
  void match(odt::similarity_matrix, std::span<const std::uint8_t>, std::span<int> matches, std::span<int>) const {
    matches[0] = 0;
  }
};

struct decides_nothing : conforming_image {
  static constexpr std::string_view name = "decides_nothing";
  void match(odt::similarity_matrix) const {}
};

static_assert(odt::column_matcher<conforming_column> && odt::matcher<conforming_column>);
static_assert(odt::image_matcher<conforming_image> && odt::matcher<conforming_image>);
static_assert(!odt::matcher<decides_nothing> && !odt::matcher<int>);
static_assert(odt::column_matcher<odt::argmax_matcher> && odt::image_matcher<odt::bipartite_matcher>);

struct problem {
  std::vector<float> values;
  int rows, columns;
  std::vector<std::uint8_t> valid;

  template <odt::matcher M>
  std::vector<int> solve(const M& how) const {
    std::vector<int> matches(static_cast<std::size_t>(columns), -7);
    odt::match(how, {values.data(), rows, columns, columns}, valid, std::span(matches));
    return matches;
  }
};

problem read(const odt::test::golden_case& c) {
  const auto similarity = c.in("similarity");
  return {similarity.as<float>(), static_cast<int>(similarity.shape.at(0)), static_cast<int>(similarity.shape.at(1)),
          c.in("valid_rows").as<std::uint8_t>()};
}

odt::argmax_matcher::options argmax_options(const odt::test::json& p) {
  odt::argmax_matcher::options o;
  o.ignore_thresholds = p.at("matched_threshold").is_null();
  if (!o.ignore_thresholds) {
    o.matched_threshold = p.at("matched_threshold").get<float>();
    const auto& low = p.at("unmatched_threshold");
    o.unmatched_threshold = low.is_null() ? o.matched_threshold : low.get<float>();
  }
  o.negatives_lower_than_unmatched = p.at("negatives_lower_than_unmatched").get<bool>();
  o.force_match_for_each_row = p.at("force_match_for_each_row").get<bool>();
  o.use_matmul_gather = p.at("use_matmul_gather").get<bool>();
  return o;
}

problem random_problem(int rows, int columns, std::uint64_t seed) {
  odt::random_stream random(seed);
  problem p{{}, rows, columns, {}};
  for (int i = 0; i < rows * columns; ++i) p.values.push_back(random.uniform());
  for (int i = 0; i < rows; ++i) p.valid.push_back(random.uniform() < 0.7f);
  return p;
}

using matchers = boost::mpl::list<odt::argmax_matcher, odt::bipartite_matcher>;

}  // namespace

BOOST_AUTO_TEST_SUITE(matcher_tests)

BOOST_AUTO_TEST_CASE(argmax_is_the_api_s, *odt::test::needs(odt::test::golden() / "units/matchers/argmax")) {
  for (const auto& c : odt::test::golden_cases("matchers/argmax"))
    odt::test::check_close(read(c).solve(odt::argmax_matcher{argmax_options(c.params())}), c.out("match"), c);
}

BOOST_AUTO_TEST_CASE(bipartite_is_the_api_s, *odt::test::needs(odt::test::golden() / "units/matchers/bipartite")) {
  for (const auto& c : odt::test::golden_cases("matchers/bipartite"))
    odt::test::check_close(read(c).solve(odt::bipartite_matcher{}), c.out("match"), c);
}

BOOST_AUTO_TEST_CASE(argmax_has_three_answers_and_forces_rows) {
  const problem p{{.1f, .9f, .4f, .2f, .0f, .1f, .3f, .9f, .45f, .2f, .0f, .1f}, 2, 6, {1, 1}};
  const odt::argmax_matcher::options o{.matched_threshold = .5f, .unmatched_threshold = .3f};
  BOOST_TEST((p.solve(odt::argmax_matcher{o}) == std::vector{-2, 0, -2, -1, -1, -1}));
  auto other = o;
  other.negatives_lower_than_unmatched = false;
  BOOST_TEST((p.solve(odt::argmax_matcher{other}) == std::vector{-1, 0, -1, -2, -2, -2}));
  other = o;
  other.ignore_thresholds = true;
  BOOST_TEST((p.solve(odt::argmax_matcher{other}) == std::vector{1, 0, 1, 0, 0, 0}));
  other = o;
  other.force_match_for_each_row = true;
  // Row 0 takes column 1, where it is matched already; row 1 overlaps nothing and takes column 0.
  const problem apart{{.0f, .9f, .1f, .0f, .0f, .0f}, 2, 3, {1, 1}};
  BOOST_TEST((apart.solve(odt::argmax_matcher{other}) == std::vector{1, 0, -1}));
  // Both rows want column 1: the first one wins, unless it is not valid.
  problem rivals{{.0f, .2f, .0f, .0f, .9f, .1f}, 2, 3, {1, 1}};
  BOOST_TEST((rivals.solve(odt::argmax_matcher{other}) == std::vector{-1, 0, -1}));
  rivals.valid = {0, 1};
  BOOST_TEST((rivals.solve(odt::argmax_matcher{other}) == std::vector{-1, 1, -1}));
}

BOOST_AUTO_TEST_CASE(bipartite_takes_the_best_pair_first) {
  const problem p{{.5f, .9f, .8f, .6f, .95f, .1f}, 2, 3, {1, 1}};
  BOOST_TEST((p.solve(odt::bipartite_matcher{}) == std::vector{-1, 1, 0}));
}

BOOST_AUTO_TEST_CASE(contradicting_thresholds_are_refused) {
  using odt::argmax_matcher;
  BOOST_CHECK_THROW(argmax_matcher::check({.matched_threshold = .3f, .unmatched_threshold = .5f}), odt::error);
  BOOST_CHECK_THROW(argmax_matcher::check({.negatives_lower_than_unmatched = false}), odt::error);
  BOOST_CHECK_NO_THROW(argmax_matcher::check({}));
}

BOOST_AUTO_TEST_CASE(argmax_decides_alike_for_numbers_and_vectors) {
  for (const bool lower : {true, false})
    for (int i = 0; i <= 20; ++i) {
      const odt::argmax_matcher m{
          {.matched_threshold = .6f, .unmatched_threshold = .3f, .negatives_lower_than_unmatched = lower}};
      const float s = 0.05f * static_cast<float>(i);
      float values[odt::cpu::lanes];
      odt::cpu::store(values, m.decide(odt::cpu::vec(s), odt::cpu::vec(4.f)));
      for (const float value : values) BOOST_TEST(value == m.decide(s, 4.f));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_match_is_a_row_or_none, matcher, matchers) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const problem p = random_problem(static_cast<int>(seed % 7), 11, seed);
    const auto matches = p.solve(matcher{});
    BOOST_REQUIRE_EQUAL(matches.size(), 11u);
    for (const int m : matches) BOOST_REQUIRE(m >= odt::ignored && m < p.rows);
    BOOST_REQUIRE(matches == p.solve(matcher{}));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_rows_everything_is_unmatched, matcher, matchers) {
  for (const int m : random_problem(0, 5, 1).solve(matcher{})) BOOST_TEST(m == odt::unmatched);
}

BOOST_AUTO_TEST_CASE(forced_rows_get_a_column_and_bipartite_rows_one_only) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    problem p = random_problem(5, 40, seed);
    p.valid.assign(5, 1);
    const auto pairs = p.solve(odt::bipartite_matcher{});
    for (int row = 0; row < p.rows; ++row) BOOST_REQUIRE_EQUAL(std::ranges::count(pairs, row), 1);
    const auto forced = p.solve(odt::argmax_matcher{{.matched_threshold = 2, .force_match_for_each_row = true}});
    for (int column = 0; column < p.columns; ++column) {
      const int row = forced[static_cast<std::size_t>(column)];
      if (row < 0) continue;
      for (int other = 0; other < p.columns; ++other)
        BOOST_REQUIRE_LE(p.values[static_cast<std::size_t>(row * p.columns + other)],
                         p.values[static_cast<std::size_t>(row * p.columns + column)]);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
