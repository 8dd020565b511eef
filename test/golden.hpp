// SPDX-License-Identifier: MIT
// Reads the fixtures that hold the TensorFlow Object Detection API's own outputs. They lie in $ODT_GOLDEN (default:
// ../shared/golden beside the sources); where they are absent, the tests that need them are skipped, by name.
#pragma once

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace odt::test {

namespace fs = std::filesystem;
using json = nlohmann::json;

fs::path golden();
fs::path data();

/// A Boost.Test decorator: BOOST_AUTO_TEST_CASE(name, *odt::test::needs(odt::test::golden() / "units/matchers")).
boost::unit_test::precondition needs(const fs::path& path);

/// A tensor of a fixture, whatever its stored type, in double.
struct array {
  std::vector<std::int64_t> shape;
  std::vector<double> values;

  std::size_t size() const { return values.size(); }
  double operator[](std::size_t i) const { return values[i]; }

  /// The values converted: as<float>(), as<int>(), as<std::uint8_t>().
  template <class T>
  std::vector<T> as() const {
    return std::vector<T>(values.begin(), values.end());
  }
};

array load_npy(const fs::path& path);

json load_json(const fs::path& path);

/// One case: a JSON file and the arrays beside it.
struct golden_case {
  fs::path path;
  json content;

  const json& params() const;
  bool has_in(const std::string& name) const;
  bool has_out(const std::string& name) const;
  array in(const std::string& name) const;
  array out(const std::string& name) const;
  double rtol() const;
  double atol() const;
  std::string name() const;

  /// A file's name, a number, or nested lists of numbers.
  array to_array(const json& value) const;
};

/// All cases below units/<folder>, in order.
std::vector<golden_case> golden_cases(const std::string& folder);

/// |a - b| <= atol + rtol*|b| for all elements (NaN equals NaN); reports the first and the number of misses.
void check_close(std::span<const double> actual, const array& expected, double rtol, double atol,
                 const std::string& what);

template <class T>
void check_close(std::span<const T> actual, const array& expected, double rtol, double atol, const std::string& what) {
  const std::vector<double> values(actual.begin(), actual.end());
  check_close(std::span<const double>(values), expected, rtol, atol, what);
}

template <class T>
void check_close(const std::vector<T>& actual, const array& expected, const golden_case& c,
                 const std::string& what = "") {
  check_close(std::span<const T>(actual), expected, c.rtol(), c.atol(), c.name() + " " + what);
}

}  // namespace odt::test
