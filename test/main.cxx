// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE odt
#include <boost/test/unit_test.hpp>

/// fontconfig hangs the parts of its sets of characters on offsets, which the leak sanitizer does not follow.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig.so"; }
