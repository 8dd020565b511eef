// SPDX-License-Identifier: MIT
#include <odt/train/lookahead.hpp>

#include <boost/test/unit_test.hpp>

#include <stdexcept>

namespace {

/// Batches 0, 1, ... up to `end`, where it ends or fails.
struct numbered {
  std::uint64_t end = 0;
  bool fails = false;
  std::uint64_t made = 0;

  bool operator()(odt::batch& b) {
    if (made == end && fails) throw std::runtime_error("a bad record");
    b.first_sample = made;
    return made++ < end;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lookahead_tests)

BOOST_AUTO_TEST_CASE(every_batch_is_next_before_it_is_current_and_does_not_move) {
  odt::lookahead data(numbered{4});
  const odt::batch* announced = nullptr;
  for (std::uint64_t i = 0; i < 4; ++i) {
    BOOST_REQUIRE(data.advance());
    BOOST_TEST(data.current()[0].first_sample == i);
    if (announced) BOOST_TEST(announced == data.current().data());
    announced = data.next().empty() ? nullptr : data.next().data();
    BOOST_REQUIRE_EQUAL(announced != nullptr, i < 3);
    if (announced) BOOST_TEST(announced->first_sample == i + 1);
  }
  BOOST_TEST(!data.advance());
  BOOST_TEST(!data.advance());
}

BOOST_AUTO_TEST_CASE(groups_are_as_large_as_a_step_and_an_incomplete_one_is_left_out) {
  odt::lookahead data(numbered{5}, 2);
  for (std::uint64_t i = 0; i < 2; ++i) {
    BOOST_REQUIRE(data.advance());
    BOOST_TEST_REQUIRE(data.current().size() == 2u);
    BOOST_TEST(data.current()[0].first_sample == 2 * i);
    BOOST_TEST(data.current()[1].first_sample == 2 * i + 1);
  }
  BOOST_TEST(!data.advance());
}

BOOST_AUTO_TEST_CASE(groups_of_several_steps_end_with_the_stream_or_before_its_error) {
  for (const bool fails : {false, true}) {
    odt::lookahead data(numbered{9, fails}, 2, 3);
    BOOST_REQUIRE(data.advance());
    BOOST_TEST(data.current().size() == 6u);
    BOOST_TEST(data.next().size() == 2u);  // the ninth has no second
    BOOST_TEST(!data.failed());
    BOOST_REQUIRE(data.advance());
    BOOST_TEST(data.current()[1].first_sample == 7u);
    BOOST_TEST(data.next().empty());
    BOOST_TEST(data.failed() == fails);
    BOOST_TEST(data.ended() != fails);
  }
}

BOOST_AUTO_TEST_CASE(an_empty_stream_ends_at_once) {
  odt::lookahead data(numbered{});
  BOOST_TEST(!data.ended());  // as far as is known
  data.begin();
  BOOST_TEST(data.ended());
  BOOST_TEST(!data.failed());
  BOOST_TEST(!data.advance());
  BOOST_TEST(data.next().empty());
}

BOOST_AUTO_TEST_CASE(an_error_waits_for_the_turn_of_its_batch) {
  odt::lookahead data(numbered{2, true});
  BOOST_TEST(data.advance());
  BOOST_TEST(!data.failed());
  BOOST_TEST(data.advance());
  BOOST_TEST(data.current()[0].first_sample == 1u);
  BOOST_TEST(data.next().empty());
  BOOST_TEST(data.failed());
  BOOST_TEST(!data.ended());
  BOOST_CHECK_THROW(data.advance(), std::runtime_error);
  BOOST_CHECK_THROW(data.advance(), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
