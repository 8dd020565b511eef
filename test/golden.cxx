// SPDX-License-Identifier: MIT
#include <golden.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace odt::test {
namespace {

fs::path folder(const char* variable, const char* beside_sources) {
  const char* given = std::getenv(variable);
  return given ? fs::path(given) : fs::path(ODT_SOURCE_DIR) / ".." / "shared" / beside_sources;
}

void flatten(const json& value, std::vector<double>& out) {
  if (value.is_array())
    for (const json& element : value) flatten(element, out);
  else if (value.is_string())
    out.push_back(std::nan(""));
  else if (value.is_boolean())
    out.push_back(value.get<bool>() ? 1 : 0);
  else
    out.push_back(value.get<double>());
}

}  // namespace

fs::path golden() { return folder("ODT_GOLDEN", "golden"); }
fs::path data() { return folder("ODT_DATA", "data"); }

boost::unit_test::precondition needs(const fs::path& path) {
  return boost::unit_test::precondition([path](boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result result(fs::exists(path));
    if (!result) result.message() << "SKIPPED: there is no " << path.string();
    return result;
  });
}

array load_npy(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const std::size_t header_size =
      static_cast<std::uint8_t>(bytes.at(8)) + 256u * static_cast<std::uint8_t>(bytes.at(9));
  const std::string header = bytes.substr(10, header_size);
  const auto after = [&header](const std::string& key) { return header.substr(header.find(key) + key.size()); };
  const std::string type = after("'descr': '").substr(0, 3);
  array result;
  std::string shape = after("'shape': (");
  shape = shape.substr(0, shape.find(')'));
  std::size_t count = 1;
  for (std::size_t at = 0; at < shape.size();) {
    if (shape[at] < '0' || shape[at] > '9') {
      ++at;
      continue;
    }
    std::size_t used = 0;
    result.shape.push_back(std::stoll(shape.substr(at), &used));
    count *= static_cast<std::size_t>(result.shape.back());
    at += used;
  }
  const char* data = bytes.data() + 10 + header_size;
  const auto read = [&]<class T>(T) {
    for (std::size_t i = 0; i < count; ++i) {
      T value;
      std::memcpy(&value, data + i * sizeof(T), sizeof(T));
      result.values.push_back(static_cast<double>(value));
    }
  };
  if (type == "<f4")
    read(float{});
  else if (type == "<f8")
    read(double{});
  else if (type == "<i4")
    read(std::int32_t{});
  else if (type == "<i8")
    read(std::int64_t{});
  else if (type == "|u1" || type == "|b1")
    read(std::uint8_t{});
  else
    throw std::runtime_error(path.string() + ": unknown type " + type);
  return result;
}

json load_json(const fs::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  return json::parse(file);
}

const json& golden_case::params() const { return content["params"]; }
bool golden_case::has_in(const std::string& name) const { return content["inputs"].contains(name); }
bool golden_case::has_out(const std::string& name) const { return content["outputs"].contains(name); }
array golden_case::in(const std::string& name) const { return to_array(content["inputs"].at(name)); }
array golden_case::out(const std::string& name) const { return to_array(content["outputs"].at(name)); }
double golden_case::rtol() const { return content["tolerance"].value("rtol", 1e-5); }
double golden_case::atol() const { return content["tolerance"].value("atol", 0.0); }
std::string golden_case::name() const { return path.string() + " (" + content["what"].get<std::string>() + ")"; }

array golden_case::to_array(const json& value) const {
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    if (text == "NaN") return {{}, {std::nan("")}};
    return load_npy(path.parent_path() / text);
  }
  array result;
  for (const json* level = &value; level->is_array(); level = &(*level)[0]) {
    result.shape.push_back(static_cast<std::int64_t>(level->size()));
    if (level->empty()) break;
  }
  flatten(value, result.values);
  return result;
}

std::vector<golden_case> golden_cases(const std::string& folder) {
  std::vector<golden_case> cases;
  for (const auto& entry : fs::directory_iterator(golden() / "units" / folder))
    if (entry.path().extension() == ".json" && entry.path().filename().string().starts_with("case_"))
      cases.push_back({entry.path(), load_json(entry.path())});
  std::ranges::sort(cases, {}, &golden_case::path);
  BOOST_REQUIRE_MESSAGE(!cases.empty(), "no cases in " << folder);
  return cases;
}

void check_close(std::span<const double> actual, const array& expected, double rtol, double atol,
                 const std::string& what) {
  BOOST_REQUIRE_MESSAGE(actual.size() == expected.size(),
                        what << ": " << actual.size() << " values, expected " << expected.size());
  std::size_t misses = 0, first = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = actual[i], b = expected[i];
    const bool equal = (std::isnan(a) && std::isnan(b)) || a == b || std::abs(a - b) <= atol + rtol * std::abs(b);
    if (!equal && misses++ == 0) first = i;
  }
  BOOST_CHECK_MESSAGE(misses == 0, what << ": " << misses << " of " << actual.size() << " differ, first [" << first
                                        << "]: " << (misses ? actual[first] : 0.0) << ", expected "
                                        << (misses ? expected[first] : 0.0));
}

}  // namespace odt::test
