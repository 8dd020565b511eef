// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/environment.hpp>
#include <odt/cloud/gcs_store.hpp>
#include <odt/cloud/object_file_system.hpp>
#include <odt/cloud/register.hpp>
#include <odt/cloud/s3_store.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>

#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

namespace odt::cloud {

namespace detail::registering {

/// What ODT_CLOUD_MEMORY_MB allows each store for parts of what is read.
ODT_INLINE range_cache_options cache_options() {
  constexpr std::uint64_t most = std::uint64_t{1} << 20;
  range_cache_options options;
  const std::string text = environment("ODT_CLOUD_MEMORY_MB");
  if (text.empty()) return options;
  std::uint64_t megabytes = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, wrong] = std::from_chars(text.data(), end, megabytes);
  if (wrong != std::errc{} || rest != end || megabytes < 1 || megabytes > most)
    fail("ODT_CLOUD_MEMORY_MB is \"", text, "\"; it takes a whole number of megabytes from 1 to ", most,
         ", and without it there are ", options.bytes >> 20);
  options.bytes = megabytes << 20;
  return options;
}

}  // namespace detail::registering

ODT_INLINE bool register_stores() {
  const auto cache = detail::registering::cache_options;
  register_file_system("s3", std::make_shared<object_file_system>(make_s3_store(), cache));
  register_file_system("gs", std::make_shared<object_file_system>(make_gcs_store(), cache));
  return true;
}

}  // namespace odt::cloud
