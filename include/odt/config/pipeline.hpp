// SPDX-License-Identifier: MIT
// A pipeline.config: read, overridden, looked at as settings, written back.
#pragma once

#include <odt/core/settings.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// One pipeline.config. Every member that fails leaves it as it was.
class pipeline {
 public:
  /// Reads a file. Syntax errors, unknown fields and values that do not fit are errors with line and column.
  static pipeline load(const std::string& path);

  /// Reads a text; `name` stands for the file in places and messages.
  static pipeline parse(std::string_view text, std::string_view name = "pipeline.config");

  pipeline(pipeline&&) noexcept;
  pipeline& operator=(pipeline&&) noexcept;
  ~pipeline();

  /// All fields of the schema: those of the file, and the others with their defaults.
  const settings& root() const;

  /// The file, as given to load() or parse().
  const std::string& name() const;

  /// Merges another text into it (the API's config_override).
  void merge(std::string_view text, std::string_view name = "config_override");

  /// Applies "key=value,key=value" for people (hparams.hpp, override_field); an unknown key is an error.
  void apply_hparams(std::string_view overrides);

  /// Applies one override as the API does; false when there is no such key.
  bool apply_hparam(std::string_view key, const std::vector<std::string>& values);

  /// The set fields in protobuf's text format, as they are saved beside a model.
  std::string text() const;

 private:
  struct impl;
  explicit pipeline(std::unique_ptr<impl> state);
  std::unique_ptr<impl> state_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/config/pipeline.ipp>
#endif
