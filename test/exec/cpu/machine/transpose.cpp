// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/machine/transpose.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <vector>

namespace cpu = odt::cpu;

BOOST_AUTO_TEST_SUITE(transpose_tests)

BOOST_AUTO_TEST_CASE(rows_become_columns_and_come_back) {
  for (const int columns : {1, 4, cpu::lanes - 1, cpu::lanes, cpu::lanes + 1, 91}) {
    const auto size = static_cast<std::size_t>(columns * cpu::lanes);
    std::vector<float> rows(size), back(size + 1, -1);
    for (std::size_t i = 0; i < size; ++i) rows[i] = static_cast<float>(i);
    cpu::aligned_vector<float> tile(static_cast<std::size_t>(cpu::padded(columns)) * cpu::lanes);
    cpu::rows_to_columns([&](int i) { return rows.data() + i * columns; }, columns, tile.data());
    for (int c = 0; c < columns; ++c)
      for (int i = 0; i < cpu::lanes; ++i)
        BOOST_TEST(tile[static_cast<std::size_t>(c * cpu::lanes + i)] == static_cast<float>(i * columns + c));

    const int some = cpu::lanes - 1;
    cpu::columns_to_rows(tile.data(), columns, some, [&](int i) { return back.data() + i * columns; });
    for (std::size_t i = 0; i < back.size(); ++i)
      BOOST_TEST(back[i] == (i < static_cast<std::size_t>(some * columns) ? rows[i] : -1));
  }
}

BOOST_AUTO_TEST_SUITE_END()
