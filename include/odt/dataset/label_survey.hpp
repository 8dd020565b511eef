// SPDX-License-Identifier: MIT
// What the labels of a data set are worth, told before any picture of it is decoded.
#pragma once

#include <odt/dataset/loader.hpp>
#include <odt/dataset/record_set.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace odt {

/// Counts over the examples of an epoch.
struct label_survey {
  std::uint64_t images = 0;
  std::uint64_t unusable_images = 0;  ///< no tf.Example, or with objects of which none can be used
  std::uint64_t objects = 0;
  std::uint64_t usable_objects = 0;
  std::uint64_t unsized_images = 0;  ///< of unknown height and width
  size2 largest_input{};             ///< that with the most pixels of what the resizer makes of the others
  std::string first_unusable_image;  ///< with its place and what is wrong
  std::string first_problem;         ///< of any object
};

/// Looks at all labels. `progress` is told now and then how many examples are done; it may be empty.
label_survey survey_labels(const record_set& records, const loader_options& options,
                           const std::function<void(std::uint64_t)>& progress = {});

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/label_survey.ipp>
#endif
