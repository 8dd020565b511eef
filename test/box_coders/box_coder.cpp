// SPDX-License-Identifier: MIT
// What the contract accepts, and its laws for every coder.
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/box_coders/mean_stddev.hpp>
#include <odt/box_coders/square.hpp>
#include <odt/core/random.hpp>

#include <box_coders/golden_coder.hpp>

#include <boost/mpl/list.hpp>

namespace {

struct conforming {
  static constexpr std::string_view name = "corner_box_coder";
  static constexpr int code_size = 2;
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  template <class T>
  constexpr std::array<T, 2> encode(const odt::box<T>& b, const odt::box<T>& anchor) const {
    return {b.ymin - anchor.ymin, b.xmin - anchor.xmin};
  }
  template <class T>
  constexpr odt::box<T> decode(const std::array<T, 2>& code, const odt::box<T>& a) const {
    return {a.ymin + code[0], a.xmin + code[1], a.ymax + code[0], a.xmax + code[1]};
  }
};

struct no_decode : conforming {
  template <class T>
  void decode(const std::array<T, 2>&, const odt::box<T>&) const = delete;
};

struct only_floats {
  static constexpr std::string_view name = "only_floats";
  static constexpr int code_size = 1;
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  std::array<float, 1> encode(const odt::boxf&, const odt::boxf&) const { return {}; }
  odt::boxf decode(const std::array<float, 1>&, const odt::boxf&) const { return {}; }
};

struct nameless {
  [[maybe_unused]] static constexpr int code_size = 4;
};

static_assert(odt::box_coder<conforming>);
static_assert(!odt::box_coder<no_decode>);
static_assert(!odt::box_coder<only_floats>);
static_assert(!odt::box_coder<nameless>);
static_assert(!odt::box_coder<int>);

using coders = boost::mpl::list<odt::faster_rcnn_box_coder, odt::mean_stddev_box_coder, odt::square_box_coder>;

odt::box<double> random_box(odt::random_stream& random, bool square) {
  const double y = random.uniform(), x = random.uniform(), h = random.uniform(0.01f, 1), w = random.uniform(0.01f, 1);
  return {y, x, y + h, x + (square ? h : w)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(box_coder_tests)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_box_survives_the_round_trip, coder, coders) {
  static_assert(odt::box_coder<coder>);
  odt::random_stream random(1);
  for (int i = 0; i < 1000; ++i) {
    const odt::box<double> anchor = random_box(random, false);
    const odt::box<double> b = random_box(random, coder::code_size < 4);
    const odt::box<double> back = coder{}.decode(coder{}.encode(b, anchor), anchor);
    const double error = std::max({std::abs(b.ymin - back.ymin), std::abs(b.xmin - back.xmin),
                                   std::abs(b.ymax - back.ymax), std::abs(b.xmax - back.xmax)});
    BOOST_REQUIRE_LT(error, 2e-6);  // the API's epsilon is not taken back by decode
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_anchor_itself_has_a_code_of_zeros, coder, coders) {
  const odt::boxf square{0.25f, 0.5f, 0.75f, 1.0f};
  for (const float value : coder{}.encode(square, square)) BOOST_TEST(std::abs(value) < 1e-5f);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_box_without_area_has_a_finite_code, coder, coders) {
  const odt::boxf point{0.5f, 0.5f, 0.5f, 0.5f}, anchor{0.25f, 0.5f, 0.75f, 1.0f};
  for (const float value : coder{}.encode(point, anchor)) BOOST_TEST(std::isfinite(value));
  for (const float value : coder{}.encode(anchor, point)) BOOST_TEST(std::isfinite(value));
}

BOOST_AUTO_TEST_SUITE_END()
