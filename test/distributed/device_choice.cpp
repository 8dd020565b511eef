// SPDX-License-Identifier: MIT
#include <odt/core/error.hpp>
#include <odt/distributed/device_choice.hpp>

#include <scratch.hpp>

#include <boost/test/unit_test.hpp>

#include <vector>

using odt::test::check_error;

BOOST_AUTO_TEST_SUITE(device_choice_tests)

BOOST_AUTO_TEST_CASE(ranks_of_a_machine_take_its_devices_in_order) {
  const std::vector<std::string> hosts{"a", "b", "a", "b", "b"};
  std::vector<int> chosen;
  for (int rank = 0; rank < 5; ++rank) chosen.push_back(odt::device_of(rank, hosts, 4));
  BOOST_TEST((chosen == std::vector{0, 0, 1, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_rank_that_sees_one_device_takes_it) {
  const std::vector<std::string> hosts{"a", "a", "a"};
  for (int rank = 0; rank < 3; ++rank) BOOST_TEST(odt::device_of(rank, hosts, 1) == 0);
}

BOOST_AUTO_TEST_CASE(more_ranks_than_devices_are_refused) {
  const std::vector<std::string> hosts{"a", "b", "b", "b"};
  check_error([&] { odt::device_of(3, hosts, 2); },
              {"rank 3 is number 3 of the 3 ranks on b", "sees 2 GPUs", "--device cpu"});
}

BOOST_AUTO_TEST_CASE(two_ranks_with_one_device_are_refused) {
  odt::require_own_devices(std::vector<std::string>{"0000:3b:00.0 of a", "0000:3c:00.0 of a", "0000:3b:00.0 of b"});
  const std::vector<std::string> shared{"0000:3b:00.0 of a", "0000:3c:00.0 of a", "0000:3b:00.0 of a"};
  check_error([&] { odt::require_own_devices(shared); }, {"ranks 0 and 2", "0000:3b:00.0 of a"});
}

BOOST_AUTO_TEST_SUITE_END()
