// SPDX-License-Identifier: MIT
#include <odt/label/leases.hpp>

#include <boost/test/unit_test.hpp>

#include <thread>

using odt::labelling::annotator;
using odt::labelling::leases;
using namespace std::chrono_literals;

namespace {

const annotator anna{"1", "Anna"}, ben{"2", "Ben"};

}  // namespace

BOOST_AUTO_TEST_SUITE(lease_tests)

BOOST_AUTO_TEST_CASE(the_first_who_comes_holds_it) {
  leases all;
  BOOST_TEST(all.take(7, anna).holder.name == "Anna");
  BOOST_TEST(all.take(7, ben).holder.name == "Anna");
  BOOST_TEST(all.take(8, ben).holder.name == "Ben");
  BOOST_TEST(all.of_others(7, "2").value().holder.name == "Anna");
  BOOST_TEST(!all.of_others(7, "1"));
  BOOST_TEST(!all.of_others(9, "1"));
}

BOOST_AUTO_TEST_CASE(it_ends_when_it_is_let_go_taken_over_or_not_renewed) {
  leases all(40ms);
  all.take(1, anna);
  all.release(1, "2");  // not his
  BOOST_TEST(all.of_others(1, "2").has_value());
  all.release(1, "1");
  BOOST_TEST(!all.of_others(1, "2"));
  all.take(1, anna);
  BOOST_TEST(all.take(1, ben, true).holder.name == "Ben");
  std::this_thread::sleep_for(60ms);
  BOOST_TEST(!all.of_others(1, "1"));
  BOOST_TEST(all.take(1, anna).holder.name == "Anna");
}

BOOST_AUTO_TEST_SUITE_END()
