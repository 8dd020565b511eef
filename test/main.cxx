// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE odt
#include <boost/test/unit_test.hpp>
