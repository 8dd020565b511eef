// SPDX-License-Identifier: MIT
// For the other .ipp files of this room: syntax errors of protobuf's text format.
#pragma once

#include <odt/core/text.hpp>

#include <google/protobuf/io/tokenizer.h>

#include <string>
#include <string_view>

namespace odt::detail::proto_text {

/// Keeps the first error with its line and column.
class first_error : public google::protobuf::io::ErrorCollector {
 public:
#if GOOGLE_PROTOBUF_VERSION >= 4022000
  void RecordError(int line, int column, absl::string_view message) override {
#else
  void AddError(int line, int column, const std::string& message) override {
#endif
    if (text.empty()) text = str(line + 1, ":", column + 1, ": ", std::string_view(message));
  }

  std::string text;
};

}  // namespace odt::detail::proto_text
