// SPDX-License-Identifier: MIT
// What the contract accepts, its laws, and every similarity against the API's.
#include <odt/core/random.hpp>
#include <odt/similarities/ioa.hpp>
#include <odt/similarities/iou.hpp>
#include <odt/similarities/neg_sq_dist.hpp>
#include <odt/similarities/thresholded_iou.hpp>

#include <box_coders/golden_coder.hpp>

#include <boost/mpl/list.hpp>

namespace {

struct conforming {
  static constexpr std::string_view name = "same_corner_similarity";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  template <class T>
  constexpr T compare(const odt::box<T>& a, const odt::box<T>& b) const {
    return odt::select(a.ymin == b.ymin, T(1), T(0));
  }
};

struct answers_bool {
  static constexpr std::string_view name = "answers_bool";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  template <class T>
  constexpr bool compare(const odt::box<T>& a, const odt::box<T>& b) const {
    return a == b;
  }
};

static_assert(odt::similarity<conforming>);
static_assert(!odt::similarity<answers_bool>);
static_assert(!odt::similarity<int>);

using similarities = boost::mpl::list<odt::iou_similarity, odt::ioa_similarity, odt::neg_sq_dist_similarity,
                                      odt::thresholded_iou_similarity>;

template <class Compare>
void check_pairs(const odt::test::golden_case& c, Compare&& compare) {
  const auto rows = odt::test::to_boxes(c.in("boxes1")), columns = odt::test::to_boxes(c.in("boxes2"));
  std::vector<float> numbers, vectors;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (const odt::boxf& column : columns) {
      numbers.push_back(compare(rows[i], column, i));
      vectors.push_back(odt::test::first(compare(odt::test::broadcast(rows[i]), odt::test::broadcast(column), i)));
    }
  odt::test::check_close(numbers, c.out("similarity"), c);
  BOOST_TEST(std::equal(numbers.begin(), numbers.end(), vectors.begin(), vectors.end(),
                        [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }));
}

template <class Similarity>
void check_folder(const std::string& folder) {
  for (const auto& c : odt::test::golden_cases(folder))
    check_pairs(c, [](const auto& row, const auto& column, std::size_t) { return Similarity{}.compare(row, column); });
}

odt::boxf random_box(odt::random_stream& random) {
  const float y = random.uniform(), x = random.uniform();
  return {y, x, y + random.uniform(0.01f, 1), x + random.uniform(0.01f, 1)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(similarity_tests)

BOOST_AUTO_TEST_CASE(iou_is_the_api_s, *odt::test::needs(odt::test::golden() / "units/similarities/iou")) {
  check_folder<odt::iou_similarity>("similarities/iou");
}

BOOST_AUTO_TEST_CASE(ioa_is_the_api_s, *odt::test::needs(odt::test::golden() / "units/similarities/ioa")) {
  check_folder<odt::ioa_similarity>("similarities/ioa");
}

BOOST_AUTO_TEST_CASE(neg_sq_dist_is_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/similarities/neg_sq_dist")) {
  check_folder<odt::neg_sq_dist_similarity>("similarities/neg_sq_dist");
}

BOOST_AUTO_TEST_CASE(thresholded_iou_is_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/similarities/thresholded_iou")) {
  for (const auto& c : odt::test::golden_cases("similarities/thresholded_iou")) {
    const odt::thresholded_iou_similarity s{{.iou_threshold = c.params().at("iou_threshold").get<float>()}};
    const std::vector<float> scores = c.in("scores1").as<float>();
    check_pairs(c, [&]<class T>(const odt::box<T>& row, const odt::box<T>& column, std::size_t i) {
      return s.compare(row, column, T(scores[i]));
    });
  }
}

BOOST_AUTO_TEST_CASE(two_known_boxes_share_a_seventh) {
  constexpr odt::boxf a{0, 0, 2, 2}, b{1, 1, 3, 3};
  static_assert(odt::iou_similarity{}.compare(a, b) == 1.0f / 7.0f);
  static_assert(odt::ioa_similarity{}.compare(a, b) == 0.25f);
  static_assert(odt::neg_sq_dist_similarity{}.compare(a, b) == -4.0f);
  BOOST_TEST(odt::iou_similarity{}.compare(a, odt::boxf{2, 2, 3, 3}) == 0);
  BOOST_TEST(odt::iou_similarity{}.compare(odt::boxf{1, 1, 1, 1}, odt::boxf{1, 1, 1, 1}) == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nothing_is_more_alike_than_the_box_itself, similarity, similarities) {
  static_assert(odt::similarity<similarity>);
  odt::random_stream random(2);
  for (int i = 0; i < 1000; ++i) {
    const odt::boxf a = random_box(random), b = random_box(random);
    const float other = similarity{}.compare(a, b);
    BOOST_REQUIRE(std::isfinite(other));
    BOOST_REQUIRE_LE(other, similarity{}.compare(b, b) + 1e-6f);
  }
}

BOOST_AUTO_TEST_SUITE_END()
