// SPDX-License-Identifier: MIT
// From records to batches: threads read, decode, augment and resize straight into the batches that a train step or an
// evaluation takes. Sample k of a run is a function of the seed and k alone, so the number of threads changes nothing
// and a run goes on from any sample.
#pragma once

#include <odt/augmentation.hpp>
#include <odt/core/batch.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/dataset/bad_example.hpp>
#include <odt/image_resizer.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/label_map.hpp>
#include <odt/io/mask.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace odt {

class record_set;

/// Which batches of a set that several loaders deal out among them are one loader's: of each `all` in a row, `count`
/// from the number `first` on.
struct batch_share {
  int first = 0, count = 1, all = 1;
};

struct loader_options {
  std::vector<std::string> input_path;        ///< record files or patterns
  std::shared_ptr<const record_set> records;  ///< the same, where they are open already
  label_map classes;                          ///< empty: the records' labels count
  image_resizer resizer;
  pixel_transform transform;         ///< the feature extractor's
  augmentation_chain augmentations;  ///< training only
  int batch_size = 1;                ///< above 1 only for resizers of constant size
  batch_share share;                 ///< of the batches; the samples before first_sample are those of all
  int max_boxes = 100;               ///< of an image; more are reported, then the first ones are taken
  bool shuffle = true;               ///< training only
  int num_epochs = 0;                ///< 0: for ever; the last, incomplete batch is dropped
  int sample_1_of_n_examples = 1;    ///< uses records 0, n, 2n, ...
  bool evaluation = false;           ///< one pass in the order of the records; see below
  std::uint64_t max_examples = 0;    ///< evaluation: at most that many; 0: all
  bool originals = true;             ///< evaluation: fills batch::originals
  std::optional<mask_type> masks;    ///< the records hold masks so, and batch::masks is filled; none: they are not read
  bool raw = false;                  ///< training: fills batch::raws instead of images; a device makes these
  bad_example on_bad_example = bad_example::fail;
  std::uint64_t seed = 0;
  std::uint64_t first_sample = 0;  ///< where a run goes on: the samples seen before
  int threads = 1;                 ///< 0: as many as the machine has
  int prefetch = 2;                ///< batches made ahead
  int niceness = 10;               ///< of the threads, above the program's: a train step's threads come first
  decode_options decoding;
};

/// Makes batches. In training a bad example that is skipped is replaced by the next one of its epoch; of a JPEG only
/// what the augmentations leave is decoded, and damage elsewhere in it does not count. In evaluation it
/// is left out; groundtruth (and originals) are filled, boxes are those of the record, and the last batch may hold
/// fewer images: `size` says how many are real, the buffers stay those of batch_size images, zeros behind them.
class loader {
 public:
  /// Opens and indexes the files and starts the threads. Options that contradict each other, patterns that match
  /// nothing and files without examples are errors.
  explicit loader(loader_options options);
  ~loader();
  loader(const loader&) = delete;
  loader& operator=(const loader&) = delete;

  /// Exchanges `out` for the next batch, whose buffers are thereby used again; false when there are no more. An error
  /// of a bad example, met in the order of the samples, is thrown here and names file, record and byte.
  bool next(batch& out);

  /// Examples of an epoch.
  std::uint64_t size() const;

  /// Of the records' files and how they are drawn on.
  std::uint64_t fingerprint() const;

  /// Of the records' bytes and how they are drawn on; resuming with another one is not the same run.
  std::uint64_t contents() const;

  /// Seconds that `next` has waited for data in all.
  double waited() const;

  /// One message for every record skipped so far.
  std::vector<std::string> skipped() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/loader.ipp>
#endif
