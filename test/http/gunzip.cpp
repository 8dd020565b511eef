// SPDX-License-Identifier: MIT
#include <odt/http/gunzip.hpp>
#include <odt/http/message.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

using odt::http::gunzipped;

namespace {

// echo -n 'hello hello hello' | gzip -n
const std::string hello(
    "\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\0\x80\x88\xf9\xe5\x11\0\0\0", 28);

auto with_status(int status) {
  return [status](const odt::http::refusal& e) { return e.status() == status; };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gunzip_tests)

BOOST_AUTO_TEST_CASE(whole) {
  BOOST_TEST(gunzipped(hello, 100) == "hello hello hello");
  BOOST_TEST(gunzipped(hello, 17) == "hello hello hello");
}

BOOST_AUTO_TEST_CASE(too_much) { BOOST_CHECK_EXCEPTION(gunzipped(hello, 16), odt::http::refusal, with_status(413)); }

BOOST_AUTO_TEST_CASE(no_gzip) {
  BOOST_CHECK_EXCEPTION(gunzipped("{}", 100), odt::http::refusal, with_status(400));
  for (std::size_t size = 0; size < hello.size(); ++size)
    BOOST_CHECK_EXCEPTION(gunzipped(hello.substr(0, size), 100), odt::http::refusal, with_status(400));
  BOOST_CHECK_EXCEPTION(gunzipped(hello + "x", 100), odt::http::refusal, with_status(400));
}

BOOST_AUTO_TEST_SUITE_END()
