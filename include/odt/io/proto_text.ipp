// SPDX-License-Identifier: MIT
// For the other .ipp files of this room: syntax errors of protobuf's text format.
#pragma once

#include <odt/core/text.hpp>

#include <google/protobuf/io/tokenizer.h>

#include <string>

namespace odt::detail::proto_text {

/// Keeps the first error with its line and column.
class first_error : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) text = str(line + 1, ":", column + 1, ": ", message);
  }
  void AddWarning(int, int, const std::string&) override {}

  std::string text;
};

}  // namespace odt::detail::proto_text
