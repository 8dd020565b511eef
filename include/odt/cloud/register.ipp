// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/gcs_store.hpp>
#include <odt/cloud/object_file_system.hpp>
#include <odt/cloud/register.hpp>
#include <odt/cloud/s3_store.hpp>
#include <odt/core/target.hpp>

#include <memory>

namespace odt::cloud {

ODT_INLINE bool register_stores() {
  register_file_system("s3", std::make_shared<object_file_system>(make_s3_store()));
  register_file_system("gs", std::make_shared<object_file_system>(make_gcs_store()));
  return true;
}

}  // namespace odt::cloud
