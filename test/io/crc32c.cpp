// SPDX-License-Identifier: MIT
#include <odt/io/crc32c.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

BOOST_AUTO_TEST_SUITE(crc32c_tests)

BOOST_AUTO_TEST_CASE(published_values) {  // RFC 3720, B.4
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i), falling += static_cast<char>(31 - i);
  for (const auto& crc : {odt::crc32c, odt::crc32c_by_table}) {
    BOOST_CHECK_EQUAL(crc(std::string(32, '\0'), 0), 0x8a9136aau);
    BOOST_CHECK_EQUAL(crc(std::string(32, '\xff'), 0), 0x62a8ab43u);
    BOOST_CHECK_EQUAL(crc(rising, 0), 0x46dd794eu);
    BOOST_CHECK_EQUAL(crc(falling, 0), 0x113fdb5cu);
    BOOST_CHECK_EQUAL(crc("123456789", 0), 0xe3069283u);
    BOOST_CHECK_EQUAL(crc("", 0), 0u);
  }
}

BOOST_AUTO_TEST_CASE(instruction_and_tables_agree_at_every_length_and_alignment) {
  std::string bytes;
  for (unsigned i = 0; i < 100; ++i) bytes += static_cast<char>(i * 151 + 7);
  for (std::size_t start = 0; start < 9; ++start)
    for (std::size_t length = 0; length < 80; ++length) {
      const std::string_view piece = std::string_view(bytes).substr(start, length);
      BOOST_REQUIRE_EQUAL(odt::crc32c(piece), odt::crc32c_by_table(piece));
    }
}

BOOST_AUTO_TEST_CASE(a_checksum_goes_on_where_another_stopped) {
  BOOST_CHECK_EQUAL(odt::crc32c("world", odt::crc32c("hello ")), odt::crc32c("hello world"));
  BOOST_CHECK_EQUAL(odt::crc32c_by_table("world", odt::crc32c_by_table("hello ")), odt::crc32c("hello world"));
}

BOOST_AUTO_TEST_CASE(masking_is_undone_by_unmasking) {
  const std::uint32_t crc = odt::crc32c("foo");
  BOOST_CHECK_NE(odt::mask_crc(crc), crc);
  BOOST_CHECK_EQUAL(odt::unmask_crc(odt::mask_crc(crc)), crc);
  // An 8-byte length of 24 and its checksum, as in the first record of every event file.
  BOOST_CHECK_EQUAL(odt::masked_crc32c(std::string("\x18\0\0\0\0\0\0\0", 8)), 0x224b7fa3u);
}

BOOST_AUTO_TEST_SUITE_END()
