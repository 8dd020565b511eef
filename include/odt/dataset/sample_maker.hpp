// SPDX-License-Identifier: MIT
// From one record to one place of a batch.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/dataset/record_set.hpp>

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

/// What is said about records, each thing once in a run. Shared by all threads.
class example_reports {
 public:
  /// Warns about a record unless that was done before.
  void problem(std::uint64_t record, std::string_view message);

  /// Warns about, and lists, a record that is skipped.
  void skip(std::uint64_t record, std::string_view message);

  std::vector<std::string> skipped() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::uint64_t> problems_;
  std::set<std::pair<std::uint64_t, std::string>> skipped_;  ///< by record
};

/// Makes samples with buffers of its own: one for each thread.
class sample_maker {
 public:
  sample_maker(const loader_options& options, const record_set& records, example_reports& reports)
      : options_(options), records_(records), reports_(reports) {}

  /// Fills place `i` of the batch with sample `sample` of the run. False, in evaluation only, when its record is
  /// skipped. Throws odt::error.
  bool make(std::uint64_t sample, batch& out, int i);

 private:
  void make_from(std::uint64_t record, std::uint64_t sample, batch& out, int i);
  /// Follows the steps and resizes.
  void finish(float* out);
  /// Keeps what the steps' crops leave of the decoded picture, if that takes less than the image.
  void keep_raw(raw_image& out, size2 outer);
  void write_boxes(const labels& truth, size2 inner, size2 outer, batch& out, int i) const;
  void write_masks(const labels& truth, size2 original, batch& out, int i) const;

  const loader_options& options_;
  const record_set& records_;
  example_reports& reports_;
  image_decoder decoder_;
  image decoded_;
  picture pixels_;
  recipe steps_;
  resize_scratch scratch_;
};

/// Examples of an epoch: every n-th record.
std::uint64_t epoch_size(const loader_options& options, const record_set& records);

/// The record that is drawn for a sample, `retries` places further in its epoch.
std::uint64_t record_of(std::uint64_t sample, std::uint64_t retries, std::uint64_t epoch_size,
                        const loader_options& options);

/// Gives the batch buffers for `images` images of that size.
void shape(batch& b, int images, size2 size, const loader_options& options);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/sample_maker.ipp>
#endif
