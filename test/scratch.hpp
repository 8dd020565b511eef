// SPDX-License-Identifier: MIT
// A directory of a test's own, and a check of what an error says.
#pragma once

#include <odt/core/error.hpp>

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace odt::test {

/// An empty directory that goes with this object.
class scratch_directory {
 public:
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "odt-test-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()));
    path_ = name;
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  std::string path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// Number of files and directories in it.
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

/// For BOOST_CHECK_EXCEPTION: whether an error holds that text.
inline auto says(std::string text) {
  return [text = std::move(text)](const error& e) {
    const bool found = std::string_view(e.what()).find(text) != std::string_view::npos;
    if (!found) BOOST_TEST_MESSAGE('"' << text << "\" is not in: " << e.what());
    return found;
  };
}

/// Runs `act`, which must throw an odt::error that holds all of `pieces`.
template <class Act>
void check_error(Act&& act, std::initializer_list<std::string_view> pieces) {
  try {
    act();
    BOOST_ERROR("no error");
  } catch (const error& e) {
    const std::string_view message = e.what();
    for (const std::string_view piece : pieces)
      BOOST_CHECK_MESSAGE(message.find(piece) != std::string_view::npos, "\"" << piece << "\" is not in: " << message);
  }
}

}  // namespace odt::test
